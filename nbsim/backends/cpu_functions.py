# SPDX-License-Identifier: MIT
"""Kernels that are called by address, and what they are given.

See `kernels/cpu/tiles.py` for the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..kernels.kinds import Kind
    from .cpu_arguments import Lookup


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
    """An innermost loop of `kernels/cpu/lanes*.py`, compiled for a shape and a lookup.

    Parameters
    ----------
    function
        Its module below `kernels/cpu`, and name.

    Attributes
    ----------
    record
        (1,) `layout.LOOP`: addresses, valid as long as this object lives.
    """

    def __init__(
        self,
        function: str,
        shape: tuple,
        lookup: Lookup,
        factor: float,
        running: bool = False,
        of_sources: Sequence[tuple] = (),
    ):
        from ..kernels.layout import LOOP
        from ..kernels.native import address

        # One after the other: a source's is so many bytes from the first.
        lookups = [packed(one) for one in of_sources or (lookup.arguments,)]
        step = lookups[0].itemsize if of_sources else 0
        self._kept = packed(shape), np.concatenate(lookups), lookup.table
        kinds = loop_kinds(shape, lookup.arguments, lookup.table)
        place = address(f"cpu.{function}", kinds)
        arguments = (part.ctypes.data for part in self._kept)
        interpolates = "cubic" in function
        numbers = (place, *arguments, factor, running, step, 0, interpolates, 0)
        self.record = np.array([numbers], LOOP)


def loop_kinds(shape: tuple, lookup: tuple, table: np.ndarray) -> tuple[Kind, ...]:
    """Return the kinds of the arguments of `lanes.add_terms` and its like."""
    from ..kernels.kinds import FLOAT64, INT64, element, kind_of, pointer

    rows = pointer(FLOAT64)
    kinds = kind_of(shape), kind_of(lookup), element(table.dtype)
    return (*[rows] * 8, INT64, rows, INT64, *map(pointer, kinds), FLOAT64, INT64)


def tile_kinds(of_tile: tuple[Any, ...]) -> tuple[Kind, ...]:
    """Return the kinds of `tiles.render_tile` for the arguments from `runs` on."""
    from ..kernels.kinds import FLOAT64, INT64, UINT8, kind_of, pointer

    rows, flags = pointer(FLOAT64), pointer(UINT8)
    return (INT64, INT64, INT64, rows, rows, flags, *map(kind_of, of_tile))
