# SPDX-License-Identifier: MIT
"""``nbsim-compare --model-pair``: both models of one command line."""

import json

import numpy as np
import pytest

from nbsim import Simulation
from nbsim.tools.images.main import main
from nbsim.tools.images.model_pair import differing_settings, words_of

pytestmark = pytest.mark.filterwarnings("default")

ARGS = "-cell 70 80 90 75 85 95 -default_F 100 -N 5 -detpixels 24 -oversample 1"
SENSOR = "-detector_thick 450 -detector_abs 300 -thicksteps 5"


def run(folder, args, *own):
    return main(["--model-pair", "--outdir", str(folder), *own, "--", *args.split()])


def test_pair_of_images(tmp_path, capsys):
    status = run(tmp_path / "out", f"{ARGS} {SENSOR}")
    said = capsys.readouterr()
    assert (status, said.err) == (3, "")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    images = {
        model: Simulation.from_args(f"{ARGS} {SENSOR} -model {model}").render()
        for model in ("c", "physical")
    }
    sums = {model: image.sum(dtype=float) for model, image in images.items()}
    assert summary["sum_c"] == pytest.approx(sums["c"], rel=1e-6)
    assert summary["sum_nbsim"] == pytest.approx(sums["physical"], rel=1e-6)
    largest = np.abs(images["physical"] - images["c"]).max()
    assert summary["max_abs_difference"] == pytest.approx(largest, rel=1e-5)
    assert set(summary["programs"]) == {"model c", "model physical"}
    changed = summary["resolved_differently"]
    assert changed["detector sensor_layer_step_um"]["c"] == pytest.approx(112.5)
    assert changed["detector sensor_layer_step_um"]["physical"] == pytest.approx(90.0)
    assert "detector sensor_layer_step_um: 112.5 -> 90" in said.out
    assert "-model physical" in summary["worst_pixel"]["trace_command"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "model c and model physical, one command line" in page
    assert "Resolved differently" in page and "sensor_layer_step_um" in page


def test_pair_agrees_where_c_is_right(tmp_path, capsys):
    status = run(tmp_path / "out", ARGS.replace("75 85 95", "90 90 90"))
    said = capsys.readouterr().out
    assert status == 0 and said.startswith("agree")
    assert "resolved differently" not in said


def test_carryover_belongs_to_one_model(tmp_path, capsys):
    args = f"{ARGS} -phi 0 -osc 1 -phi_carryover"
    assert run(tmp_path / "out", args) in (0, 3)
    assert "-phi_carryover is left out of model physical" in capsys.readouterr().out
    assert "-phi_carryover" in words_of("c", args.split())
    assert "-phi_carryover" not in words_of("physical", args.split())


@pytest.mark.parametrize(
    "more, name",
    [
        ("-phi 0 -osc 1", "goniometer phi_steps_sampled_at"),
        ("-xds -Xbeam 9", "detector Fbeam_mm"),
        ("-twotheta 10", "detector header_distance_mm"),
        ("-oversample 2", "sampling corrections"),
        ("-pivot sample -detector_rotx 3", "detector pivot"),
        ("-misset random -misset_seed 3", "crystal misset_deg"),
        ("", "crystal cell_angles_deg"),
    ],
)
def test_what_is_resolved_differently(more, name):
    found = [setting.name for setting in differing_settings(f"{ARGS} {more}".split())]
    assert name in found
    plain = [setting.name for setting in differing_settings(ARGS.split())]
    assert not more or name not in plain


@pytest.mark.parametrize(
    "own", [("--c-bin", "x"), ("--py-bin", "x"), ("--phi-carryover",), ("--resample",)]
)
def test_no_other_program_beside_a_pair(own, tmp_path, capsys):
    assert run(tmp_path / "out", ARGS, *own) == 1
    assert f"--model-pair runs nbsim alone: {own[0]}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
