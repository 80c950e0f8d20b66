# SPDX-License-Identifier: MIT
"""Which reflection and wavelength contribute most to each pixel."""

import numpy as np

from ..jit import serial
from .detector import pixel_position, solid_angle
from .lattice import lattice_factor, round_index
from .pixel import beyond_dmin, fractional_index, scattering_vector
from .structure_factor import nearest_F
from .vectors import magnitude


@serial
def strongest_rows(first, photons, dark, job, indices, wavelengths):
    """Find the brightest term at the middle of each pixel of some rows.

    Parameters
    ----------
    first
        Slow index of the first row.
    photons
        (rows, fast) float32; pixels at or below `dark` are left out.
    dark
        Photons that one term must give to count.
    job : Job
    indices
        (3, rows, fast) int16: h, k, l; 0 where nothing contributes.
    wavelengths
        (rows, fast) float32, m; 0 where nothing contributes.
    """
    det, beam, xtal, hkl, sampling = job
    for row in range(photons.shape[0]):
        Sdet = det.pixel_size * (first + row + 0.5)
        for fast in range(photons.shape[1]):
            if not photons[row, fast] > dark:
                continue
            Fdet = det.pixel_size * (fast + 0.5)
            position = pixel_position(Fdet, Sdet, 0.0, det)
            airpath = magnitude(position)
            diffracted = (
                position[0] / airpath,
                position[1] / airpath,
                position[2] / airpath,
            )
            omega_pixel = solid_angle(airpath, 0.0, det)
            most = dark * sampling.steps / (sampling.scale * omega_pixel)
            for source in range(beam.incident.shape[0]):
                incident = (
                    beam.incident[source, 0],
                    beam.incident[source, 1],
                    beam.incident[source, 2],
                )
                wavelength = beam.wavelength[source]
                scattering = scattering_vector(diffracted, incident, wavelength)
                if beyond_dmin(scattering, sampling.dmin):
                    continue
                for orientation in range(xtal.cell_vectors.shape[0]):
                    h, k, l = fractional_index(
                        xtal.cell_vectors, orientation, scattering
                    )
                    F_latt = lattice_factor(
                        h, k, l, xtal.N_cells, xtal.shape, xtal.fudge, xtal.recip
                    )
                    h0, k0, l0 = round_index(h), round_index(k), round_index(l)
                    F_cell = nearest_F(h0, k0, l0, hkl)
                    term = F_cell * F_cell * F_latt * F_latt
                    if term > most:
                        most = term
                        indices[0, row, fast] = np.int16(h0)
                        indices[1, row, fast] = np.int16(k0)
                        indices[2, row, fast] = np.int16(l0)
                        wavelengths[row, fast] = wavelength
