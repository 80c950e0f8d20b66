# SPDX-License-Identifier: MIT
"""How fast processors and CUDA devices are, before anything has been measured.

The numbers, and where they come from, are explained in docs/performance.md.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from .simulator import simulated

#: Threads that a multiprocessor can hold.
THREADS_PER_PROCESSOR = 2048
#: Double-precision instructions of an evaluation, of any kernel but the interpolating
#: ones (docs/performance.md has those of each).
OPERATIONS = 100
#: Part of the peak that is expected.
EFFICIENCY = 0.5
#: Evaluations of a processor thread in a second, nearest F, double precision.
CPU_THREAD_PER_SECOND = 5e8
#: Importing numba's CUDA target and starting the driver, s; then, once in a process,
#: loading a kernel that an earlier one compiled.
START_SECONDS = 1.0
#: Launch, synchronisation and copies of an image, s, and what copies move in a second.
IMAGE_SECONDS = 1e-3
BYTES_PER_SECOND = 6e9


class CardRates(NamedTuple):
    """What a device can do."""

    processors: int
    clock_hz: float
    compute_capability: tuple[int, int]

    @property
    def evaluations_per_second(self) -> float:
        """A cautious guess."""
        operations = self.processors * double_lanes(self.compute_capability)
        return EFFICIENCY * self.clock_hz * operations / OPERATIONS


def double_lanes(compute_capability: tuple[int, int]) -> int:
    """Return the double-precision operations of a multiprocessor in one cycle.

    Data-centre cards do half as many as in single precision, all others a 64th.
    """
    if compute_capability[1] == 0 and compute_capability[0] in (6, 7, 8, 9, 10):
        return 64 if compute_capability[0] >= 9 else 32
    return 2


def rates_of(cuda: Any) -> CardRates:
    """Return the rates of the current device."""
    device = cuda.get_current_device()
    return CardRates(
        processors=device.MULTIPROCESSOR_COUNT,
        clock_hz=device.CLOCK_RATE * 1e3 or 1e9,
        compute_capability=tuple(device.compute_capability),
    )


def expected_speed(cuda: Any) -> float:
    """Return a cautious guess at a device's evaluations per second.

    So that the first launch is neither a second too long nor too small to fill it.
    """
    return 1e5 if simulated() else rates_of(cuda).evaluations_per_second


def threads_at_once(cuda: Any) -> int:
    """Return how many threads fill the current device."""
    if simulated():
        return 8
    return cuda.get_current_device().MULTIPROCESSOR_COUNT * THREADS_PER_PROCESSOR


def seconds_on_processor(evaluations: float, threads: int | None) -> float:
    """Return how long an image takes on the processor."""
    return evaluations / CPU_THREAD_PER_SECOND / (threads or os.cpu_count() or 1)


def seconds_on_device(
    evaluations: float, pixels: float, speed: float, started: bool
) -> float:
    """Return how long an image takes on a device, with starting it.

    Parameters
    ----------
    evaluations, pixels
        Of the image.
    speed
        Evaluations per second.
    started
        Whether this process has used the device before.
    """
    start = 0.0 if started else START_SECONDS
    copies = IMAGE_SECONDS + 4.0 * pixels / BYTES_PER_SECOND
    return start + copies + evaluations / speed
