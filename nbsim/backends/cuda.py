# SPDX-License-Identifier: MIT
"""Rendering on CUDA devices: transfers, short launches, several devices."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DeviceError
from ..resolve.run import Setup
from .cuda_arguments import FastKernel, fast_kernel, job_by_value
from .device import device_errors, simulated
from .protocol import Clock, Tell, ignore

if TYPE_CHECKING:
    from ..kernels.cuda.params import Work
    from ..kernels.params import Job, Pixels

#: A launch is made about this long, s: Ctrl-C is answered between launches.
LAUNCH_SECONDS = 0.2
#: Double-precision operations of an evaluation, for a first guess at the speed.
OPERATIONS = 100
#: Part of the peak that the first guess expects.
EFFICIENCY = 0.5
#: Time between two calls of the driver's progress function, s.
CALL_SECONDS = 0.5
THREADS_PER_BLOCK = 128
#: Threads that keep a multiprocessor busy.
THREADS_PER_PROCESSOR = 2048
#: Largest number of rows of a grid (hardware: 65535).
MOST_PARTS = 1024
#: Part of the free device memory that a block of rows may take.
MEMORY_SHARE = 0.5


class CudaDevice:
    """One device with a job's tables in its memory.

    Everything is done inside calls of one thread, which numba binds to the device.

    Parameters
    ----------
    index
        Number of the device.
    job, pixels
        What is rendered.
    formulas
        The fast kernels without and with interpolation, None where C's order of
        operations matters.

    Attributes
    ----------
    clock
        Told about every launch that adds terms.
    """

    def __init__(
        self,
        index: int,
        job: Job,
        pixels: Pixels,
        formulas: dict[bool, FastKernel | None],
    ) -> None:
        self.index = index
        self.clock = Clock()
        self._measured: set[Any] = set()
        self._host = job, pixels
        self._formulas = formulas
        self._interrupted = threading.Event()
        self.send()

    @contextmanager
    def current(self) -> Iterator[Any]:
        """Yield `numba.cuda` with this device as the current one."""
        from numba import cuda

        with device_errors(self.index), cuda.gpus[self.index]:
            yield cuda

    def send(self) -> None:
        """Copy the tables to the device."""
        with self.current() as cuda:
            self._send(cuda, *self._host)
            cuda.synchronize()

    def _send(self, cuda: Any, job: Job, pixels: Pixels) -> None:
        in_order = None in self._formulas.values()
        job = job_by_value(job)
        beam, xtal, hkl = job.beam, job.xtal, job.hkl
        cells = cuda.to_device(xtal.cell_vectors)
        self._flat_cells = cells.reshape(cells.size)
        self._job = job._replace(
            beam=beam._replace(
                incident=cuda.to_device(beam.incident),
                wavelength=cuda.to_device(beam.wavelength),
                share=cuda.to_device(beam.share),
            ),
            xtal=xtal._replace(cell_vectors=cells, first_cell_vectors=cells),
            # The fast kernels have their own table.
            hkl=hkl._replace(
                F=cuda.to_device(hkl.F if in_order else hkl.F[:1, :1, :1]),
                parts=cuda.to_device(
                    hkl.parts if in_order else hkl.parts[:1, :1, :1].copy()
                ),
                coefficients=cuda.to_device(hkl.coefficients),
            ),
        )
        self._pixels = pixels._replace(active=cuda.to_device(pixels.active))
        self._tables = {
            formula: cuda.to_device(formula.table)
            for formula in self._formulas.values()
            if formula is not None
        }
        self._fell_out = cuda.to_device(np.zeros(1, np.int64))
        self._wave = _threads_at_once(cuda)
        self.evaluations_per_second = expected_speed(cuda)

    @property
    def rays(self) -> int:
        """Layers x subpixels x sources."""
        det, beam = self._host[0].det, self._host[0].beam
        return det.detector_thicksteps * det.oversample**2 * len(beam.wavelength)

    @property
    def orientations(self) -> int:
        """Phi steps x mosaic domains."""
        return len(self._host[0].xtal.cell_vectors)

    def interrupt(self) -> None:
        """Make a call in another thread return after the launch that is running."""
        self._interrupted.set()

    def render(self, start: int, stop: int, interpolate: bool, image: Any) -> int:
        """Render ranks; see `Backend.__call__`.

        Parameters
        ----------
        image
            float32, flat, on the host.
        """
        self._interrupted.clear()
        with self.current() as cuda:
            low = start
            while low < stop:
                in_order = self._formulas[interpolate] is None
                parts = 1 if in_order else self._parts(stop - low)
                high = min(stop, low + self._ranks_that_fit(cuda, parts))
                reached = self._render_block(cuda, low, high, interpolate, parts, image)
                if reached < high:
                    return reached
                low = high
        return stop

    def _parts(self, ranks: int) -> int:
        """Return among how many rows of a grid few pixels' orientations are dealt."""
        from ..kernels.cuda.params import STAGE

        stages = -(-self.orientations // STAGE)
        return max(1, min(stages, MOST_PARTS, 2 * self._wave // ranks))

    def _ranks_that_fit(self, cuda: Any, parts: int) -> int:
        free = cuda.current_context().get_memory_info()[0]
        bytes_per_rank = 8 * parts + 4
        if math.isinf(free):
            return 2**40
        ranks = int(free * MEMORY_SHARE) // bytes_per_rank
        if ranks < THREADS_PER_BLOCK:
            raise DeviceError(f"cuda:{self.index}: out of device memory")
        return ranks

    def _render_block(
        self,
        cuda: Any,
        start: int,
        stop: int,
        interpolate: bool,
        parts: int,
        image: np.ndarray,
    ) -> int:
        from ..kernels.cuda import kernels as pixel_cuda

        sampling = self._job.sampling
        sums = cuda.device_array((parts, stop - start), np.float64)
        values = cuda.device_array(stop - start, np.float32)
        formula = self._formulas[interpolate]
        # Weighted rays bring their background and the constant factor along.
        begin = 0.0 if sampling.per_ray else sampling.I_bg
        background, factor = 0.0, 1.0
        if formula and not sampling.per_ray:
            begin, background, factor = 0.0, sampling.I_bg, formula.factor
        grid = (_blocks(stop - start), parts)
        # numba has no types for a kernel's launch configuration.
        pixel_cuda.fill[grid, _threads()](sums, begin)  # pyright: ignore
        self._fell_out.copy_to_device(np.array([stop]))
        self._add_all_terms(cuda, start, stop, interpolate, sums)
        reached = min(stop, int(self._fell_out.copy_to_host()[0]))
        pixel_cuda.finish[_blocks(stop - start), _threads()](  # pyright: ignore
            start, stop, background, factor, self._job, self._pixels, sums, values
        )
        photons = values.copy_to_host()[: reached - start]
        place = pixels_of_ranks(start, reached, self._host)
        image[place] = photons
        return reached

    def _add_all_terms(
        self, cuda: Any, start: int, stop: int, interpolate: bool, sums: Any
    ) -> None:
        low, parts = start, sums.shape[0]
        while low < stop:
            high = stop if parts > 1 else low + self._ranks_per_launch(stop - low)
            for work in self._slices(low, high, start, parts):
                self._launch(cuda, work, interpolate, sums)
            low = high

    def _ranks_per_launch(self, ranks: int) -> int:
        """Return how many pixels share a launch: whole waves where time allows."""
        evaluations = self.evaluations_per_second * LAUNCH_SECONDS
        fitting = int(evaluations / (self.rays * self.orientations))
        return min(ranks, max(fitting, self._wave))

    def _slices(
        self, start: int, stop: int, sums_start: int, parts: int
    ) -> Iterator[Work]:
        """Yield the launches for some pixels, in the order of the loop nest."""
        from ..kernels.cuda.params import STAGE, Work

        ray = 0
        while ray < self.rays:
            budget = self.evaluations_per_second * LAUNCH_SECONDS / (stop - start)
            rays = max(1, min(int(budget / self.orientations), self.rays - ray))
            step = self.orientations
            if rays == 1:
                stages = max(1, int(budget / (STAGE * parts)))
                step = min(stages * STAGE * parts, self.orientations)
            for low in range(0, self.orientations, step):
                high = min(low + step, self.orientations)
                yield Work(
                    start=start,
                    stop=stop,
                    sums_start=sums_start,
                    ray_start=ray,
                    ray_stop=ray + rays,
                    orientation_start=low,
                    orientation_stop=high,
                    orientations_per_part=-(-(high - low) // parts),
                )
            ray += rays

    def _launch(self, cuda: Any, work: Work, interpolate: bool, sums: Any) -> None:
        from ..kernels.cuda import kernels as pixel_cuda

        if self._interrupted.is_set():
            raise KeyboardInterrupt
        formula = self._formulas[interpolate]
        self.clock.before()
        started = time.perf_counter()
        if formula is None:
            kernel = pixel_cuda.add_terms_in_order
            kernel[_blocks(work.stop - work.start), _threads()](  # pyright: ignore
                work, interpolate, self._job, self._pixels, sums, self._fell_out
            )
        else:
            kernel = pixel_cuda.add_terms_kernel(
                formula.form,
                formula.lookup,
                self._job.sampling.per_ray,
                formula.parts,
            )
            grid = (_blocks(work.stop - work.start), sums.shape[0])
            kernel[grid, _threads()](  # pyright: ignore
                work,
                self._job,
                self._pixels,
                self._flat_cells,
                formula.spot,
                formula.box,
                self._tables[formula],
                formula.factor,
                sums,
                self._fell_out,
            )
        self.clock.queued()
        cuda.synchronize()
        self.clock.after()
        self._learn(kernel, work, time.perf_counter() - started)

    def _learn(self, kernel: Any, work: Work, seconds: float) -> None:
        """Estimate the speed from a launch; a kernel's first one includes compiling."""
        if kernel not in self._measured:
            self._measured.add(kernel)
            return
        evaluations = float(work.stop - work.start)
        evaluations *= work.ray_stop - work.ray_start
        evaluations *= work.orientation_stop - work.orientation_start
        speed = evaluations / max(seconds, 1e-6)
        # A short launch measures its own overhead: never trust it for a long one.
        self.evaluations_per_second = min(speed, 8.0 * self.evaluations_per_second)


def _threads() -> int:
    # The simulator makes every CUDA thread a thread of the operating system.
    return 8 if simulated() else THREADS_PER_BLOCK


def _blocks(ranks: int) -> int:
    return -(-ranks // _threads())


def _threads_at_once(cuda: Any) -> int:
    if simulated():
        return 8
    processors = cuda.get_current_device().MULTIPROCESSOR_COUNT
    return processors * THREADS_PER_PROCESSOR


def double_lanes(compute_capability: tuple[int, int]) -> int:
    """Return the double-precision operations of a multiprocessor in one cycle."""
    if compute_capability[1] == 0 and compute_capability[0] in (6, 7, 8, 9, 10):
        return 64 if compute_capability[0] >= 9 else 32
    return 2


def expected_speed(cuda: Any) -> float:
    """Return a cautious guess at a device's evaluations per second.

    So that the first launch is neither a second too long nor too small to fill it.
    """
    if simulated():
        return 1e5
    device = cuda.get_current_device()
    operations = device.MULTIPROCESSOR_COUNT * double_lanes(device.compute_capability)
    clock_hz = device.CLOCK_RATE * 1e3 or 1e9
    return EFFICIENCY * clock_hz * operations / OPERATIONS


def pixels_of_ranks(start: int, stop: int, host: tuple[Job, Pixels]) -> Any:
    """Return the elements of the flat image that ranks stand for: slice or array."""
    job, pixels = host
    fpixels = job.det.fpixels
    if len(pixels.active):
        return pixels.active[start:stop]
    if pixels.width == fpixels:
        first = pixels.ymin * fpixels
        return slice(first + start, first + stop)
    rank = np.arange(start, stop)
    row, column = np.divmod(rank, pixels.width)
    return (pixels.ymin + row) * fpixels + pixels.xmin + column


class CudaBackend:
    """Renders ranks on one device, or shares them out among several.

    Parameters
    ----------
    setup, job, pixels, image
        What is rendered, and the flat float32 image on the host.
    indices
        Numbers of the devices.
    precision
        "double" or "single".
    executor
        Makes the pool that runs one thread for each device.
    """

    def __init__(
        self,
        setup: Setup,
        job: Job,
        pixels: Pixels,
        image: np.ndarray,
        indices: Sequence[int],
        precision: str,
        executor: Callable[[int], Executor] = ThreadPoolExecutor,
    ) -> None:
        factors = setup.structure_factors
        formulas = {False: fast_kernel(factors, job, precision, False)}
        if setup.interpolate:
            formulas[True] = fast_kernel(factors, job, precision, True)
        self._job, self._pixels, self._image = job, pixels, image
        self.devices = [CudaDevice(i, job, pixels, formulas) for i in indices]
        self._executor = executor
        self.name = "cuda:" + ",".join(str(i) for i in indices)

    def listen(self, clock: Clock) -> None:
        """Tell a clock about every launch from now on, of any device."""
        for device in self.devices:
            device.clock = clock

    @property
    def ranks_per_call(self) -> int | None:
        """How many ranks take about `CALL_SECONDS`."""
        device = self.devices[0]
        speed = sum(d.evaluations_per_second for d in self.devices)
        ranks = CALL_SECONDS * speed / (device.rays * device.orientations)
        return max(len(self.devices) * device._wave, int(ranks))

    def first_pixel(self, rank: int, interpolate: bool) -> tuple[bool, bool]:
        """Render a pixel on the processor; see `Backend.first_pixel`."""
        from ..kernels.entries import render_pixel

        return render_pixel(
            rank, interpolate, True, self._job, self._pixels, self._image
        )

    def __call__(
        self, start: int, stop: int, interpolate: bool, tell: Tell = ignore
    ) -> int:
        """Render ranks; see `Backend.__call__`. A call is too short to tell of it."""
        if len(self.devices) == 1:
            return self.devices[0].render(start, stop, interpolate, self._image)
        bounds = np.linspace(start, stop, len(self.devices) + 1).astype(int).tolist()
        with self._executor(len(self.devices)) as pool:
            shares = [
                pool.submit(device.render, low, high, interpolate, self._image)
                for device, low, high in zip(self.devices, bounds, bounds[1:])
            ]
            try:
                reached = [share.result() for share in shares]
            except BaseException:
                for device in self.devices:
                    device.interrupt()
                raise
        for got, high in zip(reached, bounds[1:]):
            if got < high:
                return got
        return stop
