# SPDX-License-Identifier: MIT
"""``nbsim-trace``: all numbers behind one pixel, in a folder that can be kept."""

import argparse
import math
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nbsim.tools.command import (
    check_folder,
    run_tool,
    split_arguments,
    write_json,
    write_text,
)
from nbsim.tools.named_configs import command_words, names
from nbsim.tools.provenance import environment, run_metadata
from nbsim.tools.run_folder import check_record, record_run
from nbsim.tools.traces.phi_table import port_keys

NAME = "nbsim-trace"
PRECISIONS = {"float64": "double", "float32": "single"}


def build_parser() -> argparse.ArgumentParser:
    """Return the command line's parser; the man page is made from it."""
    parser = argparse.ArgumentParser(
        prog=NAME,
        usage=f"{NAME} [options] --pixel SLOW FAST --out FOLDER/LOG [-- nbsim options]",
        description=(
            "Write all numbers behind one pixel: positions, vectors, indices, lattice "
            "factors and the way to photons, one row each, and a row per phi step. "
            "The folder also gets the rows of the phi steps alone (text and json), "
            "what was printed, the version, machine, command and checksums."
        ),
        epilog=(
            "A trace is always computed in double precision on the processor, by the "
            "functions that all kernels share. Exit status: 0 done, 1 a file cannot "
            "be read or written, 2 the command line is wrong."
        ),
    )
    parser.add_argument(
        "--config",
        metavar="NAME|FILE",
        help=f"a command line from a file; shipped names: {', '.join(names())}",
    )
    parser.add_argument(
        "--pixel", type=int, nargs=2, required=True, metavar=("SLOW", "FAST")
    )
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        help="also render the image there and record its value of the pixel",
    )
    parser.add_argument(
        "--dtype",
        choices=tuple(PRECISIONS),
        help="precision of that image (default float64)",
    )
    parser.add_argument(
        "--phi-carryover",
        action="store_true",
        help="at phi 0, keep the crystal as the step before left it, as nanoBragg does",
    )
    parser.add_argument(
        "--out", required=True, metavar="FOLDER/LOG", help="such as run1/trace_py.log"
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="write into a folder that is not empty; what others wrote there stays",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(NAME, _run, argv)


def _run(words: list[str]) -> int:
    from nbsim.command.trace_files import phi_text_rows, text_rows
    from nbsim.options.command_line import read_command_line
    from nbsim.simulation import Simulation

    own, extra = split_arguments(words)
    options = build_parser().parse_args(own)
    log = Path(options.out)
    check_folder(log.parent, options.force)
    check_record(log.parent)
    if options.phi_carryover:
        extra = [*extra, "-phi_carryover"]
    nbsim_words = command_words(options.config, extra)
    command = read_command_line(nbsim_words, Simulation)
    slow, fast = options.pixel
    trace = command.simulation.trace(slow, fast)
    image = _image_value(command.simulation, options, trace)
    rows = [_without_nan(row) for row in trace.phi_rows]
    photons = trace.values["I_pixel_final"]
    said = f"{log}: pixel slow {slow}, fast {fast}: {photons:.9g} photons\n"
    texts: dict[str, str] = {
        log.name: _lines(text_rows(trace)),
        f"{log.stem}_per_phi.log": _lines(phi_text_rows(trace)),
        "stdout.log": said,
    }
    contents: dict[str, Any] = {
        f"{log.stem}_per_phi.json": {
            **port_keys((slow, fast), options.config, rows),
            "rows": rows,
        },
        "env.json": environment(),
    }
    metadata = run_metadata(
        NAME,
        words,
        pixel=[slow, fast],
        device="cpu",
        dtype="float64",
        image=image,
        nbsim_options=shlex.join(nbsim_words),
        warnings=[*command.warnings, *command.simulation.setup.warnings],
    )
    log.parent.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_text(log.with_name(name), text)
    for name, content in contents.items():
        write_json(log.with_name(name), content)
    written = [log.with_name(name) for name in (*texts, *contents)]
    commands = _commands(words, nbsim_words, slow, fast)
    record_run(log, metadata, written, commands)
    print(said, end="")
    return 0


def _image_value(
    simulation: Any, options: argparse.Namespace, trace: Any
) -> dict[str, Any] | None:
    """Render the image as asked for and return its value of the pixel."""
    if options.device is None and options.dtype is None:
        return None
    device, dtype = options.device or "cpu", options.dtype or "float64"
    result = simulation.run(backend=device, precision=PRECISIONS[dtype])
    value = float(result.image[trace.spixel, trace.fpixel])
    expected = trace.values["I_pixel_final"]
    difference = abs(value - expected)
    return {
        "device": result.backend,
        "dtype": dtype,
        "value": value,
        "trace_value": expected,
        "relative_difference": difference / expected if expected else difference,
    }


def _lines(rows: Any) -> str:
    return "".join(f"{row}\n" for row in rows)


def _without_nan(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in row.items()
    }


def _commands(words: list[str], nbsim_words: list[str], slow: int, fast: int) -> str:
    nbsim_command = ["nbsim", *nbsim_words, "-trace_pixel", str(slow), str(fast)]
    return (
        "# Run in the folder that run_metadata.json names:\n"
        f"{shlex.join([NAME, *words])}\n"
        "# The image with the same trace:\n"
        f"{shlex.join(nbsim_command)}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
