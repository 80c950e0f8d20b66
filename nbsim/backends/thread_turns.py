# SPDX-License-Identifier: MIT
"""Parallel loops of several Python threads and processes, where numba allows them."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

#: Threading layers of numba that several Python threads may enter together.
SAFE_LAYERS = ("omp", "tbb")
_ONE_AT_A_TIME = threading.Lock()
_FORKED = (
    "this process was made by os.fork after its parent had rendered, which the OpenMP "
    "of GNU does not survive: start processes with "
    'multiprocessing.get_context("forkserver") or "spawn", or render in none before '
    "(docs/python.md)"
)


def parallel(work: Callable[[], Any]) -> Callable[[], Any]:
    """Return work that launches parallel kernels, with the calling thread's number.

    Numba counts the threads to be used for each Python thread.
    """
    import numba

    check_fork()
    with parallel_turn():  # asking launches them
        threads = numba.get_num_threads()

    @functools.wraps(work)
    def in_turn() -> Any:
        with parallel_turn():
            numba.set_num_threads(threads)
            return work()

    return in_turn


def parallel_turn() -> AbstractContextManager[object]:
    """Return the context in which a parallel kernel may be launched.

    Numba's own layer (workqueue) ends the process when two threads enter it; with
    it, and before the first launch has chosen a layer, the threads take turns.
    """
    return contextlib.nullcontext() if _layer() in SAFE_LAYERS else _ONE_AT_A_TIME


def check_fork() -> None:
    """Refuse to launch where GNU OpenMP would end the process.

    Raises
    ------
    RuntimeError
        In a process that was forked after a launch.
    """
    if _forked_layer == "omp" and _is_gnu():
        raise RuntimeError(_FORKED)


def _layer() -> str | None:
    """Return numba's threading layer; None before anything was launched."""
    import numba

    try:
        # Numba ships no types and does not say which of its names are public.
        return numba.threading_layer()  # pyright: ignore[reportPrivateImportUsage]
    except ValueError:
        return None


def _is_gnu() -> bool:
    from numba.np.ufunc import omppool  # pyright: ignore

    return omppool.openmp_vendor == "GNU"


#: The layer that the parent of this process had launched; None: it had not.
_forked_layer: str | None = None


def _remember_layer() -> None:
    global _forked_layer, _ONE_AT_A_TIME
    _forked_layer = _layer() if "numba" in sys.modules else None
    # Perhaps held by a thread that this process does not have.
    _ONE_AT_A_TIME = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_remember_layer)
