# SPDX-License-Identifier: MIT
"""Checks of the models' compound fields: cell, matrix, orientation, sources, mask.

Each returns the checked value, or raises ValueError or TypeError naming the field.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from . import validate
from .limits import CELL_A, CELL_DEG, WAVELENGTH_A
from .validate import Vector


def checked_misset(value: Any) -> Vector | str:
    """Return three angles in degrees, or "random"."""
    what = "three angles in degrees or 'random'"
    if isinstance(value, str):
        if value != "random":
            raise ValueError(f"misset_deg {value!r}: expected {what}")
        return value
    angles = validate.sequence("misset_deg", value, what)
    if len(angles) != 3:
        raise ValueError(f"misset_deg {value!r}: expected {what}")
    x, y, z = (validate.number("misset_deg", a, "degrees") for a in angles)
    return x, y, z


def checked_matrix(value: Any) -> np.ndarray:
    """Return a read-only (3, 3) matrix whose vectors span space."""
    matrix = validate.table("A_matrix", value, "3 x 3 finite numbers")
    if matrix.shape != (3, 3):
        raise ValueError(
            f"A_matrix: expected 3 x 3 finite numbers, got shape {matrix.shape}"
        )
    if not np.isfinite(matrix).all():
        raise ValueError(f"A_matrix {matrix.tolist()}: expected 3 x 3 finite numbers")
    if abs(np.linalg.det(matrix)) == 0.0:
        raise ValueError("A_matrix: the three reciprocal vectors lie in one plane")
    matrix.setflags(write=False)
    return matrix


def checked_cell(value: Any) -> tuple[float, ...]:
    """Fill missing lengths with a and missing angles with 90, and check the cell."""
    if isinstance(value, numbers.Real):
        value = (value,)
    given = validate.sequence("cell", value, "1 to 6 numbers")
    if not 1 <= len(given) <= 6:
        raise ValueError(f"cell: expected 1 to 6 numbers, got {len(given)}")
    lengths = [validate.bounded("cell length", x, CELL_A) for x in given[:3]]
    angles = [validate.bounded("cell angle", x, CELL_DEG) for x in given[3:]]
    lengths += [lengths[0]] * (3 - len(lengths))
    angles += [90.0] * (3 - len(angles))
    alpha, beta, gamma = angles
    possible = (
        alpha < beta + gamma
        and beta < gamma + alpha
        and gamma < alpha + beta
        and alpha + beta + gamma < 360.0
        and max(angles) < 180.0
    )
    if not possible:
        raise ValueError(
            f"cell angles {alpha:g} {beta:g} {gamma:g}: no cell has these three angles "
            "(each must be smaller than the sum of the others, all below 360 together)"
        )
    return (*lengths, *angles)


def checked_sources(value: Any) -> np.ndarray:
    """Return a read-only (n, 5) table with nan for what is missing."""
    what = "rows of 1 to 5 numbers"
    array = validate.table("sources", value, what)
    if array.shape[0] < 1 or not 1 <= array.shape[1] <= 5:
        raise ValueError(f"sources: expected {what}, got shape {array.shape}")
    full = np.full((array.shape[0], 5), np.nan)
    full[:, : array.shape[1]] = array
    wavelengths_A = full[:, 4] * 1e10
    bad = np.isinf(full).any(axis=1)
    bad |= (wavelengths_A < WAVELENGTH_A.low) | (wavelengths_A > WAVELENGTH_A.high)
    if bad.any():
        raise ValueError(
            f"sources: row {bad.argmax()} is {full[bad.argmax()].tolist()}: expected "
            f"a finite position and weight, and a wavelength from "
            f"{WAVELENGTH_A.low * 1e-10:g} to {WAVELENGTH_A.high * 1e-10:g} m (nan: "
            "take the default)"
        )
    full.setflags(write=False)
    return full


def checked_mask(value: Any, shape: tuple[int, int], name: str = "mask") -> np.ndarray:
    """Return a mask of the detector's shape."""
    mask = np.asarray(value)
    if mask.dtype.kind not in "bui":
        raise TypeError(
            f"{name}: expected an array of bool or whole numbers, got {mask.dtype}"
        )
    if mask.shape != shape:
        raise ValueError(
            f"{name}: its shape is {mask.shape}, the detector's (slow, fast) is {shape}"
        )
    return mask
