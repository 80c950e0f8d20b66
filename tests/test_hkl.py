# SPDX-License-Identifier: MIT
import os
import struct
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from nbsim.errors import FileError
from nbsim.formats import hkl
from nbsim.formats.hkl import read_fdump, read_hkl, write_fdump, write_hkl
from nbsim.kernels import hkl_text
from nbsim.model import structure_factors
from nbsim.model.structure_factors import StructureFactors


@njit(error_model="numpy")
def scale_by_ten(digits, exponent):
    """The kernel, which Python cannot call."""
    return hkl_text.scale_by_ten(digits, exponent)


@pytest.fixture
def stored(tmp_path):
    def store(text):
        path = tmp_path / "P1.hkl"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("latin-1"))
        return path

    return store


def amplitudes(sf):
    """Return {(h, k, l): F} of what differs from default_F."""
    low = (sf.h_min, sf.k_min, sf.l_min)
    return {
        tuple(int(i) + start for i, start in zip(index, low)): float(sf.F[tuple(index)])
        for index in np.argwhere(sf.F != sf.default_F)
    }


LIST = {(-1, 2, 0): 10.5, (3, -4, 5): 20.0, (0, 0, 1): 1e-3}


@pytest.mark.parametrize(
    "text",
    [
        "-1 2 0 10.5\n3 -4 5 20\n0 0 1 0.001\n",
        "-1 2 0 10.5\n3 -4 5 20\n0 0 1 0.001",  # no line end at the end
        "-1 2 0 10.5\r\n3 -4 5 20\r\n0 0 1 0.001\r\n",
        "-1 2 0 10.5\r3 -4 5 20\r0 0 1 0.001\r",
        "  -1\t2 \v0\f10.5  \n\n \t\n+3,-4 , +5,+20\n,0,0,1,1e-3,\n",
        "# F\n!\n ; x\n-1 2 0 10.5 0.1 words\n3.0 -4. 5e0 2E+1 # x\n-0 0 .1e1 .1e-2\n",
        "3 -4 5 99\n-1 2 0 10.5\n0 0 1 1e-3\n3 -4 5 20\n",  # the last one counts
        "-1 2 0 10.500000000000000000000\n3 -4 5 2000000000000000000000e-20\n"
        "0 0 1 0.00100000000000000000000000000000\n",
        "-1.000000000000000000e+00 2.000000000000000000e+00 0.000000000000000000e+00 "
        "1.050000000000000000e+01\n3 -4 5 00000000000000000000000000020\n0 0 1 1e-3\n",
    ],
)
def test_spellings(stored, text):
    sf = read_hkl(stored(text))
    assert amplitudes(sf) == LIST
    assert (sf.h_min, sf.k_min, sf.l_min) == (-1, -4, 0)
    assert sf.F.shape == (5, 7, 6)
    assert sf.hkls == (4 if "99" in text else 3)


def test_default_F_fills_the_holes(stored):
    sf = read_hkl(stored("0 0 0 5\n2 0 1 6\n"), default_F=30.0)
    np.testing.assert_array_equal(sf.F, [[[5, 30]], [[30, 30]], [[30, 6]]])
    assert sf.default_F == 30.0 and sf.hkls == 2


number_texts = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-1e6, 1e6).flatmap(
        lambda F: st.sampled_from(
            [f"{F:.4f}", f"{F:g}", f"{F:.17g}", f"{F:.18e}", f"{F:.25f}"]
        )
    ),
    st.from_regex(
        r"[+-]?[0-9]{1,25}(\.[0-9]{0,25})?(e[+-]?[0-9]{1,2})?", fullmatch=True
    ),
    st.from_regex(r"[+-]?\.[0-9]{1,25}(E[+-]?[0-9]{1,2})?", fullmatch=True),
)


@given(st.lists(number_texts, min_size=1, max_size=20))
def test_F_is_correctly_rounded(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("hkl") / "x.hkl"
    path.write_text("".join(f"{h} 0 0 {text}\n" for h, text in enumerate(texts)))
    expected = [float(text) for text in texts]
    assert read_hkl(path).F[:, 0, 0].tolist() == expected


@given(st.integers(0, 9_220_000_000_000_000_000), st.integers(-22, 22))
def test_scale_by_ten_is_certain_only_when_right(digits, exponent):
    value, certain = scale_by_ten(digits, exponent)
    if certain:
        assert value == float(f"{digits}e{exponent}")
    else:  # only close to the middle between two doubles
        assert digits > 2**53


def test_scale_by_ten_at_the_middle_between_doubles():
    # 2**53 + 1 lies exactly between two doubles: either the value is right or
    # the function says that it cannot tell.
    for digits in (2**53 + 1, 2**53 + 3, 2**54 + 2, 2**60 + 128):
        value, certain = scale_by_ten(digits, 0)
        assert not certain or value == float(digits)


def test_middle_between_doubles_is_read_right(stored):
    sf = read_hkl(stored("0 0 0 9007199254740993\n1 0 0 9007199254740995\n"))
    assert sf.F.ravel().tolist() == [9007199254740992.0, 9007199254740996.0]


indices = st.tuples(*3 * [st.integers(-6, 6)])


@given(
    st.lists(
        st.tuples(indices, st.floats(-1e9, 1e9).filter(bool)), min_size=1, max_size=40
    ),
    st.integers(1, 40),
)
def test_chunk_borders_leave_no_trace(tmp_path_factory, reflections, chunk):
    path = tmp_path_factory.mktemp("hkl") / "x.hkl"
    path.write_text("".join(f"{h} {k} {l} {F!r}\n" for (h, k, l), F in reflections))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hkl, "_CHUNK", chunk)
        sf = read_hkl(path)
    assert amplitudes(sf) == dict(reflections)
    assert sf.hkls == len(reflections)


@pytest.mark.parametrize(
    "line, message",
    [
        ("1 2 3", "P1.hkl:17: expected h k l F, got 3 columns"),
        ("7", "P1.hkl:17: expected h k l F, got 1 column"),
        ("2.5 2 3 4", "P1.hkl:17: index 2.5 is not a whole number"),
        ("1 -2e-1 3 4", "P1.hkl:17: index -2e-1 is not a whole number"),
        ("1 2 1000000001 4", "P1.hkl:17: index 1000000001 is beyond 1,000,000,000"),
        ("1 2 -1e30 4", "P1.hkl:17: index -1e30 is beyond 1,000,000,000"),
        ("1 2 3 F", "P1.hkl:17: expected h k l F, got 'F' as F"),
        ("h k l F", "P1.hkl:17: expected h k l F, got 'h' as index"),
        ("1 2 3 4.5x", "P1.hkl:17: expected h k l F, got '4.5x' as F"),
        ("1 2 3 4.5#x", "P1.hkl:17: expected h k l F, got '4.5#x' as F"),
        ("1 2 3 4.5.6", "P1.hkl:17: expected h k l F, got '4.5.6' as F"),
        ("1 2 3 1e", "P1.hkl:17: expected h k l F, got '1e' as F"),
        ("1 2 3 .", "P1.hkl:17: expected h k l F, got '.' as F"),
        ("1 2 3 -", "P1.hkl:17: expected h k l F, got '-' as F"),
        ("1 2 3 --4", "P1.hkl:17: expected h k l F, got '--4' as F"),
        ("1 2 3 1_0", "P1.hkl:17: expected h k l F, got '1_0' as F"),
        ("1 2 3 0x10", "P1.hkl:17: expected h k l F, got '0x10' as F"),
        ("1 2 3 nan", "P1.hkl:17: expected h k l F, got 'nan' as F"),
        ("1 2 3 -inf", "P1.hkl:17: expected h k l F, got '-inf' as F"),
        ("1 2 3 1e999", "P1.hkl:17: F 1e999 is not a finite number"),
        ("1 2 3 \x00\xff", r"P1.hkl:17: expected h k l F, got '\\x00\\xff' as F"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("after", ["", "5 5 5 5"])
def test_bad_line(stored, line, message, end, after):
    text = end.join(["# remark"] + ["1 2 3 4"] * 14 + ["", line, after])
    with pytest.raises(FileError, match=message):
        read_hkl(stored(text))


def test_line_number_counts_across_chunks(stored, monkeypatch):
    monkeypatch.setattr(hkl, "_CHUNK", 10)
    with pytest.raises(FileError, match="P1.hkl:30: index 0.5"):
        read_hkl(stored("1 2 3 4\n" * 29 + "0.5 2 3 4\n"))


@pytest.mark.parametrize("text", ["", "\n", "# remark", "\n\n;\n"])
def test_no_reflection(stored, text):
    with pytest.raises(
        FileError, match="P1.hkl: no reflection( in|, the file is empty)"
    ):
        read_hkl(stored(text))


def test_missing_file(tmp_path):
    for reader in (read_hkl, read_fdump):
        with pytest.raises(FileError, match="there is no such file"):
            reader(tmp_path / "absent")


def test_grid_too_wide_for_memory(stored):
    text = "0 0 0 1\n100000 100000 100000 1\n"
    with pytest.raises(
        FileError, match=r"P1.hkl: h 0..100000.* need 8e\+06 GB of memory"
    ):
        read_hkl(stored(text))


def test_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(b"1 2 3 4\n5 6 7 8\n"))
    writer.start()
    sf = read_hkl(pipe)
    writer.join(timeout=10)
    assert amplitudes(sf) == {(1, 2, 3): 4.0, (5, 6, 7): 8.0}


@pytest.mark.parametrize("later", ["9 9 9 9\n", "9 9 9 9.00000000000000000000000001\n"])
def test_file_that_grows_meanwhile(stored, monkeypatch, later):
    path = stored("0 0 0 1\n1 1 1 1\n")

    def append(*_):
        with open(path, "a") as stream:
            stream.write(later)

    monkeypatch.setattr(hkl, "check_grid_fits", append)
    with pytest.raises(FileError, match="changed while it was read"):
        read_hkl(path)


def test_file_that_shrinks_meanwhile(stored, monkeypatch):
    path = stored("0 0 0 1\n1 1 1 1\n")
    monkeypatch.setattr(hkl, "check_grid_fits", lambda *_: os.truncate(path, 8))
    with pytest.raises(FileError, match="changed while it was read"):
        read_hkl(path)


SMALL = StructureFactors(
    np.array([[[1.5, 2.5]], [[-3.25, 1e-300]]]), h_min=-1, k_min=4, l_min=0, hkls=4
)
# The layout of nanoBragg.c: bounds, then one element more than the box in each
# dimension, which calloc left at zero.
SMALL_DUMP = b"-1 0 4 4 0 1\n\f" + struct.pack(
    "=18d",
    *(1.5, 2.5, 0, 0, 0, 0),
    *(-3.25, 1e-300, 0, 0, 0, 0),
    *(0, 0, 0, 0, 0, 0),
)


def test_dump_bytes(tmp_path):
    write_fdump(tmp_path / "Fdump.bin", SMALL)
    assert (tmp_path / "Fdump.bin").read_bytes() == SMALL_DUMP


def test_dump_of_c_is_read(stored):
    sf = read_fdump(stored(SMALL_DUMP), default_F=7.0)
    np.testing.assert_array_equal(sf.F, SMALL.F)
    assert (sf.h_min, sf.k_min, sf.l_min) == (-1, 4, 0)
    assert (sf.default_F, sf.hkls) == (7.0, 4)


def test_dump_that_begins_like_blanks(tmp_path):
    # C's fscanf would swallow these bytes of the first number.
    F = np.frombuffer(b"\x20\x0a\x09\x0d\x20\x20\x20\x20").reshape(1, 1, 1)
    write_fdump(tmp_path / "Fdump.bin", StructureFactors(F, hkls=1))
    np.testing.assert_array_equal(read_fdump(tmp_path / "Fdump.bin").F, F)


grids = st.tuples(*3 * [st.integers(1, 5)]).flatmap(
    lambda shape: st.lists(
        st.floats(allow_nan=False, allow_infinity=False),
        min_size=int(np.prod(shape)),
        max_size=int(np.prod(shape)),
    ).map(lambda values: np.array(values).reshape(shape))
)


@given(F=grids, low=indices)
def test_round_trips(tmp_path_factory, F, low):
    path = tmp_path_factory.mktemp("hkl") / "x"
    sf = StructureFactors(F, *low, hkls=F.size)
    for writer, reader in ((write_hkl, read_hkl), (write_fdump, read_fdump)):
        writer(path, sf)
        back = reader(path)
        assert back.F.tobytes() == F.tobytes()  # also the sign of zero
        assert (back.h_min, back.k_min, back.l_min, back.hkls) == (*low, F.size)


@pytest.mark.parametrize("writer", [write_hkl, write_fdump])
def test_nothing_to_write(tmp_path, writer):
    with pytest.raises(ValueError, match="no list of structure factors"):
        writer(tmp_path / "x", StructureFactors(default_F=1.0))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("writer", [write_hkl, write_fdump])
def test_full_disk(writer):
    with pytest.raises(FileError, match="^cannot write /dev/full: no space left"):
        writer("/dev/full", SMALL)


@pytest.mark.parametrize(
    "content, message",
    [
        (SMALL_DUMP[:-1], "is truncated: 158 bytes expected, got 157"),
        (SMALL_DUMP[:20], "is truncated"),
        (
            SMALL_DUMP + b"\0",
            "does not end where it should: 158 bytes expected, got 159",
        ),
        (SMALL_DUMP[:10], "is not a dump"),
        (b"", "is not a dump"),
        (b"0 0 0 1\n1 0 0 2\n", "is not a dump"),
        (b"0 -5 0 0 0 0\n\f", "is not a dump"),
        (b"0 9999999999 0 0 0 0\n\f", "is not a dump"),
        (
            SMALL_DUMP[:14] + struct.pack("=d", np.nan) + SMALL_DUMP[22:],
            "is not a dump",
        ),
        (SMALL_DUMP.replace(b"\n\f", b"\r\n\f"), "is not a dump"),
    ],
)
def test_foreign_dump(stored, content, message):
    with pytest.raises(FileError, match=message):
        read_fdump(stored(content))


def test_dump_too_wide_for_memory(stored, monkeypatch):
    monkeypatch.setattr(structure_factors, "available_memory", lambda: 31)
    with pytest.raises(FileError, match="need 3.2e-08 GB of memory"):
        read_fdump(stored(SMALL_DUMP))
