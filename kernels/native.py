# SPDX-License-Identifier: MIT
"""Kernels as C functions: loaded by llvmlite alone, compiled by numba where they must.

A kernel's machine code is numba's own function, without the wrappers for Python:

    int32 function(result *, void **error, leaf, leaf ...)

with the leaves of `kinds`. It needs nothing of numba's runtime (`_nrt=False` makes
numba refuse what would) and the interpreter's lock is not held while it runs. So a run
whose kernels are all kept imports neither numba nor Python code of kernels.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numpy as np

from . import machine_code
from .cache_folder import host, numba_version, sources_digest
from .kinds import Kind, described

#: Settings of numba, as variables of the environment, that change the code it makes.
SETTINGS = (
    "NUMBA_CPU_NAME",
    "NUMBA_CPU_FEATURES",
    "NUMBA_ENABLE_AVX",
    "NUMBA_OPT",
    "NUMBA_LOOP_VECTORIZE",
    "NUMBA_SLP_VECTORIZE",
    "NUMBA_BOUNDSCHECK",
)
#: The other way to set them, which numba looks for where it is started.
SETTINGS_FILE = ".numba_config.yaml"
#: Options of numba that leave out the code for calls from Python and C.
WRAPPERS = "no_cfunc_wrapper", "no_cpython_wrapper"
#: Of numba's functions: no error; -2: no error, and the result is None.
FINE = (0, -2)

_lock = threading.RLock()
_addresses: dict[tuple[str, tuple[Kind, ...]], int] = {}
#: Machine code goes when its engine does.
_engines: list[Any] = []


def _renew_lock() -> None:
    """Perhaps it is held by a thread that this process, just forked, does not have."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


class Kernel:
    """A kernel that Python calls.

    Parameters
    ----------
    name
        Module below `nbsim.kernels`, and function.
    result
        What it returns: numpy's names of types, one after the other; "" for None.
    """

    def __init__(self, name: str, result: str = "") -> None:
        self.name, self.result = name, result
        kinds = [(f"f{i}", kind) for i, kind in enumerate(result.split())]
        self._dtype = np.dtype(kinds, align=True)

    def __call__(self, *values: Any) -> Any:
        """Call it; compile it for these types of values before if it has to be."""
        call, result = self._prepared(values)
        call()
        return self._answer(result)

    def on_threads(self, values: Sequence[Any], threads: int) -> list[Any]:
        """Call it on each of several threads, its number last; return what they do."""
        numbers = range(threads)
        prepared = [self._prepared((*values, number)) for number in numbers]
        together([call for call, _ in prepared])
        return [self._answer(result) for _, result in prepared]

    def _prepared(self, values: Sequence[Any]) -> tuple[Callable[[], None], np.ndarray]:
        parts = [described(value) for value in values]
        place = address(self.name, tuple(part.kind for part in parts))
        # At least the pointer that stands for None.
        result = np.zeros(max(16, self._dtype.itemsize), np.uint8)
        leaves = [leaf for part in parts for leaf in part.leaves]

        def call() -> None:
            # Uses `values`: their memory must not go meanwhile.
            assert values is not None
            invoke(self.name, place, result.ctypes.data, leaves)

        return call, result

    def _answer(self, result: np.ndarray) -> Any:
        if not self.result:
            return None
        answer = result[: self._dtype.itemsize].view(self._dtype)[0].item()
        return answer if len(answer) > 1 else answer[0]


def invoke(name: str, place: int, result: int, leaves: Sequence[Any]) -> None:
    """Call machine code.

    Parameters
    ----------
    name
        For the message if it fails.
    place, result
        Addresses of the code, and of memory for its result.
    leaves
        ctypes' objects, of its arguments.
    """
    function = _prototype(tuple(map(type, leaves)))(place)
    error = ctypes.c_void_p(None)
    status = function(result, ctypes.addressof(error), *leaves)
    if status not in FINE:
        raise RuntimeError(f"kernel {name} failed")


@functools.lru_cache(maxsize=None)
def _prototype(kinds: tuple[Any, ...]) -> Any:
    return ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *kinds)


def together(calls: Sequence[Callable[[], None]]) -> None:
    """Make calls at the same time, the first in this thread; wait for all of them.

    Raises
    ------
    Exception
        What the first of those raised that did.
    """
    errors: list[BaseException] = []

    def guarded(call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as error:
            errors.append(error)

    others = [threading.Thread(target=guarded, args=(call,)) for call in calls[1:]]
    for thread in others:
        thread.start()
    guarded(calls[0])
    for thread in others:
        thread.join()
    if errors:
        raise errors[0]


def address(name: str, kinds: tuple[Kind, ...]) -> int:
    """Return the address of a kernel's machine code, for the life of the process.

    Parameters
    ----------
    name
        Module below `nbsim.kernels`, and function.
    kinds
        Of its arguments.
    """
    found = _addresses.get((name, kinds))
    if found is None:
        with _lock:
            found = _addresses.get((name, kinds)) or _load_or_compile(name, kinds)
            _addresses[name, kinds] = found
    return found


def _load_or_compile(name: str, kinds: tuple[Kind, ...]) -> int:
    key = _key(name, kinds)
    path = machine_code.path_of(name.rpartition(".")[2], key)
    if path is not None:
        # Whatever it is: not there, damaged, planted, of another version.
        with contextlib.suppress(Exception):
            kept = machine_code.read(path, key)
            return _link(kept.code, kept.entry)
    code, entry = compiled(name, kinds)
    if path is not None and not os.path.exists(SETTINGS_FILE):
        machine_code.keep(path, key, code, b"", entry)
    return _link(code, entry)


def _link(code: bytes, entry: str) -> int:
    """Make object code ready to run; return the address of a function in it."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    machine = target.create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code))
    engine.finalize_object()
    place = engine.get_function_address(entry)
    if not place:
        raise ValueError(f"no function {entry}")
    _engines.append(engine)
    return place


def function_of(name: str) -> Any:
    """Return a kernel as it stands in its module."""
    module, _, function = name.rpartition(".")
    return getattr(importlib.import_module(f"{__package__}.{module}"), function)


def compiled(name: str, kinds: Sequence[Kind]) -> tuple[bytes, str]:
    """Compile a kernel; return object code, and the symbol of the function in it."""
    machine_code.say_compiling()
    result = compile_result(name, kinds)
    return result.library._get_compiled_object(), result.fndesc.llvm_func_name


def compile_result(name: str, kinds: Sequence[Kind]) -> Any:
    """Return what numba makes of a kernel."""
    from numba import njit

    from .jit import LANE_OPTIONS

    function = function_of(name)
    options = dict(getattr(function, "targetoptions", LANE_OPTIONS))
    for own in (*WRAPPERS, "nogil", "nopython", "_nrt"):
        options.pop(own, None)
    options.update({wrapper: True for wrapper in WRAPPERS}, _nrt=False)
    bare = njit(**options)(getattr(function, "py_func", function))
    types = tuple(kind.make() for kind in kinds)
    bare.compile(types)
    return bare.overloads[types]


def _key(name: str, kinds: Sequence[Kind]) -> dict[str, Any]:
    return {
        "function": f"{__package__}.{name}",
        "signature": ", ".join(kind.text for kind in kinds),
        "kernels": sources_digest(),
        "target": list(host()),
        "settings": {name: os.environ.get(name, "") for name in SETTINGS},
        "versions": [numba_version(), llvmlite.__version__, np.__version__],
    }
