# SPDX-License-Identifier: MIT
"""Random numbers that are a function of where they are used: Philox4x32-10.

Four 32-bit words come from a counter of four words and a key of two (J. Salmon, M.
Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11,
doi:10.1145/2063384.2063405). nbsim counts (pixel, frame, stream, trial) and takes the
seed for the key, so that a pixel's numbers depend on nothing that was drawn before:
the same for any number of threads, order of frames, and on a CUDA device.

Words are kept in uint64: a product of two of them fits, also in plain Python, and
four of them at a time are multiplied by AVX2.
"""

import numpy as np

from .jit import scalar_inline

LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
MULTIPLIER_0 = np.uint64(0xD2511F53)
MULTIPLIER_1 = np.uint64(0xCD9E8D57)
WEYL_0 = np.uint64(0x9E3779B9)
WEYL_1 = np.uint64(0xBB67AE85)

#: What the third word of the counter stands for.
PHOTONS, READOUT, FLICKER, CALIBRATION, PIXEL_FLICKER = (np.uint64(i) for i in range(5))

#: Exponent of 1.0, and how far to shift 64 bits to leave a mantissa.
ONE_BITS = np.uint64(0x3FF0000000000000)
TO_MANTISSA = np.uint64(12)
HALF_STEP = 2.0**-53
TWO_52 = 2.0**52
TWO_52_BITS = np.uint64(0x4330000000000000)


@scalar_inline
def one_round(c0, c1, c2, c3, k0, k1):
    """Return counter and key after one of Philox' rounds."""
    first = MULTIPLIER_0 * c0
    second = MULTIPLIER_1 * c2
    return (
        (second >> HALF) ^ c1 ^ k0,
        second & LOW,
        (first >> HALF) ^ c3 ^ k1,
        first & LOW,
        (k0 + WEYL_0) & LOW,
        (k1 + WEYL_1) & LOW,
    )


@scalar_inline
def philox(c0, c1, c2, c3, k0, k1):
    """Return four random 32-bit words.

    Parameters
    ----------
    c0, c1, c2, c3
        Counter; uint64 below 2**32.
    k0, k1
        Key; uint64 below 2**32.

    Returns
    -------
    tuple of uint64
        Each below 2**32.
    """
    # Ten rounds, written out: a loop inside a loop over pixels is not vectorised.
    c0, c1, c2, c3, k0, k1 = one_round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = one_round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = one_round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = one_round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = one_round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = one_round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = one_round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = one_round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = one_round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = one_round(c0, c1, c2, c3, k0, k1)
    return c0, c1, c2, c3


@scalar_inline
def as_float(bits):
    """Return a whole number below 2**52, uint64, as float64.

    As the low bits of the mantissa of 2**52: AVX2 converts no whole numbers of 64 bits.
    """
    return np.uint64(bits | TWO_52_BITS).view(np.float64) - TWO_52


@scalar_inline
def uniform(high, low):
    """Return a uniform deviate of two words: odd multiples of 2**-53 below 1.

    Never 0 and never 1, so that its logarithm exists.
    """
    bits = ((high << HALF) | low) >> TO_MANTISSA
    return np.uint64(bits | ONE_BITS).view(np.float64) - 1.0 + HALF_STEP
