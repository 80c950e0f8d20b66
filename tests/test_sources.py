# SPDX-License-Identifier: MIT
"""The list of sources: divergence, its elliptical cut, dispersion, and lists."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbsim import Beam, Detector, Goniometer, Simulation
from nbsim.resolve.geometry import resolve_geometry
from nbsim.resolve.sources import SOURCE_DISTANCE, deviations, resolve_sources
from nbsim.resolve.steps import NONE, spread_steps

#: A rotation or two of a vector of length 10.
ROTATION = 1e-13
#: The program prints six digits.
PRINTED = 2e-5


def sources_of(convention="mosflm", **fields):
    beam = Beam(**fields)
    geometry = resolve_geometry(Detector(convention=convention), beam, Goniometer())
    return resolve_sources(beam, geometry), geometry


# "created a total of N sources" of nanoBragg_1t -divergence 10 -divsteps STEPS
@pytest.mark.parametrize(
    "steps, count", [(0, 4), (1, 4), (2, 4), (3, 5), (4, 12), (5, 13), (6, 24), (7, 29)]
)
def test_elliptical_cut(steps, count):
    both = spread_steps(steps, 0.01, None)
    assert len(deviations(both, both, round_div=True)) == count
    assert len(deviations(both, both, round_div=False)) == max(steps, 2) ** 2


# The same with -hdivrange 10 -hdivsteps 5 -vdivrange 4 -vdivsteps 4: 12 of 20.
def test_elliptical_cut_of_unequal_ranges():
    h, v = spread_steps(5, 0.01, None), spread_steps(4, 0.004, None)
    kept = deviations(h, v, round_div=True)
    assert len(kept) == 12
    assert (-0.005, 0.002) not in kept


@given(st.integers(2, 12), st.floats(1e-4, 0.1))
def test_without_one_divergence_the_other_is_not_cut(count, full):
    # 0/0 in the test of the ellipse: a comparison with nan is false.
    steps = spread_steps(count, full, None)
    for kept in (deviations(steps, NONE, True), deviations(NONE, steps, True)):
        assert len(kept) == count


def test_no_divergence_is_one_source():
    assert deviations(NONE, NONE, True) == ((0.0, 0.0),)


@given(st.integers(2, 8), st.integers(2, 8), st.booleans())
def test_grid_is_symmetric(horizontal, vertical, round_div):
    h, v = spread_steps(horizontal, 0.01, None), spread_steps(vertical, 0.02, None)
    grid = {(round(x, 9), round(y, 9)) for x, y in deviations(h, v, round_div)}
    assert grid == {(-x, y) for x, y in grid} == {(x, -y) for x, y in grid}


def test_a_cut_that_leaves_nothing():
    # One step of a range is its corner, and corners are outside the ellipse.
    with pytest.raises(ValueError, match="leaves no source"):
        sources_of(
            hdivrange_mrad=1.0,
            hdivstep_mrad=0.1,
            hdivsteps=1,
            vdivrange_mrad=1.0,
            vdivstep_mrad=0.1,
            vdivsteps=1,
        )


@given(st.floats(0.01, 20), st.integers(0, 9))
def test_wavelengths(dispersion_percent, steps):
    found, _ = sources_of(
        wavelength_A=1.3, dispersion_percent=dispersion_percent, dispsteps=steps
    )
    count = max(steps, 2)
    spread = dispersion_percent / 100
    expected = [
        1.3e-10 * (1 + spread * i / (count - 1) - spread / 2) for i in range(count)
    ]
    assert found.wavelengths == pytest.approx(expected, rel=1e-14)
    assert found.wavelengths.mean() == pytest.approx(1.3e-10, rel=1e-14)


# nanoBragg_1t -xds -hdivrange 100 -vdivrange 40 -hdivsteps 2 -vdivsteps 2 prints
PRINTED_BY_C = [
    (0.499692, -0.199987, -9.98551),
    (0.499692, 0.199987, -9.98551),
    (-0.499692, -0.199987, -9.98551),
    (-0.499692, 0.199987, -9.98551),
]


def test_positions_of_the_c_program():
    found, _ = sources_of(
        "xds", hdivrange_mrad=100.0, vdivrange_mrad=40.0, hdivsteps=2, vdivsteps=2
    )
    assert found.positions == pytest.approx(np.array(PRINTED_BY_C), rel=PRINTED)
    assert found.weights == pytest.approx([0.25] * 4)


@pytest.mark.parametrize("convention", ["mosflm", "xds", "dials"])
def test_horizontal_moves_along_the_polarization(convention):
    found, geometry = sources_of(convention, hdivrange_mrad=20.0)
    across = found.incident @ np.array(geometry.polar_vector)
    assert np.abs(across) == pytest.approx([math.sin(0.01)] * 2, abs=ROTATION)
    assert found.incident @ np.array(geometry.vert_vector) == pytest.approx([0, 0])


@given(st.floats(0, 50), st.floats(0, 50), st.integers(0, 4))
def test_rays_are_unit_vectors_along_the_beam(h, v, steps):
    found, geometry = sources_of(
        hdivrange_mrad=h, vdivrange_mrad=v, hdivsteps=steps, vdivsteps=steps
    )
    lengths = np.linalg.norm(found.positions, axis=1)
    assert lengths == pytest.approx(SOURCE_DISTANCE, rel=ROTATION)
    assert np.linalg.norm(found.incident, axis=1) == pytest.approx(1.0, rel=ROTATION)
    assert (found.incident @ np.array(geometry.beam_vector) > 0.99).all()


def test_a_list_fills_in_what_is_missing():
    nan = math.nan
    rows = [
        [-5.0, 0.1, 0.2, 3.0, 2e-10],
        [nan, 0.5, nan, nan, nan],
        [-1.0, nan, nan, nan, nan],
    ]
    found, _ = sources_of(sources=rows, wavelength_A=1.5)
    assert found.positions.tolist() == [
        [-5.0, 0.1, 0.2],
        [-10.0, 0.5, 0.0],
        [-1.0, 0.0, 0.0],
    ]
    assert found.weights.tolist() == [3.0, 1.0, 1.0]
    assert found.wavelengths == pytest.approx([2e-10, 1.5e-10, 1.5e-10])


def test_a_list_replaces_divergence_and_dispersion():
    rows = [[-5.0, 0.1, 0.2]]
    found, _ = sources_of(sources=rows, hdivrange_mrad=10.0, dispersion_percent=3.0)
    assert len(found.wavelengths) == 1


def image_with(sources):
    base = Simulation.from_args(
        "-cell 70 80 90 -default_F 10 -N 3 -detpixels 8 -pixel 4 -oversample 1"
    )
    return Simulation(
        crystal=base.crystal,
        structure_factors=base.structure_factors,
        beam=Beam(sources=sources),
        detector=base.detector,
        sampling=base.sampling,
    ).render()


def test_weights_are_not_used():
    light = image_with([[-10.0, 0.0, 0.0, 0.1], [-10.0, 0.2, 0.0, 0.1]])
    heavy = image_with([[-10.0, 0.0, 0.0, 9.0], [-10.0, 0.2, 0.0, 0.1]])
    assert np.array_equal(light, heavy)


def test_the_distance_of_a_source_does_not_matter():
    near = image_with([[-1.0, 0.25, 0.5]])
    far = image_with([[-1024.0, 256.0, 512.0]])
    assert np.array_equal(near, far)
