# SPDX-License-Identifier: MIT
"""Loops over a tile of pixels with F that follows the energy of each source.

As `lanes_listed`, but F^2 is |part_0 + sum_j c_j part_j|^2 with complex parts, side by
side in the table, and coefficients c_j of the source (`params.SpectralF`). A part is
two float32 in one element of 64 bits: 1 + n reads, not 2 + 2 n.
"""

import numpy as np
from numba.extending import overload

from ..jit import LANE_OPTIONS, lanes, lanes_inline
from .intrinsics import bits_of_float64, float32_of_bits, vector_loop
from .lanes import cell_at, element_at
from .lanes_listed import F_CELL, PLACE, TERM, fill_places, fill_terms

SHIFT = np.uint64(32)


@lanes_inline
def part_at(table, place):
    """Return real and imaginary part of an element, as float64."""
    bits = bits_of_float64(table[place])
    real = float32_of_bits(np.uint32(bits))
    imaginary = float32_of_bits(np.uint32(bits >> SHIFT))
    return np.float64(real), np.float64(imaginary)


def _with_parts(n):
    """Return the function that adds up part_0 and n more, coefficients times parts."""
    if n == 0:
        return lanes_inline(lambda table, place, c: part_at(table, place))
    before = _with_parts(n - 1)
    real, imaginary, element = 2 * n - 2, 2 * n - 1, np.uint64(n)

    @lanes_inline
    def sum_of_parts(table, place, c):
        x, y = before(table, place, c)
        u, v = part_at(table, place + element)
        return x + c[real] * u - c[imaginary] * v, y + c[real] * v + c[imaginary] * u

    return sum_of_parts


def F_at(table, place, coefficients):
    """Return real and imaginary part of F; `place` is that of part_0."""
    raise NotImplementedError("compiled code only")


@overload(F_at, jit_options=LANE_OPTIONS, inline="always")
def _F_at(table, place, coefficients):
    formula = _with_parts(len(coefficients) // 2)

    def implementation(table, place, coefficients):
        return formula(table, place, coefficients)

    return implementation


@lanes
def fill_F_sqr(scratch, n, lookup, table):
    """Fill in F_cell^2 of every place.

    Neighbours on the detector have the same place more often than not: F is worked out
    only where it differs from that of the pixel before.
    """
    parts = np.uint64(len(lookup.coefficients) // 2 + 1)
    before, F_sqr = 0.0, 0.0  # no place is 0
    for i in range(n):
        place = scratch[PLACE + i]
        if place != before:
            real, imaginary = F_at(
                table, parts * element_at(place), lookup.coefficients
            )
            inside = real * real + imaginary * imaginary
            F_sqr = lookup.default_F_sqr if place < 0.0 else inside
            before = place
        scratch[F_CELL + i] = F_sqr


@lanes
def add_products(scratch, n, total):
    """Add F_cell^2 F_latt^2."""
    vector_loop()
    for i in range(n):
        total[i] += scratch[TERM + i] * scratch[F_CELL + i]


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
        add_products(scratch, n, total)
    return 0
