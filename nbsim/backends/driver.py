# SPDX-License-Identifier: MIT
"""Hand a run to the kernels: builds their arguments and runs them block by block."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from .. import threads
from ..model.validate import Roi
from ..resolve.amounts import R_E_SQR
from ..resolve.run import Setup
from . import device, rates, sparse_choice
from .cpu import CpuBackend
from .cpu_arguments import run_record, why_double
from .pixels import build_panels, build_pixels, pixel_at
from .protocol import Backend, Result, Tell, ignore
from .sparse import Part, SparseBackend

if TYPE_CHECKING:
    from ..kernels.params import DetectorArgs, Job, PanelArgs, Pixels

#: Devices and precision of a run.
How = tuple[tuple[int, ...], str]
#: In place of a list. Read-only like one, or kernels would be compiled twice.
NO_LIST = np.zeros((1, 1, 1))
NO_LIST.flags.writeable = False
#: About a quarter of a second of work on two cores.
EVALUATIONS_PER_BLOCK = 2e8
#: One tile for each of two cores.
SMALLEST_BLOCK = 1024


def detector_args(setup: Setup) -> DetectorArgs:
    """Return where the pixels are, those of the first panel, and what they catch."""
    from ..kernels.params import DetectorArgs

    geometry, sensor, flags = setup.geometry, setup.sensor, setup.flags
    return DetectorArgs(
        fdet_vector=np.array(geometry.fdet_vector),
        sdet_vector=np.array(geometry.sdet_vector),
        odet_vector=np.array(geometry.odet_vector),
        pix0_vector=np.array(geometry.pix0_vector),
        beam_vector=np.array(geometry.beam_vector),
        pixel_size=geometry.pixel_size,
        distance=geometry.distance,
        close_distance=geometry.close_distance,
        fpixels=setup.image_shape[1],
        oversample=setup.oversample,
        curved_detector=flags.curved,
        point_pixel=flags.point_pixel,
        detector_thick=sensor.thick,
        detector_thickstep=sensor.thickstep,
        detector_thicksteps=sensor.thicksteps,
        detector_mu=sensor.mu,
        exact=setup.physical,
        layer_offset=0.5 if setup.physical else 0.0,
        Fclose=geometry.Fclose,
        Sclose=geometry.Sclose,
    )


def build_job(setup: Setup) -> Job:
    """Return the kernels' arguments."""
    from ..kernels import params

    geometry, flags = setup.geometry, setup.flags
    factors = setup.structure_factors
    shapes = {
        "square": params.SQUARE,
        "round": params.ROUND,
        "gauss": params.GAUSS,
        "tophat": params.TOPHAT,
    }
    carryover = flags.phi_carryover
    physical, sources = setup.physical, len(setup.sources.wavelengths)
    weighted = setup.sources.channels is not None and not physical
    return params.Job(
        det=detector_args(setup),
        beam=params.BeamArgs(
            # Numba compiles anew for an array that is part of another one.
            incident=np.ascontiguousarray(setup.sources.incident),
            wavelength=np.ascontiguousarray(setup.sources.wavelengths),
            share=setup.sources.shares if physical or weighted else np.ones(sources),
            polar_vector=np.array(geometry.polar_vector),
            polarization=setup.polarization,
            nopolar=flags.nopolar,
        ),
        xtal=params.CrystalArgs(
            cell_vectors=setup.cell_vectors(carryover),
            first_cell_vectors=setup.cell_vectors(carryover, first=True),
            N_cells=np.array(setup.N_cells),
            shape=shapes[setup.shape],
            fudge=setup.fudge,
            recip=spot_metric(setup),
        ),
        hkl=params.HklArgs(
            F=NO_LIST if factors.F is None else factors.F,
            h_min=factors.h_min,
            k_min=factors.k_min,
            l_min=factors.l_min,
            has_list=factors.F is not None,
            default_F=float(factors.default_F),
            **_parts_of_F(setup),
        ),
        sampling=params.SamplingArgs(
            oversample_thick=flags.oversample_thick,
            oversample_polar=flags.oversample_polar,
            oversample_omega=flags.oversample_omega,
            dmin=setup.dmin,
            # A ray's terms are divided by their number, its background is not.
            I_bg=setup.I_bg * (setup.orientations if physical else setup.channels),
            has_water=setup.water_size != 0.0,
            scale=R_E_SQR * setup.fluence,
            steps=float(setup.steps),
            per_ray=physical,
            weighted=weighted,
            keep_interpolating=physical,
        ),
    )


def _parts_of_F(setup: Setup) -> dict[str, np.ndarray]:
    """Return the arguments of an F that follows the energy, none where it does not."""
    spectral, channels = setup.structure_factors.spectral, setup.sources.channels
    if spectral is None or channels is None:
        return {}
    return {
        "parts": spectral.parts.view(np.float32),
        "coefficients": np.ascontiguousarray(
            spectral.coefficients[channels].view(np.float64)
        ),
    }


def spot_metric(setup: Setup) -> np.ndarray:
    """Return a*, b*, c* [1/A] as the gaussian and top-hat shapes want them.

    Those multiply squared lengths by (Na Nb Nc)^2: a number of cells, right in C only
    if the cube root of Na Nb Nc V_cell happens to be as many Angstrom. Model physical
    has the edge of that cube instead.
    """
    recip = np.array([setup.cell.a_star, setup.cell.b_star, setup.cell.c_star])
    if not setup.physical:
        return recip
    cells = math.prod(setup.N_cells)
    return recip * (math.cbrt(cells * setup.cell.V_cell) / cells)


def with_one_ray(job: Job) -> Job:
    """Return the job without weighted rays where a pixel has only one of them.

    Weighting a single sum, and a sum of single rays, are the same; model c's way of
    doing it costs nothing in the loop. Not with dmin: background beyond it stays.
    """
    det, sampling = job.det, job.sampling
    rays = det.detector_thicksteps * det.oversample**2 * len(job.beam.share)
    if rays > 1 or sampling.dmin > 0.0:
        return job
    return job._replace(sampling=sampling._replace(per_ray=False))


def check_finite(job: Job, panels: PanelArgs | None = None) -> None:
    """Refuse vectors and sizes that no kernel can do anything with.

    Raises
    ------
    ValueError
        If one of them is infinite or no number.
    """
    for arguments in filter(None, (panels, job.det, job.beam, job.xtal)):
        for name, value in arguments._asdict().items():
            # Most are numbers: a frame of a series has no time for arrays of one.
            whole = isinstance(value, (int, float))
            if not (math.isfinite(value) if whole else np.isfinite(value).all()):
                raise ValueError(
                    f"{name} of this run is not finite: some of its sizes, taken "
                    "together, are too large or too small"
                )


def _backend(
    setup: Setup,
    job: Job,
    pixels: Pixels,
    panels: PanelArgs | None,
    image: np.ndarray,
    devices: tuple[int, ...],
    precision: str,
    on_device: bool,
) -> Backend:
    if not devices:
        return CpuBackend(setup, job, pixels, image, precision, panels)
    from .cuda import CudaBackend

    return CudaBackend(
        setup,
        job,
        pixels,
        image,
        devices,
        precision,
        on_device=on_device,
        panels=panels,
    )


def evaluations(setup: Setup, pixels: Pixels) -> float:
    """Return how many terms an image has."""
    return float(setup.steps) * setup.sensor.thicksteps * pixels.count


def choose_device(
    setup: Setup,
    job: Job,
    pixels: Pixels,
    backend: str | None,
    precision: str,
    images: int = 1,
) -> device.Choice:
    """Return where a run is rendered; "auto" knows that darkness may be left out.

    `images` like this one may follow each other.
    """
    request = device.requested(backend)
    count, in_use = evaluations(setup, pixels) * images, threads.count()
    if request.kind == "auto" and precision == "single":
        precision = "double" if why_double(setup, job, True) else "single"
    processor_s = rates.seconds_on_processor(count, in_use, precision)
    if request.kind == "auto" and len(setup.panels) == 1:
        cast, dense = sparse_choice.choose(setup, job, pixels, precision, False)
        if cast and dense is None:
            processor_s = images * cast.sparse_s / in_use
    many = float(pixels.count) * images
    return device.choose(request, count, many, processor_s, precision, images)


def choice_for(
    setup: Setup, roi: Roi, backend: str | None, precision: str, images: int = 1
) -> device.Choice:
    """Return where `render` would render so many images like this one."""
    job = with_one_ray(build_job(setup))
    check_finite(job, build_panels(setup, roi))
    pixels = build_pixels(setup, roi)
    return choose_device(setup, job, pixels, backend, precision, images)


def render(
    setup: Setup,
    out: np.ndarray,
    roi: Roi,
    progress: Callable[[float], None] | None = None,
    *,
    backend: str | None = None,
    precision: str = "double",
    on_device: bool = False,
) -> Result:
    """Render an image.

    The two states that C carries from pixel to pixel are followed here, so that
    no backend's result depends on the order in which it works: interpolation
    ends at one pixel in raster order, and (with -phi_carryover) the first phi
    loop of the run starts from the unrotated cell.

    Parameters
    ----------
    setup
        What to render.
    out
        (slow, fast) float32, C-contiguous, all 0: the sheet of several panels.
    roi
        Pixels xmin, xmax, ymin, ymax, inclusive, inside the image.
    progress
        Called with the finished fraction.
    backend
        "auto", "cpu" or "cuda..."; None: the environment's NBSIM_DEVICE, else auto.
    precision
        "double" or "single".
    on_device
        Whether the image stays on the CUDA device, where one renders all of it; `out`
        is then for pixels that the processor renders.

    Raises
    ------
    ValueError
        When sparse rendering is asked for and impossible.
    DeviceError
        When a CUDA device is missing or fails.
    """
    started = time.perf_counter()
    job = with_one_ray(build_job(setup))
    pixels, panels = build_pixels(setup, roi), build_panels(setup, roi)
    check_finite(job, panels)
    devices = choose_device(setup, job, pixels, backend, precision).indices
    how = devices, precision
    cast, at_once = None, None
    if panels is not None and not pixels.count:
        at_once = "nothing is rendered"
    elif panels is not None and not _carries_over(setup):
        cast, at_once = _panels_choice(setup, job, roi, pixels, how)
    on_device = on_device and len(devices) == 1
    if cast is not None and at_once is None:
        assert panels is not None and not devices
        result = _render_lit_panels(
            setup, job, pixels, panels, out, roi, progress, precision, cast
        )
    elif panels is not None and pixels.count and at_once is None:
        on_device = False
        result = _render_apart(setup, job, out, roi, progress, how)
    else:
        result = _render(
            setup, job, pixels, panels, out, progress, how, at_once, on_device
        )
    return dataclasses.replace(
        result,
        image=result.image if on_device else out,
        solid_angles=(job, pixels),
        panels=panels,
        seconds=time.perf_counter() - started,
    )


def _carries_over(setup: Setup) -> bool:
    """Whether something is carried from pixel to pixel, which ends with a panel."""
    return setup.interpolate or setup.flags.phi_carryover


def _panels_choice(
    setup: Setup, job: Job, roi: Roi, pixels: Pixels, how: How
) -> tuple[sparse_choice.Forecast | None, str | None]:
    """Return what sparse rendering of several panels is, and why it is none."""
    devices, precision = how
    used = [panel for panel in setup.panels if panel.part_of(roi) is not None]
    number = setup.panels.index(used[0])
    if setup.sparse != "off" and sparse_choice.why_dense(setup) is None:
        nearest = min(
            used,
            key=lambda p: sparse_choice.plane_distance(p.geometry, setup.sensor),
        )
        number = setup.panels.index(nearest)
    own = setup.whole_panel(number)
    own_job = job._replace(det=detector_args(own))
    return sparse_choice.choose(
        own, own_job, pixels, precision, bool(devices), len(used)
    )


def _render_lit_panels(
    setup: Setup,
    job: Job,
    pixels: Pixels,
    panels: PanelArgs,
    out: np.ndarray,
    roi: Roi,
    progress: Callable[[float], None] | None,
    precision: str,
    cast: sparse_choice.Forecast,
) -> Result:
    """Render several panels from their reflections, in one stretch of work."""
    why = None
    if precision == "single":
        why = why_double(setup, job, on_device=False)
        precision = "double" if why else precision
    runs = run_record(job, pixels, panels)
    # Each panel has an image of its own.
    runs["first_slow"] = runs["first_fast"] = 0
    runs["fpixels"] = [panel.geometry.fpixels for panel in setup.panels]
    parts, first = [], None
    for number, own, own_job in _alone(setup, job, roi):
        first = first or own
        run, slices = runs[number : number + 1], setup.panels[number].slices
        parts.append(Part(own_job, build_pixels(own, own.bounds), run, out[slices]))
    assert first is not None
    of_one = dataclasses.replace(
        cast, hits=cast.hits / len(parts), sparse_s=cast.sparse_s / len(parts)
    )
    job_of, pixels_of, _, part = parts[0]
    image = np.zeros(part.size, np.float32)
    worker = SparseBackend(first, job_of, pixels_of, image, precision, of_one)
    worker.render_parts(parts, progress or ignore)
    return Result(
        image=out,
        solid_angles=(job, pixels),
        backend=worker.name,
        seconds=0.0,
        out_of_range=None,
        why_double=why,
        lit_fraction=cast.lit_fraction,
    )


def _alone(setup: Setup, job: Job, roi: Roi) -> Iterator[tuple[int, Setup, Job]]:
    """Yield number, run and arguments of each panel that the roi has a part of."""
    for number in range(len(setup.panels)):
        own = setup.of_panel(number, roi)
        if own is not None:
            yield number, own, job._replace(det=detector_args(own))


def _render_apart(
    setup: Setup,
    job: Job,
    out: np.ndarray,
    roi: Roi,
    progress: Callable[[float], None] | None,
    how: How,
) -> Result:
    """Render several panels, one after the other, each as if it were alone.

    The result is that of the first panel that has something to tell.
    """
    results = []
    for number, own, own_job in _alone(setup, job, roi):

        def of_all(fraction: float, done: int = number) -> None:
            assert progress is not None
            progress((done + fraction) / len(setup.panels))

        panel = setup.panels[number]
        image = np.zeros(own.image_shape, np.float32)
        pixels = build_pixels(own, own.bounds)
        result = _render(
            own, own_job, pixels, None, image, of_all if progress else None, how
        )
        out[panel.slices] = image
        if result.out_of_range is not None:
            fast, slow = result.out_of_range
            fell_out = fast + panel.fast, slow + panel.slow
            result = dataclasses.replace(result, out_of_range=fell_out)
        results.append(result)
    return min(results, key=lambda result: result.out_of_range is None)


def _render(
    setup: Setup,
    job: Job,
    pixels: Pixels,
    panels: PanelArgs | None,
    out: np.ndarray,
    progress: Callable[[float], None] | None,
    how: How,
    dense: str | None = None,
    on_device: bool = False,
) -> Result:
    """Render one panel, or several in one launch; see `render`.

    `dense` says why everything is evaluated, where that is known already.
    """
    devices, precision = how
    image = out.reshape(-1)
    why = None
    if precision == "single":
        why = why_double(setup, job, on_device=bool(devices))
        precision = "double" if why else precision
    cast = None
    if dense is None:
        cast, dense = sparse_choice.choose(setup, job, pixels, precision, bool(devices))
    worker: Backend
    if cast and dense is None:
        worker = SparseBackend(setup, job, pixels, image, precision, cast)
    else:
        worker = _backend(
            setup, job, pixels, panels, image, devices, precision, on_device
        )
    interpolate = setup.interpolate
    first = setup.flags.phi_carryover
    fell_out = None
    by_processor = []
    rank = 0
    largest = block_size(setup)

    def part_of(rank: int, stop: int) -> Tell:
        def tell(fraction: float) -> None:
            if progress:
                progress((rank + fraction * (stop - rank)) / pixels.count)

        return tell

    # What is rendered after the pixel that leaves the list is in vain: begin small.
    block = SMALLEST_BLOCK if interpolate else largest
    while rank < pixels.count:
        if progress:
            progress(rank / pixels.count)
        if first:
            still, first = worker.first_pixel(rank, interpolate)
            by_processor.append(rank)
            if interpolate and not still:
                fell_out = pixel_at(rank, pixels, job.det.fpixels)
            interpolate = still
            rank += 1
            continue
        stop = min(rank + (worker.ranks_per_call or block), pixels.count)
        reached = worker(rank, stop, interpolate, part_of(rank, stop))
        if reached < stop:
            from ..kernels.entries import render_pixel

            interpolate, _ = render_pixel(reached, True, False, job, pixels, image)
            by_processor.append(reached)
            if not interpolate:
                fell_out = pixel_at(reached, pixels, job.det.fpixels)
            reached += 1
        block = min(2 * block, largest)
        rank = reached
    if progress:
        progress(1.0)
    if on_device:
        from .cuda import CudaBackend

        assert isinstance(worker, CudaBackend)
        image = worker.device_image(out.shape, by_processor)
    else:
        image = out
    return Result(
        image=image,
        solid_angles=(job, pixels),
        backend=worker.name,
        seconds=0.0,
        out_of_range=fell_out,
        why_double=why,
        why_dense=dense,
        lit_fraction=cast.lit_fraction if cast else None,
    )


def block_size(setup: Setup) -> int:
    """Return ranks per call: short enough for Ctrl-C and a progress bar."""
    evaluations = setup.steps * setup.sensor.thicksteps
    return max(SMALLEST_BLOCK, int(EVALUATIONS_PER_BLOCK / evaluations))
