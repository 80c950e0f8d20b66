# SPDX-License-Identifier: MIT
"""The words of a command line, and what they stand for.

The rows in ``groups/`` are the only place where an option is described. From them
`parse` reads a command line into events, ``help`` makes the text of ``nbsim -h`` and of
the man page, and ``command_line`` makes models. Imports neither numpy nor numba.
"""

from .groups import GROUPS, OPTIONS
from .reader import EXACT, find_option, parse
from .schema import Argument, Option, OptionError

__all__ = [
    "Argument",
    "EXACT",
    "GROUPS",
    "OPTIONS",
    "Option",
    "OptionError",
    "find_option",
    "parse",
]
