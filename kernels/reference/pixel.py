# SPDX-License-Identifier: MIT
"""The loop nest of one pixel, as in the C program, written once for CPU and CUDA.

sensor layer -> subpixel slow -> subpixel fast -> source -> phi -> mosaic domain;
the last two are one loop over the table of rotated cells. This is the reference
for the vectorised kernels and what the trace records.
"""

from ..jit import scalar
from .columns import BEYOND_DMIN
from .detector import absorbed_fraction, layer_depth, pixel_position, solid_angle
from .lattice import lattice_factor, round_index
from .polarization import polarization_factor
from .record import store_lattice, store_ray, store_term
from .structure_factor import can_interpolate, interpolated_F, nearest_F
from .vectors import dot, magnitude


@scalar
def scattering_vector(diffracted, incident, wavelength):
    """Return (diffracted - incident) / wavelength, 1/m."""
    return (
        (diffracted[0] - incident[0]) / wavelength,
        (diffracted[1] - incident[1]) / wavelength,
        (diffracted[2] - incident[2]) / wavelength,
    )


@scalar
def beyond_dmin(scattering, dmin):
    """Return whether the resolution is finer than `dmin` metres (0: never)."""
    if dmin <= 0.0:
        return False
    stol = 0.5 * magnitude(scattering)
    return stol > 0.0 and dmin > 0.5 / stol


@scalar
def fractional_index(cell_vectors, orientation, scattering):
    """Return h, k, l = a.s, b.s, c.s of one row of the table of rotated cells."""
    a = cell_vectors[orientation, 0]
    b = cell_vectors[orientation, 1]
    c = cell_vectors[orientation, 2]
    return dot(a, scattering), dot(b, scattering), dot(c, scattering)


@scalar
def ray_polarization(diffracted, incident, beam):
    """Return the polarization factor of a ray; 1 where that is switched off."""
    if beam.nopolar:
        return 1.0
    return polarization_factor(
        beam.polarization, incident, diffracted, beam.polar_vector
    )


@scalar
def ray_weight(omega_pixel, capture_fraction, polar, share):
    """Return what model physical multiplies the sum of one ray by.

    Solid angle and capture fraction are those of this layer and subpixel, the
    polarization factor that of this ray; `share` is the source's (`params.BeamArgs`).
    """
    return omega_pixel * capture_fraction * polar * share


@scalar
def photons(I, capture_fraction, polar, omega_pixel, sampling):
    """Scale a pixel's sum to photons: r_e^2 fluence I / steps and the corrections.

    A correction that was applied inside the sum is left out.
    """
    value = sampling.scale * I / sampling.steps
    if sampling.per_ray:
        return value
    if not sampling.oversample_thick:
        value *= capture_fraction
    if not sampling.oversample_polar:
        value *= polar
    if not sampling.oversample_omega:
        value *= omega_pixel
    return value


@scalar
def pixel_intensity(fpixel, spixel, interpolate, first, job, record):
    """Evaluate one pixel.

    Parameters
    ----------
    fpixel, spixel
        Pixel indices, fast and slow.
    interpolate
        Whether tricubic interpolation is (still) on.
    first
        Whether no phi loop has run yet: that loop uses ``first_cell_vectors``.
    job : Job
    record
        None, or float64 array (evaluations, `columns.COLUMNS`) that receives every
        evaluation, in loop order. None costs nothing: numba drops those branches.

    Returns
    -------
    value
        Photons.
    omega_sum
        Sum of omega_pixel over layers and subpixels, sr.
    interpolate, first
        Their state after this pixel.
    """
    det, beam, xtal, hkl, sampling = job
    I = 0.0 if sampling.per_ray else sampling.I_bg
    polar = 1.0 if beam.nopolar else 0.0
    omega_pixel = 0.0
    capture_fraction = 1.0
    omega_sum = 0.0
    row = 0
    subpixel_size = det.pixel_size / det.oversample
    for layer in range(det.detector_thicksteps):
        Odet = layer_depth(layer, det)
        # An exact zero means "not computed yet", as in C.
        capture_fraction = 1.0 if det.detector_thick == 0.0 else 0.0
        for subS in range(det.oversample):
            Sdet = (
                subpixel_size * (spixel * det.oversample + subS) + subpixel_size / 2.0
            )
            for subF in range(det.oversample):
                Fdet = (
                    subpixel_size * (fpixel * det.oversample + subF)
                    + subpixel_size / 2.0
                )
                position = pixel_position(Fdet, Sdet, Odet, det)
                airpath = magnitude(position)
                diffracted = (
                    position[0] / airpath,
                    position[1] / airpath,
                    position[2] / airpath,
                )
                if omega_pixel == 0.0 or sampling.oversample_omega or sampling.per_ray:
                    omega_pixel = solid_angle(airpath, Odet, det)
                omega_sum += omega_pixel
                if sampling.per_ray:
                    if det.detector_thick != 0.0:
                        capture_fraction = absorbed_fraction(layer, diffracted, det)
                elif capture_fraction == 0.0 or sampling.oversample_thick:
                    capture_fraction = absorbed_fraction(layer, diffracted, det)
                for source in range(beam.incident.shape[0]):
                    incident = (
                        beam.incident[source, 0],
                        beam.incident[source, 1],
                        beam.incident[source, 2],
                    )
                    wavelength = beam.wavelength[source]
                    scattering = scattering_vector(diffracted, incident, wavelength)
                    ray = (position, diffracted, incident, scattering)
                    lengths = (wavelength, airpath)
                    # The pixel's sum is always rays_before + weight * I.
                    rays_before, weight = 0.0, 1.0
                    if sampling.per_ray:
                        polar = ray_polarization(diffracted, incident, beam)
                        weight = ray_weight(
                            omega_pixel, capture_fraction, polar, beam.share[source]
                        )
                        rays_before, I = I, sampling.I_bg
                    if beyond_dmin(scattering, sampling.dmin):
                        if record is not None:
                            place = (layer, subS, subF, source, BEYOND_DMIN)
                            sum_so_far = rays_before + weight * I
                            state = (omega_pixel, capture_fraction, polar, sum_so_far)
                            store_ray(record, row, place, ray, lengths, state)
                            row += 1
                        I = rays_before + weight * I
                        continue
                    if not sampling.per_ray and (
                        polar == 0.0 or sampling.oversample_polar
                    ):
                        polar = polarization_factor(
                            beam.polarization, incident, diffracted, beam.polar_vector
                        )
                    cell_vectors = (
                        xtal.first_cell_vectors if first else xtal.cell_vectors
                    )
                    first = False
                    for orientation in range(cell_vectors.shape[0]):
                        h, k, l = fractional_index(
                            cell_vectors, orientation, scattering
                        )
                        F_latt = lattice_factor(
                            h, k, l, xtal.N_cells, xtal.shape, xtal.fudge, xtal.recip
                        )
                        if record is not None:
                            place = (layer, subS, subF, source, orientation)
                            sum_so_far = rays_before + weight * I
                            state = (omega_pixel, capture_fraction, polar, sum_so_far)
                            store_ray(record, row, place, ray, lengths, state)
                            store_lattice(record, row, h, k, l, F_latt, xtal)
                            row += 1
                        if F_latt == 0.0 and not sampling.has_water:
                            continue
                        inside = interpolate and can_interpolate(h, k, l, hkl)
                        # C quirk: the first index outside the list turns
                        # interpolation off for the rest of the run.
                        if not sampling.keep_interpolating:
                            interpolate = inside
                        if inside:
                            F_cell = interpolated_F(h, k, l, hkl)
                        else:
                            F_cell = nearest_F(
                                round_index(h),
                                round_index(k),
                                round_index(l),
                                hkl,
                                source,
                            )
                        term = F_cell * F_cell * F_latt * F_latt
                        if sampling.weighted:
                            term *= beam.share[source]
                        I += term
                        # C quirk: the running sum is multiplied, so that early
                        # terms are multiplied again by every later one.
                        if sampling.oversample_thick:
                            I *= capture_fraction
                        if sampling.oversample_polar:
                            I *= polar
                        if sampling.oversample_omega:
                            I *= omega_pixel
                        if record is not None:
                            sum_so_far = rays_before + weight * I
                            store_term(
                                record, row - 1, F_cell, inside, term, sum_so_far
                            )
                    I = rays_before + weight * I
    value = photons(I, capture_fraction, polar, omega_pixel, sampling)
    return value, omega_sum, interpolate, first
