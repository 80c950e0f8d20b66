# SPDX-License-Identifier: MIT
"""From a nanoBragg command line to the models, options applied in the order given."""

from __future__ import annotations

import dataclasses
import os
import shlex
import time
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from ..backends.device import parse_device
from ..errors import FileError, UsageError
from ..formats.hkl import read_fdump, read_hkl
from ..formats.smv import SmvImage
from ..formats.smv_geometry import header_fields, read_header_image
from ..formats.textfiles import read_matrix, read_sources, read_stol
from ..model.experiment import Experiment
from ..model.models import (
    EV_ANGSTROM,
    Beam,
    Crystal,
    Detector,
    Goniometer,
    Sampling,
    clock_seed,
)
from ..model.structure_factors import StructureFactors
from . import parse

DUMP_FILE = "Fdump.bin"


@dataclasses.dataclass
class Output:
    """What a command line wants written and said; scales of 0 are automatic."""

    floatfile: str = "floatimage.bin"
    intfile: str = "intimage.img"
    pgmfile: str | None = "image.pgm"
    noisefile: str | None = "noiseimage.img"
    tifffile: str | None = None
    dumpfile: str | None = None
    preview: str | None = None
    preview_noise: str | None = None
    preview_scale: str = "log"
    preview_color: str = "inverted"
    preview_rings: tuple[float, ...] | None = None
    scale: float = 0.0
    pgmscale: float = 0.0
    adc: float = 40.0
    seed: int = dataclasses.field(default_factory=clock_seed)
    printout: bool = False
    printout_pixel: tuple[int, int] | None = None
    progress: bool = True
    threads: int | None = None
    precision: str = "double"
    device: str | None = None
    trace_pixels: tuple[tuple[int, int], ...] = ()
    trace_file: str | None = None
    trace_format: str = "text"


Kind = TypeVar("Kind", bound=Experiment)


@dataclasses.dataclass(frozen=True)
class CommandLine(Generic[Kind]):
    """A command line, understood: models, files and what to tell the user.

    `simulation` is of the class that `read_command_line` was asked for; `inputs` has
    the file read for each option.
    """

    words: tuple[str, ...]
    simulation: Kind
    output: Output
    inputs: dict[str, str]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


#: Options that set one field of one model to their one value.
FIELDS = {
    "Na": ("crystal", "Na"),
    "Nb": ("crystal", "Nb"),
    "Nc": ("crystal", "Nc"),
    "sample_x": ("crystal", "sample_x_mm"),
    "sample_y": ("crystal", "sample_y_mm"),
    "sample_z": ("crystal", "sample_z_mm"),
    "fudge": ("crystal", "fudge"),
    "mosaic": ("crystal", "mosaic_spread_deg"),
    "mosaic_domains": ("crystal", "mosaic_domains"),
    "mosaic_seed": ("crystal", "mosaic_seed"),
    "misset_seed": ("crystal", "misset_seed"),
    "water": ("crystal", "water_um"),
    "lambda": ("beam", "wavelength_A"),
    "dispersion": ("beam", "dispersion_percent"),
    "dispsteps": ("beam", "dispsteps"),
    "hdivrange": ("beam", "hdivrange_mrad"),
    "vdivrange": ("beam", "vdivrange_mrad"),
    "hdivstep": ("beam", "hdivstep_mrad"),
    "vdivstep": ("beam", "vdivstep_mrad"),
    "hdivsteps": ("beam", "hdivsteps"),
    "vdivsteps": ("beam", "vdivsteps"),
    "fluence": ("beam", "fluence_per_m2"),
    "flux": ("beam", "flux_per_s"),
    "exposure": ("beam", "exposure_s"),
    "beamsize": ("beam", "beamsize_mm"),
    "detpixels_f": ("detector", "detpixels_f"),
    "detpixels_s": ("detector", "detpixels_s"),
    "detsize_f": ("detector", "detsize_f_mm"),
    "detsize_s": ("detector", "detsize_s_mm"),
    "pixel": ("detector", "pixel_size_mm"),
    "detector_thick": ("detector", "thick_um"),
    "detector_thicksteps": ("detector", "thicksteps"),
    "detector_rotx": ("detector", "rotx_deg"),
    "detector_roty": ("detector", "roty_deg"),
    "detector_rotz": ("detector", "rotz_deg"),
    "phi": ("goniometer", "phi_deg"),
    "osc": ("goniometer", "osc_deg"),
    "phistep": ("goniometer", "phistep_deg"),
    "phisteps": ("goniometer", "phisteps"),
    "oversample": ("sampling", "oversample"),
    "dmin": ("sampling", "dmin_A"),
    "floatfile": ("output", "floatfile"),
    "intfile": ("output", "intfile"),
    "tifffile": ("output", "tifffile"),
    "pgmfile": ("output", "pgmfile"),
    "noisefile": ("output", "noisefile"),
    "dump": ("output", "dumpfile"),
    "scale": ("output", "scale"),
    "adc": ("output", "adc"),
    "seed": ("output", "seed"),
    "threads": ("output", "threads"),
    "precision": ("output", "precision"),
    "preview": ("output", "preview"),
    "preview_noise": ("output", "preview_noise"),
    "preview_scale": ("output", "preview_scale"),
    "preview_color": ("output", "preview_color"),
    "trace_file": ("output", "trace_file"),
    "trace_format": ("output", "trace_format"),
    "model": ("simulation", "model"),
}
#: Options that set one field to a fixed value.
SWITCHES: dict[str, tuple[str, str, Any]] = {
    "square_xtal": ("crystal", "shape", "square"),
    "round_xtal": ("crystal", "shape", "round"),
    "gauss_xtal": ("crystal", "shape", "gauss"),
    "tophat_spots": ("crystal", "shape", "tophat"),
    "round_div": ("beam", "round_div", True),
    "square_div": ("beam", "round_div", False),
    "nopolar": ("beam", "nopolar", True),
    "curved_det": ("detector", "curved", True),
    "point_pixel": ("detector", "point_pixel", True),
    "oversample_thick": ("sampling", "oversample_thick", True),
    "oversample_polar": ("sampling", "oversample_polar", True),
    "oversample_omega": ("sampling", "oversample_omega", True),
    "interpolate": ("sampling", "interpolate", True),
    "nointerpolate": ("sampling", "interpolate", False),
    "phi_carryover": ("sampling", "phi_carryover", True),
    "nopgm": ("output", "pgmfile", None),
    "nonoise": ("output", "noisefile", None),
    "printout": ("output", "printout", True),
    "progress": ("output", "progress", True),
    "noprogress": ("output", "progress", False),
}
#: Options that set a field and, as a side effect, the pivot of a custom detector.
PIVOTS = {
    "Xbeam": ("Xbeam_mm", "beam"),
    "Ybeam": ("Ybeam_mm", "beam"),
    "Xclose": ("Xclose_mm", "sample"),
    "Yclose": ("Yclose_mm", "sample"),
    "ORGX": ("ORGX_pixels", "sample"),
    "ORGY": ("ORGY_pixels", "sample"),
    "distance": ("distance_mm", "beam"),
    "close_distance": ("close_distance_mm", "sample"),
    "twotheta": ("twotheta_deg", "sample"),
}
#: Named conventions and the pivot they set.
CONVENTION_PIVOTS = {
    "mosflm": "beam",
    "denzo": "beam",
    "adxv": "beam",
    "xds": "sample",
    "dials": "beam",
}
#: Directions: giving one selects the custom convention.
DIRECTIONS = {
    "fdet_vector": "detector",
    "sdet_vector": "detector",
    "odet_vector": "detector",
    "twotheta_axis": "detector",
    "beam_vector": "beam",
    "polar_vector": "beam",
    "spindle_axis": "goniometer",
}
#: Options that the C program reads and never uses.
UNUSED = {
    "coherent": "waves from different sources are added incoherently all the same",
    "density": "the density is worked out from the cell",
    "MW": "the molecular weight is worked out from the cell",
    "stolout": "nothing is written to it",
}
STOL_OPTIONS = ("stol", "4stol", "Q")
FILES = ("hkl", "mat", "sourcefile", "img", "mask", *STOL_OPTIONS)
#: What the program does about these is decided before the models are built.
ACTIONS = ("help", "version", "show_config", "show_devices", "warm_cache", "example")


class _Reader:
    """Collects the values of one command line, later options over earlier ones."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, Any]] = {
            name: {}
            for name in (
                "crystal",
                "beam",
                "detector",
                "goniometer",
                "sampling",
                "output",
            )
        }
        self.values["simulation"] = {}
        self.files: dict[str, str] = {}
        self.default_F = 0.0
        self.pivot_given: str | None = None
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def take(self, name: str, values: tuple) -> None:
        """Apply one option."""
        detector = self.values["detector"]
        if name in FIELDS:
            model, field = FIELDS[name]
            self.values[model][field] = values[0]
        elif name in SWITCHES:
            model, field, value = SWITCHES[name]
            self.values[model][field] = value
        elif name in PIVOTS:
            field, pivot = PIVOTS[name]
            detector.update({field: values[0], "pivot": pivot})
        elif name in CONVENTION_PIVOTS:
            detector.update(convention=name, pivot=CONVENTION_PIVOTS[name])
        elif name in DIRECTIONS:
            self.values[DIRECTIONS[name]][name] = values
            detector["convention"] = "custom"
        elif name in UNUSED:
            self.warnings.append(f"-{name} is accepted and not used: {UNUSED[name]}")
        elif name in FILES:
            self.files[name] = values[0]
        elif name not in ACTIONS:
            getattr(self, f"_{name}")(*values)

    def _device(self, text: str) -> None:
        parse_device(text, "-device")
        self.values["output"]["device"] = text

    def _N(self, count: int) -> None:
        self.values["crystal"].update(Na=count, Nb=count, Nc=count)

    def _cell(self, *cell: float) -> None:
        self.values["crystal"]["cell"] = cell

    def _misset(self, *angles: Any) -> None:
        random = len(angles) == 1
        self.values["crystal"]["misset_deg"] = "random" if random else angles

    def _samplesize(self, size: float) -> None:
        self.values["crystal"].update(
            sample_x_mm=size, sample_y_mm=size, sample_z_mm=size
        )

    def _default_F(self, value: float) -> None:
        self.default_F = value

    def _energy(self, energy_eV: float) -> None:
        self.values["beam"]["wavelength_A"] = EV_ANGSTROM / energy_eV

    def _divergence(self, full: float) -> None:
        self.values["beam"].update(hdivrange_mrad=full, vdivrange_mrad=full)

    def _divsteps(self, count: int) -> None:
        self.values["beam"].update(hdivsteps=count, vdivsteps=count)

    def _polar(self, kahn_factor: float) -> None:
        self.values["beam"].update(polarization=kahn_factor, nopolar=False)

    def _detpixels(self, count: int) -> None:
        self.values["detector"].update(detpixels_f=count, detpixels_s=count)

    def _detsize(self, size: float) -> None:
        self.values["detector"].update(detsize_f_mm=size, detsize_s_mm=size)

    def _detector_abs(self, depth_um: float) -> None:
        self.values["detector"]["abs_um"] = depth_um
        if depth_um in (0.0, float("inf")):
            # C quirk: this also forgets a thickness given before it.
            self.values["detector"]["thick_um"] = 0.0

    def _pivot(self, pivot: str) -> None:
        self.values["detector"]["pivot"] = self.pivot_given = pivot

    def _pix0_vector(self, *_: float) -> None:
        self.values["detector"]["convention"] = "custom"
        self.warnings.append(
            "-pix0_vector only selects the custom convention: its value is recomputed "
            "from the beam centre or the nearest point, as in nanoBragg"
        )

    _pix0_vector_mm = _pix0_vector

    def _roi(self, *bounds: int) -> None:
        self.values["detector"]["roi"] = bounds

    def _pgmscale(self, scale: float) -> None:
        self.values["output"].update(pgmscale=scale)
        self.values["output"].setdefault("pgmfile", Output.pgmfile)
        if self.values["output"]["pgmfile"] is None:
            self.values["output"]["pgmfile"] = Output.pgmfile

    def _printout_pixel(self, fpixel: int, spixel: int) -> None:
        self.values["output"].update(printout=True, printout_pixel=(fpixel, spixel))

    def _preview_rings(self, *d_spacings: float) -> None:
        self.values["output"]["preview_rings"] = d_spacings

    def _trace_pixel(self, slow: int, fast: int) -> None:
        before = self.values["output"].get("trace_pixels", ())
        self.values["output"]["trace_pixels"] = (*before, (slow, fast))

    def _ignored(self, spelling: str, instead: str) -> None:
        self.warnings.append(f"{spelling} is ignored, as by nanoBragg; use {instead}")

    def header(self, image: SmvImage, flip_Y: bool) -> None:
        """Start from the header of an image (C: the -img and -mask blocks)."""
        models = header_fields(image.header, image.pixels.shape, flip_Y)
        for name, fields in models.items():
            self.values[name].update(fields)

    def structure_factors(self) -> StructureFactors:
        """Read -hkl, or the dump file, or use default_F alone."""
        dump = self.values["output"].get("dumpfile")
        if "hkl" in self.files:
            self.values["output"]["dumpfile"] = dump or DUMP_FILE
            return read_hkl(self.files["hkl"], self.default_F)
        self.values["output"]["dumpfile"] = None
        if dump is None and self.default_F == 0.0 and os.path.exists(DUMP_FILE):
            dump = DUMP_FILE
        if dump is not None:
            self.files["dump"] = dump
            factors = read_fdump(dump, self.default_F)
            age_h = (time.time() - os.path.getmtime(dump)) / 3600.0
            self.notes.append(f"reading Fs from {dump}, written {age_h:.1f} hours ago")
            return factors
        if self.default_F == 0.0:
            raise UsageError(
                "no structure factors: give a list with -hkl, one value with "
                f"-default_F, or a dump with -dump (there is no {DUMP_FILE} here)"
            )
        return StructureFactors(default_F=self.default_F)


def _check_unused_stols(reader: _Reader) -> None:
    for path in (reader.files[name] for name in STOL_OPTIONS if name in reader.files):
        rows = len(read_stol(path))
        reader.warnings.append(
            f"{path}: {rows} rows read and not used, as in nanoBragg: "
            "amorphous scattering is not part of the simulation"
        )


def read_command_line(args: str | Sequence[str], kind: type[Kind]) -> CommandLine[Kind]:
    """Understand a nanoBragg command line and read the files it names.

    Parameters
    ----------
    args
        One string, split as a shell does, or a sequence of words; without the
        program's name.
    kind
        What to make of the models: `Experiment`, or a class that can do more.

    Raises
    ------
    ValueError
        For anything wrong on the line itself (`UsageError` included).
    FileError
        For a file that is missing or malformed.
    """
    if isinstance(args, str):
        args = shlex.split(args.replace("\\\n", " "))  # shlex keeps those line ends
    words = tuple(args)
    events = parse(words)
    reader = _Reader()
    files = {name: values[0] for name, values in events if name in ("img", "mask")}
    # Headers come first, the mask's before the image's: what is on the line wins.
    headers = {}
    for name, what in (("mask", "mask"), ("img", "image")):
        if name in files:
            headers[what] = read_header_image(files[name], what)
            reader.header(headers[what], flip_Y=name == "mask")
            reader.notes.append(f"reading {files[name]}")
    for name, values in events:
        reader.take(name, values)
    _check_unused_stols(reader)
    return _build(words, reader, headers, kind)


def _build(
    words: tuple[str, ...],
    reader: _Reader,
    headers: dict[str, SmvImage],
    kind: type[Kind],
) -> CommandLine[Kind]:
    crystal, detector = reader.values["crystal"], reader.values["detector"]
    if "cell" not in crystal and "mat" not in reader.files:
        raise UsageError(
            "no crystal: give its cell, as in nbsim -cell 78 78 37 -default_F 9 -N 10, "
            "or its orientation matrix, as in nbsim -mat A.mat -hkl P1.hkl -N 10"
        )
    factors = reader.structure_factors()
    output = Output(**reader.values["output"])
    if output.trace_file is not None and not output.trace_pixels:
        raise UsageError(
            f"-trace_file {output.trace_file}: nothing to trace, name a pixel with "
            "-trace_pixel SLOW FAST"
        )
    if output.preview_noise is not None and output.noisefile is None:
        raise UsageError(
            f"-preview_noise {output.preview_noise}: there is no noise image to show "
            "with -nonoise"
        )
    if "mat" in reader.files:
        crystal["A_matrix"] = read_matrix(reader.files["mat"])
        reader.notes.append(f"reading {reader.files['mat']}")
    if crystal.get("misset_deg") == "random":
        crystal.setdefault("misset_seed", output.seed)
    if "sourcefile" in reader.files:
        reader.values["beam"]["sources"] = read_sources(reader.files["sourcefile"])
    convention = detector.get("convention", "mosflm")
    detector["convention"] = convention
    if reader.pivot_given and convention != "custom":
        reader.warnings.append(
            f"-pivot {reader.pivot_given} has no effect: the {convention} convention "
            "sets its own pivot"
        )
    _check_sizes(headers, Detector(**detector).shape)
    if "mask" in headers:
        detector["mask"] = headers["mask"].pixels
    simulation = kind(
        crystal=Crystal(**crystal),
        structure_factors=factors,
        beam=Beam(**reader.values["beam"]),
        detector=Detector(**detector),
        goniometer=Goniometer(**reader.values["goniometer"]),
        sampling=Sampling(**reader.values["sampling"]),
        **reader.values["simulation"],
    )
    return CommandLine(
        words=words,
        simulation=simulation,
        output=output,
        inputs=reader.files,
        notes=tuple(reader.notes),
        warnings=tuple(reader.warnings),
    )


def _check_sizes(headers: dict[str, SmvImage], shape: tuple[int, int]) -> None:
    for what, image in headers.items():
        if image.pixels.shape != shape:
            spixels, fpixels = image.pixels.shape
            raise FileError(
                f"{image.path}: the {what} has {fpixels} x {spixels} pixels, "
                f"the detector {shape[1]} x {shape[0]}"
            )
