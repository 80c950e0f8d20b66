# SPDX-License-Identifier: MIT
"""Single precision lanes: twice the pixels per vector, and no float64 per step.

Plain float32 is not enough: an index of 200 leaves 2e-5 for its fraction. Two
forms keep it:

* near: a tile is cut into parts with one reference pixel each. The reference's
  index is formed in float64 and reduced to its fraction once per part and
  orientation; each pixel adds a . (s - s_ref) in float32. The error grows with N
  and with the part's width in index units.
* split: fraction d and N d - round(N d) of every pixel in float64, the
  polynomials in float32. Exact enough for any N, at twice the cost.
"""

import numpy as np
from numba.extending import overload

from . import params
from . import reduced_single as reduced
from .intrinsics import bits_of_float32, subtract32, vector_loop
from .jit import lanes
from .lanes import OPTIONS
from .reduced import round_even as round_even64

#: Pixels that share a reference, at most and at least (one vector).
LARGEST_PART, SMALLEST_PART = 64, 16
#: Orientations whose terms are added in float32 before they go to float64.
FLUSH = 64
#: Added to d, so that 0/0 becomes N at a whole index (`reduced_single.TINY`).
TINY = 1e-12
TWO23_BITS = np.float32(2.0**23).view(np.uint32)
HALF = np.float32(0.5)
ZERO = np.float32(0.0)


def spot(dh, dk, dl, rh, rk, rl, shape):
    """Return F_latt^2, up to a constant factor, of a shape."""
    raise NotImplementedError("compiled code only")


SPOTS = {
    params.SquareAny: reduced.square_any,
    params.SquareFew: reduced.square_few,
    params.RoundSpot: reduced.round_spot,
    params.GaussSpot: reduced.gauss,
}


@overload(spot, jit_options=OPTIONS, inline="always")
def _spot(dh, dk, dl, rh, rk, rl, shape):
    formula = SPOTS[shape.instance_class]

    def implementation(dh, dk, dl, rh, rk, rl, shape):
        return formula(dh, dk, dl, rh, rk, rl, shape)

    return implementation


def fringe(d, N, shape):
    """Return N d without its whole part, or 0 for shapes that do not need it."""
    raise NotImplementedError("compiled code only")


@overload(fringe, jit_options=OPTIONS, inline="always")
def _fringe(d, N, shape):
    if shape.instance_class is params.SquareAny:
        return lambda d, N, shape: N * d - reduced.round_even(N * d)
    return lambda d, N, shape: ZERO


def cells_along(shape):
    """Return Na, Nb, Nc where the shape has them, else zeros."""
    raise NotImplementedError("compiled code only")


@overload(cells_along, jit_options=OPTIONS)
def _cells_along(shape):
    if shape.instance_class is params.SquareAny:
        return lambda shape: (shape.Na, shape.Nb, shape.Nc)
    return lambda shape: (ZERO, ZERO, ZERO)


def nearest(h, lookup):
    """Return the nearest whole index."""
    raise NotImplementedError("compiled code only")


@overload(nearest, jit_options=OPTIONS, inline="always")
def _nearest(h, lookup):
    if lookup.instance_class is params.SingleF:
        return lambda h, lookup: reduced.round_even(h)
    return lambda h, lookup: np.ceil(h - HALF)


def table_index(h, k, l, lookup):
    """Return the element of the table of F^2 that belongs to whole indices."""
    raise NotImplementedError("compiled code only")


@overload(table_index, jit_options=OPTIONS, inline="always")
def _table_index(h, k, l, lookup):
    if lookup.instance_class is params.SingleF:
        return lambda h, k, l, lookup: np.uint64(0)

    def implementation(h, k, l, lookup):
        h = min(max(h, lookup.h_low), lookup.h_high)
        k = min(max(k, lookup.k_low), lookup.k_high)
        l = min(max(l, lookup.l_low), lookup.l_high)
        # As in `lanes`, with 2^23: the table has fewer elements than that.
        place = h * lookup.h_stride + (k * lookup.k_stride + (l + lookup.base))
        return subtract32(bits_of_float32(place), TWO23_BITS)

    return implementation


@lanes
def fill_differences(sx, sy, sz, part, dx, dy, dz):
    """Fill in s - s_ref in float32; the reference is the middle of each part.

    Returns
    -------
    float
        Largest |s - s_ref|, 1/m.
    """
    n = sx.shape[0]
    largest = 0.0
    for start in range(0, n, part):
        stop = min(start + part, n)
        middle = (start + stop) // 2
        for i in range(start, stop):
            x = sx[i] - sx[middle]
            y = sy[i] - sy[middle]
            z = sz[i] - sz[middle]
            dx[i] = x
            dy[i] = y
            dz[i] = z
            largest = max(largest, x * x + y * y + z * z)
    return np.sqrt(largest)


@lanes
def add_near(sx, sy, sz, dx, dy, dz, size, acc, cell, shape, lookup, table):
    """Add the terms of one orientation in the near form, in float32."""
    vector_loop()
    Na, Nb, Nc = cells_along(shape)
    ax, ay, az = np.float32(cell[0, 0]), np.float32(cell[0, 1]), np.float32(cell[0, 2])
    bx, by, bz = np.float32(cell[1, 0]), np.float32(cell[1, 1]), np.float32(cell[1, 2])
    cx, cy, cz = np.float32(cell[2, 0]), np.float32(cell[2, 1]), np.float32(cell[2, 2])
    n = acc.shape[0]
    for start in range(0, n, size):
        stop = min(start + size, n)
        middle = (start + stop) // 2
        x, y, z = sx[middle], sy[middle], sz[middle]
        h = cell[0, 0] * x + cell[0, 1] * y + cell[0, 2] * z
        k = cell[1, 0] * x + cell[1, 1] * y + cell[1, 2] * z
        l = cell[2, 0] * x + cell[2, 1] * y + cell[2, 2] * z
        nh, nk, nl = round_even64(h), round_even64(k), round_even64(l)
        fh, fk, fl = np.float32(h - nh), np.float32(k - nk), np.float32(l - nl)
        oh, ok, ol = np.float32(nh), np.float32(nk), np.float32(nl)
        # Views from 0 on: numba would test other indices for being negative.
        px, py, pz = dx[start:stop], dy[start:stop], dz[start:stop]
        part = acc[start:stop]
        for i in range(part.shape[0]):
            vh = fh + (ax * px[i] + (ay * py[i] + az * pz[i]))
            vk = fk + (bx * px[i] + (by * py[i] + bz * pz[i]))
            vl = fl + (cx * px[i] + (cy * py[i] + cz * pz[i]))
            mh = nearest(vh, lookup)
            mk = nearest(vk, lookup)
            ml = nearest(vl, lookup)
            dh = (vh - mh) + reduced.TINY
            dk = (vk - mk) + reduced.TINY
            dl = (vl - ml) + reduced.TINY
            rh, rk, rl = (
                fringe(dh, Na, shape),
                fringe(dk, Nb, shape),
                fringe(dl, Nc, shape),
            )
            term = spot(dh, dk, dl, rh, rk, rl, shape)
            part[i] += term * table[table_index(oh + mh, ok + mk, ol + ml, lookup)]


@lanes
def split_fractions(s0, s1, s2, vector, N, lookup, whole, fraction, fringes):
    """Fill in, for one axis, the whole index, d and N d - round(N d)."""
    vector_loop()
    x, y, z = vector[0], vector[1], vector[2]
    for i in range(s0.shape[0]):
        h = x * s0[i] + y * s1[i] + z * s2[i]
        n = whole_index(h, lookup)
        d = h - n + TINY
        r = N * d
        whole[i] = n
        fraction[i] = d
        fringes[i] = r - round_even64(r)


def whole_index(h, lookup):
    """Return the nearest whole index in float64."""
    raise NotImplementedError("compiled code only")


@overload(whole_index, jit_options=OPTIONS, inline="always")
def _whole_index(h, lookup):
    if lookup.instance_class is params.SingleF:
        return lambda h, lookup: round_even64(h)
    return lambda h, lookup: np.ceil(h - 0.5)


@lanes
def add_split(wh, wk, wl, dh, dk, dl, rh, rk, rl, acc, shape, lookup, table):
    """Add the terms of one orientation in the split form, in float32."""
    vector_loop()
    for i in range(acc.shape[0]):
        term = spot(dh[i], dk[i], dl[i], rh[i], rk[i], rl[i], shape)
        acc[i] += term * table[table_index(wh[i], wk[i], wl[i], lookup)]


@lanes
def flush(acc, total):
    """Move float32 sums to the float64 ones."""
    vector_loop()
    for i in range(acc.shape[0]):
        total[i] += acc[i]
        acc[i] = ZERO


@lanes
def add_terms_single(
    sx, sy, sz, total, halves, cell_vectors, shape, lookup, table, reach
):
    """Add the terms of every orientation; see `lanes.add_terms`.

    Parameters
    ----------
    halves
        (10, 512 or more) float32 scratch.
    reach
        1/m; the near form is used where |s - s_ref| stays below it.
    """
    n = total.shape[0]
    acc = halves[9, :n]
    for i in range(n):
        acc[i] = ZERO
    dx, dy, dz = halves[0, :n], halves[1, :n], halves[2, :n]
    part = LARGEST_PART
    near = fill_differences(sx, sy, sz, part, dx, dy, dz) <= reach
    while not near and part > SMALLEST_PART:
        part //= 2
        near = fill_differences(sx, sy, sz, part, dx, dy, dz) <= reach
    N = cells_along(shape)
    for m in range(cell_vectors.shape[0]):
        cell = cell_vectors[m]
        if near:
            add_near(sx, sy, sz, dx, dy, dz, part, acc, cell, shape, lookup, table)
        else:
            for axis in range(3):
                split_fractions(
                    sx,
                    sy,
                    sz,
                    cell[axis],
                    np.float64(N[axis]),
                    lookup,
                    halves[axis, :n],
                    halves[3 + axis, :n],
                    halves[6 + axis, :n],
                )
            add_split(
                halves[0, :n],
                halves[1, :n],
                halves[2, :n],
                halves[3, :n],
                halves[4, :n],
                halves[5, :n],
                halves[6, :n],
                halves[7, :n],
                halves[8, :n],
                acc,
                shape,
                lookup,
                table,
            )
        if m % FLUSH == FLUSH - 1:
            flush(acc, total)
    flush(acc, total)
