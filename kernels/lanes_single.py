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
from .lanes import OPTIONS, SYMMETRIC
from .lanes import nearest as nearest64
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


def nearest(h, shape, lookup):
    """Return the nearest whole index; see `lanes.nearest`."""
    raise NotImplementedError("compiled code only")


@overload(nearest, jit_options=OPTIONS, inline="always")
def _nearest(h, shape, lookup):
    if lookup.instance_class is params.SingleF and shape.instance_class in SYMMETRIC:
        return lambda h, shape, lookup: reduced.round_even(h)
    return lambda h, shape, lookup: np.ceil(h - HALF)


def place_in_table(h, k, l, lookup):
    """Return which element is F of whole indices, and whether they are outside."""
    raise NotImplementedError("compiled code only")


@overload(place_in_table, jit_options=OPTIONS, inline="always")
def _place_in_table(h, k, l, lookup):
    if lookup.instance_class is params.SingleF:
        return lambda h, k, l, lookup: (np.uint64(0), False)

    def implementation(h, k, l, lookup):
        p = min(max(h, lookup.h_min), lookup.h_max)
        q = min(max(k, lookup.k_min), lookup.k_max)
        r = min(max(l, lookup.l_min), lookup.l_max)
        # As in `lanes`, with 2^23: the table has fewer elements than that, and
        # counted from its first index every step of the sum is exact.
        in_plane = (q - lookup.k_min) * lookup.k_stride + (r - lookup.l_min)
        place = (p - lookup.h_min) * lookup.h_stride + (in_plane + lookup.base)
        return subtract32(bits_of_float32(place), TWO23_BITS), (p != h) | (q != k) | (
            r != l
        )

    return implementation


def F_sqr(F, outside, lookup):
    """Return F_cell^2, or 1 where it is applied after the sum."""
    raise NotImplementedError("compiled code only")


@overload(F_sqr, jit_options=OPTIONS, inline="always")
def _F_sqr(F, outside, lookup):
    if lookup.instance_class is params.SingleF:
        return lambda F, outside, lookup: reduced.ONE
    return lambda F, outside, lookup: lookup.default_F_sqr if outside else F * F


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
            mh = nearest(vh, shape, lookup)
            mk = nearest(vk, shape, lookup)
            ml = nearest(vl, shape, lookup)
            dh = (vh - mh) + reduced.TINY
            dk = (vk - mk) + reduced.TINY
            dl = (vl - ml) + reduced.TINY
            rh, rk, rl = (
                fringe(dh, Na, shape),
                fringe(dk, Nb, shape),
                fringe(dl, Nc, shape),
            )
            term = spot(dh, dk, dl, rh, rk, rl, shape)
            place, outside = place_in_table(oh + mh, ok + mk, ol + ml, lookup)
            part[i] += term * F_sqr(table[place], outside, lookup)


@lanes
def split_fractions(s0, s1, s2, vector, N, shape, lookup, whole, fraction, fringes):
    """Fill in, for one axis, the whole index, d and N d - round(N d)."""
    vector_loop()
    x, y, z = vector[0], vector[1], vector[2]
    for i in range(s0.shape[0]):
        h = x * s0[i] + y * s1[i] + z * s2[i]
        n = nearest64(h, shape, lookup)
        d = h - n + TINY
        r = N * d
        whole[i] = n
        fraction[i] = d
        fringes[i] = r - round_even64(r)


@lanes
def add_split(wh, wk, wl, dh, dk, dl, rh, rk, rl, acc, shape, lookup, table):
    """Add the terms of one orientation in the split form, in float32."""
    vector_loop()
    for i in range(acc.shape[0]):
        term = spot(dh[i], dk[i], dl[i], rh[i], rk[i], rl[i], shape)
        place, outside = place_in_table(wh[i], wk[i], wl[i], lookup)
        acc[i] += term * F_sqr(table[place], outside, lookup)


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
                    shape,
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
