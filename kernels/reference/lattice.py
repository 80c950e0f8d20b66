# SPDX-License-Identifier: MIT
"""Lattice factors: the Fourier transform of a crystal of Na x Nb x Nc cells.

Scalars in, scalars out. Miller indices are fractional and dimensionless,
`N` is a whole number as float. Square is the parallelepiped; the other shapes
follow nanoBragg.c (J. Holton), branch by branch.
"""

import math

from ..jit import scalar
from ..layout import GAUSS_WIDTH, ROUND_SCALE, TOPHAT_RADIUS_SQR
from ..params import GAUSS, ROUND, SQUARE


@scalar
def round_index(h):
    """Return the nearest whole index as float; halves go down (C: ceil(h - 0.5))."""
    return math.ceil(h - 0.5)


@scalar
def sincg(h, N):
    """Fourier transform of a grating of N slits, sin(pi N h) / sin(pi h).

    The index is reduced by its nearest whole number first, so that the value
    at and near whole indices is exact, where C's ``sincg`` divides two
    rounding errors. The sign (-1)^(n(N-1)) that the reduction drops is put back.
    """
    n = round_index(h)
    d = h - n
    sign = 1.0
    if N % 2.0 == 0.0 and n % 2.0 != 0.0:
        sign = -1.0
    if d == 0.0:
        return sign * N
    return sign * math.sin(math.pi * N * d) / math.sin(math.pi * d)


@scalar
def sinc3(x):
    """Fourier transform of a sphere, 3 (sin x / x - cos x) / x^2 (C: ``sinc3``).

    Below x = 0.06 the closed form cancels; there the series is exact to 1e-16.
    """
    if x < 0.06:
        z = x * x
        return 1.0 - z / 10.0 * (1.0 - z / 28.0 * (1.0 - z / 54.0))
    return 3.0 * (math.sin(x) / x - math.cos(x)) / (x * x)


@scalar
def rad_star_sqr(dh, dk, dl, recip, N_product):
    """Squared distance from the nearest reciprocal-lattice point, times (Na Nb Nc)^2.

    In 1/Angstrom^2, with the reciprocal vectors of phi = 0: only their lengths
    and angles matter.
    """
    x = dh * recip[0][0] + dk * recip[1][0] + dl * recip[2][0]
    y = dh * recip[0][1] + dk * recip[1][1] + dl * recip[2][1]
    z = dh * recip[0][2] + dk * recip[1][2] + dl * recip[2][2]
    return (x * x + y * y + z * z) * N_product * N_product


@scalar
def square_factors(h, k, l, N_cells):
    """Return F_latt_a, F_latt_b, F_latt_c of the parallelepiped; 1 along N = 1."""
    F_latt_a = sincg(h, N_cells[0]) if N_cells[0] > 1.0 else 1.0
    F_latt_b = sincg(k, N_cells[1]) if N_cells[1] > 1.0 else 1.0
    F_latt_c = sincg(l, N_cells[2]) if N_cells[2] > 1.0 else 1.0
    return F_latt_a, F_latt_b, F_latt_c


@scalar
def lattice_factor(h, k, l, N_cells, shape, fudge, recip):
    """Return F_latt at a fractional index, for any shape.

    Parameters
    ----------
    h, k, l
        Fractional Miller indices.
    N_cells
        Unit cells along a, b, c.
    shape
        One of the constants of `params`.
    fudge
        Scales the squared distance from the spot (not for SQUARE).
    recip
        a*, b*, c* in 1/Angstrom, for GAUSS and TOPHAT.
    """
    if shape == SQUARE:
        F_latt_a, F_latt_b, F_latt_c = square_factors(h, k, l, N_cells)
        return F_latt_a * F_latt_b * F_latt_c
    dh = h - round_index(h)
    dk = k - round_index(k)
    dl = l - round_index(l)
    N_product = N_cells[0] * N_cells[1] * N_cells[2]
    if shape == ROUND:
        u = dh * N_cells[0]
        v = dk * N_cells[1]
        w = dl * N_cells[2]
        hrad_sqr = u * u + v * v + w * w
        return N_product * ROUND_SCALE * sinc3(math.pi * math.sqrt(hrad_sqr * fudge))
    radius_sqr = rad_star_sqr(dh, dk, dl, recip, N_product)
    if shape == GAUSS:
        return N_product * math.exp(-(radius_sqr / GAUSS_WIDTH * fudge))
    return N_product if radius_sqr * fudge < TOPHAT_RADIUS_SQR else 0.0
