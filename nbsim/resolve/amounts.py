# SPDX-License-Identifier: MIT
"""How much there is of crystal, light and water.

Source: nanoBragg.c, ``main`` between the option loop and the pixel loop.
"""

from __future__ import annotations

import math

from ..model.models import Beam, Crystal
from .cell import Cell
from .vectors import Vector, magnitude, scaled

#: Squared classical electron radius, m^2 (Thomson cross section).
R_E_SQR = 7.94079248018965e-30
AVOGADRO = 6.02214179e23
#: Water as one scatterer: electrons in the forward direction, g/mol, g/m^3.
WATER_F, WATER_MW, WATER_DENSITY = 2.57, 18.0, 1e6


def sample_size(crystal: Crystal, beamsize: float) -> tuple[Vector, list[str]]:
    """Crystal size in metres, clipped by the beam in y and z."""
    x = crystal.sample_x_mm / 1000.0
    y = crystal.sample_y_mm / 1000.0
    z = crystal.sample_z_mm / 1000.0
    warnings = []
    if beamsize < y:
        warnings.append(
            f"clipping the sample ({y:g} m high) with the beam ({beamsize:g} m)"
        )
        y = beamsize
    if beamsize < z:
        warnings.append(
            f"clipping the sample ({z:g} m wide) with the beam ({beamsize:g} m)"
        )
        z = beamsize
    return (x, y, z), warnings


def _lengths_m(cell: Cell) -> Vector:
    """Cell lengths, m, rounded as in C: a last digit can decide a `ceil`."""
    a, b, c = (magnitude(scaled(v, 1e-10)) for v in (cell.a, cell.b, cell.c))
    return a, b, c


def crystal_size(N_cells: Vector, cell: Cell) -> Vector:
    a, b, c = (length * n for length, n in zip(_lengths_m(cell), N_cells))
    return a, b, c


def cell_counts(crystal: Crystal, cell: Cell, sample: Vector) -> Vector:
    counts = []
    for given, length, size in zip(
        (crystal.Na, crystal.Nb, crystal.Nc), _lengths_m(cell), sample
    ):
        count = math.ceil(size / length) if size > 0.0 else given
        counts.append(float(max(count, 1)))
    return counts[0], counts[1], counts[2]


def fluence_and_flux(beam: Beam) -> tuple[float, float]:
    """Return fluence and flux that agree with each other."""
    beamsize = beam.beamsize_mm / 1000.0
    fluence = beam.fluence_per_m2
    if beam.flux_per_s != 0.0:
        fluence = beam.flux_per_s * beam.exposure_s / beamsize / beamsize
    return fluence, fluence / beam.exposure_s * beamsize * beamsize


def background(water_size: float, fluence: float, exact: bool) -> float:
    """Return the background in units of F^2.

    C quirk: r_e^2 fluence is part of it, although it is applied to the whole sum.
    """
    if exact:
        molecules = water_size**3 * WATER_DENSITY * AVOGADRO / WATER_MW
        return WATER_F**2 * molecules
    return (
        WATER_F**2
        * R_E_SQR
        * fluence
        * water_size**3
        * WATER_DENSITY
        * AVOGADRO
        / WATER_MW
    )
