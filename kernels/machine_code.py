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
the symbol of the C function inside the object code, where there is one.

A file is read only if nobody but this user can have written it (`cache_folder`), and
unpickled only if key and checksum are right; anything else costs a compilation. It is
written under another name first and then renamed, so that two processes, on whatever
machines, never mix their files.
"""

import contextlib
import functools
import hashlib
import json
import os
import pathlib
import pickle
import secrets
import stat
import sys
import time
import warnings
from typing import Any

import llvmlite
import numba
import numpy
from numba import config
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps
from numba.core.target_extension import target_override

from .cache_folder import cache_folder, sources_digest, why_not_trusted

FIRST_LINE = b"nbsim machine code 1\n"
SUFFIX = ".code"
# Not every system has all of these.
BINARY, NO_LINK, NO_WAIT = (
    getattr(os, name, 0) for name in ("O_BINARY", "O_NOFOLLOW", "O_NONBLOCK")
)
UNFINISHED = ".part"
#: Settings of numba that change the code it makes.
SETTINGS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK")
#: The largest file that can be one of ours, bytes.
LARGEST_FILE = 1 << 28
#: A process that has not finished a file after this time never will, s.
ABANDONED_AFTER = 3600.0


class NotKeptWarning(UserWarning):
    """Compiled kernels cannot be kept for the next run."""


def kept(dispatcher: Any) -> Any:
    """Keep the machine code of a function decorated with `njit` or `cuda.jit`.

    Returns
    -------
    dispatcher
        The same.
    """
    # Without a compiler, and in numba's CUDA simulator, there is no machine code.
    if hasattr(dispatcher, "enable_caching"):
        is_host = getattr(dispatcher, "targetdescr", None) is _host_target()
        parts = HostParts if is_host else DeviceParts
        dispatcher._cache = KernelCache(dispatcher.py_func, parts)
    return dispatcher


def kept_c_function(function: Any, signature: Any, options: dict[str, Any]) -> Any:
    """Compile a function as `numba.cfunc` does, or load it."""
    from numba.core.ccallback import CFunc
    from numba.core.sigutils import normalize_signature

    compiled = CFunc(function, normalize_signature(signature), {}, options)
    compiled._cache = KernelCache(function, HostParts)
    compiled.compile()
    return compiled


class HostParts:
    """Takes apart and puts together what numba compiled for the processor."""

    target = contextlib.nullcontext

    @staticmethod
    def take_apart(result: CompileResult) -> tuple[bytes, Any, str]:
        """Return object code, the rest, and the C function's symbol."""
        (name, kind, (code, bitcode)), *rest = result._reduce()
        symbol = result.fndesc.llvm_cfunc_wrapper_name
        return code, ((name, kind, bitcode), *rest), symbol

    @staticmethod
    def put_together(target_context: Any, code: bytes, rest: Any) -> CompileResult:
        """Undo `take_apart`."""
        (name, kind, bitcode), *others = rest
        library = (name, kind, (code, bitcode))
        return CompileResult._rebuild(target_context, library, *others)


class DeviceParts:
    """The same for a CUDA kernel, whose code numba does not part from the rest."""

    target = functools.partial(target_override, "cuda")

    @staticmethod
    def take_apart(kernel: Any) -> tuple[bytes, Any, str]:
        """Return nothing, everything, and no symbol."""
        return b"", kernel._reduce_states(), ""

    @staticmethod
    def put_together(target_context: Any, code: bytes, rest: Any) -> Any:
        """Undo `take_apart`."""
        from numba.cuda.dispatcher import _Kernel

        return _Kernel._rebuild(**rest)


class KernelCache:
    """What numba asks before and after it compiles a function.

    Parameters
    ----------
    function
        The plain Python function.
    parts
        `HostParts` or `DeviceParts`.
    """

    def __init__(self, function: Any, parts: Any) -> None:
        self._function, self._parts = function, parts

    @property
    def cache_path(self) -> str | None:
        """The folder."""
        folder, _ = cache_folder()
        return None if folder is None else str(folder)

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Return what was kept for a signature; None to have it compiled."""
        with self._parts.target():
            target_context.refresh()
        self._target = target_context
        key = self._key(signature)
        path = self._path(key)
        if path is None:
            return None
        try:
            code, rest = read(path, key)
            return self._parts.put_together(target_context, code, pickle.loads(rest))
        except Exception:
            # Whatever it is: not there, damaged, planted, of another numba.
            return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep what was compiled; warn where that is not possible."""
        key = self._key(signature)
        path = self._path(key)
        if path is None:
            return
        code, rest, symbol = self._parts.take_apart(result)
        try:
            write(path, key, code, dumps(rest), symbol)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            _warn(f"compiled kernels cannot be kept in {path.parent}: {reason}")

    def _path(self, key: dict[str, Any]) -> pathlib.Path | None:
        folder, trouble = cache_folder()
        if trouble:
            _warn(trouble)
        if folder is None:
            return None
        name = hashlib.sha256(_text(key)).hexdigest()[:24]
        return folder / f"{self._function.__name__}-{name}{SUFFIX}"

    def _key(self, signature: Any) -> dict[str, Any]:
        function = self._function
        cells = tuple(cell.cell_contents for cell in function.__closure__ or ())
        return {
            "function": f"{function.__module__}.{function.__qualname__}",
            "line": function.__code__.co_firstlineno,
            "source": _file_digest(function.__code__.co_filename),
            "kernels": sources_digest(),
            "closure": hashlib.sha256(dumps(cells)).hexdigest() if cells else "",
            "signature": str(signature),
            "target": [str(part) for part in self._target.codegen().magic_tuple()],
            "settings": {name: str(getattr(config, name)) for name in SETTINGS},
            "versions": [
                numba.__version__,
                llvmlite.__version__,
                numpy.__version__,
                str(sys.implementation.cache_tag),
            ],
        }


def read(path: pathlib.Path, key: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return object code and pickle of a file that is this user's own and whole.

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
    if _text(described["key"]) != _text(key):
        raise ValueError("of another function")
    size, rest_size = described["sizes"]
    return body[:size], body[size : size + rest_size]


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
    checked = _text(header) + b"\n" + code + rest
    checksum = hashlib.sha256(checked).hexdigest().encode()
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}{UNFINISHED}")
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


@functools.lru_cache(maxsize=None)
def _file_digest(path: str) -> str:
    try:
        return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""


def _text(content: Any) -> bytes:
    return json.dumps(content, sort_keys=True).encode("ascii")


def _host_target() -> Any:
    from numba.core.registry import cpu_target

    return cpu_target
