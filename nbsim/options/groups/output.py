# SPDX-License-Identifier: MIT
"""The files that a run writes, and what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...model.limits import RESOLUTION_A
from ..schema import Bounds, choice, file, group, number, option
from .shared import if_none

if TYPE_CHECKING:
    from ..collector import Collector


def _pgmscale(words: Collector, _: float) -> None:
    # Whoever gives a scale wants the image, even after -nopgm.
    if words.values["output"].get("pgmfile", "") is None:
        del words.values["output"]["pgmfile"]


SCALE = Bounds(low=0, high=1e30)
OPTIONS = group(
    "Output",
    option(
        "floatfile",
        "Photons per pixel as raw 4-byte floats; as a 32-bit floating-point TIFF "
        "if the name ends in .tif or .tiff.",
        file("the float image"),
        sets=("output", "floatfile"),
        writes=("photons", "raw floats"),
        default="floatimage.bin",
        aliases=("floatimage",),
        python="Simulation.render, ndarray.tofile",
        c="floatfilename",
        c_note="raw floats whatever the name",
    ),
    option(
        "intfile",
        "Scaled image without noise, SMV format; 16-bit TIFF if the name ends in "
        ".tif or .tiff.",
        file("the integer image"),
        sets=("output", "intfile"),
        writes=("counts", "SMV"),
        default="intimage.img",
        aliases=("intimage",),
        python="Simulation.int_image, nbsim.write_smv",
        c="intfilename",
        c_note="SMV whatever the name",
    ),
    option(
        "noisefile",
        "Image with photon noise, SMV format; 16-bit TIFF if the name ends in .tif "
        "or .tiff.",
        file("the noise image"),
        sets=("output", "noisefile"),
        writes=("noise", "SMV"),
        default="noiseimage.img",
        aliases=("noiseimage",),
        python="Simulation.noise, nbsim.write_smv",
        c="noisefilename",
        c_note="SMV whatever the name",
        idle=if_none("output", "noisefile", "with -nonoise"),
    ),
    option(
        "pgmfile",
        "Preview, 8-bit PGM format.",
        file("the PGM image"),
        sets=("output", "pgmfile"),
        writes=("grey", "PGM"),
        default="image.pgm",
        aliases=("pgmimage",),
        python="Simulation.pgm_image, nbsim.write_pgm",
        c="pgmfilename",
        idle=if_none("output", "pgmfile", "with -nopgm"),
    ),
    option(
        "tifffile",
        "Photons per pixel as a 32-bit floating-point TIFF.",
        file("the TIFF image"),
        sets=("output", "tifffile"),
        writes=("photons", "TIFF"),
        default="not written",
        prefixes=(),
        python="nbsim.write_tiff",
    ),
    option(
        "nopgm",
        "Do not write the PGM image.",
        sets=("output", "pgmfile"),
        value=None,
        c="write_pgm = 0",
    ),
    option(
        "preview",
        "Picture of the image for the eye, PNG format: brightness by percentiles, "
        "a cross at the direct beam, resolution rings with d in Angstrom.",
        file("the preview"),
        sets=("output", "preview"),
        writes=("preview", "PNG"),
        default="not written",
        prefixes=(),
        python="Simulation.preview, nbsim.write_png",
    ),
    option(
        "preview_noise",
        "The same of the image with photon noise.",
        file("the preview of the noise image"),
        sets=("output", "preview_noise"),
        writes=("noise preview", "PNG"),
        default="not written",
        prefixes=(),
        python="Simulation.preview of Simulation.noise",
    ),
    option(
        "preview_scale",
        "Brightness scale of the previews.",
        choice("the preview scale", "log", "linear"),
        sets=("output", "preview_scale"),
        needs=("preview", "preview_noise"),
        default="log",
        prefixes=(),
        python="scale of Simulation.preview",
    ),
    option(
        "preview_color",
        "Colours of the previews: inverted has dark spots on white.",
        choice("the preview colour", "inverted", "grey", "heat"),
        sets=("output", "preview_color"),
        needs=("preview", "preview_noise"),
        default="inverted",
        aliases=("preview_colour",),
        prefixes=(),
        python="color of Simulation.preview",
    ),
    option(
        "preview_rings",
        "Resolutions of the rings of the previews, up to six; without a number no "
        "rings.",
        number("D", "the resolution of a ring", RESOLUTION_A),
        number("D", "the resolution of a ring", RESOLUTION_A),
        number("D", "the resolution of a ring", RESOLUTION_A),
        number("D", "the resolution of a ring", RESOLUTION_A),
        number("D", "the resolution of a ring", RESOLUTION_A),
        number("D", "the resolution of a ring", RESOLUTION_A),
        sets=("output", "preview_rings"),
        needs=("preview", "preview_noise"),
        default="three round numbers",
        prefixes=(),
        least=0,
        python="rings of Simulation.preview",
    ),
    option(
        "scale",
        "Factor from photons to the values of the integer image; 0 chooses "
        "automatically.",
        number("FACTOR", "the scale", SCALE),
        sets=("output", "scale"),
        default="the brightest pixel becomes 55000",
        python="scale of Simulation.int_image",
        c="intfile_scale",
    ),
    option(
        "pgmscale",
        "Factor from photons to the values of the PGM image; 0 chooses "
        "automatically.",
        number("FACTOR", "the PGM scale", SCALE),
        sets=("output", "pgmscale"),
        does=_pgmscale,
        default="from the spread of the image",
        python="scale of Simulation.pgm_image",
        c="pgm_scale",
        idle=if_none("output", "pgmfile", "with -nopgm"),
    ),
    option(
        "adc",
        "Value that stands for no photons in the integer and noise images.",
        number("OFFSET", "the zero level", Bounds()),
        sets=("output", "adc"),
        default="40",
        aliases=("adcoffset",),
        prefixes=("adc",),
        python="adc_offset of Simulation.int_image and noise",
        c="adc_offset",
    ),
    option(
        "printout",
        "Print the value of every pixel.",
        sets=("output", "printout"),
        value=True,
        c="printout",
    ),
    option(
        "printout_pixel",
        "Do as -printout for this pixel only.",
        number("FAST", "the fast coordinate", Bounds(whole=True, low=0)),
        number("SLOW", "the slow coordinate", Bounds(whole=True, low=0)),
        sets=("output", "printout_pixel"),
        also=(("output", "printout", True),),
        c="printout_fpixel, printout_spixel",
    ),
)
