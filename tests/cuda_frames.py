# SPDX-License-Identifier: MIT
"""Frames of detectors made by the CUDA kernels, in numba's simulator.

NUMBA_ENABLE_CUDASIM=1 python cuda_frames.py RESULTS.npz
"""

import sys

import numpy as np

from nbsim import DetectorResponse

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
    results = {}
    for name, response in RESPONSES.items():
        on = cuda.to_device(image.ravel())
        results[f"{name}_counts"] = on_device.counts_on_device(
            on, shape, SEED, FRAME, response, pixel_mm=PIXEL_MM
        )
        results[f"{name}_pixels"] = on_device.pixels_on_device(
            on, shape, SEED, response, 40.0, FRAME, pixel_mm=PIXEL_MM
        )
        results[f"{name}_spread"] = on_device.spread_on_device(
            on, shape, response, PIXEL_MM
        )
    np.savez(path, **{k: v.copy_to_host().reshape(shape) for k, v in results.items()})


if __name__ == "__main__":
    main(sys.argv[1])
