# SPDX-License-Identifier: MIT
"""What a row of the option table says.

Names and spellings follow the option loop of nanoBragg.c (J. Holton). It accepts every
word that contains an option's name, so ``-matrix`` is ``-mat``; here a word belongs to
the option that it spells exactly, or else to the one with the longest prefix of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ..model.limits import BOUNDS, Bounds

if TYPE_CHECKING:
    from .collector import Collector

NUMBER = re.compile(
    r"[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf(inity)?|nan)", re.ASCII | re.IGNORECASE
)
LARGEST_INT = 2**31 - 1  # C's int, which atoi fills

#: Model and field that an option sets.
Target = tuple[str, str]


class OptionError(ValueError):
    """A command line that cannot be read; the message says what is allowed."""


# Every command makes all rows anew, and importing `dataclasses` takes longer than that.
class Argument(NamedTuple):
    """One word that follows an option.

    Parameters
    ----------
    metavar
        Name in the help text.
    what
        Name in error messages, such as "the pixel size".
    bounds
        What a number may be; None for a text.
    choices
        The only words allowed for a text, all of them if empty.
    noun
        What a text without choices is, such as "a file name".
    offers
        What a shell offers for it besides choices: words, "*" with the ending of
        files, "/" for folders.
    keyword
        (part of a word, value): a word that contains the part stands for this and all
        later arguments of the option, and gives the value.
    """

    metavar: str
    what: str
    bounds: Bounds | None = None
    choices: tuple[str, ...] = ()
    noun: str = "a file name"
    offers: tuple[str, ...] = ()
    keyword: tuple[str, str] | None = None

    @property
    def kind(self) -> str:
        """ "float", "int" or "text"."""
        if self.bounds is None:
            return "text"
        return "int" if self.bounds.whole else "float"

    @property
    def unit(self) -> str:
        """Unit of a number, in words."""
        return self.bounds.unit if self.bounds else ""

    def allowed(self) -> str:
        """Say in words which values are allowed."""
        if self.bounds is None:
            return " or ".join(self.choices) or self.noun
        words = self.bounds.in_words()
        return f"{words}, or {self.keyword[1]}" if self.keyword else words

    def read(self, spelling: str, word: str) -> int | float | str:
        """Return the value of `word`, which followed the option `spelling`.

        Raises
        ------
        OptionError
            If `word` is not a value of this argument.
        """
        value = self._text(word) if self.bounds is None else self._number(word)
        if value is None:
            raise OptionError(
                f"{spelling} {shown(word)}: {self.what} must be {self.allowed()}"
            )
        if isinstance(value, int) and abs(value) > LARGEST_INT:
            raise OptionError(
                f"{spelling} {shown(word)}: {self.what} must not be larger than "
                f"{LARGEST_INT} in size"
            )
        return value

    def _text(self, word: str) -> str | None:
        if not word or (self.choices and word not in self.choices):
            return None
        return word

    def _number(self, word: str) -> int | float | None:
        assert self.bounds is not None
        if not NUMBER.fullmatch(word):
            return None
        value = float(word)
        if math.isnan(value) or not self.bounds.admit(value):
            return None
        return int(value) if self.bounds.whole else value


class Option(NamedTuple):
    """One option of the command line.

    Parameters
    ----------
    name
        Canonical name without the dash: the name of its events.
    group
        Heading in the help text.
    help
        What it does, in sentences.
    arguments
        The words that follow it.
    sets
        Where its value goes: (model, field), or several of them. One argument gives
        the value, several a tuple. Models are those of `Simulation`, "simulation"
        itself, "output" (fields of `Output`) and "files" (names of input files).
    value
        What an option without arguments sets.
    also
        (model, field, value) that it sets besides.
    does
        Called with the collector and the values instead, or after that: for what is
        not simply a field.
    writes
        For an image file: which pixels (see `outputs.PIXELS`), and the name of the
        format that is written; see `registry.chosen_format`.
    action
        Whether the program asks for it before models are built: it sets nothing.
    unused
        Why it changes nothing, for an option that the C program reads and never uses.
    instead
        For the options that nanoBragg's examples show and nanoBragg ignores: what to
        use. They are read as "ignored" events.
    needs
        Names of options (or of fields that a header gives) without any of which this
        one changes nothing.
    overruled_by
        Names of options beside which this one changes nothing.
    idle
        Says why this one changes nothing on a line, "" where it does: for what `needs`
        and `overruled_by` cannot say.
    default
        Default in words, for the help text.
    aliases
        Other exact spellings, without the dash.
    prefixes
        Beginnings of longer spellings; None stands for all exact spellings.
    least
        How many of `arguments` must be there; None stands for all.
    python
        What stands for it in Python; "" for the field that it sets.
    c, c_note
        Variable of nanoBragg.c, "" where it has no such option, and what the program
        does with it where that is not the same as here.
    """

    name: str
    group: str
    help: str
    arguments: tuple[Argument, ...] = ()
    sets: Target | tuple[Target, ...] = ()
    value: Any = None
    also: tuple[tuple[str, str, Any], ...] = ()
    does: Callable[..., None] | None = None
    writes: tuple[str, str] | None = None
    action: bool = False
    unused: str = ""
    instead: str = ""
    needs: tuple[str, ...] = ()
    overruled_by: tuple[str, ...] = ()
    idle: Callable[[Collector], str] | None = None
    default: str = ""
    aliases: tuple[str, ...] = ()
    prefixes: tuple[str, ...] | None = None
    least: int | None = None
    python: str = ""
    c: str = ""
    c_note: str = ""

    @property
    def targets(self) -> tuple[Target, ...]:
        """All (model, field) that it sets."""
        if self.sets and isinstance(self.sets[0], str):
            return (self.sets,)  # type: ignore[return-value]
        return self.sets  # type: ignore[return-value]

    @property
    def spellings(self) -> tuple[str, ...]:
        """All exact spellings, without the dash, the canonical one first."""
        return (self.name, *self.aliases)

    @property
    def beginnings(self) -> tuple[str, ...]:
        """The prefixes that longer spellings of this option have."""
        return self.spellings if self.prefixes is None else self.prefixes

    @property
    def required(self) -> int:
        """The number of arguments that must be there."""
        return len(self.arguments) if self.least is None else self.least

    @property
    def units(self) -> str:
        """The units of all arguments, each named once."""
        return ", ".join(dict.fromkeys(a.unit for a in self.arguments if a.unit))

    @property
    def metavar(self) -> str:
        """The arguments as the help text shows them, optional ones in brackets."""
        words = [argument.metavar for argument in self.arguments]
        must, may = words[: self.required], words[self.required :]
        text = " ".join(must + [f"[{word}" for word in may]) + "]" * len(may)
        keywords = [a.keyword[1] for a in self.arguments if a.keyword]
        return " | ".join([text, *keywords])

    @property
    def full_help(self) -> str:
        """The help sentences, then unit and default."""
        notes = []
        if self.units:
            notes.append(f"unit: {self.units}")
        if self.default:
            notes.append(f"default: {self.default}")
        return f"{self.help} [{'; '.join(notes)}]" if notes else self.help

    def taken(self, values: tuple) -> Any:
        """Return what its targets are set to."""
        if not self.arguments:
            return self.value
        return values[0] if len(self.arguments) == 1 else values


def option(name: str, help: str, *arguments: Argument, **says: Any) -> Option:
    """Return a row; `group` gives it its heading.

    A number without bounds of its own has those of the model's field that it sets.
    """
    row = Option(name, "", help, **says)

    def bounded(argument: Argument) -> Argument:
        if argument.bounds is not OF_THE_MODEL:
            return argument
        model, field = row.targets[0]
        return argument._replace(bounds=BOUNDS[model][field])

    return row._replace(arguments=tuple(map(bounded, arguments)))


def group(title: str, *rows: Option) -> tuple[Option, ...]:
    """Return rows under one heading."""
    return tuple(row._replace(group=title) for row in rows)


#: Stands for the bounds of the field that an option sets.
OF_THE_MODEL = Bounds(unit="of the model")


def number(
    metavar: str, what: str, bounds: Bounds = OF_THE_MODEL, **more: Any
) -> Argument:
    """Return an argument that is a number."""
    return Argument(metavar, what, bounds, **more)


def file(what: str, *endings: str) -> Argument:
    """Return an argument that is a file's name, often with one of these endings."""
    offers = tuple(f"*{ending}" for ending in endings) or ("*",)
    return Argument("FILE", what, offers=offers)


def choice(what: str, *choices: str) -> Argument:
    """Return an argument that is one of some words."""
    return Argument("|".join(choices), what, choices=choices)


def vector(what: str, unit: str = "") -> tuple[Argument, Argument, Argument]:
    """Return the arguments of a vector."""
    x, y, z = (Argument(axis, f"{axis} of {what}", Bounds(unit=unit)) for axis in "XYZ")
    return x, y, z


def shown(word: str) -> str:
    """Return `word` as it can be shown inside a sentence."""
    return word if word and word.isprintable() and " " not in word else repr(word)
