# SPDX-License-Identifier: MIT
"""Which pixel a rank stands for, and what the detector as a whole subtends."""

import numpy as np
from numba import njit, prange

from .detector import pixel_position, solid_angle
from .jit import scalar
from .vectors import magnitude

#: Ranks per partial sum; fixed, so that no sum depends on the number of threads.
CHUNK = 4096


@scalar
def pixel_of_rank(rank, pixels, fpixels):
    """Return fast and slow index of the rank-th rendered pixel."""
    if pixels.active.shape[0] > 0:
        flat = pixels.active[rank]
        return flat % fpixels, flat // fpixels
    return pixels.xmin + rank % pixels.width, pixels.ymin + rank // pixels.width


@scalar
def pixel_omega_sum(fpixel, spixel, det, oversample_omega):
    """Return the sum of omega_pixel over layers and subpixels, sr (C: ``omega_sum``).

    Without -oversample_omega every term is that of the first layer's first subpixel.
    """
    subpixel_size = det.pixel_size / det.oversample
    total = 0.0
    layers = det.detector_thicksteps if oversample_omega else 1
    subpixels = det.oversample if oversample_omega else 1
    for layer in range(layers):
        Odet = layer * det.detector_thickstep
        for subS in range(subpixels):
            Sdet = subpixel_size * (spixel * det.oversample + subS + 0.5)
            for subF in range(subpixels):
                Fdet = subpixel_size * (fpixel * det.oversample + subF + 0.5)
                airpath = magnitude(pixel_position(Fdet, Sdet, Odet, det))
                total += solid_angle(airpath, det)
    if oversample_omega:
        return total
    return total * det.detector_thicksteps * det.oversample * det.oversample


@njit(error_model="numpy", parallel=True, cache=True, nogil=True)
def omega_sum(pixels, det, oversample_omega):
    """Return the sum of `pixel_omega_sum` over all rendered pixels, sr."""
    chunks = (pixels.count + CHUNK - 1) // CHUNK
    partial = np.zeros(chunks)
    for chunk in prange(chunks):
        total = 0.0
        for rank in range(chunk * CHUNK, min((chunk + 1) * CHUNK, pixels.count)):
            fpixel, spixel = pixel_of_rank(rank, pixels, det.fpixels)
            total += pixel_omega_sum(fpixel, spixel, det, oversample_omega)
        partial[chunk] = total
    total = 0.0
    for chunk in range(chunks):
        total += partial[chunk]
    return total
