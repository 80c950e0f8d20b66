# SPDX-License-Identifier: MIT
"""Photons drawn by counter: the generator, its distribution and its independence."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbsim import DetectorResponse, counts_image
from nbsim.images.counts import calibration_pattern, flicker_factor, tables
from nbsim.kernels import elementary, philox, poisson

WORD = np.uint64
LOG_FACTORIALS = np.array([math.lgamma(k + 1) for k in range(512)])

#: Random123's own test vectors (kat_vectors, philox4x32 with 10 rounds).
KNOWN = [
    ([0] * 6, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ([0xFFFFFFFF] * 6, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0],
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


@pytest.mark.parametrize("counter_and_key, words", KNOWN)
def test_philox_gives_the_published_words(counter_and_key, words):
    drawn = philox.philox(*(WORD(w) for w in counter_and_key))
    assert " ".join(f"{w:08x}" for w in drawn) == words


def test_uniform_is_never_0_or_1():
    top = WORD(0xFFFFFFFF)
    assert philox.uniform(WORD(0), WORD(0)) == 2.0**-53
    assert philox.uniform(top, top) == 1.0 - 2.0**-53
    assert philox.uniform(WORD(0x80000000), WORD(0)) == 0.5 + 2.0**-53


@given(st.floats(1e-300, 1e300))
def test_logarithm(x):
    expected = math.log(x)
    assert abs(elementary.logarithm(x) - expected) <= 4e-16 * max(abs(expected), 1e-3)


@given(st.floats(1e-15, 1.0 - 1e-15))
def test_normal_inverts_the_distribution_function(u):
    x = elementary.normal(u)
    below = 0.5 * math.erfc(-x / math.sqrt(2.0))
    assert below == pytest.approx(u, rel=1e-12)


def photons_of_places(places):
    """Return the probability of each number of photons, from an alias row."""
    one = 2**poisson.THRESHOLD_BITS
    chances = np.zeros(512, object)
    for place in places:
        threshold, numbers = int(place) >> 18, int(place) % 2**18
        own, other = numbers % 512, numbers // 512
        chances[own] += threshold
        chances[other] += one - threshold
    return chances / (one * len(places))


def test_tables_have_the_exact_probabilities():
    coarse, fine = tables()
    rows = [(16.0 * i, row) for i, row in enumerate(coarse.reshape(16, -1))]
    rows += [(i / 16.0, row) for i, row in enumerate(fine.reshape(256, -1))]
    for mean, places in rows[1:16] + rows[17::17]:
        drawn = photons_of_places(places).astype(float)
        k = np.arange(512)
        exact = np.exp(k * math.log(mean) - mean - LOG_FACTORIALS)
        assert np.abs(drawn - exact).max() < 2e-13
        assert drawn.sum() == pytest.approx(1.0, abs=1e-15)
    assert photons_of_places(coarse[:512])[0] == 1.0
    assert photons_of_places(fine[:64])[0] == 1.0


def exact_chances(mean, low, high):
    """Probability of low, low + 1 ... high photons."""
    k = np.arange(low, high + 1)
    logs = k * math.log(mean) - mean - np.array([math.lgamma(n + 1) for n in k])
    return np.exp(logs)


def chi_square(drawn, mean):
    """Return chi-square per degree of freedom as normal deviate, of cells of >= 50."""
    width = math.sqrt(mean)
    low = max(0, math.floor(mean - 7 * width))
    high = math.ceil(mean + 7 * width + 10)
    step = max(1, (high - low) // 120)
    edges = np.arange(low, high + step + 1, step)
    if high - low < 100_000:
        cumulative = np.concatenate(
            [[0.0], np.cumsum(exact_chances(mean, low, edges[-1]))]
        )
        chances = np.diff(cumulative[edges - low])
    else:
        # The normal limit with its first correction is exact to 1e-6 here.
        z = (edges - 0.5 - mean) / width
        phi = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        below = np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in z])
        chances = np.diff(below - phi * (z * z - 1) / (6 * width))
    counts, _ = np.histogram(drawn, edges)
    expected = chances * drawn.size
    wanted = expected >= 50
    rest = drawn.size - counts[wanted].sum(), drawn.size - expected[wanted].sum()
    square = ((counts - expected)[wanted] ** 2 / expected[wanted]).sum()
    freedom = wanted.sum() - 1
    if rest[1] >= 5:
        square += (rest[0] - rest[1]) ** 2 / rest[1]
        freedom += 1
    return (square - freedom) / math.sqrt(2 * max(freedom, 1))


MEANS = [0.001, 0.03, 0.06249, 0.4, 0.999, 1.0, 2.5, 9.7, 15.99, 16.0, 33.3, 128.0]
MEANS += [200.06, 255.99, 256.0, 257.3]
LARGE = [1e3, 12345.6, 1e5, 1e6, 3.3e7, 1e9]


@pytest.mark.parametrize("mean", MEANS + LARGE)
def test_distribution(mean):
    expected = np.full((500, 1000), mean, np.float32)
    drawn = counts_image(expected, seed=20, frame=int(mean)).ravel().astype(float)
    assert abs(chi_square(drawn, float(np.float32(mean)))) < 4.5


def test_distribution_of_a_wrong_mean_is_noticed():
    drawn = (
        counts_image(np.full((500, 1000), 50.4, np.float32), 1).ravel().astype(float)
    )
    assert chi_square(drawn, 50.0) > 20.0


def test_same_distribution_as_numpy():
    means = np.float32(10.0) ** np.linspace(-2, 4, 60).astype(np.float32)
    expected = np.repeat(means[:, None], 20_000, axis=1)
    ours = counts_image(expected, 5).astype(float)
    numpys = np.random.default_rng(6).poisson(expected).astype(float)
    # Two-sample comparison of the moments, in standard errors.
    error = np.sqrt(2.0 * means / 20_000)
    assert (np.abs(ours.mean(1) - numpys.mean(1)) / error).max() < 4.5
    spread = np.sqrt((2.0 * means**2 + means) * 2.0 / 20_000)
    assert (np.abs(ours.var(1) - numpys.var(1)) / spread).max() < 4.5


def test_pixels_frames_and_seeds_are_independent():
    expected = np.full((200, 500), 20.0, np.float32)
    images = [
        counts_image(expected, s, f) for s, f in ((1, 0), (1, 1), (2, 0), (-1, 0))
    ]
    for i, first in enumerate(images):
        for second in images[i + 1 :]:
            assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.016
    neighbours = images[0].astype(float)
    assert (
        abs(np.corrcoef(neighbours[:, 1:].ravel(), neighbours[:, :-1].ravel())[0, 1])
        < 0.016
    )


@pytest.fixture(scope="module")
def mixed():
    rng = np.random.default_rng(4)
    image = 10.0 ** rng.uniform(-3, 7, (37, 1100))
    image[rng.random(image.shape) < 0.1] = 0.0
    image[3, 5:9] = -2.5
    return image.astype(np.float32)


def test_same_bytes_for_any_number_of_threads(mixed):
    response = DetectorResponse(flicker=0.02, calibration=0.03, psf="fiber")
    one = counts_image(mixed, 7, 3, response, threads=1)
    for threads in (2, 3, 5):
        assert (counts_image(mixed, 7, 3, response, threads=threads) == one).all()


def test_rows_give_the_numbers_of_single_pixels(mixed):
    image = counts_image(mixed, seed=2**40 + 5, frame=9)
    key = WORD(5), WORD(2**8)
    for place in range(0, mixed.size, 37):
        one = poisson.poisson(
            float(mixed.ravel()[place]), WORD(place), WORD(9), *key, *tables()
        )
        assert image.ravel()[place] == one


def test_no_photons_where_none_are_expected(mixed):
    assert (counts_image(mixed, 1)[mixed <= 0.0] == 0).all()


def test_saturation_cuts_counts():
    expected = np.full((50, 50), 1000.0, np.float32)
    free = counts_image(expected, 1)
    cut = counts_image(expected, 1, 0, DetectorResponse(saturation_counts=1000))
    assert (cut == np.minimum(free, 1000)).all() and (free > 1000).any()


def test_calibration_is_the_same_in_every_frame_and_follows_its_seed():
    expected = np.full((300, 300), 1e6, np.float32)
    response = DetectorResponse(calibration=0.05, calib_seed=3)
    first, second = (counts_image(expected, s, s, response) / 1e6 for s in (1, 2))
    pattern = calibration_pattern((300, 300), 0.05, 3)
    assert np.abs(first - pattern).max() < 6e-3
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.999
    assert pattern.std() == pytest.approx(0.05, rel=0.02)
    other = calibration_pattern((300, 300), 0.05, 4)
    assert abs(np.corrcoef(pattern.ravel(), other.ravel())[0, 1]) < 0.02


def test_flicker_is_one_factor_of_a_frame():
    expected = np.full((100, 100), 1e6, np.float32)
    means = [
        counts_image(expected, 1, f, DetectorResponse(flicker=0.1)).mean() / 1e6
        for f in range(40)
    ]
    factors = [flicker_factor(0.1, 1, f) for f in range(40)]
    assert np.allclose(means, factors, rtol=1e-4)
    assert 0.06 < np.std(means) < 0.14


def test_counted_photons_of_a_point_spread_are_not_correlated():
    expected = np.full((200, 200), 30.0, np.float32)
    response = DetectorResponse(psf="gauss", psf_fwhm_um=200)
    inner = counts_image(expected, 1, 0, response, pixel_mm=0.1)[10:-10, 10:-10]
    inner = inner.astype(float)
    assert inner.var() / inner.mean() == pytest.approx(1.0, abs=0.05)
    assert abs(np.corrcoef(inner[:, 1:].ravel(), inner[:, :-1].ravel())[0, 1]) < 0.03


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"seed": 1.5}, "seed: expected a whole number"),
        ({"frame": -1}, "frame -1: expected a whole number, at least 0"),
        ({"frame": 2**32}, "frame 4294967296: expected a whole number, at most"),
        ({"expected": np.zeros((3, 3))}, "float64, it must be a float32 array"),
        ({"expected": np.full((3, 3), np.nan, np.float32)}, "9 pixels of the float"),
        ({"response": 3}, "response: expected a DetectorResponse"),
    ],
)
def test_bad_arguments(arguments, message):
    good = {"expected": np.zeros((3, 3), np.float32), "seed": 1}
    with pytest.raises((TypeError, ValueError), match=message):
        counts_image(**{**good, **arguments})


@pytest.mark.parametrize(
    "field, value, message",
    [
        (
            "gain",
            -1.0,
            "gain -1: expected a finite number of ADU/photon, greater than 0",
        ),
        ("readout_adu", -0.1, "readout_adu -0.1: expected"),
        ("flicker", float("nan"), "flicker nan: expected"),
        ("calibration", "x", "calibration: expected a number"),
        ("psf", "square", "psf 'square': expected one of gauss, fiber"),
        ("psf_fwhm_um", -1, "psf_fwhm_um -1: expected"),
        ("psf_radius_pixels", 1.5, "psf_radius_pixels: expected a whole number"),
        ("calib_seed", 2**31, "calib_seed 2147483648: expected"),
        ("bits", 8, "bits 8: expected 16 or 32"),
        ("saturation_counts", 0, "saturation_counts 0: expected"),
    ],
)
def test_bad_response(field, value, message):
    with pytest.raises((TypeError, ValueError), match=message):
        DetectorResponse(**{field: value})
