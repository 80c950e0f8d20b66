# SPDX-License-Identifier: MIT
"""Several Python threads may render at once."""

import subprocess
import sys
import threading

import pytest

from nbsim import Simulation

LINES = (
    "-cell 70 80 90 -default_F 100 -N 5 -detpixels 96 -pixel 0.5 -osc 1 -phisteps 3",
    "-cell 40 -default_F 10 -N 3 -nointerpolate -gauss_xtal -detpixels 64 -pixel 0.5",
)
#: The images of two threads against those of one, in a process of its own, which a
#: mistake might end.
PROGRAM = f"""
from concurrent.futures import ThreadPoolExecutor
from nbsim import Simulation

LINES = {LINES!r}
def image(simulation):
    return simulation.render(backend="cpu").tobytes()

simulations = [Simulation.from_args(line) for line in LINES]
with ThreadPoolExecutor(2) as pool:
    at_once = list(pool.map(image, 8 * simulations))
one_by_one = [image(s) for s in simulations] * 8
assert at_once == one_by_one
print("equal")
"""


def test_two_threads_render_the_same_bytes():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True
    )
    assert done.stdout == "equal\n", done.stderr


def test_setup_of_one_simulation_is_shared_by_threads():
    simulation = Simulation.from_args(LINES[0])
    found = []
    start = threading.Barrier(4)

    def ask():
        start.wait()
        found.append(simulation.setup.geometry)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(geometry == found[0] for geometry in found)


#: Renders, forks, and says what becomes of the child that renders too.
FORKING = f"""
import multiprocessing, os, sys
from nbsim import Simulation

def maximum(line):
    return float(Simulation.from_args(line).render(backend="cpu").max())

if __name__ == "__main__":
    line = {LINES[0]!r}
    before = maximum(line) if sys.argv[1] == "after" else None
    with multiprocessing.get_context(sys.argv[2]).Pool(2) as pool:
        found = pool.map(maximum, [line] * 3)
    assert set(found) == {{maximum(line)}}
    print("equal")
"""


@pytest.mark.parametrize(
    "when, method",
    [
        ("after", "fork"),
        ("before", "fork"),
        ("after", "forkserver"),
        ("after", "spawn"),
    ],
)
def test_processes(tmp_path, when, method):
    """GNU OpenMP would end a forked process; a pool would wait for ever."""
    (tmp_path / "forking.py").write_text(FORKING)
    done = subprocess.run(
        [sys.executable, "forking.py", when, method],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "equal\n"), done.stderr
