# SPDX-License-Identifier: MIT
"""One command line for two programs that run in folders of their own."""

import os
from collections.abc import Sequence

from nbsim.options import Option, find_option

#: Environment variable that names the C program.
C_BIN = "NB_C_BIN"
#: Options whose word is a file that is read, so that it must be found from anywhere.
INPUTS = {"hkl", "mat", "img", "mask", "sourcefile", "stol", "4stol", "Q", "dump"}


def absolute_inputs(words: Sequence[str]) -> list[str]:
    """Make the names of input files independent of the working folder."""
    result = list(words)
    for i, option in _file_words(words):
        if option.name in INPUTS:
            result[i] = os.path.abspath(words[i])
    return result


def own_outputs(words: Sequence[str]) -> list[str]:
    """Keep output files in the working folder, where only one program finds them."""
    result = list(words)
    for i, option in _file_words(words):
        if option.group == "Output" or option.name == "trace_file":
            result[i] = os.path.basename(words[i]) or words[i]
    return result


def _file_words(words: Sequence[str]) -> list[tuple[int, Option]]:
    """Return the places of words that are a file's name, and their options."""
    places = []
    for i, word in enumerate(words[:-1]):
        option = _option(word)
        if option is not None and option.arguments:
            first = option.arguments[0]
            if first.kind == "text" and not first.choices:
                places.append((i + 1, option))
    return places


def _option(word: str) -> Option | None:
    return find_option(word[1:]) if word.startswith("-") else None
