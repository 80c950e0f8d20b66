# SPDX-License-Identifier: MIT
"""Atomic models: PDB and mmCIF files, plain or compressed with gzip."""

from __future__ import annotations

import gzip
import math
import os
import re
import zlib
from dataclasses import dataclass
from typing import Any

from ..errors import FileError
from ..optional import library
from .files import read_bytes

_GZIP = b"\x1f\x8b"
#: An mmCIF file begins with a block, after comments and blank lines.
_MMCIF = re.compile(r"(?:\s|#[^\n]*\n)*data_", re.IGNORECASE)
#: Columns of a PDB line that a wrong digit makes 0 without a word; an empty
#: occupancy or B is allowed.
_PDB_NUMBERS = (
    ("x", 30, 38, False),
    ("y", 38, 46, False),
    ("z", 46, 54, False),
    ("occupancy", 54, 60, True),
    ("B", 60, 66, True),
)


@dataclass(frozen=True, eq=False)
class AtomicModel:
    """The content of a unit cell.

    Attributes
    ----------
    structure
        A gemmi.Structure with one model that counts, its first.
    space_group
        A gemmi.SpaceGroup.
    cell
        a, b, c [A], alpha, beta, gamma [deg].
    notes, warnings
        What was decided while reading, and what may be wrong.
    """

    structure: Any
    space_group: Any
    cell: tuple[float, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def atoms(self) -> list[Any]:
        """The gemmi.Atom objects of the model, without their symmetry mates."""
        return [place.atom for place in self.structure[0].all()]


def read_coordinates(path: str | os.PathLike) -> AtomicModel:
    """Read a PDB or mmCIF file.

    Raises
    ------
    FileError
        If it cannot be read, or lacks a unit cell, a space group or atoms.
    MissingLibraryError
        Without gemmi.
    """
    gemmi = library("gemmi", "xtal", f"{path}: an atomic model")
    text = _text(path)
    is_mmcif = _MMCIF.match(text) is not None
    if not is_mmcif:
        _check_pdb_numbers(path, text)
    kind = gemmi.CoorFormat.Mmcif if is_mmcif else gemmi.CoorFormat.Pdb
    try:
        structure = gemmi.read_structure_string(text, format=kind)
    except (RuntimeError, ValueError) as error:
        what = "mmCIF" if is_mmcif else "PDB"
        reason = " ".join(str(error).split())
        raise FileError(f"{path} is not a readable {what} file: {reason}") from error
    notes, warnings = [], []
    if len(structure) == 0 or not any(structure[0].all()):
        raise FileError(f"{path}: no atoms (expected a PDB or mmCIF file)")
    if not structure.cell.is_crystal() or not structure.cell.volume > 0.0:
        raise FileError(f"{path}: no unit cell (CRYST1, or _cell in mmCIF)")
    space_group = structure.find_spacegroup()
    if space_group is None:
        name = structure.spacegroup_hm
        what = f"unknown space group {name}" if name else "no space group"
        raise FileError(f"{path}: {what}")
    _check_atoms(path, structure)
    if len(structure) > 1:
        notes.append(f"{path}: the first of {len(structure)} models is used")
    copies = sum(not operator.given for operator in structure.ncs)
    if copies:
        structure.expand_ncs(gemmi.HowToNameCopiedChain.Dup)
        notes.append(f"{path}: {copies} copies made by the file's own operators")
    if not structure.cell.is_compatible_with_spacegroup(space_group):
        warnings.append(
            f"{path}: the unit cell does not have the symmetry of {space_group.xhm()}"
        )
    return AtomicModel(
        structure,
        space_group,
        tuple(float(x) for x in structure.cell.parameters),
        tuple(notes),
        tuple(warnings),
    )


def _text(path: str | os.PathLike) -> str:
    content = read_bytes(path, "model file")
    if content.startswith(_GZIP):
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise FileError(f"{path} is a damaged gzip file: {error}") from error
    # Some editors begin a file with a byte order mark.
    return content.decode("utf-8-sig", errors="replace")


def _check_pdb_numbers(path: str | os.PathLike, text: str) -> None:
    for number, line in enumerate(text.splitlines(), start=1):
        if line[:6] not in ("ATOM  ", "HETATM"):
            continue
        for name, start, stop, optional in _PDB_NUMBERS:
            word = line[start:stop].strip()
            if not (_is_finite(word) or (optional and not word)):
                raise FileError(
                    f"{path}:{number}: {word!a} as {name} is not a finite number"
                )


def _is_finite(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False


def _check_atoms(path: str | os.PathLike, structure: Any) -> None:
    for place in structure[0].all():
        atom = place.atom
        where = f"{path}: atom {place}"
        if atom.element.atomic_number == 0 or atom.element.it92 is None:
            raise FileError(f"{where}: no scattering factor for {atom.element.name}")
        numbers = (*atom.pos.tolist(), atom.occ, atom.b_iso)
        if not all(map(math.isfinite, numbers)):
            raise FileError(f"{where}: position, occupancy or B is not a finite number")
    if not any(place.atom.occ for place in structure[0].all()):
        raise FileError(f"{path}: every atom has occupancy 0")
