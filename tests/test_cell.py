# SPDX-License-Identifier: MIT
"""Unit cells: duality, volume, orientation, matrices, and C's oblique quirk."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nbsim.model.models import Crystal
from nbsim.resolve.cell import default_orientation, matrix_vectors, resolve_cell

#: Some twenty roundings, and the cosines of angles that are far from 0 and 180.
CELL = 1e-12

lengths = st.floats(5, 500)
angles = st.floats(60, 119)
cells = st.tuples(lengths, lengths, lengths, angles, angles, angles)
missets = st.none() | st.tuples(*[st.floats(-4, 4)] * 3)


def resolved(cell, misset=None):
    try:
        crystal = Crystal(cell=cell)
    except ValueError:
        assume(False)  # three angles that no cell has
    return resolve_cell(crystal, 1.0, misset)


def matrices(cell):
    return np.array([cell.a, cell.b, cell.c]), np.array(
        [cell.a_star, cell.b_star, cell.c_star]
    )


def volume_of(a, b, c, alpha, beta, gamma):
    x, y, z = (math.cos(math.radians(angle)) for angle in (alpha, beta, gamma))
    return a * b * c * math.sqrt(1 + 2 * x * y * z - x * x - y * y - z * z)


@given(cells)
def test_volume(cell):
    found = resolved(cell).V_cell
    expected = volume_of(*cell)
    assume(expected > 0.05 * math.prod(cell[:3]))
    assert found == pytest.approx(expected, rel=CELL)


@given(cells, missets)
def test_lengths_are_those_asked_for(cell, misset):
    assert resolved(cell, misset).lengths == pytest.approx(cell[:3], rel=CELL)


@given(
    st.tuples(lengths, lengths, lengths), st.floats(60, 119), st.integers(0, 2), missets
)
def test_reciprocal_vectors_of_cells_with_one_free_angle(edges, angle, which, misset):
    # Monoclinic and hexagonal cells come out exact: there the quirk has no effect.
    cell_angles = [90.0, 90.0, 90.0]
    cell_angles[which] = angle
    cell = resolved((*edges, *cell_angles), misset)
    real, reciprocal = matrices(cell)
    assert real @ reciprocal.T == pytest.approx(np.eye(3), abs=CELL * 100)
    assert np.degrees(cell.angles) == pytest.approx(cell_angles, abs=1e-6)
    assert np.linalg.det(real) == pytest.approx(cell.V_cell, rel=CELL)


@given(cells, missets)
def test_turning_the_crystal_turns_its_vectors(cell, misset):
    assume(misset is not None)
    resting, turned = matrices(resolved(cell)), matrices(resolved(cell, misset))
    for before, after in zip(resting, turned):
        scale = np.abs(before @ before.T).max()
        assert after @ after.T == pytest.approx(before @ before.T, abs=CELL * scale)


@given(cells)
def test_default_orientation(cell):
    try:
        Crystal(cell=cell)
    except ValueError:
        assume(False)
    a_star, b_star, _, _ = default_orientation(cell)
    assert a_star[0] > 0 and a_star[1:] == (0.0, 0.0)
    assert b_star[1] > 0 and b_star[2] == 0.0


# nanoBragg_1t -cell 70 80 90 75 85 95 -default_F 1 -N 1 -detpixels 2
#   Unit Cell: 70 80 90 75.0391 85.0136 95.0081
#   volume = 481811 A^3
def test_oblique_angles_come_out_as_in_c():
    cell = resolved((70, 80, 90, 75, 85, 95))
    printed = [f"{math.degrees(angle):g}" for angle in cell.angles]
    assert printed == ["75.0391", "85.0136", "95.0081"]
    assert f"{cell.V_cell:g}" == "481811"


# The same with -misset 10 20 30: the same numbers.
def test_oblique_angles_do_not_depend_on_the_orientation():
    cell = resolved((70, 80, 90, 75, 85, 95), (0.2, 0.3, 0.5))
    printed = [f"{math.degrees(angle):g}" for angle in cell.angles]
    assert printed == ["75.0391", "85.0136", "95.0081"]


# nanoBragg_1t -cell 70 70 90 90 90 120 ...: volume = 381917 A^3
def test_hexagonal_volume_as_in_c():
    assert f"{resolved((70, 70, 90, 90, 90, 120)).V_cell:g}" == "381917"


#: Columns a*, b*, c* times the wavelength.
A_MATRIX = np.array(
    [
        [0.01541, -0.00284, 0.00119],
        [0.00512, 0.01389, -0.00344],
        [-0.00301, 0.00371, 0.01218],
    ]
)


@pytest.mark.parametrize("wavelength_A", [0.5, 1.0, 1.54])
def test_matrix_holds_the_wavelength(wavelength_A):
    stars = np.array(matrix_vectors(A_MATRIX, wavelength_A))
    assert stars == pytest.approx(A_MATRIX.T / wavelength_A, rel=CELL)
    cell = resolve_cell(Crystal(A_matrix=A_MATRIX), wavelength_A, None)
    real, reciprocal = matrices(cell)
    assert reciprocal == pytest.approx(stars, rel=CELL, abs=CELL)
    assert real == pytest.approx(np.linalg.inv(stars).T, rel=CELL, abs=CELL * 100)


@pytest.mark.parametrize("scale", [1.0, 0.97])
def test_cell_given_with_a_matrix_sets_lengths_and_volume(scale):
    alone = resolve_cell(Crystal(A_matrix=A_MATRIX), 1.0, None)
    asked = (*(scale * x for x in alone.lengths), *np.degrees(alone.angles))
    both = resolve_cell(Crystal(A_matrix=A_MATRIX, cell=asked), 1.0, None)
    assert both.lengths == pytest.approx(asked[:3], rel=CELL)
    assert both.V_cell == pytest.approx(volume_of(*asked), rel=CELL)
    assert np.array(both.a) == pytest.approx(scale * np.array(alone.a), rel=CELL)


def test_misset_turns_a_matrix_too():
    misset = (0.1, -0.2, 0.3)
    turned = resolve_cell(Crystal(A_matrix=A_MATRIX), 1.0, misset)
    resting = resolve_cell(Crystal(A_matrix=A_MATRIX), 1.0, None)
    assert turned.lengths == pytest.approx(resting.lengths, rel=CELL)
    assert turned.a != pytest.approx(resting.a, rel=1e-3)


def test_left_handed_matrix_keeps_its_vectors():
    mirrored = A_MATRIX * [1, 1, -1]
    cell = resolve_cell(Crystal(A_matrix=mirrored), 1.0, None)
    assert cell.V_cell < 0
    assert np.array(cell.c_star) == pytest.approx(mirrored[:, 2], rel=CELL)


@pytest.mark.parametrize(
    "cell", [(50, 60, 70, 40, 40, 90), (50, 60, 70, 120, 130, 110)]
)
def test_impossible_cells(cell):
    with pytest.raises(ValueError, match="no cell has these three angles"):
        Crystal(cell=cell)
