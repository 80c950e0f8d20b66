# SPDX-License-Identifier: MIT
"""Filling the record that `pixel.pixel_intensity` keeps of every evaluation."""

from ..jit import scalar
from ..params import SQUARE
from .columns import (
    COUNTED,
    DIFFRACTED,
    F_CELL,
    F_LATT,
    F_LATT_A,
    I_SUM,
    INCIDENT,
    INTERPOLATED,
    LAYER,
    OMEGA_PIXEL,
    ORIENTATION,
    POSITION,
    SCATTERING,
    SOURCE,
    SUB_F,
    SUB_S,
    TERM,
    WAVELENGTH,
    H,
)
from .lattice import square_factors


@scalar
def store(record, row, column, values):
    """Write a tuple of floats into a row, from `column` on."""
    for i in range(len(values)):
        record[row, column + i] = values[i]


@scalar
def store_ray(record, row, place, vectors, lengths, state):
    """Write where in the loop nest an evaluation is, its ray and the state before it.

    Parameters
    ----------
    record, row
        The row to fill.
    place
        layer, subS, subF, source, orientation.
    vectors
        position [m], diffracted, incident [unit vectors], scattering [1/m].
    lengths
        wavelength, airpath [m].
    state
        omega_pixel [sr], capture_fraction, polar, I.
    """
    record[row, LAYER] = place[0]
    record[row, SUB_S] = place[1]
    record[row, SUB_F] = place[2]
    record[row, SOURCE] = place[3]
    record[row, ORIENTATION] = place[4]
    store(record, row, POSITION, vectors[0])
    store(record, row, DIFFRACTED, vectors[1])
    store(record, row, INCIDENT, vectors[2])
    store(record, row, SCATTERING, vectors[3])
    store(record, row, WAVELENGTH, lengths)
    store(record, row, OMEGA_PIXEL, state)


@scalar
def store_lattice(record, row, h, k, l, F_latt, xtal):
    """Write the index and the lattice factor.

    Only a parallelepiped has one factor per axis; the other shapes leave NaN there.
    """
    factors = (float("nan"), float("nan"), float("nan"))
    if xtal.shape == SQUARE:
        factors = square_factors(h, k, l, xtal.N_cells)
    store(record, row, H, (h, k, l))
    store(record, row, F_LATT_A, factors)
    record[row, F_LATT] = F_latt


@scalar
def store_term(record, row, F_cell, interpolated, term, I):
    """Write what the evaluation adds and the sum after it."""
    record[row, F_CELL] = F_cell
    record[row, INTERPOLATED] = 1.0 if interpolated else 0.0
    record[row, TERM] = term
    record[row, COUNTED] = 1.0
    record[row, I_SUM] = I
