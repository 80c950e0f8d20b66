# SPDX-License-Identifier: MIT
"""Structure factors that follow the energy of a spectrum's channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class SpectralParts:
    """What F is made of at every channel: F_i = part_0 + sum_j c_ij part_j.

    Few parts serve any number of channels: with one absorption edge they are the four
    grids of the usual formula (real and imaginary parts of everything else, and of
    the element's own sum), and one pair more carries the slow change of all others.

    Attributes
    ----------
    parts
        (h_range, k_range, l_range, 1 + n) complex64, electrons.
    coefficients
        (channels, n) complex128, c_ij.
    wavelengths_A
        (channels,) A.
    """

    parts: np.ndarray
    coefficients: np.ndarray
    wavelengths_A: np.ndarray

    def __post_init__(self) -> None:
        parts, coefficients = self.parts, self.coefficients
        if parts.dtype != np.complex64 or parts.ndim != 4:
            raise TypeError("parts: expected complex64 of four dimensions")
        if not parts.flags.c_contiguous or not parts.size:
            raise ValueError("parts: expected a filled, C-contiguous array")
        expected = (len(self.wavelengths_A), parts.shape[3] - 1)
        if coefficients.shape != expected or expected[1] < 1:
            raise ValueError(
                f"coefficients of shape {coefficients.shape}: expected one row for "
                f"each channel, one column for each part but the first, {expected}"
            )
        if not (np.isfinite(parts).all() and np.isfinite(coefficients).all()):
            raise ValueError("parts, coefficients: expected finite numbers only")

    def amplitudes(self, channel: int) -> np.ndarray:
        """Return |F| at a channel, (h_range, k_range, l_range) float64."""
        return combined(self.parts, self.coefficients[channel])


def combined(parts: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Return |part_0 + sum_j c_j part_j|, float64, plane by plane."""
    F = np.empty(parts.shape[:-1])
    factors = np.array([1.0, *coefficients])
    for plane, part in zip(F, parts):
        np.abs(part @ factors, out=plane)
    return F
