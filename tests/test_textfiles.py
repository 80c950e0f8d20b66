# SPDX-License-Identifier: MIT
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbsim.errors import FileError
from nbsim.formats.textfiles import read_matrix, read_sources, read_stol

MATRIX = """ 0.01541 -0.00284  0.00119
 0.00512  0.01389 -0.00344
-0.00301  0.00371  0.01218
"""
EXPECTED = np.array(
    [
        [0.01541, -0.00284, 0.00119],
        [0.00512, 0.01389, -0.00344],
        [-0.00301, 0.00371, 0.01218],
    ]
)


@pytest.fixture
def stored(tmp_path):
    def store(text):
        path = tmp_path / "x.txt"
        path.write_bytes(text.encode("latin-1"))
        return path

    return store


@pytest.mark.parametrize(
    "text",
    [
        MATRIX,
        MATRIX.replace("\n", "\r\n"),
        MATRIX.replace("\n", " "),
        "# orientation\n\n" + MATRIX,
        MATRIX.replace(" -", "-"),  # Fortran columns that touch
        MATRIX + " 0.0 0.0 0.0\n 1. 0. 0.\n    70.0  80.0 words\n",
        MATRIX.replace(" 0.00512 ", "5.12e-3,"),
    ],
)
def test_matrix(stored, text):
    matrix = read_matrix(stored(text))
    assert matrix.dtype == np.float64
    np.testing.assert_array_equal(matrix, EXPECTED)


@pytest.mark.parametrize(
    "text, message",
    [
        ("1 2 3\n4 5 6\n7 8\n", "x.txt: an orientation matrix has 9 numbers, got 8"),
        ("# nothing\n", "has 9 numbers, got 0"),
        ("1 0 0\n0 one 0\n0 0 1\n", "x.txt:2: 'one' is not a finite number"),
        ("1 0 0\n0 nan 0\n0 0 1\n", "x.txt:2: 'nan' is not a finite number"),
        ("1 0 0\n0 1e999 0\n0 0 1\n", "x.txt:2: '1e999' is not a finite number"),
        ("1 0 0\n0 1_0 0\n0 0 1\n", "x.txt:2: '1_0' is not a finite number"),
        ("1 2 3\n4 5 6\n7 8 9\n", "x.txt: the matrix is singular"),
        ("0 1 1\n0 5 6\n0 8 1\n", "x.txt: the matrix is singular"),
        ("", "matrix file .*x.txt is empty"),
    ],
)
def test_bad_matrix(stored, text, message):
    with pytest.raises(FileError, match=message):
        read_matrix(stored(text))


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_scale_of_a_matrix_does_not_matter(stored, scale):
    text = " ".join(f"{value:g}" for value in (scale * np.eye(3)).ravel())
    np.testing.assert_allclose(read_matrix(stored(text)), scale * np.eye(3), rtol=1e-15)


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(
    rows=st.lists(st.lists(finite, min_size=1, max_size=7), min_size=1, max_size=5),
    separator=st.sampled_from([" ", ",", "\t", " ; ", ":", "!", ", "]),
    end=st.sampled_from(["\n", "\r\n", "\r", "\n\n", " # note\n"]),
)
def test_sources(tmp_path_factory, rows, separator, end):
    path = tmp_path_factory.mktemp("sources") / "x.txt"
    text = "".join(separator.join(map(repr, row)) + end for row in rows)
    path.write_bytes(text.encode())
    expected = np.full((len(rows), 5), np.nan)
    for line, row in zip(expected, rows):
        line[: len(row)] = row[:5]
    np.testing.assert_array_equal(read_sources(path), expected)


def test_sources_without_all_columns(stored):
    text = "# X Y Z\n-10 0.01 0\n\n  -10 0 0.01 nan 1e-10\n;-9\n-8 1 2 3 4 remarks\n"
    nan = math.nan
    np.testing.assert_array_equal(
        read_sources(stored(text)),
        [
            [-10, 0.01, 0, nan, nan],
            [-10, 0, 0.01, nan, 1e-10],
            [-9] + 4 * [nan],
            [-8, 1, 2, 3, 4],
        ],
    )


@pytest.mark.parametrize(
    "text, message",
    [
        ("# only a remark\n\n", "x.txt: no line with X Y Z weight wavelength"),
        ("-10 0 0\nbad 0 0\n", "x.txt:2: 'bad' is not a finite number"),
        ("-10 0 0\r\r-10 inf 0\r", "x.txt:3: 'inf' is not a finite number"),
        ("", "source file .*x.txt is empty"),
    ],
)
def test_bad_sources(stored, text, message):
    with pytest.raises(FileError, match=message):
        read_sources(stored(text))


def test_stol(stored):
    text = "# water\n0.0 2.57\n\n0.1,2.6 remark\n0.2\t3\n"
    np.testing.assert_array_equal(
        read_stol(stored(text)), [[0, 2.57], [0.1, 2.6], [0.2, 3]]
    )


@pytest.mark.parametrize(
    "text, message",
    [
        ("0.1 2\n0.2\n", "x.txt:2: expected stol F, got 1 column"),
        ("0.1 2\n0.2 nan\n", "x.txt:2: 'nan' is not a finite number"),
        ("0.1 2\nstol F\n", "x.txt:2: 'stol' is not a finite number"),
        ("\n", "x.txt: no line with stol F"),
        ("", "stol file .*x.txt is empty"),
    ],
)
def test_bad_stol(stored, text, message):
    with pytest.raises(FileError, match=message):
        read_stol(stored(text))


@pytest.mark.parametrize("reader", [read_matrix, read_sources, read_stol])
def test_missing_file(tmp_path, reader):
    with pytest.raises(FileError, match="there is no such file"):
        reader(tmp_path / "absent")
