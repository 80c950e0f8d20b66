# SPDX-License-Identifier: MIT
"""What a command line stands for, with its warnings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from ..errors import UsageError
from ..options.command_line import CommandLine, read_command_line
from ..simulation import Simulation
from .terminal import warn


@contextlib.contextmanager
def of_the_line() -> Iterator[None]:
    """Values that do not fit are the line's; what comes later is no usage error."""
    try:
        yield
    except ValueError as error:
        raise UsageError(str(error)) from error


def understand(words: Sequence[str]) -> CommandLine[Simulation]:
    """Return the simulation of a command line, after its warnings."""
    with of_the_line():
        command = read_command_line(words, Simulation)
        setup = command.simulation.setup
    for warning in (*command.warnings, *setup.warnings):
        warn(warning)
    return command
