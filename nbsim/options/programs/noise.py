# SPDX-License-Identifier: MIT
"""The options of nbsim-noise: those of the C program noisify."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..groups import OPTIONS as OF_NBSIM
from ..reader import Spellings
from ..schema import Bounds, file, group, number, option

if TYPE_CHECKING:
    from ..collector import Collector

PROGRAM = "nbsim-noise"
SHARED = frozenset("""
    gain readout_noise flicker calibration calib_seed psf psf_fwhm psf_radius bits
    saturation noise_generator intfile noisefile pgmfile nopgm adc seed nonoise progress
    noprogress threads model help version
    """.split())


def _input(words: Collector, path: str) -> None:
    words.values["inputs"].setdefault("files", []).append(path)


def _scales(words: Collector, *scales: float) -> None:
    words.set("inputs", scales=scales)


def _header_only(name: str, metavar: str, what: str, bounds: Bounds):
    return option(
        name,
        f"{what[:1].upper()}{what[1:]}, for the header.",
        number(metavar, what, bounds),
        sets=("header", name),
    )


PIXELS = Bounds(whole=True, low=1)
FACTOR = number("FACTOR", "the factor", Bounds())
OWN = group(
    "Input",
    option(
        "floatfile",
        "Expected photons: raw 4-byte floats, a TIFF or a numpy file. Several of them, "
        "with or without this word, are added in their order.",
        file("the float image", ".bin"),
        does=_input,
        aliases=("floatimage", "bin"),
    ),
    option(
        "scales",
        "A factor for each of several images.",
        *([number("F", "a factor", Bounds())] * 12),
        does=_scales,
        least=1,
        default="1 for each",
        prefixes=(),
    ),
    option(
        "scale",
        "Factor of their sum.",
        FACTOR,
        sets=("inputs", "scale"),
        default="1",
        prefixes=(),
    ),
    option(
        "fluence",
        "Fluence that the images are scaled to, from one photon per electron.",
        number("PHOTONS_M2", "the fluence", Bounds(unit="photons/m^2", low=0)),
        sets=("inputs", "fluence"),
        default="125932015286227086360700780544",
    ),
    option(
        "header",
        "SMV image: its size and pixel size are taken, and its header is copied.",
        file("the header image", ".img", ".smv"),
        sets=("files", "header"),
    ),
    option(
        "detpixels",
        "Number of pixels along both axes of a raw image.",
        number("PIXELS", "the number of pixels", PIXELS),
        sets=(("size", "fast"), ("size", "slow")),
        prefixes=(),
    ),
    option(
        "detpixels_x",
        "Number of pixels along the fast axis of a raw image.",
        number("PIXELS", "the number of pixels along fast", PIXELS),
        sets=("size", "fast"),
        aliases=("detpixels_f",),
        default="guessed",
    ),
    option(
        "detpixels_y",
        "Number of pixels along the slow axis of a raw image.",
        number("PIXELS", "the number of pixels along slow", PIXELS),
        sets=("size", "slow"),
        aliases=("detpixels_s",),
        default="guessed",
    ),
    option(
        "pixel",
        "Edge length of a pixel, for the point spread and the header.",
        number("MM", "the pixel size", Bounds(unit="mm", above=0)),
        sets=("size", "pixel_mm"),
        default="0.1",
    ),
    _header_only("lambda", "A", "the wavelength", Bounds(unit="Angstrom", above=0)),
    _header_only("distance", "MM", "the distance", Bounds(unit="mm")),
    _header_only("Xbeam", "MM", "the beam centre along fast", Bounds(unit="mm")),
    _header_only("Ybeam", "MM", "the beam centre along slow", Bounds(unit="mm")),
    _header_only("phi", "DEG", "the start of the rotation", Bounds(unit="degrees")),
    _header_only("osc", "DEG", "the rotation", Bounds(unit="degrees")),
)
UNUSED = group(
    "Read and not used, as by noisify",
    *(
        option(
            name,
            "Read and not used.",
            number("VALUE", "the value", Bounds()),
            unused="noisify does nothing with it",
        )
        for name in ("badpix_seed", "hotpix_seed", "detsize", "detsize_x", "detsize_y")
    ),
)
OPTIONS = (*OWN, *(row for row in OF_NBSIM if row.name in SHARED), *UNUSED)
TABLE_OF_OPTIONS = Spellings(PROGRAM, OPTIONS, bare="floatfile")
DESCRIPTION = """\
Turns images of expected photons into the image that a detector writes, from
the command line of noisify: adds them up, counts photons, blurs them with the
point spread, and adds gain, offset and readout noise."""
EPILOG = """\
Examples:

    nbsim-noise spots.bin water.bin air.bin -header spots.img -psf gauss
        -psf_fwhm 100 -readout_noise 3 -seed 7 -noisefile frame.img

-calibration is 0.03 here where nothing is said, as in noisify; in nbsim 0.

Exit status: 0 if everything went well, 1 if a file or the computation failed,
2 if the command line or a value is wrong, 130 if it was interrupted."""
