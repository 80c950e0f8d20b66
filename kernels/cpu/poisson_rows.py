# SPDX-License-Identifier: MIT
"""Photons of whole rows of pixels, by counter: the numbers of `poisson`, faster.

Steps over a block of pixels whose arrays stay in the L1 cache; all but the last are
vectorised. Nothing is added up across pixels, so any split of an image gives the same.
"""

import math

import numpy as np

from ..elementary import normal_deviate
from ..jit import entry, scalar
from ..philox import (
    CALIBRATION,
    HALF,
    LOW,
    PHOTONS,
    PIXEL_FLICKER,
    READOUT,
    philox,
    uniform,
)
from ..poisson import TABLE_MEANS, by_rejection, from_table, no_photon
from ..rounding import product
from .intrinsics import vector_loop

#: Pixels of a block.
BLOCK = 512
LARGEST_COUNT = 4294967295.0

# Nobody calls these from C; several Python threads run them at once.
row_loop = entry(no_cfunc_wrapper=True)
# Part of the others' machine code.
block_loop = scalar


@block_loop
def draw_words(first, frame, k0, k1, words, u):
    """Write the words for `from_table`, joined, and the deviate for `rest_count`."""
    vector_loop()
    for i in range(words.size):
        pixel = first + np.uint64(i)
        w0, w1, w2, w3 = philox(pixel, frame, PHOTONS, np.uint64(0), k0, k1)
        words[i] = (w0 << HALF) | w1
        u[i] = uniform(w2, w3)


@block_loop
def begin_rests(means, rest, chance, below, count):
    """Split off the rests of the means below `TABLE_MEANS`; 0 of the others."""
    vector_loop()
    for i in range(means.size):
        mean = means[i]
        mean = mean if 0.0 < mean < TABLE_MEANS else 0.0
        rest[i] = mean - math.floor(mean)
        chance[i] = no_photon(rest[i])
        below[i] = chance[i]
        count[i] = 0.0


@block_loop
def next_photon(u, photon, rest, chance, below, count):
    """Take one step of `rest_count` in every pixel; return how many got a photon."""
    vector_loop()
    inverse = 1.0 / photon
    found = 0
    for i in range(u.size):
        more = np.int64(u[i] >= below[i])
        count[i] += 1.0 if u[i] >= below[i] else 0.0
        chance[i] = product(product(chance[i], rest[i]), inverse)
        below[i] += chance[i]
        found += more
    return found


@block_loop
def finish_block(means, words, first, frame, k0, k1, table, guide, count):
    """Add the photons of the whole means to those of the rests."""
    for i in range(means.size):
        mean = means[i]
        if mean >= TABLE_MEANS:
            pixel = first + np.uint64(i)
            count[i] = by_rejection(mean, pixel, frame, k0, k1)
        elif mean >= 1.0:
            whole, word = np.int64(mean), words[i]
            count[i] += from_table(whole, word >> HALF, word & LOW, table, guide)


@block_loop
def poisson_row(means, first, frame, k0, k1, table, guide, scratch, words, out):
    """Write the photons of pixels that follow each other.

    The numbers of `poisson`, in steps over a block of pixels that are vectorised but
    for the last.

    Parameters
    ----------
    means
        (n,) float64.
    first
        Number of the first pixel in the image, uint64.
    frame, k0, k1, table, guide
        As in `poisson`.
    scratch, words
        (4, BLOCK) float64 and (BLOCK,) uint64.
    out
        (n,) float64.
    """
    for start in range(0, means.size, BLOCK):
        n = min(BLOCK, means.size - start)
        part, count, word = means[start : start + n], out[start : start + n], words[:n]
        u, rest, chance, below = (
            scratch[0, :n],
            scratch[1, :n],
            scratch[2, :n],
            scratch[3, :n],
        )
        pixel = first + np.uint64(start)
        draw_words(pixel, frame, k0, k1, word, u)
        begin_rests(part, rest, chance, below, count)
        photon = 1.0
        while next_photon(u, photon, rest, chance, below, count) > 0:
            photon += 1.0
        finish_block(part, word, pixel, frame, k0, k1, table, guide, count)


@row_loop
def count_rows(
    expected, pattern, factor, first, frame, k0, k1, table, guide, largest, out
):
    """Write the photons that are counted in rows of an image.

    Parameters
    ----------
    expected
        (slow, fast) float32, photons.
    pattern
        Factor of each pixel, (slow, fast) float64; or (0, 0): no factors.
    factor
        Of all pixels, float64.
    first
        Number of the first pixel in the image, uint64.
    frame, k0, k1, table, guide
        As in `poisson.poisson`.
    largest
        Counts that the detector can hold, at most 2^32 - 1.
    out
        (slow, fast) uint32.

    Returns
    -------
    photons, overloads
        Sum of what was drawn (float64, whole) and number of pixels above `largest`.
    """
    spixels, fpixels = expected.shape
    means, counted = np.empty(fpixels), np.empty(fpixels)
    scratch, words = np.empty((4, BLOCK)), np.empty(BLOCK, np.uint64)
    photons = 0.0
    overloads = 0
    for slow in range(spixels):
        row, written = expected[slow], out[slow]
        for i in range(fpixels):
            means[i] = np.float64(row[i]) * factor
        if pattern.size:
            factors = pattern[slow]
            for i in range(fpixels):
                means[i] *= factors[i]
        pixel = first + np.uint64(slow * fpixels)
        poisson_row(means, pixel, frame, k0, k1, table, guide, scratch, words, counted)
        for i in range(fpixels):
            count = counted[i]
            photons += count
            if count > largest:
                count = largest
                overloads += 1
            written[i] = np.uint32(count)
    return photons, overloads


@row_loop
def calibration_rows(relative, first, k0, k1, out):
    """Write 1 + `relative` times a normal deviate of each pixel, (slow, fast) float64.

    The same for every frame: a detector's own pattern.
    """
    nothing = np.uint64(0)
    spixels, fpixels = out.shape
    for slow in range(spixels):
        for fast in range(fpixels):
            pixel = first + np.uint64(slow * fpixels + fast)
            deviate = normal_deviate(pixel, nothing, CALIBRATION, k0, k1)
            out[slow, fast] = 1.0 + product(relative, deviate)


@row_loop
def flicker_rows(relative, first, frame, k0, k1, out):
    """Multiply every pixel by 1 + `relative` times a deviate of its own (model c)."""
    spixels, fpixels = out.shape
    for slow in range(spixels):
        for fast in range(fpixels):
            pixel = first + np.uint64(slow * fpixels + fast)
            deviate = normal_deviate(pixel, frame, PIXEL_FLICKER, k0, k1)
            out[slow, fast] *= 1.0 + product(relative, deviate)


@row_loop
def digitise_rows(counted, units, first, frame, k0, k1, out):
    """Write detector units of counted photons.

    Parameters
    ----------
    counted
        (slow, fast) float32, photons.
    units
        Gain, offset, width of the electronics' noise, largest signal without the
        offset, largest whole number, and what is added before the fraction is cut.
    first, frame, k0, k1
        As in `count_rows`.
    out
        (slow, fast) uint16 or uint32; nothing is below 0.

    Returns
    -------
    int
        Number of pixels that were too bright.
    """
    gain, adc_offset, readout, saturation, largest, half = units
    overloads = 0
    spixels, fpixels = counted.shape
    for slow in range(spixels):
        for fast in range(fpixels):
            signal = product(np.float64(counted[slow, fast]), gain)
            if readout > 0.0:
                pixel = first + np.uint64(slow * fpixels + fast)
                deviate = normal_deviate(pixel, frame, READOUT, k0, k1)
                signal += product(readout, deviate)
            adu = min(signal, saturation) + adc_offset
            overloads += np.int64((signal > saturation) | (adu > largest))
            out[slow, fast] = np.int64(min(max(adu + half, 0.0), largest))
    return overloads
