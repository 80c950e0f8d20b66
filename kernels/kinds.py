# SPDX-License-Identifier: MIT
"""What kernels are given: the type of a value in words, for numba, and as C sees it.

Numba's compiled functions take the leaves of a value one by one: of an array the two
that keep its memory alive (unused here), elements, bytes of one, address, shape and
strides; of a tuple those of each member. Knowing this, a kernel can be called without
numba. Importing numba takes longer than rendering a still.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

NOTHING = ctypes.c_void_p(None)


class Kind:
    """The type of an argument.

    Parameters
    ----------
    text
        What it is: equal for equal types, in every process.
    make
        Returns numba's type.
    """

    __slots__ = ("text", "make")

    def __init__(self, text: str, make: Callable[[], Any]) -> None:
        self.text, self.make = text, make

    def __repr__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kind) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


class Described(NamedTuple):
    """A value's kind, and its leaves."""

    kind: Kind
    leaves: list[Any]


def named(name: str) -> Kind:
    """Return a kind that numba has a name for, such as "float64"."""

    def make() -> Any:
        import numba

        return getattr(numba, name)

    return Kind(name, make)


FLOAT32, FLOAT64, INT64 = named("float32"), named("float64"), named("int64")
UINT8, UINT32, INT32 = named("uint8"), named("uint32"), named("int32")


def pointer(kind: Kind) -> Kind:
    """Return the kind of an address of what has a kind."""

    def make() -> Any:
        from numba.core.types import CPointer

        return CPointer(kind.make())

    return Kind(f"{kind.text}*", make)


def element(dtype: Any) -> Kind:
    """Return the kind of an array's element, or of a record."""

    def make() -> Any:
        from numba import from_dtype

        return from_dtype(np.dtype(dtype))

    return Kind(_dtype_text(np.dtype(dtype)), make)


def kind_of(value: Any) -> Kind:
    """Return the kind of a value."""
    return described(value).kind


def described(value: Any) -> Described:
    """Return kind and leaves of a value: array, record, number, None or tuple of such.

    Raises
    ------
    TypeError
        For anything else.
    """
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, tuple):
        return _tuple(value)
    for types, kind, leaf in _SCALARS:
        if isinstance(value, types):
            return Described(kind, [leaf(value)])
    if value is None:
        return Described(named("none"), [NOTHING])
    if isinstance(value, np.void):
        # Its own memory: `np.asarray` would copy it.
        address = np.frombuffer(value.data, np.uint8).ctypes.data
        return Described(element(value.dtype), [ctypes.c_void_p(address)])
    raise TypeError(f"a kernel cannot take a {type(value).__name__}")


#: The first that fits: bool is an int, and float64 a float.
_SCALARS: Sequence[tuple[Any, Kind, Callable[[Any], Any]]] = (
    ((bool, np.bool_), named("boolean"), ctypes.c_uint8),
    ((int, np.int64), INT64, ctypes.c_int64),
    ((float, np.float64), FLOAT64, ctypes.c_double),
    (np.float32, FLOAT32, ctypes.c_float),
    (np.int32, INT32, ctypes.c_int32),
    (np.uint32, UINT32, ctypes.c_uint32),
    (np.uint64, named("uint64"), ctypes.c_uint64),
)


def _array(array: np.ndarray) -> Described:
    flags = array.flags
    layout = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
    dtype, dimensions, readonly = array.dtype, array.ndim, not flags.writeable
    aligned = flags.aligned

    def make() -> Any:
        from numba import from_dtype
        from numba.core.types import Array

        return Array(from_dtype(dtype), dimensions, layout, readonly, aligned=aligned)

    words = [_dtype_text(dtype), f"{dimensions}d", layout]
    words += ["readonly"] * readonly + ["unaligned"] * (not aligned)
    numbers = (array.size, array.itemsize)
    leaves = [NOTHING, NOTHING, *map(ctypes.c_int64, numbers)]
    leaves.append(ctypes.c_void_p(array.ctypes.data))
    leaves += map(ctypes.c_int64, (*array.shape, *array.strides))
    return Described(Kind(f"array({' '.join(words)})", make), leaves)


def _tuple(values: tuple) -> Described:
    parts = [described(value) for value in values]
    kinds = [part.kind for part in parts]
    fields = getattr(values, "_fields", None)
    cls = type(values)

    def make() -> Any:
        from numba.core.types import BaseTuple

        types = [kind.make() for kind in kinds]
        if fields is None:
            return BaseTuple.from_types(types)
        return BaseTuple.from_types(types, cls)

    texts = [kind.text for kind in kinds]
    if fields is not None:
        texts = [f"{field}: {text}" for field, text in zip(fields, texts)]
    name = "" if fields is None else f"{cls.__module__}.{cls.__qualname__}"
    leaves = [leaf for part in parts for leaf in part.leaves]
    return Described(Kind(f"{name}({', '.join(texts)})", make), leaves)


def _dtype_text(dtype: np.dtype) -> str:
    if dtype.names is None:
        if dtype.subdtype is None:
            return dtype.str
        return f"{_dtype_text(dtype.subdtype[0])}{dtype.shape}"
    texts = []
    for name in dtype.names:
        part, place = (dtype.fields or {})[name][:2]
        texts.append(f"{name}@{place}: {_dtype_text(part)}")
    return f"{{{', '.join(texts)}; {dtype.itemsize}}}"
