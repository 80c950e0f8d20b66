# SPDX-License-Identifier: MIT
"""What is known of a run before it begins: whether darkness is left out."""

from __future__ import annotations

from ..resolve.run import Setup
from . import sparse_choice
from .sparse_choice import Forecast


def forecast_for(
    setup: Setup, precision: str, on_device: bool = False
) -> tuple[Forecast | None, str | None]:
    """Return what a sparse run would be, and why it is none; None: it is.

    Of several panels on the first, by which it is decided.

    Raises
    ------
    ValueError
        When sparse rendering is asked for and impossible.
    """
    if len(setup.panels) > 1:
        setup = setup.whole_panel(0)
    why = sparse_choice.why_dense(setup)
    if why and setup.sparse != "on" and setup.spot_cutoff == 0.0:
        return None, why
    from .driver import build_job  # with all that it imports, only where it counts
    from .pixels import build_pixels

    job, pixels = build_job(setup), build_pixels(setup, setup.bounds)
    return sparse_choice.choose(setup, job, pixels, precision, on_device)
