# SPDX-License-Identifier: MIT
"""Logarithm and normal deviate from additions and multiplications alone.

A library's functions differ in their last bit between machines; these do not, which
the same random image on CPU and CUDA needs. Error: a few units of the last place.
"""

import math

import numpy as np

from .jit import scalar, scalar_inline
from .philox import ONE_BITS, philox, uniform
from .rounding import product

LOG_2_HIGH = 0.6931471803691238  # 21 low bits are 0: times an exponent it is exact
LOG_2_LOW = 1.9082149292705877e-10
MANTISSA = np.uint64(0x000FFFFFFFFFFFFF)
MANTISSA_BITS = np.uint64(52)
BIAS = np.int32(1023)
SQRT_2 = math.sqrt(2.0)
#: 2 / (2 i + 1): log((1 + s) / (1 - s)) / s in powers of s^2.
LOG_SERIES = np.array([2.0 / (2 * i + 1) for i in range(12)])


@scalar_inline
def polynomial(x, coefficients):
    """Return the sum of coefficients[i] x**i.

    `coefficients` is a constant array: of a tuple's elements LLVM would choose by a
    jump, which is not vectorised.
    """
    last = len(coefficients) - 1
    total = coefficients[last]
    for i in range(last):
        total = product(total, x) + coefficients[last - 1 - i]
    return total


@scalar_inline
def logarithm(x):
    """Return ln(`x`) of a positive, normal float64."""
    bits = np.float64(x).view(np.uint64)
    # int32: there is a vector instruction that makes float64 of them.
    exponent = float(np.int32(bits >> MANTISSA_BITS) - BIAS)
    mantissa = np.uint64((bits & MANTISSA) | ONE_BITS).view(np.float64)
    halve = mantissa > SQRT_2
    mantissa = 0.5 * mantissa if halve else mantissa
    exponent = exponent + 1.0 if halve else exponent
    s = (mantissa - 1.0) / (mantissa + 1.0)
    low = product(s, polynomial(product(s, s), LOG_SERIES))
    return product(exponent, LOG_2_HIGH) + (low + product(exponent, LOG_2_LOW))


# M. J. Wichura, "Algorithm AS 241", Applied Statistics 37 (1988) 477, PPND16: the
# inverse of the normal distribution function to 16 digits, from its centre outwards.
CENTRE = 0.425
CENTRE_SQR = 0.180625
NEAR = 5.0
CENTRE_OVER = np.array(
    [
        3.3871328727963666080e0,
        1.3314166789178437745e2,
        1.9715909503065514427e3,
        1.3731693765509461125e4,
        4.5921953931549871457e4,
        6.7265770927008700853e4,
        3.3430575583588128105e4,
        2.5090809287301226727e3,
    ]
)
CENTRE_UNDER = np.array(
    [
        1.0,
        4.2313330701600911252e1,
        6.8718700749205790830e2,
        5.3941960214247511077e3,
        2.1213794301586595867e4,
        3.9307895800092710610e4,
        2.8729085735721942674e4,
        5.2264952788528545610e3,
    ]
)
NEAR_OVER = np.array(
    [
        1.42343711074968357734e0,
        4.63033784615654529590e0,
        5.76949722146069140550e0,
        3.64784832476320460504e0,
        1.27045825245236838258e0,
        2.41780725177450611770e-1,
        2.27238449892691845833e-2,
        7.74545014278341407640e-4,
    ]
)
NEAR_UNDER = np.array(
    [
        1.0,
        2.05319162663775882187e0,
        1.67638483018380384940e0,
        6.89767334985100004550e-1,
        1.48103976427480074590e-1,
        1.51986665636164571966e-2,
        5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ]
)
FAR_OVER = np.array(
    [
        6.65790464350110377720e0,
        5.46378491116411436990e0,
        1.78482653991729133580e0,
        2.96560571828504891230e-1,
        2.65321895265761230930e-2,
        1.24266094738807843860e-3,
        2.71155556874348757815e-5,
        2.01033439929228813265e-7,
    ]
)
FAR_UNDER = np.array(
    [
        1.0,
        5.99832206555887937690e-1,
        1.36929880922735805310e-1,
        1.48753612908506148525e-2,
        7.86869131145613259100e-4,
        1.84631831751005468180e-5,
        1.42151175831644588870e-7,
        2.04426310338993978564e-15,
    ]
)


@scalar_inline
def central(q):
    """Return the normal deviate of 1/2 + `q`, |`q`| up to `CENTRE`."""
    r = CENTRE_SQR - product(q, q)
    return product(q, polynomial(r, CENTRE_OVER)) / polynomial(r, CENTRE_UNDER)


@scalar
def normal(u):
    """Return the normal deviate below which a part `u` of all deviates lies."""
    q = u - 0.5
    if abs(q) <= CENTRE:
        return central(q)
    r = math.sqrt(-logarithm(u if q < 0.0 else 1.0 - u))
    if r <= NEAR:
        r -= 1.6
        size = polynomial(r, NEAR_OVER) / polynomial(r, NEAR_UNDER)
    else:
        r -= NEAR
        size = polynomial(r, FAR_OVER) / polynomial(r, FAR_UNDER)
    return -size if q < 0.0 else size


@scalar
def normal_deviate(pixel, frame, stream, k0, k1):
    """Return the normal deviate of a pixel; arguments as in `philox.philox`."""
    w0, w1, _, _ = philox(pixel, frame, stream, np.uint64(0), k0, k1)
    return normal(uniform(w0, w1))
