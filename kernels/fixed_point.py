# SPDX-License-Identifier: MIT
"""Lattice factors in single precision that stay exact for large crystals.

A fractional index is formed in float64 with 1.5 * 2^20 as its first addend, so
that the low 32 bits of the sum are the index's distance from its nearest whole
number in units of 2^-32, and the high bits are that number. N times the distance,
modulo 1, is then exact in whole numbers, and only the polynomials are float32.
The index's error is three roundings of 2^-33, whatever its size.

Where float64 is slow (consumer CUDA devices do 2 operations while they do 128 of
other kinds) the same index is formed from whole numbers: cell vectors and scattering
vector are split into 32 + 29 bits, three products of 32 x 32 bits go into a sum of 64,
the high halves of six into a correction. What is cut is less than 2^-40 of the largest
index.
"""

import math

import numpy as np

from .jit import scalar

#: Its float64 neighbours are 2^-32 apart.
FIXED_MAGIC = 1.5 * 2.0**20
#: High word of FIXED_MAGIC.
MAGIC_WORD = 0x41380000
HALF_LESS_ONE = 0x7FFFFFFF
#: Bits of the first and the second part of a number.
HIGH_BITS, LOW_BITS = 31, 29
LOW_MASK = 2**LOW_BITS - 1
#: From units of the correction, of which the low word is dropped, to those of the sum.
TO_UNITS = np.int32(2 ** (32 - LOW_BITS))
#: Value of the lowest bit.
UNIT = np.float32(2.0**-32)
#: sin(pi x) / x in powers of x^2, interpolated at Chebyshev nodes: 7e-9.
SIN_0 = np.float32(3.1415926400772016)
SIN_1 = np.float32(-5.167710076668165)
SIN_2 = np.float32(2.550077386526186)
SIN_3 = np.float32(-0.5982904112667203)
SIN_4 = np.float32(0.07765591224331467)


@scalar
def fixed_index(x, y, z, scattering):
    """Return a.s as the 64 bits of FIXED_MAGIC + a.s.

    Parameters
    ----------
    x, y, z
        A cell vector, m.
    scattering
        1/m.
    """
    shifted = x * scattering[0] + FIXED_MAGIC
    shifted = y * scattering[1] + shifted
    shifted = z * scattering[2] + shifted
    return np.float64(shifted).view(np.int64)


@scalar
def fixed_distance(bits):
    """Return the distance from the nearest whole number, int32 in units of 2^-32.

    The lowest bit is set, so that it is never 0.
    """
    return np.int32(bits | 1)


@scalar
def fixed_whole(bits):
    """Return the nearest whole number; halves go down, as in C."""
    return np.int32(((bits + HALF_LESS_ONE) >> 32) - MAGIC_WORD)


@scalar
def in_units(x, scale):
    """Return a float64 as a whole number (int64) of units; |x scale| < 2^60."""
    return np.int64(x * scale)


@scalar
def in_parts(both):
    """Return a number of `in_units` in two parts, int32, the second 0 ... 2^29 - 1."""
    return np.int32(both >> LOW_BITS), np.int32(both & LOW_MASK)


@scalar
def multiply_add(x, y, total):
    """Return a sum of 64 bits and a product of two numbers of 32."""
    return total + np.int64(x) * np.int64(y)


@scalar
def multiply_high(x, y, total):
    """Return a sum of 32 bits and the high half of a product."""
    return np.int32(total + np.int32((np.int64(x) * np.int64(y)) >> 32))


@scalar
def index_of_parts(x, y, z, high, low, shift):
    """Return a.s in units of 2^-32, int64.

    Parameters
    ----------
    x, y, z
        A cell vector, int64: the first part in the high word, the second in the low.
    high, low
        Parts of the scattering vector, int32.
    shift
        From units of the product to those of the result.
    """
    x_high, y_high, z_high = np.int32(x >> 32), np.int32(y >> 32), np.int32(z >> 32)
    total = multiply_add(x_high, high[0], np.int64(0))
    total = multiply_add(y_high, high[1], total)
    total = multiply_add(z_high, high[2], total)
    more = multiply_high(x_high, low[0], np.int32(0))
    more = multiply_high(y_high, low[1], more)
    more = multiply_high(z_high, low[2], more)
    more = multiply_high(np.int32(x), high[0], more)
    more = multiply_high(np.int32(y), high[1], more)
    more = multiply_high(np.int32(z), high[2], more)
    return multiply_add(more, TO_UNITS, total) >> shift


@scalar
def whole_of_parts(bits):
    """Return the nearest whole number of `index_of_parts`; halves go down."""
    return np.int32((bits + HALF_LESS_ONE) >> 32)


@scalar
def times_whole(N, distance):
    """Return N times a distance, reduced to -1/2 ... 1/2, as float32."""
    return np.float32(np.int32(N * np.int64(distance))) * UNIT


@scalar
def sin_pi_single(x):
    """Return sin(pi x) for |x| <= 1/2, float32."""
    z = x * x
    p = SIN_4 * z + SIN_3
    p = p * z + SIN_2
    p = p * z + SIN_1
    p = p * z + SIN_0
    return x * p


@scalar
def square_parts(dh, dk, dl, N):
    """Return numerator and denominator of a parallelepiped's F_latt, float32.

    Parameters
    ----------
    dh, dk, dl
        From `fixed_distance`.
    N
        Cells along a, b, c, int64.
    """
    top = (
        sin_pi_single(times_whole(N[0], dh))
        * sin_pi_single(times_whole(N[1], dk))
        * sin_pi_single(times_whole(N[2], dl))
    )
    bottom = (
        sin_pi_single(np.float32(dh) * UNIT)
        * sin_pi_single(np.float32(dk) * UNIT)
        * sin_pi_single(np.float32(dl) * UNIT)
    )
    return top, bottom


@scalar
def gauss_single(dh, dk, dl, metric):
    """Return exp(-d . G . d), float32: F_latt^2 of a Gaussian spot of height 1.

    Parameters
    ----------
    dh, dk, dl
        From `fixed_distance`.
    metric
        Six elements of G, float32: hh, kk, ll, 2 hk, 2 hl, 2 kl.
    """
    h = np.float32(dh) * UNIT
    k = np.float32(dk) * UNIT
    l = np.float32(dl) * UNIT
    distance = h * (metric[0] * h + (metric[3] * k + metric[4] * l)) + (
        k * (metric[1] * k + metric[5] * l) + metric[2] * (l * l)
    )
    return np.float32(math.exp(-distance))
