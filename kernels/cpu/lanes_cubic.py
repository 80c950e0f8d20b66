# SPDX-License-Identifier: MIT
"""Tricubic interpolation of F for a tile of pixels; formulas as in `structure_factor`.

Short loops per orientation. With pixels as lanes: distances and where each pixel reads,
F_latt^2, weights. Then the 64 reads, with four neighbours in the list as lanes, which
leave four points along l; and these, with pixels as lanes again.
"""

import numpy as np
from numba.extending import overload

from .. import params
from ..jit import LANE_OPTIONS, lanes, lanes_inline
from ..layout import TILE
from .intrinsics import advanced, vector_loop, weighted_planes
from .lanes import (
    TWO52,
    cell_at,
    element_at,
    keep_index,
    nearest,
)
from .lanes_inside import DOUBT, all_inside
from .lanes_listed import PLACE, SKIP, TERM, fill_terms

# Places of the rows of scratch, after those of lists: the indices, and then the
# positions between points.
TH, TK, TL = (row * TILE for row in range(4, 7))
#: Pixels whose weights and points are kept at a time: they stay in the L1 cache.
CHUNK = 128
#: Weights of four points along h and along k, then four points along l of each pixel.
WEIGHTS = 7 * TILE
POINTS = WEIGHTS + 8 * CHUNK


def doubt(lookup):
    """Return how far inside the list an index must be."""
    raise NotImplementedError("compiled code only")


@overload(doubt, jit_options=LANE_OPTIONS, inline="always")
def _doubt(lookup):
    if lookup.instance_class is params.CubicF:
        return lambda lookup: DOUBT
    return lambda lookup: 0.0  # nothing depends on one pixel being outside


def fallback(h, h0, low, count, lookup):
    """Return where to read along an axis if an index cannot be interpolated.

    Parameters
    ----------
    h, h0
        Fractional index, the nearest whole one.
    low, count
        The list's lowest index and its length along this axis.
    lookup
        A `CubicF` does not care: the pixel is rendered again. Otherwise it is the
        nearest point: at a whole index the weights are 1 and 0.
    """
    raise NotImplementedError("compiled code only")


@overload(fallback, jit_options=LANE_OPTIONS, inline="always")
def _fallback(h, h0, low, count, lookup):
    if lookup.instance_class is params.CubicF:
        return lambda h, h0, low, count, lookup: h
    return lambda h, h0, low, count, lookup: min(low + count - 1.0, max(low, h0))


@lanes_inline
def first_of_four(h, low, count):
    """Return the first of the points that are interpolated, counted from the list's."""
    # The order of the arguments keeps what is no number inside as well.
    return min(count - 4.0, max(0.0, np.floor(h) - low - 1.0))


def term_of_list(total, i, term, listed, lookup):
    """Return a pixel's F_latt^2, 0 where F is not in the list: that term is added."""
    raise NotImplementedError("compiled code only")


@overload(term_of_list, jit_options=LANE_OPTIONS, inline="always")
def _term_of_list(total, i, term, listed, lookup):
    if lookup.instance_class is params.CubicF:
        return lambda total, i, term, listed, lookup: term

    def implementation(total, i, term, listed, lookup):
        kept = term if listed else 0.0
        total[i] += (term - kept) * lookup.default_F_sqr
        return kept

    return implementation


def has_fallen(fell, fallen, lookup):
    """Return 1 for a pixel with an evaluation that ends interpolation, or had one."""
    raise NotImplementedError("compiled code only")


@overload(has_fallen, jit_options=LANE_OPTIONS, inline="always")
def _has_fallen(fell, fallen, lookup):
    if lookup.instance_class is params.CubicF:
        return lambda fell, fallen, lookup: max(fell, fallen)
    return lambda fell, fallen, lookup: fell


@lanes_inline
def within(lookup):
    """Return the lookup that marks pixels outside instead of asking for the nearest."""
    return params.CubicF(
        lookup.h_min,
        lookup.k_min,
        lookup.l_min,
        lookup.h_range,
        lookup.k_range,
        lookup.l_range,
    )


@lanes
def forgotten_marks(fell, n):
    """Return how many pixels of a tile are marked, and take the marks away."""
    vector_loop()
    marks = 0
    for i in range(n):
        marks += 1 if fell[i] != 0.0 else 0
        fell[i] = 0.0
    return marks


def some_nearest(fell, n, lookup):
    """Return whether a pixel of the tile needs the nearest F; forget the marks then."""
    raise NotImplementedError("compiled code only")


@overload(some_nearest, jit_options=LANE_OPTIONS, inline="always")
def _some_nearest(fell, n, lookup):
    if lookup.instance_class is params.CubicF:
        # A mark stays: the pixel is rendered again.
        return lambda fell, n, lookup: False

    return lambda fell, n, lookup: forgotten_marks(fell, n) != 0


@lanes
def fill_indices(sx, sy, sz, scratch, n, cell, shape, lookup):
    """Fill in the indices and the distances; arguments as in `lanes.fill_distances`."""
    vector_loop()
    for i in range(n):
        h, k, l = keep_index(sx, sy, sz, scratch, i, cell, shape, lookup)
        scratch[TH + i] = h
        scratch[TK + i] = k
        scratch[TL + i] = l


@lanes
def fill_inside(sx, sy, sz, scratch, n, cell, shape, lookup):
    """Fill in distances and where one orientation reads, where no index is outside.

    Arguments and what is filled in as in `fill_indices` and `cubic_places`.
    """
    vector_loop()
    h_stride = lookup.k_range * lookup.l_range
    for i in range(n):
        h, k, l = keep_index(sx, sy, sz, scratch, i, cell, shape, lookup)
        p = np.floor(h) - lookup.h_min - 1.0
        q = np.floor(k) - lookup.k_min - 1.0
        r = np.floor(l) - lookup.l_min - 1.0
        scratch[TH + i] = h - (p + lookup.h_min + 1.0)
        scratch[TK + i] = k - (q + lookup.k_min + 1.0)
        scratch[TL + i] = l - (r + lookup.l_min + 1.0)
        scratch[PLACE + i] = p * h_stride + (q * lookup.l_range + (r + TWO52))


@lanes
def cubic_places(total, keep, fell, scratch, n, shape, lookup, water):
    """Fill in where one orientation reads; mark pixels that fall out.

    Parameters
    ----------
    total, keep, fell, scratch, n, water
        As in `lanes.add_terms`. Scratch has indices, F_latt^2, and which are dark; it
        is filled with F_latt^2, the position between points along h, k, l, and the
        first of the 64 elements, plus 2^52.
    shape, lookup
        See `lanes`; the lookup is a `CubicF` or a `CubicElseNearestF` of at least 4
        points each way.
    """
    vector_loop()
    h_min, k_min, l_min = lookup.h_min, lookup.k_min, lookup.l_min
    h_range, k_range, l_range = lookup.h_range, lookup.k_range, lookup.l_range
    h_stride = k_range * l_range
    edge = doubt(lookup)
    for i in range(n):
        h, k, l = scratch[TH + i], scratch[TK + i], scratch[TL + i]
        h0 = nearest(h, shape, lookup)
        k0 = nearest(k, shape, lookup)
        l0 = nearest(l, shape, lookup)
        inside = (
            (h - h_min + (3.0 + edge) <= h_range)
            & (h - (2.0 + edge) >= h_min)
            & (k - k_min + (3.0 + edge) <= k_range)
            & (k - (2.0 + edge) >= k_min)
            & (l - l_min + (3.0 + edge) <= l_range)
            & (l - (2.0 + edge) >= l_min)
        )
        dark = (scratch[SKIP + i] != 0.0) and not water
        fallen = 1.0 if (keep[i] != 0.0) & (not dark) & (not inside) else 0.0
        fell[i] = has_fallen(fell[i], fallen, lookup)
        x = fallback(h, h0, h_min, h_range, lookup)
        y = fallback(k, k0, k_min, k_range, lookup)
        z = fallback(l, l0, l_min, l_range, lookup)
        listed = inside | ((x == h0) & (y == k0) & (z == l0))
        term = scratch[TERM + i]
        scratch[TERM + i] = term_of_list(total, i, term, listed, lookup)
        x = h if inside else x
        y = k if inside else y
        z = l if inside else z
        p = first_of_four(x, h_min, h_range)
        q = first_of_four(y, k_min, k_range)
        r = first_of_four(z, l_min, l_range)
        scratch[TH + i] = x - (p + h_min + 1.0)
        scratch[TK + i] = y - (q + k_min + 1.0)
        scratch[TL + i] = z - (r + l_min + 1.0)
        scratch[PLACE + i] = p * h_stride + (q * l_range + (r + TWO52))


@lanes_inline
def lagrange_weights(t):
    """Return the Lagrange weights of the points -1, 0, 1, 2.

    As `structure_factor.cubic_weights`, with shared products instead of divisions: its
    last digits are others, and so the two stay apart.
    """
    low = (t - 1.0) * (t - 2.0)
    high = (t + 1.0) * t
    return (
        -t * low * (1.0 / 6.0),
        (t + 1.0) * low * 0.5,
        -high * (t - 2.0) * 0.5,
        high * (t - 1.0) * (1.0 / 6.0),
    )


@lanes
def fill_weights(t, n, weights):
    """Fill in the weights of four points along an axis, a row of CHUNK each."""
    vector_loop()
    for i in range(n):
        a, b, c, d = lagrange_weights(t[i])
        weights[i] = a
        weights[CHUNK + i] = b
        weights[2 * CHUNK + i] = c
        weights[3 * CHUNK + i] = d


@lanes
def fill_points(place, wh, wk, table, k_stride, h_stride, n, points):
    """Fill in four points along l for each pixel, interpolated along h and k."""
    vector_loop()
    for i in range(n):
        weighted_planes(
            table,
            element_at(place[i]),
            k_stride,
            h_stride,
            (wh[i], wh[CHUNK + i], wh[2 * CHUNK + i], wh[3 * CHUNK + i]),
            (wk[i], wk[CHUNK + i], wk[2 * CHUNK + i], wk[3 * CHUNK + i]),
            advanced(points, 4 * i),
        )


@lanes
def add_interpolated(term, t, points, n, total):
    """Interpolate along l, square, and add the terms."""
    vector_loop()
    for i in range(n):
        a, b, c, d = lagrange_weights(t[i])
        F = a * points[4 * i] + b * points[4 * i + 1]
        F = F + c * points[4 * i + 2] + d * points[4 * i + 3]
        total[i] += term[i] * (F * F)


@lanes
def add_tile(scratch, n, lookup, table, total):
    """Add the terms of one orientation: reads, weights, squares."""
    k_stride = np.uint64(lookup.l_range)
    h_stride = np.uint64(lookup.k_range * lookup.l_range)
    wh, wk = advanced(scratch, WEIGHTS), advanced(scratch, WEIGHTS + 4 * CHUNK)
    points = advanced(scratch, POINTS)
    for first in range(0, n, CHUNK):
        some = min(CHUNK, n - first)
        fill_weights(advanced(scratch, TH + first), some, wh)
        fill_weights(advanced(scratch, TK + first), some, wk)
        place = advanced(scratch, PLACE + first)
        fill_points(place, wh, wk, table, k_stride, h_stride, some, points)
        add_interpolated(
            advanced(scratch, TERM + first),
            advanced(scratch, TL + first),
            points,
            some,
            advanced(total, first),
        )


@lanes
def fill_at_edge(sx, sy, sz, scratch, keep, fell, n, cell, shape, lookup, water, total):
    """Fill in F_latt^2 and where one orientation reads, near the list's edge."""
    # Few tiles have pixels that need the nearest F, and only they pay for it.
    fill_indices(sx, sy, sz, scratch, n, cell, shape, lookup)
    fill_terms(scratch, n, shape, True)
    cubic_places(total, keep, fell, scratch, n, shape, within(lookup), water)
    if some_nearest(fell, n, lookup):
        fill_indices(sx, sy, sz, scratch, n, cell, shape, lookup)
        fill_terms(scratch, n, shape, True)
        cubic_places(total, keep, fell, scratch, n, shape, lookup, water)


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
    inside = all_inside(sx, sy, sz, n, cells, orientations, find)
    for m in range(orientations):
        cell = cell_at(cells, m)
        if inside:
            fill_inside(sx, sy, sz, scratch, n, cell, form, find)
            fill_terms(scratch, n, form, True)
        else:
            fill_at_edge(
                sx, sy, sz, scratch, keep, fell, n, cell, form, find, water, total
            )
        add_tile(scratch, n, find, table, total)
    return 0
