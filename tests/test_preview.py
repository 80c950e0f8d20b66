# SPDX-License-Identifier: MIT
"""Previews: what is where, and how bright."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nbsim import Simulation
from nbsim.backends.driver import build_job
from nbsim.command.main import main
from nbsim.images.bitmap_font import text_pixels
from nbsim.images.preview import (
    CROSS_COLORS,
    LINE_COLORS,
    NOT_RENDERED,
    automatic_rings,
)
from nbsim.kernels.reference.detector import pixel_position
from nbsim.resolve.geometry import direct_beam
from nbsim.resolve.positions import positions, scattering_length

CRYSTAL = "-cell 50 -default_F 10 -N 3 -nointerpolate -oversample 1"


def simulation(detector):
    return Simulation.from_args(f"{CRYSTAL} {detector}")


def blank(sim):
    return np.zeros(sim.detector.shape, np.float32)


def places(picture, color):
    return np.argwhere((picture == color).all(axis=2))


GEOMETRIES = [
    "-distance 80 -detpixels 200 -pixel 0.5",
    "-distance 120 -detpixels 200 -pixel 0.5 -Xbeam 30 -Ybeam 70",
    "-distance 100 -detpixels 150 -pixel 0.6 -detector_rotz 20 -detector_rotx 5",
    "-distance 100 -detpixels 150 -pixel 0.6 -twotheta 25 -xds",
    "-distance 100 -detpixels 150 -pixel 0.6 -curved_det -adxv",
]


@pytest.mark.parametrize("detector", GEOMETRIES)
def test_positions_are_those_of_the_kernel(detector):
    sim = simulation(detector)
    det = build_job(sim.setup).det
    F, S = np.meshgrid(np.linspace(0, 0.1, 4), np.linspace(0, 0.08, 3))
    found = positions(sim.setup, F, S)
    for i, j in np.ndindex(F.shape):
        expected = pixel_position(F[i, j], S[i, j], 0.0, det)
        assert found[i, j] == pytest.approx(expected, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("detector", GEOMETRIES)
def test_direct_beam_is_where_nothing_is_scattered(detector):
    sim = simulation(detector.replace("-curved_det", ""))
    F, S = direct_beam(sim.setup.geometry)
    assert scattering_length(sim.setup, np.array(F), np.array(S)) < 1e-8


def test_beam_that_misses_the_plane():
    sim = simulation("-distance 100 -detpixels 50 -twotheta 120 -xds")
    assert direct_beam(sim.setup.geometry) is None
    picture = sim.preview(blank(sim))
    assert len(places(picture, CROSS_COLORS["inverted"])) == 0


@pytest.mark.parametrize("detector", GEOMETRIES[:4])
def test_rings_are_where_s_is_one_over_d(detector):
    sim = simulation(detector)
    rings = automatic_rings(sim.setup)[:2]
    picture = sim.preview(blank(sim), rings=rings)
    zoom = picture.shape[0] // sim.detector.shape[0]
    pixel = sim.setup.geometry.pixel_size / zoom
    line = places(picture, LINE_COLORS["inverted"])
    assert len(line) > 50
    s = scattering_length(
        sim.setup, (line[:, 1] + 0.5) * pixel, (line[:, 0] + 0.5) * pixel
    )
    # The labels are made of the same colour: 20 x 40 pixels at most.
    off = [np.abs(s * d - 1.0) for d in rings]
    slack = 1.5 * pixel / (sim.setup.wavelength * 1e10 * sim.setup.geometry.distance)
    near = np.min([abs(s - 1.0 / d) for d in rings], axis=0) < slack
    assert near.mean() > 0.8, off
    beyond = line[~near]
    assert len(beyond) < 400


def test_ring_of_a_flat_detector_has_the_radius_of_braggs_law():
    sim = simulation("-distance 80 -detpixels 500 -pixel 0.2 -denzo")
    picture = sim.preview(blank(sim), rings=[4.0])
    radius = 80 * math.tan(2 * math.asin(1.0 / 8.0)) / 0.2
    (F, S), half = direct_beam(sim.setup.geometry), 0.2e-3
    row = picture[int(S / half)]
    line = np.flatnonzero((row == LINE_COLORS["inverted"]).all(axis=1))
    centre = F / half
    assert line == pytest.approx(
        [centre - radius - 0.5, centre + radius - 0.5], abs=1.0
    )


@settings(max_examples=15)
@given(st.floats(5.0, 55.0), st.floats(5.0, 55.0))
def test_cross_is_at_the_beam_centre(Xbeam, Ybeam):
    sim = simulation(f"-denzo -detpixels 600 -pixel 0.1 -Xbeam {Xbeam} -Ybeam {Ybeam}")
    marks = places(sim.preview(blank(sim), rings=[]), CROSS_COLORS["inverted"])
    # DENZO counts X along slow and Y along fast.
    assert marks.mean(axis=0) == pytest.approx(
        [math.floor(Xbeam / 0.1), math.floor(Ybeam / 0.1)], abs=1.0
    )


def test_cross_survives_binning():
    sim = simulation("-denzo -detpixels 3000 -pixel 0.05 -Xbeam 30 -Ybeam 90")
    picture = sim.preview(blank(sim), rings=[])
    assert picture.shape == (1000, 1000, 3)
    marks = places(picture, CROSS_COLORS["inverted"])
    assert marks.mean(axis=0) == pytest.approx([200, 600], abs=1)


def test_binning_keeps_a_lonely_spot():
    sim = simulation("-detpixels 2400 -pixel 0.05")
    image = blank(sim)
    image[701, 2003] = 1000.0
    picture = sim.preview(image, rings=[])
    assert picture.shape[:2] == (1200, 1200)
    assert (picture[350, 1001] == 0).all()


def test_small_image_is_magnified_by_a_whole_factor():
    sim = simulation("-detpixels_f 100 -detpixels_s 60 -Xbeam -50")
    image = blank(sim)
    image[10, 20] = 5.0
    picture = sim.preview(image, rings=[])
    assert picture.shape == (300, 500, 3)
    dark = places(picture, (0, 0, 0))
    assert (dark.min(axis=0), dark.max(axis=0)) == (
        pytest.approx([50, 100]),
        pytest.approx([54, 104]),
    )


@pytest.mark.parametrize("scale", ["log", "linear"])
@pytest.mark.parametrize("color", ["inverted", "grey", "heat"])
def test_brighter_pixels_look_brighter(scale, color):
    sim = simulation("-detpixels 600 -Xbeam -50")
    image = np.linspace(0, 100, 600 * 600, dtype=np.float32).reshape(600, 600)
    picture = sim.preview(image, scale=scale, color=color, rings=[])
    light = (picture @ [0.3, 0.6, 0.1]).mean(axis=1)[10::20]
    steps = np.diff(light) * (-1 if color == "inverted" else 1)
    assert (steps > 0).all()
    assert abs(light[0] - light[-1]) > 200


def test_pixels_outside_roi_and_mask_have_their_own_colour():
    sim = simulation("-detpixels 600 -roi 100 399 200 299 -Xbeam -50")
    picture = sim.preview(np.ones((600, 600), np.float32), rings=[])
    shadow = (picture == NOT_RENDERED["inverted"]).all(axis=2)
    assert np.array_equal(~shadow, sim.rendered)
    assert (~shadow).sum() == 300 * 100


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -3.0])
def test_empty_and_broken_images_are_pictures_too(value):
    sim = simulation("-detpixels 64")
    picture = sim.preview(np.full((64, 64), value, np.float32))
    assert picture.dtype == np.uint8


def test_automatic_rings_are_round_and_on_the_detector():
    sim = simulation("-distance 100 -detpixels 1000 -pixel 0.1")
    assert automatic_rings(sim.setup) == [6.0, 3.0, 2.0]


def test_equal_calls_give_equal_bytes():
    sim = simulation("-detpixels 64")
    image = sim.render()
    assert sim.preview(image).tobytes() == sim.preview().tobytes()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"scale": "cubic"}, "scale 'cubic': expected one of log, linear"),
        ({"color": "pink"}, "color 'pink': expected one of inverted, grey, heat"),
        ({"rings": [3.0, -1.0]}, "rings -1: expected a finite number of A"),
        ({"rings": 3.0}, "rings: expected resolutions in A"),
        ({"rings": ["three"]}, "rings: expected a number"),
    ],
)
def test_wrong_arguments(arguments, message):
    sim = simulation("-detpixels 64")
    with pytest.raises((TypeError, ValueError), match=message):
        sim.preview(blank(sim), **arguments)


def test_image_of_another_detector():
    with pytest.raises(ValueError, match=r"image: its shape is \(3, 3\)"):
        simulation("-detpixels 64").preview(np.zeros((3, 3), np.float32))


def test_letters_differ():
    shapes = {text_pixels(letter).tobytes() for letter in "0123456789. \u00c5"}
    assert len(shapes) == 13
    assert text_pixels("2.5 \u00c5").shape == (9, 29)


def test_command_writes_both_pictures(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    line = (
        f"{CRYSTAL} -detpixels 64 -pixel 1 -seed 1 -preview p.png -preview_noise n.png"
    )
    assert main(line.split()) == 0
    assert "writing p.png as a picture" in capsys.readouterr().out
    sim = simulation("-detpixels 64 -pixel 1")
    image = sim.render()
    counts = sim.noise(image, 1).pixels.astype(np.float32) - np.float32(40)
    for name, shown in (("p.png", image), ("n.png", counts)):
        with Image.open(name) as picture:
            assert np.array_equal(np.asarray(picture), sim.preview(shown))
    first = (tmp_path / "p.png").read_bytes()
    assert main([*line.split(), "-preview_color", "heat", "-preview_rings"]) == 0
    with Image.open("p.png") as picture:
        expected = sim.preview(image, color="heat", rings=())
        assert np.array_equal(np.asarray(picture), expected)
    assert main(line.split()) == 0
    assert (tmp_path / "p.png").read_bytes() == first


def test_preview_of_the_noise_needs_noise(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    line = f"{CRYSTAL} -detpixels 8 -nonoise -preview_noise n.png"
    assert main(line.split()) == 2
    assert "there is no noise image to show with -nonoise" in capsys.readouterr().err
