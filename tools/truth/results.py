# SPDX-License-Identifier: MIT
"""Results of processing programs in one form: nbsim's frame, pixels from a corner."""

from __future__ import annotations

import csv
import math
import os
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nbsim.errors import FileError
from nbsim.formats.files import read_bytes
from nbsim.optional import library
from nbsim.resolve.frames import imgcif_rotation, xds_rotation
from nbsim.tools.truth.dials_table import (
    INTEGRATED_PRF,
    INTEGRATED_SUM,
    read_expt,
    read_refl,
)
from nbsim.tools.truth.geometry import truth_geometry

Columns = dict[str, np.ndarray]


@dataclass
class Result:
    """What was found.

    Attributes
    ----------
    A
        (3, 3) 1/A, columns a*, b*, c* at phi = 0 in nbsim's frame; None: unknown.
    hkl
        (n, 3).
    positions
        (n, 3) fast and slow pixels and frame; None: unknown.
    panels
        (n,) numbers of the panels on which pixels are counted; None: pixels are those
        of the image with all panels.
    intensity, sigma
        (n,) as integrated, or merged.
    corrected
        Whether intensities are free of Lorentz and polarization factors, as F^2.
    merged
        Whether a row is the mean of symmetry equivalents, on the scale of F^2.
    operations
        (m, 3, 3) rotations of the Laue group on row vectors of indices.
    """

    A: np.ndarray | None = None
    hkl: np.ndarray = field(default_factory=lambda: np.empty((0, 3), int))
    positions: np.ndarray | None = None
    panels: np.ndarray | None = None
    intensity: np.ndarray | None = None
    sigma: np.ndarray | None = None
    corrected: bool = False
    merged: bool = False
    operations: np.ndarray = field(default_factory=lambda: np.eye(3, dtype=int)[None])


def read_result(path: str, truth: dict[str, Any]) -> Result:
    """Read a result file; its kind is known by its name and first bytes.

    Parameters
    ----------
    path
        .expt, .refl, .mtz, INTEGRATE.HKL, XDS_ASCII.HKL, or a table of text whose
        first line names its columns.
    truth
        The truth file's content, for the geometry.

    Raises
    ------
    FileError
        If it cannot be read.
    """
    content = read_bytes(path, "result")[:64]
    if path.endswith(".expt"):
        return _dials_models(path, truth)
    if path.endswith(".refl"):
        return _dials_reflections(path)
    if content.startswith(b"MTZ "):
        return _mtz(path, truth)
    if content.startswith((b"!OUTPUT_FILE", b"!FORMAT")):
        return _xds(path, truth)
    return _text(path)


def _dials_models(path: str, truth: dict[str, Any]) -> Result:
    models = read_expt(path)
    crystal = models["crystal"]
    direct = np.array([crystal[f"real_space_{axis}"] for axis in "abc"])
    A = np.linalg.inv(direct)
    goniometer = models["goniometer"]
    if goniometer is not None and "axes" not in goniometer:
        setting = np.array(goniometer["setting_rotation"]).reshape(3, 3)
        A = setting @ np.array(goniometer["fixed_rotation"]).reshape(3, 3) @ A
    elif goniometer is not None:
        A = _multi_axis(goniometer) @ A
    return Result(A=imgcif_rotation(truth_geometry(truth)).T @ A)


def _multi_axis(goniometer: dict[str, Any]) -> np.ndarray:
    """Return S F: all axes but that of the scan, at their angles."""
    turn = np.eye(3)
    scan = goniometer["scan_axis"]
    for number, (axis, angle) in enumerate(
        zip(goniometer["axes"], goniometer["angles"])
    ):
        if number != scan:
            turn = rotation(np.array(axis), math.radians(angle)) @ turn
    return turn


def rotation(axis: np.ndarray, angle: float) -> np.ndarray:
    """Return the matrix of a rotation about an axis, rad."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


def _dials_reflections(path: str) -> Result:
    columns = read_refl(path)
    if "miller_index" not in columns:
        raise FileError(f"{path}: the reflections are not indexed")
    positions = columns.get("xyzobs.px.value")
    if positions is None:
        positions = columns.get("xyzcal.px")
    for kind, bit in (("prf", INTEGRATED_PRF), ("sum", INTEGRATED_SUM)):
        value = columns.get(f"intensity.{kind}.value")
        if value is None or "flags" not in columns:
            continue
        good = (columns["flags"] & np.uint64(bit)) != 0
        if good.any():
            break
    else:
        value, good = None, np.ones(len(columns["miller_index"]), bool)
        kind = ""
    good = good & (columns["miller_index"] != 0).any(axis=1)
    variance = columns.get(f"intensity.{kind}.variance")
    panels = columns.get("panel")
    if panels is not None and not panels.any():
        panels = None  # one panel, which may be an image with all of them
    return Result(
        hkl=columns["miller_index"][good].astype(int),
        positions=None if positions is None else positions[good],
        panels=None if panels is None else panels[good].astype(int),
        intensity=None if value is None else value[good],
        sigma=None if variance is None else np.sqrt(np.abs(variance[good])),
    )


def _mtz(path: str, truth: dict[str, Any]) -> Result:
    gemmi = library("gemmi", "xtal", path)
    try:
        mtz = gemmi.read_mtz_file(path)
    except (OSError, RuntimeError, ValueError) as error:
        raise FileError(f"cannot read MTZ file {path}: {error}") from error
    if mtz.batches:  # unmerged: the indices of one equivalent, and M/ISYM says which
        mtz.switch_to_original_hkl()
    hkl = np.array(mtz.make_miller_array())
    intensity = sigma = None
    for label in ("IMEAN", "I", "IOBS"):
        column = mtz.column_with_label(label)
        if column is not None:
            intensity = np.array(column)
            beside = mtz.column_with_label(f"SIG{label}")
            sigma = None if beside is None else np.array(beside)
            break
    if intensity is None:
        raise FileError(f"{path}: no column IMEAN or I in {mtz.column_labels()}")
    good = np.isfinite(intensity)
    positions = _mtz_positions(mtz, truth)
    return Result(
        hkl=hkl[good],
        positions=None if positions is None else positions[good],
        intensity=intensity[good].astype(float),
        sigma=None if sigma is None else sigma[good].astype(float),
        corrected=True,
        merged=not mtz.batches,
        operations=_rotations(mtz.spacegroup),
    )


def _mtz_positions(mtz: Any, truth: dict[str, Any]) -> np.ndarray | None:
    """Return where DIALS found unmerged reflections; others count in other units."""
    columns = [mtz.column_with_label(label) for label in ("XDET", "YDET", "ROT")]
    by_dials = any("DIALS" in line for line in mtz.history)
    if None in columns or not by_dials or not truth["osc_deg"]:
        return None
    fast, slow, phi_deg = (np.array(column, float) for column in columns)
    frame = (phi_deg - truth["phi_deg"][0]) / truth["osc_deg"]
    return np.stack([fast, slow, frame], axis=1)


def _rotations(spacegroup: Any) -> np.ndarray:
    """Return the rotations of gemmi's space group; without one the identity."""
    if spacegroup is None:
        return np.eye(3, dtype=int)[None]
    operations = spacegroup.operations()
    return np.array([op.rot for op in operations.sym_ops]) // operations.sym_ops[0].DEN


#: KEY= value, as often as it stands in a line of an XDS header.
_XDS_ENTRY = re.compile(r"([A-Z][A-Z0-9_'()-]*)=\s*(.*?)(?=\s+[A-Z][A-Z0-9_'()-]*=|$)")
#: Names that a column of an XDS file has in INTEGRATE.HKL and XDS_ASCII.HKL.
_XDS_PLACE = (("XD", "XOBS"), ("YD", "YOBS"), ("ZD", "ZOBS"))


def _xds(path: str, truth: dict[str, Any]) -> Result:
    header: dict[str, str] = {}
    items: dict[str, int] = {}
    rows = []
    text = read_bytes(path, "XDS file").decode("ascii", "replace")
    listed = ""
    for line in text.splitlines():
        # INTEGRATE.HKL lists its columns, in two lines of which the first ends in ",".
        if line.startswith("!H,K,L,") or listed.endswith(","):
            listed += line[1:].strip()
            items = {name: i for i, name in enumerate(listed.split(","))}
        elif line.startswith("!Generated by dials"):
            header["BY_DIALS"] = line
        elif line.startswith("!"):
            header.update(_XDS_ENTRY.findall(line[1:]))
        elif line.strip():
            rows.append(line.split())
    try:
        for key, value in header.items():
            if key.startswith("ITEM_"):
                items[key.removeprefix("ITEM_")] = int(value) - 1
        return _xds_result(np.array(rows, float), items, header, truth)
    except (KeyError, ValueError, IndexError) as error:
        raise FileError(f"{path} is not a reflection file of XDS: {error}") from error


def _xds_result(
    table: np.ndarray,
    items: dict[str, int],
    header: dict[str, str],
    truth: dict[str, Any],
) -> Result:
    sigma = table[:, items.get("SIGMA(IOBS)", items.get("SIGMA", -1))]
    good = sigma > 0.0  # XDS marks misfits with a negative one
    result = Result(
        A=_xds_matrix(header, truth),
        hkl=table[:, [items["H"], items["K"], items["L"]]].astype(int)[good],
        intensity=table[:, items["IOBS"]][good],
        sigma=sigma[good],
        corrected=True,
    )
    if header.get("MERGE", "FALSE").startswith("TRUE"):
        gemmi = library("gemmi", "xtal", "a merged file of XDS")
        number = int(header["SPACE_GROUP_NUMBER"])
        result.merged = True
        result.operations = _rotations(gemmi.find_spacegroup_by_number(number))
        return result
    start = int(header.get("STARTING_FRAME", "1"))
    x, y, z = (table[:, items[new if new in items else old]] for new, old in _XDS_PLACE)
    # XDS counts the middles of pixels from 1, and frames from STARTING_FRAME; files
    # that DIALS exports have pixels from the corner of the first one.
    corner = 0.0 if "BY_DIALS" in header else 0.5
    positions = np.stack([x - corner, y - corner, z - (start - 1)], axis=1)
    result.positions = positions[good]
    return result


def _xds_matrix(header: dict[str, str], truth: dict[str, Any]) -> np.ndarray | None:
    names = [f"UNIT_CELL_{axis}-AXIS" for axis in "ABC"]
    if not all(name in header for name in names):
        return None
    direct = np.array([[float(x) for x in header[name].split()] for name in names])
    return xds_rotation(truth_geometry(truth)).T @ np.linalg.inv(direct)


#: What columns of text may be called.
NAMES = {
    "h": ("h",),
    "k": ("k",),
    "l": ("l",),
    "fast": ("fast_px", "fast", "x", "x_px", "xyzobs.px.x"),
    "slow": ("slow_px", "slow", "y", "y_px", "xyzobs.px.y"),
    "frame": ("frame", "z", "image", "xyzobs.px.z"),
    "panel": ("panel",),
    "I": ("i", "intensity", "iobs", "intensity.prf.value", "intensity.sum.value"),
    "sigma": ("sigma", "sigi", "sigmai", "sigma(i)"),
}


def _text(path: str) -> Result:
    content = read_bytes(path, "result").decode("utf-8", "replace").splitlines()
    lines = [line for line in content if line.strip() and not line.startswith("#")]
    if len(lines) < 2:
        raise FileError(f"{path}: a table has a line of names and one per reflection")
    comma = "," in lines[0]
    rows = list(csv.reader(lines)) if comma else [line.split() for line in lines]
    names = [name.strip().lower() for name in rows[0]]
    found = {
        key: names.index(name)
        for key, known in NAMES.items()
        for name in known
        if name in names
    }
    if not {"h", "k", "l"} <= set(found):
        raise FileError(
            f"{path}: the first line names no columns h, k, l; known kinds are .expt, "
            ".refl, .mtz, INTEGRATE.HKL, XDS_ASCII.HKL and tables of text"
        )
    try:
        table = np.array(rows[1:], float)
    except ValueError as error:
        raise FileError(f"{path}: {error}") from error
    where = [found[key] for key in ("fast", "slow", "frame") if key in found]
    positions = table[:, where] if len(where) == 3 else None
    return Result(
        hkl=table[:, [found[key] for key in "hkl"]].astype(int),
        positions=positions,
        panels=table[:, found["panel"]].astype(int) if "panel" in found else None,
        intensity=table[:, found["I"]] if "I" in found else None,
        sigma=table[:, found["sigma"]] if "sigma" in found else None,
    )


def together(results: list[Result]) -> Result:
    """Return one result of several files: the later ones fill what is missing."""
    whole = Result()
    for result in results:
        whole.A = result.A if result.A is not None else whole.A
        if len(result.hkl):
            A = whole.A
            whole = result
            whole.A = result.A if result.A is not None else A
    return whole


def kind_of(path: str) -> str:
    """Return what a file is called in the report."""
    return os.path.basename(path)
