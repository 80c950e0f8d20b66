# SPDX-License-Identifier: MIT
"""What a worker does: it reads the series once, then makes one task after another."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pickle
import socket
import time
from dataclasses import dataclass

from ..errors import FileError
from .exposure import expose
from .outputs import SeriesOutputs, Task, temporary
from .series import Series
from .sinks import open_sinks, staged


@dataclass(frozen=True)
class Job:
    """A series in a file, so that it is sent to no worker twice.

    Attributes
    ----------
    path
        The file.
    sha256
        Of its content.
    """

    path: str
    sha256: str


@dataclass(frozen=True)
class Done:
    """A finished task.

    Attributes
    ----------
    task
        What was asked for.
    files
        sha256 of each file that was written, by name.
    seconds
        Time it took.
    host
        Machine that did it.
    """

    task: Task
    files: dict[str, str]
    seconds: float
    host: str


def save_job(path: str, series: Series, outputs: SeriesOutputs) -> Job:
    """Write what workers need to know."""
    content = pickle.dumps((series, outputs), protocol=pickle.HIGHEST_PROTOCOL)
    part = temporary(path)
    try:
        # Only its owner may write what workers will unpickle.
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(part)
        reason = (error.strerror or str(error)).lower()
        raise FileError(f"cannot write {path}: {reason}") from error
    return Job(os.path.abspath(path), hashlib.sha256(content).hexdigest())


@functools.lru_cache(maxsize=1)
def _load(job: Job) -> tuple[Series, SeriesOutputs]:
    with open(job.path, "rb") as stream:
        content = stream.read()
    if hashlib.sha256(content).hexdigest() != job.sha256:
        raise FileError(f"{job.path} is not what the series began with")
    return pickle.loads(content)


def make_task(
    job: Job,
    task: Task,
    device: str | None = None,
    precision: str = "double",
    threads: int | None = None,
) -> Done:
    """Render the frames of a task and write their files, all of them or none.

    Parameters
    ----------
    job
        The series.
    task
        Which frames.
    device, precision, threads
        As in `Simulation.run`.
    """
    started = time.perf_counter()
    series, outputs = _load(job)
    with staged() as files:
        with contextlib.ExitStack() as stack:
            puts = [
                stack.enter_context(sink)
                for sink in open_sinks(series, outputs, task, files)
            ]
            for at, number in enumerate(task.frames):
                shot = expose(
                    series,
                    number,
                    backend=device,
                    precision=precision,
                    threads=threads,
                )
                for put in puts:
                    put(at, shot)
        digests = files.commit()
    seconds = time.perf_counter() - started
    return Done(task, digests, seconds, socket.gethostname())
