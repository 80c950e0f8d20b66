# SPDX-License-Identifier: MIT
"""Structure factors from a reflection file: MTZ or SF-mmCIF (-mtz)."""

from __future__ import annotations

import os
from typing import NamedTuple

from ..formats import mtz, sf_cif
from ..formats.reflections import Reflections
from ..model import validate
from ..model.structure_factors import StructureFactors
from .expansion import expanded


class CrystalFactors(NamedTuple):
    """Structure factors and the crystal they belong to.

    Attributes
    ----------
    factors
        For `Simulation`; what is known of their origin is in `factors.origin`.
    cell
        a, b, c [A], alpha, beta, gamma [deg], for `Crystal`.
    space_group
        Hermann-Mauguin name in the file's own setting.
    """

    factors: StructureFactors
    cell: tuple[float, ...]
    space_group: str


def read_reflections(path: str | os.PathLike, label: str | None = None) -> Reflections:
    """Read the reflections of a file of either format; see `read_mtz`."""
    module = mtz if mtz.is_mtz(path) else sf_cif
    return module.read_columns(path, label)


def read_mtz(
    path: str | os.PathLike,
    label: str | None = None,
    dmin_A: float = 0.0,
    default_F: float = 0.0,
    *,
    F_scale: float = 1.0,
    add_B: float = 0.0,
    F000: float = 0.0,
) -> CrystalFactors:
    """Read an MTZ or SF-mmCIF file and expand it to P1 with Friedel's mates.

    Parameters
    ----------
    path
        The file.
    label
        Column of amplitudes or intensities; F(+) of a pair finds its F(-), or give
        both with a comma between. None: the pair of F, else F, else the pair of
        intensities, else the intensities.
    dmin_A
        Resolution limit [A]; 0: the highest resolution listed.
    default_F
        F of reflections inside the limit that the file lacks, electrons. Absent
        reflections and those beyond the limit are 0.
    F_scale, add_B
        F is multiplied by F_scale exp(-add_B / (4 d^2)), add_B in A^2.
    F000
        F of 0 0 0, electrons.

    Returns
    -------
    CrystalFactors
        factors, cell, space_group: a crystal of these takes the cell as
        ``Crystal(cell=cell, exact_cell=True)``.

    Raises
    ------
    FileError
        If the file cannot be read or has no such column.
    MissingLibraryError
        Without gemmi.
    ValueError, TypeError
        For an argument out of range.
    """
    numbers = {
        "dmin_A": validate.number("dmin_A", dmin_A, "A", low=0.0),
        "default_F": validate.number("default_F", default_F, "electrons"),
        "F_scale": validate.number("F_scale", F_scale),
        "add_B": validate.number("add_B", add_B, "A^2"),
        "F000": validate.number("F000", F000, "electrons"),
    }
    listed = read_reflections(path, label)
    return CrystalFactors(
        expanded(path, listed, **numbers), listed.cell, listed.space_group.xhm()
    )
