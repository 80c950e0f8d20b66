# SPDX-License-Identifier: MIT
"""What of a series is done: JSON lines; the first describes the series."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from ..errors import FileError, SeriesError, UsageError
from .outputs import Task
from .sinks import file_sha256
from .work import Done

try:
    import fcntl
except ImportError:  # Windows: two series of one name are not kept apart there
    fcntl = None

Description = dict[str, Any]
#: Differences of a resumed series that are named, at most.
NAMED = 5


class Manifest:
    """The manifest of a running series; the file is locked until it is closed.

    Parameters
    ----------
    path
        The file; created when missing.

    Raises
    ------
    SeriesError
        When another process is writing the same series.
    FileError
        When it cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._stream: BinaryIO = open(path, "a+b")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise FileError(f"cannot write {path}: {reason}") from error
        try:
            if fcntl is not None:
                fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._stream.close()
            raise SeriesError(
                f"{path}: another nbsim is writing a series of this name; wait for it, "
                "or give other names"
            ) from error

    def lines(self) -> list[dict[str, Any]]:
        """Return what is in it; a line that was cut off ends it."""
        self._stream.seek(0)
        found = []
        for number, line in enumerate(self._stream.read().split(b"\n"), start=1):
            try:
                entry = json.loads(line)
            except ValueError:
                break
            if not isinstance(entry, dict):
                raise FileError(f"{self.path}:{number}: not a line of a manifest")
            found.append(entry)
        return found

    def restart(self, entries: list[dict[str, Any]]) -> None:
        """Replace everything by these lines."""
        self._stream.truncate(0)
        for entry in entries:
            self.add(entry)

    def add(self, entry: dict[str, Any]) -> None:
        """Append a line, on disk when this returns."""
        try:
            self._stream.write(json.dumps(entry).encode() + b"\n")
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise FileError(f"cannot write {self.path}: {reason}") from error

    def add_done(self, done: Done) -> dict[str, Any]:
        """Append a finished task; return its line."""
        folder = os.path.dirname(os.path.abspath(self.path))
        files = {
            os.path.relpath(path, folder): digest for path, digest in done.files.items()
        }
        entry = {
            "task": done.task.number,
            # Counted from 1, as the files are.
            "frames": [number + 1 for number in done.task.frames],
            "file": next(iter(files), None),
            "sha256": next(iter(files.values()), None),
            "files": files,
            "seconds": round(done.seconds, 3),
            "host": done.host,
        }
        self.add(entry)
        return entry

    def close(self) -> None:
        """Unlock and close."""
        self._stream.close()

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def stored_seed(path: str) -> int | None:
    """Return the seed that a series was begun with; None where there is none."""
    try:
        with open(path, "rb") as stream:
            return int(json.loads(stream.readline())["series"]["seed"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def intact(path: str, entry: dict[str, Any], but: str | None = None) -> bool:
    """Whether all files of a manifest's line are there and as they were written.

    Parameters
    ----------
    path
        The manifest.
    entry
        The line.
    but
        A folder whose files need not be there any more.
    """
    folder = os.path.dirname(os.path.abspath(path))
    files = entry.get("files")
    if not isinstance(files, dict):
        return False
    try:
        return all(
            file_sha256(os.path.join(folder, name)) == digest
            for name, digest in files.items()
            if but is None or os.path.dirname(name) != os.path.basename(but)
        )
    except OSError:
        return False


def finished_tasks(
    path: str,
    lines: list[dict[str, Any]],
    tasks: list[Task],
    but: str | None = None,
) -> dict[int, dict[str, Any]]:
    """Return the lines of tasks whose files are `intact`, by the task's number."""
    frames = {task.number: [n + 1 for n in task.frames] for task in tasks}
    return {
        entry["task"]: entry
        for entry in lines
        if "task" in entry
        and frames.get(entry["task"]) == entry.get("frames")
        and intact(path, entry, but)
    }


def check_same(path: str, before: Description, now: Description) -> None:
    """Refuse to go on with another series than the one that was begun.

    Raises
    ------
    UsageError
        Naming what has changed.
    """
    old, new = dict(_flat(before)), dict(_flat(now))
    changed = [
        f"{name} was {_shown(old.get(name))}, is {_shown(new.get(name))}"
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    ]
    if changed:
        rest = len(changed) - NAMED
        more = f" and {rest} more" if rest > 0 else ""
        raise UsageError(
            f"-resume: {path} belongs to another series: "
            f"{'; '.join(changed[:NAMED])}{more}"
        )


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _flat(tree: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _flat(value, f"{name}.{key}" if name else str(key))
    else:
        yield name, tree


def plain(value: Any) -> Any:
    """Return a description as JSON gives it back, arrays as their digest."""
    return json.loads(json.dumps(value, default=_digest))


def _digest(value: Any) -> Any:
    import hashlib

    if isinstance(value, np.ndarray):
        content = np.ascontiguousarray(value)
        digest = hashlib.sha256(content.tobytes()).hexdigest()
        return f"{value.dtype} {value.shape} {digest[:16]}"
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} cannot be described")
