# SPDX-License-Identifier: MIT
"""Random numbers of the C program, bit for bit, and the noise image made of them.

Follows nanoBragg.c (J. Holton; C functions are named below), which uses the
Park-Miller generator with a Bays-Durham shuffle. The precision of every step is
spelt out with ``np.float32`` and ``np.float64``: the C program mixes the two, a
deviate that differs in its last bit changes every pixel after it, and numba and
numpy promote mixed precision differently.

`rng` is the state, one record with the fields of `layout.STATE`. All streams of a run
share it one after the other, because C keeps it in static variables; `start_stream`
comes before a stream's first draw. A record, and not arrays, because numba counts the
references to an array at every call, which doubled the time of a noise image.
"""

import math

import numpy as np

from .jit import scalar, serial
from .layout import REMEMBERED, SHUFFLED

# Part of the others' machine code, so that it need not be kept on its own.
inner = scalar

MULTIPLIER = 16807
MODULUS = 2147483647
WARM_UP = 8  # draws thrown away before the shuffle table is filled
SHUFFLE_SHIFT = 26  # iy >> 26 is 0..31 for every iy below the modulus
TO_UNIT = 1.0 / MODULUS
LARGEST = np.float32(1.0 - 1.2e-7)  # a deviate is never exactly 1

PRODUCT_LIMIT = 12.0  # photons: below, products of uniform deviates
REJECTION_LIMIT = 1.0e6  # photons: above, a Gaussian deviate
UINT16_MAX = 65535.0


@inner
def next_minimal(value):
    """Return 16807 `value` modulo 2**31 - 1, for 0 <= `value` < 2**31."""
    product = MULTIPLIER * value
    # 2**31 is 1 modulo 2**31 - 1, so the high bits are added to the low ones.
    product = (product & MODULUS) + (product >> 31)
    if product >= MODULUS:
        product -= MODULUS
    return product


@serial
def start_stream(idum, rng):
    """Make `rng` ready for draws from the state `idum`, |`idum`| < 2**31 - 1.

    Zero or less fills the shuffled values again from -`idum` (from 1 for zero). A
    positive state goes on with those that the last stream left. C tests this at every
    draw, but a state that is not zero never becomes zero.
    """
    value = idum
    if idum <= 0 or rng["output"] == 0:
        value = max(-idum, 1)
        for _ in range(WARM_UP):
            value = next_minimal(value)
        for j in range(SHUFFLED - 1, -1, -1):
            value = next_minimal(value)
            rng["shuffled"][j] = value
        rng["output"] = value
    rng["state"] = value


@inner
def uniform_of(value):
    """Return the uniform deviate of a shuffled value, float32."""
    return min(np.float32(TO_UNIT * np.float64(value)), LARGEST)


@serial
def ran1(rng):
    """Return a uniform deviate in [0, 1), float32 (C: ran1)."""
    value = next_minimal(rng["state"])
    rng["state"] = value
    j = rng["output"] >> SHUFFLE_SHIFT
    drawn = rng["shuffled"][j]
    rng["output"] = drawn
    rng["shuffled"][j] = value
    return uniform_of(drawn)


@inner
def gaussdev(rng):
    """Return a normal deviate, float32, by the polar method (C: gaussdev)."""
    if rng["has_gauss"] != 0:
        rng["has_gauss"] = 0
        return rng["gauss"]
    rsq = np.float32(0.0)
    v1 = v2 = rsq
    while rsq >= 1 or rsq == 0:
        v1 = np.float32(2.0 * np.float64(ran1(rng)) - 1.0)
        v2 = np.float32(2.0 * np.float64(ran1(rng)) - 1.0)
        rsq = v1 * v1 + v2 * v2
    r = np.float64(rsq)
    fac = np.float32(math.sqrt(-2.0 * math.log(r) / r))
    rng["gauss"] = v1 * fac
    rng["has_gauss"] = 1
    return v2 * fac


@inner
def gammln(xx):
    """Return ln(gamma(`xx`)), float32 in and out, float64 inside (C: gammln).

    Lanczos' series with six terms.
    """
    x = np.float64(xx)
    # Every x + 1 ... x + 6 is exact: single precision leaves 29 spare bits.
    series = 1.000000000190015
    series += 76.18009172947146 / (x + 1.0)
    series += -86.50532032941677 / (x + 2.0)
    series += 24.01409824083091 / (x + 3.0)
    series += -1.231739572450155 / (x + 4.0)
    series += 0.1208650973866179e-2 / (x + 5.0)
    series += -0.5395239384953e-5 / (x + 6.0)
    shifted = x + 5.5
    exponent = shifted - (x + 0.5) * math.log(shifted)
    return np.float32(-exponent + math.log(2.5066282746310005 * series / x))


@inner
def log_factorial(n, rng):
    """Return gammln(`n` + 1) of a whole float32, which most pixels ask for again."""
    if n >= REMEMBERED:
        return gammln(np.float32(np.float64(n) + 1.0))
    i = np.int64(n)
    value = rng["log_factorial"][i]
    if value == 0:
        value = gammln(np.float32(np.float64(n) + 1.0))
        rng["log_factorial"][i] = value
    return value


@inner
def poidev_product(xm, rng):
    """Return a Poisson deviate of mean `xm` < 12 by counting exponential waits."""
    if xm != rng["mean"]:
        rng["mean"] = xm
        rng["exponent"] = math.exp(-np.float64(xm))
    limit = rng["exponent"]
    # As `ran1`, but the state stays in registers while one deviate needs many.
    state, output = rng["state"], rng["output"]
    count = -1
    product = np.float32(1.0)
    while True:
        state = next_minimal(state)
        j = output >> SHUFFLE_SHIFT
        output = rng["shuffled"][j]
        rng["shuffled"][j] = state
        product = product * uniform_of(output)
        count += 1
        if not product > limit:
            break
    rng["state"], rng["output"] = state, output
    return np.float32(count)


@inner
def poidev_rejection(xm, rng):
    """Return a Poisson deviate of mean 12 to 1e6, Lorentzian comparison function."""
    if xm != rng["mean"]:
        rng["mean"] = xm
        rng["width"] = math.sqrt(2.0 * np.float64(xm))
        rng["log_mean"] = math.log(np.float64(xm))
        rng["exponent"] = xm * rng["log_mean"] - gammln(
            np.float32(np.float64(xm) + 1.0)
        )
    width, log_mean, g = rng["width"], rng["log_mean"], rng["exponent"]
    while True:
        y = np.float32(math.tan(math.pi * np.float64(ran1(rng))))
        em = width * y + xm
        if em < 0:  # photons are not negative: another trial
            continue
        em = np.float32(math.floor(em))
        power = em * log_mean - log_factorial(em, rng) - g
        # 0.9 keeps the ratio to the comparison function below one.
        ratio = 0.9 * (1.0 + np.float64(y * y)) * math.exp(np.float64(power))
        if not ran1(rng) > np.float32(ratio):
            return em


@inner
def poidev_gauss(xm, rng):
    """Return a deviate of mean `xm` > 1e6: Gaussian, and not a whole number."""
    mean = np.float64(xm)
    deviate = np.float64(gaussdev(rng))
    return np.float32(mean + math.sqrt(mean) * deviate)


@inner
def poidev(xm, rng):
    """Return a Poisson deviate of finite mean `xm`, float32 (C: poidev).

    Above 1e6 photons it is a Gaussian deviate, and not a whole number.
    """
    if xm <= 0:
        ran1(rng)  # C's first wait is always longer, but it is drawn
        deviate = np.float32(0.0)
    elif xm < PRODUCT_LIMIT:
        deviate = poidev_product(xm, rng)
    elif xm <= REJECTION_LIMIT:
        deviate = poidev_rejection(xm, rng)
    else:
        deviate = poidev_gauss(xm, rng)
    return deviate


@serial
def poisson_image(image, roi, adc_offset, rng, out):
    """Write the noise image of a float image, in C's pixel order.

    Parameters
    ----------
    image
        (slow, fast) float32, finite, photons.
    roi
        (xmin, xmax, ymin, ymax), whole numbers, inclusive, inside the image.
    adc_offset
        float64, added to every pixel.
    rng
        Generator state; advanced.
    out
        (slow, fast) uint16; written inside the roi only.

    Returns
    -------
    photons, overloads
        Sum of the deviates (float64) and number of pixels above 65535.
    """
    xmin, xmax, ymin, ymax = roi
    photons = 0.0
    overloads = 0
    for slow in range(ymin, ymax + 1):
        for fast in range(xmin, xmax + 1):
            deviate = np.float64(poidev(image[slow, fast], rng))
            photons += deviate
            value = deviate + adc_offset
            if value > UINT16_MAX:
                value = UINT16_MAX
                overloads += 1
            # A negative value (negative offset) is undefined in C; 0 here.
            out[slow, fast] = np.uint16(max(value, 0.0))
    return photons, overloads


@serial
def mosaic_rotation_umat(mosaicity, rng, umat):
    """Write a random rotation matrix (C: mosaic_rotation_umat).

    Parameters
    ----------
    mosaicity
        float32, largest angle in radians.
    rng
        Generator state; three deviates are drawn.
    umat
        (3, 3) float64; overwritten.
    """
    r1 = 2.0 * np.float64(ran1(rng)) - 1.0
    r2 = 2.0 * np.float64(ran1(rng)) - 1.0
    r3 = 2.0 * np.float64(ran1(rng)) - 1.0
    cap = np.float32(1.0 - r3 * r3)
    third = np.float32(1.0 / 3.0)
    # Power and product are single precision in C, and so is the angle.
    angle = np.float64(mosaicity * np.float32(math.pow(cap, third)))
    radius = math.sqrt(1.0 - r2 * r2)
    x = radius * math.sin(math.pi * r1)
    y = radius * math.cos(math.pi * r1)
    axis_angle_umat((x, y, r2), angle, umat)


@inner
def axis_angle_umat(axis, angle, umat):
    """Write the rotation by `angle` (radians) about a unit `axis` into `umat`.

    The order of the products is C's, so that the last bits agree.
    """
    x, y, z = axis
    c = math.cos(angle)
    s = math.sin(angle)
    rest = 1.0 - c
    xy = rest * x * y
    xz = rest * x * z
    yz = rest * y * z
    umat[0, 0] = c + rest * (x * x)
    umat[0, 1] = xy - s * z
    umat[0, 2] = xz + s * y
    umat[1, 0] = xy + s * z
    umat[1, 1] = c + rest * (y * y)
    umat[1, 2] = yz - s * x
    umat[2, 0] = xz - s * y
    umat[2, 1] = yz + s * x
    umat[2, 2] = c + rest * (z * z)


@inner
def normalize_rows(umat):
    """Divide every row of a (3, 3) matrix by its length."""
    for i in range(3):
        x, y, z = umat[i, 0], umat[i, 1], umat[i, 2]
        length = math.sqrt(x * x + y * y + z * z)
        umat[i, 0] = x / length
        umat[i, 1] = y / length
        umat[i, 2] = z / length


@serial
def umat2misset(umat):
    """Return the rotations about x, y, z (radians) that make up a rotation matrix.

    C: umat2misset, without its repair of zero rows, which no rotation has.

    Parameters
    ----------
    umat
        (3, 3) float64; its rows are normalised.
    """
    rows = umat
    normalize_rows(rows)
    normalize_rows(rows)  # C normalizes twice; the second can move the last bit
    zx, zy, zz = rows[2, 0], rows[2, 1], rows[2, 2]
    if zx * zx < 1.0:
        rotx = math.atan2(zy, zz)
        roty = math.atan2(-zx, math.sqrt(zy * zy + zz * zz))
        rotz = math.atan2(rows[1, 0], rows[0, 0])
        return rotx, roty, rotz
    # C quirk: one fixed choice at the pole, whatever the sign of zx.
    return math.pi, math.pi / 2, math.atan2(rows[0, 1], -rows[1, 1])


@serial
def mosaic_umats(mosaicity, rng, umats):
    """Write the rotation of every mosaic domain; see `mosaic_rotation_umat`.

    umats
        (domains, 3, 3) float64; overwritten.
    """
    for i in range(umats.shape[0]):
        mosaic_rotation_umat(mosaicity, rng, umats[i])
    # C quirk: the first domain is not rotated, but its deviates are drawn.
    for i in range(3):
        for j in range(3):
            # Not the assignment of an array: that takes numba three seconds.
            umats[0, i, j] = 1.0 if i == j else 0.0
