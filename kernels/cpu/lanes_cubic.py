# SPDX-License-Identifier: MIT
"""Tricubic interpolation of F for a tile of pixels; formulas as in `structure_factor`.

Two loops per orientation: where each pixel reads, with pixels as lanes; then the
64 reads and their weights, with the points of the list as lanes.
"""

import numpy as np

from ..jit import lanes, lanes_inline
from .intrinsics import vector_loop, weighted_cube
from .lanes import TILE, TWO52, cell_at, element_at, is_dark, nearest, spot

# Places of the rows of scratch.
TERM, TH, TK, TL, PLACE = (row * TILE for row in range(5))


@lanes
def cubic_places(sx, sy, sz, keep, fell, scratch, n, cell, shape, lookup, water):
    """Fill in where one orientation reads; mark pixels that fall out.

    Parameters
    ----------
    sx, sy, sz, keep, fell, scratch, n, water
        As in `lanes.add_terms`. Scratch is filled with F_latt^2, the position
        between points along h, k, l, and the first of the 64 elements, plus 2^52.
    cell
        a, b, c, m: nine numbers.
    shape, lookup
        See `lanes`; the lookup is a `CubicF` of at least 4 points each way.
    """
    vector_loop()
    ax, ay, az, bx, by, bz, cx, cy, cz = cell
    h_min, k_min, l_min = lookup.h_min, lookup.k_min, lookup.l_min
    h_range, k_range, l_range = lookup.h_range, lookup.k_range, lookup.l_range
    h_stride = k_range * l_range
    for i in range(n):
        h = ax * sx[i] + ay * sy[i] + az * sz[i]
        k = bx * sx[i] + by * sy[i] + bz * sz[i]
        l = cx * sx[i] + cy * sy[i] + cz * sz[i]
        dh = h - nearest(h, shape, lookup)
        dk = k - nearest(k, shape, lookup)
        dl = l - nearest(l, shape, lookup)
        scratch[TERM + i] = spot(dh, dk, dl, shape)
        inside = (
            (h - h_min + 3.0 <= h_range)
            & (h - 2.0 >= h_min)
            & (k - k_min + 3.0 <= k_range)
            & (k - 2.0 >= k_min)
            & (l - l_min + 3.0 <= l_range)
            & (l - 2.0 >= l_min)
        )
        dark = is_dark(dh, dk, dl, shape) and not water
        fallen = 1.0 if (keep[i] != 0.0) & (not dark) & (not inside) else 0.0
        fell[i] = max(fell[i], fallen)
        h_flr = np.floor(h)
        k_flr = np.floor(k)
        l_flr = np.floor(l)
        scratch[TH + i] = h - h_flr
        scratch[TK + i] = k - k_flr
        scratch[TL + i] = l - l_flr
        # Outside the list any place does: the pixel is rendered again.
        p = min(max(h_flr - h_min - 1.0, 0.0), h_range - 4.0)
        q = min(max(k_flr - k_min - 1.0, 0.0), k_range - 4.0)
        r = min(max(l_flr - l_min - 1.0, 0.0), l_range - 4.0)
        scratch[PLACE + i] = p * h_stride + (q * l_range + (r + TWO52))


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


def add_cubic(
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
    """Add the terms of every orientation, F from the 64 points around each index.

    Arguments as in `lanes.add_terms`.
    """
    form, find = shape[0], lookup[0]
    k_stride = np.uint64(find.l_range)
    h_stride = np.uint64(find.k_range * find.l_range)
    for m in range(orientations):
        cell = cell_at(cells, m)
        cubic_places(sx, sy, sz, keep, fell, scratch, n, cell, form, find, water)
        for i in range(n):
            F = weighted_cube(
                table,
                element_at(scratch[PLACE + i]),
                k_stride,
                h_stride,
                cubic_weights(scratch[TH + i]),
                cubic_weights(scratch[TK + i]),
                cubic_weights(scratch[TL + i]),
            )
            total[i] += scratch[TERM + i] * (F * F)
    return 0
