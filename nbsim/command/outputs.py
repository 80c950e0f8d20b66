# SPDX-License-Identifier: MIT
"""The files of a run: checked before it, and written together when it is over."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ..errors import FileError
from ..formats.files import check_writable, replace_when_complete, same_place
from ..formats.hkl import write_fdump
from ..formats.pgm import write_pgm
from ..formats.png import write_png
from ..formats.smv import write_smv
from ..formats.tiff import write_tiff
from ..formats.unfinished import together
from ..images.scaling import Statistics, automatic_int_scale, automatic_pgm_scale
from ..model.structure_factors import available_memory
from ..model.validate import MAX_SEED

if TYPE_CHECKING:
    from ..backends.protocol import Result
    from ..options.command_line import CommandLine, Output
    from ..simulation import Simulation

#: Options that name an image file, in the order in which C writes them.
IMAGES = (
    "floatfile",
    "intfile",
    "tifffile",
    "pgmfile",
    "noisefile",
    "preview",
    "preview_noise",
)
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


def outputs_to_write(command: CommandLine[Simulation]) -> Plan:
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


def _check_memory(command: CommandLine[Simulation]) -> None:
    spixels, fpixels = command.simulation.detector.shape
    needed = BYTES_PER_PIXEL * spixels * fpixels
    available = available_memory()
    if needed > available:
        raise MemoryError(
            f"images of {fpixels} x {spixels} pixels need {needed / 1e9:.3g} GB, "
            f"{available / 1e9:.3g} GB are available"
        )


def make_images(command: CommandLine[Simulation], result: Result) -> Images:
    """Make all images that a command line wants from the float image."""
    simulation, output = command.simulation, command.output
    image = result.image
    stats = simulation.statistics(image)
    int_scale = output.scale if output.scale > 0.0 else automatic_int_scale(stats)
    pgm_scale, pgm_pixels = output.pgmscale, None
    if output.pgmfile is not None:
        if pgm_scale <= 0.0:
            pgm_scale = automatic_pgm_scale(stats, int_scale)
        pgm_pixels = simulation.pgm_image(image, pgm_scale)
    noise_pixels, photons, overloads = None, 0.0, 0
    if output.noisefile is not None:
        noise_pixels, photons, overloads = simulation.noise(
            image, output.seed, output.adc
        )
    return Images(
        stats=stats,
        int_scale=int_scale,
        pgm_scale=pgm_scale,
        image=image,
        int_pixels=simulation.int_image(image, int_scale, output.adc),
        pgm_pixels=pgm_pixels,
        noise_pixels=noise_pixels,
        photons=photons,
        overloads=overloads,
    )


def write_all(
    command: CommandLine[Simulation], images: Images, plan: Plan
) -> list[str]:
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
        with together():
            stack.close()
    if plan.dumpfile is None:
        return []
    try:
        write_fdump(plan.dumpfile, command.simulation.structure_factors)
    except FileError as error:
        return [str(error)]
    return []


def _writers(
    command: CommandLine[Simulation], images: Images
) -> dict[str, Callable[[BinaryIO], None]]:
    """Return for each option what fills its stream; the ending chooses the format."""
    output, simulation = command.output, command.simulation
    line = shlex.join(["nbsim", *command.words])
    photons = simulation.metadata(command=line)
    counts = simulation.metadata(output.adc, line)

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
            write_smv(to, pixels, simulation.smv_header(output.adc))

    def write_grey(stream: BinaryIO) -> None:
        assert images.pgm_pixels is not None
        write_pgm(stream, images.pgm_pixels, images.pgm_scale)

    def write_preview(image: np.ndarray, stream: BinaryIO) -> None:
        picture = simulation.preview(
            image,
            scale=output.preview_scale,
            color=output.preview_color,
            rings=output.preview_rings,
        )
        write_png(stream, picture)

    def write_noise_preview(stream: BinaryIO) -> None:
        assert images.noise_pixels is not None
        counts = images.noise_pixels.astype(np.float32) - np.float32(output.adc)
        write_preview(counts, stream)

    return {
        "floatfile": write_float,
        "intfile": lambda to: write_counts(output.intfile, images.int_pixels, to),
        "tifffile": lambda to: write_tiff(to, images.image, photons),
        "pgmfile": write_grey,
        "noisefile": lambda to: write_counts(output.noisefile, images.noise_pixels, to),
        "preview": lambda to: write_preview(images.image, to),
        "preview_noise": write_noise_preview,
    }


def is_tiff(path: str) -> bool:
    """Whether the name of a file asks for a TIFF image."""
    return os.path.splitext(path)[1].lower() in (".tif", ".tiff")
