# SPDX-License-Identifier: MIT
"""CUDA kernels: one thread per pixel, the loop nest of `pixel.pixel_intensity`.

A launch covers a range of pixels, of rays (sensor layer, subpixel, source) and of
orientations, and adds to float64 sums that stay on the device; so a long image is
made of short launches. Two kinds add: `add_terms_in_order` has every option and
keeps C's order of operations; the kernels of `add_terms_kernel` are made for one
shape and lookup each and stage the rotated cells in shared memory. `finish` turns
sums into photons.

Importing this module imports numba's CUDA target, but needs no device.
"""

import functools

import numpy as np
from numba import cuda, float64

from ..dispatcher_cache import kept
from ..fixed_point import (
    fixed_distance,
    fixed_index,
    fixed_whole,
    gauss_single,
    square_parts,
)
from ..jit import scalar
from ..reference.detector import (
    absorbed_fraction,
    layer_depth,
    pixel_position,
    solid_angle,
)
from ..reference.lattice import lattice_factor, round_index
from ..reference.pixel import beyond_dmin, photons, ray_weight, scattering_vector
from ..reference.polarization import polarization_factor
from ..reference.vectors import dot, magnitude
from . import forms
from .params import (
    GAUSS,
    NEAREST,
    ROUND_SPOT,
    SINGLE,
    SPECTRAL,
    SQUARE_ANY,
    SQUARE_FEW,
    SQUARE_SINGLE,
    STAGE,
    TOPHAT,
    TRICUBIC,
    TRICUBIC_ELSE_NEAREST,
)


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
    position = pixel_position(Fdet, Sdet, layer_depth(layer, det), det)
    airpath = magnitude(position)
    diffracted = (
        position[0] / airpath,
        position[1] / airpath,
        position[2] / airpath,
    )
    return layer, airpath, diffracted


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


@kept
@cuda.jit
def fill(sums, value):
    """Set all sums, (parts, ranks) float64."""
    local = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if local < sums.shape[1]:
        sums[cuda.blockIdx.y, local] = value


@kept
@cuda.jit
def add_terms_in_order(work, interpolate, job, pixels, sums, fell_out):
    """Add terms with every option, one after the other in C's order.

    Parameters
    ----------
    work : Work
    interpolate
        Whether tricubic interpolation is on.
    job : Job
        Vectors as tuples, tables in device memory.
    pixels : Pixels
    sums
        (1, ranks of this block of rows) float64; continued.
    fell_out
        (1,) int64: the smallest rank with an index outside the list while
        interpolating. Such a pixel's sum is not finished.
    """
    rank = work.start + cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if rank >= work.stop:
        return
    det, beam, xtal, hkl, sampling = job
    sources = beam.wavelength.shape[0]
    fpixel, spixel = forms.place_of_rank(rank, pixels, det.fpixels)
    place = rank - work.sums_start
    I = sums[0, place]
    polar = 1.0
    for ray in range(work.ray_start, work.ray_stop):
        source = ray % sources
        layer, airpath, diffracted = subpixel_ray(fpixel, spixel, ray // sources, det)
        incident = incident_ray(source, beam)
        scattering = scattering_vector(diffracted, incident, beam.wavelength[source])
        rays_before = I
        weight = 1.0
        if sampling.per_ray:
            omega_pixel, capture_fraction = subpixel_weight(
                layer, airpath, diffracted, det
            )
            polar = forms.polarization_of_ray(diffracted, incident, beam)
            weight = ray_weight(
                omega_pixel, capture_fraction, polar, beam.share[source]
            )
            # The launch with a ray's first term starts its sum.
            I = sampling.I_bg if work.orientation_start == 0 else 0.0
        if beyond_dmin(scattering, sampling.dmin):
            if sampling.per_ray:
                I = rays_before + weight * I
            continue
        omega_pixel = solid_angle(airpath, layer_depth(layer, det), det)
        capture_fraction = absorbed_fraction(layer, diffracted, det)
        if sampling.oversample_polar:
            polar = polarization_factor(
                beam.polarization, incident, diffracted, beam.polar_vector
            )
        for orientation in range(work.orientation_start, work.orientation_stop):
            h, k, l = index_of_orientation(xtal.cell_vectors, orientation, scattering)
            F_latt = lattice_factor(
                h, k, l, xtal.N_cells, xtal.shape, xtal.fudge, xtal.recip
            )
            if F_latt == 0.0 and not sampling.has_water:
                continue
            inside = interpolate and forms.can_interpolate_on_device(h, k, l, hkl)
            if interpolate and not (inside or sampling.keep_interpolating):
                cuda.atomic.min(fell_out, 0, rank)
                return
            if inside:
                F_cell = forms.interpolated_F_on_device(h, k, l, hkl)
            else:
                F_cell = forms.nearest_F_on_device(
                    round_index(h), round_index(k), round_index(l), hkl, source
                )
            term = F_cell * F_cell * F_latt * F_latt
            if sampling.weighted:
                term *= beam.share[source]
            I += term
            # C quirk: the running sum is multiplied, see pixel.pixel_intensity.
            if sampling.oversample_thick:
                I *= capture_fraction
            if sampling.oversample_polar:
                I *= polar
            if sampling.oversample_omega:
                I *= omega_pixel
        if sampling.per_ray:
            I = rays_before + weight * I
    sums[0, place] = I


@functools.cache
def add_terms_kernel(form, lookup, per_ray=False, parts=0):
    """Return the kernel for one shape and precision, and one source of F_cell.

    With `per_ray` (model physical) the sum of a ray, and its background, get the
    weight of the ray. Without the -oversample_ flags the order of the terms does not
    matter, so that the orientations can be dealt out in stages and parts. The
    arguments of the kernel are those of `add_terms_in_order`, and

    flat_cells
        (orientations * 9,) rotated cells.
    spot
        The shape's numbers.
    box
        `Box` or `Cube`.
    table
        (elements,): F^2 for `Box`, F for `Cube`; for SPECTRAL float32 of 1 + `parts`
        complex numbers an index.
    factor
        Constant factor of all terms, used where it cannot be applied at the end.
    """
    single = form in SINGLE
    zero = np.float32(0.0) if single else 0.0
    # Both neighbours of a half give a parallelepiped the same F_latt^2.
    nearest = lookup in (NEAREST, TRICUBIC_ELSE_NEAREST, SPECTRAL)
    halves_down = nearest or form not in (SQUARE_ANY, SQUARE_FEW)
    tricubic = lookup in (TRICUBIC, TRICUBIC_ELSE_NEAREST)
    F_sqr_of_source = forms.spectral_F_sqr(parts)

    @kept
    @cuda.jit
    def add_terms(
        work, job, pixels, flat_cells, spot, box, table, factor, sums, fell_out
    ):
        cells = cuda.shared.array((STAGE, 9), float64)
        own = work.start + cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        # Threads past the end do the last pixel's work, to reach every barrier.
        rank = min(own, work.stop - 1)
        det, beam, _, hkl, sampling = job
        sources = beam.wavelength.shape[0]
        fpixel, spixel = forms.place_of_rank(rank, pixels, det.fpixels)
        low = work.orientation_start + cuda.blockIdx.y * work.orientations_per_part
        high = min(low + work.orientations_per_part, work.orientation_stop)
        total = 0.0
        while low < high:
            count = np.int32(min(STAGE, high - low))
            for element in range(cuda.threadIdx.x, count * 9, cuda.blockDim.x):
                cells[element // 9, element % 9] = flat_cells[low * 9 + element]
            cuda.syncthreads()
            ray = work.ray_start
            while ray < work.ray_stop:
                subpixel = ray // sources
                layer, airpath, diffracted = subpixel_ray(fpixel, spixel, subpixel, det)
                if per_ray:
                    omega_pixel, capture_fraction = subpixel_weight(
                        layer, airpath, diffracted, det
                    )
                last = min((subpixel + 1) * sources, work.ray_stop)
                for one in range(ray, last):
                    source = one - subpixel * sources
                    incident = incident_ray(source, beam)
                    scattering = scattering_vector(
                        diffracted, incident, beam.wavelength[source]
                    )
                    if per_ray:
                        polar = forms.polarization_of_ray(diffracted, incident, beam)
                        weight = ray_weight(
                            omega_pixel, capture_fraction, polar, beam.share[source]
                        )
                        # Once: with the first of the ray's orientations.
                        if low == 0:
                            total += weight * sampling.I_bg
                        weight *= factor
                    if beyond_dmin(scattering, sampling.dmin):
                        continue
                    part = zero
                    # A 32-bit counter, and a row that can be seen not to be
                    # negative, save eight instructions of a hundred.
                    m = np.int32(0)
                    while m < count:
                        row = m & (STAGE - 1)
                        a = (cells[row, 0], cells[row, 1], cells[row, 2])
                        b = (cells[row, 3], cells[row, 4], cells[row, 5])
                        c = (cells[row, 6], cells[row, 7], cells[row, 8])
                        m = np.int32(m + 1)
                        if single:
                            h_bits = fixed_index(a[0], a[1], a[2], scattering)
                            k_bits = fixed_index(b[0], b[1], b[2], scattering)
                            l_bits = fixed_index(c[0], c[1], c[2], scattering)
                            dh = fixed_distance(h_bits)
                            dk = fixed_distance(k_bits)
                            dl = fixed_distance(l_bits)
                            h0 = fixed_whole(h_bits)
                            k0 = fixed_whole(k_bits)
                            l0 = fixed_whole(l_bits)
                        else:
                            h = dot(a, scattering)
                            k = dot(b, scattering)
                            l = dot(c, scattering)
                            h0, dh = forms.split_index(h, halves_down)
                            k0, dk = forms.split_index(k, halves_down)
                            l0, dl = forms.split_index(l, halves_down)
                        if form == SQUARE_ANY:
                            term = forms.square_any(dh, dk, dl, spot)
                        elif form == SQUARE_FEW:
                            term = forms.square_few(dh, dk, dl, spot)
                        elif form == ROUND_SPOT:
                            term = forms.round_spot(dh, dk, dl, spot)
                        elif form == GAUSS:
                            term = forms.gauss(dh, dk, dl, spot)
                        elif form == TOPHAT:
                            term = forms.tophat(dh, dk, dl, spot)
                        elif form == SQUARE_SINGLE:
                            top, bottom = square_parts(dh, dk, dl, spot)
                            ratio = forms.quotient(top, bottom)
                            term = ratio * ratio
                        else:
                            term = gauss_single(dh, dk, dl, spot)
                        if lookup == NEAREST:
                            term *= table[forms.table_place(h0, k0, l0, box)]
                        if lookup == SPECTRAL:
                            element = forms.table_place(h0, k0, l0, box)
                            term *= F_sqr_of_source(
                                table, element, source, hkl.coefficients
                            )
                        if tricubic:
                            if form == GAUSS:
                                bright = forms.gauss_is_bright(dh, dk, dl, spot)
                            else:
                                bright = form != TOPHAT or term != 0.0
                            if bright or sampling.has_water:
                                if forms.inside_cube(h, k, l, box):
                                    F_cell = forms.tricubic_F(h, k, l, box, table)
                                    term *= F_cell * F_cell
                                elif lookup == TRICUBIC_ELSE_NEAREST:
                                    F_cell = forms.listed_F(
                                        h0, k0, l0, box, table, hkl.default_F
                                    )
                                    term *= F_cell * F_cell
                                elif own < work.stop:
                                    cuda.atomic.min(fell_out, 0, own)
                        part += term
                    if per_ray:
                        total += weight * part
                    else:
                        # 1, but for a spectrum.
                        total += beam.share[source] * part
                ray = last
            cuda.syncthreads()
            low += count
        if own < work.stop:
            sums[cuda.blockIdx.y, own - work.sums_start] += total

    return add_terms


@kept
@cuda.jit
def finish(start, stop, background, factor, job, pixels, sums, values):
    """Turn the sums of ranks `start` to `stop` into photons.

    Parameters
    ----------
    start, stop
        Ranks.
    background, factor
        I is background + factor * (the sums of all parts).
    job : Job
    pixels : Pixels
    sums
        (parts, stop - start) float64.
    values
        (stop - start,) float32; overwritten.
    """
    local = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if local >= stop - start:
        return
    det, beam, _, _, sampling = job
    fpixel, spixel = forms.place_of_rank(start + local, pixels, det.fpixels)
    I = 0.0
    for part in range(sums.shape[0]):
        I += sums[part, local]
    I = background + factor * I
    capture_fraction = polar = omega_pixel = 1.0
    if not sampling.per_ray:
        _, airpath, _ = subpixel_ray(fpixel, spixel, 0, det)
        capture_fraction = capture_of_pixel(fpixel, spixel, det)
        polar = polarization_of_pixel(fpixel, spixel, job)
        omega_pixel = solid_angle(airpath, layer_depth(0, det), det)
    values[local] = photons(I, capture_fraction, polar, omega_pixel, sampling)


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
