# SPDX-License-Identifier: MIT
"""The example that is part of the program."""

import os
import shlex

import numpy as np
import pytest

from nbsim import Simulation, read_hkl, read_smv, read_tiff
from nbsim.command import example, program
from nbsim.command.main import main
from nbsim.errors import FileError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the rendered example."""
    target = tmp_path_factory.mktemp("example") / "new"
    assert main(["-example", str(target), "-noprogress"]) == 0
    return target


def test_everything_is_there(folder):
    assert set(os.listdir(folder)) == {
        *("A.mat", "P1.hkl", "mask.img", "command.txt", "Fdump.bin"),
        *("floatimage.bin", "intimage.img", "noiseimage.img", "image.pgm", "image.tif"),
        "image.png",
    }


def test_command_renders_the_same_again(folder, tmp_path, monkeypatch):
    for name in ("A.mat", "P1.hkl", "mask.img"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    text = (folder / "command.txt").read_text()
    assert Simulation.from_args(text.removeprefix("nbsim ")).detector.shape == (
        1024,
        1024,
    )
    name, *words = shlex.split(text.replace("\\\n", " "))
    assert name == "nbsim"
    assert main(words) == 0
    for image in ("floatimage.bin", "intimage.img", "noiseimage.img", "image.pgm"):
        assert (tmp_path / image).read_bytes() == (folder / image).read_bytes(), image


def test_picture_looks_like_a_frame(folder):
    """Most pixels see a few background photons, some hundred spots many more."""
    image, record = read_tiff(folder / "image.tif")
    seen = image[read_smv(folder / "mask.img").pixels != 0]
    assert record["WAVELENGTH"] == pytest.approx(1.0)
    assert 5 < np.median(seen) < 30
    assert 0.001 < (seen > 10 * np.median(seen)).mean() < 0.05
    assert 1e4 < seen.max() < 65000  # no pixel of the noise image is overloaded
    assert read_smv(folder / "noiseimage.img").pixels.max() < 65535
    assert not image[512, 512]  # in the shadow of the beam stop


def test_structure_factors_are_those_of_a_crystal():
    table = example.structure_factors()
    F = {tuple(row[:3].astype(int)): row[3] for row in table}
    electrons = example._atoms()[1].sum()
    assert F[0, 0, 0] == pytest.approx(electrons)
    for (h, k, l), value in list(F.items())[::97]:
        assert value == pytest.approx(F[-h, -k, -l], rel=1e-9, abs=1e-9)
        assert value == pytest.approx(F[h, -k, -l], rel=1e-9, abs=1e-9)
        assert value <= electrons
    for n in (1, 3, 5, 7):  # the screw axes
        assert max(F[n, 0, 0], F[0, n, 0], F[0, 0, n]) < 1e-9


def test_structure_factor_of_one_reflection_by_hand():
    h = np.array([3, -2, 5])
    positions, electrons = example._atoms()
    wave = (electrons * np.exp(2j * np.pi * positions @ h)).sum()
    s_squared = ((h / np.array(example.CELL[:3])) ** 2).sum() / 4
    expected = abs(wave) * np.exp(-example.B_FACTOR_A2 * s_squared)
    (row,) = (r for r in example.structure_factors() if tuple(r[:3]) == (3, -2, 5))
    assert row[3] == pytest.approx(expected, rel=1e-9)


def test_list_reads_back(folder):
    factors = read_hkl(folder / "P1.hkl")
    table = example.structure_factors()
    assert factors.hkls == len(table)
    h, k, l, F = table[1234]
    index = int(h) - factors.h_min, int(k) - factors.k_min, int(l) - factors.l_min
    assert factors.F[index] == pytest.approx(F, abs=0.00501)


def test_folder_in_use_is_refused(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["-example", str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert (
        message
        == f"nbsim: error: the folder {tmp_path} is not empty; name another one\n"
    )
    assert os.listdir(tmp_path) == ["mine.txt"]


def test_file_in_place_of_the_folder_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert main(["-example", str(tmp_path / "file")]) == 1
    assert "cannot make the folder" in capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), FileError("disk full")])
@pytest.mark.parametrize("existed", [True, False])
def test_failure_leaves_nothing_in_the_way(error, existed, tmp_path, monkeypatch):
    folder = tmp_path / "new"
    if existed:
        folder.mkdir()

    def fail(words):
        assert "P1.hkl" in os.listdir(".")
        raise error

    monkeypatch.setattr(program, "render", fail)
    assert main(["-example", str(folder)]) in (1, 130)
    assert os.listdir(tmp_path) == ["new"] * existed
    assert not existed or os.listdir(folder) == []


def test_what_a_killed_run_left_is_in_nobodys_way(tmp_path, monkeypatch):
    (tmp_path / ".nbsim-0123456789abcdef.part").mkdir()
    monkeypatch.setattr(program, "render", lambda words: None)
    assert main(["-example", str(tmp_path)]) == 0
    names = os.listdir(tmp_path)
    assert {"P1.hkl", "A.mat", "mask.img", "command.txt"} <= set(names)


def test_other_options_have_no_place(tmp_path, capsys):
    assert main(["-example", str(tmp_path / "x"), "-N", "3"]) == 2
    assert "-N has no place beside it" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
