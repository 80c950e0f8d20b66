# SPDX-License-Identifier: MIT
"""What a shell offers while somebody types a command, for every command.

Made from the option tables and the parsers, and written into files, so that completing
costs the programs nothing. `shells` writes the files.
"""

import argparse
import importlib
from collections.abc import Iterator
from dataclasses import dataclass

from nbsim.formats.registry import image_formats
from nbsim.options.programs import background, noise
from nbsim.options.reader import NBSIM, Spellings
from nbsim.options.schema import Argument, Option
from nbsim.tools import named_configs
from nbsim.tools.docs.man_pages import COMMANDS

#: Programs whose words are tables of options; the others have parsers.
TABLES = {
    "nbsim": NBSIM,
    "nbsim-background": background.TABLE_OF_OPTIONS,
    "nbsim-noise": noise.TABLE_OF_OPTIONS,
}
#: Programs that take the words of nbsim after "--".
PASSING = ("nbsim-trace", "nbsim-per-phi", "nbsim-compare", "nbsim-golden add")
#: An argument about which nothing can be offered.
NOTHING = "-"
#: This argument, and those after it, may be missing.
OPTIONAL = "?"
#: After a word with this mark an option has no more arguments.
LAST = "!"
#: What the parsers call files and folders.
METAVARS = {"FILE": "*", "LOG": "*.log", "PATH": "*", "SUMMARY": "*", "FOLDER/LOG": "*"}
FOLDERS = ("DIR", "FOLDER")


@dataclass(frozen=True)
class Word:
    """An option as a shell knows it.

    Attributes
    ----------
    spellings
        All of them, with their dashes.
    help
        A line for a menu.
    takes
        For each of its arguments what is offered: words, ``*`` and the ending of
        files, ``/`` for folders, and the marks above, with spaces between them.
    """

    spellings: tuple[str, ...]
    help: str
    takes: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """What may be written after a command.

    Attributes
    ----------
    name
        The command, and its sub-command if it has some.
    words
        The options.
    bare
        What is offered where no option is, as in `Word.takes`.
    any_dashes
        Whether an option may be written with one dash or two.
    goes_to
        Words by themselves after which another table holds, and its name.
    """

    name: str
    words: tuple[Word, ...]
    bare: str = NOTHING
    any_dashes: bool = False
    goes_to: tuple[tuple[str, str], ...] = ()


def tables() -> list[Table]:
    """Return the tables of all commands."""
    found = []
    for command, (module, _) in COMMANDS.items():
        if command in TABLES:
            found.append(_of_options(command, TABLES[command]))
        else:
            parser = importlib.import_module(module).build_parser()
            found += _of_parser(command, parser)
    return found


def _of_options(command: str, spellings: Spellings) -> Table:
    rows = [row for row in spellings.options if not row.instead]
    words = tuple(
        Word(tuple(f"-{name}" for name in row.spellings), _line(row.help), _takes(row))
        for row in rows
    )
    bare = _takes(spellings.exact[spellings.bare]) if spellings.bare else (NOTHING,)
    return Table(command, words, bare[0], any_dashes=True)


def _line(help: str) -> str:
    """Return the first sentence: a line of a shell's menu is short."""
    return help.split(". ")[0].split(": ")[0].rstrip(".").replace("%%", "%")


def _takes(row: Option) -> tuple[str, ...]:
    marks = [""] * row.required + [f"{OPTIONAL} "] * len(row.arguments)
    return tuple(
        mark + _offers(argument, row) for mark, argument in zip(marks, row.arguments)
    )


def _offers(argument: Argument, row: Option) -> str:
    """Return what is offered for an argument of an option."""
    if argument.keyword:
        return argument.keyword[1] + LAST
    if row.writes:
        usual = image_formats()[row.writes[1]]
        others = image_formats().values() if usual.gives_way else ()
        suffixes = dict.fromkeys(usual.suffixes)
        suffixes |= dict.fromkeys(end for other in others for end in other.suffixes)
        return " ".join(f"*{suffix}" for suffix in suffixes)
    return " ".join(argument.choices or argument.offers) or NOTHING


def _of_parser(name: str, parser: argparse.ArgumentParser) -> Iterator[Table]:
    """Yield the table of a parser, and those of its sub-commands."""
    words, bare, goes_to = [], [], []
    if name in PASSING:
        goes_to.append(("--", "nbsim"))
    below: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            below = {f"{name} {word}": sub for word, sub in action.choices.items()}
            goes_to += [(word, f"{name} {word}") for word in action.choices]
            bare += list(action.choices)
        elif action.option_strings:
            text = _line((action.help or "").replace("%(default)s", "..."))
            words.append(Word(tuple(action.option_strings), text, _taken_by(action)))
        else:
            bare += _taken_by(action)
    offered = " ".join(dict.fromkeys(word for word in bare if word != NOTHING))
    yield Table(name, tuple(words), offered or NOTHING, goes_to=tuple(goes_to))
    for sub, its_parser in below.items():
        yield from _of_parser(sub, its_parser)


def _taken_by(action: argparse.Action) -> tuple[str, ...]:
    count = action.nargs if isinstance(action.nargs, int) else 1
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    if action.choices:
        offered = " ".join(map(str, action.choices))
    elif metavar == "NAME|FILE":
        offered = " ".join([*named_configs.names(), "*.txt"])
    elif metavar in FOLDERS:
        offered = "/"
    elif action.dest == "device":
        offered = "auto cpu cuda"
    elif not action.option_strings and not metavar:
        offered = "*"
    else:
        offered = METAVARS.get(metavar, NOTHING)
    return (offered,) * count
