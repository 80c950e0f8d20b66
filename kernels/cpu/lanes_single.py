# SPDX-License-Identifier: MIT
"""Single precision lanes: twice the pixels per vector, exact indices.

Plain float32 is not enough: an index of 200 leaves 2e-5 for its fraction. So the
index is formed in float64, three operations, and its fraction kept as a whole
number of 2^-32 (`fixed_point`, which the CUDA kernels use as well); everything
after that is 32 bits wide. Two loops, because LLVM makes all vectors of a loop as
long as its widest type allows; with a list of F four, as in `lanes_listed`.
"""

import numpy as np
from numba.extending import overload

from .. import fixed_point, params
from ..jit import LANE_OPTIONS, lanes, lanes_inline
from ..layout import TILE
from . import reduced_single as reduced
from .intrinsics import pointer_to, vector_loop
from .lanes import cell_at

#: Orientations whose terms are added in float32 before they go to float64.
FLUSH = 64
ZERO = np.float32(0.0)
# Places in the scratch, which holds ten rows of 32 bits: distances from the nearest
# whole indices, these indices, sums; F_latt^2, where F is, F.
DH, DK, DL, H0, K0, L0, ACC, TERM, PLACE, F_CELL = (row * TILE for row in range(10))
#: Shift that leaves the sign of an int32: 0 or -1.
SIGN = np.int32(31)

# The formulas of the CUDA kernels, with fused multiply-adds.
fixed_index = lanes_inline(fixed_point.fixed_index.py_func)
fixed_distance = lanes_inline(fixed_point.fixed_distance.py_func)
fixed_whole = lanes_inline(fixed_point.fixed_whole.py_func)


def spot(dh, dk, dl, shape):
    """Return F_latt^2, up to a constant factor, of a shape."""
    raise NotImplementedError("compiled code only")


SPOTS = {
    params.SquareAny: reduced.square_any,
    params.SquareFew: reduced.square_few,
    params.RoundSpot: reduced.round_spot,
    params.GaussSpot: reduced.gauss,
}


@overload(spot, jit_options=LANE_OPTIONS, inline="always")
def _spot(dh, dk, dl, shape):
    formula = SPOTS[shape.instance_class]

    def implementation(dh, dk, dl, shape):
        return formula(dh, dk, dl, shape)

    return implementation


@lanes
def fill_distances(sx, sy, sz, rows, n, cell, listed):
    """Fill in the distances of one orientation from the nearest whole indices.

    Parameters
    ----------
    sx, sy, sz, n
        As in `lanes.add_terms`.
    rows
        Pointer to the scratch as int32.
    cell
        a, b, c, m: nine numbers.
    listed
        True fills in the whole indices as well; else None.
    """
    vector_loop()
    ax, ay, az, bx, by, bz, cx, cy, cz = cell
    for i in range(n):
        scattering = sx[i], sy[i], sz[i]
        h = fixed_index(ax, ay, az, scattering)
        k = fixed_index(bx, by, bz, scattering)
        l = fixed_index(cx, cy, cz, scattering)
        rows[DH + i] = fixed_distance(h)
        rows[DK + i] = fixed_distance(k)
        rows[DL + i] = fixed_distance(l)
        if listed is not None:
            rows[H0 + i] = fixed_whole(h)
            rows[K0 + i] = fixed_whole(k)
            rows[L0 + i] = fixed_whole(l)


@lanes_inline
def place_in_table(h, k, l, lookup):
    """Return which element is F; the complement of some element outside the list."""
    p = min(max(h, lookup.h_min), lookup.h_max)
    q = min(max(k, lookup.k_min), lookup.k_max)
    r = min(max(l, lookup.l_min), lookup.l_max)
    # 32 bits hold it: `cpu_arguments.SINGLE_TABLE`.
    place = np.int32(
        (p - lookup.h_min) * lookup.h_stride
        + (q - lookup.k_min) * lookup.k_stride
        + (r - lookup.l_min)
    )
    return ~place if (p != h) | (q != k) | (r != l) else place


@lanes
def fill_terms(rows, sums, n, shape, lookup):
    """Fill in F_latt^2 and the place of F."""
    vector_loop()
    for i in range(n):
        sums[TERM + i] = spot(rows[DH + i], rows[DK + i], rows[DL + i], shape)
        rows[PLACE + i] = place_in_table(
            rows[H0 + i], rows[K0 + i], rows[L0 + i], lookup
        )


@lanes
def read_F(rows, sums, n, table):
    """Fill in F of every place."""
    vector_loop()
    for i in range(n):
        place = rows[PLACE + i]
        sums[F_CELL + i] = table[place ^ (place >> SIGN)]


@lanes
def add_products(rows, sums, n, lookup):
    """Add F_cell^2 F_latt^2."""
    vector_loop()
    for i in range(n):
        F_sqr = sums[F_CELL + i] * sums[F_CELL + i]
        F_sqr = lookup.default_F_sqr if rows[PLACE + i] < 0 else F_sqr
        sums[ACC + i] += sums[TERM + i] * F_sqr


@lanes
def add_spots(rows, sums, n, shape):
    """Add F_latt^2."""
    vector_loop()
    for i in range(n):
        sums[ACC + i] += spot(rows[DH + i], rows[DK + i], rows[DL + i], shape)


@lanes
def flush(sums, n, total):
    """Add the sums to those in float64, and begin anew."""
    vector_loop()
    for i in range(n):
        total[i] += sums[ACC + i]
        sums[ACC + i] = ZERO


def add_terms_single(
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
    """Add the terms of every orientation; see `lanes.add_terms`."""
    form = shape[0]
    rows, sums = pointer_to(scratch, np.int32), pointer_to(scratch, np.float32)
    for i in range(n):
        sums[ACC + i] = ZERO
    for m in range(orientations):
        fill_distances(sx, sy, sz, rows, n, cell_at(cells, m), None)
        add_spots(rows, sums, n, form)
        if m % FLUSH == FLUSH - 1 or m == orientations - 1:
            flush(sums, n, total)
    return 0


def add_listed_terms_single(
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
    """Add the terms of every orientation, F from a list; see `lanes.add_terms`."""
    form, find = shape[0], lookup[0]
    rows, sums = pointer_to(scratch, np.int32), pointer_to(scratch, np.float32)
    for i in range(n):
        sums[ACC + i] = ZERO
    for m in range(orientations):
        fill_distances(sx, sy, sz, rows, n, cell_at(cells, m), True)
        fill_terms(rows, sums, n, form, find)
        read_F(rows, sums, n, table)
        add_products(rows, sums, n, find)
        if m % FLUSH == FLUSH - 1 or m == orientations - 1:
            flush(sums, n, total)
    return 0
