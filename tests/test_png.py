# SPDX-License-Identifier: MIT
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nbsim import write_png
from nbsim.formats.png import png_bytes

RNG = np.random.default_rng(3)


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([(), (3,)]))
def test_pillow_reads_the_same_pixels(slow, fast, colours):
    pixels = RNG.integers(0, 256, (slow, fast, *colours), dtype=np.uint8)
    with Image.open(io.BytesIO(png_bytes(pixels))) as image:
        assert image.mode == ("RGB" if colours else "L")
        assert np.array_equal(np.asarray(image), pixels)


def test_file_has_these_bytes_and_is_no_larger_than_it_must(tmp_path):
    pixels = np.zeros((300, 400, 3), np.uint8)
    write_png(tmp_path / "black.png", pixels)
    assert (tmp_path / "black.png").read_bytes() == png_bytes(pixels)
    assert (tmp_path / "black.png").stat().st_size < 2000


def test_view_of_an_array():
    pixels = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)[::2, ::3]
    with Image.open(io.BytesIO(png_bytes(pixels))) as image:
        assert np.array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4)),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros(4, np.uint8),
        [[1, 2]],
    ],
)
def test_anything_else_is_refused(pixels, tmp_path):
    with pytest.raises(ValueError, match="a PNG image is"):
        write_png(tmp_path / "x.png", pixels)
    assert not (tmp_path / "x.png").exists()
