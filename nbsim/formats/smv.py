# SPDX-License-Identifier: MIT
"""SMV images (the ADSC format): a text header, then 16-bit pixels.

Follows what ``GetFrame`` and ``ValueOf`` of nanoBragg.c (J. Holton) accept.
"""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from nbsim.errors import FileError
from nbsim.formats.files import input_stream, replace_when_complete
from nbsim.formats.registry import Content, ImageFormat
from nbsim.formats.run_record import smv_header
from nbsim.model.structure_factors import available_memory

_BLOCK = 512  # bytes; headers come in whole blocks
_LARGEST_HEADER = 1 << 20
_MAGIC = b"{\nHEADER_BYT"  # C compares 12 bytes
_LEFT_OUT = ("ADC_OFFSET",)  # where the header would not fit one block otherwise
_WRITTEN_HERE = ("HEADER_BYTES", "DIM", "BYTE_ORDER", "TYPE", "SIZE1", "SIZE2")
_TYPE = "unsigned_short"
#: Of the C program noisify for 32 bits, and what others write.
_LONG_TYPE, _LONG_TYPES = "long_integer", ("long_integer", "unsigned_long")
_C_NUMBER = re.compile(
    r"[ \t\n\v\f\r]*([+-]?)"
    r"(?:(0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?[0-9]+)?)"
    r"|((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf|nan))",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class SmvImage:
    """An SMV image as read.

    Parameters
    ----------
    path
        The file it came from.
    header
        The whole header, padding included, up to the first NUL byte.
    pixels
        (slow, fast) uint16, or uint32, in the byte order of this machine.
    """

    path: str
    header: str
    pixels: np.ndarray

    def value(self, keyword: str) -> float | None:
        """Return the number that the C program takes for a keyword, None for none.

        C quirk: the keyword is found anywhere, also inside a longer one, and the
        last place counts: DISTANCE gives CLOSE_DISTANCE where that comes later.
        """
        return header_value(self.header, keyword)


def header_value(header: str, keyword: str) -> float | None:
    """Return the number after the last `keyword` of a header (C: ValueOf).

    None where C has NaN, which it takes for "not in the header".
    """
    place = 0
    while (found := header.find(keyword, place)) >= 0:
        place = found + len(keyword)
    if place == 0:
        return None
    equals = header.find("=", place)
    if equals < 0:
        return 0.0
    number = _atof(header[equals + 1 :])
    return None if np.isnan(number) else number


def _atof(text: str) -> float:
    """Read the number that a text begins with as C's atof does, 0 for none."""
    match = _C_NUMBER.match(text)
    if match is None:
        return 0.0
    sign, hexadecimal, decimal = match.groups()
    if hexadecimal is None:
        return float(sign + decimal)
    try:
        return float.fromhex(sign + hexadecimal)
    except OverflowError:
        return float(sign + "inf")


def header_pairs(header: str) -> dict[str, str]:
    """Return keyword and text of every line of an SMV header, in file order.

    Lines are split at their first "="; a missing ";" at the end is tolerated.
    """
    pairs = {}
    for line in header.partition("}")[0].split("\n"):
        keyword, equals, text = line.partition("=")
        if equals:
            pairs[keyword.strip()] = text.strip().removesuffix(";").strip()
    return pairs


def read_smv(path: str | os.PathLike) -> SmvImage:
    """Read an SMV image of 16-bit or 32-bit pixels.

    Raises
    ------
    FileError
        If the file is missing, no SMV image, truncated or of another pixel type.
    """
    with input_stream(path, "SMV image") as stream:
        start = stream.read(_BLOCK)
        if not start:
            raise FileError(f"SMV image {path} is empty")
        if not start.startswith(_MAGIC):
            raise FileError(
                f"{path} is not an SMV image: it does not begin with '{{' and "
                "HEADER_BYTES"
            )
        size = _header_size(path, start)
        start += stream.read(size - _BLOCK)
        if len(start) < size:
            raise FileError(
                f"{path} is truncated: its header should have {size} bytes, the file "
                f"has {len(start)}"
            )
        header = _text(start)
        order = _byte_order(path, header)
        fast, slow = image_size(path, header)
        kind = np.uint32 if _is_long(header) else np.uint16
        width = np.dtype(kind).itemsize
        expected = width * fast * slow
        if 2 * expected > available_memory():
            raise FileError(
                f"{path}: {fast} x {slow} pixels need {2 * expected / 1e9:.3g} GB of "
                f"memory, {available_memory() / 1e9:.3g} GB are available"
            )
        content = stream.read(expected)
    if len(content) < expected:
        raise FileError(
            f"{path} is truncated: {fast} x {slow} pixels after a header of {size} "
            f"bytes make {size + expected} bytes, the file has {size + len(content)}"
        )
    stored = np.frombuffer(content, f"{order}u{width}")
    pixels = stored.astype(kind).reshape(slow, fast)
    return SmvImage(path=os.fspath(path), header=header, pixels=pixels)


def _is_long(header: str) -> bool:
    return header_pairs(header).get("TYPE", _TYPE) in _LONG_TYPES


def _text(content: bytes) -> str:
    """Return the bytes up to the first NUL, where a C string ends."""
    return content.partition(b"\0")[0].decode("latin-1")


def _header_size(path: str | os.PathLike, start: bytes) -> int:
    size = header_value(_text(start), "HEADER_BYTES")
    if size is None or not 0 < size <= _LARGEST_HEADER or size % _BLOCK:
        raise FileError(
            f"{path}: HEADER_BYTES={size if size is None else format(size, 'g')}: "
            f"must be a multiple of {_BLOCK}, at most {_LARGEST_HEADER}"
        )
    return int(size)


def _byte_order(path: str | os.PathLike, header: str) -> str:
    """Return numpy's sign for the byte order; also check the pixel type."""
    pairs = header_pairs(header)
    pixel_type = pairs.get("TYPE", _TYPE)
    if not pixel_type.startswith(_TYPE) and pixel_type not in _LONG_TYPES:
        raise FileError(
            f"{path}: TYPE={pixel_type}: only {_TYPE} and {_LONG_TYPE} can be read"
        )
    name = pairs.get("BYTE_ORDER", "")
    for known, sign in (("little_endian", "<"), ("big_endian", ">")):
        if name == known:
            return sign
    raise FileError(f"{path}: BYTE_ORDER={name}: must be little_endian or big_endian")


def image_size(path: str | os.PathLike, header: str) -> tuple[int, int]:
    """Return the numbers of fast and slow pixels of a header.

    Raises
    ------
    FileError
        If the header has none; the message names `path`.
    """
    fast, slow = header_value(header, "SIZE1"), header_value(header, "SIZE2")
    if not fast:
        fast = slow = header_value(header, "DETECTOR_DIMENSIONS")
    if not (fast and slow and 1 <= fast < 2**31 and 1 <= slow < 2**31):
        raise FileError(
            f"{path}: SIZE1={_shown(fast)}, SIZE2={_shown(slow)}: "
            "an image has at least 1 x 1 pixels"
        )
    return int(fast), int(slow)


def _shown(number: float | None) -> str:
    return "(missing)" if number is None else f"{number:g}"


def write_smv(
    path: str | os.PathLike | BinaryIO, pixels: np.ndarray, header: Mapping[str, str]
) -> None:
    """Write an SMV image in this machine's byte order.

    Parameters
    ----------
    path
        The file, replaced when complete, or an open binary stream.
    pixels
        (slow, fast) uint16 or uint32 (TYPE=long_integer, as noisify writes).
    header
        Further keywords and their texts in the order to be written. The keywords
        that describe the file itself (HEADER_BYTES to SIZE2) are added in front.
        ADC_OFFSET, which is nbsim's own, is left out where the header would not fit
        512 bytes because of it: strict readers take no other size.

    Raises
    ------
    FileError
        If the file cannot be written.
    ValueError
        If pixels or header cannot be stored in this format.
    """
    content = smv_bytes(pixels, header)
    with replace_when_complete(path) as stream:
        stream.write(content)


def smv_bytes(pixels: np.ndarray, header: Mapping[str, str]) -> bytes:
    """Return the file that `write_smv` writes."""
    if (
        pixels.ndim != 2
        or not pixels.size
        or pixels.dtype.newbyteorder("=") not in (np.uint16, np.uint32)
    ):
        raise ValueError(
            f"pixels of shape {pixels.shape} and type {pixels.dtype}: an SMV image "
            "has two dimensions of uint16 or uint32"
        )
    slow, fast = pixels.shape
    lines = {
        "DIM": "2",
        "BYTE_ORDER": f"{sys.byteorder}_endian",
        "TYPE": _TYPE if pixels.itemsize == 2 else _LONG_TYPE,
        "SIZE1": str(fast),
        "SIZE2": str(slow),
    }
    for keyword, text in header.items():
        _check_line(keyword, text)
        lines[keyword] = text
    native = pixels.dtype.newbyteorder("=")
    return _header_bytes(lines) + np.ascontiguousarray(pixels, dtype=native).tobytes()


def _check_line(keyword: str, text: str) -> None:
    line = keyword + text
    if not keyword or keyword in _WRITTEN_HERE or "=" in keyword:
        raise ValueError(f"SMV header: {keyword!r} cannot be set as a keyword")
    if not line.isascii() or not line.isprintable() or set(line) & set(";{}"):
        raise ValueError(
            f"SMV header: {keyword}={text!r}: only one line of printable ASCII "
            "without ; { } can be stored"
        )


def _header_bytes(lines: Mapping[str, str]) -> bytes:
    """Return the padded header: as many blocks as the text needs."""
    text = _header_of_size(lines, _BLOCK)
    if len(text) > _BLOCK:
        needed = {k: v for k, v in lines.items() if k not in _LEFT_OUT}
        if len(shorter := _header_of_size(needed, _BLOCK)) <= _BLOCK:
            text = shorter
    size = _BLOCK
    while len(text) > size:
        size += _BLOCK
        text = _header_of_size(lines, size)
    # A form feed follows where there is room: text of exactly 512 bytes has none.
    return f"{text}\f"[:size].ljust(size).encode("ascii")


def _header_of_size(lines: Mapping[str, str], size: int) -> str:
    body = "".join(f"{keyword}={text};\n" for keyword, text in lines.items())
    return f"{{\nHEADER_BYTES={size};\n{body}}}"


def _write(stream: BinaryIO, content: Content) -> None:
    offset = 0.0 if content.adc_offset is None else content.adc_offset
    write_smv(stream, content.pixels, smv_header(content.setup, offset))


FORMAT = ImageFormat(
    name="SMV",
    suffixes=(".img", ".smv"),
    holds=("uint16", "uint32"),
    write=_write,
    read=lambda path: read_smv(path).pixels,
    geometry=True,
    gives_way=True,
)
