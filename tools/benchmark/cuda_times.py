# SPDX-License-Identifier: MIT
"""Times of one CUDA device: kernels by its events, transfers by the host."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from nbsim.backends import cuda as render_cuda
from nbsim.backends import driver
from nbsim.backends.device import simulated
from nbsim.simulation import Simulation
from nbsim.tools.benchmark.measure import Disagreement

#: float64 elements, 1 GiB: what the device writes while a launch is prepared.
BALLAST = 2**27
BALLAST_LAUNCHES = 4


def device_times(
    simulation: Simulation,
    image: np.ndarray,
    precision: str,
    index: int,
    times: int,
) -> tuple[float, float, float]:
    """Return the medians of kernel, upload and download, s.

    Parameters
    ----------
    image
        (slow, fast) float32 to render into.
    index
        Number of the device.
    times
        How often each is timed.

    Raises
    ------
    Disagreement
        When interpolation ends inside the image: another image than the one that
        was meant.
    """
    spixels, fpixels = simulation.detector.shape
    setup = simulation.setup
    job = driver.build_job(simulation, setup)
    pixels = driver.build_pixels(simulation, setup, (0, fpixels - 1, 0, spixels - 1))
    backend = render_cuda.CudaBackend(
        simulation, job, pixels, image.reshape(-1), [index], precision
    )
    (device,) = backend._devices
    kernels, uploads, downloads = [], [], []
    with device._current() as cuda:
        clock = host_clock(cuda) if simulated() else event_clock(cuda)
        for _ in range(times):
            began = time.perf_counter()
            device._send(cuda, job, pixels)
            cuda.synchronize()
            uploads.append(time.perf_counter() - began)
    # The first one compiles and learns the device's speed.
    for _ in range(times + 1):
        with timed_launches(device, clock) as spent:
            if backend(0, pixels.count, setup.interpolate) < pixels.count:
                raise Disagreement("an index outside the list ended interpolation")
        kernels.append(sum(spent))
    with device._current() as cuda:
        values = cuda.to_device(image.reshape(-1))
        for _ in range(times):
            began = time.perf_counter()
            values.copy_to_host()
            downloads.append(time.perf_counter() - began)
    median = statistics.median
    return median(kernels[1:]), median(uploads), median(downloads)


class Clock:
    """Stands in for `numba.cuda` in a launch, which waits for the device at its end.

    Parameters
    ----------
    cuda
        The module.
    start
        Called before the launch.
    stop
        Called after it, before the device has finished; returns a function for the
        seconds, to be called when it has.
    """

    def __init__(
        self,
        cuda: Any,
        start: Callable[[], None],
        stop: Callable[[], Callable[[], float]],
    ) -> None:
        self._cuda = cuda
        self.start = start
        self._stop = stop
        self.seconds = 0.0

    def synchronize(self) -> None:
        """Wait for the device, and know the time."""
        seconds = self._stop()
        self._cuda.synchronize()
        self.seconds = seconds()


def event_clock(cuda: Any) -> Clock:
    """Return a clock of the device's own events."""
    from nbsim.kernels.cuda import kernels as pixel_cuda

    begin, end = cuda.event(timing=True), cuda.event(timing=True)
    ballast = cuda.device_array((1, BALLAST), np.float64)
    grid = (-(-BALLAST // render_cuda.THREADS_PER_BLOCK), 1)

    def start() -> None:
        # The device is kept busy until the launch is queued: otherwise the first
        # event passes at once, and a short kernel's time is that of its launch.
        for _ in range(BALLAST_LAUNCHES):
            pixel_cuda.fill[grid, render_cuda.THREADS_PER_BLOCK](  # pyright: ignore
                ballast, 0.0
            )
        begin.record()

    def stop() -> Callable[[], float]:
        end.record()
        return lambda: cuda.event_elapsed_time(begin, end) * 1e-3

    return Clock(cuda, start, stop)


def host_clock(cuda: Any) -> Clock:
    """Return a clock of the host, for the simulator: its events do not tell time."""
    began = 0.0

    def start() -> None:
        nonlocal began
        began = time.perf_counter()

    return Clock(cuda, start, lambda: lambda: time.perf_counter() - began)


@contextmanager
def timed_launches(device: Any, clock: Clock) -> Iterator[list[float]]:
    """Time every launch that adds terms, inside the block; yield their seconds."""
    launch = device._launch
    spent: list[float] = []

    def timed(cuda: Any, work: Any, interpolate: bool, sums: Any) -> None:
        clock.start()
        launch(clock, work, interpolate, sums)
        spent.append(clock.seconds)

    device._launch = timed
    try:
        yield spent
    finally:
        device._launch = launch
