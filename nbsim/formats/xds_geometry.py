# SPDX-License-Identifier: MIT
"""Geometry in files of XDS: XPARM.XDS, GXPARM.XDS, XDS.INP.

Source: the description of these files at https://xds.mr.mpg.de. Their laboratory frame
is any; it is turned so that the beam is along x, and the spindle in the xz plane.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import FileError
from ..model.panel import PARALLEL, Panel
from .files import read_bytes
from .geometry_file import GeometryFile, as_text, naming, stars_of, turned
from .space_groups import name_of_number

#: Keywords that stand at the start of a word; what follows up to the next is the value.
_KEYWORD = re.compile(r"(?:^|(?<=\s))([A-Za-z][\w'./-]*)\s*=")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([edED][+-]?\d+)?", re.ASCII)
#: Numbers in the lines of XPARM.XDS, from its second one on.
_XPARM = (
    ("starting frame, angle, oscillation range and rotation axis", 6),
    ("wavelength and beam", 4),
    ("space group and cell", 7),
    ("a axis", 3),
    ("b axis", 3),
    ("c axis", 3),
    ("segments, NX, NY, QX, QY", 5),
    ("ORGX, ORGY and distance", 3),
    ("X axis of the detector", 3),
    ("Y axis of the detector", 3),
    ("Z axis of the detector", 3),
)
_SAME_SIZE = 1e-6


def read_xparm(path: str | os.PathLike) -> GeometryFile:
    """Read XPARM.XDS or GXPARM.XDS (-xparm).

    Returns
    -------
    GeometryFile
        Its scan starts at the starting frame.

    Raises
    ------
    FileError
        If the file is missing or is none, or a value makes no sense.
    """
    name = as_text(path)
    lines = read_bytes(path, "XPARM file").decode("latin-1").splitlines()
    if "XPARM" not in lines[0]:
        raise FileError(f"{path}: no XPARM.XDS: its first line does not say XPARM.XDS")
    rows = []
    for number, (what, count) in enumerate(_XPARM, start=2):
        words = lines[number - 1].split() if number <= len(lines) else []
        with naming(f"{name}:{number}"):
            if len(words) < count:
                raise ValueError(f"expected {count} numbers ({what}), got {len(words)}")
            rows.append([_number(word) for word in words[:count]])
    scan, beam, cell, *abc, sizes, origin, X, Y, Z = rows
    with naming(f"{name}:8"):
        segments, fpixels, spixels = (_whole(x) for x in sizes[:3])
    with naming(f"{name}:4"):
        group = name_of_number(_whole(cell[0])) if cell[0] else None
    notes = []
    if segments > 1:
        notes.append(
            f"its {segments} segments are read as the one plane that they belong to"
        )
    with naming(name):
        frame = _frame(beam[1:], scan[3:])
        panel = _panel(
            (fpixels, spixels), sizes[3:], origin[:2], origin[2], (X, Y, Z), frame
        )
        return GeometryFile(
            path=name,
            wavelength_A=beam[0],
            beam_vector=turned(frame, _unit("beam", beam[1:])),
            pixel_size_mm=sizes[3],
            panels=(panel,),
            **_rotation(scan[3:], scan[1], scan[2], 0, frame),
            A=frame @ stars_of(np.array(abc)),
            space_group=group,
            notes=tuple(notes),
        )


def read_xds_inp(path: str | os.PathLike) -> GeometryFile:
    """Read the geometry in XDS.INP (-xds_inp).

    Returns
    -------
    GeometryFile
        Without an orientation; its crystal is None where the space group is 0 or not
        there.

    Raises
    ------
    FileError
        If the file is missing, lacks a keyword or has a value that makes no sense.
    """
    name = as_text(path)
    words = _keywords(read_bytes(path, "XDS.INP").decode("latin-1"))
    with naming(name):
        given = _Given(words)
        size = given.whole("NX"), given.whole("NY")
        pixel = given.number("QX"), given.number("QY")
        origin = given.number("ORGX"), given.number("ORGY")
        distance = given.number("DETECTOR_DISTANCE")
        wavelength_A = given.number("X-RAY_WAVELENGTH")
        X = given.vector("DIRECTION_OF_DETECTOR_X-AXIS", (1.0, 0.0, 0.0))
        Y = given.vector("DIRECTION_OF_DETECTOR_Y-AXIS", (0.0, 1.0, 0.0))
        beam = given.vector("INCIDENT_BEAM_DIRECTION", (0.0, 0.0, 1.0))
        axis = given.vector("ROTATION_AXIS", (1.0, 0.0, 0.0))
        frame = _frame(beam, axis)
        Z = np.cross(X, Y).tolist()
        panel = _panel(size, pixel, origin, distance, (X, Y, Z), frame)
        width = given.number("OSCILLATION_RANGE", 0.0)
        start = given.number("STARTING_ANGLE", 0.0)
        return GeometryFile(
            path=name,
            wavelength_A=wavelength_A,
            beam_vector=turned(frame, _unit("INCIDENT_BEAM_DIRECTION", beam)),
            pixel_size_mm=pixel[0],
            panels=(panel,),
            **_polarization(given, beam, frame),
            **_rotation(axis, start, width, given.images(), frame),
            **given.crystal(),
            notes=tuple(given.notes()),
        )


class _Given:
    """The keywords of XDS.INP with their words; the last of each counts."""

    def __init__(self, words: dict[str, list[str]]) -> None:
        self.words = words

    def numbers(self, key: str, count: int) -> list[float]:
        if key not in self.words:
            raise ValueError(f"{key}= is missing")
        words = self.words[key][:count]
        if len(words) < count:
            raise ValueError(f"{key}= expected {count} numbers, got {len(words)}")
        return [_number(word, f"{key}= ") for word in words]

    def number(self, key: str, default: float | None = None) -> float:
        if default is not None and key not in self.words:
            return default
        return self.numbers(key, 1)[0]

    def whole(self, key: str) -> int:
        return _whole(self.number(key), f"{key}= ")

    def vector(self, key: str, default: Sequence[float]) -> Sequence[float]:
        return self.numbers(key, 3) if key in self.words else default

    def images(self) -> int:
        if "DATA_RANGE" not in self.words:
            return 0
        first, last = self.numbers("DATA_RANGE", 2)
        return max(0, int(last - first) + 1)

    def crystal(self) -> dict[str, Any]:
        if "SPACE_GROUP_NUMBER" not in self.words:
            return {}
        group = self.whole("SPACE_GROUP_NUMBER")
        if group == 0 or "UNIT_CELL_CONSTANTS" not in self.words:
            return {}
        return {
            "cell": tuple(self.numbers("UNIT_CELL_CONSTANTS", 6)),
            "space_group": name_of_number(group),
        }

    def notes(self) -> list[str]:
        unused = [
            key
            for key in ("SEGMENT", "UNIT_CELL_A-AXIS", "X-GEO_CORR")
            if key in self.words
        ]
        return [f"{key}= is not used" for key in unused]


def _keywords(text: str) -> dict[str, list[str]]:
    """Return the words of each keyword."""
    words: dict[str, list[str]] = {}
    for line in text.splitlines():
        line = line.partition("!")[0]
        found = list(_KEYWORD.finditer(line))
        ends = [match.start() for match in found[1:]] + [len(line)]
        for match, end in zip(found, ends):
            words[match[1].upper()] = line[match.end() : end].replace(",", " ").split()
    return words


def _polarization(
    given: _Given, beam: Sequence[float], frame: np.ndarray
) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if "FRACTION_OF_POLARIZATION" in given.words:
        fields["polarization"] = 2.0 * given.number("FRACTION_OF_POLARIZATION") - 1.0
    normal = given.vector("POLARIZATION_PLANE_NORMAL", (0.0, 1.0, 0.0))
    field = np.cross(normal, beam)
    if fields and np.linalg.norm(field) > 0.0:
        fields["polar_vector"] = turned(frame, field / np.linalg.norm(field))
    return fields


def _rotation(
    axis: Sequence[float], start: float, width: float, images: int, frame: np.ndarray
) -> dict[str, Any]:
    spindle = _unit("rotation axis", axis)
    if width < 0.0:  # turning the other way
        spindle, start, width = -spindle, -start, -width
    fields = {"spindle_axis": turned(frame, spindle), "phi_deg": start}
    return {**fields, "osc_deg": width, "images": images} if width > 0.0 else fields


def _panel(
    size: tuple[int, int],
    pixel: Sequence[float],
    origin: Sequence[float],
    distance: float,
    axes: Sequence[Sequence[float]],
    frame: np.ndarray,
) -> Panel:
    """Return the detector; XDS counts middles of pixels from 1."""
    QX, QY = pixel
    if not QX > 0.0 or abs(QX - QY) > _SAME_SIZE * QX:
        raise ValueError(f"QX {QX:g} QY {QY:g}: expected square pixels [mm]")
    X, Y, Z = (_unit(f"{name} axis of the detector", v) for name, v in zip("XYZ", axes))
    corner = QX * (0.5 - origin[0]) * X + QY * (0.5 - origin[1]) * Y + distance * Z
    return Panel(
        name="",
        spixels=size[1],
        fpixels=size[0],
        fdet_vector=turned(frame, X),
        sdet_vector=turned(frame, Y),
        pix0_vector_mm=turned(frame, corner),
    )


def _frame(beam: Sequence[float], spindle: Sequence[float]) -> np.ndarray:
    """Return the rotation into nbsim's frame."""
    x = _unit("beam", beam)
    axis = _unit("rotation axis", spindle)
    across = axis - (axis @ x) * x
    if np.linalg.norm(across) < PARALLEL:
        raise ValueError("the rotation axis is along the beam")
    z = across / np.linalg.norm(across)
    return np.array([x, np.cross(z, x), z])


def _unit(name: str, v: Sequence[float]) -> np.ndarray:
    vector = np.array(v, float)
    length = np.linalg.norm(vector)
    if not length > 0.0:
        raise ValueError(f"{name} 0 0 0: expected a vector that is not 0")
    return vector / length


def _number(word: str, what: str = "") -> float:
    value = math.nan
    if _NUMBER.fullmatch(word):
        value = float(re.sub("[dD]", "e", word))
    if not math.isfinite(value):
        raise ValueError(f"{what}{word[:40]!a} is not a finite number")
    return value


def _whole(value: float, what: str = "") -> int:
    if value != math.floor(value):
        raise ValueError(f"{what}{value:g}: expected a whole number")
    return int(value)
