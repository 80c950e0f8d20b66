# SPDX-License-Identifier: MIT
"""Tricubic interpolation of F for a tile of pixels; formulas as in `structure_factor`.

Two loops per orientation: where each pixel reads, with pixels as lanes; then the
64 reads and their weights, with the points of the list as lanes.
"""

import numpy as np

from .intrinsics import (
    bits_of_float64,
    subtract64,
    vector_loop,
    weighted_cube,
)
from .jit import lanes, lanes_inline
from .lanes import TWO52, TWO52_BITS, is_dark, nearest, spot


@lanes
def cubic_places(
    sx, sy, sz, keep, cell, shape, lookup, water, fell, term, th, tk, tl, place
):
    """Fill in where one orientation reads; mark pixels that fall out.

    Parameters
    ----------
    sx, sy, sz
        (n,) scattering vectors, 1/m.
    keep
        (n,) 0 for pixels that do not count (beyond dmin).
    cell
        (3, 3) m, rows a, b, c.
    shape, lookup
        See `lanes`; the lookup is a `CubicF` of at least 4 points each way.
    water
        Whether a term with F_latt = 0 is evaluated all the same.
    fell
        (n,) set to 1 where the index is outside the list.
    term, th, tk, tl, place
        (n,) results: F_latt^2, the position between points along h, k, l, and
        the first of the 64 elements, plus 2^52.
    """
    vector_loop()
    ax, ay, az = cell[0, 0], cell[0, 1], cell[0, 2]
    bx, by, bz = cell[1, 0], cell[1, 1], cell[1, 2]
    cx, cy, cz = cell[2, 0], cell[2, 1], cell[2, 2]
    h_min, k_min, l_min = lookup.h_min, lookup.k_min, lookup.l_min
    h_range, k_range, l_range = lookup.h_range, lookup.k_range, lookup.l_range
    h_stride = k_range * l_range
    for i in range(sx.shape[0]):
        h = ax * sx[i] + ay * sy[i] + az * sz[i]
        k = bx * sx[i] + by * sy[i] + bz * sz[i]
        l = cx * sx[i] + cy * sy[i] + cz * sz[i]
        dh = h - nearest(h, shape, lookup)
        dk = k - nearest(k, shape, lookup)
        dl = l - nearest(l, shape, lookup)
        term[i] = spot(dh, dk, dl, shape)
        inside = (
            (h - h_min + 3.0 <= h_range)
            & (h - 2.0 >= h_min)
            & (k - k_min + 3.0 <= k_range)
            & (k - 2.0 >= k_min)
            & (l - l_min + 3.0 <= l_range)
            & (l - 2.0 >= l_min)
        )
        counts = (keep[i] != 0.0) & (water | (not is_dark(dh, dk, dl, shape)))
        fell[i] = 1.0 if counts & (not inside) else fell[i]
        h_flr = np.floor(h)
        k_flr = np.floor(k)
        l_flr = np.floor(l)
        th[i] = h - h_flr
        tk[i] = k - k_flr
        tl[i] = l - l_flr
        # Outside the list any place does: the pixel is rendered again.
        p = min(max(h_flr - h_min - 1.0, 0.0), h_range - 4.0)
        q = min(max(k_flr - k_min - 1.0, 0.0), k_range - 4.0)
        r = min(max(l_flr - l_min - 1.0, 0.0), l_range - 4.0)
        place[i] = p * h_stride + (q * l_range + (r + TWO52))


@lanes_inline
def cubic_weights(t):
    """Return the Lagrange weights of the points -1, 0, 1, 2."""
    low = (t - 1.0) * (t - 2.0)
    high = (t + 1.0) * t
    return (
        -t * low * (1.0 / 6.0),
        (t + 1.0) * low * 0.5,
        -high * (t - 2.0) * 0.5,
        high * (t - 1.0) * (1.0 / 6.0),
    )


@lanes
def add_cubic(term, th, tk, tl, place, lookup, table, total):
    """Add term * F^2 of one orientation, F from the 64 points around each index."""
    k_stride = np.uint64(lookup.l_range)
    h_stride = np.uint64(lookup.k_range * lookup.l_range)
    for i in range(total.shape[0]):
        F = weighted_cube(
            table,
            subtract64(bits_of_float64(place[i]), TWO52_BITS),
            k_stride,
            h_stride,
            cubic_weights(th[i]),
            cubic_weights(tk[i]),
            cubic_weights(tl[i]),
        )
        total[i] += term[i] * (F * F)
