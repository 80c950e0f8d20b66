# SPDX-License-Identifier: MIT
"""The forms of `reduced` in float32: polynomials of lower degree.

Distances are whole numbers of 2^-32, never 0 (`fixed_point`): N times one is then
exact modulo 1, whatever N. Every constant is a float32, because numba widens an
expression that holds one Python float.
"""

import math

import numpy as np

from .. import fixed_point
from ..jit import lanes_inline
from .intrinsics import bits_of_float32, float32_of_bits, scale_by_power_of_two32
from .reduced import polynomial

# The formulas of the CUDA kernels, with fused multiply-adds.
times_whole = lanes_inline(fixed_point.times_whole.py_func)
sin_pi = lanes_inline(fixed_point.sin_pi_single.py_func)

#: Adding and subtracting 1.5 * 2^23 rounds a float32 to a whole number.
MAGIC = np.float32(12582912.0)
ZERO, ONE = np.float32(0.0), np.float32(1.0)
NINE, CROSSOVER = np.float32(9.0), np.float32(2.0)
PI, PI_SQR = np.float32(math.pi), np.float32(math.pi**2)
LOWEST_EXPONENT = np.float32(-120.0)

# cos(pi sqrt z), 2^x; interpolated at Chebyshev nodes.
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
def distance(d):
    """Return a distance as a float32."""
    return np.float32(d) * fixed_point.UNIT


@lanes_inline
def square_any(dh, dk, dl, shape):
    """See `reduced.square_any`."""
    rh = times_whole(shape.Na, dh)
    rk = times_whole(shape.Nb, dk)
    rl = times_whole(shape.Nc, dl)
    top = sin_pi(rh) * sin_pi(rk) * sin_pi(rl)
    bottom = sin_pi(distance(dh)) * sin_pi(distance(dk)) * sin_pi(distance(dl))
    ratio = top / bottom
    return ratio * ratio


@lanes_inline
def square_few(dh, dk, dl, shape):
    """See `reduced.square_few`."""
    ch, ck, cl = shape.series
    eh, ek, el = shape.even
    sh = sin_pi(distance(dh))
    sk = sin_pi(distance(dk))
    sl = sin_pi(distance(dl))
    sh *= sh
    sk *= sk
    sl *= sl
    t = polynomial(sh, ch) * polynomial(sk, ck) * polynomial(sl, cl)
    cosines = (ONE - eh * sh) * (ONE - ek * sk) * (ONE - el * sl)
    return t * t * cosines


@lanes_inline
def gauss(dh, dk, dl, shape):
    """See `reduced.gauss`; below 2^-120 it is 0, so that a spot has an end."""
    metric = shape.metric
    h = distance(dh)
    k = distance(dk)
    l = distance(dl)
    exponent = h * (metric[0] * h + (metric[3] * k + metric[4] * l)) + (
        k * (metric[1] * k + metric[5] * l) + metric[2] * (l * l)
    )
    value = exp2(max(-exponent, LOWEST_EXPONENT))
    return value if exponent <= -LOWEST_EXPONENT else ZERO


@lanes_inline
def round_spot(dh, dk, dl, shape):
    """See `reduced.round_spot`; the series reaches further, to z = 2."""
    u = shape.Na * distance(dh)
    v = shape.Nb * distance(dk)
    w = shape.Nc * distance(dl)
    q = u * u + (v * v + w * w)
    x = math.sqrt(q)
    r = x - round_even(x)
    top = sin_pi(r) - (PI * x) * cos_pi(r)
    z = q * PI_SQR
    closed = NINE * (top * top) / (z * z * z)
    series = ((((R5 * z + R4) * z + R3) * z + R2) * z + R1) * z + ONE
    return series * series if z < CROSSOVER else closed
