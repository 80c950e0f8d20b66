# SPDX-License-Identifier: MIT
"""Which pixel a rank stands for."""

from .jit import scalar


@scalar
def pixel_of_rank(rank, pixels, fpixels):
    """Return fast and slow index of the rank-th rendered pixel."""
    if pixels.active.shape[0] > 0:
        flat = pixels.active[rank]
        return flat % fpixels, flat // fpixels
    return pixels.xmin + rank % pixels.width, pixels.ymin + rank // pixels.width
