# SPDX-License-Identifier: MIT
"""Detectors by name, beam stop, and both on the command line."""

import subprocess
import sys

import numpy as np
import pytest

import nbsim
from nbsim.model.detector_presets import PRESETS
from nbsim.options.groups.response import PRESET_NAMES

#: Size (fast, slow), pixel [mm] and the first gaps (start, length), as in XDS.INP
#: templates and data sheets.
KNOWN = {
    "eiger2_1m": (1028, 1062, 0.075, None, (512, 38)),
    "eiger2_4m": (2068, 2162, 0.075, (1028, 12), (512, 38)),
    "eiger2_9m": (3108, 3262, 0.075, (1028, 12), (512, 38)),
    "eiger2_16m": (4148, 4362, 0.075, (1028, 12), (512, 38)),
    "pilatus3_1m": (981, 1043, 0.172, (487, 7), (195, 17)),
    "pilatus3_2m": (1475, 1679, 0.172, (487, 7), (195, 17)),
    "pilatus3_6m": (2463, 2527, 0.172, (487, 7), (195, 17)),
    "jungfrau_4m": (2068, 2164, 0.075, (1030, 8), (514, 36)),
    "rayonix_mx300hs": (3840, 3840, 0.078125, None, None),
}


def test_every_preset_is_known_here_and_on_the_command_line():
    assert set(PRESETS) == set(KNOWN) == set(PRESET_NAMES)


@pytest.mark.parametrize("name", KNOWN)
def test_size_and_gaps(name):
    fast, slow, pixel, fast_gap, slow_gap = KNOWN[name]
    kind = nbsim.detector_preset(name)
    detector = kind.detector(distance_mm=200)
    assert detector.shape == kind.shape == (slow, fast)
    assert detector.pixel_size_mm == pixel and detector.distance_mm == 200
    if fast_gap is None and slow_gap is None:
        assert detector.dead is None
        return
    for axis, gap in ((0, fast_gap), (1, slow_gap)):
        dead = detector.dead.all(axis=axis)
        if gap is None:
            assert not dead.any()
            continue
        first = int(dead.argmax())
        length = int((~dead[first:]).argmax())
        assert (first, length) == gap


def test_saturation_follows_the_exposure():
    pilatus = nbsim.detector_preset("pilatus3_6m")
    assert pilatus.response(10.0).saturation_counts == 2**20 - 1
    assert pilatus.response(0.01).saturation_counts == pytest.approx(1e5)
    eiger = nbsim.detector_preset("eiger2_16m")
    assert eiger.response(0.01).saturation_counts == pytest.approx(28125)
    assert nbsim.detector_preset("jungfrau_4m").response(9).saturation_counts == 1e4
    rayonix = nbsim.detector_preset("rayonix_mx300hs").response()
    assert (rayonix.psf, rayonix.psf_fwhm_um, rayonix.bits) == ("fiber", 80.0, 16)
    assert pilatus.response(psf="gauss", gain=2).gain == 2.0


def test_unknown_preset():
    with pytest.raises(ValueError, match="'pilatus': expected one of eiger2_1m"):
        nbsim.detector_preset("pilatus")


def simulation(**fields):
    detector = nbsim.Detector(
        **{"detpixels_f": 100, "detpixels_s": 80, "pixel_size_mm": 1.0, **fields}
    )
    return nbsim.Simulation(nbsim.Crystal(cell=(50.0,)), detector=detector)


def test_beamstop_is_a_disk_around_the_direct_beam():
    setup = simulation(beamstop_mm=7.3, Xbeam_mm=20.0, Ybeam_mm=61.0).setup
    hidden = setup.mask == 0
    # mosflm: the beam is at fast Y + half a pixel, slow X + half a pixel.
    slow, fast = np.nonzero(hidden)
    r = np.hypot(fast + 0.5 - 61.5, slow + 0.5 - 20.5)
    assert r.max() <= 7.3 and hidden.sum() == pytest.approx(np.pi * 7.3**2, rel=0.08)


@pytest.mark.parametrize("arm, edge", [(0, "right"), (90, "bottom"), (180, "left")])
def test_the_arm_reaches_one_edge(arm, edge):
    hidden = simulation(beamstop_mm=6.0, beamstop_arm_deg=arm).setup.mask == 0
    edges = {
        "right": hidden[:, -1],
        "left": hidden[:, 0],
        "bottom": hidden[-1],
        "top": hidden[0],
    }
    assert [name for name, row in edges.items() if row.any()] == [edge]
    assert 3 <= edges[edge].sum() <= 7


def test_beamstop_and_gaps_and_mask_together_hide_pixels():
    dead = np.zeros((80, 100), bool)
    dead[:, 30:33] = True
    mask = np.ones((80, 100), np.uint16)
    mask[70:] = 0
    whole = simulation(beamstop_mm=5.0, dead=dead, mask=mask)
    image = np.where(whole.setup.rendered, np.float32(5), np.float32(0))
    assert not whole.setup.rendered[dead].any()
    assert not whole.setup.rendered[70:].any()
    noise = whole.noise(image, 1, response=nbsim.DetectorResponse())
    # A gap has no pixels; behind the beam stop there are some, without photons.
    assert (noise.pixels[dead] == 0).all()
    assert (noise.pixels[~dead] >= 40).all()


def test_a_beamstop_needs_the_beam():
    tilted = simulation(beamstop_mm=5.0, roty_deg=180.0, close_distance_mm=100.0)
    detector = tilted.detector
    with pytest.raises(ValueError, match="does not meet the detector"):
        nbsim.Simulation(
            tilted.crystal,
            detector=nbsim.Detector(
                detpixels_f=10,
                convention="custom",
                pivot="sample",
                beamstop_mm=5.0,
                twotheta_deg=120.0,
                twotheta_axis=(0, 1, 0),
            ),
        ).setup
    assert detector.beamstop_mm == 5.0


def run(folder, *words):
    return subprocess.run(
        [sys.executable, "-m", "nbsim", *words],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def test_preset_on_the_command_line(tmp_path):
    ran = run(
        tmp_path,
        "-detector_preset",
        "pilatus3_1m",
        "-beamstop",
        "4",
        "-background",
        "water",
        "0.1",
        "-flux",
        "1e12",
        "-exposure",
        "0.1",
        "-seed",
        "3",
        "-noise_generator",
        "philox",
        "-intfile",
        "/dev/null",
        "-nopgm",
        "-background_file",
        "background.bin",
    )
    assert ran.returncode == 0, ran.stderr
    noise = nbsim.read_smv(tmp_path / "noiseimage.img")
    kind = nbsim.detector_preset("pilatus3_1m")
    assert noise.pixels.dtype == np.uint32 and "TYPE=long_integer" in noise.header
    assert (noise.pixels[kind.gaps()] == 0).all()
    assert np.median(noise.pixels[~kind.gaps()]) > 40
    photons = np.fromfile(tmp_path / "floatimage.bin", np.float32).reshape(kind.shape)
    assert (photons[kind.gaps()] == 0).all() and photons[520, 490] == 0.0
    alone = np.fromfile(tmp_path / "background.bin", np.float32)
    assert (alone == photons.ravel()).all()


@pytest.mark.parametrize(
    "words, message",
    [
        ("-detector_preset pilatus9", "the detector must be eiger2_1m or"),
        ("-detector_preset eiger2_1m -detpixels 9", "it has 1028 x 1062 pixels, and"),
        ("-gain 0", "the gain must be a finite number of ADU/photon greater than 0"),
        ("-bits 8", "an image's integers have 16 or 32 bits"),
        ("-psf box", "the point spread must be gauss or fiber or none"),
        ("-psf fiber -psf_radius 2049", "larger than the image of 1024 x 1024 pixels"),
        ("-psf gauss -psf_fwhm 1e9", "wider than the image of 1024 x 1024 pixels"),
        ("-background water -1", "the thickness must be a finite number of mm"),
        ("-background beer 1", "cannot read stol file beer: there is no such file"),
        ("-background_density 3", "there is no -background before it"),
        ("-beamstop 0", "the radius must be a finite number of mm greater than 0"),
        ("-noise_generator mt", "the generator must be c or philox"),
    ],
)
def test_bad_words(words, message, tmp_path):
    ran = run(tmp_path, "-cell", "70", "-default_F", "9", *words.split())
    assert ran.returncode in (1, 2) and message in ran.stderr
    assert ran.stderr.count("\n") == ran.stderr.count("nbsim:")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "is empty"),
        ("# nothing\n", "no line with stol F"),
        ("0.1 x\n", "t.stol:1: 'x' is not a finite number"),
        ("0 1\n0.1 nan\n", "t.stol:2: 'nan' is not a finite number"),
    ],
)
def test_bad_tables(content, message, tmp_path):
    (tmp_path / "t.stol").write_text(content)
    ran = run(tmp_path, "-background", "t.stol", "1", "-detpixels", "20")
    assert ran.returncode == 1 and message in ran.stderr


def test_tables_that_are_odd_are_used_with_a_warning(tmp_path):
    (tmp_path / "t.stol").write_text("0 1\n0.2 2\n0.1 3\n0.4\n0.5 1\n")
    ran = run(tmp_path, "-background", "t.stol", "1", "-detpixels", "20", "-nonoise")
    assert ran.returncode == 0
    assert "is not sorted" in ran.stderr
    assert "F is missing in 1 of 5 rows, first at 0.4" in ran.stderr
