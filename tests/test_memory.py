# SPDX-License-Identifier: MIT
"""Peak memory of a run, beyond that of a tiny one."""

import os
import subprocess
import sys

import pytest

MB = 1e6
#: Scratch, printed lines, and what the allocator keeps.
SLACK = 20 * MB
SIZE = 4096
IMAGE = SIZE * SIZE * 4
COMMAND = (
    "-cell 70 80 90 -default_F 100 -N 5 -nointerpolate -oversample 1 -distance 200 "
    "-pixel 0.05 -device cpu"
)


def peak_of(words, folder):
    """Run a Python command and return its peak resident memory in bytes.

    The first run of a kernel compiles it, which takes memory of its own: callers run
    something small first.
    """
    if not hasattr(os, "wait4"):
        pytest.skip("this system does not tell a process's peak memory")
    with open(folder / "messages.txt", "w+") as messages:
        process = subprocess.Popen(
            [sys.executable, *words], cwd=folder, stdout=messages, stderr=messages
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        messages.seek(0)
        assert process.returncode == 0, messages.read()
    # Kilobytes, but bytes on macOS.
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def render(pixels, outputs, folder):
    size = f"-detpixels {pixels}"
    return peak_of(["-m", "nbsim", *f"{COMMAND} {size} {outputs}".split()], folder)


@pytest.mark.parametrize(
    "outputs",
    [
        "-floatfile f.bin -nonoise",
        "-floatfile f.bin -intfile i.img -pgmfile p.pgm -noisefile n.img",
    ],
    ids=["float image", "all images"],
)
def test_image(outputs, tmp_path):
    render(64, outputs, tmp_path)
    tiny = render(64, outputs, tmp_path)
    large = render(SIZE, outputs, tmp_path)
    assert (tmp_path / "f.bin").stat().st_size == IMAGE
    assert large - tiny <= 3 * IMAGE + SLACK
    # The image itself, or nothing was measured.
    assert large - tiny >= IMAGE


GRID_PROGRAM = """
import sys
import numpy as np
from nbsim import Simulation, StructureFactors

n, precision = int(sys.argv[1]), sys.argv[2]
F = np.full((n, n, n), 3.0)
factors = StructureFactors(F=F, h_min=-9, k_min=-9, l_min=-9, default_F=1.0, hkls=1)
args = "-cell 70 80 90 -default_F 1 -N 5 -nointerpolate -detpixels 64 -pixel 1"
simulation = Simulation.from_args(args)
simulation = Simulation(
    crystal=simulation.crystal,
    structure_factors=factors,
    detector=simulation.detector,
    sampling=simulation.sampling,
)
result = simulation.run(backend="cpu", precision=precision)
assert result.why_double is None and result.image.max() > 0
"""


@pytest.mark.parametrize("precision", ["double", "single"])
def test_grid_of_structure_factors_is_counted_once(precision, tmp_path):
    program = ["-c", GRID_PROGRAM]
    n = 200
    peak_of([*program, "8", precision], tmp_path)
    tiny = peak_of([*program, "8", precision], tmp_path)
    large = peak_of([*program, str(n), precision], tmp_path)
    grid = n**3 * 8
    # Single precision has a copy in float32.
    most = 1.0 if precision == "double" else 1.5
    assert grid <= large - tiny <= most * grid + SLACK
