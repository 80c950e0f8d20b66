# SPDX-License-Identifier: MIT
"""How long a run will take, roughly, before it starts."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..model.background import Background
from ..resolve.run import Setup
from .progress import duration

#: Evaluations of a processor thread in a second: the slower loops of a slow machine.
EVALUATIONS_PER_SECOND = 2e8
#: How much longer than its forecast sparse rendering takes on such a machine.
SLOWER = 2.5
#: Of the reference formulas, on one thread, every number kept: `-printout`.
RECORDED_PER_SECOND = 1e6
#: Subpixels times sources of a background, each a pixel's.
SCATTERED_PER_SECOND = 5e7
#: A run that may take longer than this is announced, s.
LONG = 600.0


def long_run_warning(
    setup: Setup,
    threads: int | None,
    lit_fraction: float = 1.0,
    precision: str = "double",
    recorded: float = 0.0,
    backgrounds: Sequence[Background] = (),
    frames: int = 1,
) -> str | None:
    """Return a sentence about a run that may take long on the processor.

    Parameters
    ----------
    setup
        The run.
    threads
        Processor threads; None: as many as there are processors.
    lit_fraction
        Part of all evaluations that is worked out there: less than 1 where darkness is
        left out, 0 for a device.
    precision
        "double" or "single".
    recorded
        Evaluations that are made once more, for `-printout`.
    backgrounds
        What scatters besides; rendered once for all frames.
    frames
        So many images like this one.
    """
    xmin, xmax, ymin, ymax = setup.bounds
    pixels = float(xmax - xmin + 1) * (ymax - ymin + 1)
    evaluations = pixels * setup.sensor.thicksteps * setup.steps * lit_fraction * frames
    count = threads or os.cpu_count() or 1
    seconds = evaluations / EVALUATIONS_PER_SECOND / count
    if seconds > LONG and (sparse := _sparse_seconds(setup, precision)):
        seconds = SLOWER * sparse * frames / count
    seconds += recorded / RECORDED_PER_SECOND
    parts = [f"{evaluations:.3g} evaluations"] if evaluations else []
    if recorded:
        parts.append(f"{recorded:.3g} of them once more to be printed")
    sources = len(setup.sources.wavelengths)
    scattered = pixels * sum(b.oversample**2 for b in backgrounds) * sources
    if scattered:
        seconds += scattered / SCATTERED_PER_SECOND / count
        parts.append(f"{scattered:.3g} of backgrounds")
    return _sentence(parts, seconds)


def long_background_warning(
    background: Background, pixels: float, sources: int, threads: int | None
) -> str | None:
    """Return a sentence about a background that may take long by itself."""
    scattered = pixels * background.oversample**2 * sources
    count = threads or os.cpu_count() or 1
    seconds = scattered / SCATTERED_PER_SECOND / count
    return _sentence([f"{scattered:.3g} evaluations"], seconds)


def _sentence(parts: list[str], seconds: float) -> str | None:
    if seconds <= LONG:
        return None
    return f"{', '.join(parts)}: this run may take {duration(seconds)} on the processor"


def _sparse_seconds(setup: Setup, precision: str) -> float | None:
    """Return the forecast of a run that leaves out darkness; None: it does not."""
    from ..backends.forecast import forecast_for

    cast, why_dense = forecast_for(setup, precision)
    if cast is None or why_dense is not None:
        return None
    return cast.sparse_s * len(setup.panels)
