# SPDX-License-Identifier: MIT
"""Find out everything about a CUDA device in one call, the most important first.

Usage: python -m nbsim.tools.benchmark.first_contact --seconds N --out DIR

Each step has a part of the time that is left, and its failure is its own. What has been
found is in DIR/first_contact.json and .md after every step. Needs Python, numpy, numba
and numba-cuda, and the source tree for the golden cases. With NUMBA_ENABLE_CUDASIM=1 it
runs in numba's simulator, on fewer and smaller images.
"""

import argparse
import contextlib
import json
import math
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nbsim.backends import device
from nbsim.errors import DeviceError
from nbsim.tools.benchmark.first_contact import checks, frames, timings
from nbsim.tools.benchmark.first_contact.record import (
    Record,
    Step,
    content_of,
    run_steps,
    write_report,
)

SOURCE = Path(os.path.realpath(__file__)).parents[3]


def build_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(
        prog="python -m nbsim.tools.benchmark.first_contact",
        description="Find out everything about a CUDA device in one call.",
        epilog="Exit status: 0 all is right, 3 something is not, 1 there is no device "
        "or nothing can be written, 130 interrupted.",
    )
    parser.add_argument(
        "--seconds", type=float, default=540.0, help="for everything (540)"
    )
    parser.add_argument("--out", default=".", metavar="DIR", help="where to write")
    parser.add_argument("--port", metavar="PROGRAM", help="the CUDA port's program")
    parser.add_argument(
        "--source",
        default=str(SOURCE),
        metavar="DIR",
        help="the source tree, for golden cases and predictions",
    )
    parser.add_argument("--only", metavar="STEP,...", help="steps by name")
    return parser


def steps(options: argparse.Namespace, device_name: str) -> list[Step]:
    """Return all steps, the most important first."""
    source = Path(options.source)
    folder = source / "golden"
    return [
        Step("facts", 1, checks.facts),
        Step("kernels", 6, checks.compile_kernels),
        Step("golden, double", 6, checks.golden(folder, "double")),
        Step("golden, single", 4, checks.golden(folder, "single")),
        Step("twins", 5, checks.twins),
        Step("same bytes", 1, checks.same_bytes),
        Step("last block", 1, frames.last_block),
        Step("whole numbers", 1, frames.whole_numbers),
        Step("frames", 1, frames.frames),
        Step("Ctrl-C", 1, checks.ctrl_c),
        Step("failures", 1, checks.failures),
        Step("launch split", 2, checks.launch_split),
        Step("peaks", 1, timings.peaks),
        Step("workloads", 12, timings.workloads),
        Step("predictions", 1, timings.against_predictions(source, device_name)),
        Step("port", 6, timings.port(options.port)),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Run everything; return the exit status."""
    parser = build_parser()
    options = parser.parse_args(argv)
    if not 0.0 < options.seconds < math.inf:
        parser.error(f"--seconds {options.seconds:g}: expected a number more than 0")
    known = [step.name for step in steps(options, "")]
    wanted = _names(options.only, known) if options.only else known
    for one in wanted:
        if one not in known:
            parser.error(f"--only {one}: expected {', '.join(known)}")
    try:
        name = device.cuda_devices()[0].name
    except DeviceError as error:
        print(error, file=sys.stderr)
        return 1
    out = Path(options.out)
    chosen = [step for step in steps(options, name) if step.name in wanted]
    head: dict[str, Any] = {
        "device": name,
        "version": checks.version_line(),
        "seconds": options.seconds,
    }

    try:
        out.mkdir(parents=True, exist_ok=True)
        write_report(out, head, [Record(step.name) for step in chosen])
    except OSError as error:
        print(f"nothing can be written to {out}: {error}", file=sys.stderr)
        return 1
    lost: list[OSError] = []

    def save(records: list[Record]) -> None:
        try:
            write_report(out, head, records)
            lost.clear()
        except OSError as error:
            lost.append(error)

    def say(text: str) -> None:
        # Whoever reads this may be gone.
        with contextlib.suppress(OSError):
            print(text, file=sys.stderr, flush=True)

    # What ends a job is an interruption like Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    records = run_steps(chosen, options.seconds, save, say)
    if lost:
        say(f"nothing can be written to {out} any more: {lost[-1]}")
        print(json.dumps(content_of(head, records)))
        return 1
    if any(record.status == "interrupted" for record in records):
        return 130
    right = all(record.status in ("ok", "partly", "not run") for record in records)
    return 0 if right else 3


def _names(text: str, known: Sequence[str]) -> list[str]:
    """Return the names in a list with commas, which some names have, too."""
    found, rest = [], text
    while rest:
        fitting = [name for name in known if f"{rest},".startswith(f"{name},")]
        name = max(fitting, key=len) if fitting else rest.split(",")[0]
        found.append(name)
        rest = rest[len(name) + 1 :]
    return found


if __name__ == "__main__":
    sys.exit(main())
