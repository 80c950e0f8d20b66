# SPDX-License-Identifier: MIT
"""The ``nbsim-background`` command: nonBragg's, with nothing imported too early."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .._version import __version__
from ..options.collector import Collector
from ..options.help import program_parser
from ..options.programs import background as words_of
from ..options.reader import parse
from .main import _allow_threads, end_process, guarded
from .terminal import say, warn


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return the exit status; see `nbsim.command.main`."""
    import sys

    return guarded(_run, sys.argv[1:] if argv is None else list(argv))


def command() -> None:
    """Run the command line of this process, and end the process."""
    end_process(main)


def build_parser() -> Any:
    """Return the parser with the help text."""
    return program_parser(
        words_of.TABLE_OF_OPTIONS, words_of.DESCRIPTION, words_of.EPILOG
    )


def _run(words: list[str]) -> None:
    events = parse(words, words_of.TABLE_OF_OPTIONS)
    chosen = dict(events)
    if "help" in chosen:
        say([build_parser().format_help().rstrip()])
    elif "version" in chosen:
        say([f"{words_of.PROGRAM} {__version__}"])
    else:
        _allow_threads(chosen)
        _render(events)


def collect(events: list[tuple[str, tuple[Any, ...]]]) -> tuple[Collector, Any]:
    """Return the values of a line, on top of those of an -img header, and the image."""
    from ..formats.smv_geometry import header_fields, read_header_image

    collected, measured = Collector(), None
    paths = [values[0] for name, values in events if name == "img"]
    if paths:
        measured = read_header_image(paths[-1], "image")
        models = header_fields(measured.header, measured.pixels.shape, flip_Y=True)
        for name, fields in models.items():
            collected.set(name, **fields)
    for name, values in events:
        if name != "ignored":
            collected.take(words_of.TABLE_OF_OPTIONS.exact[name], values)
    for name in collected.given:
        why = collected.idle(words_of.TABLE_OF_OPTIONS.exact[name])
        if why:
            collected.warnings.append(f"-{name} changes nothing {why}")
    return collected, measured


def detector_of(fields: dict[str, Any]) -> Any:
    """Return the detector of nonBragg's words: its own centre, axes and pivot.

    With a convention of nanoBragg the words have nanoBragg's meaning.
    """
    from ..model.models import Detector
    from ..resolve.vectors import cross, unit

    fields = dict(fields)
    pixel = fields.get("pixel_size_mm", Detector.pixel_size_mm)
    sizes = {}
    for axis in "fs":
        count = fields.get(f"detpixels_{axis}")
        size = fields.get(f"detsize_{axis}_mm", Detector.detsize_f_mm)
        if count is None:
            # Not C's ceil: of rounding noise it makes one pixel more.
            count = max(1, math.ceil(size / pixel - 1e-6))
            fields[f"detpixels_{axis}"] = count
        else:
            size = pixel * count
        sizes[axis] = size
    if fields.get("convention", "custom") != "custom":
        return Detector(**fields)
    Xclose = fields.pop("Xclose_mm", (sizes["f"] - pixel) / 2.0)
    Yclose = fields.pop("Yclose_mm", (sizes["s"] + pixel) / 2.0)
    # From the pixel's corner, where nanoBragg counts from its middle.
    if "ORGX_pixels" in fields:
        Xclose = fields.pop("ORGX_pixels") * pixel
    if "ORGY_pixels" in fields:
        Yclose = fields.pop("ORGY_pixels") * pixel
    pivot = fields.get("implied_pivot", "beam")
    centre = Xclose, Yclose
    if pivot == "beam":
        centre = fields.get("Xbeam_mm", Xclose), fields.get("Ybeam_mm", Yclose)
    first, second = (
        unit(fields.get(name) or default)
        for name, default in (("fdet_vector", (0, 0, 1)), ("sdet_vector", (0, -1, 0)))
    )
    fields.update(odet_vector=cross(first, second))
    fields.update(
        convention="custom", pivot=pivot, Xbeam_mm=centre[0], Ybeam_mm=centre[1]
    )
    return Detector(**fields)


def _render(events: list[tuple[str, tuple[Any, ...]]]) -> None:
    from .background_run import run

    collected, measured = collect(events)
    for warning in collected.warnings:
        warn(warning)
    run(collected, measured)
