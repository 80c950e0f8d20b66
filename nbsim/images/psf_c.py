# SPDX-License-Identifier: MIT
"""The point spread of the C program noisify, with its oddities, bit for bit.

Every pixel is spread as far as its own photons tell, so that a tenth of their noise
is left out; all that was left out is added to every pixel as an even fog.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..rows import in_pieces

#: g of the fiber shape (g^2 + r^2)^(-3/2) for a full width at half maximum of 1.
FIBER_G = 0.652383013252053
LN_2, LN_16 = math.log(2.0), math.log(16.0)
#: The near window is not wider than this: its squares must be whole in float32.
WIDEST_NEAR = 2000
#: Where a block has no pixels: larger than any squared radius there.
ANYWHERE = 2.0**30
#: What it costs to begin a row of a far-reaching source, in pixels.
ROW_COST = 30


def apply_psf_c(
    image: np.ndarray,
    psf: str,
    fwhm: float,
    given_radius: int,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> np.ndarray:
    """Return the blurred image of checked arguments; `fwhm` is in pixels."""
    from ..kernels.cpu import psf_c

    gaussian, g = psf == "gauss", fwhm * FIBER_G
    widest = max(image.shape)
    brightest = float(image.max())
    reach = given_radius
    if not given_radius and brightest > 0.0:
        reach = psf_c.kernel_radius(brightest, gaussian, fwhm, g)
    if reach <= 0:
        return np.zeros(image.shape, np.float32)
    reach = min(reach, widest)
    kernel = _kernel(gaussian, fwhm, reach, threads)
    image = np.ascontiguousarray(image)
    radius = np.empty(image.shape, np.int32)
    counts = np.zeros(reach + 1, np.int64)
    lost = psf_c.find_radii(
        image, gaussian, fwhm, g, given_radius, reach, radius, counts
    )
    each = lost / image.size
    near = near_radius(counts, image.size)
    sources, padding = _padded(image, radius, near)
    starts, columns, radii, largest = _listed(radius, near)
    rows_of = np.repeat(np.arange(len(image)), np.diff(starts))
    far = starts, columns, radii, image[rows_of, columns], largest
    out = np.empty(image.shape, np.float32)

    def rows(first: int, last: int) -> None:
        work = np.empty(-(-image.shape[1] // psf_c.LANES) * psf_c.LANES)
        psf_c.spread_rows(
            first, last, near, sources, far, kernel, each, padding, work, out
        )

    in_pieces(rows, image.shape[0], threads, progress)
    starts, places, _, largest = _listed(radius, near, edges=reach)

    def edges(first: int, last: int) -> None:
        psf_c.first_column(
            first, last, starts, places, largest, image, radius, kernel, each, out
        )

    in_pieces(edges, image.shape[0], threads)
    return out


def near_radius(counts: np.ndarray, pixels: int) -> int:
    """Return the half width of the window that all sources are walked in.

    Chosen by the number of multiplications: a wide window for all pixels, or a narrow
    one and the sources that reach farther apart.

    Parameters
    ----------
    counts
        Number of sources by radius.
    pixels
        Of the image.
    """
    r = np.arange(len(counts), dtype=float)
    apart = counts * (math.pi * r * r + 2.0 * r * ROW_COST)
    beyond = apart.sum() - apart.cumsum()
    cost = pixels * (math.pi * r * r + 2.0 * r) + beyond
    return int(cost[1 : WIDEST_NEAR + 1].argmin()) + 1


def _padded(
    image: np.ndarray, radius: np.ndarray, near: int
) -> tuple[tuple[np.ndarray, ...], int]:
    from ..kernels.cpu.psf_c import LANES, pad_sources

    padding = -(-(near + 1) // LANES) * LANES
    slow, fast = image.shape
    blocks = -(-(fast + 2 * padding + 2 * LANES) // LANES)
    photons = np.zeros((slow, blocks * LANES))
    reach_sqr = np.full(photons.shape, -1.0, np.float32)
    farthest = np.full((slow, blocks), -1.0, np.float32)
    nearest = np.full((slow, blocks), ANYWHERE, np.float32)
    sources = photons, reach_sqr, farthest, nearest
    pad_sources(image, radius, near, padding, *sources)
    return sources, padding


def _listed(
    radius: np.ndarray, near: int, edges: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return row starts, columns, radii and each row's largest radius (-1: none)."""
    from ..kernels.cpu.psf_c import list_sources

    starts = np.empty(radius.shape[0] + 1, np.int64)
    largest = np.empty(radius.shape[0], np.int64)
    columns = radii = np.empty(0, np.int32)
    count = list_sources(radius, near, edges, starts, columns, radii, largest)
    if count:
        columns, radii = np.empty((2, count), np.int32)
        list_sources(radius, near, edges, starts, columns, radii, largest)
    return starts, columns, radii, largest


def _kernel(gaussian: bool, fwhm: float, reach: int, threads: int | None) -> np.ndarray:
    """Return the weights, (2 reach + 1, 2 reach + 1) float64, in C's arithmetic."""
    from ..kernels.cpu.psf_c import fiber_weights

    if gaussian:
        return _gauss_kernel(fwhm, reach)
    kernel = np.empty((2 * reach + 1, 2 * reach + 1))

    def rows(first: int, last: int) -> None:
        fiber_weights(fwhm * FIBER_G, reach, first, last, kernel)

    in_pieces(rows, len(kernel), threads)
    return kernel


def _gauss_kernel(fwhm: float, reach: int) -> np.ndarray:
    distances = [d / fwhm for d in range(-reach, reach + 1)]
    half = 1.0 / fwhm / 2.0

    def erfs(factor: float, offset: float, twice: float) -> np.ndarray:
        return np.array([math.erf(twice * (d + offset) * factor) for d in distances])

    scale = math.sqrt(LN_16 / LN_2)

    def corner(y: float, x: float) -> np.ndarray:
        along_fast = erfs(math.sqrt(LN_2), x, 2.0)
        along_slow = erfs(math.sqrt(LN_16), y, 1.0)
        return 0.125 * (along_fast * along_slow[:, None] * scale)

    return (corner(half, half) - corner(-half, half) - corner(half, -half)) + corner(
        -half, -half
    )
