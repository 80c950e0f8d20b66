# SPDX-License-Identifier: MIT
"""Time the CUDA kernels, their transfers and whole runs, after a check.

The image that is timed is compared with the processor's double-precision image on
rows around the middle. Other programs (the CUDA port, the C program) render the same
image right after; what they need for one pixel of it is subtracted, so that their
start, input and files cancel.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nbsim.backends.device import check as check_device
from nbsim.backends.device import device_lines, parse_device, simulated
from nbsim.simulation import PRECISIONS, Simulation
from nbsim.tools.benchmark.cuda_times import device_times
from nbsim.tools.benchmark.measure import (
    AGREEMENT,
    PORT_AGREEMENT,
    Disagreement,
    Program,
    check_images,
    evaluations,
    float_image,
    nbsim_program,
    timed_run,
)
from nbsim.tools.benchmark.workloads import (
    CUDA_WORKLOADS,
    ONE_PIXEL,
    Workload,
    chosen_workloads,
    command_options,
    input_folder,
)
from nbsim.tools.command import found_program
from nbsim.tools.image_difference import image_difference
from nbsim.tools.tolerances import (
    SINGLE_PEAK,
    SINGLE_RELATIVE,
    TWIN_PEAK,
    TWIN_RELATIVE,
)

PORT = "CUDA port"
#: Time of one evaluation to reach on an H200, ps.
TARGET_PS = {"double": 9.0, "single": 4.0}
#: (of the brightest pixel, of the pixel's own value).
TOLERANCES = {
    "double": (TWIN_PEAK, TWIN_RELATIVE),
    "single": (SINGLE_PEAK, SINGLE_RELATIVE),
}
#: The processor's part of the check: some seconds.
CHECK_EVALUATIONS = 2e9
#: Kernels and transfers are timed so many times for each repetition of a run.
TIMES_PER_REPEAT = 7


@dataclass
class CudaRow:
    """One workload in one precision, measured; times are medians in s.

    Attributes
    ----------
    name, precision, count
        The workload, and its evaluations.
    problem
        Why there are no times; None: the image is right.
    difference
        Largest difference from the processor's image, of the brightest pixel.
    kernel
        Sum over the launches that add terms.
    upload, download
        Copying the tables to the device, and the image back.
    run, command
        `Simulation.run`, and the command with its start and files.
    others
        For each other program (its time without what one pixel takes, its whole
        command), or why there is none.
    """

    name: str
    precision: str
    count: float
    problem: str | None = None
    difference: float = math.nan
    kernel: float = math.nan
    upload: float = math.nan
    download: float = math.nan
    run: float = math.nan
    command: float = math.nan
    others: dict[str, tuple[float, float] | str] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether an image, nbsim's or another program's, is not what it should be."""
        said = [x for x in self.others.values() if isinstance(x, str)]
        return self.problem is not None or any(x.startswith("FAIL") for x in said)

    def content(self) -> dict[str, Any]:
        """Return what a json file holds: no not-a-numbers."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in vars(self).items()
        }


def measure_cuda(
    options: argparse.Namespace, progress: Callable[[str], None]
) -> Iterator[tuple[list[str], CudaRow | None]]:
    """Measure everything; yield lines to print, each row as soon as it is known.

    Raises
    ------
    DeviceError
        When CUDA cannot be used; the message says what is missing.
    ValueError
        When more than one device is named.
    """
    workloads = chosen_workloads(options.workloads, CUDA_WORKLOADS)
    request = parse_device(options.device, "--device")
    if len(request.indices) != 1:
        raise ValueError(f"--device {options.device}: expected one device to time")
    check_device(request)
    (index,) = request.indices
    precisions = [options.precision] if options.precision else list(PRECISIONS)
    names = [program.name for program in other_programs(options, PRECISIONS[0])]
    yield [device_lines()[index], *titles(names)], None
    for workload in workloads:
        words = command_options(workload, options.quick, input_folder())
        simulation = Simulation.from_args(words)
        progress(f"{workload.name} on the processor, for the check")
        rows = rows_to_check(simulation)
        expected = reference_rows(simulation, rows, options.threads)
        for precision in precisions:
            progress(f"{workload.name}, {precision}")
            row = CudaRow(workload.name, precision, evaluations(simulation))
            try:
                check = rows, expected
                image = measure_row(row, simulation, words, check, options)
                for program in other_programs(options, precision):
                    progress(f"{workload.name}, {precision}: {program.name}")
                    row.others[program.name] = measure_other(
                        program, workload, words, image, options
                    )
            except Disagreement as problem:
                row.problem = str(problem)
            yield [format_cuda_row(row, names)], row


def other_programs(options: argparse.Namespace, precision: str) -> list[Program]:
    """Return the programs beside nbsim; those that were given."""
    programs = []
    if options.cuda_bin:
        programs.append(
            Program(
                PORT,
                (found_program(options.cuda_bin),),
                more=("-precision", precision),
                agreement=PORT_AGREEMENT[precision],
            )
        )
    if options.c_bin:
        programs.append(
            Program(
                "C",
                (found_program(options.c_bin),),
                environment={"OMP_NUM_THREADS": str(options.threads)},
                agreement=AGREEMENT[precision],
            )
        )
    return programs


def rows_to_check(simulation: Simulation) -> slice:
    """Return rows around the middle that the processor renders in some seconds."""
    spixels = simulation.detector.shape[0]
    affordable = CHECK_EVALUATIONS / evaluations(simulation) * spixels
    count = max(1, min(spixels, int(affordable)))
    first = (spixels - count) // 2
    return slice(first, first + count)


def reference_rows(simulation: Simulation, rows: slice, threads: int) -> np.ndarray:
    """Return these rows as the processor renders them in double precision."""
    fpixels = simulation.detector.shape[1]
    roi = (0, fpixels - 1, rows.start, rows.stop - 1)
    return simulation.run(backend="cpu", threads=threads, roi=roi).image[rows]


def check_against_cpu(image: np.ndarray, expected: np.ndarray, precision: str) -> float:
    """Return the largest difference in units of the brightest pixel.

    Raises
    ------
    Disagreement
        When it is larger than the tolerance, or that of a pixel which is not dark
        is larger than its own tolerance.
    """
    of_peak, relative = TOLERANCES[precision]
    worst = check_images(image, expected.reshape(-1), of_peak)
    own = image_difference(image, expected, of_peak)
    if not own.within(of_peak, relative):
        raise Disagreement(f"a pixel differs by {own.relative:.2g} of its value")
    return worst


def measure_row(
    row: CudaRow,
    simulation: Simulation,
    words: Sequence[str],
    check: tuple[slice, np.ndarray],
    options: argparse.Namespace,
) -> np.ndarray:
    """Check nbsim's images, then fill in its times; return the last image.

    Parameters
    ----------
    row
        To be filled in.
    simulation, words
        What is rendered, and its command line.
    check
        The rows that are compared, and what they must be.
    options
        device, threads, repeat and timeout.

    Raises
    ------
    Disagreement
        When an image is wrong; nothing is filled in then.
    """
    rows, expected = check
    image = np.zeros(simulation.detector.shape, np.float32)
    nbsim = nbsim_program(options.threads, row.precision, options.device)

    def run() -> float:
        began = time.perf_counter()
        simulation.run(backend=options.device, precision=row.precision, out=image)
        return time.perf_counter() - began

    # Not timed: compiles.
    run()
    worst = check_against_cpu(image[rows], expected, row.precision)
    runs, commands = [], []
    for _ in range(options.repeat):
        runs.append(run())
        worst = max(worst, check_against_cpu(image[rows], expected, row.precision))
        with timed_run(nbsim, words, options.timeout) as (seconds, folder):
            commands.append(seconds)
            written = float_image(folder).reshape(image.shape)
        worst = max(worst, check_against_cpu(written[rows], expected, row.precision))
    image.fill(0.0)
    kernel, upload, download = device_times(
        simulation,
        image,
        row.precision,
        parse_device(options.device).indices[0],
        TIMES_PER_REPEAT * options.repeat,
    )
    worst = max(worst, check_against_cpu(image[rows], expected, row.precision))
    row.difference = worst
    row.kernel, row.upload, row.download = kernel, upload, download
    row.run, row.command = statistics.median(runs), statistics.median(commands)
    return image


def measure_other(
    program: Program,
    workload: Workload,
    words: Sequence[str],
    image: np.ndarray,
    options: argparse.Namespace,
) -> tuple[float, float] | str:
    """Return another program's times, or why there are none; see `CudaRow.others`.

    Parameters
    ----------
    image
        What nbsim rendered.
    """
    if program.name == PORT and workload.not_for_port:
        return workload.not_for_port
    full, one_pixel = [], []
    try:
        for _ in range(options.repeat):
            with timed_run(program, words, options.timeout) as (seconds, folder):
                full.append(seconds)
                check_images(image, float_image(folder), program.agreement)
            few = [*words, *ONE_PIXEL]
            with timed_run(program, few, options.timeout) as (seconds, _):
                one_pixel.append(seconds)
    except Disagreement as problem:
        return f"FAIL: {problem}"
    command = statistics.median(full)
    return command - statistics.median(one_pixel), command


def titles(others: Sequence[str]) -> list[str]:
    """Return the head of the table."""
    kernel = "host s" if simulated() else "kernel, ms"
    names = [
        *("workload", "precision", "evaluations", "difference", kernel, "ps"),
        *("target / ps", "upload, ms", "download, ms", "run, s", "command, s"),
    ]
    for name in others:
        names += [f"{name}, ps", f"{name} / kernel", f"{name} command, s"]
    return ["", _line(names), "|---|---|" + "---:|" * (len(names) - 2)]


def format_cuda_row(row: CudaRow, others: Sequence[str]) -> str:
    """Return a row of the table.

    Parameters
    ----------
    row
        What was measured.
    others
        Names of the other programs, in the order of `titles`.
    """
    cells = [row.name, row.precision, f"{row.count:.3g}"]
    if row.problem is not None:
        empty = [""] * (7 + 3 * len(others))
        return _line([*cells, f"FAIL: {row.problem}", *empty])
    ps = row.kernel / row.count * 1e12
    cells += [
        f"{row.difference:.1e}",
        f"{row.kernel * (1.0 if simulated() else 1e3):.4g}",
        f"{ps:.3g}",
        f"{TARGET_PS[row.precision] / ps:.0%}",
        f"{row.upload * 1e3:.3g}",
        f"{row.download * 1e3:.3g}",
        f"{row.run:.3g}",
        f"{row.command:.3g}",
    ]
    for name in others:
        times = row.others[name]
        if isinstance(times, str):
            cells += [times, "", ""]
            continue
        work, command = times
        # Shorter than the scatter of two starts: too noisy to say.
        known = work > 0.0
        cells += [
            f"{work / row.count * 1e12:.3g}" if known else "?",
            f"{work / row.kernel:.3g}" if known else "?",
            f"{command:.3g}",
        ]
    return _line(cells)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
