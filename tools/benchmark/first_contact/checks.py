# SPDX-License-Identifier: MIT
"""What a CUDA device is, and whether it renders what it should."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nbsim.backends import cuda_memory, device, driver
from nbsim.backends.cuda import CudaBackend
from nbsim.backends.cuda_device import LAUNCH_SECONDS
from nbsim.backends.rates import rates_of
from nbsim.backends.simulator import simulated
from nbsim.errors import DeviceError
from nbsim.simulation import Simulation
from nbsim.tools.benchmark.first_contact import lines
from nbsim.tools.benchmark.first_contact.record import Deadline, Found
from nbsim.tools.golden.cases import Case, read_cases
from nbsim.tools.image_difference import image_difference
from nbsim.tools.tolerances import (
    GOLDEN_PEAK,
    GOLDEN_RELATIVE,
    SINGLE_PEAK,
    SINGLE_RELATIVE,
    TWIN_PEAK,
    TWIN_RELATIVE,
)

GOLDEN = {
    "double": (GOLDEN_PEAK, GOLDEN_RELATIVE),
    "single": (SINGLE_PEAK, SINGLE_RELATIVE),
}
TWIN = {
    "double": (TWIN_PEAK, TWIN_RELATIVE),
    "single": (SINGLE_PEAK, SINGLE_RELATIVE),
}
#: What Ctrl-C may take, s.
LATENCY = 1.0
#: Golden cases whose image depends on pixels outside a small window.
WHOLE_ONLY = {"interpolate_default_pattern"}


def facts(_: Deadline) -> Iterator[Found]:
    """Yield what the machine is."""
    import numba

    yield "Python", platform.python_version(), None
    yield "numpy", np.__version__, None
    yield "numba", numba.__version__, None
    yield "processors", os.cpu_count(), None
    yield "device", device.device_lines()[0], None
    if simulated():
        return
    import importlib.metadata

    yield "numba-cuda", importlib.metadata.version("numba-cuda"), None
    from numba import cuda

    driver_calls: Any = cuda.cudadrv
    for name in ("get_driver_version", "get_version"):
        reader = getattr(driver_calls.driver.driver, name, None)
        if reader is not None:
            yield f"driver, {name}", reader(), None
    with cuda.gpus[0]:
        card = rates_of(cuda)
        yield "multiprocessors", card.processors, None
        yield "clock, GHz", card.clock_hz * 1e-9, None
        for precision in GOLDEN:
            expected = card.evaluations_per_second(precision)
            yield f"expected evaluations / s, {precision}", expected, None
    said = _nvidia_smi()
    if said:
        yield "nvidia-smi", said, None


def _nvidia_smi() -> str:
    query = "name,driver_version,clocks.max.sm,clocks.sm,power.limit,temperature.gpu"
    words = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"]
    try:
        ran = subprocess.run(words, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout.strip()


def compile_kernels(deadline: Deadline) -> Iterator[Found]:
    """Yield time, registers and local memory of every kernel."""
    from nbsim.tools.machine_code import kernels

    capability = device.describe(0).compute_capability
    for name, kernel, arguments in kernels.launches(capability):
        if deadline.passed:
            return
        if simulated():
            yield name, "the simulator compiles nothing", None
            continue
        from numba import cuda, typeof

        began = time.perf_counter()
        with cuda.gpus[0]:
            made = kernel.compile(tuple(typeof(argument) for argument in arguments))
        found = {
            "s": time.perf_counter() - began,
            "registers": made.regs_per_thread,
            "local": made.local_mem_per_thread,
        }
        right = name == kernels.IN_ORDER or found["local"] == 0
        yield name, found, right


def golden(folder: Path, precision: str) -> Any:
    """Return the step that compares the golden cases.

    Parameters
    ----------
    folder
        The golden folder of the source tree.
    precision
        "double" or "single".
    """

    def run(deadline: Deadline) -> Iterator[Found]:
        for case in read_cases(folder):
            if deadline.passed:
                return
            if simulated() and case.name in WHOLE_ONLY:
                continue
            simulation = Simulation.from_args(case.nbsim_argv)
            roi = _window(case) if simulated() else None
            image = simulation.run(backend="cuda", precision=precision, roi=roi).image
            ours, theirs = _compared(case, image, roi)
            yield case.name, *_difference(ours, theirs, *GOLDEN[precision])

    return run


def _window(case: Case) -> tuple[int, int, int, int]:
    """Return a few pixels around the brightest of a golden image."""
    image, crop = case.reference.image, case.reference.crop
    slow, fast = np.unravel_index(int(np.argmax(image)), image.shape)
    y = min(max(int(slow) - 1, 0), image.shape[0] - 2) + (crop[0].start or 0)
    x = min(max(int(fast) - 1, 0), image.shape[1] - 2) + (crop[1].start or 0)
    return x, x + 1, y, y + 1


def _compared(
    case: Case, image: np.ndarray, roi: tuple[int, int, int, int] | None
) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = case.reference.crop
    if roi is None:
        return image[rows, columns], case.reference.image
    xmin, xmax, ymin, ymax = roi
    y, x = ymin - (rows.start or 0), xmin - (columns.start or 0)
    theirs = case.reference.image[y : y + ymax - ymin + 1, x : x + xmax - xmin + 1]
    ours = image[ymin : ymax + 1, xmin : xmax + 1]
    # C's first phi step of the run is another pixel's here.
    first = 1 if case.needs_carryover else 0
    return ours.reshape(-1)[first:], theirs.reshape(-1)[first:]


def _difference(
    ours: np.ndarray, theirs: np.ndarray, of_peak: float, relative: float
) -> tuple[dict[str, float], bool]:
    difference = image_difference(ours, theirs, of_peak)
    found = {"of peak": difference.of_peak, "relative": difference.relative}
    return found, bool(difference.within(of_peak, relative)) and ours.max() > 0.0


def twins(deadline: Deadline) -> Iterator[Found]:
    """Yield how far every kind of run is from the processor's image."""
    for name in lines.names():
        simulation = lines.twin(name)
        expected = simulation.run(backend="cpu")
        for precision in ("double", "single"):
            if deadline.passed:
                return
            result = simulation.run(backend="cuda", precision=precision)
            if precision == "single" and result.why_double:
                yield f"{name}, single", f"double: {result.why_double}", None
                continue
            found, right = _difference(result.image, expected.image, *TWIN[precision])
            right = right and result.out_of_range == expected.out_of_range
            yield f"{name}, {precision}", found, right


def same_bytes(deadline: Deadline) -> Iterator[Found]:
    """Yield whether an image has the same bytes the second and third time."""
    for name in ("any N, list", "mosaic, phi", "tricubic", "physical"):
        for precision in ("double", "single"):
            if deadline.passed:
                return
            simulation = lines.twin(name)
            images = [
                simulation.run(backend="cuda", precision=precision).image.tobytes()
                for _ in range(3)
            ]
            same = images[0] == images[1] == images[2]
            yield f"{name}, {precision}", "same" if same else "not the same", same


def ctrl_c(_: Deadline) -> Iterator[Found]:
    """Yield how long an interrupted run goes on."""
    steps, edge = (50, 4) if simulated() else (100_000, 1024)
    simulation = Simulation.from_args(
        f"{lines.CELL} -N 50 -detpixels {edge} -distance 100 -oversample 1 -osc 1 "
        f"-phisteps {steps}"
    )
    asked: list[float] = []

    def interrupt(fraction: float) -> None:
        if fraction > 0.0 or simulated():
            asked.append(time.perf_counter())
            raise KeyboardInterrupt

    try:
        simulation.run(backend="cuda", progress=interrupt)
    except KeyboardInterrupt:
        seconds = time.perf_counter() - asked[0]
        yield "seconds", seconds, seconds < LATENCY
        return
    yield "seconds", "it was not interrupted", False


def failures(_: Deadline) -> Iterator[Found]:
    """Yield what is said about a device that is not there, and about its memory."""
    simulation = lines.twin("any N")
    try:
        simulation.run(backend="cuda:99")
        yield "cuda:99", "no error", False
    except DeviceError as error:
        yield "cuda:99", str(error), "no such device" in str(error)
    if simulated():
        yield "out of memory", "the simulator's memory has no end", None
        return
    from numba import cuda

    held: list[Any] = []
    byte: Any = np.uint8
    try:
        with cuda.gpus[0]:
            free = cuda.current_context().get_memory_info()[0]
            held.append(cuda.device_array(max(free - 2**24, 2**20), byte))
        cuda_memory.forget(0)
        large = Simulation.from_args(
            f"{lines.CELL} -N 5 -detpixels 16000 -pixel 0.01 -distance 100 "
            "-oversample 1"
        )
        try:
            large.run(backend="cuda")
            yield "out of memory", "it was rendered in what is left", None
        except DeviceError as error:
            yield "out of memory", str(error), "out of device memory" in str(error)
    finally:
        held.clear()
    image = simulation.run(backend="cuda").image
    yield "a run after that", float(image.max()), bool(image.max() > 0.0)


def launch_split(deadline: Deadline) -> Iterator[Found]:
    """Yield whether short launches and one long one give the same image."""
    for name in ("mosaic, phi", "physical", "running products"):
        whole = _in_launches_of(lines.twin(name), None)
        for evaluations in (1e3, 1e5) if simulated() else (1e5, 1e7):
            if deadline.passed:
                return
            image = _in_launches_of(lines.twin(name), evaluations)
            # Sums are added in another order.
            right = bool(np.allclose(image, whole, rtol=2.4e-7, atol=0.0))
            worst = float(np.abs(image - whole).max() / whole.max())
            yield f"{name}, {evaluations:g} evaluations", worst, right


def _in_launches_of(simulation: Simulation, evaluations: float | None) -> np.ndarray:
    setup = simulation.setup
    job = driver.with_one_ray(driver.build_job(setup))
    pixels = driver.build_pixels(setup, simulation.detector.bounds)
    image = np.zeros(simulation.detector.shape, np.float32)
    backend = CudaBackend(setup, job, pixels, image.reshape(-1), [0], "double")
    (one,) = backend.devices
    if evaluations is not None:
        one.keep_speed(evaluations / LAUNCH_SECONDS)
    backend(0, pixels.count, setup.interpolate)
    return image


def version_line() -> str:
    """Return which nbsim this is, and on what."""
    from nbsim._version import __version__

    return f"nbsim {__version__}, Python {sys.version.split()[0]}"
