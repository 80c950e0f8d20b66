# SPDX-License-Identifier: MIT
"""Files that are being written, under names of their own until they are whole.

Each is known to this process, which removes all of them before a signal ends it, and
is locked, so that the next process can tell what one that was killed has left behind.
"""

import contextlib
import functools
import hashlib
import os
import platform
import stat
import threading
from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_ENDING = ".part"
#: Held while files get their names; by `abandon` for ever.
_gate = threading.RLock()
_paths: set[str] = set()


class _Renames:
    """Remembers what files that get their names together have replaced."""

    def __init__(self) -> None:
        self.remembering = False
        self._done: list[tuple[str, str | None]] = []

    def replace(self, path: str, target: str) -> None:
        """Give a finished file its name."""
        if not self.remembering:
            os.replace(path, target)
            return
        kept = None
        if os.path.exists(target):
            kept = f"{path}.old{_ENDING}"
            os.rename(target, kept)
            _paths.add(kept)
        self._done.append((target, kept))
        os.replace(path, target)

    def take_back(self) -> None:
        """Put everything back as it was."""
        for target, kept in reversed(self._done):
            with contextlib.suppress(OSError):
                os.replace(kept, target) if kept else os.unlink(target)

    def forget(self) -> None:
        """Remove what was replaced."""
        for _, kept in self._done:
            if kept:
                with contextlib.suppress(OSError):
                    os.unlink(kept)
                _paths.discard(kept)
        self._done.clear()
        self.remembering = False


_renames = _Renames()


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Give files their names inside the block: all of them, or none.

    No signal ends the process meanwhile; nothing slow belongs inside.
    """
    with _gate:
        _renames.remembering = True
        try:
            yield
        except BaseException:
            _renames.take_back()
            raise
        finally:
            _renames.forget()


def abandon() -> None:
    """Remove everything unfinished; no file is begun or named after that.

    For the moment before the process ends, from any thread.
    """
    _gate.acquire()
    for path in _paths:
        with contextlib.suppress(OSError):
            os.unlink(path)


class Unfinished:
    """A file that will replace another one when it is whole.

    Parameters
    ----------
    target
        What it will be.

    Attributes
    ----------
    stream
        Where it is written.

    Raises
    ------
    OSError
        If it cannot be created.
    """

    def __init__(self, target: str) -> None:
        folder, self._target = os.path.dirname(target), target
        _remove_left_over(folder)
        self._lock = None
        while self._lock is None:
            name = f"{_beginning()}{os.urandom(8).hex()}{_ENDING}"
            self._path = os.path.join(folder, name)
            with _gate:
                # "x" with the default mode obeys the umask, unlike the tempfile module.
                self.stream = open(self._path, "xb")
                _paths.add(self._path)
            self._lock = _locked(self.stream.fileno())

    def put_in_place(self, mode: int | None) -> None:
        """Close the file and give it its name, and permissions unless None."""
        if mode is not None:
            os.chmod(self._path, mode)
        self.stream.close()
        with _gate:
            _renames.replace(self._path, self._target)
            _paths.discard(self._path)
        self._unlock()

    def discard(self) -> None:
        """Remove the file."""
        with contextlib.suppress(OSError):
            self.stream.close()
        with contextlib.suppress(OSError):
            os.unlink(self._path)
        _paths.discard(self._path)
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None and self._lock >= 0:
            os.close(self._lock)
        self._lock = -1


def _beginning() -> str:
    """Return how names begin on this machine: a lock may not be seen from another."""
    return f".nbsim-{hashlib.sha256(platform.node().encode()).hexdigest()[:6]}-"


def _locked(file: int) -> int | None:
    """Lock a new file until the number returned is closed.

    Closing a file tells of errors, but also ends its lock, which must last until it
    has its name: so it is a second number for the same file.

    Returns
    -------
    int or None
        -1 where there are no locks; None if another process has removed the file.
    """
    if fcntl is None:
        return -1
    lock = os.dup(file)
    with contextlib.suppress(OSError):  # not every file system can
        fcntl.flock(lock, fcntl.LOCK_EX)
    if os.fstat(lock).st_nlink:
        return lock
    os.close(lock)
    return None


@functools.lru_cache(maxsize=None)
def _remove_left_over(folder: str) -> None:
    """Remove what killed processes have left in a folder, once per process."""
    if fcntl is None:
        return
    with contextlib.suppress(OSError):
        for path in _own_names(folder):
            with contextlib.suppress(OSError):
                _remove_unlocked(path)


def _own_names(folder: str) -> Iterator[str]:
    beginning = _beginning()
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(beginning) and entry.name.endswith(_ENDING):
                yield entry.path


def _remove_unlocked(path: str) -> None:
    """Remove a file whose writer has gone: a lock ends with its process."""
    assert fcntl is not None
    file = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(file)
        if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
    finally:
        os.close(file)
