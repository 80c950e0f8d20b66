# SPDX-License-Identifier: MIT
"""The fast CPU kernel: the loop nest over tiles of pixels as vector lanes.

pixel tile -> sensor layer -> subpixel -> source -> (phi x mosaic domain), and
innermost the pixels of the tile. A pixel's terms are added up in C's order, by
one thread, so that the image does not depend on the number of threads.

`run` is the record of `lane_arguments.run_record`, `tile` a (ROWS, TILE) array with
one row per quantity; loops that are to be vectorised get its rows one by one.
"""

import numpy as np
from numba import get_thread_id, njit, prange
from numba.extending import overload

from . import lanes_geometry as geometry
from .jit import lanes
from .lanes import OPTIONS, add_terms, multiply_terms
from .lanes_cubic import add_cubic, cubic_places
from .lanes_single import add_terms_single
from .params import CubicF, RunningProduct, SingleSum

#: Pixels per tile: the arrays of the inner loop fill a third of an L1 cache.
TILE = 512
#: Larger than any rank.
NEVER = 1 << 62

# Rows of a tile. Pixel indices, unit vector to the pixel, its distance:
FAST, SLOW, DX, DY, DZ, AIRPATH = range(6)
# Scattering vector, sum so far, sum with this source, 0 for pixels beyond dmin:
SX, SY, SZ, TOTAL, KEPT_TOTAL, KEEP = range(6, 12)
# Corrections, the product of those inside the sum, who left the list:
OMEGA, CAPTURE, POLAR, WEIGHT, FELL = range(12, 17)
# Interpolation: lattice term, position between points, place in the list. In
# single precision the same five rows are ten of float32:
TERM, TH, TK, TL, PLACE = range(17, 22)
ROWS = 22


@lanes
def fill(row, value):
    """Set all elements of a row."""
    for i in range(row.shape[0]):
        row[i] = value


@lanes
def directions(tile, n, layer, sub, run, curved):
    """Fill in the unit vectors and distances of one subpixel of every pixel."""
    subpixel_size = run.pixel_size / run.oversample
    start = (
        subpixel_size * (sub % run.oversample + 0.5),
        subpixel_size * (sub // run.oversample + 0.5),
        layer * run.detector_thickstep,
    )
    fast, slow, dx, dy, dz = tile[FAST, :n], tile[SLOW], tile[DX], tile[DY], tile[DZ]
    if curved is not None:
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
def add_interpolated(tile, n, cell_vectors, shape, lookup, table, water):
    """Add the terms of every orientation, with interpolated F."""
    term, th, tk, tl, place = tile[TERM], tile[TH], tile[TK], tile[TL], tile[PLACE]
    for m in range(cell_vectors.shape[0]):
        cubic_places(
            tile[SX, :n],
            tile[SY],
            tile[SZ],
            tile[KEEP],
            cell_vectors[m],
            shape,
            lookup,
            water,
            tile[FELL],
            term,
            th,
            tk,
            tl,
            place,
        )
        add_cubic(term, th, tk, tl, place, lookup, table, tile[KEPT_TOTAL, :n])


def accumulate(tile, n, cell_vectors, run, shape, lookup, table, mode):
    """Add up every orientation, in the way that the types choose."""
    raise NotImplementedError("compiled code only")


@overload(accumulate, jit_options=OPTIONS)
def _accumulate(tile, n, cell_vectors, run, shape, lookup, table, mode):
    def plain(tile, n, cell_vectors, run, shape, lookup, table, mode):
        sx, sy, sz = tile[SX, :n], tile[SY, :n], tile[SZ, :n]
        add_terms(sx, sy, sz, tile[KEPT_TOTAL, :n], cell_vectors, shape, lookup, table)

    def interpolated(tile, n, cell_vectors, run, shape, lookup, table, mode):
        add_interpolated(tile, n, cell_vectors, shape, lookup, table, run.has_water)

    def running(tile, n, cell_vectors, run, shape, lookup, table, mode):
        weights(tile, n, run)
        multiply_terms(
            tile[SX],
            tile[SY],
            tile[SZ],
            tile[KEPT_TOTAL, :n],
            tile[WEIGHT],
            cell_vectors,
            shape,
            lookup,
            table,
            mode.factor,
            run.has_water,
        )

    def single(tile, n, cell_vectors, run, shape, lookup, table, mode):
        sx, sy, sz = tile[SX, :n], tile[SY, :n], tile[SZ, :n]
        add_terms_single(
            sx,
            sy,
            sz,
            tile[KEPT_TOTAL, :n],
            tile[TERM:ROWS].reshape(-1).view(np.float32).reshape(-1, TILE),
            cell_vectors,
            shape,
            lookup,
            table,
            mode.reach,
        )

    if mode.instance_class is RunningProduct:
        return running
    if mode.instance_class is SingleSum:
        return single
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
def render_tile(
    first,
    tile,
    n,
    run,
    active,
    incident,
    wavelength,
    fields,
    cell_vectors,
    shape,
    lookup,
    table,
    mode,
    curved,
    absorbing,
    image,
):
    """Render the ranks `first` ... `first` + `n` - 1, at most TILE.

    Returns
    -------
    int
        The first of them that left the list while interpolating, or NEVER.
    """
    # Whole rows where a loop takes its length from another one: a slice costs much
    # more machine code than a row.
    dx, dy, dz, sy, sz = tile[DX], tile[DY], tile[DZ], tile[SY], tile[SZ]
    sx, omega = tile[SX, :n], tile[OMEGA, :n]
    capture, polar = tile[CAPTURE, :n], tile[POLAR, :n]
    total, kept_total, keep = tile[TOTAL], tile[KEPT_TOTAL], tile[KEEP, :n]
    geometry.pixel_numbers(first, run, active, tile[FAST, :n], tile[SLOW])
    fill(total, start_value(run, mode))
    fill(polar, 1.0 if run.nopolar else 0.0)
    fill(keep, 1.0)
    fill(tile[FELL], 0.0)
    polar_missing = not run.nopolar
    for layer in range(run.detector_thicksteps):
        fill(capture, 1.0 if run.detector_thick == 0.0 else 0.0)
        for sub in range(run.oversample * run.oversample):
            directions(tile, n, layer, sub, run, curved)
            if layer + sub == 0 or run.oversample_omega:
                geometry.solid_angles(tile[AIRPATH], run, omega)
            if absorbing is not None:
                geometry.absorbed_fractions(
                    layer, run.oversample_thick, dx, dy, dz, run, capture
                )
            for source in range(incident.shape[0]):
                ray = (incident[source, 0], incident[source, 1], incident[source, 2])
                geometry.scattering_vectors(
                    dx, dy, dz, ray, wavelength[source], sx, sy, sz
                )
                if run.dmin > 0.0:
                    geometry.inside_dmin(sx, sy, sz, run.dmin, keep)
                if polar_missing or run.oversample_polar:
                    polar_missing = geometry.polarizations(
                        dx,
                        dy,
                        dz,
                        ray,
                        fields[source],
                        run.oversample_polar,
                        run.polarization,
                        keep,
                        polar,
                    )
                # Pixels beyond dmin go along on a copy that is not used.
                for i in range(n):
                    kept_total[i] = total[i]
                accumulate(tile, n, cell_vectors, run, shape, lookup, table, mode)
                for i in range(n):
                    total[i] = kept_total[i] if keep[i] != 0.0 else total[i]
    store_photons(tile, n, run, mode, image)
    for i in range(n):
        if tile[FELL, i] != 0.0:
            return first + i
    return NEVER


@njit(error_model="numpy", parallel=True, cache=True, nogil=True)
def render_tiles(
    start,
    stop,
    scratch,
    runs,
    active,
    incident,
    wavelength,
    fields,
    cell_vectors,
    shape,
    lookup,
    table,
    mode,
    curved,
    absorbing,
    image,
    fell,
):
    """Render ranks `start` to `stop` in parallel.

    Parameters
    ----------
    start, stop
        Ranks.
    scratch
        (threads, ROWS, TILE) float64, overwritten.
    runs
        (1,) record of the run's numbers.
    active
        See `params.Pixels`.
    incident, wavelength, cell_vectors
        See `params.BeamArgs` and `params.CrystalArgs`.
    fields
        (sources, 2, 3) unit vectors of the E and B field of each source.
    shape, lookup, mode
        Their types choose the loops: see `lanes` and `accumulate`.
    table
        Flat structure factors, as the lookup says.
    curved, absorbing
        None, or True for a curved detector, a sensor that absorbs: numba leaves
        out what a None does not need.
    image
        float32, flat, detector pixels.

    fell
        int64, one element per tile: the first of its ranks that evaluated an index
        outside the list while interpolating, or NEVER.
    """
    tiles = (stop - start + TILE - 1) // TILE
    for number in prange(tiles):
        first = start + number * TILE
        fell[number] = render_tile(
            first,
            scratch[get_thread_id()],
            min(TILE, stop - first),
            runs[0],
            active,
            incident,
            wavelength,
            fields,
            cell_vectors,
            shape,
            lookup,
            table,
            mode,
            curved,
            absorbing,
            image,
        )


@lanes
def tile_omega(first, tile, n, run, active, curved):
    """Return the sum of omega_pixel over a tile, its layers and subpixels, sr.

    C: ``omega_sum``. Without -oversample_omega every layer and subpixel counts
    with the solid angle of the first.
    """
    geometry.pixel_numbers(first, run, active, tile[FAST, :n], tile[SLOW])
    omega = tile[OMEGA, :n]
    layers = run.detector_thicksteps if run.oversample_omega else 1
    subpixels = run.oversample * run.oversample if run.oversample_omega else 1
    total = 0.0
    for layer in range(layers):
        for sub in range(subpixels):
            directions(tile, n, layer, sub, run, curved)
            geometry.solid_angles(tile[AIRPATH], run, omega)
            for i in range(n):
                total += omega[i]
    if run.oversample_omega:
        return total
    return total * run.detector_thicksteps * run.oversample * run.oversample


@njit(error_model="numpy", cache=True, nogil=True)
def omega_sum(scratch, runs, active, curved):
    """Return the sum of omega_pixel over all rendered pixels, sr.

    Not in parallel: it takes milliseconds, and compiles in half the time.
    """
    count = runs[0].count
    total = 0.0
    for first in range(0, count, TILE):
        n = min(TILE, count - first)
        total += tile_omega(first, scratch[0], n, runs[0], active, curved)
    return total
