# SPDX-License-Identifier: MIT
"""Loops over a tile of pixels with F that follows the energy of each source.

As `lanes_listed`, but F^2 is |part_0 + sum_j c_j part_j|^2 with complex parts, side by
side in the table, and coefficients c_j of the source (`params.SpectralF`). A part is
two float32 in one element of 64 bits: 1 + n reads, not 2 + 2 n.
"""

import numpy as np

from ..jit import lanes
from .intrinsics import square_of_sum, vector_loop
from .lanes import cell_at, element_at
from .lanes_listed import F_CELL, PLACE, TERM, fill_places, fill_terms


@lanes
def fill_F_sqr(scratch, n, lookup, table):
    """Fill in F_cell^2 of every place, as if all were within the list."""
    parts = np.uint64(len(lookup.coefficients) // 2 + 1)
    for i in range(n):
        first = parts * element_at(scratch[PLACE + i])
        scratch[F_CELL + i] = square_of_sum(table, first, lookup.coefficients)


@lanes
def add_products(scratch, n, lookup, total):
    """Add F_cell^2 F_latt^2."""
    vector_loop()
    for i in range(n):
        inside = scratch[PLACE + i] >= 0.0
        F_sqr = scratch[F_CELL + i] if inside else lookup.default_F_sqr
        total[i] += scratch[TERM + i] * F_sqr


def add_spectral_terms(
    sx,
    sy,
    sz,
    total,
    weight,
    keep,
    fell,
    scratch,
    n,
    cells,
    orientations,
    shape,
    lookup,
    table,
    factor,
    water,
):
    """Add the terms of every orientation; see `lanes.add_terms`.

    `lookup` is that of the source, `table` has 1 + n elements for each index.
    """
    form, find = shape[0], lookup[0]
    for m in range(orientations):
        fill_places(sx, sy, sz, scratch, n, cell_at(cells, m), form, find)
        fill_terms(scratch, n, form, None)
        fill_F_sqr(scratch, n, find, table)
        add_products(scratch, n, find, total)
    return 0
