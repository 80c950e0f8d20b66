# SPDX-License-Identifier: MIT
"""Statistics of a float image in C's pixel order.

One thread adds up in raster order, so that the result does not depend on the
number of threads and prints the digits of the C program.
"""

import math

import numpy as np

from .jit import serial


@serial
def rendered_sums(image, roi, mask):
    """Add up the rendered pixels (C: the end of its loop over pixels).

    Parameters
    ----------
    image
        (slow, fast) float32.
    roi
        (xmin, xmax, ymin, ymax), whole numbers, inclusive, inside the image.
    mask
        None or (slow, fast): pixels where it is 0 are not rendered.

    Returns
    -------
    max_I, slow, fast, sum, sumsqr, n
        Largest positive value with the place of its first occurrence (0, -1, -1
        if there is none), sum, sum of squares, number of pixels.
    """
    xmin, xmax, ymin, ymax = roi
    max_I = np.float32(0.0)
    max_slow = max_fast = -1
    total = sumsqr = 0.0
    n = 0
    for slow in range(ymin, ymax + 1):
        for fast in range(xmin, xmax + 1):
            if mask is not None:
                if mask[slow, fast] == 0:
                    continue
            value = image[slow, fast]
            if value > max_I:
                max_I = value
                max_slow = slow
                max_fast = fast
            total += np.float64(value)
            sumsqr += np.float64(value * value)  # C squares in single precision
            n += 1
    return np.float64(max_I), max_slow, max_fast, total, sumsqr, n


@serial
def squared_deviations(image, roi, mean):
    """Return the sum of (pixel - `mean`)**2 over the whole roi, masked pixels too."""
    xmin, xmax, ymin, ymax = roi
    total = 0.0
    for slow in range(ymin, ymax + 1):
        for fast in range(xmin, xmax + 1):
            deviation = np.float64(image[slow, fast]) - mean
            total += deviation * deviation
    return total


@serial
def count_nonfinite(image, roi):
    """Return how many pixels of the roi are infinite or not a number."""
    xmin, xmax, ymin, ymax = roi
    count = 0
    for slow in range(ymin, ymax + 1):
        for fast in range(xmin, xmax + 1):
            count += not math.isfinite(image[slow, fast])
    return count
