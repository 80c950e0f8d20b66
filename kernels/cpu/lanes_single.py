# SPDX-License-Identifier: MIT
"""Single precision lanes: twice the pixels per vector, exact indices.

Plain float32 is not enough: an index of 200 leaves 2e-5 for its fraction. So the
index is formed in float64, three operations, and its fraction kept as a whole
number of 2^-32 (`fixed_point`, which the CUDA kernels use as well); everything
after that is 32 bits wide. Two loops, because LLVM makes all vectors of a loop as
long as its widest type allows.
"""

import numpy as np
from numba.extending import overload

from .. import fixed_point, params
from ..jit import LANE_OPTIONS, lanes_inline
from . import reduced_single as reduced
from .intrinsics import pointer_to, vector_loop
from .lanes import TILE, cell_at

#: Orientations whose terms are added in float32 before they go to float64.
FLUSH = 64
ZERO = np.float32(0.0)
# Places in the scratch, which holds ten rows of 32 bits: distances from the nearest
# whole indices, these indices, sums.
DH, DK, DL, H0, K0, L0, ACC = (row * TILE for row in range(7))

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


def store_whole(rows, i, h, k, l, lookup):
    """Store the whole indices of a pixel, where the lookup needs them."""
    raise NotImplementedError("compiled code only")


@overload(store_whole, jit_options=LANE_OPTIONS, inline="always")
def _store_whole(rows, i, h, k, l, lookup):
    if lookup.instance_class is params.SingleF:
        return lambda rows, i, h, k, l, lookup: None

    def implementation(rows, i, h, k, l, lookup):
        rows[H0 + i] = fixed_whole(h)
        rows[K0 + i] = fixed_whole(k)
        rows[L0 + i] = fixed_whole(l)

    return implementation


def F_sqr(rows, i, lookup, table):
    """Return F_cell^2 of a pixel, or 1 where it is applied after the sum."""
    raise NotImplementedError("compiled code only")


@overload(F_sqr, jit_options=LANE_OPTIONS, inline="always")
def _F_sqr(rows, i, lookup, table):
    if lookup.instance_class is params.SingleF:
        return lambda rows, i, lookup, table: reduced.ONE

    def implementation(rows, i, lookup, table):
        h, k, l = rows[H0 + i], rows[K0 + i], rows[L0 + i]
        p = min(max(h, lookup.h_min), lookup.h_max)
        q = min(max(k, lookup.k_min), lookup.k_max)
        r = min(max(l, lookup.l_min), lookup.l_max)
        outside = (p != h) | (q != k) | (r != l)
        # 32 bits hold it: `cpu_arguments.SINGLE_TABLE`.
        place = np.int32(
            (p - lookup.h_min) * lookup.h_stride
            + (q - lookup.k_min) * lookup.k_stride
            + (r - lookup.l_min)
        )
        F = table[place]
        return lookup.default_F_sqr if outside else F * F

    return implementation


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
    vector_loop()
    form, find = shape[0], lookup[0]
    rows, sums = pointer_to(scratch, np.int32), pointer_to(scratch, np.float32)
    for i in range(n):
        sums[ACC + i] = ZERO
    for m in range(orientations):
        ax, ay, az, bx, by, bz, cx, cy, cz = cell_at(cells, m)
        for i in range(n):
            scattering = sx[i], sy[i], sz[i]
            h = fixed_index(ax, ay, az, scattering)
            k = fixed_index(bx, by, bz, scattering)
            l = fixed_index(cx, cy, cz, scattering)
            rows[DH + i] = fixed_distance(h)
            rows[DK + i] = fixed_distance(k)
            rows[DL + i] = fixed_distance(l)
            store_whole(rows, i, h, k, l, find)
        for i in range(n):
            term = spot(rows[DH + i], rows[DK + i], rows[DL + i], form)
            sums[ACC + i] += term * F_sqr(rows, i, find, table)
        if m % FLUSH == FLUSH - 1 or m == orientations - 1:
            for i in range(n):
                total[i] += sums[ACC + i]
                sums[ACC + i] = ZERO
    return 0
