# SPDX-License-Identifier: MIT
import numpy as np
import pytest

from nbsim.errors import FileError
from nbsim.formats.pgm import write_pgm

PIXELS = np.array([[0, 1, 255], [10, 32, 35]], dtype=np.uint8)


@pytest.mark.parametrize(
    "scale, text",
    [
        (2.410623, "2.41062"),
        (1.0, "1"),
        (1e-7, "1e-07"),
        (5e10, "5e+10"),
        (250.0, "250"),
    ],
)
def test_bytes(tmp_path, scale, text):
    path = tmp_path / "x.pgm"
    write_pgm(path, PIXELS, scale)
    expected = f"P5\n3 2\n# pixels scaled by {text}\n255\n".encode()
    assert path.read_bytes() == expected + b"\x00\x01\xff\x0a\x20\x23"


def test_pillow_reads_it(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    write_pgm(tmp_path / "x.pgm", PIXELS, 0.5)
    with Image.open(tmp_path / "x.pgm") as image:
        np.testing.assert_array_equal(np.asarray(image), PIXELS)


def test_any_memory_layout_can_be_written(tmp_path):
    write_pgm(tmp_path / "x.pgm", PIXELS.T, 1.0)
    assert (tmp_path / "x.pgm").read_bytes().endswith(b"255\n\x00\x0a\x01\x20\xff\x23")


@pytest.mark.parametrize("pixels", [PIXELS.astype(int), PIXELS[0], PIXELS[:0]])
def test_unsuitable_pixels(tmp_path, pixels):
    with pytest.raises(ValueError, match="a PGM image has two dimensions of uint8"):
        write_pgm(tmp_path / "x.pgm", pixels, 1.0)


def test_full_disk():
    with pytest.raises(FileError, match="^cannot write /dev/full: no space left"):
        write_pgm("/dev/full", PIXELS, 1.0)
