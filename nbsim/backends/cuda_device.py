# SPDX-License-Identifier: MIT
"""One CUDA device at work: tables there, short launches, photons back."""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import DeviceError
from . import cuda_memory
from .cuda_arguments import FastKernel, job_by_value, panel_tables, split_cells
from .device import device_errors
from .protocol import Clock
from .rates import doubles_are_slow, expected_speed, threads_at_once
from .simulator import simulated

if TYPE_CHECKING:
    from ..kernels.cuda.params import InParts, PanelTables, Work
    from ..kernels.params import Job, PanelArgs, Pixels

#: A launch is made about this long, s: Ctrl-C is answered between launches.
LAUNCH_SECONDS = 0.2
THREADS_PER_BLOCK = 128
#: Largest number of rows of a grid (hardware: 65535).
MOST_PARTS = 1024
#: Part of the free device memory that a block of rows may take.
MEMORY_SHARE = 0.5
#: float32 elements before the photons: the mark of an index outside the list, and
#: space that keeps the photons on a boundary of 256 bytes.
HEAD = 64


class Arrays(NamedTuple):
    """What the launches of some ranks write, on the device."""

    sums: Any  # (parts, ranks) float64; (1, 1) where no launch leaves any
    arrived: Any  # (blocks,) int32
    values: Any  # flat float32
    fell_out: Any  # (1,) int64


class Inputs(NamedTuple):
    """What launches read that is the same for all of them, on the device."""

    job: Job  # with vectors by value
    pixels: Pixels
    panels: PanelTables
    cells: Any  # (orientations * 9,) float64; int64 where `splitting` says how
    splitting: InParts | None


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
    image_pixels
        Pixels of an image that stays on the device; 0: there is none.
    panels
        What differs from panel to panel; None: there is one.

    Attributes
    ----------
    clock
        Told about every launch that adds terms.
    image
        (slow * fast,) float32 on the device, or None.
    """

    def __init__(
        self,
        index: int,
        job: Job,
        pixels: Pixels,
        formulas: dict[bool, FastKernel | None],
        image_pixels: int = 0,
        panels: PanelArgs | None = None,
    ) -> None:
        self.index = index
        self.clock = Clock()
        self._measured: set[Any] = set()
        self._learns = True
        self._host = job, pixels
        self._host_panels = panel_tables(panels)
        self._formulas = formulas
        self._interrupted = threading.Event()
        self._memory = cuda_memory.borrow(index)
        weakref.finalize(self, cuda_memory.give_back, index, self._memory)
        self.image: Any = None
        with self.current() as cuda:
            self._wave = threads_at_once(cuda)
            precision = "single" if self._single else "double"
            self.evaluations_per_second = expected_speed(cuda, precision)
            self._in_whole_numbers = self._single and doubles_are_slow(cuda)
            if image_pixels:
                self.image = self._dark_image(cuda, image_pixels)
        self.send()

    @contextmanager
    def current(self) -> Iterator[Any]:
        """Yield `numba.cuda` with this device as the current one."""
        from numba import cuda

        with device_errors(self.index), cuda.gpus[self.index]:
            yield cuda

    def send(self) -> None:
        """Copy to the device what has changed since the last image there."""
        with self.current() as cuda:
            self._send(cuda, *self._host)

    def _send(self, cuda: Any, job: Job, pixels: Pixels) -> None:
        in_order = None in self._formulas.values()
        job = job_by_value(job)
        beam, xtal, hkl = job.beam, job.xtal, job.hkl

        def table(name: str, host: np.ndarray) -> Any:
            return self._memory.table(cuda, name, host)

        # The fast kernels have their own table of F.
        F = hkl.F if in_order else hkl.F[:1, :1, :1].copy()
        parts = hkl.parts if in_order else hkl.parts[:1, :1, :1].copy()
        flat, splitting = xtal.cell_vectors.reshape(-1), None
        if self._in_whole_numbers:
            flat, splitting = split_cells(job)
        flat_cells = table("cells", flat)
        # Only what keeps C's order looks at them here.
        cells = flat_cells.reshape(len(flat) // 9, 3, 3)
        job = job._replace(
            beam=beam._replace(
                incident=table("incident", beam.incident),
                wavelength=table("wavelength", beam.wavelength),
                share=table("share", beam.share),
            ),
            xtal=xtal._replace(cell_vectors=cells, first_cell_vectors=cells),
            hkl=hkl._replace(
                F=table("F", F),
                parts=table("parts", parts),
                coefficients=table("coefficients", hkl.coefficients),
            ),
        )
        numbers, places = self._host_panels
        self._inputs = Inputs(
            job=job,
            pixels=pixels._replace(active=table("active", pixels.active)),
            panels=self._host_panels._replace(
                numbers=table("panels", numbers), places=table("places", places)
            ),
            cells=flat_cells,
            splitting=splitting,
        )
        self._tables = {
            formula: table(f"table {interpolate}", formula.table)
            for interpolate, formula in self._formulas.items()
            if formula is not None
        }

    @property
    def _single(self) -> bool:
        """Whether all kernels are in single precision."""
        from ..kernels.cuda.params import SINGLE

        formulas = self._formulas.values()
        return all(one is not None and one.form in SINGLE for one in formulas)

    def _dark_image(self, cuda: Any, count: int) -> Any:
        """Return an image for somebody to keep, 0 where nothing will be rendered."""
        if self._host[1].count == count:
            return cuda.device_array(count, np.float32)
        return cuda.to_device(np.zeros(count, np.float32))

    @property
    def rays(self) -> int:
        """Layers x subpixels x sources."""
        det, beam = self._host[0].det, self._host[0].beam
        return det.detector_thicksteps * det.oversample**2 * len(beam.wavelength)

    @property
    def orientations(self) -> int:
        """Phi steps x mosaic domains."""
        return len(self._host[0].xtal.cell_vectors)

    @property
    def wave(self) -> int:
        """How many pixels keep the device busy."""
        return self._wave

    def interrupt(self) -> None:
        """Make a call in another thread return after the launch that is running."""
        self._interrupted.set()

    def keep_speed(self, evaluations_per_second: float) -> None:
        """Cut the work for this speed, whatever is measured, and into small parts."""
        self.evaluations_per_second = evaluations_per_second
        self._wave = 1
        self._learns = False

    def render(self, start: int, stop: int, interpolate: bool, image: Any) -> int:
        """Render ranks; see `Backend.__call__`.

        Parameters
        ----------
        image
            float32, flat, on the host; not used where the image stays on the device.
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
        works = list(self._works(start, stop, parts))
        alone = parts == 1 and all(work.first and work.last for work in works)
        arrays, buffer = self._arrays(cuda, stop - start, parts, alone)
        if interpolate:
            arrays.fell_out.copy_to_device(np.array([stop]))
        for work in works:
            self._launch(cuda, work, interpolate, arrays)
        if self.image is not None:
            if not interpolate:
                return stop
            return min(stop, int(arrays.fell_out.copy_to_host()[0]))
        return self._fetch(buffer, start, stop, interpolate, image)

    def _arrays(
        self, cuda: Any, ranks: int, parts: int, alone: bool
    ) -> tuple[Arrays, Any]:
        """Return what the launches write to, and the buffer that is copied back."""
        memory = self._memory
        shape = (1, 1) if alone else (parts, ranks)
        sums = memory.room(cuda, "sums", math.prod(shape), np.float64)
        count = HEAD if self.image is not None else HEAD + ranks
        buffer = memory.room(cuda, "photons", count, np.float32)
        arrays = Arrays(
            sums=sums.reshape(*shape),
            arrived=memory.zeros(cuda, "arrived", _blocks(ranks), np.int32),
            values=buffer[HEAD:] if self.image is None else self.image,
            fell_out=buffer[:2].view(np.int64),
        )
        return arrays, buffer

    def _fetch(
        self, buffer: Any, start: int, stop: int, interpolate: bool, image: np.ndarray
    ) -> int:
        """Copy the photons of ranks into the image; return up to which they count."""
        if not interpolate:
            place = pixels_of_ranks(start, stop, self._host)
            if isinstance(place, slice):
                buffer[HEAD:].copy_to_host(image[place])
            else:
                image[place] = buffer[HEAD:].copy_to_host()
            return stop
        # The mark comes along: two copies take longer than some more bytes.
        found = buffer.copy_to_host()
        reached = min(stop, int(found[:2].view(np.int64)[0]))
        place = pixels_of_ranks(start, reached, self._host)
        image[place] = found[HEAD : HEAD + reached - start]
        return reached

    def _works(self, start: int, stop: int, parts: int) -> Iterator[Work]:
        """Yield the launches for some ranks."""
        low = start
        while low < stop:
            high = stop if parts > 1 else low + self._ranks_per_launch(stop - low)
            yield from self._slices(low, high, start, parts)
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
                    first=ray == 0 and low == 0,
                    last=ray + rays == self.rays and high == self.orientations,
                )
            ray += rays

    def _launch(self, cuda: Any, work: Work, interpolate: bool, arrays: Arrays) -> None:
        if self._interrupted.is_set():
            raise KeyboardInterrupt
        formula = self._formulas[interpolate]
        width = 0 if self.image is None else self._inputs.job.det.fpixels
        table = None if formula is None else self._tables[formula]
        kernel, arguments = kernel_and_arguments(
            work,
            interpolate,
            self._inputs,
            formula,
            table,
            width,
            arrays,
        )
        grid = (_blocks(work.stop - work.start), arrays.sums.shape[0])
        self.clock.before()
        started = time.perf_counter()
        # numba has no types for a kernel's launch configuration.
        kernel[grid, threads_per_block()](*arguments)  # pyright: ignore
        self.clock.queued()
        cuda.synchronize()
        self.clock.after()
        self._learn(kernel, work, time.perf_counter() - started)

    def _learn(self, kernel: Any, work: Work, seconds: float) -> None:
        """Estimate the speed from a launch; a kernel's first one includes compiling."""
        if kernel not in self._measured or not self._learns:
            self._measured.add(kernel)
            return
        evaluations = float(work.stop - work.start)
        evaluations *= work.ray_stop - work.ray_start
        evaluations *= work.orientation_stop - work.orientation_start
        speed = evaluations / max(seconds, 1e-6)
        # A short launch measures its own overhead: never trust it for a long one.
        self.evaluations_per_second = min(speed, 8.0 * self.evaluations_per_second)


def kernel_and_arguments(
    work: Work,
    interpolate: bool,
    inputs: Inputs,
    formula: FastKernel | None,
    table: Any,
    width: int,
    arrays: Arrays,
) -> tuple[Any, tuple[Any, ...]]:
    """Return the kernel of a launch and what it is called with.

    Parameters
    ----------
    work
        What it covers.
    interpolate
        Whether interpolation is on.
    inputs
        What all launches read.
    formula
        The fast kernel; None where C's order of operations matters.
    table
        Its table of F.
    width
        Pixels in a row of the image that `arrays.values` is; 0: it is in the order of
        ranks.
    arrays
        What is written.
    """
    from ..kernels.cuda import kernels as pixel_cuda
    from ..kernels.cuda.params import Ending, InParts

    job, pixels, panels, cells, splitting = inputs
    sampling = job.sampling
    begin = 0.0 if sampling.per_ray else sampling.I_bg
    if formula is None:
        ending = Ending(begin=begin, background=0.0, factor=1.0, width=width)
        arguments = (work, interpolate, job, pixels, panels, ending)
        written = (arrays.sums, arrays.values, arrays.fell_out)
        return pixel_cuda.add_terms_in_order, (*arguments, *written)
    kernel = pixel_cuda.add_terms_kernel(
        formula.form,
        formula.lookup,
        sampling.per_ray,
        formula.parts,
        job.det.curved_detector,
        len(panels.places) > 0,
        splitting is not None,
    )
    ending = Ending(begin=0.0, background=begin, factor=formula.factor, width=width)
    splitting = splitting or InParts(1.0, np.int32(0))
    tables = (cells, splitting, formula.spot, formula.box, table)
    return kernel, (work, job, pixels, panels, *tables, ending, *arrays)


def threads_per_block() -> int:
    """Return so many; the simulator makes each a thread of the operating system."""
    return 8 if simulated() else THREADS_PER_BLOCK


def _blocks(ranks: int) -> int:
    return -(-ranks // threads_per_block())


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
