# SPDX-License-Identifier: MIT
"""The CUDA kernels compile for every supported generation of devices, without one."""

import re

import cuda_runs
import numpy as np
import pytest

from nbsim.kernels.cuda import noise, spread
from nbsim.tools.machine_code import table
from nbsim.tools.machine_code.kernels import launch_on_host

CAPABILITIES = [(7, 0), (8, 0), (9, 0), (12, 0)]
#: Name, whether with a table of F^2, precision: one twin per form of the fast kernel.
FORMS = [
    ("few_cells", "double"),
    ("few_cells_nearest", "double"),
    ("many_cells", "double"),
    ("round", "double"),
    ("gauss", "double"),
    ("tophat", "double"),
    ("many_cells", "single"),
    ("gauss", "single"),
    ("default_F", "double"),
    ("default_F", "single"),
    ("interpolated", "double"),
    ("interpolated_gauss", "double"),
    ("physical", "double"),
    ("physical", "single"),
    ("physical_curved", "double"),
    ("physical_interpolated", "double"),
    ("two_elements", "double"),
]


pytestmark = pytest.mark.skipif(
    table.why_not() is not None, reason="the CUDA compiler libraries are not installed"
)


def kernels(name, precision):
    """Yield the two kernels of a twin with the arguments of a launch, on the host."""
    simulation = (
        cuda_runs.spectral(name) if name in cuda_runs.SPECTRAL else cuda_runs.twin(name)
    )
    for fast in (True, False):
        yield launch_on_host(simulation, precision, fast)


def check_compiles(kernel, arguments, capability):
    """Assert that a kernel becomes PTX of a generation; return it."""
    ptx = table.ptx_of(kernel, arguments, capability)
    major, minor = capability
    assert f".target sm_{major}{minor}" in ptx
    assert ".entry" in ptx
    return ptx


@pytest.mark.parametrize("name, precision", FORMS)
def test_fast_kernels_compile(name, precision):
    kernel, arguments = next(kernels(name, precision))
    ptx = check_compiles(kernel, arguments, (9, 0))
    assert "fma.rn.f64" in ptx
    assert ("fma.rn.f32" in ptx) == (precision == "single")
    assert ".shared" in ptx


def frame_kernels():
    """Yield the kernels of `cuda.noise` and `cuda.spread` with arguments."""
    single, double = np.zeros(4, np.float32), np.zeros(4)
    words, counts = np.zeros(4, np.uint64), np.zeros(4, np.uint32)
    waves = np.zeros(4, np.complex128)
    word = np.uint64(1)
    counter = (word, word, word, word)
    yield noise.add_images, (single, single, single)
    yield noise.calibration, (0.1, word, word, word, double)
    yield noise.as_single, (counts, single)
    yield noise.count_photons, (
        *(single, double, 1.0, *counter, words, words, 1.0, counts, words),
    )
    for kind in (np.uint16, np.uint32):
        out = np.zeros(4, kind)
        yield noise.digitise, (counts, (1.0,) * 6, *counter, out, words)
    places = np.zeros(4, np.int32)
    for image in (words, counts, np.zeros(4, np.uint16)):
        yield noise.erase, (places, image)
    yield noise.cut, (single, 2, 0, 2, single)
    yield noise.paste, (single, single, 2, 0, 2)
    yield spread.along_fast, (single, double, 2, double)
    yield spread.along_slow, (double, double, 2, 2, single)
    yield spread.widen, (single, 2, 2, 2, waves)
    yield spread.widen_even, (double, 2, 2, 2, 2, waves)
    yield spread.fourier_pass, (waves, waves, 2, 1, 2, waves)
    yield spread.multiply, (waves, waves)
    yield spread.crop, (waves, 2, 2, 1.0, 0.0, single)


@pytest.mark.parametrize("capability", CAPABILITIES, ids="{0[0]}.{0[1]}".format)
def test_kernels_of_a_frame(capability):
    exact = 0
    for kernel, arguments in frame_kernels():
        ptx = check_compiles(kernel, arguments, capability)
        if kernel in (spread.fourier_pass, spread.multiply, spread.crop):
            continue
        # What is added to a product would move its last bit, here or in ptxas, which
        # fuses products that are not marked as rounded. Powers of 2 cannot.
        assert "fma.rn.f64" not in ptx
        free = re.findall(r"mul\.f64\s+(.*);", ptx)
        factors = [re.search(r"0d[0-9A-F]{3}0{13}", text) for text in free]
        assert all(factors), (kernel, free)
        exact += ptx.count("mul.rn.f64")
    assert exact > 100


@pytest.mark.parametrize("capability", CAPABILITIES, ids="{0[0]}.{0[1]}".format)
@pytest.mark.parametrize("name", ["many_cells", "physical", "mosaic_spectrum"])
def test_every_generation(name, capability):
    for kernel, arguments in kernels(name, "single"):
        check_compiles(kernel, arguments, capability)


def test_rounding_by_a_large_constant_is_not_optimised_away():
    kernel, arguments = next(kernels("many_cells", "double"))
    ptx = check_compiles(kernel, arguments, (9, 0))
    # 1.5 * 2^52, added and taken away for six roundings.
    assert ptx.count("0d4338000000000000") >= 6
    assert ptx.count("0dC338000000000000") >= 6
