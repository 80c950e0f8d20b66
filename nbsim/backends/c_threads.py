# SPDX-License-Identifier: MIT
"""C functions on several threads, without numba's threads and without Python's lock."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence


def on_threads(address: int, arguments: Sequence[int], threads: int) -> None:
    """Call a C function on each thread and wait for all of them.

    Parameters
    ----------
    address
        The function: addresses, then the number of the thread; it returns an int64.
    arguments
        The addresses.
    threads
        How many; one of them is the calling thread.
    """
    kinds = [ctypes.c_void_p] * len(arguments) + [ctypes.c_int64]
    function = ctypes.CFUNCTYPE(ctypes.c_int64, *kinds)(address)
    others = [
        threading.Thread(target=function, args=(*arguments, number))
        for number in range(1, threads)
    ]
    for thread in others:
        thread.start()
    function(*arguments, 0)
    for thread in others:
        thread.join()
