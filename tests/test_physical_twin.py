# SPDX-License-Identifier: MIT
"""Model physical: every kernel against the slow reference of naive_physical.py.

The kernels share the loops of model c, which test_naive_twin.py goes through; here is
what the weights of rays, layers, sources and the list's border add.
"""

import dataclasses

import naive
import numpy as np
import pytest
from test_naive_twin import FALLING_OUT, NEAR, OFF_CENTRE, SCREEN, check_twins, simulate

from nbsim import Simulation
from nbsim.backends import driver
from nbsim.tools.tolerances import SINGLE_PEAK, TWIN_PEAK

# Option combinations that warn do so on purpose.
pytestmark = pytest.mark.filterwarnings("default")

LAYERS = "-detector_abs 300 -detector_thick 450"
#: Closer and wider than the other screen: angles of 45 degrees.
CLOSE = "-distance 30 -pixel 5 -detpixels_f 11 -detpixels_s 9"

RAYS = {
    "one ray": "-N 5 -polar 0.3",
    "subpixels": "-N 5 -oversample 3 -polar 0.8",
    "unpolarized subpixels": "-N 5 -oversample 3",
    "no polarization": "-N 5 -oversample 2 -nopolar",
    "layers": f"-N 6 {LAYERS} -detector_thicksteps 3 -polar -1",
    "one layer": f"-N 6 {LAYERS} -detector_thicksteps 1",
    "layers uncounted": f"-N 6 {LAYERS} -oversample 2",
    "thickness alone": "-N 6 -detector_thick 4000",
    "divergence": "-N 5 -divergence 30 -divsteps 4 -polar 1",
    "dispersion": "-N 5 -dispersion 6 -dispsteps 3 -oversample 2",
    "everything": f"-Na 12 -Nb 9 -Nc 4 {LAYERS} -oversample 2 -hdivrange 9 "
    "-dispersion 3 "
    "-dispsteps 2 -mosaic 1 -mosaic_domains 3 -phi 3 -osc 2 -phisteps 2 -polar 0.9",
    "phi steps": "-N 6 -phi 0 -osc 3 -phisteps 3",
    "phistep alone": "-N 6 -phi -1 -phistep 2",
    "water": "-N 4 -water 30 -phi 1 -osc 2 -mosaic 1 -mosaic_domains 2",
    "water beyond dmin": f"-N 4 -water 30 -dmin 5 -oversample 2 {LAYERS}",
    "water, one ray beyond dmin": "-N 4 -water 30 -dmin 5 -polar 0.7",
    "point pixels": f"-N 5 -point_pixel -oversample 2 {LAYERS}",
    "round": "-Na 3 -Nb 4 -Nc 2 -nointerpolate -round_xtal -fudge 0.3 -oversample 2",
    "gauss": "-Na 6 -Nb 4 -Nc 9 -gauss_xtal -fudge 0.7 -oversample 2",
    "tophat": "-Na 6 -Nb 4 -Nc 9 -tophat_spots -fudge 0.2 -mosaic 2 -mosaic_domains 9",
    "curved": f"-N 5 -curved_det -oversample 2 {LAYERS} -polar 0.5",
    "curved xds": "-N 5 -curved_det -xds -ORGX 3.2 -ORGY 7 -twotheta 12",
    "curved and turned": "-N 5 -curved_det -detector_rotx 20 -point_pixel",
    "curved adxv": "-N 4 -curved_det -adxv -Xbeam 11 -Ybeam 30 -detector_thick 90",
    "tilted": f"-N 5 {LAYERS} -detector_rotx 8 -twotheta 20 -oversample 2",
    "flags": "-N 5 -oversample 2 -oversample_omega -oversample_thick -oversample_polar "
    + LAYERS,
}


def physical(args, box=None, sources=None, screen=SCREEN, default_F=100.0):
    simulation = simulate(f"{args}", box, sources, screen=screen)
    factors = dataclasses.replace(simulation.structure_factors, default_F=default_F)
    return dataclasses.replace(simulation, model="physical", structure_factors=factors)


def reference_image(simulation):
    """Render with the general kernel, pixel by pixel in C's order."""
    from nbsim.kernels.entries import render_general

    setup = simulation.setup
    pixels = driver.build_pixels(setup, setup.bounds)
    image = np.zeros(simulation.detector.shape, np.float32)
    job = driver.build_job(setup)
    ranks, counter = (0, pixels.count), np.zeros(1, np.int64)
    flat = image.reshape(-1)
    render_general(*ranks, setup.interpolate, job, pixels, flat, counter, 0)
    return image


@pytest.mark.parametrize("box", [None, 40], ids=["default_F", "list"])
@pytest.mark.parametrize("name", RAYS)
def test_rays(name, box):
    simulation = physical(RAYS[name], box, screen=CLOSE)
    expected = check_twins(simulation).astype(np.float64)
    top = expected.max()
    general = reference_image(simulation)
    assert np.abs(general - expected).max() <= TWIN_PEAK * top
    if simulation.crystal.shape in ("square", "gauss"):
        single = simulation.render(precision="single")
        assert np.abs(single - expected).max() <= SINGLE_PEAK * top


SOURCES = np.array(
    [
        [-10.0, 0.1, 0.02, 1.0, 1.0e-10],
        [-3.0, -0.1, 0.05, 5.0, 1.07e-10],
        [np.nan, np.nan, np.nan, np.nan, np.nan],
        [-2.0, 1.0, 1.0, 0.0, 1e-10],
        [0.0, 0.5, -1.0, 0.25, 2.1e-10],
    ]
)


@pytest.mark.parametrize("more", ["", "-oversample 2 -dmin 4", "-water 20"])
def test_weights_of_sources(more):
    check_twins(physical(f"-N 5 -polar 0.6 {more}", sources=SOURCES))


@pytest.mark.parametrize("default_F", [0.0, 77.0])
@pytest.mark.parametrize("args", FALLING_OUT)
def test_interpolation_beyond_the_list(args, default_F):
    line = f"-N 3 -interpolate {OFF_CENTRE} {args}"
    simulation = physical(line, 5, screen=NEAR, default_F=default_F)
    expected = check_twins(simulation)
    assert simulation.run().out_of_range is None
    np.testing.assert_array_equal(
        np.nonzero(reference_image(simulation)), np.nonzero(expected)
    )


@pytest.mark.parametrize("box", [1, 2, ((-3, 0), (-9, -6), (1, 4))])
def test_interpolation_in_a_list_without_room(box):
    # No index can be interpolated: every one takes its nearest F.
    simulation = physical("-N 2 -interpolate", box, screen=NEAR)
    expected = check_twins(simulation)
    nearest = dataclasses.replace(
        simulation, sampling=dataclasses.replace(simulation.sampling, interpolate=False)
    )
    if box != 2:
        np.testing.assert_array_equal(nearest.render(), expected)


def test_a_mistake_of_the_kernels_would_show():
    # The same line in both models: the reference tells them apart.
    simulation = physical(RAYS["everything"], screen=CLOSE)
    other = dataclasses.replace(simulation, model="c")
    ours, c = naive.image(simulation), naive.image(other)
    assert np.abs(ours - c).max() > 0.1 * c.max()


def test_from_args():
    simulation = Simulation.from_args("-cell 70 -default_F 1 -model physical")
    assert simulation.model == "physical" and simulation.setup.physical
