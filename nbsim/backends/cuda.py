# SPDX-License-Identifier: MIT
"""Rendering on CUDA devices: one, or several that share the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from ..resolve.run import Setup
from .cuda_arguments import fast_kernel
from .cuda_device import CudaDevice, pixels_of_ranks
from .device_image import DeviceImage
from .protocol import Clock, Tell, ignore

if TYPE_CHECKING:
    from ..kernels.params import Job, PanelArgs, Pixels

#: Time between two calls of the driver's progress function, s.
CALL_SECONDS = 0.5


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
    on_device
        Whether the image stays on the device, of which there is one then.
    panels
        What differs from panel to panel; None: there is one.
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
        on_device: bool = False,
        panels: PanelArgs | None = None,
    ) -> None:
        factors = setup.structure_factors
        formulas = {False: fast_kernel(factors, job, precision, False)}
        if setup.interpolate:
            formulas[True] = fast_kernel(factors, job, precision, True)
        self._job, self._pixels, self._image = job, pixels, image
        kept = image.size if on_device else 0
        self.devices = [
            CudaDevice(i, job, pixels, formulas, kept, panels) for i in indices
        ]
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
        return max(len(self.devices) * device.wave, int(ranks))

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

    def device_image(
        self, shape: tuple[int, int], by_processor: Sequence[int]
    ) -> DeviceImage:
        """Return the image that stayed on the device.

        Parameters
        ----------
        shape
            (slow, fast).
        by_processor
            Ranks of pixels that the processor rendered.
        """
        (device,) = self.devices
        with device.current():
            for rank in by_processor:
                place = pixels_of_ranks(rank, rank + 1, (self._job, self._pixels))
                first = place.start if isinstance(place, slice) else int(place[0])
                pixel = slice(first, first + 1)
                device.image[pixel].copy_to_device(self._image[pixel])
        return DeviceImage(device.image, shape, device.index)
