# SPDX-License-Identifier: MIT
"""Read the words of a command line into events.

argparse does not do this: nanoBragg command lines need options that are recognised by
the beginning of their name, values such as ``-1e-5``, and the order in which options
were given.
"""

import os
import re
from collections.abc import Sequence

from .groups import OPTIONS
from .schema import NUMBER, Argument, Option, OptionError, shown


class Spellings:
    """The options of one program by what they may be written as.

    Parameters
    ----------
    program
        Its name, for messages.
    options
        Its rows.
    bare
        Name of the option that a word by itself belongs to; "": there is none.
    """

    def __init__(self, program: str, options: Sequence[Option], bare: str = "") -> None:
        self.bare = bare
        self.program = program
        self.options = options
        self.exact = {word: row for row in options for word in row.spellings}
        self.beginnings = {start: row for row in options for start in row.beginnings}


NBSIM = Spellings("nbsim", OPTIONS)
EXACT, BEGINNINGS = NBSIM.exact, NBSIM.beginnings


def find_option(name: str, table: Spellings = NBSIM) -> Option | None:
    """Return the option that `name` (without dashes) spells, or None.

    An exact spelling goes before a prefix and a long prefix before a short one, so
    that ``misset_seed`` is never ``misset`` (nanoBragg.c takes it for both).
    """
    if name in table.exact:
        return table.exact[name]
    if not re.fullmatch(r"\w+", name, re.ASCII):
        return None
    starts = [start for start in table.beginnings if name.startswith(start)]
    return table.beginnings[max(starts, key=len)] if starts else None


def parse(argv: Sequence[str], table: Spellings = NBSIM) -> list[tuple[str, tuple]]:
    """Read a command line.

    Parameters
    ----------
    argv
        The words after the name of the program.
    table
        Its options.

    Returns
    -------
    list of (name, values)
        One event per option in the order of the line: the canonical name without
        dash, and its int, float or str values in command-line units, () for a flag.
        ``misset`` has three numbers or ("random",), ``cell`` one to six numbers. An
        option that nanoBragg ignores gives ("ignored", (spelling, what to use)).
        With -h or -version anywhere, that event alone. With -lenient anywhere, each
        word that nanoBragg does not understand gives ("skipped", (word,)).

    Raises
    ------
    OptionError
        If a word is no option, or an option's arguments are missing or wrong.
    """
    for word in argv:
        option = _option_of(word, table)
        if option is not None and option.name in ("help", "version"):
            return [(option.name, ())]
    events = []
    rest = list(argv)
    before = ""
    lenient = _is_lenient(argv, table)
    while rest:
        spelling = rest.pop(0)
        option = _option_of(spelling, table)
        if option is None and table.bare and _is_value(spelling):
            events.append((table.bare, (spelling,)))
            continue
        if option is None and not lenient:
            raise OptionError(_stray(spelling, before, table))
        if option is None:
            events.append(("skipped", (spelling,)))
            continue
        if lenient and _is_no_choice(option, rest):
            events += [("skipped", (spelling,)), ("skipped", (rest.pop(0),))]
            continue
        values = _read_arguments(option, spelling, rest, table)
        if option.instead:
            events.append(("ignored", (spelling, option.instead)))
        else:
            events.append((option.name, values))
        before = spelling
    return events


def _is_lenient(argv: Sequence[str], table: Spellings) -> bool:
    if os.environ.get("NBSIM_LENIENT", "0") not in ("", "0"):
        return True
    options = (_option_of(word, table) for word in argv)
    return any(option is not None and option.name == "lenient" for option in options)


def _is_no_choice(option: Option, rest: Sequence[str]) -> bool:
    """Whether the next word is none of those that the option knows."""
    choices = option.arguments[0].choices if option.arguments else ()
    return bool(choices and rest and _is_value(rest[0]) and rest[0] not in choices)


def _option_of(word: str, table: Spellings) -> Option | None:
    """Return the option that a word of the command line names (-name or --name)."""
    match = re.fullmatch(r"--?([^-].*)", word)
    return (
        find_option(match[1], table) if match and not NUMBER.fullmatch(word) else None
    )


def _is_value(word: str) -> bool:
    """Whether `word` can be the argument of an option: -1 can, -pixel cannot."""
    return not word.startswith("-") or bool(NUMBER.fullmatch(word))


def _read_arguments(
    option: Option, spelling: str, rest: list[str], table: Spellings
) -> tuple:
    """Return the values of `option` and take their words off the front of `rest`."""
    values = []
    for number, argument in enumerate(option.arguments):
        if not rest or not _is_value(rest[0]):
            if number < option.required:
                raise OptionError(_missing(argument, spelling, rest, table))
            break
        word = rest.pop(0)
        if argument.keyword and argument.keyword[0] in word:
            return (argument.keyword[1],)
        values.append(argument.read(spelling, word))
    return tuple(values)


def _missing(
    argument: Argument, spelling: str, rest: Sequence[str], table: Spellings
) -> str:
    """Say which argument is missing, and before which word."""
    allowed = argument.allowed()
    sentence = f"{spelling}: {argument.what} is missing; it must be {allowed}"
    if not rest:
        return sentence
    sentence += f", and the next word is {shown(rest[0])}"
    if (
        argument.kind == "text"
        and not argument.choices
        and not _option_of(rest[0], table)
    ):
        sentence += f" (write ./{rest[0]} if that is the name)"
    return sentence


def _stray(word: str, before: str, table: Spellings) -> str:
    """Say why `word`, which follows the option `before`, cannot be there."""
    if not word.startswith("-") and word in table.exact:
        return f"unexpected word {shown(word)}; did you mean -{word}?"
    if _is_value(word) or not word.strip("-"):
        place = f"after {before} and its arguments" if before else "at the start"
        return f"unexpected word {shown(word)} {place}: it belongs to no option"
    name, equals, value = word.partition("=")
    if equals and _option_of(name, table):
        return f"unknown option {shown(word)}; write {name} {value} as two words"
    return f"unknown option {shown(word)}; {_suggestion(word, table)}"


def _suggestion(word: str, table: Spellings) -> str:
    """Name the option that looks most like `word`, if one does."""
    known = {
        spelling.lower(): spelling
        for option in table.options
        for spelling in option.spellings
        if not option.instead
    }
    import difflib  # 3 ms that only a mistake costs

    near = difflib.get_close_matches(word.strip("-").lower(), known, n=1)
    return (
        f"did you mean -{known[near[0]]}?"
        if near
        else f"{table.program} -h lists all options"
    )
