# SPDX-License-Identifier: MIT
import json
import os
import threading

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nbsim.errors import FileError
from nbsim.formats import tiff
from nbsim.formats.tiff import read_tiff, write_tiff

PIXELS = np.linspace(0.0, 7.5, 12, dtype=np.float32).reshape(3, 4)
METADATA = {"distance_mm": 100.0, "argv": ["-N", "5"], "pixel_size_mm": 0.1}

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
)


@given(
    array=hnp.arrays(
        st.sampled_from([np.dtype(np.float32), np.dtype(np.uint16)]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
    ),
    metadata=st.dictionaries(
        st.text(max_size=9).filter(lambda key: key not in ("schema", "pixel_size_mm")),
        scalars | st.text(max_size=9) | st.lists(scalars, max_size=3),
        max_size=4,
    ),
)
def test_round_trip(tmp_path_factory, array, metadata):
    path = tmp_path_factory.mktemp("tiff") / "x.tif"
    write_tiff(path, array, metadata)
    back, back_metadata = read_tiff(path)
    np.testing.assert_array_equal(back, array)
    assert back.dtype == array.dtype
    assert back_metadata == {"schema": 1, **metadata}


def test_tags(tmp_path):
    path = tmp_path / "x.tif"
    write_tiff(path, PIXELS, METADATA | {"remark": "5 \N{DEGREE SIGN}"})
    with tifffile.TiffFile(path) as image:
        tags = {tag.name: tag.value for tag in image.pages[0].tags}
        assert len(image.pages) == 1 and not image.is_bigtiff
    assert tags["ImageDescription"].isascii()
    assert json.loads(tags["ImageDescription"])["remark"] == "5 \N{DEGREE SIGN}"
    assert tags["Software"].startswith("nbsim ")
    assert "DateTime" not in tags
    assert tags["ResolutionUnit"] == 3  # centimetre
    for name in ("XResolution", "YResolution"):
        numerator, denominator = tags[name]
        assert numerator / denominator == pytest.approx(100.0)


def test_same_input_gives_same_bytes(tmp_path):
    for name in ("a.tif", "b.tif"):
        write_tiff(tmp_path / name, PIXELS, METADATA)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


def test_numpy_values_become_json(tmp_path):
    metadata = {
        "scale": np.float64(0.5),
        "shape": np.array([3, 4]),
        "on": np.bool_(True),
    }
    write_tiff(tmp_path / "x.tif", PIXELS, metadata)
    assert read_tiff(tmp_path / "x.tif")[1] == {
        "schema": 1,
        "scale": 0.5,
        "shape": [3, 4],
        "on": True,
    }


@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
def test_other_readers(tmp_path, dtype):
    fabio = pytest.importorskip("fabio")
    Image = pytest.importorskip("PIL.Image")
    path = tmp_path / "x.tif"
    pixels = PIXELS.astype(dtype)
    write_tiff(path, pixels, METADATA)
    with fabio.open(str(path)) as image:
        np.testing.assert_array_equal(image.data, pixels)
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
        assert json.loads(image.tag_v2[270])["distance_mm"] == 100.0
        assert [float(image.tag_v2[tag]) for tag in (282, 283)] == [100.0, 100.0]


def test_large_image_is_bigtiff(tmp_path, monkeypatch):
    monkeypatch.setattr(tiff, "_CLASSIC_LIMIT", 100)
    write_tiff(tmp_path / "x.tif", PIXELS, METADATA)
    with tifffile.TiffFile(tmp_path / "x.tif") as image:
        assert image.is_bigtiff
    np.testing.assert_array_equal(read_tiff(tmp_path / "x.tif")[0], PIXELS)


def test_limit_of_classic_tiff():
    assert tiff._CLASSIC_LIMIT < 2**32


def test_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    write_tiff(pipe, PIXELS, METADATA)
    reader.join(timeout=10)
    write_tiff(tmp_path / "x.tif", PIXELS, METADATA)
    assert received == [(tmp_path / "x.tif").read_bytes()]


@pytest.mark.parametrize(
    "array", [PIXELS.astype(np.float64), PIXELS.astype(np.int16), PIXELS[0], PIXELS[:0]]
)
def test_unsuitable_pixels(tmp_path, array):
    with pytest.raises(ValueError, match="two dimensions of float32, uint16 or uint32"):
        write_tiff(tmp_path / "x.tif", array, {})


@pytest.mark.parametrize(
    "metadata",
    [
        {"x": float("nan")},
        {"x": object()},
        {"pixel_size_mm": 0.0},
        {"pixel_size_mm": -1},
    ],
)
def test_unsuitable_metadata(tmp_path, metadata):
    with pytest.raises(ValueError):
        write_tiff(tmp_path / "x.tif", PIXELS, metadata)
    assert os.listdir(tmp_path) == []


def test_full_disk():
    with pytest.raises(FileError, match="^cannot write /dev/full: no space left"):
        write_tiff("/dev/full", np.zeros((300, 300), np.float32), {})


@pytest.mark.parametrize("description", ["plain text", "[1, 2]"])
def test_tiff_of_another_program(tmp_path, description):
    tifffile.imwrite(tmp_path / "x.tif", PIXELS, description=description, metadata=None)
    array, metadata = read_tiff(tmp_path / "x.tif")
    np.testing.assert_array_equal(array, PIXELS)
    assert metadata == {}


@pytest.mark.parametrize("kept", [0, 1, 4, 8, 40, 200])
def test_truncated(tmp_path, kept):
    path = tmp_path / "x.tif"
    write_tiff(path, PIXELS, METADATA)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(FileError, match="x.tif"):
        read_tiff(path)


def test_other_format(tmp_path):
    (tmp_path / "x.tif").write_bytes(b"{\nHEADER_BYTES=512;\n" + bytes(600))
    with pytest.raises(FileError, match="cannot read TIFF image"):
        read_tiff(tmp_path / "x.tif")
