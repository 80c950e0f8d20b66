# SPDX-License-Identifier: MIT
"""The fast CPU kernel: the loop nest over tiles of pixels as vector lanes.

pixel tile -> sensor layer -> subpixel -> source -> (phi x mosaic domain), and
innermost the pixels of the tile. A pixel's terms are added up in C's order, by
one thread, so that the image does not depend on the number of threads.
"""

import numpy as np
from numba import njit, prange

from . import lanes_geometry as geometry
from .jit import lanes
from .lanes import add_terms, multiply_terms
from .params import Job

#: Pixels per tile: the arrays of the inner loop fill a third of an L1 cache.
TILE = 512
#: float64 in a cache line.
LINE = 8


@lanes
def aligned_rows(rows):
    """Return scratch of (rows, TILE) that starts at a cache line."""
    flat = np.empty(rows * TILE + LINE)
    skip = (-(flat.ctypes.data // 8)) % LINE
    return flat[skip : skip + rows * TILE].reshape(rows, TILE)


@lanes
def finish(total, running, factor, capture, polar, omega, sampling, values):
    """Turn sums into photons: r_e^2 fluence I / steps and what is not applied yet."""
    for i in range(total.shape[0]):
        I = total[i] if running else sampling.I_bg + factor * total[i]
        value = sampling.scale * I / sampling.steps
        if not sampling.oversample_thick:
            value *= capture[i]
        if not sampling.oversample_polar:
            value *= polar[i]
        if not sampling.oversample_omega:
            value *= omega[i]
        values[i] = value


@lanes
def weights(capture, polar, omega, sampling, weight):
    """Fill in the product of the corrections that are applied inside the sum."""
    for i in range(weight.shape[0]):
        value = 1.0
        if sampling.oversample_thick:
            value *= capture[i]
        if sampling.oversample_polar:
            value *= polar[i]
        if sampling.oversample_omega:
            value *= omega[i]
        weight[i] = value


@lanes
def render_tile(first, count, job, pixels, shape, lookup, factor, image):
    """Render the ranks `first` ... `first` + `count` - 1.

    Parameters
    ----------
    first, count
        Ranks; at most TILE.
    job : Job
    pixels : Pixels
    shape, lookup
        See `lanes`.
    factor
        Constant factor of all terms.
    image
        float32, flat, detector pixels.
    """
    det, beam, xtal, _, sampling = job
    rows = aligned_rows(16)
    fast, slow = rows[0, :count], rows[1, :count]
    dx, dy, dz, airpath = (
        rows[2, :count],
        rows[3, :count],
        rows[4, :count],
        rows[5, :count],
    )
    sx, sy, sz, total = (
        rows[6, :count],
        rows[7, :count],
        rows[8, :count],
        rows[9, :count],
    )
    omega, capture, polar = rows[10, :count], rows[11, :count], rows[12, :count]
    keep, extra, weight = rows[13, :count], rows[14, :count], rows[15, :count]

    running = (
        sampling.oversample_thick
        or sampling.oversample_polar
        or sampling.oversample_omega
    )
    geometry.pixel_numbers(first, pixels, det.fpixels, fast, slow)
    total[:] = sampling.I_bg if running else 0.0
    polar[:] = 1.0 if beam.nopolar else 0.0
    keep[:] = 1.0
    polar_missing = not beam.nopolar
    subpixel_size = det.pixel_size / det.oversample
    start = np.empty(2)
    for layer in range(det.detector_thicksteps):
        Odet = layer * det.detector_thickstep
        origin = det.pix0_vector + Odet * det.odet_vector
        capture[:] = 1.0 if det.detector_thick == 0.0 else 0.0
        for subS in range(det.oversample):
            for subF in range(det.oversample):
                start[0] = subpixel_size * (subF + 0.5)
                start[1] = subpixel_size * (subS + 0.5)
                if det.curved_detector:
                    geometry.curved_directions(
                        fast, slow, start, Odet, det, dx, dy, dz, airpath
                    )
                else:
                    geometry.flat_directions(
                        fast,
                        slow,
                        start,
                        det.pixel_size,
                        origin,
                        det,
                        dx,
                        dy,
                        dz,
                        airpath,
                    )
                if layer + subS + subF == 0 or sampling.oversample_omega:
                    geometry.solid_angles(airpath, det, omega)
                if det.detector_thick > 0.0 or sampling.oversample_thick:
                    geometry.absorbed_fractions(
                        layer, sampling.oversample_thick, dx, dy, dz, det, capture
                    )
                for source in range(beam.incident.shape[0]):
                    incident = beam.incident[source]
                    geometry.scattering_vectors(
                        dx, dy, dz, incident, beam.wavelength[source], sx, sy, sz
                    )
                    if sampling.dmin > 0.0:
                        geometry.inside_dmin(sx, sy, sz, sampling.dmin, keep)
                    if polar_missing or sampling.oversample_polar:
                        polar_missing = geometry.polarizations(
                            dx,
                            dy,
                            dz,
                            incident,
                            sampling.oversample_polar,
                            beam,
                            keep,
                            polar,
                        )
                    if running:
                        weights(capture, polar, omega, sampling, weight)
                        extra[:] = total
                        multiply_terms(
                            sx,
                            sy,
                            sz,
                            extra,
                            weight,
                            xtal.cell_vectors,
                            shape,
                            lookup,
                            factor,
                            sampling.has_water,
                        )
                        for i in range(count):
                            total[i] = extra[i] if keep[i] != 0.0 else total[i]
                    elif sampling.dmin > 0.0:
                        extra[:] = 0.0
                        add_terms(sx, sy, sz, extra, xtal.cell_vectors, shape, lookup)
                        for i in range(count):
                            total[i] += extra[i] * keep[i]
                    else:
                        add_terms(sx, sy, sz, total, xtal.cell_vectors, shape, lookup)
    finish(total, running, factor, capture, polar, omega, sampling, extra)
    for i in range(count):
        image[int(slow[i]) * det.fpixels + int(fast[i])] = extra[i]


@njit(error_model="numpy", parallel=True, cache=True, nogil=True)
def render_tiles(
    start, stop, det, beam, xtal, hkl, sampling, pixels, shape, lookup, factor, image
):
    """Render ranks `start` to `stop` in parallel; see `render_tile`.

    The members of a `Job` stand apart because numba passes no nested tuples into
    a parallel loop.
    """
    tiles = (stop - start + TILE - 1) // TILE
    for tile in prange(tiles):
        first = start + tile * TILE
        job = Job(det, beam, xtal, hkl, sampling)
        count = min(TILE, stop - first)
        render_tile(first, count, job, pixels, shape, lookup, factor, image)
