# SPDX-License-Identifier: MIT
"""``nbsim-benchmark --family``: no time without the same image."""

import dataclasses
import stat
import sys

import numpy as np
import pytest

from nbsim.tools.benchmark import family
from nbsim.tools.benchmark.measure import Disagreement, Program

SHAPE = (24, 30)
#: A "noisify" that is nbsim-noise, and then spoils a pixel if it is told to.
REFERENCE = """#!{python}
import sys
import numpy as np
from nbsim.command.noise_program import main
main([w for w in sys.argv[1:] if w != "-noprogress"])
name = "intimage.img" if "-nonoise" in sys.argv else "noiseimage.img"
with open(name, "r+b") as file:
    file.seek(700)
    byte = file.read(1)[0]
    file.seek(700)
    file.write(bytes([byte ^ {spoil}]))
"""


@pytest.fixture
def noisify(tmp_path):
    """Return a function that writes such a program."""

    def write(spoil):
        path = tmp_path / "noisify"
        path.write_text(REFERENCE.format(python=sys.executable, spoil=spoil))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return Program("noisify", (str(path),))

    return write


def measured(program, job):
    row = family.FamilyRow(job.name, job.goal)
    family._measure(row, job, program, 1, 60.0)
    return row


@pytest.mark.parametrize("kind", ["Poisson", "gauss 80"])
def test_only_the_same_image_has_times(kind, noisify, tmp_path):
    jobs = family.noise_jobs(tmp_path, SHAPE)
    job = next(job for job in jobs if job.name.startswith(kind))
    row = measured(noisify(0), job)
    assert row.nbsim_cpu > 0.0 and row.c_cpu is not None
    with pytest.raises(Disagreement, match="the images differ by 1"):
        measured(noisify(1), job)


def test_workloads_of_the_issue():
    row = family.FamilyRow("x", 2.0, c_cpu=3.0, nbsim_cpu=1.5)
    assert row.ratio == 2.0
    assert family.FamilyRow("x", 2.0, nbsim_cpu=1.5).ratio is None
    slow, fast = family.SHAPE
    assert slow * fast == pytest.approx(6.2e6, rel=0.01)


def test_background_of_both_words_is_the_same_number_of_pixels(tmp_path):
    first, second = family.background_jobs(tmp_path, SHAPE)
    assert first.image().shape == second.image().shape == SHAPE
    assert (first.image() != second.image()).any()
    assert first.words[-1] == "1" and second.words[-1] == "2"


def test_table():
    rows = [
        family.FamilyRow("good", 2.0, c_cpu=3.0, nbsim_cpu=1.5),
        family.FamilyRow("own", 1.0, nbsim_cpu=0.02, pixels=10**6, threads=2),
        family.FamilyRow("bad", 1.0, problem="reason"),
    ]
    titles, rule, *lines = family.family_lines(rows)
    assert {line.count("|") for line in (titles, rule, *lines)} == {7}
    assert "| 2.00 | 2 |" in lines[0]
    assert "at most 1 s" in lines[1] and "20.00, 2 threads" in lines[1]
    assert "FAIL: reason" in lines[2]


def test_own_rows_are_measured():
    rows = family.own_rows(SHAPE, 1, 1, lambda text: None)
    assert all(row.nbsim_cpu > 0.0 for row in rows)
    assert [row.name for row in rows if row.pixels]
    assert dataclasses.asdict(rows[0])["goal"] == 2.0
    assert np.isfinite([row.goal for row in rows]).all()
