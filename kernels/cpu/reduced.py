# SPDX-License-Identifier: MIT
"""Branch-free forms of the lattice factors, for vector lanes.

Every function takes d = index - nearest whole index, in -1/2 ... 1/2, and
returns F_latt^2 of one shape up to a constant factor that the caller applies at
the end. `tests/test_reduced.py` ties each to the scalar formula of `lattice`.

Polynomials interpolate at Chebyshev nodes in long double; the degree is one
above the first whose error vanishes against float64's rounding in an image.
"""

import math

from numba.extending import overload

from ..jit import LANE_OPTIONS, lanes_inline
from .intrinsics import bits_of_float64, float64_of_bits, scale_by_power_of_two64

#: Adding and subtracting 1.5 * 2^52 rounds a float64 to a whole number.
MAGIC = 6755399441055744.0
#: Added to d, so that 0/0 becomes N at a whole index. Far below rounding
#: elsewhere, and its sixth power is still no underflow.
TINY = 1e-40


@lanes_inline
def round_even(x):
    """Return the nearest whole number, halves to even, for |x| < 2^51."""
    return (x + MAGIC) - MAGIC


@lanes_inline
def quotient(x, y):
    """Return x / y; CUDA has its own."""
    return x / y


@lanes_inline
def root(x):
    """Return the square root; CUDA has its own."""
    return math.sqrt(x)


@lanes_inline
def sin_pi(x):
    """Return sin(pi x) for |x| <= 1/2."""
    z = x * x
    p = -2.1133638793258892e-05 * z + 0.0004659870252057804
    p = p * z - 0.007370364329507561
    p = p * z + 0.08214587881676473
    p = p * z - 0.599264528825258
    p = p * z + 2.5501640398618686
    p = p * z - 5.1677127800497855
    p = p * z + 3.1415926535897927
    return x * p


@lanes_inline
def cos_pi(x):
    """Return cos(pi x) for |x| <= 1/2."""
    z = x * x
    p = 4.14954070282219e-06 * z - 0.00010456653098882444
    p = p * z + 0.001929556264038592
    p = p * z - 0.02580688873540688
    p = p * z + 0.23533063012937946
    p = p * z - 1.3352627688434409
    p = p * z + 4.058712126416497
    p = p * z - 4.934802200544676
    return p * z + 1.0


@lanes_inline
def exp2(x):
    """Return 2^x for -1022 <= x <= 1022."""
    shifted = x + MAGIC
    f = x - (shifted - MAGIC)
    p = 7.072602675596781e-09 * f + 1.020869092984143e-07
    p = p * f + 1.3215442494686632e-06
    p = p * f + 1.5252657257120164e-05
    p = p * f + 0.00015403530441906988
    p = p * f + 0.0013333558230169827
    p = p * f + 0.009618129107606779
    p = p * f + 0.055504108664447695
    p = p * f + 0.24022650695910097
    p = p * f + 0.69314718055995
    p = p * f + 1.0
    # The low bits of `shifted` are the whole part.
    return float64_of_bits(
        scale_by_power_of_two64(bits_of_float64(p), bits_of_float64(shifted))
    )


@lanes_inline
def square_any(dh, dk, dl, shape):
    """Parallelepiped of any size: (prod sin(pi N d) / sin(pi d))^2."""
    dh += TINY
    dk += TINY
    dl += TINY
    rh = shape.Na * dh
    rk = shape.Nb * dk
    rl = shape.Nc * dl
    rh -= round_even(rh)
    rk -= round_even(rk)
    rl -= round_even(rl)
    top = sin_pi(rh) * sin_pi(rk) * sin_pi(rl)
    ratio = quotient(top, sin_pi(dh) * sin_pi(dk) * sin_pi(dl))
    return ratio * ratio


def polynomial(s, c):
    """Return c_0 + c_1 s + c_2 s^2 ..."""
    raise NotImplementedError("compiled code only")


@overload(polynomial, jit_options=LANE_OPTIONS, inline="always")
def _polynomial(s, c):
    if len(c) == 3:
        return lambda s, c: (c[2] * s + c[1]) * s + c[0]
    return lambda s, c: (((c[4] * s + c[3]) * s + c[2]) * s + c[1]) * s + c[0]


@lanes_inline
def square_few(dh, dk, dl, shape):
    """Parallelepiped of at most 9 cells each way, without a division.

    sin(N x) / sin(x) is a polynomial in s = sin^2 x (times cos x for an even N).
    """
    ch, ck, cl = shape.series
    eh, ek, el = shape.even
    sh = sin_pi(dh)
    sk = sin_pi(dk)
    sl = sin_pi(dl)
    sh *= sh
    sk *= sk
    sl *= sl
    t = polynomial(sh, ch) * polynomial(sk, ck) * polynomial(sl, cl)
    cosines = (1.0 - eh * sh) * (1.0 - ek * sk) * (1.0 - el * sl)
    return t * t * cosines


@lanes_inline
def distance_sqr(dh, dk, dl, metric):
    """Return d . G . d with the six elements of a symmetric matrix."""
    return dh * (metric[0] * dh + (metric[3] * dk + metric[4] * dl)) + (
        dk * (metric[1] * dk + metric[5] * dl) + metric[2] * (dl * dl)
    )


@lanes_inline
def metric_distance(dh, dk, dl, shape):
    """Return the number that a Gaussian or a top-hat spot depends on."""
    return distance_sqr(dh, dk, dl, shape.metric)


@lanes_inline
def gauss_at(distance, shape):
    """Gaussian spot: 2^(-distance), never below 2^-1000."""
    return exp2(max(-distance, -1000.0))


@lanes_inline
def gauss(dh, dk, dl, shape):
    """Gaussian spot; see `gauss_at`."""
    return gauss_at(metric_distance(dh, dk, dl, shape), shape)


@lanes_inline
def tophat_at(distance, shape):
    """Top-hat spot: 1 inside the radius, else 0."""
    return 1.0 if distance < shape.cut else 0.0


@lanes_inline
def tophat(dh, dk, dl, shape):
    """Top-hat spot; see `tophat_at`."""
    return tophat_at(metric_distance(dh, dk, dl, shape), shape)


@lanes_inline
def round_distance(dh, dk, dl, shape):
    """Return the number that a round spot depends on."""
    u = shape.Na * dh
    v = shape.Nb * dk
    w = shape.Nc * dl
    return u * u + (v * v + w * w) + TINY


@lanes_inline
def round_at(q, shape):
    """Sphere: sinc3(pi sqrt(fudge) |N d|)^2; a series near the middle."""
    x = root(q)
    r = x - round_even(x)
    # sin and cos of pi x and of the reduced r differ by the same sign.
    top = sin_pi(r) - (math.pi * x) * cos_pi(r)
    z = q * (math.pi * math.pi)
    closed = quotient(9.0 * (top * top), z * z * z)
    series = 1.0 / 1330560.0 * z - 1.0 / 15120.0
    series = (series * z + 1.0 / 280.0) * z - 0.1
    series = series * z + 1.0
    return series * series if z < 0.06 else closed


@lanes_inline
def round_spot(dh, dk, dl, shape):
    """Sphere; see `round_at`."""
    return round_at(round_distance(dh, dk, dl, shape), shape)
