# SPDX-License-Identifier: MIT
"""Photons counted in a frame, drawn by counter (seed, frame, pixel).

What a pixel counts depends on nothing else, so that frames can be made in any order,
by any number of threads or programs, with the same result.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from ..model import validate
from ..model.detector_response import DetectorResponse
from ..rows import in_pieces
from .psf import Panels, apply_psf
from .scaling import check_image

UINT32_MAX = 2**32 - 1
#: Calibration seed of the C program noisify, which it uses when none is given.
DEFAULT_CALIB_SEED = 123456789


@functools.cache
def tables() -> tuple[np.ndarray, np.ndarray]:
    """Return the tables of `kernels/poisson.py`, made once."""
    from ..kernels.poisson import poisson_tables

    return poisson_tables()


def key_words(seed: int) -> tuple[np.uint64, np.uint64]:
    """Return the two words of a generator's key; any whole number is a seed."""
    return np.uint64(seed & UINT32_MAX), np.uint64(seed >> 32 & UINT32_MAX)


def calibration_seed(calib_seed: int | None) -> int:
    """Return the seed of a calibration pattern; None: that of the C program."""
    return DEFAULT_CALIB_SEED if calib_seed is None else calib_seed


def calibration_pattern(
    shape: tuple[int, int],
    relative: float,
    calib_seed: int | None = None,
    threads: int | None = None,
) -> np.ndarray:
    """Return the factor of every pixel of a detector.

    Parameters
    ----------
    shape
        Pixels (slow, fast).
    relative
        Width of the factors' distribution.
    calib_seed
        Seed; None: that of the C program noisify.
    threads
        CPU threads; None: all.

    Returns
    -------
    numpy.ndarray
        (slow, fast) float64, 1 on average.
    """
    from ..kernels.cpu.poisson_rows import calibration_rows

    pattern = np.empty(shape)
    key = key_words(calibration_seed(calib_seed))

    def rows(first: int, last: int) -> None:
        begin = np.uint64(first * shape[1])
        calibration_rows(relative, begin, *key, pattern[first:last])

    in_pieces(rows, shape[0], threads)
    return pattern


#: The last one is kept: a series of frames has one detector.
_kept_pattern = functools.lru_cache(maxsize=1)(calibration_pattern)


def flicker_factor(relative: float, seed: int, frame: int) -> float:
    """Return the factor by which the source's flicker changes a frame."""
    if relative == 0.0:
        return 1.0
    from ..kernels.elementary import normal_deviate
    from ..kernels.philox import FLICKER

    counter = np.uint64(0), np.uint64(frame), FLICKER
    return max(0.0, 1.0 + relative * normal_deviate(*counter, *key_words(seed)))


def draw_counts(
    expected: np.ndarray,
    seed: int,
    frame: int,
    response: DetectorResponse,
    *,
    largest: float = float(UINT32_MAX),
    flicker: bool = True,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> tuple[np.ndarray, float, int]:
    """Draw the photons of a frame; no point spread.

    Parameters
    ----------
    flicker
        Whether the source's flicker still has to be applied.

    Returns
    -------
    counts, photons, overloads
        (slow, fast) uint32; their sum before `largest` cuts them; how many it cut.

    Raises
    ------
    ValueError
        If a pixel is infinite or not a number.
    """
    from ..kernels.cpu.poisson_rows import count_rows

    coarse, fine = tables()
    factor = flicker_factor(response.flicker if flicker else 0.0, seed, frame)
    pattern = np.empty((0, 0))
    if response.calibration > 0.0:
        pattern = _kept_pattern(
            expected.shape, response.calibration, response.calib_seed, threads
        )
    counts = np.empty(expected.shape, np.uint32)
    image = np.ascontiguousarray(expected)
    counter = np.uint64(frame), *key_words(seed)

    def rows(first: int, last: int) -> tuple[float, int, int]:
        begin = np.uint64(first * image.shape[1])
        part = pattern[first:last]
        return count_rows(
            image[first:last],
            part,
            factor,
            begin,
            *counter,
            coarse,
            fine,
            largest,
            counts[first:last],
        )

    answers = in_pieces(rows, image.shape[0], threads, progress)
    refuse_nonfinite(sum(a[2] for a in answers))
    # Sums of whole numbers are exact up to 2^53, in whatever order.
    return counts, sum(a[0] for a in answers), sum(a[1] for a in answers)


def counts_image(
    expected: np.ndarray,
    seed: int,
    frame: int = 0,
    response: DetectorResponse = DetectorResponse(),
    *,
    pixel_mm: float = 0.1,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
    panels: Panels | None = None,
) -> np.ndarray:
    """Return the photons that a counting detector reports for a frame.

    Flicker, calibration, point spread, counting and saturation; no gain, offset or
    electronic noise. The point spread acts before photons are counted: each photon is
    counted once, in one pixel.

    Parameters
    ----------
    expected
        (slow, fast) float32, finite, expected photons. Zero and less give none.
    seed
        Whole number from -2**63 to 2**64 - 1.
    frame
        Number of the frame in its series, 0 to 2**32 - 1: each draws photons of its
        own.
    response
        The detector.
    pixel_mm
        Pixel size [mm], for the point spread.
    threads
        CPU threads; None: all. The counts do not depend on it.
    progress
        Called with the finished fraction, 0 to 1.
    panels
        Rows and columns of each panel, for the point spread; None: one panel.

    Returns
    -------
    numpy.ndarray
        (slow, fast) uint32, at most the response's saturation.

    Raises
    ------
    ValueError
        For an argument out of range, or an image that is not finite or not 2-D
        float32.
    """
    check_image(expected, None)
    seed, frame = check_counter(seed, frame)
    validate.instance("response", response, DetectorResponse)
    if response.psf is not None and response.spreads:
        check_expected(expected, threads)
        expected = apply_psf(
            expected,
            response.psf,
            response.psf_fwhm_um,
            pixel_mm,
            response.psf_radius_pixels,
            threads=threads,
            panels=panels,
        )
    largest = min(response.saturation_counts or UINT32_MAX, UINT32_MAX)
    counts, _, _ = draw_counts(
        expected,
        seed,
        frame,
        response,
        largest=float(int(largest)),
        threads=threads,
        progress=progress,
    )
    return counts


def check_expected(expected: np.ndarray, threads: int | None = None) -> None:
    """Raise ValueError unless photons can be drawn for every pixel."""
    from ..kernels.entries import count_nonfinite

    xmin, xmax, _, _ = check_image(expected, None)

    def rows(first: int, last: int) -> int:
        return count_nonfinite(expected, (xmin, xmax, first, last - 1))

    refuse_nonfinite(sum(in_pieces(rows, len(expected), threads)))


def refuse_nonfinite(bad: int) -> None:
    """Raise ValueError if an image has pixels that are infinite or not a number."""
    if bad:
        raise ValueError(
            f"{bad} pixels of the float image are infinite or not a number: "
            "photons cannot be drawn for them"
        )


def check_counter(seed: int, frame: int) -> tuple[int, int]:
    """Return seed and frame as whole numbers that a counter holds."""
    return (
        validate.integer("seed", seed, low=-(2**63), high=2**64 - 1),
        validate.integer("frame", frame, low=0, high=UINT32_MAX),
    )
