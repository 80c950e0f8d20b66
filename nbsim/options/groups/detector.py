# SPDX-License-Identifier: MIT
"""The detector: distance, size, pixels, sensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..schema import file, group, number, option
from .shared import ABOUT_BEAM, ABOUT_SAMPLE, SETS_PIVOT

if TYPE_CHECKING:
    from ..collector import Collector


def _detector_abs(words: Collector, depth_um: float) -> None:
    if depth_um in (0.0, float("inf")):
        # C quirk: this also forgets a thickness given before it.
        words.set("detector", thick_um=0.0)


def _close_is_given(words: Collector) -> str:
    detector = words.values["detector"]
    # With custom it also says about which point the detector turns.
    if "close_distance_mm" not in detector or detector.get("convention") == "custom":
        return ""
    if "close_distance" in words.given:
        return "beside -close_distance"
    return "beside CLOSE_DISTANCE of the header"


def _counted(*axes: str) -> Callable[[Collector], str]:
    """Return `Option.idle` of a size, which a number of pixels overrules."""

    def idle(words: Collector) -> str:
        detector = words.values["detector"]
        counted = all(detector.get(f"detpixels_{axis}") for axis in axes)
        return "beside the number of pixels" if counted else ""

    return idle


OPTIONS = group(
    "Detector",
    option(
        "distance",
        "Distance from the crystal to the direct-beam spot on the detector.",
        number("MM", "the distance"),
        sets=("detector", "distance_mm"),
        also=ABOUT_BEAM,
        default="100",
        c="distance",
        c_note=SETS_PIVOT,
        idle=_close_is_given,
    ),
    option(
        "close_distance",
        "Distance from the crystal to the nearest point of the detector plane, as "
        "in XDS; -distance then follows from the geometry.",
        number("MM", "the close distance"),
        sets=("detector", "close_distance_mm"),
        also=ABOUT_SAMPLE,
        default="from -distance",
        c="close_distance",
        c_note=SETS_PIVOT,
    ),
    option(
        "pixel",
        "Edge length of a pixel.",
        number("MM", "the pixel size"),
        sets=("detector", "pixel_size_mm"),
        default="0.1",
        c="pixel_size",
        c_note="every word that contains -pixel is taken for it; here only spellings "
        "of it",
    ),
    option(
        "detpixels",
        "Number of pixels along both axes of the detector.",
        number("PIXELS", "the number of pixels"),
        sets=(("detector", "detpixels_f"), ("detector", "detpixels_s")),
        default="1024",
        prefixes=(),
        c="fpixels, spixels",
    ),
    option(
        "detpixels_f",
        "Number of pixels along the fast axis.",
        number("PIXELS", "the number of pixels along the fast axis"),
        sets=("detector", "detpixels_f"),
        default="1024",
        aliases=("detpixels_x",),
        c="fpixels",
    ),
    option(
        "detpixels_s",
        "Number of pixels along the slow axis.",
        number("PIXELS", "the number of pixels along the slow axis"),
        sets=("detector", "detpixels_s"),
        default="1024",
        aliases=("detpixels_y",),
        c="spixels",
    ),
    option(
        "detsize",
        "Size of the detector along both axes; a number of pixels wins over it.",
        number("MM", "the detector size"),
        sets=(("detector", "detsize_f_mm"), ("detector", "detsize_s_mm")),
        default="102.4",
        prefixes=(),
        c="detsize_f, detsize_s",
        idle=_counted("f", "s"),
    ),
    option(
        "detsize_f",
        "Size of the detector along the fast axis.",
        number("MM", "the detector size along the fast axis"),
        sets=("detector", "detsize_f_mm"),
        default="102.4",
        c="detsize_f",
        idle=_counted("f"),
    ),
    option(
        "detsize_s",
        "Size of the detector along the slow axis.",
        number("MM", "the detector size along the slow axis"),
        sets=("detector", "detsize_s_mm"),
        default="102.4",
        c="detsize_s",
        idle=_counted("s"),
    ),
    option(
        "detector_abs",
        "Attenuation depth of the sensor material. inf or 0 switches the sensor "
        "thickness off.",
        number("UM", "the attenuation depth"),
        does=_detector_abs,
        sets=("detector", "abs_um"),
        default="inf, or the thickness with -detector_thick",
        aliases=("detector_absorb",),
        prefixes=("detector_abs",),
        python="Detector.abs_um",
        c="detector_mu",
        c_note="inf or 0 also forgets a thickness given before it; the same here",
        needs=("detector_thick",),
    ),
    option(
        "detector_thick",
        "Thickness of the sensor.",
        number("UM", "the sensor thickness"),
        sets=("detector", "thick_um"),
        default="0",
        prefixes=(),
        c="detector_thick",
    ),
    option(
        "detector_thicksteps",
        "Number of sensor layers; 0 chooses automatically. Without a thickness "
        "there is one layer.",
        number("STEPS", "the number of sensor layers"),
        sets=("detector", "thicksteps"),
        default="2 with -detector_thick, else 1",
        aliases=("thicksteps",),
        c="detector_thicksteps",
        needs=("detector_thick",),
    ),
    option(
        "curved_det",
        "Spherical detector: every pixel at the same distance from the crystal.",
        sets=("detector", "curved"),
        value=True,
        c="curved_detector = 1",
        c_note="ignored as the last word of the line; here always honoured (oddity "
        "11)",
    ),
    option(
        "point_pixel",
        "Use one over the distance squared as the solid angle of a pixel, whatever "
        "its size and tilt.",
        sets=("detector", "point_pixel"),
        value=True,
        c="point_pixel = 1",
    ),
    option(
        "img",
        "SMV image whose header gives detector size, pixel size, distance, "
        "wavelength, beam centre, phi and oscillation. Its values win over those "
        "of -mask, and options on the command line win over both.",
        file("the header image", ".img", ".smv"),
        sets=("files", "img"),
        python="Detector.from_smv_header",
        c="imginfilename",
    ),
    option(
        "mask",
        "SMV image whose zero pixels are not computed; its header is used like "
        "that of -img.",
        file("the mask image", ".img", ".smv"),
        sets=("files", "mask"),
        python="Detector.mask",
        c="maskfilename",
    ),
)
