# SPDX-License-Identifier: MIT
"""Numbers of photons drawn by counter: any mean, the same on every machine.

A mean below `TABLE_MEANS` is a whole number plus a rest below 1, and its deviate the
sum of two: the first is looked up in a table of the distribution function, the second
found by adding up probabilities, both by inversion of one uniform deviate. Larger
means take the rejection of W. Hormann, "The transformed rejection method for
generating Poisson random variables" (PTRS), Insurance: Mathematics and Economics 12
(1993) 39. Its test is made with the deviance k ln(k/mean) - (k - mean), which does not
lose digits at a mean of 1e9 as the difference of two logarithms of factorials does.
"""

import math

import numpy as np

from .elementary import logarithm, polynomial
from .jit import scalar, scalar_inline
from .philox import HALF, PHOTONS, philox, uniform
from .rounding import product

#: Whole means with a row of their own in the table.
TABLE_MEANS = 256
#: Columns of a row: beyond the last the probability is below 2^-63.
TABLE_WIDTH = 512
#: Places of a row's guide.
GUIDE_BITS = 8
#: Bits of the table's probabilities; 1 is then a uint64, too.
TABLE_BITS = 63
#: Bits that the table is computed with: e^-255 has 368 zeros behind the point.
WORKING_BITS = 768

#: e^x for |x| up to 1/2.
EXP_SERIES = np.array([1.0 / math.factorial(i) for i in range(15)])
EXP_HALF = math.exp(-0.5)

ONE = np.uint64(1)
TO_GUIDE = np.uint64(TABLE_BITS - GUIDE_BITS)


def poisson_table():
    """Return the distribution functions of the whole means 0 to `TABLE_MEANS` - 1.

    Worked out in whole numbers: no rounding, so that every machine has the same.

    Returns
    -------
    table
        (TABLE_MEANS, TABLE_WIDTH) uint64: probability of up to k photons, in 2^-63.
    guide
        (TABLE_MEANS, 2**GUIDE_BITS) uint16: smallest k for a uniform deviate with
        these first bits.
    """
    table = np.full((TABLE_MEANS, TABLE_WIDTH), 1 << TABLE_BITS, np.uint64)
    guide = np.empty((TABLE_MEANS, 1 << GUIDE_BITS), np.uint16)
    places = np.arange(1 << GUIDE_BITS, dtype=np.uint64) << TO_GUIDE
    drop = WORKING_BITS - TABLE_BITS
    # e^-1 = sum of (-1)^i / i!
    term = inverse_e = 1 << WORKING_BITS
    for i in range(1, WORKING_BITS):
        term //= i
        inverse_e += -term if i % 2 else term
    nothing = 1 << WORKING_BITS
    for mean in range(TABLE_MEANS):
        chance = below = nothing
        for k in range(TABLE_WIDTH):
            table[mean, k] = below >> drop
            chance = chance * mean // (k + 1)
            below += chance
            if chance >> drop == 0 and k > mean:
                break
        guide[mean] = np.searchsorted(table[mean], places, side="right")
        nothing = nothing * inverse_e >> WORKING_BITS
    return table, guide


@scalar
def from_table(mean, high, low, table, guide):
    """Return a deviate of a whole mean, by inversion of two words."""
    u = ((high << HALF) | low) >> ONE
    k = guide[mean, u >> TO_GUIDE]
    while u >= table[mean, k]:
        k += 1
    return np.int64(k)


@scalar_inline
def no_photon(rest):
    """Return e^-`rest`, 0 <= `rest` < 1: the probability of no photon."""
    return product(EXP_HALF, polynomial(0.5 - rest, EXP_SERIES))


@scalar
def rest_count(rest, u):
    """Return a deviate of a mean below 1, by inversion of a uniform deviate."""
    chance = below = no_photon(rest)
    count = 0
    while u >= below:
        count += 1
        chance = product(product(chance, rest), 1.0 / count)
        below += chance
    return count


@scalar
def stirling_rest(k):
    """Return what Stirling's formula leaves of ln(k!), k > 100."""
    inverse = 1.0 / k
    square = product(inverse, inverse)
    return product(inverse, 1.0 / 12.0 - product(square, 1.0 / 360.0 - square / 1260.0))


@scalar
def log_chance(k, mean):
    """Return the logarithm of the probability of `k` photons, k > 100."""
    deviance = product(k, logarithm(k / mean)) - (k - mean)
    width = 0.5 * logarithm(product(2.0 * math.pi, k))
    return -deviance - width - stirling_rest(k)


@scalar
def by_rejection(mean, pixel, frame, k0, k1):
    """Return a deviate of a mean of at least `TABLE_MEANS`, float64 (PTRS)."""
    width = math.sqrt(mean)
    b = 0.931 + product(2.53, width)
    a = -0.059 + product(0.02483, b)
    log_inverse_alpha = logarithm(1.1239 + 1.1328 / (b - 3.4))
    quick = 0.9277 - 3.6224 / (b - 2.0)
    trial = np.uint64(0)
    while True:
        w0, w1, w2, w3 = philox(pixel, frame, PHOTONS, trial, k0, k1)
        trial += ONE
        u = uniform(w0, w1) - 0.5
        v = uniform(w2, w3)
        us = 0.5 - abs(u)
        slope = 2.0 * a / us + b
        k = math.floor(product(slope, u) + mean + 0.43)
        if us >= 0.07 and v <= quick:
            return k
        # Below 101 photons: a chance of 1e-28 and less.
        if k < 101.0 or (us < 0.013 and v > us):
            continue
        hat = logarithm(a / product(us, us) + b)
        if logarithm(v) + log_inverse_alpha - hat <= log_chance(k, mean):
            return k


@scalar
def poisson(mean, pixel, frame, k0, k1, table, guide):
    """Return a deviate of a mean, float64: the photons of one pixel.

    Parameters
    ----------
    mean
        Expected photons; 0 photons for 0, less and nan.
    pixel, frame, k0, k1
        Counter and key of `philox`, uint64.
    table, guide
        Of `poisson_table`.
    """
    if not mean > 0.0:
        return 0.0
    if mean >= TABLE_MEANS:
        return by_rejection(mean, pixel, frame, k0, k1)
    w0, w1, w2, w3 = philox(pixel, frame, PHOTONS, np.uint64(0), k0, k1)
    whole = np.int64(mean)
    count = from_table(whole, w0, w1, table, guide)
    return float(count + rest_count(mean - whole, uniform(w2, w3)))
