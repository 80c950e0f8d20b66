# SPDX-License-Identifier: MIT
"""Innermost loops of sparse rendering: one reflection of one view, the pixels of a box.

The formulas are those of `lanes.add_terms` and `lanes_single.add_terms_single`, in
their order of operations: where a term is not dark, it has the same last bit.
"""

import math

import numpy as np
from llvmlite import binding
from numba.extending import overload

from .. import params
from ..jit import LANE_OPTIONS
from . import lanes_single as single
from .intrinsics import vector_loop
from .lanes import cell_at, spot
from .sparse_band import STRIP, STRIPS_PER_ROW

#: Pixels that are evaluated at once, float64 per vector: most boxes are small.
LANES = 8 if binding.get_host_cpu_features().get("avx512f") else 4


def weighted(term, F_sqr, lit, lookup):
    """Return a term times F_cell^2, which without a list comes later; 0 if not lit.

    Written so that no store is masked, which takes AMD's processors ten times longer,
    and product and sum become one operation as in the dense loop.
    """
    raise NotImplementedError("compiled code only")


@overload(weighted, jit_options=LANE_OPTIONS, inline="always")
def _weighted(term, F_sqr, lit, lookup):
    if lookup.instance_class is params.SingleF:
        return lambda term, F_sqr, lit, lookup: term if lit else type(term)(0.0)
    return lambda term, F_sqr, lit, lookup: term * (F_sqr if lit else type(F_sqr)(0.0))


def counts(dh, dk, dl, term, sx, sy, sz, guard):
    """Return whether a term belongs to the sum: always, or where the guard says so."""
    raise NotImplementedError("compiled code only")


@overload(counts, jit_options=LANE_OPTIONS, inline="always")
def _counts(dh, dk, dl, term, sx, sy, sz, guard):
    if guard.instance_class is params.NoGuard:
        return lambda dh, dk, dl, term, sx, sy, sz, guard: True

    def implementation(dh, dk, dl, term, sx, sy, sz, guard):
        # The nearest whole index, as `np.ceil(h - 0.5)` has it.
        near = (dh > -0.5) & (dh <= 0.5) & (dk > -0.5) & (dk <= 0.5)
        return near & (dl > -0.5) & (dl <= 0.5) & (term >= guard.cutoff)

    if guard.instance_class is params.Guard:
        return implementation

    def with_limit(dh, dk, dl, term, sx, sy, sz, guard):
        coarse = not guard.dmin * math.sqrt(sx * sx + sy * sy + sz * sz) > 1.0
        near = (dh > -0.5) & (dh <= 0.5) & (dk > -0.5) & (dk <= 0.5)
        return near & (dl > -0.5) & (dl <= 0.5) & (term >= guard.cutoff) & coarse

    return with_limit


def add_lit(
    dx,
    dy,
    dz,
    total,
    sums,
    strips,
    x0,
    x1,
    y0,
    y1,
    ray,
    cells,
    orientation,
    h0,
    k0,
    l0,
    F_sqr,
    shape,
    lookup,
    guard,
):
    """Add the terms of a reflection to the pixels of a box.

    All these loops have the same arguments and are called by address, as those over
    all orientations (`lanes.add_terms`).

    Parameters
    ----------
    dx, dy, dz
        Pointers to the unit vectors to a tile's lit pixels.
    total, sums
        Pointers to their sums, and to float32 sums of up to 64 orientations.
    strips
        Pointer to int64: which of these pixels is the first of each of the 64 strips.
    x0, x1, y0, y1
        The box: pixels of the tile, inclusive.
    ray, cells, orientation
        Pointer to `sparse_band.RAY_NUMBERS` numbers of a ray, to all cells; which cell.
    h0, k0, l0, F_sqr
        The reflection and its F_cell^2.
    shape, lookup, guard
        Pointers to named tuples of `params`, whose types choose the formulas.

    Returns
    -------
    int
        Nothing of interest.
    """
    vector_loop()
    form, find, limits = shape[0], lookup[0], guard[0]
    ax, ay, az, bx, by, bz, cx, cy, cz = cell_at(cells, orientation)
    ix, iy, iz, inverse = ray[0], ray[1], ray[2], ray[3]
    h, k, l = float(h0), float(k0), float(l0)
    width = x1 - x0 + 1
    for row in range(y0, y1 + 1):
        base = strips[row * STRIPS_PER_ROW + x0 // STRIP] + x0 % STRIP
        for j in range((width + LANES - 1) // LANES):
            for lane in range(LANES):
                x = LANES * j + lane
                i = base + x
                sx = (dx[i] - ix) * inverse
                sy = (dy[i] - iy) * inverse
                sz = (dz[i] - iz) * inverse
                dh = (ax * sx + ay * sy + az * sz) - h
                dk = (bx * sx + by * sy + bz * sz) - k
                dl = (cx * sx + cy * sy + cz * sz) - l
                term = spot(dh, dk, dl, form)
                lit = counts(dh, dk, dl, term, sx, sy, sz, limits) & (x < width)
                total[i] += weighted(term, F_sqr, lit, find)
    return 0


def add_lit_single(
    dx,
    dy,
    dz,
    total,
    sums,
    strips,
    x0,
    x1,
    y0,
    y1,
    ray,
    cells,
    orientation,
    h0,
    k0,
    l0,
    F_sqr,
    shape,
    lookup,
    guard,
):
    """As `add_lit` in single precision, into `sums`; see `lanes_single`."""
    vector_loop()
    form, find, limits = shape[0], lookup[0], guard[0]
    ax, ay, az, bx, by, bz, cx, cy, cz = cell_at(cells, orientation)
    ix, iy, iz, inverse = ray[0], ray[1], ray[2], ray[3]
    F = np.float32(F_sqr)
    width = x1 - x0 + 1
    for row in range(y0, y1 + 1):
        base = strips[row * STRIPS_PER_ROW + x0 // STRIP] + x0 % STRIP
        for x in range(width):
            i = base + x
            sx = (dx[i] - ix) * inverse
            sy = (dy[i] - iy) * inverse
            sz = (dz[i] - iz) * inverse
            scattering = sx, sy, sz
            h = single.fixed_index(ax, ay, az, scattering)
            k = single.fixed_index(bx, by, bz, scattering)
            l = single.fixed_index(cx, cy, cz, scattering)
            term = single.spot(
                single.fixed_distance(h),
                single.fixed_distance(k),
                single.fixed_distance(l),
                form,
            )
            lit = single.fixed_whole(h) == h0
            lit &= single.fixed_whole(k) == k0
            lit &= single.fixed_whole(l) == l0
            lit &= counts(0.0, 0.0, 0.0, term, sx, sy, sz, limits)
            sums[i] += weighted(term, F, lit, find)
    return 0
