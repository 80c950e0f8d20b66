# SPDX-License-Identifier: MIT
"""Convolution with an even kernel that is a product of two of one dimension."""

from ..jit import entry, scalar
from .intrinsics import vector_loop

# Nobody calls these from C; several Python threads run them at once.
row_loop = entry(no_cfunc_wrapper=True)


@scalar
def add_scaled(weight, row, total):
    """Add `weight` times a row to `total`, both float64."""
    vector_loop()
    for i in range(total.size):
        total[i] += weight * row[i]


@row_loop
def convolve_columns(image, weights, first, last, out):
    """Write rows `first` to `last` - 1 of an image spread along its slow axis.

    Parameters
    ----------
    image
        (slow, fast) float64; nothing lies outside.
    weights
        (n,) float64: of distance 0, 1 ... n - 1.
    out
        (slow, fast) float64.
    """
    spixels = image.shape[0]
    reach = weights.size - 1
    for slow in range(first, last):
        total = out[slow]
        total[:] = 0.0
        for source in range(max(0, slow - reach), min(spixels, slow + reach + 1)):
            add_scaled(weights[abs(slow - source)], image[source], total)


@row_loop
def convolve_rows(image, weights, first, last, out, padded):
    """Write rows `first` to `last` - 1 of an image spread along its fast axis.

    Parameters
    ----------
    image, out
        (slow, fast) float32 and float64.
    weights
        As in `convolve_columns`.
    padded
        (fast + 2 (weights - 1),) float64, 0 at both ends; changed between them.
    """
    fpixels = image.shape[1]
    reach = weights.size - 1
    for slow in range(first, last):
        for fast in range(fpixels):
            padded[reach + fast] = image[slow, fast]
        total = out[slow]
        total[:] = 0.0
        for d in range(-reach, reach + 1):
            start = reach + d
            add_scaled(weights[abs(d)], padded[start : start + fpixels], total)
