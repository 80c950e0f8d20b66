# SPDX-License-Identifier: MIT
"""The text of ``nbsim -h`` and of the man page, by argparse from the option table."""

import argparse
import textwrap
from typing import Any

from .groups import GROUPS, OPTIONS
from .reader import Spellings
from .schema import Option


def _wrapped(text: str, width: int) -> str:
    """Return `text` in lines that never end inside a word such as sub-pixel."""
    return textwrap.fill(text, width, break_on_hyphens=False)


class _HelpFormatter(argparse.HelpFormatter):
    """Help text that looks the same in every Python version and terminal.

    The width is fixed because the man page is made from it too, and the epilog keeps
    its lines.
    """

    def __init__(self, prog: str, **settings):
        settings.update(width=80, max_help_position=24)
        super().__init__(prog, **settings)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        names = ", ".join(action.option_strings)
        return f"{names} {action.metavar}" if action.metavar else names

    def _split_lines(self, text: str, width: int) -> list[str]:
        return _wrapped(text, width).split("\n")

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "".join(indent + line for line in text.splitlines(keepends=True))


DESCRIPTION = """\
Computes the X-ray diffraction image of a perfect-lattice nanocrystal on an area
detector, from the command line of nanoBragg. Writes the expected photons per
pixel as raw floats, and as SMV images with and without photon noise."""

USAGE = "[-mat FILE] [-cell A ...] [-hkl FILE] [-default_F F] [option ...]"
EPILOG = """\
Examples:

    nbsim -cell 78 78 39 -default_F 100 -N 10 -distance 100 -detpixels 512

    nbsim -mat A.mat -hkl P1.hkl -lambda 6.2 -N 10 -fluence 2e22 -water 4

Options may be written with one dash or two, and most of them longer, as in
nanoBragg: -detector_absorption is -detector_abs. Numbers such as -1e-5 are
arguments. When an option is given twice, the last one counts. A link to this
program may have another name (usage: nanoBragg -mat A.mat -hkl P1.hkl ...).

Read and ignored with a warning, as nanoBragg ignores them:
{ignored}

Exit status: 0 if everything went well, 1 if a file or the computation failed,
2 if the command line or a value is wrong, 130 if it was interrupted."""


def program_parser(
    table: Spellings, description: str, epilog: str
) -> argparse.ArgumentParser:
    """Return a parser that holds the help text of a program beside nbsim."""
    parser = argparse.ArgumentParser(
        prog=table.program,
        usage=f"{table.program} [option ...]",
        description=description,
        epilog=epilog,
        formatter_class=_HelpFormatter,
        add_help=False,
    )
    for title in dict.fromkeys(row.group for row in table.options):
        titled = parser.add_argument_group(title)
        for row in table.options:
            if row.group == title:
                _add_to_help(titled, row)
    return parser


def build_parser(prog: str = "nbsim") -> argparse.ArgumentParser:
    """Return a parser that holds the help text; `reader.parse` reads command lines.

    Parameters
    ----------
    prog
        Name of the program: that of a link such as nanoBragg, which scripts look for.
    """
    ignored = [f"-{option.name}" for option in OPTIONS if option.instead]
    parser = argparse.ArgumentParser(
        prog=prog,
        usage=f"{prog} {USAGE}",
        description=DESCRIPTION,
        epilog=EPILOG.format(ignored=_wrapped(" ".join(ignored), 80)),
        formatter_class=_HelpFormatter,
        add_help=False,
    )
    for title in GROUPS:
        group = parser.add_argument_group(title)
        for option in OPTIONS:
            if option.group == title and not option.instead:
                _add_to_help(group, option)
    return parser


def _add_to_help(group: argparse._ArgumentGroup, option: Option) -> None:
    takes: dict[str, Any] = {"action": "store_true"}
    if option.arguments:
        takes = {"metavar": option.metavar}
    group.add_argument(
        *(f"-{spelling}" for spelling in option.spellings),
        dest=option.name,
        help=option.full_help.replace("%", "%%"),
        **takes,
    )
