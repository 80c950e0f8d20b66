# SPDX-License-Identifier: MIT
"""Kernels that are called by address: compiled C functions and what they are given.

See `kernels/cpu/tiles.py` for the reason.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .cpu_arguments import Lookup


@functools.lru_cache(maxsize=None)
def c_function(function: Callable[..., int], arguments: tuple[Any, ...]) -> Any:
    """Return a kernel as a C function, `address` included.

    Kept for the life of the process, as its machine code must be.

    Parameters
    ----------
    function
        Plain Python function that returns an int64.
    arguments
        Numba types; the caller must pass exactly these.
    """
    from numba import int64

    from ..kernels.jit import LANE_OPTIONS
    from ..kernels.machine_code import kept_c_function

    return kept_c_function(function, int64(*arguments), LANE_OPTIONS)


def packed(values: Any) -> np.ndarray:
    """Return a named tuple as one record, laid out as a compiled loop expects it.

    Returns
    -------
    ndarray
        (1,) structured, aligned as in C.
    """
    parts = {name: np.asarray(value) for name, value in values._asdict().items()}
    fields = [(name, part.dtype, part.shape) for name, part in parts.items()]
    record = np.zeros(1, np.dtype(fields, align=True))
    for name, part in parts.items():
        record[name] = part
    return record


class LaneLoop:
    """An innermost loop of `kernels/lanes*.py`, compiled for a shape and a lookup.

    Attributes
    ----------
    record
        (1,) `tiles.LOOP`: addresses, valid as long as this object lives.
    """

    def __init__(
        self,
        function: Callable[..., int],
        shape: tuple,
        lookup: Lookup,
        factor: float,
        running: bool = False,
        of_sources: Sequence[tuple] = (),
    ):
        from ..kernels.cpu.tiles import LOOP

        # One after the other: a source's is so many bytes from the first.
        lookups = [packed(one) for one in of_sources or (lookup.arguments,)]
        step = lookups[0].itemsize if of_sources else 0
        self._kept = packed(shape), np.concatenate(lookups), lookup.table
        types = loop_types(shape, lookup.arguments, lookup.table)
        address = c_function(function, types).address
        arguments = (part.ctypes.data for part in self._kept)
        numbers = (address, *arguments, factor, running, step, 0, 0)
        self.record = np.array([numbers], LOOP)


def loop_types(shape: tuple, lookup: tuple, table: np.ndarray) -> tuple[Any, ...]:
    """Return the types of the arguments of `lanes.add_terms` and its like."""
    from numba import float64, from_dtype, int64, typeof
    from numba.core.types import CPointer

    rows = CPointer(float64)
    kinds = typeof(shape), typeof(lookup), from_dtype(table.dtype)
    pointers = [CPointer(kind) for kind in kinds]
    return (*[rows] * 8, int64, rows, int64, *pointers, float64, int64)


def tile_types(of_tile: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the types of `tiles.render_tile` for the arguments from `runs` on."""
    from numba import float64, int64, typeof, uint8
    from numba.core.types import CPointer

    rows, flags = CPointer(float64), CPointer(uint8)
    return (int64, int64, int64, rows, rows, flags, *map(typeof, of_tile))
