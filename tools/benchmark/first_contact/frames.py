# SPDX-License-Identifier: MIT
"""Whether frames that stay on a device are the processor's, and its sums reliable."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np

from nbsim.backends import cuda_device, driver
from nbsim.backends.cuda import CudaBackend
from nbsim.backends.simulator import simulated
from nbsim.model.detector_response import DetectorResponse
from nbsim.simulation import Simulation
from nbsim.tools.benchmark.first_contact import lines
from nbsim.tools.benchmark.first_contact.record import Deadline, Found
from nbsim.tools.image_difference import image_difference
from nbsim.tools.tolerances import SINGLE_PEAK, SINGLE_RELATIVE

RESPONSES = {
    "photons": DetectorResponse(),
    "calibration, saturation": DetectorResponse(
        flicker=0.1, calibration=0.05, saturation_counts=3000
    ),
    "electronics": DetectorResponse(gain=1.7, readout_adu=3.3, bits=32),
    "gauss": DetectorResponse(psf="gauss", psf_fwhm_um=900.0),
}
#: Pixels along an edge, and rows of the grid that share a pixel's orientations.
EDGES, PARTS = (1, 11, 12, 40, 300), (2, 7, 16)
SMALL_EDGES, SMALL_PARTS = (1, 3), (2, 3)
#: How often the same image is made: what a launch leaves behind is the next one's.
TURNS = 20


def frames(deadline: Deadline) -> Iterator[Found]:
    """Yield whether counts and pixels drawn on the device are the processor's."""
    simulation = lines.twin("physical")
    there = simulation.render(backend="cuda", on_device=True)
    # Bright enough for every way to draw.
    image = there.copy_to_host()
    image *= np.float32(1e4 / max(float(image.max()), 1e-30))
    there = type(there).sent(image, there.index)
    for name, response in RESPONSES.items():
        if deadline.passed:
            return
        counted = simulation.counts(there, 7, 3, response)
        expected = simulation.counts(image, 7, 3, response)
        yield f"{name}, counts", *_same(counted, expected)
        drawn = simulation.noise(there, 7, response=response, frame=3)
        frame = simulation.noise(image, 7, response=response, frame=3)
        yield f"{name}, pixels", *_same(drawn.pixels, frame.pixels)
        sums = drawn[1:] == frame[1:]
        yield f"{name}, photons and overloads", drawn[1:], sums


def _same(ours: np.ndarray, theirs: np.ndarray) -> tuple[str, bool]:
    different = int(np.count_nonzero(ours != theirs))
    return f"{different} of {ours.size} differ", different == 0 and ours.max() > 0


def whole_numbers(deadline: Deadline) -> Iterator[Found]:
    """Yield what single precision without float64 gives, whatever the device is."""
    for name in ("any N, list", "mosaic, phi", "physical"):
        if deadline.passed:
            return
        simulation = lines.twin(name)
        expected = simulation.run(backend="cpu").image
        for forced in (True, False):
            with mock.patch.object(cuda_device, "doubles_are_slow", lambda _: forced):
                image = simulation.run(backend="cuda", precision="single").image
            difference = image_difference(image, expected, SINGLE_PEAK)
            right = bool(difference.within(SINGLE_PEAK, SINGLE_RELATIVE))
            kind = "whole numbers" if forced else "three products"
            yield f"{name}, {kind}", {"of peak": difference.of_peak}, right


def last_block(deadline: Deadline) -> Iterator[Found]:
    """Yield whether the block that finishes last adds up the same in every turn.

    The sums of a pixel's parts are added by whichever block of its column is last: if
    one were read before it is written, or a column counted wrongly, bytes would change.
    """
    few = simulated()
    turns = 3 if few else TURNS
    for edge in SMALL_EDGES if few else EDGES:
        simulation = _many_orientations(edge, 200 if few else 2048)
        whole = _in_parts(simulation, 1, 1)[0]
        for parts in SMALL_PARTS if few else PARTS:
            if deadline.passed:
                return
            images = _in_parts(simulation, parts, turns)
            same = len({image.tobytes() for image in images}) == 1
            worst = float(np.abs(images[0] - whole).max() / whole.max())
            found = {"different": len({i.tobytes() for i in images}) - 1, "off": worst}
            # Sums are added in another order.
            right = same and worst <= 2.4e-7
            yield f"{edge * edge} pixels in {parts} parts, {turns} turns", found, right


def _many_orientations(edge: int, domains: int) -> Simulation:
    return Simulation.from_args(
        f"{lines.CELL} -distance 100 -pixel 2 -detpixels {edge} -N 5 -oversample 1 "
        f"-mosaic 2 -mosaic_domains {domains}"
    )


def _in_parts(simulation: Simulation, parts: int, turns: int) -> list[np.ndarray]:
    setup = simulation.setup
    job = driver.with_one_ray(driver.build_job(setup))
    pixels = driver.build_pixels(setup, simulation.detector.bounds)
    images = [np.zeros(simulation.detector.shape, np.float32) for _ in range(turns)]
    backend = CudaBackend(setup, job, pixels, images[0].reshape(-1), [0], "double")
    (one,) = backend.devices
    given: Any = lambda ranks: parts  # noqa: E731
    with mock.patch.object(one, "_parts", given):
        for image in images:
            one.render(0, pixels.count, setup.interpolate, image.reshape(-1))
    return images
