# SPDX-License-Identifier: MIT
"""Rotations of the crystal and of the detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..schema import group, number, option
from .shared import ABOUT_SAMPLE, SETS_PIVOT

if TYPE_CHECKING:
    from ..collector import Collector


def _twotheta(words: Collector, _: float) -> None:
    words.read_by_c.pop("twotheta", None)


def _count_is_forgotten(words: Collector) -> str:
    goniometer = words.values["goniometer"]
    # C quirk: a step without a range is two steps, whatever their number.
    forgotten = goniometer.get("phistep_deg") and "osc_deg" not in goniometer
    return "beside -phistep without -osc" if forgotten else ""


OPTIONS = group(
    "Goniometer",
    option(
        "phi",
        "Spindle angle at which the exposure starts.",
        number("DEGREES", "the start angle"),
        sets=("goniometer", "phi_deg"),
        default="0",
        prefixes=(),
        c="phi0",
    ),
    option(
        "osc",
        "Rotation during the exposure.",
        number("DEGREES", "the oscillation range"),
        sets=("goniometer", "osc_deg"),
        default="0, or the step with -phistep, or 1 with -phisteps",
        c="osc",
    ),
    option(
        "phistep",
        "Angle between the steps of the rotation; 0 chooses automatically.",
        number("DEGREES", "the phi step"),
        sets=("goniometer", "phistep_deg"),
        default="from -osc and -phisteps",
        prefixes=(),
        c="phistep",
    ),
    option(
        "phisteps",
        "Number of steps of the rotation, of which the last does not reach the "
        "end; 0 counts as 1.",
        number("STEPS", "the number of phi steps"),
        sets=("goniometer", "phisteps"),
        default="2 with -osc, else 1",
        c="phisteps",
        idle=_count_is_forgotten,
    ),
    option(
        "phi_carryover",
        "Model c only: keep the crystal as the previous step left it at phi 0, as "
        "a one-thread run of nanoBragg does.",
        sets=("sampling", "phi_carryover"),
        value=True,
        prefixes=(),
        c_note="what a one-thread run of nanoBragg does (oddity 1)",
    ),
    option(
        "twotheta",
        "Rotation of the detector about the twotheta axis.",
        number("DEGREES", "the twotheta angle"),
        sets=("detector", "twotheta_deg"),
        also=ABOUT_SAMPLE,
        does=_twotheta,
        default="0",
        c="detector_twotheta",
        c_note=SETS_PIVOT,
    ),
    option(
        "detector_rotx",
        "Rotation of the detector about the laboratory x axis.",
        number("DEGREES", "the detector rotation about x"),
        sets=("detector", "rotx_deg"),
        default="0",
        c="detector_rotx",
    ),
    option(
        "detector_roty",
        "Rotation of the detector about the laboratory y axis.",
        number("DEGREES", "the detector rotation about y"),
        sets=("detector", "roty_deg"),
        default="0",
        c="detector_roty",
    ),
    option(
        "detector_rotz",
        "Rotation of the detector about the laboratory z axis.",
        number("DEGREES", "the detector rotation about z"),
        sets=("detector", "rotz_deg"),
        default="0",
        c="detector_rotz",
    ),
)
