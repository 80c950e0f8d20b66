# SPDX-License-Identifier: MIT
"""Spectra: text of energies or wavelengths, and weights."""

from __future__ import annotations

import os

import numpy as np

from ..errors import FileError
from ..model.spectrum import checked_spectrum
from .textfiles import number_rows


def read_spectrum(path: str | os.PathLike) -> np.ndarray:
    """Read the channels of a spectrum (-spectrum).

    Parameters
    ----------
    path
        Text, two numbers a line with blanks, a comma or a tab between them: energy
        [eV] (all above 100) or wavelength [A] (all below), and weight.

    Returns
    -------
    (n, 2) float64
        Wavelength [A] and weight, for `Beam.spectrum`; the weights add up to 1.

    Raises
    ------
    FileError
        If the file is missing, or has a line or values that make no spectrum.
    """
    rows = number_rows(path, "spectrum", ("energy", "weight"))
    try:
        return checked_spectrum(rows)
    except ValueError as error:
        raise FileError(f"{path}: {error}") from error
