# SPDX-License-Identifier: MIT
"""The golden set and the twins on a real CUDA device, where there is one."""

import time

import cuda_runs
import naive
import pytest
from golden_cases import CASES, NAMES

from nbsim import Simulation
from nbsim.backends import device
from nbsim.tools.golden import compare
from nbsim.tools.image_difference import image_difference
from nbsim.tools.tolerances import (
    SINGLE_PEAK,
    SINGLE_RELATIVE,
    TWIN_PEAK,
    TWIN_RELATIVE,
)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.filterwarnings("default"),
    pytest.mark.skipif(
        device.simulated() or device.cuda_problem() is not None,
        reason="there is no CUDA device",
    ),
]


def check_images(image, expected, of_peak, relative):
    """Assert that two images agree; some pixel must be bright."""
    assert expected.max() > 0.0
    difference = image_difference(image, expected, of_peak)
    assert difference.within(of_peak, relative), difference


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_golden(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    simulation = Simulation.from_args(case.nbsim_argv)
    image = simulation.render(backend="cuda")
    difference = compare.compare_float(image, case.reference)
    assert difference.agrees, difference
    single = simulation.render(backend="cuda", precision="single")
    check_images(single, image, SINGLE_PEAK, SINGLE_RELATIVE)


@pytest.mark.parametrize("name", cuda_runs.TWINS)
def test_twins(name):
    simulation = cuda_runs.twin(name)
    expected = naive.image(simulation)
    result = simulation.run(backend="cuda")
    check_images(result.image, expected, TWIN_PEAK, TWIN_RELATIVE)
    assert result.out_of_range == simulation.run(backend="cpu").out_of_range


def test_ctrl_c_is_answered_within_a_second():
    line = "-cell 70 80 90 75 85 95 -default_F 1 -N 50 -detpixels 1024 -distance 100"
    simulation = Simulation.from_args(f"{line} -oversample 1 -osc 1 -phisteps 100000")
    started = []

    def stop(fraction):
        if fraction > 0.0:
            started.append(time.perf_counter())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulation.run(backend="cuda", progress=stop)
    assert time.perf_counter() - started[0] < 1.0
