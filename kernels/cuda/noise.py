# SPDX-License-Identifier: MIT
"""Photons and detector units on a CUDA device: the numbers of `cpu.poisson_rows`.

One thread per pixel, in a grid of one dimension with at least as many threads as
pixels; arrays are flat and on the device. What a pixel gets depends on its number,
the frame and the seed alone: part of an image may be made here and part there. The
order is that of `images.detected`: means, photons, point spread (`spread`), units.
"""

import numpy as np
from numba import cuda, uint64

from .. import elementary, poisson
from ..philox import CALIBRATION, READOUT
from .exact import PRODUCT, exact

#: What the kernels count: pixels whose expected photons are not finite, photons, and
#: pixels that were too bright. (3,) uint64, added up: 0 before.
NOT_FINITE, PHOTONS, OVERLOADS = range(3)
LARGEST = np.float32(np.finfo(np.float32).max)
#: Compiled once for all kernels.
_made: dict = {}
poisson_on_device = exact(poisson.poisson, _made)
normal_on_device = exact(elementary.normal_deviate, _made)


@cuda.jit
def add_images(first, second, total):
    """Write the sum of two images in single precision (spots and background).

    Parameters
    ----------
    first, second, total
        (pixels,) float32; `total` may be one of the others.
    """
    i = cuda.grid(1)
    if i < total.size:
        total[i] = first[i] + second[i]


@cuda.jit
def calibration(relative, first, k0, k1, pattern):
    """Write the factor of each pixel: `calibration_rows`.

    Parameters
    ----------
    relative
        Width of the factors' distribution.
    first
        Number of the first pixel in the image, uint64.
    k0, k1
        Words of the calibration's seed, uint64.
    pattern
        (pixels,) float64.
    """
    i = cuda.grid(1)
    if i < pattern.size:
        pixel = first + np.uint64(i)
        deviate = normal_on_device(pixel, np.uint64(0), CALIBRATION, k0, k1)
        pattern[i] = 1.0 + PRODUCT(relative, deviate)


@cuda.jit
def count_photons(
    expected,
    pattern,
    factor,
    first,
    frame,
    k0,
    k1,
    coarse,
    fine,
    largest,
    counts,
    marks,
):
    """Write the photons that are counted: `count_rows`.

    Parameters
    ----------
    expected
        (pixels,) float32, photons.
    pattern
        (pixels,) float64: factor of each pixel; or (0,): no factors.
    factor
        Of all pixels.
    first, frame, k0, k1
        Number of the first pixel, counter and key: uint64.
    coarse, fine
        Of `poisson.poisson_tables`.
    largest
        Counts that the detector can hold, at most 2^32 - 1.
    counts
        (pixels,) uint32. Where nothing can be expected, 0.
    marks
        (3,) uint64, see `NOT_FINITE`.
    """
    drawn = cuda.shared.array(1, uint64)
    if cuda.threadIdx.x == 0:
        drawn[0] = 0
    cuda.syncthreads()
    i = cuda.grid(1)
    if i < counts.size:
        counts[i] = 0
        if abs(expected[i]) <= LARGEST:
            mean = PRODUCT(np.float64(expected[i]), factor)
            if pattern.size:
                mean = PRODUCT(mean, pattern[i])
            pixel = first + np.uint64(i)
            photons = poisson_on_device(mean, pixel, frame, k0, k1, coarse, fine)
            counts[i] = np.uint32(min(photons, largest))
            cuda.atomic.add(drawn, 0, np.uint64(photons))
        else:
            cuda.atomic.add(marks, NOT_FINITE, np.uint64(1))
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        cuda.atomic.add(marks, PHOTONS, drawn[0])


@cuda.jit
def erase(places, image):
    """Write 0 into some pixels, (n,) int32."""
    i = cuda.grid(1)
    if i < places.size:
        image[places[i]] = 0


@cuda.jit
def cut(image, width, first, columns, part):
    """Write a rectangle of an image as an image of its own.

    Parameters
    ----------
    image, width
        Flat, and pixels in a row of it.
    first
        Its pixel that is the first of the rectangle.
    columns
        Pixels in a row of the rectangle.
    part
        Flat.
    """
    i = cuda.grid(1)
    if i < part.size:
        part[i] = image[first + i // columns * width + i % columns]


@cuda.jit
def paste(part, image, width, first, columns):
    """Undo `cut`."""
    i = cuda.grid(1)
    if i < part.size:
        image[first + i // columns * width + i % columns] = part[i]


@cuda.jit
def as_single(counts, single):
    """Write counts in single precision, (pixels,) uint32 and float32."""
    i = cuda.grid(1)
    if i < single.size:
        single[i] = np.float32(counts[i])


@cuda.jit
def digitise(counted, units, first, frame, k0, k1, out, marks):
    """Write detector units: `digitise_rows`.

    Parameters
    ----------
    counted
        (pixels,) float32 or uint32, photons.
    units
        Tuple of six, as `digitise_rows` takes them.
    first, frame, k0, k1
        As in `count_photons`.
    out
        (pixels,) uint16 or uint32.
    marks
        (3,) uint64, see `NOT_FINITE`.
    """
    i = cuda.grid(1)
    if i >= out.size:
        return
    gain, adc_offset, readout, saturation, largest, half = units
    # Counts above 2^24 are rounded here, as they are on the processor.
    signal = PRODUCT(np.float64(np.float32(counted[i])), gain)
    if readout > 0.0:
        deviate = normal_on_device(first + np.uint64(i), frame, READOUT, k0, k1)
        signal += PRODUCT(readout, deviate)
    adu = min(signal, saturation) + adc_offset
    if signal > saturation or adu > largest:
        cuda.atomic.add(marks, OVERLOADS, np.uint64(1))
    out[i] = np.int32(min(max(adu + half, 0.0), largest))
