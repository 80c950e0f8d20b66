# SPDX-License-Identifier: MIT
"""Runs in a fresh process: one image step by step, with the time of every step.

Prints them as json. Imports only what Python has loaded anyway, so that the first
import of everything else is seen.
"""

import contextlib
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

#: Runs it: the time at which the process was asked for, then options of nbsim.
PROGRAM = "from nbsim.tools.benchmark.stages import main; main()"


class Stages:
    """Durations in the order in which they were taken, s."""

    def __init__(self, began: float) -> None:
        self.seconds: dict[str, float] = {}
        self._last = began

    def done(self, name: str) -> None:
        """End a stage that began where the one before it ended."""
        now = time.monotonic()
        self.seconds[name] = now - self._last
        self._last = now


def main() -> None:
    """Go through the stages of this process's command line and print them."""
    stages = Stages(float(sys.argv[1]))
    stages.done("Python")
    seconds = _run(stages, sys.argv[2:])
    import json

    print(json.dumps(seconds))


def _run(stages: Stages, words: Sequence[str]) -> dict[str, float]:
    import numpy  # noqa: F401  (timed)

    stages.done("numpy")
    import llvmlite.binding  # noqa: F401  (timed)

    stages.done("llvmlite")
    from nbsim.command import program
    from nbsim.options.command_line import read_command_line
    from nbsim.simulation import Simulation

    stages.done("nbsim")
    command = read_command_line(words, Simulation)
    output = command.output
    assert command.simulation.setup
    stages.done("command line")
    options: dict[str, Any] = {"backend": output.device, "threads": output.threads}
    command.simulation.run(precision=output.precision, **options)
    stages.done("first rendering")
    command.simulation.run(precision=output.precision, **options)
    stages.done("rendering")
    with open(os.devnull, "w") as sink, contextlib.redirect_stdout(sink):
        program.render(words)
        stages.done("first whole run")
        program.render(words)
        stages.done("whole run")
    return _attributed(stages.seconds)


def _attributed(taken: dict[str, float]) -> dict[str, float]:
    """Return the parts that add up to the command's time, without its end."""
    parts = {name: taken[name] for name in ("Python", "numpy", "llvmlite", "nbsim")}
    parts["command line"] = taken["command line"]
    parts["load render kernels"] = taken["first rendering"] - taken["rendering"]
    parts["load other kernels"] = taken["first whole run"] - taken["whole run"]
    parts["render"] = taken["rendering"]
    # The second whole run reads its input again, but has everything else at hand.
    parts["statistics and files"] = (
        taken["whole run"] - taken["rendering"] - taken["command line"]
    )
    return parts
