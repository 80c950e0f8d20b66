# SPDX-License-Identifier: MIT
"""``nbsim-per-phi``: Miller indices and lattice factors of two programs against phi."""

import argparse
import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from nbsim.errors import FileError
from nbsim.tools.both_programs import C_BIN, absolute_inputs
from nbsim.tools.command import (
    DIVERGED,
    found_program,
    fresh_folder,
    run_program,
    run_tool,
    split_arguments,
    write_json,
    write_text,
)
from nbsim.tools.named_configs import command_words, names
from nbsim.tools.provenance import run_metadata
from nbsim.tools.traces.compare import verdict
from nbsim.tools.traces.difference import compare
from nbsim.tools.traces.log import TraceLog, check_same_pixel, read_trace
from nbsim.tools.traces.phi_table import (
    FIELDS,
    PhiStep,
    PhiTable,
    phi_table,
    port_keys,
)

NAME = "nbsim-per-phi"


def build_parser() -> argparse.ArgumentParser:
    """Return the command line's parser; the man page is made from it."""
    parser = argparse.ArgumentParser(
        prog=NAME,
        usage=(
            f"{NAME} --c-log LOG --py-log LOG [options]\n"
            f"       {NAME} --pixel SLOW FAST [--c-bin PATH] [--config NAME|FILE] "
            "[options] [-- arguments of both programs]"
        ),
        description=(
            "Put the Miller indices and lattice factors of two programs side by side, "
            "one row per phi step, and name the first step in which k differs. Reads "
            "the logs of both programs, or runs the programs with the same arguments. "
            "A folder with the time in its name gets the table (Markdown and json), "
            "a plot, and what the programs printed."
        ),
        epilog=(
            "Exit status: 0 k agrees in every step, 3 it does not, 1 a file cannot be "
            "read or written or a program failed, 2 the command line is wrong or the "
            "pixels differ."
        ),
    )
    add = parser.add_argument
    add("--c-log", metavar="LOG", help="the C program's output, instead of running it")
    add("--py-log", metavar="LOG", help="nbsim's trace, instead of making it")
    add("--pixel", type=int, nargs=2, metavar=("SLOW", "FAST"), help="the pixel")
    add(
        "--c-bin",
        metavar="PATH",
        help=f"a C program that prints trace rows (default: the environment's {C_BIN})",
    )
    add(
        "--config",
        metavar="NAME|FILE",
        help=f"arguments from a file; shipped names: {', '.join(names())}",
    )
    add(
        "--phi-carryover",
        action="store_true",
        help="let nbsim keep the crystal at phi 0, as the C program does",
    )
    add(
        "--k-tolerance",
        type=float,
        default=5e-4,
        metavar="T",
        help="largest difference of k that counts as equal (default 5e-4)",
    )
    add(
        "--timeout",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="longest time a program may run (default 600)",
    )
    add("--outdir", default=".", metavar="DIR", help="where the new folder goes")
    add("--no-plot", action="store_true", help="write no plot")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(NAME, _run, argv)


def _run(words: list[str]) -> int:
    own, extra = split_arguments(words)
    options = build_parser().parse_args(own)
    options.c_bin = options.c_bin or os.environ.get(C_BIN)
    _check(options, extra)
    program = "" if options.c_log else found_program(str(options.c_bin))
    pixel = tuple(options.pixel) if options.pixel else None
    # Logs are read before anything is created, so that a bad one leaves nothing.
    c = read_trace(options.c_log, pixel) if options.c_log else None
    py = read_trace(options.py_log, pixel) if options.py_log else None
    if c and py:
        check_same_pixel(c, py)
    arguments = absolute_inputs(command_words(options.config, extra))
    folder = fresh_folder(Path(options.outdir), "per_phi")
    c = c or _run_c(program, options, arguments, folder)
    py = py or _run_nbsim(options, arguments, folder)
    check_same_pixel(c, py)
    status = _report(c, py, options, folder)
    write_json(folder / "run_metadata.json", run_metadata(NAME, words))
    if not options.no_plot and (c.phi_rows or py.phi_rows):
        from nbsim.tools.traces.phi_plot import write_plot

        write_plot(
            folder / "per_phi.png", phi_table(c, py), options.k_tolerance, c.pixel
        )
    return status


def _check(options: argparse.Namespace, extra: list[str]) -> None:
    for name, value in (
        ("--k-tolerance", options.k_tolerance),
        ("--timeout", options.timeout),
    ):
        if not 0.0 < value < math.inf:
            raise ValueError(f"{name} {value:g}: expected a number greater than 0")
    if not options.c_log and not options.c_bin:
        raise ValueError(
            "no C program: give its log with --c-log, or the program with --c-bin "
            f"PATH or the environment's {C_BIN}"
        )
    runs = not options.c_log or not options.py_log
    if runs and not options.pixel:
        raise ValueError("--pixel SLOW FAST is needed to run a program")
    if runs and not (options.config or extra):
        raise ValueError(
            "nothing to run the programs with: give --config, or arguments after --"
        )


def _run_c(
    program: str, options: argparse.Namespace, arguments: list[str], folder: Path
) -> TraceLog:
    """Run the C program in a folder of its own and read its rows."""
    slow, fast = options.pixel
    own = folder / "c"
    own.mkdir()
    command = [program, *arguments, "-trace_pixel", str(slow), str(fast)]
    run_program(command, own, options.timeout)
    log = own / "run.log"
    try:
        trace = read_trace(log)
    except FileError as error:
        raise FileError(
            f"{error}; was {options.c_bin} built to print them? docs/regression.md "
            "of nbsim says how"
        ) from None
    trace.pixel = trace.pixel or (slow, fast)
    return trace


def _run_nbsim(
    options: argparse.Namespace, arguments: list[str], folder: Path
) -> TraceLog:
    slow, fast = options.pixel
    own = folder / "nbsim"
    own.mkdir()
    command = [sys.executable, "-m", "nbsim.tools.traces.main"]
    command += ["--pixel", str(slow), str(fast), "--out", "trace/trace_py.log"]
    if options.phi_carryover:
        command.append("--phi-carryover")
    run_program([*command, "--", *arguments], own, options.timeout)
    return read_trace(own / "trace" / "trace_py.log")


def _report(
    c: TraceLog, py: TraceLog, options: argparse.Namespace, folder: Path
) -> int:
    """Write the tables, print the verdict and return the exit status."""
    table = phi_table(c, py)
    first = table.first_divergence(options.k_tolerance)
    if c.phi_rows and py.phi_rows:
        line = _verdict(table, options.k_tolerance)
        status = 0 if first is None else DIVERGED
    else:
        without = c if not c.phi_rows else py
        comparison = compare(c, py, 1e-6)
        line = (
            f"{without.path} has no rows of phi steps (TRACE_C_PHI): no table of both; "
            f"its main rows: {verdict(comparison)}"
        )
        status = 0 if comparison.agrees else DIVERGED
    write_json(
        folder / "per_phi.json",
        {
            **port_keys(py.pixel or c.pixel, options.config, table.entries()),
            **table.as_json(options.k_tolerance),
        },
    )
    lines = markdown_lines(c, py, table, options.k_tolerance, line)
    write_text(folder / "per_phi.md", "\n".join(lines) + "\n")
    print(line)
    print(folder)
    return status


def _verdict(table: PhiTable, k_tolerance: float) -> str:
    first = table.first_divergence(k_tolerance)
    compared = [s for s in table.steps if s.difference("k_frac") is not None]
    if first is None:
        return f"agree: k within {k_tolerance:g} in {len(compared)} phi steps"
    diverging = sum(s.diverges(k_tolerance) for s in compared)
    return (
        f"diverge: first at phi_tic {first.phi_tic} (phi {first.phi_deg:g} degrees), "
        f"delta k {first.difference('k_frac'):.6g}; "
        f"{diverging} of {len(compared)} phi steps diverge"
    )


def markdown_lines(
    c: TraceLog, py: TraceLog, table: PhiTable, k_tolerance: float, line: str
) -> Iterator[str]:
    """Yield the lines of the Markdown report."""
    yield "# Miller indices and lattice factors against phi"
    yield ""
    yield f"**{line}**"
    yield ""
    yield f"- C: `{c.path}`"
    yield f"- nbsim: `{py.path}`"
    if c.pixel:
        yield f"- pixel: slow {c.pixel[0]}, fast {c.pixel[1]}"
    yield f"- tolerance of k: {k_tolerance:g}"
    yield ""
    first = table.first_divergence(k_tolerance)
    if first is not None:
        yield from _explanation(first, table.N_b)
    yield "## Differences (nbsim - C)"
    yield ""
    yield (
        "| phi_tic | phi | delta k | dF_latt_b/dk | delta F_latt_b | "
        "of which from k | delta F_latt | |"
    )
    yield "|---:|---:|---:|---:|---:|---:|---:|---|"
    for step in table.steps:
        cells = [
            _short(step.difference("k_frac")),
            _short(step.slope),
            _short(step.difference("F_latt_b")),
            _short(step.explained),
            _short(step.difference("F_latt")),
            "**differs**" if step.diverges(k_tolerance) else "",
        ]
        yield f"| {step.phi_tic} | {step.phi_deg:g} | {' | '.join(cells)} |"
    for title, side in (("C", "c"), ("nbsim", "py")):
        yield ""
        yield f"## {title}"
        yield ""
        yield f"| phi_tic | phi | {' | '.join(FIELDS)} |"
        yield f"|---:|---:|{'---:|' * len(FIELDS)}"
        for step in table.steps:
            cells = [_full(getattr(step, side)[name]) for name in FIELDS]
            yield f"| {step.phi_tic} | {step.phi_deg:g} | {' | '.join(cells)} |"


def _explanation(step: PhiStep, N_b: int | None) -> Iterator[str]:
    """Say how large the effect of the difference in k must be."""
    delta_k, delta_F = step.difference("k_frac"), step.difference("F_latt_b")
    if N_b is None or delta_k is None or delta_F is None or step.slope is None:
        return
    yield (
        f"At phi_tic {step.phi_tic} k differs by {delta_k:.6g}. The rows fit a crystal "
        f"of {N_b} cells along b, whose fringes are 1/{N_b} = {1 / N_b:.4g} apart in "
        f"k, so that this is {abs(delta_k) * N_b:.3g} fringes. The grating function "
        f"has the slope dF_latt_b/dk = {step.slope:.5g} there and turns the change of "
        f"k into a change of F_latt_b by {step.explained:.6g}; the traces differ by "
        f"{delta_F:.6g}."
    )
    yield ""


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _full(value: float | None) -> str:
    return "-" if value is None else f"{value:.12g}"


if __name__ == "__main__":
    sys.exit(main())
