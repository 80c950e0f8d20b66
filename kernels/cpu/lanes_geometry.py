# SPDX-License-Identifier: MIT
"""Geometry of a tile of pixels, one pixel per vector lane.

The same formulas as `detector`, `polarization` and `pixel`, written out so that the
loops are vectorised, but for the curved detector. Rows of a tile (`fast`, `dx`,
`omega` ...) are pointers to `n` float64, `run` is the record of
`cpu_arguments.run_record`.
"""

import math

import numpy as np

from ..jit import lanes, lanes_inline, scalar
from ..reference.detector import pixel_position
from ..reference.polarization import kahn
from .intrinsics import vector_loop
from .reduced import TINY, exp2

LOG2_E = 1.0 / math.log(2.0)
#: 2 to this power is far beyond any sum, and still a normal number.
LARGEST_EXPONENT = 1000.0


@lanes
def pixel_numbers(first, n, run, active, fast, slow):
    """Fill in the fast and slow index on their panel of the ranks from `first` on.

    As floats. Quotients are at least half a pixel away from a whole number of rows.
    """
    vector_loop()
    if active.shape[0] > 0:
        rows_per_pixel = 1.0 / run.fpixels
        for i in range(n):
            flat = np.float64(active[first + i])
            row = np.floor((flat + 0.5) * rows_per_pixel)
            slow[i] = row - run.first_slow
            fast[i] = flat - row * run.fpixels - run.first_fast
        return
    rows_per_pixel, begin = 1.0 / run.width, np.float64(first)
    for i in range(n):
        # 32 bits: longer ones become float64 in vectors with AVX-512 only.
        rank = begin + np.float64(np.int32(i))
        row = np.floor((rank + 0.5) * rows_per_pixel)
        slow[i] = run.ymin + row - run.first_slow
        fast[i] = run.xmin + (rank - row * run.width) - run.first_fast


@lanes
def start_pixels(sum_before, polar_before, n, total, polar, capture, keep, fell):
    """Fill in what a pixel starts with: nothing seen yet, and inside everything."""
    vector_loop()
    for i in range(n):
        total[i] = sum_before
        polar[i] = polar_before
        capture[i] = 1.0
        keep[i] = 1.0
        fell[i] = 0.0


@lanes
def mark(fell, n, fell_out):
    """Write which pixels have left the list as bytes."""
    vector_loop()
    for i in range(n):
        fell_out[i] = fell[i] != 0.0


@lanes_inline
def unit_and_length(x, y, z):
    """Return a vector divided by its length, and the length."""
    length = math.sqrt(x * x + y * y + z * z)
    inverse = 1.0 / length
    return x * inverse, y * inverse, z * inverse, length


@lanes
def flat_directions(fast, slow, start, n, run, dx, dy, dz, airpath):
    """Fill in unit vectors to points of a flat detector, and their distances, m.

    `start` is Fdet, Sdet and Odet of the point in pixel 0, 0.
    """
    vector_loop()
    fx, fy, fz = run.fdet_vector[0], run.fdet_vector[1], run.fdet_vector[2]
    sx, sy, sz = run.sdet_vector[0], run.sdet_vector[1], run.sdet_vector[2]
    Fdet0, Sdet0, Odet = start
    ox = Odet * run.odet_vector[0] + run.pix0_vector[0]
    oy = Odet * run.odet_vector[1] + run.pix0_vector[1]
    oz = Odet * run.odet_vector[2] + run.pix0_vector[2]
    size = run.pixel_size
    for i in range(n):
        Fdet = fast[i] * size + Fdet0
        Sdet = slow[i] * size + Sdet0
        x = Fdet * fx + Sdet * sx + ox
        y = Fdet * fy + Sdet * sy + oy
        z = Fdet * fz + Sdet * sz + oz
        dx[i], dy[i], dz[i], airpath[i] = unit_and_length(x, y, z)


@lanes
def curved_directions(fast, slow, start, n, run, dx, dy, dz, airpath):
    """As `flat_directions`, on a curved detector."""
    Fdet0, Sdet0, Odet = start
    for i in range(n):
        Fdet = fast[i] * run.pixel_size + Fdet0
        Sdet = slow[i] * run.pixel_size + Sdet0
        x, y, z = pixel_position(Fdet, Sdet, Odet, run)
        dx[i], dy[i], dz[i], airpath[i] = unit_and_length(x, y, z)


@lanes
def solid_angles(airpath, distance, n, run, omega):
    """Fill in omega_pixel, sr, of points at a `detector.normal_distance`, m.

    See `detector.solid_angle`.
    """
    vector_loop()
    if run.point_pixel:
        for i in range(n):
            omega[i] = 1.0 / (airpath[i] * airpath[i])
        return
    volume = run.pixel_size * run.pixel_size * distance
    for i in range(n):
        omega[i] = volume / (airpath[i] * airpath[i] * airpath[i])


@lanes
def absorbed_fractions(layer, dx, dy, dz, n, run, capture):
    """Fill in capture_fraction where it is still 0, or where it is to be exact anew.

    See `detector.absorbed_fraction`.

    Returns
    -------
    bool
        Whether some pixel has none yet.
    """
    vector_loop()
    ox, oy, oz = run.odet_vector[0], run.odet_vector[1], run.odet_vector[2]
    depth = run.detector_thickstep * run.detector_mu * LOG2_E
    again = run.oversample_thick | run.per_ray
    straight = run.exact & run.curved_detector
    missing = 0
    for i in range(n):
        parallax = 1.0 if straight else dx[i] * ox + dy[i] * oy + dz[i] * oz
        through = depth / parallax
        before = exp2(min(max(-layer * through, -LARGEST_EXPONENT), LARGEST_EXPONENT))
        behind = -(layer + 1) * through
        value = before - exp2(min(max(behind, -LARGEST_EXPONENT), LARGEST_EXPONENT))
        value = value if again | (capture[i] == 0.0) else capture[i]
        capture[i] = value
        missing += value == 0.0
    return missing != 0


@lanes
def scattering_vectors(dx, dy, dz, ray, wavelength, n, sx, sy, sz):
    """Fill in (diffracted - incident) / wavelength, 1/m."""
    vector_loop()
    x, y, z = ray
    inverse = 1.0 / wavelength
    for i in range(n):
        sx[i] = (dx[i] - x) * inverse
        sy[i] = (dy[i] - y) * inverse
        sz[i] = (dz[i] - z) * inverse


@lanes
def inside_dmin(sx, sy, sz, n, run, keep):
    """Fill in 1 where the resolution is not finer than dmin, else 0."""
    vector_loop()
    dmin = run.dmin
    for i in range(n):
        s_sqr = sx[i] * sx[i] + sy[i] * sy[i] + sz[i] * sz[i]
        # dmin > 1 / |s|, with |s| = 0 inside.
        keep[i] = 0.0 if dmin * math.sqrt(s_sqr) > 1.0 else 1.0


@lanes_inline
def kahn_factor(x, y, z, ray, E_in, B_in, K):
    """Return polar of one direction; see `polarization.polarization_factor`."""
    cos_2theta = x * ray[0] + y * ray[1] + z * ray[2]
    E = x * E_in[0] + y * E_in[1] + z * E_in[2]
    B = x * B_in[0] + y * B_in[1] + z * B_in[2]
    # TINY: where both are 0, the angle atan2(B, E) is 0.
    cos_2psi = (E * E - B * B + TINY) / (E * E + B * B + TINY)
    square = cos_2theta * cos_2theta
    return kahn(square, K * cos_2psi * (1.0 - square))


@lanes
def subpixel_weights(omega, capture, n, weight):
    """Fill in what all rays of a subpixel and layer share: omega * capture."""
    vector_loop()
    for i in range(n):
        weight[i] = omega[i] * capture[i]


@lanes
def drop(keep, n, sums):
    """Set the sums of pixels beyond dmin to 0."""
    vector_loop()
    for i in range(n):
        sums[i] = sums[i] if keep[i] != 0.0 else 0.0


@lanes
def add_rays(dx, dy, dz, weight, ray, E_in, B_in, share, factor, sums, n, run, total):
    """Add each pixel's sum of one ray, and its background, with the ray's weight.

    The weight is that of `pixel.ray_weight`. One loop, and a short one where there is
    nothing to polarize: many sources of one orientation spend a fifth of their time
    here.

    Parameters
    ----------
    weight
        See `subpixel_weights`.
    ray, E_in, B_in
        As for `polarizations`.
    share
        Weight of the source.
    factor, sums
        The ray's sums without their constant factor; 0 afterwards, for the next ray.
    """
    vector_loop()
    K, scale, I_bg = run.polarization, share * factor, share * run.I_bg
    if run.nopolar:
        for i in range(n):
            total[i] += weight[i] * (I_bg + scale * sums[i])
            sums[i] = 0.0
    elif K == 0.0:
        for i in range(n):
            cos_2theta = dx[i] * ray[0] + dy[i] * ray[1] + dz[i] * ray[2]
            polar = 0.5 + 0.5 * (cos_2theta * cos_2theta)
            total[i] += weight[i] * polar * (I_bg + scale * sums[i])
            sums[i] = 0.0
    else:
        for i in range(n):
            polar = kahn_factor(dx[i], dy[i], dz[i], ray, E_in, B_in, K)
            total[i] += weight[i] * polar * (I_bg + scale * sums[i])
            sums[i] = 0.0


@lanes
def add_shares(sums, keep, share, n, total):
    """Add each pixel's sum of one source with the source's share; 0 afterwards."""
    vector_loop()
    for i in range(n):
        total[i] += share * sums[i] if keep[i] != 0.0 else 0.0
        sums[i] = 0.0


@scalar
def square(x):
    """Return x^2, rounded: not fused with what it is added to."""
    return x * x


@lanes_inline
def missing_polar(value, keep, polar, again):
    """Return polar of a pixel: what it has, or what it gets if it has none."""
    return value if (keep != 0.0) & (again | (polar == 0.0)) else polar


@lanes
def polarizations(dx, dy, dz, ray, E_in, B_in, n, run, keep, polar):
    """Fill in polar of the kept pixels where it is still 0.

    With -oversample_polar, of all kept pixels. See `polarization.polarization_factor`.

    Parameters
    ----------
    ray, E_in, B_in
        Unit vectors along the ray and its E and B fields (`polarization.field_axes`).

    Returns
    -------
    bool
        Whether some pixel has none yet.
    """
    vector_loop()
    K, again = run.polarization, run.oversample_polar
    missing = 0
    if K == 0.0:
        # An unpolarized beam, the usual one: the fields do not matter. The same bits.
        for i in range(n):
            cos_2theta = dx[i] * ray[0] + dy[i] * ray[1] + dz[i] * ray[2]
            value = kahn(square(cos_2theta), 0.0)
            value = missing_polar(value, keep[i], polar[i], again)
            polar[i] = value
            missing += value == 0.0
        return missing != 0
    for i in range(n):
        value = kahn_factor(dx[i], dy[i], dz[i], ray, E_in, B_in, K)
        value = missing_polar(value, keep[i], polar[i], again)
        polar[i] = value
        missing += value == 0.0
    return missing != 0


@lanes
def gaps(fast, slow, n, fpixels):
    """Return how many pixels do not follow the one before them in the image."""
    vector_loop()
    count = 0
    for i in range(n - 1):
        step = (slow[i + 1] - slow[i]) * fpixels + (fast[i + 1] - fast[i])
        count += 1 if step != 1.0 else 0
    return count


@lanes
def store_photons(fast, slow, total, capture, polar, omega, n, run, loop, image):
    """Write r_e^2 fluence I / steps and the corrections not applied yet."""
    vector_loop()
    # Running products and rays already have background and constant factor.
    I_bg = 0.0 if loop.running | run.per_ray else run.I_bg
    factor = 1.0 if loop.running | run.per_ray else loop.factor
    for i in range(n):
        value = run.scale * (I_bg + factor * total[i]) / run.steps
        value *= 1.0 if run.oversample_thick | run.per_ray else capture[i]
        value *= 1.0 if run.oversample_polar | run.per_ray else polar[i]
        value *= 1.0 if run.oversample_omega | run.per_ray else omega[i]
        total[i] = value
    corner = run.first_slow * run.fpixels + run.first_fast
    if gaps(fast, slow, n, run.fpixels) == 0:
        begin = int(slow[0] * run.fpixels + fast[0]) + corner
        for i in range(n):
            image[begin + i] = total[i]
        return
    for i in range(n):
        image[int(slow[i] * run.fpixels + fast[i]) + corner] = total[i]
