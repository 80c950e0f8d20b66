# SPDX-License-Identifier: MIT
import math
import os
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nbsim.errors import FileError
from nbsim.formats.smv import header_pairs, header_value, read_smv, write_smv

PIXELS = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000


def smv_bytes(pixels, order="little_endian", size=512, **changes):
    """Return an SMV file as another program could write it."""
    lines = {
        "HEADER_BYTES": f"{size:5d}",
        "DIM": "2",
        "BYTE_ORDER": order,
        "TYPE": "unsigned_short",
        "SIZE1": str(pixels.shape[1]),
        "SIZE2": str(pixels.shape[0]),
    }
    lines.update(changes)
    text = "".join(
        f"{key}={value};\n" for key, value in lines.items() if value is not None
    )
    header = f"{{\n{text}}}\n".encode().ljust(size)
    sign = ">" if order == "big_endian" else "<"
    return header + pixels.astype(sign + "u2").tobytes()


@pytest.fixture
def stored(tmp_path):
    def store(content):
        path = tmp_path / "x.img"
        path.write_bytes(content)
        return path

    return store


@pytest.mark.parametrize("order", ["little_endian", "big_endian"])
@pytest.mark.parametrize("size", [512, 1024, 1536])
def test_read(stored, order, size):
    path = stored(smv_bytes(PIXELS, order, size))
    image = read_smv(path)
    np.testing.assert_array_equal(image.pixels, PIXELS)
    assert image.pixels.dtype == np.uint16 and image.pixels.dtype.isnative
    assert image.path == str(path)
    assert len(image.header) == size


def test_writer_gives_the_c_layout(tmp_path):
    path = tmp_path / "x.img"
    write_smv(path, PIXELS, {"PIXEL_SIZE": "0.1", "DIALS_ORIGIN": "1,2,3"})
    text = (
        "{\nHEADER_BYTES=512;\nDIM=2;\n"
        f"BYTE_ORDER={sys.byteorder}_endian;\nTYPE=unsigned_short;\n"
        "SIZE1=4;\nSIZE2=3;\nPIXEL_SIZE=0.1;\nDIALS_ORIGIN=1,2,3;\n}\f"
    )
    assert path.read_bytes() == text.encode().ljust(512) + PIXELS.tobytes()


@pytest.mark.parametrize("extra", range(330, 1400, 97))
def test_header_grows_in_blocks(tmp_path, extra):
    path = tmp_path / "x.img"
    write_smv(path, PIXELS, {"REMARK": "x" * extra, "LAST": "7"})
    image = read_smv(path)
    size = int(image.value("HEADER_BYTES"))
    assert size % 512 == 0 and len(image.header) == size
    assert size - 512 < len(image.header.rstrip(" ")) <= size
    assert path.stat().st_size == size + 24
    assert image.header.rstrip(" ").endswith("LAST=7;\n}\f")
    np.testing.assert_array_equal(image.pixels, PIXELS)


@given(
    pixels=hnp.arrays(np.uint16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)),
    header=st.dictionaries(
        st.text("ABCXYZ_", min_size=1, max_size=12),
        st.floats(allow_nan=False, width=32).map("{:g}".format),
        max_size=30,
    ),
)
def test_round_trip(tmp_path_factory, pixels, header):
    path = tmp_path_factory.mktemp("smv") / "x.img"
    write_smv(path, pixels, header)
    image = read_smv(path)
    np.testing.assert_array_equal(image.pixels, pixels)
    pairs = header_pairs(image.header)
    assert list(pairs)[6:] == list(header)
    assert {key: pairs[key] for key in header} == header


def test_any_memory_layout_can_be_written(tmp_path):
    for pixels in (PIXELS.T, PIXELS[:, ::2], PIXELS.astype(">u2")):
        write_smv(tmp_path / "x.img", pixels, {})
        np.testing.assert_array_equal(read_smv(tmp_path / "x.img").pixels, pixels)


def test_fabio_reads_it(tmp_path):
    fabio = pytest.importorskip("fabio")
    path = tmp_path / "x.img"
    write_smv(path, PIXELS, {"DISTANCE": "100", "DIALS_ORIGIN": "1,2,3"})
    with fabio.open(str(path)) as image:
        np.testing.assert_array_equal(image.data, PIXELS)
        assert image.header["DISTANCE"] == "100"
        assert image.header["DIALS_ORIGIN"] == "1,2,3"


@pytest.mark.parametrize(
    "pixels", [PIXELS.astype(float), PIXELS.astype(np.int16), PIXELS[0], PIXELS[:0]]
)
def test_unsuitable_pixels(tmp_path, pixels):
    with pytest.raises(ValueError, match="an SMV image has two dimensions of uint16"):
        write_smv(tmp_path / "x.img", pixels, {})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "key, text",
    [("SIZE1", "3"), ("", "3"), ("A=B", "3"), ("A", "1;"), ("A", "1\n"), ("A", "}")]
    + [("A", "\N{DEGREE SIGN}")],
)
def test_unsuitable_header(tmp_path, key, text):
    with pytest.raises(ValueError, match="SMV header"):
        write_smv(tmp_path / "x.img", PIXELS, {key: text})


def test_full_disk():
    with pytest.raises(FileError, match="^cannot write /dev/full: no space left"):
        write_smv("/dev/full", PIXELS, {})


@pytest.mark.parametrize("length", [1, 511, 512, 535])
def test_truncated(stored, length):
    path = stored(smv_bytes(PIXELS)[:length])
    with pytest.raises(FileError, match="is truncated|is not an SMV image"):
        read_smv(path)


def test_truncated_message(stored):
    path = stored(smv_bytes(PIXELS)[:-1])
    with pytest.raises(FileError) as caught:
        read_smv(path)
    assert str(caught.value) == (
        f"{path} is truncated: 4 x 3 pixels after a header of 512 bytes make "
        "536 bytes, the file has 535"
    )


def test_truncated_in_a_long_header(stored):
    path = stored(smv_bytes(PIXELS, size=1536)[:1000])
    with pytest.raises(FileError, match="its header should have 1536 bytes"):
        read_smv(path)


def test_more_bytes_than_pixels_are_tolerated(stored):
    image = read_smv(stored(smv_bytes(PIXELS) + b"more"))
    np.testing.assert_array_equal(image.pixels, PIXELS)


@pytest.mark.parametrize("content", [b"P5\n3 4\n255\n" + bytes(600), b"{\nDIM=2;\n}"])
def test_other_format(stored, content):
    with pytest.raises(FileError, match="is not an SMV image"):
        read_smv(stored(content))


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"TYPE": "float"}, "TYPE=float: only unsigned_short"),
        ({"BYTE_ORDER": "middle_endian"}, "BYTE_ORDER=middle_endian: must be"),
        ({"BYTE_ORDER": None}, "BYTE_ORDER=: must be"),
        ({"HEADER_BYTES": "500"}, "HEADER_BYTES=500: must be a multiple of 512"),
        ({"HEADER_BYTES": "0"}, "HEADER_BYTES=0: must be"),
        ({"HEADER_BYTES": "-512"}, "HEADER_BYTES=-512: must be"),
        ({"HEADER_BYTES": "nan"}, "HEADER_BYTES=None: must be"),
        ({"HEADER_BYTES": "inf"}, "HEADER_BYTES=inf: must be"),
        ({"SIZE1": "0"}, r"SIZE1=\(missing\), SIZE2=\(missing\)"),
        ({"SIZE1": None, "SIZE2": None}, r"SIZE1=\(missing\), SIZE2=\(missing\)"),
        ({"SIZE2": "0"}, "SIZE1=4, SIZE2=0: an image has at least 1 x 1 pixels"),
        ({"SIZE2": "-3"}, "SIZE2=-3"),
        ({"SIZE2": None}, r"SIZE2=\(missing\)"),
        ({"SIZE1": "4e9"}, r"SIZE1=4e\+09"),
    ],
)
def test_bad_header(stored, changes, message):
    with pytest.raises(FileError, match=message):
        read_smv(stored(smv_bytes(PIXELS, **changes)))


def test_type_is_optional(stored):
    image = read_smv(stored(smv_bytes(PIXELS, TYPE=None)))
    np.testing.assert_array_equal(image.pixels, PIXELS)


@pytest.mark.parametrize("size1", [None, "0"])
def test_detector_dimensions_give_a_square(stored, size1):
    square = PIXELS[:, :3]
    content = smv_bytes(square, SIZE1=size1, SIZE2=None, DETECTOR_DIMENSIONS="3 3")
    np.testing.assert_array_equal(read_smv(stored(content)).pixels, square)


def test_value_is_taken_from_the_last_place():
    header = "{\nDISTANCE=100;\nPHI=1;\nCLOSE_DISTANCE=99.5;\nPHI=2.5;\n}"
    assert header_value(header, "DISTANCE") == 99.5  # C quirk: also inside a word
    assert header_value(header, "PHI") == 2.5
    assert header_value(header, "CLOSE_DISTANCE") == 99.5
    assert header_value(header, "WAVELENGTH") is None


def test_value_belongs_to_the_next_equals_sign():
    assert header_value("{\nPHI;\nOSC=3;\n}", "PHI") == 3.0
    assert header_value("{\nOSC=3;\nPHI;\n}", "PHI") == 0.0


def test_overlapping_keyword_counts_as_in_c():
    # From left to right without overlap: AA at 0, so "=" after that.
    assert header_value("AAA=1;AB=2", "AA") == 1.0


@pytest.mark.parametrize(
    "text, number",
    [
        ("12.5;", 12.5),
        ("  -3e-2;", -0.03),
        ("\t\n+.5mm", 0.5),
        ("5.", 5.0),
        ("1e;", 1.0),
        ("1e+x", 1.0),
        ("1,5", 1.0),
        ("2048 2048", 2048.0),
        ("", 0.0),
        ("none", 0.0),
        ("-", 0.0),
        (".", 0.0),
        ("0x1F;", 31.0),
        ("-0x1.8p1", -3.0),
        ("0x;", 0.0),
        ("0x1p99999", math.inf),
        ("1e999", math.inf),
        ("-infinity", -math.inf),
        ("nan", None),  # C takes NaN for "not in the header"
    ],
)
def test_number_is_read_as_by_atof(text, number):
    assert header_value(f"KEY={text}", "KEY") == number


def test_header_ends_at_nul(stored):
    content = bytearray(smv_bytes(PIXELS, PHI="1"))
    end = content.index(b"}")
    content[end : end + 8] = b"\0PHI=99;"
    image = read_smv(stored(bytes(content)))
    assert image.value("PHI") == 1.0
    assert image.header.endswith("PHI=1;\n")


def test_header_pairs():
    header = "{\nA=1;\nB = x=y ;\nDIALS_ORIGIN=1,2,3\r\nno pair\n}\fC=3;\n"
    assert header_pairs(header) == {"A": "1", "B": "x=y", "DIALS_ORIGIN": "1,2,3"}


def header_of_length(length):
    """Return keywords whose text without ADC_OFFSET has exactly so many bytes."""
    stem = len("{\nHEADER_BYTES=512;\nDIM=2;\nBYTE_ORDER=little_endian;\n")
    stem += len("TYPE=unsigned_short;\nSIZE1=4;\nSIZE2=3;\nNOTE=;\n}")
    return {"NOTE": "x" * (length - stem), "ADC_OFFSET": "40"}


@pytest.mark.parametrize(
    "length, size, adc_offset",
    [
        (400, 512, "40"),
        (512 - len("ADC_OFFSET=40;\n"), 512, "40"),
        (512 - len("ADC_OFFSET=40;\n") + 1, 512, None),
        (511, 512, None),
        (512, 512, None),
        (513, 1024, "40"),
    ],
)
def test_header_stays_512_bytes_where_the_text_of_c_fits(
    length, size, adc_offset, tmp_path
):
    path = tmp_path / "a.img"
    write_smv(path, PIXELS, header_of_length(length))
    data = path.read_bytes()
    assert data[size:] == PIXELS.tobytes()
    image = read_smv(path)
    assert image.value("HEADER_BYTES") == size
    assert ("ADC_OFFSET" in image.header) == (adc_offset is not None)
    assert (image.pixels == PIXELS).all()
