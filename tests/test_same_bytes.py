# SPDX-License-Identifier: MIT
"""An image is the same, byte by byte, however its work is divided."""

import os
import subprocess
import sys

import pytest

from nbsim import Simulation, render
from nbsim.tools.tolerances import SINGLE_PEAK

#: One process for all thread counts: numba fixes the largest number when it starts.
THREADS = (1, 2, 3, 7)
#: Written in front of each program below: simulations whose work is spread unevenly.
CASES = """
import dataclasses
import numpy as np
from nbsim import Simulation, StructureFactors

CELL = "-cell 70 80 90 75 85 95 -lambda 1 -default_F 100 -distance 100"
SCREEN = "-pixel 0.9 -detpixels_f 113 -detpixels_s 97"

def simulate(args, box=0, masked=False):
    simulation = Simulation.from_args(f"{CELL} {SCREEN} {args}")
    changes = {}
    rng = np.random.default_rng(3)
    if box:
        F = rng.uniform(5.0, 90.0, (2 * box + 1,) * 3)
        changes["structure_factors"] = StructureFactors(
            F=F, h_min=-box, k_min=-box, l_min=-box, default_F=7.0, hkls=F.size
        )
    if masked:
        mask = rng.uniform(size=simulation.detector.shape) < 0.4
        # All that is left of the lower half is one column.
        mask[50:, 1:] = False
        detector = dataclasses.replace(simulation.detector, mask=mask)
        changes["detector"] = detector
    return dataclasses.replace(simulation, **changes)

NEAR = "-distance 400 -Xbeam 2 -Ybeam 50"
CASES = {
    "plain": simulate("-N 20 -oversample 1 -phi 0 -osc 1 -phisteps 3"),
    "list": simulate("-N 20 -oversample 2", box=9),
    "interpolation ends": simulate(f"-N 5 -interpolate -oversample 1 {NEAR}", box=15),
    "running products": simulate(
        "-N 5 -nointerpolate -oversample 2 -oversample_omega -oversample_polar "
        "-oversample_thick -detector_thick 300 -detector_abs 200", box=9
    ),
    "mask": simulate("-N 20 -oversample 2", masked=True),
    "layers": simulate(
        "-N 5 -nointerpolate -oversample 1 -detector_thick 450 -detector_abs 200 "
        "-detector_thicksteps 5"
    ),
    "curved": simulate("-N 5 -nointerpolate -oversample 1 -curved_det", box=9),
    "gauss": simulate("-N 5 -nointerpolate -oversample 1 -gauss_xtal -fudge 0.001"),
}
"""
THREADS_PROGRAM = f"""{CASES}
def images(threads, precision):
    for name, simulation in CASES.items():
        result = simulation.run(backend="cpu", threads=threads, precision=precision)
        yield name, result.image.tobytes(), result.out_of_range, result.omega_sum

for precision in ("double", "single"):
    expected = list(images(1, precision))
    for threads in {THREADS[1:]}:
        for one, other in zip(expected, images(threads, precision)):
            assert one == other, (one[0], precision, threads)
    for name, image, fell_out, _ in expected:
        assert np.count_nonzero(np.frombuffer(image, np.float32)) > 1000, name
        # Neither at the first pixel nor never.
        assert (name == "interpolation ends") == (fell_out is not None), name
    fell_out = dict((name, place) for name, _, place, _ in expected)
    assert fell_out["interpolation ends"][1] > 5, fell_out
print("equal")
"""


def test_threads():
    done = subprocess.run(
        [sys.executable, "-c", THREADS_PROGRAM],
        env={**os.environ, "NUMBA_NUM_THREADS": str(max(THREADS))},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.returncode) == ("equal\n", 0), done.stderr


def cases():
    names = {}
    exec(CASES, names)  # the same simulations as in the process of their own
    return names["CASES"]


SIMULATIONS = cases()
each_case = pytest.mark.parametrize("name", SIMULATIONS)


@pytest.mark.parametrize("block", [1, 100, 512, 1537])
@each_case
def test_blocks(name, block, monkeypatch):
    simulation = SIMULATIONS[name]
    whole = simulation.run(backend="cpu")
    monkeypatch.setattr(render, "EVALUATIONS_PER_BLOCK", 1.0)
    # 1 pixel per call is too slow for a whole image.
    monkeypatch.setattr(render, "SMALLEST_BLOCK", max(block, 37))
    calls = []
    divided = simulation.run(backend="cpu", progress=calls.append)
    assert len(calls) >= 3
    assert divided.image.tobytes() == whole.image.tobytes()
    assert divided.out_of_range == whole.out_of_range


@pytest.mark.parametrize(
    "roi", [(0, 112, 40, 41), (17, 17, 0, 96), (5, 97, 3, 90), (112, 112, 96, 96)]
)
@each_case
def test_region_of_interest(name, roi):
    if name == "interpolation ends":
        # C quirk: which pixels are interpolated depends on those before them.
        name = "list"
    simulation = SIMULATIONS[name]
    xmin, xmax, ymin, ymax = roi
    inside = (slice(ymin, ymax + 1), slice(xmin, xmax + 1))
    whole = simulation.render(backend="cpu")
    part = simulation.render(backend="cpu", roi=roi)
    assert part[inside].tobytes() == whole[inside].tobytes()
    part[inside] = 0.0
    assert not part.any()


def test_single_precision_depends_on_the_division_within_its_bound(monkeypatch):
    # The reference pixels of the near form are others.
    simulation = SIMULATIONS["plain"]
    whole = simulation.render(backend="cpu", precision="single")
    part = simulation.render(backend="cpu", precision="single", roi=(5, 97, 3, 90))
    difference = (part - whole)[3:91, 5:98]
    assert abs(difference).max() <= SINGLE_PEAK * whole.max()


@each_case
def test_repetition(name):
    simulation = SIMULATIONS[name]
    images = [simulation.render(backend="cpu").tobytes() for _ in range(2)]
    assert images[0] == images[1]


def test_the_cases_reach_their_kernels():
    whole = SIMULATIONS["interpolation ends"].run(backend="cpu")
    assert whole.out_of_range is not None
    assert isinstance(SIMULATIONS["plain"], Simulation)
