# SPDX-License-Identifier: MIT
"""Render the lit pixels of tiles from the tiles' lists: `sparse_band` has the overview.

pixel tile -> sensor layer -> subpixel -> the list, in the order source -> phi ->
domain: the nest of `tiles.render_tile`, whose geometry and rows of numbers these are,
without what is dark.
"""

import numpy as np
from numba import from_dtype

from ..jit import lanes, lanes_inline
from ..layout import TILE
from ..reference.detector import layer_depth, normal_distance
from . import lanes_geometry as geometry
from . import tiles
from .intrinsics import advanced, call_at, fetch_add, pointer_to, prefetch, record_at
from .lanes_single import ACC, FLUSH, flush
from .sparse_band import (
    HIT,
    RAY_NUMBERS,
    STRIP,
    STRIPS_PER_ROW,
    TILE_HEIGHT,
    TILE_WIDTH,
)
from .tiles import (
    AIRPATH,
    CAPTURE,
    DX,
    DY,
    DZ,
    FAST,
    KEEP,
    OMEGA,
    POLAR,
    RAY_SUM,
    SLOW,
    TOTAL,
    WEIGHT,
)

assert TILE_WIDTH * TILE_HEIGHT == TILE and TILE // STRIP == 64

HIT_TYPE = from_dtype(HIT)
#: Tiles that a thread takes at a time.
BATCH = 8
ONE = np.uint64(1)
#: Hits that are on their way from memory at a time.
AHEAD = 12
#: A row of scratch that the sum does not use: first pixel of each strip.
STRIPS = tiles.FELL


@lanes
def pixels_of(first, last, corner, subpixels, sub, pixels):
    """Return which pixels of a tile have a subpixel between two, inclusive.

    `sub` is its number within a pixel, `corner` the tile's first pixel, `pixels` how
    many it has this way.
    """
    if subpixels == 1:
        return max(first - corner, 0), min(last - corner, pixels - 1)
    start = max((first - sub + subpixels - 1) // subpixels - corner, 0)
    end = min((last - sub) // subpixels - corner, pixels - 1)
    return start, end


@lanes
def strips_of_row(x0, x1):
    """Return the strips of the first row that pixels x0 ... x1 touch, as bits."""
    first, last = x0 // STRIP, x1 // STRIP
    return ((ONE << np.uint64(last - first + 1)) - ONE) << np.uint64(first)


@lanes
def lit_strips(hits, entries, n, x0, y0, columns, rows, subpixels):
    """Return which strips of a tile some box touches, as bits."""
    lit = np.uint64(0)
    for e in range(n):
        # A list is in order of memory but has gaps: ask for what comes soon.
        prefetch(hits, entries[min(e + AHEAD, n - 1)])
        hit = record_at(hits, entries[e])
        first = max(hit.x0 // subpixels - x0, 0)
        last = min(hit.x1 // subpixels - x0, columns - 1)
        bits = strips_of_row(first, last)
        top = min(hit.y1 // subpixels - y0, rows - 1)
        for row in range(max(hit.y0 // subpixels - y0, 0), top + 1):
            lit |= bits << np.uint64(row * STRIPS_PER_ROW)
    return lit


@lanes
def place_strips(tile, lit, x0, y0, xmin, ymin):
    """Fill in pixel numbers of the lit strips, one after the other; return how many."""
    fast, slow = advanced(tile, FAST), advanced(tile, SLOW)
    total, sums = advanced(tile, TOTAL), advanced(tile, RAY_SUM)
    capture, keep = advanced(tile, CAPTURE), advanced(tile, KEEP)
    strips = pointer_to(advanced(tile, STRIPS), np.int64)
    n = 0
    for strip in range(TILE // STRIP):
        strips[strip] = n
        if lit & (ONE << np.uint64(strip)):
            row = strip // STRIPS_PER_ROW
            x = xmin + x0 + (strip - row * STRIPS_PER_ROW) * STRIP
            for i in range(STRIP):
                fast[n + i], slow[n + i] = x + i, ymin + y0 + row
                total[n + i] = sums[n + i] = 0.0
                capture[n + i] = keep[n + i] = 1.0
            n += STRIP
    return n


@lanes
def sort_subpixels(hits, entries, n, x0, y0, columns, rows, subpixels, lists):
    """Fill in which entries light the subpixels of each place within a pixel.

    `lists` has, for each of the subpixels of a pixel, where its list begins, counted
    from the number that follows these; then the end of the last; then the lists.
    """
    subs = subpixels * subpixels
    for sub in range(subs + 1):
        lists[sub] = 0
    left, bottom = x0 * subpixels, y0 * subpixels
    right, top = left + columns * subpixels - 1, bottom + rows * subpixels - 1
    for fill in range(2):
        for e in range(n):
            entry = entries[n - 1 - e] if fill else entries[e]
            hit = record_at(hits, entry)
            first, last = max(hit.x0, left), min(hit.x1, right)
            low, high = max(hit.y0, bottom), min(hit.y1, top)
            for y in range(low, min(high, low + subpixels - 1) + 1):
                for x in range(first, min(last, first + subpixels - 1) + 1):
                    sub = y % subpixels * subpixels + x % subpixels
                    if fill == 0:
                        lists[sub] += 1
                    else:
                        lists[sub] -= 1
                        lists[subs + 1 + lists[sub]] = entry
        if fill == 0:
            for sub in range(subs):
                lists[sub + 1] += lists[sub]


@lanes
def weigh_ray(tile, strips_lit, source, n, band, run, loop):
    """Add the sums of one ray with their weights, where the ray lit something.

    As `tiles.accumulate_ray`. Elsewhere its sums are 0, and what they would add.
    """
    at, first_B = 3 * source, 3 * (band.sources + source)
    rays = advanced(pointer_to(band.rays_at, np.float64), RAY_NUMBERS * source)
    fields = pointer_to(band.fields_at, np.float64)
    ray = rays[0], rays[1], rays[2]
    E_in = fields[at], fields[at + 1], fields[at + 2]
    B_in = fields[first_B], fields[first_B + 1], fields[first_B + 2]
    starts = pointer_to(advanced(tile, STRIPS), np.int64)
    strip = 0
    while strip < TILE // STRIP:
        if strips_lit & (ONE << np.uint64(strip)) == 0:
            strip += 1
            continue
        # Neighbours in memory together.
        first = end = starts[strip]
        while strip < TILE // STRIP and end == starts[strip]:
            if strips_lit & (ONE << np.uint64(strip)) == 0:
                break
            end += STRIP
            strip += 1
        geometry.add_rays(
            advanced(tile, DX + first),
            advanced(tile, DY + first),
            advanced(tile, DZ + first),
            advanced(tile, WEIGHT + first),
            ray,
            E_in,
            B_in,
            rays[5],
            loop.factor,
            advanced(tile, RAY_SUM + first),
            end - first,
            run,
            advanced(tile, TOTAL + first),
        )


@lanes
def add_list(tile, lit, entries, count, corner, size, sub, n, band, run, loop):
    """Add the terms of a list to the pixels of a tile, for one layer and subpixel.

    Parameters
    ----------
    lit
        Which strips of the tile have pixels, as bits.
    entries, count
        Where the list's hits are, and how many.
    corner, size
        First column and row of the tile; how many it has.
    sub, n
        Which subpixel; how many pixels.
    """
    dx, dy, dz = advanced(tile, DX), advanced(tile, DY), advanced(tile, DZ)
    total = advanced(tile, TOTAL)
    if run.per_ray:
        total = advanced(tile, RAY_SUM)
    sums = pointer_to(advanced(tile, tiles.SCRATCH), np.float32)
    strips = pointer_to(advanced(tile, STRIPS), np.int64)
    hits = pointer_to(band.hits_at, HIT_TYPE)
    rays = pointer_to(band.rays_at, np.float64)
    cells = pointer_to(band.cells_at, np.float64)
    subpixels = band.subpixels
    sub_x, sub_y = sub % subpixels, sub // subpixels
    part, source, touched = np.int64(-1), np.int64(0), np.uint64(0)
    for e in range(count):
        hit = record_at(hits, entries[e])
        left, right = pixels_of(hit.x0, hit.x1, corner[0], subpixels, sub_x, size[0])
        low, high = pixels_of(hit.y0, hit.y1, corner[1], subpixels, sub_y, size[1])
        source_before, source = source, hit.number // band.orientations
        orientation = hit.number - source * band.orientations
        if loop.flush:
            # Sources begin with new sums.
            part_before = part
            part = source * band.orientations + orientation // FLUSH
            if part != part_before:
                flush(sums, n, total)
        if run.per_ray:
            while source_before < source:
                if band.everything:
                    touched = lit
                if touched != 0:
                    weigh_ray(tile, touched, source_before, n, band, run, loop)
                touched = np.uint64(0)
                source_before += 1
            bits = strips_of_row(left, right)
            for row in range(low, high + 1):
                touched |= bits << np.uint64(row * STRIPS_PER_ROW)
        call_at(
            loop.function,
            (
                dx,
                dy,
                dz,
                total,
                advanced(sums, ACC),
                strips,
                left,
                right,
                low,
                high,
                advanced(rays, RAY_NUMBERS * source),
                cells,
                orientation,
                np.int64(hit.h),
                np.int64(hit.k),
                np.int64(hit.l),
                hit.F_sqr,
                loop.shape,
                loop.lookup,
                loop.guard,
            ),
        )
    if loop.flush:
        flush(sums, n, total)
    if run.per_ray:
        last = band.sources if band.everything else source + 1
        while source < last:
            if band.everything:
                touched = lit
            weigh_ray(tile, touched, source, n, band, run, loop)
            touched = np.uint64(0)
            source += 1


@lanes
def prepare_subpixel(tile, layer, sub, n, run):
    """Fill in directions, and what the weights of rays need."""
    tiles.directions(tile, layer, sub, n, run, None)
    if not run.per_ray:
        return
    distance = normal_distance(layer_depth(layer, run), run)
    airpath, omega = advanced(tile, AIRPATH), advanced(tile, OMEGA)
    capture, weight = advanced(tile, CAPTURE), advanced(tile, WEIGHT)
    geometry.solid_angles(airpath, distance, n, run, omega)
    if run.detector_thick > 0.0:
        dx, dy, dz = advanced(tile, DX), advanced(tile, DY), advanced(tile, DZ)
        geometry.absorbed_fractions(layer, dx, dy, dz, n, run, capture)
    geometry.subpixel_weights(omega, capture, n, weight)


@lanes
def keep_what_is_stored(tile, n, band, run):
    """Move the pixels that are stored to the front; return how many.

    Not those beyond the region of interest or under the mask, nor the dark ones, unless
    they have a background.
    """
    fast, slow, total = (
        advanced(tile, FAST),
        advanced(tile, SLOW),
        advanced(tile, TOTAL),
    )
    mask = pointer_to(band.mask_at, np.uint8)
    kept = 0
    for i in range(n):
        x, y = int(fast[i]), int(slow[i])
        if x > band.xmax or y > band.ymax:
            continue
        if band.mask_at != 0 and mask[(y - band.ymin) * run.fpixels + x] == 0:
            continue
        if total[i] != 0.0 or band.everything:
            fast[kept], slow[kept], total[kept] = fast[i], slow[i], total[i]
            kept += 1
    return kept


@lanes
def polarize(tile, n, band, run):
    """Fill in polar as the nest of `tiles.render_tile` leaves it."""
    dx, dy, dz = advanced(tile, DX), advanced(tile, DY), advanced(tile, DZ)
    sx, sy = advanced(tile, tiles.SX), advanced(tile, tiles.SY)
    sz, keep = advanced(tile, tiles.SZ), advanced(tile, KEEP)
    polar = advanced(tile, POLAR)
    rays = pointer_to(band.rays_at, np.float64)
    E_fields = pointer_to(band.fields_at, np.float64)
    B_fields = advanced(E_fields, 3 * band.sources)
    for layer in range(run.detector_thicksteps):
        for sub in range(run.oversample * run.oversample):
            tiles.directions(tile, layer, sub, n, run, None)
            for source in range(band.sources):
                of_ray, at = RAY_NUMBERS * source, 3 * source
                ray = rays[of_ray], rays[of_ray + 1], rays[of_ray + 2]
                if run.dmin > 0.0:
                    geometry.scattering_vectors(
                        dx, dy, dz, ray, rays[of_ray + 4], n, sx, sy, sz
                    )
                    geometry.inside_dmin(sx, sy, sz, n, run, keep)
                E = E_fields[at], E_fields[at + 1], E_fields[at + 2]
                B = B_fields[at], B_fields[at + 1], B_fields[at + 2]
                if not geometry.polarizations(
                    dx, dy, dz, ray, E, B, n, run, keep, polar
                ):
                    return


@lanes
def absorb(tile, n, run):
    """Fill in capture as the last layer leaves it."""
    dx, dy, dz = advanced(tile, DX), advanced(tile, DY), advanced(tile, DZ)
    capture = advanced(tile, CAPTURE)
    layer = run.detector_thicksteps - 1
    for i in range(n):
        capture[i] = 0.0
    for sub in range(run.oversample * run.oversample):
        tiles.directions(tile, layer, sub, n, run, None)
        if not geometry.absorbed_fractions(layer, dx, dy, dz, n, run, capture):
            return


@lanes
def correct(tile, n, band, run):
    """Fill in the factors of the pixels' sums."""
    polar, capture = advanced(tile, POLAR), advanced(tile, CAPTURE)
    keep = advanced(tile, KEEP)
    tiles.directions(tile, 0, 0, n, run, None)
    distance = normal_distance(layer_depth(0, run), run)
    airpath, omega = advanced(tile, AIRPATH), advanced(tile, OMEGA)
    geometry.solid_angles(airpath, distance, n, run, omega)
    for i in range(n):
        polar[i] = 1.0 if run.nopolar else 0.0
        capture[i] = keep[i] = 1.0
    if not run.nopolar:
        polarize(tile, n, band, run)
    if run.detector_thick > 0.0:
        absorb(tile, n, run)


@lanes_inline
def render_lit_tile(number, thread, tile, band, run, loop):
    """Render one tile of a band."""
    hits = pointer_to(band.hits_at, HIT_TYPE)
    start = pointer_to(band.start_at, np.int64)
    entries = pointer_to(band.entries_at, np.uint32)
    entries = advanced(entries, start[number])
    count = start[number + 1] - start[number]
    row = number // band.columns
    x0 = (band.first_column + number - row * band.columns) * TILE_WIDTH
    y0 = (band.first_row + row) * TILE_HEIGHT
    columns = min(TILE_WIDTH, band.xmax - band.xmin + 1 - x0)
    rows = min(TILE_HEIGHT, band.ymax - band.ymin + 1 - y0)
    subpixels = band.subpixels
    subs = subpixels * subpixels
    corner, size = (x0, y0), (columns, rows)
    lit = ~np.uint64(0)
    if not band.everything:
        lit = lit_strips(hits, entries, count, x0, y0, columns, rows, subpixels)
    n = place_strips(tile, lit, x0, y0, band.xmin, band.ymin)
    lists = pointer_to(band.lists_at + 4 * band.lists * thread, np.uint32)
    if subs > 1:
        sort_subpixels(hits, entries, count, x0, y0, columns, rows, subpixels, lists)
    for layer in range(run.detector_thicksteps):
        for sub in range(subs):
            at = entries
            if subs > 1:
                at = advanced(lists, subs + 1 + lists[sub])
                count = lists[sub + 1] - lists[sub]
            if count > 0 or (band.everything and run.per_ray):
                prepare_subpixel(tile, layer, sub, n, run)
                add_list(tile, lit, at, count, corner, size, sub, n, band, run, loop)
    n = keep_what_is_stored(tile, n, band, run)
    if n > 0:
        if not run.per_ray:
            correct(tile, n, band, run)
        geometry.store_photons(
            advanced(tile, FAST),
            advanced(tile, SLOW),
            advanced(tile, TOTAL),
            advanced(tile, CAPTURE),
            advanced(tile, POLAR),
            advanced(tile, OMEGA),
            n,
            run,
            loop,
            pointer_to(band.image_at, np.float32),
        )


def render_lit_tiles(bands, runs, loops, thread):
    """Render the tiles of a band that have something to render.

    Parameters
    ----------
    bands, runs, loops
        Pointers to a `sparse_band.BAND`, to the record of `cpu_arguments.run_record`
        and to a LIT_LOOP.
    thread
        Number of the thread: which scratch it uses.
    """
    band, run, loop = record_at(bands, 0), record_at(runs, 0), record_at(loops, 0)
    counter = pointer_to(band.next_at, np.int64)
    stop = pointer_to(band.stop_at, np.int64)
    todo = pointer_to(band.todo_at, np.int64)
    tile = pointer_to(band.scratch_at + tiles.TILE_BYTES * thread, np.float64)
    first = fetch_add(counter, BATCH)
    while first < band.todo and stop[0] == 0:
        for j in range(first, min(first + BATCH, band.todo)):
            render_lit_tile(todo[j], thread, tile, band, run, loop)
        first = fetch_add(counter, BATCH)
    return 0
