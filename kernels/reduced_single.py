# SPDX-License-Identifier: MIT
"""The forms of `reduced` in float32: polynomials of lower degree, same arguments.

Every constant is a float32, because numba widens an expression that holds one
Python float. `N d - round(N d)` is an argument of its own: for large N it is
formed in float64 (see `lanes_single`).
"""

import math

import numpy as np

from .intrinsics import bits_of_float32, float32_of_bits, scale_by_power_of_two32
from .jit import lanes_inline

#: Adding and subtracting 1.5 * 2^23 rounds a float32 to a whole number.
MAGIC = np.float32(12582912.0)
#: As `reduced.TINY`; its third power is still a normal float32.
TINY = np.float32(1e-12)
ZERO, ONE = np.float32(0.0), np.float32(1.0)
NINE, CROSSOVER = np.float32(9.0), np.float32(2.0)
PI, PI_SQR = np.float32(math.pi), np.float32(math.pi**2)
LOWEST_EXPONENT = np.float32(-120.0)

# sin(pi sqrt z) / sqrt z, cos(pi sqrt z), 2^x; interpolated at Chebyshev nodes.
S0, S1, S2, S3, S4 = (
    np.float32(c)
    for c in (
        3.1415926400772034,
        -5.167710076668314,
        2.550077386528911,
        -0.5982904112834221,
        0.0776559122760025,
    )
)
C0, C1, C2, C3, C4, C5 = (
    np.float32(c)
    for c in (
        0.999999999779154,
        -4.934802136928946,
        4.058709154763134,
        -1.3352119493905483,
        0.23493706859507804,
        -0.024395932097537244,
    )
)
E1, E2, E3, E4, E5, E6 = (
    np.float32(c)
    for c in (
        0.6931472067028326,
        0.24022650922288757,
        0.055503272266703006,
        0.009618056678524627,
        0.001340042817761634,
        0.00015461444698573797,
    )
)
# sinc3(sqrt z) = 1 + R1 z + R2 z^2 + ...
R1, R2, R3, R4, R5 = (
    np.float32(c) for c in (-1 / 10, 1 / 280, -1 / 15120, 1 / 1330560, -1 / 172972800)
)


@lanes_inline
def round_even(x):
    """Return the nearest whole number, halves to even, for |x| < 2^22."""
    return (x + MAGIC) - MAGIC


@lanes_inline
def sin_pi(x):
    """Return sin(pi x) for |x| <= 1/2."""
    z = x * x
    return x * ((((S4 * z + S3) * z + S2) * z + S1) * z + S0)


@lanes_inline
def cos_pi(x):
    """Return cos(pi x) for |x| <= 1/2."""
    z = x * x
    return ((((C5 * z + C4) * z + C3) * z + C2) * z + C1) * z + C0


@lanes_inline
def exp2(x):
    """Return 2^x for -126 < x <= 0."""
    shifted = x + MAGIC
    f = x - (shifted - MAGIC)
    p = (((((E6 * f + E5) * f + E4) * f + E3) * f + E2) * f + E1) * f + ONE
    return float32_of_bits(
        scale_by_power_of_two32(bits_of_float32(p), bits_of_float32(shifted))
    )


@lanes_inline
def square_any(dh, dk, dl, rh, rk, rl, shape):
    """See `reduced.square_any`; rh, rk, rl are N d without its whole part."""
    top = sin_pi(rh) * sin_pi(rk) * sin_pi(rl)
    ratio = top / (sin_pi(dh) * sin_pi(dk) * sin_pi(dl))
    return ratio * ratio


@lanes_inline
def _chebyshev(s, c, axis):
    high = (c[axis, 4] * s + c[axis, 3]) * s + c[axis, 2]
    return (high * s + c[axis, 1]) * s + c[axis, 0]


@lanes_inline
def square_few(dh, dk, dl, rh, rk, rl, shape):
    """See `reduced.square_few`."""
    c = shape.series
    sh = sin_pi(dh)
    sk = sin_pi(dk)
    sl = sin_pi(dl)
    sh *= sh
    sk *= sk
    sl *= sl
    t = _chebyshev(sh, c, 0) * _chebyshev(sk, c, 1) * _chebyshev(sl, c, 2)
    cosines = (ONE - c[0, 5] * sh) * (ONE - c[1, 5] * sk) * (ONE - c[2, 5] * sl)
    return t * t * cosines


@lanes_inline
def distance_sqr(dh, dk, dl, metric):
    """Return d . G . d with the six elements of a symmetric matrix."""
    return dh * (metric[0] * dh + (metric[3] * dk + metric[4] * dl)) + (
        dk * (metric[1] * dk + metric[5] * dl) + metric[2] * (dl * dl)
    )


@lanes_inline
def gauss(dh, dk, dl, rh, rk, rl, shape):
    """See `reduced.gauss`; never below 2^-120."""
    return exp2(max(-distance_sqr(dh, dk, dl, shape.metric), LOWEST_EXPONENT))


@lanes_inline
def round_spot(dh, dk, dl, rh, rk, rl, shape):
    """See `reduced.round_spot`; the series reaches further, to z = 2."""
    u = shape.Na * dh
    v = shape.Nb * dk
    w = shape.Nc * dl
    q = u * u + (v * v + w * w) + TINY
    x = math.sqrt(q)
    r = x - round_even(x)
    top = sin_pi(r) - (PI * x) * cos_pi(r)
    z = q * PI_SQR
    closed = NINE * (top * top) / (z * z * z)
    series = ((((R5 * z + R4) * z + R3) * z + R2) * z + R1) * z + ONE
    return series * series if z < CROSSOVER else closed
