# SPDX-License-Identifier: MIT
"""Traces: the C program's numbers, and the same numbers as the image."""

import itertools
import json
import math
import subprocess
import sys

import numpy as np
import pytest
from golden_traces import LOGS, NAMES, traced

import nbsim
from nbsim.command.main import main
from nbsim.command.trace_files import jsonl_rows, text_rows, trace_rows
from nbsim.tools.traces.difference import compare
from nbsim.tools.traces.log import MAIN_ROWS, read_trace, read_traces
from nbsim.trace.pixel import EVALUATION, MOST_EVALUATIONS, trace_pixel

# Fifteen digits on both sides, and what rounding does to steep lattice factors.
C_TRACE = 1e-9
SMALL = "-cell 70 80 90 75 85 95 -default_F 100 -N 5 -detpixels 24 -pixel 0.6 -seed 1"
OVERSAMPLED = (
    f"{SMALL} -oversample 2 -detector_abs 300 -detector_thick 200 "
    "-detector_thicksteps 3 -dispersion 1 -dispsteps 2 -polar 0.7 -phi 0 -osc 1 "
    "-phisteps 2 -mosaic 0.5 -mosaic_domains 3"
)
# Of a sum of many terms, in another order.
SUMMED = 1e-12

pytestmark = pytest.mark.filterwarnings("default")


def simulate(arguments):
    return nbsim.Simulation.from_args(arguments)


def as_log(trace, tmp_path):
    """Return a trace as its text format says it."""
    path = tmp_path / "trace_py.log"
    path.write_text("".join(f"{row}\n" for row in text_rows(trace)))
    return read_trace(path)


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_the_c_program(name, tmp_path):
    py = as_log(traced(name, carryover=True), tmp_path)
    c = read_trace(LOGS[name])
    comparison = compare(c, py, C_TRACE)
    assert comparison.first_divergence is None
    assert len(comparison.differences) >= 70
    # Only the reciprocal vectors may be excused, and only with a reason.
    excused = {d.name for d in comparison.differences if d.status == "EXPECTED"}
    assert excused <= {f"rot_{axis}_star_A_inv" for axis in "abc"}
    assert bool(excused) <= (comparison.stale_reciprocal is not None)
    assert set(c.values) == set(py.values) and not comparison.only_c


@pytest.mark.parametrize(
    "name, reason",
    [
        ("hkl_matrix", None),
        ("tilted_detector", None),
        ("seed_command", "turned by 0.09 degrees and scaled by 1 "),
        ("phi_sweep", "turned by 10 degrees and scaled by 1 "),
        ("mosaic_phi", "turned by 5 degrees and scaled by 1.00020312 "),
        ("triclinic_misset", "not turned and scaled by 1.00020312 "),
    ],
)
def test_why_reciprocal_vectors_differ(name, reason, tmp_path):
    py = as_log(traced(name, carryover=True), tmp_path)
    stale = compare(read_trace(LOGS[name]), py, C_TRACE).stale_reciprocal
    assert stale is None if reason is None else reason in stale


def test_known_values_of_the_seed_command():
    trace = traced("seed_command", carryover=True)
    values = trace.values
    assert values["I_before_scaling"] == pytest.approx(943654.80923755, rel=1e-12)
    assert values["polar"] == pytest.approx(0.91463969894451, rel=1e-14)
    assert values["omega_pixel"] == pytest.approx(4.20412684465831e-07, rel=1e-14)
    assert values["steps"] == 10
    assert values["I_pixel_final"] == pytest.approx(2.88139542684698e-07, rel=1e-12)
    k = [row["k_frac"] for row in trace.phi_rows]
    assert k[1] == pytest.approx(-0.591177727127411, rel=1e-13)
    assert k[9] == pytest.approx(-0.607255839576692, rel=1e-13)
    assert k[0] == k[9]  # stale


def test_cell_is_recomputed_with_the_actual_volume_at_every_phi_step():
    volumes = [row["V_actual"] for row in traced("seed_command").phi_rows]
    assert len(volumes) == 10
    assert [f"{volume:.4f}" for volume in volumes] == ["24682.2566"] * 10


@pytest.mark.parametrize("name", NAMES)
def test_reciprocal_vectors_belong_to_the_rotated_cell(name):
    values = traced(name).values
    real = np.array([values[f"rot_{axis}_angstroms"] for axis in "abc"])
    star = np.array([values[f"rot_{axis}_star_A_inv"] for axis in "abc"])
    np.testing.assert_allclose(real @ star.T, np.eye(3), atol=1e-13)


def test_without_carryover_only_the_first_phi_step_differs(tmp_path):
    comparison = compare(
        read_trace(LOGS["seed_command"]),
        as_log(traced("seed_command"), tmp_path),
        C_TRACE,
    )
    assert comparison.diverging_phi_tics == [0]
    assert comparison.first_divergence.name == "rot_a_angstroms"
    fresh = traced("seed_command").values["I_before_scaling"]
    assert fresh == pytest.approx(8.07e5, rel=1e-3)


def test_rows_have_the_names_and_order_of_the_reference():
    rows = [row.split() for row in text_rows(traced("triclinic_misset"))]
    names = [row[1] for row in rows if row[0] == "TRACE_PY:"]
    assert names == list(MAIN_ROWS)
    phi = [row for row in rows if row[0] == "TRACE_PY_PHI"]
    assert [field.split("=")[0] for field in phi[0][1:]] == (
        "phi_tic phi_deg k_frac F_latt_b F_latt h_frac l_frac h k l F_latt_a F_latt_c "
        "S_x S_y S_z a_star_y b_star_y c_star_y V_actual"
    ).split()


def test_rows_stand_where_the_c_program_prints_them():
    def kinds(lines):
        words = [line.replace("_C", "_PY").split()[:2] for line in lines]
        return [tuple(w) for w in words if w[0] in ("TRACE_PY:", "TRACE_PY_PHI")]

    c = LOGS["seed_command"].read_text().splitlines()
    py = list(text_rows(traced("seed_command", carryover=True)))
    assert kinds(py) == kinds(c)


@pytest.mark.parametrize(
    "flags",
    [
        "",
        "-oversample_thick",
        "-oversample_polar",
        "-oversample_omega",
        "-oversample_thick -oversample_polar -oversample_omega",
        "-water 5",
        "-water 5 -oversample_omega",
    ],
)
def test_terms_add_up_to_the_pixel(flags):
    simulation = simulate(f"{OVERSAMPLED} {flags}")
    trace = simulation.trace(9, 14)
    rows = [json.loads(row) for row in jsonl_rows(trace)]
    terms = [row for row in rows if row["row"] == "TRACE_PY_TERM"]
    assert len(terms) == 3 * 4 * 2 * 2 * 3  # layers, subpixels, sources, phi, domains
    running = rows[0]["I_background"]
    for row in terms:
        running = (running + row["term"]) * row["factor"]
    (total,) = [r["value"] for r in rows if r.get("name") == "I_before_scaling"]
    assert running == pytest.approx(total, rel=SUMMED)
    if "-oversample_" not in flags:
        summed = rows[0]["I_background"] + math.fsum(row["term"] for row in terms)
        assert summed == pytest.approx(total, rel=SUMMED)
    image = simulation.render()
    assert image[9, 14] == pytest.approx(trace.values["I_pixel_final"], rel=1e-6)


def test_jsonl_has_every_layer_subpixel_source_phi_and_domain_once():
    evaluations = simulate(OVERSAMPLED).trace(9, 14).evaluations
    names = ["layer", "subS", "subF", "source", "phi_tic", "mos_tic"]
    places = [tuple(row[name] for name in names) for row in evaluations]
    assert places == sorted(set(places))
    assert [max(column) for column in zip(*places)] == [2, 1, 1, 1, 1, 2]


def test_jsonl_numbers_are_numbers():
    rows = [json.loads(row) for row in jsonl_rows(simulate(SMALL).trace(3, 4))]
    assert rows[0]["row"] == "TRACE_CONFIG"
    assert (rows[0]["spixel"], rows[0]["fpixel"]) == (3, 4)
    named = {row["name"]: row["value"] for row in rows if row["row"] == "TRACE_PY"}
    assert list(named) == list(MAIN_ROWS)
    for name, count in MAIN_ROWS.items():
        numbers = named[name] if count == 3 else [named[name]]
        assert len(numbers) == count
        assert all(type(number) in (int, float) for number in numbers), name
    (term,) = [r for r in rows if r["row"] == "TRACE_PY_TERM" and r["subF"] == 0][:1]
    assert set(EVALUATION.names) < set(term)


def test_tracing_leaves_the_image_alone():
    simulation = simulate(OVERSAMPLED)
    before = simulation.render().tobytes()
    simulation.trace(9, 14)
    assert simulation.render().tobytes() == before


@pytest.mark.parametrize("slow, fast", [(2, 3), (2, 4), (5, 9), (11, 12)])
def test_carryover_as_in_the_image(slow, fast):
    # Slow 2, fast 3 is the first pixel rendered, where no step went before.
    arguments = f"{SMALL} -oversample 1 -phi 0 -osc 4 -phisteps 3 -roi 3 12 2 11"
    for flag in ("", " -phi_carryover"):
        simulation = simulate(arguments + flag)
        value = simulation.trace(slow, fast).values["I_pixel_final"]
        assert simulation.render()[slow, fast] == pytest.approx(value, rel=1e-6)


def test_carryover_matters_except_in_the_first_pixel():
    arguments = f"{SMALL} -oversample 1 -phi 0 -osc 4 -phisteps 3 -roi 3 12 2 11"
    fresh, stale = simulate(arguments), simulate(f"{arguments} -phi_carryover")
    k = [s.trace(2, 3).phi_rows[0]["k_frac"] for s in (fresh, stale)]
    assert k[0] == k[1]
    k = [s.trace(2, 4).phi_rows[0]["k_frac"] for s in (fresh, stale)]
    assert k[0] != k[1]


@pytest.fixture
def interpolated(tmp_path):
    """Return a command line that leaves the list of reflections off the beam."""
    path = tmp_path / "small.hkl"
    grid = [range(-6, 7)] * 3
    path.write_text(
        "".join(
            f"{h} {k} {l} {50 + 7 * h - 5 * k + 3 * l}\n"
            for h, k, l in itertools.product(*grid)
        )
    )
    return (
        f"-cell 60 70 80 85 95 105 -hkl {path} -N 6 -interpolate -lambda 1 "
        "-distance 300 -detpixels 40 -pixel 3 -oversample 1 -seed 1"
    )


@pytest.mark.parametrize("flag", ["", " -phi_carryover"])
def test_interpolation_is_on_until_the_pixel_that_ended_it(flag, interpolated):
    simulation = simulate(f"{interpolated} -roi 20 39 18 39{flag}")
    slow_fast = simulation.run().out_of_range
    assert slow_fast is not None
    fast, slow = slow_fast
    image = simulation.render()
    for pixel, expected in (
        ((slow, fast - 1), True),
        ((slow, fast), False),
        ((slow, fast + 1), False),
        ((slow + 5, 20), False),
    ):
        trace = simulation.trace(*pixel)
        assert trace.evaluations["interpolated"].all() == expected
        value = trace.values["I_pixel_final"]
        assert image[pixel] == pytest.approx(value, rel=1e-5), pixel


def test_interpolation_that_ends_in_the_first_pixel(interpolated):
    simulation = simulate(f"{interpolated} -phi_carryover -roi 0 9 0 9")
    assert not simulation.trace(0, 1).evaluations["interpolated"].any()


def test_round_crystal_has_no_factor_per_axis(tmp_path):
    trace = simulate(f"{SMALL} -round_xtal").trace(3, 4)
    assert "F_latt_a" not in trace.values
    assert math.isnan(trace.phi_rows[0]["F_latt_b"])
    assert trace.values["F_latt"] == trace.phi_rows[0]["F_latt"]
    assert "F_latt_b" not in as_log(trace, tmp_path).phi_rows[0]
    rows = [json.loads(row) for row in jsonl_rows(trace)]
    assert [r["F_latt_b"] for r in rows if r["row"] == "TRACE_PY_PHI"] == [None]


def test_terms_that_are_left_out_are_named():
    trace = simulate(f"{SMALL} -tophat_spots -oversample 1").trace(3, 4)
    (row,) = trace.evaluations
    assert not row["counted"]
    assert row["term"] == 0.0 and row["factor"] == 1.0
    assert trace.values["I_before_scaling"] == 0.0
    assert "F_cell" not in trace.values


def test_beyond_the_resolution_limit():
    trace = simulate(f"{SMALL} -dmin 30 -oversample 1").trace(0, 0)
    (row,) = trace.evaluations
    assert row["phi_tic"] == -1 and not row["counted"]
    assert trace.values["I_pixel_final"] == 0.0
    assert "hkl_frac" not in trace.values and trace.phi_rows == ()
    assert trace.values["R_distance_meters"] > 0.1


def test_pixel_outside_the_detector():
    simulation = simulate(f"{SMALL} -detpixels_s 20")
    for pixel, axis, last in (((20, 3), "slow", 19), ((3, 24), "fast", 23)):
        with pytest.raises(ValueError) as error:
            simulation.trace(*pixel)
        assert str(error.value) == (
            f"trace pixel slow {pixel[0]}, fast {pixel[1]}: outside the detector, "
            f"whose {axis} pixels are 0 to {last}"
        )
    with pytest.raises(ValueError, match="outside the detector"):
        simulation.trace(-1, 0)


def test_pixel_outside_the_region_of_interest():
    with pytest.raises(ValueError) as error:
        simulate(f"{SMALL} -roi 3 12 2 11").trace(12, 5)
    assert str(error.value) == (
        "trace pixel slow 12, fast 5: outside the region of interest, slow 2 to 11, "
        "fast 3 to 12"
    )


def test_pixel_under_the_mask():
    mask = np.ones((24, 24), np.uint16)
    mask[5, 6] = 0
    detector = nbsim.Detector(detpixels_f=24, detpixels_s=24, mask=mask)
    crystal = nbsim.Crystal(cell=(70, 80, 90, 75, 85, 95), Na=5, Nb=5, Nc=5)
    factors = nbsim.StructureFactors(default_F=100.0)
    simulation = nbsim.Simulation(crystal, factors, detector=detector)
    with pytest.raises(ValueError, match="slow 5, fast 6: under the mask"):
        simulation.trace(5, 6)
    assert simulation.trace(5, 7).values["I_pixel_final"] > 0.0


def test_too_many_evaluations():
    simulation = simulate(f"{SMALL} -oversample 200 -phi 1 -osc 1 -phisteps 60")
    with pytest.raises(ValueError, match=f"2400000 .* at most {MOST_EVALUATIONS}"):
        trace_pixel(simulation.setup, 1, 1)


def test_nothing_is_written_when_one_pixel_is_wrong(tmp_path, capsys, monkeypatch):
    with pytest.raises(ValueError, match="outside the detector"):
        trace_rows(simulate(SMALL), [(1, 1), (1, 99)], "text")
    monkeypatch.chdir(tmp_path)
    wanted = "-trace_pixel 1 1 -trace_pixel 1 99 -trace_file t.log"
    assert main([*SMALL.split(), *wanted.split()]) == 2
    assert "outside the detector" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def run_nbsim(folder, *arguments):
    command = [sys.executable, "-m", "nbsim", *SMALL.split(), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_command_line_writes_traces_of_several_pixels(tmp_path):
    wanted = ["-trace_pixel", "3", "4", "-trace_pixel", "5", "6"]
    for extra in ([], ["-trace_file", "t.log"]):
        done = run_nbsim(tmp_path, *wanted, *extra)
        assert done.returncode == 0, done.stderr
        if not extra:
            (tmp_path / "t.log").write_text(done.stdout)
        pixels = [trace.pixel for trace in read_traces(tmp_path / "t.log")]
        assert pixels == [(3, 4), (5, 6)]
        (tmp_path / "t.log").unlink()


def test_command_line_image_has_the_same_bytes_with_a_trace(tmp_path):
    files = ("floatimage.bin", "intimage.img", "image.pgm", "noiseimage.img")
    images = []
    for extra in (
        [],
        ["-trace_pixel", "3", "4", "-trace_file", "t", "-trace_format", "jsonl"],
    ):
        done = run_nbsim(tmp_path, *extra)
        assert done.returncode == 0, done.stderr
        images.append([(tmp_path / name).read_bytes() for name in files])
    assert images[0] == images[1]
    assert read_trace(tmp_path / "t").pixel == (3, 4)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ("-trace_pixel 3 99", "trace pixel slow 3, fast 99: outside the detector"),
        ("-trace_pixel 3", "-trace_pixel"),
        ("-trace_file x", "-trace_file x: nothing to trace"),
        ("-trace_pixel 1 1 -trace_format xml", "text or jsonl"),
    ],
)
def test_command_line_errors(arguments, message, tmp_path):
    done = run_nbsim(tmp_path, *arguments.split())
    assert done.returncode == 2
    assert message in done.stderr and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


#: As the issue has it: of an instrumented C program, at pixel 67 5.
LAYERS_AND_SUBPIXELS = (
    "-default_F 100 -cell 70 80 90 75 85 95 -misset 10 20 30 -lambda 1 -N 5 -pixel 0.1 "
    "-detpixels 128 -distance 100 -detector_thick 450 -detector_abs 300 -thicksteps 4 "
    "-oversample 2"
)


def test_scattering_angle_is_the_last_evaluations():
    """C prints it after its loops. 0.998217 is the first one's."""
    trace = nbsim.Simulation.from_args(LAYERS_AND_SUBPIXELS).trace(slow=5, fast=67)
    assert trace.values["cos_2theta"] == pytest.approx(0.998261, abs=5e-7)


@pytest.mark.parametrize(
    "words, layers, subpixels, spread",
    [
        ("-oversample 3", 1, 3, 0.0),
        ("-detector_thick 450 -detector_abs 300 -thicksteps 4", 4, 1, 0.0),
        ("-hdivrange 10 -hdivsteps 3 -vdivrange 0 -oversample 1", 1, 1, 0.01),
    ],
    ids=["subpixels", "layers", "sources"],
)
def test_scattering_angle_of_the_last(words, layers, subpixels, spread):
    """Worked out from the geometry of a detector across the beam."""
    line = (
        "-default_F 100 -cell 70 -lambda 1 -N 5 -pixel 0.1 -detpixels 64 -distance 50"
    )
    if "oversample" not in words:
        words += " -oversample 1"
    trace = nbsim.Simulation.from_args(f"{line} {words}").trace(slow=3, fast=60)
    # Beam centre of the default convention (MOSFLM): the middle and a pixel.
    centre = 64 / 2 + 1
    last = 1.0 - 0.5 / subpixels
    x, y = (60 + last - centre) * 0.1, (3 + last - centre) * 0.1
    depth = 50 + (layers - 1) * 0.45 / max(layers - 1, 1)
    if not spread:
        expected = depth / math.sqrt(depth**2 + x**2 + y**2)
        assert trace.values["cos_2theta"] == pytest.approx(expected, abs=1e-9)
        return
    angles = {float(np.dot(e["incident"], e["diffracted"])) for e in trace.evaluations}
    first, *_, end = trace.evaluations
    assert len(angles) > 1
    assert trace.values["cos_2theta"] == np.dot(end["incident"], end["diffracted"])
    assert trace.values["cos_2theta"] != np.dot(first["incident"], first["diffracted"])
