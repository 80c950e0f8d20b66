# SPDX-License-Identifier: MIT
"""The point spread of a detector, against sums over all pairs of pixels."""

import math

import numpy as np
import pytest

from nbsim import apply_psf
from nbsim.images.psf import fast_length, gauss_weights, kernel_quarter

RNG = np.random.default_rng(1)


def sum_over_pairs(image, quarter):
    """Spread every pixel by itself."""
    slow, fast = image.shape
    out = np.zeros(image.shape)
    for sy, sx in np.argwhere(image > 0):
        dy, dx = np.abs(np.arange(slow) - sy), np.abs(np.arange(fast) - sx)
        near = dy < quarter.shape[0], dx < quarter.shape[1]
        part = np.zeros(image.shape)
        part[np.ix_(*near)] = quarter[np.ix_(dy[near[0]], dx[near[1]])]
        out += image[sy, sx] * part
    return out


@pytest.mark.parametrize(
    "psf, fwhm, radius",
    [("gauss", 80, 0), ("gauss", 900, 0), ("fiber", 80, 0), ("fiber", 250, 0)]
    + [("fiber", 80, 5), ("gauss", 120, 3), ("fiber", 90, 60)],
)
@pytest.mark.parametrize("shape", [(37, 52), (1, 9), (64, 5)])
def test_physical_is_the_sum_over_pairs(psf, fwhm, radius, shape):
    if fwhm / 100 > max(shape):
        return
    radius = min(radius, sum(shape))
    image = RNG.poisson(3, shape).astype(np.float32)
    quarter = kernel_quarter(psf, fwhm / 100, shape, radius)
    expected = sum_over_pairs(image, quarter)
    spread = apply_psf(image, psf, fwhm, 0.1, radius)
    assert spread.dtype == np.float32
    assert np.abs(spread - expected).max() <= 1e-7 * expected.max()


def test_fiber_kernel_is_the_integral_over_pixels():
    # Midpoint rule with 200 x 200 points in a pixel.
    g = 0.7 * 0.652383013252053
    quarter = kernel_quarter("fiber", 0.7, (4, 4))
    step = (np.arange(200) + 0.5) / 200 - 0.5
    for j, i in ((0, 0), (0, 1), (1, 2), (3, 3)):
        r2 = (i + step) ** 2 + (j + step)[:, None] ** 2
        density = g / (2 * math.pi) * (g * g + r2) ** -1.5
        assert quarter[j, i] == pytest.approx(density.mean(), rel=1e-4)


@pytest.mark.parametrize("fwhm", [0.4, 1.0, 3.7])
def test_full_width_at_half_maximum(fwhm):
    weights = gauss_weights(fwhm * 1000, 20000)
    # Of pixels a thousand times finer: half of the centre at half the width.
    assert weights[round(fwhm * 500)] == pytest.approx(0.5 * weights[0], rel=1e-3)
    assert weights[0] + 2 * weights[1:].sum() == pytest.approx(1.0, abs=1e-9)


def test_a_cut_point_spread_loses_nothing_inside():
    image = np.zeros((41, 41), np.float32)
    image[20, 20] = 1000.0
    for psf in ("gauss", "fiber"):
        spread = apply_psf(image, psf, 300, 0.1, 6)
        assert spread.sum() == pytest.approx(1000.0, rel=1e-6)
        y, x = np.nonzero(spread > 1e-9)
        assert ((y - 20) ** 2 + (x - 20) ** 2).max() <= 36


def test_what_leaves_the_detector_is_lost():
    image = np.zeros((40, 40), np.float32)
    image[0, 0] = 1.0
    assert apply_psf(image, "gauss", 500, 0.1).sum() == pytest.approx(0.31, abs=0.06)


@pytest.mark.parametrize("psf", ["gauss", "fiber"])
def test_same_bytes_for_any_number_of_threads(psf):
    image = RNG.poisson(5, (83, 130)).astype(np.float32)
    one = apply_psf(image, psf, 200, 0.1, threads=1)
    for threads in (2, 3, 7):
        assert (apply_psf(image, psf, 200, 0.1, threads=threads) == one).all()


def test_linear():
    one, two = RNG.poisson(4, (2, 30, 30)).astype(np.float32)
    apart = apply_psf(one, "fiber", 120) + 3 * apply_psf(two, "fiber", 120)
    together = apply_psf(one + 3 * two, "fiber", 120)
    assert np.abs(together - apart).max() <= 1e-6 * together.max()


def test_progress_rises_to_one():
    seen = []
    apply_psf(np.ones((40, 40), np.float32), "fiber", progress=seen.append)
    assert seen == sorted(seen) and seen[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 97, 4926, 5053, 10000])
def test_fast_length(n):
    length = rest = fast_length(n)
    for factor in (2, 3, 5):
        while rest % factor == 0:
            rest //= factor
    assert rest == 1 and length % 2 == 0 and n <= length <= max(2, 1.2 * n + 1)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"psf": "box"}, "psf 'box': expected one of gauss, fiber"),
        ({"fwhm_um": -3}, "fwhm_um -3: expected"),
        ({"fwhm_um": 1001}, "wider than the image of 10 x 8 pixels of 0.1 mm"),
        ({"pixel_mm": 0}, "pixel_mm 0: expected"),
        ({"radius_pixels": -1}, "radius_pixels -1: expected"),
        ({"image": np.zeros(5, np.float32)}, "it must be \\(slow, fast\\)"),
        ({"image": np.full((8, 10), np.inf, np.float32)}, "pixels that are not finite"),
    ],
)
def test_bad_arguments(arguments, message):
    good = {"image": np.zeros((8, 10), np.float32), "psf": "gauss"}
    with pytest.raises(ValueError, match=message):
        apply_psf(**{**good, **arguments})
