# SPDX-License-Identifier: MIT
"""Loops over a tile of pixels with a list of F, one pixel per vector lane.

Four short loops per orientation, over rows that stay in the L1 cache: how far a pixel
is from a lattice point and where F is (vectors), F_latt^2 (vectors), reading F (one
load per pixel, or gathers), multiplying and adding (vectors). In a single loop the
reads decide: LLVM takes vectors for everything where it thinks that gathers are cheap,
and for nothing where it does not.

Tiles whose indices are all in the list, nearly all of them, need no clamps.
"""

from numba.extending import overload

from .. import params
from ..jit import LANE_OPTIONS, lanes, lanes_inline
from ..layout import TILE
from .intrinsics import vector_loop
from .lanes import (
    cell_at,
    element_at,
    is_dark,
    keep_distance,
    kept_spot,
    nearest,
)
from .lanes_inside import all_inside

# Places of the rows of scratch. The first three stand where distances stood before.
TERM, F_CELL, SKIP, PLACE = (row * TILE for row in range(4))


@lanes_inline
def element_number(h, k, l, lookup):
    """Return the number of an element of the list plus 2^52."""
    return h * lookup.h_stride + (k * lookup.k_stride + (l + lookup.base))


@lanes_inline
def place_in_table(h, k, l, lookup):
    """Return the number of F's element plus 2^52 (`element_at`).

    Outside the list it is the nearest element there is, and negative. Of an index that
    is no number it is the first: the order of the arguments decides.
    """
    p = min(lookup.h_max, max(lookup.h_min, h))
    q = min(lookup.k_max, max(lookup.k_min, k))
    r = min(lookup.l_max, max(lookup.l_min, l))
    place = element_number(p, q, r, lookup)
    return -place if (p != h) | (q != k) | (r != l) else place


def place_of(h, k, l, lookup):
    """Return `place_in_table`, which of an `InsideF` needs no clamps."""
    raise NotImplementedError("compiled code only")


@overload(place_of, jit_options=LANE_OPTIONS, inline="always")
def _place_of(h, k, l, lookup):
    if lookup.instance_class is params.InsideF:
        return lambda h, k, l, lookup: element_number(h, k, l, lookup)
    return lambda h, k, l, lookup: place_in_table(h, k, l, lookup)


@lanes
def fill_places(sx, sy, sz, scratch, n, cell, shape, lookup):
    """Fill in the distances and the place of F for one orientation.

    Parameters
    ----------
    sx, sy, sz, scratch, n, cell, shape, lookup
        As in `lanes.fill_distances`; the lookup is a `TableF` or its like.
    """
    vector_loop()
    ax, ay, az, bx, by, bz, cx, cy, cz = cell
    for i in range(n):
        h = ax * sx[i] + ay * sy[i] + az * sz[i]
        k = bx * sx[i] + by * sy[i] + bz * sz[i]
        l = cx * sx[i] + cy * sy[i] + cz * sz[i]
        h0 = nearest(h, shape, lookup)
        k0 = nearest(k, shape, lookup)
        l0 = nearest(l, shape, lookup)
        keep_distance(scratch, i, h - h0, k - k0, l - l0, shape)
        scratch[PLACE + i] = place_of(h0, k0, l0, lookup)


@lanes
def fill_terms(scratch, n, shape, running):
    """Fill in F_latt^2; if `running` is not None, also where F_latt is 0."""
    vector_loop()
    for i in range(n):
        term = kept_spot(scratch, i, shape)
        if running is not None:
            scratch[SKIP + i] = 1.0 if is_dark(scratch, i, shape) else 0.0
        scratch[TERM + i] = term


@lanes
def read_F(scratch, n, table):
    """Fill in F of every place."""
    vector_loop()
    for i in range(n):
        scratch[F_CELL + i] = table[element_at(scratch[PLACE + i])]


def F_sqr_at(scratch, i, lookup):
    """Return F_cell^2 of a pixel."""
    raise NotImplementedError("compiled code only")


@overload(F_sqr_at, jit_options=LANE_OPTIONS, inline="always")
def _F_sqr_at(scratch, i, lookup):
    if lookup.instance_class is params.InsideF:
        return lambda scratch, i, lookup: scratch[F_CELL + i] * scratch[F_CELL + i]

    def or_default(scratch, i, lookup):
        F_sqr = scratch[F_CELL + i] * scratch[F_CELL + i]
        return lookup.default_F_sqr if scratch[PLACE + i] < 0.0 else F_sqr

    return or_default


@lanes
def add_products(scratch, n, lookup, total):
    """Add F_cell^2 F_latt^2."""
    vector_loop()
    for i in range(n):
        total[i] += scratch[TERM + i] * F_sqr_at(scratch, i, lookup)


@lanes
def multiply_products(scratch, n, lookup, factor, water, weight, total):
    """Add the terms and multiply the running sum; see `lanes.multiply_terms`."""
    vector_loop()
    for i in range(n):
        term = scratch[TERM + i] * (factor * F_sqr_at(scratch, i, lookup))
        skipped = (scratch[SKIP + i] != 0.0) and not water
        total[i] = total[i] if skipped else (total[i] + term) * weight[i]


@lanes
def add_orientations(
    sx, sy, sz, total, scratch, n, cells, orientations, form, find, table
):
    """Add the terms of every orientation; arguments as in `lanes.add_terms`."""
    for m in range(orientations):
        fill_places(sx, sy, sz, scratch, n, cell_at(cells, m), form, find)
        fill_terms(scratch, n, form, None)
        read_F(scratch, n, table)
        add_products(scratch, n, find, total)


def add_listed_terms(
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
    form, find = shape[0], lookup[0]
    if all_inside(sx, sy, sz, n, cells, orientations, find):
        inside = params.InsideF(find.h_stride, find.k_stride, find.base)
        add_orientations(
            sx, sy, sz, total, scratch, n, cells, orientations, form, inside, table
        )
    else:
        add_orientations(
            sx, sy, sz, total, scratch, n, cells, orientations, form, find, table
        )
    return 0


def multiply_listed_terms(
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
    """Add every term and multiply the running sum; see `lanes.multiply_terms`."""
    form, find = shape[0], lookup[0]
    for m in range(orientations):
        fill_places(sx, sy, sz, scratch, n, cell_at(cells, m), form, find)
        fill_terms(scratch, n, form, True)
        read_F(scratch, n, table)
        multiply_products(scratch, n, find, factor, water, weight, total)
    return 0
