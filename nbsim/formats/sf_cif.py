# SPDX-License-Identifier: MIT
"""SF-mmCIF: the text form in which the Protein Data Bank keeps reflections."""

from __future__ import annotations

import os
import re
from typing import Any

import numpy as np

from ..errors import FileError
from ..optional import library
from .files import check_size
from .reflections import LARGEST, Column, Reflections, choose, reflections

#: Types of MTZ columns for tags that measured values have.
MEASURED = {
    "pdbx_F_plus": "G",
    "pdbx_F_minus": "G",
    "F_meas_au": "F",
    "F_meas": "F",
    "pdbx_I_plus": "K",
    "pdbx_I_minus": "K",
    "intensity_meas": "J",
    "F_squared_meas": "J",
}
#: Parts of tags that are neither amplitudes nor intensities.
NO_AMPLITUDE = re.compile(r"index|sigma|phase|phi|status|fom|free|_id|HL_|weight|class")
#: Tags of the space group that gemmi does not look at, by name and by number.
SPACE_GROUP_NAMES = ("_space_group.name_H-M_alt", "_space_group.name_H-M_full")
SPACE_GROUP_NUMBERS = ("_symmetry.Int_Tables_number", "_space_group.IT_number")
#: What stands for a value that is not there.
NO_VALUE = ("?", ".")
#: Status of reflections that were not measured.
NOT_MEASURED = ("x", "-", "<")


def read_columns(path: str | os.PathLike, label: str | None = None) -> Reflections:
    """Read one column, or a Bijvoet pair, of an SF-mmCIF file.

    The first block that has such a column counts.

    Parameters
    ----------
    path
        The file.
    label
        See `reflections.choose`; tags of the category _refln.

    Raises
    ------
    FileError
        If the file has no merged reflections with that column.
    MissingLibraryError
        Without gemmi.
    """
    gemmi = library("gemmi", "xtal", f"{path}: a file of reflections")
    check_size(path, "reflection file", LARGEST)
    try:
        blocks = gemmi.as_refln_blocks(gemmi.cif.read(os.fspath(path)))
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise FileError(
            f"{path} is neither MTZ nor a readable SF-mmCIF file: {reason}"
        ) from error
    filled = [block for block in blocks if block.default_loop is not None]
    merged = [block for block in filled if not block.is_unmerged()]
    if not merged:
        what = "only unmerged reflections" if filled else "no reflections"
        raise FileError(f"{path}: {what} (neither MTZ nor SF-mmCIF with _refln)")
    block = _block(merged, label)
    notes = []
    if len(filled) > 1:
        others = ", ".join(b.block.name for b in filled if b is not block)
        notes.append(f"{path}: block {block.block.name} is used, not {others}")
    return _read(path, block, label, notes)


def _block(blocks: list[Any], label: str | None) -> Any:
    """Return the first block with data: with the column asked for, or any."""
    wanted = set(label.split(",")) if label else set(MEASURED)
    return next((b for b in blocks if wanted & set(b.column_labels())), blocks[0])


def _type(tag: str) -> str:
    """Return the MTZ type of a tag; `?` where it holds no amplitude."""
    if tag in MEASURED:
        return MEASURED[tag]
    if NO_AMPLITUDE.search(tag):
        return "?"
    if re.search(r"intensity|squared|pdbx_I", tag):
        return "J"
    return "F" if "F" in tag else "?"


def _columns(block: Any, label: str | None) -> list[Column]:
    """Return the columns to choose from.

    Without a label calculated amplitudes and maps count only where nothing was
    measured.
    """
    tags = [tag for tag in block.column_labels() if not tag.startswith("index_")]
    measured = [tag for tag in tags if tag in MEASURED]
    if measured and label is None:
        tags = measured
    return [Column(tag, _type(tag)) for tag in tags]


def _space_group(block: Any) -> Any:
    """Return the gemmi.SpaceGroup of a block; None where it has none that is known."""
    if block.spacegroup is not None:
        return block.spacegroup
    gemmi = library("gemmi", "xtal", "a file of reflections")
    _, _, _, alpha, _, gamma = block.cell.parameters
    for tag in SPACE_GROUP_NAMES:
        name = gemmi.cif.as_string(block.block.find_value(tag) or "?")
        group = gemmi.find_spacegroup_by_name(name, alpha, gamma) if name else None
        if group is not None:
            return group
    for tag in SPACE_GROUP_NUMBERS:
        number = gemmi.cif.as_string(block.block.find_value(tag) or "?")
        if number.isdecimal() and 1 <= int(number) <= 230:
            return gemmi.find_spacegroup_by_number(int(number))
    return None


def _check_words(path: str | os.PathLike, block: Any, tag: str, values: Any) -> None:
    """Refuse a column with a word that is neither a number nor ? or a point."""
    column = block.block.find_values(f"_refln.{tag}")
    for row in np.flatnonzero(np.isnan(values)).tolist():
        if column[row] not in NO_VALUE:
            raise FileError(
                f"{path}: block {block.block.name}: _refln.{tag} {column[row]!a} is "
                "not a number"
            )


def _read(
    path: str | os.PathLike, block: Any, label: str | None, notes: list[str]
) -> Reflections:
    columns = _columns(block, label)
    choice = choose(path, columns, label)
    try:
        indices = block.make_miller_array()
        values = [block.make_float_array(column.label) for column in choice if column]
    except (RuntimeError, ValueError) as error:
        raise FileError(f"{path}: block {block.block.name}: {error}") from error
    for tag, column in zip([column.label for column in choice if column], values):
        _check_words(path, block, tag, column)
    measured = np.ones(len(indices), bool)
    if "status" in block.column_labels():
        status = list(block.block.find_values("_refln.status"))
        measured = np.array([s.strip("'\"") not in NOT_MEASURED for s in status])
        left_out = int(np.count_nonzero(~measured))
        if left_out:
            notes.append(f"{path}: {left_out} reflections not measured by their status")
    return reflections(
        path,
        indices[measured],
        choice,
        [np.asarray(column)[measured] for column in values],
        block.cell,
        _space_group(block),
        notes,
    )
