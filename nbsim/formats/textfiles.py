# SPDX-License-Identifier: MIT
"""Small text inputs: orientation matrices, source lists, scattering tables."""

import math
import os
import pathlib
import re
from collections.abc import Callable, Sequence

import numpy as np

from nbsim.errors import FileError
from nbsim.formats.files import read_bytes

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SEPARATORS = re.compile(r"[\s,;:!]+")
# A volume this small, relative to the product of the lengths, is rounding noise.
_FLAT = 1e-10


def read_matrix(path: str | os.PathLike) -> np.ndarray:
    """Read an orientation matrix as MOSFLM writes it (C: -mat).

    Returns
    -------
    (3, 3) float64
        Rows x, y, z; columns a*, b*, c*; wavelength / Angstrom, as in the file. Its
        first nine numbers count, in any layout.

    Raises
    ------
    FileError
        If the file is missing, has fewer than nine numbers or a singular matrix.
    """
    numbers: list[float] = []
    for number, line in _lines(path, "matrix file"):
        # Fortran may print columns without a blank in front of a minus sign.
        words = re.sub(r"(?<=[0-9.])(?=[+-])", " ", line).replace(",", " ").split()
        for word in words[: 9 - len(numbers)]:
            numbers.append(_number(word, path, number))
        if len(numbers) == 9:
            break
    else:
        raise FileError(
            f"{path}: an orientation matrix has 9 numbers, got {len(numbers)}"
        )
    matrix = np.array(numbers).reshape(3, 3)
    lengths = [math.hypot(*column) for column in matrix.T.tolist()]
    if 0.0 in lengths or abs(np.linalg.det(matrix / lengths)) < _FLAT:
        raise FileError(f"{path}: the matrix is singular: a*, b*, c* span no volume")
    return matrix


def read_sources(path: str | os.PathLike) -> np.ndarray:
    """Read a list of X-ray sources (C: -sourcefile).

    Returns
    -------
    (n, 5) float64
        X, Y, Z (m, LAB frame), weight, wavelength (m); NaN where a line has no such
        column or the word nan.

    Raises
    ------
    FileError
        If the file is missing, has no line of numbers or something else in a line.
    """
    rows = []
    for number, line in _lines(path, "source file"):
        words = _words(line)[:5]
        row = [_number(word, path, number, missing="nan") for word in words]
        if row:
            rows.append(row + [math.nan] * (5 - len(row)))
    if not rows:
        raise FileError(f"{path}: no line with X Y Z weight wavelength")
    return np.array(rows)


def read_stol(
    path: str | os.PathLike, warn: Callable[[str], None] | None = None
) -> np.ndarray:
    """Read a table of amorphous scattering (C: -stol).

    Parameters
    ----------
    path
        The file: two columns; blank lines and what follows a # do not count.
    warn
        Called with a sentence for what C takes and is probably a mistake: a line
        without a second number, whose F is 0. Without it that is an error.

    Returns
    -------
    (n, 2) float64
        sin(theta) / wavelength in the unit of the file, F in electrons.

    Raises
    ------
    FileError
        If the file is missing, has no row or a row without two numbers.
    """
    if warn is None:
        return number_rows(path, "stol file", ("stol", "F"))
    rows = number_rows(path, "stol file", ("stol", "F"), least=1)
    missing = np.isnan(rows[:, 1])
    if missing.any():
        warn(
            f"{path}: F is missing in {missing.sum()} of {len(rows)} rows, first at "
            f"{rows[missing.argmax(), 0]:g}, and taken for 0"
        )
    return np.where(missing[:, None] & [False, True], 0.0, rows)


def built_in_stol(material: str) -> np.ndarray:
    """Return the table of a material that nbsim brings along (water, air, ice)."""
    return read_stol(pathlib.Path(__file__).parents[1] / "data" / f"{material}.stol")


def number_rows(
    path: str | os.PathLike,
    what: str,
    columns: Sequence[str],
    least: int | None = None,
) -> np.ndarray:
    """Read a table of numbers; further columns of a line are ignored.

    Parameters
    ----------
    path
        The file.
    what
        What it is to the user, for messages.
    columns
        Names of the columns.
    least
        How many of them a line must have; None: all. A missing number is nan.

    Returns
    -------
    (n, columns) float64

    Raises
    ------
    FileError
        If the file is missing, has no line of numbers or a line that is none.
    """
    rows = []
    for number, line in _lines(path, what):
        words = _words(line)[: len(columns)]
        if words and len(words) < (least or len(columns)):
            raise FileError(
                f"{path}:{number}: expected {' '.join(columns)}, got {len(words)} "
                f"{'column' if len(words) == 1 else 'columns'}"
            )
        if words:
            row = [_number(word, path, number) for word in words]
            rows.append(row + [math.nan] * (len(columns) - len(row)))
    if not rows:
        raise FileError(f"{path}: no line with {' '.join(columns)}")
    return np.array(rows)


def _lines(path: str | os.PathLike, what: str) -> list[tuple[int, str]]:
    """Return line numbers and lines without what follows a #."""
    text = read_bytes(path, what).decode("latin-1")
    lines = re.split(r"\r\n|\n|\r", text)
    return [(i, line.partition("#")[0]) for i, line in enumerate(lines, start=1)]


def _words(line: str) -> list[str]:
    return [word for word in _SEPARATORS.split(line) if word]


def _number(
    word: str, path: str | os.PathLike, line: int, missing: str | None = None
) -> float:
    if missing is not None and word.lower() == missing:
        return math.nan
    value = float(word) if _NUMBER.fullmatch(word) else math.nan
    if not math.isfinite(value):
        raise FileError(f"{path}:{line}: {word[:40]!a} is not a finite number")
    return value
