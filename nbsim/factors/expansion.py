# SPDX-License-Identifier: MIT
"""From the reflections that a file lists to F of every index inside its sphere."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import FileError
from ..formats.reflections import Reflections
from ..model.structure_factors import Origin, StructureFactors
from .box import Box, absent, inverse_d_sqr, reciprocal_metric

#: Values of one reflection that differ by more than this share are different.
SAME = 1e-3
#: Bytes per index: F as float64, and whether it is known.
BYTES_PER_INDEX = 9


def expanded(
    path: str | os.PathLike,
    listed: Reflections,
    dmin_A: float = 0.0,
    default_F: float = 0.0,
    F_scale: float = 1.0,
    add_B: float = 0.0,
    F000: float = 0.0,
) -> StructureFactors:
    """Return F of all indices: symmetry and Friedel's mates applied, holes filled.

    Parameters
    ----------
    path
        The file, for messages.
    listed
        Its reflections.
    dmin_A
        Resolution limit [A]; 0: that of the file. It cannot extend the file.
    default_F
        F of indices inside the limit that the file lacks, electrons; absent ones
        are 0.
    F_scale, add_B
        F is multiplied by F_scale exp(-add_B / (4 d^2)), add_B in A^2.
    F000
        F of 0 0 0, electrons.

    Raises
    ------
    FileError
        When no reflection is inside the limit, or memory would not suffice.
    """
    inverse_d = inverse_d_sqr(listed.indices, reciprocal_metric(listed.cell))
    known = np.isfinite(listed.plus)
    if listed.minus is not None:
        known |= np.isfinite(listed.minus)
    known &= inverse_d > 0.0
    if not known.any():
        raise FileError(f"{path}: no reflection but 0 0 0")
    of_file = 1.0 / math.sqrt(inverse_d[known].max())
    box = Box.around_sphere(listed.cell, max(dmin_A, of_file))
    known &= inverse_d <= box.largest_inverse_d_sqr
    if not known.any():
        raise FileError(
            f"{path}: no reflection up to {dmin_A:g} A, the file goes to "
            f"{of_file:.4g} A"
        )
    box.check_memory(path, BYTES_PER_INDEX)
    box.check_damping(add_B)
    factor = np.zeros(len(inverse_d))
    factor[known] = F_scale * np.exp(-add_B / 4.0 * inverse_d[known])
    F = np.full(box.shape, np.nan)
    for indices, values in _equivalents(listed, known, factor):
        F[tuple((indices + box.limits).T)] = values
    notes = listed.notes
    changed = _overwritten(F, box, listed, known, factor)
    if changed:
        notes += (
            f"{path}: {changed} reflections are listed again, as themselves or as an "
            "equivalent, with another value; one of them counts",
        )
    missing, absences = _fill_holes(F, box, listed.space_group, float(default_F))
    F[box.limits] = F000
    F.flags.writeable = False  # its own: not to be copied
    return StructureFactors(
        F,
        *(-limit for limit in box.limits),
        hkls=int(np.count_nonzero(known)),
        origin=Origin(
            label=listed.label,
            d_min_A=box.dmin_A,
            absences=absences,
            missing=missing,
            F000=float(F000),
            notes=notes,
        ),
    )


def _equivalents(
    listed: Reflections, known: np.ndarray, factor: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield indices and F to set, later ones over earlier ones.

    The list need not be an asymmetric unit: it may have both mates. So what is
    taken from a mate comes first, what is listed itself comes after it.
    """
    operations = [
        np.array(op.rot) // op.DEN for op in listed.space_group.operations().sym_ops
    ]
    plus = listed.plus * factor
    minus = plus if listed.minus is None else listed.minus * factor
    own_minus = np.full_like(plus, np.nan) if listed.minus is None else minus
    for sign, values in ((1, minus), (-1, plus), (-1, own_minus), (1, plus)):
        chosen = known & np.isfinite(values)
        # Row vector times matrix: an index turns the other way than a position.
        for rotation in operations:
            yield sign * (listed.indices[chosen] @ rotation), values[chosen]


def _overwritten(
    F: np.ndarray, box: Box, listed: Reflections, known: np.ndarray, factor: np.ndarray
) -> int:
    """Return how many of the listed reflections have the value of another one."""
    values = listed.plus * factor
    chosen = known & np.isfinite(values)
    kept = F[tuple((listed.indices[chosen] + box.limits).T)]
    values = values[chosen]
    return int(np.count_nonzero(np.abs(kept - values) > SAME * np.abs(values)))


def _fill_holes(
    F: np.ndarray, box: Box, space_group: Any, default_F: float
) -> tuple[int, int]:
    """Set what is not known yet, and what must be 0; return both counts.

    Returns
    -------
    missing, absences
        Indices inside the sphere that the list lacks, and those absent by symmetry.
    """
    missing = absences = 0
    for place, indices, inverse_d in box.planes():
        plane = F[place]
        inside = (inverse_d <= box.largest_inverse_d_sqr) & (inverse_d > 0.0)
        forbidden = inside & absent(indices, space_group)
        holes = inside & ~forbidden & np.isnan(plane)
        plane[holes] = default_F
        plane[~inside | forbidden] = 0.0
        missing += int(np.count_nonzero(holes))
        absences += int(np.count_nonzero(forbidden))
    return missing, absences
