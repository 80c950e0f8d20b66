# SPDX-License-Identifier: MIT
"""``-printout``: what the last evaluation of each pixel looked like.

nanoBragg prints these lines inside its pixel loop. Here the pixels asked for are
evaluated once more, by the same kernel function, after the image is done.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ..backends.driver import build_job, detector_args
from ..model.structure_factors import available_memory
from .report import vector_table

if TYPE_CHECKING:
    from ..backends.protocol import Result
    from ..kernels.params import Job
    from ..options.command_line import CommandLine
    from ..resolve.panels import PlacedPanel
    from ..simulation import Simulation

Pixel = tuple[int, int]
OnPanel: TypeAlias = "tuple[Job, PlacedPanel]"


def check_pixel(command: CommandLine[Simulation]) -> list[str]:
    """Return a warning when the pixel of -printout_pixel is not rendered.

    Raises
    ------
    ValueError
        If it is not on the detector.
    MemoryError
        If the evaluations of one pixel do not fit.
    """
    if command.output.printout:
        _check_memory(command.simulation)
    wanted = command.output.printout_pixel
    if wanted is None:
        return []
    fpixel, spixel = wanted
    spixels, fpixels = command.simulation.detector.shape
    if fpixel >= fpixels or spixel >= spixels:
        raise ValueError(
            f"-printout_pixel {fpixel} {spixel}: the detector has "
            f"{fpixels} x {spixels} pixels, counted from 0"
        )
    if not command.simulation.rendered[spixel, fpixel]:
        return [f"-printout_pixel {fpixel} {spixel}: roi or mask leave this pixel out"]
    return []


def recorded_evaluations(command: CommandLine[Simulation]) -> float:
    """Return how many evaluations are made once more, to be printed."""
    if not command.output.printout:
        return 0.0
    setup, rendered = command.simulation.setup, command.simulation.rendered
    of_pixel = float(setup.steps) * setup.sensor.thicksteps
    wanted = command.output.printout_pixel
    if wanted is not None:
        return of_pixel * bool(rendered[wanted[1], wanted[0]])
    return of_pixel * np.count_nonzero(rendered)


def _check_memory(simulation: Simulation) -> None:
    from ..kernels.reference.columns import COLUMNS

    setup = simulation.setup
    evaluations = setup.steps * setup.sensor.thicksteps
    # Those that count are copied.
    needed, available = 2 * 8 * COLUMNS * evaluations, available_memory()
    if needed > available:
        raise MemoryError(
            f"-printout: the {evaluations} evaluations of one pixel need "
            f"{needed / 1e9:.3g} GB, {available / 1e9:.3g} GB are available"
        )


def pixel_blocks(
    command: CommandLine[Simulation], result: Result
) -> Iterator[list[str]]:
    """Yield the lines of each pixel that is to be printed, in raster order."""
    if not command.output.printout:
        return
    simulation = command.simulation
    setup = simulation.setup
    wanted = command.output.printout_pixel
    job = build_job(setup)
    for number, panel in enumerate(setup.panels):
        own = setup.of_panel(number)
        if own is None:
            continue
        job = job._replace(det=detector_args(own))
        flat = np.flatnonzero(own.rendered)
        fpixels = own.image_shape[1]
        for rank, index in enumerate(flat.tolist()):
            pixel = (index % fpixels + panel.fast, index // fpixels + panel.slow)
            if wanted in (None, pixel):
                first = simulation.sampling.phi_carryover and rank == 0
                yield _block(simulation, result, (job, panel), pixel, first)


def _block(
    simulation: Simulation, result: Result, on: OnPanel, pixel: Pixel, first: bool
) -> list[str]:
    from ..kernels.reference import columns

    fpixel, spixel = pixel
    job, _ = on
    rows = _record(simulation, result, on, pixel, first)
    last = rows[-1]
    position = last[columns.POSITION : columns.POSITION + 3]
    scattering = last[columns.SCATTERING : columns.SCATTERING + 3]
    wavelength_A = simulation.setup.wavelength * 1e10
    # Second way: from the angle about the x axis, for the central wavelength.
    theta = 0.5 * math.atan2(math.hypot(position[1], position[2]), position[0])
    stols = (0.5 * math.hypot(*scattering), math.sin(theta) / wavelength_A)
    hkl = _last(rows, columns.ORIENTATION, columns.H, 3)
    nearest = np.ceil(hkl - 0.5) + 0.0  # so that no -0 is printed
    F_cell = _last(rows, columns.COUNTED, columns.F_CELL)[0]
    F_latt = _last(rows, columns.ORIENTATION, columns.F_LATT)[0]
    I_sum = last[columns.I_SUM]
    table = job.xtal.first_cell_vectors if first else job.xtal.cell_vectors
    cell = table[int(last[columns.ORIENTATION])] * 1e10
    return [
        "%4d %4d : stol = %g or %g" % (fpixel, spixel, *stols),
        "at %g %g %g" % tuple(position),
        "hkl= %f %f %f  hkl0= %.0f %.0f %.0f" % (*hkl, *nearest),
        " F_cell=%g  F_latt=%g   I = %g" % (F_cell, F_latt, I_sum),
        "I/steps %15.10g" % (I_sum / simulation.setup.steps),
        "polar   %15.10g" % last[columns.POLAR],
        "omega   %15.10g" % last[columns.OMEGA_PIXEL],
        "capfrac %15.10g" % last[columns.CAPTURE_FRACTION],
        "pixel   %15.10g" % result.image[spixel, fpixel],
        "real-space cell vectors (Angstrom):",
        *vector_table("abc", tuple(cell)),
    ]


def _record(
    simulation: Simulation, result: Result, on: OnPanel, pixel: Pixel, first: bool
) -> np.ndarray:
    """Return the evaluations of a pixel, one row each."""
    from ..kernels.entries import record_pixel
    from ..kernels.reference.columns import COLUMNS, LAYER

    setup, stopped = simulation.setup, result.out_of_range
    job, panel = on
    fpixel, spixel = pixel[0] - panel.fast, pixel[1] - panel.slow
    # Interpolation lasts until the pixel, in raster order, where it ended.
    before = stopped is None or pixel[::-1] <= stopped[::-1]
    rows = np.full((setup.steps * setup.sensor.thicksteps, COLUMNS), np.nan)
    record_pixel(fpixel, spixel, setup.interpolate and before, first, job, rows)
    return rows[~np.isnan(rows[:, LAYER])]


def _last(rows: np.ndarray, flag: int, column: int, width: int = 1) -> np.ndarray:
    """Return columns of the last row whose flag is 0 or more, nan without one."""
    chosen = np.flatnonzero(rows[:, flag] >= 0.0)
    if not len(chosen):
        return np.full(width, np.nan)
    return rows[chosen[-1], column : column + width]
