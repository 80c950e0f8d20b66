# SPDX-License-Identifier: MIT
"""What the program says: results on standard output, everything else on stderr."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterable

from ..errors import FileError


def prepare_streams() -> None:
    """Let any file name be printed, whatever the encoding of the terminal.

    What was closed becomes the null device: otherwise the next file that is opened
    takes its place, and gets what is meant for a terminal.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(lines: Iterable[str]) -> None:
    """Print lines at once. A reader that went away (``| head``) ends no run.

    Raises
    ------
    FileError
        If standard output cannot be written, for instance on a full disk.
    """
    try:
        print(*lines, sep="\n", flush=sys.stdout is not None)
    except BrokenPipeError:
        _discard_stdout()
    except OSError as error:
        _discard_stdout()
        reason = error.strerror or str(error)
        raise FileError(f"cannot write standard output: {reason.lower()}") from error


def _discard_stdout() -> None:
    """Send what is still printed nowhere, or Python complains about it at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def note(message: str) -> None:
    """Print what takes time, apart from the results."""
    _tell(message)


def _tell(message: str) -> None:
    """Print a line on standard error; where nobody reads it, the run goes on."""
    try:
        print(f"nbsim: {_one_line(message)}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.close()
        sys.stderr = open(os.devnull, "w", encoding="utf-8")


def _one_line(message: str) -> str:
    """Return a message as one line that does nothing to a terminal.

    Libraries quote what they found in a damaged file.
    """
    return "".join(
        c if c.isprintable() else " " if c.isspace() else ascii(c)[1:-1]
        for c in message
    )


def warn(message: str) -> None:
    """Print one warning."""
    _tell(f"warning: {message}")


def show_warning(message: object, *where: object, **more: object) -> None:
    """Print a Python warning as one of ours (`warnings.showwarning`)."""
    warn(str(message))


def complain(message: str) -> None:
    """Print what ended the run."""
    _tell(f"error: {message}")
