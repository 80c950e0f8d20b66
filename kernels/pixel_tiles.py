# SPDX-License-Identifier: MIT
"""The fast CPU kernel: the loop nest over tiles of pixels as vector lanes.

pixel tile -> sensor layer -> subpixel -> source -> (phi x mosaic domain), and
innermost the pixels of the tile. A pixel's terms are added up in C's order, by
one thread, so that the image does not depend on the number of threads.

`run` is the record of `lane_arguments.run_record`, `tile` a (ROWS, TILE) array with
one row per quantity; loops that are to be vectorised get its rows one by one.
"""

import numpy as np
from numba import njit, prange
from numba.extending import overload

from . import lanes_geometry as geometry
from .jit import lanes
from .lanes import OPTIONS, add_terms, multiply_terms
from .lanes_cubic import add_cubic, cubic_places
from .params import CubicF, RunningProduct

#: Pixels per tile: the arrays of the inner loop fill a third of an L1 cache.
TILE = 512
#: float64 in a cache line.
LINE = 8
#: Larger than any rank.
NEVER = 1 << 62

# Rows of a tile. Pixel indices, unit vector to the pixel, its distance:
FAST, SLOW, DX, DY, DZ, AIRPATH = range(6)
# Scattering vector, sum so far, its copy for pixels beyond dmin, which those are:
SX, SY, SZ, TOTAL, KEPT_TOTAL, KEEP = range(6, 12)
# Corrections, the product of those inside the sum, who left the list:
OMEGA, CAPTURE, POLAR, WEIGHT, FELL = range(12, 17)
# Interpolation: lattice term, position between points, place in the list:
TERM, TH, TK, TL, PLACE = range(17, 22)
ROWS = 22


@lanes
def new_tile():
    """Return scratch whose rows start at cache lines."""
    flat = np.empty(ROWS * TILE + LINE)
    skip = (-(flat.ctypes.data // 8)) % LINE
    return flat[skip : skip + ROWS * TILE].reshape(ROWS, TILE)


@lanes
def directions(tile, n, layer, subS, subF, run):
    """Fill in the unit vectors and distances of one subpixel of every pixel."""
    subpixel_size = run.pixel_size / run.oversample
    start = (
        subpixel_size * (subF + 0.5),
        subpixel_size * (subS + 0.5),
        layer * run.detector_thickstep,
    )
    fast, slow = tile[FAST, :n], tile[SLOW, :n]
    dx, dy, dz = tile[DX, :n], tile[DY, :n], tile[DZ, :n]
    if run.curved_detector:
        geometry.curved_positions(fast, slow, start, run, dx, dy, dz)
    else:
        geometry.flat_positions(fast, slow, start, run, dx, dy, dz)
    geometry.make_unit(dx, dy, dz, tile[AIRPATH, :n])


@lanes
def weights(tile, n, run):
    """Fill in the product of the corrections that are applied inside the sum."""
    for i in range(n):
        value = 1.0
        if run.oversample_thick:
            value *= tile[CAPTURE, i]
        if run.oversample_polar:
            value *= tile[POLAR, i]
        if run.oversample_omega:
            value *= tile[OMEGA, i]
        tile[WEIGHT, i] = value


@lanes
def add_interpolated(tile, n, row, cell_vectors, shape, lookup, water):
    """Add the terms of every orientation, with interpolated F, to a row."""
    term, th, tk, tl = tile[TERM, :n], tile[TH, :n], tile[TK, :n], tile[TL, :n]
    place = tile[PLACE, :n]
    for m in range(cell_vectors.shape[0]):
        cubic_places(
            tile[SX, :n],
            tile[SY, :n],
            tile[SZ, :n],
            tile[KEEP, :n],
            cell_vectors[m],
            shape,
            lookup,
            water,
            tile[FELL, :n],
            term,
            th,
            tk,
            tl,
            place,
        )
        add_cubic(term, th, tk, tl, place, lookup, tile[row, :n])


def accumulate(tile, n, row, cell_vectors, run, shape, lookup, mode):
    """Add up every orientation into a row, in the way that the types choose."""
    raise NotImplementedError("compiled code only")


@overload(accumulate, jit_options=OPTIONS)
def _accumulate(tile, n, row, cell_vectors, run, shape, lookup, mode):
    def plain(tile, n, row, cell_vectors, run, shape, lookup, mode):
        sx, sy, sz = tile[SX, :n], tile[SY, :n], tile[SZ, :n]
        add_terms(sx, sy, sz, tile[row, :n], cell_vectors, shape, lookup)

    def interpolated(tile, n, row, cell_vectors, run, shape, lookup, mode):
        add_interpolated(tile, n, row, cell_vectors, shape, lookup, run.has_water)

    def running(tile, n, row, cell_vectors, run, shape, lookup, mode):
        weights(tile, n, run)
        multiply_terms(
            tile[SX, :n],
            tile[SY, :n],
            tile[SZ, :n],
            tile[row, :n],
            tile[WEIGHT, :n],
            cell_vectors,
            shape,
            lookup,
            mode.factor,
            run.has_water,
        )

    if mode.instance_class is RunningProduct:
        return running
    return interpolated if lookup.instance_class is CubicF else plain


def start_value(run, mode):
    """Return what a pixel's sum starts from."""
    raise NotImplementedError("compiled code only")


@overload(start_value, jit_options=OPTIONS)
def _start_value(run, mode):
    # A plain sum gets background and constant factor at the end.
    if mode.instance_class is RunningProduct:
        return lambda run, mode: run.I_bg
    return lambda run, mode: 0.0


def end_value(total, run, mode):
    """Return a pixel's sum with background and constant factor."""
    raise NotImplementedError("compiled code only")


@overload(end_value, jit_options=OPTIONS, inline="always")
def _end_value(total, run, mode):
    if mode.instance_class is RunningProduct:
        return lambda total, run, mode: total
    return lambda total, run, mode: run.I_bg + mode.factor * total


@lanes
def store_photons(tile, n, run, mode, image):
    """Write r_e^2 fluence I / steps and the corrections not applied yet."""
    for i in range(n):
        value = run.scale * end_value(tile[TOTAL, i], run, mode) / run.steps
        if not run.oversample_thick:
            value *= tile[CAPTURE, i]
        if not run.oversample_polar:
            value *= tile[POLAR, i]
        if not run.oversample_omega:
            value *= tile[OMEGA, i]
        image[int(tile[SLOW, i]) * run.fpixels + int(tile[FAST, i])] = value


@lanes
def corrections(tile, n, layer, first, run):
    """Fill in solid angle and capture fraction where C computes them afresh."""
    if first or run.oversample_omega:
        geometry.solid_angles(tile[AIRPATH, :n], run, tile[OMEGA, :n])
    if run.detector_thick > 0.0 or run.oversample_thick:
        dx, dy, dz = tile[DX, :n], tile[DY, :n], tile[DZ, :n]
        geometry.absorbed_fractions(
            layer, run.oversample_thick, dx, dy, dz, run, tile[CAPTURE, :n]
        )


@lanes
def add_source(
    tile, n, incident, wavelength, polar_missing, cell_vectors, run, shape, lookup, mode
):
    """Add one source for one subpixel; returns whether some pixel has no polar yet."""
    dx, dy, dz = tile[DX, :n], tile[DY, :n], tile[DZ, :n]
    sx, sy, sz = tile[SX, :n], tile[SY, :n], tile[SZ, :n]
    keep = tile[KEEP, :n]
    geometry.scattering_vectors(dx, dy, dz, incident, wavelength, sx, sy, sz)
    if run.dmin > 0.0:
        geometry.inside_dmin(sx, sy, sz, run.dmin, keep)
    if polar_missing or run.oversample_polar:
        polar_missing = geometry.polarizations(
            dx, dy, dz, incident, run.oversample_polar, run, keep, tile[POLAR, :n]
        )
    if run.dmin > 0.0:
        tile[KEPT_TOTAL, :n] = tile[TOTAL, :n]
        accumulate(tile, n, KEPT_TOTAL, cell_vectors, run, shape, lookup, mode)
        for i in range(n):
            if keep[i] != 0.0:
                tile[TOTAL, i] = tile[KEPT_TOTAL, i]
    else:
        accumulate(tile, n, TOTAL, cell_vectors, run, shape, lookup, mode)
    return polar_missing


@lanes
def render_tile(
    first,
    n,
    run,
    active,
    incident,
    wavelength,
    cell_vectors,
    shape,
    lookup,
    mode,
    image,
):
    """Render the ranks `first` ... `first` + `n` - 1, at most TILE.

    Returns
    -------
    int
        The first of them that left the list while interpolating, or NEVER.
    """
    tile = new_tile()
    geometry.pixel_numbers(first, run, active, tile[FAST, :n], tile[SLOW, :n])
    tile[TOTAL, :n] = start_value(run, mode)
    tile[POLAR, :n] = 1.0 if run.nopolar else 0.0
    tile[KEEP, :n] = 1.0
    tile[FELL, :n] = 0.0
    polar_missing = not run.nopolar
    for layer in range(run.detector_thicksteps):
        tile[CAPTURE, :n] = 1.0 if run.detector_thick == 0.0 else 0.0
        for subS in range(run.oversample):
            for subF in range(run.oversample):
                directions(tile, n, layer, subS, subF, run)
                corrections(tile, n, layer, layer + subS + subF == 0, run)
                for source in range(incident.shape[0]):
                    ray = (
                        incident[source, 0],
                        incident[source, 1],
                        incident[source, 2],
                    )
                    polar_missing = add_source(
                        tile,
                        n,
                        ray,
                        wavelength[source],
                        polar_missing,
                        cell_vectors,
                        run,
                        shape,
                        lookup,
                        mode,
                    )
    store_photons(tile, n, run, mode, image)
    for i in range(n):
        if tile[FELL, i] != 0.0:
            return first + i
    return NEVER


@njit(error_model="numpy", parallel=True, cache=True, nogil=True)
def render_tiles(
    start,
    stop,
    runs,
    active,
    incident,
    wavelength,
    cell_vectors,
    shape,
    lookup,
    mode,
    image,
):
    """Render ranks `start` to `stop` in parallel.

    Parameters
    ----------
    start, stop
        Ranks.
    runs
        (1,) record of the run's numbers.
    active
        See `params.Pixels`.
    incident, wavelength, cell_vectors
        See `params.BeamArgs` and `params.CrystalArgs`.
    shape, lookup, mode
        Their types choose the loops: see `lanes` and `accumulate`.
    image
        float32, flat, detector pixels.

    Returns
    -------
    int
        The first rank that evaluated an index outside the list while
        interpolating; `stop` when there is none.
    """
    tiles = (stop - start + TILE - 1) // TILE
    fell_out = stop
    for number in prange(tiles):
        first = start + number * TILE
        fell = render_tile(
            first,
            min(TILE, stop - first),
            runs[0],
            active,
            incident,
            wavelength,
            cell_vectors,
            shape,
            lookup,
            mode,
            image,
        )
        fell_out = min(fell_out, fell)
    return fell_out


@lanes
def tile_omega(first, n, run, active):
    """Return the sum of omega_pixel over a tile, its layers and subpixels, sr.

    C: ``omega_sum``. Without -oversample_omega every layer and subpixel counts
    with the solid angle of the first.
    """
    tile = new_tile()
    geometry.pixel_numbers(first, run, active, tile[FAST, :n], tile[SLOW, :n])
    layers = run.detector_thicksteps if run.oversample_omega else 1
    subpixels = run.oversample if run.oversample_omega else 1
    total = 0.0
    for layer in range(layers):
        for subS in range(subpixels):
            for subF in range(subpixels):
                directions(tile, n, layer, subS, subF, run)
                geometry.solid_angles(tile[AIRPATH, :n], run, tile[OMEGA, :n])
                for i in range(n):
                    total += tile[OMEGA, i]
    if run.oversample_omega:
        return total
    return total * run.detector_thicksteps * run.oversample * run.oversample


@njit(error_model="numpy", parallel=True, cache=True, nogil=True)
def omega_sum(runs, active):
    """Return the sum of omega_pixel over all rendered pixels, sr."""
    count = runs[0].count
    tiles = (count + TILE - 1) // TILE
    partial = np.zeros(tiles)
    for number in prange(tiles):
        first = number * TILE
        partial[number] = tile_omega(first, min(TILE, count - first), runs[0], active)
    # In order, so that the sum does not depend on the number of threads.
    total = 0.0
    for number in range(tiles):
        total += partial[number]
    return total
