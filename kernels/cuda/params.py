# SPDX-License-Identifier: MIT
"""What the CUDA kernels are given beside a `params.Job`, and which ones there are."""

from typing import NamedTuple

import numpy as np

#: Orientations staged in shared memory at a time; a power of 2.
STAGE = 64
#: What a kernel of `add_terms_kernel` is made for.
SQUARE_ANY, SQUARE_FEW, ROUND_SPOT, GAUSS, TOPHAT, SQUARE_SINGLE, GAUSS_SINGLE = range(
    7
)
SINGLE = (SQUARE_SINGLE, GAUSS_SINGLE)
#: Where it takes F_cell from: one number for all, nearest in a list, interpolated (an
#: index that cannot be ends that for the run), interpolated where possible, nearest
#: parts that the energy of the source puts together.
DEFAULT_F, NEAREST, TRICUBIC, TRICUBIC_ELSE_NEAREST, SPECTRAL = range(5)


class Work(NamedTuple):
    """What one launch covers; all whole numbers, ends are exclusive."""

    start: int  # ranks
    stop: int
    sums_start: int  # rank of the first column of the sums
    ray_start: int  # (layer, subpixel slow, subpixel fast, source), source fastest
    ray_stop: int
    orientation_start: int
    orientation_stop: int
    orientations_per_part: int  # a row of the grid adds so many to its own sums
    first: bool  # the pixels' sums begin here: nothing is read from the sums
    last: (
        bool  # they end here: photons are written, and no sums where there is one part
    )


class PanelTables(NamedTuple):
    """What differs from panel to panel, a row each; none: the detector has one panel.

    The numbers of a `params.PanelArgs`, in two tables.
    """

    numbers: np.ndarray  # (panels, 16): fdet, sdet, odet, pix0, then four distances
    places: (
        np.ndarray
    )  # (panels, 3) int32: rank behind its last pixel, first slow, fast


class InParts(NamedTuple):
    """How numbers become whole ones, where indices are formed without float64."""

    scale: float  # a scattering vector times this has 31 + 29 bits
    shift: np.int32  # from units of a product to 2^-32


class Ending(NamedTuple):
    """How a pixel's sum begins, and what becomes of it."""

    begin: float  # in units of F^2, where C's order matters
    background: float  # I is background + factor * (the sums of all parts)
    factor: float  # constant factor of all terms
    width: int  # pixels in a row of the image; 0: photons in the order of ranks


class Box(NamedTuple):
    """Where the table of F^2, with a shell of default_F^2 around it, has an index."""

    h_low: np.int32
    h_high: np.int32
    k_low: np.int32
    k_high: np.int32
    l_low: np.int32
    l_high: np.int32
    h_stride: np.int32
    k_stride: np.int32
    base: np.int32


class Cube(NamedTuple):
    """Where the list of F has an index; see `cuda_forms.tricubic_F`."""

    h_min: float
    k_min: float
    l_min: float
    h_range: float
    k_range: float
    l_range: float
    h_stride: np.int32
    k_stride: np.int32
