# SPDX-License-Identifier: MIT
"""The CUDA kernels and their driver in numba's CUDA simulator: logic, not typing."""

import os
import subprocess
import sys
from pathlib import Path

import cuda_runs
import naive
import numpy as np
import pytest
from golden_cases import CASES, NAMES

from nbsim.tools.image_difference import image_difference
from nbsim.tools.tolerances import (
    GOLDEN_PEAK,
    GOLDEN_RELATIVE,
    SINGLE_PEAK,
    SINGLE_RELATIVE,
    TWIN_PEAK,
    TWIN_RELATIVE,
)

# Option combinations that warn do so on purpose.
pytestmark = pytest.mark.filterwarnings("default")

#: C's image depends on pixels outside the window: interpolation ended before it.
OUTSIDE = {"interpolate_default_pattern"}

#: A word in the name of a twin, and why it has no single precision. Those with a list
#: are interpolated where N is small, unless the line says otherwise.
WHY_DOUBLE = {
    "running": "the running products of the -oversample_ options need it",
    "tophat": "need",
    "few_cells": "interpolation needs it",
    "interpolated": "interpolation needs it",
    "out_of_range": "interpolation needs it",
    "one_ray": "interpolation needs it",
    "round": "a round crystal needs it on a CUDA device",
}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """All images of `cuda_runs.py`, by name."""
    folder = tmp_path_factory.mktemp("simulated")
    path = folder / "results.npz"
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    environment.pop("NBSIM_DEVICE", None)
    ran = subprocess.run(
        [sys.executable, str(Path(cuda_runs.__file__)), str(path)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    with np.load(path) as data:
        return dict(data)


def check_images(image, expected, of_peak, relative):
    """Assert that two images agree; some pixel must be bright."""
    assert expected.max() > 0.0
    difference = image_difference(image, expected, of_peak)
    assert difference.within(of_peak, relative), difference


def golden_window(case, image):
    """Return the window's pixels of an image and of the golden one."""
    xmin, xmax, ymin, ymax = cuda_runs.window(case)
    rows, columns = case.reference.crop
    y, x = ymin - (rows.start or 0), xmin - (columns.start or 0)
    height, width = ymax - ymin + 1, xmax - xmin + 1
    golden = case.reference.image[y : y + height, x : x + width]
    return image[ymin : ymax + 1, xmin : xmax + 1], golden


def drop_first_pixel(case, *windows):
    """Leave out the pixel whose first phi step is the first one of the run."""
    if not case.needs_carryover:
        return windows
    return tuple(window.reshape(-1)[1:] for window in windows)


@pytest.mark.parametrize(
    "precision, of_peak, relative",
    [
        ("double", GOLDEN_PEAK, GOLDEN_RELATIVE),
        ("single", SINGLE_PEAK, SINGLE_RELATIVE),
    ],
)
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_golden(case, precision, of_peak, relative, simulated):
    image = simulated[f"golden {case.name} {precision}"]
    ours, golden = golden_window(case, image)
    if case.name in OUTSIDE:
        golden, _ = golden_window(
            case, naive_window(case.nbsim_argv, cuda_runs.window(case))
        )
    check_images(*drop_first_pixel(case, ours, golden), of_peak, relative)
    assert np.count_nonzero(image) <= ours.size


def naive_window(argv, roi):
    """Return the slow reference's image of a region."""
    line = [*argv, "-roi", *(str(bound) for bound in roi)]
    return naive.image(cuda_runs.Simulation.from_args(line))


@pytest.mark.parametrize("name", cuda_runs.TWINS)
def test_three_twins(name, simulated):
    simulation = cuda_runs.twin(name)
    expected = naive.image(simulation)
    result = simulation.run(backend="cpu")
    check_images(result.image, expected, TWIN_PEAK, TWIN_RELATIVE)
    check_images(simulated[f"twin {name} double"], expected, TWIN_PEAK, TWIN_RELATIVE)
    check_images(
        simulated[f"twin {name} single"], expected, SINGLE_PEAK, SINGLE_RELATIVE
    )
    fell_out = simulated[f"fell out {name}"].tolist()
    assert fell_out == list(result.out_of_range or (-1, -1))


@pytest.mark.parametrize("name", cuda_runs.TWINS)
def test_double_precision_in_place_of_single_is_said(name, simulated):
    said = str(simulated[f"why double {name} single"])
    assert str(simulated[f"why double {name} double"]) == "None"
    reason = "None"
    if "-nointerpolate" not in cuda_runs.TWINS[name][0] or "running" in name:
        reason = next((why for word, why in WHY_DOUBLE.items() if word in name), "None")
    assert reason in said
    if reason != "None":
        np.testing.assert_array_equal(
            simulated[f"twin {name} single"], simulated[f"twin {name} double"]
        )


@pytest.mark.parametrize("name", cuda_runs.WHOLE)
def test_indices_of_whole_numbers(name, simulated):
    image = simulated[f"whole numbers {name}"]
    expected = cuda_runs.twin(name).run(backend="cpu").image
    check_images(image, expected, SINGLE_PEAK, SINGLE_RELATIVE)
    assert not np.array_equal(image, simulated[f"twin {name} double"])


def test_command_says_that_a_device_renders_in_double_precision(tmp_path):
    line = (
        "-cell 70 80 90 90 90 90 -default_F 9 -N 5 -round_xtal -detpixels 4 -oversample"
        " 1 -pixel 9 -distance 100 -device cuda -precision single"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "nbsim", *line.split()],
        cwd=tmp_path,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
        capture_output=True,
        text=True,
    )
    assert "rendered on cuda:0" in ran.stdout
    said = "rendered in double precision: a round crystal needs it on a CUDA device"
    assert said in ran.stderr


@pytest.mark.parametrize("name", cuda_runs.PANELS)
def test_panels_are_one_launch_and_one_copy(name, simulated):
    simulation = cuda_runs.panels(name)
    expected = simulation.run(backend="cpu", sheet=True).image
    for number, (rows, columns) in enumerate(simulation.detector.sheet.slices):
        assert expected[rows, columns].max() > 0.0, number
    image = simulated[f"panels {name}"]
    check_images(image, expected, TWIN_PEAK, TWIN_RELATIVE)
    single = simulated[f"panels {name} single"]
    check_images(single, expected, SINGLE_PEAK, SINGLE_RELATIVE)
    # Space between panels, and what a mask leaves out, stays dark.
    dark = ~simulation.rendered
    if simulation.detector.missing is not None:
        dark |= simulation.detector.missing
    assert not image[dark].any()
    counts = dict(zip(cuda_runs.COUNTED, simulated[f"panels {name} counts"].tolist()))
    # What ends interpolation ends it on one panel: these are rendered one by one.
    if name == "interpolated":
        assert counts["launches"] == counts["down"] >= 2
    else:
        assert (counts["launches"], counts["down"]) == (1, 1)
    if name == "physical apart":
        there = simulated["panels on device"]
        np.testing.assert_array_equal(there, image)


def test_some_twin_falls_out_of_the_list_inside_its_window(simulated):
    fast, slow = simulated["fell out out_of_range"]
    assert fast > 0 and slow == 9


@pytest.mark.parametrize(
    "name",
    [
        "launches of 1",
        "launches of 200",
        "launches of 1000",
        "little memory",
        "many parts",
        "three devices",
    ],
)
def test_how_the_work_is_cut_makes_no_difference(name, simulated):
    # Sums are added in another order: the last digit of float32 may differ.
    np.testing.assert_allclose(simulated[name], simulated["whole"], rtol=1.2e-7)
    assert np.count_nonzero(simulated["whole"]) == 2


@pytest.mark.parametrize("evaluations", [1, 200])
def test_weighted_rays_bear_short_launches(evaluations, simulated):
    # The background of a ray is added once, however its orientations are cut.
    np.testing.assert_allclose(
        simulated[f"physical, launches of {evaluations}"],
        simulated["physical, whole"],
        rtol=1.2e-7,
    )


def test_running_products_bear_the_shortest_launches(simulated):
    np.testing.assert_array_equal(
        simulated["running, launches of 1"], simulated["twin running double"]
    )


@pytest.mark.parametrize("name", cuda_runs.SPECTRAL)
def test_spectrum(name, simulated):
    whole = cuda_runs.spectral(name)
    expected = sum(
        weight * whole.channel(number).render(backend="cpu").astype(float)
        for number, (_, weight) in enumerate(whole.beam.spectrum.tolist())
    )
    image = simulated[f"spectral {name}"]
    check_images(image, expected, 1e-6, 1e-5)
    check_images(whole.render(backend="cpu"), expected, 1e-6, 1e-5)
    # Short launches add up the same.
    if f"spectral {name}, short" in simulated:
        short, few = (simulated[f"spectral {name}, {n}"] for n in ("short", "few"))
        np.testing.assert_allclose(short, few, rtol=1.2e-7)
        assert np.count_nonzero(few) == 2 and (few[few > 0] == image[few > 0]).all()


@pytest.mark.parametrize("name", cuda_runs.LOOPS)
def test_an_image_of_a_loop_is_one_launch_and_one_copy_down(name, simulated):
    first, again, turned = (
        dict(zip(cuda_runs.COUNTED, numbers.tolist()))
        for numbers in simulated[f"counts {name}"]
    )
    # Interpolating, the mark of the first index outside the list is set before.
    marks = int(name == "few_cells")
    once = {"launches": 1, "down": 1, "allocations": 0, "tables": 0, "up": marks}
    assert again == once
    assert turned == {**once, "up": 1 + marks}  # the table of rotated cells
    assert first["launches"] == first["down"] == 1
    # The test can fail: what is kept was made once.
    assert first["allocations"] >= 1 and first["tables"] >= 5


def test_interrupt(simulated):
    assert str(simulated["interrupted"]) == "interrupted"
