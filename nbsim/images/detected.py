# SPDX-License-Identifier: MIT
"""Expected photons to what a detector writes: factors, counting, spread, electronics.

The steps are those of the C program noisify, in its order. Model c does each as C
does; model physical has one flicker for an image, a calibration that stays, a linear
point spread and rounding. The random numbers are C's, drawn one after the other, or
those of a counter (`counts`), which threads can share.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..model import validate
from ..model.detector_response import DetectorResponse
from ..rows import in_pieces, one_after_the_other, share
from . import counts
from .noise import Noise
from .psf import Panels, apply_psf
from .scaling import check_image

MODELS = ("c", "physical")
GENERATORS = ("c", "philox")
#: What part of the work is done when photons are counted, and when they are spread.
COUNTED, SPREAD = 0.4, 0.8
INT32_MAX = 2147483647.0
UINT16_MAX = 65535.0


class Step(NamedTuple):
    """What the steps share: detector, model, and how to run them."""

    response: DetectorResponse
    model: str
    pixel_mm: float
    threads: int | None
    progress: Callable[[float], None] | None
    panels: Panels | None = None

    def part(self, first: float, last: float) -> Callable[[float], None] | None:
        """Return what to call with the finished fraction of a part of the work."""
        return share(self.progress, first, last)

    def spread(
        self, image: np.ndarray, progress: Callable[[float], None] | None
    ) -> np.ndarray:
        """Return an image with the detector's point spread, if it has one."""
        response = self.response
        if response.psf is None or not response.spreads:
            return image
        return apply_psf(
            image,
            response.psf,
            response.psf_fwhm_um,
            self.pixel_mm,
            response.psf_radius_pixels,
            self.model,
            self.threads,
            progress,
            self.panels,
        )

    def units(self, adc_offset: float) -> tuple[float, ...]:
        """Return what the kernels need to turn photons into detector units."""
        response = self.response
        largest = UINT16_MAX if response.bits == 16 else INT32_MAX
        return (
            response.gain,
            adc_offset,
            response.readout_adu,
            (
                math.inf
                if response.saturation_counts is None
                else response.saturation_counts
            ),
            largest,
            0.0 if self.model == "c" else 0.5,
        )

    @property
    def integers(self) -> type:
        """The type of the image's pixels."""
        return np.uint16 if self.response.bits == 16 else np.uint32


def detected_image(
    expected: np.ndarray,
    seed: int,
    response: DetectorResponse = DetectorResponse(),
    adc_offset: float = 40.0,
    *,
    pixel_mm: float = 0.1,
    model: str = "c",
    generator: str | None = None,
    frame: int = 0,
    dead: np.ndarray | None = None,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
    panels: Panels | None = None,
) -> Noise:
    """Return the image that a detector writes (C: noisify).

    Parameters
    ----------
    expected
        (slow, fast) float32, finite, expected photons. Zero and less give none.
    seed
        Whole number; C's generator takes -(2**31 - 2) to 2**31 - 2.
    response
        The detector.
    adc_offset
        Value of a pixel without photons.
    pixel_mm
        Pixel size [mm], for the point spread.
    model
        "c" or "physical".
    generator
        "c", "philox" (drawn by counter, in parallel); None: "c" for model c, else
        "philox".
    frame
        Number of the frame in its series (philox only).
    dead
        (slow, fast) bool: pixels that the detector does not have; they are 0.
    threads, progress
        CPU threads (None: all; the image does not depend on it), and what is called
        with the finished fraction.
    panels
        Rows and columns of each panel, for the point spread; None: one panel.

    Raises
    ------
    ValueError
        For an argument out of range or an image that does not fit.
    """
    check_image(expected, None)
    validate.instance("response", response, DetectorResponse)
    validate.number("adc_offset", adc_offset)
    validate.choice("model", model, MODELS)
    generator = generator or ("c" if model == "c" else "philox")
    validate.choice("generator", generator, GENERATORS)
    if dead is not None and dead.shape != expected.shape:
        raise ValueError(
            f"dead: its shape is {dead.shape}, the image's (slow, fast) is "
            f"{expected.shape}"
        )
    step = Step(response, model, pixel_mm, threads, progress, panels)
    draw = _by_c if generator == "c" else _by_counter
    noise = draw(expected, seed, frame, adc_offset, step)
    if dead is not None:
        noise.pixels[dead] = 0
    return noise


def _by_counter(
    expected: np.ndarray, seed: int, frame: int, adc_offset: float, step: Step
) -> Noise:
    from ..kernels.cpu.poisson_rows import digitise_rows, flicker_rows

    seed, frame = counts.check_counter(seed, frame)
    response, threads = step.response, step.threads
    counter = np.uint64(frame), *counts.key_words(seed)
    fpixels = expected.shape[1]
    if step.model == "c" and response.flicker > 0.0:
        expected = expected.copy()

        def flicker(first: int, last: int) -> None:
            begin = np.uint64(first * fpixels)
            flicker_rows(response.flicker, begin, *counter, expected[first:last])

        in_pieces(flicker, len(expected), threads)
    drawn, photons, _ = counts.draw_counts(
        expected,
        seed,
        frame,
        response,
        flicker=step.model == "physical",
        threads=threads,
        progress=step.part(0.0, COUNTED),
    )
    counted = step.spread(drawn.astype(np.float32), step.part(COUNTED, SPREAD))
    pixels = np.empty(expected.shape, step.integers)
    units = step.units(adc_offset)

    def digitise(first: int, last: int) -> int:
        begin = np.uint64(first * fpixels)
        some = slice(first, last)
        return digitise_rows(counted[some], units, begin, *counter, pixels[some])

    done = step.part(SPREAD, 1.0)
    overloads = sum(in_pieces(digitise, len(expected), threads, done))
    return Noise(pixels, photons, overloads)


def _by_c(
    expected: np.ndarray, seed: int, frame: int, adc_offset: float, step: Step
) -> Noise:
    from ..kernels import detected

    if frame:
        raise ValueError(
            f"frame {frame}: frames are numbered by the philox generator only; give "
            "the generator c another seed"
        )
    counts.check_expected(expected, step.threads)
    response = step.response
    number = validate.seed("seed", seed)
    rng = _streams(number, response.calib_seed)
    flicker, calibration = response.flicker, response.calibration
    if step.model == "physical":
        expected = _steady(expected, number, response, step.threads)
        flicker = calibration = 0.0
    counted = np.empty(expected.shape, np.float32)

    def count(first: int, last: int) -> float:
        some = slice(first, last)
        return detected.count_photons(
            expected[some], flicker, calibration, rng, counted[some]
        )

    rows = len(expected)
    photons = sum(one_after_the_other(count, rows, step.part(0.0, COUNTED)))
    counted = step.spread(counted, step.part(COUNTED, SPREAD))
    pixels = np.empty(expected.shape, step.integers)
    units = step.units(adc_offset)

    def digitise(first: int, last: int) -> int:
        some = slice(first, last)
        return detected.digitise(counted[some], units, rng, pixels[some])

    done = step.part(SPREAD, 1.0)
    overloads = sum(one_after_the_other(digitise, rows, done))
    return Noise(pixels, photons, overloads)


def _streams(seed: int, calib_seed: int | None) -> Any:
    """Return the record of C's generator, with the beginnings of its two streams."""
    from ..kernels.layout import STATE

    # C quirk: the default is not negated, and so becomes 1 when first drawn from.
    calibration = counts.DEFAULT_CALIB_SEED if calib_seed is None else -calib_seed
    rng = np.zeros((), STATE)[()]
    rng["streams"] = -seed, calibration
    return rng


def _steady(
    expected: np.ndarray, seed: int, response: DetectorResponse, threads: int | None
) -> np.ndarray:
    """Return expected photons with one flicker and the lasting calibration."""
    factor = counts.flicker_factor(response.flicker, seed, 0)
    if response.calibration == 0.0:
        return (expected * np.float64(factor)).astype(np.float32)
    pattern = counts.calibration_pattern(
        expected.shape, response.calibration, response.calib_seed, threads
    )
    return (expected * (factor * pattern)).astype(np.float32)


def noiseless_image(
    expected: np.ndarray,
    response: DetectorResponse,
    adc_offset: float = 40.0,
    *,
    pixel_mm: float = 0.1,
    model: str = "c",
    blurred: bool | None = None,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> np.ndarray:
    """Return expected photons in detector units, without noise (noisify: -intfile).

    Parameters
    ----------
    blurred
        Whether the point spread is in it; None: in model physical only, as in C.
    expected, response, adc_offset, pixel_mm, model, threads, progress
        As in `detected_image`.

    Returns
    -------
    numpy.ndarray
        (slow, fast) uint16, or uint32; model c does not go above 65535 in either.
    """
    from ..kernels.detected import scaled_units

    counts.check_expected(expected)
    step = Step(response, model, pixel_mm, threads, progress)
    if blurred or (blurred is None and model == "physical"):
        expected = step.spread(expected, progress)
    gain, _, _, _, largest, half = step.units(adc_offset)
    pixels = np.empty(expected.shape, step.integers)
    largest = UINT16_MAX if model == "c" else largest
    scaled_units(expected, gain, adc_offset, half, largest, pixels)
    return pixels
