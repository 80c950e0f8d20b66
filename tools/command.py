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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nbsim.errors import DeviceError, FileError
from nbsim.files import replace_when_complete

FAILURE, USAGE, DIVERGED, INTERRUPTED = 1, 2, 3, 130


def run_tool(
    name: str, body: Callable[[list[str]], int], argv: Sequence[str] | None
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
    """
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        return body(words)
    except KeyboardInterrupt:
        status, message = INTERRUPTED, "interrupted"
    except ValueError as error:
        status, message = USAGE, str(error)
    except OSError as error:
        status, message = FAILURE, _sentence(error)
    except (DeviceError, MemoryError) as error:
        status, message = FAILURE, str(error) or "not enough memory"
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
    FileError
        When it is not there or cannot be run.
    """
    path = shutil.which(name)
    if path is None:
        raise FileError(f"{name}: there is no such program, or it cannot be run")
    return os.path.abspath(path)


def run_program(command: Sequence[str], folder: Path, timeout: float) -> None:
    """Run a program in a folder; what it prints becomes ``run.log`` there.

    Raises
    ------
    FileError
        When it cannot be started, takes too long or fails.
    """
    name = os.path.basename(command[0])
    log = folder / "run.log"
    try:
        running = subprocess.Popen(
            list(command),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise FileError(f"cannot run {command[0]}: {error.strerror}") from error
    with running:
        try:
            printed = running.communicate(timeout=timeout)
        except BaseException as problem:
            # With its children, which would keep the pipes open.
            os.killpg(running.pid, signal.SIGKILL)
            _keep(log, *running.communicate())
            if not isinstance(problem, subprocess.TimeoutExpired):
                raise
            raise FileError(
                f"{name} did not end within {timeout:g} seconds and was stopped; what "
                f"it printed is in {log}; --timeout gives it longer"
            ) from None
    _keep(log, *printed)
    if running.returncode:
        how = f"failed with exit status {running.returncode}"
        if running.returncode < 0:
            how = f"was ended by signal {-running.returncode}"
        raise FileError(f"{name} {how}; what it printed is in {log}")


def _keep(log: Path, stdout: bytes, stderr: bytes) -> None:
    log.write_bytes(b"# standard output\n" + stdout + b"\n# standard error\n" + stderr)
