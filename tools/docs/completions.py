# SPDX-License-Identifier: MIT
"""The completion files.

Made with shtab from the option table, so that completing costs the program nothing.
"""

import argparse
import re

from nbsim.options import EXACT, build_parser

#: Shell and the name under which it looks for the completion of ``nbsim``.
FILES = {"bash": "bash/nbsim", "zsh": "zsh/_nbsim", "fish": "fish/nbsim.fish"}
DEVICES = ("auto", "cpu", "cuda")


def completion_parser() -> argparse.ArgumentParser:
    """Return the help parser with what may follow each option."""
    import shtab

    parser = build_parser()
    for action in parser._actions:
        option = EXACT[action.option_strings[0].lstrip("-")]
        arguments = option.arguments
        # The first sentence: a line of a shell's menu is short.
        action.help = option.help.split(". ")[0].split(": ")[0].rstrip(".")
        action.help = action.help.replace("%", "%%")
        if len(arguments) > 1:
            action.nargs = "*" if option.required < len(arguments) else len(arguments)
            action.metavar = None
        choices = arguments[0].choices if arguments else ()
        if option.name == "device":
            choices = DEVICES
        if choices:
            action.choices = choices
            action.metavar = None
        elif arguments and arguments[0].kind == "text":
            folder = arguments[0].noun == "a folder name"
            setattr(action, "complete", shtab.DIRECTORY if folder else shtab.FILE)
    return parser


def completion(shell: str) -> str:
    """Return the completion script of a shell."""
    import shtab

    script = shtab.complete(completion_parser(), shell=shell)
    if shell == "fish":
        # shtab takes every option with one dash for a single letter; fish calls the
        # long ones old-style options and wants -o.
        script = re.sub(r" -s (\w{2,})", r" -o \1", script)
    return "\n".join(line.rstrip() for line in script.splitlines()) + "\n"
