# SPDX-License-Identifier: MIT
"""MTZ files: the binary reflection lists of CCP4."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..errors import FileError
from ..optional import library
from .files import check_size, open_input
from .reflections import LARGEST, Column, Reflections, choose, reflections

MAGIC = b"MTZ "
#: Types of the index columns.
_INDEX = "H"


def is_mtz(path: str | os.PathLike) -> bool:
    """Return whether a file begins as an MTZ file.

    Raises
    ------
    FileError
        If it cannot be read.
    """
    with open_input(path, "reflection file") as stream:
        return stream.read(len(MAGIC)) == MAGIC


def read_columns(path: str | os.PathLike, label: str | None = None) -> Reflections:
    """Read one column, or a Bijvoet pair, of an MTZ file.

    Parameters
    ----------
    path
        The file.
    label
        See `reflections.choose`.

    Raises
    ------
    FileError
        If the file is no merged MTZ file with that column.
    MissingLibraryError
        Without gemmi.
    """
    gemmi = library("gemmi", "xtal", f"{path}: an MTZ file")
    check_size(path, "reflection file", LARGEST)
    try:
        mtz = gemmi.read_mtz_file(os.fspath(path))
    except (RuntimeError, ValueError) as error:
        # A name of C++'s library stands for sizes that the file does not have.
        reason = "it is cut off" if "::" in str(error) else error
        raise FileError(f"{path} is not a readable MTZ file: {reason}") from error
    if mtz.batches:
        raise FileError(
            f"{path} is not merged ({len(mtz.batches)} batches): merge it first"
        )
    columns = [Column(c.label, c.type) for c in mtz.columns if c.type != _INDEX]
    choice = choose(path, columns, label)
    chosen = [_column(mtz, column) for column in choice if column]
    return reflections(
        path,
        mtz.make_miller_array(),
        choice,
        [np.array(column) for column in chosen],
        # Data sets of one file may have different cells.
        mtz.get_cell(chosen[0].dataset_id),
        mtz.spacegroup,
        (),
    )


def _column(mtz: Any, wanted: Column) -> Any:
    """Return the first column of this name and type."""
    return next(
        column
        for column in mtz.columns
        if (column.label, column.type) == (wanted.label, wanted.type)
    )
