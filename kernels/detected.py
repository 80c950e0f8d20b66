# SPDX-License-Identifier: MIT
"""Photons to detector units with the C program noisify's random numbers, bit for bit.

Follows noisify.c (J. Holton): two streams of deviates, of the seed and of the
calibration's seed, share one table of shuffled values and one spare Gaussian, so that
the order of all draws counts and the loops are serial. `rng` is the record of `random`;
its `streams` hold where each stream is.
"""

import math

import numpy as np

from .cpu.intrinsics import vector_loop
from .elementary import logarithm
from .jit import entry, scalar
from .random import (
    REJECTION_LIMIT,
    gaussdev,
    poidev,
    poidev_gauss,
    ran1,
    start_stream,
)

# Nobody calls these from C.
serial = entry(no_cfunc_wrapper=True)
# Part of the others' machine code.
inner = scalar

#: No normal deviate of `gaussdev` is larger: its rsq is 2^-48 at least, or 0.
LARGEST_DEVIATE = 8.5
#: Pairs of normal deviates that are worked out together.
PAIRS = 256
#: Two logarithms do not differ by more, relatively.
UNSURE = 1e-13
#: Place of the two in `streams`.
SEED, CALIBRATION = 0, 1


@inner
def resume(stream, rng):
    """Make `rng` go on with a stream (C: the test at the start of ran1)."""
    if rng["streams"][stream] <= 0 or rng["output"] == 0:
        start_stream(rng["streams"][stream], rng)
    else:
        rng["state"] = rng["streams"][stream]


@inner
def gauss_of(stream, rng):
    """Return a normal deviate, float64; a spare one belongs to either stream."""
    if rng["has_gauss"] != 0:
        return np.float64(gaussdev(rng))
    resume(stream, rng)
    deviate = np.float64(gaussdev(rng))
    rng["streams"][stream] = rng["state"]
    return deviate


@inner
def poisson_of_seed(mean, rng):
    """Return the photons of a pixel, float32."""
    xm = np.float32(mean)
    if xm > REJECTION_LIMIT and rng["has_gauss"] != 0:
        return poidev_gauss(xm, rng)
    resume(SEED, rng)
    photons = poidev(xm, rng)
    rng["streams"][SEED] = rng["state"]
    return photons


@serial
def count_photons(expected, flicker, calibration, rng, out):
    """Write the photons that are counted, in raster order.

    Parameters
    ----------
    expected
        (slow, fast) float32, finite.
    flicker, calibration
        Relative widths; each pixel has its own factors.
    rng
        Advanced.
    out
        (slow, fast) float32.

    Returns
    -------
    float
        Sum of the photons.
    """
    single = rng["has_gauss"] == 0 and one_stream(expected, flicker, calibration)
    if calibration > 0.0 and not single:
        return count_of_two_streams(expected, flicker, calibration, rng, out)
    total = 0.0
    spixels, fpixels = expected.shape
    resume(SEED, rng)
    for slow in range(spixels):
        for fast in range(fpixels):
            photons = expected[slow, fast]
            if flicker > 0.0:
                mean = np.float64(photons)
                mean *= 1.0 + flicker * np.float64(gaussdev(rng))
                if calibration > 0.0:
                    mean *= 1.0 + calibration * np.float64(gaussdev(rng))
                photons = np.float32(mean)
            photons = poidev(photons, rng)
            out[slow, fast] = photons
            total += np.float64(photons)
    rng["streams"][SEED] = rng["state"]
    return total


@inner
def one_stream(expected, flicker, calibration):
    """Return whether the calibration never draws from the stream of its own.

    With flicker its deviate is the spare one of the flicker's, unless a Poisson deviate
    has taken a normal one before, or does so.
    """
    if flicker <= 0.0:
        return False
    most = np.float32(0.0)
    spixels, fpixels = expected.shape
    for slow in range(spixels):
        for fast in range(fpixels):
            most = max(most, expected[slow, fast])
    factor = (1.0 + LARGEST_DEVIATE * flicker) * (1.0 + LARGEST_DEVIATE * calibration)
    return np.float64(most) * factor < REJECTION_LIMIT


@inner
def count_of_two_streams(expected, flicker, calibration, rng, out):
    """The same, whatever stream the deviates come from."""
    total = 0.0
    spixels, fpixels = expected.shape
    for slow in range(spixels):
        for fast in range(fpixels):
            mean = np.float64(expected[slow, fast])
            if flicker > 0.0:
                mean *= 1.0 + flicker * gauss_of(SEED, rng)
            mean *= 1.0 + calibration * gauss_of(CALIBRATION, rng)
            photons = poisson_of_seed(mean, rng)
            out[slow, fast] = photons
            total += np.float64(photons)
    return total


@serial
def digitise(counted, units, rng, out):
    """Write detector units of counted photons, in raster order.

    Parameters
    ----------
    counted
        (slow, fast) float32, photons.
    units
        Gain, offset, width of the electronics' noise, largest signal without the
        offset, largest whole number, and what is added before the fraction is cut.
    rng
        Advanced.
    out
        (slow, fast) uint16 or uint32. What is negative (undefined in C) becomes 0.

    Returns
    -------
    int
        Number of pixels that were too bright.
    """
    gain, adc_offset, readout, saturation, largest, half = units
    overloads = 0
    spixels, fpixels = counted.shape
    most = min(saturation + adc_offset, largest)
    deviates = np.zeros(fpixels, np.float32)
    scratch = np.empty((4, PAIRS))
    resume(SEED, rng)
    for slow in range(spixels):
        if readout > 0.0:
            normal_deviates(rng, scratch, deviates)
        for fast in range(fpixels):
            # C adds the offset first: the last bit can decide a whole number.
            adu = np.float64(counted[slow, fast]) * gain + adc_offset
            if readout > 0.0:
                adu += readout * np.float64(deviates[fast])
            if adu > most:
                adu = most
                overloads += 1
            out[slow, fast] = np.int64(min(max(adu + half, 0.0), largest))
    rng["streams"][SEED] = rng["state"]
    return overloads


@inner
def normal_deviates(rng, scratch, out):
    """Write the next deviates of `gaussdev`, float32: the same, many at once.

    Parameters
    ----------
    rng
        Advanced.
    scratch
        (4, PAIRS) float64.
    out
        (n,) float32.
    """
    done = 0
    if rng["has_gauss"] != 0 and out.size > 0:
        out[0] = gaussdev(rng)
        done = 1
    v1, v2, rsq, factor = scratch[0], scratch[1], scratch[2], scratch[3]
    while done < out.size:
        pairs = min((out.size - done + 1) // 2, PAIRS)
        found = 0
        while found < pairs:
            first = np.float32(2.0 * np.float64(ran1(rng)) - 1.0)
            second = np.float32(2.0 * np.float64(ran1(rng)) - 1.0)
            square = first * first + second * second
            # Without a branch: which ones are in the circle, no processor can predict.
            v1[found], v2[found], rsq[found] = first, second, square
            found += np.int64((square < 1) & (square != 0))
        if polar_factors(rsq[:pairs], factor) > 0:
            for i in range(pairs):
                if factor[i] < 0.0:
                    factor[i] = np.float32(math.sqrt(-2.0 * math.log(rsq[i]) / rsq[i]))
        for i in range(pairs):
            fac = np.float32(factor[i])
            out[done] = np.float32(v2[i]) * fac
            spare = np.float32(v1[i]) * fac
            done += 1
            if done < out.size:
                out[done] = spare
                done += 1
            else:
                rng["gauss"], rng["has_gauss"] = spare, 1


@inner
def polar_factors(rsq, factor):
    """Write what the polar method multiplies with, rounded to single precision.

    With a logarithm that is no library's, so that the loop is vectorised. Where its
    last digits could decide how C's is rounded, -1 is written; returns how many.
    """
    vector_loop()
    unsure = 0
    for i in range(rsq.size):
        size = math.sqrt(-2.0 * logarithm(rsq[i]) / rsq[i])
        low = np.float64(np.float32(size * (1.0 - UNSURE)))
        high = np.float64(np.float32(size * (1.0 + UNSURE)))
        unsure += np.int64(low != high)
        factor[i] = low if low == high else -1.0
    return unsure


@serial
def scaled_units(image, gain, adc_offset, half, largest, out):
    """Write image * `gain` + `adc_offset` + `half`, clamped, its fraction cut."""
    spixels, fpixels = image.shape
    for slow in range(spixels):
        for fast in range(fpixels):
            adu = np.float64(image[slow, fast]) * gain + adc_offset + half
            out[slow, fast] = np.int64(min(max(adu, 0.0), largest))
