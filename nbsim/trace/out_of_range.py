# SPDX-License-Identifier: MIT
"""Which structure factors were missing when interpolation ended."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ..backends.protocol import Result
from ..model.structure_factors import StructureFactors
from ..resolve.run import Setup
from .pixel import MOST_EVALUATIONS

Range = tuple[int, int]


def explain(setup: Setup, result: Result) -> str:
    """Say where interpolation ended, which indices it missed, and what follows.

    Parameters
    ----------
    setup, result
        A run with ``result.out_of_range``.
    """
    assert result.out_of_range is not None
    fast, slow = result.out_of_range
    if len(setup.panels) > 1:
        return _explain_on_panel(setup, result)
    rendered = setup.rendered
    after = int(rendered.reshape(-1)[slow * rendered.shape[1] + fast :].sum())
    place = f"interpolation ended at pixel {fast} {slow} (fast, slow)"
    end = (
        f"one evaluation ran out of the list; from it on {after} of "
        f"{int(rendered.sum())} pixels take the nearest F, as in nanoBragg"
    )
    hkl = _failed_index(setup, result)
    if hkl is None:
        return f"{place}: {end}"
    return f"{place}, {_missing(hkl, setup.structure_factors)}: {end}"


def _explain_on_panel(setup: Setup, result: Result) -> str:
    """Explain it as if the panel were alone."""
    from ..backends.driver import build_job, build_pixels

    assert result.out_of_range is not None
    fast, slow = result.out_of_range
    number = setup.panel_at(slow, fast)
    assert number is not None
    panel, own = setup.panels[number], setup.of_panel(number)
    assert own is not None
    alone = dataclasses.replace(
        result,
        out_of_range=(fast - panel.fast, slow - panel.slow),
        solid_angles=(build_job(own), build_pixels(own, own.bounds)),
    )
    return f"panel {panel.name}: {explain(own, alone)}"


def _failed_index(setup: Setup, result: Result) -> tuple[float, float, float] | None:
    """Return h, k, l of the evaluation that ran out; None if it cannot be kept."""
    from ..kernels.entries import record_pixel
    from ..kernels.reference import columns

    assert result.out_of_range is not None
    evaluations = setup.steps * setup.sensor.thicksteps
    if evaluations > MOST_EVALUATIONS:
        return None
    fast, slow = result.out_of_range
    before = setup.rendered.reshape(-1)[: slow * setup.geometry.fpixels + fast]
    first = setup.flags.phi_carryover and not before.any()
    job, _ = result.solid_angles
    rows = np.full((evaluations, columns.COLUMNS), np.nan)
    record_pixel(fast, slow, True, first, job, rows)
    looked_up = ~np.isnan(rows[:, columns.F_CELL])
    failed = rows[looked_up & (rows[:, columns.INTERPOLATED] != 1.0)]
    h, k, l = failed[0, columns.H : columns.H + 3].tolist()
    return h, k, l


def _missing(hkl: tuple[float, float, float], factors: StructureFactors) -> str:
    listed = {
        "h": (factors.h_min, factors.h_max),
        "k": (factors.k_min, factors.k_max),
        "l": (factors.l_min, factors.l_max),
    }
    # C wants two indices on either side in the list, one more than it uses.
    wanted = {
        axis: (math.floor(x - 2.0), math.ceil(x + 2.0)) for axis, x in zip(listed, hkl)
    }
    lacking = [
        f"{axis} {_text(part)}"
        for axis in listed
        for part in _outside(wanted[axis], listed[axis])
    ]
    bounds = ", ".join(f"{axis} {_text(listed[axis])}" for axis in listed)
    index = " ".join(f"{x:.3f}" for x in hkl)
    return f"h k l {index}: it needs {' and '.join(lacking)}, and the list has {bounds}"


def _outside(wanted: Range, listed: Range) -> list[Range]:
    parts = (wanted[0], min(wanted[1], listed[0] - 1)), (
        max(wanted[0], listed[1] + 1),
        wanted[1],
    )
    return [part for part in parts if part[0] <= part[1]]


def _text(part: Range) -> str:
    return f"{part[0]} to {part[1]}" if part[0] < part[1] else str(part[0])
