# SPDX-License-Identifier: MIT
"""Times of one CUDA device: kernels by its events, transfers by the host."""

import statistics
import time
from typing import Any

import numpy as np

from nbsim.backends import cuda as render_cuda
from nbsim.backends import cuda_device, driver
from nbsim.backends.device import simulated
from nbsim.backends.protocol import Clock
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
    job = driver.with_one_ray(driver.build_job(setup))
    pixels = driver.build_pixels(setup, (0, fpixels - 1, 0, spixels - 1))
    backend = render_cuda.CudaBackend(
        setup, job, pixels, image.reshape(-1), [index], precision
    )
    (device,) = backend.devices
    kernels, uploads, downloads = [], [], []
    with device.current() as cuda:
        clock = HostClock() if simulated() else EventClock(cuda)
    for _ in range(times):
        began = time.perf_counter()
        device.send()
        uploads.append(time.perf_counter() - began)
    backend.listen(clock)
    # The first one compiles and learns the device's speed.
    for _ in range(times + 1):
        clock.seconds = 0.0
        if backend(0, pixels.count, setup.interpolate) < pixels.count:
            raise Disagreement("an index outside the list ended interpolation")
        kernels.append(clock.seconds)
    with device.current() as cuda:
        values = cuda.to_device(image.reshape(-1))
        for _ in range(times):
            began = time.perf_counter()
            values.copy_to_host()
            downloads.append(time.perf_counter() - began)
    median = statistics.median
    return median(kernels[1:]), median(uploads), median(downloads)


class HostClock(Clock):
    """Adds up the seconds of launches by the host's clock.

    For the simulator: its events do not tell time.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0

    def before(self) -> None:
        """Begin."""
        self._began = time.perf_counter()

    def after(self) -> None:
        """Add the time since then."""
        self.seconds += time.perf_counter() - self._began


class EventClock(Clock):
    """Adds up the seconds of launches by the device's own events.

    Parameters
    ----------
    cuda
        The module, with the device as the current one.
    """

    def __init__(self, cuda: Any) -> None:
        self.seconds = 0.0
        self._cuda = cuda
        self._begin, self._end = cuda.event(timing=True), cuda.event(timing=True)
        self._ballast = cuda.device_array(BALLAST, np.float64)

    def before(self) -> None:
        """Keep the device busy until the launch is queued, then begin.

        Otherwise the first event passes at once, and a short kernel's time is that of
        its launch.
        """
        from nbsim.kernels.cuda.measuring import fill

        threads = cuda_device.THREADS_PER_BLOCK
        grid = -(-BALLAST // threads)
        for _ in range(BALLAST_LAUNCHES):
            fill[grid, threads](self._ballast, 0.0)  # pyright: ignore
        self._begin.record()

    def queued(self) -> None:
        """Note where the launch ends."""
        self._end.record()

    def after(self) -> None:
        """Add the time between the two."""
        self.seconds += self._cuda.event_elapsed_time(self._begin, self._end) * 1e-3
