# SPDX-License-Identifier: MIT
"""Hypothesis strategies over the option table and over the bytes of input files."""

import math
import string

from hypothesis import strategies as st

from nbsim.options import OPTIONS, Argument, Option
from nbsim.tools.fuzz.inputs import INPUTS, START

#: Options that answer, or write where they please, instead of reading the line.
LEFT_OUT = {"help", "version", "warm_cache", "show_devices", "example", "show_config"}
COUNTS = (0, 1, 2, 3)
NUMBERS = ("0", "1", "-1", "0.5", "3", "90", "1e-5", "1e5", "-1e-5")
EXTREMES = (
    *("inf", "-inf", "nan", "1e308", "-1e308", "1e-308", "5e-324", "1e300", "1e-300"),
    *("2147483647", "2147483648", "-2147483648", "1e9", "1e22", "", "x", "0x10", "1,5"),
)
WORDS = st.text(string.ascii_letters + string.digits + "-_./=é\n\0", max_size=8)


def _near(argument: Argument) -> list[str]:
    """Return numbers at the bounds of an argument, inside and outside."""
    bounds = argument.bounds
    if bounds is None:
        return []
    ends = [bounds.low, bounds.high, bounds.above, bounds.below]
    around = [x for end in ends if math.isfinite(end) for x in (end, 1.01 * end, -end)]
    return [f"{x:g}" for x in around]


def values(argument: Argument, option: Option, wild: bool) -> st.SearchStrategy[str]:
    """Return words for one argument.

    Parameters
    ----------
    wild
        Also what no argument can be, and counts that no run can have.
    """
    if argument.kind == "text":
        words = list(argument.choices)
        if ("files", option.name) in option.targets:
            words = [i.name for i in INPUTS if i.option == option.name] or ["none"]
        elif not words:
            words = ["out.bin", "out.img", "out.tif", "out.png", "/dev/null", "random"]
        tame = st.sampled_from(words)
        extra = st.one_of(WORDS, st.sampled_from(["none/there", ".", "/dev/full"]))
    elif argument.kind == "int":
        tame = st.sampled_from([str(n) for n in COUNTS])
        extra = st.sampled_from([*_near(argument), *EXTREMES, *NUMBERS])
    else:
        tame = st.one_of(
            st.sampled_from(NUMBERS), st.floats(1e-3, 1e3).map(lambda x: f"{x:g}")
        )
        extra = st.sampled_from([*_near(argument), *EXTREMES])
    return st.one_of(*[tame] * 7, extra) if wild else tame


@st.composite
def options(draw, wild: bool) -> list[str]:
    """Return one option with its arguments."""
    option = draw(st.sampled_from([o for o in OPTIONS if o.name not in LEFT_OUT]))
    spelling = draw(st.sampled_from(option.spellings))
    count = len(option.arguments)
    if wild:
        usual = st.integers(option.required, count)
        odd = st.integers(max(0, option.required - 1), count + 1)
        count = draw(st.one_of(*[usual] * 7, odd))
    elif option.arguments:
        count = draw(st.integers(option.required, count))
    words = [f"-{spelling}"]
    for argument in (*option.arguments, *option.arguments[-1:])[:count]:
        words.append(draw(values(argument, option, wild)))
    return words


@st.composite
def command_lines(draw, wild: bool) -> tuple[str, ...]:
    """Return the words of a command line.

    Parameters
    ----------
    wild
        With extreme values and wrong words: to be understood, or refused. Otherwise
        with values that can be rendered in an instant, or refused.
    """
    chosen = draw(st.lists(options(wild), min_size=1, max_size=7))
    words = [*START, *(word for option in chosen for word in option)]
    if wild and draw(st.integers(0, 9)) == 0:
        words.insert(draw(st.integers(0, len(words))), draw(WORDS))
    return tuple(words)


@st.composite
def damaged(draw, content: bytes) -> bytes:
    """Return bytes of a file after a plausible accident."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["cut", "flip", "noise", "text", "double", "zero"]))
        at = draw(st.integers(0, max(0, len(data) - 1)))
        if kind == "cut":
            del data[at:]
        elif kind == "flip" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "noise":
            data[at : at + 8] = draw(st.binary(max_size=16))
        elif kind == "text":
            word = draw(st.sampled_from([*EXTREMES, *NUMBERS, "-", ";", "\n", "é"]))
            data[at:at] = word.encode()
        elif kind == "double":
            data[at:at] = data[at : at + draw(st.integers(1, 64))]
        else:
            data[at : at + 4] = bytes(len(data[at : at + 4]))
    return bytes(data)
