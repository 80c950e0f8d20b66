# SPDX-License-Identifier: MIT
"""The ``nbsim-noise`` command: noisify's, with nothing imported too early."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from .._version import __version__
from ..errors import UsageError
from ..options.collector import Collector
from ..options.help import program_parser
from ..options.programs import noise as words_of
from ..options.reader import parse
from .main import _allow_threads, end_process, guarded
from .terminal import say, warn


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return the exit status; see `nbsim.command.main`."""
    return guarded(_run, sys.argv[1:] if argv is None else list(argv))


def command() -> None:
    """Run the command line of this process, and end the process."""
    end_process(main)


def build_parser() -> Any:
    """Return the parser with the help text."""
    return program_parser(
        words_of.TABLE_OF_OPTIONS, words_of.DESCRIPTION, words_of.EPILOG
    )


def _run(words: list[str]) -> None:
    events = parse(words, words_of.TABLE_OF_OPTIONS)
    chosen = dict(events)
    if "help" in chosen:
        say([build_parser().format_help().rstrip()])
        return
    if "version" in chosen:
        say([f"{words_of.PROGRAM} {__version__}"])
        return
    _allow_threads(chosen)
    collected = Collector()
    exact = words_of.TABLE_OF_OPTIONS.exact
    for name, values in events:
        collected.take(exact[name], values)
    if not collected.values["inputs"].get("files"):
        raise UsageError(
            "no image: name one or several files of expected photons, as in "
            "nbsim-noise floatimage.bin -detpixels 1024"
        )
    for name in collected.given:
        why = collected.idle(exact[name])
        if why:
            collected.warnings.append(f"-{name} changes nothing {why}")
    for warning in collected.warnings:
        warn(warning)
    from .noise_run import run

    run(collected)
