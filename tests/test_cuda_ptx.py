# SPDX-License-Identifier: MIT
"""The CUDA kernels compile for every supported generation of devices, without one."""

import importlib.util
import os
import re
from types import SimpleNamespace

import cuda_runs
import numpy as np
import pytest

from nbsim.backends import cuda_arguments, driver
from nbsim.kernels.cuda import kernels as pixel_cuda
from nbsim.kernels.cuda import noise
from nbsim.kernels.cuda import params as cuda_params
from nbsim.kernels.cuda import spread

CAPABILITIES = [(7, 0), (8, 0), (9, 0), (12, 0)]
#: Name, whether with a table of F^2, precision: one twin per form of the fast kernel.
FORMS = [
    ("few_cells", "double"),
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


def compiler_libraries() -> bool:
    """Whether numba-cuda and the libraries it compiles with are installed."""
    if importlib.util.find_spec("numba_cuda") is None:
        return False
    from numba import cuda, float64
    from numba.cuda.cudadrv.error import NvvmSupportError

    try:
        cuda.compile(lambda x: x, (float64,), cc=(9, 0), output="ptx")
    except (NvvmSupportError, ImportError, OSError, RuntimeError):
        return False
    return True


pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_ENABLE_CUDASIM") == "1" or not compiler_libraries(),
    reason="the CUDA compiler libraries are not installed",
)


def kernels(name, precision):
    """Yield every kernel of a twin with the arguments of a launch, on the host."""
    simulation = (
        cuda_runs.spectral(name) if name in cuda_runs.SPECTRAL else cuda_runs.twin(name)
    )
    host_job = driver.with_one_ray(driver.build_job(simulation.setup))
    pixels = driver.build_pixels(simulation.setup, (0, 9, 0, 9))
    job = cuda_arguments.job_by_value(host_job)
    work = cuda_params.Work(*range(len(cuda_params.Work._fields)))
    sums, values = np.zeros((1, 4)), np.zeros(4, np.float32)
    fell_out = np.zeros(1, np.int64)
    formula = cuda_arguments.fast_kernel(
        simulation.structure_factors, host_job, precision, simulation.setup.interpolate
    )
    fast = pixel_cuda.add_terms_kernel(
        formula.form, formula.lookup, host_job.sampling.per_ray, formula.parts
    )
    flat = job.xtal.cell_vectors.reshape(-1)
    yield fast, (
        work,
        job,
        pixels,
        flat,
        formula.spot,
        formula.box,
        formula.table,
        formula.factor,
        sums,
        fell_out,
    )
    yield pixel_cuda.add_terms_in_order, (work, True, job, pixels, sums, fell_out)
    yield pixel_cuda.finish, (0, 4, 1.0, 1.0, job, pixels, sums, values)
    yield pixel_cuda.fill, (sums, 0.0)


def check_compiles(kernel, arguments, capability, monkeypatch):
    """Assert that a kernel becomes PTX of a generation; return it."""
    import numba.cuda.dispatcher as dispatcher
    from numba import cuda, typeof

    # Functions that a kernel calls are compiled for "the current device".
    device = SimpleNamespace(compute_capability=capability)
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: device)
    signature = tuple(typeof(argument) for argument in arguments)
    ptx, _ = cuda.compile(
        kernel.py_func,
        signature,
        device=False,
        cc=capability,
        output="ptx",
        abi="numba",
    )
    major, minor = capability
    assert f".target sm_{major}{minor}" in ptx
    assert ".entry" in ptx
    return ptx


@pytest.mark.parametrize("name, precision", FORMS)
def test_fast_kernels_compile(name, precision, monkeypatch):
    kernel, arguments = next(kernels(name, precision))
    ptx = check_compiles(kernel, arguments, (9, 0), monkeypatch)
    # Only the curved detector's sines need local memory; the sums must not.
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
        *(single, double, 1.0, *counter, words, words, 1.0, counts),
    )
    for kind in (np.uint16, np.uint32):
        yield noise.digitise, (counts, (1.0,) * 6, *counter, np.zeros(4, kind))
    yield spread.along_fast, (single, double, 2, double)
    yield spread.along_slow, (double, double, 2, 2, single)
    yield spread.widen, (single, 2, 2, 2, waves)
    yield spread.widen_even, (double, 2, 2, 2, 2, waves)
    yield spread.fourier_pass, (waves, waves, 2, 1, 2, waves)
    yield spread.multiply, (waves, waves)
    yield spread.crop, (waves, 2, 2, 1.0, 0.0, single)


@pytest.mark.parametrize("capability", CAPABILITIES, ids="{0[0]}.{0[1]}".format)
def test_kernels_of_a_frame(capability, monkeypatch):
    exact = 0
    for kernel, arguments in frame_kernels():
        ptx = check_compiles(kernel, arguments, capability, monkeypatch)
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
def test_every_generation(name, capability, monkeypatch):
    for kernel, arguments in kernels(name, "single"):
        check_compiles(kernel, arguments, capability, monkeypatch)


def test_rounding_by_a_large_constant_is_not_optimised_away(monkeypatch):
    kernel, arguments = next(kernels("many_cells", "double"))
    ptx = check_compiles(kernel, arguments, (9, 0), monkeypatch)
    # 1.5 * 2^52, added and taken away for six roundings.
    assert ptx.count("0d4338000000000000") >= 6
    assert ptx.count("0dC338000000000000") >= 6
