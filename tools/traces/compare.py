# SPDX-License-Identifier: MIT
"""``nbsim-compare-traces``: the first number in which two programs part."""

import argparse
import math
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nbsim.tools.command import DIVERGED, check_new, run_tool, write_json, write_text
from nbsim.tools.provenance import run_metadata
from nbsim.tools.run_folder import check_record, record_run
from nbsim.tools.traces.difference import (
    MISSING,
    SCALING_CHAIN,
    Comparison,
    Difference,
    compare,
)
from nbsim.tools.traces.log import TraceLog, read_trace

NAME = "nbsim-compare-traces"


def build_parser() -> argparse.ArgumentParser:
    """Return the command line's parser; the man page is made from it."""
    parser = argparse.ArgumentParser(
        prog=NAME,
        description=(
            "Compare two traces of one pixel, number by number in the order of the "
            "computation, and name the first that differs. Each log may be the output "
            "of an instrumented nanoBragg, a text trace or a jsonl trace of nbsim."
        ),
        epilog=(
            "Writes SUMMARY, and metrics.json and compare_scaling_traces.txt beside "
            "it; run_metadata.json, commands.txt and sha256.txt there get an entry. "
            "PASS is within the tolerance, MINOR below 1e-4, CRITICAL 1 per cent or "
            "more, DIVERGENT between; EXPECTED is not counted. Exit status: 0 the "
            "traces agree, 3 they diverge, 1 a file cannot be read or written, 2 the "
            "command line is wrong or the pixels differ."
        ),
    )
    parser.add_argument(
        "--c", required=True, metavar="LOG", help="the reference, usually the C program"
    )
    parser.add_argument(
        "--py", required=True, metavar="LOG", help="the trace under test, usually nbsim"
    )
    parser.add_argument(
        "--out", required=True, metavar="SUMMARY", help="report to write (Markdown)"
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=1e-6,
        metavar="T",
        help="largest relative difference that counts as equal (default 1e-6)",
    )
    parser.add_argument(
        "--pixel",
        type=int,
        nargs=2,
        metavar=("SLOW", "FAST"),
        help="which pixel, where a log has several",
    )
    parser.add_argument(
        "--force", action="store_true", help="overwrite files that exist"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(NAME, _run, argv)


def _run(words: list[str]) -> int:
    options = build_parser().parse_args(words)
    if not 0.0 <= options.tolerance < math.inf:
        raise ValueError(
            f"--tolerance {options.tolerance:g}: expected a finite number, 0 or more"
        )
    summary = Path(options.out)
    metrics = summary.with_name("metrics.json")
    transcript = summary.with_name("compare_scaling_traces.txt")
    check_new([summary, metrics, transcript], options.force)
    check_record(summary.parent)
    pixel = tuple(options.pixel) if options.pixel else None
    c, py = read_trace(options.c, pixel), read_trace(options.py, pixel)
    comparison = compare(c, py, options.tolerance)
    summary.parent.mkdir(parents=True, exist_ok=True)
    write_text(summary, "\n".join(summary_lines(c, py, comparison)) + "\n")
    write_json(metrics, metrics_of(c, py, comparison))
    write_text(transcript, "\n".join(transcript_lines(c, py, comparison)) + "\n")
    metadata = run_metadata(
        NAME,
        words,
        c_log=c.path,
        py_log=py.path,
        tolerance_rel=options.tolerance,
    )
    record_run(
        summary, metadata, [metrics, transcript], f"{shlex.join([NAME, *words])}\n"
    )
    print(verdict(comparison))
    return 0 if comparison.agrees else DIVERGED


def verdict(comparison: Comparison) -> str:
    """Return the result in one line."""
    first = comparison.first_divergence
    one_sided = len(comparison.only_c) + len(comparison.only_py)
    rest = f"; {one_sided} quantities are in one trace only" if one_sided else ""
    if comparison.stale_reciprocal:
        rest += "; rot_*_star not counted"
    if first is None:
        count = len(comparison.differences)
        return f"agree: {count} numbers within {comparison.tolerance:g}{rest}"
    where = "" if first.phi_tic is None else f" (phi_tic {first.phi_tic})"
    if tics := comparison.diverging_phi_tics:
        rest = f"; phi steps that diverge: {_listed(tics)}{rest}"
    return (
        f"diverge: first in {first.label}{where}: C {first.c:.15g}, nbsim "
        f"{first.py:.15g}, relative {first.relative:.3g}, {first.status}{rest}"
    )


def metrics_of(c: TraceLog, py: TraceLog, comparison: Comparison) -> dict[str, Any]:
    """Return everything as numbers, for programs."""
    first = comparison.first_divergence
    return {
        "verdict": "agree" if comparison.agrees else "diverge",
        "tolerance": comparison.tolerance,
        "tolerance_rel": comparison.tolerance,
        "pixel": c.pixel or py.pixel,
        "c_log": c.path,
        "py_log": py.path,
        "first_divergence": None if first is None else first.name,
        "first_difference": None if first is None else _numbers(first),
        "num_divergent": sum(d.diverges for d in comparison.differences),
        "factors": factors(c, py, comparison),
        "diverging_phi_tics": comparison.diverging_phi_tics,
        "stale_reciprocal": comparison.stale_reciprocal,
        "only_c": comparison.only_c,
        "only_py": comparison.only_py,
        "quantities": [_numbers(d) for d in comparison.differences],
    }


def factors(c: TraceLog, py: TraceLog, comparison: Comparison) -> dict[str, Any]:
    """Return the scaling chain by name, with the keys of the PyTorch port's script.

    A value that a log lacks is None, and the factor's status then "MISSING".
    """
    found = {d.name: d for d in comparison.differences if d.row == "main"}
    content = {}
    for name, description in SCALING_CHAIN.items():
        one, other = (log.values.get(name, (None,))[0] for log in (c, py))
        delta = None if one is None or other is None else other - one
        content[name] = {
            "description": description,
            "c_value": _json(one),
            "py_value": _json(other),
            "abs_delta": _json(delta),
            "rel_delta": _json(delta / one) if delta is not None and one else None,
            "status": found[name].status if delta is not None else MISSING,
        }
    return content


def transcript_lines(
    c: TraceLog, py: TraceLog, comparison: Comparison
) -> Iterator[str]:
    """Yield the verdict and the scaling chain as plain text."""
    yield verdict(comparison)
    yield f"{'factor':24} {'C':>22} {'nbsim':>22} {'relative':>13} status"
    for name, entry in factors(c, py, comparison).items():
        one, other = (_cell(entry[side], ".15g") for side in ("c_value", "py_value"))
        relative = _cell(entry["rel_delta"], "+.6e")
        yield f"{name:24} {one:>22} {other:>22} {relative:>13} {entry['status']}"


def _cell(value: float | str | None, form: str) -> str:
    if value is None or isinstance(value, str):
        return value or "-"
    return f"{value:{form}}"


def _json(value: float | None) -> float | str | None:
    """Return a number as JSON can hold it."""
    return value if value is None or math.isfinite(value) else str(value)


def _numbers(difference: Difference) -> dict[str, Any]:
    numbers = {
        "c": difference.c,
        "py": difference.py,
        "absolute": difference.absolute,
        "relative": difference.relative,
        "ulps": difference.ulps,
    }
    return {
        "row": difference.row,
        "name": difference.name,
        "component": difference.component or None,
        "phi_tic": difference.phi_tic,
        **{name: _json(value) for name, value in numbers.items()},
        "status": difference.status,
    }


def summary_lines(c: TraceLog, py: TraceLog, comparison: Comparison) -> Iterator[str]:
    """Yield the lines of the Markdown report."""
    yield "# Comparison of two traces"
    yield ""
    yield f"**{verdict(comparison)}**"
    yield ""
    pixel = c.pixel or py.pixel
    yield f"- pixel: {'slow %d, fast %d' % pixel if pixel else 'not named'}"
    yield f"- C: `{c.path}` ({c.program})"
    yield f"- nbsim: `{py.path}` ({py.program})"
    yield f"- tolerance: {comparison.tolerance:g}"
    yield f"- phi steps that diverge: {_listed(comparison.diverging_phi_tics)}"
    if comparison.stale_reciprocal:
        yield f"- EXPECTED: {comparison.stale_reciprocal}"
    yield ""
    main = [d for d in comparison.differences if d.row == "main"]
    chain = [d for d in main if d.name in SCALING_CHAIN]
    yield from _table("Scaling chain", chain)
    yield from _table("Geometry and lattice", [d for d in main if d not in chain])
    phi = [d for d in comparison.differences if d.row == "phi"]
    yield from _table("Phi steps", phi)
    yield "## In one trace only"
    yield ""
    yield "These were not compared."
    yield ""
    yield f"- C: {_listed(comparison.only_c)}"
    yield f"- nbsim: {_listed(comparison.only_py)}"


def _table(title: str, differences: Sequence[Difference]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    if not differences:
        yield "No such rows in both traces."
        yield ""
        return
    yield "| quantity | phi_tic | C | nbsim | abs. diff. | rel. diff. | ulps | status |"
    yield "|---|---:|---:|---:|---:|---:|---:|---|"
    for d in differences:
        tic = "" if d.phi_tic is None else str(d.phi_tic)
        yield (
            f"| {d.label} | {tic} | {d.c:.15g} | {d.py:.15g} | {d.absolute:.2e} | "
            f"{d.relative:.2e} | {d.ulps:.3g} | {d.status} |"
        )
    yield ""


def _listed(names: Sequence[Any]) -> str:
    return ", ".join(str(name) for name in names) or "none"


if __name__ == "__main__":
    sys.exit(main())
