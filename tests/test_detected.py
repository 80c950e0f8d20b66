# SPDX-License-Identifier: MIT
"""From expected photons to a detector's integers: models, generators, masks."""

import dataclasses
import math

import numpy as np
import pytest

import nbsim
from nbsim import DetectorResponse, detected_image
from nbsim.images.detected import noiseless_image

SHAPE = (60, 90)
FLAT = np.full(SHAPE, 25.0, np.float32)
QUIET = DetectorResponse()


def image(expected=FLAT, seed=1, response=QUIET, adc=40.0, **more):
    return detected_image(expected, seed, response, adc, **more)


def test_counting_only_is_nanobraggs_noise():
    ours = image()
    theirs = nbsim.poisson_noise(FLAT, 1)
    assert (ours.pixels == theirs.pixels).all()
    assert (ours.photons, ours.overloads) == (theirs.photons, theirs.overloads)


@pytest.mark.parametrize(
    "model, generator",
    [("c", "c"), ("c", "philox")] + [("physical", "c"), ("physical", "philox")],
)
def test_mean_and_width(model, generator):
    response = DetectorResponse(gain=2.0, readout_adu=6.0)
    pixels = image(response=response, model=model, generator=generator).pixels
    values = pixels.astype(float)
    low = 0.5 if model == "c" else 0.0  # truncation
    assert values.mean() == pytest.approx(40 + 50 - low, abs=5 * 11.7 / math.sqrt(5400))
    assert values.var() == pytest.approx(4 * 25 + 36, rel=0.1)


def test_rounding_in_the_physical_model():
    response = DetectorResponse(gain=0.1)
    flat = np.full((300, 300), 1000.0, np.float32)
    truncated, rounded = (
        image(flat, response=response, model=model, generator="philox").pixels
        for model in ("c", "physical")
    )
    assert truncated.mean() - 140 == pytest.approx(-0.45, abs=0.1)
    assert rounded.mean() - 140 == pytest.approx(0.05, abs=0.1)


def test_calibration_stays_in_the_physical_model_only():
    bright = np.full(SHAPE, 1e6, np.float32)
    response = DetectorResponse(calibration=0.05, bits=32)

    def correlation(**more):
        first, second = (
            image(bright, seed, response, **more).pixels.astype(float).ravel()
            for seed in (1, 2)
        )
        return np.corrcoef(first, second)[0, 1]

    assert correlation(model="physical") > 0.99
    assert correlation(model="physical", generator="c") > 0.99
    assert abs(correlation(model="c")) < 0.06  # C quirk


def test_flicker_is_per_image_in_the_physical_model():
    bright = np.full(SHAPE, 1e6, np.float32)
    response = DetectorResponse(flicker=0.05, bits=32)
    for generator in ("c", "philox"):
        by_pixel = image(bright, 3, response, model="c", generator=generator).pixels
        by_image = image(bright, 3, response, model="physical", generator=generator)
        assert by_pixel.std() / 1e6 == pytest.approx(0.05, rel=0.1)
        assert by_image.pixels.std() / 1e6 < 0.002
        assert abs(by_image.pixels.mean() / 1e6 - 1) > 1e-3


def test_philox_is_the_same_for_any_number_of_threads():
    response = DetectorResponse(
        flicker=0.02, calibration=0.03, psf="gauss", psf_fwhm_um=150, readout_adu=3
    )
    for model in ("c", "physical"):
        options = {"response": response, "model": model, "generator": "philox"}
        one = image(threads=1, frame=4, **options).pixels
        assert (image(threads=3, frame=4, **options).pixels == one).all()
        assert (image(frame=5, **options).pixels != one).any()


def test_model_c_is_the_same_for_any_number_of_threads():
    response = DetectorResponse(calibration=0.03, psf="fiber", readout_adu=3)
    one = image(response=response, threads=1).pixels
    assert (image(response=response, threads=3).pixels == one).all()


def test_the_point_spread_keeps_photons_and_correlates_neighbours():
    response = DetectorResponse(psf="gauss", psf_fwhm_um=150, gain=100, bits=32)
    pixels = image(response=response, model="physical", adc=0.0).pixels[8:-8, 8:-8]
    values = pixels.astype(float) / 100
    assert values.mean() == pytest.approx(25, rel=0.02)
    assert values.var() < 0.5 * 25
    assert np.corrcoef(values[:, 1:].ravel(), values[:, :-1].ravel())[0, 1] > 0.3


def test_dead_pixels_are_nothing():
    dead = np.zeros(SHAPE, bool)
    dead[10:13] = True
    pixels = image(dead=dead).pixels
    assert (pixels[dead] == 0).all() and (pixels[~dead] > 40).all()


def test_overloads_and_bits():
    bright = np.full(SHAPE, 1e5, np.float32)
    assert image(bright).overloads == image(bright).pixels.size
    assert (image(bright).pixels == 65535).all()
    wide = image(bright, response=DetectorResponse(bits=32))
    assert wide.pixels.dtype == np.uint32 and wide.overloads == 0
    assert wide.pixels.min() > 90_000
    cut = image(bright, response=DetectorResponse(bits=32, saturation_counts=5000))
    assert (cut.pixels == 5040).all() and cut.overloads == cut.pixels.size


def test_nothing_is_below_zero():
    response = DetectorResponse(readout_adu=30)
    for generator in ("c", "philox"):
        pixels = image(FLAT * 0, 1, response, 0.0, generator=generator).pixels
        assert 0.3 < (pixels == 0).mean() < 0.7 and pixels.max() < 200


def test_noiseless_image_has_the_point_spread_in_the_physical_model():
    spot = np.zeros(SHAPE, np.float32)
    spot[30, 40] = 1000.0
    response = DetectorResponse(psf="gauss", psf_fwhm_um=200)
    sharp, blurred = (
        noiseless_image(spot, response, 0.0, model=model) for model in ("c", "physical")
    )
    assert sharp[30, 40] == 1000 and blurred[30, 40] < 300
    assert blurred.sum() == pytest.approx(1000, abs=15)
    assert (noiseless_image(spot, response, 0.0, blurred=True)[30, 41] > 0).all()


def test_noise_of_a_simulation():
    detector = nbsim.Detector(detpixels_f=20, detpixels_s=30, roi=(3, 12, 5, 25))
    simulation = nbsim.Simulation(nbsim.Crystal(cell=(70.0,)), detector=detector)
    flat = np.full((30, 20), 9.0, np.float32)
    plain = simulation.noise(flat, 7)
    assert (plain.pixels[:5] == 0).all()
    # A detector reads all of its pixels, as noisify's does.
    read = simulation.noise(flat, 7, response=QUIET)
    assert (read.pixels[:5] >= 40).all()
    philox = simulation.noise(flat, 7, generator="philox")
    assert ((philox.pixels > 0) == (plain.pixels > 0)).all()
    assert (simulation.counts(flat, 7) + 40 == read.pixels).sum() < 600
    assert (
        philox.pixels[5:26, 3:13] == simulation.counts(flat, 7)[5:26, 3:13] + 40
    ).all()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"model": "real"}, "model 'real': expected one of c, physical"),
        ({"generator": "mt"}, "generator 'mt': expected one of c, philox"),
        ({"frame": 2}, "frames are numbered by the philox generator only"),
        ({"seed": 2**40}, "seed 1099511627776: expected a whole number"),
        ({"dead": np.zeros((2, 2), bool)}, r"dead: its shape is \(2, 2\)"),
        ({"adc": math.inf}, "adc_offset inf: expected"),
        ({"expected": FLAT * np.float32("nan")}, "5400 pixels of the float image"),
        ({"response": DetectorResponse(psf="fiber", psf_fwhm_um=1e6)}, "wider than"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        image(**options)


def test_response_can_be_changed():
    changed = dataclasses.replace(QUIET, gain=3)
    assert changed.gain == 3.0 and QUIET.gain == 1.0
