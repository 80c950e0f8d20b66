# SPDX-License-Identifier: MIT
"""Beam centre, conventions and directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..schema import choice, group, number, option, vector
from .shared import ABOUT_BEAM, ABOUT_SAMPLE, CUSTOM, SETS_CUSTOM, SETS_PIVOT

if TYPE_CHECKING:
    from ..collector import Collector


def _pivot(words: Collector, pivot: str) -> None:
    words.set("detector", implied_pivot=pivot)


def _pix0_vector(words: Collector, *corner: float) -> None:
    words.set("detector", pix0_vector_mm=tuple(1000.0 * x for x in corner))


def _twotheta_axis(words: Collector, *axis: float) -> None:
    if axis[0] == words.values["detector"].get("twotheta_deg", 0.0):
        return
    words.read_by_c["twotheta"] = (
        f"nanoBragg takes the first number of -twotheta_axis for -twotheta, too: there "
        f"this line has a two-theta of {axis[0]:g} degrees; give -twotheta after it"
    )


#: Where model c takes the beam centre or nearest point from, along the fast and the
#: slow axis: the first that is given counts.
_CENTRES = {
    "mosflm": (("Ybeam",), ("Xbeam",)),
    "denzo": (("Ybeam",), ("Xbeam",)),
    "adxv": (("Xbeam",), ("Ybeam",)),
    "xds": (("ORGX",), ("ORGY",)),
    "dials": (("ORGX",), ("ORGY",)),
    "custom": (("Xbeam", "Xclose", "ORGX"), ("Ybeam", "Yclose", "ORGY")),
}


def _centre(name: str) -> Callable[[Collector], str]:
    """Return `Option.idle` of a beam centre."""

    def idle(words: Collector) -> str:
        if words.values["simulation"].get("model", "c") != "c":
            return ""
        convention = words.values["detector"].get("convention", "mosflm")
        for order in _CENTRES[convention]:
            if name in order:
                before = order[: order.index(name)]
                return next((f"beside -{n}" for n in before if n in words.given), "")
        return f"in the {convention} convention"

    return idle


OPTIONS = group(
    "Beam centre and convention",
    option(
        "mosflm",
        "Beam centre and axes as in MOSFLM: beam along x, half a pixel added to "
        "the beam centre. This is the default convention.",
        sets=("detector", "convention"),
        value="mosflm",
        also=ABOUT_BEAM,
        c="beam_convention = MOSFLM",
    ),
    option(
        "denzo",
        "As in DENZO: like MOSFLM without the half pixel.",
        sets=("detector", "convention"),
        value="denzo",
        also=ABOUT_BEAM,
        c="beam_convention = DENZO",
    ),
    option(
        "adxv",
        "As in ADXV: beam along z, y counted from the bottom.",
        sets=("detector", "convention"),
        value="adxv",
        also=ABOUT_BEAM,
        c="beam_convention = ADXV",
    ),
    option(
        "xds",
        "As in XDS: beam along z, rotation about the crystal.",
        sets=("detector", "convention"),
        value="xds",
        also=ABOUT_SAMPLE,
        c="beam_convention = XDS",
    ),
    option(
        "dials",
        "As in DIALS: beam along z, rotation about the crystal.",
        sets=("detector", "convention"),
        value="dials",
        also=ABOUT_BEAM,
        c="beam_convention = DIALS",
    ),
    option(
        "Xbeam",
        "X coordinate of the direct beam, as the convention counts it.",
        number("MM", "the X beam centre"),
        sets=("detector", "Xbeam_mm"),
        also=ABOUT_BEAM,
        default="the middle of the detector",
        c="Xbeam",
        c_note=SETS_PIVOT,
        idle=_centre("Xbeam"),
    ),
    option(
        "Ybeam",
        "Y coordinate of the direct beam, as the convention counts it.",
        number("MM", "the Y beam centre"),
        sets=("detector", "Ybeam_mm"),
        also=ABOUT_BEAM,
        default="the middle of the detector",
        c="Ybeam",
        c_note=SETS_PIVOT,
        idle=_centre("Ybeam"),
    ),
    option(
        "Xclose",
        "X coordinate of the detector point nearest to the crystal.",
        number("MM", "the X coordinate of the nearest point"),
        sets=("detector", "Xclose_mm"),
        also=ABOUT_SAMPLE,
        default="from the beam centre",
        c="Xclose",
        c_note=SETS_PIVOT,
        idle=_centre("Xclose"),
    ),
    option(
        "Yclose",
        "Y coordinate of the detector point nearest to the crystal.",
        number("MM", "the Y coordinate of the nearest point"),
        sets=("detector", "Yclose_mm"),
        also=ABOUT_SAMPLE,
        default="from the beam centre",
        c="Yclose",
        c_note=SETS_PIVOT,
        idle=_centre("Yclose"),
    ),
    option(
        "ORGX",
        "The nearest point as in XDS: X in pixels, the first pixel is 1.",
        number("PIXELS", "the X origin"),
        sets=("detector", "ORGX_pixels"),
        also=ABOUT_SAMPLE,
        default="from the beam centre",
        c="ORGX",
        c_note=SETS_PIVOT,
        idle=_centre("ORGX"),
    ),
    option(
        "ORGY",
        "The nearest point as in XDS: Y in pixels, the first pixel is 1.",
        number("PIXELS", "the Y origin"),
        sets=("detector", "ORGY_pixels"),
        also=ABOUT_SAMPLE,
        default="from the beam centre",
        c="ORGY",
        c_note=SETS_PIVOT,
        idle=_centre("ORGY"),
    ),
    option(
        "pivot",
        "Turn the detector about the crystal or about the direct-beam spot. In "
        "model c every named convention overrules it, so it only matters with the "
        "vector options; model physical heeds it always.",
        choice("the pivot", "sample", "beam"),
        sets=("detector", "pivot"),
        does=_pivot,
        default="what the convention says",
        c="detector_pivot",
        c_note="every convention but CUSTOM overrules it, silently; here with a "
        "warning (oddity 9)",
    ),
    option(
        "fdet_vector",
        "Direction of the detector's fast axis. Switches to the CUSTOM convention.",
        *vector("the vector"),
        sets=("detector", "fdet_vector"),
        also=CUSTOM,
        default="0 0 1",
        c="fdet_vector",
        c_note=SETS_CUSTOM,
    ),
    option(
        "sdet_vector",
        "Direction of the detector's slow axis. Switches to the CUSTOM convention.",
        *vector("the vector"),
        sets=("detector", "sdet_vector"),
        also=CUSTOM,
        default="0 -1 0",
        c="sdet_vector",
        c_note=SETS_CUSTOM,
    ),
    option(
        "odet_vector",
        "Direction of the detector's normal. Switches to the CUSTOM convention.",
        *vector("the vector"),
        sets=("detector", "odet_vector"),
        also=CUSTOM,
        default="1 0 0",
        c="odet_vector",
        c_note=SETS_CUSTOM,
    ),
    option(
        "beam_vector",
        "Direction of the beam. Switches to the CUSTOM convention.",
        *vector("the vector"),
        sets=("beam", "beam_vector"),
        also=CUSTOM,
        default="1 0 0",
        c="beam_vector",
        c_note=SETS_CUSTOM,
    ),
    option(
        "polar_vector",
        "Direction of the beam's polarization. Switches to the CUSTOM convention.",
        *vector("the vector"),
        sets=("beam", "polar_vector"),
        also=CUSTOM,
        default="0 0 1",
        c="polar_vector",
        c_note=SETS_CUSTOM,
    ),
    option(
        "spindle_axis",
        "Axis of the phi rotation. Switches to the CUSTOM convention.",
        *vector("the vector"),
        sets=("goniometer", "spindle_axis"),
        also=CUSTOM,
        default="0 0 1",
        c="spindle_vector",
        c_note=SETS_CUSTOM,
    ),
    option(
        "twotheta_axis",
        "Axis of the -twotheta rotation. Switches to the CUSTOM convention.",
        *vector("the vector"),
        sets=("detector", "twotheta_axis"),
        also=CUSTOM,
        does=_twotheta_axis,
        default="0 1 0",
        c="twotheta_axis",
        c_note="its first number is also taken for -twotheta; here it is not (oddity "
        "16)",
    ),
    option(
        "pix0_vector",
        "Position of the outer corner of the first pixel, seen from the crystal and "
        "before all rotations. Switches to the CUSTOM convention; model c does "
        "nothing else with it and computes the position from the beam centre, model "
        "physical uses it instead of distance and beam centre, and turns the "
        "detector about the crystal unless -pivot says beam.",
        *vector("the position of the first pixel", "m"),
        also=CUSTOM,
        does=_pix0_vector,
        c="pix0_vector",
        c_note="only selects CUSTOM, the value is computed anew; the same here, with "
        "a warning (oddity 8)",
    ),
    option(
        "pix0_vector_mm",
        "The same as -pix0_vector in mm.",
        *vector("the position of the first pixel", "mm"),
        sets=("detector", "pix0_vector_mm"),
        also=CUSTOM,
        c="pix0_vector",
        c_note="taken for -pix0_vector, and as little used (oddity 8)",
    ),
)
