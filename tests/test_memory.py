# SPDX-License-Identifier: MIT
"""Peak memory of a run, beyond that of a tiny one."""

import pathlib
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
#: Appended to each program: writes the peak in kilobytes.
REPORT = """
with open("/proc/self/status") as status, open("peak", "w") as peak:
    peak.write(next(x for x in status if x.startswith("VmHWM")).split()[1])
"""
COMMAND_PROGRAM = """
import sys
from nbsim.command.main import main
assert main(sys.argv[1:]) == 0
"""


def peak_of(program, words, folder):
    """Run a Python program and return its peak resident memory in bytes.

    The first run of a kernel compiles it, which takes memory of its own: callers run
    something small first. Not `resource`: it counts this process for its child.
    """
    if not pathlib.Path("/proc/self/status").exists():
        pytest.skip("this system does not tell a process's peak memory")
    done = subprocess.run(
        [sys.executable, "-c", program + REPORT, *words],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return int((folder / "peak").read_text()) * 1024


def render(pixels, outputs, folder):
    words = f"{COMMAND} -detpixels {pixels} {outputs}".split()
    return peak_of(COMMAND_PROGRAM, words, folder)


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
    print(f"{(large - tiny) / IMAGE:.2f} images")
    assert (tmp_path / "f.bin").stat().st_size == IMAGE
    assert large - tiny <= 3 * IMAGE + SLACK
    # The image itself, or nothing was measured.
    assert large - tiny >= 0.9 * IMAGE


GRID_PROGRAM = """
import sys
import numpy as np
from nbsim import Simulation, StructureFactors

n, precision = int(sys.argv[1]), sys.argv[2]
F = np.full((n, n, n), 3.0)
F.flags.writeable = False  # else it is copied: nobody may change what is rendered
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
    n = 200
    peak_of(GRID_PROGRAM, ["8", precision], tmp_path)
    tiny = peak_of(GRID_PROGRAM, ["8", precision], tmp_path)
    large = peak_of(GRID_PROGRAM, [str(n), precision], tmp_path)
    grid = n**3 * 8
    print(f"{(large - tiny) / grid:.2f} grids")
    # Single precision has a copy in float32.
    most = 1.0 if precision == "double" else 1.5
    assert 0.9 * grid <= large - tiny <= most * grid + SLACK
