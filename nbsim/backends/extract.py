# SPDX-License-Identifier: MIT
"""A table of amorphous scattering from a measured image (C: nonBragg -img)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..resolve.amounts import R_E_SQR
from ..resolve.background import SCALES, BackgroundRun, Place
from .background import kernel_arguments, scratch

#: A row needs more pixels than this.
FEWEST_PIXELS = 100
#: Pixels farther from the median than this many times its deviation are left out.
REJECT_SIGMA = 6.0
#: Width of a normal distribution for a median absolute deviation of 1.
SIGMA_OF_MAD = 1.4826


@dataclass(frozen=True, eq=False)
class ExtractedTable:
    """F of an amorphous sample, from a measured image.

    Attributes
    ----------
    table
        (n, 2): the first column of the rows that were asked for, and F in electrons per
        molecule, for `Background`.
    spread
        (n,) deviation of a pixel's F from it (rms; model physical: from the median
        absolute deviation).
    pixels
        (n,) how many pixels a row rests on.
    left_out
        Rows without enough pixels, by their first column.
    """

    table: np.ndarray
    spread: np.ndarray
    pixels: np.ndarray
    left_out: tuple[float, ...]


def extract_table(
    photons: np.ndarray,
    valid: np.ndarray,
    run: BackgroundRun,
    place: Place,
    fluence: float,
    units: str,
    model: str,
) -> ExtractedTable:
    """Return F by the rows of a background's table.

    Parameters
    ----------
    photons
        (slow, fast) float32, of the measured image.
    valid
        (slow, fast) bool: pixels that count.
    run, place, fluence
        The background that is looked for, and where.
    units
        Of its table.
    model
        "c": of the last ray of each pixel, the mean, n times too large for a run of n
        rays, as in C. "physical": of the pixel's middle; the median of what is left
        after rejection.
    """
    from ..kernels.entries import last_rays

    if model == "physical":
        run = replace(run, oversample=1)
    shape = photons.shape
    s, correction = np.zeros(shape), np.ones((2, *shape))
    interval = np.zeros(shape, np.int64)
    det, beam, _, rows = kernel_arguments(run, place)
    xmin, xmax, ymin, ymax = place.bounds
    roi = xmin, xmax, ymin, ymax
    last_rays(roi, det, beam, rows, s, correction, interval, scratch())
    wanted = valid.copy()
    outside = np.ones(shape, bool)
    outside[ymin : ymax + 1, xmin : xmax + 1] = False
    wanted[outside] = False
    if place.mask is not None:
        wanted &= place.mask != 0
    steps = 1.0
    if model == "c":
        steps = float(len(beam.wavelength) * run.oversample**2)
    with np.errstate(all="ignore"):
        square = np.abs(photons) / correction[0] / correction[1] / fluence
        square = square / R_E_SQR / run.molecules * steps
        F = (np.where(photons < 0.0, -1.0, 1.0) * np.sqrt(square)).astype(np.float32)
    table = run.table.s
    bins = interval + (s > (table[interval] + table[interval + 1]) / 2.0)
    wanted &= np.isfinite(F)
    summary = _mean if model == "c" else _median
    found = []
    left_out = []
    order = np.argsort(bins[wanted], kind="stable")
    values, places = F[wanted][order], bins[wanted][order]
    for number in range(2, len(table) - 2):
        low, high = np.searchsorted(places, (number, number + 1))
        stol = float(table[number] / SCALES[units])
        if high - low > FEWEST_PIXELS:
            found.append((stol, *summary(values[low:high])))
        else:
            left_out.append(stol)
    whole = np.array(found).reshape(-1, 4)
    return ExtractedTable(
        whole[:, :2], whole[:, 2], whole[:, 3].astype(np.int64), tuple(left_out)
    )


def _mean(values: np.ndarray) -> tuple[float, float, int]:
    """Return mean and rms deviation in single precision, added in raster order."""
    count = np.float32(len(values))
    mean = np.float32(np.cumsum(values, dtype=np.float32)[-1] / count)
    deviations = np.abs(values - mean)
    total = np.cumsum(deviations * deviations, dtype=np.float32)[-1]
    return float(mean), float(np.sqrt(np.float32(total / count))), len(values)


def _median(values: np.ndarray) -> tuple[float, float, int]:
    """Return median and spread of what is left after outliers are rejected."""
    while True:
        middle = float(np.median(values))
        spread = SIGMA_OF_MAD * float(np.median(np.abs(values - middle)))
        kept = values[np.abs(values - middle) <= REJECT_SIGMA * spread]
        if len(kept) == len(values) or spread == 0.0 or not math.isfinite(spread):
            return middle, spread, len(values)
        values = kept


def valid_pixels(pixels: np.ndarray, ignore: Sequence[float]) -> np.ndarray:
    """Return which pixels have none of some values."""
    return ~np.isin(pixels, list(ignore))
