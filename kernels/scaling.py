# SPDX-License-Identifier: MIT
"""Float image to 16-bit and 8-bit pixels, with the C program's roundings.

The kernels write inside the roi only. `image` is (slow, fast) float32, `roi` is
(xmin, xmax, ymin, ymax), inclusive and inside the image.
"""

import numpy as np

from .jit import serial

UINT8_MAX = 255.0
UINT16_MAX = 65535.0


@serial
def int_pixels(image, roi, scale, adc_offset, out):
    """Write floor(pixel * `scale` + `adc_offset` + 0.5), clamped, to uint16 `out`."""
    xmin, xmax, ymin, ymax = roi
    for slow in range(ymin, ymax + 1):
        # Sliced rows leave no index that could be negative: these loops vectorise.
        pixels = image[slow, xmin : xmax + 1]
        row = out[slow, xmin : xmax + 1]
        for i in range(row.size):
            value = np.float64(pixels[i]) * scale + adc_offset
            value = value if value > 0.0 else 0.0  # nan becomes 0 too
            value = value if value < UINT16_MAX else UINT16_MAX
            # C rounds the half-added value to single precision before the floor.
            row[i] = np.uint16(np.int32(np.float32(value + 0.5)))


@serial
def pgm_pixels(image, roi, scale, out):
    """Write pixel * `scale`, clamped and truncated, to uint8 `out`."""
    xmin, xmax, ymin, ymax = roi
    for slow in range(ymin, ymax + 1):
        # Sliced rows leave no index that could be negative: these loops vectorise.
        pixels = image[slow, xmin : xmax + 1]
        row = out[slow, xmin : xmax + 1]
        for i in range(row.size):
            value = np.float64(pixels[i]) * scale
            # C leaves negative values and nan undefined; 0 here.
            value = value if value > 0.0 else 0.0
            value = value if value < UINT8_MAX else UINT8_MAX
            row[i] = np.uint8(np.int32(value))
