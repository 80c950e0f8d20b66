# SPDX-License-Identifier: MIT
"""Images without light, or with numbers that no image has, come with one warning."""

import numpy as np
import pytest

from nbsim import Simulation, write_smv
from nbsim.command.dark import image_warning
from nbsim.command.main import main

pytestmark = pytest.mark.filterwarnings("default")

START = "-cell 70 80 90 -default_F 100 -N 5 -detpixels 8 -distance 100"
DARK = "the image is 0 everywhere: "


@pytest.mark.parametrize(
    "line, said",
    [
        ("-mask {dark}", DARK + "region of interest and mask leave no pixel"),
        ("-fluence 0", DARK + "the fluence is 0"),
        (
            "-dmin 1000 -Xbeam -50",
            DARK + "-dmin 1000 leaves out all of the detector, which begins",
        ),
        ("-oversample_thick", DARK + "-oversample_thick without a thickness"),
        (
            "-detector_abs inf -detector_thick 100 -oversample_thick",
            DARK + "a sensor with an infinite attenuation depth absorbs nothing",
        ),
        ("-twotheta 90", DARK + "the plane of the detector goes through the crystal"),
        ("-hkl {zero}", DARK + "every structure factor is 0"),
        ("-hkl {far}", DARK + "no reflection of the list reaches a pixel"),
        ("-tophat_spots -fudge 1e6 -xds -ORGX 900", DARK + "no tophat spot touches"),
        ("-default_F 1e30 -nonoise", "pixels of the image are not finite: |F| 1e+30"),
        ("", None),
    ],
)
def test_one_warning_that_says_why(line, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_smv(tmp_path / "dark.img", np.zeros((8, 8), np.uint16), {})
    (tmp_path / "zero.hkl").write_text("1 0 0 0\n")
    (tmp_path / "far.hkl").write_text("90 0 0 5\n")
    names = {n: tmp_path / f for n, f in (("dark", "dark.img"), ("zero", "zero.hkl"))}
    line = line.format(**names, far=tmp_path / "far.hkl")
    start = START.replace("-default_F 100 ", "") if "-hkl" in line else START
    words = f"{start} {line} -nopgm -noprogress -device cpu".split()
    assert main(words) == 0
    lines = capsys.readouterr().err.splitlines()
    found = [
        x for x in lines if "of the image are" in x or "image is 0 everywhere" in x
    ]
    assert len(found) == (said is not None)
    assert said is None or said in found[0]


def test_negative_pixels():
    setup = Simulation.from_args(START).setup
    image = np.ones((8, 8), np.float32)
    assert image_warning(setup, image) is None
    image[3, 4] = -1.0
    assert image_warning(setup, image) == "1 pixels of the image are negative"
