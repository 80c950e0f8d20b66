# SPDX-License-Identifier: MIT
"""Automatic step counts. The numbers are what nanoBragg prints for the same options,

nanoBragg_1t -cell 100 -default_F 1 -N 1 -detpixels 2 -nonoise -nopgm OPTIONS
"""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbsim import Simulation
from nbsim.resolve.steps import NONE, recommended_oversample, spread_steps

#: The program prints six digits.
PRINTED = 1e-5

# An automatic choice that warns is tested for what it chooses here.
pytestmark = pytest.mark.filterwarnings("default")


def setup_of(options):
    return Simulation.from_args(
        f"-cell 100 -default_F 1 -N 1 -detpixels 2 {options}"
    ).setup


@pytest.mark.parametrize(
    "options, phis_deg, osc_deg",
    [
        ("", [0], 0),
        ("-osc 1", [0, 0.5], 1),
        ("-phi 20 -osc 1", [20, 20.5], 1),
        ("-osc 1 -phisteps 4", [0, 0.25, 0.5, 0.75], 1),
        ("-phistep 0.5", [0, 0.5], 0.5),
        ("-phisteps 3", [0, 1 / 3, 2 / 3], 1),
        ("-phisteps 0", [0], 1),
        ("-osc 1 -phistep 0.3", [0, 0.3, 0.6, 0.9], 1),
        ("-osc 1 -phistep 0.1", [0.1 * i for i in range(10)], 1),
        ("-osc 0.7 -phistep 0.1", [0.1 * i for i in range(7)], 0.7),
        ("-osc 1.2 -phistep 0.1", [0.1 * i for i in range(12)], 1.2),
        ("-phistep 0.5 -phisteps 7", [0, 0.5], 0.5),
        ("-osc 2 -phistep 0.5 -phisteps 3", [0, 0.5, 1], 2),
        ("-osc 0", [0, 0], 0),
        ("-osc 1 -phistep 0", [0, 0.5], 1),
        ("-osc 1 -phisteps 4 -phistep 0", [0, 0, 0, 0], 1),
        ("-phisteps 3 -phistep 0", [0, 1 / 3, 2 / 3], 1),
    ],
)
def test_phi(options, phis_deg, osc_deg):
    setup = setup_of(options)
    assert [math.degrees(phi) for phi in setup.phis] == pytest.approx(phis_deg)
    assert math.degrees(setup.phi.range) == pytest.approx(osc_deg)


def test_step_longer_than_no_rotation_at_all():
    # C makes 0 steps of this and divides by 0; one still exposure is meant.
    setup = setup_of("-phi 5 -osc 0 -phistep 0.1")
    assert setup.phi.count == 1


@pytest.mark.parametrize(
    "options, deviations_mrad",
    [
        ("", [0]),
        ("-hdivrange 10", [-5, 5]),
        ("-hdivsteps 4", [-500, -250, 0, 250]),
        ("-hdivstep 3", [-1.5, 1.5]),
        ("-hdivrange 10 -hdivsteps 1", [-5, 5]),
        ("-hdivrange 10 -hdivsteps 5", [-5, -2.5, 0, 2.5, 5]),
        ("-hdivrange 10 -hdivstep 3", [-5, -2, 1, 4]),
        ("-hdivstep 3 -hdivsteps 5", [-1.5, 1.5]),
        ("-hdivrange 10 -hdivstep 3 -hdivsteps 6", [-5, -2, 1, 4, 7, 10]),
        ("-hdivrange 0 -hdivsteps 5", [0]),
    ],
)
@pytest.mark.parametrize("direction", ["h", "v"])
def test_divergence(direction, options, deviations_mrad):
    setup = setup_of(options.replace("-hdiv", f"-{direction}div"))
    column = "hv".index(direction)
    found = [1000 * deviation[column] for deviation in setup.sources.deviations]
    assert found == pytest.approx(deviations_mrad)


@pytest.mark.parametrize(
    "options, wavelengths_A, range_",
    [
        ("", [1], 0),
        ("-dispersion 2", [0.99, 1.01], 0.02),
        ("-dispersion 2 -dispsteps 3", [0.99, 1, 1.01], 0.02),
        ("-dispersion 2 -dispsteps 1", [0.99, 1.01], 0.02),
        ("-dispsteps 4", [1], 0),
    ],
)
def test_dispersion(options, wavelengths_A, range_):
    sources = setup_of(options).sources
    assert sources.wavelengths * 1e10 == pytest.approx(wavelengths_A)
    assert sources.dispersion.range == range_


@pytest.mark.parametrize(
    "options, thick_um, layers, step_um, mu_per_m",
    [
        ("", 0, 1, 0, -1),
        ("-detector_thick 300", 300, 2, 150, 3333.33),
        ("-detector_thick 300 -thicksteps 1", 300, 2, 300, 3333.33),
        ("-detector_thick 300 -thicksteps 4", 300, 4, 100, 3333.33),
        ("-thicksteps 4", 0, 1, 0, -1),
        ("-detector_thick 300 -detector_abs 100", 300, 2, 150, 10000),
        ("-detector_thick 300 -detector_abs inf", 0, 1, 0, 0),
        ("-detector_abs inf -detector_thick 300", 300, 2, 150, 0),
    ],
)
def test_sensor(options, thick_um, layers, step_um, mu_per_m):
    sensor = setup_of(options).sensor
    assert sensor.thick * 1e6 == pytest.approx(thick_um)
    assert sensor.thicksteps == layers
    assert sensor.thickstep * 1e6 == pytest.approx(step_um)
    assert sensor.mu == pytest.approx(mu_per_m, rel=PRINTED)


@pytest.mark.parametrize(
    "options, domains, spread_deg",
    [
        ("", 1, 0),
        ("-mosaic 1", 10, 1),
        ("-mosaic 1 -mosaic_domains 3", 3, 1),
        ("-mosaic 1 -mosaic_domains 0", 10, 1),
        ("-mosaic_domains 3", 1, 0),
        ("-mosaic 0 -mosaic_domains 4", 1, 0),
    ],
)
def test_mosaic_domains(options, domains, spread_deg):
    mosaicity = setup_of(options).mosaicity
    assert mosaicity.domains == domains
    assert math.degrees(mosaicity.spread) == pytest.approx(spread_deg)
    assert len(setup_of(options).umats) == domains


@pytest.mark.parametrize(
    "options, word",
    [
        ("-mosaic 1", "using 10"),
        ("-mosaic_domains 3", "no mosaic spread given"),
        ("-mosaic 0 -mosaic_domains 4", "the mosaic spread is 0"),
        ("-detector_thick 300", "no attenuation depth given"),
        ("-detector_abs inf -detector_thick 300", "the image is 0"),
    ],
)
def test_choices_that_surprise_are_said(options, word):
    assert any(word in warning for warning in setup_of(options).warnings)


@pytest.mark.parametrize("count", [1, 2, 3, 17])
def test_steps_are_all_combinations(count):
    setup = setup_of(
        f"-phisteps {count} -mosaic 1 -mosaic_domains 3 -oversample 2 -dispersion 1"
    )
    assert setup.steps == count * 3 * 4 * 2


@given(st.integers(2, 99), st.floats(1e-4, 1))
def test_steps_of_a_range_reach_its_end(count, full):
    steps = spread_steps(count, full, None)
    assert steps.count == count
    assert steps.step * (count - 1) == pytest.approx(full)


@given(st.floats(1e-4, 1), st.floats(1e-4, 1))
def test_given_steps_cover_the_range(full, step):
    steps = spread_steps(0, full, step)
    assert (steps.count - 1) * step < full <= steps.count * step * (1 + 1e-12)


@pytest.mark.parametrize("count", [0, 1, 5])
@pytest.mark.parametrize("step", [None, 0.0, 0.1])
def test_no_range_is_one_step(count, step):
    assert spread_steps(count, 0.0, step) == NONE


@pytest.mark.parametrize(
    "size, expected",
    [(0.0, 1), (1e-9, 1), (1e-8, 1), (3.4e-8, 2), (1e-7, 3), (1.1e-7, 4)],
)
def test_recommended_oversample(size, expected):
    # lambda distance / pixel = 1e-10 x 0.125 / 1.25e-4 = 1e-7 m, a third is 3.3e-8 m.
    assert recommended_oversample(size, 1e-10, 0.125, 1.25e-4) == expected


# "auto-selected N-fold oversampling" and "xtal: NxNxN cells" of the C program, at sizes
# that are a whole number of cells or of thirds of a reciprocal pixel.
@pytest.mark.parametrize(
    "options, N_cells",
    [
        ("-cell 100 -misset 10 20 30 -xtalsize 0.0001", (10, 10, 10)),
        ("-cell 70 80 90 75 85 95 -xtalsize 0.0007", (100, 88, 78)),
    ],
)
def test_crystal_size_in_whole_cells(options, N_cells):
    simulation = Simulation.from_args(f"{options} -default_F 1 -detpixels 2")
    assert simulation.setup.N_cells == N_cells
