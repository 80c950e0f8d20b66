# SPDX-License-Identifier: MIT
"""Images of numba's CUDA simulator, made in a process of their own.

Numba decides for or against the simulator when it is imported, so
`test_cuda_simulator.py` runs this file once and reads the images it leaves. A
simulated step takes microseconds: every image is a few pixels.

Usage: NUMBA_ENABLE_CUDASIM=1 python cuda_runs.py RESULTS.npz
"""

import contextlib
import dataclasses
import importlib
import os
import sys
import warnings
from concurrent.futures import Executor, Future
from unittest import mock

import numpy as np
from golden_cases import CASES

from nbsim import Detector, Panel, Simulation, StructureFactors
from nbsim.backends import cuda as render_cuda
from nbsim.backends import cuda_device, cuda_memory, driver
from nbsim.model.spectral import SpectralParts

#: Pixels of a window, slow and fast.
WINDOW = (2, 3)
CELL = "-cell 70 80 90 75 85 95 -lambda 1 -distance 100 -pixel 2 -detpixels 20"
PLACE = "-roi 4 8 11 13"
LIST = StructureFactors(
    F=np.random.default_rng(3).uniform(5.0, 200.0, (41, 43, 45)),
    h_min=-20,
    k_min=-21,
    l_min=-22,
    default_F=7.0,
    hkls=41 * 43 * 45,
)
#: Command lines for CPU, simulator and tests/naive.py; True: with a list of F.
TWINS = {
    "few_cells": ("-Na 1 -Nb 6 -Nc 9 -oversample 1", True),
    "few_cells_nearest": ("-Na 1 -Nb 6 -Nc 9 -oversample 1 -nointerpolate", True),
    "many_cells": ("-Na 1000 -Nb 40 -Nc 11 -oversample 1", True),
    "default_F": ("-N 25 -default_F 30 -oversample 2", False),
    "round": ("-N 12 -round_xtal -fudge 0.5 -oversample 1", True),
    "gauss": ("-N 4 -gauss_xtal -fudge 0.01 -oversample 1", True),
    "tophat": ("-N 3 -tophat_spots -fudge 0.003 -oversample 1", True),
    "sources": ("-N 5 -oversample 1 -divergence 4 -divsteps 2 -dispsteps 2", True),
    "sensor": (
        "-N 5 -oversample 2 -detector_abs 90 -detector_thick 80 -thicksteps 3",
        True,
    ),
    "mosaic": ("-N 5 -oversample 1 -mosaic 2 -mosaic_domains 70 -osc 1", True),
    "running": (
        "-N 5 -oversample 2 -detector_abs 300 -detector_thick 400 -thicksteps 2 "
        "-oversample_thick -oversample_polar -oversample_omega -polar 0.9",
        True,
    ),
    "running_water": (
        "-N 2 -tophat_spots -fudge 0.01 -oversample 2 -oversample_omega -water 1e6 "
        "-nointerpolate",
        True,
    ),
    "dmin": ("-N 5 -oversample 3 -dmin 1.61 -polar 1 -water 10", True),
    "curved": ("-N 5 -oversample 1 -curved_det -point_pixel -nopolar", True),
    "interpolated": ("-N 5 -oversample 1 -interpolate", True),
    "interpolated_gauss": (
        "-N 3 -gauss_xtal -fudge 0.01 -oversample 1 -interpolate",
        True,
    ),
    "interpolated_tophat": (
        "-N 2 -tophat_spots -fudge 1e-3 -oversample 1 -mosaic 1 -mosaic_domains 9",
        True,
    ),
    "interpolated_running": ("-N 2 -oversample 2 -oversample_polar", True),
    "out_of_range": ("-N 2 -oversample 1 -roi 9 19 9 9 -distance 60", True),
    "physical": (
        "-model physical -N 5 -oversample 2 -detector_abs 90 -detector_thick 80 "
        "-thicksteps 3 -divergence 4 -divsteps 2 -polar 0.7",
        True,
    ),
    "physical_curved": (
        "-model physical -N 4 -oversample 2 -curved_det -detector_thick 900 -nopolar",
        False,
    ),
    "physical_dmin": (
        "-model physical -N 5 -oversample 3 -dmin 1.61 -polar 1 -water 1e4 "
        "-mosaic 2 -mosaic_domains 70",
        True,
    ),
    "physical_gauss": ("-model physical -N 6 -gauss_xtal -oversample 2", True),
    "physical_interpolated": (
        "-model physical -N 2 -oversample 2 -roi 9 19 9 9 -distance 60",
        True,
    ),
    "physical_one_ray": (
        "-model physical -N 2 -oversample 1 -roi 9 19 9 9 -distance 60 -osc 1",
        True,
    ),
    "carryover": ("-N 9 -oversample 1 -osc 2 -phisteps 2 -phi_carryover", True),
}


#: Command lines of spectra, how many parts F has beside the first; 0: the list.
SPECTRAL = {
    "one_element": ("-Na 5 -Nb 6 -Nc 9 -oversample 1", 1),
    "two_elements": ("-Na 30 -Nb 20 -Nc 11 -oversample 1 -water 1", 2),
    "divergence": ("-N 5 -oversample 1 -divergence 4 -divsteps 2", 1),
    "mosaic_spectrum": ("-N 5 -oversample 1 -mosaic 2 -mosaic_domains 70", 3),
    "gauss_spectrum": ("-N 4 -gauss_xtal -fudge 0.01 -oversample 2 -polar 0.9", 1),
    "round_physical": ("-N 6 -round_xtal -oversample 1 -model physical -water 1", 2),
    "tophat_spectrum": ("-N 3 -tophat_spots -fudge 0.003 -oversample 1", 1),
    "running_spectrum": ("-N 5 -oversample 2 -oversample_polar -polar 0.9", 1),
    "list": ("-N 5 -oversample 1 -dmin 1.61", 0),
    "list_interpolated": ("-N 5 -oversample 1 -interpolate", 0),
    "one_F": ("-N 5 -oversample 1 -water 1", None),
}


def spectral(name: str) -> Simulation:
    """Return the simulation of a case of SPECTRAL: three channels."""
    arguments, parts = SPECTRAL[name]
    simulation = Simulation.from_args(f"{CELL} {PLACE} -default_F 7 {arguments}")
    channels = np.array([[0.98, 1.0], [1.0, 3.0], [1.03, 0.5]])
    rng = np.random.default_rng(8)
    factors = {None: StructureFactors(default_F=7.0), 0: LIST}.get(parts)
    if factors is None:
        shape = (*LIST.F.shape, 1 + parts)
        values = rng.normal(0.0, 50.0, (*shape, 2)).astype(np.float32)
        coefficients = rng.normal(size=(3, parts)) + 1j * rng.normal(size=(3, parts))
        made = SpectralParts(
            values.view(np.complex64)[..., 0], coefficients, channels[:, 0]
        )
        factors = dataclasses.replace(LIST, spectral=made)
    beam = dataclasses.replace(simulation.beam, spectrum=channels)
    return dataclasses.replace(simulation, beam=beam, structure_factors=factors)


#: Command lines of two tilted panels, whether with a list of F, and how they are one
#: image: side by side, stacked, apart with space between.
PANELS = {
    "beside": ("-default_F 30 -N 5 -oversample 1 -osc 1", False, ((0, 0), (0, 4))),
    "stacked": ("-N 30 -oversample 2 -polar 0.9", True, ((0, 0), (3, 0))),
    "physical apart": (
        "-model physical -N 5 -oversample 1 -detector_thick 80 -detector_abs 90 "
        "-thicksteps 2",
        True,
        ((1, 0), (5, 5)),
    ),
    "gauss": ("-N 4 -gauss_xtal -fudge 0.01 -oversample 1", True, ((0, 0), (0, 4))),
    "running": (
        "-default_F 30 -N 5 -oversample 1 -oversample_omega",
        False,
        ((0, 0), (3, 0)),
    ),
    "interpolated": ("-N 5 -oversample 1 -interpolate", True, ((0, 0), (3, 0))),
}


def panels(name: str) -> Simulation:
    """Return the simulation of a case of PANELS; some pixels are masked."""
    arguments, with_list, origins = PANELS[name]
    F = "" if "-default_F" in arguments else "-default_F 7"
    simulation = Simulation.from_args(f"{CELL} {F} {arguments}")
    vectors = [
        ((0.98, 0.0, 0.2), (0.02, -0.99, -0.1), (-4.0, 3.0, 60.0)),
        ((0.97, 0.1, -0.2), (0.1, -0.99, 0.0), (2.0, 1.5, 63.0)),
    ]
    made = []
    for number, (axes, origin) in enumerate(zip(vectors, origins)):
        lengths = [float(np.linalg.norm(axis)) for axis in axes[:2]]
        fast, slow = (tuple(x / n for x in a) for a, n in zip(axes, lengths))
        made.append(Panel(f"p{number}", 3, 4, fast, slow, axes[2], origin))
    given = simulation.detector
    detector = Detector(
        panels=tuple(made),
        pixel_size_mm=2.0,
        thick_um=given.thick_um,
        thicksteps=given.thicksteps,
        abs_um=given.abs_um,
    )
    mask = np.ones(detector.shape, np.uint8)
    mask[1, 1:3] = 0
    if name == "gauss":
        detector = dataclasses.replace(detector, mask=mask)
    factors = LIST if with_list else simulation.structure_factors
    return dataclasses.replace(simulation, detector=detector, structure_factors=factors)


def images_of_panels(name: str) -> dict[str, np.ndarray]:
    """Return images of a case of PANELS, and what the device was asked for."""
    simulation = panels(name)
    simulation.setup
    single = simulation.run(backend="cuda", precision="single", sheet=True).image
    with counting() as counts:
        image = simulation.run(backend="cuda", sheet=True).image
    results = {f"panels {name}": image, f"panels {name} single": single}
    results[f"panels {name} counts"] = np.array(list(counts.values()))
    if name == "physical apart":
        there = simulation.render(backend="cuda", sheet=True, on_device=True)
        results["panels on device"] = there.copy_to_host()
    return results


def window(case) -> tuple[int, int, int, int]:
    """Return xmin, xmax, ymin, ymax of some pixels around the golden image's peak."""
    reference = case.reference
    rows, columns = reference.image.shape
    slow, fast = np.unravel_index(np.argmax(reference.image), (rows, columns))
    y = min(max(int(slow) - 1, 0), rows - WINDOW[0]) + (reference.crop[0].start or 0)
    x = min(max(int(fast) - 1, 0), columns - WINDOW[1])
    x += reference.crop[1].start or 0
    return x, x + WINDOW[1] - 1, y, y + WINDOW[0] - 1


def twin(name: str) -> Simulation:
    """Return the simulation of a case of TWINS."""
    arguments, with_list = TWINS[name]
    default_F = "" if "-default_F" in arguments else "-default_F 7"
    line = f"{CELL} {PLACE} {default_F} {arguments}"
    simulation = Simulation.from_args(line)
    if not with_list:
        return simulation
    return dataclasses.replace(simulation, structure_factors=LIST)


def of_two_pixels(simulation: Simulation) -> Simulation:
    """Return a twin that renders two of its pixels: many launches take long."""
    xmin, _, ymin, _ = simulation.detector.roi
    roi = (xmin + 1, xmin + 2, ymin, ymin)
    detector = dataclasses.replace(simulation.detector, roi=roi)
    return dataclasses.replace(simulation, detector=detector)


class AtOnce(Executor):
    """Runs what is submitted before it returns: the simulator bears no threads."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def on_backend(simulation: Simulation, change=None, indices=(0,)) -> np.ndarray:
    """Render the region of interest in one call of a backend, after a change to it."""
    setup = simulation.setup
    xmin, xmax, ymin, ymax = simulation.detector.roi
    job = driver.with_one_ray(driver.build_job(setup))
    pixels = driver.build_pixels(setup, (xmin, xmax, ymin, ymax))
    image = np.zeros(simulation.detector.shape, np.float32)
    backend = render_cuda.CudaBackend(
        setup, job, pixels, image.reshape(-1), indices, "double", AtOnce
    )
    if change:
        change(backend)
    reached = backend(0, pixels.count, setup.interpolate)
    assert reached == pixels.count
    return image


def short_launches(evaluations):
    """Return a change that makes launches of so many evaluations."""

    def change(backend):
        backend.devices[0].keep_speed(evaluations / cuda_device.LAUNCH_SECONDS)

    return change


def little_memory(backend) -> None:
    """Let two pixels at a time fit the device."""
    backend.devices[0]._ranks_that_fit = lambda cuda, parts: 2


def many_parts(backend) -> None:
    """Pretend a device so large that orientations are dealt out in parts."""
    backend.devices[0]._wave = 10**6


#: What a run asks of a device, and how the simulator calls it.
COUNTED = {
    "allocations": ("numba.cuda", "device_array"),
    "tables": ("numba.cuda", "to_device"),
    "up": ("numba.cuda.simulator.cudadrv.devicearray.FakeCUDAArray", "copy_to_device"),
    "down": ("numba.cuda.simulator.cudadrv.devicearray.FakeCUDAArray", "copy_to_host"),
    "launches": ("numba.cuda.simulator.kernel.FakeCUDAKernel", "__call__"),
}


@contextlib.contextmanager
def counting():
    """Yield how often a device was asked for each of COUNTED inside the block."""
    counts = dict.fromkeys(COUNTED, 0)

    def counted(what, function):
        def call(*args, **kwargs):
            # Functions that a kernel calls are kernels of the simulator, too.
            own = getattr(args[0], "_device", False) if what == "launches" else False
            counts[what] += not own
            return function(*args, **kwargs)

        return call

    with contextlib.ExitStack() as stack:
        for what, (owner, name) in COUNTED.items():
            module, _, kind = owner.rpartition(".")
            home = (
                getattr(importlib.import_module(module), kind)
                if kind[0].isupper()
                else importlib.import_module(owner)
            )
            replaced = counted(what, getattr(home, name))
            stack.enter_context(mock.patch.object(home, name, replaced))
        yield counts


#: Twins that are rendered as on a device that is slow in double precision, too.
WHOLE = ("many_cells", "default_F", "gauss", "mosaic", "physical_dmin", "sensor")
#: Lines of loops over stills, beside the one with many domains.
LOOPS = ("default_F", "many_cells", "mosaic", "few_cells", "physical", "running")


def counts_of_a_loop(name: str) -> dict[str, np.ndarray]:
    """Return COUNTED of the first image of a loop, the same again, and a turned one."""
    first = twin(name)
    turned = dataclasses.replace(
        first, crystal=dataclasses.replace(first.crystal, misset_deg=(1.0, 2.0, 3.0))
    )
    cuda_memory.forget(0)
    numbers = []
    for simulation in (first, first, turned):
        simulation.setup  # what is worked out once is not the image's
        with counting() as counts:
            simulation.run(backend="cuda")
        numbers.append(list(counts.values()))
    return {f"counts {name}": np.array(numbers)}


def interrupted() -> str:
    """Say how a run ends whose progress function interrupts it."""

    def stop(fraction):
        raise KeyboardInterrupt

    try:
        twin("mosaic").run(backend="cuda", progress=stop)
    except KeyboardInterrupt:
        return "interrupted"
    return "finished"


def main(path: str) -> None:
    """Render everything and write one file."""
    results = {}
    for case in CASES:
        simulation = Simulation.from_args(case.nbsim_argv)
        for precision in ("double", "single"):
            image = simulation.run(
                backend="cuda", precision=precision, roi=window(case)
            ).image
            results[f"golden {case.name} {precision}"] = image
    for name in TWINS:
        for precision in ("double", "single"):
            result = twin(name).run(backend="cuda", precision=precision)
            results[f"twin {name} {precision}"] = result.image
            results[f"why double {name} {precision}"] = np.array(str(result.why_double))
            results[f"fell out {name}"] = np.array(result.out_of_range or (-1, -1))
    for name in SPECTRAL:
        results[f"spectral {name}"] = spectral(name).render(backend="cuda")
    for name in ("two_elements", "mosaic_spectrum", "round_physical"):
        few = of_two_pixels(spectral(name))
        results[f"spectral {name}, short"] = on_backend(few, short_launches(1))
        results[f"spectral {name}, few"] = on_backend(few)
    mosaic = of_two_pixels(twin("mosaic"))
    results["whole"] = on_backend(mosaic)
    for evaluations in (1, 200, 1000):
        results[f"launches of {evaluations}"] = on_backend(
            mosaic, short_launches(evaluations)
        )
    physical = of_two_pixels(twin("physical_dmin"))
    results["physical, whole"] = on_backend(physical)
    for evaluations in (1, 200):
        results[f"physical, launches of {evaluations}"] = on_backend(
            physical, short_launches(evaluations)
        )
    results["running, launches of 1"] = on_backend(twin("running"), short_launches(1))
    results["little memory"] = on_backend(mosaic, little_memory)
    results["many parts"] = on_backend(mosaic, many_parts)
    results["three devices"] = on_backend(mosaic, indices=(0, 0, 0))
    for name in PANELS:
        results.update(images_of_panels(name))
    for name in LOOPS:
        results.update(counts_of_a_loop(name))
    for name in WHOLE:
        with mock.patch.object(cuda_device, "doubles_are_slow", lambda cuda: True):
            image = twin(name).run(backend="cuda", precision="single").image
        results[f"whole numbers {name}"] = image
    results["interrupted"] = np.array(interrupted())
    np.savez(path, **results)


if __name__ == "__main__":
    assert os.environ["NUMBA_ENABLE_CUDASIM"] == "1"
    warnings.simplefilter("ignore")
    main(sys.argv[1])
