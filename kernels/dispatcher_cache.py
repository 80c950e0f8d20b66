# SPDX-License-Identifier: MIT
"""Machine code of what is called through numba: CUDA kernels, and a few more.

`kept` has numba keep its code in the files of `machine_code`.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import pathlib
import pickle
import sys
from typing import Any

import llvmlite
import numba
import numpy
from numba import config
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps
from numba.core.target_extension import target_override

from . import machine_code
from .cache_folder import cache_folder, sources_digest

#: Settings of numba that change the code it makes.
SETTINGS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK")


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
        path = machine_code.path_of(self._function.__name__, key)
        if path is not None:
            # Whatever it is: not there, damaged, planted, of another numba.
            with contextlib.suppress(Exception):
                kept = machine_code.read(path, key)
                rest = pickle.loads(kept.rest)
                return self._parts.put_together(target_context, kept.code, rest)
        machine_code.say_compiling()
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep what was compiled; warn where that is not possible."""
        key = self._key(signature)
        path = machine_code.path_of(self._function.__name__, key)
        if path is None:
            return
        code, rest, symbol = self._parts.take_apart(result)
        machine_code.keep(path, key, code, dumps(rest), symbol)

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


@functools.lru_cache(maxsize=None)
def _file_digest(path: str) -> str:
    try:
        return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""


def _host_target() -> Any:
    from numba.core.registry import cpu_target

    return cpu_target
