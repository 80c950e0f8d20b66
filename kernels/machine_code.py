# SPDX-License-Identifier: MIT
"""Keeps machine code between runs: one file for each compiled function.

A file is

    nbsim machine code 1\\n
    SHA-256 of everything after this line, in hexadecimal\\n
    one line of JSON: "key", "entry" and "sizes"\\n
    object code (of "sizes"[0] bytes)
    what numba needs beside it, pickled (of "sizes"[1] bytes)

"key" names everything that the code depends on: the function, its source and its
arguments, the processor, numba and Python. The file's name is a hash of it. "entry" is
the symbol of the function inside the object code. Two read such files: `native`, for
which nothing is pickled, and `dispatcher_cache`.

A file is read only if nobody but this user can have written it (`cache_folder`), and
unpickled only if key and checksum are right; anything else costs a compilation. It is
written under another name first and then renamed, so that two processes, on whatever
machines, never mix their files.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import pathlib
import stat
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .cache_folder import cache_folder, why_not_trusted

FIRST_LINE = b"nbsim machine code 1\n"
SUFFIX = ".code"
# Not every system has all of these.
BINARY, NO_LINK, NO_WAIT = (
    getattr(os, name, 0) for name in ("O_BINARY", "O_NOFOLLOW", "O_NONBLOCK")
)
UNFINISHED = ".part"
#: The largest file that can be one of ours, bytes.
LARGEST_FILE = 1 << 28
#: A process that has not finished a file after this time never will, s.
ABANDONED_AFTER = 3600.0


class NotKeptWarning(UserWarning):
    """Compiled kernels cannot be kept for the next run."""


class Kept(NamedTuple):
    """What a file holds: object code, pickle, and the function's symbol."""

    code: bytes
    rest: bytes
    entry: str


def path_of(function: str, key: dict[str, Any]) -> pathlib.Path | None:
    """Return the name of the file for a key; None where no file can be kept."""
    folder, trouble = cache_folder()
    if trouble:
        _warn(trouble)
    if folder is None:
        return None
    name = hashlib.sha256(text(key)).hexdigest()[:24]
    return folder / f"{function}-{name}{SUFFIX}"


def keep(
    path: pathlib.Path, key: dict[str, Any], code: bytes, rest: bytes, entry: str
) -> None:
    """Write a file as `write` does; warn where that is not possible."""
    try:
        write(path, key, code, rest, entry)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        _warn(f"compiled kernels cannot be kept in {path.parent}: {reason}")


_listeners: list[Callable[[], None]] = []


@contextlib.contextmanager
def announced(say: Callable[[], None]) -> Iterator[None]:
    """Have something called whenever a kernel must be compiled inside the block."""
    _listeners.append(say)
    try:
        yield
    finally:
        _listeners.remove(say)


def say_compiling() -> None:
    """Tell those who want to know that a compilation begins."""
    for say in tuple(_listeners):
        say()


def read(path: pathlib.Path, key: dict[str, Any]) -> Kept:
    """Return what is in a file that is this user's own and whole.

    Raises
    ------
    OSError, ValueError
        If it is not there or not to be trusted.
    """
    # A link is not followed, and a pipe is not waited for.
    flags = os.O_RDONLY | BINARY | NO_LINK | NO_WAIT
    with open(os.open(path, flags), "rb") as stream:
        status = os.fstat(stream.fileno())
        if why_not_trusted(status, "file") or status.st_size > LARGEST_FILE:
            raise ValueError("not this user's own file")
        content = stream.read()
    start, checksum, rest = content.partition(b"\n")
    checksum, _, checked = rest.partition(b"\n")
    if start + b"\n" != FIRST_LINE:
        raise ValueError("not a file of machine code")
    if hashlib.sha256(checked).hexdigest().encode() != checksum:
        raise ValueError("damaged")
    header, _, body = checked.partition(b"\n")
    described = json.loads(header)
    if text(described["key"]) != text(key):
        raise ValueError("of another function")
    size, rest_size = described["sizes"]
    return Kept(body[:size], body[size : size + rest_size], described["entry"])


def write(
    path: pathlib.Path, key: dict[str, Any], code: bytes, rest: bytes, symbol: str
) -> None:
    """Write a file that `read` accepts, whole or not at all.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left behind then.
    """
    header = {"key": key, "entry": symbol, "sizes": [len(code), len(rest)]}
    checked = text(header) + b"\n" + code + rest
    checksum = hashlib.sha256(checked).hexdigest().encode()
    unfinished = path.with_name(f"{path.name}.{os.urandom(8).hex()}{UNFINISHED}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY
    try:
        with open(os.open(unfinished, flags, 0o600), "wb") as stream:
            stream.write(FIRST_LINE + checksum + b"\n" + checked)
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)
        raise
    _remove_abandoned(path.parent)


@functools.lru_cache(maxsize=None)
def _remove_abandoned(folder: pathlib.Path) -> None:
    """Remove, once, what processes left behind that were killed while writing."""
    for unfinished in folder.glob(f"*{UNFINISHED}"):
        with contextlib.suppress(OSError):
            status = unfinished.lstat()
            is_old = time.time() - status.st_mtime > ABANDONED_AFTER
            if is_old and stat.S_ISREG(status.st_mode):
                unfinished.unlink()


@functools.lru_cache(maxsize=None)
def _warn(message: str) -> None:
    """Warn once, however many functions cannot be kept."""
    warnings.warn(message, NotKeptWarning, stacklevel=2)


def text(content: Any) -> bytes:
    """Return a key or a header as it stands in a file."""
    return json.dumps(content, sort_keys=True).encode("ascii")
