# SPDX-License-Identifier: MIT
"""Loops over a tile of pixels, one pixel per vector lane, for every orientation.

`spot`, `nearest` and their like are chosen by the type of their last argument when
numba compiles a loop: one function per shape and lookup, without a branch inside.
Arrays never overlap (`intrinsics.vector_loop`). Here every reflection has the same F;
`lanes_listed` has a list of them.

Two short loops per orientation, over rows that stay in the L1 cache: how far each
pixel is from a lattice point, then the spot. A processor looks only some hundred
operations ahead. One loop has as many for each vector, one waiting for the other; of
a short loop it works on several vectors at once.
"""

import numpy as np
from numba.extending import overload

from .. import params
from ..jit import LANE_OPTIONS, lanes, lanes_inline
from ..layout import TILE
from . import reduced
from .intrinsics import bits_of_float64, vector_loop

# Places of the rows of scratch that the first loop fills; of a radial spot one only.
DH, DK, DL = (row * TILE for row in range(3))
DISTANCE = DH
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


#: Spots that depend on one number alone: that number, and what it gives.
RADIAL = {
    params.RoundSpot: (reduced.round_distance, reduced.round_at),
    params.GaussSpot: (reduced.metric_distance, reduced.gauss_at),
    params.TophatSpot: (reduced.metric_distance, reduced.tophat_at),
}


def keep_distance(scratch, i, dh, dk, dl, shape):
    """Fill in what the spot of a pixel depends on."""
    raise NotImplementedError("compiled code only")


@overload(keep_distance, jit_options=LANE_OPTIONS, inline="always")
def _keep_distance(scratch, i, dh, dk, dl, shape):
    if shape.instance_class in RADIAL:
        distance, _ = RADIAL[shape.instance_class]

        def one_number(scratch, i, dh, dk, dl, shape):
            scratch[DISTANCE + i] = distance(dh, dk, dl, shape)

        return one_number

    def three_numbers(scratch, i, dh, dk, dl, shape):
        scratch[DH + i] = dh
        scratch[DK + i] = dk
        scratch[DL + i] = dl

    return three_numbers


def kept_spot(scratch, i, shape):
    """Return F_latt^2, up to a constant factor, of a pixel."""
    raise NotImplementedError("compiled code only")


@overload(kept_spot, jit_options=LANE_OPTIONS, inline="always")
def _kept_spot(scratch, i, shape):
    if shape.instance_class in RADIAL:
        _, formula = RADIAL[shape.instance_class]
        return lambda scratch, i, shape: formula(scratch[DISTANCE + i], shape)
    formula = SPOTS[shape.instance_class]
    return lambda scratch, i, shape: formula(
        scratch[DH + i], scratch[DK + i], scratch[DL + i], shape
    )


def is_dark(scratch, i, shape):
    """Return whether F_latt itself, not only its square, is exactly 0."""
    raise NotImplementedError("compiled code only")


@overload(is_dark, jit_options=LANE_OPTIONS, inline="always")
def _is_dark(scratch, i, shape):
    if shape.instance_class is params.GaussSpot:
        return lambda scratch, i, shape: scratch[DISTANCE + i] > shape.dark
    if shape.instance_class is params.TophatSpot:
        return lambda scratch, i, shape: scratch[DISTANCE + i] >= shape.cut
    return lambda scratch, i, shape: False


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


@lanes_inline
def keep_index(sx, sy, sz, scratch, i, cell, shape, lookup):
    """Fill in what the spot of a pixel depends on, and return its h, k, l."""
    ax, ay, az, bx, by, bz, cx, cy, cz = cell
    h = ax * sx[i] + ay * sy[i] + az * sz[i]
    k = bx * sx[i] + by * sy[i] + bz * sz[i]
    l = cx * sx[i] + cy * sy[i] + cz * sz[i]
    dh = h - nearest(h, shape, lookup)
    dk = k - nearest(k, shape, lookup)
    dl = l - nearest(l, shape, lookup)
    keep_distance(scratch, i, dh, dk, dl, shape)
    return h, k, l


@lanes
def fill_distances(sx, sy, sz, scratch, n, cell, shape, lookup):
    """Fill in how far each pixel is from a lattice point of one orientation.

    Parameters
    ----------
    sx, sy, sz, scratch, n
        As in `add_terms`.
    cell
        a, b, c, m: nine numbers.
    shape, lookup
        Named tuples of `params`.
    """
    vector_loop()
    for i in range(n):
        keep_index(sx, sy, sz, scratch, i, cell, shape, lookup)


@lanes
def add_spots(scratch, n, shape, total):
    """Add F_latt^2."""
    vector_loop()
    for i in range(n):
        total[i] += kept_spot(scratch, i, shape)


@lanes
def multiply_spots(scratch, n, shape, factor, water, weight, total):
    """Add the terms and multiply the running sum; see `multiply_terms`."""
    vector_loop()
    for i in range(n):
        term = kept_spot(scratch, i, shape) * factor
        skipped = is_dark(scratch, i, shape) and not water
        total[i] = total[i] if skipped else (total[i] + term) * weight[i]


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
    form, find = shape[0], lookup[0]
    for m in range(orientations):
        fill_distances(sx, sy, sz, scratch, n, cell_at(cells, m), form, find)
        add_spots(scratch, n, form, total)
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
    form, find = shape[0], lookup[0]
    for m in range(orientations):
        fill_distances(sx, sy, sz, scratch, n, cell_at(cells, m), form, find)
        multiply_spots(scratch, n, form, factor, water, weight, total)
    return 0
