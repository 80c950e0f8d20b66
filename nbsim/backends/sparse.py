# SPDX-License-Identifier: MIT
"""Sparse rendering on the CPU: from reflections to pixels, band by band.

`kernels/cpu/sparse_band.py` has the overview, `sparse_choice` decides when.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..resolve.run import Setup
from ..threads import count
from .apart import apart
from .c_threads import on_threads
from .cpu import CpuBackend, source_fields
from .cpu_arguments import narrowed, nearest_lookup, run_record, shape_arguments
from .protocol import Clock, Tell, ignore
from .sparse_choice import FIXED, Forecast, plane_distance
from .sparse_frame import Frame
from .sparse_functions import LitLoop

if TYPE_CHECKING:
    from ..kernels.params import Job, Pixels

#: Memory for the hits of a band, and for the tiles' lists of them.
HIT_BYTES, ENTRY_BYTES = 20e6, 16e6
#: Share of it that a band is expected to fill: it is a forecast.
FILL = 0.6
#: One thread's work in a call, s: as often, progress is reported.
CALL_SECONDS = 1.0
#: Below this, starting a thread costs more than it helps, s.
WORTH_THREADS = 2e-3
#: Views whose numbers are looked at to choose a group.
SAMPLE = 256
#: Chunks of views for each thread.
CHUNKS_PER_THREAD = 4


class Part(NamedTuple):
    """One panel of several, as if it were alone, and where its image belongs.

    Attributes
    ----------
    job, pixels
        As for a detector of this panel alone.
    run
        (1,) `cpu_arguments.run_record` of them.
    out
        (slow, fast) float32, its part of the whole image.
    """

    job: Job
    pixels: Pixels
    run: np.ndarray
    out: np.ndarray


class SparseBackend:
    """Renders ranks on the processor's threads, only where there is light.

    Parameters
    ----------
    setup, job, pixels, image
        What is rendered, and the flat float32 image, all 0.
    precision
        "double" or "single".
    forecast
        See `sparse_choice.forecast`.
    """

    name = "cpu"

    def __init__(
        self,
        setup: Setup,
        job: Job,
        pixels: Pixels,
        image: np.ndarray,
        precision: str,
        forecast: Forecast,
    ) -> None:
        self._setup, self._precision = setup, precision
        self._forecast = forecast
        self._clock = Clock()
        worth_it = forecast.sparse_s - FIXED > WORTH_THREADS
        self._threads = count() if worth_it else 1
        # Compiled when the work begins, apart from the main thread.
        self._loop: LitLoop | None = None
        self._done = 0.0
        self._views = len(job.beam.wavelength) * len(job.xtal.cell_vectors)
        self._next, self._stop = np.zeros(1, np.int64), np.zeros(1, np.int64)
        self._keep: dict[str, np.ndarray] = {}
        self._band = self._new_band(job)
        self._turn_to(job, pixels, image, run_record(job, pixels))
        self._group()

    def listen(self, clock: Clock) -> None:
        """Tell a clock about every launch from now on."""
        self._clock = clock

    @property
    def ranks_per_call(self) -> int:
        """How many ranks take about `CALL_SECONDS`: whole rows of tiles."""
        from ..kernels.cpu.sparse_band import TILE_HEIGHT

        pixels = self._pixels
        share = CALL_SECONDS / max(CALL_SECONDS, self._forecast.sparse_s)
        tile_row = TILE_HEIGHT * pixels.width
        return math.ceil(share * pixels.count / tile_row) * tile_row

    def first_pixel(self, rank: int, interpolate: bool) -> tuple[bool, bool]:
        """Render a pixel for which no phi loop has run yet; see `Backend`."""
        dense = CpuBackend(
            self._setup, self._job, self._pixels, self._image, self._precision
        )
        return dense.first_pixel(rank, interpolate)

    def __call__(
        self, start: int, stop: int, interpolate: bool, tell: Tell = ignore
    ) -> int:
        """Render ranks; see `Backend.__call__`."""
        apart(
            lambda: self._render(start, stop),
            lambda: tell(self._done),
            lambda: self._stop.fill(1),
        )
        return stop

    def render_parts(self, parts: Sequence[Part], tell: Tell = ignore) -> None:
        """Render panels one after the other, without a pause between them."""
        done = 0

        def work() -> None:
            nonlocal done
            for part in parts:
                if self._stop[0]:
                    return
                image = np.zeros(part.out.shape, np.float32)
                self._turn_to(part.job, part.pixels, image.reshape(-1), part.run)
                self._render(0, part.pixels.count)
                part.out[...] = image
                done += 1

        apart(work, lambda: tell(done / len(parts)), lambda: self._stop.fill(1))

    def _turn_to(
        self, job: Job, pixels: Pixels, image: np.ndarray, run: np.ndarray
    ) -> None:
        """Go on with a panel; beam and crystal are the same."""
        self._job, self._pixels, self._image, self._run = job, pixels, image, run
        self._frame = frame = Frame(job)
        band, self._keep["image"] = self._band, image
        band["image_at"] = image.ctypes.data
        band["frame"], band["frame_sqr"] = frame.axes, frame.squares
        # Rows and columns of tiles that the memory holds; becomes smaller.
        self._largest = self._expected_to_fit()

    def _render(self, start: int, stop: int) -> None:
        """Render ranks, one band after the other, until there is a reason to stop."""
        from ..kernels.cpu.sparse_band import TILE_HEIGHT, TILE_WIDTH

        if self._loop is None:
            self._loop = self._new_loop()
        rows, columns = self._open(start, stop)
        rows, columns = -(-rows // TILE_HEIGHT), -(-columns // TILE_WIDTH)
        self._clock.before()
        row = column = 0
        while row < rows and not self._stop[0]:
            height = min(self._largest[0], rows - row)
            width = min(self._largest[1], columns - column)
            if not self._render_band(self._loop, column, width, row, height):
                self._largest = (height // 2, width) if height > 1 else (1, width // 2)
                continue
            column += width
            if column >= columns:
                column, row = 0, row + height
            self._done = row / rows
        self._clock.queued()
        self._clock.after()

    def _expected_to_fit(self) -> tuple[int, int]:
        from ..kernels.cpu.sparse_band import HIT, TILE_HEIGHT, TILE_WIDTH

        _, _, ymin, ymax = self._pixel_bounds()
        rows = (ymax - ymin) // TILE_HEIGHT + 1
        columns = (self._pixels.width - 1) // TILE_WIDTH + 1
        hits = self._views * max(1.0, self._forecast.hits)
        share = FILL * HIT_BYTES / (hits * HIT.itemsize)
        if rows * share >= 1.0:
            return int(rows * share), columns
        return 1, max(1, int(columns * rows * share))

    def _new_loop(self) -> LitLoop:
        from ..kernels import params

        job, cutoff = self._job, self._forecast.cutoff
        shape, factor = shape_arguments(job.xtal)
        single = self._precision == "single"
        lookup = nearest_lookup(self._setup.structure_factors, self._precision)
        guard: Any = params.NoGuard()
        if job.sampling.dmin > 0.0:
            guard = params.DminGuard(cutoff, job.sampling.dmin)
        elif cutoff > 0.0 or self._balls_overlap():
            guard = params.Guard(cutoff)
        return LitLoop(
            narrowed(shape) if single else shape,
            lookup,
            guard,
            factor * lookup.factor,
            self._run,
        )

    def _balls_overlap(self) -> bool:
        """Whether a pixel of a box can be nearer to another reflection."""
        job = self._job
        pixel = (
            2.0
            * job.det.pixel_size
            / plane_distance(self._setup.geometry, self._setup.sensor)
        )
        shortest = float(job.beam.wavelength.min()) * 1e10
        reach = math.sqrt(2.0) * (self._forecast.radius + pixel / shortest)
        edges = np.linalg.norm(job.xtal.cell_vectors[0], axis=1) * 1e10
        return reach * float(edges.max()) >= 0.49

    def _new_band(self, job: Job) -> np.ndarray:
        """Fill in what all bands of all panels have in common."""
        from ..kernels.cpu.sparse_band import BAND, GROUP_SCRATCH
        from ..kernels.layout import TILE_SIZE

        kept = self._keep
        kept["fields"] = source_fields(job)
        kept["cells"] = np.ascontiguousarray(job.xtal.cell_vectors)
        beam = job.beam
        kept["rays"] = np.column_stack(
            [beam.incident, 1.0 / beam.wavelength, beam.wavelength, beam.share]
        )
        # Zeros: the float32 sums have to begin so.
        kept["scratch"] = np.zeros((self._threads, TILE_SIZE))
        kept["group_scratch"] = np.empty((self._threads, GROUP_SCRATCH))
        kept["next"], kept["stop"] = self._next, self._stop
        band = np.zeros(1, BAND)
        for name, array in kept.items():
            band[f"{name}_at"] = array.ctypes.data
        cell = job.xtal.cell_vectors[0] * 1e10
        star = np.linalg.inv(cell).T
        G = star @ star.T
        band["views"], band["sources"] = self._views, len(job.beam.wavelength)
        band["orientations"] = len(job.xtal.cell_vectors)
        band["subpixels"] = job.det.oversample
        band["star"] = G[0, 0], G[1, 1], G[2, 2], G[0, 1], G[0, 2], G[1, 2]
        band["lengths"] = np.linalg.norm(cell, axis=1)
        band["radius"] = self._forecast.radius
        band["everything"] = job.sampling.I_bg != 0.0
        return band

    def _group(self) -> None:
        """Fill in how many views are looked at together."""
        band = self._band
        group, self._reflections = self._choose_group(band["lengths"][0])
        groups = -(-self._views // group)
        band["group"] = group
        band["chunks"] = min(CHUNKS_PER_THREAD * self._threads, groups)

    def _choose_group(self, lengths: np.ndarray) -> tuple[int, int]:
        """Return views per group, and how many reflections such a group has.

        The rows of the lattice cost once per group, its reflections once per view; the
        wider the group, the more of them.
        """
        from ..kernels.cpu.sparse_band import LARGEST_GROUP

        job, cast = self._job, self._forecast
        orientations, views = len(job.xtal.cell_vectors), self._views
        number = np.arange(min(views, SAMPLE))
        wavelength = job.beam.wavelength[number // orientations] * 1e10
        stars = np.linalg.inv(job.xtal.cell_vectors[number % orientations] * 1e10)
        rays = job.beam.incident[number // orientations]
        linear = 2.0 * wavelength[:, None] * np.einsum("vx,vxi->vi", rays, stars)
        q = 2.0 / float(wavelength.min())
        q = min(q, self._frame.q_max(self._frame.directions(self._pixel_bounds())))
        rows = 3.2 * q * q * lengths[1] * lengths[2]
        rho = float(wavelength.mean()) * cast.radius
        best = (math.inf, 1, 0)
        size = 1
        while True:
            size = min(size, len(number), LARGEST_GROUP)
            parts = len(number) // size
            of_part = linear[: parts * size].reshape(parts, size, 3)
            squares = wavelength[: parts * size].reshape(parts, size) ** 2
            spread = np.ptp(of_part, axis=1).mean(axis=0) / 2.0
            half = float(np.ptp(squares, axis=1).mean()) / 2.0 * (0.6 * q) ** 2
            half += 0.35 * q * float(spread @ lengths)
            reflections = cast.hits * (1.0 + half / 2.0 / rho)
            cost = (rows * 12e-9 + reflections * 25e-9) / size + reflections * 0.35e-9
            best = min(best, (cost, size, int(reflections)))
            if size in (len(number), LARGEST_GROUP):
                break
            size *= 2
        size = best[1]
        if views >= 64 * self._threads:
            # Enough groups for every thread's chunks.
            size = max(1, min(size, views // (CHUNKS_PER_THREAD * self._threads)))
        return size, best[2]

    def _pixel_bounds(self) -> tuple[int, int, int, int]:
        """Return the first and last column and row of all ranks."""
        return self._bounds_of(0, self._pixels.count)

    def _bounds_of(self, start: int, stop: int) -> tuple[int, int, int, int]:
        pixels, first, last = self._pixels, start, stop - 1
        if len(pixels.active):
            low, high = pixels.active[first], pixels.active[last]
            fpixels = self._job.det.fpixels
            ymin, ymax = int(low) // fpixels, int(high) // fpixels
        else:
            ymin = pixels.ymin + first // pixels.width
            ymax = pixels.ymin + last // pixels.width
        return pixels.xmin, pixels.xmin + pixels.width - 1, ymin, ymax

    def _open(self, start: int, stop: int) -> tuple[int, int]:
        """Begin with some ranks; return the rows and columns of pixels they touch."""
        pixels, band = self._pixels, self._band
        xmin, xmax, ymin, ymax = self._bounds = self._bounds_of(start, stop)
        band["xmin"], band["xmax"] = xmin, xmax
        band["ymin"], band["ymax"] = ymin, ymax
        columns, rows = xmax - xmin + 1, ymax - ymin + 1
        band["mask_at"] = 0
        if len(pixels.active) or columns * rows != stop - start:
            mask = self._keep["mask"] = np.zeros(rows * self._job.det.fpixels, np.uint8)
            flat = pixels.active[start:stop]
            if not len(pixels.active):
                row, column = np.divmod(np.arange(start, stop), pixels.width)
                flat = (pixels.ymin + row) * self._job.det.fpixels + xmin + column
            mask[flat - ymin * self._job.det.fpixels] = 1
            band["mask_at"] = mask.ctypes.data
        return rows, columns

    def _aim(self, column: int, columns: int, row: int, rows: int) -> None:
        """Fill in the geometry of a band of tiles."""
        from ..kernels.cpu.sparse_band import TILE_HEIGHT, TILE_WIDTH

        band, frame, sub = self._band, self._frame, self._job.det.oversample
        xmin, xmax, ymin, ymax = self._bounds
        left, bottom = xmin + column * TILE_WIDTH, ymin + row * TILE_HEIGHT
        right = min(left + columns * TILE_WIDTH - 1, xmax)
        top = min(bottom + rows * TILE_HEIGHT - 1, ymax)
        directions = frame.directions((left, right, bottom, top))
        x0, x1, y0, y1 = left - xmin, right - xmin, bottom - ymin, top - ymin
        band["box"] = x0 * sub, (x1 + 1) * sub - 1, y0 * sub, (y1 + 1) * sub - 1
        band["layers"] = frame.layers(xmin, ymin)
        band["planes"] = frame.planes(directions)
        band["towards"], band["spread"] = frame.ball(directions)
        q_max, dmin = frame.q_max(directions), self._job.sampling.dmin * 1e10
        if dmin > 0.0:
            q_max = min(q_max, (1.0 + 1e-9) / dmin)
        band["q_max"] = q_max + 1.01 * self._forecast.radius
        band["first_column"], band["columns"] = column, columns
        band["first_row"], band["tiles"] = row, columns * rows

    def _render_band(
        self, loop: LitLoop, column: int, columns: int, row: int, rows: int
    ) -> bool:
        """Render a band, or stop; return False where its hits take too much memory."""
        self._aim(column, columns, row, rows)
        band, tiles = self._band, columns * rows
        chunks = int(band["chunks"][0])
        places = self._buffer("places", chunks * tiles, np.int32).reshape(chunks, tiles)
        if not self._find(loop, chunks, tiles):
            return False
        if self._stop[0]:  # not all were found
            return True
        start = self._buffer("start", tiles + 1, np.int64)
        ends = np.cumsum(places.T, dtype=np.int64).reshape(tiles, chunks)
        entries = int(ends[-1, -1])
        if entries * 4 > ENTRY_BYTES and tiles > 1:
            return False
        start[0], start[1:] = 0, ends[:, -1]
        places[:] = ends.T - places
        self._buffer("entries", max(1, entries), np.uint32)
        self._call(loop.functions.sort_hits)
        sizes = np.diff(start)
        todo = np.arange(tiles) if band["everything"][0] else np.flatnonzero(sizes)
        self._buffer("todo", max(1, len(todo)), np.int64)[: len(todo)] = todo
        band["todo"] = len(todo)
        subs = int(band["subpixels"][0]) ** 2
        band["lists"] = lists = subs + 1 + int(sizes.max()) * subs if subs > 1 else 1
        self._buffer("lists", lists * self._threads, np.uint32)
        self._call(loop.functions.render, self._run, loop.record)
        return True

    def _find(self, loop: LitLoop, chunks: int, tiles: int) -> bool:
        """Find the hits of a band; return False where there are too many."""
        from ..kernels.cpu.sparse_band import (
            BLOCK,
            HIT,
            REFLECTION_ROWS,
            TOO_MANY_HITS,
            TOO_MANY_REFLECTIONS,
        )

        band = self._band
        counts = self._buffer("counts", chunks, np.int64)
        hits = int(HIT_BYTES / HIT.itemsize / chunks)
        while True:
            self._buffer("hits", hits * chunks, HIT)
            band["hits"] = hits
            places = (2 * self._reflections + 2000) // BLOCK * BLOCK
            band["reflections"] = places
            self._buffer("reflections", self._threads * REFLECTION_ROWS * places, float)
            self._buffer("flags", self._threads * places // BLOCK, np.uint8)
            self._call(loop.functions.find_hits, loop.lookup, loop.table)
            worst = 0 if self._stop[0] else counts.min()
            if worst == TOO_MANY_REFLECTIONS:
                self._reflections = max(places, 3 * self._reflections)
            elif worst == TOO_MANY_HITS and tiles == 1:
                hits *= 2
            else:
                return worst != TOO_MANY_HITS

    def _buffer(self, name: str, size: int, dtype: Any) -> np.ndarray:
        """Return memory that is kept from band to band, its address in the band."""
        kept = self._keep.get(name)
        if kept is None or len(kept) < size:
            kept = self._keep[name] = np.empty(size, dtype)
            self._band[f"{name}_at"] = kept.ctypes.data
        return kept[:size]

    def _call(self, function: int, *more: np.ndarray) -> None:
        self._next[0] = 0
        addresses = [array.ctypes.data for array in (self._band, *more)]
        on_threads("sparse", function, addresses, self._threads)
