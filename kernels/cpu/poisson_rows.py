# SPDX-License-Identifier: MIT
"""Photons of whole rows of pixels, by counter: the numbers of `poisson`, faster.

Steps over a block of pixels whose arrays stay in the L1 cache; most are vectorised.
Nothing is added up across pixels, so any split of an image gives the same.
"""

import numpy as np

from ..elementary import CENTRE, central, normal
from ..jit import entry, scalar
from ..philox import (
    CALIBRATION,
    HALF,
    PHOTONS,
    PIXEL_FLICKER,
    READOUT,
    philox,
    uniform,
)
from ..poisson import (
    FIRST_TRIAL,
    NO_TRIAL,
    SIXTEENTH,
    TABLE_MEANS,
    coarse_place,
    fine_place,
    kept,
    kept_at_once,
    looked_up,
    maybe_more,
    no_photons,
    proposal,
    rest_deviate,
    rest_photons,
    spare_bits,
)
from ..rounding import product
from .intrinsics import vector_loop

#: Pixels of a block.
BLOCK = 256
#: Numbers of photons are cut here, so that their sum fits.
LARGEST = 2.0**50

# Nobody calls these from C; several Python threads run them at once.
row_loop = entry(no_cfunc_wrapper=True)
# Part of the others' machine code.
block_loop = scalar


@block_loop
def draw_words(first, frame, k0, k1, u, v):
    """Write the two words of 64 bits of each pixel's first draw."""
    vector_loop()
    for i in range(u.size):
        pixel = first + np.uint64(i)
        w0, w1, w2, w3 = philox(pixel, frame, PHOTONS, NO_TRIAL, k0, k1)
        u[i] = (w0 << HALF) | w1
        v[i] = (w2 << HALF) | w3


@block_loop
def find_places(means, u, v, in_coarse, in_fine, rest):
    """Write each pixel's places in both tables, and what its mean is above them.

    Returns how many means are too large for the tables; theirs are taken as 0.
    """
    vector_loop()
    large = 0
    for i in range(means.size):
        mean = means[i]
        large += np.int64(mean >= TABLE_MEANS)
        mean = mean if 0.0 < mean < TABLE_MEANS else 0.0
        # int32: there is a vector instruction that makes them of float64.
        whole = np.int32(mean * 16.0)
        rest[i] = mean - product(float(whole), SIXTEENTH)
        sixteenths = np.uint64(np.uint32(whole))
        in_coarse[i] = coarse_place(sixteenths, u[i])
        in_fine[i] = fine_place(sixteenths, v[i])
    return large


@block_loop
def look_up(coarse, fine, in_coarse, in_fine):
    """Replace places by what the tables have there."""
    for i in range(in_coarse.size):
        in_coarse[i] = coarse[in_coarse[i]]
        in_fine[i] = fine[in_fine[i]]


@block_loop
def look_up_photons(u, v, of_coarse, of_fine, rest, left, count):
    """Write the photons of both tables; return how many rests may have more.

    `left` are those rests, and -1 for the others. (Not `rest` itself: written back only
    where it changes, it makes masked stores, which are slow.)
    """
    vector_loop()
    more = 0
    for i in range(count.size):
        count[i] = np.int64(looked_up(of_coarse[i], of_fine[i], u[i], v[i]))
        maybe = maybe_more(rest[i], spare_bits(u[i], v[i]))
        left[i] = rest[i] if maybe else -1.0
        more += np.int64(maybe)
    return more


@block_loop
def one_of_rest(rest, spare, pixel, frame, k0, k1, count):
    """Write the photons of rests as if there were one at most; 2 where there are more.

    The numbers of `rest_photons`.
    """
    vector_loop()
    for i in range(count.size):
        counter = np.uint64(pixel[i])
        w0, w1, _, _ = philox(counter, frame, PHOTONS, FIRST_TRIAL, k0, k1)
        u = rest_deviate(spare[i], w0, w1)
        none = no_photons(rest[i])
        more = none + product(none, rest[i])
        count[i] = np.int64(u >= none) + np.int64(u >= more)


@block_loop
def add_rests(rest, u, v, first, frame, k0, k1, scratch, words, count):
    """Add the photons of the rests that may have any: those that are not below 0."""
    which, pixel, found = words[0], words[1], words[2]
    some, spare = scratch[0], scratch[1]
    n = 0
    for i in range(rest.size):
        # Without a branch: which ones have any, no processor can predict.
        which[n] = i
        n += np.int64(rest[i] >= 0.0)
    for j in range(n):
        i = which[j]
        some[j] = rest[i]
        spare[j] = spare_bits(u[i], v[i])
        pixel[j] = first + np.uint64(i)
    one_of_rest(some[:n], spare, pixel, frame, k0, k1, found[:n])
    for j in range(n):
        photons = found[j]
        if photons > 1:
            p = np.uint64(pixel[j])
            photons = rest_photons(some[j], spare[j], p, frame, k0, k1)
        count[which[j]] += photons


@block_loop
def propose(mean, pixel, frame, trial, k0, k1, k, tail, v):
    """Write the proposals of one trial: `proposal` and its second deviate.

    A `tail` of 1 says that a proposal is kept at once.
    """
    vector_loop()
    for i in range(mean.size):
        w0, w1, w2, w3 = philox(pixel[i], frame, PHOTONS, trial, k0, k1)
        k[i], tail_i = proposal(mean[i], w0, w1)
        v[i] = uniform(w2, w3)
        tail[i] = 1.0 if kept_at_once(mean[i], tail_i, v[i]) else tail_i


@block_loop
def judge(mean, k, tail, v):
    """Make the `v` of proposals that are kept 1, and of the others 0."""
    vector_loop()
    for i in range(mean.size):
        v[i] = 1.0 if kept(mean[i], k[i], tail[i], v[i]) else 0.0


@block_loop
def settle(mean, pixel, first, k, tail, v, verdict, count):
    """Write the kept proposals to their pixels, move the others to the front.

    `verdict` is `tail` or `v`, 1 where a proposal is kept. Returns their number.
    """
    left = 0
    for i in range(mean.size):
        if verdict[i] == 1.0:
            count[np.int64(pixel[i] - first)] = np.int64(min(k[i], LARGEST))
        else:
            mean[left], pixel[left] = mean[i], pixel[i]
            k[left], tail[left], v[left] = k[i], tail[i], v[i]
            left += 1
    return left


@block_loop
def reject_block(means, first, frame, k0, k1, scratch, pixel, count):
    """Write the photons of the means that are too large for the tables."""
    mean, k, tail, v = scratch[0], scratch[1], scratch[2], scratch[3]
    n = 0
    for i in range(means.size):
        if means[i] >= TABLE_MEANS:
            mean[n], pixel[n] = means[i], first + np.uint64(i)
            n += 1
    trial = NO_TRIAL
    while n > 0:
        propose(mean[:n], pixel, frame, trial, k0, k1, k, tail, v)
        n = settle(mean[:n], pixel, first, k, tail, v, tail, count)
        judge(mean[:n], k, tail, v)
        n = settle(mean[:n], pixel, first, k, tail, v, v, count)
        trial += FIRST_TRIAL


@block_loop
def poisson_block(
    means, first, frame, k0, k1, coarse, fine, scratch, words, places, count
):
    """Write the photons of pixels that follow each other: the numbers of `poisson`.

    Parameters
    ----------
    means
        (n,) float64, n at most BLOCK.
    first
        Number of the first pixel in the image, uint64.
    frame, k0, k1, coarse, fine
        As in `poisson`.
    scratch, words
        (4, BLOCK) float64 and (4, BLOCK) uint64.
    places
        (3, BLOCK) int64.
    count
        (n,) int64.
    """
    n = means.size
    u, v, in_coarse, in_fine = words[0, :n], words[1, :n], words[2, :n], words[3, :n]
    rest, left = scratch[0, :n], scratch[1, :n]
    draw_words(first, frame, k0, k1, u, v)
    large = find_places(means, u, v, in_coarse, in_fine, rest)
    look_up(coarse, fine, in_coarse, in_fine)
    if look_up_photons(u, v, in_coarse, in_fine, rest, left, count) > 0:
        add_rests(left, u, v, first, frame, k0, k1, scratch[2:], places, count)
    if large > 0:
        reject_block(means, first, frame, k0, k1, scratch, words[0], count)


@block_loop
def find_means(expected, factors, factor, means):
    """Write the means of some pixels; `factors` of each, or none.

    Those of pixels that are not finite are 0; returns their number.
    """
    vector_loop()
    bad = 0
    if factors.size:
        for i in range(means.size):
            mean = np.float64(expected[i]) * factor * factors[i]
            finite = mean - mean == 0.0
            means[i] = mean if finite else 0.0
            bad += np.int64(not finite)
    else:
        for i in range(means.size):
            mean = np.float64(expected[i]) * factor
            finite = mean - mean == 0.0
            means[i] = mean if finite else 0.0
            bad += np.int64(not finite)
    return bad


@block_loop
def cut(count, largest, out):
    """Write what the detector can hold of some pixels; return photons and overloads."""
    vector_loop()
    overloads = 0
    photons = 0
    for i in range(count.size):
        overloads += np.int64(count[i] > largest)
        photons += count[i]
        out[i] = np.uint32(min(count[i], largest))
    return photons, overloads


@row_loop
def count_rows(
    expected, pattern, factor, first, frame, k0, k1, coarse, fine, largest, out
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
    frame, k0, k1, coarse, fine
        As in `poisson.poisson`.
    largest
        Counts that the detector can hold, at most 2^32 - 1.
    out
        (slow, fast) uint32.

    Returns
    -------
    photons, overloads, bad
        Sum of what was drawn (float64, whole), number of pixels above `largest`, and
        of those whose mean is infinite or not a number: they have no photons.
    """
    spixels, fpixels = expected.shape
    means, count = np.empty(BLOCK), np.empty(BLOCK, np.int64)
    scratch, words = np.empty((4, BLOCK)), np.empty((4, BLOCK), np.uint64)
    places = np.empty((3, BLOCK), np.int64)
    none = np.empty(0)
    most = np.int64(largest)
    photons = 0.0
    overloads = 0
    bad = 0
    for slow in range(spixels):
        for fast in range(0, fpixels, BLOCK):
            n = min(BLOCK, fpixels - fast)
            some = slice(fast, fast + n)
            factors = pattern[slow, some] if pattern.size else none
            bad += find_means(expected[slow, some], factors, factor, means[:n])
            pixel = first + np.uint64(slow * fpixels + fast)
            poisson_block(
                means[:n],
                pixel,
                frame,
                k0,
                k1,
                coarse,
                fine,
                scratch,
                words,
                places,
                count[:n],
            )
            drawn, above = cut(count[:n], most, out[slow, some])
            photons += float(drawn)
            overloads += above
    return photons, overloads, bad


@block_loop
def central_deviates(first, frame, stream, k0, k1, u, deviates):
    """Write uniform deviates, and normal ones that hold in the middle."""
    vector_loop()
    for i in range(deviates.size):
        pixel = first + np.uint64(i)
        w0, w1, _, _ = philox(pixel, frame, stream, NO_TRIAL, k0, k1)
        u[i] = uniform(w0, w1)
        deviates[i] = central(u[i] - 0.5)


@block_loop
def normal_row(first, frame, stream, k0, k1, u, deviates):
    """Write the `elementary.normal_deviate` of pixels that follow each other."""
    central_deviates(first, frame, stream, k0, k1, u, deviates)
    for i in range(deviates.size):
        if abs(u[i] - 0.5) > CENTRE:
            deviates[i] = normal(u[i])


@row_loop
def calibration_rows(relative, first, k0, k1, out):
    """Write 1 + `relative` times a normal deviate of each pixel, (slow, fast) float64.

    The same for every frame: a detector's own pattern.
    """
    nothing = np.uint64(0)
    spixels, fpixels = out.shape
    u = np.empty(fpixels)
    for slow in range(spixels):
        row = out[slow]
        pixel = first + np.uint64(slow * fpixels)
        normal_row(pixel, nothing, CALIBRATION, k0, k1, u, row)
        for fast in range(fpixels):
            row[fast] = 1.0 + product(relative, row[fast])


@row_loop
def flicker_rows(relative, first, frame, k0, k1, out):
    """Multiply every pixel by 1 + `relative` times a deviate of its own (model c)."""
    spixels, fpixels = out.shape
    u, deviates = np.empty(fpixels), np.empty(fpixels)
    for slow in range(spixels):
        pixel = first + np.uint64(slow * fpixels)
        normal_row(pixel, frame, PIXEL_FLICKER, k0, k1, u, deviates)
        row = out[slow]
        for fast in range(fpixels):
            row[fast] *= 1.0 + product(relative, deviates[fast])


@block_loop
def digitise_row(counted, units, deviates, out):
    """Write detector units of a row; return how many pixels were too bright."""
    vector_loop()
    gain, adc_offset, readout, saturation, largest, half = units
    overloads = 0
    for i in range(out.size):
        signal = product(np.float64(counted[i]), gain)
        signal += product(readout, deviates[i])
        adu = min(signal, saturation) + adc_offset
        overloads += np.int64((signal > saturation) | (adu > largest))
        # int32: there is a vector instruction that makes them of float64.
        out[i] = np.int32(min(max(adu + half, 0.0), largest))
    return overloads


@row_loop
def digitise_rows(counted, units, first, frame, k0, k1, out):
    """Write detector units of counted photons.

    Parameters
    ----------
    counted
        (slow, fast) float32, photons.
    units
        Gain, offset, width of the electronics' noise, largest signal without the
        offset, largest whole number (2^31 - 1 at most), and what is added before the
        fraction is cut.
    first, frame, k0, k1
        As in `count_rows`.
    out
        (slow, fast) uint16 or uint32; nothing is below 0.

    Returns
    -------
    int
        Number of pixels that were too bright.
    """
    overloads = 0
    spixels, fpixels = counted.shape
    u, deviates = np.empty(fpixels), np.zeros(fpixels)
    for slow in range(spixels):
        if units[2] > 0.0:
            pixel = first + np.uint64(slow * fpixels)
            normal_row(pixel, frame, READOUT, k0, k1, u, deviates)
        overloads += digitise_row(counted[slow], units, deviates, out[slow])
    return overloads
