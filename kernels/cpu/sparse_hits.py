# SPDX-License-Identifier: MIT
"""From reflections to the pixels that they light: `sparse_band` has the overview.

With i a unit vector along the ray, lambda its wavelength and q = h a* + k b* + l c*, a
direction d (a unit vector) is within radius r of the reflection when
|d - (i + lambda q)| <= rho = lambda r. With D = |i + lambda q|^2 - 1,

- there is such a d if and only if |D - rho^2| <= 2 rho;
- they are the cone about p = i + lambda q with |p| sin(alpha) = S,
  S^2 = rho^2 - ((D - rho^2) / 2)^2.

D = lambda^2 |q|^2 + 2 lambda i.q is linear in four numbers of a view, and |q|^2 does
not depend on the orientation: a group of views has an interval for each number.
"""

import math

import numpy as np
from numba import from_dtype
from numba.extending import overload

from .. import params
from ..jit import LANE_OPTIONS, lanes, lanes_inline
from . import lanes_listed as listed
from . import lanes_single as listed_single
from .intrinsics import advanced, fetch_add, pointer_to, record_at, vector_loop
from .lanes import cell_at, element_at
from .lanes_single import SIGN
from .sparse_band import (
    BAND,
    BLOCK,
    GROUP_SCRATCH,
    HIT,
    LARGEST_GROUP,
    RAY_NUMBERS,
    REFLECTION_ROWS,
    TILE_HEIGHT,
    TILE_WIDTH,
    TOO_MANY_HITS,
    TOO_MANY_REFLECTIONS,
    VIEW_NUMBERS,
)

HIT_TYPE = from_dtype(HIT)
#: Rounding of D, whose terms are of the order of 1.
D_ERROR = 1e-13
#: Subpixels by which a box is wider than calculated.
MARGIN = 1e-4
#: |q|^2 of what fills up a block: out of reach.
NOWHERE = 1e30
#: Where a band's rows of numbers begin, in float64. Read through a pointer, as numba
#: takes long to compile arrays inside a record.
FRAME, FRAME_SQR, PLANES, LAYERS, BOX, STAR, LENGTHS = (
    BAND.fields[name][1] // 8
    for name in ("frame", "frame_sqr", "planes", "layers", "box", "star", "lengths")
)
#: Numbers of a layer. One type for both, or what takes them would be compiled twice.
X, Y = np.int64(1), np.int64(2)


def listed_F_sqr(h, k, l, lookup, table):
    """Return F_cell^2 as the dense loops have it, as float64; 1 without a list."""
    raise NotImplementedError("compiled code only")


@overload(listed_F_sqr, jit_options=LANE_OPTIONS, inline="always")
def _listed_F_sqr(h, k, l, lookup, table):
    if lookup.instance_class is params.SingleF:
        return lambda h, k, l, lookup, table: 1.0

    def double(h, k, l, lookup, table):
        place = listed.place_in_table(h, float(k), float(l), lookup)
        F = table[element_at(place)]
        return lookup.default_F_sqr if place < 0.0 else F * F

    if lookup.instance_class is params.TableF:
        return double

    def single(h, k, l, lookup, table):
        place = listed_single.place_in_table(int(h), k, l, lookup)
        F = table[place ^ (place >> SIGN)]
        return np.float64(lookup.default_F_sqr if place < 0 else F * F)

    return single


@lanes
def view_numbers(view, band, frame, out):
    """Fill in the numbers of a view.

    lambda^2 and 2 lambda i . (a*, b*, c*); then, for x, y and z of the detector's
    frame, i and lambda (a*, b*, c*).
    """
    source = view // band.orientations
    ray = pointer_to(band.rays_at + 8 * RAY_NUMBERS * source, np.float64)
    cells = pointer_to(band.cells_at, np.float64)
    ax, ay, az, bx, by, bz, cx, cy, cz = cell_at(
        cells, view - source * band.orientations
    )
    ux, uy, uz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
    vx, vy, vz = cy * az - cz * ay, cz * ax - cx * az, cx * ay - cy * ax
    wx, wy, wz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    wavelength = 1e10 * ray[4]
    # Cells are in m, the rest here is in Angstrom.
    factor = 1e-10 * wavelength / (ax * ux + ay * uy + az * uz)
    out[0] = wavelength * wavelength
    out[1] = 2.0 * factor * (ray[0] * ux + ray[1] * uy + ray[2] * uz)
    out[2] = 2.0 * factor * (ray[0] * vx + ray[1] * vy + ray[2] * vz)
    out[3] = 2.0 * factor * (ray[0] * wx + ray[1] * wy + ray[2] * wz)
    for axis in range(3):
        x, y, z = frame[3 * axis], frame[3 * axis + 1], frame[3 * axis + 2]
        out[4 + 4 * axis] = ray[0] * x + ray[1] * y + ray[2] * z
        out[5 + 4 * axis] = factor * (ux * x + uy * y + uz * z)
        out[6 + 4 * axis] = factor * (vx * x + vy * y + vz * z)
        out[7 + 4 * axis] = factor * (wx * x + wy * y + wz * z)


@lanes
def group_intervals(views, n, planes, middle, half):
    """Fill in middle and half-width of 20 numbers of a group; return the largest
    wavelength.

    The first four numbers of `view_numbers`, and for each plane of the pyramid its
    product with i and lambda (a*, b*, c*).
    """
    largest = 0.0
    for j in range(20):
        middle[j], half[j] = 1e300, -1e300
    for v in range(n):
        view = advanced(views, v * VIEW_NUMBERS)
        largest = max(largest, view[0])
        for j in range(20):
            if j < 4:
                value = view[j]
            else:
                plane, column = (j - 4) // 4 * 3, 4 + j % 4
                value = (
                    planes[plane] * view[column]
                    + planes[plane + 1] * view[column + 4]
                    + planes[plane + 2] * view[column + 8]
                )
            middle[j], half[j] = min(middle[j], value), max(half[j], value)
    for j in range(20):
        low, high = middle[j], half[j]
        middle[j], half[j] = 0.5 * (low + high), 0.5 * (high - low)
    return math.sqrt(largest)


@lanes
def index_bounds(first, n, band, bounds):
    """Fill in the lowest and highest h, k and l that a group can light in the band.

    What it lights is at q = (d - i) / lambda, d in a ball about `band.towards`: of a
    small band, as a panel, that is a small part of the lattice.
    """
    cells = pointer_to(band.cells_at, np.float64)
    for axis in range(3):
        bounds[2 * axis], bounds[2 * axis + 1] = 1e300, -1e300
    for view in range(first, first + n):
        source = view // band.orientations
        ray = pointer_to(band.rays_at + 8 * RAY_NUMBERS * source, np.float64)
        inverse = 1e-10 * ray[3]
        x = (band.towards[0] - ray[0]) * inverse
        y = (band.towards[1] - ray[1]) * inverse
        z = (band.towards[2] - ray[2]) * inverse
        reach = 1.01 * (band.spread * inverse + band.radius)
        cell = advanced(cells, 9 * (view - source * band.orientations))
        for axis in range(3):
            i = 3 * axis
            at = 1e10 * (cell[i] * x + cell[i + 1] * y + cell[i + 2] * z)
            half = 1.01 * band.lengths[axis] * reach + 1e-6
            bounds[2 * axis] = min(bounds[2 * axis], at - half)
            bounds[2 * axis + 1] = max(bounds[2 * axis + 1], at + half)


@lanes
def within(h, k, l, square, rho, middle, half):
    """Return whether some view of a group can light a reflection in the band."""
    h_abs, k_abs, l_abs = abs(h), abs(k), abs(l)
    D = middle[0] * square + middle[1] * h + middle[2] * k + middle[3] * l
    spread = half[0] * square + half[1] * h_abs + half[2] * k_abs + half[3] * l_abs
    if abs(D) > 2.0 * rho + rho * rho + D_ERROR + spread:
        return False
    for j in range(4, 20, 4):
        x = middle[j] + middle[j + 1] * h + middle[j + 2] * k + middle[j + 3] * l
        spread = half[j] + half[j + 1] * h_abs + half[j + 2] * k_abs
        if x < -(1.01 * rho + 1e-9 + spread + half[j + 3] * l_abs):
            return False
    return True


@lanes
def roots(square, linear, constant):
    """Return the real roots of a parabola that opens upward; (1, -1): none."""
    D = linear * linear - 4.0 * square * constant
    if D < 0.0:
        return 1.0, -1.0
    root = math.sqrt(D)
    return (-linear - root) / (2.0 * square), (-linear + root) / (2.0 * square)


@lanes
def find_reflections(
    views, n, band, numbers, middle, half, bounds, table_of, lookup, table
):
    """Fill in the reflections that a group of n views can light; return how many.

    Every row (k, l) of the lattice has |D| small between the roots of two parabolas.
    What is missing from a list costs nothing beyond this point.
    """
    rows = band.reflections
    hs, ks, ls = table_of, advanced(table_of, rows), advanced(table_of, 2 * rows)
    squares, F_sqrs = advanced(table_of, 3 * rows), advanced(table_of, 4 * rows)
    planes = advanced(numbers, PLANES)
    rho = band.radius * group_intervals(views, n, planes, middle, half)
    star, lengths = advanced(numbers, STAR), advanced(numbers, LENGTHS)
    q_max = band.q_max
    q_sqr = q_max * q_max
    h_reach = math.floor(q_max * lengths[0])
    k_reach = int(q_max * lengths[1])
    l_reach = int(q_max * lengths[2])
    h_low, h_high = math.ceil(bounds[0]), math.floor(bounds[1])
    k_low, k_high = int(math.ceil(bounds[2])), int(math.floor(bounds[3]))
    l_low, l_high = int(math.ceil(bounds[4])), int(math.floor(bounds[5]))
    found = 0
    for k in range(max(-k_reach, k_low), min(k_reach, k_high) + 1):
        for l in range(max(-l_reach, l_low), min(l_reach, l_high) + 1):
            # |q|^2 = star[0] h^2 + slope h + rest
            slope = 2.0 * (star[3] * k + star[4] * l)
            rest = star[1] * k * k + star[2] * l * l + 2.0 * star[5] * k * l
            inner, outer = roots(star[0], slope, rest - q_sqr)
            if inner > outer:
                continue
            linear = middle[0] * slope + middle[1]
            constant = middle[0] * rest + middle[2] * k + middle[3] * l
            reach = 2.0 * rho + rho * rho + D_ERROR
            reach += half[0] * q_sqr + half[1] * h_reach
            reach += half[2] * abs(k) + half[3] * abs(l)
            square = middle[0] * star[0]
            first, last = roots(square, linear, constant - reach)
            if first > last:
                continue
            gap, after = roots(square, linear, constant + reach)
            if gap > after:
                gap, after = last, last + 2.0
            h = float(max(math.ceil(max(first, inner) - 1e-9), h_low))
            end = min(math.floor(min(last, outer) + 1e-9), h_high)
            while h <= end:
                if gap + 1e-9 < h < after - 1e-9:
                    h = float(math.ceil(after - 1e-9))
                    continue
                square_q = star[0] * h * h + slope * h + rest
                if within(h, k, l, square_q, rho, middle, half):
                    F_cell_sqr = listed_F_sqr(h, k, l, lookup, table)
                    if F_cell_sqr != 0.0:
                        if found == rows:
                            return TOO_MANY_REFLECTIONS
                        hs[found], ks[found], ls[found] = h, k, l
                        squares[found], F_sqrs[found] = square_q, F_cell_sqr
                        found += 1
                h += 1.0
    # `rows` is a multiple of BLOCK.
    while found % BLOCK != 0:
        hs[found] = ks[found] = ls[found] = 0.0
        squares[found] = NOWHERE
        found += 1
    return found


@lanes
def flag_blocks(hs, ks, ls, squares, n, view, middle, half, flags):
    """Fill in for every block of reflections whether one of them is hit."""
    vector_loop()
    w0, w1, w2, w3 = view[0], view[1], view[2], view[3]
    for block in range(n // BLOCK):
        found = 0
        for j in range(BLOCK):
            i = BLOCK * block + j
            D = w0 * squares[i] + w1 * hs[i] + w2 * ks[i] + w3 * ls[i]
            found |= abs(D - middle) <= half
        flags[block] = found


@lanes
def tangents(x, z, S, S_sqr, frame_sqr):
    """Return the extremes of x/z over a cone of directions; z > S."""
    inverse = 1.0 / (z * z - S_sqr)
    middle = x * z * inverse
    half = S * math.sqrt(max(x * x + frame_sqr * (z * z - S_sqr), 0.0)) * inverse
    return middle - half, middle + half


@lanes
def subpixels_between(low, high, layers, axis, first, last):
    """Return first and last subpixel whose x/z (or y/z) is within bounds in a layer."""
    near, far = layers[0], layers[3]
    near_0, far_0 = layers[axis], layers[3 + axis]
    start = min(low * near - near_0, low * far - far_0) - MARGIN
    end = max(high * near - near_0, high * far - far_0) + MARGIN
    return math.ceil(max(start, first)), math.floor(min(end, last))


@lanes
def view_hits(number, view, n, band, numbers, table_of, flags, hits, count, places):
    """Append the hits of a view; return the new count, or TOO_MANY_HITS."""
    rows = band.reflections
    hs, ks, ls = table_of, advanced(table_of, rows), advanced(table_of, 2 * rows)
    squares, F_sqrs = advanced(table_of, 3 * rows), advanced(table_of, 4 * rows)
    rho = band.radius * math.sqrt(view[0])
    rho_sqr = rho * rho
    reach = 2.0 * rho + D_ERROR
    flag_blocks(hs, ks, ls, squares, n, view, rho_sqr, reach, flags)
    width, height = band.subpixels * TILE_WIDTH, band.subpixels * TILE_HEIGHT
    frame_sqr, layers = advanced(numbers, FRAME_SQR), advanced(numbers, LAYERS)
    box = pointer_to(advanced(numbers, BOX), np.int64)
    left, right = float(box[0]), float(box[1])
    bottom, top = float(box[2]), float(box[3])
    for i in range(n):
        if i % BLOCK == 0 and flags[i // BLOCK] == 0:
            continue
        h, k, l = hs[i], ks[i], ls[i]
        D = view[0] * squares[i] + view[1] * h + view[2] * k + view[3] * l
        if not abs(D - rho_sqr) <= reach:
            continue
        z = view[12] + view[13] * h + view[14] * k + view[15] * l
        S_sqr = max(rho_sqr - 0.25 * (D - rho_sqr) * (D - rho_sqr), 0.0)
        S_sqr += rho * D_ERROR
        S = math.sqrt(S_sqr)
        if z < -S:
            continue
        x0, x1, y0, y1 = left, right, bottom, top
        # Otherwise the cone reaches the horizon: the whole band.
        if z > 1.0001 * S + 1e-9:
            y = view[8] + view[9] * h + view[10] * k + view[11] * l
            low, high = tangents(y, z, S, S_sqr, frame_sqr[1])
            y0, y1 = subpixels_between(low, high, layers, Y, bottom, top)
            if y0 > y1:
                continue
            x = view[4] + view[5] * h + view[6] * k + view[7] * l
            low, high = tangents(x, z, S, S_sqr, frame_sqr[0])
            x0, x1 = subpixels_between(low, high, layers, X, left, right)
            if x0 > x1:
                continue
        if count == band.hits:
            return TOO_MANY_HITS
        hit = record_at(hits, count)
        hit.F_sqr = F_sqrs[i]
        hit.number = number
        hit.h, hit.k, hit.l = int(h), int(k), int(l)
        hit.x0, hit.x1, hit.y0, hit.y1 = int(x0), int(x1), int(y0), int(y1)
        count += 1
        for row in range(hit.y0 // height, hit.y1 // height + 1):
            first = (row - band.first_row) * band.columns - band.first_column
            for column in range(hit.x0 // width, hit.x1 // width + 1):
                places[first + column] += 1
    return count


@lanes_inline
def chunk_hits(chunk, band, numbers, thread, lookup, table):
    """Find the hits of a chunk of views; return how many, or why they did not fit."""
    scratch = pointer_to(band.group_scratch_at + 8 * GROUP_SCRATCH * thread, np.float64)
    views = scratch
    middle = advanced(scratch, LARGEST_GROUP * VIEW_NUMBERS)
    half, bounds = advanced(middle, 20), advanced(middle, 40)
    table_of = pointer_to(
        band.reflections_at + 8 * REFLECTION_ROWS * band.reflections * thread,
        np.float64,
    )
    flags = pointer_to(band.flags_at + band.reflections // BLOCK * thread, np.uint8)
    hits = advanced(pointer_to(band.hits_at, HIT_TYPE), band.hits * chunk)
    places = pointer_to(band.places_at + 4 * band.tiles * chunk, np.int32)
    for tile in range(band.tiles):
        places[tile] = 0
    stop = pointer_to(band.stop_at, np.int64)
    groups = (band.views + band.group - 1) // band.group
    count = np.int64(0)
    for group in range(
        groups * chunk // band.chunks, groups * (chunk + 1) // band.chunks
    ):
        if stop[0] != 0:
            return 0
        first = group * band.group
        n = min(band.group, band.views - first)
        for v in range(n):
            view = advanced(views, v * VIEW_NUMBERS)
            view_numbers(first + v, band, advanced(numbers, FRAME), view)
        index_bounds(first, n, band, bounds)
        reflections = find_reflections(
            views, n, band, numbers, middle, half, bounds, table_of, lookup, table
        )
        if reflections < 0:
            return reflections
        for v in range(n):
            view = advanced(views, v * VIEW_NUMBERS)
            count = view_hits(
                first + v,
                view,
                reflections,
                band,
                numbers,
                table_of,
                flags,
                hits,
                count,
                places,
            )
            if count < 0:
                return count
    return count


def find_hits(bands, lookups, table, thread):
    """Find the hits of every chunk of views and count those of every tile.

    Parameters
    ----------
    bands
        Pointer to a `sparse_band.BAND`.
    lookups, table
        Pointers to the arguments of a lookup (`params`) and its table of F_cell.
    thread
        Number of the thread: which scratch it uses.
    """
    band, lookup = record_at(bands, 0), lookups[0]
    numbers = pointer_to(bands, np.float64)
    counter = pointer_to(band.next_at, np.int64)
    stop = pointer_to(band.stop_at, np.int64)
    counts = pointer_to(band.counts_at, np.int64)
    chunk = fetch_add(counter, 1)
    while chunk < band.chunks and stop[0] == 0:
        counts[chunk] = chunk_hits(chunk, band, numbers, thread, lookup, table)
        chunk = fetch_add(counter, 1)
    return 0


def sort_hits(bands, thread):
    """Write down where the hits of every tile are, in the order of their views.

    `places` has, for every chunk and tile, the place of its first entry.
    """
    band = record_at(bands, 0)
    counter = pointer_to(band.next_at, np.int64)
    counts = pointer_to(band.counts_at, np.int64)
    entries = pointer_to(band.entries_at, np.uint32)
    width, height = band.subpixels * TILE_WIDTH, band.subpixels * TILE_HEIGHT
    chunk = fetch_add(counter, 1)
    while chunk < band.chunks:
        hits = advanced(pointer_to(band.hits_at, HIT_TYPE), band.hits * chunk)
        places = pointer_to(band.places_at + 4 * band.tiles * chunk, np.int32)
        for i in range(counts[chunk]):
            hit = record_at(hits, i)
            for row in range(hit.y0 // height, hit.y1 // height + 1):
                first = (row - band.first_row) * band.columns - band.first_column
                for column in range(hit.x0 // width, hit.x1 // width + 1):
                    place = places[first + column]
                    entries[place] = chunk * band.hits + i
                    places[first + column] = place + 1
        chunk = fetch_add(counter, 1)
    return 0
