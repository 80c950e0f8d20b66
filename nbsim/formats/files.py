# SPDX-License-Identifier: MIT
"""Opening files: one-sentence errors, and outputs that appear whole or not at all."""

import contextlib
import errno
import io
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from nbsim.errors import FileError
from nbsim.formats.unfinished import Unfinished

# Names of open streams: replacing the file behind one would cut it off from
# whoever holds the stream, so they are written directly.
_STREAMS = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/")


def open_input(path: str | os.PathLike, what: str) -> io.BufferedReader:
    """Open a file for reading.

    Parameters
    ----------
    path
        The file.
    what
        What the file is to the user, for messages: "matrix file".

    Raises
    ------
    FileError
        If it is missing, a folder or unreadable.
    """
    try:
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        return open(path, "rb")
    except OSError as error:
        raise FileError(f"cannot read {what} {path}: {_reason(error)}") from error


@contextlib.contextmanager
def input_stream(path: str | os.PathLike, what: str) -> Iterator[BinaryIO]:
    """Yield the stream of `open_input`; errors of reading are FileErrors too."""
    try:
        with open_input(path, what) as stream:
            yield stream
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"cannot read {what} {path}: {_reason(error)}") from error


#: No text file that a person or a program writes for a run is larger, bytes.
LARGEST_TEXT = 1 << 26


def read_bytes(path: str | os.PathLike, what: str, most: int = LARGEST_TEXT) -> bytes:
    """Return everything a file holds, which must be something.

    Parameters
    ----------
    path, what
        As for `open_input`.
    most
        The largest size that makes sense, bytes: a device such as /dev/zero has no
        end.

    Raises
    ------
    FileError
        If it is missing, a folder, unreadable, empty or larger.
    """
    with input_stream(path, what) as stream:
        content = stream.read(most + 1)
    if not content:
        raise FileError(f"{what} {path} is empty")
    if len(content) > most:
        raise FileError(
            f"{what} {path} is larger than {most / 1e6:g} MB, more than any such file"
        )
    return content


def check_size(path: str | os.PathLike, what: str, most: int) -> None:
    """Refuse a file that a library would read whole into memory, before it does.

    Raises
    ------
    FileError
        If it is missing, or larger than `most` bytes.
    """
    with open_input(path, what) as stream:
        size = os.fstat(stream.fileno()).st_size
    if size > most:
        raise FileError(
            f"{what} {path} is larger than {most / 1e6:g} MB, more than any such file"
        )


def check_writable(path: str | os.PathLike) -> None:
    """Check that a file can be created or replaced, without touching it.

    Raises
    ------
    FileError
        The same that `replace_when_complete` would raise.
    """
    try:
        if is_stream(path):
            return
        target = os.path.realpath(path)
        _existing_mode(target)
        folder = os.path.dirname(target)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"the folder {folder} is not writable")
        _check_owner(target)
    except OSError as error:
        raise FileError(f"cannot write {path}: {_reason(error)}") from error


def same_place(first: str | os.PathLike, second: str | os.PathLike) -> bool:
    """Whether two names stand for one file; devices and streams may be shared."""
    if is_stream(first) or is_stream(second):
        return False
    return os.path.realpath(first) == os.path.realpath(second)


@contextlib.contextmanager
def replace_when_complete(path: str | os.PathLike | BinaryIO) -> Iterator[BinaryIO]:
    """Yield a binary stream whose content becomes the file `path` at the end.

    The bytes go to a temporary name in the same folder. They take the place of
    `path` only when the block ends without an exception; otherwise the temporary
    file is removed and a file of that name stays as it was. Permissions are those
    of a plain ``open``. Devices, pipes and the names of open streams are written
    directly. A stream instead of a path is yielded as it is: with it a writer's
    file can wait for others, to appear together.

    Raises
    ------
    FileError
        If the file cannot be created, filled or put in place.
    """
    if not isinstance(path, (str, os.PathLike)):
        yield path
        return
    try:
        if is_stream(path):
            with open(path, "wb") as stream:
                yield stream
        else:
            yield from _write_beside(os.path.realpath(path))
    except FileError:
        raise
    except OSError as error:
        if error.filename not in (None, path, os.path.realpath(path)):
            raise  # of another file, opened inside the block
        raise FileError(f"cannot write {path}: {_reason(error)}") from error


def _write_beside(target: str) -> Iterator[BinaryIO]:
    """Yield the temporary stream and rename it to `target` when all went well."""
    mode = _existing_mode(target)
    try:
        unfinished = Unfinished(target)
    except OSError as error:
        raise OSError(error.errno, error.strerror) from error  # without the odd name
    try:
        yield unfinished.stream
        unfinished.put_in_place(mode)
    except BaseException:  # also Ctrl-C
        unfinished.discard()
        raise


def _check_owner(target: str) -> None:
    """Refuse another user's file in a folder where only owners may replace files."""
    if not hasattr(os, "getuid") or not os.path.exists(target):
        return
    folder, file, me = os.stat(os.path.dirname(target)), os.stat(target), os.getuid()
    if folder.st_mode & stat.S_ISVTX and me not in (0, file.st_uid, folder.st_uid):
        raise PermissionError(errno.EACCES, "it is another user's in a shared folder")


def _existing_mode(target: str) -> int | None:
    """Return the permissions of a file about to be replaced, None without one."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.stat(target)  # a name may be too long
    if not os.path.exists(target):
        folder = os.path.dirname(target)
        if not os.path.isdir(folder):
            wrong = "is not a folder" if os.path.exists(folder) else "does not exist"
            raise OSError(errno.ENOENT, f"the folder {folder} {wrong}")
        return None
    if os.path.isdir(target):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return stat.S_IMODE(os.stat(target).st_mode)


def is_stream(path: str | os.PathLike) -> bool:
    """Return whether a name is a device or a pipe, such as /dev/null."""
    if os.path.abspath(path).startswith(_STREAMS):
        return True
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _reason(error: OSError) -> str:
    """Return why, as the end of a sentence."""
    if error.errno == errno.ENOENT and error.strerror == os.strerror(errno.ENOENT):
        return "there is no such file"
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]
