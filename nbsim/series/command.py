# SPDX-License-Identifier: MIT
"""A series from a command line."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

from ..errors import UsageError
from ..options.command_line import CommandLine, read_command_line
from ..simulation import Simulation
from .outputs import SeriesOutputs
from .series import FrameRow, Series
from .table import (
    plain_values,
    random_orientations,
    read_frame_table,
    write_frame_table,
)
from .write import Workers

#: Options whose files belong to one image.
SINGLE_ONLY = ("intfile", "pgmfile", "preview_noise", "trace_pixel", "printout")
#: What options say about a series besides its files.
RUN_WORDS = (
    "frames",
    "frame_table",
    "random_orientations",
    "workers",
    "executor",
    "scheduler",
    "resume",
)
_OUTPUT_FIELDS = {field.name for field in dataclasses.fields(SeriesOutputs)}


def read_series(args: str | Sequence[str]) -> Series:
    """Build a series from a command line with -frames, -frame_table and the like."""
    return series_of(read_command_line(args, Simulation))


def series_of(command: CommandLine[Simulation]) -> Series:
    """Return the series of a command line; writes no file.

    Raises
    ------
    UsageError
        When its options do not fit each other.
    FileError
        For a frame table that cannot be read.
    """
    for name in SINGLE_ONLY:
        if name in command.given:
            raise UsageError(
                f"-{name} is for one image: a series has -nxfile, -cbffile, "
                "-noisefile, -floatfile, -tifffile and -preview"
            )
    options = command.series
    rows = _rows(command)
    frames = options.get("frames")
    if rows and frames is not None and frames != len(rows):
        raise UsageError(
            f"-frames {frames}: the table has {len(rows)} rows, one for each frame"
        )
    count = len(rows) or frames or 1
    # One image keeps C's phi steps.
    single = frames is None and not rows
    return Series(
        command.simulation,
        count,
        rows,
        command.output.seed,
        response=command.output.response,
        middles=not single,
    )


def _rows(command: CommandLine[Simulation]) -> list[FrameRow]:
    options = command.series
    count = options.get("random_orientations")
    if count is not None:
        if "seed" not in command.given:
            raise UsageError("-random_orientations: give the -seed that it depends on")
        columns = random_orientations(count, command.output.seed)
        return [
            FrameRow({"crystal": {"misset_deg": (x, y, z)}}, seed, number=number - 1)
            for number, x, y, z, seed in zip(*map(plain_values, columns.values()))
        ]
    path = options.get("frame_table")
    return [] if path is None else read_frame_table(path)


def write_table(command: CommandLine[Simulation]) -> str | None:
    """Write the table of -random_orientations to -frame_table; return its name."""
    count = command.series.get("random_orientations")
    path = command.series.get("frame_table")
    if count is None or path is None:
        return None
    write_frame_table(path, random_orientations(count, command.output.seed))
    return path


def outputs_of(command: CommandLine[Simulation]) -> SeriesOutputs:
    """Return the files of a series; C's own are not written unless named."""
    output = command.output
    fields = {k: v for k, v in command.series.items() if k in _OUTPUT_FIELDS}
    for name in ("floatfile", "noisefile", "tifffile", "preview"):
        if name in command.given:
            fields[name] = getattr(output, name)
    return SeriesOutputs(adc=output.adc, **fields)


def workers_of(command: CommandLine[Simulation]) -> Workers:
    """Return who makes a series."""
    options, output = command.series, command.output
    kind = options.get("executor", "pool")
    if options.get("scheduler") is not None and kind != "dask":
        raise UsageError("-scheduler is Dask's: give -executor dask with it")
    devices = render_devices(
        command.simulation, output.device, output.precision, frames_of(command)
    )
    return Workers(
        kind=kind,
        count=options.get("workers"),
        scheduler=options.get("scheduler"),
        devices=devices,
        precision=output.precision,
        threads=output.threads,
    )


def frames_of(command: CommandLine[Simulation]) -> int:
    """Return how many frames a command line asks for; 1: it is no series."""
    options = command.series
    count = options.get("random_orientations") or options.get("frames")
    return count or len(_rows(command)) or 1


def render_devices(
    simulation: Simulation, asked: str | None, precision: str, frames: int
) -> list[str]:
    """Return a CUDA device for each worker, or "cpu" for any number of them.

    All frames are rendered on the same kind of device. Where none is named, all CUDA
    devices work, if they can be used and the series is large enough.
    """
    from ..backends import device, driver

    setup, bounds = simulation.setup, simulation.detector.bounds
    chosen = driver.choice_for(setup, bounds, asked, precision, frames).indices
    if not chosen:
        return ["cpu"]
    named = (asked or os.environ.get("NBSIM_DEVICE") or "").partition(":")[2]
    indices = chosen if named else [found.index for found in device.cuda_devices()]
    return [f"cuda:{index}" for index in indices]
