# SPDX-License-Identifier: MIT
"""Noise, scaled images and statistics, compared with the C program's files."""

import json
import math
import pathlib
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbsim.images import noise, scaling
from nbsim.resolve import random_numbers

compiling = settings(deadline=None)  # the first example may compile the kernel

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
# The seed command has no noise image, and only a region of its float image.
CASES = sorted(
    path.stem for path in (GOLDEN / "c").glob("*.npz") if path.stem != "seed_command"
)


class Case:
    """One golden case: the files, and the options that matter here."""

    def __init__(self, name):
        with np.load(GOLDEN / "c" / f"{name}.npz") as data:
            self.image = data["image"]
            self.noise = data["noise"]
            self.int = data["int"]
            self.pgm = data["pgm"].tobytes()
            self.stdout = str(data["stdout"])
            self.argv = json.loads(str(data["argv"]))
        self.seed = int(self.option("-seed"))
        self.adc_offset = float(self.option("-adc", 40))
        self.roi = None
        if "-roi" in self.argv:
            start = self.argv.index("-roi") + 1
            self.roi = tuple(int(bound) for bound in self.argv[start : start + 4])
        self.mask = None
        if "-mask" in self.argv:
            pixels = np.fromfile(GOLDEN / "inputs" / "mask.img", np.uint16, offset=512)
            self.mask = pixels.reshape(self.image.shape)

    def option(self, name, default=None):
        if name not in self.argv:
            return default
        return self.argv[self.argv.index(name) + 1]

    def printed(self, pattern):
        return re.search(pattern, self.stdout).groups()

    def statistics(self):
        return scaling.statistics(self.image, self.roi, self.mask)

    def int_scale(self):
        return float(
            self.option("-scale", scaling.automatic_int_scale(self.statistics()))
        )


@pytest.fixture(params=CASES)
def case(request):
    return Case(request.param)


def test_there_are_golden_cases():
    assert len(CASES) == 47


def test_noise_is_the_one_of_c(case):
    image, photons, overloads = noise.poisson_noise(
        case.image, case.seed, case.adc_offset, case.roi
    )
    np.testing.assert_array_equal(image, case.noise)
    printed = case.printed(r"(\d+) photons on noise image \((\d+) overloads\)")
    assert (f"{photons:.0f}", str(overloads)) == printed


def test_int_image_is_the_one_of_c(case):
    image = scaling.int_image(case.image, case.int_scale(), case.adc_offset, case.roi)
    np.testing.assert_array_equal(image, case.int)


def test_pgm_image_is_the_one_of_c(case):
    automatic = scaling.automatic_pgm_scale(case.statistics(), case.int_scale())
    scale = float(case.option("-pgmscale", automatic))
    image = scaling.pgm_image(case.image, scale, case.roi)
    assert f"{scale:g}" == case.printed(r"pgm_scale = (\S+)")[0]
    assert image.tobytes() == case.pgm[-image.size :]


def test_statistics_are_the_printed_ones(case):
    stats = case.statistics()
    values = (stats.max_I, stats.mean, stats.rms, stats.rmsd)
    printed = case.printed(r"max_I = (\S+) .*\nmean= (\S+) rms= (\S+) rmsd= (\S+)")
    assert tuple(f"{value:g}" for value in values) == printed
    assert case.image[stats.max_index_slow, stats.max_index_fast] == stats.max_I


def test_random_misset_is_the_one_of_c():
    case = Case("misset_random")
    seed = int(case.option("-misset_seed"))
    angles = random_numbers.random_misset_rad(seed, random_numbers.Generator())
    printed = case.printed(r"misset angles: (\S+) (\S+) (\S+) deg")
    assert tuple(f"{math.degrees(angle):f}" for angle in angles) == printed


def test_first_mosaic_domain_is_the_identity_but_drawn():
    umats = random_numbers.mosaic_umats(
        0.0087266463, 2, 4321, random_numbers.Generator()
    )
    np.testing.assert_array_equal(umats[0], np.eye(3))
    # Printed by C's mosaic_rotation_umat as the second matrix of this seed.
    assert umats[1, 0, 0] == float.fromhex("0x1.fffc6762a9b2ap-1")
    assert umats[1, 2, 1] == float.fromhex("0x1.827e046797cadp-11")


def test_mosaic_domains_are_a_prefix_of_more_domains():
    few = random_numbers.mosaic_umats(0.1, 3, 1, random_numbers.Generator())
    many = random_numbers.mosaic_umats(0.1, 9, 1, random_numbers.Generator())
    np.testing.assert_array_equal(few, many[:3])


def test_noise_of_a_negative_seed_depends_on_what_was_drawn_before():
    image = np.full((8, 8), 100, np.float32)
    used = random_numbers.Generator()
    random_numbers.mosaic_umats(0.1, 1, 12345678, used)
    fresh = noise.poisson_noise(image, -5)[0]
    assert (noise.poisson_noise(image, -5, generator=used)[0] != fresh).any()
    again = noise.poisson_noise(image, 5)[0]
    np.testing.assert_array_equal(
        noise.poisson_noise(image, 5, generator=used)[0], again
    )


def test_noise_outside_the_roi_is_zero_and_draws_nothing():
    image = np.full((6, 7), 20, np.float32)
    inside = noise.poisson_noise(image[1:4, 2:6].copy(), 3)[0]
    whole = noise.poisson_noise(image, 3, roi=(2, 5, 1, 3))[0]
    np.testing.assert_array_equal(whole[1:4, 2:6], inside)
    whole[1:4, 2:6] = 0
    assert not whole.any()


def test_noise_overloads_and_negative_offset():
    image = np.array([[0, 65535, 2e6, 1e12]], np.float32)
    pixels, photons, overloads = noise.poisson_noise(image, 1, adc_offset=-1000)
    assert pixels[0, 0] == 0
    assert 63000 < pixels[0, 1] < 65535
    assert (pixels[0, 2:] == 65535).all()
    assert overloads == 2
    assert photons == pytest.approx(1e12, rel=1e-4)


def test_noise_has_the_mean_and_variance_of_poisson():
    for mean in (0.5, 9.0, 60.0, 3000.0):
        image = np.full((200, 200), mean, np.float32)
        pixels = noise.poisson_noise(image, 11, adc_offset=0)[0].astype(float)
        assert pixels.mean() == pytest.approx(mean, abs=5 * math.sqrt(mean / 40000))
        assert pixels.var() == pytest.approx(mean, rel=0.06)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_noise_refuses_what_is_not_finite(value):
    image = np.ones((3, 3), np.float32)
    image[1, 2] = value
    with pytest.raises(ValueError, match="1 pixels .* not a number"):
        noise.poisson_noise(image, 1)
    noise.poisson_noise(image, 1, roi=(0, 1, 0, 2))  # outside the roi it is unused


@pytest.mark.parametrize("seed", [2**31 - 1, -(2**31) + 1, 10**12])
def test_seeds_beyond_the_generator_are_refused(seed):
    with pytest.raises(ValueError, match=f"seed {seed}: "):
        random_numbers.random_misset_rad(seed, random_numbers.Generator())


@pytest.mark.parametrize("domains, spread", [(0, 0.1), (1, -0.1), (1, math.nan)])
def test_impossible_mosaic_is_refused(domains, spread):
    with pytest.raises(ValueError, match="mosaic"):
        random_numbers.mosaic_umats(spread, domains, 1, random_numbers.Generator())


def test_offset_must_be_finite():
    with pytest.raises(ValueError, match="adc_offset nan"):
        noise.poisson_noise(np.ones((2, 2), np.float32), 1, adc_offset=math.nan)


@pytest.mark.parametrize(
    "image",
    [
        np.ones((2, 2)),
        np.ones(4, np.float32),
        np.ones((0, 4), np.float32),
        [[1.0]],
    ],
)
def test_images_of_another_kind_are_refused(image):
    with pytest.raises(ValueError, match="the float image"):
        scaling.statistics(image)


@pytest.mark.parametrize(
    "roi", [(-1, 2, 0, 1), (2, 1, 0, 1), (0, 5, 0, 1), (0, 1, 0, 4), (4, 4, 0, 1)]
)
def test_roi_outside_the_image_is_refused(roi):
    with pytest.raises(ValueError, match="roi .* 0 to 3 .* 0 to 2"):
        scaling.pgm_image(np.ones((3, 4), np.float32), 1.0, roi)


def test_roi_may_end_at_the_number_of_pixels():
    image = np.ones((3, 4), np.float32)
    assert scaling.check_image(image, (1, 4, 2, 3)) == (1, 3, 2, 2)


def test_mask_must_have_the_shape_of_the_image():
    with pytest.raises(ValueError, match=r"\(4, 3\)"):
        scaling.statistics(np.ones((3, 4), np.float32), mask=np.ones((4, 3)))


def test_statistics_by_hand():
    image = np.array([[1, 5, 5], [0, 5, 9]], np.float32)
    mask = np.array([[1, 1, 1], [1, 1, 0]], np.uint16)
    stats = scaling.statistics(image, (0, 2, 0, 1), mask)
    assert (stats.max_I, stats.max_index_slow, stats.max_index_fast) == (5, 0, 1)
    assert (stats.sum, stats.n, stats.mean) == (16, 5, 3.2)
    assert stats.rms == math.sqrt(76 / 4)
    deviations = sum((value - 3.2) ** 2 for value in image.ravel().tolist())
    assert stats.rmsd == pytest.approx(math.sqrt(deviations / 5), rel=1e-15)


def test_statistics_of_nothing_and_of_one_pixel():
    image = np.zeros((2, 2), np.float32)
    nothing = scaling.statistics(image, mask=np.zeros((2, 2), bool))
    assert (nothing.n, nothing.mean, nothing.rms, nothing.rmsd) == (0, 0, 0, 0)
    assert (nothing.max_I, nothing.max_index_slow, nothing.max_index_fast) == (
        0,
        -1,
        -1,
    )
    assert scaling.automatic_int_scale(nothing) == 1
    assert scaling.automatic_pgm_scale(nothing, 7.0) == 7
    image[1, 0] = 3
    one = scaling.statistics(image, (0, 0, 1, 1))
    assert (one.n, one.mean, one.rms, one.rmsd) == (1, 3, 3, 0)


def test_squares_are_single_precision():
    image = np.full((1, 2), 1.0000001, np.float32)
    value = image[0, 0]
    rms = math.sqrt(float(value * value) * 2)
    assert scaling.statistics(image).rms == rms != math.sqrt(float(value) ** 2 * 2)


@compiling
@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20),
    st.floats(1e-3, 1e3),
    st.floats(-50, 50),
)
def test_scaled_images_follow_the_formula(values, scale, adc_offset):
    image = np.array([values], np.float32)
    ints = scaling.int_image(image, scale, adc_offset)[0]
    greys = scaling.pgm_image(image, scale)[0]
    for value, pixel, grey in zip(values, ints, greys):
        clamped = min(max(value * scale + adc_offset, 0.0), 65535.0)
        assert pixel == math.floor(np.float32(clamped + 0.5))
        assert grey == int(min(max(value * scale, 0.0), 255.0))


def test_scaled_images_of_what_is_not_finite():
    image = np.array([[math.nan, math.inf, -math.inf]], np.float32)
    assert scaling.int_image(image, 1.0)[0].tolist() == [0, 65535, 0]
    assert scaling.pgm_image(image, 1.0)[0].tolist() == [0, 255, 0]


def test_single_precision_moves_a_pixel_across_the_border():
    # 65534.4999 + 0.5 is 65535 in single precision, one more than in double.
    image = np.array([[1.0]], np.float32)
    assert scaling.int_image(image, 65534.4999, 0.0)[0, 0] == 65535
