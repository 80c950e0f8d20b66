# SPDX-License-Identifier: MIT
"""Numbers of photons drawn by counter: any mean, the same on every machine.

A mean below `TABLE_MEANS` is a multiple of 16, one of 1/16 below 16, and a rest below
1/16; its deviate is the sum of theirs. The first two are each looked up in a table of
A. J. Walker's alias method (ACM Trans. Math. Software 3 (1977) 253): one word chooses
a place, and which of the place's two numbers is meant. The rest has seldom a photon,
which a few bits show; else it is found by adding up probabilities.

Larger means take the rejection of W. Hormann, "The transformed rejection method for
generating Poisson random variables" (PTRS), Insurance: Mathematics and Economics 12
(1993) 39. Its test is made with the deviance k ln(k/mean) - (k - mean), which does not
lose digits at a mean of 1e9 as the difference of two logarithms of factorials does.

Functions without a loop are inlined, so that loops over pixels become vectors.
"""

import math

import numpy as np

from .elementary import logarithm, polynomial
from .jit import scalar, scalar_inline
from .philox import HALF, PHOTONS, as_float, philox, uniform
from .rounding import product

#: Means from here on are drawn by rejection.
TABLE_MEANS = 256
#: Rows: multiples of 16, and multiples of 1/16 below 16.
COARSE_ROWS, FINE_ROWS = 16, 256
#: Places of a row are chosen by so many bits: numbers of photons below 2^bits.
COARSE_BITS, FINE_BITS = 9, 6
#: Bits of a place's threshold, and of each of its two numbers.
THRESHOLD_BITS, NUMBER_BITS = 46, 9
#: Bits that the look-ups leave over of 64 each.
COARSE_SPARE_BITS = 64 - COARSE_BITS - THRESHOLD_BITS
FINE_SPARE_BITS = 64 - FINE_BITS - THRESHOLD_BITS
#: Bits that probabilities are worked out with: e^-240 has 346 zeros behind the point.
WORKING_BITS = 768

SIXTEENTH = 0.0625
COARSE_SHIFT, FINE_SHIFT = np.uint64(64 - COARSE_BITS), np.uint64(64 - FINE_BITS)
TO_COARSE, TO_FINE = np.uint64(COARSE_SPARE_BITS), np.uint64(FINE_SPARE_BITS)
COARSE_SPARE = np.uint64((1 << COARSE_SPARE_BITS) - 1)
FINE_SPARE = np.uint64((1 << FINE_SPARE_BITS) - 1)
TO_THRESHOLD = np.uint64(2 * NUMBER_BITS)
THRESHOLD = np.uint64((1 << THRESHOLD_BITS) - 1)
TO_OTHER = np.uint64(NUMBER_BITS)
NUMBER = np.uint64((1 << NUMBER_BITS) - 1)
ROW, FINE_ROW = np.uint64(8), np.uint64(FINE_ROWS - 1)
COARSE_PLACES, FINE_PLACES = np.uint64(COARSE_BITS), np.uint64(FINE_BITS)
SPARE_STEPS = 2.0 ** (COARSE_SPARE_BITS + FINE_SPARE_BITS)
NO_TRIAL, FIRST_TRIAL = np.uint64(0), np.uint64(1)

#: e^-x for x up to 1/16.
EXP_SERIES = np.array([(-1.0) ** i / math.factorial(i) for i in range(12)])
#: A probability that no deviate of 53 bits resolves.
NOTHING = 2.0**-60


def poisson_tables():
    """Return the alias tables of the means that are looked up.

    Worked out in whole numbers: no rounding, so that every machine has the same.

    Returns
    -------
    coarse, fine
        (16 * 512,) and (256 * 64,) uint64: places of the means 0, 16 ... 240 and of
        0, 1/16 ... 255/16. A place is a threshold (46 bits), the number of photons
        from there on, and the number below it (9 bits each).
    """
    coarse = [alias_row(chances(16 * row, 1, COARSE_BITS)) for row in range(16)]
    fine = [alias_row(chances(row, 16, FINE_BITS)) for row in range(FINE_ROWS)]
    return np.array(coarse, np.uint64).ravel(), np.array(fine, np.uint64).ravel()


def chances(numerator, denominator, bits):
    """Return the probabilities of the numbers below 2^`bits`, as whole numbers.

    They add up to 2^(`bits` + THRESHOLD_BITS); the last has those of all beyond.
    """
    drop = WORKING_BITS - bits - THRESHOLD_BITS
    # e^-mean = sum of (-mean)^i / i!
    chance = term = 1 << WORKING_BITS
    i = 0
    while term:
        i += 1
        term = term * numerator // (denominator * i)
        chance += -term if i % 2 else term
    edges = [0]
    below = chance
    for k in range(1, 1 << bits):
        edges.append(below >> drop)
        chance = chance * numerator // (denominator * k)
        below += chance
    edges.append(1 << (bits + THRESHOLD_BITS))
    return [high - low for low, high in zip(edges, edges[1:])]


def alias_row(weights):
    """Return the places of a row: Walker's table of `weights`, their mean 2^46."""
    one = 1 << THRESHOLD_BITS
    rest = list(weights)
    places = [(one - 1) << 18 | k << NUMBER_BITS | k for k in range(len(rest))]
    poor = [k for k, weight in enumerate(rest) if weight < one]
    rich = [k for k, weight in enumerate(rest) if weight >= one]
    while poor and rich:
        k, giver = poor.pop(), rich[-1]
        places[k] = rest[k] << 18 | giver << NUMBER_BITS | k
        rest[giver] -= one - rest[k]
        if rest[giver] < one:
            poor.append(rich.pop())
    return places


@scalar_inline
def coarse_place(sixteenths, u):
    """Return the place in the coarse table; `sixteenths` of the mean, uint64."""
    return ((sixteenths >> ROW) << COARSE_PLACES) | (u >> COARSE_SHIFT)


@scalar_inline
def fine_place(sixteenths, v):
    """Return the place in the fine table."""
    return ((sixteenths & FINE_ROW) << FINE_PLACES) | (v >> FINE_SHIFT)


@scalar_inline
def chosen(place, word):
    """Return the number of photons of a place, by the low 46 bits of a word."""
    other = (place >> TO_OTHER) & NUMBER
    return place & NUMBER if (word & THRESHOLD) < place >> TO_THRESHOLD else other


@scalar_inline
def looked_up(coarse_entry, fine_entry, u, v):
    """Return the photons of both multiples, from their entries in the tables."""
    return chosen(coarse_entry, u >> TO_COARSE) + chosen(fine_entry, v >> TO_FINE)


@scalar_inline
def spare_bits(u, v):
    """Return the 21 bits that no look-up uses, as float64."""
    return as_float(((u & COARSE_SPARE) << TO_FINE) | (v & FINE_SPARE))


@scalar_inline
def maybe_more(rest, spare):
    """Return whether a rest may have a photon: spare bits not below 1 - rest."""
    # e^-rest is more than 1 - rest.
    return spare + 1.0 > (1.0 - rest) * SPARE_STEPS


@scalar_inline
def rest_deviate(spare, high, low):
    """Return the uniform deviate of a rest: spare bits, and words behind them."""
    return (spare + uniform(high, low)) / SPARE_STEPS


@scalar_inline
def no_photons(rest):
    """Return e^-`rest`, of a rest below 1/16."""
    return polynomial(rest, EXP_SERIES)


@scalar
def rest_photons(rest, spare, pixel, frame, k0, k1):
    """Return the photons of a rest below 1/16: inversion of the spare bits and more."""
    w0, w1, _, _ = philox(pixel, frame, PHOTONS, FIRST_TRIAL, k0, k1)
    u = rest_deviate(spare, w0, w1)
    chance = below = no_photons(rest)
    count = 0
    while u >= below and chance > NOTHING:
        count += 1
        chance = product(product(chance, rest), 1.0 / count)
        below += chance
    return count


@scalar_inline
def stirling_rest(k):
    """Return what Stirling's formula leaves of ln(k!), k > 100."""
    inverse = 1.0 / k
    square = product(inverse, inverse)
    return product(
        inverse, 1.0 / 12.0 - product(square, 1.0 / 360.0 - product(square, 1 / 1260.0))
    )


@scalar_inline
def log_chance(k, mean):
    """Return the logarithm of the probability of `k` photons, k > 100."""
    deviance = product(k, logarithm(k / mean)) - (k - mean)
    width = 0.5 * logarithm(product(2.0 * math.pi, k))
    return -deviance - width - stirling_rest(k)


@scalar_inline
def widths(mean):
    """Return PTRS' a and b: those of its hat's flanks and of its middle."""
    b = 0.931 + product(2.53, math.sqrt(mean))
    return -0.059 + product(0.02483, b), b


@scalar_inline
def proposal(mean, high, low):
    """Return a number of photons, float64, and how far from the tails its deviate is.

    Parameters
    ----------
    mean
        At least `TABLE_MEANS`.
    high, low
        Words of the deviate.
    """
    a, b = widths(mean)
    u = uniform(high, low) - 0.5
    tail = 0.5 - abs(u)
    return math.floor(product(2.0 * a / tail + b, u) + mean + 0.43), tail


@scalar_inline
def kept_at_once(mean, tail, v):
    """Return whether a proposal is kept without looking at its probability."""
    _, b = widths(mean)
    return (tail >= 0.07) & (v <= 0.9277 - 3.6224 / (b - 2.0))


@scalar_inline
def kept(mean, k, tail, v):
    """Return whether any other proposal is kept."""
    a, b = widths(mean)
    # Below 101 photons: a chance of 1e-28 and less.
    possible = (k >= 101.0) & ((tail >= 0.013) | (v <= tail))
    k = max(k, 101.0)
    log_inverse_alpha = logarithm(1.1239 + 1.1328 / (b - 3.4))
    hat = logarithm(a / product(tail, tail) + b)
    # No short cut: both sides are worked out, so that a loop of it is vectorised.
    return possible & (logarithm(v) + log_inverse_alpha - hat <= log_chance(k, mean))


@scalar
def by_rejection(mean, pixel, frame, k0, k1):
    """Return a deviate of a mean of at least `TABLE_MEANS`, float64."""
    trial = NO_TRIAL
    while True:
        w0, w1, w2, w3 = philox(pixel, frame, PHOTONS, trial, k0, k1)
        k, tail = proposal(mean, w0, w1)
        v = uniform(w2, w3)
        if kept_at_once(mean, tail, v) or kept(mean, k, tail, v):
            return k
        trial += FIRST_TRIAL


@scalar
def poisson(mean, pixel, frame, k0, k1, coarse, fine):
    """Return a deviate of a mean, float64: the photons of one pixel.

    Parameters
    ----------
    mean
        Expected photons; 0 photons for 0, less and nan.
    pixel, frame, k0, k1
        Counter and key of `philox`, uint64.
    coarse, fine
        Of `poisson_tables`.
    """
    if not mean > 0.0:
        return 0.0
    if mean >= TABLE_MEANS:
        return by_rejection(mean, pixel, frame, k0, k1)
    w0, w1, w2, w3 = philox(pixel, frame, PHOTONS, NO_TRIAL, k0, k1)
    u, v = (w0 << HALF) | w1, (w2 << HALF) | w3
    sixteenths = np.uint64(mean * 16.0)
    coarse_entry = coarse[coarse_place(sixteenths, u)]
    photons = looked_up(coarse_entry, fine[fine_place(sixteenths, v)], u, v)
    rest = mean - product(float(sixteenths), SIXTEENTH)
    spare = spare_bits(u, v)
    if maybe_more(rest, spare):
        photons += np.uint64(rest_photons(rest, spare, pixel, frame, k0, k1))
    return float(photons)
