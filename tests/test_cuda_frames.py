# SPDX-License-Identifier: MIT
"""Noise and point spread on CUDA, in the simulator: the processor's numbers."""

import os
import subprocess
import sys
from pathlib import Path

import cuda_frames
import cuda_runs
import numpy as np
import pytest

from nbsim import Simulation, apply_psf, counts_image
from nbsim.backends import device
from nbsim.images.detected import detected_image
from nbsim.images.on_device import radices, spread_bytes, why_not
from nbsim.images.psf import fast_length
from nbsim.options.command_line import read_command_line
from nbsim.series.command import read_series

RESPONSES = cuda_frames.RESPONSES


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """All arrays of `cuda_frames.py`, by name."""
    path = tmp_path_factory.mktemp("frames") / "frames.npz"
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", cuda_frames.__file__, str(path)],
        cwd=Path(cuda_frames.__file__).parent,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    with np.load(path) as data:
        return dict(data)


@pytest.mark.parametrize("name", RESPONSES)
def test_same_counts(name, simulated):
    counts = counts_image(
        cuda_frames.expected(),
        cuda_frames.SEED,
        cuda_frames.FRAME,
        RESPONSES[name],
        pixel_mm=cuda_frames.PIXEL_MM,
    )
    assert counts.max() >= 3000
    assert (simulated[f"{name}_counts"] == counts).all()
    assert simulated[f"{name}_counts"].dtype == counts.dtype


@pytest.mark.parametrize("name", RESPONSES)
def test_same_pixels(name, simulated):
    frame = detected_image(
        cuda_frames.expected(),
        cuda_frames.SEED,
        RESPONSES[name],
        pixel_mm=cuda_frames.PIXEL_MM,
        model="physical",
        frame=cuda_frames.FRAME,
    )
    assert (simulated[f"{name}_pixels"] == frame.pixels).all()
    assert simulated[f"{name}_pixels"].dtype == frame.pixels.dtype
    photons, overloads = simulated[f"{name}_sums"]
    assert (photons, overloads) == (frame.photons, frame.overloads)
    assert photons > 1e6


@pytest.mark.parametrize("name", ["photons", "electronics"])
def test_same_pixels_of_model_c(name, simulated):
    frame = detected_image(
        cuda_frames.expected(),
        cuda_frames.SEED,
        RESPONSES[name],
        model="c",
        generator="philox",
        frame=cuda_frames.FRAME,
    )
    assert (simulated[f"{name}_model_c"].reshape(11, 17) == frame.pixels).all()
    assert not simulated["flicker_model_c"].size  # pixel by pixel: the processor's


@pytest.mark.parametrize("name", cuda_frames.ON_PANELS)
def test_panels_are_spread_alone_and_gaps_stay_empty(name, simulated):
    counts = counts_image(
        cuda_frames.expected(),
        cuda_frames.SEED,
        cuda_frames.FRAME,
        RESPONSES[name],
        pixel_mm=cuda_frames.PIXEL_MM,
        panels=cuda_frames.PANELS,
    )
    counts[cuda_frames.MISSING] = 0
    assert (simulated[f"{name}_panels"] == counts).all()


@pytest.mark.parametrize("name", ["gauss", "gauss_cut", "fiber"])
def test_same_spread(name, simulated):
    response = RESPONSES[name]
    spread = apply_psf(
        cuda_frames.expected(),
        response.psf,
        response.psf_fwhm_um,
        cuda_frames.PIXEL_MM,
        response.psf_radius_pixels,
    )
    there = simulated[f"{name}_spread"]
    # Transforms are rounded differently: to single precision, that is one unit.
    assert np.allclose(there, spread, rtol=1.2e-7, atol=1e-14 * spread.max())
    if name == "gauss":
        assert (there == spread).all()


@pytest.mark.parametrize("name", cuda_frames.STAYING)
def test_an_image_that_stays_on_the_device(name, simulated):
    expected = cuda_frames.staying(name).run(backend="cpu")
    assert (expected.out_of_range is not None) == (name == "leaves the list")
    image = simulated[f"{name}, lent"]
    assert image.dtype == np.float32 and image.max() > 0.0
    np.testing.assert_allclose(image, expected.image, rtol=1e-6, atol=0.0)
    assert simulated[f"{name}, described"].all()
    # It outlives the object that lent it, and is freed when nobody has it any more.
    assert simulated[f"{name}, kept"].all()
    assert simulated[f"{name}, freed"]


def test_a_frame_that_stays_on_the_device_until_it_is_whole(simulated):
    simulation = cuda_frames.staying("whole")
    image = simulated["whole, lent"]
    noise = simulation.noise(image, cuda_frames.SEED, frame=cuda_frames.FRAME)
    assert (simulated["whole, noise"] == noise.pixels).all()
    counts = simulation.counts(image, cuda_frames.SEED, cuda_frames.FRAME)
    assert (simulated["whole, counts"] == counts).all()
    assert simulated["whole, counts"].dtype == np.uint32
    assert counts.max() > 0


def test_frames_of_a_series_are_whole_before_they_come_down(simulated):
    series = read_series(cuda_frames.SERIES)
    asked = [
        dict(zip(cuda_runs.COUNTED, numbers))
        for numbers in simulated["series, asked"].tolist()
    ]
    for number in range(3):
        photons = simulated[f"series {number}, photons"]
        frame = series.frame(number)
        expected = frame.simulation.counts(
            photons, frame.seed, response=series.response
        )
        assert (simulated[f"series {number}"] == expected).all()
        assert expected.min() > 0 and expected.max() == 75
        # They are the processor's photons, too: spots and background.
        by_processor = series.render(number, backend="cpu")
        np.testing.assert_allclose(photons, by_processor, rtol=1e-6)
        assert asked[number]["down"] == 1
    # Spots, background, two passes of the point spread, marks, calibration, photons.
    assert [one["launches"] for one in asked] == [7, 7, 7]
    # The background and tables of random numbers go up once.
    assert asked[0]["tables"] > asked[1]["tables"] == asked[2]["tables"]
    assert len({simulated[f"series {n}"].tobytes() for n in range(3)}) == 3


def test_a_command_draws_noise_where_its_image_is(simulated):
    command = read_command_line(cuda_frames.COMMAND, Simulation)
    photons = simulated["command, photons"]
    by_processor = command.simulation.run(backend="cpu").image
    by_processor += command.simulation.background_images()[0].image
    by_processor += command.simulation.background_images()[1].image
    np.testing.assert_allclose(photons, by_processor, rtol=1e-6)
    noise = command.simulation.noise(
        photons,
        command.output.seed,
        command.output.adc,
        response=command.output.response,
    )
    assert (simulated["command, pixels"] == noise.pixels).all()
    assert noise.pixels.max() > 100
    asked = dict(zip(cuda_runs.COUNTED, simulated["command, asked"].tolist()))
    # Photons for the report and the float image, and the noise image.
    assert asked["down"] == 2


@pytest.mark.parametrize(
    "options, said",
    [
        ({}, "expected one device"),
        ({"backend": "cpu"}, "expected one device"),
        ({"backend": "cuda:0,1"}, "expected one device"),
        ({"backend": "cuda", "out": np.zeros((20, 20), np.float32)}, "out cannot be"),
    ],
)
def test_what_cannot_stay_on_a_device(options, said, monkeypatch):
    monkeypatch.setattr(device, "check", lambda request: None)
    monkeypatch.delenv(device.ENVIRONMENT, raising=False)
    with pytest.raises(ValueError, match=said):
        cuda_frames.staying("carryover").run(on_device=True, **options)


def test_noise_that_cannot_be_drawn_on_a_device():
    with pytest.raises(ValueError, match="generator c draws its random numbers"):
        cuda_frames.staying("carryover").noise_on_device(None, 1)
    flicker, gauss = RESPONSES["flicker"], RESPONSES["gauss"]
    assert "flicker" in why_not("c", "philox", flicker)
    assert "point spread" in why_not("c", "philox", gauss)
    assert why_not("physical", "philox", gauss) is None
    assert why_not("physical", "philox", flicker) is None


def test_lengths_are_made_of_the_passes_factors():
    for n in (1, 7, 100, 2463, 4362):
        product = 1
        for radix in radices(fast_length(n)):
            product *= radix
        assert product == fast_length(n) >= n


def test_memory_of_a_spread_is_known():
    shape = 2527, 2463
    assert spread_bytes(shape, RESPONSES["photons"]) == 0
    assert spread_bytes(shape, RESPONSES["gauss"]) == 12 * 2527 * 2463
    whole, cut = (spread_bytes(shape, RESPONSES[n]) for n in ("fiber", "gauss_cut"))
    assert 1e9 < whole < 2e9 and cut < 0.5e9
