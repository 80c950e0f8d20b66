# SPDX-License-Identifier: MIT
"""The traces of the instrumented C program, and nbsim's traces of the same pixels."""

import functools
import re

from golden_cases import GOLDEN

import nbsim
from nbsim.trace.pixel import Trace

LOGS = {path.name.split(".")[0]: path for path in (GOLDEN / "traces").iterdir()}
NAMES = sorted(LOGS)
SEED = LOGS["seed_command"]
SEED_PIXEL = (685, 1039)


def pixel_and_arguments(name: str) -> tuple[tuple[int, int], str]:
    """Return what the first line of a golden trace says."""
    with open(LOGS[name], encoding="ascii") as log:
        line = log.readline()
    found = re.fullmatch(r"# pixel slow=(\d+) fast=(\d+); arguments: (.*)\n", line)
    assert found, line
    arguments = found[3].replace("{in}", str(GOLDEN / "inputs"))
    return (int(found[1]), int(found[2])), arguments


@functools.cache
def traced(name: str, carryover: bool = False) -> Trace:
    """Return nbsim's trace of a golden pixel."""
    pixel, arguments = pixel_and_arguments(name)
    flag = " -phi_carryover" if carryover else ""
    return nbsim.Simulation.from_args(arguments + flag).trace(*pixel)
