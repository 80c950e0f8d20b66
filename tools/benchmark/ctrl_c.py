# SPDX-License-Identifier: MIT
"""How long Ctrl-C takes in every stage of a run.

``python -m nbsim.tools.benchmark.ctrl_c`` interrupts each at random moments and prints
the worst time from the signal to the end of the process. A run that does not end with
status 130 and one sentence, or that leaves a file, stops the measurement.
"""

import argparse
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SMALL = "-cell 70 80 90 -default_F 100 -N 5 -device cpu -noprogress"
LARGE = f"{SMALL} -oversample 1 -detpixels 3000"
INTERRUPTED = "nbsim: error: interrupted\n"
#: What says that the program is running, not Python's own start.
STARTED = "import sys, nbsim.__main__ as m; m.end_on_signals(); print(flush=True)\n"
PROGRAM = STARTED + "sys.argv[0] = 'nbsim'; m.command()"


@dataclass(frozen=True)
class Stage:
    """A moment to interrupt.

    Parameters
    ----------
    words
        The command line.
    line
        The signal comes after a line on standard output or error that has this.
    seconds
        And after a random time of at most this.
    fresh
        Whether to begin without machine code.
    """

    words: str
    line: str
    seconds: float
    fresh: bool = False


def stages(folder: Path) -> dict[str, Stage]:
    """Return the stages, with their input files in a folder."""
    reflections = folder / "large.hkl"
    indices = itertools.product(range(150), range(150), range(60))
    rows = (f"{h} {k} {l} 1.5" for h, k, l in indices)
    reflections.write_text("\n".join(rows))
    hours = "-detpixels 1 -oversample 1000 -mosaic 1 -mosaic_domains 1000 -phisteps 100"
    listed = f"{LARGE} -hkl {reflections}"
    return {
        "importing": Stage(SMALL, "", 0.3),
        "reading": Stage(listed, "", 1.0),
        "compiling": Stage(f"{SMALL} -detpixels 64", "compiling", 4.0, fresh=True),
        "rendering one pixel": Stage(f"{SMALL} {hours} -osc 1", "parameters", 1.0),
        "noise": Stage(LARGE, "noise image parameters", 3.0),
        "writing": Stage(LARGE, "writing noiseimage", 0.15),
    }


def latency(stage: Stage, seed: int) -> float | None:
    """Return the seconds from the signal to the end; None if the run was faster.

    Raises
    ------
    RuntimeError
        If it did not end as it should.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ)
        if stage.fresh:
            environment["XDG_CACHE_HOME"] = folder
        work = Path(folder, "work")
        work.mkdir()
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *stage.words.split()],
            cwd=work,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        while stage.line not in (line := process.stdout.readline()) and line:
            pass
        time.sleep(random.Random(seed).uniform(0.0, stage.seconds))
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        process.wait()
        taken = time.monotonic() - began
        said = process.stdout.read()
        if process.returncode == 0:
            return None
        left = list(work.glob("*.part")) + list(work.glob(".*"))
        if process.returncode != 130 or not said.endswith(INTERRUPTED) or left:
            raise RuntimeError(f"status {process.returncode}, {left}: {said[-500:]}")
    return taken


def measure(times: int, say: Callable[[str], None]) -> None:
    """Interrupt every stage so many times and print the worst."""
    with tempfile.TemporaryDirectory() as folder:
        for name, stage in stages(Path(folder)).items():
            found, seed = [], 0
            while len(found) < times and seed < 3 * times:
                taken = latency(stage, seed)
                seed += 1
                if taken is not None:
                    found.append(taken)
            median = sorted(found)[len(found) // 2]
            figures = f"worst {max(found):.3f} s, median {median:.3f} s"
            say(f"{name}: {len(found)} of {seed} interrupted, {figures}")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--times", type=int, default=100)
    # Programs inherit that it is ignored, as in the background of a script.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    measure(parser.parse_args().times, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
