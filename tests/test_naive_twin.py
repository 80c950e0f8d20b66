# SPDX-License-Identifier: MIT
"""Every kernel against the slow reference in naive.py, over the options that matter.

Images are small, because the reference is slow; what decides between kernels
(shape, list of F, interpolation, flags, number of cells, masks, tile borders) is
covered in combination.
"""

import dataclasses

import naive
import numpy as np
import pytest

from nbsim import Simulation, StructureFactors
from nbsim.tools.tolerances import TWIN_PEAK, TWIN_RELATIVE

# Option combinations that warn do so on purpose.
pytestmark = pytest.mark.filterwarnings("default")

CELL = "-cell 70 80 90 75 85 95 -default_F 100 -lambda 1 -oversample 1"
SCREEN = "-distance 100 -pixel 4 -detpixels_f 11 -detpixels_s 9"
#: For interpolation: indices stay within +-3 or so.
NEAR = "-distance 400 -pixel 1.7 -detpixels_f 10 -detpixels_s 8"


def random_factors(box, default_F):
    shape = [high - low + 1 for low, high in box]
    rng = np.random.default_rng(seed=7)
    return StructureFactors(
        F=rng.uniform(5.0, 200.0, shape),
        h_min=box[0][0],
        k_min=box[1][0],
        l_min=box[2][0],
        default_F=default_F,
        hkls=int(np.prod(shape)),
    )


def simulate(args, box=None, sources=None, mask=None, screen=SCREEN):
    """Return a simulation with a random list of F.

    `box` is its highest index, or the lowest and highest h, k, l.
    """
    simulation = Simulation.from_args(f"{CELL} {screen} {args}")
    changes = {}
    if box is not None:
        if isinstance(box, int):
            box = ((-box, box), (-box - 1, box), (-box, box + 2))
        changes["structure_factors"] = random_factors(
            box, simulation.structure_factors.default_F
        )
    if sources is not None:
        changes["beam"] = dataclasses.replace(simulation.beam, sources=sources)
    if mask is not None:
        changes["detector"] = dataclasses.replace(simulation.detector, mask=mask)
    return dataclasses.replace(simulation, **changes)


def check_twins(simulation, **options):
    """Assert that the kernels and the reference agree; return the reference."""
    expected = naive.image(simulation)
    assert np.isfinite(expected).all()
    top = expected.max()
    assert top > 0.0
    image = simulation.render(**options)
    assert image.dtype == np.float32
    difference = np.abs(image.astype(np.float64) - expected)
    bright = expected > TWIN_PEAK * top
    assert difference.max() <= TWIN_PEAK * top
    assert (difference[bright] / expected[bright]).max() <= TWIN_RELATIVE
    return expected


COUNTS = [
    "-N 1",
    "-N 2",
    "-N 3",
    "-N 8",
    "-N 9",
    "-N 10",
    "-N 11",
    "-N 25",
    "-N 36",
    "-N 200",
    "-Na 1 -Nb 5 -Nc 8",
    "-Na 7 -Nb 1 -Nc 30",
    "-Na 12 -Nb 9 -Nc 1",
    "-Na 1 -Nb 1 -Nc 17",
    "-Na 4 -Nb 10 -Nc 15",
]


@pytest.mark.parametrize("box", [None, 12, 40], ids=["default_F", "low list", "list"])
@pytest.mark.parametrize("count", COUNTS)
def test_number_of_cells(count, box):
    check_twins(simulate(f"{count} -nointerpolate -misset 12 31 57", box))


SHAPES = [
    "-square_xtal",
    "-round_xtal -fudge 0.3",
    "-gauss_xtal -fudge 1e-4",
    "-tophat_spots -fudge 3e-5",
]


@pytest.mark.parametrize("box", [None, 40], ids=["default_F", "list"])
@pytest.mark.parametrize("flags", ["", "-oversample 2 -oversample_omega"])
@pytest.mark.parametrize("shape", SHAPES)
def test_shape(shape, flags, box):
    moving = "-phi 3 -osc 2 -phisteps 2 -mosaic 1.5 -mosaic_domains 3"
    check_twins(
        simulate(f"-Na 3 -Nb 4 -Nc 2 -nointerpolate {shape} {flags} {moving}", box)
    )


@pytest.mark.parametrize("flags", ["", "-oversample_thick", "-oversample_polar"])
@pytest.mark.parametrize("shape", SHAPES)
def test_tricubic(shape, flags):
    sensor = "-detector_abs 200 -detector_thick 300 -polar 0.4"
    args = f"-N 3 -interpolate {shape} -fudge 1e-4 {sensor} {flags}"
    check_twins(simulate(args, box=20, screen=NEAR))


def test_tricubic_is_automatic_for_few_cells():
    simulation = simulate("-Na 9 -Nb 2 -Nc 12", box=20, screen=NEAR)
    assert simulation.setup.interpolate
    check_twins(simulation)


OFF_CENTRE = "-distance 168 -detpixels_f 6 -Xbeam 2 -Ybeam 4.25"
FALLING_OUT = [
    "",
    "-phi 0 -osc 5 -phisteps 3",
    "-mosaic 2 -mosaic_domains 4 -oversample 2",
    "-oversample 2 -oversample_omega -oversample_polar -polar 0.7",
    "-detector_abs 200 -detector_thick 300 -detector_thicksteps 3",
    "-tophat_spots -fudge 1e-3",
    "-roi 2 4 1 7",
    "-divergence 3 -divsteps 3 -dmin 17",
]


@pytest.mark.parametrize("args", FALLING_OUT)
def test_interpolation_ends_in_the_middle_of_the_image(args):
    # The beam centre lies in the first rows; the list ends some rows later.
    simulation = simulate(f"-N 3 -interpolate {OFF_CENTRE} {args}", 5, screen=NEAR)
    check_twins(simulation)
    result = simulation.run()
    xmin, _, ymin, _ = simulation.setup.geometry.roi
    assert result.out_of_range is not None
    assert result.out_of_range != (xmin, ymin)


@pytest.mark.parametrize("oversample", [1, 2, 3])
@pytest.mark.parametrize(
    "flags",
    [
        "",
        "-oversample_thick",
        "-oversample_polar",
        "-oversample_omega",
        "-oversample_thick -oversample_polar -oversample_omega",
    ],
)
@pytest.mark.parametrize("count", ["-N 5", "-Na 12 -Nb 11 -Nc 1"])
def test_flags(count, flags, oversample):
    layers = "-detector_abs 300 -detector_thick 450 -detector_thicksteps 3"
    args = f"{count} -oversample {oversample} {flags} {layers} -polar 0.8 -distance 60"
    check_twins(simulate(args))


SENSORS = [
    "-detector_thick 300",
    "-detector_thick 300 -detector_abs 100",
    "-detector_thick 300 -detector_abs 100 -detector_thicksteps 1",
    "-detector_thick 300 -detector_abs 100 -detector_thicksteps 5 -oversample 2",
    "-detector_thick 300 -detector_abs 100 -oversample_thick -phi 1 -osc 1",
]


@pytest.mark.parametrize("args", SENSORS)
def test_sensor(args):
    check_twins(simulate(f"-N 6 {args} -twotheta 20 -detector_rotx 8"))


POLARIZATIONS = [
    "-polar 1",
    "-polar -1",
    "-polar 0",
    "-polar 0.93 -divergence 40",
    "-polar 0.93 -divergence 40 -oversample_polar",
    "-nopolar",
    "-nopolar -oversample_polar",
    "-polar 0.5 -phi 1 -osc 2 -oversample_polar -oversample 2",
]


@pytest.mark.parametrize("args", POLARIZATIONS)
def test_polarization(args):
    check_twins(simulate(f"-N 5 {args} -distance 40"))


BEAMS = [
    "-divergence 12 -divsteps 4",
    "-divergence 12 -divsteps 4 -square_div",
    "-hdivrange 12 -hdivsteps 5",
    "-hdivsteps 3 -vdivstep 5",
    "-dispersion 6 -dispsteps 4",
    "-dispersion 6 -dispsteps 3 -hdivrange 8 -mosaic 1 -mosaic_domains 2 -oversample 2",
]


@pytest.mark.parametrize("args", BEAMS)
def test_beam(args):
    check_twins(simulate(f"-N 7 {args}"))


SOURCES = np.array(
    [
        [-10.0, 0.1, 0.02, 1.0, 1.0e-10],
        [-3.0, -0.1, 0.05, 5.0, 1.07e-10],
        [np.nan, 0.3, np.nan, np.nan, np.nan],
        [0.0, 0.0, -1.0, 1.0, 2.1e-10],
    ]
)


@pytest.mark.parametrize("flags", ["", "-oversample_polar -oversample 2", "-dmin 4"])
@pytest.mark.parametrize("count", ["-N 5", "-N 14"])
def test_list_of_sources(count, flags):
    check_twins(simulate(f"{count} -polar 0.6 {flags}", sources=SOURCES))


@pytest.mark.parametrize("carryover", ["", "-phi_carryover"])
@pytest.mark.parametrize(
    "args",
    [
        "-phi 0 -osc 3 -phisteps 3",
        "-phi -1 -osc 3 -phisteps 3",
        "-phi 0 -phistep 2",
        "-phi 0 -osc 0 -phisteps 3",
        "-phi 0 -osc 3 -phisteps 3 -mosaic 2 -mosaic_domains 3",
        "-phi 0 -osc 3 -phisteps 3 -dmin 6",
        "-phi 0 -osc 3 -phisteps 2 -divergence 9 -divsteps 2 -oversample 2",
        "-phi 0 -osc 3 -phisteps 2 -oversample_omega -oversample 2",
        "-phi 0 -osc 3 -phisteps 3 -roi 3 9 2 7",
    ],
)
def test_phi_steps_through_zero(args, carryover):
    check_twins(simulate(f"-N 6 {args} {carryover}"))


def test_carryover_with_interpolation_falling_out_at_the_first_pixel():
    args = "-N 3 -interpolate -phi 0 -osc 4 -phisteps 2 -phi_carryover"
    simulation = simulate(args, box=2, screen=NEAR)
    check_twins(simulation)
    assert simulation.run().out_of_range == (0, 0)


GEOMETRIES = [
    "-curved_det",
    "-curved_det -oversample 2 -oversample_omega -xds",
    "-point_pixel",
    "-point_pixel -oversample 2 -oversample_omega",
    "-xds -ORGX 3.2 -ORGY 7 -twotheta 12 -detector_rotx 3 -detector_rotz 7",
    "-adxv -Xbeam 11 -Ybeam 30",
    "-denzo -detector_roty -9",
    "-dials -close_distance 80 -twotheta 20",
    "-beam_vector 0.6 0 0.8 -odet_vector 0.6 0 0.8 -spindle_axis 0 1 0 -phi 20",
    "-close_distance 60 -detector_rotx 25 -Xbeam -5",
]


@pytest.mark.parametrize("args", GEOMETRIES)
def test_geometry(args):
    check_twins(simulate(f"-N 5 -polar 0.7 {args}"))


WATER = [
    "",
    "-dmin 5",
    "-oversample_omega",
    "-oversample_polar -oversample_thick -detector_thick 300 -oversample 2",
    "-tophat_spots -fudge 1e-4",
    "-tophat_spots -fudge 1e-4 -oversample_omega -phi 1 -osc 2",
]


@pytest.mark.parametrize("args", WATER)
def test_water(args):
    check_twins(simulate(f"-N 4 -water 30 -fluence 1e24 {args}"))


def test_dmin_cuts_inside_the_image():
    simulation = simulate("-N 6 -dmin 4.5 -oversample 2")
    expected = check_twins(simulation)
    assert 0 < np.count_nonzero(expected) < expected.size


ROIS = [
    "-roi 0 0 0 0",
    "-roi 10 10 8 8",
    "-roi 4 4 0 8",
    "-roi 0 10 3 3",
    "-roi 2 9 1 7",
    "-roi 5 -1 4 -1",
]


@pytest.mark.parametrize("box", [None, 40], ids=["default_F", "list"])
@pytest.mark.parametrize("roi", ROIS)
def test_roi(roi, box):
    check_twins(simulate(f"-N 6 {roi}", box))


def scattered_mask(shape, kept):
    rng = np.random.default_rng(seed=3)
    return (rng.uniform(size=shape) < kept).astype(np.uint16)


@pytest.mark.parametrize("kept", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("args", ["", "-roi 2 9 1 7", "-oversample 2 -phi 1 -osc 1"])
def test_scattered_mask(args, kept):
    mask = scattered_mask((9, 11), kept)
    mask[5, 6] = 1
    image = check_twins(simulate(f"-N 6 {args}", box=40, mask=mask))
    assert not image[mask == 0].any()


@pytest.mark.parametrize("count", ["-N 5", "-N 12"])
def test_mask_and_interpolation_falling_out(count):
    mask = scattered_mask((8, 6), 0.6)
    args = f"{count} -interpolate {OFF_CENTRE}"
    simulation = simulate(args, box=5, mask=mask, screen=NEAR)
    check_twins(simulation)
    assert simulation.run().out_of_range is not None


#: Wider than any tile of pixels, and more pixels than one block of work.
WIDE = "-distance 100 -pixel 0.1 -detpixels_f 1300 -detpixels_s 400"


@pytest.mark.parametrize(
    "args",
    [
        "-N 5 -roi 0 1299 199 201",
        "-N 12 -roi 130 1270 7 9",
        "-N 12 -roi 511 513 100 300",
        "-N 5 -oversample_omega -roi 500 1030 399 399",
        "-Na 9 -Nb 10 -Nc 1 -gauss_xtal -fudge 1e-6 -roi 600 1299 3 3",
        "-N 5 -phi 0 -osc 1 -phi_carryover -roi 100 800 10 10",
    ],
)
def test_wide_images(args):
    check_twins(simulate(args, box=30 if "-N 12" in args else None, screen=WIDE))


def test_wide_image_with_scattered_mask():
    mask = scattered_mask((400, 1300), 0.005)
    mask[:, 600:] = 0
    check_twins(simulate("-N 7", box=30, mask=mask, screen=WIDE))


def test_wide_image_where_interpolation_ends_far_into_a_row():
    args = "-N 5 -interpolate -roi 100 1299 199 200 -distance 400 -Xbeam 20 -Ybeam 55"
    simulation = simulate(args, box=14, screen=WIDE)
    check_twins(simulation)
    fpixel, spixel = simulation.run().out_of_range
    assert fpixel > 612 and spixel == 199


# Exact indices. -denzo puts no half pixel anywhere: with the beam centre at
# (n + 1/2) pixels the middle pixel sees the direct beam and is 000 exactly.
CENTRED = "-distance 128 -pixel 0.25 -detpixels_f 5 -detpixels_s 5 -denzo"
CENTRE = "-Xbeam 0.625 -Ybeam 0.625"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", ["-N 5", "-N 10", "-Na 1 -Nb 2 -Nc 64"])
def test_direct_beam_is_000(count, shape):
    args = f"-cell 64 {count} -nointerpolate {shape} {CENTRE}"
    simulation = simulate(args, box=3, screen=CENTRED)
    image = check_twins(simulation)
    factors, setup = simulation.structure_factors, simulation.setup
    F_000 = factors.F[-factors.h_min, -factors.k_min, -factors.l_min]
    peak = (F_000 * np.prod(setup.N_cells)) ** 2
    peak *= 0.723601254558268**2 if "round" in shape else 1.0
    omega = (setup.geometry.pixel_size / setup.geometry.distance) ** 2
    photons = naive.R_E_SQR * setup.fluence * omega * peak
    assert image[2, 2] == pytest.approx(photons, rel=TWIN_RELATIVE)


#: A list around the indices (h, 0, -h) of the middle pixel below, and those h that
#: come out without a rounding error.
AROUND = ((68, 78), (-3, 3), (-78, -68))
HALVES = [72.0, 72.5, 73.0, 73.5, 74.0, 74.5]


@pytest.mark.parametrize("h", HALVES)
@pytest.mark.parametrize(
    "count", ["-N 5", "-N 8", "-N 10", "-N 25", "-Na 1 -Nb 2 -Nc 9"]
)
@pytest.mark.parametrize("flags", ["", "-oversample_polar -phi 0 -osc 0 -phisteps 2"])
def test_whole_and_half_indices(h, count, flags):
    # A source at right angles to the beam centre: the middle pixel has
    # scattering (1, 0, -1) / wavelength, so that (h, k, l) = (h, 0, -h).
    sources = [[0.0, 0.0, -10.0, 1.0, 48e-10 / h]]
    args = f"-cell 48 {count} -nointerpolate {flags} {CENTRE}"
    simulation = simulate(args, box=AROUND, sources=sources, screen=CENTRED)
    check_twins(simulation)


@pytest.mark.parametrize("h", HALVES[1::2])
def test_half_index_takes_the_lower_structure_factor(h):
    sources = [[0.0, 0.0, -10.0, 1.0, 48e-10 / h]]
    args = f"-cell 48 -N 1 -nointerpolate {CENTRE}"
    simulation = simulate(args, box=AROUND, sources=sources, screen=CENTRED)
    a, _, c = naive.cell_at_rest(simulation.setup)
    scattering = np.array([1.0, 0.0, -1.0]) / (48e-10 / h)
    assert (np.dot(a, scattering), np.dot(c, scattering)) == (h, -h)
    check_twins(simulation)
