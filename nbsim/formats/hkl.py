# SPDX-License-Identifier: MIT
"""Structure factor lists: text of `h k l F` lines, and the C program's Fdump.bin."""

import io
import math
import os
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np

from nbsim.errors import FileError
from nbsim.formats.files import LARGEST_TEXT, open_input, replace_when_complete
from nbsim.model.structure_factors import StructureFactors, check_grid_fits

_NUMBER = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_LARGEST_INDEX = 1_000_000_000  # as C's starting value of h_min
_CHUNK = 4 << 20  # bytes read at a time: the text never lies in memory as a whole
_DUMP_HEADER = re.compile(rb"(-?\d+) (-?\d+) (-?\d+) (-?\d+) (-?\d+) (-?\d+)\n\f")
_DUMP_HEADER_LIMIT = 80  # bytes; six int and their separators need 73 at most

Reflection = tuple[int, int, int, float]


def read_hkl(path: str | os.PathLike, default_F: float = 0.0) -> StructureFactors:
    """Read a text list of structure factor amplitudes (C: -hkl).

    One reflection per line: h k l F, separated by blanks or commas; further columns
    are ignored, and so are blank lines and lines that begin with #, ! or ;. Of
    several lines for one reflection the last counts.

    Parameters
    ----------
    path
        The file; it is read twice, so that the text is never held in memory.
    default_F
        Amplitude of reflections that the list lacks, electrons.

    Raises
    ------
    FileError
        If the file is missing, has no reflection, a line that is none, or indices
        so far apart that their grid does not fit into memory.
    """
    from nbsim.kernels import entries

    with open_input(path, "hkl file") as stream:
        if not stream.seekable():  # a pipe gives its bytes only once
            stream = io.BytesIO(stream.read())
        limit = _LARGEST_INDEX + 1
        bounds = np.array([limit, -limit] * 3)
        counts = np.zeros(2, dtype=np.int64)

        def widen(reflection: Reflection) -> None:
            bounds[0::2] = np.minimum(bounds[0::2], reflection[:3])
            bounds[1::2] = np.maximum(bounds[1::2], reflection[:3])

        _scan(path, stream, entries.measure_hkl, (bounds, counts), widen)
        hkls = int(counts[1])
        if hkls == 0:
            lines = f" in {counts[0]} lines" if counts[0] else ", the file is empty"
            raise FileError(f"{path}: no reflection{lines}")
        check_grid_fits(path, tuple(bounds.tolist()))
        grid = _empty_grid(bounds, default_F)

        def put(reflection: Reflection) -> None:
            index = np.array(reflection[:3])
            if (index < bounds[0::2]).any() or (index > bounds[1::2]).any():
                raise FileError(f"{path} changed while it was read")
            grid[tuple(index - bounds[0::2])] = reflection[3]

        counts[:] = 0
        stream.seek(0)
        _scan(path, stream, entries.fill_hkl, (bounds, counts, grid), put)
        if counts[1] != hkls:
            raise FileError(f"{path} changed while it was read")
    h_min, k_min, l_min = bounds[0::2].tolist()
    grid.flags.writeable = False  # its own: not to be copied
    return StructureFactors(grid, h_min, k_min, l_min, default_F, hkls)


def _empty_grid(bounds: np.ndarray, default_F: float) -> np.ndarray:
    shape = tuple((bounds[1::2] - bounds[0::2] + 1).tolist())
    # zeros() takes memory only where something is written, full() everywhere.
    return np.full(shape, float(default_F)) if default_F else np.zeros(shape)


def _scan(
    path: str | os.PathLike,
    stream: io.BufferedIOBase,
    kernel: Callable,
    arrays: tuple[np.ndarray, ...],
    take: Callable[[Reflection], None],
) -> None:
    """Run a kernel over a text; read lines here that it leaves alone."""
    counts = arrays[1]
    for text, stop in _chunks(path, stream):
        view = np.frombuffer(text, dtype=np.uint8)
        position = 0
        while (position := kernel(view, position, stop, *arrays)) < stop:
            end = _LINE_END.search(text, position, stop)
            line = bytes(text[position : end.start() if end else stop])
            counts += 1
            take(_read_line(f"{path}:{counts[0]}", line))
            position = end.end() if end else stop


def _chunks(
    path: str | os.PathLike, stream: io.BufferedIOBase
) -> Iterator[tuple[bytearray, int]]:
    """Yield a buffer and how many of its bytes are whole lines, until the end."""
    text = bytearray(_CHUNK)
    kept = 0
    while count := stream.readinto(memoryview(text)[kept:]):
        filled = kept + count
        stop = text.rfind(b"\n", kept, filled) + 1
        if stop:
            yield text, stop
            kept = filled - stop
            text[:kept] = text[stop:filled]
        else:
            kept = filled
            if kept > LARGEST_TEXT:
                raise FileError(f"{path}: no end of line in {kept / 1e6:.0f} MB")
            if kept == len(text):
                text = text + bytes(len(text))
    if kept:  # a last line without its end
        text[kept : kept + 1] = b"\n"
        yield text, kept + 1


def _read_line(where: str, line: bytes) -> Reflection:
    """Read a line of four or more columns with Python's means.

    Raises
    ------
    FileError
        Saying what is wrong, if it is no reflection.
    """
    words = line.replace(b",", b" ").split()
    if len(words) < 4:
        raise FileError(f"{where}: expected h k l F, got {_columns(len(words))}")
    h, k, l = (_index(where, word) for word in words[:3])  # noqa: E741
    return h, k, l, _number(where, "F", words[3])


def _columns(count: int) -> str:
    return "1 column" if count == 1 else f"{count} columns"


def _index(where: str, word: bytes) -> int:
    value = _number(where, "index", word)
    if not value.is_integer():
        raise FileError(f"{where}: index {word.decode()} is not a whole number")
    if abs(value) > _LARGEST_INDEX:
        raise FileError(
            f"{where}: index {word.decode()} is beyond {_LARGEST_INDEX:,} either way"
        )
    return int(value)


def _number(where: str, what: str, word: bytes) -> float:
    if _NUMBER.fullmatch(word) is None:
        shown = ascii(word[:40].decode("latin-1"))
        raise FileError(f"{where}: expected h k l F, got {shown} as {what}")
    value = float(word)
    if not math.isfinite(value):
        raise FileError(f"{where}: {what} {word.decode()} is not a finite number")
    return value


def write_hkl(path: str | os.PathLike, sf: StructureFactors) -> None:
    """Write every reflection of the box as a text list that reads back equal.

    Raises
    ------
    FileError
        If the file cannot be written.
    ValueError
        If there is no list to write.
    """
    grid = _grid_of(sf)
    with replace_when_complete(path) as stream:
        for h, plane in enumerate(grid, start=sf.h_min):
            for k, row in enumerate(plane.tolist(), start=sf.k_min):
                lines = [
                    f"{h} {k} {l} {F!r}\n"
                    for l, F in enumerate(row, start=sf.l_min)  # noqa: E741
                ]
                stream.write("".join(lines).encode("ascii"))


def read_fdump(path: str | os.PathLike, default_F: float = 0.0) -> StructureFactors:
    """Read the binary dump that a run with -hkl left (C: Fdump.bin).

    Holes of the list hold the default_F of the run that wrote the file; `default_F`
    only serves reflections outside the box.

    Raises
    ------
    FileError
        If the file is missing, truncated, too long or not such a dump.
    """
    with open_input(path, "dump file") as stream:
        start = stream.read(_DUMP_HEADER_LIMIT)
        match = _DUMP_HEADER.match(start)
        bounds = tuple(map(int, match.groups())) if match else (0, -1)
        shape = tuple(top - low + 1 for low, top in zip(bounds[::2], bounds[1::2]))
        if match is None or min(shape) < 1 or max(map(abs, bounds)) > _LARGEST_INDEX:
            raise FileError(f"{path} is not a dump of structure factors")
        _check_dump_size(path, stream, match.end(), shape)
        check_grid_fits(path, bounds)
        grid = np.empty(shape)
        padded = (shape[1] + 1, shape[2] + 1)
        stream.seek(match.end())
        for plane in grid:
            stored = np.frombuffer(stream.read(8 * math.prod(padded)))
            plane[:] = stored.reshape(padded)[:-1, :-1]
    grid.flags.writeable = False  # its own: not to be copied
    try:
        return StructureFactors(
            grid, *bounds[::2], default_F=default_F, hkls=math.prod(shape)
        )
    except ValueError as error:
        raise FileError(
            f"{path} is not a dump of structure factors: {error}"
        ) from error


def _check_dump_size(
    path: str | os.PathLike, stream: BinaryIO, header: int, shape: tuple[int, ...]
) -> None:
    expected = header + 8 * math.prod(size + 1 for size in shape)
    found = stream.seek(0, os.SEEK_END)
    if found != expected:
        wrong = "is truncated" if found < expected else "does not end where it should"
        raise FileError(f"{path} {wrong}: {expected} bytes expected, got {found}")


def write_fdump(path: str | os.PathLike, sf: StructureFactors) -> None:
    """Write the dump of the C program, byte for byte (C: Fdump.bin).

    C quirk: each dimension has one element more than the box, which stays zero.

    Raises
    ------
    FileError
        If the file cannot be written.
    ValueError
        If there is no list to write.
    """
    grid = _grid_of(sf)
    bounds = (sf.h_min, sf.h_max, sf.k_min, sf.k_max, sf.l_min, sf.l_max)
    padded = np.zeros((sf.k_range + 1, sf.l_range + 1))
    with replace_when_complete(path) as stream:
        stream.write(" ".join(map(str, bounds)).encode("ascii") + b"\n\f")
        for plane in grid:
            padded[:-1, :-1] = plane
            stream.write(padded.data)
        stream.write(bytes(padded.nbytes))


def _grid_of(sf: StructureFactors) -> np.ndarray:
    if sf.F is None:
        raise ValueError("there is no list of structure factors to write")
    return sf.F
