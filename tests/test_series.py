# SPDX-License-Identifier: MIT
"""Series of frames: what a frame is, and that it depends on nothing else."""

import dataclasses

import numpy as np
import pytest
from series_examples import STILL, WORDS, series

from nbsim import (
    FileError,
    FrameRow,
    Goniometer,
    Series,
    Simulation,
    StructureFactors,
    random_orientations,
    read_frame_table,
    read_series,
    write_frame_table,
)


def phis_deg(frame):
    return np.degrees(frame.simulation.setup.phis)


@pytest.mark.parametrize("model", ["c", "physical"])
def test_phi_steps_are_the_middles_of_equal_parts(model):
    frame = series(words=f"{WORDS} -phisteps 4 -model {model}").frame(3)
    assert (frame.start_deg, frame.osc_deg) == (11.5, pytest.approx(0.5))
    wanted = 11.5 + 0.5 * (np.arange(4) + 0.5) / 4
    np.testing.assert_allclose(phis_deg(frame), wanted, rtol=0, atol=1e-12)


def test_a_step_that_does_not_divide_the_frame_is_shortened():
    words = WORDS.replace("-phisteps 2", "-phistep 0.2")
    np.testing.assert_allclose(
        phis_deg(series(words=words).frame(0)), 10 + 0.5 * np.array([1, 3, 5]) / 6
    )


def test_a_frame_is_the_mean_of_its_halves():
    # Middles of two halves are the middles of the whole: left ends are not.
    whole = series(1, f"{WORDS} -phisteps 4").render(0)
    halves = series(2, WORDS.replace("-osc 0.5", "-osc 0.25"))
    mean = (halves.render(0).astype(float) + halves.render(1)) / 2
    assert whole.max() > 1
    np.testing.assert_allclose(whole, mean, rtol=1e-5, atol=1e-6 * whole.max())


def test_one_image_keeps_the_phi_steps_of_c():
    single = read_series(f"{WORDS} -nxfile x.nxs")
    assert single.frames == 1
    np.testing.assert_allclose(phis_deg(single.frame(0)), [10.0, 10.25])


def test_frames_have_their_own_noise_and_the_seed_that_is_said():
    stills = series(3, f"{STILL} -fluence 1e29")
    first, second = stills.counts(0), stills.counts(1)
    assert first.dtype == np.uint32 and (first != second).any()
    simulation = stills.simulation
    np.testing.assert_array_equal(second, simulation.counts(stills.render(1), 2))


def test_rows_change_a_frame_and_no_other():
    rows = [
        FrameRow({"crystal": {"misset_deg": (10.0 * i, 0.0, 5.0)}}, seed=50 + i)
        for i in range(3)
    ]
    table = series(3, STILL, rows=rows)
    alone = series(1, STILL, rows=rows[2:])
    np.testing.assert_array_equal(table.counts(2), alone.counts(0))
    np.testing.assert_array_equal(
        table.render(1),
        Simulation.from_args(f"{STILL} -misset 10 0 5").render(),
    )


def test_a_numbered_row_has_the_phi_and_seed_of_its_number():
    rows = [FrameRow(number=7)]
    part = Series(Simulation.from_args(WORDS), 1, rows, seed=1)
    whole = series(8)
    assert part.start_deg(0) == whole.start_deg(7) == 13.5
    np.testing.assert_array_equal(part.counts(0), whole.counts(7))


def test_scale_B_damps_every_reflection_by_its_resolution():
    F = np.full((41, 41, 21), 100.0)
    factors = StructureFactors(F, -20, -20, -10)
    base = dataclasses.replace(Simulation.from_args(STILL), structure_factors=factors)
    frame = Series(base, 1, [FrameRow(scale_B=30.0)], seed=1).frame(0)
    damped = frame.simulation.structure_factors.F
    h, k, l = 3, -7, 2
    cell = base.setup.cell
    s = h * np.array(cell.a_star) + k * np.array(cell.b_star)
    s = s + l * np.array(cell.c_star)
    expected = 100.0 * np.exp(-30.0 * (s @ s) / 4.0)
    assert damped[h + 20, k + 20, l + 10] == pytest.approx(expected, rel=1e-12)


def test_scale_B_needs_a_list():
    with pytest.raises(ValueError, match="scale_B: needs a list"):
        series(1, STILL, rows=[FrameRow(scale_B=3.0)])


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"detector": {"detpixels_f": 64}}, "detpixels_f: all frames"),
        ({"goniometer": {"osc_deg": 1.0}}, "osc_deg: all frames"),
        ({"output": {"adc": 1.0}}, "row 'output'"),
    ],
)
def test_rows_cannot_change_what_a_file_has_once(changes, message):
    with pytest.raises(ValueError, match=message):
        FrameRow(changes)


def test_rows_and_frames_must_agree():
    with pytest.raises(ValueError, match="2 rows for 3 frames"):
        series(3, STILL, rows=[FrameRow(), FrameRow()])


def test_phi_steps_without_a_width():
    simulation = Simulation.from_args(STILL)
    simulation = dataclasses.replace(simulation, goniometer=Goniometer(phisteps=3))
    with pytest.raises(ValueError, match="give the width of a frame"):
        Series(simulation, 2)


def test_a_table_is_read_as_command_lines(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "# two crystals\nmisset_x,misset_y,misset_z,distance,lambda,N,mosaic,fluence\n"
        "1,2,3,150,1.1,9,0.2,1e20\n\n-1,-2,-3,160,1.2,7,0.1,2e20\n"
    )
    first, second = read_frame_table(path)
    table = Series(Simulation.from_args(STILL), 2, [first, second], seed=1)
    crystal = table.frame(1).simulation.crystal
    assert crystal.misset_deg == (-1, -2, -3)
    assert (crystal.Na, crystal.Nb, crystal.Nc) == (7, 7, 7)
    assert crystal.mosaic_spread_deg == 0.1
    beam = table.frame(0).simulation.beam
    assert (beam.wavelength_A, beam.fluence_per_m2) == (1.1, 1e20)
    assert table.frame(0).simulation.detector.distance_mm == 150
    np.testing.assert_allclose(table.recording.frame_wavelengths_A, [1.1, 1.2])


BAD_TABLES = {
    "mosaik\n1\n": "t.csv:1: column 'mosaik' is no option",
    "mosaic,mosaic\n1,1\n": "t.csv:1: column mosaic is there twice",
    "mosaic,distance\n1,\n": "t.csv:2: no value in column distance",
    "mosaic,distance\n1\n": "t.csv:2: 1 values for 2 columns",
    "mosaic\n1,2\n": "t.csv:2: 2 values for 1 columns",
    "mosaic\nmany\n": "t.csv:2: -mosaic many: the mosaic spread must be",
    "mosaic\n361\n": "t.csv:2: -mosaic 361: the mosaic spread must be",
    "misset_x\n1\n": "t.csv:1: with misset_x there must be misset_y, misset_z",
    "detpixels\n64\n": "t.csv:2: detpixels_f: all frames of a series",
    "noisefile\nx.img\n": "t.csv:2: column noisefile: it cannot differ",
    "help\n1\n": "t.csv:1: column help: it changes no frame",
    "frame\n0\n": "t.csv:2: frame '0': expected a whole number from 1",
    "scale_B\nnan\n": "t.csv:2: scale_B 'nan': expected a finite number",
    "mosaic\n": "t.csv: no rows",
    "": "frame table .*t.csv is empty",
}


@pytest.mark.parametrize("text", BAD_TABLES)
def test_bad_tables_are_refused_with_the_line(text, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(FileError, match=BAD_TABLES[text]):
        read_frame_table(path)


def test_random_orientations_are_uniform_and_begin_alike():
    columns = random_orientations(4000, 3)
    x, y, z = (np.radians(columns[f"misset_{axis}"]) for axis in "xyz")
    # Any axis of the crystal must point anywhere: its mean is 0, its square 1/3.
    c = [np.cos(x) * np.sin(y) * np.cos(z) + np.sin(x) * np.sin(z), -np.sin(y)]
    for component in c:
        assert abs(component.mean()) < 0.04
        assert abs((component**2).mean() - 1 / 3) < 0.02
    few = random_orientations(5, 3)
    np.testing.assert_array_equal(few["misset_y"], columns["misset_y"][:5])
    assert few["frame"] == [1, 2, 3, 4, 5] and few["seed"] == [3, 4, 5, 6, 7]
    assert random_orientations(5, 4)["misset_y"][0] != few["misset_y"][0]


def test_a_written_table_is_read_back_exactly(tmp_path):
    columns = random_orientations(3, 8)
    write_frame_table(tmp_path / "t.csv", columns)
    rows = read_frame_table(tmp_path / "t.csv")
    for number, row in enumerate(rows):
        misset = row.changes["crystal"]["misset_deg"]
        assert misset == tuple(columns[f"misset_{axis}"][number] for axis in "xyz")
        assert (row.seed, row.number) == (8 + number, number)
