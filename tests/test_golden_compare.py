# SPDX-License-Identifier: MIT
"""The comparison itself: what agrees, and what it must not let through."""

import dataclasses
import re
import sys

import numpy as np
import pytest
from golden_cases import CASES

from nbsim.errors import FileError
from nbsim.tools.golden import compare
from nbsim.tools.golden import report as golden_report
from nbsim.tools.tolerances import GOLDEN_PEAK, GOLDEN_RELATIVE

CASE = next(case for case in CASES if case.name == "dmin_roi")
SEED = next(case for case in CASES if case.name == "seed_command")


@pytest.fixture
def outputs():
    """Outputs that are the golden ones."""
    golden = CASE.reference
    return compare.Outputs(
        image=golden.image.copy(),
        int_image=golden.int_image.copy(),
        header=golden.header,
        pgm=golden.pgm,
        noise=golden.noise.copy(),
        stdout=golden.stdout,
    )


def test_float_image_agrees_with_itself():
    difference = compare.compare_float(CASE.reference.image, CASE.reference)
    assert difference == compare.FloatDifference(0.0, 0.0)
    assert difference.agrees


@pytest.mark.parametrize("factor, agrees", [(0.5, True), (2.0, False)])
def test_difference_of_the_peak(factor, agrees):
    image = CASE.reference.image.astype(np.float64)
    peak = np.unravel_index(image.argmax(), image.shape)
    image[peak] *= 1 + factor * GOLDEN_PEAK
    assert compare.compare_float(image, CASE.reference).agrees is agrees


@pytest.mark.parametrize("factor, agrees", [(0.5, True), (2.0, False)])
def test_relative_difference_of_a_weak_pixel(factor, agrees):
    image = CASE.reference.image.astype(np.float64)
    weak = np.abs(image / image.max() - 1e-4).argmin()
    image.flat[weak] *= 1 + factor * GOLDEN_RELATIVE
    difference = compare.compare_float(image, CASE.reference)
    assert difference.of_peak < GOLDEN_PEAK
    assert difference.agrees is agrees


def test_nan_never_agrees():
    image = CASE.reference.image.copy()
    image[0, 0] = np.nan
    assert not compare.compare_float(image, CASE.reference).agrees


def test_other_shape_is_refused():
    with pytest.raises(ValueError, match="golden"):
        compare.compare_float(CASE.reference.image[:-1], CASE.reference)


def test_crop_is_compared_where_it_lies():
    image = np.zeros(SEED.reference.shape, np.float32)
    image[638:734, 976:1104] = SEED.reference.image
    assert compare.compare_float(image, SEED.reference).agrees
    assert not compare.compare_float(np.roll(image, 1, 0), SEED.reference).agrees


def test_sum_sees_what_lies_outside_the_crop():
    image = np.zeros(SEED.reference.shape, np.float32)
    image[638:734, 976:1104] = SEED.reference.image
    assert compare.compare_total(image, SEED.reference) <= GOLDEN_RELATIVE
    image[0, 0] = 0.01
    assert compare.compare_total(image, SEED.reference) > GOLDEN_RELATIVE


def test_int_images_may_be_off_by_one_in_one_pixel_of_a_thousand():
    golden = np.zeros((50, 40), np.uint16)
    image = golden.copy()
    image.flat[:2] = 1
    assert compare.compare_int(image, golden) == compare.IntDifference(2, 0, 2000)
    assert compare.compare_int(image, golden).agrees
    image.flat[2] = 1
    assert not compare.compare_int(image, golden).agrees


def test_int_images_may_not_be_off_by_two():
    golden = np.full((50, 40), 7, np.uint16)
    image = golden.copy()
    image[3, 4] = 5
    assert not compare.compare_int(image, golden).agrees


@pytest.mark.parametrize(
    "old, new, problem",
    [
        ("DISTANCE=100;", "DISTANCE=100.1;", "DISTANCE: 100.1, golden 100"),
        ("TWOTHETA=0;\n", "", "TWOTHETA: missing"),
        ("DIM=2;", "DIM=2;\nOWN=1;", "OWN: not a key of the C program"),
        ("BEAMLINE=fake", "BEAMLINE=real", "BEAMLINE: real, golden fake"),
    ],
)
def test_header_differences_are_named(old, new, problem):
    golden = CASE.reference.header
    changed = golden.replace(f"\n{old}", f"\n{new}", 1)
    assert compare.compare_header(changed, golden) == [problem]


def test_header_may_grow_and_carry_the_offset():
    golden = CASE.reference.header
    changed = golden.replace("HEADER_BYTES=512;", "HEADER_BYTES=1024;\nADC_OFFSET=40;")
    assert compare.compare_header(changed, golden) == []


@pytest.mark.parametrize("name", compare.STATISTICS)
def test_statistics_that_differ_or_lack_are_named(name, outputs):
    pattern = compare.STATISTICS[name]
    match = re.search(pattern, outputs.stdout)
    start, end = match.span(1)
    other = f"{float(match.group(1)) * 1.001:g}"
    changed = outputs.stdout[:start] + other + outputs.stdout[end:]
    (problem,) = compare.compare_statistics(changed, CASE.reference)
    assert problem.startswith(f"{name}: {other}, golden")
    without = outputs.stdout.replace(match.group(0), "", 1)
    assert f"{name}: printed 0 times" in compare.compare_statistics(
        without, CASE.reference
    )


def test_wrong_position_of_the_peak_is_named(outputs):
    changed = outputs.stdout.replace("  at 0.", "  at 0.00", 1)
    assert changed != outputs.stdout
    (problem,) = compare.compare_statistics(changed, CASE.reference)
    assert problem.startswith("position of max_I")


def test_pgm_comment_is_compared(outputs):
    changed = outputs.pgm.replace(b"scaled by ", b"scaled by 1", 1)
    difference, lines = compare.compare_pgm(changed, outputs.pgm)
    assert difference.agrees
    assert len(lines) == 1 and lines[0].startswith("pgm: '# pixels scaled by 1")


def test_golden_outputs_make_an_agreeing_report(outputs):
    report = golden_report.compare_case(CASE, outputs)
    assert report.problems == []
    assert report.agrees
    assert report.row()[1:6] == ("0.0e+00", "0.0e+00", "0", "0", "equal")


def test_one_wrong_deviate_is_reported(outputs):
    noise = outputs.noise.copy()
    noise[30, 30] += 1
    changed = dataclasses.replace(outputs, noise=noise)
    report = golden_report.compare_case(CASE, changed)
    assert not report.agrees
    assert report.noise == "differs"


def test_noise_must_belong_to_a_float_image_that_is_not_golden(outputs):
    brighter = outputs.image * np.float32(2)
    changed = dataclasses.replace(outputs, image=brighter)
    assert compare.compare_noise(CASE, changed) != []
    own, *_ = compare.noise_of(CASE, brighter)
    assert compare.compare_noise(CASE, dataclasses.replace(changed, noise=own)) == []


def test_failing_program_is_reported_with_its_message(tmp_path):
    program = [sys.executable, "-c", "import sys; sys.exit('no such option')"]
    with pytest.raises(RuntimeError, match="exit status 1: .*\nno such option"):
        compare.run_case(CASE, program, CASE.argv, tmp_path)


def test_smv_with_a_wrong_length_is_refused(tmp_path):
    path = tmp_path / "short.img"
    path.write_bytes((CASE.folder / "inputs" / "header.img").read_bytes()[:-1])
    with pytest.raises(FileError, match="HEADER_BYTES=512"):
        compare.read_smv(path)


def test_smv_whose_header_outgrows_its_length(tmp_path):
    """The C program's pixels begin behind a header of more than 512 bytes."""
    keys = "".join(f"KEY{i:02}={'x' * 40};\n" for i in range(10))
    header = f"{{\nHEADER_BYTES=512;\nSIZE1=3;\nSIZE2=2;\n{keys}}}\f".encode()
    pixels = np.arange(6, dtype="<u2").reshape(2, 3)
    path = tmp_path / "long.img"
    path.write_bytes(header + pixels.tobytes())
    assert len(header) > 512
    assert np.array_equal(compare.read_smv(path, overflow=True)[1], pixels)
    with pytest.raises(FileError, match="HEADER_BYTES=512"):
        compare.read_smv(path)
