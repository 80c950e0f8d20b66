# SPDX-License-Identifier: MIT
"""Numbers that say how far two float images are apart."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Peak(NamedTuple):
    """A local maximum of an image: pixel and value, photons."""

    slow: int
    fast: int
    value: float


class PeakPair(NamedTuple):
    """A peak of the C program's image and the nearest one of nbsim's."""

    c: Peak
    py: Peak | None  # None: nbsim's image has no peak at all
    distance: float  # pixels; inf without a partner


@dataclass(frozen=True)
class ImageDifference:
    """Two images of one shape, compared in double precision.

    Pixels that are not finite in both images are left out of the sums.
    """

    pixels: int
    left_out: int
    one_sided: int  # not finite in one image only
    correlation: float  # Pearson's; nan where an image is constant and they differ
    mse: float  # photons^2
    largest: float  # photons, of |nbsim - C|
    peak: float  # brightest pixel of the C program's image, photons
    sum_c: float
    sum_py: float
    worst: Peak  # pixel of the largest difference, with the C program's value
    worst_py: float

    @property
    def rmse(self) -> float:
        """Root of the mean square difference, photons."""
        return math.sqrt(self.mse)

    @property
    def largest_of_peak(self) -> float:
        """Largest difference as a fraction of the brightest pixel."""
        if self.largest == 0.0:
            return 0.0
        return self.largest / self.peak if self.peak > 0.0 else math.inf

    @property
    def sum_ratio(self) -> float:
        """Sum of nbsim's image over that of the C program's; nan for 0 / 0."""
        if self.sum_c == 0.0:
            return math.nan if self.sum_py == 0.0 else math.inf
        return self.sum_py / self.sum_c


def compare_images(c: np.ndarray, py: np.ndarray) -> ImageDifference:
    """Compare two images.

    Parameters
    ----------
    c, py
        (slow, fast), photons per pixel.
    """
    c, py = c.astype(np.float64), py.astype(np.float64)
    finite_c, finite_py = np.isfinite(c), np.isfinite(py)
    both = finite_c & finite_py
    c, py = np.where(both, c, 0.0), np.where(both, py, 0.0)
    difference = np.abs(py - c)
    count = int(np.count_nonzero(both))
    slow, fast = np.unravel_index(difference.argmax(), difference.shape)
    return ImageDifference(
        pixels=count,
        left_out=both.size - count,
        one_sided=int(np.count_nonzero(finite_c != finite_py)),
        correlation=_correlation(c[both], py[both]),
        mse=float(np.square(difference).sum() / max(count, 1)),
        largest=float(difference.max()),
        peak=float(c.max()),
        sum_c=float(c.sum()),
        sum_py=float(py.sum()),
        worst=Peak(int(slow), int(fast), float(c[slow, fast])),
        worst_py=float(py[slow, fast]),
    )


def _correlation(c: np.ndarray, py: np.ndarray) -> float:
    if not c.size:
        return math.nan
    if np.array_equal(c, py):
        return 1.0
    # Scaled first, because squares of bright pixels overflow or faint ones vanish.
    a, b = (_scaled(side - side.mean()) for side in (c, py))
    if a is None or b is None:
        return math.nan
    return float((a @ b) / math.sqrt((a @ a) * (b @ b)))


def _scaled(values: np.ndarray) -> np.ndarray | None:
    largest = np.abs(values).max()
    return values / largest if largest > 0.0 else None


def pair_peaks(c: np.ndarray, py: np.ndarray, count: int) -> Iterator[PeakPair]:
    """Yield the brightest peaks of `c`, each with the nearest peak of `py`."""
    slows, fasts = np.nonzero(_maxima(py))
    for peak in brightest_peaks(c, count):
        if not slows.size:
            yield PeakPair(peak, None, math.inf)
            continue
        squares = (slows - peak.slow) ** 2 + (fasts - peak.fast) ** 2
        nearest = squares.argmin()
        slow, fast = int(slows[nearest]), int(fasts[nearest])
        partner = Peak(slow, fast, float(py[slow, fast]))
        yield PeakPair(peak, partner, math.sqrt(squares[nearest]))


def brightest_peaks(image: np.ndarray, count: int) -> list[Peak]:
    """Return the brightest local maxima, the brightest first."""
    slows, fasts = np.nonzero(_maxima(image))
    values = image[slows, fasts]
    order = np.argsort(-values, kind="stable")[:count]
    return [Peak(int(slows[i]), int(fasts[i]), float(values[i])) for i in order]


def _maxima(image: np.ndarray) -> np.ndarray:
    """Return where a pixel is above 0 and none of its eight neighbours is brighter.

    Of equal neighbours the first one is the maximum.
    """
    rows, columns = image.shape
    clean = np.where(np.isfinite(image), image, 0.0)
    padded = np.pad(clean, 1, constant_values=-np.inf)
    found = clean > 0.0
    for slow in range(3):
        for fast in range(3):
            neighbour = padded[slow : slow + rows, fast : fast + columns]
            if (slow, fast) < (1, 1):
                found &= clean > neighbour
            elif (slow, fast) > (1, 1):
                found &= clean >= neighbour
    return found


def resampled(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return an image on another grid of pixels over the same area.

    Every new pixel gets its share of the old ones that it covers, so that the sum of
    the photons stays.
    """
    along_slow = _shares(image.shape[0], shape[0])
    along_fast = _shares(image.shape[1], shape[1])
    return along_slow @ image.astype(np.float64) @ along_fast.T


def _shares(old: int, new: int) -> np.ndarray:
    """Return (new, old): which part of an old pixel lies in a new one."""
    old_edges = np.arange(old + 1) / old
    new_edges = np.arange(new + 1) / new
    upper = np.minimum(new_edges[1:, None], old_edges[None, 1:])
    lower = np.maximum(new_edges[:-1, None], old_edges[None, :-1])
    return np.clip(upper - lower, 0.0, None) * old
