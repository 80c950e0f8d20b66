# SPDX-License-Identifier: MIT
"""``nbsim-compare-traces``: the right first quantity; nothing agrees by accident."""

import json
import math
import re
import subprocess
import sys

import pytest
from golden_traces import LOGS, SEED, traced

from nbsim.command.trace_files import jsonl_rows, text_rows
from nbsim.tools.traces.compare import main
from nbsim.tools.traces.difference import compare
from nbsim.tools.traces.log import MAIN_ROWS, read_trace

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def py_log(tmp_path):
    path = tmp_path / "py.log"
    rows = text_rows(traced("seed_command", carryover=True))
    path.write_text("".join(f"{row}\n" for row in rows))
    return path


def run(tmp_path, c, py, *more):
    out = tmp_path / "out" / "summary.md"
    words = ["--c", str(c), "--py", str(py), "--out", str(out), *more]
    return main(words), out.with_name("metrics.json")


def broken(tmp_path, row, component=0, factor=1.0 + 1e-6, log=SEED):
    """Return a copy of a C log with one number of one row changed."""
    lines = log.read_text().splitlines(keepends=True)
    (at,) = [i for i, line in enumerate(lines) if line.startswith(f"TRACE_C: {row} ")]
    words = lines[at].split()
    words[2 + component] = repr(float(words[2 + component]) * factor)
    lines[at] = " ".join(words) + "\n"
    path = tmp_path / "broken.log"
    path.write_text("".join(lines))
    return path


def test_agreement(tmp_path, py_log, capsys):
    status, metrics = run(tmp_path, SEED, py_log, "--tolerance", "1e-9")
    assert status == 0
    said = capsys.readouterr().out
    assert said.startswith("agree: 110 numbers within 1e-09") and said.count("\n") == 1
    content = json.loads(metrics.read_text())
    assert content["first_divergence"] is None
    assert content["pixel"] == [685, 1039]
    stars = [q for q in content["quantities"] if "_star_" in q["name"]]
    assert {q["status"] for q in stars} == {"PASS", "EXPECTED"}
    summary = metrics.with_name("summary.md").read_text()
    assert "EXPECTED: the reciprocal vectors" in summary
    assert "| I_pixel_final |" in summary and "| rot_a_angstroms.x | 0 |" in summary
    assert json.loads(metrics.with_name("run_metadata.json").read_text())["version"]


def test_factors_for_programs(tmp_path, py_log, capsys):
    lines = [
        "TRACE_PY: I_before_scaling NOT_EXTRACTED",
        *py_log.read_text().splitlines()[1:],
    ]
    log = tmp_path / "port.log"
    log.write_text(
        "\n".join(x for x in lines if "ing 9436" not in x).replace(
            "TRACE_PY: polar 0.91463969894451", "TRACE_PY: polar 0.9146"
        )
        + "\n"
    )
    status, metrics = run(tmp_path, SEED, log)
    assert status == 3
    content = json.loads(metrics.read_text())
    assert content["first_divergence"] == "polar" and content["num_divergent"] == 1
    assert list(content["factors"]) == [
        "I_before_scaling",
        "r_e_sqr",
        "fluence_photons_per_m2",
        "steps",
        "capture_fraction",
        "polar",
        "omega_pixel",
        "cos_2theta",
        "I_pixel_final",
    ]
    missing = content["factors"]["I_before_scaling"]
    assert (missing["status"], missing["py_value"]) == ("MISSING", None)
    assert missing["c_value"] == 943654.80923755
    polar = content["factors"]["polar"]
    assert polar["status"] == "MINOR"
    assert polar["rel_delta"] == pytest.approx(0.9146 / 0.91463969894451 - 1, rel=1e-9)
    assert content["factors"]["steps"] == {
        "description": "evaluations that the sum is divided by",
        "c_value": 10.0,
        "py_value": 10.0,
        "abs_delta": 0.0,
        "rel_delta": 0.0,
        "status": "PASS",
    }
    assert "I_before_scaling" in content["only_py"] + content["only_c"]
    text = metrics.with_name("compare_scaling_traces.txt").read_text()
    assert text.splitlines()[0] == capsys.readouterr().out.strip()
    assert re.search(r"^polar .* MINOR$", text, re.M)


def test_one_sided_quantities_are_listed(tmp_path, py_log):
    _, metrics = run(tmp_path, SEED, py_log)
    content = json.loads(metrics.read_text())
    assert content["only_c"] == []
    assert "phi.h_frac" in content["only_py"] and "phi.V_actual" in content["only_py"]


# The flags are 0 in this log, and have no relative change.
CHANGED = [n for n in MAIN_ROWS if "_star_" not in n and not n.startswith("oversample")]


@pytest.mark.parametrize("name", CHANGED)
def test_a_change_of_1e_6_in_any_row_is_caught_and_named(name, tmp_path, py_log):
    numbers = read_trace(SEED).values[name]
    for component, number in enumerate(numbers):
        # A component far below the vector's length is compared with that length.
        if abs(number) < 0.01 * math.hypot(*numbers):
            continue
        c = read_trace(broken(tmp_path, name, component))
        first = compare(c, read_trace(py_log), 1e-9).first_divergence
        assert first is not None and first.name == name
        axes = "hkl" if name.startswith("hkl") else "xyz"
        assert first.component == ("" if len(numbers) == 1 else axes[component])
        assert first.relative == pytest.approx(
            abs(number) * 1e-6 / max(math.hypot(*numbers), minimum(name)), rel=1e-3
        )


def minimum(name):
    """Return the size below which differences of a quantity are absolute ones."""
    at_least_one = name.startswith(("F_latt", "hkl", "cos"))
    return 1.0 if at_least_one else 0.0


def test_broken_lattice_vector_on_the_command_line(tmp_path, py_log, capsys):
    c = broken(tmp_path, "rot_b_angstroms", 2)
    status, metrics = run(tmp_path, c, py_log, "--tolerance", "1e-9")
    assert status == 3
    content = json.loads(metrics.read_text())
    first = content["first_difference"]
    assert content["first_divergence"] == "rot_b_angstroms"
    assert (first["name"], first["component"]) == ("rot_b_angstroms", "z")
    assert first["phi_tic"] == 0 and first["status"] == "MINOR"
    assert first["absolute"] == pytest.approx(29.1143e-6, rel=1e-4)
    assert capsys.readouterr().out.startswith("diverge: first in rot_b_angstroms.z")


def test_broken_reciprocal_vector_is_not_excused(tmp_path, py_log):
    c = read_trace(broken(tmp_path, "rot_b_star_A_inv", 1))
    comparison = compare(c, read_trace(py_log), 1e-9)
    assert comparison.stale_reciprocal is None
    assert comparison.first_divergence.name == "rot_a_star_A_inv"


@pytest.mark.parametrize("axis", "abc")
def test_broken_reciprocal_vector_is_named(axis, tmp_path):
    log, name = LOGS["hkl_matrix"], f"rot_{axis}_star_A_inv"
    c = read_trace(broken(tmp_path, name, 2, log=log))
    first = compare(c, read_trace(log), 1e-9).first_divergence
    assert (first.name, first.component) == (name, "z")


def test_broken_phi_step(tmp_path, py_log):
    text = SEED.read_text().replace(
        "k_frac=-0.597207564867936", "k_frac=-0.597208564867936"
    )
    path = tmp_path / "broken.log"
    path.write_text(text)
    comparison = compare(read_trace(path), read_trace(py_log), 1e-9)
    first = comparison.first_divergence
    assert (first.row, first.name, first.phi_tic) == ("phi", "k_frac", 4)
    assert comparison.diverging_phi_tics == [4]


@pytest.mark.parametrize(
    "factor, status",
    [
        (1 + 1e-10, "PASS"),
        (1 + 5e-7, "MINOR"),
        (1 + 0.99e-4, "MINOR"),
        (1 + 1.01e-4, "DIVERGENT"),
        (1 + 9e-3, "DIVERGENT"),
        (1.5, "CRITICAL"),
        (-1.0, "CRITICAL"),
        (math.nan, "CRITICAL"),
        (math.inf, "CRITICAL"),
    ],
)
def test_status(factor, status, tmp_path, py_log):
    c = read_trace(broken(tmp_path, "polar", 0, factor))
    comparison = compare(c, read_trace(py_log), 1e-9)
    (polar,) = [d for d in comparison.differences if d.name == "polar"]
    assert polar.status == status
    assert comparison.agrees == (status == "PASS")


def test_ulps(tmp_path, py_log):
    polar = read_trace(py_log).values["polar"][0]
    factor = math.nextafter(math.nextafter(polar, 2), 2) / polar
    c = read_trace(broken(tmp_path, "polar", 0, factor))
    comparison = compare(c, read_trace(py_log), 1e-9)
    (difference,) = [d for d in comparison.differences if d.name == "polar"]
    assert difference.ulps == 2.0


def test_nan_does_not_agree_and_can_be_written(tmp_path, py_log):
    c = broken(tmp_path, "polar", 0, math.nan)
    status, metrics = run(tmp_path, c, py_log)
    assert status == 3
    first = json.loads(metrics.read_text())["first_difference"]
    assert (first["name"], first["c"]) == ("polar", "nan")


def test_jsonl_and_text_in_either_place(tmp_path, py_log):
    path = tmp_path / "py.jsonl"
    rows = jsonl_rows(traced("seed_command", carryover=True))
    path.write_text("".join(f"{row}\n" for row in rows))
    assert run(tmp_path, SEED, path, "--tolerance", "1e-9")[0] == 0
    assert run(tmp_path, path, py_log, "--tolerance", "1e-12", "--force")[0] == 0


def test_different_pixels(tmp_path, py_log, capsys):
    status, metrics = run(tmp_path, LOGS["phi_sweep"], py_log)
    assert status == 2 and not metrics.exists()
    assert re.fullmatch(
        r"nbsim-compare-traces: error: different pixels: \S+ traces slow 17, fast 50, "
        r"\S+ traces slow 685, fast 1039\n",
        capsys.readouterr().err,
    )


def test_nothing_in_common(tmp_path, py_log, capsys):
    path = tmp_path / "c.log"
    path.write_text("TRACE_C: something_else 1 2 3\n")
    assert run(tmp_path, path, py_log)[0] == 1
    assert "no row in common" in capsys.readouterr().err


def test_unreadable_log(tmp_path, py_log, capsys):
    assert run(tmp_path, tmp_path / "none", py_log)[0] == 1
    message = capsys.readouterr().err
    assert "there is no such file" in message and message.count("\n") == 1


def test_existing_report_is_not_overwritten(tmp_path, py_log, capsys):
    assert run(tmp_path, SEED, py_log)[0] == 0
    before = (tmp_path / "out" / "metrics.json").stat().st_mtime_ns
    assert run(tmp_path, SEED, py_log)[0] == 1
    assert "--force overwrites" in capsys.readouterr().err
    assert (tmp_path / "out" / "metrics.json").stat().st_mtime_ns == before
    assert run(tmp_path, SEED, py_log, "--force")[0] == 0


@pytest.mark.parametrize("tolerance", ["-1", "nan", "inf", "x"])
def test_bad_tolerance(tolerance, tmp_path, py_log, capsys):
    try:
        status, _ = run(tmp_path, SEED, py_log, "--tolerance", tolerance)
    except SystemExit as leaving:  # argparse
        status = leaving.code
    assert status == 2
    assert "--tolerance" in capsys.readouterr().err


def test_as_a_program(tmp_path, py_log):
    command = [sys.executable, "-m", "nbsim.tools.traces.compare"]
    words = ["--c", str(SEED), "--py", str(py_log), "--out", str(tmp_path / "s.md")]
    done = subprocess.run([*command, *words], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("agree: ")
    usage = subprocess.run([*command, "--c", "x"], capture_output=True, text=True)
    assert usage.returncode == 2
    help_text = subprocess.run([*command, "-h"], capture_output=True, text=True)
    assert help_text.returncode == 0 and "Exit status" in help_text.stdout
