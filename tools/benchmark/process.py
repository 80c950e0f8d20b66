# SPDX-License-Identifier: MIT
"""What a run of nbsim costs besides rendering: time to start, and memory."""

import argparse
import dataclasses
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbsim.errors import FileError
from nbsim.tools.benchmark.measure import Program, nbsim_program, timed_run
from nbsim.tools.benchmark.stages import PROGRAM as STAGES

CELL = "-cell 100 100 100 90 90 90 -default_F 100 -N 20 -lambda 1 -distance 100"
STILL = f"{CELL} -detpixels 1024 -oversample 1 -seed 1 -nonoise"
#: An image that is rendered from its reflections.
SPARSE = f"{STILL} -gauss_xtal -sparse on"
#: Detector sizes whose memory is measured, pixels.
SIZES, QUICK_SIZES = (1024, 4096, 16384), (512, 2048)
DETECTOR_MM = 102.4
PEAK_MEMORY = """
import re, sys
from nbsim.command.main import main
status = main(sys.argv[1:])
found = re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())
print(found[1] if found and status == 0 else "", file=sys.stderr)
sys.exit(status)
"""
IMPORT_ROW = re.compile(r"import time:\s*(\d+) \|\s*\d+ \|\s*(\S+)")

Progress = Callable[[str], None]


@dataclass
class Table:
    """Lines to print, and the same numbers for a json file."""

    lines: list[str] = field(default_factory=list)
    content: dict[str, Any] = field(default_factory=dict)

    def add(self, *cells: str) -> None:
        """Add a row of a Markdown table."""
        self.lines.append(f"| {' | '.join(cells)} |")


def run_python(
    program: str, words: Sequence[str], more: Mapping[str, str], *flags: str
) -> subprocess.CompletedProcess[str]:
    """Run a line of Python in a folder of its own.

    Raises
    ------
    FileError
        When it fails.
    """
    with tempfile.TemporaryDirectory(prefix="nbsim-benchmark-") as folder:
        done = subprocess.run(
            [sys.executable, *flags, "-c", program, *words],
            cwd=folder,
            env={**os.environ, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise FileError(
            f"nbsim failed with exit status {done.returncode}"
            + (f" ({said[-1]})" if said else "")
        )
    return done


def startup(
    c_bin: str | None, options: argparse.Namespace, progress: Progress
) -> Table:
    """Measure where the time of a cached still image goes.

    Parameters
    ----------
    c_bin
        The C program, for comparison; None: without.
    options
        threads, precision, device, repeat, timeout.
    progress
        Told what is measured.
    """
    with tempfile.TemporaryDirectory(prefix="nbsim-bytecode-") as folder:
        # As an installed package has it, whatever the caller's environment is.
        bytecode = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder}
        return _startup(c_bin, options, progress, bytecode)


def _startup(
    c_bin: str | None,
    options: argparse.Namespace,
    progress: Progress,
    bytecode: dict[str, str],
) -> Table:
    nbsim = dataclasses.replace(
        nbsim_program(options.threads, options.precision, options.device),
        environment=bytecode,
    )
    words = STILL.split()
    table = Table()
    progress("stages of a cached run")
    stages = _median_stages([*words, *nbsim.more], options.repeat, bytecode)
    whole = _median_command(nbsim, words, options)
    working = stages["render"] + stages["statistics and files"]
    stages["everything else, and the end"] = whole - sum(stages.values())
    table.lines += ["", "| part of `nbsim`, 1024 x 1024 still | s |", "|---|---:|"]
    for name, seconds in stages.items():
        table.add(name, f"{seconds:.3f}")
    table.add("**whole command**", f"{whole:.3f}")
    table.add("**outside kernel and files**", f"{whole - working:.3f}")
    table.content.update(stages=stages, command=whole, outside=whole - working)
    if c_bin:
        c = Program(
            "C", (c_bin,), environment={"OMP_NUM_THREADS": str(options.threads)}
        )
        table.content["c_command"] = _median_command(c, words, options)
        table.add("whole command of C", f"{table.content['c_command']:.3f}")
    progress("answers without an image")
    for name, asked in (("help", ["-h"]), ("config", [*words, "-show_config"])):
        table.content[name] = _median_command(nbsim, asked, options)
        table.add(f"`nbsim {asked[-1]}`", f"{table.content[name]:.3f}")
    progress("first runs, with an empty cache")
    for name, line, what in (
        ("first", STILL, "first run ever, kernels compiled"),
        ("first_sparse", SPARSE, "... of a sparse image"),
    ):
        table.content[name] = _first_run(nbsim, line.split(), options)
        table.add(what, f"{table.content[name]:.3f}")
    progress("imports")
    table.content["imports"] = _imports([*words, *nbsim.more], bytecode)
    table.lines += ["", "| imported package, its own time | s |", "|---|---:|"]
    for name, seconds in table.content["imports"].items():
        table.add(name, f"{seconds:.3f}")
    return table


def _median_stages(
    words: Sequence[str], repeat: int, more: Mapping[str, str]
) -> dict[str, float]:
    runs = []
    # The first run may have to compile.
    for _ in range(repeat + 1):
        done = run_python(STAGES, [repr(time.monotonic()), *words], more)
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return {name: statistics.median(run[name] for run in runs[1:]) for name in runs[0]}


def _median_command(
    program: Program, words: Sequence[str], options: argparse.Namespace
) -> float:
    taken = []
    for _ in range(options.repeat + 1):
        with timed_run(program, words, options.timeout) as (seconds, _):
            taken.append(seconds)
    return statistics.median(taken[1:])


def _first_run(
    nbsim: Program, words: Sequence[str], options: argparse.Namespace
) -> float:
    with tempfile.TemporaryDirectory(prefix="nbsim-cache-") as cache:
        fresh = Program(
            nbsim.name,
            nbsim.command,
            nbsim.more,
            {**nbsim.environment, "NUMBA_CACHE_DIR": cache},
        )
        with timed_run(fresh, words, options.timeout) as (seconds, _):
            return seconds


def _imports(words: Sequence[str], more: Mapping[str, str]) -> dict[str, float]:
    """Return the largest sums of import times by package, s."""
    program = (
        "import sys; from nbsim.command.main import main; sys.exit(main(sys.argv[1:]))"
    )
    done = run_python(program, words, more, "-X", "importtime")
    by_package: Counter[str] = Counter()
    for microseconds, name in IMPORT_ROW.findall(done.stderr):
        package = name.split(".")[0]
        known = package in ("numpy", "numba", "llvmlite", "nbsim")
        by_package[package if known else "others"] += int(microseconds)
    return {name: total / 1e6 for name, total in by_package.most_common()}


def memory(options: argparse.Namespace, progress: Progress) -> Table:
    """Measure the most memory that images of several sizes take.

    Raises
    ------
    FileError
        Where the system does not tell, or an image does not fit.
    """
    if not Path("/proc/self/status").exists():
        raise FileError("--memory needs /proc/self/status, which this system lacks")
    table = Table()
    nbsim = nbsim_program(options.threads, options.precision, options.device)
    # Loads what every run loads, and renders next to nothing.
    alone = _peak_memory([*_image_words(8), *nbsim.more])
    table.lines += [
        "",
        "| image | float image, MB | peak, MB | beyond the interpreter, MB | images |",
        "|---|---:|---:|---:|---:|",
    ]
    table.add("interpreter, numba and kernels", "", f"{alone / 1e6:.0f}", "", "")
    table.content.update(alone=alone, peaks={})
    for size in QUICK_SIZES if options.quick else SIZES:
        progress(f"memory of {size} x {size}")
        image = 4 * size * size
        if 2 * image > shutil.disk_usage(tempfile.gettempdir()).free:
            raise FileError(
                f"{tempfile.gettempdir()} has no room for the files of {size} x {size}"
            )
        peak = _peak_memory([*_image_words(size), *nbsim.more])
        table.content["peaks"][size] = peak
        table.add(
            f"{size} x {size}",
            f"{image / 1e6:.0f}",
            f"{peak / 1e6:.0f}",
            f"{(peak - alone) / 1e6:.0f}",
            f"{(peak - alone) / image:.2f}",
        )
    return table


def _image_words(size: int) -> list[str]:
    pixel_mm = DETECTOR_MM / size
    words = f"{CELL} -detpixels {size} -pixel {pixel_mm!r} -oversample 1 -seed 1"
    return [*words.split(), "-nonoise", "-noprogress"]


def _peak_memory(words: Sequence[str]) -> int:
    """Return the high-water mark that a process reads of itself, bytes.

    Not that of `resource.getrusage`: a child's begins with its parent's.
    """
    run_python(PEAK_MEMORY, words, {})
    done = run_python(PEAK_MEMORY, words, {})
    return 1024 * int(done.stderr.splitlines()[-1])
