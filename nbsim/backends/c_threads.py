# SPDX-License-Identifier: MIT
"""Kernels on several threads, without numba's threads and without Python's lock."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence


def on_threads(name: str, address: int, arguments: Sequence[int], threads: int) -> None:
    """Call a kernel on each thread and wait for all of them.

    Parameters
    ----------
    name, address
        The kernel: it takes addresses, then the number of the thread.
    arguments
        The addresses.
    threads
        How many; one of them is the calling thread.
    """
    from ..kernels.native import invoke, together

    nothing = ctypes.c_int64()  # what they return is of no interest
    pointers = [ctypes.c_void_p(place) for place in arguments]
    result = ctypes.addressof(nothing)
    together(
        [
            functools.partial(
                invoke, name, address, result, [*pointers, ctypes.c_int64(number)]
            )
            for number in range(threads)
        ]
    )
