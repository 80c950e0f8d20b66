# SPDX-License-Identifier: MIT
"""The CUDA kernels compile for every supported generation of devices, without one."""

import importlib.util
import os
from types import SimpleNamespace

import cuda_runs
import numpy as np
import pytest

from nbsim.backends import cuda_arguments, driver
from nbsim.kernels.cuda import kernels as pixel_cuda
from nbsim.kernels.cuda import params as cuda_params

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
