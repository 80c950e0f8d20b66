# SPDX-License-Identifier: MIT
"""The CPU backend: chooses the kernel for a run and calls it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .lane_arguments import (
    Lookup,
    cubic_lookup,
    narrowed,
    nearest_lookup,
    run_record,
    shape_arguments,
    single_reach,
    tile_scratch,
    why_double,
)
from .vectors import cross, unit

if TYPE_CHECKING:
    from .kernels.params import Job, Pixels
    from .simulation import Simulation


def cpu_backend(
    simulation: Simulation, job: Job, pixels: Pixels, image: np.ndarray, precision: str
) -> Callable[[int, int, bool], int]:
    """Return the function that renders ranks `start` to `stop`.

    It returns the first rank that left the list while interpolating, or `stop`.
    Single precision is used where `why_double` has no objection.
    """
    from .kernels import params
    from .kernels.pixel_cpu import render_general
    from .kernels.pixel_tiles import TILE, render_tiles

    flags = simulation.sampling
    running = flags.oversample_thick or flags.oversample_polar or flags.oversample_omega
    if why_double(simulation):
        precision = "double"
    shape, shape_factor = shape_arguments(job.xtal)
    if precision == "single":
        shape = narrowed(shape)
    cubic = None if running else cubic_lookup(simulation.structure_factors)
    arguments = (
        tile_scratch(),
        run_record(job, pixels),
        pixels.active,
        job.beam.incident,
        job.beam.wavelength,
        source_fields(job),
        job.xtal.cell_vectors,
        shape,
    )
    # None, not False: the kernel is then compiled without that part.
    curved = job.det.curved_detector or None
    absorbing = job.det.detector_thick > 0.0 or flags.oversample_thick or None

    def mode(lookup: Lookup) -> tuple:
        factor = shape_factor * lookup.factor
        if running:
            return params.RunningProduct(factor)
        if precision == "single":
            return params.SingleSum(factor, single_reach(job.xtal))
        return params.PlainSum(factor)

    def render_ranks(start: int, stop: int, interpolate: bool) -> int:
        if interpolate and cubic is None:
            return render_general(start, stop, True, *job, pixels, image)
        lookup = cubic
        if not interpolate or lookup is None:
            lookup = nearest_lookup(simulation.structure_factors, precision)
        fell = np.empty(-(-(stop - start) // TILE), np.int64)
        render_tiles(
            start,
            stop,
            *arguments,
            lookup.arguments,
            lookup.table,
            mode(lookup),
            curved,
            absorbing,
            image,
            fell,
        )
        return min(stop, int(fell.min()))

    return render_ranks


def source_fields(job: Job) -> np.ndarray:
    """Return the E and B directions of every source, (sources, 2, 3).

    As `polarization.field_axes`, which would have to be compiled to be called here.
    """
    axis = job.beam.polar_vector.tolist()
    fields = []
    for ray in job.beam.incident.tolist():
        B_in = unit(cross(axis, ray))
        fields.append((unit(cross(ray, B_in)), B_in))
    return np.array(fields, dtype=np.float64)
