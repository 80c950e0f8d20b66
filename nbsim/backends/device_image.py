# SPDX-License-Identifier: MIT
"""An image that stays on a CUDA device, for other libraries to use without a copy."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .device import device_errors
from .simulator import simulated

#: Of DLPack's device types.
ON_PROCESSOR, ON_CUDA = 1, 2
#: Of its kinds of numbers, by NumPy's letters for them.
KINDS = {"i": 0, "u": 1, "f": 2}
NAME = b"dltensor"


class _Device(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int32), ("index", ctypes.c_int32)]


class _DataType(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
    ]


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("ndim", ctypes.c_int32),
        ("dtype", _DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class _ManagedTensor(ctypes.Structure):
    _fields_ = [
        ("tensor", _Tensor),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
    ]


#: What capsules point to, by address, until whoever took one lets go of it.
_lent: dict[int, Any] = {}
_Callback = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@_Callback
def _let_go(address: int) -> None:
    _lent.pop(address, None)


def _capsule_function(name: str, result: Any, *arguments: Any) -> Any:
    # A prototype of our own: others may have set types on ctypes.pythonapi's.
    return ctypes.PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))


_new = _capsule_function(
    "PyCapsule_New", ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p
)
# By address: a capsule that is being destroyed must not be counted as used again.
_is_valid = _capsule_function(
    "PyCapsule_IsValid", ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p
)
_pointer = _capsule_function(
    "PyCapsule_GetPointer", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p
)


@ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
def _destroyed(capsule: int) -> None:
    # One that was taken has another name, and its taker calls the deleter.
    if _is_valid(capsule, NAME):
        _lent.pop(_pointer(capsule, NAME), None)


class DeviceImage:
    """An image in the memory of a CUDA device.

    torch, CuPy and others take it as it is, through `__dlpack__` or
    `__cuda_array_interface__`; the memory is freed when nobody uses it any more. The
    image is finished: no stream has to be waited for.

    Attributes
    ----------
    shape
        (slow, fast).
    dtype
        float32 of photons, whole numbers of what a detector makes of them.
    index
        Number of the device.
    flat
        The device array, in raster order.
    """

    def __init__(self, flat: Any, shape: tuple[int, int], index: int) -> None:
        self.flat = flat
        self.shape = shape
        self.dtype = np.dtype(flat.dtype)
        self.index = index

    def __repr__(self) -> str:
        return (
            f"DeviceImage(shape={self.shape}, dtype={self.dtype}, "
            f"device=cuda:{self.index})"
        )

    @property
    def address(self) -> int:
        """Of the first pixel, in the device's memory."""
        if simulated():
            return int(self.flat.__array_interface__["data"][0])
        return int(self.flat.__cuda_array_interface__["data"][0])

    @classmethod
    def sent(cls, host: np.ndarray, index: int) -> DeviceImage:
        """Return a copy of an image (slow, fast) on a device."""
        from numba import cuda

        with device_errors(index), cuda.gpus[index]:
            flat = cuda.to_device(np.ascontiguousarray(host).reshape(-1))
        return cls(flat, host.shape, index)

    def add(self, other: DeviceImage) -> None:
        """Add an image of photons to this one, in single precision."""
        from ..kernels.cuda.noise import add_images
        from .cuda_device import threads_per_block

        threads = threads_per_block()
        grid = -(-self.flat.size // threads)
        with self.current():
            add_images[grid, threads](  # pyright: ignore
                self.flat, other.flat, self.flat
            )

    def copy_to_host(self) -> np.ndarray:
        """Return the image as a NumPy array."""
        with self.current():
            return self.flat.copy_to_host().reshape(self.shape)

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make the image's device the current one, and wait for it at the end."""
        from numba import cuda

        with device_errors(self.index), cuda.gpus[self.index]:
            yield
            cuda.synchronize()

    def made(self, work: Callable[[Any], Any]) -> DeviceImage:
        """Return the image that some work on the device makes of this one.

        Parameters
        ----------
        work
            Given the flat array, returns another.
        """
        with self.current():
            flat = work(self.flat)
        return DeviceImage(flat, self.shape, self.index)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {
            "shape": self.shape,
            "strides": None,
            "typestr": self.dtype.str,
            "data": (self.address, False),
            "version": 3,
            "stream": None,
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        # The simulator's memory is the processor's.
        return (ON_PROCESSOR, 0) if simulated() else (ON_CUDA, self.index)

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """Return a capsule; see the DLPack protocol.

        Raises
        ------
        BufferError
            When a copy is wanted, or another device.
        """
        if copy or dl_device not in (None, self.__dlpack_device__()):
            raise BufferError("an image on a device is lent where it is, not copied")
        shape = (ctypes.c_int64 * 2)(*self.shape)
        strides = (ctypes.c_int64 * 2)(self.shape[1], 1)
        managed = _ManagedTensor(
            tensor=_Tensor(
                data=self.address,
                device=_Device(*self.__dlpack_device__()),
                ndim=2,
                dtype=_DataType(KINDS[self.dtype.kind], 8 * self.dtype.itemsize, 1),
                shape=shape,
                strides=strides,
            ),
            deleter=ctypes.cast(_let_go, ctypes.c_void_p),
        )
        address = ctypes.addressof(managed)
        _lent[address] = managed, shape, strides, self.flat
        return _new(address, NAME, ctypes.cast(_destroyed, ctypes.c_void_p))
