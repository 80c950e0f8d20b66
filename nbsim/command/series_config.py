# SPDX-License-Identifier: MIT
"""What -show_config says about a series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..formats.nxmx import choose_compression
from ..series.command import outputs_of, series_of

if TYPE_CHECKING:
    from ..options.command_line import CommandLine
    from ..resolve.plain_data import Section
    from ..simulation import Simulation

FILES = (
    "nxfile",
    "cbffile",
    "noisefile",
    "floatfile",
    "tifffile",
    "preview",
    "xdsfile",
    "truthfile",
    "truth_images",
)


def series_section(command: CommandLine[Simulation]) -> Section:
    """Return frames, files and workers of a series; lists are over the frames.

    Raises
    ------
    UsageError
        When options do not fit each other.
    FileError
        For a frame table that cannot be read.
    """
    series, outputs, asked = series_of(command), outputs_of(command), command.series
    frames, tasks = range(series.frames), outputs.tasks(series.frames)
    compression = None
    if outputs.nxfile is not None:
        compression, _ = choose_compression(outputs.compression, outputs.is_master)
    owned = bool(series.rows) and all(row.seed is not None for row in series.rows)
    seeded = "seed" in command.given or owned  # else by the clock, when it begins
    return {
        "frames": series.frames,
        "osc_deg": series.osc_deg,
        "phi_deg": [series.start_deg(number) for number in frames],
        "phi_steps_sampled_at": series.sampled_at,
        "noise_seeds": (
            [series.noise_seed(number) for number in frames] if seeded else None
        ),
        "frame_table": asked.get("frame_table"),
        "random_orientations": asked.get("random_orientations"),
        **{name: getattr(outputs, name) for name in FILES},
        "nxvalues": outputs.nxvalues if outputs.nxfile else None,
        "compression": compression,
        "smv_center": outputs.smv_center if outputs.noisefile else None,
        "manifest": outputs.manifest if outputs.everything else None,
        "tasks": len(tasks),
        "frames_per_task": tasks[0].count,
        "executor": asked.get("executor", "pool"),
        "workers": asked.get("workers"),
        "scheduler": asked.get("scheduler"),
        "resume": "resume" in command.given,
    }
