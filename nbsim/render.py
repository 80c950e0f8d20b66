# SPDX-License-Identifier: MIT
"""Hand a run to the kernels: builds their arguments and runs them block by block."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import validate
from .setup import R_E_SQR, Setup

if TYPE_CHECKING:
    from .kernels.params import Job, Pixels
    from .simulation import Simulation

Roi = tuple[int, int, int, int]
#: About a quarter of a second of work.
EVALUATIONS_PER_BLOCK = 1e8


def build_job(simulation: Simulation, setup: Setup) -> Job:
    """Return the kernels' arguments."""
    from .kernels import params

    geometry, sensor, sampling = setup.geometry, setup.sensor, simulation.sampling
    factors = simulation.structure_factors
    shapes = {
        "square": params.SQUARE,
        "round": params.ROUND,
        "gauss": params.GAUSS,
        "tophat": params.TOPHAT,
    }
    carryover = sampling.phi_carryover
    return params.Job(
        det=params.DetectorArgs(
            fdet_vector=np.array(geometry.fdet_vector),
            sdet_vector=np.array(geometry.sdet_vector),
            odet_vector=np.array(geometry.odet_vector),
            pix0_vector=np.array(geometry.pix0_vector),
            beam_vector=np.array(geometry.beam_vector),
            pixel_size=geometry.pixel_size,
            distance=geometry.distance,
            close_distance=geometry.close_distance,
            fpixels=geometry.fpixels,
            oversample=setup.oversample,
            curved_detector=simulation.detector.curved,
            point_pixel=simulation.detector.point_pixel,
            detector_thick=sensor.thick,
            detector_thickstep=sensor.thickstep,
            detector_thicksteps=sensor.thicksteps,
            detector_mu=sensor.mu,
        ),
        beam=params.BeamArgs(
            incident=setup.sources.incident,
            wavelength=setup.sources.wavelengths,
            polar_vector=np.array(geometry.polar_vector),
            polarization=simulation.beam.polarization,
            nopolar=simulation.beam.nopolar,
        ),
        xtal=params.CrystalArgs(
            cell_vectors=setup.cell_vectors(carryover),
            first_cell_vectors=setup.cell_vectors(carryover, first=True),
            N_cells=np.array(setup.N_cells),
            shape=shapes[simulation.crystal.shape],
            fudge=simulation.crystal.fudge,
            recip=np.array([setup.cell.a_star, setup.cell.b_star, setup.cell.c_star]),
        ),
        hkl=params.HklArgs(
            F=np.zeros((1, 1, 1)) if factors.F is None else factors.F,
            h_min=factors.h_min,
            k_min=factors.k_min,
            l_min=factors.l_min,
            has_list=factors.F is not None,
            default_F=float(factors.default_F),
        ),
        sampling=params.SamplingArgs(
            oversample_thick=sampling.oversample_thick,
            oversample_polar=sampling.oversample_polar,
            oversample_omega=sampling.oversample_omega,
            dmin=sampling.dmin_A * 1e-10,
            I_bg=setup.I_bg,
            has_water=setup.water_size != 0.0,
            scale=R_E_SQR * setup.fluence,
            steps=float(setup.steps),
        ),
    )


def build_pixels(simulation: Simulation, setup: Setup, roi: Roi) -> Pixels:
    """Return which pixels to render: those of the roi that the mask leaves."""
    from .kernels.params import Pixels

    xmin, xmax, ymin, ymax = roi
    fpixels = setup.geometry.fpixels
    mask = simulation.detector.mask
    width, height = xmax - xmin + 1, ymax - ymin + 1
    if mask is None:
        return Pixels(np.empty(0, np.int32), xmin, ymin, width, width * height)
    kept = np.flatnonzero(mask[ymin : ymax + 1, xmin : xmax + 1])
    active = (kept // width + ymin) * fpixels + kept % width + xmin
    if not len(active):
        # An empty list would mean "no mask"; rank 0 is then never asked for.
        return Pixels(np.zeros(1, np.int32), xmin, ymin, width, 0)
    return Pixels(active.astype(np.int32), xmin, ymin, width, len(active))


@dataclass(frozen=True, eq=False)
class Result:
    """A rendered image and how it came about.

    Attributes
    ----------
    image
        (slow, fast) float32, photons.
    omega_sum
        Sum of the solid angle over pixels, layers and subpixels, sr.
    backend
        "cpu" or "cuda:N".
    seconds
        Time spent in the kernels.
    out_of_range
        (fast, slow) of the pixel where an index outside the list turned
        interpolation off; None when that did not happen.
    """

    image: np.ndarray
    omega_sum: float
    backend: str
    seconds: float
    out_of_range: tuple[int, int] | None


#: What a backend offers: render ranks start..stop, return the first rank that
#: fell out of the list while interpolating, or stop.
RenderRanks = Callable[[int, int, bool], int]


def _cpu_backend(
    simulation: Simulation, job: Job, pixels: Pixels, image: np.ndarray
) -> RenderRanks:
    from .kernels.pixel_cpu import render_general
    from .kernels.pixel_tiles import render_tiles
    from .lane_arguments import lookup_arguments, shape_arguments

    shape, shape_factor = shape_arguments(job.xtal)
    lookup, F_factor = lookup_arguments(simulation.structure_factors)
    factor = shape_factor * F_factor

    def render_ranks(start: int, stop: int, interpolate: bool) -> int:
        if interpolate:
            return render_general(start, stop, True, *job, pixels, image)
        render_tiles(start, stop, *job, pixels, shape, lookup, factor, image)
        return stop

    return render_ranks


def render(
    simulation: Simulation,
    out: np.ndarray,
    roi: Roi,
    progress: Callable[[float], None] | None = None,
) -> Result:
    """Render an image.

    The two states that C carries from pixel to pixel are followed here, so that
    no backend's result depends on the order in which it works: interpolation
    ends at one pixel in raster order, and (with -phi_carryover) the first phi
    loop of the run starts from the unrotated cell.

    Parameters
    ----------
    simulation
        What to render.
    out
        (slow, fast) float32, C-contiguous; overwritten.
    roi
        Pixels xmin, xmax, ymin, ymax, inclusive, inside the image.
    progress
        Called with the finished fraction.
    """
    from .kernels.pixel_cpu import render_pixel
    from .kernels.pixels import omega_sum, pixel_of_rank

    started = time.perf_counter()
    setup = simulation.setup
    job = build_job(simulation, setup)
    pixels = build_pixels(simulation, setup, roi)
    out.fill(0.0)
    image = out.reshape(-1)
    render_ranks = _cpu_backend(simulation, job, pixels, image)
    interpolate = setup.interpolate
    first = simulation.sampling.phi_carryover
    fell_out = None
    rank = 0
    block = block_size(setup)
    while rank < pixels.count:
        if progress:
            progress(rank / pixels.count)
        if first:
            still, first = render_pixel(rank, interpolate, first, job, pixels, image)
            if interpolate and not still:
                fell_out = pixel_of_rank(rank, pixels, job.det.fpixels)
            interpolate = still
            rank += 1
            continue
        stop = min(rank + block, pixels.count)
        reached = render_ranks(rank, stop, interpolate)
        if reached < stop:
            fell_out = pixel_of_rank(reached, pixels, job.det.fpixels)
            interpolate, _ = render_pixel(reached, True, False, job, pixels, image)
            reached += 1
        rank = reached
    if progress:
        progress(1.0)
    return Result(
        image=out,
        omega_sum=omega_sum(pixels, job.det, job.sampling.oversample_omega),
        backend="cpu",
        seconds=time.perf_counter() - started,
        out_of_range=fell_out,
    )


def block_size(setup: Setup) -> int:
    """Return ranks per call: short enough for Ctrl-C and a progress bar."""
    evaluations = setup.steps * setup.sensor.thicksteps
    return max(4096, int(EVALUATIONS_PER_BLOCK / evaluations))


@contextlib.contextmanager
def cpu_threads(threads: int | None) -> Iterator[None]:
    """Use so many threads for the parallel loops inside the block.

    Raises
    ------
    ValueError
        When numba was started with fewer.
    """
    import numba

    if threads is None:
        yield
        return
    most = numba.config.NUMBA_NUM_THREADS
    if not 1 <= validate.integer("threads", threads) <= most:
        raise ValueError(
            f"threads {threads}: expected 1 to {most}; for more, set NUMBA_NUM_THREADS "
            "before the first image is rendered"
        )
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        yield
    finally:
        numba.set_num_threads(before)
