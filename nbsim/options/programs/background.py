# SPDX-License-Identifier: MIT
"""The options of nbsim-background: those of the C program nonBragg."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import UsageError
from ...model.limits import LENGTH_MM
from ..groups import OPTIONS as OF_NBSIM
from ..reader import Spellings
from ..schema import Argument, Bounds, file, group, number, option, vector

if TYPE_CHECKING:
    from ..collector import Collector

PROGRAM = "nbsim-background"

#: Rows that nbsim and nonBragg share, by name.
SHARED = frozenset("""
    lambda energy fluence flux exposure polar nopolar dispersion dispsteps
    divergence hdivrange vdivrange hdivstep vdivstep hdivsteps vdivsteps divsteps
    round_div square_div sourcefile distance close_distance pixel detpixels detpixels_f
    detpixels_s detsize curved_det point_pixel Xbeam Ybeam Xclose
    Yclose ORGX ORGY mosflm adxv denzo xds dials fdet_vector sdet_vector beam_vector
    polar_vector twotheta_axis detector_rotx detector_roty detector_rotz twotheta roi
    floatfile intfile noisefile pgmfile nopgm scale pgmscale adc seed nonoise progress
    noprogress threads phi osc model help version
    """.split())
LENGTH = Bounds(unit="mm", above=0)
SMALLEST_MM, LARGEST_MM = LENGTH_MM.low, LENGTH_MM.high


def _pivot(words: Collector, pivot: str) -> None:
    words.set("detector", implied_pivot=pivot)


def _table(units: str):
    def take(words: Collector, path: str) -> None:
        words.set("background", units=units, path=path)

    return take


def _sample(words: Collector, size: float) -> None:
    words.set("background", thick_mm=size, width_mm=size, height_mm=size)


def _beamsize(words: Collector, size: float) -> None:
    words.set("beam", beamsize_mm=size if size > 0.0 else LARGEST_MM)
    words.set("background", endless_beam=size < 0.0)
    if abs(size) < SMALLEST_MM:
        raise UsageError(
            f"-beamsize {size:g}: a beam of no size; the smallest is {SMALLEST_MM:g} mm"
        )


def _ignore(words: Collector, value: float) -> None:
    words.values["extract"].setdefault("ignore", []).append(value)


def _not_used(name: str, why: str, *arguments: Argument):
    return option(name, f"Read and not used: {why}.", *arguments, unused=why)


TABLE = Argument(
    "FILE",
    "the table",
    noun="water, air, ice or a file name",
    offers=("water", "air", "ice", "*.stol", "*.dat", "*.txt"),
)
OWN = group(
    "Amorphous material",
    option(
        "stol",
        "Table of sin(theta)/lambda and F in electrons per molecule: water, air or "
        "ice, which bring their density and molecular weight along, or a file.",
        TABLE,
        does=_table("stol"),
        prefixes=(),
    ),
    option("4stol", "The same of 4 sin(theta)/lambda.", TABLE, does=_table("4stol")),
    option("Q", "The same of 4 pi sin(theta)/lambda.", TABLE, does=_table("Q")),
    option(
        "thick",
        "Length of the sample along the beam.",
        number("MM", "the thickness", LENGTH),
        sets=("background", "thick_mm"),
        default="0.1",
        aliases=("thickness", "sample_thick", "sample_x"),
        prefixes=("thick", "sample_thick", "sample_x"),
    ),
    option(
        "width",
        "Width of the sample; the beam size cuts it.",
        number("MM", "the width", LENGTH),
        sets=("background", "width_mm"),
        default="0.1",
        aliases=("sample_width", "sample_y"),
    ),
    option(
        "height",
        "Height of the sample; the beam size cuts it.",
        number("MM", "the height", LENGTH),
        sets=("background", "height_mm"),
        default="0.1",
        aliases=("sample_height", "sample_z"),
        prefixes=("heigh", "sample_heigh", "sample_z"),
    ),
    option(
        "samplesize",
        "Thickness, width and height.",
        number("MM", "the sample size", LENGTH),
        does=_sample,
        default="0.1",
        aliases=("sample_size",),
    ),
    option(
        "density",
        "Density of the sample.",
        number("G_CM3", "the density", Bounds(unit="g/cm^3", above=0)),
        sets=("background", "density_g_cm3"),
        default="that of the material, or 1",
        aliases=("sample_density",),
        prefixes=("density", "sample_den"),
    ),
    option(
        "MW",
        "Molecular weight of what F is of.",
        number("G_MOL", "the molecular weight", Bounds(unit="g/mol", above=0)),
        sets=("background", "molecular_weight"),
        default="that of the material, or 18",
        aliases=("molecular_weight",),
        prefixes=("molecular",),
    ),
    option(
        "molecules",
        "Number of molecules in the beam, instead of a density.",
        number("NUMBER", "the number of molecules", Bounds(low=0)),
        sets=("background", "molecules"),
        default="from the density",
        prefixes=(),
    ),
    option(
        "oversample",
        "Subpixels along each side of a pixel.",
        number("STEPS", "the number of subpixels", Bounds(whole=True, low=1)),
        sets=("background", "oversample"),
        default="1",
    ),
    option(
        "Fmap",
        "The image is F itself.",
        sets=("extract", "F_only"),
        value=True,
    ),
    option(
        "pivot",
        "What the detector turns about: sample or beam. The last of all options that "
        "set it counts: -distance, -Xbeam, -Ybeam the beam; -close_distance, -Xclose, "
        "-Yclose, -ORGX, -ORGY, -twotheta the sample.",
        Argument("sample|beam", "the pivot", choices=("sample", "beam")),
        does=_pivot,
        default="beam",
    ),
)
BEAM = group(
    "Beam",
    option(
        "beamsize",
        "Edge length of the square beam, which cuts the sample. Less than 0, as in "
        "nonBragg: it does not, and -flux does not count.",
        number(
            "MM",
            "the beam size",
            Bounds(unit="mm", low=-LARGEST_MM, high=LARGEST_MM),
        ),
        does=_beamsize,
        default="0.1",
    ),
)
EXTRACTION = group(
    "Extraction of a table",
    option(
        "img",
        "SMV image: size, pixel, distance, wavelength, centre and origin are taken "
        "from its header, and F from its pixels, for the rows of -stol.",
        file("the measured image", ".img", ".smv"),
        sets=("files", "img"),
    ),
    option(
        "stolout",
        "The table that is made from -img.",
        file("the extracted table", ".stol"),
        sets=("extract", "stolout"),
        needs=("img",),
        default="output.stol",
    ),
    option(
        "ignore",
        "Leave out pixels of -img with this value; it can be given again.",
        number("VALUE", "the value", Bounds()),
        does=_ignore,
        needs=("img",),
    ),
    option(
        "gain",
        "Detector units per photon of -img.",
        number("ADU", "the gain", Bounds(unit="ADU/photon", above=0)),
        sets=("extract", "gain"),
        needs=("img",),
        default="1",
    ),
)
SIZE = group(
    "Detector",
    *(
        option(
            f"detsize_{axis}",
            f"Size of the detector along the {word} axis.",
            number("MM", "the detector size", LENGTH),
            sets=("detector", f"detsize_{axis}_mm"),
            default="102.4",
            aliases=(f"detsize_{other}",),
        )
        for axis, word, other in (("f", "fast", "x"), ("s", "slow", "y"))
    ),
)
UNUSED = group(
    "Read and not used, as by nonBragg",
    _not_used("pix0_vector", "it is worked out anew", *vector("the origin")),
    _not_used("odet_vector", "it is fdet_vector x sdet_vector", *vector("the normal")),
    _not_used("spindle_axis", "nothing turns", *vector("the spindle axis")),
    _not_used("coherent", "sources are added as intensities"),
    _not_used(
        "source_distance",
        "only directions of sources matter",
        number("MM", "the source distance", Bounds()),
    ),
    _not_used("noreject", "nothing is rejected"),
    _not_used("printout", "nonBragg prints variables that it never set"),
    _not_used("phistep", "nothing turns", number("DEG", "the phi step", Bounds())),
    _not_used("phisteps", "nothing turns", number("STEPS", "the steps", Bounds())),
)
OPTIONS = (
    *OWN,
    *BEAM,
    *EXTRACTION,
    *SIZE,
    *(row for row in OF_NBSIM if row.name in SHARED),
    *UNUSED,
)
TABLE_OF_OPTIONS = Spellings(PROGRAM, OPTIONS)
DESCRIPTION = """\
Computes the scattering of an amorphous material on an area detector, from the
command line of nonBragg. Writes the expected photons per pixel as raw floats,
and as SMV images with and without photon noise."""
EPILOG = """\
Examples:

    nbsim-background -stol water -thickness 1 -distance 250

    nbsim-background -stol water -img measured.img -stolout mine.stol

Without -mosflm, -adxv, -denzo, -xds or -dials, beam centre and axes are those
of nonBragg: -Xbeam along fast, -Ybeam along slow, both to the pixel's corner.

Exit status: 0 if everything went well, 1 if a file or the computation failed,
2 if the command line or a value is wrong, 130 if it was interrupted."""
