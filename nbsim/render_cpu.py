# SPDX-License-Identifier: MIT
"""The CPU backend: chooses the kernel for a run and calls it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .compiled import LaneLoop, c_function, tile_types
from .lane_arguments import (
    cubic_lookup,
    narrowed,
    nearest_lookup,
    run_record,
    shape_arguments,
    tile_scratch,
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
    """
    from .kernels.lanes import TILE, add_terms, multiply_terms
    from .kernels.lanes_cubic import add_cubic
    from .kernels.lanes_single import add_terms_single
    from .kernels.pixel_cpu import render_general
    from .kernels.pixel_tiles import render_tile, render_tiles

    flags = simulation.sampling
    running = flags.oversample_thick or flags.oversample_polar or flags.oversample_omega
    factors = simulation.structure_factors
    shape, shape_factor = shape_arguments(job.xtal)
    if precision == "single":
        shape = narrowed(shape)
    cubic = None if running else cubic_lookup(factors)

    @functools.cache
    def loop(interpolate: bool) -> LaneLoop:
        if interpolate and cubic:
            return LaneLoop(add_cubic, shape, cubic, shape_factor * cubic.factor)
        function = multiply_terms if running else add_terms
        if precision == "single":
            function = add_terms_single
        lookup = nearest_lookup(factors, precision)
        return LaneLoop(function, shape, lookup, shape_factor * lookup.factor)

    scratch, run = tile_scratch(), run_record(job, pixels)
    arguments = (
        pixels.active,
        job.beam.incident,
        job.beam.wavelength,
        source_fields(job),
        job.xtal.cell_vectors,
        needs_rare(job),
        image,
    )

    def render_ranks(start: int, stop: int, interpolate: bool) -> int:
        if interpolate and cubic is None:
            return render_general(start, stop, True, *job, pixels, image)
        of_tile = (run, loop(interpolate).record, *arguments)
        function = c_function(render_tile, tile_types(of_tile)).address
        fell = np.empty(-(-(stop - start) // TILE), np.int64)
        render_tiles(start, stop, function, scratch, *of_tile, fell)
        return min(stop, int(fell.min()))

    return render_ranks


def needs_rare(job: Job) -> bool | None:
    """Return True where a tile needs more than the usual, else None.

    None, not False: the kernel is then compiled without what is not needed.
    """
    sampling = job.sampling
    return (
        job.det.curved_detector
        or job.det.detector_thick > 0.0
        or sampling.dmin > 0.0
        or sampling.oversample_thick
        or sampling.oversample_polar
        or sampling.oversample_omega
        or None
    )


def source_fields(job: Job) -> np.ndarray:
    """Return the E and B directions of every source, (2, sources, 3).

    As `polarization.field_axes`, which would have to be compiled to be called here.
    """
    axis = job.beam.polar_vector.tolist()
    rays = job.beam.incident.tolist()
    B_in = [unit(cross(axis, ray)) for ray in rays]
    E_in = [unit(cross(ray, B)) for ray, B in zip(rays, B_in)]
    return np.array([E_in, B_in], dtype=np.float64)
