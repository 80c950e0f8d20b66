# SPDX-License-Identifier: MIT
"""Model physical through the installed program, and what it says about itself."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nbsim import Simulation

pytestmark = pytest.mark.filterwarnings("default")

PROGRAM = str(Path(sys.executable).with_name("nbsim"))
SMALL = "-cell 70 80 90 75 85 95 -default_F 100 -N 5 -detpixels 24 -pixel 1 -noprogress"
#: Rays of every kind.
RICH = (
    f"{SMALL} -oversample 2 -detector_thick 300 -detector_abs 200 -thicksteps 2 "
    "-hdivrange 4 -polar 0.8 -water 20 -fluence 1e24 -phi 1 -osc 1 -phisteps 2 "
    "-mosaic 1 -mosaic_domains 2 -dmin 3 -nonoise -nopgm -model physical"
)


def nbsim(words, folder):
    return subprocess.run(
        [PROGRAM, *words.split()], cwd=folder, capture_output=True, text=True
    )


REFUSED = {
    "-phi_carryover": ("reproduces a mistake of model c", 2),
    "-sourcefile negative.txt": ("source 2: weight -1; expected 0 or more", 2),
    "-sourcefile zero.txt": ("all weights are 0", 2),
    "-pix0_vector -0.1 0 0 -odet_vector 1 0 0": ("detector is behind the crystal", 2),
    "-twotheta 120": ("detector is behind the crystal", 2),
    "-fdet_vector 0 0 1 -sdet_vector 0 0 -1": ("not parallel ones", 2),
    "-odet_vector 0 0 1": ("it lies in the plane", 2),
    "-polar_vector 1 0 0 -polar 0.5": ("its ray runs along polar_vector", 2),
}


WITHOUT_PLANE = {"-fdet_vector 0 0 1 -sdet_vector 0 0 -1", "-odet_vector 0 0 1"}


@pytest.mark.parametrize("words", REFUSED)
def test_refused_with_one_sentence(words, tmp_path):
    (tmp_path / "negative.txt").write_text("-10 0 0 1\n-10 0 0.1 -1\n")
    (tmp_path / "zero.txt").write_text("-10 0 0 0\n-10 0 0.1 0\n")
    message, status = REFUSED[words]
    done = nbsim(f"{SMALL} -model physical {words}", tmp_path)
    assert message in done.stderr and done.returncode == status
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not list(tmp_path.glob("*.img")) + list(tmp_path.glob("*.bin"))
    # The same line is no error of model c, unless it has no detector plane at all.
    done = nbsim(f"{SMALL} {words} -show_config", tmp_path)
    assert done.returncode == (2 if words in WITHOUT_PLANE else 0)


def test_show_config_says_what_is_used(tmp_path):
    line = (
        f"{RICH} -xds -ORGX 7 -Xclose 3 -Ybeam 9 -pivot beam -twotheta 10 "
        "-oversample_omega"
    )
    done = nbsim(f"{line} -show_config json", tmp_path)
    config = json.loads(done.stdout)
    detector, sampling = config["detector"], config["sampling"]
    assert config["run"]["model"] == "physical"
    assert detector["placed_by"] == "fast ORGX, slow Ybeam"
    assert detector["pivot"] == "beam"
    assert detector["sensor_layer_step_um"] == pytest.approx(150.0)
    assert detector["sensor_layers_sampled_at"] == "middle"
    assert detector["header_distance_mm"] != pytest.approx(detector["distance_mm"])
    assert config["goniometer"]["phi_steps_sampled_at"] == "middle"
    assert config["beam"]["source_weights_used"] is True
    assert sampling["corrections"] == "of every ray"
    assert sampling["oversample_omega"] is False
    assert "-Xclose is not used: -ORGX comes first" in done.stderr
    assert done.stderr.count("no effect with -model physical") == 1
    corner = nbsim(
        f"{SMALL} -model physical -pix0_vector 0.1 0 0 -show_config json", tmp_path
    )
    assert json.loads(corner.stdout)["detector"]["placed_by"] == "pix0_vector"


def test_run_reports_and_writes(tmp_path):
    done = nbsim(f"{RICH} -trace_pixel 12 11", tmp_path)
    assert done.returncode == 0, done.stderr
    image = np.fromfile(tmp_path / "floatimage.bin", np.float32).reshape(24, 24)
    np.testing.assert_array_equal(image, Simulation.from_args(RICH).render())
    # Middles: of two layers of 150 um, of two steps of half a degree.
    for line in ("thick0 = 75 um", "thick1 = 225 um", "phi0 = 1.25", "phi1 = 1.75"):
        assert line in done.stdout.splitlines()
    # The mean over subpixels and layers, not divided by sources and phi steps:
    # 24 pixels of 1 mm at 100 mm distance.
    found = next(x for x in done.stdout.splitlines() if x.startswith("solid angle"))
    half = 12e-3
    exact = 4 * np.arctan(half * half / (0.1 * np.sqrt(0.1**2 + 2 * half**2)))
    assert float(found.split("=")[1].split()[0]) == pytest.approx(exact, rel=5e-3)
    value = next(
        x for x in done.stdout.splitlines() if x.startswith("TRACE_PY: I_pixel_final")
    )
    assert float(value.split()[2]) == pytest.approx(image[12, 11], rel=1e-6)


def test_reported_random_angles_are_whole(tmp_path):
    words = f"{SMALL} -model physical -misset random -misset_seed 12345"
    done = nbsim(words, tmp_path)
    line = next(x for x in done.stdout.splitlines() if "random orientation misset" in x)
    angles = [float(x) for x in line.split(":")[1].split()[:3]]
    assert angles == pytest.approx(
        [-6.95549686314299, -31.5137014124, 144.444433715557]
    )
    first = (tmp_path / "floatimage.bin").read_bytes()
    nbsim(f"{SMALL} -model physical -misset {' '.join(map(repr, angles))}", tmp_path)
    assert (tmp_path / "floatimage.bin").read_bytes() == first


@pytest.mark.parametrize("slow, fast", [(12, 11), (0, 0), (23, 5)])
@pytest.mark.parametrize("more", ["", "-curved_det", "-point_pixel -nopolar -dmin 0"])
def test_terms_of_a_trace_give_the_pixel(slow, fast, more):
    simulation = Simulation.from_args(f"{RICH} {more}")
    trace = simulation.trace(slow, fast)
    rows = trace.evaluations
    total = trace.I_background
    for row in rows:
        total = (total + row["term"]) * row["factor"]
    assert trace.values["I_before_scaling"] == pytest.approx(total, rel=1e-12)
    photons = (
        trace.values["r_e_sqr"]
        * trace.values["fluence_photons_per_m2"]
        * total
        / trace.values["steps"]
    )
    assert trace.values["I_pixel_final"] == pytest.approx(photons, rel=1e-12)
    image = simulation.render(backend="cpu")
    assert image[slow, fast] == pytest.approx(photons, rel=2e-7)
    weight = rows["omega_pixel"] * rows["capture_fraction"] * rows["polar"]
    np.testing.assert_allclose(rows["weight"], weight, rtol=1e-14)
    for name in ("layer", "subS", "source", "phi_tic", "mos_tic"):
        assert rows[name].max() == 1


def test_trace_of_an_interpolated_pixel(tmp_path):
    path = tmp_path / "box.hkl"
    lines = [
        f"{h} {k} {l} {10 + h + k * k}"
        for h in range(-3, 4)
        for k in range(-3, 4)
        for l in range(-3, 4)
    ]
    path.write_text("\n".join(lines))
    simulation = Simulation.from_args(
        f"-cell 70 80 90 -hkl {path} -default_F 5 -N 2 -detpixels 16 -pixel 4 "
        "-oversample 2 -distance 150 -model physical"
    )
    image = simulation.render(backend="cpu")
    seen = set()
    for slow, fast in ((8, 8), (0, 0), (5, 8)):
        trace = simulation.trace(slow, fast)
        seen |= set(trace.evaluations["interpolated"].tolist())
        assert trace.values["I_pixel_final"] == pytest.approx(image[slow, fast], 2e-7)
    assert seen == {True, False}


def test_printout(tmp_path):
    done = nbsim(f"{RICH} -printout_pixel 11 12", tmp_path)
    image = np.fromfile(tmp_path / "floatimage.bin", np.float32).reshape(24, 24)
    numbers = {
        line.split()[0]: float(line.split()[1])
        for line in done.stdout.splitlines()
        if line.startswith(("I/steps", "pixel "))
    }
    assert numbers["pixel"] == pytest.approx(image[12, 11], rel=1e-6)
    scale = 7.94079248018965e-30 * 1e24
    assert numbers["I/steps"] * scale == pytest.approx(image[12, 11], rel=1e-6)


def test_statistics_and_header():
    simulation = Simulation.from_args(f"{RICH} -roi 2 20 3 19")
    image = simulation.render()
    stats, inside = simulation.statistics(image), image[3:20, 2:21].astype(float)
    assert stats.max_I == inside.max()
    assert stats.mean == pytest.approx(inside.mean())
    header = simulation.smv_header()
    assert float(header["PHI"]) == 1.0 and float(header["OSC_RANGE"]) == 1.0


def test_preview_knows_where_a_curved_pixel_is():
    words = f"{SMALL} -model physical -distance 20 -denzo"
    flat, curved = (
        Simulation.from_args(f"{words} {more}").preview(rings=[2.0])
        for more in ("", "-curved_det")
    )
    assert flat.shape == curved.shape and (flat != curved).any()
