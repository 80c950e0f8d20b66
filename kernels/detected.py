# SPDX-License-Identifier: MIT
"""Photons to detector units with the C program noisify's random numbers, bit for bit.

Follows noisify.c (J. Holton): two streams of deviates, of the seed and of the
calibration's seed, share one table of shuffled values and one spare Gaussian, so that
the order of all draws counts and the loops are serial. `rng` is the record of `random`;
its `streams` hold where each stream is.
"""

import numpy as np

from .jit import entry, scalar
from .random import (
    REJECTION_LIMIT,
    gaussdev,
    poidev,
    poidev_gauss,
    start_stream,
)

# Nobody calls these from C.
serial = entry(no_cfunc_wrapper=True)
# Part of the others' machine code.
inner = scalar

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
    total = 0.0
    spixels, fpixels = expected.shape
    if flicker == 0.0 and calibration == 0.0:
        # One stream: no need to put it in place for every draw.
        resume(SEED, rng)
        for slow in range(spixels):
            for fast in range(fpixels):
                photons = poidev(expected[slow, fast], rng)
                out[slow, fast] = photons
                total += np.float64(photons)
        rng["streams"][SEED] = rng["state"]
        return total
    for slow in range(spixels):
        for fast in range(fpixels):
            mean = np.float64(expected[slow, fast])
            if flicker > 0.0:
                mean *= 1.0 + flicker * gauss_of(SEED, rng)
            if calibration > 0.0:
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
    for slow in range(spixels):
        for fast in range(fpixels):
            # C adds the offset first: the last bit can decide a whole number.
            adu = np.float64(counted[slow, fast]) * gain + adc_offset
            if readout > 0.0:
                adu += readout * gauss_of(SEED, rng)
            if adu > min(saturation + adc_offset, largest):
                adu = min(saturation + adc_offset, largest)
                overloads += 1
            out[slow, fast] = np.int64(min(max(adu + half, 0.0), largest))
    return overloads


@serial
def scaled_units(image, gain, adc_offset, half, largest, out):
    """Write image * `gain` + `adc_offset` + `half`, clamped, its fraction cut."""
    spixels, fpixels = image.shape
    for slow in range(spixels):
        for fast in range(fpixels):
            adu = np.float64(image[slow, fast]) * gain + adc_offset + half
            out[slow, fast] = np.int64(min(max(adu, 0.0), largest))
