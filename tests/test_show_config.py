# SPDX-License-Identifier: MIT
"""-show_config: what a command line amounts to."""

import json
import os
import shlex

import pytest

from nbsim.command.main import main

LINE = (
    "-cell 70 80 90 -misset 10 20 30 -default_F 50 -Na 3 -Nb 4 -Nc 5 "
    "-energy 12398.42 -distance 150 -detpixels_f 40 -detpixels_s 30 -pixel 0.2 "
    "-phi 5 -osc 2 -phisteps 4 -mosaic 0.5 -mosaic_domains 7 -hdivrange 2 -hdivsteps 3 "
    "-roi 1 9 2 8 -dmin 2 -detector_thick 300 -detector_abs 500 "
    "-detector_thicksteps 4 -seed 9 -nopgm"
)


@pytest.fixture
def show(tmp_path, monkeypatch, capsys):
    """Return a function that gives the printed configuration of a command line."""
    monkeypatch.chdir(tmp_path)

    def show_config(line):
        assert main(shlex.split(line)) == 0
        assert os.listdir(tmp_path) == []  # nothing was rendered
        return capsys.readouterr().out

    return show_config


@pytest.mark.parametrize(
    "group, name, value",
    [
        ("crystal", "cell_lengths_A", [70, 80, 90]),
        ("crystal", "volume_A3", 504000),
        ("crystal", "misset_deg", [10, 20, 30]),
        ("crystal", "cells", [3, 4, 5]),
        ("crystal", "size_um", [0.021, 0.032, 0.045]),
        ("crystal", "mosaic_domains", 7),
        ("structure_factors", "default_F_electrons", 50),
        ("structure_factors", "h_min_max", None),
        ("beam", "wavelength_A", 1),
        ("beam", "hdiv_step_mrad", 1),
        ("beam", "sources", 3),
        ("detector", "pixels_fast_slow", [40, 30]),
        ("detector", "distance_mm", 150),
        ("detector", "Xbeam_mm", 3.1),
        ("detector", "fdet_vector", [0, 0, 1]),
        ("detector", "sensor_layers", 4),
        ("detector", "sensor_attenuation_per_mm", 2),
        ("detector", "roi_xmin_xmax_ymin_ymax", [1, 9, 2, 8]),
        ("goniometer", "phi_start_deg", 5),
        ("goniometer", "phi_step_deg", 0.5),
        ("sampling", "dmin_A", 2),
        ("output", "noise_seed", 9),
        ("output", "pgmfile", None),
        ("output", "intfile", "intimage.img"),
    ],
)
def test_json_values(show, group, name, value):
    found = json.loads(show(f"{LINE} -show_config json"))[group][name]
    if value is None or isinstance(value, str):
        assert found == value
    else:
        assert found == pytest.approx(value, rel=1e-12, abs=1e-12)


def test_automatic_choices_are_resolved(show):
    config = json.loads(show("-cell 300 -default_F 1 -N 20 -show_config json"))
    assert config["sampling"]["oversample"] == 18  # 3 * 6000 A / (1 A * 100 / 0.1)
    assert config["detector"]["pixels_fast_slow"] == [1024, 1024]
    assert config["structure_factors"]["interpolate"] is False


def test_infinite_depth_is_still_json(show):
    text = show("-cell 70 -default_F 1 -detector_abs inf -show_config json")
    assert json.loads(text)["detector"]["sensor_attenuation_per_mm"] is None


def test_text_has_the_groups_and_values_of_the_json(show):
    text = show(f"{LINE} -show_config")
    config = json.loads(show(f"{LINE} -show_config json"))
    lines = text.splitlines()
    for group, section in config.items():
        assert group in lines
        for name in ["panel 0"] if group == "panels" else section:
            assert any(line.startswith(f"  {name} ") for line in lines), name
    assert "  cell_lengths_A               70 80 90" in lines
    assert "  pgmfile                      -" in lines


def test_a_series_says_its_frames_files_and_workers(show):
    words = f"{LINE} -osc 0.5 -frames 20 -seed 9 -nxfile x_master.h5 -compression none"
    config = json.loads(
        show(f"{words} -frames_per_file 8 -workers 3 -show_config json")
    )
    series = config["series"]
    assert series["frames"] == 20 and series["osc_deg"] == 0.5
    assert series["phi_deg"] == pytest.approx([5 + 0.5 * i for i in range(20)])
    assert series["noise_seeds"] == list(range(9, 29))
    assert series["tasks"] == 3 and series["frames_per_task"] == 8
    assert series["nxfile"] == "x_master.h5" and series["cbffile"] is None
    assert series["compression"] == "none" and series["manifest"] == "x.manifest.jsonl"
    assert series["workers"] == 3 and series["executor"] == "pool"
    # Not at the start as in C, and without C's own files.
    assert config["goniometer"]["phi_steps_sampled_at"] == "middle"
    assert config["output"]["intfile"] is None and config["output"]["floatfile"] is None
    lines = show(f"{words} -show_config").splitlines()
    assert "  phi_deg                      5 5.5 6 ... 14.5 (20 values)" in lines
    assert "  noise_seeds                  9 10 11 ... 28 (20 values)" in lines


def test_a_frame_table_says_phi_and_seed_of_each_row(show, tmp_path_factory):
    table = tmp_path_factory.mktemp("table") / "t.csv"
    table.write_text("phi,seed\n30,7\n10,8\n")
    words = f"-cell 70 -default_F 1 -N 3 -osc 1 -cbffile x_#.cbf -frame_table {table}"
    series = json.loads(show(f"{words} -show_config json"))["series"]
    assert series["frames"] == 2 and series["frame_table"] == str(table)
    assert series["phi_deg"] == [30, 10] and series["noise_seeds"] == [7, 8]
    assert series["cbffile"] == "x_#.cbf" and series["compression"] is None


def test_a_series_without_a_seed_does_not_say_one(show):
    words = "-cell 70 -default_F 1 -N 3 -osc 1 -frames 2 -cbffile x_#.cbf"
    config = json.loads(show(f"{words} -show_config json"))
    assert config["series"]["noise_seeds"] is None
    assert "series" not in json.loads(show("-cell 70 -default_F 1 -show_config json"))


def test_values_of_a_text_are_readable(show):
    text = show("-cell 70 -default_F 1 -show_config text")
    assert "  curved                       no" in text.splitlines()
    assert not any(mark in text for mark in "{}'[]")


def test_backgrounds_and_response(show):
    line = (
        f"{LINE} -background water 0.5 -background air 30 -psf fiber -psf_fwhm 80 "
        "-readout_noise 3 -gain 1.8 -bits 32"
    )
    config = json.loads(show(f"{line} -show_config json"))
    water, air = config["background_1"], config["background_2"]
    assert (water["material"], water["thick_mm"]) == ("water", 0.5)
    assert (water["density_g_cm3"], water["molecular_weight_g_mol"]) == (1.0, 18.0)
    assert (air["material"], air["thick_mm"]) == ("air", 30)
    assert air["table_largest_F_electrons"] == pytest.approx(14.1, abs=0.4)
    response = config["detector_response"]
    assert (response["psf"], response["psf_fwhm_um"]) == ("fiber", 80)
    assert (response["gain"], response["readout_adu"], response["bits"]) == (1.8, 3, 32)
    assert response["noise_generator"] == "c"
    text = show(f"{line} -show_config")
    assert "background_2\n  material" in text and "  psf_fwhm_um" in text
    # Nothing is said of what is not there.
    assert "detector_response" not in show(f"{LINE} -show_config")
