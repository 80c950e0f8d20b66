# SPDX-License-Identifier: MIT
"""The files of a run: checked before it, and written together when it is over."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import FileError
from ..formats.files import check_writable, replace_when_complete
from ..formats.registry import Content, ImageFormat, chosen_format
from ..formats.unfinished import together
from ..images.scaling import Statistics, automatic_int_scale, automatic_pgm_scale
from ..model.structure_factors import available_memory
from ..model.validate import MAX_SEED
from ..options import OPTIONS
from .files import check_distinct

if TYPE_CHECKING:
    from ..backends.protocol import Result
    from ..options.command_line import CommandLine, Output
    from ..simulation import Simulation

#: What image files can hold, in the order in which they are written, and the type.
PIXELS = {
    "photons": "float32",
    "counts": "uint16",
    "grey": "uint8",
    "noise": "uint16",
    "background": "float32",
    "preview": "picture",
    "noise preview": "picture",
}
#: Options that name an image file, with the pixels and the usual format of each.
IMAGES = {
    option.name: option.writes
    for pixels in PIXELS
    for option in OPTIONS
    if option.writes and option.writes[0] == pixels
}
#: float32, two uint16 and one uint8 image.
BYTES_PER_PIXEL = 9
#: Besides, for each background and their sum; for counted photons and 32-bit integers;
#: for the spectra, or the kernel, of a point spread.
BYTES_OF_BACKGROUND, BYTES_OF_RESPONSE, BYTES_OF_SPREAD = 4, 20, 48


@dataclass(frozen=True)
class Plan:
    """Where a run writes.

    Attributes
    ----------
    images
        Path for each option of `IMAGES` that is to be written.
    formats
        The format of each.
    dumpfile
        Path of the structure factor dump; None: none, or it could not be written.
    warnings
        Why there is no dump, and what headers cannot say.
    """

    images: dict[str, str]
    formats: dict[str, ImageFormat]
    dumpfile: str | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Images:
    """Everything that is made from the float image.

    Attributes
    ----------
    stats, int_scale, pgm_scale
        What the scaled images rest on.
    image, background
        (slow, fast) float32, photons, all of them and those of backgrounds alone.
    int_pixels, pgm_pixels, noise_pixels
        uint16, uint8, uint16; None where none is wanted.
    photons, overloads
        Of the noise image.
    """

    stats: Statistics
    int_scale: float
    pgm_scale: float
    image: np.ndarray
    background: np.ndarray | None
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
    check_distinct(everything, command.inputs)
    _check_seed(output)
    _check_memory(command)
    _check_spread(command)
    formats = {
        name: chosen_format(path, IMAGES[name][1], _kind(name, output))
        for name, path in images.items()
    }
    for name, path in everything.items():
        if name != "dump":
            check_writable(path)
    dumpfile, warnings = output.dumpfile, list(
        _headers_of_one(command, images, formats)
    )
    if dumpfile is not None:
        try:
            check_writable(dumpfile)
        except FileError as error:
            warnings.append(f"{error}; reading the list will take as long next time")
            dumpfile = None
    return Plan(images, formats, dumpfile, tuple(warnings))


def _headers_of_one(
    command: CommandLine[Simulation],
    images: dict[str, str],
    formats: dict[str, ImageFormat],
) -> Iterator[str]:
    """Yield what a header cannot say of several panels."""
    panels = command.simulation.setup.panels
    paths = [path for name, path in images.items() if formats[name].geometry]
    if len(panels) > 1 and paths:
        yield (
            f"{', '.join(paths)}: all {len(panels)} panels in one image, but a header "
            f"describes one, panel {panels[0].name}; -show_config json has them all"
        )


def _check_seed(output: Output) -> None:
    if output.noisefile is not None and abs(output.seed) > MAX_SEED:
        raise ValueError(f"-seed {output.seed}: it must be within +-{MAX_SEED}")


def _check_spread(command: CommandLine[Simulation]) -> None:
    """Raise before the run what the point spread would raise after it."""
    output, detector = command.output, command.simulation.detector
    response = output.response
    if output.noisefile is not None and response is not None and response.spreads:
        from ..images.psf import width_in_pixels

        for panel in command.simulation.setup.panels:
            shape = panel.geometry.spixels, panel.geometry.fpixels
            width_in_pixels(response.psf_fwhm_um, detector.pixel_size_mm, shape)


def _kind(name: str, output: Output) -> str:
    """Return the type of the pixels of an option's file."""
    pixels = IMAGES[name][0]
    if pixels == "noise" and output.response is not None and output.response.bits == 32:
        return "uint32"
    return PIXELS[pixels]


def _check_memory(command: CommandLine[Simulation]) -> None:
    spixels, fpixels = command.simulation.detector.shape
    response = command.output.response
    per_pixel = BYTES_PER_PIXEL
    if command.simulation.backgrounds:
        count = len(command.simulation.backgrounds) + 1
        per_pixel += BYTES_OF_BACKGROUND * count
    if command.output.noisefile is not None and response is not None:
        per_pixel += BYTES_OF_RESPONSE + BYTES_OF_SPREAD * response.spreads
    needed = per_pixel * spixels * fpixels
    available = available_memory()
    if needed > available:
        raise MemoryError(
            f"images of {fpixels} x {spixels} pixels need {needed / 1e9:.3g} GB, "
            f"{available / 1e9:.3g} GB are available"
        )


def make_images(
    command: CommandLine[Simulation],
    result: Result,
    background: np.ndarray | None = None,
    there: Any = None,
) -> Images:
    """Make all images that a command line wants from the float image.

    Parameters
    ----------
    result
        With the image on the host, backgrounds added.
    there
        The same image where it was rendered; None: on the host, too.
    """
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
            image if there is None else there,
            output.seed,
            output.adc,
            response=output.response,
            generator=output.noise_generator,
            threads=output.threads,
        )
    return Images(
        stats=stats,
        int_scale=int_scale,
        pgm_scale=pgm_scale,
        image=image,
        background=background,
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
    content = _Contents(command, images)
    with contextlib.ExitStack() as stack:
        streams = {
            name: stack.enter_context(replace_when_complete(path))
            for name, path in plan.images.items()
        }
        _write_trace(command, stack)
        for name, stream in streams.items():
            try:
                plan.formats[name].write(stream, content.of(IMAGES[name][0]))
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
        from ..formats.hkl import write_fdump

        write_fdump(plan.dumpfile, command.simulation.structure_factors)
    except FileError as error:
        return [str(error)]
    return []


def _write_trace(command: CommandLine[Simulation], stack: contextlib.ExitStack) -> None:
    """Write the trace file, to be named with the others."""
    output = command.output
    if output.trace_file is None:
        return
    stream = stack.enter_context(replace_when_complete(output.trace_file))
    from .trace_files import trace_rows

    rows = trace_rows(command.simulation, output.trace_pixels, output.trace_format)
    try:
        stream.writelines(f"{row}\n".encode("ascii") for row in rows)
        stream.flush()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FileError(f"cannot write {output.trace_file}: {reason}") from error


class _Contents:
    """Makes what goes into image files from the float image."""

    def __init__(self, command: CommandLine[Simulation], images: Images) -> None:
        self._output, self._simulation = command.output, command.simulation
        self._images = images
        self._line = shlex.join(["nbsim", *command.words])

    def of(self, pixels: str) -> Content:
        """Return the content of a file; `pixels` is one of `PIXELS`."""
        images = self._images
        if pixels == "photons":
            return self._content(images.image)
        if pixels == "background":
            return self._content(images.background)
        if pixels == "counts":
            return self._content(images.int_pixels, self._output.adc, images.int_scale)
        if pixels == "noise":
            return self._content(images.noise_pixels, self._output.adc, 1.0)
        if pixels == "grey":
            return self._content(images.pgm_pixels, scale=images.pgm_scale)
        shown = images.image
        if pixels == "noise preview":
            assert images.noise_pixels is not None
            shown = images.noise_pixels.astype(np.float32)
            shown -= np.float32(self._output.adc)
        return self._content(self._picture(shown))

    def _content(
        self,
        pixels: np.ndarray | None,
        adc_offset: float | None = None,
        scale: float | None = None,
    ) -> Content:
        assert pixels is not None
        return Content(pixels, self._simulation.setup, adc_offset, scale, self._line)

    def _picture(self, image: np.ndarray) -> np.ndarray:
        return self._simulation.preview(
            image,
            scale=self._output.preview_scale,
            color=self._output.preview_color,
            rings=self._output.preview_rings,
        )
