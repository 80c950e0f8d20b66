# SPDX-License-Identifier: MIT
"""Geometry files of CrystFEL (.geom).

Source: the manual page crystfel_geometry(5). The frame has z along the beam and y up.
"""

from __future__ import annotations

import math
import os
import re

import numpy as np

from ..model.panel import Panel
from ..model.spectrum import EV_ANGSTROM
from .files import read_bytes
from .geometry_file import FROM_CRYSTFEL, GeometryFile, as_text, naming, turned

#: What is about no panel.
_NO_PANELS = re.compile("bad|group|rigid_group")
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_WITH_UNIT = re.compile(rf"({_NUMBER})\s*([A-Za-z]*)")
_TERM = re.compile(
    r"([+-]?)\s*((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)?\s*\*?\s*([xyz])"
)
_METRES = {"": 1.0, "m": 1.0, "mm": 1e-3}
_EV = {"": 1.0, "ev": 1.0, "kev": 1e3, "mev": 1e6}
_ANGSTROM = {"a": 1.0, "m": 1e10, "": 1e10}
#: Values as wide as this share of each other are the same.
_SAME = 1e-6


def read_geom(
    path: str | os.PathLike,
    wavelength_A: float | None = None,
    clen_mm: float | None = None,
) -> GeometryFile:
    """Read a CrystFEL geometry file (-geom).

    Parameters
    ----------
    path
        The file.
    wavelength_A
        For a file whose photon energy stands elsewhere (an HDF5 path) or nowhere [A].
    clen_mm
        For a file whose clen stands elsewhere or nowhere [mm].

    Returns
    -------
    GeometryFile
        Without spindle and crystal.

    Raises
    ------
    FileError
        If the file is missing, has no panel, or a value makes no sense.
    """
    name = as_text(path)
    text = read_bytes(path, "geometry file").decode("latin-1")
    with naming(name):
        panels, top, bad_regions = _sections(text)
        wavelength_A = wavelength_A or _wavelength(top)
        if not panels:
            raise ValueError("no panel: expected lines such as p0/min_fs = 0")
        sizes = {label: _resolution(label, keys) for label, keys in panels.items()}
        first = next(iter(sizes.values()))
        for label, res in sizes.items():
            if abs(res - first) > _SAME * first:
                raise ValueError(
                    f"{label}/res {res:g}: another panel has {first:g}; expected one "
                    "pixel size"
                )
        pixel_mm = 1000.0 / first
        notes = []
        if bad_regions:
            notes.append(f"bad regions of the file ({bad_regions}) are not masked")
        shift_mm = np.array([_shift_mm(top, axis, notes) for axis in "xy"] + [0.0])
        return GeometryFile(
            path=name,
            wavelength_A=wavelength_A,
            beam_vector=turned(FROM_CRYSTFEL, np.array([0.0, 0.0, 1.0])),
            pixel_size_mm=pixel_mm,
            panels=tuple(
                _panel(label, keys, pixel_mm, clen_mm, shift_mm)
                for label, keys in panels.items()
            ),
            notes=tuple(notes),
        )


def _sections(text: str) -> tuple[dict[str, dict[str, str]], dict[str, str], int]:
    """Return the keys of each panel, those outside, and the number of bad regions."""
    panels: dict[str, dict[str, str]] = {}
    top: dict[str, str] = {}
    bad = set()
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.partition(";")[0].strip()
        if not line:
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            raise ValueError(f"line {number}: expected key = value, got {line[:40]!a}")
        panel, slash, inner = key.partition("/")
        if _NO_PANELS.match(panel):
            bad |= {panel} if slash else set()
            continue
        if slash:
            panels.setdefault(panel, dict(top))[inner] = value
        else:
            top[key] = value
    # The camera length is that of all panels, wherever it stands.
    for keys in panels.values():
        keys.setdefault("clen", top.get("clen", ""))
    return panels, top, len(bad)


def _wavelength(top: dict[str, str]) -> float:
    for key, units, of in (
        ("photon_energy", _EV, lambda eV: EV_ANGSTROM / eV),
        ("wavelength", _ANGSTROM, lambda A: A),
    ):
        value = top.get(key)
        match = _WITH_UNIT.fullmatch(value) if value else None
        if match and match[2].lower() in units:
            number = float(match[1]) * units[match[2].lower()]
            if not (number > 0.0 and math.isfinite(number)):
                raise ValueError(f"{key} = {value}: expected more than 0")
            return of(number)
    what = "no energy"
    for key, problem in (
        ("electron_voltage", "not an energy of photons"),
        ("wavelength", "it is not a number of m or A"),
        ("photon_energy", "it is not a number"),
    ):
        if key in top:
            what = f"{key} = {top[key][:60]}: {problem}"
    raise ValueError(f"{what}; give the wavelength with -lambda or -energy")


def _shift_mm(top: dict[str, str], axis: str, notes: list[str]) -> float:
    """Return by how much the whole detector is moved; 0 where a data file says it."""
    key = f"detector_shift_{axis}"
    value = top.get(key, "0")
    if _WITH_UNIT.fullmatch(value) is None:
        notes.append(f"{key} = {value[:60]} is not read, and taken as 0")
        return 0.0
    return 1000.0 * _metres("", top, key, "0")


def _required(label: str, keys: dict[str, str], key: str) -> str:
    if key not in keys:
        raise ValueError(f"{label}/{key} is missing")
    return keys[key]


def _number(label: str, keys: dict[str, str], key: str, default: str = "") -> float:
    value = keys.get(key, default) or _required(label, keys, key)
    number = float(value) if re.fullmatch(_NUMBER, value) else math.nan
    if not math.isfinite(number):
        raise ValueError(f"{label}/{key} = {value[:40]}: expected a finite number")
    return number


def _whole(label: str, keys: dict[str, str], key: str) -> int:
    value = _number(label, keys, key)
    if value != math.floor(value):
        raise ValueError(f"{label}/{key} = {value:g}: expected a whole number")
    return int(value)


def _metres(label: str, keys: dict[str, str], key: str, default: str = "") -> float:
    value = keys.get(key, default) or _required(label, keys, key)
    match = _WITH_UNIT.fullmatch(value)
    if not match or match[2] not in _METRES or not math.isfinite(float(match[1])):
        where = f"{label}/{key}" if label else key
        raise ValueError(
            f"{where} = {value[:60]}: expected a number of m, or of mm with the unit"
        )
    return float(match[1]) * _METRES[match[2]]


def _clen_mm(label: str, keys: dict[str, str], given_mm: float | None) -> float:
    """Return the camera length: the file's own, or for a file without it the other."""
    value = keys.get("clen", "")
    if _WITH_UNIT.fullmatch(value):
        return 1000.0 * _metres(label, keys, "clen")
    if given_mm is not None:
        return given_mm
    what = f"clen = {value[:60]}: it is not a number" if value else "clen is missing"
    raise ValueError(f"{label}/{what}; give the detector's distance with -distance")


def _resolution(label: str, keys: dict[str, str]) -> float:
    res = _number(label, keys, "res")
    if not res > 0.0:
        raise ValueError(f"{label}/res = {res:g}: expected more than 0 pixels/m")
    return res


def _direction(label: str, keys: dict[str, str], key: str) -> np.ndarray:
    """Return a vector such as +0.99x -0.02y."""
    text = _required(label, keys, key).strip()
    vector, end = np.zeros(3), 0
    for match in _TERM.finditer(text):
        if text[end : match.start()].strip():
            break
        sign = -1.0 if match[1] == "-" else 1.0
        vector["xyz".index(match[3])] += sign * float(match[2] or 1.0)
        end = match.end()
    if not text or text[end:].strip() or not np.isfinite(vector).all():
        raise ValueError(
            f"{label}/{key} = {text[:40]}: expected a direction such as +0.99x -0.02y"
        )
    return vector


def _panel(
    label: str,
    keys: dict[str, str],
    pixel_mm: float,
    clen_mm: float | None,
    shift_mm: np.ndarray,
) -> Panel:
    for key in ("min_fs", "max_fs", "min_ss", "max_ss"):
        _required(label, keys, key)
    low_f, high_f, low_s, high_s = (
        _whole(label, keys, key) for key in ("min_fs", "max_fs", "min_ss", "max_ss")
    )
    if low_f < 0 or low_s < 0 or high_f < low_f or high_s < low_s:
        raise ValueError(
            f"{label}: pixels {low_f} to {high_f} along fs and {low_s} to {high_s} "
            "along ss: expected at least one along each, from 0 on"
        )
    corner_mm = [
        pixel_mm * _number(label, keys, "corner_x"),
        pixel_mm * _number(label, keys, "corner_y"),
        _clen_mm(label, keys, clen_mm) + 1000.0 * _metres(label, keys, "coffset", "0"),
    ]
    fs, ss = (_direction(label, keys, key) for key in ("fs", "ss"))
    return Panel(
        name=label,
        spixels=high_s - low_s + 1,
        fpixels=high_f - low_f + 1,
        fdet_vector=turned(FROM_CRYSTFEL, fs),
        sdet_vector=turned(FROM_CRYSTFEL, ss),
        pix0_vector_mm=turned(FROM_CRYSTFEL, shift_mm + corner_mm),
        origin=(low_s, low_f),
    )
