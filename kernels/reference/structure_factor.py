# SPDX-License-Identifier: MIT
"""Structure factors from the grid: the nearest one, or tricubic interpolation."""

import math

from ..jit import scalar


@scalar
def nearest_F(h0, k0, l0, hkl, source=0):
    """Return F at whole indices (floats), default_F outside the list.

    Where F follows the energy, it is that of a source.
    """
    i = int(h0) - hkl.h_min
    j = int(k0) - hkl.k_min
    m = int(l0) - hkl.l_min
    if not hkl.has_list:
        return hkl.default_F
    if i < 0 or j < 0 or m < 0:
        return hkl.default_F
    if i >= hkl.F.shape[0] or j >= hkl.F.shape[1] or m >= hkl.F.shape[2]:
        return hkl.default_F
    if hkl.coefficients.shape[1] == 0:
        return hkl.F[i, j, m]
    real = float(hkl.parts[i, j, m, 0])
    imaginary = float(hkl.parts[i, j, m, 1])
    for n in range(0, hkl.coefficients.shape[1], 2):
        x = hkl.coefficients[source, n]
        y = hkl.coefficients[source, n + 1]
        u = float(hkl.parts[i, j, m, n + 2])
        v = float(hkl.parts[i, j, m, n + 3])
        real += x * u - y * v
        imaginary += x * v + y * u
    return math.sqrt(real * real + imaginary * imaginary)


@scalar
def inside_axis(h, h_min, h_range):
    """Return whether four points around `h` are in the list (C's own bounds)."""
    return h - h_min + 3.0 <= h_range and h - 2.0 >= h_min


@scalar
def can_interpolate(h, k, l, hkl):
    """Return whether the 4 x 4 x 4 neighbourhood of an index is in the list."""
    return (
        inside_axis(h, hkl.h_min, hkl.F.shape[0])
        and inside_axis(k, hkl.k_min, hkl.F.shape[1])
        and inside_axis(l, hkl.l_min, hkl.F.shape[2])
    )


@scalar
def cubic_weights(t):
    """Lagrange weights of the points -1, 0, 1, 2 for `t` in 0..1 (C: ``polint``)."""
    return (
        -t * (t - 1.0) * (t - 2.0) / 6.0,
        (t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0,
        -(t + 1.0) * t * (t - 2.0) / 2.0,
        (t + 1.0) * t * (t - 1.0) / 6.0,
    )


@scalar
def interpolated_F(h, k, l, hkl):
    """Tricubic interpolation of F; the index must satisfy `can_interpolate`.

    C: ``polin3``, a tensor product of four-point Lagrange polynomials.
    """
    h_flr = math.floor(h)
    k_flr = math.floor(k)
    l_flr = math.floor(l)
    weights_h = cubic_weights(h - h_flr)
    weights_k = cubic_weights(k - k_flr)
    weights_l = cubic_weights(l - l_flr)
    i = int(h_flr) - hkl.h_min - 1
    j = int(k_flr) - hkl.k_min - 1
    m = int(l_flr) - hkl.l_min - 1
    total = 0.0
    for p in range(4):
        plane = 0.0
        for q in range(4):
            line = 0.0
            for r in range(4):
                line += weights_l[r] * hkl.F[i + p, j + q, m + r]
            plane += weights_k[q] * line
        total += weights_h[p] * plane
    return total
