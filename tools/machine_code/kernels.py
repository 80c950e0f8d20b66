# SPDX-License-Identifier: MIT
"""The CUDA kernels of a few small runs, with the arguments of a launch."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from nbsim.backends import cuda_arguments, driver
from nbsim.backends.cuda_device import Arrays, Inputs, kernel_and_arguments
from nbsim.backends.pixels import build_panels
from nbsim.backends.rates import FEW as FEW_LANES
from nbsim.backends.rates import double_lanes
from nbsim.kernels.cuda.params import Work
from nbsim.model.models import Detector
from nbsim.model.panel import Panel
from nbsim.model.spectral import SpectralParts
from nbsim.model.structure_factors import StructureFactors
from nbsim.simulation import Simulation

START = "-cell 70 80 90 75 85 95 -lambda 1 -distance 100 -pixel 2 -detpixels 20"
ANY, FEW = "-N 40 -oversample 1", "-N 9 -oversample 1 -nointerpolate"
PANELS = "square, panels"
#: Name: options, "list", "one" F or a number of parts, precision.
RUNS: dict[str, tuple[str, str | int, str]] = {
    "square, any N": (ANY, "one", "double"),
    "square, any N, list": (ANY, "list", "double"),
    "square, N <= 9": (FEW, "one", "double"),
    "square, N <= 9, list": (FEW, "list", "double"),
    "round, list": (f"{ANY} -round_xtal", "list", "double"),
    "gauss, list": (f"{ANY} -gauss_xtal", "list", "double"),
    "tophat, list": (f"{ANY} -tophat_spots", "list", "double"),
    "square, tricubic": ("-N 9 -oversample 1 -interpolate", "list", "double"),
    "square, F of two elements": (ANY, 2, "double"),
    "square, curved": (f"{ANY} -curved_det", "list", "double"),
    "physical, any N, list": (f"{ANY} -oversample 2 -model physical", "list", "double"),
    PANELS: (ANY, "list", "double"),
    "single, square": (ANY, "one", "single"),
    "single, square, list": (ANY, "list", "single"),
    "single, gauss, list": (f"{ANY} -gauss_xtal", "list", "single"),
    "single, physical, list": (
        f"{ANY} -oversample 2 -model physical",
        "list",
        "single",
    ),
}
IN_ORDER = "in C's order"


def _of_two_panels(simulation: Simulation) -> Simulation:
    places = (-20.0, -10.0, 100.0), (2.0, -10.0, 100.0)
    panels = tuple(
        Panel(str(n), 10, 10, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), place)
        for n, place in enumerate(places)
    )
    detector = Detector(panels=panels, pixel_size_mm=2.0)
    return dataclasses.replace(simulation, detector=detector)


def _simulation(options: str, factors: str | int) -> Simulation:
    simulation = Simulation.from_args(f"{START} -default_F 7 {options}")
    if factors == "one":
        return simulation
    F = np.full((41, 43, 45), 100.0)
    made = StructureFactors(F=F, h_min=-20, k_min=-21, l_min=-22, default_F=7.0)
    if factors == "list":
        return dataclasses.replace(simulation, structure_factors=made)
    channels = np.array([[0.98, 1.0], [1.02, 1.0]])
    parts = np.ones((*F.shape, 1 + int(factors)), np.complex64)
    coefficients = np.ones((2, int(factors)), complex)
    spectral = SpectralParts(parts, coefficients, channels[:, 0])
    return dataclasses.replace(
        simulation,
        beam=dataclasses.replace(simulation.beam, spectrum=channels),
        structure_factors=dataclasses.replace(made, spectral=spectral),
    )


def launch_on_host(
    simulation: Simulation,
    precision: str,
    fast: bool = True,
    capability: tuple[int, int] = (9, 0),
) -> Any:
    """Return a kernel and the arguments of a launch, with arrays of the host.

    Parameters
    ----------
    simulation
        What is rendered.
    precision
        "double" or "single".
    fast
        Whether the kernel that is made for this run is meant, where it has one.
    capability
        Of the device: single precision is another kernel where float64 is slow.
    """
    setup = simulation.setup
    host_job = driver.with_one_ray(driver.build_job(setup))
    pixels = driver.build_pixels(setup, simulation.detector.bounds)
    job = cuda_arguments.job_by_value(host_job)
    formula = None
    if fast:
        formula = cuda_arguments.fast_kernel(
            simulation.structure_factors, host_job, precision, setup.interpolate
        )
    cells, splitting = job.xtal.cell_vectors.reshape(-1), None
    if fast and precision == "single" and double_lanes(capability) == FEW_LANES:
        cells, splitting = cuda_arguments.split_cells(job)
    panels = build_panels(setup, simulation.detector.bounds)
    tables = cuda_arguments.panel_tables(panels)
    work = Work(*range(8), first=True, last=True)
    arrays = Arrays(
        sums=np.zeros((1, 4)),
        arrived=np.zeros(1, np.int32),
        values=np.zeros(4, np.float32),
        fell_out=np.zeros(1, np.int64),
    )
    return kernel_and_arguments(
        work,
        setup.interpolate,
        Inputs(job, pixels, tables, cells, splitting),
        formula,
        # What comes from a device can be written.
        None if formula is None else formula.table.copy(),
        0,
        arrays,
    )


def launches(
    capability: tuple[int, int],
) -> Iterator[tuple[str, Any, tuple[Any, ...]]]:
    """Yield every kernel of a device by name, with the arguments of a launch."""
    for name, (options, factors, precision) in RUNS.items():
        simulation = _simulation(options, factors)
        if name == PANELS:
            simulation = _of_two_panels(simulation)
        yield name, *launch_on_host(simulation, precision, capability=capability)
    running = _simulation(f"{FEW} -oversample_polar", "list")
    yield IN_ORDER, *launch_on_host(running, "double", fast=False)
