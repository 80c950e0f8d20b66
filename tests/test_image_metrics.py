# SPDX-License-Identifier: MIT
"""Numbers and pictures of two images, on images whose answer is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nbsim.tools.images.metrics import (
    Peak,
    brightest_peaks,
    compare_images,
    pair_peaks,
    resampled,
)
from nbsim.tools.images.pictures import (
    ABOVE,
    BELOW,
    LARGEST,
    SMALLEST,
    around,
    character_lines,
    difference_picture,
    grey_levels,
    lit_region,
    sized,
    white_level,
)


def spots(*places, shape=(12, 16)):
    image = np.zeros(shape, np.float32)
    for slow, fast, value in places:
        image[slow, fast] = value
    return image


def test_numbers_of_a_known_pair():
    c = np.array([[1.0, 2.0], [3.0, 6.0]], np.float32)
    py = np.array([[1.0, 2.0], [5.0, 6.0]], np.float32)
    d = compare_images(c, py)
    assert (d.mse, d.rmse, d.largest, d.peak) == (1.0, 1.0, 2.0, 6.0)
    assert (d.sum_c, d.sum_py, d.sum_ratio) == (12.0, 14.0, 14 / 12)
    assert d.worst == Peak(1, 0, 3.0) and d.worst_py == 5.0
    assert d.largest_of_peak == pytest.approx(1 / 3)
    assert d.correlation == pytest.approx(np.corrcoef(c.ravel(), py.ravel())[0, 1])


def test_equal_images_correlate_even_when_constant():
    flat = np.full((3, 4), 7.0, np.float32)
    assert compare_images(flat, flat).correlation == 1.0
    assert math.isnan(
        compare_images(flat, spots((0, 0, 1.0), shape=(3, 4))).correlation
    )


def test_dark_images_have_no_ratio():
    dark = np.zeros((3, 4), np.float32)
    assert math.isnan(compare_images(dark, dark).sum_ratio)
    lit = compare_images(dark, spots((1, 1, 2.0), shape=(3, 4)))
    assert lit.sum_ratio == math.inf and lit.largest_of_peak == math.inf


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_correlation_of_faint_and_bright_images(scale):
    c = np.array([[1.0, 2.0], [3.0, 6.0]]) * scale
    assert compare_images(c, 2 * c).correlation == pytest.approx(1.0, abs=1e-12)
    assert compare_images(c, -c).correlation == pytest.approx(-1.0, abs=1e-12)


def test_pixels_without_a_number_are_counted():
    c, py = spots((1, 1, 4.0)), spots((1, 1, 4.0))
    c[0, 0] = py[0, 0] = np.nan
    py[0, 1] = np.inf
    d = compare_images(c, py)
    assert (d.pixels, d.left_out, d.one_sided) == (12 * 16 - 2, 2, 1)
    assert d.correlation == 1.0 and d.largest == 0.0


def test_peaks_brightest_first_and_plateaus_once():
    image = spots((2, 3, 5.0), (7, 8, 9.0), (7, 9, 9.0), (11, 15, 1.0), (2, 4, 4.0))
    assert brightest_peaks(image, 10) == [(7, 8, 9.0), (2, 3, 5.0), (11, 15, 1.0)]
    assert brightest_peaks(image, 1) == [(7, 8, 9.0)]
    assert brightest_peaks(np.zeros((4, 4)), 5) == []


def test_moved_peaks_find_their_partners():
    c = spots((2, 3, 5.0), (8, 12, 9.0))
    py = spots((2, 3, 9.1), (9, 13, 5.0))
    pairs = list(pair_peaks(c, py, 5))
    assert [pair.distance for pair in pairs] == [pytest.approx(math.sqrt(2)), 0.0]
    assert (pairs[0].py.slow, pairs[0].py.fast) == (9, 13)
    (lonely,) = pair_peaks(spots((2, 3, 5.0)), spots(), 5)
    assert lonely.py is None and lonely.distance == math.inf


@given(
    image=arrays(np.float64, (6, 9), elements=st.floats(0, 100)),
    shape=st.tuples(st.integers(1, 20), st.integers(1, 20)),
)
def test_resampling_keeps_the_photons(image, shape):
    other = resampled(image, shape)
    assert other.shape == shape
    assert other.sum() == pytest.approx(image.sum(), rel=1e-12, abs=1e-12)


def test_resampling_to_a_whole_part_adds_pixels():
    image = np.arange(24.0).reshape(4, 6)
    blocks = image.reshape(2, 2, 3, 2).sum(axis=(1, 3))
    assert resampled(image, (2, 3)) == pytest.approx(blocks)
    assert resampled(image, (4, 6)) == pytest.approx(image)


def test_white_is_a_percentile_or_the_brightest():
    image = np.arange(101.0).reshape(1, -1)
    assert white_level(image, 50.0) == 50.0
    assert white_level(spots((1, 1, 8.0)), 50.0) == 8.0
    assert white_level(np.zeros((2, 2)), 50.0) == 1.0
    assert white_level(np.full((2, 2), np.nan), 50.0) == 1.0


def test_grey_levels():
    levels = grey_levels(np.array([[0.0, 1.0, 4.0, 9.0, np.nan, np.inf, -1.0]]), 4.0)
    assert levels.tolist() == [[0, 128, 255, 255, 0, 255, 0]]


def test_colours_of_the_difference():
    picture = difference_picture(np.array([[-2.0, 0.0, 2.0]]), 2.0)
    middle = picture[len(picture) // 2]
    third = picture.shape[1] // 3
    assert [tuple(middle[i * third]) for i in range(3)] == [BELOW, (255,) * 3, ABOVE]
    assert (difference_picture(np.zeros((2, 2)), 0.0) == 255).all()


def test_small_images_are_magnified_and_large_ones_binned():
    assert sized(np.zeros((100, 128))).shape == (3 * 100, SMALLEST)
    wide = np.zeros((10, 2 * LARGEST + 1))
    wide[9, 2 * LARGEST] = -3.0
    wide[0, 0] = 2.0
    small = sized(wide)
    assert small.shape == (4, 683)
    # The pixel farthest from 0 is kept, whatever its sign.
    assert small.min() == -3.0 and small.max() == 2.0


def test_surroundings_stop_at_the_border():
    assert around((0, 50), (40, 100)) == (slice(0, 17), slice(34, 67))
    assert around((39, 99), (40, 100)) == (slice(23, 40), slice(83, 100))


def test_lit_region():
    image = spots((2, 3, 1.0), (8, 12, 1.0))
    assert lit_region(image, spots((9, 4, 1.0))) == (slice(2, 10), slice(3, 13))
    assert lit_region(spots()) == (slice(None), slice(None))


def test_characters():
    levels = np.zeros((8, 150), np.uint8)
    levels[5, 149] = 255
    assert character_lines(levels, columns=75) == ["", " " * 74 + "@"]
