# SPDX-License-Identifier: MIT
"""Many command lines in one process: ``-batch``."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Sequence

from ..errors import FileError, UsageError
from ..formats.files import read_bytes
from ..options import parse
from ..options.command_line import read_command_line
from ..options.groups.series import MAKES_SERIES
from ..simulation import Simulation
from .devices import check_device
from .outputs import make_images, outputs_to_write, write_all
from .progress import standard_bar
from .terminal import say, warn
from .whole import add_to, on_host, stays

#: nanoBragg's own files, which the rows of a batch write only where they name them.
OWN_FILES = ("floatfile", "intfile", "pgmfile", "noisefile")


def read_batch(path: str) -> list[tuple[int, list[str]]]:
    """Return the rows of a batch file: line number and words.

    Empty rows and rows that begin with # do not count; a leading "nbsim" is dropped.

    Raises
    ------
    FileError
        If it cannot be read, or a row has an open quotation mark.
    """
    rows = []
    text = read_bytes(path, "batch file").decode("utf-8", "replace")
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise FileError(f"{path}:{number}: {str(error).lower()}") from error
        if words:
            rows.append((number, words[words[0] == "nbsim" :]))
    if not rows:
        raise FileError(f"{path}: no command lines")
    return rows


def run_batch(words: Sequence[str], path: str) -> None:
    """Render every row of a batch file.

    The words of all rows are checked before the first is rendered. A row that fails
    later ends the run; the files of the rows before it are there.

    Parameters
    ----------
    words
        The command line that the rows are added to.
    path
        The file.

    Raises
    ------
    ValueError, OSError
        As for one command line; the message names the row.
    """
    rows = read_batch(path)
    common = _without_batch(words)
    bar = standard_bar()
    written: dict[str, int] = {}
    for number, row in rows:
        with _naming(path, number):
            _check_words([*common, *row])
    for done, (number, row) in enumerate(rows, start=1):
        with _naming(path, number):
            _render([*common, *row], number, written)
        bar(done / len(rows))
    bar.clear()
    say([f"made {len(rows)} images"])


@contextlib.contextmanager
def _naming(path: str, number: int) -> Iterator[None]:
    """Begin messages with the row."""
    try:
        yield
    except ValueError as error:
        raise UsageError(f"{path}:{number}: {error}") from error
    except FileError as error:
        raise FileError(f"{path}:{number}: {error}") from error


def _without_batch(words: Sequence[str]) -> list[str]:
    """Return a command line without -batch FILE."""
    kept, skip = [], False
    for word in words:
        if not skip and word.lstrip("-") == "batch":
            skip = True
            continue
        if not skip:
            kept.append(word)
        skip = False
    return kept


def _check_words(words: Sequence[str]) -> None:
    events = parse(words)
    for name, _ in events:
        if name in (*MAKES_SERIES, "batch"):
            raise UsageError(f"-{name} cannot stand in a batch")
    check_device(dict(events))


def _render(words: Sequence[str], number: int, written: dict[str, int]) -> None:
    """Render one row; `written` has the row of each file."""
    command = read_command_line(words, Simulation)
    output = command.output
    for warning in (*command.warnings, *command.simulation.setup.warnings):
        warn(f"row {number}: {warning}")
    for name in OWN_FILES:
        if name not in command.given:
            setattr(output, name, None)
    if "dump" not in command.given:
        output.dumpfile = None
    plan = outputs_to_write(command)
    if not plan.images:
        raise UsageError("it writes no file: name one, such as -floatfile")
    for name in plan.images.values():
        if name in written:
            raise UsageError(f"{name} was written by row {written[name]} already")
        written[name] = number
    result = command.simulation.run(
        sheet=True,
        backend=output.device,
        threads=output.threads,
        precision=output.precision,
        on_device=stays(output),
    )
    background = None
    if command.simulation.backgrounds:
        background = command.simulation.render_background(
            threads=output.threads, sheet=True
        )
        add_to(result.image, background)
    images = make_images(command, on_host(result), background, result.image)
    for message in write_all(command, images, plan):
        warn(f"row {number}: {message}")
