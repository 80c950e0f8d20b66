# SPDX-License-Identifier: MIT
"""The options of the nbsim command line: one table, a reader and a help parser.

``OPTIONS`` is the only place where an option is described. From it `parse` reads a
command line into events, and `build_parser` makes the text of ``nbsim -h`` and of the
man page. argparse does not do the reading: nanoBragg command lines need options that
are recognised by the beginning of their name, values such as ``-1e-5``, and the order
in which options were given.

Names and spellings follow the option loop of nanoBragg.c (J. Holton). It accepts every
word that contains an option's name, so ``-matrix`` is ``-mat``; here a word belongs to
the option that it spells exactly, or else to the one with the longest prefix of it.

Standard library only and no imports from nbsim: argparse-manpage runs this file alone.
"""

import argparse
import difflib
import math
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

NUMBER = re.compile(
    r"[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf(inity)?|nan)", re.ASCII | re.IGNORECASE
)
LARGEST_INT = 2**31 - 1  # C's int, which atoi fills

CRYSTAL = "Crystal"
FACTORS = "Structure factors"
BEAM = "Beam"
DETECTOR = "Detector"
CENTRE = "Beam centre and convention"
GONIOMETER = "Goniometer"
SAMPLING = "Sampling"
BACKGROUND = "Background"
NOISE = "Noise"
OUTPUT = "Output"
RUN = "Run"
TRACE = "Trace"
GROUPS = (
    CRYSTAL,
    FACTORS,
    BEAM,
    DETECTOR,
    CENTRE,
    GONIOMETER,
    SAMPLING,
    BACKGROUND,
    NOISE,
    OUTPUT,
    RUN,
    TRACE,
)


class OptionError(ValueError):
    """A command line that cannot be read; the message says what is allowed."""


@dataclass(frozen=True)
class Argument:
    """One word that follows an option.

    Parameters
    ----------
    metavar
        Name in the help text.
    what
        Name in error messages, such as "the pixel size".
    kind
        "float", "int" or "text".
    unit
        Unit of a number, in words.
    low, high
        Closed bounds of a number.
    above, below
        Open bounds of a number.
    choices
        The only words allowed for a text, all of them if empty.
    infinite
        Whether inf is a value; nan never is.
    noun
        What a text without choices is, such as "a file name".
    keyword
        (part of a word, value): a word that contains the part stands for this and all
        later arguments of the option, and gives the value.
    """

    metavar: str
    what: str
    kind: str = "float"
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    above: float = -math.inf
    below: float = math.inf
    choices: tuple[str, ...] = ()
    infinite: bool = False
    noun: str = "a file name"
    keyword: tuple[str, str] | None = None

    def allowed(self) -> str:
        """Say in words which values are allowed."""
        if self.kind == "text":
            return " or ".join(self.choices) or self.noun
        words = "a whole number" if self.kind == "int" else "a finite number"
        if self.unit:
            words += f" of {self.unit}"
        words += self._bounds()
        if self.infinite:
            words += " or inf"
        return f"{words}, or {self.keyword[1]}" if self.keyword else words

    def _bounds(self) -> str:
        if math.isfinite(self.low) and math.isfinite(self.high):
            return f" from {self.low:g} to {self.high:g}"
        bounds = []
        if math.isfinite(self.low):
            bounds.append(f"not less than {self.low:g}")
        if math.isfinite(self.above):
            bounds.append(f"greater than {self.above:g}")
        if math.isfinite(self.high):
            bounds.append(f"not more than {self.high:g}")
        if math.isfinite(self.below):
            bounds.append(f"less than {self.below:g}")
        return " " + " and ".join(bounds) if bounds else ""

    def read(self, spelling: str, word: str) -> int | float | str:
        """Return the value of `word`, which followed the option `spelling`.

        Raises
        ------
        OptionError
            If `word` is not a value of this argument.
        """
        value = self._text(word) if self.kind == "text" else self._number(word)
        if value is None:
            raise OptionError(
                f"{spelling} {shown(word)}: {self.what} must be {self.allowed()}"
            )
        if isinstance(value, int) and abs(value) > LARGEST_INT:
            raise OptionError(
                f"{spelling} {shown(word)}: {self.what} must not be larger than "
                f"{LARGEST_INT} in size"
            )
        return value

    def _text(self, word: str) -> str | None:
        if not word or (self.choices and word not in self.choices):
            return None
        return word

    def _number(self, word: str) -> int | float | None:
        if not NUMBER.fullmatch(word):
            return None
        value = float(word)
        if math.isnan(value) or (math.isinf(value) and not self.infinite):
            return None
        if not self.low <= value <= self.high:
            return None
        if (math.isfinite(self.above) and value <= self.above) or (
            math.isfinite(self.below) and value >= self.below
        ):
            return None
        if self.kind == "float":
            return value
        return int(value) if value.is_integer() else None


@dataclass(frozen=True)
class Option:
    """One option of the command line.

    Parameters
    ----------
    name
        Canonical name without the dash: the name of its events.
    group
        Heading in the help text.
    help
        What it does, in sentences.
    arguments
        The words that follow it.
    default
        Default in words, for the help text.
    aliases
        Other exact spellings, without the dash.
    prefixes
        Beginnings of longer spellings; None stands for all exact spellings.
    least
        How many of `arguments` must be there; None stands for all.
    instead
        For the options that nanoBragg's examples show and nanoBragg ignores: what to
        use. They are read as "ignored" events.
    """

    name: str
    group: str
    help: str
    arguments: tuple[Argument, ...] = ()
    default: str = ""
    aliases: tuple[str, ...] = ()
    prefixes: tuple[str, ...] | None = None
    least: int | None = None
    instead: str = ""

    @property
    def spellings(self) -> tuple[str, ...]:
        """All exact spellings, without the dash, the canonical one first."""
        return (self.name, *self.aliases)

    @property
    def beginnings(self) -> tuple[str, ...]:
        """The prefixes that longer spellings of this option have."""
        return self.spellings if self.prefixes is None else self.prefixes

    @property
    def required(self) -> int:
        """The number of arguments that must be there."""
        return len(self.arguments) if self.least is None else self.least

    @property
    def units(self) -> str:
        """The units of all arguments, each named once."""
        return ", ".join(dict.fromkeys(a.unit for a in self.arguments if a.unit))

    @property
    def metavar(self) -> str:
        """The arguments as the help text shows them, optional ones in brackets."""
        words = [argument.metavar for argument in self.arguments]
        must, may = words[: self.required], words[self.required :]
        text = " ".join(must + [f"[{word}" for word in may]) + "]" * len(may)
        keywords = [a.keyword[1] for a in self.arguments if a.keyword]
        return " | ".join([text, *keywords])

    @property
    def full_help(self) -> str:
        """The help sentences, then unit and default."""
        notes = []
        if self.units:
            notes.append(f"unit: {self.units}")
        if self.default:
            notes.append(f"default: {self.default}")
        return f"{self.help} [{'; '.join(notes)}]" if notes else self.help


def shown(word: str) -> str:
    """Return `word` as it can be shown inside a sentence."""
    return word if word and word.isprintable() and " " not in word else repr(word)


def _number(metavar: str, what: str, unit: str = "", **bounds) -> tuple[Argument, ...]:
    return (Argument(metavar, what, "float", unit, **bounds),)


def _count(metavar: str, what: str, low: float = 0, **bounds) -> tuple[Argument, ...]:
    return (Argument(metavar, what, "int", low=low, **bounds),)


def _file(what: str) -> tuple[Argument, ...]:
    return (Argument("FILE", what, "text"),)


def _choice(metavar: str, what: str, *choices: str) -> tuple[Argument, ...]:
    return (Argument(metavar, what, "text", choices=choices),)


def _vector(what: str, unit: str = "") -> tuple[Argument, ...]:
    return tuple(Argument(axis, f"{axis} of {what}", unit=unit) for axis in "XYZ")


def _cell_arguments() -> tuple[Argument, ...]:
    lengths = (
        Argument(axis.upper(), f"the cell length {axis}", unit="Angstrom", above=0)
        for axis in "abc"
    )
    angles = (
        Argument(
            name.upper(), f"the cell angle {name}", unit="degrees", above=0, below=180
        )
        for name in ("alpha", "beta", "gamma")
    )
    return (*lengths, *angles)


def _cells(axis: str) -> Option:
    return Option(
        f"N{axis}",
        CRYSTAL,
        f"Number of unit cells along the crystal's {axis} axis; 0 counts as 1.",
        _count("CELLS", f"the number of unit cells along {axis}"),
        default="1",
    )


def _sample(axis: str, word: str, short: str, aliases: tuple[str, ...]) -> Option:
    return Option(
        f"sample_{axis}",
        CRYSTAL,
        f"Crystal size along {axis} ({word}), from which the numbers of cells follow.",
        _number("MM", f"the {word} of the crystal", "mm", low=0),
        default="not used",
        aliases=(f"sample_{word}", f"xtal_{axis}", f"xtal_{word}", *aliases),
        prefixes=(
            f"sample_{axis}",
            f"sample_{short}",
            f"xtal_{axis}",
            f"xtal_{short}",
            *(alias[: len(short)] for alias in aliases),
        ),
    )


def _crystal_options() -> tuple[Option, ...]:
    return (
        Option(
            "mat",
            CRYSTAL,
            "Orientation matrix as MOSFLM writes it: the first nine numbers of a text "
            "file, whose columns are a*, b* and c* times the wavelength. Together with "
            "-cell it gives only the orientation.",
            _file("the matrix file"),
            aliases=("matrix",),
        ),
        Option(
            "cell",
            CRYSTAL,
            "Unit cell, instead of a matrix. Missing lengths are those of a, missing "
            "angles are 90.",
            _cell_arguments(),
            least=1,
        ),
        Option(
            "misset",
            CRYSTAL,
            "Rotations about x, y and z, in this order, that turn the crystal away "
            "from its standard orientation, or a random orientation.",
            (
                Argument(
                    "ROTX",
                    "the rotation about x",
                    unit="degrees",
                    keyword=("rand", "random"),
                ),
                Argument("ROTY", "the rotation about y", unit="degrees"),
                Argument("ROTZ", "the rotation about z", unit="degrees"),
            ),
            default="0 0 0",
        ),
        Option(
            "N",
            CRYSTAL,
            "Number of unit cells along all three axes; 0 counts as 1.",
            _count("CELLS", "the number of unit cells"),
            default="1",
            prefixes=(),
        ),
        _cells("a"),
        _cells("b"),
        _cells("c"),
        Option(
            "samplesize",
            CRYSTAL,
            "Crystal size along x, y and z, instead of -N: the numbers of cells are "
            "this size over the cell lengths, rounded up.",
            _number("MM", "the crystal size", "mm", low=0),
            default="not used",
            aliases=("sample_size", "xtalsize", "xtal_size"),
        ),
        _sample("x", "thick", "thick", ()),
        _sample("y", "width", "width", ("width",)),
        _sample("z", "height", "heigh", ("height",)),
        Option(
            "square_xtal",
            CRYSTAL,
            "Parallelepiped crystal: spots with all their fringes. This is the default "
            "shape.",
        ),
        Option("round_xtal", CRYSTAL, "Ellipsoidal crystal (an approximation)."),
        Option(
            "gauss_xtal", CRYSTAL, "Gaussian spots, without fringes between the spots."
        ),
        Option(
            "tophat_spots",
            CRYSTAL,
            "Every spot evenly bright inside its full width at half maximum and dark "
            "outside.",
            aliases=("binary_spots",),
        ),
        Option(
            "fudge",
            CRYSTAL,
            "Factor on the squared distance from the spot's middle in the round, "
            "Gaussian and top-hat shapes: a larger one makes smaller spots.",
            _number("FACTOR", "the fudge factor", above=0),
            default="1",
        ),
        Option(
            "mosaic",
            CRYSTAL,
            "Mosaic spread: each domain is turned by a random angle up to this one, "
            "about a random axis. 90 and more gives a powder.",
            _number("DEGREES", "the mosaic spread", "degrees", low=0, high=180),
            default="0",
            aliases=("mosaicity", "mosaic_spread"),
            prefixes=("mosaici", "mosaic_spr"),
        ),
        Option(
            "mosaic_domains",
            CRYSTAL,
            "Number of mosaic domains, the first of which is not turned; 0 chooses "
            "automatically. Without -mosaic there is one domain.",
            _count("DOMAINS", "the number of mosaic domains"),
            default="10 with -mosaic, else 1",
            prefixes=("mosaic_dom",),
        ),
        Option(
            "density",
            CRYSTAL,
            "Density of the crystal. Accepted and not used, as in nanoBragg.",
            _number("G_PER_CM3", "the density", "g/cm^3", above=0),
            default="1",
            aliases=("sample_density",),
            prefixes=("density", "sample_den"),
        ),
        Option(
            "MW",
            CRYSTAL,
            "Molecular weight. Accepted and not used, as in nanoBragg.",
            _number("G_PER_MOL", "the molecular weight", "g/mol", above=0),
            default="18",
            aliases=("molecular_weight",),
            prefixes=("molec",),
        ),
    )


def _factor_options() -> tuple[Option, ...]:
    return (
        Option(
            "hkl",
            FACTORS,
            "Text file of reflections, h k l F on each line, F in electrons. No "
            "symmetry is applied, not even Friedel's: list every reflection, and "
            "0 0 0 too.",
            _file("the reflection file"),
        ),
        Option(
            "default_F",
            FACTORS,
            "Structure factor of every reflection that the list does not give.",
            _number("F", "the default structure factor", "electrons"),
            default="0",
        ),
        Option(
            "dump",
            FACTORS,
            "Binary copy of the reflection list: written with -hkl, and read when "
            "-hkl is not given.",
            _file("the dump file"),
            default="Fdump.bin",
        ),
        Option(
            "interpolate",
            FACTORS,
            "Interpolate structure factors between whole indices with cubic "
            "polynomials.",
            default="on when the crystal has 2 cells or fewer along an axis",
        ),
        Option(
            "nointerpolate",
            FACTORS,
            "Use the structure factor of the nearest whole indices everywhere.",
        ),
        Option(
            "stol",
            FACTORS,
            "Table of sin(theta)/lambda and F of a background. Read and checked, but "
            "not used in the image, as in nanoBragg.",
            _file("the background file"),
            prefixes=(),
        ),
        Option(
            "4stol",
            FACTORS,
            "The same as -stol for a table of 4 sin(theta)/lambda.",
            _file("the background file"),
            prefixes=(),
        ),
        Option(
            "Q",
            FACTORS,
            "The same as -stol for a table of Q = 4 pi sin(theta)/lambda.",
            _file("the background file"),
            prefixes=(),
        ),
        Option(
            "stolout",
            FACTORS,
            "Output file for the background table. Accepted and not used, as in "
            "nanoBragg.",
            _file("the background output file"),
        ),
    )


def _beam_options() -> tuple[Option, ...]:
    return (
        Option(
            "lambda",
            BEAM,
            "Wavelength.",
            _number("ANGSTROM", "the wavelength", "Angstrom", above=0),
            default="1",
            aliases=("wavelength", "wave"),
        ),
        Option(
            "energy",
            BEAM,
            "Photon energy, instead of -lambda.",
            _number("EV", "the photon energy", "eV", above=0),
        ),
        Option(
            "dispersion",
            BEAM,
            "Full width of the wavelength range, relative to the wavelength.",
            _number("PERCENT", "the dispersion", "percent", low=0, below=200),
            default="0",
        ),
        Option(
            "dispsteps",
            BEAM,
            "Number of wavelengths in that range; 0 chooses automatically.",
            _count("STEPS", "the number of wavelengths"),
            default="2 with -dispersion, else 1",
        ),
        Option(
            "divergence",
            BEAM,
            "Full angle of the beam divergence, horizontally and vertically.",
            _number("MRAD", "the divergence", "mrad", low=0),
            default="0",
        ),
        *(_divergence_option(axis) for axis in "hv"),
        *(_divergence_step_option(axis) for axis in "hv"),
        *(_divergence_steps_option(axis) for axis in "hv"),
        Option(
            "divsteps",
            BEAM,
            "Number of source points in both directions; 0 chooses automatically.",
            _count("STEPS", "the number of source points"),
        ),
        Option(
            "round_div",
            BEAM,
            "Keep only the source points inside an ellipse. This is the default.",
        ),
        Option("square_div", BEAM, "Keep the source points in the corners too."),
        Option(
            "sourcefile",
            BEAM,
            "Text file of source points instead of divergence and dispersion: x y z "
            "weight wavelength on each line, lengths in metres. Columns may be left "
            "out from the right. Model c reads the weight and ignores it.",
            _file("the source file"),
        ),
        Option(
            "fluence",
            BEAM,
            "Photons per area in the whole exposure.",
            _number("FLUENCE", "the fluence", "photons/m^2", low=0),
            default="1.26e29, which makes the intensity F^2",
        ),
        Option(
            "flux",
            BEAM,
            "Photons per time; with -exposure and -beamsize it gives the fluence.",
            _number("FLUX", "the flux", "photons/s", low=0),
            default="not used",
        ),
        Option(
            "exposure",
            BEAM,
            "Exposure time.",
            _number("SECONDS", "the exposure time", "s", above=0),
            default="1",
        ),
        Option(
            "beamsize",
            BEAM,
            "Edge length of the square beam. Crystal sizes given in mm are clipped to "
            "it.",
            _number("MM", "the beam size", "mm", above=0),
            default="0.1",
        ),
        Option(
            "polar",
            BEAM,
            "Kahn's polarization factor: 1 for a beam polarized along the "
            "polarization vector, 0 for an unpolarized one.",
            _number("FACTOR", "the polarization factor", low=-1, high=1),
            default="0",
            prefixes=(),
        ),
        Option("nopolar", BEAM, "Do not apply the polarization factor."),
        Option(
            "coherent",
            BEAM,
            "Accepted and not used, as in nanoBragg: all terms are added incoherently.",
        ),
    )


WAY = {"h": "horizontal", "v": "vertical"}


def _divergence_option(axis: str) -> Option:
    return Option(
        f"{axis}divrange",
        BEAM,
        f"Full {WAY[axis]} divergence.",
        _number("MRAD", f"the {WAY[axis]} divergence", "mrad", low=0),
        default="0",
    )


def _divergence_step_option(axis: str) -> Option:
    return Option(
        f"{axis}divstep",
        BEAM,
        f"Angle between source points in the {WAY[axis]} direction; 0 chooses "
        "automatically.",
        _number("MRAD", f"the {WAY[axis]} divergence step", "mrad", low=0),
        default="from range and number",
        prefixes=(),
    )


def _divergence_steps_option(axis: str) -> Option:
    return Option(
        f"{axis}divsteps",
        BEAM,
        f"Number of source points in the {WAY[axis]} direction; 0 chooses "
        "automatically.",
        _count("STEPS", f"the number of {WAY[axis]} source points"),
        default="2 with a range or step, else 1",
    )


def _detector_options() -> tuple[Option, ...]:
    return (
        Option(
            "distance",
            DETECTOR,
            "Distance from the crystal to the direct-beam spot on the detector.",
            _number("MM", "the distance", "mm", above=0),
            default="100",
        ),
        Option(
            "close_distance",
            DETECTOR,
            "Distance from the crystal to the nearest point of the detector plane, as "
            "in XDS; -distance then follows from the geometry.",
            _number("MM", "the close distance", "mm", above=0),
            default="from -distance",
        ),
        Option(
            "pixel",
            DETECTOR,
            "Edge length of a pixel.",
            _number("MM", "the pixel size", "mm", above=0),
            default="0.1",
        ),
        Option(
            "detpixels",
            DETECTOR,
            "Number of pixels along both axes of the detector.",
            _count("PIXELS", "the number of pixels", low=1),
            default="1024",
            prefixes=(),
        ),
        *(_detpixels(axis, xy, word) for axis, xy, word in AXES),
        Option(
            "detsize",
            DETECTOR,
            "Size of the detector along both axes; a number of pixels wins over it.",
            _number("MM", "the detector size", "mm", above=0),
            default="102.4",
            prefixes=(),
        ),
        *(_detsize(axis, word) for axis, _, word in AXES),
        Option(
            "detector_abs",
            DETECTOR,
            "Attenuation depth of the sensor material. inf or 0 switches the sensor "
            "thickness off.",
            _number("UM", "the attenuation depth", "um", low=0, infinite=True),
            default="inf, or the thickness with -detector_thick",
            aliases=("detector_absorb",),
            prefixes=("detector_abs",),
        ),
        Option(
            "detector_thick",
            DETECTOR,
            "Thickness of the sensor.",
            _number("UM", "the sensor thickness", "um", low=0),
            default="0",
            prefixes=(),
        ),
        Option(
            "detector_thicksteps",
            DETECTOR,
            "Number of sensor layers; 0 chooses automatically. Without a thickness "
            "there is one layer.",
            _count("STEPS", "the number of sensor layers"),
            default="2 with -detector_thick, else 1",
            aliases=("thicksteps",),
        ),
        Option(
            "curved_det",
            DETECTOR,
            "Spherical detector: every pixel at the same distance from the crystal.",
        ),
        Option(
            "point_pixel",
            DETECTOR,
            "Use one over the distance squared as the solid angle of a pixel, whatever "
            "its size and tilt.",
        ),
        Option(
            "img",
            DETECTOR,
            "SMV image whose header gives detector size, pixel size, distance, "
            "wavelength, beam centre, phi and oscillation. Its values win over those "
            "of -mask, and options on the command line win over both.",
            _file("the header image"),
        ),
        Option(
            "mask",
            DETECTOR,
            "SMV image whose zero pixels are not computed; its header is used like "
            "that of -img.",
            _file("the mask image"),
        ),
    )


AXES = (("f", "x", "fast"), ("s", "y", "slow"))


def _detpixels(axis: str, xy: str, word: str) -> Option:
    return Option(
        f"detpixels_{axis}",
        DETECTOR,
        f"Number of pixels along the {word} axis.",
        _count("PIXELS", f"the number of pixels along the {word} axis", low=1),
        default="1024",
        aliases=(f"detpixels_{xy}",),
    )


def _detsize(axis: str, word: str) -> Option:
    return Option(
        f"detsize_{axis}",
        DETECTOR,
        f"Size of the detector along the {word} axis.",
        _number("MM", f"the detector size along the {word} axis", "mm", above=0),
        default="102.4",
    )


def _centre_options() -> tuple[Option, ...]:
    return (
        Option(
            "mosflm",
            CENTRE,
            "Beam centre and axes as in MOSFLM: beam along x, half a pixel added to "
            "the beam centre. This is the default convention.",
        ),
        Option("denzo", CENTRE, "As in DENZO: like MOSFLM without the half pixel."),
        Option("adxv", CENTRE, "As in ADXV: beam along z, y counted from the bottom."),
        Option("xds", CENTRE, "As in XDS: beam along z, rotation about the crystal."),
        Option(
            "dials", CENTRE, "As in DIALS: beam along z, rotation about the crystal."
        ),
        *(
            Option(
                f"{axis}beam",
                CENTRE,
                f"{axis} coordinate of the direct beam, as the convention counts it.",
                _number("MM", f"the {axis} beam centre", "mm"),
                default="the middle of the detector",
            )
            for axis in "XY"
        ),
        *(
            Option(
                f"{axis}close",
                CENTRE,
                f"{axis} coordinate of the detector point nearest to the crystal.",
                _number("MM", f"the {axis} coordinate of the nearest point", "mm"),
                default="from the beam centre",
            )
            for axis in "XY"
        ),
        *(
            Option(
                f"ORG{axis}",
                CENTRE,
                f"The nearest point as in XDS: {axis} in pixels, the first pixel is 1.",
                _number("PIXELS", f"the {axis} origin", "pixels"),
                default="from the beam centre",
            )
            for axis in "XY"
        ),
        Option(
            "pivot",
            CENTRE,
            "Turn the detector about the crystal or about the direct-beam spot. In "
            "model c every named convention overrules it, so it only matters with the "
            "vector options.",
            _choice("sample|beam", "the pivot", "sample", "beam"),
            default="what the convention says",
        ),
        *(_vector_option(*row) for row in VECTORS),
        Option(
            "pix0_vector",
            CENTRE,
            "Position of the outer corner of the first pixel. Switches to the CUSTOM "
            "convention; model c does nothing else with it and computes the position "
            "from the beam centre, model physical uses it.",
            _vector("the position of the first pixel", "m"),
        ),
        Option(
            "pix0_vector_mm",
            CENTRE,
            "The same as -pix0_vector in mm.",
            _vector("the position of the first pixel", "mm"),
        ),
    )


VECTORS = (
    ("fdet_vector", "Direction of the detector's fast axis", "0 0 1"),
    ("sdet_vector", "Direction of the detector's slow axis", "0 -1 0"),
    ("odet_vector", "Direction of the detector's normal", "1 0 0"),
    ("beam_vector", "Direction of the beam", "1 0 0"),
    ("polar_vector", "Direction of the beam's polarization", "0 0 1"),
    ("spindle_axis", "Axis of the phi rotation", "0 0 1"),
    ("twotheta_axis", "Axis of the -twotheta rotation", "0 1 0"),
)


def _vector_option(name: str, what: str, default: str) -> Option:
    return Option(
        name,
        CENTRE,
        f"{what}. Switches to the CUSTOM convention.",
        _vector("the vector"),
        default=default,
    )


def _goniometer_options() -> tuple[Option, ...]:
    return (
        Option(
            "phi",
            GONIOMETER,
            "Spindle angle at which the exposure starts.",
            _number("DEGREES", "the start angle", "degrees"),
            default="0",
            prefixes=(),
        ),
        Option(
            "osc",
            GONIOMETER,
            "Rotation during the exposure.",
            _number("DEGREES", "the oscillation range", "degrees", low=0),
            default="0, or the step with -phistep, or 1 with -phisteps",
        ),
        Option(
            "phistep",
            GONIOMETER,
            "Angle between the steps of the rotation; 0 chooses automatically.",
            _number("DEGREES", "the phi step", "degrees", low=0),
            default="from -osc and -phisteps",
            prefixes=(),
        ),
        Option(
            "phisteps",
            GONIOMETER,
            "Number of steps of the rotation, of which the last does not reach the "
            "end; 0 counts as 1.",
            _count("STEPS", "the number of phi steps"),
            default="2 with -osc, else 1",
        ),
        Option(
            "phi_carryover",
            GONIOMETER,
            "Model c only: keep the crystal as the previous step left it at phi 0, as "
            "a one-thread run of nanoBragg does.",
            prefixes=(),
        ),
        Option(
            "twotheta",
            GONIOMETER,
            "Rotation of the detector about the twotheta axis.",
            _number("DEGREES", "the twotheta angle", "degrees"),
            default="0",
        ),
        *(
            Option(
                f"detector_rot{axis}",
                GONIOMETER,
                f"Rotation of the detector about the laboratory {axis} axis.",
                _number("DEGREES", f"the detector rotation about {axis}", "degrees"),
                default="0",
            )
            for axis in "xyz"
        ),
    )


def _sampling_options() -> tuple[Option, ...]:
    return (
        Option(
            "oversample",
            SAMPLING,
            "Number of sub-pixels along each edge of a pixel; 0 chooses automatically.",
            _count("SUBPIXELS", "the oversampling"),
            default="enough for 3 points across the narrowest fringe",
        ),
        *(
            Option(
                f"oversample_{name}",
                SAMPLING,
                f"Compute the {what} for every sub-pixel, not once for the pixel.",
            )
            for name, what in (
                ("thick", "absorption in the sensor"),
                ("polar", "polarization factor"),
                ("omega", "solid angle"),
            )
        ),
        Option(
            "roi",
            SAMPLING,
            "Compute only these pixels, bounds included; statistics and noise cover "
            "them only. A negative bound is the edge of the detector.",
            tuple(
                Argument(name.upper(), name, "int", "pixels")
                for name in ("xmin", "xmax", "ymin", "ymax")
            ),
            default="the whole detector",
        ),
        Option(
            "dmin",
            SAMPLING,
            "Leave out scattering to a resolution finer than this; 0 keeps all.",
            _number("ANGSTROM", "the resolution limit", "Angstrom", low=0),
            default="0",
        ),
        Option(
            "model",
            SAMPLING,
            "c: the arithmetic of nanoBragg.c with its oddities. physical: the same "
            "physics with the oddities put right.",
            _choice("c|physical", "the model", "c", "physical"),
            default="c",
            prefixes=(),
        ),
    )


def _background_options() -> tuple[Option, ...]:
    return (
        Option(
            "water",
            BACKGROUND,
            "Add the even background of a cube of water with this edge.",
            _number("UM", "the water size", "um", low=0),
            default="0",
        ),
    )


def _noise_options() -> tuple[Option, ...]:
    return (
        Option(
            "seed",
            NOISE,
            "Seed of the photon noise.",
            _count("SEED", "the seed", low=-math.inf),
            default="from the clock",
        ),
        Option(
            "mosaic_seed",
            NOISE,
            "Seed of the mosaic domains.",
            _count("SEED", "the mosaic seed", low=-math.inf),
            default="12345678",
        ),
        Option(
            "misset_seed",
            NOISE,
            "Seed of -misset random.",
            _count("SEED", "the misset seed", low=-math.inf),
            default="from the clock",
        ),
        Option("nonoise", NOISE, "Do not make the image with photon noise."),
    )


def _output_options() -> tuple[Option, ...]:
    return (
        Option(
            "floatfile",
            OUTPUT,
            "Photons per pixel as raw 4-byte floats; as a 32-bit floating-point TIFF "
            "if the name ends in .tif or .tiff.",
            _file("the float image"),
            default="floatimage.bin",
            aliases=("floatimage",),
        ),
        Option(
            "intfile",
            OUTPUT,
            "Scaled image without noise, SMV format; 16-bit TIFF if the name ends in "
            ".tif or .tiff.",
            _file("the integer image"),
            default="intimage.img",
            aliases=("intimage",),
        ),
        Option(
            "noisefile",
            OUTPUT,
            "Image with photon noise, SMV format; 16-bit TIFF if the name ends in .tif "
            "or .tiff.",
            _file("the noise image"),
            default="noiseimage.img",
            aliases=("noiseimage",),
        ),
        Option(
            "pgmfile",
            OUTPUT,
            "Preview, 8-bit PGM format.",
            _file("the PGM image"),
            default="image.pgm",
            aliases=("pgmimage",),
        ),
        Option(
            "tifffile",
            OUTPUT,
            "Photons per pixel as a 32-bit floating-point TIFF.",
            _file("the TIFF image"),
            default="not written",
            prefixes=(),
        ),
        Option("nopgm", OUTPUT, "Do not write the PGM image."),
        *_preview_options(),
        Option(
            "scale",
            OUTPUT,
            "Factor from photons to the values of the integer image; 0 chooses "
            "automatically.",
            _number("FACTOR", "the scale", low=0),
            default="the brightest pixel becomes 55000",
        ),
        Option(
            "pgmscale",
            OUTPUT,
            "Factor from photons to the values of the PGM image; 0 chooses "
            "automatically.",
            _number("FACTOR", "the PGM scale", low=0),
            default="from the spread of the image",
        ),
        Option(
            "adc",
            OUTPUT,
            "Value that stands for no photons in the integer and noise images.",
            _number("OFFSET", "the zero level"),
            default="40",
            aliases=("adcoffset",),
            prefixes=("adc",),
        ),
        Option("printout", OUTPUT, "Print the value of every pixel."),
        Option(
            "printout_pixel",
            OUTPUT,
            "Do as -printout for this pixel only.",
            (
                Argument("FAST", "the fast coordinate", "int", low=0),
                Argument("SLOW", "the slow coordinate", "int", low=0),
            ),
        ),
    )


def _preview_options() -> tuple[Option, ...]:
    return (
        Option(
            "preview",
            OUTPUT,
            "Picture of the image for the eye, PNG format: brightness by percentiles, "
            "a cross at the direct beam, resolution rings with d in Angstrom.",
            _file("the preview"),
            default="not written",
            prefixes=(),
        ),
        Option(
            "preview_noise",
            OUTPUT,
            "The same of the image with photon noise.",
            _file("the preview of the noise image"),
            default="not written",
            prefixes=(),
        ),
        Option(
            "preview_scale",
            OUTPUT,
            "Brightness scale of the previews.",
            _choice("log|linear", "the preview scale", "log", "linear"),
            default="log",
            prefixes=(),
        ),
        Option(
            "preview_color",
            OUTPUT,
            "Colours of the previews: inverted has dark spots on white.",
            _choice(
                "inverted|grey|heat",
                "the preview colour",
                "inverted",
                "grey",
                "heat",
            ),
            default="inverted",
            aliases=("preview_colour",),
            prefixes=(),
        ),
        Option(
            "preview_rings",
            OUTPUT,
            "Resolutions of the rings of the previews, up to six; without a number no "
            "rings.",
            tuple(
                Argument("D", "the resolution of a ring", unit="Angstrom", above=0)
                for _ in range(6)
            ),
            default="three round numbers",
            prefixes=(),
            least=0,
        ),
    )


def _run_options() -> tuple[Option, ...]:
    return (
        Option("help", RUN, "Print this text and stop.", aliases=("h",), prefixes=()),
        Option("version", RUN, "Print the version and stop.", prefixes=()),
        Option(
            "example",
            RUN,
            "Write the input files of a small example to a new folder, with the "
            "command line that belongs to them, and render it there.",
            (Argument("FOLDER", "the folder", "text", noun="a folder name"),),
            default="nbsim-example",
            prefixes=(),
            least=0,
        ),
        Option(
            "show_config",
            RUN,
            "Print every parameter as it would be used, and stop.",
            _choice("text|json", "the format", "text", "json"),
            default="text",
            prefixes=(),
            least=0,
        ),
        Option(
            "threads",
            RUN,
            "Number of processor threads. The image does not depend on it.",
            _count("THREADS", "the number of threads", low=1, high=1024),
            default="all processors",
            prefixes=(),
        ),
        Option(
            "device",
            RUN,
            "Where to render: cpu, cuda (cuda:1 for the second device, cuda:0,1 to "
            "share the rows between two), or auto, which takes CUDA where it can be "
            "used and the image is large enough to pay for starting it. The "
            "environment variable NBSIM_DEVICE gives another default.",
            (Argument("DEVICE", "the device", "text", noun="auto, cpu or cuda[:N]"),),
            default="auto",
            prefixes=(),
        ),
        Option(
            "warm_cache",
            RUN,
            "Compile every kernel for this processor, so that no later run has to, "
            "and stop.",
            prefixes=(),
        ),
        Option(
            "show_devices",
            RUN,
            "Print the CUDA devices of this machine, with their memory and compute "
            "capability, and stop.",
            prefixes=(),
        ),
        Option(
            "precision",
            RUN,
            "Arithmetic of the kernel. single is faster and less exact; on a CUDA "
            "device its image stays within 1e-4 of double precision.",
            _choice("double|single", "the precision", "double", "single"),
            default="double",
            prefixes=(),
        ),
        Option(
            "progress",
            RUN,
            "Show the progress of a run of more than two seconds on a terminal.",
            default="on",
        ),
        Option("noprogress", RUN, "Do not show the progress of the run."),
    )


def _trace_options() -> tuple[Option, ...]:
    return (
        Option(
            "trace_pixel",
            TRACE,
            "Write all the numbers behind this pixel. May be given several times.",
            (
                Argument("SLOW", "the slow coordinate", "int", low=0),
                Argument("FAST", "the fast coordinate", "int", low=0),
            ),
            prefixes=(),
        ),
        Option(
            "trace_file",
            TRACE,
            "Where the traces go.",
            _file("the trace file"),
            default="standard output",
            prefixes=(),
        ),
        Option(
            "trace_format",
            TRACE,
            "text has the main rows and one row per phi step, jsonl also every "
            "evaluation.",
            _choice("text|jsonl", "the format", "text", "jsonl"),
            default="text",
            prefixes=(),
        ),
    )


def _ignored(name: str, instead: str, arguments: int = 1, **rules) -> Option:
    return Option(
        name,
        RUN,
        "",
        _number("VALUE", "its value") * arguments,
        least=0,
        prefixes=rules.get("prefixes", ()),
        instead=instead,
    )


def _ignored_options() -> tuple[Option, ...]:
    """Return the options of nanoBragg's examples and README that it never reads."""
    return (
        _ignored("hdiv", "-hdivrange"),
        _ignored("vdiv", "-vdivrange"),
        _ignored("dispstep", "-dispsteps"),
        _ignored("detsize_x", "-detsize_f"),
        _ignored("detsize_y", "-detsize_s"),
        _ignored("xdet_vector", "-fdet_vector", 3),
        _ignored("ydet_vector", "-sdet_vector", 3),
        _ignored("zdet_vector", "-odet_vector", 3),
        _ignored("source_dist", "-sourcefile", prefixes=("source_dist",)),
    )


OPTIONS = (
    *_crystal_options(),
    *_factor_options(),
    *_beam_options(),
    *_detector_options(),
    *_centre_options(),
    *_goniometer_options(),
    *_sampling_options(),
    *_background_options(),
    *_noise_options(),
    *_output_options(),
    *_run_options(),
    *_trace_options(),
    *_ignored_options(),
)
EXACT = {spelling: option for option in OPTIONS for spelling in option.spellings}
BEGINNINGS = {start: option for option in OPTIONS for start in option.beginnings}


def find_option(name: str) -> Option | None:
    """Return the option that `name` (without dashes) spells, or None.

    An exact spelling goes before a prefix and a long prefix before a short one, so
    that ``misset_seed`` is never ``misset`` (nanoBragg.c takes it for both).
    """
    if name in EXACT:
        return EXACT[name]
    if not re.fullmatch(r"\w+", name, re.ASCII):
        return None
    starts = [start for start in BEGINNINGS if name.startswith(start)]
    return BEGINNINGS[max(starts, key=len)] if starts else None


def parse(argv: Sequence[str]) -> list[tuple[str, tuple]]:
    """Read a command line.

    Parameters
    ----------
    argv
        The words after the name of the program.

    Returns
    -------
    list of (name, values)
        One event per option in the order of the line: the canonical name without
        dash, and its int, float or str values in command-line units, () for a flag.
        ``misset`` has three numbers or ("random",), ``cell`` one to six numbers. An
        option that nanoBragg ignores gives ("ignored", (spelling, what to use)).
        With -h or -version anywhere, that event alone.

    Raises
    ------
    OptionError
        If a word is no option, or an option's arguments are missing or wrong.
    """
    for word in argv:
        option = _option_of(word)
        if option is not None and option.name in ("help", "version"):
            return [(option.name, ())]
    events = []
    rest = list(argv)
    before = ""
    while rest:
        spelling = rest.pop(0)
        option = _option_of(spelling)
        if option is None:
            raise OptionError(_stray(spelling, before))
        values = _read_arguments(option, spelling, rest)
        if option.instead:
            events.append(("ignored", (spelling, option.instead)))
        else:
            events.append((option.name, values))
        before = spelling
    return events


def _option_of(word: str) -> Option | None:
    """Return the option that a word of the command line names (-name or --name)."""
    match = re.fullmatch(r"--?([^-].*)", word)
    return find_option(match[1]) if match and not NUMBER.fullmatch(word) else None


def _is_value(word: str) -> bool:
    """Whether `word` can be the argument of an option: -1 can, -pixel cannot."""
    return not word.startswith("-") or bool(NUMBER.fullmatch(word))


def _read_arguments(option: Option, spelling: str, rest: list[str]) -> tuple:
    """Return the values of `option` and take their words off the front of `rest`."""
    values = []
    for number, argument in enumerate(option.arguments):
        if not rest or not _is_value(rest[0]):
            if number < option.required:
                raise OptionError(_missing(argument, spelling, rest))
            break
        word = rest.pop(0)
        if argument.keyword and argument.keyword[0] in word:
            return (argument.keyword[1],)
        values.append(argument.read(spelling, word))
    return tuple(values)


def _missing(argument: Argument, spelling: str, rest: Sequence[str]) -> str:
    """Say which argument is missing, and before which word."""
    allowed = argument.allowed()
    sentence = f"{spelling}: {argument.what} is missing; it must be {allowed}"
    if not rest:
        return sentence
    sentence += f", and the next word is {shown(rest[0])}"
    if argument.kind == "text" and not argument.choices and not _option_of(rest[0]):
        sentence += f" (write ./{rest[0]} if that is the name)"
    return sentence


def _stray(word: str, before: str) -> str:
    """Say why `word`, which follows the option `before`, cannot be there."""
    if not word.startswith("-") and word in EXACT:
        return f"unexpected word {shown(word)}; did you mean -{word}?"
    if _is_value(word) or not word.strip("-"):
        place = f"after {before} and its arguments" if before else "at the start"
        return f"unexpected word {shown(word)} {place}: it belongs to no option"
    name, equals, value = word.partition("=")
    if equals and _option_of(name):
        return f"unknown option {shown(word)}; write {name} {value} as two words"
    return f"unknown option {shown(word)}; {_suggestion(word)}"


def _suggestion(word: str) -> str:
    """Name the option that looks most like `word`, if one does."""
    known = {
        spelling.lower(): spelling
        for option in OPTIONS
        for spelling in option.spellings
        if not option.instead
    }
    near = difflib.get_close_matches(word.strip("-").lower(), known, n=1)
    return f"did you mean -{known[near[0]]}?" if near else "nbsim -h lists all options"


def _wrapped(text: str, width: int) -> str:
    """Return `text` in lines that never end inside a word such as sub-pixel."""
    return textwrap.fill(text, width, break_on_hyphens=False)


class _HelpFormatter(argparse.HelpFormatter):
    """Help text that looks the same in every Python version and terminal.

    The width is fixed because the man page is made from it too, and the epilog keeps
    its lines.
    """

    def __init__(self, prog: str, **settings):
        settings.update(width=80, max_help_position=24)
        super().__init__(prog, **settings)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        names = ", ".join(action.option_strings)
        return f"{names} {action.metavar}" if action.metavar else names

    def _split_lines(self, text: str, width: int) -> list[str]:
        return _wrapped(text, width).split("\n")

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "".join(indent + line for line in text.splitlines(keepends=True))


DESCRIPTION = """\
Computes the X-ray diffraction image of a perfect-lattice nanocrystal on an area
detector, from the command line of nanoBragg. Writes the expected photons per
pixel as raw floats, and as SMV images with and without photon noise."""

EPILOG = """\
Examples:

    nbsim -cell 78 78 39 -default_F 100 -N 10 -distance 100 -detpixels 512

    nbsim -mat A.mat -hkl P1.hkl -lambda 6.2 -N 10 -fluence 2e22 -water 4

Options may be written with one dash or two, and most of them longer, as in
nanoBragg: -detector_absorption is -detector_abs. Numbers such as -1e-5 are
arguments. When an option is given twice, the last one counts.

Read and ignored with a warning, as nanoBragg ignores them:
{ignored}

Exit status: 0 if everything went well, 1 if a file or the computation failed,
2 if the command line or a value is wrong, 130 if it was interrupted."""


def build_parser() -> argparse.ArgumentParser:
    """Return a parser that holds the help text; `parse` is what reads command lines."""
    ignored = [f"-{option.name}" for option in OPTIONS if option.instead]
    parser = argparse.ArgumentParser(
        prog="nbsim",
        usage="nbsim [-mat FILE] [-cell A ...] [-hkl FILE] [-default_F F] [option ...]",
        description=DESCRIPTION,
        epilog=EPILOG.format(ignored=_wrapped(" ".join(ignored), 80)),
        formatter_class=_HelpFormatter,
        add_help=False,
    )
    for title in GROUPS:
        group = parser.add_argument_group(title)
        for option in OPTIONS:
            if option.group == title and not option.instead:
                _add_to_help(group, option)
    return parser


def _add_to_help(group: argparse._ArgumentGroup, option: Option) -> None:
    takes: dict[str, Any] = {"action": "store_true"}
    if option.arguments:
        takes = {"metavar": option.metavar}
    group.add_argument(
        *(f"-{spelling}" for spelling in option.spellings),
        dest=option.name,
        help=option.full_help.replace("%", "%%"),
        **takes,
    )
