# SPDX-License-Identifier: MIT
"""From a nanoBragg command line to the models, options applied in the order given."""

from __future__ import annotations

import dataclasses
import functools
import os
import shlex
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..errors import FileError, UsageError
from ..model.detector_response import DetectorResponse
from ..model.experiment import MODEL_CLASSES, Experiment
from ..model.models import Detector, clock_seed
from ..model.structure_factors import StructureFactors
from .collector import GEOMETRY_FILES, Collector
from .crystal_files import CELL_FILES, crystal_factors, take_spectrum
from .detector_words import backgrounds, response, take_preset
from .reader import EXACT, parse
from .schema import shown

# What reads files is imported where one is read: a line rarely names many.
if TYPE_CHECKING:
    from ..formats.geometry_file import GeometryFile
    from ..formats.smv import SmvImage

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
    background_file: str | None = None
    response: DetectorResponse | None = None
    noise_generator: str | None = None
    trace_pixels: tuple[tuple[int, int], ...] = ()
    trace_file: str | None = None
    trace_format: str = "text"


Kind = TypeVar("Kind", bound=Experiment)


@dataclasses.dataclass(frozen=True)
class CommandLine(Generic[Kind]):
    """A command line, understood: models, files and what to tell the user.

    `simulation` is of the class that `read_command_line` was asked for; `inputs` has
    the file read for each option, `unasked` names those read without being asked for,
    `given` has the values of all options on the line, `series` those of a series.
    """

    words: tuple[str, ...]
    simulation: Kind
    output: Output
    inputs: dict[str, str]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    unasked: tuple[str, ...]
    given: dict[str, tuple[Any, ...]]
    series: dict[str, Any]


STOL_OPTIONS = ("stol", "4stol", "Q")


def _take_header(collected: Collector, image: SmvImage, flip_Y: bool) -> None:
    """Start from the header of an image (C: the -img and -mask blocks)."""
    from ..formats.smv_geometry import header_fields

    models = header_fields(image.header, image.pixels.shape, flip_Y)
    for name, fields in models.items():
        collected.set(name, **fields)


def _read_hkl(path: str, default_F: float) -> StructureFactors:
    """Read a list; the last one is kept, as many command lines may name it."""
    from ..formats.hkl import read_hkl

    try:
        status = os.stat(path)
    except OSError:
        return read_hkl(path, default_F)  # which says what is wrong
    return _kept_hkl(path, default_F, (status.st_mtime_ns, status.st_size))


@functools.lru_cache(maxsize=1)
def _kept_hkl(path: str, default_F: float, _: tuple[int, int]) -> StructureFactors:
    from ..formats.hkl import read_hkl

    return read_hkl(path, default_F)


def _structure_factors(collected: Collector) -> StructureFactors:
    """Read -mtz, -pdb or -hkl, or the dump file, or use default_F alone."""
    made = crystal_factors(collected)
    if made is not None:
        return made.factors
    output = collected.values["output"]
    dump = output.get("dumpfile")
    default_F = collected.values["structure_factors"].get("default_F", 0.0)
    if "hkl" in collected.files:
        output["dumpfile"] = dump or DUMP_FILE
        return _read_hkl(collected.files["hkl"], default_F)
    output["dumpfile"] = None
    asked = dump is not None
    if dump is None and default_F == 0.0 and os.path.exists(DUMP_FILE):
        dump = DUMP_FILE
    if dump is not None:
        collected.files["dump"] = dump
        from ..formats.hkl import read_fdump

        factors = read_fdump(dump, default_F)
        age_h = (time.time() - os.path.getmtime(dump)) / 3600.0
        note = f"reading Fs from {dump}, written {age_h:.1f} hours ago"
        collected.notes.append(note)
        if not asked:
            collected.unasked.append(note)
        return factors
    if default_F == 0.0 and not collected.values["backgrounds"]:
        raise UsageError(
            "no structure factors: give a list with -hkl, one value with "
            f"-default_F, or a dump with -dump (there is no {DUMP_FILE} here)"
        )
    return StructureFactors(default_F=default_F)


def _check_unused_stols(collected: Collector) -> None:
    for path in (
        collected.files[name] for name in STOL_OPTIONS if name in collected.files
    ):
        from ..formats.textfiles import read_stol

        rows = len(read_stol(path))
        collected.warnings.append(
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
    collected = Collector()
    files = {name: values[0] for name, values in events if name in ("img", "mask")}
    line = Collector()
    _take_all(line, events)
    geometry = None
    if line.files.keys() & GEOMETRY_FILES:
        from .geometry_files import read_geometry

        geometry = read_geometry(line)
    # Files come first, the mask's before the image's: what is on the line wins.
    headers = {}
    for name, what in (("mask", "mask"), ("img", "image")):
        if name in files:
            from ..formats.smv_geometry import read_header_image

            headers[what] = read_header_image(files[name], what)
            if geometry is None:
                _take_header(collected, headers[what], flip_Y=name == "mask")
            collected.notes.append(f"reading {files[name]}")
    if geometry is not None:
        from .geometry_files import take_geometry

        take_geometry(collected, geometry, line)
    _take_all(collected, events)
    skipped = [shown(values[0]) for name, values in events if name == "skipped"]
    if skipped:
        collected.warnings.append(
            f"skipped, as nanoBragg skips what it does not know: {' '.join(skipped)}"
        )
    collected.warnings += collected.read_by_c.values()
    for name in collected.given:
        why = collected.idle(EXACT[name])
        if why:
            collected.warnings.append(f"-{name} changes nothing {why}")
    _check_unused_stols(collected)
    return _build(words, collected, headers, geometry, kind)


def _take_all(collected: Collector, events: list[tuple[str, tuple]]) -> None:
    for name, values in events:
        if name == "ignored":
            spelling, instead = values
            collected.warnings.append(
                f"{spelling} is ignored, as by nanoBragg; use {instead}"
            )
        elif name != "skipped":
            collected.take(EXACT[name], values)


def misread_by_c(words: Sequence[str]) -> list[str]:
    """Return a sentence for each option that nanoBragg.c would read otherwise.

    Raises
    ------
    OptionError
        For a line that cannot be read here either.
    """
    collected = Collector()
    _take_all(collected, parse(words))
    return list(collected.read_by_c.values())


def _build(
    words: tuple[str, ...],
    collected: Collector,
    headers: dict[str, SmvImage],
    geometry: GeometryFile | None,
    kind: type[Kind],
) -> CommandLine[Kind]:
    crystal, detector = collected.values["crystal"], collected.values["detector"]
    known = geometry is not None and geometry.crystal is not None
    if collected.values["backgrounds"] and not known and "cell" not in crystal:
        # Without reflections the crystal does not matter.
        _stand_in_for_no_crystal(collected)
    named = collected.files.keys() & {"mat", *CELL_FILES}
    if "cell" not in crystal and not known and not named:
        raise UsageError(
            "no crystal: give its cell, as in nbsim -cell 78 78 37 -default_F 9 -N 10, "
            "or its orientation matrix, as in nbsim -mat A.mat -hkl P1.hkl -N 10"
        )
    if "mat" in collected.files:
        _read_matrix(collected)
    take_spectrum(collected)
    if geometry is not None:
        from .geometry_files import take_crystal

        take_crystal(collected, geometry)
    factors = _structure_factors(collected)
    take_preset(collected)
    output = Output(**collected.values["output"], response=response(collected))
    if output.trace_file is not None and not output.trace_pixels:
        raise UsageError(
            f"-trace_file {output.trace_file}: nothing to trace, name a pixel with "
            "-trace_pixel SLOW FAST"
        )
    if output.background_file is not None and not collected.values["backgrounds"]:
        raise UsageError(
            f"-background_file {output.background_file}: there is no background to "
            "write, name one with -background MATERIAL THICKNESS_MM"
        )
    if output.preview_noise is not None and output.noisefile is None:
        raise UsageError(
            f"-preview_noise {output.preview_noise}: there is no noise image to show "
            "with -nonoise"
        )
    if crystal.get("misset_deg") == "random":
        crystal.setdefault("misset_seed", output.seed)
    if "sourcefile" in collected.files:
        from ..formats.textfiles import read_sources

        collected.values["beam"]["sources"] = read_sources(
            collected.files["sourcefile"]
        )
    _leave_to_panels(detector)
    convention = detector.get("convention", "mosflm")
    detector["convention"] = convention
    _check_sizes(headers, Detector(**detector).shape)
    if "mask" in headers:
        detector["mask"] = headers["mask"].pixels
    simulation = kind(
        structure_factors=factors,
        **{
            name: model(**collected.values[name])
            for name, model in MODEL_CLASSES.items()
            if model is not StructureFactors
        },
        **collected.values["simulation"],
        backgrounds=backgrounds(collected),
        warnings=(*collected.warnings, *collected.unasked),
    )
    return CommandLine(
        words=words,
        simulation=simulation,
        output=output,
        inputs=collected.files,
        notes=tuple(collected.notes),
        warnings=tuple(collected.warnings),
        unasked=tuple(collected.unasked),
        given=collected.given,
        series=dict(collected.values["series"]),
    )


def _stand_in_for_no_crystal(collected: Collector) -> None:
    """Give a line that only has backgrounds some cell: its F is 0 everywhere."""
    wanted = {"mat", "hkl", *CELL_FILES}
    default_F = collected.values["structure_factors"].get("default_F", 0.0)
    if not collected.files.keys() & wanted and default_F == 0.0:
        collected.values["crystal"]["cell"] = (100.0,)


def _read_matrix(collected: Collector) -> None:
    path, crystal = collected.files["mat"], collected.values["crystal"]
    if "cell" in crystal and not os.path.exists(path):
        collected.warnings.append(
            f"-mat {path}: there is no such file; the cell has its standard "
            "orientation, as in nanoBragg"
        )
        return
    from ..formats.textfiles import read_matrix

    crystal["A_matrix"] = read_matrix(path)
    collected.notes.append(f"reading {path}")


def _leave_to_panels(detector: dict[str, Any]) -> None:
    """Take back what the line's -distance set: the panels have moved already."""
    if "panels" in detector:
        for name in ("distance_mm", "implied_pivot"):
            detector.pop(name, None)


def _check_sizes(headers: dict[str, SmvImage], shape: tuple[int, int]) -> None:
    for what, image in headers.items():
        if image.pixels.shape != shape:
            spixels, fpixels = image.pixels.shape
            raise FileError(
                f"{image.path}: the {what} has {fpixels} x {spixels} pixels, "
                f"the detector {shape[1]} x {shape[0]}"
            )
