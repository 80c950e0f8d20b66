# SPDX-License-Identifier: MIT
"""``nbsim-benchmark``: nbsim against the C program, image by image, with checks."""

import argparse
import dataclasses
import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nbsim.backends.device import parse_device
from nbsim.simulation import PRECISIONS
from nbsim.tools.benchmark.measure import (
    AGREEMENT,
    PORT_AGREEMENT,
    How,
    Program,
    Row,
    Timing,
    measure,
    nbsim_program,
    timed_run,
)
from nbsim.tools.benchmark.workloads import (
    CUDA_WORKLOADS,
    SPARSE_WORKLOADS,
    WORKLOADS,
    Workload,
    chosen_workloads,
    command_options,
    input_folder,
)
from nbsim.tools.both_programs import C_BIN
from nbsim.tools.command import DIVERGED, found_program, run_tool, write_json
from nbsim.tools.provenance import environment, run_metadata

NAME = "nbsim-benchmark"
#: Has every kind of file.
WARM_UP = "-cell 100 100 100 90 90 90 -default_F 100 -N 5 -detpixels 16 -seed 1"


def build_parser() -> argparse.ArgumentParser:
    """Return the command line's parser; the man page is made from it."""
    parser = argparse.ArgumentParser(
        prog=NAME,
        description=(
            "Run nbsim and the C program in turns on the same images, check that the "
            "images agree, and print the time of one evaluation and of the whole "
            "command for both, with their ratios. Builds nothing: the C program, "
            "compiled with -O3 -fopenmp, is the user's own. Takes about eight minutes "
            "on two processors. On a CUDA device: check nbsim's images against the "
            "processor's, and print the times of the kernels, of the transfers and of "
            "whole runs; other programs are optional."
        ),
        epilog=(
            "Exit status: 0 every image agrees, 3 one does not (its row says FAIL and "
            "has no times), 1 a program cannot be run or a file not be written, 2 the "
            "command line is wrong."
        ),
    )
    add = parser.add_argument
    add(
        "--c-bin",
        metavar="PATH",
        help=f"the C program (default: the environment's {C_BIN})",
    )
    add(
        "--cuda-bin",
        metavar="PATH",
        help="the CUDA port of the C program, to compare with as well",
    )
    add("--device", default="cpu", help="what nbsim renders on (default cpu)")
    add(
        "--threads",
        type=int,
        metavar="N",
        help="threads of both programs (default: all processors)",
    )
    add(
        "--precision",
        choices=PRECISIONS,
        help="of nbsim (default double; on a CUDA device both)",
    )
    add(
        "--workloads",
        metavar="NAME,...",
        help=(
            f"which ones: {', '.join(w.name for w in WORKLOADS)}; on a CUDA device: "
            f"{', '.join(w.name for w in CUDA_WORKLOADS)} (default: all)"
        ),
    )
    add(
        "--repeat",
        type=int,
        metavar="N",
        help="how often everything is timed (default 3, with --quick 1)",
    )
    add("--quick", action="store_true", help="small images: less than a minute")
    add("--json", metavar="FILE", help="write everything that was measured")
    add(
        "--startup",
        action="store_true",
        help="instead, what the time before the first pixel is spent on",
    )
    add(
        "--sparse",
        action="store_true",
        help=(
            "instead, sparse rendering beside the dense kernel, whose bytes it must "
            "give, and beside the C program on a tenth of the domains; workloads: "
            f"{', '.join(w.name for w in SPARSE_WORKLOADS)}"
        ),
    )
    add(
        "--family",
        action="store_true",
        help=(
            "instead, backgrounds, point spread and noise beside the programs of "
            "--nonbragg and --noisify, one thread each; and what only nbsim does"
        ),
    )
    add("--nonbragg", metavar="PATH", help="the C program nonBragg, for --family")
    add("--noisify", metavar="PATH", help="the C program noisify, for --family")
    add(
        "--memory",
        action="store_true",
        help="instead, the most memory that images of several sizes take",
    )
    add(
        "--timeout",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="longest time a program may run (default 600)",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(NAME, _run, argv)


def _run(words: list[str]) -> int:
    options = build_parser().parse_args(words)
    options.c_bin = options.c_bin or os.environ.get(C_BIN)
    _check(options)
    cuda = parse_device(options.device, "--device").kind == "cuda"
    if cuda and not (options.startup or options.memory):
        return _run_cuda(options, words)
    options.precision = options.precision or PRECISIONS[0]
    if options.sparse:
        return _run_sparse(options, words)
    if options.family:
        return _run_family(options, words)
    if options.startup or options.memory:
        return _run_mode(options, words)
    workloads = chosen_workloads(options.workloads)
    programs = _programs(options)
    progress("the kernels for statistics and files")
    nbsim = nbsim_program(options.threads, options.precision, options.device)
    with timed_run(nbsim, WARM_UP.split(), options.timeout):
        pass
    progress("the processor's peak")
    peaks = _peaks(options.threads)
    for line in _heading(options, peaks):
        print(line)
    rows = []
    for program in programs:
        how = How(
            reference=program,
            threads=options.threads,
            precision=options.precision,
            device=options.device,
            repeat=options.repeat,
            timeout=options.timeout,
        )
        peak = peaks[options.precision, options.threads]
        for line in _titles(program.name):
            print(line)
        for workload in workloads:
            progress(f"{workload.name} against {program.name}")
            given = command_options(workload, options.quick, input_folder())
            row = measure(workload, given, how)
            share = _share(row, workload, options, peak)
            rows.append({**dataclasses.asdict(row), **_derived(row, share)})
            print(format_row(row, share), flush=True)
    if options.json:
        content = {
            "run": run_metadata(NAME, words),
            "environment": environment(),
            "peak_flops_per_s": {f"{p} x{n}": v for (p, n), v in peaks.items()},
            "rows": rows,
        }
        write_json(Path(options.json), content)
    return DIVERGED if any(row["problem"] for row in rows) else 0


def _run_sparse(options: argparse.Namespace, words: list[str]) -> int:
    from nbsim.tools.benchmark.sparse import (
        measure_sparse,
        sparse_content,
        sparse_lines,
    )

    c = _programs(options)[0] if options.c_bin else None
    rows = measure_sparse(
        c,
        options.workloads,
        quick=options.quick,
        threads=options.threads,
        repeat=options.repeat,
        timeout=options.timeout,
        progress=progress,
    )
    for line in [*_heading(options, _peaks(options.threads)), "", *sparse_lines(rows)]:
        print(line)
    if options.json:
        content = {
            "run": run_metadata(NAME, words),
            "environment": environment(),
            "rows": sparse_content(rows),
        }
        write_json(Path(options.json), content)
    return DIVERGED if any(row.problem for row in rows) else 0


def _run_family(options: argparse.Namespace, words: list[str]) -> int:
    from nbsim.tools.benchmark.family import family_lines, measure_family

    given = {"nonBragg": options.nonbragg, "noisify": options.noisify}
    one = {"OMP_NUM_THREADS": "1"}
    rows = measure_family(
        {
            name: Program(name, (found_program(path),), environment=one)
            for name, path in given.items()
            if path
        },
        quick=options.quick,
        threads=options.threads,
        repeat=options.repeat,
        timeout=options.timeout,
        progress=progress,
    )
    for line in [*_heading(options, {}), "", *family_lines(rows)]:
        print(line)
    if options.json:
        content = {
            "run": run_metadata(NAME, words),
            "environment": environment(),
            "rows": [{**dataclasses.asdict(row), "ratio": row.ratio} for row in rows],
        }
        write_json(Path(options.json), content)
    return DIVERGED if any(row.problem for row in rows) else 0


def _check(options: argparse.Namespace) -> None:
    from nbsim import threads

    most = threads.most()
    options.threads = most if options.threads is None else options.threads
    if not 1 <= options.threads <= most:
        raise ValueError(
            f"--threads {options.threads}: expected 1 to {most}, the processors here"
        )
    if options.repeat is None:
        options.repeat = 1 if options.quick else 3
    if options.repeat < 1:
        raise ValueError(f"--repeat {options.repeat}: expected at least 1")
    if not 0.0 < options.timeout < math.inf:
        raise ValueError(
            f"--timeout {options.timeout:g}: expected a number greater than 0"
        )
    parse_device(options.device, "--device")


def _programs(options: argparse.Namespace) -> list[Program]:
    """Return what nbsim is compared with."""
    programs = []
    if options.c_bin:
        programs.append(
            Program(
                "C",
                (found_program(options.c_bin),),
                environment={"OMP_NUM_THREADS": str(options.threads)},
                agreement=AGREEMENT[options.precision],
            )
        )
    if options.cuda_bin:
        programs.append(
            Program(
                "the CUDA port",
                (found_program(options.cuda_bin),),
                more=("-precision", options.precision),
                agreement=PORT_AGREEMENT[options.precision],
            )
        )
    if not programs:
        raise ValueError(
            "nothing to compare with: give the C program with --c-bin PATH or the "
            f"environment's {C_BIN}"
        )
    return programs


def progress(text: str) -> None:
    """Say on standard error what is measured now."""
    print(f"{NAME}: {text}", file=sys.stderr, flush=True)


def _peaks(threads: int) -> dict[tuple[str, int], float]:
    """Return operations per second for each precision, on 1 thread and on all."""
    from nbsim.tools.benchmark.peak import measure_peak

    types = {"double": np.float64, "single": np.float32}
    return {
        (precision, count): measure_peak(count, dtype)
        for precision, dtype in types.items()
        for count in sorted({1, threads})
    }


def _heading(
    options: argparse.Namespace, peaks: dict[tuple[str, int], float]
) -> Iterator[str]:
    machine = environment()
    run = run_metadata(NAME, [])
    yield f"{run['time']}, nbsim {run['version']} ({run['git_commit'] or 'installed'})"
    yield (
        f"{machine['cpu']}, {machine['processors']} processors, {machine['system']}; "
        f"Python {machine['python']}, numba {machine['numba']}, llvmlite "
        f"{machine['llvmlite']}, numpy {machine['numpy']}"
    )
    yield (
        f"{options.threads} threads, {options.precision} precision, device "
        f"{options.device}, {options.repeat} repeats"
        + (f", {machine['gpu']}" if machine["gpu"] else "")
        + (", small images" if options.quick else "")
    )
    for (precision, count), peak in peaks.items():
        yield (
            f"multiply-add peak, {precision}, {count} "
            f"thread{'s' if count > 1 else ''}: {peak / 1e9:.0f} GFLOP/s"
        )


def _titles(reference: str) -> Iterator[str]:
    yield ""
    yield (
        f"| workload | evaluations | difference | {reference}, ns | nbsim, ns | ratio "
        f"| of peak | {reference} command, s | nbsim command, s | ratio |"
    )
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"


def format_row(row: Row, share: float | None) -> str:
    """Return a row of the table: medians, minima in brackets.

    Parameters
    ----------
    row
        What was measured.
    share
        Of the multiply-add peak; None: not counted.
    """
    cells = [row.name, f"{row.count:.3g}" + (" px" if row.unit == "pixels" else "")]
    if row.problem is not None:
        return _cells([*cells, f"FAIL: {row.problem}", *[""] * 7])
    assert row.work_reference and row.work_nbsim
    assert row.command_reference and row.command_nbsim
    return _cells(
        [
            *cells,
            f"{row.difference:.1e}",
            _times(row.work_reference.per(row.count / 1e9)),
            _times(row.work_nbsim.per(row.count / 1e9)),
            _ratio(row.work_reference.ratio(row.work_nbsim)),
            "" if share is None else f"{share:.0%}",
            _times(row.command_reference),
            _times(row.command_nbsim),
            _ratio(row.command_reference.ratio(row.command_nbsim)),
        ]
    )


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _times(timing: Timing) -> str:
    return f"{timing.median:.3g} ({timing.minimum:.3g})"


def _ratio(timing: Timing | None) -> str:
    return "?" if timing is None else f"{timing.median:.3g} ({timing.minimum:.3g})"


def _share(
    row: Row, workload: Workload, options: argparse.Namespace, peak: float
) -> float | None:
    """Return the share of the multiply-add peak that the fastest rendering reached."""
    if workload.operations is None or row.work_nbsim is None or options.device != "cpu":
        return None
    operations = workload.operations[PRECISIONS.index(options.precision)]
    return operations * row.count / row.work_nbsim.minimum / peak


def _derived(row: Row, share: float | None) -> dict[str, Any]:
    """Return what the table shows of a row and the row itself does not hold."""
    pairs = {
        "work_ratio": (row.work_reference, row.work_nbsim),
        "command_ratio": (row.command_reference, row.command_nbsim),
    }
    ratios = {
        name: None if a is None or b is None else a.ratio(b)
        for name, (a, b) in pairs.items()
    }
    return {
        **{n: r and dataclasses.asdict(r) for n, r in ratios.items()},
        "peak_share": share,
    }


def _run_cuda(options: argparse.Namespace, words: list[str]) -> int:
    """Time a CUDA device instead."""
    from nbsim.tools.benchmark import cuda as benchmark_cuda

    rows = []
    for lines, row in benchmark_cuda.measure_cuda(options, progress):
        for line in lines:
            print(line, flush=True)
        if row is not None:
            rows.append(row)
    if options.json:
        content = {
            "run": run_metadata(NAME, words),
            "environment": environment(),
            "rows": [row.content() for row in rows],
        }
        write_json(Path(options.json), content)
    return DIVERGED if any(row.failed for row in rows) else 0


def _run_mode(options: argparse.Namespace, words: list[str]) -> int:
    """Measure start-up or memory instead."""
    from nbsim.tools.benchmark import process as benchmark_process

    content: dict[str, Any] = {"run": run_metadata(NAME, words)}
    if options.startup:
        c_bin = found_program(options.c_bin) if options.c_bin else None
        table = benchmark_process.startup(c_bin, options, progress)
        content["startup"] = table.content
    else:
        table = benchmark_process.memory(options, progress)
        content["memory"] = table.content
    for line in table.lines:
        print(line)
    if options.json:
        write_json(Path(options.json), content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
