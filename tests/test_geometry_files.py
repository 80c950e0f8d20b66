# SPDX-License-Identifier: MIT
"""-expt, -xparm, -xds_inp, -geom: places of Bragg reflections against DIALS."""

import copy
import dataclasses
import json
import math
import pathlib

import numpy as np
import pytest
from geometry_texts import CELL_VECTORS, EXPERIMENTS, WAVELENGTH_A, write

import nbsim
from nbsim import Simulation
from nbsim.command.main import main
from nbsim.options.command_line import read_command_line
from nbsim.series.predict import sweep_spots

STORED = pathlib.Path(__file__).with_name("dials_predictions.json")
PREDICTED = json.loads(STORED.read_text())
ONE_PANEL = sorted(set(EXPERIMENTS) - {"hierarchy"})
LINE = "-default_F 100 -N 5"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("geometry")
    write(folder)
    return folder


@pytest.fixture(autouse=True)
def there(folder, monkeypatch):
    monkeypatch.chdir(folder)


def bragg_place(setup, hkl, near_deg):
    """Return fast, slow [pixels] and phi [deg] where a reflection is in condition.

    From the numbers that a run uses; of the two crossings the one near an angle.
    """
    geometry, cell = setup.geometry, setup.cell
    r = hkl @ np.array([cell.a_star, cell.b_star, cell.c_star])
    axis = np.array(geometry.spindle_vector)
    s0 = np.array(geometry.beam_vector) / (setup.wavelength * 1e10)
    along, across = (r @ axis) * axis, np.cross(axis, r)
    rest = r - along
    # |s0 + r| = |s0|: x cos phi + y sin phi = wanted
    x, y, wanted = rest @ s0, across @ s0, -(r @ r) / 2.0 - along @ s0
    middle, half = math.atan2(y, x), math.acos(wanted / math.hypot(x, y))
    angles = [math.degrees(middle + sign * half) for sign in (-1.0, 1.0)]
    angles = [a + 360.0 * round((near_deg - a) / 360.0) for a in angles]
    phi = min(angles, key=lambda angle: abs(angle - near_deg))
    turn = math.radians(phi)
    s1 = s0 + along + rest * math.cos(turn) + across * math.sin(turn)
    f, s = np.array(geometry.fdet_vector), np.array(geometry.sdet_vector)
    # t s1 - F f - S s = pix0
    axes = np.array([s1, -f, -s]).T
    t, F, S = np.linalg.solve(axes, np.array(geometry.pix0_vector))
    assert t > 0.0
    return F / geometry.pixel_size, S / geometry.pixel_size, phi


def compare(setup, rows, pixels=1e-6, degrees=1e-6):
    for *hkl, _, fast, slow, phi in rows:
        f, s, angle = bragg_place(setup, np.array(hkl), phi)
        assert math.hypot(f - fast, s - slow) < pixels
        assert abs(angle - phi) < degrees


@pytest.mark.parametrize("model", ["c", "physical"])
@pytest.mark.parametrize("name", ONE_PANEL)
def test_places_are_those_of_dials(name, model):
    line = f"-expt {name}.expt {LINE} -model {model}"
    simulation = Simulation.from_args(line)
    compare(simulation.setup, PREDICTED[name])
    assert simulation.warnings == () and simulation.setup.warnings == ()


def only(node, number):
    """Return a node of a hierarchy that keeps one panel, as panel 0."""
    if "panel" in node:
        return {"panel": 0} if node["panel"] == number else None
    kept = [only(child, number) for child in node["children"]]
    return {**node, "children": [child for child in kept if child]}


@pytest.mark.parametrize("number", range(3))
def test_panel_inside_a_hierarchy(number, tmp_path):
    content = copy.deepcopy(EXPERIMENTS["hierarchy"])
    detector = content["detector"][0]
    detector["panels"] = [detector["panels"][number]]
    detector["hierarchy"] = only(detector["hierarchy"], number)
    path = tmp_path / "one.expt"
    path.write_text(json.dumps(content))
    rows = [row for row in PREDICTED["hierarchy"] if row[3] == number]
    assert rows
    for model in ("c", "physical"):
        compare(Simulation.from_args(f"-expt {path} {LINE} -model {model}").setup, rows)


@pytest.mark.parametrize("model", ["c", "physical"])
def test_all_panels_of_a_hierarchy(model):
    simulation = Simulation.from_args(f"-expt hierarchy.expt {LINE} -model {model}")
    assert len(simulation.detector.panels) == 3
    for number in range(3):
        rows = [row for row in PREDICTED["hierarchy"] if row[3] == number]
        compare(simulation.setup.whole_panel(number), rows)


def test_predicted_spots_of_several_panels_are_those_of_dials():
    simulation = Simulation.from_args(f"-expt hierarchy.expt {LINE}")
    scan = simulation.goniometer
    spots = sweep_spots(simulation, scan.phi_deg, scan.osc_deg, 400)
    for h, k, l, panel, fast, slow, phi in PREDICTED["hierarchy"]:
        same = (spots["h"] == h) & (spots["k"] == k) & (spots["l"] == l)
        same &= (spots["panel"] == panel) & (np.abs(spots["phi_deg"] - phi) < 1e-6)
        (spot,) = spots[same]
        assert math.hypot(spot["fast_px"] - fast, spot["slow_px"] - slow) < 1e-6


SEVERAL = """photon_energy = 9000 eV
coffset = 0.001 ; of every panel
clen = 0.08
res = 5000
dim0 = %
dim1 = ss
dim2 = fs
mask = /entry/mask
group_all = q0
bad_edge/min_x = 1
rigid_group_q0 = p0,p1
rigid_group_collection_a = q0
p0/min_fs = 0
p0/max_fs = 99
p0/min_ss = 0
p0/max_ss = 79
p0/fs = x
p0/ss = y
p0/corner_x = -110
p0/corner_y = -90
p0/no_index = 0
p1/min_fs = 104
p1/max_fs = 203
p1/min_ss = 0
p1/max_ss = 69
p1/fs = +0.999x +0.0447y
p1/ss = -0.0447x +0.999y
p1/corner_x = 5
p1/corner_y = 7
p1/coffset = -0.002
p1/adu_per_eV = 0.2
"""


def test_panels_of_a_geom_lie_as_in_its_data(tmp_path):
    path = tmp_path / "two.geom"
    path.write_text(SEVERAL)
    line = f"-geom {path} -cell 50 60 70 {LINE}"
    simulation = Simulation.from_args(line)
    first, second = simulation.setup.panels
    # Frame of CrystFEL: z along the beam, y up, x to the left of it.
    assert first.geometry.pix0_vector == pytest.approx((0.081, -0.018, 0.022))
    assert second.geometry.pix0_vector == pytest.approx((0.078, 0.0014, -0.001))
    assert (second.slow, second.fast, second.name) == (0, 104, "p1")
    assert second.geometry.fdet_vector == pytest.approx((0, 0.0447, -0.999), abs=1e-5)
    assert simulation.detector.shape == (80, 204)
    image = simulation.render()
    assert image.shape == (2, 80, 100) and not image[1, 70:].any()
    stacked = Simulation.from_args(f"{line} -panel_layout stack")
    assert stacked.detector.shape == (150, 100)
    assert np.array_equal(stacked.render(), image)
    far = Simulation.from_args(f"{line} -distance 178").setup.panels
    for panel, moved in zip((first, second), far):
        x, *others = moved.geometry.pix0_vector
        assert x == pytest.approx(panel.geometry.pix0_vector[0] + 0.1)
        assert others == pytest.approx(panel.geometry.pix0_vector[1:])
    content = Simulation.from_args(line).resolved()["panels"]
    assert [panel["origin"] for panel in content] == [[0, 0], [0, 104]]
    assert [panel["size"] for panel in content] == [[80, 100], [70, 100]]


@pytest.mark.parametrize("model", ["c", "physical"])
def test_places_of_xparm(model):
    simulation = Simulation.from_args(f"-xparm XPARM.XDS {LINE} -model {model}")
    compare(simulation.setup, PREDICTED["xparm"])
    assert simulation.goniometer.phi_deg == 12.5
    assert simulation.goniometer.osc_deg == 0.25
    assert simulation.beam.wavelength_A == WAVELENGTH_A


def test_xds_inp_is_the_same_detector_and_beam():
    read, other = nbsim.read_xds_inp("XDS.INP"), nbsim.read_xparm("XPARM.XDS")
    for name in ("wavelength_A", "pixel_size_mm", "phi_deg", "osc_deg"):
        assert getattr(read, name) == pytest.approx(getattr(other, name), abs=1e-12)
    for name in ("beam_vector", "spindle_axis"):
        assert getattr(read, name) == pytest.approx(getattr(other, name), abs=1e-12)
    (panel,), (its,) = read.panels, other.panels
    for name in ("fdet_vector", "sdet_vector", "pix0_vector_mm"):
        assert getattr(panel, name) == pytest.approx(getattr(its, name), abs=1e-9)
    assert (panel.fpixels, panel.spixels, read.images) == (1024, 1000, 40)
    assert read.polarization == pytest.approx(0.98)
    # Along y x beam: horizontal, which is the spindle's direction here.
    assert read.polar_vector == pytest.approx((0.0, -0.0033, 1.0), abs=1e-2)
    assert read.crystal.cell == (31.0, 37.054, 43.2897, 86.318, 84.698, 93.094)
    assert read.crystal.space_group == "P 1" and read.crystal.exact_cell
    assert other.crystal.space_group == "P 1"


def test_geom_is_the_worked_example():
    read = nbsim.read_geom("one.geom")
    (panel,) = read.panels
    assert panel.pix0_vector_mm == pytest.approx((120.0, 50.15, -53.35))
    assert panel.fdet_vector == pytest.approx((0.0, 0.0, 1.0))
    assert panel.sdet_vector == pytest.approx((0.0, -1.0, 0.0))
    assert read.wavelength_A == pytest.approx(1.0) and read.crystal is None
    mosflm = "-lambda 1 -distance 120 -pixel 0.1 -Xbeam 50.1 -Ybeam 53.3 "
    mosflm += "-detpixels_f 1024 -detpixels_s 1000"
    for model in ("c", "physical"):
        line = f"-cell 30 40 50 {LINE} -model {model}"
        ours = Simulation.from_args(f"-geom one.geom {line}").setup.geometry
        asked = Simulation.from_args(f"{mosflm} {line}").setup.geometry
        for name in ("pix0_vector", "fdet_vector", "sdet_vector", "beam_vector"):
            assert getattr(ours, name) == pytest.approx(getattr(asked, name), abs=1e-12)
        assert ours.polar_vector == asked.polar_vector
        assert ours.spindle_vector == asked.spindle_vector


def test_python_gives_what_the_command_line_does():
    read = nbsim.read_expt("oblique.expt")
    simulation = Simulation(
        crystal=dataclasses.replace(read.crystal, Na=5, Nb=5, Nc=5),
        structure_factors=nbsim.StructureFactors(default_F=100.0),
        beam=read.beam,
        detector=read.detector,
        goniometer=read.goniometer,
    )
    line = Simulation.from_args(f"-expt oblique.expt {LINE}")
    assert simulation.setup.geometry == line.setup.geometry
    assert simulation.setup.cell == line.setup.cell
    assert simulation.setup.phis == line.setup.phis
    assert line.crystal.space_group == "P 1"
    # A beam that is polarized along x of the file, which is z here.
    assert line.beam.polarization == pytest.approx(0.98)
    assert line.setup.geometry.polar_vector == pytest.approx((0, 0, 1), abs=0.04)
    across = np.dot(line.setup.geometry.polar_vector, line.setup.geometry.beam_vector)
    assert across == pytest.approx(0.0, abs=1e-12)


def edited(name, change):
    content = copy.deepcopy(EXPERIMENTS[name])
    changed = change(content)
    return json.dumps(content if changed is None else changed)


def test_second_experiment_and_newer_scan(tmp_path):
    content = copy.deepcopy(EXPERIMENTS["single"])
    newer = {
        "image_range": [1, 3],
        "properties": {"oscillation": [7.0, 7.2, 7.4], "exposure_time": [1, 1, 1]},
    }
    content["scan"].append(newer)
    content["experiment"].append({**content["experiment"][0], "scan": 1})
    path = tmp_path / "two.expt"
    path.write_text(json.dumps(content))
    first, second = nbsim.read_expt(path), nbsim.read_expt(path, 1)
    assert (first.phi_deg, first.osc_deg, first.images) == (10.0, 0.5, 60)
    assert (second.phi_deg, second.images) == (7.0, 3)
    assert second.osc_deg == pytest.approx(0.2)
    line = Simulation.from_args(f"-expt {path} -expt_index 1 {LINE}")
    assert line.goniometer.phi_deg == 7.0
    with pytest.raises(nbsim.FileError, match="no experiment 2: the file has 2"):
        nbsim.read_expt(path, 2)


@pytest.mark.parametrize("still", ["no scan", "no goniometer", "width 0", "one image"])
def test_a_still_is_not_turned(still, tmp_path):
    content = copy.deepcopy(EXPERIMENTS["kappa_omega"])
    if still == "no scan":
        del content["experiment"][0]["scan"]
    elif still == "no goniometer":
        content["experiment"][0]["goniometer"] = None
    elif still == "width 0":
        content["scan"][0]["oscillation"] = [10.0, 0.0]
    else:
        content["scan"][0] = {"image_range": [1, 1], "properties": {"oscillation": [3]}}
    path = tmp_path / "still.expt"
    path.write_text(json.dumps(content))
    setup = Simulation.from_args(f"-expt {path} {LINE}").setup
    x, y, z = CELL_VECTORS.T
    assert np.array([setup.cell.a, setup.cell.b, setup.cell.c]) == pytest.approx(
        np.array([-z, y, x]).T, abs=1e-9
    )
    assert setup.phis == [0.0]


def test_a_scan_that_turns_the_other_way(tmp_path):
    def reverse(content):
        content["scan"][0]["oscillation"] = [10.0, -0.5]

    path = tmp_path / "reverse.expt"
    path.write_text(edited("single", reverse))
    setup = Simulation.from_args(f"-expt {path} {LINE} -phisteps 2").setup
    assert setup.geometry.spindle_vector == pytest.approx((0.0, 0.0, -1.0), abs=1e-12)
    assert np.degrees(setup.phis) == pytest.approx([-10.0, -9.75])


def direct_beam(geometry):
    """Return where the beam meets the detector [pixels], and how far [m] that is."""
    f, s = np.array(geometry.fdet_vector), np.array(geometry.sdet_vector)
    axes = np.array([geometry.beam_vector, -f, -s]).T
    distance, F, S = np.linalg.solve(axes, np.array(geometry.pix0_vector))
    return F / geometry.pixel_size, S / geometry.pixel_size, distance


@pytest.mark.parametrize("model", ["c", "physical"])
def test_options_of_the_line_win_wherever_they_stand(model):
    def setup(options, name="oblique"):
        words = f"{options} -expt {name}.expt {LINE} -model {model}"
        return Simulation.from_args(words).setup

    plain = setup("")
    fast, slow, distance = direct_beam(plain.geometry)
    f, s, moved = direct_beam(setup("-distance 200").geometry)
    assert (f, s, moved) == pytest.approx((fast, slow, 0.2))
    f, s, same = direct_beam(setup("-Xbeam 40").geometry)
    assert (f, s, same) == pytest.approx((400.0, slow, distance))
    f, s, same = direct_beam(setup("-Ybeam 30").geometry)
    assert (f, s, same) == pytest.approx((fast, 300.0, distance))
    near = setup("-close_distance 90").geometry
    assert near.close_distance == pytest.approx(0.09)
    assert near.Fclose == pytest.approx(plain.geometry.Fclose)
    near = setup("-Xclose 20 -ORGY 100").geometry
    assert near.Fclose == pytest.approx(0.02)
    assert near.Sclose == pytest.approx(99.5e-4)
    assert near.close_distance == pytest.approx(plain.geometry.close_distance)
    swung = setup("-distance 100 -twotheta_axis 0 0 1 -twotheta 20", "single").geometry
    assert np.linalg.norm(swung.pix0_vector) == pytest.approx(
        math.hypot(0.05335, 0.05015, 0.1)
    )
    assert swung.odet_vector[0] == pytest.approx(math.cos(math.radians(20.0)))
    assert setup("-phi 3 -osc 2 -phisteps 4").phis[0] < 0.1
    assert setup("-detpixels 77").geometry.fpixels == 77
    assert setup("-detsize 10").geometry.spixels == 100
    assert setup("-pixel 0.2").geometry.pixel_size == 2e-4
    turned = setup("-fdet_vector 0 0.6 0.8 -sdet_vector 0 -0.8 0.6").geometry
    assert turned.odet_vector == pytest.approx((1.0, 0.0, 0.0))
    assert plain.cell == setup("-lambda 2").cell
    assert setup("-lambda 2").wavelength == 2e-10
    assert setup("-energy 12398.42").wavelength == pytest.approx(1e-10)
    assert setup("-misset 0 0 90").cell.a == pytest.approx(
        (-plain.cell.a[1], plain.cell.a[0], plain.cell.a[2])
    )


def test_cell_of_the_line_has_the_orientation_of_the_file():
    file = Simulation.from_args(f"-expt single.expt {LINE}").setup.cell
    cell = "50 60 70 80 85 95"
    simulation = Simulation.from_args(f"-expt single.expt {LINE} -cell {cell}")
    ours = simulation.resolved()["crystal"]
    assert ours["cell_lengths_A"] == pytest.approx([50, 60, 70])
    assert ours["cell_angles_deg"] == pytest.approx([80, 85, 95])
    stars = simulation.setup.cell
    unit = [np.array(v) / np.linalg.norm(v) for v in (file.a_star, stars.a_star)]
    assert unit[0] == pytest.approx(unit[1])
    normals = [np.cross(c.a_star, c.b_star) for c in (file, stars)]
    unit = [v / np.linalg.norm(v) for v in normals]
    assert unit[0] == pytest.approx(unit[1])


def test_matrix_of_the_line_wins(tmp_path):
    (tmp_path / "A.mat").write_text("0.02 0 0\n0 0.025 0\n0 0 0.04\n")
    line = f"-expt single.expt {LINE} -mat {tmp_path / 'A.mat'}"
    cell = Simulation.from_args(line).setup.cell
    assert cell.a == pytest.approx((WAVELENGTH_A / 0.02, 0.0, 0.0), abs=1e-12)


def test_what_the_file_gave_is_said(capsys):
    words = "-expt single.expt -default_F 9 -N 2 -show_config json -distance 99"
    assert main(words.split()) == 0
    known = json.loads(capsys.readouterr().out)
    assert known["run"]["inputs"] == {"expt": "single.expt"}
    assert known["crystal"]["space_group"] == "P 1"
    assert known["detector"]["distance_mm"] == pytest.approx(99.0)
    notes = read_command_line(words, Simulation).notes
    assert notes == (
        "single.expt: detector of 1024 x 1000 pixels of 0.1 mm, 120 mm from the "
        "crystal; wavelength 0.9795 A",
        "single.expt: 60 images of 0.5 degrees, from 10",
        "single.expt: cell and orientation of the crystal, 31 37.054 43.2897 "
        "86.3184 84.6983 93.0941, space group P 1",
    )


def test_parallax_is_not_taken_silently(tmp_path):
    def sensor(content):
        content["detector"][0]["panels"][0].update(
            thickness=0.32,
            mu=4.0,
            px_mm_strategy={"type": "ParallaxCorrectedPxMmStrategy"},
        )

    path = tmp_path / "sensor.expt"
    path.write_text(edited("single", sensor))
    (note,) = nbsim.read_expt(path).notes
    assert "-detector_thick 320 -detector_abs 250" in note
    assert Simulation.from_args(f"-expt {path} {LINE}").detector.thick_um == 0.0


def test_a_spot_is_where_it_is_predicted():
    """Render one predicted reflection: its centroid is the stored position."""
    rows = PREDICTED["two_theta"]
    *_, fast, slow, phi = next(r for r in rows if 30 < r[4] < 990 and 30 < r[5] < 970)
    x, y = int(fast), int(slow)
    roi = f"{x - 6} {x + 6} {y - 6} {y + 6}"
    simulation = Simulation.from_args(
        "-expt two_theta.expt -default_F 100 -N 25 -gauss_xtal -model physical "
        f"-oversample 3 -phi {phi - 0.4} -osc 0.8 -phisteps 60 -roi {roi}"
    )
    spot = simulation.render()[y - 6 : y + 7, x - 6 : x + 7].astype(float)
    spot[spot < 0.02 * spot.max()] = 0.0
    middles = np.arange(-6, 7) + 0.5
    assert x + spot.sum(axis=0) @ middles / spot.sum() == pytest.approx(fast, abs=0.05)
    assert y + spot.sum(axis=1) @ middles / spot.sum() == pytest.approx(slow, abs=0.05)
