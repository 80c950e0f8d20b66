# SPDX-License-Identifier: MIT
"""CUDA kernels: one thread per pixel, the loop nest of `pixel.pixel_intensity`.

A launch covers a range of pixels, of rays (sensor layer, subpixel, source) and of
orientations. One that covers all of both turns its sums into photons at once; a long
image is made of short launches, which leave float64 sums on the device for the next.
Two kinds add: `add_terms_in_order` has every option and keeps C's order of operations;
the kernels of `add_terms_kernel` are made for one shape and lookup each and stage the
rotated cells in shared memory.

Importing this module imports numba's CUDA target, but needs no device.
"""

import functools

import numpy as np
from numba import cuda, float64, int32, int64

from ..dispatcher_cache import kept
from ..fixed_point import (
    fixed_distance,
    fixed_index,
    fixed_whole,
    gauss_single,
    square_parts,
    whole_of_parts,
)
from ..reference.detector import absorbed_fraction, layer_depth, solid_angle
from ..reference.lattice import lattice_factor, round_index
from ..reference.pixel import beyond_dmin, ray_weight, scattering_vector
from ..reference.polarization import polarization_factor
from ..reference.vectors import dot
from . import forms, rays
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

#: For any detector: what runs in C's order is not in a hurry.
any_ray = rays.subpixel_rays(True)
any_finish = rays.endings(True)


@kept
@cuda.jit
def add_terms_in_order(
    work, interpolate, job, pixels, panels, ending, sums, values, fell_out
):
    """Add terms with every option, one after the other in C's order.

    Parameters
    ----------
    work : Work
    interpolate
        Whether tricubic interpolation is on.
    job : Job
        Vectors as tuples, tables in device memory.
    pixels : Pixels
    panels : PanelTables
    ending : Ending
    sums
        (1, ranks of this block of rows) float64; continued, not used where the first
        launch is the last one too.
    values
        Flat, float32: the photons.
    fell_out
        (1,) int64: the smallest rank with an index outside the list while
        interpolating. Such a pixel's sum is not finished.
    """
    rank = work.start + cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if rank >= work.stop:
        return
    fpixel, spixel = forms.place_of_rank(rank, pixels, job.det.fpixels)
    place = rank - work.sums_start
    written = spixel * ending.width + fpixel if ending.width > 0 else place
    if panels.places.shape[0] > 0:
        panel = rays.panel_of_rank(rank, panels.places)
        spixel -= panels.places[panel, 1]
        fpixel -= panels.places[panel, 2]
        job = rays.job_on_panel(job, panel, panels.numbers)
    det, beam, xtal, hkl, sampling = job
    sources = beam.wavelength.shape[0]
    I = ending.begin
    if not work.first:
        I = sums[0, place]
    polar = 1.0
    for ray in range(work.ray_start, work.ray_stop):
        source = ray % sources
        layer, airpath, diffracted = any_ray(fpixel, spixel, ray // sources, det)
        incident = rays.incident_ray(source, beam)
        scattering = scattering_vector(diffracted, incident, beam.wavelength[source])
        rays_before = I
        weight = 1.0
        if sampling.per_ray:
            omega_pixel, capture_fraction = rays.subpixel_weight(
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
            h, k, l = rays.index_of_orientation(
                xtal.cell_vectors, orientation, scattering
            )
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
    if work.last:
        any_finish(written, fpixel, spixel, I, job, ending, values)
    else:
        sums[0, place] = I


@functools.cache
def add_terms_kernel(
    form,
    lookup,
    per_ray=False,
    parts=0,
    curved=False,
    several=False,
    whole=False,
):
    """Return the kernel for one shape and precision, and one source of F_cell.

    With `per_ray` (model physical) the sum of a ray, and its background, get the
    weight of the ray. Without the -oversample_ flags the order of the terms does not
    matter, so that the orientations can be dealt out in stages and parts; the block
    that is the last to finish adds up the parts, always in the same order. Only with
    `curved` the detector may be so, and only with `several` it may have panels, whose
    vectors then fill a thread's registers. The arguments of the kernel are those of
    `add_terms_in_order`, and

    flat_cells
        (orientations * 9,) rotated cells, m; with `whole`, where indices are formed
        from whole numbers, int64 (`fixed_point.index_of_parts`).
    splitting : InParts
    spot
        The shape's numbers.
    box
        `Box` or `Cube`.
    table
        (elements,): F^2 for `Box`, F for `Cube`; for SPECTRAL float32 of 1 + `parts`
        complex numbers an index.
    arrived
        (blocks of a row of the grid,) int32, 0 before and after.
    """
    single = form in SINGLE
    zero = np.float32(0.0) if single else 0.0
    kind = int64 if whole else float64
    # Both neighbours of a half give a parallelepiped the same F_latt^2.
    nearest = lookup in (NEAREST, TRICUBIC_ELSE_NEAREST, SPECTRAL)
    halves_down = nearest or form not in (SQUARE_ANY, SQUARE_FEW)
    tricubic = lookup in (TRICUBIC, TRICUBIC_ELSE_NEAREST)
    F_sqr_of_source = forms.spectral_F_sqr(parts)
    subpixel_ray, finish = rays.subpixel_rays(curved), rays.endings(curved)

    @kept
    @cuda.jit
    def add_terms(
        work,
        job,
        pixels,
        panels,
        flat_cells,
        splitting,
        spot,
        box,
        table,
        ending,
        sums,
        arrived,
        values,
        fell_out,
    ):
        cells = cuda.shared.array((STAGE, 9), kind)
        before = cuda.shared.array(1, int32)
        own = work.start + cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        # Threads past the end do the last pixel's work, to reach every barrier.
        rank = min(own, work.stop - 1)
        fpixel, spixel = forms.place_of_rank(rank, pixels, job.det.fpixels)
        column = rank - work.sums_start
        written = spixel * ending.width + fpixel if ending.width > 0 else column
        if several:
            panel = rays.panel_of_rank(rank, panels.places)
            spixel -= panels.places[panel, 1]
            fpixel -= panels.places[panel, 2]
            job = rays.job_on_panel(job, panel, panels.numbers)
        det, beam, _, hkl, sampling = job
        sources = beam.wavelength.shape[0]
        begin = work.orientation_start + cuda.blockIdx.y * work.orientations_per_part
        # 32 bits: how many are left is worked out anew in every turn.
        low = np.int32(begin)
        high = np.int32(min(begin + work.orientations_per_part, work.orientation_stop))
        total = 0.0
        while low < high:
            count = min(np.int32(STAGE), np.int32(high - low))
            for element in range(cuda.threadIdx.x, count * 9, cuda.blockDim.x):
                place = np.int64(low) * 9 + element
                cells[element // 9, element % 9] = flat_cells[place]
            cuda.syncthreads()
            ray = work.ray_start
            while ray < work.ray_stop:
                subpixel = ray // sources
                layer, airpath, diffracted = subpixel_ray(fpixel, spixel, subpixel, det)
                if per_ray:
                    omega_pixel, capture_fraction = rays.subpixel_weight(
                        layer, airpath, diffracted, det
                    )
                last = min((subpixel + 1) * sources, work.ray_stop)
                for one in range(ray, last):
                    source = one - subpixel * sources
                    incident = rays.incident_ray(source, beam)
                    scattering = scattering_vector(
                        diffracted, incident, beam.wavelength[source]
                    )
                    if whole:
                        x_high, x_low = forms.split(scattering[0], splitting.scale)
                        y_high, y_low = forms.split(scattering[1], splitting.scale)
                        z_high, z_low = forms.split(scattering[2], splitting.scale)
                        first, rest = (x_high, y_high, z_high), (x_low, y_low, z_low)
                    if per_ray:
                        polar = forms.polarization_of_ray(diffracted, incident, beam)
                        weight = ray_weight(
                            omega_pixel, capture_fraction, polar, beam.share[source]
                        )
                        # Once: with the first of the ray's orientations.
                        if low == 0:
                            total += weight * sampling.I_bg
                        weight *= ending.factor
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
                        if whole:
                            h_bits = forms.index_of_parts(
                                a[0], a[1], a[2], first, rest, splitting.shift
                            )
                            k_bits = forms.index_of_parts(
                                b[0], b[1], b[2], first, rest, splitting.shift
                            )
                            l_bits = forms.index_of_parts(
                                c[0], c[1], c[2], first, rest, splitting.shift
                            )
                            dh = fixed_distance(h_bits)
                            dk = fixed_distance(k_bits)
                            dl = fixed_distance(l_bits)
                            h0 = whole_of_parts(h_bits)
                            k0 = whole_of_parts(k_bits)
                            l0 = whole_of_parts(l_bits)
                        elif single:
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
            low = np.int32(low + count)
        if not work.first:
            total += sums[cuda.blockIdx.y, column]
        rows = cuda.gridDim.y
        if rows > 1 or not work.last:
            if own < work.stop:
                sums[cuda.blockIdx.y, column] = total
        if not work.last:
            return
        if rows > 1:
            # Everybody's sums are there before the block is counted, and the last
            # one reads them after it has counted all.
            cuda.threadfence()
            cuda.syncthreads()
            if cuda.threadIdx.x == 0:
                before[0] = cuda.atomic.add(arrived, cuda.blockIdx.x, 1)
            cuda.syncthreads()
            if before[0] != rows - 1:
                return
            cuda.threadfence()
            total = 0.0
            for part in range(rows):
                total += sums[part, column]
            if cuda.threadIdx.x == 0:
                arrived[cuda.blockIdx.x] = 0
        if own < work.stop:
            finish(written, fpixel, spixel, total, job, ending, values)

    return add_terms
