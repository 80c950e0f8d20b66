# SPDX-License-Identifier: MIT
"""XDS.INP for a series, in the frame whose X is the detector's fast axis."""

from __future__ import annotations

import os
from typing import BinaryIO

import numpy as np

from ..resolve.frames import nearest_point, xds_rotation
from .files import replace_when_complete
from .recording import SATURATION, Recording


def write_xds_inp(
    path: str | os.PathLike | BinaryIO,
    recording: Recording,
    template: str,
    *,
    cell: tuple[float, ...] | None = None,
    space_group: int | None = None,
    library: str | None = None,
) -> None:
    """Write what XDS needs to process a series.

    Parameters
    ----------
    path
        The file, replaced when complete, or an open binary stream.
    recording
        The experiment.
    template
        Name of the frames with a ? for each digit (NAME_TEMPLATE_OF_DATA_FRAMES).
    cell
        a, b, c [A], alpha, beta, gamma [deg].
    space_group
        Its number.
    library
        Plugin that reads the frames (LIB).
    """
    lines = xds_lines(recording, template, cell, space_group, library)
    with replace_when_complete(path) as stream:
        stream.write("".join(f"{line}\n" for line in lines).encode())


def xds_lines(
    recording: Recording,
    template: str,
    cell: tuple[float, ...] | None = None,
    space_group: int | None = None,
    library: str | None = None,
) -> list[str]:
    """Return the lines of the file; see `write_xds_inp`."""
    geometry = recording.geometry
    rotation = xds_rotation(geometry)
    fast, slow, distance, normal = nearest_point(geometry)
    # XDS wants the distance with the sign of the detector's own normal.
    sign = 1.0 if (rotation @ normal)[2] > 0.0 else -1.0
    pixel = geometry.pixel_size
    beam = rotation @ np.array(geometry.beam_vector)
    spindle = rotation @ np.array(geometry.spindle_vector)
    # The normal of the polarization plane: E field across the beam.
    plane = rotation @ np.cross(geometry.beam_vector, geometry.polar_vector)
    first, last = 1, recording.frames
    lines = [
        "! written by nbsim",
        "JOB= XYCORR INIT COLSPOT IDXREF DEFPIX INTEGRATE CORRECT",
        f"NAME_TEMPLATE_OF_DATA_FRAMES= {template}",
        *([] if library is None else [f"LIB= {library}"]),
        f"DATA_RANGE= {first} {last}",
        f"SPOT_RANGE= {first} {last}",
        f"BACKGROUND_RANGE= {first} {min(last, first + 9)}",
        "DETECTOR= PILATUS",
        "MINIMUM_VALID_PIXEL_VALUE= 0",
        f"OVERLOAD= {SATURATION}",
        f"SENSOR_THICKNESS= {recording.thickness_m * 1000.0:.6f}",
        f"NX= {geometry.fpixels} NY= {geometry.spixels}"
        f" QX= {pixel * 1000.0:.9g} QY= {pixel * 1000.0:.9g}",
        f"ORGX= {fast / pixel + 0.5:.4f} ORGY= {slow / pixel + 0.5:.4f}",
        f"DETECTOR_DISTANCE= {sign * distance * 1000.0:.6f}",
        "DIRECTION_OF_DETECTOR_X-AXIS= 1.00000000 0.00000000 0.00000000",
        "DIRECTION_OF_DETECTOR_Y-AXIS= 0.00000000 1.00000000 0.00000000",
        f"ROTATION_AXIS= {_three(spindle)}",
        f"INCIDENT_BEAM_DIRECTION= {_three(beam)}",
        f"X-RAY_WAVELENGTH= {recording.wavelength_A:.9f}",
        f"FRACTION_OF_POLARIZATION= {(1.0 + recording.polarization) / 2.0:.6f}",
        f"POLARIZATION_PLANE_NORMAL= {_three(plane)}",
        "FRIEDEL'S_LAW= FALSE",
        *_rotation_lines(recording),
        *_crystal_lines(cell, space_group),
    ]
    return lines


def _rotation_lines(recording: Recording) -> list[str]:
    if not recording.rotating:
        return []
    return [
        f"STARTING_ANGLE= {recording.starts_deg[0]:.6f}",
        "STARTING_FRAME= 1",
        f"OSCILLATION_RANGE= {recording.osc_deg:.6f}",
    ]


def _crystal_lines(
    cell: tuple[float, ...] | None, space_group: int | None
) -> list[str]:
    if cell is None or space_group is None:
        return ["SPACE_GROUP_NUMBER= 0"]
    return [
        f"SPACE_GROUP_NUMBER= {space_group}",
        "UNIT_CELL_CONSTANTS= " + " ".join(f"{x:.4f}" for x in cell),
    ]


def _three(vector: np.ndarray) -> str:
    return " ".join(f"{x + 0.0:.8f}" for x in vector)
