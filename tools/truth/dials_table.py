# SPDX-License-Identifier: MIT
"""DIALS's reflection tables (.refl) and models (.expt), read without DIALS.

A .refl file is one MessagePack object; the columns are little-endian arrays of fixed
types. See https://github.com/msgpack/msgpack/blob/master/spec.md.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from nbsim.errors import FileError
from nbsim.formats.files import read_bytes

MAGIC = "dials::af::reflection_table"
#: Types of columns, and how many numbers one row has.
TYPES = {
    "double": ("<f8", 1),
    "int": ("<i4", 1),
    "std::size_t": ("<u8", 1),
    "bool": ("?", 1),
    "cctbx::miller::index<>": ("<i4", 3),
    "vec2<double>": ("<f8", 2),
    "vec3<double>": ("<f8", 3),
    "int6": ("<i4", 6),
}
#: Bit of "flags" in a DIALS table, and what it says.
INTEGRATED_SUM, INTEGRATED_PRF = 1 << 8, 1 << 9


class _Reader:
    """A MessagePack decoder."""

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)
        self._at = 0

    def _take(self, count: int) -> memoryview:
        part = self._content[self._at : self._at + count]
        if len(part) < count:
            raise ValueError("it is cut off")
        self._at += count
        return part

    def _number(self, form: str) -> Any:
        return struct.unpack(f">{form}", self._take(struct.calcsize(f">{form}")))[0]

    def value(self) -> Any:
        """Return the next object."""
        code = self._number("B")
        if code < 0x80:
            return code
        if code < 0x90:
            return self._map(code & 0x0F)
        if code < 0xA0:
            return self._list(code & 0x0F)
        if code < 0xC0:
            return self._text(code & 0x1F)
        if code >= 0xE0:
            return code - 256
        return self._long(code)

    def _long(self, code: int) -> Any:
        if code in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[code]
        sizes = {0xC4: "B", 0xC5: "H", 0xC6: "I"}
        if code in sizes:
            return self._take(self._number(sizes[code]))
        numbers = dict(zip(range(0xCA, 0xD4), "f d B H I Q b h i q".split()))
        if code in numbers:
            return self._number(numbers[code])
        for codes, make in (
            ({0xD9: "B", 0xDA: "H", 0xDB: "I"}, self._text),
            ({0xDC: "H", 0xDD: "I"}, self._list),
            ({0xDE: "H", 0xDF: "I"}, self._map),
        ):
            if code in codes:
                return make(self._number(codes[code]))
        raise ValueError(f"byte {code:#x} is not expected")

    def _text(self, count: int) -> str:
        return bytes(self._take(count)).decode("utf-8", "replace")

    def _list(self, count: int) -> list[Any]:
        return [self.value() for _ in range(count)]

    def _map(self, count: int) -> dict[Any, Any]:
        return {self.value(): self.value() for _ in range(count)}


def read_refl(path: str) -> dict[str, np.ndarray]:
    """Return the columns of a .refl file whose type is known.

    Raises
    ------
    FileError
        If it is missing or no reflection table.
    """
    content = read_bytes(path, "reflection table")
    try:
        magic, _, table = _Reader(content).value()
        if magic != MAGIC:
            raise ValueError(f"it begins with {magic!r}")
        columns = {}
        for name, (kind, (count, data)) in table["data"].items():
            if kind not in TYPES:
                continue
            dtype, width = TYPES[kind]
            column = np.frombuffer(data, dtype)
            columns[name] = column.reshape(count, width) if width > 1 else column
        return columns
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise FileError(f"{path} is not a reflection table of DIALS: {error}") from (
            error
        )


def read_expt(path: str) -> dict[str, Any]:
    """Return the first experiment of an .expt file: its models as dicts.

    Raises
    ------
    FileError
        If it is missing, no .expt file or has no crystal.
    """
    try:
        content = json.loads(read_bytes(path, "experiment list"))
        experiment = content["experiment"][0]
        models = {}
        for name in ("crystal", "beam", "detector", "goniometer", "scan"):
            number = experiment.get(name)
            models[name] = None if number is None else content[name][number]
        if models["crystal"] is None:
            raise ValueError("it has no crystal")
        return models
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise FileError(f"{path} is not an experiment list of DIALS: {error}") from (
            error
        )
