# SPDX-License-Identifier: MIT
"""The compiled functions of sparse rendering, and what they are given for a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .cpu_arguments import Lookup
from .cpu_functions import packed

if TYPE_CHECKING:
    from ..kernels.kinds import Kind


class Functions(NamedTuple):
    """Addresses of the three steps of `kernels/cpu/sparse_band` and the inner loop."""

    find_hits: int
    sort_hits: int
    render: int
    add_lit: int


def _functions(
    shape: Kind, lookup: Kind, guard: Kind, table: np.dtype, run: np.dtype
) -> Functions:
    """Return the functions for kinds of named tuples, and types of table and record."""
    from ..kernels.cpu.sparse_band import BAND
    from ..kernels.kinds import FLOAT32, FLOAT64, INT64, element, pointer
    from ..kernels.layout import LIT_LOOP
    from ..kernels.native import address

    rows, band = pointer(FLOAT64), pointer(element(BAND))
    shapes = [pointer(kind) for kind in (shape, lookup, guard)]
    lit_kinds = (
        *(rows, rows, rows, rows, pointer(FLOAT32), pointer(INT64)),
        *(INT64, INT64, INT64, INT64, rows, rows, INT64),
        *(INT64, INT64, INT64, FLOAT64, *shapes),
    )
    find_kinds = (band, shapes[1], pointer(element(table)), INT64)
    records = pointer(element(run)), pointer(element(LIT_LOOP))
    loop = "add_lit_single" if table == np.float32 else "add_lit"
    return Functions(
        find_hits=address("cpu.sparse_hits.find_hits", find_kinds),
        sort_hits=address("cpu.sparse_hits.sort_hits", (band, INT64)),
        render=address("cpu.sparse_tiles.render_lit_tiles", (band, *records, INT64)),
        add_lit=address(f"cpu.sparse_lanes.{loop}", lit_kinds),
    )


class LitLoop:
    """The inner loop for a shape, a lookup and a guard, and the steps around it.

    Attributes
    ----------
    functions
        See `Functions`.
    record
        (1,) `layout.LIT_LOOP`: addresses, valid as long as this object lives.
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
        from ..kernels.kinds import kind_of
        from ..kernels.layout import LIT_LOOP

        self.functions = _functions(
            kind_of(shape),
            kind_of(lookup.arguments),
            kind_of(guard),
            lookup.table.dtype,
            run.dtype,
        )
        self.lookup, self.table = packed(lookup.arguments), lookup.table
        self._kept = packed(shape), self.lookup, packed(guard)
        addresses = (part.ctypes.data for part in self._kept)
        single = lookup.table.dtype == np.float32
        values = (self.functions.add_lit, *addresses, factor, 0, single)
        self.record = np.array([values], LIT_LOOP)
