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
#: Instructions of an evaluation, of any kernel but the interpolating ones: those that
#: set its time (docs/performance.md has those of each), in double precision the ones
#: of that unit, in single precision all.
OPERATIONS = {"double": 100, "single": 150}
#: Warp instructions that a multiprocessor starts in a cycle, and threads of a warp.
ISSUED, WARP = 4, 32
#: Double-precision lanes of a multiprocessor that is not made for them.
FEW = 2
#: Part of the peak that is expected.
EFFICIENCY = 0.5
#: Evaluations of a processor thread in a second, nearest F.
CPU_THREAD_PER_SECOND = {"double": 5e8, "single": 1e9}
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

    def evaluations_per_second(self, precision: str = "double") -> float:
        """Return a cautious guess, from what is published about the device."""
        lanes = ISSUED * WARP
        if precision == "double":
            lanes = double_lanes(self.compute_capability)
        operations = self.processors * lanes * self.clock_hz
        return EFFICIENCY * operations / OPERATIONS[precision]


def double_lanes(compute_capability: tuple[int, int]) -> int:
    """Return the double-precision operations of a multiprocessor in one cycle.

    Data-centre cards do half as many as in single precision, all others a 64th.
    """
    if compute_capability[1] == 0 and compute_capability[0] in (6, 7, 8, 9, 10):
        return 64 if compute_capability[0] >= 9 else 32
    return FEW


def doubles_are_slow(cuda: Any) -> bool:
    """Return whether the current device does few operations in double precision."""
    if simulated():
        return False
    return double_lanes(tuple(cuda.get_current_device().compute_capability)) == FEW


def rates_of(cuda: Any) -> CardRates:
    """Return the rates of the current device."""
    device = cuda.get_current_device()
    return CardRates(
        processors=device.MULTIPROCESSOR_COUNT,
        clock_hz=device.CLOCK_RATE * 1e3 or 1e9,
        compute_capability=tuple(device.compute_capability),
    )


def expected_speed(cuda: Any, precision: str = "double") -> float:
    """Return a cautious guess at a device's evaluations per second.

    So that the first launch is neither a second too long nor too small to fill it.
    """
    return 1e5 if simulated() else rates_of(cuda).evaluations_per_second(precision)


def threads_at_once(cuda: Any) -> int:
    """Return how many threads fill the current device."""
    if simulated():
        return 8
    return cuda.get_current_device().MULTIPROCESSOR_COUNT * THREADS_PER_PROCESSOR


def seconds_on_processor(
    evaluations: float, threads: int | None, precision: str = "double"
) -> float:
    """Return how long an image takes on the processor."""
    per_second = CPU_THREAD_PER_SECOND[precision] * (threads or os.cpu_count() or 1)
    return evaluations / per_second


def seconds_on_device(
    evaluations: float, pixels: float, speed: float, started: bool, images: int = 1
) -> float:
    """Return how long an image takes on a device, with starting it.

    Parameters
    ----------
    evaluations, pixels
        Of all images.
    speed
        Evaluations per second.
    started
        Whether this process has used the device before.
    images
        How many there are.
    """
    start = 0.0 if started else START_SECONDS
    copies = IMAGE_SECONDS * images + 4.0 * pixels / BYTES_PER_SECOND
    return start + copies + evaluations / speed
