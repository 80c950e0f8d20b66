# SPDX-License-Identifier: MIT
"""Frame tables: CSV files with a row for each frame, whose columns are options.

A row is read as the end of a command line: the column `distance` with 120 is
``-distance 120``. Of an option with several numbers each has a column of its own
(`misset_x`, `misset_y`, `misset_z`), or one column has them all with blanks between.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import FileError
from ..formats.files import read_bytes, replace_when_complete
from ..options.collector import Collector
from ..options.reader import EXACT, parse
from ..resolve.vectors import RTD
from .series import FrameRow

#: Columns that are no options: the frame's number, from 1, and a factor on F.
FRAME, SCALE_B = "frame", "scale_B"
#: Columns that are numbers of one option, in its order.
PARTS = {
    "misset": ("misset_x", "misset_y", "misset_z"),
    "cell": (
        "cell_a",
        "cell_b",
        "cell_c",
        "cell_alpha",
        "cell_beta",
        "cell_gamma",
    ),
}
_PART_OF = {part: option for option, parts in PARTS.items() for part in parts}


def read_frame_table(path: str | os.PathLike) -> list[FrameRow]:
    """Read a frame table.

    Returns
    -------
    list of FrameRow
        One for each line after the first, in order. Empty lines and lines that begin
        with # do not count.

    Raises
    ------
    FileError
        For a file that cannot be read, a column that is no option, a value that is
        missing, superfluous or out of range; it names the line.
    """
    text = read_bytes(path, "frame table").decode("utf-8-sig", "replace")
    lines = csv.reader(io.StringIO(text, newline=""))
    header: list[str] | None = None
    rows = []
    for cells in lines:
        cells = [cell.strip() for cell in cells]
        if not any(cells) or cells[0].startswith("#"):
            continue
        where = f"{path}:{lines.line_num}"
        if header is None:
            header = cells
            _check_columns(where, header)
            continue
        rows.append(_row(where, header, cells))
    if not rows:
        raise FileError(f"{path}: no rows: a line of option names, then one per frame")
    return rows


def _check_columns(where: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise FileError(f"{where}: column {name} is there twice")
        option = _PART_OF.get(name, name)
        if name not in (FRAME, SCALE_B) and option not in EXACT:
            raise FileError(
                f"{where}: column {name!a} is no option; columns are the names of "
                "options without dash, such as distance or misset_x"
            )
        if option in EXACT and (EXACT[option].action or EXACT[option].unused):
            raise FileError(f"{where}: column {name}: it changes no frame")
        missing = [part for part in PARTS.get(option, ()) if part not in names]
        if name in _PART_OF and missing and option == "misset":
            raise FileError(f"{where}: with {name} there must be {', '.join(missing)}")


def _row(where: str, names: Sequence[str], cells: Sequence[str]) -> FrameRow:
    if len(cells) != len(names):
        raise FileError(f"{where}: {len(cells)} values for {len(names)} columns")
    values = dict(zip(names, cells))
    for name, cell in values.items():
        if not cell:
            raise FileError(f"{where}: no value in column {name}")
    number = _number(where, FRAME, values.pop(FRAME, None), whole=True)
    scale_B = _number(where, SCALE_B, values.pop(SCALE_B, None)) or 0.0
    try:
        changes = _changes(_words(values))
        seed = changes.get("output", {}).pop("seed", None)
        changes = {model: fields for model, fields in changes.items() if fields}
        for model in changes.keys() - set(FrameRow.MODELS):
            field = next(iter(changes[model]))
            raise ValueError(f"column {field}: it cannot differ from frame to frame")
        return FrameRow(
            changes, seed, scale_B, None if number is None else int(number) - 1
        )
    except ValueError as error:
        raise FileError(f"{where}: {error}") from error


def _number(
    where: str, name: str, text: str | None, whole: bool = False
) -> float | None:
    if text is None:
        return None
    try:
        value = int(text) if whole else float(text)
        if not np.isfinite(value) or (whole and value < 1):
            raise ValueError
    except ValueError:
        kind = "a whole number from 1" if whole else "a finite number"
        raise FileError(f"{where}: {name} {text!a}: expected {kind}") from None
    return value


def _words(values: Mapping[str, str]) -> list[str]:
    """Return a row as the words of a command line."""
    words: list[str] = []
    parts: dict[str, dict[str, str]] = {}
    for name, cell in values.items():
        if name in _PART_OF:
            parts.setdefault(_PART_OF[name], {})[name] = cell
            continue
        words.append(f"-{name}")
        words += cell.split()
    for option, given in parts.items():
        words.append(f"-{option}")
        words += [given[part] for part in PARTS[option] if part in given]
    return words


def _changes(words: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what options set: model, field, value."""
    collector = Collector()
    for name, values in parse(words):
        collector.take(EXACT[name], values)
    return {model: dict(fields) for model, fields in collector.values.items() if fields}


def plain_values(column: Sequence) -> list:
    """Return a column's numbers as Python's own, whose text reads back the same."""
    return column.tolist() if isinstance(column, np.ndarray) else list(column)


def write_frame_table(path: str | os.PathLike, columns: Mapping[str, Sequence]) -> None:
    """Write a frame table; numbers are read back as they were.

    Parameters
    ----------
    path
        The file; replaced when complete.
    columns
        Option names and a value for each frame.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*map(plain_values, columns.values()), strict=True))
    with replace_when_complete(path) as stream:
        stream.write(out.getvalue().encode())


def random_orientations(count: int, seed: int) -> dict[str, Sequence]:
    """Return the columns of a table of crystals turned at random.

    All orientations are equally likely; those of a longer table begin with those of a
    shorter one.

    Parameters
    ----------
    count
        Frames.
    seed
        Whole number; also that of the first frame's noise.
    """
    generator = np.random.Generator(np.random.PCG64(seed % 2**64))
    x, y, z = generator.random((count, 3)).T
    # About x, then y, then z: the middle one is uniform in its sine.
    return {
        FRAME: list(range(1, count + 1)),
        "misset_x": 360.0 * x - 180.0,
        "misset_y": np.arcsin(2.0 * y - 1.0) * RTD,
        "misset_z": 360.0 * z - 180.0,
        "seed": [seed + i for i in range(count)],
    }
