# SPDX-License-Identifier: MIT
"""Sparse rendering beside the dense kernel, and beside the C program on a part.

Both of nbsim's images are rendered in turns in this process and must be the same to
the last byte. The C program renders a tenth of the mosaic domains: a different crystal,
which nbsim renders too, to compare, and the same work per evaluation.
"""

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbsim.simulation import Simulation
from nbsim.tools.benchmark.measure import (
    Disagreement,
    Program,
    check_images,
    evaluations,
    float_image,
    timed_run,
)
from nbsim.tools.benchmark.workloads import (
    ONE_PIXEL,
    SPARSE_WORKLOADS,
    chosen_workloads,
    command_options,
    input_folder,
)

#: What the C program renders of the mosaic domains.
PART = 10


@dataclass
class SparseRow:
    """One workload, measured; processor times are sums over threads, s, minima.

    Attributes
    ----------
    name, count, lit
        The workload, its evaluations, and the share of them that is lit (forecast).
    chosen
        What `-sparse auto` takes: "sparse" or "dense".
    goal
        The ratio of processor times to reach: AVX2, AVX-512.
    problem
        Why there are no times; None: the images are the same.
    dense_cpu, sparse_cpu, dense_wall, sparse_wall
        Of a whole `Simulation.run`.
    c_cpu
        Of the C program for the whole image, from `PART`; None: not measured.
    """

    name: str
    count: float
    goal: tuple[float, float]
    lit: float | None = None
    chosen: str = ""
    problem: str | None = None
    dense_cpu: float = 0.0
    sparse_cpu: float = 0.0
    dense_wall: float = 0.0
    sparse_wall: float = 0.0
    c_cpu: float | None = None


def measure_sparse(
    c: Program | None,
    names: str | None,
    *,
    quick: bool,
    threads: int,
    repeat: int,
    timeout: float,
    progress: Callable[[str], None],
) -> list[SparseRow]:
    """Measure the sparse workloads.

    Raises
    ------
    ValueError
        For a name that there is none of.
    """
    rows = []
    for workload in chosen_workloads(names, SPARSE_WORKLOADS):
        progress(workload.name)
        words = command_options(workload, quick, input_folder())
        row = SparseRow(workload.name, 0.0, workload.goal)
        rows.append(row)
        try:
            _measure_nbsim(row, words, threads, repeat)
            if c:
                progress(f"{workload.name}: C, a tenth of it")
                row.c_cpu = _measure_c(c, words, threads, timeout)
        except Disagreement as problem:
            row.problem = str(problem)
    return rows


def _measure_nbsim(
    row: SparseRow, words: Sequence[str], threads: int, repeat: int
) -> None:
    simulation = Simulation.from_args([*words])
    row.count = evaluations(simulation)
    first = _sampled(simulation, "auto").run(backend="cpu", threads=threads)
    row.chosen = "dense" if first.why_dense else "sparse"
    row.lit = first.lit_fraction
    # Where it chooses the dense kernel, what is measured is the choice itself.
    ways = _sampled(simulation, "off"), _sampled(simulation, "auto")
    best = [[float("inf")] * 2 for _ in ways]
    images = [np.zeros(simulation.detector.shape, np.float32) for _ in ways]
    for _ in range(repeat + 1):
        for way, image, least in zip(ways, images, best):
            wall, cpu = time.perf_counter(), time.process_time()
            way.run(backend="cpu", threads=threads, out=image)
            least[0] = min(least[0], time.process_time() - cpu)
            least[1] = min(least[1], time.perf_counter() - wall)
        if images[0].tobytes() != images[1].tobytes():
            raise Disagreement("the sparse image is not the dense one")
    (row.dense_cpu, row.dense_wall), (row.sparse_cpu, row.sparse_wall) = best


def _sampled(simulation: Simulation, sparse: str) -> Simulation:
    sampling = dataclasses.replace(simulation.sampling, sparse=sparse)
    new = dataclasses.replace(simulation, sampling=sampling)
    assert new.setup  # worked out before the clock starts
    return new


def _measure_c(c: Program, words: Sequence[str], threads: int, timeout: float) -> float:
    """Return the C program's processor time for the whole image."""
    import resource  # not on every system

    words = [*words]
    parts = 1
    if "-mosaic_domains" in words:
        domains = words.index("-mosaic_domains") + 1
        parts = min(PART, int(words[domains]))
        words[domains] = str(int(words[domains]) // parts)
    image = Simulation.from_args(words).render(backend="cpu", threads=threads)

    def spent(*more: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with timed_run(c, [*words, *more], timeout) as (_, folder):
            if not more:
                check_images(image, float_image(folder), c.agreement)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return parts * max(0.0, spent() - spent(*ONE_PIXEL))


def sparse_lines(rows: Sequence[SparseRow]) -> list[str]:
    """Return the table."""

    lines = [
        "| workload | lit | evaluations | dense, CPU s | sparse, CPU s | ratio | goal "
        "(AVX-512) | wall | C, CPU s | C / sparse |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        cells = [row.name, "-" if row.lit is None else f"{row.lit:.1e}"]
        cells.append(f"{row.count:.2g}")
        if row.problem is not None:
            cells += [f"FAIL: {row.problem}", "", "", "", "", "", ""]
        else:
            ratio = row.dense_cpu / row.sparse_cpu
            cells += [f"{row.dense_cpu:.4g}", f"{row.sparse_cpu:.4g}", f"{ratio:.3g}"]
            cells.append("%g (%g)" % row.goal)
            cells.append(f"{row.dense_wall / row.sparse_wall:.3g}")
            if row.c_cpu is None:
                cells += ["", ""]
            else:
                cells += [f"{row.c_cpu:.3g}", f"{row.c_cpu / row.sparse_cpu:.3g}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def sparse_content(rows: Sequence[SparseRow]) -> list[dict[str, Any]]:
    """Return what a json file holds."""
    return [dataclasses.asdict(row) for row in rows]
