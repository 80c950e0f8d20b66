# SPDX-License-Identifier: MIT
"""The files of a run: checked before it, and written together when it is over."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ._version import __version__
from .errors import FileError
from .files import check_writable, replace_when_complete, same_place
from .hkl import write_fdump
from .noise import MAX_SEED, poisson_noise
from .pgm import write_pgm
from .scaling import (
    Statistics,
    automatic_int_scale,
    automatic_pgm_scale,
    int_image,
    pgm_image,
    statistics,
)
from .setup import Setup
from .smv import write_smv
from .structure_factors import available_memory
from .tiff import write_tiff
from .vectors import RTD

if TYPE_CHECKING:
    from .from_args import CommandLine, Output
    from .render import Result

#: Options that name an image file, in the order in which C writes them.
IMAGES = ("floatfile", "intfile", "tifffile", "pgmfile", "noisefile")
#: float32, two uint16 and one uint8 image.
BYTES_PER_PIXEL = 9


@dataclass(frozen=True)
class Plan:
    """Where a run writes.

    Attributes
    ----------
    images
        Path for each option of `IMAGES` that is to be written.
    dumpfile
        Path of the structure factor dump; None: none, or it could not be written.
    warnings
        Why there is no dump.
    """

    images: dict[str, str]
    dumpfile: str | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Images:
    """Everything that is made from the float image.

    Attributes
    ----------
    stats, int_scale, pgm_scale
        What the scaled images rest on.
    image
        (slow, fast) float32, photons.
    int_pixels, pgm_pixels, noise_pixels
        uint16, uint8, uint16; None where none is wanted.
    photons, overloads
        Of the noise image.
    """

    stats: Statistics
    int_scale: float
    pgm_scale: float
    image: np.ndarray
    int_pixels: np.ndarray
    pgm_pixels: np.ndarray | None
    noise_pixels: np.ndarray | None
    photons: float
    overloads: int


def outputs_to_write(command: CommandLine) -> Plan:
    """Find before the run what would otherwise go wrong after it.

    Raises
    ------
    ValueError
        If one file is named for two purposes, or the seed is out of range.
    FileError
        If a file could not be written.
    MemoryError
        If the images would not fit.
    """
    output = command.output
    paths = {name: getattr(output, name) for name in IMAGES}
    images = {name: path for name, path in paths.items() if path is not None}
    extras = {"trace_file": output.trace_file, "dump": output.dumpfile}
    everything = images | {name: path for name, path in extras.items() if path}
    if output.trace_file is not None:
        everything["trace_file"] = output.trace_file
        check_writable(output.trace_file)
    _check_distinct(everything, command.inputs)
    _check_seed(output)
    _check_memory(command)
    for name, path in everything.items():
        if name != "dump":
            check_writable(path)
    dumpfile, warnings = output.dumpfile, []
    if dumpfile is not None:
        try:
            check_writable(dumpfile)
        except FileError as error:
            warnings.append(f"{error}; reading the list will take as long next time")
            dumpfile = None
    return Plan(images, dumpfile, tuple(warnings))


def _check_distinct(outputs: dict[str, str], inputs: dict[str, str]) -> None:
    seen: list[tuple[str, str]] = []
    for name, path in outputs.items():
        for other, input_path in inputs.items():
            if same_place(path, input_path):
                raise ValueError(
                    f"-{name} {path} would overwrite the file that -{other} reads; "
                    f"give another name with -{name}"
                )
        for other, earlier in seen:
            if same_place(path, earlier):
                raise ValueError(
                    f"-{other} {earlier} and -{name} {path} are the same file; "
                    "each output needs its own"
                )
        seen.append((name, path))


def _check_seed(output: Output) -> None:
    if output.noisefile is not None and abs(output.seed) > MAX_SEED:
        raise ValueError(f"-seed {output.seed}: it must be within +-{MAX_SEED}")


def _check_memory(command: CommandLine) -> None:
    spixels, fpixels = command.simulation.detector.shape
    needed = BYTES_PER_PIXEL * spixels * fpixels
    available = available_memory()
    if needed > available:
        raise MemoryError(
            f"images of {fpixels} x {spixels} pixels need {needed / 1e9:.3g} GB, "
            f"{available / 1e9:.3g} GB are available"
        )


def make_images(command: CommandLine, result: Result) -> Images:
    """Make all images that a command line wants from the float image."""
    simulation, output = command.simulation, command.output
    image, roi = result.image, simulation.detector.roi
    stats = statistics(image, roi, simulation.detector.mask)
    int_scale = output.scale if output.scale > 0.0 else automatic_int_scale(stats)
    pgm_scale, pgm_pixels = output.pgmscale, None
    if output.pgmfile is not None:
        if pgm_scale <= 0.0:
            pgm_scale = automatic_pgm_scale(stats, int_scale)
        pgm_pixels = pgm_image(image, pgm_scale, roi)
    noise_pixels, photons, overloads = None, 0.0, 0
    if output.noisefile is not None:
        noise_pixels, photons, overloads = poisson_noise(
            image, output.seed, output.adc, roi, simulation.setup.generator
        )
    return Images(
        stats=stats,
        int_scale=int_scale,
        pgm_scale=pgm_scale,
        image=image,
        int_pixels=int_image(image, int_scale, output.adc, roi),
        pgm_pixels=pgm_pixels,
        noise_pixels=noise_pixels,
        photons=photons,
        overloads=overloads,
    )


def write_all(command: CommandLine, images: Images, plan: Plan) -> list[str]:
    """Write all files, all of them or none.

    Returns
    -------
    list of str
        Warnings.

    Raises
    ------
    FileError
        If an image cannot be written; existing files are then as before.
    """
    writers = _writers(command, images)
    with contextlib.ExitStack() as stack:
        streams = {
            name: stack.enter_context(replace_when_complete(path))
            for name, path in plan.images.items()
        }
        for name, stream in streams.items():
            try:
                writers[name](stream)
                stream.flush()
            except OSError as error:
                # Named here: the stack would blame the file it closes first.
                reason = (error.strerror or str(error)).lower()
                path = plan.images[name]
                raise FileError(f"cannot write {path}: {reason}") from error
    if plan.dumpfile is None:
        return []
    try:
        write_fdump(plan.dumpfile, command.simulation.structure_factors)
    except FileError as error:
        return [str(error)]
    return []


def _writers(
    command: CommandLine, images: Images
) -> dict[str, Callable[[BinaryIO], None]]:
    """Return for each option what fills its stream; the ending chooses the format."""
    output = command.output
    photons, counts = metadata(command), metadata(command, output.adc)

    def write_float(stream: BinaryIO) -> None:
        if is_tiff(output.floatfile):
            write_tiff(stream, images.image, photons)
        else:
            stream.write(images.image.data)

    def write_counts(path: str | None, pixels: np.ndarray | None, to: BinaryIO) -> None:
        assert path is not None and pixels is not None
        if is_tiff(path):
            write_tiff(to, pixels, counts)
        else:
            write_smv(to, pixels, smv_header(command))

    def write_preview(stream: BinaryIO) -> None:
        assert images.pgm_pixels is not None
        write_pgm(stream, images.pgm_pixels, images.pgm_scale)

    return {
        "floatfile": write_float,
        "intfile": lambda to: write_counts(output.intfile, images.int_pixels, to),
        "tifffile": lambda to: write_tiff(to, images.image, photons),
        "pgmfile": write_preview,
        "noisefile": lambda to: write_counts(output.noisefile, images.noise_pixels, to),
    }


def is_tiff(path: str) -> bool:
    """Whether the name of a file asks for a TIFF image."""
    return os.path.splitext(path)[1].lower() in (".tif", ".tiff")


def geometry_record(setup: Setup) -> dict[str, Any]:
    """Return the keys of C's SMV header: mm, degrees, Angstrom, after all rotations."""
    g = setup.geometry
    pixel = g.pixel_size
    return {
        "PIXEL_SIZE": pixel * 1000.0,
        "DISTANCE": g.distance * 1000.0,
        "WAVELENGTH": setup.wavelength * 1e10,
        "BEAM_CENTER_X": g.Xbeam * 1000.0,
        "BEAM_CENTER_Y": g.Ybeam * 1000.0,
        "ADXV_CENTER_X": g.Fbeam * 1000.0,
        "ADXV_CENTER_Y": (g.detsize_s - g.Sbeam) * 1000.0,
        "MOSFLM_CENTER_X": (g.Sbeam - 0.5 * pixel) * 1000.0,
        "MOSFLM_CENTER_Y": (g.Fbeam - 0.5 * pixel) * 1000.0,
        "DENZO_X_BEAM": g.Sbeam * 1000.0,
        "DENZO_Y_BEAM": g.Fbeam * 1000.0,
        "DIALS_ORIGIN": list(g.dials_origin_mm),
        "XDS_ORGX": g.ORGX,
        "XDS_ORGY": g.ORGY,
        "CLOSE_DISTANCE": g.close_distance * 1000.0,
        "PHI": setup.phi0 * RTD,
        "OSC_START": setup.phi0 * RTD,
        "OSC_RANGE": setup.phi.range * RTD,
        "TWOTHETA": g.twotheta * RTD,
        "DETECTOR_SN": "000",
        "BEAMLINE": "fake",
    }


def smv_header(command: CommandLine) -> dict[str, str]:
    """Return the header of the integer and noise images as text."""
    record = geometry_record(command.simulation.setup)
    record["ADC_OFFSET"] = command.output.adc
    return {key: _header_text(value) for key, value in record.items()}


def _header_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    numbers = value if isinstance(value, list) else [value]
    return ",".join("%g" % number for number in numbers)


def metadata(command: CommandLine, adc: float | None = None) -> dict[str, Any]:
    """Return what a TIFF image says about itself.

    Parameters
    ----------
    command
        The run.
    adc
        Value of a pixel without photons; None for a float image.
    """
    setup = command.simulation.setup
    record = {
        "program": "nbsim",
        "version": __version__,
        "command": shlex.join(["nbsim", *command.words]),
        "SIZE1": setup.geometry.fpixels,
        "SIZE2": setup.geometry.spixels,
        **geometry_record(setup),
        "pixel_size_mm": setup.geometry.pixel_size * 1000.0,
    }
    return record if adc is None else {**record, "ADC_OFFSET": adc}
