# SPDX-License-Identifier: MIT
"""How fast a CUDA device is: its peaks, the benchmark's workloads, the port."""

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nbsim.backends.cuda_device import threads_per_block
from nbsim.backends.simulator import simulated
from nbsim.simulation import PRECISIONS, Simulation
from nbsim.tools.benchmark.cuda import TARGET_PS, check_against_cpu
from nbsim.tools.benchmark.cuda_times import device_times
from nbsim.tools.benchmark.first_contact import lines
from nbsim.tools.benchmark.first_contact.record import Deadline, Found
from nbsim.tools.benchmark.measure import (
    PORT_AGREEMENT,
    Program,
    check_images,
    evaluations,
    float_image,
    timed_run,
)
from nbsim.tools.benchmark.workloads import (
    CUDA_WORKLOADS,
    ONE_PIXEL,
    Workload,
    command_options,
    input_folder,
)
from nbsim.tools.machine_code import pages, table

REPEATS = 5
#: Names in the table of machine code, of the workloads with these spots.
KERNEL_OF = {
    "double": "square, any N, list",
    "single": "single, square, list",
}
#: A workload for the simulator.
TINY = (Workload("tiny", f"{lines.CELL} {lines.SMALL_PLACE} -N 25 -oversample 1", ""),)


def peaks(_: Deadline) -> Iterator[Found]:
    """Yield multiply-adds and bytes of a second."""
    from numba import cuda

    from nbsim.kernels.cuda import measuring

    with cuda.gpus[0]:
        for kind in (np.float64, np.float32):
            yield f"multiply-add, {np.dtype(kind)}, per s", _multiply_adds(kind), None
        count = 100 if simulated() else 2**27
        source = cuda.to_device(np.ones(count, np.float64))
        target = cuda.device_array(count, np.float64)
        grid = -(-count // threads_per_block())

        def move() -> None:
            measuring.copy[grid, threads_per_block()](source, target)  # pyright: ignore

        yield "bytes read and written, per s", 16.0 * count / _seconds(cuda, move), None


def _multiply_adds(kind: type) -> float:
    from numba import cuda

    from nbsim.backends.rates import threads_at_once
    from nbsim.kernels.cuda import measuring

    threads = threads_at_once(cuda)
    # Consumer cards do few in double precision.
    turns = np.int32(4 if simulated() else 2000)
    numbers = cuda.to_device(np.array([1.0, 0.0], kind))
    result = cuda.device_array(threads, kind)
    grid = -(-threads // threads_per_block())

    def compute() -> None:
        kernel = measuring.multiply_add[grid, threads_per_block()]  # pyright: ignore
        kernel(turns, numbers, result)

    return float(threads) * turns * measuring.CHAINS / _seconds(cuda, compute)


def _seconds(cuda: Any, run: Callable[[], None]) -> float:
    """Return the shortest of some runs, by the device's events where it has any."""
    run()
    cuda.synchronize()
    found = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        if simulated():
            run()
            found.append(time.perf_counter() - began)
            continue
        first, last = cuda.event(timing=True), cuda.event(timing=True)
        first.record()
        run()
        last.record()
        last.synchronize()
        found.append(cuda.event_elapsed_time(first, last) * 1e-3)
    return min(found)


def workloads(deadline: Deadline) -> Iterator[Found]:
    """Yield the times of the benchmark's workloads, after a check."""
    for workload in TINY if simulated() else CUDA_WORKLOADS:
        words = command_options(workload, False, input_folder())
        simulation = Simulation.from_args(words)
        rows = _some_rows(simulation)
        expected = _by_processor(simulation, rows)
        for precision in PRECISIONS:
            if deadline.passed:
                return
            name = f"{workload.name}, {precision}"
            yield name, *_timed(simulation, precision, rows, expected)


def _some_rows(simulation: Simulation) -> slice:
    bounds = simulation.detector.bounds
    middle = (bounds[2] + bounds[3]) // 2
    return slice(middle, middle + 1)


def _by_processor(simulation: Simulation, rows: slice) -> np.ndarray:
    xmin, xmax, _, _ = simulation.detector.bounds
    roi = (xmin, xmax, rows.start, rows.stop - 1)
    return simulation.run(backend="cpu", roi=roi).image[rows]


def _timed(
    simulation: Simulation, precision: str, rows: slice, expected: np.ndarray
) -> tuple[dict[str, Any], bool]:
    image = np.zeros(simulation.detector.shape, np.float32)
    simulation.run(backend="cuda", precision=precision, out=image)
    worst = check_against_cpu(image[rows], expected, precision)
    runs = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        simulation.run(backend="cuda", precision=precision, out=image)
        runs.append(time.perf_counter() - began)
    kernel, upload, download = device_times(simulation, image, precision, 0, REPEATS)
    ps = kernel / evaluations(simulation) * 1e12
    found = {
        "of peak": worst,
        "kernel ms": kernel * 1e3,
        "ps": ps,
        "target ps": TARGET_PS[precision],
        "run ms": statistics.median(runs) * 1e3,
        "up ms": upload * 1e3,
        "down ms": download * 1e3,
    }
    return found, True


def against_predictions(source: Path, device_name: str) -> Any:
    """Return the step that says what the machine code makes one expect.

    Parameters
    ----------
    source
        The source tree.
    device_name
        What the device calls itself.
    """

    def run(_: Deadline) -> Iterator[Found]:
        kept = pages.kept(source)
        cards = [card for card in table.CARDS if card.name.split()[0] in device_name]
        for card in cards or table.CARDS:
            rows = kept[f"{card.capability[0]}.{card.capability[1]}"]
            for precision, kernel in KERNEL_OF.items():
                ps, why = table.predicted_ps(rows[kernel], card)
                yield f"{card.name}, {precision}", {"ps": ps, "set by": why}, None

    return run


def port(binary: str | None) -> Any:
    """Return the step that times the CUDA port on the same images."""

    def run(deadline: Deadline) -> Iterator[Found]:
        if binary is None:
            yield "the port", "no --port was given", None
            return
        for workload in CUDA_WORKLOADS:
            words = command_options(workload, simulated(), input_folder())
            for precision in PRECISIONS:
                if deadline.passed:
                    return
                name = f"{workload.name}, {precision}"
                if workload.not_for_port:
                    yield name, workload.not_for_port, None
                else:
                    more = ("-precision", precision)
                    program = Program("port", (binary,), more=more)
                    yield name, *_port_times(program, words, precision, deadline)

    return run


def _port_times(
    program: Program, words: list[str], precision: str, deadline: Deadline
) -> tuple[dict[str, float], bool]:
    simulation = Simulation.from_args(words)
    ours = simulation.run(backend="cuda", precision=precision).image
    limit = max(deadline.left, 1.0)
    with timed_run(program, words, limit) as (seconds, folder):
        worst = check_images(ours, float_image(folder), PORT_AGREEMENT[precision])
    with timed_run(program, [*words, *ONE_PIXEL], limit) as (start, _):
        pass
    work = seconds - start
    found = {
        "of peak": worst,
        "command s": seconds,
        "one pixel s": start,
        "ps": work / evaluations(simulation) * 1e12,
    }
    return found, True
