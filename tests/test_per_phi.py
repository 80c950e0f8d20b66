# SPDX-License-Identifier: MIT
"""``nbsim-per-phi``: the phi step in which k parts, and how much that must matter."""

import json
import math
import os
import stat
import subprocess
import sys

import numpy as np
import pytest
from golden_traces import LOGS, SEED, SEED_PIXEL, traced
from hypothesis import given
from hypothesis import strategies as st

from nbsim.command.trace_files import text_rows
from nbsim.tools.both_programs import absolute_inputs
from nbsim.tools.traces.grating import cells_along, grating, grating_slope
from nbsim.tools.traces.log import read_trace
from nbsim.tools.traces.per_phi import main
from nbsim.tools.traces.phi_table import phi_table

pytestmark = pytest.mark.filterwarnings("default")

PIXEL = [str(index) for index in SEED_PIXEL]


@pytest.fixture
def py_log(tmp_path):
    """Return a function that writes nbsim's trace of a golden pixel."""

    def write(name="seed_command", carryover=False):
        path = tmp_path / f"{name}_{carryover}.log"
        rows = text_rows(traced(name, carryover))
        path.write_text("".join(f"{row}\n" for row in rows))
        return path

    return write


@pytest.fixture
def binary(tmp_path):
    """Return a function that makes a program that takes the place of the C program."""

    def make(script):
        path = tmp_path / "fake_c"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return make


def run(tmp_path, *words):
    """Return the exit status and the new folder."""
    outdir = tmp_path / "out"
    status = main(["--outdir", str(outdir), "--no-plot", *map(str, words)])
    folders = sorted(outdir.iterdir()) if outdir.exists() else []
    return status, folders[-1] if folders else None


@given(
    k=st.floats(-20, 20).filter(lambda k: abs(k - round(k)) > 1e-3),
    N=st.integers(2, 200),
)
def test_slope_is_the_derivative(k, N):
    step = 1e-6 / N
    difference = (grating(k + step, N) - grating(k - step, N)) / (2 * step)
    steepest = N * N * math.pi
    assert grating_slope(k, N) == pytest.approx(difference, abs=1e-7 * steepest)


@pytest.mark.parametrize("N", [2, 5, 36, 47])
@pytest.mark.parametrize("n", [-3, 0, 4])
def test_slope_at_whole_indices(n, N):
    assert grating_slope(float(n), N) == 0.0
    # The series joins the closed form.
    inside, outside = 0.99e-4 / N, 1.01e-4 / N
    ratio = grating_slope(n + inside, N) / grating_slope(n + outside, N)
    assert ratio == pytest.approx(0.99 / 1.01, rel=1e-5)


def test_grating_is_the_kernels_function():
    from nbsim.kernels.reference.lattice import sincg

    for k in (-7.3, -7.0, -0.5, 0.0, 0.607, 3.9, 4.0):
        for N in (2, 5, 36, 47):
            assert grating(k, N) == pytest.approx(sincg.py_func(k, float(N)))


@given(
    N=st.integers(1, 2000),
    k=st.lists(
        st.floats(-9, 9).filter(lambda k: abs(k - round(k)) > 0.01),
        min_size=2,
        max_size=4,
        unique=True,
    ),
)
def test_number_of_cells_is_found_or_left_open(N, k):
    assert cells_along(k, [grating(x, N) for x in k]) in (N, None)


def test_number_of_cells_of_the_golden_traces():
    found = {}
    for name, path in LOGS.items():
        found[name] = phi_table(read_trace(path), read_trace(path)).N_b
    assert found["seed_command"] == 47
    assert found["phi_sweep"] == 10
    assert found["mosaic_phi"] == 6
    assert cells_along([0.3, 0.31], [0.5, 0.7]) is None


def test_stale_step_is_found_and_explained(tmp_path, py_log, capsys):
    status, folder = run(tmp_path, "--c-log", SEED, "--py-log", py_log())
    assert status == 3
    assert capsys.readouterr().out.splitlines()[0] == (
        "diverge: first at phi_tic 0 (phi 0 degrees), delta k 0.0180882; "
        "1 of 10 phi steps diverge"
    )
    content = json.loads((folder / "per_phi.json").read_text())
    assert content["N_b"] == 47
    assert content["diverging_phi_tics"] == [0]
    first = content["first_divergence"]
    # The grating function turns the change of k into all of the change of F_latt_b.
    assert first["delta_F_latt_b_from_k"] == pytest.approx(
        first["difference"]["F_latt_b"], rel=1e-9
    )
    slope = grating_slope(first["c"]["k_frac"], 47)
    assert first["dF_latt_b_dk"] == slope
    text = (folder / "per_phi.md").read_text()
    assert "47 cells along b" in text and "0.85 fringes" in text
    assert text.count("**differs**") == 1


def test_table_has_all_columns_for_both(tmp_path, py_log):
    _, folder = run(tmp_path, "--c-log", SEED, "--py-log", py_log(carryover=True))
    rows = json.loads((folder / "per_phi.json").read_text())["rows"]
    assert [row["phi_tic"] for row in rows] == list(range(10))
    assert rows[4]["phi_deg"] == pytest.approx(0.04)
    py = rows[4]["py"]
    assert (py["h"], py["k"], py["l"]) == (-7, -1, -14)
    product = py["F_latt_a"] * py["F_latt_b"] * py["F_latt_c"]
    assert product == pytest.approx(py["F_latt"])
    # The C program prints h, l and their factors for the first step only.
    assert rows[0]["c"]["h_frac"] == pytest.approx(py["h_frac"], abs=1e-3)
    assert rows[4]["c"]["h_frac"] is None and rows[4]["c"]["k"] == -1


@pytest.mark.parametrize("name", ["phi_sweep", "mosaic_phi", "seed_command"])
def test_agreement(name, tmp_path, py_log):
    log = py_log(name, carryover=True)
    status, folder = run(tmp_path, "--c-log", LOGS[name], "--py-log", log)
    assert status == 0
    assert json.loads((folder / "per_phi.json").read_text())["first_divergence"] is None


def test_tolerance_of_k(tmp_path, py_log):
    words = ["--c-log", SEED, "--py-log", py_log()]
    assert run(tmp_path, *words, "--k-tolerance", "0.02")[0] == 0
    assert run(tmp_path, *words, "--k-tolerance", "0.018")[0] == 3


def test_runs_both_programs(tmp_path, binary):
    program = binary(f"cat {SEED}; echo problem >&2; pwd > here.txt")
    words = ["--config", "seed", "--pixel", *PIXEL]
    status, folder = run(tmp_path, *words, "--c-bin", program, "--phi-carryover")
    assert status == 0
    assert "problem" in (folder / "c" / "run.log").read_text()
    assert "photons" in (folder / "nbsim" / "run.log").read_text()
    # Each in a folder of its own.
    assert (folder / "c" / "here.txt").read_text().strip() == str(folder / "c")
    assert (folder / "nbsim" / "trace" / "trace_py.log").exists()
    status, fresh = run(tmp_path, *words, "--c-bin", program)
    assert status == 3 and fresh != folder


def test_c_program_from_the_environment(tmp_path, binary, monkeypatch, py_log):
    monkeypatch.setenv("NB_C_BIN", binary(f'echo "$@"; cat {SEED}'))
    words = ["--config", "seed", "--pixel", *PIXEL, "--py-log", py_log()]
    status, folder = run(tmp_path, *words)
    assert status == 3
    said = (folder / "c" / "run.log").read_text()
    assert "-trace_pixel 685 1039" in said and "-phisteps 10" in said


def test_program_without_phi_rows(tmp_path, binary, capsys, py_log):
    program = binary(f"grep -v TRACE_C_PHI {SEED}")
    words = ["--config", "seed", "--pixel", *PIXEL, "--c-bin", program]
    status, folder = run(tmp_path, *words, "--py-log", py_log())
    said = capsys.readouterr().out
    assert status == 3
    assert "has no rows of phi steps (TRACE_C_PHI)" in said
    assert "first in rot_a_angstroms.y" in said
    assert (folder / "per_phi.md").exists()
    status, _ = run(tmp_path, *words, "--py-log", py_log(carryover=True))
    assert status == 0


@pytest.mark.parametrize(
    "script, message",
    [
        ("echo starting; sleep 60", "did not end within 0.5 seconds"),
        ("echo starting; kill -SEGV $$", "was ended by signal 11"),
        ("echo starting; exit 9", "failed with exit status 9"),
        ("echo starting", "no trace rows"),
    ],
)
def test_program_that_fails(script, message, tmp_path, binary, capsys, py_log):
    words = ["--config", "seed", "--pixel", *PIXEL, "--py-log", py_log()]
    status, folder = run(tmp_path, *words, "--c-bin", binary(script), "--timeout", 0.5)
    said = capsys.readouterr()
    assert status == 1 and said.out == ""
    assert message in said.err and said.err.count("\n") == 1
    assert "starting" in (folder / "c" / "run.log").read_text()


@pytest.mark.parametrize(
    "words, status, message",
    [
        (["--c-log", "none.log", "--py-log", SEED], 1, "none.log: there is no such"),
        (["--c-log", SEED, "--py-log", LOGS["phi_sweep"]], 2, "different pixels"),
        (["--c-log", SEED], 2, "--pixel SLOW FAST is needed"),
        (["--c-log", SEED, "--pixel", *PIXEL], 2, "give --config, or arguments"),
        (["--pixel", *PIXEL, "--config", "seed"], 2, "--c-bin PATH"),
        (["--c-log", SEED, "--py-log", SEED, "--timeout", "0"], 2, "--timeout 0"),
        (["--c-log", SEED, "--py-log", SEED, "--k-tolerance", "nan"], 2, "nan"),
        (
            ["--pixel", *PIXEL, "--config", "seed", "--c-bin", "/none"],
            1,
            "/none: there is no such program",
        ),
    ],
)
def test_errors_leave_nothing_behind(
    words, status, message, tmp_path, capsys, monkeypatch
):
    monkeypatch.delenv("NB_C_BIN", raising=False)
    got, folder = run(tmp_path, *words)
    said = capsys.readouterr().err
    assert got == status
    assert message in said and said.count("\n") == 1
    assert folder is None


def test_input_files_are_found_from_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = "-mat a.mat -hkl sub/b.hkl -floatfile out.bin -N 5".split()
    assert (
        absolute_inputs(words)
        == (
            f"-mat {tmp_path}/a.mat -hkl {tmp_path}/sub/b.hkl -floatfile out.bin -N 5"
        ).split()
    )


def test_plot(tmp_path, py_log):
    pytest.importorskip("matplotlib")
    image_module = pytest.importorskip("PIL.Image")
    words = ["--c-log", str(SEED), "--py-log", str(py_log())]
    assert main(["--outdir", str(tmp_path / "out"), *words]) == 3
    (path,) = (tmp_path / "out").glob("*/per_phi.png")
    with image_module.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    assert pixels.shape[0] > 500_000
    for colour in ((0x1B, 0x6C, 0xA8), (0xD1, 0x49, 0x5B)):
        assert (pixels == colour).all(axis=1).any()


def test_without_matplotlib_the_tables_are_written(
    tmp_path, py_log, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    words = ["--c-log", str(SEED), "--py-log", str(py_log())]
    assert main(["--outdir", str(tmp_path / "out"), *words]) == 1
    assert "pip install 'nbsim[plot]'" in capsys.readouterr().err
    (folder,) = (tmp_path / "out").iterdir()
    assert {"per_phi.json", "per_phi.md"} <= set(os.listdir(folder))


def test_as_a_program(tmp_path, py_log):
    command = [sys.executable, "-m", "nbsim.tools.traces.per_phi"]
    words = ["--c-log", SEED, "--py-log", py_log(carryover=True), "--no-plot"]
    done = subprocess.run(
        [*command, *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("agree: k within 0.0005 in 10 phi steps\n")
    help_text = subprocess.run([*command, "-h"], capture_output=True, text=True)
    assert help_text.returncode == 0 and "NB_C_BIN" in help_text.stdout
