# SPDX-License-Identifier: MIT
"""What -expt, -xparm, -xds_inp and -geom make of the models of a command line.

A file's values are there before the options of the line are applied, so that these
win. What belongs together is seen to here: a distance, for instance, is along the beam
or to the nearest point, and the file's centre has to be of the same kind.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from ..errors import FileError, UsageError
from ..formats.crystfel_geom import read_geom
from ..formats.dials_expt import read_expt
from ..formats.geometry_file import (
    GeometryFile,
    cell_of_stars,
    direct_beam_fields,
)
from ..formats.spectrum_file import read_spectrum
from ..formats.xds_geometry import read_xds_inp, read_xparm
from ..model.checks import checked_cell
from ..model.models import PLACES, Beam
from ..model.panel import Panel, of_length_one
from ..resolve.cell import exact_orientation
from ..resolve.vectors import cross, dot, scaled, unit
from .collector import GEOMETRY_FILES, Collector
from .reader import EXACT

#: Camera length of a file without one, until it is known which is right.
SOMEWHERE_MM = 1000.0
CONVENTIONS = ("mosflm", "denzo", "adxv", "xds", "dials")


def read_geometry(line: Collector) -> GeometryFile | None:
    """Read the geometry file that a line names; None without one.

    Parameters
    ----------
    line
        The options of the line by themselves.

    Raises
    ------
    UsageError
        When options contradict each other.
    FileError
        For a file that cannot be read.
    """
    names = [name for name in GEOMETRY_FILES if name in line.files]
    if not names:
        return None
    if len(names) > 1:
        both = " and ".join(f"-{name}" for name in names)
        raise UsageError(f"{both}: each gives the geometry, give one of them")
    name, path = names[0], line.files[names[0]]
    if "img" in line.files:
        raise UsageError(f"-{name} and -img: each gives the geometry, give one of them")
    for convention in CONVENTIONS:
        if convention in line.given:
            raise UsageError(
                f"-{convention} beside -{name}: the file gives all directions itself, "
                "leave the convention out"
            )
    if name == "expt":
        index = line.values["geometry"].get("index", 0)
        return read_expt(path, index, _wavelength(line))
    if name == "geom":
        return _read_geom(path, line)
    return read_xparm(path) if name == "xparm" else read_xds_inp(path)


def _read_geom(path: str, line: Collector) -> GeometryFile:
    """Read a CrystFEL file; one without a camera length is where -distance puts it."""
    wavelength_A = _wavelength(line)
    distance_mm = line.values["detector"].get("distance_mm")
    try:
        return read_geom(path, wavelength_A)
    except FileError:
        if distance_mm is None:
            raise
    somewhere = read_geom(path, wavelength_A, SOMEWHERE_MM)
    clen_mm = SOMEWHERE_MM + distance_mm - _beam_distance(somewhere)
    return read_geom(path, wavelength_A, clen_mm)


def _wavelength(line: Collector) -> float | None:
    """Return the wavelength that the line gives, A."""
    if "spectrum" in line.files:
        return Beam(spectrum=read_spectrum(line.files["spectrum"])).wavelength_A
    return line.values["beam"].get("wavelength_A")


def take_geometry(
    collected: Collector, geometry: GeometryFile, line: Collector
) -> None:
    """Start from a geometry file; `line` has the options by themselves."""
    collected.set("beam", **geometry.beam_fields)
    collected.set("goniometer", **geometry.goniometer_fields)
    collected.set("detector", **_detector(geometry, line))
    collected.notes += geometry.summary()


def _detector(geometry: GeometryFile, line: Collector) -> dict[str, Any]:
    """Return the file's detector, less what the line replaces in other words."""
    fields, given = geometry.detector_fields, line.given
    if "panels" in fields:
        return {**fields, "panels": _panels(geometry, line)}
    if line.values["detector"].get("implied_pivot") == "beam":
        try:
            fields.update(direct_beam_fields(geometry.panels[0], geometry.beam_vector))
        except ValueError as error:
            raise UsageError(
                f"{geometry.path}: {error}: give -close_distance, -Xclose and -Yclose "
                "instead of -distance, -Xbeam and -Ybeam"
            ) from error
        del fields["close_distance_mm"]
    elif "distance" in given:
        del fields["close_distance_mm"]
    for axis in "XY":
        if given.keys() & {f"{axis}close", f"ORG{axis}"}:
            del fields[f"{axis}beam_mm"]
    for axis in "fs":
        if given.keys() & {"detsize", f"detsize_{axis}"}:
            del fields[f"detpixels_{axis}"]
    if given.keys() & {"fdet_vector", "sdet_vector"}:
        own = line.values["detector"]
        fdet = own.get("fdet_vector", fields["fdet_vector"])
        sdet = own.get("sdet_vector", fields["sdet_vector"])
        normal = unit(cross(unit(fdet), unit(sdet)))
        side = dot(normal, geometry.beam_vector)
        fields["odet_vector"] = of_length_one(scaled(normal, -1.0 if side < 0 else 1.0))
        if normal == (0.0, 0.0, 0.0):
            del fields["odet_vector"]  # the model says what is wrong
    return fields


def _panels(geometry: GeometryFile, line: Collector) -> tuple[Panel, ...]:
    """Return the panels of a file, at the distance of the line.

    Raises
    ------
    UsageError
        For an option that says where a detector of one panel is.
    """
    misplaced = [
        f"-{name}"
        for name in line.given
        if PLACES.intersection(
            field for model, field in EXACT[name].targets if model == "detector"
        )
        and name != "distance"
    ]
    if misplaced:
        raise UsageError(
            f"{', '.join(misplaced)} beside {geometry.path}, which places "
            f"{len(geometry.panels)} panels: only -distance moves them, all together"
        )
    distance_mm = line.values["detector"].get("distance_mm")
    if distance_mm is None:
        return geometry.panels
    beam = np.array(geometry.beam_vector) / np.linalg.norm(geometry.beam_vector)
    move = (distance_mm - _beam_distance(geometry)) * beam
    return tuple(
        dataclasses.replace(
            panel, pix0_vector_mm=tuple(np.array(panel.pix0_vector_mm) + move)
        )
        for panel in geometry.panels
    )


def _beam_distance(geometry: GeometryFile) -> float:
    """Return how far the detector is along the beam: its panel nearest to that, mm."""
    found = []
    for panel in geometry.panels:
        try:
            place = direct_beam_fields(panel, geometry.beam_vector)
        except ValueError:
            continue
        beyond = [
            max(0.0, -at, at - count * geometry.pixel_size_mm)
            for at, count in (
                (place["Xbeam_mm"], panel.fpixels),
                (place["Ybeam_mm"], panel.spixels),
            )
        ]
        found.append((math.hypot(*beyond), place["distance_mm"]))
    if not found:
        raise UsageError(
            f"-distance: the beam meets no plane of the panels of {geometry.path}"
        )
    return min(found)[1]


def take_crystal(collected: Collector, geometry: GeometryFile) -> None:
    """Give the crystal the file's cell and orientation, where the line has none.

    The wavelength, which is part of a matrix, must be the one of the run by now.
    """
    crystal = collected.values["crystal"]
    if geometry.space_group and not collected.files.keys() & {"mtz", "pdb"}:
        crystal["space_group"] = geometry.space_group
    if geometry.A is None:
        if geometry.cell is not None and "cell" not in crystal:
            crystal.update(cell=geometry.cell, exact_cell=True)
    elif "A_matrix" not in crystal:
        A = geometry.A
        if "cell" in crystal:
            A = with_cell(A, crystal.pop("cell"))
        wavelength_A = Beam(**collected.values["beam"]).wavelength_A
        crystal["A_matrix"] = A * wavelength_A


def with_cell(A: np.ndarray, cell: tuple[float, ...]) -> np.ndarray:
    """Return columns a*, b*, c* of another cell in the orientation of A.

    a* keeps its direction, and b* its plane.

    Raises
    ------
    ValueError
        When the cell has no volume.
    """
    *others, volume = exact_orientation(checked_cell(cell))
    if not volume > 0.0:
        words = " ".join(f"{x:g}" for x in cell)
        raise ValueError(f"cell {words}: it has no volume")
    *own, _ = exact_orientation(cell_of_stars(A))
    return A @ np.linalg.inv(np.array(own).T) @ np.array(others).T
