# SPDX-License-Identifier: MIT
"""The CPU backend: chooses the kernel for a run and calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..resolve.run import Setup
from ..resolve.vectors import cross, unit
from ..threads import count
from .apart import apart
from .cpu_arguments import (
    cubic_lookup,
    narrowed,
    nearest_lookup,
    run_record,
    shape_arguments,
    spectral_lookups,
    tile_scratch,
)
from .cpu_functions import LaneLoop, tile_kinds
from .protocol import Clock, Tell, ignore

if TYPE_CHECKING:
    from ..kernels.params import Job, PanelArgs, Pixels


class CpuBackend:
    """Renders ranks on the processor's threads.

    Parameters
    ----------
    setup, job, pixels, image
        What is rendered, and the flat float32 image.
    precision
        "double" or "single".
    panels
        Of a detector of several; interpolation, and a first pixel that differs, are
        for one panel at a time.
    """

    name = "cpu"
    #: Ctrl-C and the progress bar decide.
    ranks_per_call = None

    def __init__(
        self,
        setup: Setup,
        job: Job,
        pixels: Pixels,
        image: np.ndarray,
        precision: str,
        panels: PanelArgs | None = None,
    ) -> None:
        self._clock = Clock()
        self._running = job.sampling.running
        self._factors = setup.structure_factors
        self._precision = precision
        self._job, self._pixels, self._image = job, pixels, image
        self._shape, self._shape_factor = shape_arguments(job.xtal)
        if precision == "single":
            self._shape = narrowed(self._shape)
        self._cubic = None
        if not self._running:
            self._cubic = cubic_lookup(self._factors, job.sampling.keep_interpolating)
        self._loops: dict[bool, LaneLoop] = {}
        self._threads = count()
        self._scratch = tile_scratch(self._threads)
        self._run = run_record(job, pixels, panels)
        rays = job.det.detector_thicksteps * job.det.oversample**2
        rays *= len(job.beam.wavelength)
        self._orientations = rays * len(job.xtal.cell_vectors)
        self._arguments = (
            pixels.active,
            job.beam.incident,
            job.beam.wavelength,
            job.beam.share,
            source_fields(job),
            job.xtal.cell_vectors,
            needs_rare(job),
            image,
        )

    def listen(self, clock: Clock) -> None:
        """Tell a clock about every launch from now on."""
        self._clock = clock

    def __call__(
        self, start: int, stop: int, interpolate: bool, tell: Tell = ignore
    ) -> int:
        """Render ranks; see `Backend.__call__`."""
        ends = not self._job.sampling.keep_interpolating
        if interpolate and self._cubic is None and ends:
            return self._render_general(start, stop)
        record = self._loop(interpolate).record.copy()
        doubtful = self._render(start, stop, record, tell)
        for rank in doubtful.tolist():
            # The loops over a tile round differently at the edge of the list.
            if not self._render_pixel(rank, True, False)[0]:
                return rank
        return stop

    def first_pixel(self, rank: int, interpolate: bool) -> tuple[bool, bool]:
        """Render a pixel for which no phi loop has run yet; see `Backend`."""
        if not (interpolate and self._cubic is None):
            record = self._loop(interpolate).record.copy()
            record["first_cells"] = self._job.xtal.first_cell_vectors.ctypes.data
            if not len(self._render(rank, rank + 1, record, ignore)):
                return interpolate, bool(record["first_cells"][0])
        return self._render_pixel(rank, interpolate, True)

    def _render_pixel(
        self, rank: int, interpolate: bool, first: bool
    ) -> tuple[bool, bool]:
        from ..kernels.entries import render_pixel

        def work() -> tuple[bool, bool]:
            return render_pixel(
                rank, interpolate, first, self._job, self._pixels, self._image
            )

        return apart(work, nothing, nothing)

    def _render_general(self, start: int, stop: int) -> int:
        from ..kernels.entries import render_general

        counter = np.zeros(1, np.int64)
        values = (start, stop, True, self._job, self._pixels, self._image, counter)

        def work() -> int:
            return min(render_general.on_threads(values, self._threads))

        return apart(work, nothing, nothing)

    def _render(
        self, start: int, stop: int, loop: np.ndarray, tell: Tell
    ) -> np.ndarray:
        """Render ranks with a loop over tiles; return those that left the list."""
        from ..kernels.entries import render_tiles
        from ..kernels.layout import TILE
        from ..kernels.native import address

        of_tile = (self._run, loop, *self._arguments)
        done = np.zeros(-(-(stop - start) // TILE))
        fell_out = np.zeros(stop - start if loop["interpolates"] else 0, np.uint8)
        counter = np.zeros(1, np.int64)
        rows = (counter, self._scratch, done, fell_out)

        def work() -> None:
            tile = address("cpu.tiles.render_tile", tile_kinds(of_tile))
            threads = min(self._threads, len(done))
            self._clock.before()
            render_tiles.on_threads((start, stop, tile, *rows, *of_tile), threads)
            self._clock.queued()
            self._clock.after()

        apart(
            work,
            lambda: tell(float(done.mean()) / self._orientations),
            lambda: loop["stopped"].fill(1),
        )
        return start + np.flatnonzero(fell_out)

    def _loop(self, interpolate: bool) -> LaneLoop:
        if interpolate not in self._loops:
            self._loops[interpolate] = self._new_loop(interpolate)
        return self._loops[interpolate]

    def _new_loop(self, interpolate: bool) -> LaneLoop:
        if self._job.hkl.follows_energy:
            return self._spectral_loop()
        if interpolate and self._cubic:
            lookup, function = self._cubic, "lanes_cubic.add_cubic"
        else:
            lookup = nearest_lookup(self._factors, self._precision)
            if self._precision == "single":
                one = "lanes_single.add_terms_single"
                many = "lanes_single.add_listed_terms_single"
            elif self._running:
                one = "lanes.multiply_terms"
                many = "lanes_listed.multiply_listed_terms"
            else:
                one, many = "lanes.add_terms", "lanes_listed.add_listed_terms"
            function = one if self._factors.F is None else many
        factor = self._shape_factor * lookup.factor
        return LaneLoop(function, self._shape, lookup, factor, self._running)

    def _spectral_loop(self) -> LaneLoop:
        lookups = spectral_lookups(self._factors, self._job.hkl)
        return LaneLoop(
            "lanes_spectral.add_spectral_terms",
            self._shape,
            lookups[0],
            self._shape_factor,
            of_sources=[lookup.arguments for lookup in lookups],
        )


def nothing() -> None:
    """Do nothing: for work whose progress is not known, and that cannot be stopped."""


def needs_rare(job: Job) -> bool | None:
    """Return True where a tile needs more than the usual, else None.

    None, not False: the kernel is then compiled without what is not needed.
    """
    sampling = job.sampling
    return (
        job.det.curved_detector
        or job.det.detector_thick > 0.0
        or sampling.dmin > 0.0
        or sampling.running
        or sampling.per_ray
        or sampling.weighted
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
