# SPDX-License-Identifier: MIT
"""Run a command line in this process and judge how it ended."""

import contextlib
import io
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from nbsim.command import background_program, main, noise_program
from nbsim.options import OptionError, parse
from nbsim.options.command_line import read_command_line
from nbsim.simulation import Simulation

#: A line with more evaluations is understood and not rendered.
MOST_EVALUATIONS = 3e6
#: Name of each program and the function that runs a line of it.
PROGRAMS = {
    "nbsim": main.main,
    "nbsim-background": background_program.main,
    "nbsim-noise": noise_program.main,
}
#: What a line may come to, by status, the first where it says nothing.
ENDS = ("accepted", "failed 1", "refused 2")
WARNED = "warned"
ERROR = re.compile(r"nbsim: error: \S.*")


class Escape(AssertionError):
    """Something that must not happen: the line, and what it was."""


def run(words: Sequence[str], folder: Path, program: str = "nbsim") -> str:
    """Run a line of one of `PROGRAMS` in a folder and return the class of its end.

    What it writes is removed, so that the next line finds the folder as it was.

    Returns
    -------
    str
        One of `ENDS`, or `WARNED`.

    Raises
    ------
    Escape
        For an internal error, an error without its one sentence, an unknown status,
        or half a file that is left.
    """
    before = set(os.listdir(folder))
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder):
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = PROGRAMS[program](list(words))
    said = err.getvalue().splitlines()
    new = set(os.listdir(folder)) - before
    left = {name for name in new if name.endswith(".part")}
    for name in new:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    errors = [line for line in said if line.startswith("nbsim: error")]
    wrong = None
    if any("internal error" in line or "Traceback" in line for line in said):
        wrong = errors[-1] if errors else said[-1]
    elif status not in (0, 1, 2):
        wrong = f"status {status}"
    elif left:
        wrong = f"left behind: {sorted(left)}"
    elif status and not (len(errors) == 1 and ERROR.fullmatch(said[-1])):
        wrong = f"status {status} and said {said[-3:]}"
    elif not status and errors:
        wrong = f"status 0 and said {errors}"
    if wrong:
        raise Escape(f"{program} {' '.join(map(repr, words))}\n{wrong}")
    if not status and any("warning: " in line for line in said):
        return WARNED
    return ENDS[status]


def renderable(words: Sequence[str], folder: Path) -> bool:
    """Return whether a line is understood and rendered in an instant."""
    with contextlib.chdir(folder):
        try:
            parse(words)
            setup = read_command_line(words, Simulation).simulation.setup
        except (OptionError, ValueError, OSError, MemoryError):
            return True  # refused at once
    xmin, xmax, ymin, ymax = setup.bounds
    pixels = (xmax - xmin + 1.0) * (ymax - ymin + 1.0)
    layers = setup.sensor.thicksteps
    spixels, fpixels = setup.geometry.spixels, setup.geometry.fpixels
    small = float(spixels) * fpixels < 1e6
    return small and pixels * layers * setup.steps < MOST_EVALUATIONS
