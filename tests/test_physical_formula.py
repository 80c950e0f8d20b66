# SPDX-License-Identifier: MIT
"""Model physical against numbers worked out on paper, and against itself.

Analytic values (what all layers absorb together, the integral of a spot, water), and
changes of the description that must not change the image: turn the laboratory, split
a pixel, split, permute or rescale sources, refine a sampling.
"""

import dataclasses
import math

import numpy as np
import pytest

from nbsim import Beam, Crystal, Detector, Goniometer, Simulation, StructureFactors
from nbsim.backends.driver import build_job
from nbsim.kernels.reference.lattice import lattice_factor
from nbsim.resolve.random_numbers import Generator, uniform_misset_rad

pytestmark = pytest.mark.filterwarnings("default")

R_E_SQR = 7.94079248018965e-30
#: Images are stored as float32.
FLOAT32 = 1.2e-7
#: One unit cell and one F: the image is geometry alone.
EVEN = (
    "-cell 100 -default_F 1 -N 1 -lambda 1 -model physical -detpixels 8 -oversample 1"
)
SPOTS = (
    "-cell 70 80 90 75 85 95 -default_F 100 -N 8 -lambda 1 -distance 60 -pixel 1 "
    "-detpixels 48 -oversample 1 -misset 12 31 57 -model physical"
)


def image(words):
    return Simulation.from_args(words).render(backend="cpu").astype(np.float64)


def with_sources(words, sources):
    simulation = Simulation.from_args(words)
    beam = dataclasses.replace(simulation.beam, sources=np.array(sources))
    return dataclasses.replace(simulation, beam=beam)


# A1: a step is taken at its middle, phi = 0 is no special angle.
@pytest.mark.parametrize("start", [0, -1, 40])
def test_one_phi_step_is_the_middle_of_the_range(start):
    moving = image(f"{SPOTS} -phi {start} -osc 2 -phisteps 1")
    still = image(f"{SPOTS} -phi {start + 1}")
    np.testing.assert_allclose(moving, still, rtol=1e-6, atol=1e-6 * still.max())


def test_an_exposure_is_the_mean_of_its_halves():
    whole = image(f"{SPOTS} -phi 0 -osc 2 -phisteps 6")
    halves = [image(f"{SPOTS} -phi {phi} -osc 1 -phisteps 3") for phi in (0, 1)]
    mean = np.mean(halves, axis=0)
    np.testing.assert_allclose(whole, mean, rtol=1e-6, atol=1e-6 * whole.max())


def test_middles_converge_faster_than_left_ends():
    words = f"{SPOTS} -phi 10 -osc 1"
    exact = image(f"{words} -phisteps 200")
    error = {}
    for model in ("c", "physical"):
        line = f"{words} -phisteps 10".replace("-model physical", f"-model {model}")
        error[model] = np.linalg.norm(image(line) - exact)
    assert error["physical"] < 0.3 * error["c"]


def test_turning_back_and_forth():
    # -phi 0 after a rotation in the goniometer is the crystal at rest.
    still = image(SPOTS)
    np.testing.assert_array_equal(image(f"{SPOTS} -phi 0 -osc 0 -phisteps 3"), still)


# A2, B2: all layers together absorb 1 - exp(-mu t / cos), however many there are.
@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("depth", [100.0, 300.0, 5000.0])
def test_layers_absorb_what_the_slab_absorbs(count, depth):
    # Far away, so that the solid angle of deep layers is that of the front.
    geometry = f"{EVEN} -distance 40000 -pixel 4000"
    bare = image(geometry)
    sensor = image(
        f"{geometry} -detector_abs {depth} -detector_thick 450 -thicksteps {count}"
    )
    rows, columns = np.indices(bare.shape)
    setup = Simulation.from_args(geometry).setup
    fast, slow = 4.0 * (columns + 0.5), 4.0 * (rows + 0.5)
    away = np.hypot(fast - setup.geometry.Fclose, slow - setup.geometry.Sclose)
    path = 450.0 / depth * np.hypot(away, 40.0) / 40.0
    np.testing.assert_allclose(sensor / bare, 1.0 - np.exp(-path), rtol=2e-5)


def test_layers_of_a_sphere_see_the_ray_straight():
    bare = image(f"{EVEN} -distance 30 -pixel 4 -curved_det")
    for count in (1, 4):
        sensor = image(
            f"{EVEN} -distance 30 -pixel 4 -curved_det -detector_abs 300 "
            f"-detector_thick 450 -thicksteps {count}"
        )
        np.testing.assert_allclose(sensor / bare, 1 - math.exp(-1.5), rtol=1e-6)


def test_thickness_of_layers():
    for count, step in ((1, 450.0), (5, 90.0), (0, 225.0)):
        words = f"{EVEN} -detector_thick 450 -thicksteps {count}"
        setup = Simulation.from_args(words).setup
        assert setup.sensor.thickstep * 1e6 == pytest.approx(step)
        assert setup.sensor.thicksteps * step == pytest.approx(450.0)


# B3: one layer, whose middle is 0.5 mm behind the front.
def test_solid_angle_of_a_deep_layer():
    words = f"{EVEN} -nopolar -distance 20 -pixel 4 -detector_thick 1000 -thicksteps 1"
    found = image(words)
    setup = Simulation.from_args(words).setup
    rows, columns = np.indices(found.shape)
    x = 4e-3 * (columns + 0.5) - setup.geometry.Fclose
    y = 4e-3 * (rows + 0.5) - setup.geometry.Sclose
    depth = 0.0205
    R = np.sqrt(x * x + y * y + depth * depth)
    cosine = depth / R
    expected = (4e-3 / R) ** 2 * cosine * (1.0 - np.exp(-1.0 / cosine))
    np.testing.assert_allclose(found, expected, rtol=2e-6)


# A3
@pytest.mark.parametrize("flag", ["thick", "polar", "omega"])
def test_oversample_flags_change_nothing_and_say_so_once(flag):
    words = f"{SPOTS} -oversample 2 -detector_thick 300 -water 10 -polar 0.5"
    plain = Simulation.from_args(words)
    flagged = Simulation.from_args(f"{words} -oversample_{flag}")
    assert flagged.render().tobytes() == plain.render().tobytes()
    told = [w for w in flagged.setup.warnings if "no effect with -model physical" in w]
    assert len(told) == 1 and f"-oversample_{flag}" in told[0]
    assert not any("no effect" in warning for warning in plain.setup.warnings)


# A4: a pixel is the sum of its quarters.
@pytest.mark.parametrize(
    "more",
    [
        "-polar 0.8",
        "-detector_thick 400 -detector_abs 200 -thicksteps 3",
        "-curved_det -water 20",
        "-point_pixel -dmin 3 -water 20",
    ],
)
def test_split_a_pixel(more):
    common = (
        "-cell 70 80 90 -default_F 100 -N 6 -lambda 1 -distance 25 -model physical "
        f"-denzo -Xbeam 11 -Ybeam 8 -misset 12 31 57 {more}"
    )
    coarse = image(f"{common} -pixel 1.1 -detpixels 16 -oversample 2")
    fine = image(f"{common} -pixel 0.55 -detpixels 32 -oversample 1")
    quarters = fine.reshape(16, 2, 16, 2).sum(axis=(1, 3))
    if "point_pixel" in more:
        # Photons per square metre: a mean, not a sum.
        quarters /= 4.0
    np.testing.assert_allclose(coarse, quarters, rtol=2e-6)


# A5: what one pixel reads does not depend on the others.
def test_interpolation_pixel_by_pixel():
    rng = np.random.default_rng(3)
    factors = StructureFactors(
        F=rng.uniform(5, 200, (9, 9, 9)), h_min=-4, k_min=-4, l_min=-4, hkls=729
    )
    simulation = Simulation.from_args(
        "-cell 70 80 90 -default_F 7 -N 2 -lambda 1 -distance 100 -pixel 1.5 "
        "-detpixels 12 -oversample 1 -model physical"
    )
    simulation = dataclasses.replace(simulation, structure_factors=factors)
    whole = simulation.render(backend="cpu")
    for slow, fast in ((0, 0), (5, 6), (11, 11), (6, 0)):
        alone = simulation.render(backend="cpu", roi=(fast, fast, slow, slow))
        assert alone[slow, fast] == whole[slow, fast]


# A6
LIST = [
    [-10.0, 0.1, 0.0, 1.0, 1.0e-10],
    [-10.0, -0.1, 0.1, 3.0, 1.02e-10],
    [-10.0, 0.0, -0.2, 0.5, 0.98e-10],
]


def test_sources_are_averaged_by_weight():
    found = with_sources(SPOTS, LIST).render().astype(float)
    parts = [with_sources(SPOTS, [row]).render().astype(float) for row in LIST]
    weights = np.array(LIST)[:, 3]
    expected = np.average(parts, axis=0, weights=weights)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9 * found.max())


@pytest.mark.parametrize(
    "same",
    [
        LIST[::-1],
        [[*row[:3], 7.0 * row[3], row[4]] for row in LIST],
        [*LIST[:2], *[[*LIST[2][:3], 0.25, LIST[2][4]]] * 2],
        [*LIST, [-1.0, 5.0, 5.0, 0.0, 1e-10]],
    ],
    ids=["permuted", "rescaled", "split", "one without weight"],
)
def test_descriptions_of_the_same_sources(same):
    one = with_sources(f"{SPOTS} -polar 0.4 -water 9", LIST).render()
    other = with_sources(f"{SPOTS} -polar 0.4 -water 9", same).render()
    np.testing.assert_allclose(one, other, rtol=2 * FLOAT32)


REFUSED = {
    "source 2: weight -3; expected 0 or more": [LIST[0], [-10, 0, 0, -3, 1e-10]],
    "all weights are 0": [[-10, 0, 0, 0, 1e-10]] * 2,
    "source 1: position 0 0 0": [[0, 0, 0, 1, 1e-10]],
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused_sources(message):
    with pytest.raises(ValueError, match=message):
        with_sources(SPOTS, REFUSED[message]).render()


def test_polarization_along_the_ray():
    along = [[-10, 0, 0, 1, 1e-10], [0, 0, 5, 1, 1e-10]]
    with pytest.raises(ValueError, match="source 2: its ray runs along polar_vector"):
        with_sources(f"{SPOTS} -polar 0.1", along).render()
    for harmless in ("-polar 0", "-nopolar"):
        assert with_sources(f"{SPOTS} {harmless}", along).render().max() > 0.0


# A7
def test_check_value_of_the_random_orientation():
    angles = np.degrees(uniform_misset_rad(12345, Generator()))
    expected = [-6.9554968631429865, -31.51370141246244, 144.44443371555738]
    # Worked out again with 80 bits; the specification's second angle is off by 3e-11.
    np.testing.assert_allclose(angles, expected, rtol=1e-12)


def test_random_orientations_are_uniform():
    # Density (1 - cos t) / pi of the angle: mean of the trace 1 + 2 cos t is 0, its
    # mean square 1, and (pi/2 - 1) / pi of the angles are below 90 degrees.
    traces = []
    for seed in range(1, 4001):
        x, y, z = uniform_misset_rad(seed * 1009, Generator())
        Rx = [[1, 0, 0], [0, math.cos(x), -math.sin(x)], [0, math.sin(x), math.cos(x)]]
        Ry = [[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]]
        Rz = [[math.cos(z), -math.sin(z), 0], [math.sin(z), math.cos(z), 0], [0, 0, 1]]
        traces.append(np.trace(np.array(Rz) @ Ry @ Rx))
    deviation = 1.0 / math.sqrt(len(traces))
    assert abs(np.mean(traces)) < 4 * deviation
    assert np.mean(np.square(traces)) == pytest.approx(1.0, abs=6 * deviation)
    below = np.mean(np.array(traces) > 1.0)
    assert below == pytest.approx((math.pi / 2 - 1) / math.pi, abs=2 * deviation)


@pytest.mark.parametrize("seed", [1, 12345, -77, 2**31 - 2])
def test_reported_angles_give_the_same_picture(seed):
    words = SPOTS.replace("-misset 12 31 57", "")
    drawn = Simulation.from_args(f"{words} -misset random -misset_seed {seed}")
    angles = drawn.resolved()["crystal"]["misset_deg"]
    typed = Simulation.from_args(f"{words} -misset {' '.join(map(repr, angles))}")
    assert typed.render().tobytes() == drawn.render().tobytes()


# B1: r_e^2 fluence 2.57^2 N_molecules Omega P, and nothing else.
def water_photons(fluence, size_um):
    molecules = (size_um * 1e-6) ** 3 * 1e6 / 18.0 * 6.02214179e23
    return R_E_SQR * fluence * 2.57**2 * molecules


@pytest.mark.parametrize("fluence", [1e20, 1e24, 125932015286227086360700780544.0])
@pytest.mark.parametrize(
    "more",
    ["", "-phi 0 -osc 1 -phisteps 7", "-mosaic 1 -mosaic_domains 5", "-oversample 2"],
)
def test_water(fluence, more):
    # No crystal: its structure factor is next to nothing.
    words = EVEN.replace("-default_F 1", "-default_F 1e-9")
    words += f" -distance 5000 -pixel 1 -water 20 -fluence {fluence!r} {more}"
    found = image(words)
    expected = water_photons(fluence, 20.0) * (1e-3 / 5.0) ** 2
    np.testing.assert_allclose(found, expected, rtol=5e-6)


def test_dmin_leaves_the_water_alone():
    words = f"{SPOTS} -fluence 1e24 -water 20 -oversample 2"
    cut, water = image(f"{words} -dmin 1000"), image(
        f"{words} -dmin 1000".replace("-default_F 100", "-default_F 1e-9")
    )
    np.testing.assert_array_equal(cut, water)
    assert water.min() > 0.0


def test_water_adds_to_the_spots():
    alone = image(f"{SPOTS} -fluence 1e24 -oversample 2")
    water = image(f"{SPOTS} -fluence 1e24 -oversample 2 -water 20 -dmin 1000")
    both = image(f"{SPOTS} -fluence 1e24 -oversample 2 -water 20")
    np.testing.assert_allclose(both, alone + water, rtol=3 * FLOAT32)


# B4: the integral of F_latt^2 over a reciprocal cell is the number of cells.
CELLS = {
    "cube": ("100 100 100 90 90 90", (10, 10, 10)),
    "lysozyme": ("78 78 37 90 90 90", (10, 10, 10)),
    "oblique": ("70 80 90 75 85 95", (9, 7, 8)),
}


@pytest.mark.parametrize(
    "shape, reach, expected",
    [("square", 0.5, 1.0), ("gauss", 0.35, 0.984), ("tophat", 0.15, 1.047)],
)
@pytest.mark.parametrize("name", CELLS)
def test_integral_of_a_spot(name, shape, reach, expected):
    cell, cells = CELLS[name]
    simulation = Simulation(
        Crystal(
            cell=tuple(map(float, cell.split())),
            **dict(zip(("Na", "Nb", "Nc"), cells)),
            shape=shape,
        ),
        StructureFactors(default_F=1.0),
        model="physical",
    )
    xtal = build_job(simulation.setup).xtal
    # Midpoints of a grid, as far as the spot reaches.
    points = reach * ((np.arange(75) + 0.5) / 37.5 - 1.0)
    total = sum(
        lattice_factor(h, k, l, xtal.N_cells, xtal.shape, xtal.fudge, xtal.recip) ** 2
        for h in points
        for k in points
        for l in points
    )
    integral = total * (reach / 37.5) ** 3
    assert integral == pytest.approx(expected * math.prod(cells), rel=0.01)


@pytest.mark.parametrize("shape", ["-gauss_xtal", "-tophat_spots"])
def test_spot_size_is_that_of_c_for_the_cell_where_c_is_right(shape):
    words = f"-cell 100 -N 10 -default_F 100 -lambda 1 -detpixels 32 -pixel 1 {shape}"
    c = image(f"{words} -oversample 1 -misset 3 2 1")
    physical = image(f"{words} -oversample 1 -misset 3 2 1 -model physical")
    np.testing.assert_allclose(physical, c, rtol=1e-5)


# B9
def test_automatic_interpolation_looks_at_the_cells_there_are(tmp_path):
    path = tmp_path / "few.hkl"
    path.write_text("0 0 0 10\n1 2 3 4\n")
    words = f"-cell 70 80 90 -hkl {path} -detpixels 8"
    for size, model, expected in (
        ("-xtalsize 0.01", "c", True),
        ("-xtalsize 0.01", "physical", False),
        ("-N 2", "physical", True),
        ("-N 3", "physical", False),
    ):
        setup = Simulation.from_args(f"{words} {size} -model {model}").setup
        assert setup.interpolate == expected, (size, model)


# The whole laboratory, turned: the crystal, the beam, the detector and its axes.
@pytest.mark.parametrize("more", [{}, {"curved": True}, {"twotheta_deg": 20.0}])
def test_turn_the_laboratory(more):
    rng = np.random.default_rng(9)
    Q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    Q *= np.sign(np.linalg.det(Q))
    matrix = np.diag([1 / 70, 1 / 80, 1 / 90]) + rng.uniform(-1e-3, 1e-3, (3, 3))

    def simulation(R):
        def turned(*v):
            return tuple((R @ np.array(v, float)).tolist())

        return Simulation(
            Crystal(A_matrix=R @ matrix, Na=7, Nb=8, Nc=9),
            StructureFactors(default_F=100.0),
            Beam(
                beam_vector=turned(1, 0, 0),
                polar_vector=turned(0, 0, 1),
                polarization=0.9,
                hdivrange_mrad=3.0,
                vdivrange_mrad=2.0,
                dispersion_percent=1.0,
                dispsteps=2,
            ),
            Detector(
                detpixels_f=24,
                detpixels_s=20,
                pixel_size_mm=2.0,
                distance_mm=50.0,
                fdet_vector=turned(0, 0, 1),
                sdet_vector=turned(0, -1, 0),
                odet_vector=turned(1, 0, 0),
                twotheta_axis=turned(0, 1, 0),
                thick_um=300.0,
                abs_um=200.0,
                **more,
            ),
            Goniometer(osc_deg=1.0, phisteps=3, spindle_axis=turned(0, 0, 1)),
            model="physical",
        )

    here, there = (simulation(R).render().astype(float) for R in (np.eye(3), Q))
    np.testing.assert_allclose(there, here, rtol=1e-6, atol=1e-7 * here.max())


def test_order_of_the_options():
    words = [
        "-cell 70 80 90",
        "-default_F 100",
        "-N 5",
        "-distance 60",
        "-detpixels 32",
        "-pixel 1",
        "-Xbeam 15",
        "-detector_rotx 9",
        "-twotheta 10",
        "-pivot sample",
        "-detector_thick 300",
        "-oversample 2",
        "-phi 1",
        "-osc 1",
        "-polar 0.9",
        "-model physical",
    ]
    rng = np.random.default_rng(1)
    first = Simulation.from_args(" ".join(words)).render().tobytes()
    for _ in range(3):
        rng.shuffle(words)
        assert Simulation.from_args(" ".join(words)).render().tobytes() == first


def test_linear_in_fluence():
    one, ten = (
        image(f"{SPOTS} -water 20 -fluence {fluence}") for fluence in ("1e23", "1e24")
    )
    np.testing.assert_allclose(ten, 10.0 * one, rtol=2 * FLOAT32)


def test_where_c_is_right_both_models_agree():
    words = SPOTS.replace("75 85 95", "90 90 90")
    np.testing.assert_allclose(
        image(f"{words} -phi 5"),
        image(f"{words.replace('-model physical', '')} -phi 5"),
        rtol=1e-6,
    )
