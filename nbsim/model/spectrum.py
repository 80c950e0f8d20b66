# SPDX-License-Identifier: MIT
"""The channels of a polychromatic beam."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import validate
from .limits import EV_ANGSTROM

#: First numbers above it are energies in eV, below it wavelengths in Angstrom.
EV_OR_ANGSTROM = 100.0


def checked_spectrum(value: Any) -> np.ndarray:
    """Return the channels of a spectrum with weights that add up to 1.

    Parameters
    ----------
    value
        (n, 2): energy [eV] or wavelength [A], and weight. Energies where all first
        numbers are above 100, wavelengths where all are below.

    Returns
    -------
    ndarray
        (n, 2) float64, read-only: wavelength [A], weight; in the order given.

    Raises
    ------
    ValueError, TypeError
        Saying what is expected.
    """
    what = "rows of two numbers, energy in eV or wavelength in A, and weight"
    table = validate.table("spectrum", value, what)
    if table.shape[0] < 1 or table.shape[1] != 2:
        raise ValueError(f"spectrum: expected {what}, got shape {table.shape}")
    if not np.isfinite(table).all():
        raise ValueError("spectrum: expected finite numbers only")
    first, weights = table.T
    if (first <= 0.0).any():
        raise ValueError(
            f"spectrum: {first.min():g}: expected energies or wavelengths above 0"
        )
    energies = first > EV_OR_ANGSTROM
    if energies.any() != energies.all() or (first == EV_OR_ANGSTROM).any():
        raise ValueError(
            f"spectrum: from {first.min():g} to {first.max():g}: expected energies in "
            "eV, all above 100, or wavelengths in A, all below"
        )
    if (weights < 0.0).any():
        raise ValueError(
            f"spectrum: weight {weights.min():g}: expected numbers not below 0"
        )
    total = weights.sum()
    if not 0.0 < total < np.inf:
        raise ValueError(
            f"spectrum: the weights add up to {total:g}: expected a finite sum above 0"
        )
    if energies.all():
        table[:, 0] = EV_ANGSTROM / first
    table[:, 1] = weights / total
    table.setflags(write=False)
    return table
