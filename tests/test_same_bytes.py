# SPDX-License-Identifier: MIT
"""An image is the same, byte by byte, however its work is divided."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from byte_cases import CASES, simulate

from nbsim.backends import driver
from nbsim.backends.protocol import Clock

#: One process for all thread counts: numba fixes the largest number when it starts.
THREADS = (1, 2, 3, 7)
HERE = str(pathlib.Path(__file__).parent)
THREADS_PROGRAM = f"""
import numpy as np
from byte_cases import CASES

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
        env={**os.environ, "NUMBA_NUM_THREADS": str(max(THREADS)), "PYTHONPATH": HERE},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.returncode) == ("equal\n", 0), done.stderr


each_case = pytest.mark.parametrize("name", CASES)


@pytest.mark.parametrize("block", [37, 100, 512, 1537])
@each_case
def test_blocks(name, block, monkeypatch):
    simulation = CASES[name]
    whole = simulation.run(backend="cpu")
    monkeypatch.setattr(driver, "EVALUATIONS_PER_BLOCK", 1.0)
    monkeypatch.setattr(driver, "SMALLEST_BLOCK", block)
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
    simulation = CASES[name]
    xmin, xmax, ymin, ymax = roi
    inside = (slice(ymin, ymax + 1), slice(xmin, xmax + 1))
    whole = simulation.render(backend="cpu")
    part = simulation.render(backend="cpu", roi=roi)
    assert part[inside].tobytes() == whole[inside].tobytes()
    part[inside] = 0.0
    assert not part.any()


def test_region_of_interest_in_single_precision():
    simulation = CASES["plain"]
    whole = simulation.render(backend="cpu", precision="single")
    part = simulation.render(backend="cpu", precision="single", roi=(5, 97, 3, 90))
    assert part[3:91, 5:98].tobytes() == whole[3:91, 5:98].tobytes()


@each_case
def test_repetition(name):
    simulation = CASES[name]
    images = [simulation.render(backend="cpu").tobytes() for _ in range(2)]
    assert images[0] == images[1]


def test_little_is_interpolated_in_vain(monkeypatch):
    # With a list of three points each way, all of it would be, by a slow loop.
    interpolated = []

    class Watched(driver.CpuBackend):
        def __call__(self, start, stop, interpolate, tell):
            interpolated.append((stop - start) * interpolate)
            return super().__call__(start, stop, interpolate, tell)

    monkeypatch.setattr(driver, "CpuBackend", Watched)
    simulation = simulate("-N 5 -interpolate -oversample 1", box=1)
    assert simulation.run(backend="cpu").out_of_range == (0, 0)
    assert interpolated[0] > 0 and sum(interpolated) <= driver.SMALLEST_BLOCK


def test_a_clock_is_told_about_every_launch():
    told = []

    class Watch(Clock):
        def before(self):
            told.append("before")

        def queued(self):
            told.append("queued")

        def after(self):
            told.append("after")

    setup = CASES["plain"].setup
    job = driver.build_job(setup)
    pixels = driver.build_pixels(setup, setup.bounds)
    image = np.zeros(pixels.count, np.float32)
    backend = driver.CpuBackend(setup, job, pixels, image, "double")
    backend(0, 5, False)
    assert told == []
    backend.listen(Watch())
    backend(0, 5, False)
    backend(5, 9, False)
    assert told == ["before", "queued", "after"] * 2
