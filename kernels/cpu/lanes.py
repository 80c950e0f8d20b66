# SPDX-License-Identifier: MIT
"""Loops over a tile of pixels, one pixel per vector lane, for every orientation.

`spot`, `nearest` and `place_in_table` are chosen by the type of their last
argument when numba compiles a loop: one function per shape and lookup, without
a branch inside. Arrays never overlap (`intrinsics.vector_loop`).
"""

import numpy as np
from numba.extending import overload

from .. import params
from ..jit import LANE_OPTIONS, lanes_inline
from . import reduced
from .intrinsics import bits_of_float64, subtract64, vector_loop

#: Pixels per tile: the arrays of an inner loop fill a third of an L1 cache.
TILE = 512
#: Rows of scratch that a loop may use.
SCRATCH_ROWS = 5
TWO52 = 2.0**52
TWO52_BITS = np.float64(TWO52).view(np.uint64)


def spot(dh, dk, dl, shape):
    """Return F_latt^2, up to a constant factor, of a shape."""
    raise NotImplementedError("compiled code only")


SPOTS = {
    params.SquareAny: reduced.square_any,
    params.SquareFew: reduced.square_few,
    params.RoundSpot: reduced.round_spot,
    params.GaussSpot: reduced.gauss,
    params.TophatSpot: reduced.tophat,
}


@overload(spot, jit_options=LANE_OPTIONS, inline="always")
def _spot(dh, dk, dl, shape):
    formula = SPOTS[shape.instance_class]

    def implementation(dh, dk, dl, shape):
        return formula(dh, dk, dl, shape)

    return implementation


def nearest(h, shape, lookup):
    """Return the nearest whole index; halves go down, as in C."""
    raise NotImplementedError("compiled code only")


#: Shapes whose F_latt is the same from both neighbours of a half index.
SYMMETRIC = (params.SquareAny, params.SquareFew, params.RoundSpot)


@overload(nearest, jit_options=LANE_OPTIONS, inline="always")
def _nearest(h, shape, lookup):
    if lookup.instance_class is params.SingleF and shape.instance_class in SYMMETRIC:
        return lambda h, shape, lookup: reduced.round_even(h)
    return lambda h, shape, lookup: np.ceil(h - 0.5)


def place_in_table(h, k, l, lookup):
    """Return which element is F of whole indices, and whether they are outside."""
    raise NotImplementedError("compiled code only")


@overload(place_in_table, jit_options=LANE_OPTIONS, inline="always")
def _place_in_table(h, k, l, lookup):
    if lookup.instance_class is params.SingleF:
        return lambda h, k, l, lookup: (np.uint64(0), False)

    def implementation(h, k, l, lookup):
        p = min(max(h, lookup.h_min), lookup.h_max)
        q = min(max(k, lookup.k_min), lookup.k_max)
        r = min(max(l, lookup.l_min), lookup.l_max)
        # The element's number plus 2^52 has it in its low bits: no conversion.
        place = p * lookup.h_stride + (q * lookup.k_stride + (r + lookup.base))
        return subtract64(bits_of_float64(place), TWO52_BITS), (p != h) | (q != k) | (
            r != l
        )

    return implementation


def F_sqr(F, outside, lookup):
    """Return F_cell^2, or 1 where it is applied after the sum."""
    raise NotImplementedError("compiled code only")


@overload(F_sqr, jit_options=LANE_OPTIONS, inline="always")
def _F_sqr(F, outside, lookup):
    if lookup.instance_class is params.SingleF:
        return lambda F, outside, lookup: 1.0
    return lambda F, outside, lookup: lookup.default_F_sqr if outside else F * F


def is_dark(dh, dk, dl, shape):
    """Return whether F_latt itself, not only its square, is exactly 0."""
    raise NotImplementedError("compiled code only")


@overload(is_dark, jit_options=LANE_OPTIONS, inline="always")
def _is_dark(dh, dk, dl, shape):
    if shape.instance_class is params.GaussSpot:
        return lambda dh, dk, dl, shape: (
            reduced.distance_sqr(dh, dk, dl, shape.metric) > shape.dark
        )
    if shape.instance_class is params.TophatSpot:
        return lambda dh, dk, dl, shape: (
            reduced.distance_sqr(dh, dk, dl, shape.metric) >= shape.cut
        )
    return lambda dh, dk, dl, shape: False


@lanes_inline
def cell_at(cells, m):
    """Return a, b, c of an orientation: nine numbers."""
    i = 9 * m
    a = cells[i], cells[i + 1], cells[i + 2]
    b = cells[i + 3], cells[i + 4], cells[i + 5]
    c = cells[i + 6], cells[i + 7], cells[i + 8]
    return a + b + c


def add_terms(
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
    """Add the terms of every orientation to the pixels of a tile.

    All loops over orientations have these arguments, and are called by address
    (`intrinsics.call_at`): the loops around them need not be compiled again for
    every shape and lookup. `compiled.LaneLoop` compiles them.

    Parameters
    ----------
    sx, sy, sz
        Pointers to n scattering vectors, 1/m.
    total
        Pointer to n sums; F_cell^2 F_latt^2 up to a constant factor is added.
    weight, keep, fell
        Pointers to n numbers each: factor of a pixel (`multiply_terms`), 0 for
        pixels that do not count and 1 for those that leave the list (`lanes_cubic`).
    scratch
        Pointer to float64 [SCRATCH_ROWS, TILE].
    n
        Pixels, at most TILE.
    cells, orientations
        Pointer to float64 [orientations, 3, 3], m; their number.
    shape, lookup
        Pointers to named tuples of `params`, whose types choose the formulas.
    table
        Pointer to F_cell.
    factor
        Constant factor of a term, used where it cannot be applied at the end.
    water
        Whether there is a water background.

    Returns
    -------
    int
        Nothing of interest.
    """
    vector_loop()
    form, find = shape[0], lookup[0]
    for m in range(orientations):
        ax, ay, az, bx, by, bz, cx, cy, cz = cell_at(cells, m)
        for i in range(n):
            h = ax * sx[i] + ay * sy[i] + az * sz[i]
            k = bx * sx[i] + by * sy[i] + bz * sz[i]
            l = cx * sx[i] + cy * sy[i] + cz * sz[i]
            h0 = nearest(h, form, find)
            k0 = nearest(k, form, find)
            l0 = nearest(l, form, find)
            term = spot(h - h0, k - k0, l - l0, form)
            place, outside = place_in_table(h0, k0, l0, find)
            total[i] += term * F_sqr(table[place], outside, find)
    return 0


def multiply_terms(
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
    """Add every term, times `factor`, and multiply the running sum by `weight`.

    C quirk: the -oversample_ options do this, so that early terms are multiplied
    again by every later one. A term whose F_latt is 0 is skipped together with
    its multiplication, unless there is water. Arguments as in `add_terms`.
    """
    vector_loop()
    form, find = shape[0], lookup[0]
    for m in range(orientations):
        ax, ay, az, bx, by, bz, cx, cy, cz = cell_at(cells, m)
        for i in range(n):
            h = ax * sx[i] + ay * sy[i] + az * sz[i]
            k = bx * sx[i] + by * sy[i] + bz * sz[i]
            l = cx * sx[i] + cy * sy[i] + cz * sz[i]
            h0 = nearest(h, form, find)
            k0 = nearest(k, form, find)
            l0 = nearest(l, form, find)
            term = spot(h - h0, k - k0, l - l0, form)
            place, outside = place_in_table(h0, k0, l0, find)
            term *= factor * F_sqr(table[place], outside, find)
            dark = is_dark(h - h0, k - k0, l - l0, form) and not water
            total[i] = total[i] if dark else (total[i] + term) * weight[i]
    return 0
