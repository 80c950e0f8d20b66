# SPDX-License-Identifier: MIT
"""Find out everything about a CUDA device in one call, the most important first.

Usage: python -m nbsim.tools.benchmark.first_contact --seconds N --out DIR

Each step has a part of the time that is left, and its failure is its own. What has been
found is in DIR/first_contact.json and .md after every step. Needs Python, numpy, numba
and numba-cuda, and the source tree for the golden cases. With NUMBA_ENABLE_CUDASIM=1 it
runs in numba's simulator, on fewer and smaller images.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nbsim.backends import device
from nbsim.errors import DeviceError
from nbsim.tools.benchmark.first_contact import checks, timings
from nbsim.tools.benchmark.first_contact.record import (
    Record,
    Step,
    run_steps,
    write_report,
)

SOURCE = Path(os.path.realpath(__file__)).parents[3]


def build_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(
        prog="python -m nbsim.tools.benchmark.first_contact",
        description="Find out everything about a CUDA device in one call.",
        epilog="Exit status: 0 all is right, 3 something is not, 1 there is no device.",
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
    options = build_parser().parse_args(argv)
    if options.seconds <= 0.0:
        build_parser().error(f"--seconds {options.seconds:g}: expected more than 0")
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    try:
        name = device.cuda_devices()[0].name
    except DeviceError as error:
        print(error, file=sys.stderr)
        return 1
    chosen = steps(options, name)
    if options.only:
        wanted = options.only.split(",")
        names = [step.name for step in chosen]
        for one in wanted:
            if one not in names:
                build_parser().error(f"--only {one}: expected {', '.join(names)}")
        chosen = [step for step in chosen if step.name in wanted]
    head: dict[str, Any] = {
        "device": name,
        "version": checks.version_line(),
        "seconds": options.seconds,
    }

    def save(records: list[Record]) -> None:
        write_report(out, head, records)

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    records = run_steps(chosen, options.seconds, save, say)
    right = all(record.status in ("ok", "partly", "not run") for record in records)
    return 0 if right else 3


if __name__ == "__main__":
    sys.exit(main())
