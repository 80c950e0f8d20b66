# SPDX-License-Identifier: MIT
"""Tables of f' and f'' near an absorption edge, as CHOOCH makes them of a scan."""

from __future__ import annotations

import os

import numpy as np

from ..errors import FileError
from .textfiles import number_rows


def read_fprime_table(path: str | os.PathLike) -> tuple[np.ndarray, list[str]]:
    """Read the columns energy, f' and f''.

    CHOOCH itself writes f'' before f'. An f'' is never below 0 and an f' is near an
    edge, so that the two can be told apart.

    Parameters
    ----------
    path
        Text, three numbers a line.

    Returns
    -------
    table
        (n, 3) float64: energy [eV], rising; f', f'' [electrons].
    notes
        What was decided.

    Raises
    ------
    FileError
        If the file is missing, or has a line or values that cannot be meant.
    """
    rows = number_rows(path, "f' and f'' file", ("energy", "f'", "f''"))
    table = rows[np.argsort(rows[:, 0], kind="stable")]
    notes = []
    if (table[:, 2] < 0.0).any() and (table[:, 1] >= 0.0).all():
        table = table[:, [0, 2, 1]]
        notes.append(f"{path}: read as energy, f'', f', because f'' is never below 0")
    if len(table) < 2 or (np.diff(table[:, 0]) <= 0.0).any():
        raise FileError(f"{path}: expected two or more different energies")
    if table[0, 0] <= 0.0 or (table[:, 2] < 0.0).any():
        raise FileError(f"{path}: expected energies above 0 eV and f'' not below 0")
    return table, notes
