# SPDX-License-Identifier: MIT
"""Frames of detectors made by the CUDA kernels, in numba's simulator.

NUMBA_ENABLE_CUDASIM=1 python cuda_frames.py RESULTS.npz
"""

import dataclasses
import os
import sys
import tempfile

import cuda_runs
import numpy as np

from nbsim import DetectorResponse, Simulation, StructureFactors
from nbsim.backends import device_image
from nbsim.series.command import read_series
from nbsim.series.exposure import expose

SEED, FRAME = 2**33 + 7, 4
PIXEL_MM = 0.1
RESPONSES = {
    "photons": DetectorResponse(),
    "flicker": DetectorResponse(flicker=0.1, calibration=0.05, saturation_counts=3000),
    "electronics": DetectorResponse(gain=1.7, readout_adu=3.3, bits=32, calib_seed=5),
    "gauss": DetectorResponse(psf="gauss", psf_fwhm_um=180),
    "gauss_cut": DetectorResponse(psf="gauss", psf_fwhm_um=180, psf_radius_pixels=3),
    "fiber": DetectorResponse(psf="fiber", psf_fwhm_um=80, readout_adu=3, gain=1.7),
}


#: Responses that are tried with panels and in model c: transforms take long here.
ON_PANELS = ("photons", "flicker", "electronics", "gauss")
#: Rows and columns of two panels in the image of `expected`, and what lies beside.
PANELS = (slice(0, 11), slice(0, 8)), (slice(1, 10), slice(9, 17))
MISSING = np.ones((11, 17), bool)
for _place in PANELS:
    MISSING[_place] = False


def expected():
    """Return expected photons: all ways to draw, none, and less than none."""
    rng = np.random.default_rng(2)
    image = (10.0 ** rng.uniform(-3, 7, (11, 17))).astype(np.float32)
    image[2, 3:6] = 0.0
    image[1, 1] = -1.0
    return image


def main(path):
    """Write counts, pixels and the spread image of each response."""
    from numba import cuda

    from nbsim.images import on_device

    image = expected()
    shape = image.shape
    results, sums = {}, {}
    for name, response in RESPONSES.items():
        on = cuda.to_device(image.ravel())
        results[f"{name}_counts"] = on_device.counts_on_device(
            on, shape, SEED, FRAME, response, pixel_mm=PIXEL_MM
        ).pixels
        drawn = on_device.pixels_on_device(
            on, shape, SEED, response, 40.0, FRAME, pixel_mm=PIXEL_MM
        )
        results[f"{name}_pixels"] = drawn.pixels
        sums[f"{name}_sums"] = np.array(drawn.to_host(shape)[1:])
        results[f"{name}_spread"] = on_device.spread_on_device(
            on, shape, response, PIXEL_MM
        )
        if name not in ON_PANELS:
            continue
        results[f"{name}_panels"] = on_device.counts_on_device(
            *(on, shape, SEED, FRAME, response),
            pixel_mm=PIXEL_MM,
            panels=PANELS,
            missing=MISSING,
        ).pixels
        sums[f"{name}_model_c"] = model_c(on, shape, response)
    arrays = {k: v.copy_to_host().reshape(shape) for k, v in results.items()}
    np.savez(path, **arrays, **sums, **stayed(), **series(), **command())


def model_c(on, shape, response):
    """Return what model c makes of an image with philox; empty: the processor's."""
    from nbsim.images import on_device

    if on_device.why_not("c", "philox", response):
        return np.zeros(0)
    drawn = on_device.pixels_on_device(
        on, shape, SEED, response, 40.0, FRAME, pixel_mm=PIXEL_MM, model="c"
    )
    return drawn.pixels.copy_to_host()


#: A series whose frames have background, point spread and calibration.
SERIES = (
    "-cell 70 80 90 75 85 95 -default_F 300 -N 5 -lambda 1 -distance 100 -pixel 2 "
    "-detpixels 4 -oversample 1 -osc 1 -phisteps 1 -frames 3 -seed 4 -flux 1e8 "
    "-background water 1 -psf gauss -psf_fwhm 3000 -calibration 0.05 -saturation 75"
)
#: One image of a command line, with backgrounds and electronics.
COMMAND = (
    "-cell 70 80 90 75 85 95 -default_F 300 -N 5 -lambda 1 -distance 100 -pixel 2 "
    "-detpixels 6 -oversample 1 -seed 4 -flux 1e8 -background water 1 "
    "-background air 20 -nopgm -intfile i.img -floatfile f.bin -noisefile "
    "n.img -model physical -psf gauss -psf_fwhm 3000 -gain 1.7 -readout_noise 3"
)


def series():
    """Return counts and photons of frames of a series, and what was asked for."""
    frames = read_series(SERIES)
    numbers = []
    results = {}
    for number in range(3):
        with cuda_runs.counting() as counted:
            shot = expose(frames, number, backend="cuda")
            results[f"series {number}"] = shot.counts
        numbers.append(list(counted.values()))
        results[f"series {number}, photons"] = shot.photons
    return {**results, "series, asked": np.array(numbers)}


def command():
    """Return the images of COMMAND, and how often something was copied down."""
    from nbsim.command.main import main as run
    from nbsim.formats.smv import read_smv

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with cuda_runs.counting() as counted:
            assert run([*COMMAND.split(), "-device", "cuda"]) == 0
        photons = np.fromfile("f.bin", np.float32).reshape(6, 6)
        pixels = read_smv("n.img").pixels
        os.chdir("/")
    return {
        "command, photons": photons,
        "command, pixels": pixels,
        "command, asked": np.array(list(counted.values())),
    }


#: Lines of images that stay on the device. The second leaves its list inside the
#: image, the third begins with a pixel of C's stale phi step: the processor's.
STAYING = {
    "whole": "-N 25 -oversample 1 -model physical",
    "leaves the list": "-N 2 -oversample 1 -roi 9 19 9 9 -distance 60",
    "carryover": "-N 9 -oversample 1 -osc 2 -phisteps 2 -phi_carryover -roi 2 4 3 4",
}


def stayed():
    """Return what became of images that stayed on the device."""
    results = {}
    for name in STAYING:
        simulation = staying(name)
        image = simulation.render(backend="cuda", on_device=True)
        lent = np.from_dlpack(image)  # the simulator's memory is the processor's
        described = image.__cuda_array_interface__
        capsule = image.__dlpack__()
        results[f"{name}, lent"] = lent
        results[f"{name}, described"] = np.array(
            [
                lent.ctypes.data == described["data"][0],
                described["shape"] == simulation.detector.shape,
                described["typestr"] == "<f4" and described["version"] == 3,
                len(device_image._lent) == 2,
            ]
        )
        del capsule
        dropped = len(device_image._lent) == 1  # the one that nobody took
        if name == "whole":
            frame = simulation.noise_on_device(image, SEED, frame=FRAME)
            results[f"{name}, noise"] = frame.copy_to_host()
            counted = simulation.counts_on_device(image, SEED, FRAME)
            results[f"{name}, counts"] = np.from_dlpack(counted).copy()
        del image
        kept = lent.copy()
        results[f"{name}, kept"] = np.array(
            [dropped, np.array_equal(kept, results[f"{name}, lent"])]
        )
        results[f"{name}, lent"] = kept
        del lent
        results[f"{name}, freed"] = np.array(not device_image._lent)
    return results


def staying(name):
    """Return the simulation of a line of STAYING."""
    line = "-cell 70 80 90 75 85 95 -lambda 1 -distance 100 -pixel 2 -detpixels 20"
    small = "-detpixels 4" if name == "whole" else ""
    simulation = Simulation.from_args(f"{line} -default_F 7 {STAYING[name]} {small}")
    F = np.random.default_rng(3).uniform(5.0, 200.0, (41, 43, 45))
    factors = StructureFactors(F=F, h_min=-20, k_min=-21, l_min=-22, default_F=7.0)
    return dataclasses.replace(simulation, structure_factors=factors)


if __name__ == "__main__":
    main(sys.argv[1])
