# SPDX-License-Identifier: MIT
"""Loops over a tile of pixels, one pixel per vector lane, for every orientation.

`spot`, `nearest` and `table_index` are chosen by the type of their last
argument when numba compiles a loop: one function per shape and lookup, without
a branch inside. Arrays never overlap (`intrinsics.vector_loop`).
"""

import numpy as np
from numba.extending import overload

from . import params, reduced
from .intrinsics import bits_of_float64, subtract64, vector_loop
from .jit import LANE_FASTMATH, lanes

TWO52 = 2.0**52
TWO52_BITS = np.float64(TWO52).view(np.uint64)
OPTIONS = {"error_model": "numpy", "fastmath": LANE_FASTMATH}


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


@overload(spot, jit_options=OPTIONS, inline="always")
def _spot(dh, dk, dl, shape):
    formula = SPOTS[shape.instance_class]

    def implementation(dh, dk, dl, shape):
        return formula(dh, dk, dl, shape)

    return implementation


def nearest(h, lookup):
    """Return the nearest whole index."""
    raise NotImplementedError("compiled code only")


@overload(nearest, jit_options=OPTIONS, inline="always")
def _nearest(h, lookup):
    if lookup.instance_class is params.SingleF:
        # Which of two equal neighbours is taken makes no difference to F_latt.
        return lambda h, lookup: reduced.round_even(h)
    return lambda h, lookup: np.ceil(h - 0.5)


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
        # The element's number plus 2^52 has it in its low bits: no conversion.
        place = h * lookup.h_stride + (k * lookup.k_stride + (l + lookup.base))
        return subtract64(bits_of_float64(place), TWO52_BITS)

    return implementation


def is_dark(dh, dk, dl, shape):
    """Return whether F_latt itself, not only its square, is exactly 0."""
    raise NotImplementedError("compiled code only")


@overload(is_dark, jit_options=OPTIONS, inline="always")
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


@lanes
def add_terms(sx, sy, sz, total, cell_vectors, shape, lookup, table):
    """Add the terms of every orientation to the pixels of a tile.

    Parameters
    ----------
    sx, sy, sz
        (n,) scattering vectors, 1/m.
    total
        (n,) sums; F_cell^2 F_latt^2 up to a constant factor is added.
    cell_vectors
        (orientations, 3, 3) m.
    shape, lookup
        Their types choose the formulas.
    table
        (elements,) F_cell^2, flat. Indexed in the loop itself, not passed on: see
        `params.TableF`.
    """
    vector_loop()
    for m in range(cell_vectors.shape[0]):
        ax, ay, az = cell_vectors[m, 0, 0], cell_vectors[m, 0, 1], cell_vectors[m, 0, 2]
        bx, by, bz = cell_vectors[m, 1, 0], cell_vectors[m, 1, 1], cell_vectors[m, 1, 2]
        cx, cy, cz = cell_vectors[m, 2, 0], cell_vectors[m, 2, 1], cell_vectors[m, 2, 2]
        for i in range(total.shape[0]):
            h = ax * sx[i] + ay * sy[i] + az * sz[i]
            k = bx * sx[i] + by * sy[i] + bz * sz[i]
            l = cx * sx[i] + cy * sy[i] + cz * sz[i]
            h0 = nearest(h, lookup)
            k0 = nearest(k, lookup)
            l0 = nearest(l, lookup)
            term = spot(h - h0, k - k0, l - l0, shape)
            total[i] += term * table[table_index(h0, k0, l0, lookup)]


@lanes
def multiply_terms(
    sx, sy, sz, total, weight, cell_vectors, shape, lookup, table, factor, water
):
    """Add every term, times `factor`, and multiply the running sum by `weight`.

    C quirk: the -oversample_ options do this, so that early terms are multiplied
    again by every later one. A term whose F_latt is 0 is skipped together with
    its multiplication, unless there is water.

    Parameters
    ----------
    sx, sy, sz, total, cell_vectors, shape, lookup, table
        As in `add_terms`.
    weight
        (n,) factor of each pixel.
    factor
        Constant factor of a term.
    water
        Whether there is a water background.
    """
    vector_loop()
    for m in range(cell_vectors.shape[0]):
        ax, ay, az = cell_vectors[m, 0, 0], cell_vectors[m, 0, 1], cell_vectors[m, 0, 2]
        bx, by, bz = cell_vectors[m, 1, 0], cell_vectors[m, 1, 1], cell_vectors[m, 1, 2]
        cx, cy, cz = cell_vectors[m, 2, 0], cell_vectors[m, 2, 1], cell_vectors[m, 2, 2]
        for i in range(total.shape[0]):
            h = ax * sx[i] + ay * sy[i] + az * sz[i]
            k = bx * sx[i] + by * sy[i] + bz * sz[i]
            l = cx * sx[i] + cy * sy[i] + cz * sz[i]
            h0 = nearest(h, lookup)
            k0 = nearest(k, lookup)
            l0 = nearest(l, lookup)
            term = spot(h - h0, k - k0, l - l0, shape)
            term *= factor * table[table_index(h0, k0, l0, lookup)]
            dark = is_dark(h - h0, k - k0, l - l0, shape) and not water
            total[i] = total[i] if dark else (total[i] + term) * weight[i]
