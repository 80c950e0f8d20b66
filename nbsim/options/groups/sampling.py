# SPDX-License-Identifier: MIT
"""How finely, and how far, the image is computed."""

from ..schema import Bounds, choice, group, number, option
from .shared import RUNNING

OPTIONS = group(
    "Sampling",
    option(
        "oversample",
        "Number of sub-pixels along each edge of a pixel; 0 chooses automatically.",
        number("SUBPIXELS", "the oversampling"),
        sets=("sampling", "oversample"),
        default="enough for 3 points across the narrowest fringe",
        c="oversample",
    ),
    option(
        "oversample_thick",
        "Compute the absorption in the sensor for every sub-pixel, not once for "
        "the pixel. Model physical always does, correctly.",
        sets=("sampling", "oversample_thick"),
        value=True,
        c="oversample_thick = 1",
        c_note=RUNNING,
    ),
    option(
        "oversample_polar",
        "Compute the polarization factor for every sub-pixel, not once for the "
        "pixel. Model physical always does, correctly.",
        sets=("sampling", "oversample_polar"),
        value=True,
        c="oversample_polar = 1",
        c_note=RUNNING,
    ),
    option(
        "oversample_omega",
        "Compute the solid angle for every sub-pixel, not once for the pixel. Model "
        "physical always does, correctly.",
        sets=("sampling", "oversample_omega"),
        value=True,
        c="oversample_omega = 1",
        c_note=RUNNING,
    ),
    option(
        "roi",
        "Compute only these pixels, bounds included; statistics and noise cover "
        "them only. A negative bound is the edge of the detector.",
        number("XMIN", "xmin", Bounds(whole=True, unit="pixels")),
        number("XMAX", "xmax", Bounds(whole=True, unit="pixels")),
        number("YMIN", "ymin", Bounds(whole=True, unit="pixels")),
        number("YMAX", "ymax", Bounds(whole=True, unit="pixels")),
        sets=("detector", "roi"),
        default="the whole detector",
        python="Detector.roi, or roi= of render",
        c="roi_xmin, roi_xmax, roi_ymin, roi_ymax",
    ),
    option(
        "dmin",
        "Leave out scattering to a resolution finer than this; 0 keeps all.",
        number("ANGSTROM", "the resolution limit"),
        sets=("sampling", "dmin_A"),
        default="0",
        c="dmin",
    ),
    option(
        "sparse",
        "Render Gaussian and top-hat spots from the reflections, without evaluating "
        "what is dark: the same image to the last bit, many times faster where little "
        "is lit. auto: where that takes less time. on: always, or say why it cannot "
        "be. off: evaluate everything.",
        choice("the rendering", "auto", "on", "off"),
        sets=("sampling", "sparse"),
        default="auto",
        prefixes=(),
    ),
    option(
        "spot_cutoff",
        "Leave out what is below this fraction of a reflection's own peak, 1e-12 for "
        "instance; 0 leaves out only what a float image cannot show. Gaussian spots "
        "only, a top-hat has none of it; needs sparse rendering.",
        number("FRACTION", "the cutoff"),
        sets=("sampling", "spot_cutoff"),
        default="0",
        prefixes=(),
    ),
    option(
        "model",
        "c: the arithmetic of nanoBragg.c with its oddities. physical: the same "
        "experiment with its mistakes put right, see docs/physics.md.",
        choice("the model", "c", "physical"),
        sets=("simulation", "model"),
        default="c",
        prefixes=(),
        python="Simulation.model",
    ),
)
