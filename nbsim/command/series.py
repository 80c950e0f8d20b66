# SPDX-License-Identifier: MIT
"""The ``nbsim`` command for a series: what it says, and its progress."""

from __future__ import annotations

import dataclasses
import os
import shlex
import shutil
import sys
import time

from ..errors import FileError
from ..formats.cbf import cannot_hold
from ..options.command_line import CommandLine
from ..series.command import outputs_of, series_of, workers_of, write_table
from ..series.manifest import stored_seed
from ..series.outputs import SeriesOutputs, Task
from ..series.series import Series
from ..series.work import Done
from ..series.write import Watch, write_series
from ..simulation import Simulation
from .estimate import long_run_warning
from .terminal import note, say, warn

#: Least bytes that a pixel takes in files that are not compressed.
PIXEL_BYTES = {"noisefile": 2, "floatfile": 4, "tifffile": 4, "cbffile": 1}


def make_series(command: CommandLine[Simulation]) -> None:
    """Render the series of a command line and write its files.

    Raises
    ------
    ValueError
        When options do not fit each other.
    OSError
        For a file that cannot be read or written, or workers that died.
    """
    resume = "resume" in command.given
    outputs = outputs_of(command)
    table = write_table(command)
    if table is not None:
        note(f"wrote {table}")
        if not outputs.everything:
            return
    if resume and "seed" not in command.given:
        seed = stored_seed(outputs.manifest)
        if seed is not None:
            output = dataclasses.replace(command.output, seed=seed)
            command = dataclasses.replace(command, output=output)
    series = series_of(command)
    panels = len(series.recording.parts)
    if outputs.xdsfile is not None and panels > 1:
        raise ValueError(
            f"-xdsfile {outputs.xdsfile}: the detector has {panels} panels, XDS.INP is "
            "written for one; -nxfile holds them"
        )
    for message in outputs.check(series.frames, command.inputs):
        note(message)
    for message in _warnings(series, outputs):
        warn(message)
    if slow := _long_run(command, series):
        warn(slow)
    _check_space(series, outputs)
    say(_before(series, outputs))
    summary = write_series(
        series,
        outputs,
        workers_of(command),
        resume=resume,
        watch=ProgressWatch() if command.output.progress else LogWatch(),
        command=shlex.join(["nbsim", *command.words]),
    )
    say(_after(series, outputs, summary.made, summary.kept))


def _warnings(series: Series, outputs: SeriesOutputs) -> list[str]:
    messages = []
    lacking = cannot_hold(series.recording) if outputs.cbffile is not None else None
    if lacking is not None:
        several = len(series.recording.parts) > 1
        messages.append(
            f"-cbffile {outputs.cbffile}: its header cannot hold this geometry "
            f"({lacking}): readers will misplace spots; "
            + ("-nxfile holds it" if several else "-nxfile and -xdsfile hold it")
        )
    return messages


def _long_run(command: CommandLine[Simulation], series: Series) -> str | None:
    """Return a sentence when this machine's processors will be busy for long."""
    output, executor = command.output, command.series.get("executor", "pool")
    if output.device not in (None, "auto", "cpu") or executor != "pool":
        return None
    simulation = series.frame(0).simulation
    return long_run_warning(
        simulation.setup,
        command.series.get("workers") or output.threads,
        precision=output.precision,
        backgrounds=simulation.backgrounds,
        frames=series.frames,
    )


def _before(series: Series, outputs: SeriesOutputs) -> list[str]:
    spixels, fpixels = series.recording.shape
    what = (
        f"{series.osc_deg:g} deg each from phi {series.start_deg(0):g}"
        if series.osc_deg > 0.0
        else "stills"
    )
    tasks = outputs.tasks(series.frames)
    return [
        f"series of {series.frames} frames of {fpixels} x {spixels} pixels, {what}",
        f"in {len(tasks)} tasks; manifest {outputs.manifest}; seed {series.seed}",
    ]


def _after(series: Series, outputs: SeriesOutputs, made: int, kept: int) -> list[str]:
    lines = [f"made {made} frames, kept {kept}"]
    lines += [f"wrote {name}" for name in outputs.everything.values()]
    if outputs.nxfile or outputs.cbffile:
        fraction = (1.0 + series.recording.polarization) / 2.0
        name = outputs.nxfile or outputs.cbffile or ""
        lines.append(
            f"DIALS: dials.import {name.replace('#', '?')} "
            f"geometry.beam.polarization_fraction={fraction:g}"
        )
    return lines


def _check_space(series: Series, outputs: SeriesOutputs) -> None:
    """Refuse what surely will not fit on the disk.

    Raises
    ------
    FileError
        Naming what is needed and what is free.
    """
    spixels, fpixels = series.recording.shape
    per_pixel = sum(
        size
        for option, size in PIXEL_BYTES.items()
        if getattr(outputs, option) is not None
    )
    if outputs.nxfile is not None and outputs.compression == "none":
        per_pixel += 4
    needed = per_pixel * spixels * fpixels * series.frames
    folder = os.path.dirname(os.path.abspath(outputs.main))
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise FileError(
            f"{series.frames} frames need at least {needed / 1e9:.3g} GB in {folder}, "
            f"{free / 1e9:.3g} GB are free"
        )


class LogWatch(Watch):
    """A line for each finished task on standard error."""

    def __init__(self) -> None:
        self._frames = self._done = 0
        self._started = time.monotonic()
        self._before = 0

    def begin(self, frames: int, done: int) -> None:
        """Note the beginning."""
        self._frames, self._done, self._before = frames, done, done
        self._started = time.monotonic()
        if done:
            note(f"{done} of {frames} frames are there already")

    def done(self, result: Done) -> None:
        """Say what is done, how fast and how long it will take."""
        self._done += result.task.count
        elapsed = time.monotonic() - self._started
        rate = (self._done - self._before) / elapsed if elapsed > 0.0 else 0.0
        left = (self._frames - self._done) / rate if rate else 0.0
        note(
            f"{result.task} done in {result.seconds:.1f} s on {result.host}; "
            f"{self._done} of {self._frames}, {rate:.2f} frames/s, {left:.0f} s left"
        )

    def again(self, task: Task) -> None:
        """Say which task is done again."""
        warn(f"a worker died: {task} will be done again")


class ProgressWatch(LogWatch):
    """A bar on a terminal, lines elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self._bar = None

    def begin(self, frames: int, done: int) -> None:
        """Draw the bar, if tqdm is installed and there is a terminal."""
        super().begin(frames, done)
        if not sys.stderr.isatty():
            return
        try:
            import tqdm
        except ImportError:
            return
        self._bar = tqdm.tqdm(total=frames, initial=done, unit=" frames")

    def done(self, result: Done) -> None:
        """Move the bar, or say it."""
        if self._bar is None:
            super().done(result)
        else:
            self._bar.update(result.task.count)

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
