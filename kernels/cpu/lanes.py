# SPDX-License-Identifier: MIT
"""Loops over a tile of pixels, one pixel per vector lane, for every orientation.

`spot`, `nearest` and `is_dark` are chosen by the type of their last argument when
numba compiles a loop: one function per shape and lookup, without a branch inside.
Arrays never overlap (`intrinsics.vector_loop`). Here every reflection has the same F;
`lanes_listed` has a list of them.
"""

import numpy as np
from numba.extending import overload

from .. import params
from ..jit import LANE_OPTIONS, lanes_inline
from . import reduced
from .intrinsics import bits_of_float64, vector_loop

#: Pixels per tile: the arrays of an inner loop fill a third of an L1 cache.
TILE = 512
#: Rows of scratch that a loop may use.
SCRATCH_ROWS = 5
TWO52 = 2.0**52
#: The low bits of a whole float64 from 2^52 to 2^53, which hold it less 2^52.
LOW_BITS = np.uint64(TWO52 - 1)


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


@lanes_inline
def element_at(place):
    """Return the number of an element from that number plus 2^52, or its negative.

    No conversion: vectors of 64-bit whole numbers have none before AVX-512.
    """
    return bits_of_float64(place) & LOW_BITS


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
            dh = h - nearest(h, form, find)
            dk = k - nearest(k, form, find)
            dl = l - nearest(l, form, find)
            total[i] += spot(dh, dk, dl, form)
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
            dh = h - nearest(h, form, find)
            dk = k - nearest(k, form, find)
            dl = l - nearest(l, form, find)
            term = spot(dh, dk, dl, form) * factor
            skipped = is_dark(dh, dk, dl, form) and not water
            total[i] = total[i] if skipped else (total[i] + term) * weight[i]
    return 0
