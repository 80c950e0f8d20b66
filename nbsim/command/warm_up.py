# SPDX-License-Identifier: MIT
"""Numba compiles on first use; here it is done beforehand."""

from __future__ import annotations

import dataclasses
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np

from ..formats.cbf import compress
from ..formats.hkl import read_hkl
from ..images.detected import detected_image
from ..images.noise import poisson_noise
from ..images.scaling import int_image, pgm_image, statistics
from ..model.background import Background
from ..model.detector_response import DetectorResponse
from ..model.models import Beam, Crystal, Detector, Sampling
from ..model.spectral import SpectralParts
from ..model.structure_factors import StructureFactors
from ..resolve.random_numbers import Generator, mosaic_umats, random_misset_rad
from ..series.truth_images import strongest
from ..simulation import Simulation, extract_stol


def every_kind() -> Iterator[tuple[str, Simulation, str]]:
    """Yield a tiny simulation for every kernel: name, simulation, precision."""
    box = np.ones((9, 9, 9))
    factors = {
        "one F": StructureFactors(default_F=1.0),
        "list": StructureFactors(F=box, h_min=-4, k_min=-4, l_min=-4, hkls=box.size),
    }
    crystals = {
        shape: Crystal(cell=(100.0,), Na=n, Nb=n, Nc=n, shape=shape.split()[0])
        for shape, n in (
            ("square", 20),
            ("square up to 9 cells", 5),
            ("round", 5),
            ("gauss", 5),
            ("tophat", 5),
        )
    }
    detector = Detector(detpixels_f=8, detpixels_s=8, distance_mm=2000.0)
    for (shape, crystal), (kind, F) in itertools.product(
        crystals.items(), factors.items()
    ):
        plain = Simulation(crystal, F, detector=detector)
        yield f"{shape}, {kind}", plain, "double"
        if shape != "tophat":
            yield f"{shape}, {kind}, single precision", plain, "single"
        running = dataclasses.replace(plain, sampling=Sampling(oversample_omega=True))
        yield f"{shape}, {kind}, -oversample_omega", running, "double"
        if F.F is not None:
            cubic = dataclasses.replace(plain, sampling=Sampling(interpolate=True))
            yield f"{shape}, interpolated", cubic, "double"
            # The other loops are those of model c.
            physical = dataclasses.replace(cubic, model="physical")
            yield f"{shape}, interpolated, model physical", physical, "double"
    # With one absorption edge F has two or three parts (`kernels/cpu/lanes_spectral`).
    channels = np.array([[0.99, 1.0], [1.01, 1.0]])
    for (shape, crystal), parts in itertools.product(crystals.items(), (1, 2)):
        spectral = SpectralParts(
            np.ones((*box.shape, 1 + parts), np.complex64),
            np.ones((len(channels), parts), complex),
            channels[:, 0],
        )
        F = dataclasses.replace(factors["list"], spectral=spectral)
        plain = Simulation(crystal, F, Beam(spectrum=channels), detector)
        yield f"{shape}, F of {1 + parts} parts", plain, "double"


def every_sparse_kind() -> Iterator[tuple[str, Simulation, str]]:
    """Yield a tiny simulation for every kernel of sparse rendering, as `every_kind`."""
    box = np.ones((9, 9, 9))
    factors = {
        "one F": StructureFactors(default_F=1.0),
        "list": StructureFactors(F=box, h_min=-4, k_min=-4, l_min=-4, hkls=box.size),
    }
    detector = Detector(detpixels_f=8, detpixels_s=8, distance_mm=2000.0)
    samplings = {
        "": Sampling(sparse="on"),
        ", -spot_cutoff": Sampling(sparse="on", spot_cutoff=1e-9),
        ", -dmin": Sampling(sparse="on", dmin_A=1.0),
    }
    kinds = itertools.product(("gauss", "tophat"), factors.items(), samplings.items())
    for shape, (kind, F), (words, sampling) in kinds:
        crystal = Crystal(cell=(100.0,), Na=20, Nb=20, Nc=20, shape=shape)
        simulation = Simulation(crystal, F, detector=detector, sampling=sampling)
        for precision in ("double", "single")[: 2 if shape == "gauss" else 1]:
            ending = ", single precision" if precision == "single" else ""
            yield f"{shape}, {kind}{words}{ending}, sparse", simulation, precision


def warm_cache(say: Callable[[str], None]) -> None:
    """Compile every kernel that the processor may need, and keep the machine code.

    Parameters
    ----------
    say
        Called with a line before each step.
    """
    started = time.perf_counter()
    for name, simulation, precision in itertools.chain(
        every_kind(), every_sparse_kind()
    ):
        say(name)
        simulation.run(backend="cpu", precision=precision)
    say("single pixels, traces, orientation, statistics, noise, reading of lists")
    # No index of so small a list can be interpolated: the first pixel ends it, and is
    # rendered on its own.
    box = np.ones((3, 3, 3))
    flat = Simulation(
        Crystal(cell=(100.0,)),
        StructureFactors(F=box, h_min=-1, k_min=-1, l_min=-1, hkls=box.size),
        detector=Detector(detpixels_f=8, detpixels_s=8),
        sampling=Sampling(interpolate=True),
    )
    curved = dataclasses.replace(
        flat, detector=dataclasses.replace(flat.detector, curved=True)
    )
    for simulation in (flat, curved):
        result = simulation.run(backend="cpu")
        assert result.omega_sum > 0.0
    flat.trace(1, 1)
    strongest(flat, result.image)
    _warm_the_rest(result.image)
    say("backgrounds, point spread, electronics")
    _warm_detectors(flat)
    say(f"done in {time.perf_counter() - started:.0f} s")


def _warm_detectors(simulation: Simulation) -> None:
    """Compile what -background and the detector's response need."""
    unsorted = Background(table=np.array([[0.0, 2.0], [9.0, 1.0], [0.5, 3.0]]))
    dataclasses.replace(simulation, backgrounds=(unsorted,)).render_background()
    water = dataclasses.replace(simulation, backgrounds=(Background("water"),))
    extract_stol(water.render_background(), water, np.array([0.01, 0.02]))
    for model in ("c", "physical"):
        image = dataclasses.replace(water, model=model).render_background()
        for psf in ("gauss", "fiber"):
            response = DetectorResponse(
                flicker=0.01, calibration=0.01, psf=psf, readout_adu=1.0
            )
            for generator in ("c", "philox"):
                for bits in (16, 32):
                    detected_image(
                        image + np.float32(1.0),
                        1,
                        dataclasses.replace(response, bits=bits),
                        model=model,
                        generator=generator,
                    )


def _warm_the_rest(image: np.ndarray) -> None:
    generator = Generator()
    random_misset_rad(1, generator)
    for domains in (1, 2):  # one is drawn for in another way
        mosaic_umats(0.01, domains, 1, generator)
    statistics(image)
    statistics(image, mask=np.ones(image.shape, np.uint16))
    int_image(image, 1.0)
    pgm_image(image, 1.0)
    poisson_noise(image, 1)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "one.hkl")
        with open(path, "w", encoding="ascii") as stream:
            stream.write("0 0 0 1.5\n")
        read_hkl(path)
    compress(np.zeros((2, 2), np.int32))
