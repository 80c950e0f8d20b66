# SPDX-License-Identifier: MIT
"""Arrays on a CUDA device that outlive an image.

A loop over frames wants the same tables again, and an image of the same size: what
has not changed is not sent again, and nothing is allocated twice.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

#: Writable tables up to this size are compared by content, bytes. A larger one is sent
#: again. One that nobody can write is known by its place in memory.
COMPARED = 2**20


class DeviceMemory:
    """Named arrays of one device. One run at a time may use them.

    All methods need the device to be the current one.
    """

    def __init__(self) -> None:
        self._tables: dict[str, tuple[np.ndarray, Any]] = {}
        self._room: dict[str, Any] = {}

    def table(self, cuda: Any, name: str, host: np.ndarray) -> Any:
        """Return a table on the device; it is sent if it has changed.

        Parameters
        ----------
        cuda
            The module `numba.cuda`.
        name
            What it is.
        host
            C-contiguous.
        """
        kept = self._tables.get(name)
        if kept is not None:
            known, on_device = kept
            if _same_memory(known, host) or _same_content(known, host):
                return on_device
            # Before anything can fail halfway.
            del self._tables[name]
            if known.shape == host.shape and known.dtype == host.dtype:
                on_device.copy_to_device(host)
                self._tables[name] = _remembered(host), on_device
                return on_device
        on_device = cuda.to_device(host)
        self._tables[name] = _remembered(host), on_device
        return on_device

    def room(self, cuda: Any, name: str, count: int, dtype: type) -> Any:
        """Return a flat array for so many elements; what is in it is left over."""
        kept = self._room.get(name)
        if kept is None or kept.shape[0] < count:
            self._room.pop(name, None)
            del kept
            self._room[name] = kept = cuda.device_array(count, dtype)
        return kept[:count]

    def zeros(self, cuda: Any, name: str, count: int, dtype: type) -> Any:
        """Return the same as `room`, of zeros that whoever uses it leaves behind."""
        kept = self._room.get(name)
        if kept is None or kept.shape[0] < count:
            self._room[name] = kept = cuda.to_device(np.zeros(count, dtype))
        return kept[:count]


def _remembered(host: np.ndarray) -> np.ndarray:
    """Return what a table is compared with later; its memory is not used anew."""
    is_fixed = not host.flags.writeable or host.nbytes > COMPARED
    return host if is_fixed else host.copy()


def _same_memory(known: np.ndarray, host: np.ndarray) -> bool:
    if known.flags.writeable or host.flags.writeable:
        return False
    return (
        known.ctypes.data == host.ctypes.data
        and known.shape == host.shape
        and known.dtype == host.dtype
    )


def _same_content(known: np.ndarray, host: np.ndarray) -> bool:
    if known.nbytes > COMPARED or known.dtype != host.dtype:
        return False
    return known.shape == host.shape and known.tobytes() == host.tobytes()


_free: dict[int, list[DeviceMemory]] = {}
_lock = threading.Lock()


def borrow(index: int) -> DeviceMemory:
    """Return the memory of a device that no run is using, new if need be."""
    with _lock:
        waiting = _free.setdefault(index, [])
        return waiting.pop() if waiting else DeviceMemory()


def give_back(index: int, memory: DeviceMemory) -> None:
    """Let the next run have a device's memory; one is enough for a loop."""
    with _lock:
        _free[index] = [memory]


def forget(index: int) -> None:
    """Let go of what is kept on a device."""
    with _lock:
        _free.pop(index, None)
