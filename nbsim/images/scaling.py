# SPDX-License-Identifier: MIT
"""Statistics of a float image, and the scaled integer images made from it."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass

import numpy as np

from ..model.validate import Roi


@dataclass(frozen=True)
class Statistics:
    """What the C program prints about a float image.

    Attributes
    ----------
    max_I
        Largest positive value among the rendered pixels, or 0.
    max_index_slow, max_index_fast
        Where it occurs first, in raster order; -1 if no pixel is positive.
    mean, rms
        Of the rendered pixels; rms is about zero, with n - 1 below the line.
    rmsd
        Deviation from `mean` over all pixels of the roi, masked ones included.
    sum, n
        Sum and number of the rendered pixels.
    """

    max_I: float
    max_index_slow: int
    max_index_fast: int
    mean: float
    rms: float
    rmsd: float
    sum: float
    n: int


def check_image(image: np.ndarray, roi: Roi | None) -> Roi:
    """Check a float image and its roi, and return the roi with nothing left open.

    Parameters
    ----------
    image
        (slow, fast) float32.
    roi
        (xmin, xmax, ymin, ymax) in pixels, inclusive, x along fast; None for all.
        A maximum equal to the number of pixels is taken too, and means the last
        pixel, because that is the C program's default.

    Returns
    -------
    tuple
        (xmin, xmax, ymin, ymax), inside the image.

    Raises
    ------
    ValueError
        If the image is not a 2-D float32 array, or the roi leaves it.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.float32:
        kind = getattr(image, "dtype", type(image).__name__)
        raise ValueError(f"the float image is {kind}, it must be a float32 array")
    if image.ndim != 2 or image.size == 0:
        raise ValueError(
            f"the float image has shape {image.shape}, it must be (slow, fast) "
            "with at least one pixel"
        )
    slow, fast = image.shape
    if roi is None:
        return 0, fast - 1, 0, slow - 1
    if len(roi) != 4:
        raise ValueError(f"roi {roi}: expected xmin, xmax, ymin, ymax")
    xmin, xmax, ymin, ymax = (operator.index(bound) for bound in roi)
    if not (0 <= xmin <= xmax <= fast and 0 <= ymin <= ymax <= slow) or (
        xmin == fast or ymin == slow
    ):
        raise ValueError(
            f"roi {xmin} {xmax} {ymin} {ymax}: the detector has pixels "
            f"0 to {fast - 1} (x) and 0 to {slow - 1} (y)"
        )
    return xmin, min(xmax, fast - 1), ymin, min(ymax, slow - 1)


def statistics(
    image: np.ndarray, roi: Roi | None = None, mask: np.ndarray | None = None
) -> Statistics:
    """Return the statistics of a float image, as the C program computes them.

    Parameters
    ----------
    image
        (slow, fast) float32, photons.
    roi
        (xmin, xmax, ymin, ymax) in pixels, inclusive; None for the whole image.
    mask
        (slow, fast), whole numbers or bool: pixels where it is 0 were not
        rendered. None if all were.

    Returns
    -------
    Statistics
        The same for any number of threads.

    Raises
    ------
    ValueError
        If the shapes or types do not fit; see `check_image`.
    """
    from ..kernels.entries import rendered_sums, squared_deviations

    bounds = check_image(image, roi)
    if mask is not None and mask.shape != image.shape:
        raise ValueError(
            f"the mask has shape {mask.shape}, the image {image.shape}: "
            "they must be equal"
        )
    max_I, slow, fast, total, sumsqr, n = rendered_sums(image, bounds, mask)
    mean = float(total / max(n, 1))
    xmin, xmax, ymin, ymax = bounds
    area = (xmax - xmin + 1) * (ymax - ymin + 1)
    deviations = squared_deviations(image, bounds, mean)
    return Statistics(
        max_I=float(max_I),
        max_index_slow=slow,
        max_index_fast=fast,
        mean=mean,
        rms=math.sqrt(sumsqr / max(n - 1, 1)),
        rmsd=math.sqrt(deviations / max(area - 1, 1)),
        sum=float(total),
        n=n,
    )


def automatic_int_scale(stats: Statistics) -> float:
    """Return the factor that brings the largest pixel to 55000, or 1 if it is 0."""
    return 55000.0 / stats.max_I if stats.max_I > 0 else 1.0


def automatic_pgm_scale(stats: Statistics, int_scale: float) -> float:
    """Return the factor that brings 5 rmsd to 250, or `int_scale` if rmsd is 0."""
    return 250.0 / (5.0 * stats.rmsd) if stats.rmsd > 0 else int_scale


def int_image(
    image: np.ndarray,
    scale: float,
    adc_offset: float = 40.0,
    roi: Roi | None = None,
) -> np.ndarray:
    """Return the scaled 16-bit image (C: intimage).

    Parameters
    ----------
    image
        (slow, fast) float32, photons. A value that is not a number gives 0.
    scale
        Factor on the pixel values; `automatic_int_scale` has the default.
    adc_offset
        Added after scaling, also to pixels without photons.
    roi
        (xmin, xmax, ymin, ymax) in pixels, inclusive; pixels outside are 0.

    Returns
    -------
    numpy.ndarray
        (slow, fast) uint16, rounded, clamped to 0 and 65535.

    Raises
    ------
    ValueError
        If the image or the roi does not fit; see `check_image`.
    """
    from ..kernels.entries import int_pixels

    bounds = check_image(image, roi)
    out = np.zeros(image.shape, np.uint16)
    int_pixels(image, bounds, float(scale), float(adc_offset), out)
    return out


def pgm_image(
    image: np.ndarray, pgm_scale: float, roi: Roi | None = None
) -> np.ndarray:
    """Return the scaled 8-bit image (C: pgmimage).

    Parameters
    ----------
    image
        (slow, fast) float32, photons. A value that is not a number gives 0.
    pgm_scale
        Factor on the pixel values; `automatic_pgm_scale` has the default.
    roi
        (xmin, xmax, ymin, ymax) in pixels, inclusive; pixels outside are 0.

    Returns
    -------
    numpy.ndarray
        (slow, fast) uint8, truncated, clamped to 0 and 255.

    Raises
    ------
    ValueError
        If the image or the roi does not fit; see `check_image`.
    """
    from ..kernels.entries import pgm_pixels

    bounds = check_image(image, roi)
    out = np.zeros(image.shape, np.uint8)
    pgm_pixels(image, bounds, float(pgm_scale), out)
    return out
