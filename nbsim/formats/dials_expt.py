# SPDX-License-Identifier: MIT
"""Experiment lists of DIALS (.expt): JSON text, read without dxtbx.

Source: what dxtbx 3.12 writes; the frame is imgCIF's, z towards the source.
"""

from __future__ import annotations

import json
import math
import os
from typing import Any

import numpy as np

from ..errors import FileError
from ..model.panel import Panel
from .files import read_bytes
from .geometry_file import (
    FROM_DIALS,
    GeometryFile,
    as_text,
    naming,
    stars_of,
    turned,
)
from .json_part import Part
from .space_groups import name_of_hall

#: Panels with pixels of another shape are refused; their sizes, relative.
_SAME_SIZE = 1e-6


def read_expt(
    path: str | os.PathLike, index: int = 0, wavelength_A: float | None = None
) -> GeometryFile:
    """Read an experiment of a DIALS experiment list (-expt).

    Parameters
    ----------
    path
        The file.
    index
        Which experiment, from 0.
    wavelength_A
        For a polychromatic beam, which has no wavelength of its own [A].

    Returns
    -------
    GeometryFile
        Its `crystal` is None where the experiment has none (imported.expt). A still
        (no goniometer, no scan, or a scan of width 0) has no spindle, and its crystal
        is where the file's matrix puts it, as in DIALS.

    Raises
    ------
    FileError
        If the file is missing or is no such list, or a value makes no sense.
    """
    name = as_text(path)
    top = _top(path)
    with naming(name):
        experiments = top.objects("experiment")
        if not 0 <= index < len(experiments):
            last = len(experiments) - 1
            raise ValueError(
                f"there is no experiment {index}: the file has {len(experiments)}, "
                f"numbered 0 to {last}"
            )
        experiment = experiments[index]
        beam = _referred(top, experiment, "beam")
        detector = _referred(top, experiment, "detector")
        if beam is None or detector is None:
            missing = "beam" if beam is None else "detector"
            raise ValueError(f"experiment {index} has no {missing}")
        notes: list[str] = []
        direction = -beam.unit("direction")
        panels, pixel_mm = _panels(detector, notes)
        goniometer = _referred(top, experiment, "goniometer")
        scan = _referred(top, experiment, "scan")
        start, width, images = (0.0, 0.0, 0) if scan is None else _scan(scan)
        crystal = _referred(top, experiment, "crystal")
        A, space_group = (None, None) if crystal is None else _crystal(crystal, notes)
        fields: dict[str, Any] = {}
        if goniometer is not None and width != 0.0:
            spindle, setting = _goniometer(goniometer)
            if width < 0.0:  # turning the other way
                spindle, start, width = -spindle, -start, -width
            A = None if A is None else setting @ A
            fields.update(
                spindle_axis=turned(FROM_DIALS, spindle),
                phi_deg=start,
                osc_deg=width,
                images=images,
            )
        return GeometryFile(
            path=name,
            wavelength_A=_wavelength(beam, wavelength_A),
            beam_vector=turned(FROM_DIALS, direction),
            pixel_size_mm=pixel_mm,
            panels=panels,
            **_polarization(beam, direction),
            **fields,
            A=None if A is None else FROM_DIALS @ A,
            space_group=space_group,
            notes=tuple(notes),
        )


def _top(path: str | os.PathLike) -> Part:
    text = read_bytes(path, "experiment list")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        problem = str(error) if isinstance(error, json.JSONDecodeError) else "not text"
        raise FileError(f"{path}: no experiment list of DIALS: {problem}") from error
    if not isinstance(content, dict) or not isinstance(content.get("experiment"), list):
        raise FileError(
            f'{path}: no experiment list of DIALS: it has no list "experiment"'
        )
    return Part("", content)


def _referred(top: Part, experiment: Part, kind: str) -> Part | None:
    """Return the model that an experiment names by its number, None without one."""
    number = experiment.content.get(kind)
    if number is None:
        return None
    models = top.objects(kind)
    if isinstance(number, bool) or not isinstance(number, int):
        raise ValueError(
            f"{experiment.name}.{kind}: expected the number of a {kind}, got {number!r}"
        )
    if not 0 <= number < len(models):
        raise ValueError(
            f"{experiment.name}.{kind}: there is no {kind} {number}, the file has "
            f"{len(models)}"
        )
    return models[number]


def _wavelength(beam: Part, given_A: float | None) -> float:
    if "wavelength" in beam.content:
        return beam.number("wavelength")
    if given_A is None:
        raise ValueError(
            f"{beam.name} is polychromatic and has no wavelength: give one with "
            "-lambda or -energy"
        )
    return given_A


def _polarization(beam: Part, direction: np.ndarray) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if "polarization_fraction" in beam.content:
        fields["polarization"] = 2.0 * beam.number("polarization_fraction") - 1.0
    if "polarization_normal" in beam.content:
        field = np.cross(direction, beam.unit("polarization_normal"))
        if np.linalg.norm(field) > 0.0:
            fields["polar_vector"] = turned(FROM_DIALS, field / np.linalg.norm(field))
    return fields


def _panels(detector: Part, notes: list[str]) -> tuple[tuple[Panel, ...], float]:
    """Return the panels and their pixel size [mm]."""
    parts = detector.objects("panels")
    if not parts:
        raise ValueError(f"{detector.name} has no panels")
    frames = _lab_frames(detector, len(parts))
    panels, sizes = [], []
    for number, (part, frame) in enumerate(zip(parts, frames)):
        fast, slow = part.wholes("image_size")
        sizes.append(_pixel_size(part))
        local = _frame(part)
        axes = frame[:3, :3] @ local[:3, :2]
        corner = frame[:3, :3] @ local[:3, 3] + frame[:3, 3]
        offset = part.content.get("raw_image_offset")
        origin = None
        if offset is not None:
            x, y = part.wholes("raw_image_offset")
            origin = (y, x)
        panels.append(
            Panel(
                name=str(part.content.get("name") or number),
                spixels=slow,
                fpixels=fast,
                fdet_vector=turned(FROM_DIALS, axes[:, 0]),
                sdet_vector=turned(FROM_DIALS, axes[:, 1]),
                pix0_vector_mm=turned(FROM_DIALS, corner),
                origin=origin,
            )
        )
    if max(sizes) - min(sizes) > _SAME_SIZE * sizes[0]:
        raise ValueError(
            f"{detector.name}: panels have pixels of {min(sizes):g} and "
            f"{max(sizes):g} mm; expected one size"
        )
    _note_parallax(parts[0], notes)
    return tuple(panels), sizes[0]


def _pixel_size(part: Part) -> float:
    fast, slow = part.numbers("pixel_size", 2)
    if not fast > 0.0 or abs(fast - slow) > _SAME_SIZE * fast:
        raise ValueError(
            f"{part.name}.pixel_size {fast:g} {slow:g}: expected square pixels [mm]"
        )
    return fast


def _note_parallax(part: Part, notes: list[str]) -> None:
    strategy = part.content.get("px_mm_strategy")
    kind = strategy.get("type") if isinstance(strategy, dict) else None
    thickness = part.content.get("thickness")
    mu = part.content.get("mu")
    if kind != "ParallaxCorrectedPxMmStrategy":
        return
    if isinstance(thickness, (int, float)) and isinstance(mu, (int, float)):
        depth_um = 1000.0 / mu if mu > 0.0 else math.inf
        notes.append(
            "DIALS corrects positions for parallax in the sensor, the image here has "
            f"none; for a sensor give -detector_thick {1000.0 * thickness:g} "
            f"-detector_abs {depth_um:.4g}"
        )


def _frame(part: Part) -> np.ndarray:
    """Return the (4, 4) matrix of a panel or group within its parent."""
    fast, slow = part.unit("fast_axis"), part.unit("slow_axis")
    matrix = np.eye(4)
    matrix[:3, :3] = np.array([fast, slow, np.cross(fast, slow)]).T
    matrix[:3, 3] = part.numbers("origin", 3)
    return matrix


def _lab_frames(detector: Part, panels: int) -> list[np.ndarray]:
    """Return the frame of each panel's parent."""
    frames: list[np.ndarray | None] = [None] * panels
    if "hierarchy" not in detector.content:
        return [np.eye(4)] * panels
    waiting = [(detector.part("hierarchy"), np.eye(4))]
    while waiting:
        node, parent = waiting.pop()
        if "panel" in node.content:
            number = node.whole("panel")
            if not 0 <= number < panels:
                raise ValueError(
                    f"{node.name}.panel: there is no panel {number}, the detector has "
                    f"{panels}"
                )
            frames[number] = parent
            continue
        frame = parent @ _frame(node)
        waiting += [(child, frame) for child in node.objects("children")]
    for number, frame in enumerate(frames):
        if frame is None:
            raise ValueError(
                f"{detector.name}.hierarchy: panel {number} is not part of it"
            )
    return [frame for frame in frames if frame is not None]


def _goniometer(part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Return the spindle, and what brings the crystal to phi = 0."""
    if "axes" not in part.content:
        setting = part.matrix("setting_rotation")
        return (
            setting @ part.unit("rotation_axis"),
            setting @ part.matrix("fixed_rotation"),
        )
    axes = [part.unit_of(f"axes[{i}]", v) for i, v in enumerate(part.raw_list("axes"))]
    angles = part.numbers("angles", len(axes))
    scanned = part.whole("scan_axis")
    if not 0 <= scanned < len(axes):
        raise ValueError(
            f"{part.name}.scan_axis: there is no axis {scanned}, the goniometer has "
            f"{len(axes)}"
        )
    # Listed from the crystal outwards: an axis turns all that come before it.
    turns = [_turn(axis, angle) for axis, angle in zip(axes, angles)]
    fixed, setting = np.eye(3), np.eye(3)
    for turn in turns[:scanned]:
        fixed = turn @ fixed
    for turn in turns[scanned + 1 :]:
        setting = turn @ setting
    return setting @ axes[scanned], setting @ fixed


def _turn(axis: np.ndarray, angle_deg: float) -> np.ndarray:
    """Return the right-handed rotation about a unit vector."""
    angle = math.radians(angle_deg)
    x, y, z = axis
    across = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    turn = math.sin(angle) * across + (1.0 - math.cos(angle)) * across @ across
    return np.eye(3) + turn


def _scan(part: Part) -> tuple[float, float, int]:
    """Return start and width [deg] of the first image, and how many there are."""
    properties = part.part("properties") if "properties" in part.content else None
    images = 1
    if "image_range" in part.content:
        first, last = part.wholes("image_range")
        images = last - first + 1
        if images < 1:
            raise ValueError(f"{part.name}.image_range {first} {last}: it has no image")
    if properties is None:
        start, width = part.numbers("oscillation", 2)
        return start, width, images
    if "oscillation" not in properties.content:  # stills and time-of-flight
        return 0.0, 0.0, images
    starts = properties.numbers("oscillation", None)
    if not starts:
        return 0.0, 0.0, images
    if "oscillation_width" in properties.content:
        widths = properties.numbers("oscillation_width", None)
        return starts[0], widths[0] if widths else 0.0, images
    return starts[0], starts[1] - starts[0] if len(starts) > 1 else 0.0, images


def _crystal(part: Part, notes: list[str]) -> tuple[np.ndarray, str | None]:
    """Return A, columns a*, b*, c* [1/A] before all rotations, and the space group."""
    rows = [part.numbers(f"real_space_{axis}", 3) for axis in "abc"]
    if part.content.get("A_at_scan_points"):
        notes.append(
            "the crystal changes during the scan (A_at_scan_points); its one static "
            "orientation is used"
        )
    hall = part.content.get("space_group_hall_symbol")
    return stars_of(np.array(rows)), name_of_hall(hall) if hall else None
