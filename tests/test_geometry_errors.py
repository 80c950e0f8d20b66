# SPDX-License-Identifier: MIT
"""Broken geometry files: one sentence with the file's name, status 1; usage: 2."""

import copy
import json
import subprocess
import sys

import numpy as np
import pytest
from geometry_texts import EXPERIMENTS, GEOM, XDS_INP, XPARM, write

import nbsim
from nbsim import FileError, Simulation
from nbsim.command.main import main

LINE = "-default_F 100 -N 5 -detpixels 16 -floatfile f.bin -nonoise -nopgm"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    return tmp_path


def refused(line, capsys):
    """Return status and the one line on standard error."""
    status = main(f"{line} {LINE}".split())
    said = capsys.readouterr()
    assert said.err.startswith("nbsim: error: ") and said.err.count("\n") == 1
    return status, said.err


def panel(content, number=0):
    return content["detector"][0]["panels"][number]


def setter(*keys, value):
    """Return a change of a nested value of the hierarchy's experiment list."""

    def change(content):
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return change


ROOT = ("detector", 0, "hierarchy")
PANEL = ("detector", 0, "panels", 0)
BROKEN_EXPT = {
    "beam: expected the number": setter("experiment", 0, "beam", value="b.json"),
    "there is no beam 3": setter("experiment", 0, "beam", value=3),
    "experiment 0 has no detector": setter("experiment", 0, "detector", value=None),
    "there is no experiment 0: the file has none": setter("experiment", value=[]),
    "expected an object": setter("experiment", 0, value=[1]),
    "direction: expected a list of 3 numbers": setter(
        "beam", 0, "direction", value=[0, 1]
    ),
    "expected a vector that is not 0": setter("beam", 0, "direction", value=[0, 0, 0]),
    "wavelength: expected a finite number, got 'x'": setter(
        "beam", 0, "wavelength", value="x"
    ),
    "wavelength_A 0: expected": setter("beam", 0, "wavelength", value=0.0),
    "polarization 1.2: expected": setter("beam", 0, "polarization_fraction", value=1.1),
    "detector[0] has no panels": setter("detector", 0, "panels", value=[]),
    "square pixels": setter(*PANEL, "pixel_size", value=[0.1, 0.2]),
    "panels[0].pixel_size: expected a list of 2": setter(
        *PANEL, "pixel_size", value=None
    ),
    "spixels 0: expected": setter(*PANEL, "image_size", value=[10, 0]),
    "image_size: expected a list of 2 whole": setter(
        *PANEL, "image_size", value=[10, 0.5]
    ),
    "not parallel ones": setter(*PANEL, "slow_axis", value=[1, 0, 0]),
    "origin: expected a list of 3": setter(*PANEL, "origin", value=[1, 2, "3"]),
    "the crystal lies in the plane": setter(*PANEL, "origin", value=[1.0, 2.0, 0.0]),
    "there is no panel 7": setter(*ROOT, value={"panel": 7}),
    "panel 0 is not part": setter(*ROOT, value={}),
    "children: expected a list": setter(*ROOT, value={"children": 1}),
    "its nine numbers": setter("goniometer", 0, "fixed_rotation", value=[1.0] * 9),
    "fixed_rotation: expected a list of 9": setter(
        "goniometer", 0, "fixed_rotation", value=[1]
    ),
    "there is no axis 5": setter(
        "goniometer", 0, value={"axes": [[1, 0, 0]], "angles": [0], "scan_axis": 5}
    ),
    "angles: expected a list of 1 numbers": setter(
        "goniometer", 0, value={"axes": [[1, 0, 0]], "angles": [], "scan_axis": 0}
    ),
    "oscillation is missing": setter("scan", 0, value={"image_range": [1, 2]}),
    "image_range 5 1: it has no": setter("scan", 0, "image_range", value=[5, 1]),
    "span no volume": setter("crystal", 0, "real_space_a", value=[0.0, 0.0, 0.0]),
    "real_space_b is missing": lambda c: c["crystal"][0].pop("real_space_b"),
    "no Hall symbol": setter("crystal", 0, "space_group_hall_symbol", value="Z 1"),
}


@pytest.mark.parametrize("sentence", BROKEN_EXPT)
def test_broken_experiment_list(sentence, folder, capsys):
    content = copy.deepcopy(EXPERIMENTS["single"])
    if "there is no panel" in sentence or "part" in sentence:
        content["detector"][0]["hierarchy"] = {}
    BROKEN_EXPT[sentence](content)
    if sentence in ("panel 0 is not part", "children: expected a list"):
        hierarchy = {**panel(content), **content["detector"][0]["hierarchy"]}
        content["detector"][0]["hierarchy"] = {"children": [], **hierarchy}
    (folder / "broken.expt").write_text(json.dumps(content))
    status, said = refused("-expt broken.expt", capsys)
    assert status == 1 and "broken.expt: " in said
    assert sentence.removesuffix(" none") in said


FILES = {
    "no.expt": (None, "cannot read experiment list no.expt"),
    "empty.expt": ("", "experiment list empty.expt is empty"),
    "cut.expt": ('{"experiment": [', "no experiment list of DIALS: "),
    "deep.expt": ('{"experiment":' + "[" * 100000, "no experiment list of DIALS: "),
    "bytes.expt": (b"\xff\xfe\x00", "no experiment list of DIALS: "),
    "other.expt": ('{"a": 1}', 'it has no list "experiment"'),
    "list.expt": ("[]", 'it has no list "experiment"'),
    "no.xparm": (None, "cannot read XPARM file no.xparm"),
    "other.xparm": ("hello\n", "its first line does not say XPARM.XDS"),
    "cut.xparm": (XPARM[:300], "cut.xparm:6: expected 3 numbers (b axis), got"),
    "word.xparm": (XPARM.replace("0.979500", "lambda"), "word.xparm:3: 'lambda' is"),
    "inf.xparm": (XPARM.replace("0.979500", "1e999"), "inf.xparm:3: '1e999' is not"),
    "flat.xparm": (XPARM.replace("12.396910", "1e400"), "flat.xparm:5: '1e400'"),
    "half.xparm": (XPARM.replace("1000    0.1", "99.5    0.1"), "half.xparm:8: 99.5"),
    "oblong.xparm": (
        XPARM.replace("0.100000    0.100000", "0.100000    0.200000"),
        "oblong.xparm: QX 0.1 QY 0.2: expected square pixels",
    ),
    "group.xparm": (XPARM.replace("     1     31.0", "   231     31.0"), ":4: space"),
    "plane.xparm": (
        XPARM.replace("-0.224000       0.768000       0.600000", "0.96 0.28 0"),
        "plane.xparm: fdet_vector and sdet_vector: expected two directions",
    ),
    "no.inp": (None, "cannot read XDS.INP no.inp"),
    "key.inp": (XDS_INP.replace("ORGX=", "ORGZ="), "key.inp: ORGX= is missing"),
    "word.inp": (XDS_INP.replace("534.12", "middle"), "ORGX= 'middle' is not a"),
    "short.inp": (XDS_INP.replace("0.768 0.6", ""), "expected 3 numbers, got 1"),
    "half.inp": (XDS_INP.replace("NX=1024", "NX=9.5"), "NX= 9.5: expected a whole"),
    "along.inp": (
        XDS_INP.replace("0.999990 0.003000 -0.003300", "0.0021 -0.0013 1.02091"),
        "along.inp: the rotation axis is along the beam",
    ),
    "no.geom": (None, "cannot read geometry file no.geom"),
    "none.geom": ("photon_energy = 9000\n", "none.geom: no panel: expected lines"),
    "word.geom": ("hello\n", "word.geom: line 1: expected key = value, got 'hello'"),
    "energy.geom": (
        GEOM.replace("12.3984198433 keV", "/LCLS/energy"),
        "photon_energy = /LCLS/energy: it is not a number; give the wavelength",
    ),
    "zero.geom": (GEOM.replace("12.3984198433 keV", "0"), "expected more than 0"),
    "clen.geom": (GEOM.replace("120 mm", "/encoder"), "p0/clen = /encoder: it is not"),
    "key.geom": (GEOM.replace("p0/corner_x", "p0/x"), "p0/corner_x is missing"),
    "res.geom": (GEOM.replace("res = 10000", "res = 0"), "p0/res = 0: expected more"),
    "long.geom": (
        GEOM.replace("-1.0x +0.0y", "-1.002x"),
        "panel p0: fdet_vector 0 0 1.002: expected a direction of length 1, this one",
    ),
    "fs.geom": (GEOM.replace("-1.0x +0.0y", "east"), "p0/fs = east: expected a dir"),
    "cut.geom": (GEOM.replace("p0/max_ss", "p0/ss_max"), "p0/max_ss is missing"),
    "back.geom": (GEOM.replace("max_fs = 1023", "max_fs = -1"), "along ss: expected"),
    "half.geom": (GEOM.replace("max_fs = 1023", "max_fs = 9.5"), "9.5: expected a wh"),
    "two.geom": (GEOM + "p1/res = 9000\n", "p1/res 9000: another panel has 10000"),
}


@pytest.mark.parametrize("name", FILES)
def test_broken_file(name, folder, capsys):
    content, sentence = FILES[name]
    if content is not None:
        content = content if isinstance(content, bytes) else content.encode()
        (folder / name).write_bytes(content)
    option = {"expt": "expt", "xparm": "xparm", "inp": "xds_inp", "geom": "geom"}
    line = f"-{option[name.partition('.')[2]]} {name} -cell 30 40 50"
    status, said = refused(line, capsys)
    assert status == 1 and name in said and sentence in said


USAGE = {
    "-expt single.expt -geom one.geom": "-expt and -geom: each gives the geometry",
    "-xparm XPARM.XDS -img single.expt": "-xparm and -img: each gives the geometry",
    "-expt single.expt -mosflm": "-mosflm beside -expt: the file gives all directions",
    "-expt at_90.expt -distance 100": "at_90.expt: the beam does not meet the detector",
    "-expt single.expt -expt_index -1": "-expt_index -1: the experiment must be",
    "-geom one.geom": "no crystal: give its cell",
    "-expt single.expt -cell 10 10 10 60 60 120": "no cell has these three angles",
}


@pytest.mark.parametrize("line", USAGE)
def test_usage(line, capsys):
    status, said = refused(line, capsys)
    assert status == 2 and USAGE[line] in said


@pytest.mark.parametrize("option", ["Xbeam 5", "close_distance 90", "twotheta 5"])
def test_what_places_one_panel_places_no_several(option, capsys):
    status, said = refused(f"-expt hierarchy.expt -{option}", capsys)
    name = option.split()[0]
    assert status == 2 and f"-{name}, -detpixels beside hierarchy.expt" in said
    assert "which places 3 panels: only -distance moves them" in said


def test_layout_that_cannot_be(capsys):
    line = "-expt hierarchy.expt -panel_layout place -cell 50"
    status = main(f"{line} -default_F 100 -N 5".split())
    said = capsys.readouterr().err
    assert status == 2 and "panel_layout place: panels Panel and Panel overlap" in said


def test_energy_of_the_line_serves_a_file_without(folder):
    text = GEOM.replace("photon_energy = 12.3984198433 keV", "photon_energy = /a/b")
    (folder / "path.geom").write_text(text)
    words = f"{LINE} -geom path.geom -lambda 1.5 -cell 30 40 50 -intfile i.img".split()
    command = [sys.executable, "-m", "nbsim", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "path.geom: detector of 1024 x 1000 pixels" in done.stdout
    assert "wave=1.5e-10 meters" in done.stdout
    assert (folder / "f.bin").stat().st_size == 16 * 16 * 4


def test_distance_of_the_line_serves_a_file_without(folder):
    """As many files of CSPAD and ePix: a path, and an offset of each panel."""
    for clen in ("clen = /LCLS/encoder\n", ""):
        text = GEOM.replace("clen = 120 mm\n", f"{clen}coffset = 0.5\n")
        (folder / "encoder.geom").write_text(text)
        words = "-default_F 9 -N 5 -geom encoder.geom -cell 30 40 50"
        geometry = Simulation.from_args(f"{words} -distance 90").setup.geometry
        assert geometry.distance == pytest.approx(0.09, rel=1e-12)
        with pytest.raises(FileError, match="distance with -distance"):
            Simulation.from_args(words)
        read = nbsim.read_geom(folder / "encoder.geom", clen_mm=-400.0)
        assert read.panels[0].close_distance_mm == pytest.approx(100.0)


def test_camera_length_and_shift_count_wherever_they_stand(folder):
    moved = "detector_shift_x = 2 mm\ndetector_shift_y = -0.003\nclen = 120 mm\n"
    (folder / "late.geom").write_text(GEOM.replace("clen = 120 mm\n", "") + moved)
    (folder / "plain.geom").write_text(GEOM)
    late, plain = (nbsim.read_geom(folder / f"{n}.geom") for n in ("late", "plain"))
    apart = np.subtract(late.panels[0].pix0_vector_mm, plain.panels[0].pix0_vector_mm)
    # CrystFEL's x is minus z here, its y is y.
    assert apart == pytest.approx([0.0, -3.0, -2.0])
    assert late.notes == ("bad regions of the file (1) are not masked",)
    elsewhere = "detector_shift_x = /LCLS/shift mm\n"
    (folder / "path.geom").write_text(GEOM + elsewhere)
    assert "taken as 0" in nbsim.read_geom(folder / "path.geom").notes[1]


def test_polychromatic_beam_needs_a_wavelength(folder, capsys):
    content = copy.deepcopy(EXPERIMENTS["single"])
    del content["beam"][0]["wavelength"]
    (folder / "poly.expt").write_text(json.dumps(content))
    status, said = refused("-expt poly.expt", capsys)
    assert status == 1 and "has no wavelength: give one with -lambda" in said
    words = f"-expt poly.expt -lambda 1.1 {LINE} -show_config json".split()
    assert main(words) == 0
    known = json.loads(capsys.readouterr().out)
    assert known["beam"]["wavelength_A"] == pytest.approx(1.1)
    assert known["crystal"]["cell_lengths_A"][0] == pytest.approx(31.0)
