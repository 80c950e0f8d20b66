# SPDX-License-Identifier: MIT
"""Unit cell: from cell constants or a MOSFLM matrix to oriented cell vectors.

Source: nanoBragg.c, the unit cell part of ``main``. Lengths here are Angstrom.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..model.limits import CELL_A
from ..model.models import Crystal
from .vectors import (
    Vector,
    cross,
    dot,
    magnitude,
    radians,
    rotate_xyz,
    scaled,
    unit,
)


@dataclass(frozen=True)
class Cell:
    """Cell vectors at phi = 0 without mosaicity.

    Attributes
    ----------
    a, b, c
        Real-space vectors [A].
    a_star, b_star, c_star
        Reciprocal vectors [1/A].
    V_cell
        Volume [A^3].
    lengths, angles, lengths_star, angles_star
        Constants of both cells [A, rad, 1/A, rad].
    """

    a: Vector
    b: Vector
    c: Vector
    a_star: Vector
    b_star: Vector
    c_star: Vector
    V_cell: float
    lengths: Vector
    angles: Vector
    lengths_star: Vector
    angles_star: Vector


def _clip(value: float) -> float:
    return max(-1.0, min(1.0, value))


def default_orientation(
    cell: tuple[float, ...],
) -> tuple[Vector, Vector, Vector, float]:
    """Return a*, b*, c* with a* along x and b* in the xy plane, and the volume.

    C quirk: the z component of c* uses the volume ratio of the direct cell
    where that of the reciprocal cell belongs, so that oblique angles come out
    slightly different from what was asked.
    """
    a, b, c = cell[:3]
    alpha, beta, gamma = (radians(x) for x in cell[3:])
    half = (alpha + beta + gamma) / 2.0
    skew = math.sin(half) * math.sin(half - alpha) * math.sin(half - beta)
    skew = abs(skew * math.sin(half - gamma))
    V_cell = 2.0 * a * b * c * math.sqrt(skew)
    # A size that is a whole number of cells is rounded up or not by the last
    # digit of the cell vectors: the order of C's operations is kept.
    V_star = 1.0 / V_cell
    a_star = b * c * math.sin(alpha) * V_star
    b_star = c * a * math.sin(beta) * V_star
    c_star = a * b * math.sin(gamma) * V_star
    sin_gamma_star = _clip(c * V_star / a_star / b_star)
    cos_alpha_star = _clip(
        (math.cos(beta) * math.cos(gamma) - math.cos(alpha))
        / (math.sin(beta) * math.sin(gamma))
    )
    cos_beta_star = _clip(
        (math.cos(gamma) * math.cos(alpha) - math.cos(beta))
        / (math.sin(gamma) * math.sin(alpha))
    )
    cos_gamma_star = _clip(
        (math.cos(alpha) * math.cos(beta) - math.cos(gamma))
        / (math.sin(alpha) * math.sin(beta))
    )
    return (
        (a_star, 0.0, 0.0),
        (b_star * cos_gamma_star, b_star * sin_gamma_star, 0.0),
        (
            c_star * cos_beta_star,
            c_star * (cos_alpha_star - cos_beta_star * cos_gamma_star) / sin_gamma_star,
            c_star * V_cell / (a * b * c * sin_gamma_star),
        ),
        V_cell,
    )


def exact_orientation(
    cell: tuple[float, ...],
) -> tuple[Vector, Vector, Vector, float]:
    """Return what `default_orientation` does, of the cell that was asked for.

    The rows are the Cholesky factor of the reciprocal metric: a* along x, b* in the
    xy plane with y > 0, z of c* > 0. The volume is 0 where no such cell exists.
    """
    a, b, c = cell[:3]
    cosines = [math.cos(radians(x)) for x in cell[3:]]
    sines = [math.sin(radians(x)) for x in cell[3:]]
    square = 1.0 - sum(x * x for x in cosines) + 2.0 * math.prod(cosines)
    if square <= 0.0:
        return (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.0
    V_cell = a * b * c * math.sqrt(square)
    a_star, b_star, c_star = (
        product * sine / V_cell for product, sine in zip((b * c, c * a, a * b), sines)
    )
    cos_alpha_star, cos_beta_star, cos_gamma_star = (
        (cosines[j] * cosines[k] - cosines[i]) / (sines[j] * sines[k])
        for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1))
    )
    sin_gamma_star = math.sqrt(square) / (sines[0] * sines[1])
    return (
        (a_star, 0.0, 0.0),
        (b_star * cos_gamma_star, b_star * sin_gamma_star, 0.0),
        (
            c_star * cos_beta_star,
            c_star * (cos_alpha_star - cos_beta_star * cos_gamma_star) / sin_gamma_star,
            1.0 / (V_cell * a_star * b_star * sin_gamma_star),
        ),
        V_cell,
    )


def matrix_vectors(
    A_matrix: np.ndarray, wavelength_A: float
) -> tuple[Vector, Vector, Vector]:
    """Return a*, b*, c* [1/A] of a MOSFLM matrix, which includes the wavelength."""
    factor = 1e-10 / (wavelength_A / 1.0e10)
    a_star, b_star, c_star = (
        scaled([float(x) for x in A_matrix[:, i]], factor) for i in range(3)
    )
    return a_star, b_star, c_star


def _angles(u: Vector, v: Vector, w: Vector, dual: Vector, volume: float) -> Vector:
    """Angles opposite to u, v, w, from sines (through the dual lengths) and cosines."""
    lengths = [magnitude(x) for x in (u, v, w)]
    pairs = ((1, 2), (0, 2), (0, 1))
    vectors = (u, v, w)
    result = []
    for i, (j, k) in enumerate(pairs):
        sine = _clip(dual[i] * volume / lengths[j] / lengths[k])
        cosine = dot(vectors[j], vectors[k]) / lengths[j] / lengths[k]
        result.append(math.atan2(sine, 1.0 if cosine * cosine > 1.0 else cosine))
    return result[0], result[1], result[2]


def resolve_cell(
    crystal: Crystal,
    wavelength_A: float,
    misset_rad: Vector | None,
    exact: bool = False,
) -> Cell:
    """Return the oriented cell.

    Parameters
    ----------
    crystal
        Its `cell` and/or `A_matrix` are used.
    wavelength_A
        Wavelength that is inside the A matrix [A].
    misset_rad
        Rotations about x, y, z [rad], applied in this order; None: none.
    exact
        Model physical: the cell that was asked for, and with a matrix as well its
        lengths along the matrix's a, b, c; reciprocal vectors are the exact duals.

    Raises
    ------
    ValueError
        When the cell has no volume.
    """
    stars: list[Vector] = []
    user_volume = None
    if crystal.cell is not None:
        wanted = exact or crystal.exact_cell
        orientation = exact_orientation if wanted else default_orientation
        *stars, user_volume = orientation(crystal.cell)
        if not user_volume > 0.0:
            raise ValueError(
                f"cell {' '.join(f'{x:g}' for x in crystal.cell)}: it has no volume"
            )
    if crystal.A_matrix is not None:
        stars = list(matrix_vectors(crystal.A_matrix, wavelength_A))
    if misset_rad is not None:
        stars = [rotate_xyz(v, *misset_rad) for v in stars]
    a_star, b_star, c_star = stars
    products = [cross(b_star, c_star), cross(c_star, a_star), cross(a_star, b_star)]
    V_star = dot(a_star, products[0])
    if V_star == 0.0 or not math.isfinite(V_star):
        raise ValueError(f"A_matrix: its cell has a volume of {V_star:g} 1/A^3")
    if user_volume is not None and exact:
        # Lengths as asked; what is dual to them follows, volume included.
        assert crystal.cell is not None
        directions = [unit(scaled(p, V_star)) for p in products]
        a, b, c = (scaled(d, length) for d, length in zip(directions, crystal.cell[:3]))
        V_star = 1.0 / dot(a, cross(b, c))
        products = [scaled(v, V_star) for v in (a, b, c)]
    elif user_volume is not None:
        # Impose the lengths and the volume that were asked for.
        assert crystal.cell is not None
        products = [
            scaled(p, length / user_volume / magnitude(p))
            for p, length in zip(products, crystal.cell[:3])
        ]
        V_star = 1.0 / user_volume
    V_cell = 1.0 / V_star
    a, b, c = (scaled(p, V_cell) for p in products)
    a_star = scaled(cross(b, c), V_star)
    b_star = scaled(cross(c, a), V_star)
    c_star = scaled(cross(a, b), V_star)
    lengths = (magnitude(a), magnitude(b), magnitude(c))
    from_matrix = crystal.A_matrix is not None
    if from_matrix and not all(CELL_A.admit(length) for length in lengths):
        raise ValueError(
            f"A_matrix: its cell is {lengths[0]:g} x {lengths[1]:g} x {lengths[2]:g} A "
            f"at a wavelength of {wavelength_A:g} A, expected lengths from "
            f"{CELL_A.low:g} to {CELL_A.high:g} A"
        )
    lengths_star = (magnitude(a_star), magnitude(b_star), magnitude(c_star))
    return Cell(
        a=a,
        b=b,
        c=c,
        a_star=a_star,
        b_star=b_star,
        c_star=c_star,
        V_cell=V_cell,
        lengths=lengths,
        angles=_angles(a, b, c, lengths_star, V_cell),
        lengths_star=lengths_star,
        angles_star=_angles(a_star, b_star, c_star, lengths, V_star),
    )
