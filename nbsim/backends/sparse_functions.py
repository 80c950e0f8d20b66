# SPDX-License-Identifier: MIT
"""The compiled functions of sparse rendering, and what they are given for a run."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from .cpu_arguments import Lookup
from .cpu_functions import c_function, packed


class Functions(NamedTuple):
    """Addresses of the three steps of `kernels/cpu/sparse_band` and the inner loop."""

    find_hits: int
    sort_hits: int
    render: int
    add_lit: int


@functools.lru_cache(maxsize=None)
def _functions(
    shape: Any, lookup: Any, guard: Any, table: np.dtype, run: np.dtype
) -> Functions:
    """Compile for types: numba's of named tuples, numpy's of table and run record."""
    from numba import float32, float64, from_dtype, int64
    from numba.core.types import CPointer

    from ..kernels.cpu.sparse_band import BAND
    from ..kernels.cpu.sparse_hits import find_hits, sort_hits
    from ..kernels.cpu.sparse_lanes import add_lit, add_lit_single
    from ..kernels.cpu.sparse_tiles import LIT_LOOP, render_lit_tiles

    rows, band = CPointer(float64), CPointer(from_dtype(BAND))
    lit_types = (
        *(rows, rows, rows, rows, CPointer(float32), CPointer(int64)),
        *(int64, int64, int64, int64, rows, rows, int64),
        *(int64, int64, int64, float64),
        *(CPointer(shape), CPointer(lookup), CPointer(guard)),
    )
    find_types = (band, CPointer(lookup), CPointer(from_dtype(table)), int64)
    render_types = (
        *(band, CPointer(from_dtype(run)), CPointer(from_dtype(LIT_LOOP))),
        int64,
    )
    loop = add_lit_single if table == np.float32 else add_lit
    return Functions(
        find_hits=c_function(find_hits, find_types).address,
        sort_hits=c_function(sort_hits, (band, int64)).address,
        render=c_function(render_lit_tiles, render_types).address,
        add_lit=c_function(loop, lit_types).address,
    )


class LitLoop:
    """The inner loop for a shape, a lookup and a guard, and the steps around it.

    Attributes
    ----------
    functions
        See `Functions`.
    record
        (1,) `sparse_tiles.LIT_LOOP`: addresses, valid as long as this object lives.
    lookup, table
        What `sparse_hits.find_hits` is given.
    """

    def __init__(
        self,
        shape: tuple,
        lookup: Lookup,
        guard: tuple,
        factor: float,
        run: np.ndarray,
    ) -> None:
        from numba import typeof

        from ..kernels.cpu.sparse_tiles import LIT_LOOP

        types = (typeof(part) for part in (shape, lookup.arguments, guard))
        self.functions = _functions(*types, lookup.table.dtype, run.dtype)
        self.lookup, self.table = packed(lookup.arguments), lookup.table
        self._kept = packed(shape), self.lookup, packed(guard)
        addresses = (part.ctypes.data for part in self._kept)
        single = lookup.table.dtype == np.float32
        values = (self.functions.add_lit, *addresses, factor, 0, single)
        self.record = np.array([values], LIT_LOOP)
