# SPDX-License-Identifier: MIT
"""Reflections of a crystal as a file lists them, and which of its columns are meant."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..errors import FileError

#: Column types of the MTZ format that amplitudes can come from, best first, and
#: what they hold: amplitudes of F(+) or F(-), amplitudes, intensities of both.
#: Larger files hold no merged reflections of one crystal, bytes.
LARGEST = 1 << 30
USABLE = {"G": "F(+), F(-)", "F": "F", "K": "I(+), I(-)", "J": "I"}
INTENSITIES = ("K", "J")
#: How the name of a mate is made from that of a Bijvoet pair's first column.
MATES = (("(+)", "(-)"), ("_plus", "_minus"), ("+", "-"))


class Column(NamedTuple):
    """Name and type of a column; types are those of the MTZ format."""

    label: str
    type: str


class Choice(NamedTuple):
    """The columns to read: F(+) and F(-), or one for both."""

    plus: Column
    minus: Column | None

    @property
    def label(self) -> str:
        """The columns' names, with a comma between two."""
        labels = [column.label for column in (self.plus, self.minus) if column]
        return ",".join(labels)


@dataclass(frozen=True, eq=False)
class Reflections:
    """What a reflection file says.

    Attributes
    ----------
    indices
        (n, 3) int32, unique under symmetry or not.
    plus
        (n,) float64: F of the index, electrons; nan where there is none.
    minus
        The same of its Friedel mate, or None where one column stands for both.
    cell
        a, b, c [A], alpha, beta, gamma [deg].
    space_group
        A gemmi.SpaceGroup, in the file's own setting.
    label
        The columns.
    notes
        What the reader decided, one sentence each.
    """

    indices: np.ndarray
    plus: np.ndarray
    minus: np.ndarray | None
    cell: tuple[float, ...]
    space_group: Any
    label: str
    notes: tuple[str, ...]


def choose(
    path: str | os.PathLike, columns: Sequence[Column], asked: str | None
) -> Choice:
    """Return the columns that are asked for, or the only ones that can be meant.

    Parameters
    ----------
    path
        The file, for messages.
    columns
        All that the file has.
    asked
        One label, or those of F(+) and F(-) with a comma between them.

    Raises
    ------
    FileError
        When there is no such column, or more than one that could be meant.
    """
    if asked is not None:
        return _named(path, columns, asked)
    for kind in USABLE:
        found = [column for column in columns if column.type == kind]
        pairs = kind in ("G", "K")
        firsts = [c for c in found if not pairs or _mate(c, found) is not None]
        if pairs and not firsts and len(found) == 1:
            firsts = found
        if len(firsts) > 1 or (pairs and found and not firsts):
            raise FileError(
                f"{path}: more than one column could be meant, choose with -mtz_label: "
                f"{_listed(found)}"
            )
        if firsts:
            return Choice(firsts[0], _mate(firsts[0], found) if pairs else None)
    raise FileError(f"{path}: no column of amplitudes or intensities: {_all(columns)}")


def _named(path: str | os.PathLike, columns: Sequence[Column], asked: str) -> Choice:
    labels = asked.split(",")
    if len(labels) > 2 or not all(labels):
        raise FileError(f"-mtz_label {asked}: expected LABEL or LABEL,LABEL")
    chosen = []
    for label in labels:
        named = [column for column in columns if column.label == label]
        if not named:
            raise FileError(f"{path}: no column {label}: {_all(columns)}")
        if named[0].type not in USABLE:
            raise FileError(
                f"{path}: column {label} of type {named[0].type} holds neither "
                f"amplitudes nor intensities: {_all(columns)}"
            )
        chosen.append(named[0])
    if len(chosen) == 1:
        return Choice(chosen[0], _mate(chosen[0], columns))
    plus, minus = chosen
    if (plus.type in INTENSITIES) != (minus.type in INTENSITIES):
        raise FileError(
            f"{path}: columns {plus.label} and {minus.label}: one holds amplitudes, "
            "the other intensities"
        )
    return Choice(plus, minus)


def _mate(column: Column, columns: Sequence[Column]) -> Column | None:
    """Return the column of F(-) that goes with one of F(+)."""
    for plus, minus in MATES:
        if plus in column.label:
            mate = Column(column.label.replace(plus, minus), column.type)
            return mate if mate in columns else None
    return None


def _listed(columns: Sequence[Column]) -> str:
    return ", ".join(f"{column.label} {column.type}" for column in columns)


def _all(columns: Sequence[Column]) -> str:
    return f"the file has {_listed(columns)}" if columns else "the file has no columns"


def amplitudes(values: np.ndarray, kind: str) -> tuple[np.ndarray, int]:
    """Return F of a column, nan where there is none, and how many were negative.

    Intensities become sqrt(max(I, 0)): no statistics of weak reflections.
    """
    F = np.array(values, dtype=np.float64)
    F[~np.isfinite(F)] = np.nan
    if kind not in INTENSITIES:
        return F, 0
    negative = int(np.count_nonzero(F < 0.0))
    return np.sqrt(np.maximum(F, 0.0)), negative


def reflections(
    path: str | os.PathLike,
    indices: np.ndarray,
    choice: Choice,
    values: Sequence[np.ndarray],
    cell: Any,
    space_group: Any,
    notes: Sequence[str],
) -> Reflections:
    """Return the reflections of one or two columns, checked.

    Parameters
    ----------
    path
        The file, for messages.
    indices
        (n, 3) whole numbers.
    choice
        The columns.
    values
        Their values, (n,) each; nan where there is none.
    cell
        A gemmi.UnitCell.
    space_group
        A gemmi.SpaceGroup, or None where the file names none that is known.
    notes
        What the reader decided.

    Raises
    ------
    FileError
        When cell, space group or values are missing.
    """
    if space_group is None:
        raise FileError(f"{path}: no known space group")
    parameters = tuple(float(x) for x in cell.parameters)
    if not cell.is_crystal() or not cell.volume > 0.0:
        raise FileError(
            f"{path}: no unit cell ({' '.join(f'{x:g}' for x in parameters)})"
        )
    columns, negatives = zip(*(amplitudes(v, choice.plus.type) for v in values))
    if all(np.isnan(column).all() for column in columns):
        raise FileError(f"{path}: column {choice.label} has no value")
    notes = list(notes)
    if sum(negatives):
        notes.append(f"{path}: {sum(negatives)} negative intensities count as 0")
    return Reflections(
        indices=np.ascontiguousarray(indices, dtype=np.int32),
        plus=columns[0],
        minus=columns[1] if len(columns) > 1 else None,
        cell=parameters,
        space_group=space_group,
        label=choice.label,
        notes=tuple(notes),
    )
