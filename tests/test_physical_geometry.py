# SPDX-License-Identifier: MIT
"""Where the pixels of model physical are: against rotations and metrics done here.

Nothing on the expected side comes from nbsim: rotation matrices, the dual of a cell,
a sphere around the crystal.
"""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbsim import Beam, Crystal, Detector, Goniometer, Simulation
from nbsim.resolve.cell import resolve_cell
from nbsim.resolve.exact_geometry import exact_geometry
from nbsim.resolve.geometry import AXES, resolve_geometry
from nbsim.resolve.positions import positions

pytestmark = pytest.mark.filterwarnings("default")

#: Positions of up to 1 m through a dozen roundings.
METRES = 1e-13
PIXELS_F, PIXELS_S, PIXEL_MM = 96, 80, 0.4
PIXEL = PIXEL_MM * 1e-3
SIZE_F, SIZE_S = PIXELS_F * PIXEL, PIXELS_S * PIXEL
CORNER = (123.0, -21.0, 17.0)
PLAIN = "-cell 70 -default_F 1 -N 2 -detpixels_f 96 -detpixels_s 80 -pixel 0.4"


def geometry_of(beam=Beam(), **fields):
    detector = Detector(
        detpixels_f=PIXELS_F, detpixels_s=PIXELS_S, pixel_size_mm=PIXEL_MM, **fields
    )
    return exact_geometry(detector, beam, Goniometer())


def geometry_of_line(words):
    return Simulation.from_args(f"{PLAIN} -model physical {words}").setup.geometry


def turn(axis, degrees):
    """Matrix of a rotation, as the exponential of its generator."""
    x, y, z = np.asarray(axis, float) / np.linalg.norm(axis)
    K = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * K @ K


def whole_turn(x, y, z, axis, twotheta):
    return (
        turn(axis, twotheta)
        @ turn((0, 0, 1), z)
        @ turn((0, 1, 0), y)
        @ turn((1, 0, 0), x)
    )


angles = st.floats(-30, 30)


# A17: the metric of the cell that was asked for.
@settings(deadline=None)
@given(st.lists(st.floats(60, 119), min_size=3, max_size=3), st.floats(0, 180))
def test_cell_has_the_angles_that_were_asked_for(cell_angles, misset):
    lengths = np.array([61.0, 72.0, 83.0])
    cosines = np.cos(np.radians(cell_angles))
    metric = np.array(
        [
            [1, cosines[2], cosines[1]],
            [cosines[2], 1, cosines[0]],
            [cosines[1], cosines[0], 1],
        ]
    ) * np.outer(lengths, lengths)
    determinant = np.linalg.det(metric)
    if determinant < 1e-3 * np.prod(lengths) ** 2:
        return
    crystal = Crystal(cell=(*lengths, *cell_angles))
    cell = resolve_cell(crystal, 1.0, (0.3, np.radians(misset), -1.0), exact=True)
    vectors = np.array([cell.a, cell.b, cell.c])
    np.testing.assert_allclose(vectors @ vectors.T, metric, rtol=1e-10, atol=1e-8)
    stars = np.array([cell.a_star, cell.b_star, cell.c_star])
    np.testing.assert_allclose(stars @ vectors.T, np.eye(3), atol=1e-10)
    assert cell.V_cell == pytest.approx(np.sqrt(determinant), rel=1e-9)


def test_default_orientation_is_the_cholesky_factor():
    cell = resolve_cell(Crystal(cell=(64, 75, 86, 64, 103, 117)), 1.0, None, exact=True)
    stars = np.array([cell.a_star, cell.b_star, cell.c_star])
    factor = np.linalg.cholesky(stars @ stars.T)
    np.testing.assert_allclose(stars, factor, atol=1e-12)


def test_model_c_misses_the_angles_by_hundredths_of_a_degree():
    cell = resolve_cell(Crystal(cell=(70, 80, 90, 75, 85, 95)), 1.0, None)
    off = np.degrees(cell.angles) - [75, 85, 95]
    assert np.abs(off).max() == pytest.approx(0.0391, abs=1e-3)


@pytest.mark.parametrize("hand", [1, -1])
def test_matrix_and_cell_keep_directions_and_lengths(hand):
    rng = np.random.default_rng(5)
    matrix = turn((1, 2, 3), 40) @ np.diag([0.011, 0.013, hand * 0.017])
    matrix += rng.uniform(-5e-4, 5e-4, (3, 3))
    lengths = np.array([70.0, 81.0, 57.0])
    cell = resolve_cell(
        Crystal(cell=(*lengths, 88, 91, 92), A_matrix=matrix), 1.0, None, exact=True
    )
    vectors = np.array([cell.a, cell.b, cell.c])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), lengths, rtol=1e-13)
    duals = np.linalg.inv(matrix)
    duals /= np.linalg.norm(duals, axis=1)[:, None]
    np.testing.assert_allclose(vectors / lengths[:, None], duals, atol=1e-12)
    stars = np.array([cell.a_star, cell.b_star, cell.c_star])
    np.testing.assert_allclose(stars @ vectors.T, np.eye(3), atol=1e-12)


# A8
@settings(deadline=None)
@given(angles, angles, angles, angles)
def test_pix0_vector_turns_about_the_sample(x, y, z, twotheta):
    geometry = geometry_of(
        pix0_vector_mm=CORNER, rotx_deg=x, roty_deg=y, rotz_deg=z, twotheta_deg=twotheta
    )
    R = whole_turn(x, y, z, (0, 1, 0), twotheta)
    expected = R @ np.array(CORNER) * 1e-3
    np.testing.assert_allclose(geometry.pix0_vector, expected, atol=METRES)
    normal = R @ np.array([1.0, 0.0, 0.0])
    assert geometry.close_distance == pytest.approx(expected @ normal, abs=METRES)
    assert (geometry.convention, geometry.pivot) == ("custom", "sample")


@settings(deadline=None)
@given(angles, angles, angles)
def test_pix0_vector_about_the_beam_leaves_the_beams_pixel_in_the_beam(x, y, z):
    geometry = geometry_of(
        pix0_vector_mm=CORNER, pivot="beam", rotx_deg=x, roty_deg=y, rotz_deg=z
    )
    # The beam hit the plane x = 123 mm at -fast, -slow of the corner.
    F, S = -CORNER[2] * 1e-3, CORNER[1] * 1e-3
    spot = (
        np.array(geometry.pix0_vector)
        + F * np.array(geometry.fdet_vector)
        + S * np.array(geometry.sdet_vector)
    )
    np.testing.assert_allclose(spot, [CORNER[0] * 1e-3, 0, 0], atol=METRES)


def test_spellings_of_the_corner():
    metres = geometry_of_line("-pix0_vector 0.123 -0.021 0.017")
    mm = geometry_of_line("-pix0_vector_mm 123 -21 17")
    last = geometry_of_line("-pix0_vector_mm 1 2 3 -pix0_vector 0.123 -0.021 0.017")
    np.testing.assert_allclose(metres.pix0_vector, np.array(CORNER) / 1000, atol=1e-16)
    np.testing.assert_allclose(mm.pix0_vector, metres.pix0_vector, atol=1e-16)
    np.testing.assert_allclose(last.pix0_vector, metres.pix0_vector, atol=1e-16)


def test_a_convention_after_the_corner_changes_the_axes_only():
    geometry = geometry_of_line("-pix0_vector 0.01 0.02 0.3 -xds -distance 50")
    assert geometry.convention == "xds"
    assert geometry.pix0_vector == pytest.approx((0.01, 0.02, 0.3))
    assert geometry.beam_vector == (0.0, 0.0, 1.0)
    assert geometry.close_distance == pytest.approx(0.3)
    assert any(
        "not used beside -pix0_vector: -distance" in w for w in geometry.warnings
    )


def test_model_c_says_that_it_does_not_use_the_corner():
    line = f"{PLAIN} -pix0_vector 0.1 0 0"
    c = Simulation.from_args(line).setup
    plain = Simulation.from_args(f"{PLAIN} -fdet_vector 0 0 1").setup
    assert c.geometry.pix0_vector == plain.geometry.pix0_vector
    assert any("-pix0_vector only selects" in warning for warning in c.warnings)


# A9
@pytest.mark.parametrize("convention", [*sorted(AXES), "custom"])
@pytest.mark.parametrize("pivot", ["beam", "sample"])
def test_a_given_pivot_counts_in_every_convention(convention, pivot):
    axis = {} if convention == "custom" else {"twotheta_deg": 11.0}
    common = dict(convention=convention, rotx_deg=4.0, roty_deg=-9.0, **axis)
    geometry = geometry_of(pivot=pivot, **common)
    assert geometry.pivot == pivot
    upright = geometry_of(pivot=pivot, convention=convention)
    F, S = upright.Fbeam, upright.Sbeam
    place = [
        np.array(g.pix0_vector)
        + F * np.array(g.fdet_vector)
        + S * np.array(g.sdet_vector)
        for g in (upright, geometry)
    ]
    if pivot == "beam":
        # The pixel in the beam stays on it, at the distance of the turned plane.
        on_beam = np.cross(place[1], geometry.beam_vector)
        np.testing.assert_allclose(on_beam, 0.0, atol=METRES)
    else:
        # The nearest point stays the nearest point.
        axes = [geometry.fdet_vector, geometry.sdet_vector]
        np.testing.assert_allclose(
            [place[1] @ np.array(a) for a in axes], 0.0, atol=METRES
        )


@pytest.mark.parametrize("convention", ["-mosflm", "-xds", "-beam_vector 1 0 0"])
@pytest.mark.parametrize("pivot", ["beam", "sample"])
def test_the_pivot_counts_wherever_it_stands(convention, pivot):
    words = [convention, "-distance 90", "-Xbeam 15", "-detector_rotx 9"]
    found = {
        geometry_of_line(" ".join([*words[:i], f"-pivot {pivot}", *words[i:]]))
        for i in range(5)
    }
    # A set: equal geometries, warnings included, are one.
    assert {geometry.pivot for geometry in found} == {pivot} and len(found) == 1


def test_without_a_pivot_the_convention_and_the_last_option_decide():
    assert geometry_of_line("-xds").pivot == "sample"
    assert geometry_of_line("-mosflm -ORGX 5").pivot == "beam"
    assert geometry_of_line("-beam_vector 1 0 0 -Xbeam 3 -ORGX 4").pivot == "sample"
    assert geometry_of_line("-beam_vector 1 0 0 -ORGX 4 -distance 100").pivot == "beam"


# B6
def test_length_of_the_twotheta_axis_does_not_matter():
    one, long = (
        geometry_of(twotheta_axis=axis, twotheta_deg=25.0)
        for axis in ((0.6, 0.0, 0.8), (6.0, 0.0, 8.0))
    )
    for name in ("fdet_vector", "sdet_vector", "odet_vector", "pix0_vector"):
        assert getattr(one, name) == pytest.approx(getattr(long, name), abs=1e-15)
    axes = np.array([long.fdet_vector, long.sdet_vector, long.odet_vector])
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-14)


# B7
@pytest.mark.parametrize("length", [0.9999, 1.0, 7.0])
@pytest.mark.parametrize("given", [False, True])
def test_left_handed_axes_have_a_normal_away_from_the_crystal(given, length):
    beam = Beam(beam_vector=(0.0, 0.0, 1.0))
    fields = {"odet_vector": (0.0, 0.0, length)} if given else {}
    geometry = geometry_of(
        beam, fdet_vector=(1, 0, 0), sdet_vector=(0, -1, 0), **fields
    )
    assert geometry.odet_vector == pytest.approx((0, 0, 1))
    assert geometry.close_distance == pytest.approx(0.1)


def test_a_slanted_normal_only_tells_the_side():
    geometry = geometry_of(
        Beam(beam_vector=(0.0, 0.0, 1.0)),
        fdet_vector=(1, 0, 0),
        sdet_vector=(0, 1, 0),
        odet_vector=(0.3, 0, 0.9),
    )
    assert geometry.odet_vector == (0.0, 0.0, 1.0)
    assert any("odet_vector is not at right angles" in w for w in geometry.warnings)


def test_the_corner_tells_the_side():
    geometry = geometry_of(
        fdet_vector=(0, 0, 1),
        sdet_vector=(0, 1, 0),
        pix0_vector_mm=(80, 10, -20),
    )
    assert geometry.odet_vector == (1.0, 0.0, 0.0)
    assert geometry.close_distance == pytest.approx(0.08)


REFUSED = {
    "fdet_vector and sdet_vector: expected two directions": dict(
        fdet_vector=(1, 0, 0), sdet_vector=(-2, 0, 0)
    ),
    "odet_vector 0 0 2: it lies in the plane": dict(
        fdet_vector=(0, 0, 1), sdet_vector=(0, -1, 0), odet_vector=(0, 0, 2)
    ),
    "pix0_vector 0 -20 17: it lies in the plane": dict(pix0_vector_mm=(0, -20, 17)),
    "the detector is behind the crystal: its close_distance": dict(
        odet_vector=(1, 0, 0), pix0_vector_mm=(-100, 0, 0)
    ),
    "behind the crystal: its close_distance after all rotations is -": dict(
        pivot="beam", twotheta_deg=100.0
    ),
    "the detector plane contains the beam": dict(roty_deg=90.0),
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused(message):
    with pytest.raises(ValueError, match=message):
        geometry_of(**REFUSED[message])


# B8: (option, what it says) -> fast or slow coordinate of the beam centre, m.
HALF = PIXEL / 2
CENTRES = {
    "-mosflm": ("fast Ybeam, slow Xbeam", 0.006 + HALF, 0.004 + HALF),
    "-denzo": ("fast Ybeam, slow Xbeam", 0.006, 0.004),
    "-adxv": ("fast Xbeam, slow Ybeam", 0.004, SIZE_S - 0.006),
    "-xds": ("fast ORGX, slow ORGY", 20.5 * PIXEL, 30.5 * PIXEL),
    "-dials": ("fast ORGX, slow ORGY", 20.5 * PIXEL, 30.5 * PIXEL),
    "-beam_vector 1 0 0": ("fast Xbeam, slow Ybeam", 0.004, 0.006),
}
GIVEN = {
    "beam": "-Xbeam 4 -Ybeam 6",
    "close": "-Xclose 7 -Yclose 8",
    "org": "-ORGX 21 -ORGY 31",
}


def check_centre(geometry, fast, slow):
    """Assert that the beam and the nearest point are at one place."""
    for F, S in ((geometry.Fbeam, geometry.Sbeam), (geometry.Fclose, geometry.Sclose)):
        assert (F, S) == pytest.approx((fast, slow), abs=METRES)


@pytest.mark.parametrize("convention", CENTRES)
def test_first_of_all_centres(convention):
    geometry = geometry_of_line(f"{convention} {' '.join(GIVEN.values())}")
    words, fast, slow = CENTRES[convention]
    assert geometry.centre_from == words
    check_centre(geometry, fast, slow)
    assert any("comes first" in warning for warning in geometry.warnings)


@pytest.mark.parametrize("convention", CENTRES)
@pytest.mark.parametrize("kind", ["close", "org"])
def test_every_centre_is_used_in_every_convention(convention, kind):
    geometry = geometry_of_line(f"{convention} {GIVEN[kind]}")
    expected = {"close": (0.007, 0.008), "org": (20.5 * PIXEL, 30.5 * PIXEL)}[kind]
    check_centre(geometry, *expected)
    assert not any("comes first" in warning for warning in geometry.warnings)


@pytest.mark.parametrize("convention", ["-xds", "-dials"])
def test_beam_centre_of_xds_and_dials(convention):
    check_centre(geometry_of_line(f"{convention} {GIVEN['beam']}"), 0.004, 0.006)


@pytest.mark.parametrize("convention", CENTRES)
def test_each_axis_for_itself(convention):
    geometry = geometry_of_line(f"{convention} -Xclose 7 -ORGY 31")
    check_centre(geometry, 0.007, 30.5 * PIXEL)
    assert geometry.centre_from == "fast Xclose, slow ORGY"


@pytest.mark.parametrize("convention", sorted(AXES))
def test_without_a_centre_it_is_that_of_c(convention):
    detector = Detector(
        detpixels_f=PIXELS_F, detpixels_s=PIXELS_S, pixel_size_mm=PIXEL_MM
    )
    detector = dataclasses.replace(detector, convention=convention)
    ours = exact_geometry(detector, Beam(), Goniometer())
    c = resolve_geometry(detector, Beam(), Goniometer())
    check_centre(ours, c.Fbeam, c.Sbeam)
    assert ours.centre_from == "fast default, slow default"


@pytest.mark.parametrize("convention", CENTRES)
def test_reported_beam_centre_gives_the_same_detector(convention):
    first = geometry_of_line(f"{convention} -Xclose 7 -Yclose 8 -detector_roty 3")
    again = geometry_of_line(
        f"{convention} -Xbeam {first.Xbeam * 1e3!r} -Ybeam {first.Ybeam * 1e3!r} "
        f"-detector_roty 3 -pivot {first.pivot}"
    )
    np.testing.assert_allclose(first.pix0_vector, again.pix0_vector, atol=METRES)


# B10
@pytest.mark.parametrize("pivot", ["beam", "sample"])
@pytest.mark.parametrize("twotheta", [0.0, 20.0, -35.0])
def test_header_is_about_the_plane_as_it_stands(pivot, twotheta):
    line = f"{PLAIN} -model physical -twotheta {twotheta} -pivot {pivot} -distance 120"
    simulation = Simulation.from_args(line)
    g, header = simulation.setup.geometry, simulation.smv_header()
    # Solve b d = pix0 + F f + S s.
    columns = np.array(
        [g.beam_vector, np.negative(g.fdet_vector), np.negative(g.sdet_vector)]
    ).T
    d, F, S = np.linalg.solve(columns, g.pix0_vector) * 1000
    assert float(header["DISTANCE"]) == pytest.approx(d, rel=2e-5)
    assert float(header["DENZO_Y_BEAM"]) == pytest.approx(F, rel=2e-5)
    assert float(header["DENZO_X_BEAM"]) == pytest.approx(S, rel=2e-5)


def test_a_detector_that_the_beam_misses_has_a_header_all_the_same():
    line = f"{PLAIN} -model physical -xds -twotheta 90"
    simulation = Simulation.from_args(line)
    assert np.isfinite(float(simulation.smv_header()["DISTANCE"]))
    assert simulation.setup.geometry.close_distance == pytest.approx(0.1)


# B5
SPHERES = ["", "-xds -ORGX 30", "-adxv -Xbeam 9", "-detector_rotx 20 -pivot sample"]


@pytest.mark.parametrize("words", SPHERES)
def test_curved_detector_is_a_sphere_that_touches_the_plane(words):
    line = f"{PLAIN} -model physical -curved_det -distance 60 {words}"
    setup = Simulation.from_args(line).setup
    g = setup.geometry
    F, S = np.meshgrid(np.linspace(0, SIZE_F, 7), np.linspace(0, SIZE_S, 5))
    place = positions(setup, F, S)
    np.testing.assert_allclose(np.linalg.norm(place, axis=-1), g.close_distance)
    # Tangent at the nearest point, along fast and slow; arcs have their length.
    nearest = np.array([g.Fclose]), np.array([g.Sclose])
    touch = positions(setup, *nearest)[0]
    np.testing.assert_allclose(touch, g.close_distance * np.array(g.odet_vector))
    step = 1e-6
    along = positions(setup, nearest[0] + step, nearest[1])[0] - touch
    up = positions(setup, nearest[0], nearest[1] + step)[0] - touch
    np.testing.assert_allclose(along / step, g.fdet_vector, atol=1e-4)
    np.testing.assert_allclose(up / step, g.sdet_vector, atol=1e-4)
    # Right-handed: the picture is not mirrored.
    handed = np.dot(np.cross(along, up), np.cross(g.fdet_vector, g.sdet_vector))
    assert handed > 0.9 * step**2


@pytest.mark.parametrize("words", ["", "-xds", "-detector_rotx 12", "-adxv"])
def test_curved_detector_far_away_is_the_flat_one(words):
    line = f"{PLAIN} -model physical -distance 20000 -pixel 0.4 {words} -oversample 1"
    flat = Simulation.from_args(line).render()
    curved = Simulation.from_args(f"{line} -curved_det").render()
    np.testing.assert_allclose(curved, flat, rtol=2e-3)
    near = line.replace("-distance 20000", "-distance 40")
    flat, curved = (
        Simulation.from_args(x).render() for x in (near, f"{near} -curved_det")
    )
    assert np.abs(curved / flat - 1.0).max() > 0.1
