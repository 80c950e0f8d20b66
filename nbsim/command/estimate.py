# SPDX-License-Identifier: MIT
"""How long a run will take, roughly, before it starts."""

from __future__ import annotations

import os

from ..resolve.run import Setup
from .progress import duration

#: Evaluations of a processor thread in a second: the slower loops of a slow machine.
EVALUATIONS_PER_SECOND = 2e8
#: Of the reference formulas, on one thread, every number kept: `-printout`.
RECORDED_PER_SECOND = 1e6
#: A run that may take longer than this is announced, s.
LONG = 600.0


def long_run_warning(
    setup: Setup,
    threads: int | None,
    lit_fraction: float = 1.0,
    recorded: float = 0.0,
) -> str | None:
    """Return a sentence about a run that may take long on the processor.

    Parameters
    ----------
    setup
        The run.
    threads
        Processor threads; None: as many as there are processors.
    lit_fraction
        Part of all evaluations that is worked out: less than 1 where darkness is
        left out.
    recorded
        Evaluations that are made once more, for `-printout`.
    """
    xmin, xmax, ymin, ymax = setup.bounds
    pixels = float(xmax - xmin + 1) * (ymax - ymin + 1)
    evaluations = pixels * setup.sensor.thicksteps * setup.steps * lit_fraction
    seconds = evaluations / EVALUATIONS_PER_SECOND / (threads or os.cpu_count() or 1)
    seconds += recorded / RECORDED_PER_SECOND
    if seconds <= LONG:
        return None
    printed = f", {recorded:.3g} of them once more to be printed" if recorded else ""
    return (
        f"{evaluations:.3g} evaluations{printed}: this run may take "
        f"{duration(seconds)} on the processor"
    )
