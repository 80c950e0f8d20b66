# SPDX-License-Identifier: MIT
"""Rays of a pixel in a CUDA kernel, and how its sum becomes photons.

Each function is made twice: for flat detectors alone, and for any.
"""

import functools

from numba import cuda

from ..jit import scalar
from ..params import DetectorArgs, Job
from ..reference.detector import (
    absorbed_fraction,
    flat_position,
    layer_depth,
    solid_angle,
)
from ..reference.pixel import beyond_dmin, photons, scattering_vector
from ..reference.polarization import polarization_factor
from ..reference.vectors import dot, magnitude
from .forms import position_on_device


@cuda.jit(device=True)
def panel_of_rank(rank, places):
    """Return the panel that has a rank: the first that ends behind it."""
    low, high = 0, places.shape[0] - 1
    while low < high:
        middle = (low + high) // 2
        if places[middle, 0] > rank:
            high = middle
        else:
            low = middle + 1
    return low


@cuda.jit(device=True)
def vector_of(table, row, column):
    """Return three neighbouring numbers of a row of a table."""
    return table[row, column], table[row, column + 1], table[row, column + 2]


@cuda.jit(device=True)
def job_on_panel(job, panel, numbers):
    """Return a job with the geometry of one of its panels, see `PanelTables`."""
    det, beam, xtal, hkl, sampling = job
    own = DetectorArgs(
        vector_of(numbers, panel, 0),
        vector_of(numbers, panel, 3),
        vector_of(numbers, panel, 6),
        vector_of(numbers, panel, 9),
        det.beam_vector,
        det.pixel_size,
        numbers[panel, 12],
        numbers[panel, 13],
        det.fpixels,
        det.oversample,
        det.curved_detector,
        det.point_pixel,
        det.detector_thick,
        det.detector_thickstep,
        det.detector_thicksteps,
        det.detector_mu,
        det.exact,
        det.layer_offset,
        numbers[panel, 14],
        numbers[panel, 15],
    )
    return Job(own, beam, xtal, hkl, sampling)


@functools.cache
def subpixel_rays(curved):
    """Return the function that finds the ray to a subpixel.

    Parameters
    ----------
    curved
        Whether the detector may be curved.
    """
    position_of = position_on_device if curved else flat_position

    @scalar
    def subpixel_ray(fpixel, spixel, subpixel, det):
        """Return sensor layer, distance (m) and direction of a subpixel.

        Parameters
        ----------
        fpixel, spixel
            Pixel indices.
        subpixel
            (layer * oversample + slow) * oversample + fast.
        det : DetectorArgs
        """
        oversample = det.oversample
        subF = subpixel % oversample
        subS = subpixel // oversample % oversample
        layer = subpixel // (oversample * oversample)
        size = det.pixel_size / oversample
        Fdet = size * (fpixel * oversample + subF) + size / 2.0
        Sdet = size * (spixel * oversample + subS) + size / 2.0
        position = position_of(Fdet, Sdet, layer_depth(layer, det), det)
        airpath = magnitude(position)
        diffracted = (
            position[0] / airpath,
            position[1] / airpath,
            position[2] / airpath,
        )
        return layer, airpath, diffracted

    return subpixel_ray


@scalar
def subpixel_weight(layer, airpath, diffracted, det):
    """Return solid angle and capture fraction of a subpixel (model physical)."""
    omega_pixel = solid_angle(airpath, layer_depth(layer, det), det)
    if det.detector_thick == 0.0:
        return omega_pixel, 1.0
    return omega_pixel, absorbed_fraction(layer, diffracted, det)


@cuda.jit(device=True)
def incident_ray(source, beam):
    """Return the direction of a source."""
    return (
        beam.incident[source, 0],
        beam.incident[source, 1],
        beam.incident[source, 2],
    )


@cuda.jit(device=True)
def index_of_orientation(cells, orientation, scattering):
    """Return h, k, l = a.s, b.s, c.s of one row of the table of rotated cells."""
    a = (
        cells[orientation, 0, 0],
        cells[orientation, 0, 1],
        cells[orientation, 0, 2],
    )
    b = (
        cells[orientation, 1, 0],
        cells[orientation, 1, 1],
        cells[orientation, 1, 2],
    )
    c = (
        cells[orientation, 2, 0],
        cells[orientation, 2, 1],
        cells[orientation, 2, 2],
    )
    return dot(a, scattering), dot(b, scattering), dot(c, scattering)


@functools.cache
def endings(curved):
    """Return the function that turns a pixel's whole sum into photons.

    Parameters
    ----------
    curved
        Whether the detector may be curved.
    """
    subpixel_ray = subpixel_rays(curved)

    @scalar
    def capture_of_pixel(fpixel, spixel, det):
        """Return the capture fraction that C applies at the end: the last layer's.

        That of its first subpixel; an exact 0 counts as "not known yet".
        """
        capture_fraction = 1.0 if det.detector_thick == 0.0 else 0.0
        subpixels = det.oversample * det.oversample
        first = (det.detector_thicksteps - 1) * subpixels
        for subpixel in range(first, first + subpixels):
            if capture_fraction == 0.0:
                layer, _, diffracted = subpixel_ray(fpixel, spixel, subpixel, det)
                capture_fraction = absorbed_fraction(layer, diffracted, det)
        return capture_fraction

    @cuda.jit(device=True)
    def polarization_of_pixel(fpixel, spixel, job):
        """Return the polarization factor that C applies at the end.

        That of the first ray inside -dmin; an exact 0 counts as "not known yet".
        """
        det, beam, _, _, sampling = job
        polar = 1.0 if beam.nopolar else 0.0
        sources = beam.wavelength.shape[0]
        rays = det.detector_thicksteps * det.oversample * det.oversample * sources
        for ray in range(rays):
            if polar != 0.0:
                break
            _, _, diffracted = subpixel_ray(fpixel, spixel, ray // sources, det)
            incident = incident_ray(ray % sources, beam)
            scattering = scattering_vector(
                diffracted, incident, beam.wavelength[ray % sources]
            )
            if not beyond_dmin(scattering, sampling.dmin):
                polar = polarization_factor(
                    beam.polarization, incident, diffracted, beam.polar_vector
                )
        return polar

    @cuda.jit(device=True)
    def finish(place, fpixel, spixel, total, job, ending, values):
        """Write the photons of a pixel.

        Parameters
        ----------
        place
            Its element of `values`.
        fpixel, spixel
            Its indices on its panel.
        total
            The sum of all its terms.
        job : Job
        ending : Ending
        values
            Flat, float32.
        """
        det, _, _, _, sampling = job
        I = total
        capture_fraction = polar = omega_pixel = 1.0
        # Weighted rays have brought background, factor and corrections along.
        if not sampling.per_ray:
            I = ending.background + ending.factor * total
            _, airpath, _ = subpixel_ray(fpixel, spixel, 0, det)
            capture_fraction = capture_of_pixel(fpixel, spixel, det)
            polar = polarization_of_pixel(fpixel, spixel, job)
            omega_pixel = solid_angle(airpath, layer_depth(0, det), det)
        values[place] = photons(I, capture_fraction, polar, omega_pixel, sampling)

    return finish
