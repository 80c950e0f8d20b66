# SPDX-License-Identifier: MIT
"""What the tools' commands share: errors in one sentence, outputs, other programs."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nbsim.errors import DeviceError, FileError
from nbsim.formats.files import replace_when_complete

FAILURE, USAGE, DIVERGED, INTERRUPTED = 1, 2, 3, 130
PIPE_CLOSED = 141  # what a shell makes of SIGPIPE


class ProgramError(FileError):
    """A program that could not be started, took too long or failed.

    Parameters
    ----------
    message
        The whole sentence.
    how
        What happened, for a sentence of the caller's own.
    stderr
        What the program printed there.
    """

    def __init__(self, message: str, how: str, stderr: str = "") -> None:
        super().__init__(message)
        self.how = how
        self.stderr = stderr


class Ran(NamedTuple):
    """What a program that ended well left behind."""

    seconds: float
    stdout: str
    stderr: str


class Statuses(NamedTuple):
    """Exit statuses of a tool for each kind of error."""

    usage: int = USAGE
    failure: int = FAILURE
    program: int = FAILURE


def run_tool(
    name: str,
    body: Callable[[list[str]], int],
    argv: Sequence[str] | None,
    statuses: Statuses = Statuses(),
) -> int:
    """Run a tool and return its exit status, with one sentence for every error.

    Parameters
    ----------
    name
        The command's name.
    body
        Takes the words of the command line and returns the exit status.
    argv
        The words; None: those of this process.
    statuses
        Exit statuses of errors.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        status = body(words)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        status, message = INTERRUPTED, "interrupted"
    except BrokenPipeError:
        # The reader went away (``| head``): what is still to be flushed goes nowhere.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return PIPE_CLOSED
    except ValueError as error:
        status, message = statuses.usage, str(error)
    except ProgramError as error:
        status, message = statuses.program, str(error)
    except OSError as error:
        status, message = statuses.failure, _sentence(error)
    except (DeviceError, MemoryError) as error:
        status, message = statuses.failure, str(error) or "not enough memory"
    print(f"{name}: error: {message}", file=sys.stderr)
    return status


def _sentence(error: OSError) -> str:
    if error.errno is None or error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror[:1].lower()}{error.strerror[1:]}"


def split_arguments(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return what stands before and after the first ``--``."""
    words = list(words)
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def check_new(paths: Sequence[Path], force: bool) -> None:
    """Refuse to overwrite files, unless that was asked for.

    Raises
    ------
    FileError
    """
    for path in paths:
        if path.exists() and not force:
            raise FileError(f"{path} exists; --force overwrites it")


def check_folder(folder: Path, force: bool) -> None:
    """Refuse a folder that holds anything, unless that was asked for.

    Raises
    ------
    FileError
    """
    if folder.exists() and not folder.is_dir():
        raise FileError(f"{folder}: not a folder")
    if not force and folder.is_dir() and any(folder.iterdir()):
        raise FileError(
            f"the folder {folder} exists and is not empty; --force writes into it"
        )


def write_text(path: Path, text: str) -> None:
    """Write a text file that appears whole or not at all."""
    with replace_when_complete(path) as stream:
        stream.write(text.encode("utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write a json file; numbers that json does not have must not be in it."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def fresh_folder(parent: Path, name: str) -> Path:
    """Create and return a folder with the time in its name, never an existing one."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    attempt = 1
    while True:
        ending = f"-{attempt}" if attempt > 1 else ""
        folder = parent / f"{name}-{stamp}{ending}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
        attempt += 1


def found_program(name: str) -> str:
    """Return the absolute path of a program.

    Raises
    ------
    ProgramError
        When it is not there or cannot be run.
    """
    path = shutil.which(name)
    if path is None:
        how = "there is no such program, or it cannot be run"
        raise ProgramError(f"{name}: {how}", how)
    return os.path.abspath(path)


def run_program(
    command: Sequence[str],
    folder: Path,
    timeout: float,
    environment: Mapping[str, str] | None = None,
) -> Ran:
    """Run a program in a folder; what it prints becomes ``run.log`` there.

    Parameters
    ----------
    command
        The program and its words.
    folder
        Its working folder.
    timeout
        Longest time, s.
    environment
        Variables besides those of this process.

    Raises
    ------
    ProgramError
        When it cannot be started, takes too long or fails.
    """
    name = os.path.basename(command[0])
    log = folder / "run.log"
    begin = time.perf_counter()
    try:
        running = subprocess.Popen(
            list(command),
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        how = f"cannot be run: {error.strerror}"
        raise ProgramError(f"{command[0]} {how}", how) from error
    with running:
        try:
            printed = running.communicate(timeout=timeout)
        except BaseException as problem:
            # With its children, which would keep the pipes open.
            os.killpg(running.pid, signal.SIGKILL)
            printed = running.communicate()
            _keep(log, *printed)
            if not isinstance(problem, subprocess.TimeoutExpired):
                raise
            how = f"did not end within {timeout:g} seconds and was stopped"
            raise ProgramError(
                f"{name} {how}; what it printed is in {log}; --timeout gives it longer",
                how,
                _text(printed[1]),
            ) from None
    seconds = time.perf_counter() - begin
    _keep(log, *printed)
    if running.returncode:
        how = f"failed with exit status {running.returncode}"
        if running.returncode < 0:
            how = f"was ended by signal {-running.returncode}"
        raise ProgramError(
            f"{name} {how}; what it printed is in {log}", how, _text(printed[1])
        )
    return Ran(seconds, *map(_text, printed))


def _keep(log: Path, stdout: bytes, stderr: bytes) -> None:
    log.write_bytes(b"# standard output\n" + stdout + b"\n# standard error\n" + stderr)


def _text(printed: bytes) -> str:
    return printed.decode("utf-8", errors="replace")
