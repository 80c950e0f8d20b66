# SPDX-License-Identifier: MIT
"""PNG images, with nothing but the standard library.

Source: PNG specification, ISO/IEC 15948, sections 5 (structure), 9 (filters) and
11.2 (chunks).
"""

import os
import struct
import zlib
from typing import BinaryIO

import numpy as np

from nbsim.formats.files import replace_when_complete
from nbsim.formats.registry import Content, ImageFormat

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB = 0, 2  # colour types
_NO_FILTER, _UP = 0, 2
_LEVEL = 6


def write_png(path: str | os.PathLike | BinaryIO, pixels: np.ndarray) -> None:
    """Write an image as PNG; equal pixels give equal bytes.

    Parameters
    ----------
    path
        The file, replaced when complete, or an open binary stream.
    pixels
        uint8, (slow, fast) for grey levels or (slow, fast, 3) for red, green, blue.

    Raises
    ------
    FileError
        If the file cannot be written.
    ValueError
        If the array is something else.
    """
    with replace_when_complete(path) as stream:
        stream.write(png_bytes(pixels))


def png_bytes(pixels: np.ndarray) -> bytes:
    """Return an image as the bytes of a PNG file; see `write_png`."""
    shape = pixels.shape if isinstance(pixels, np.ndarray) else ()
    colours = shape[2:]
    known = len(shape) >= 2 and colours in ((), (3,))
    if not known or pixels.dtype != np.uint8 or not pixels.size:
        raise ValueError(
            f"pixels of shape {np.shape(pixels)} and type "
            f"{getattr(pixels, 'dtype', type(pixels).__name__)}: a PNG image is "
            "(slow, fast) or (slow, fast, 3) of uint8"
        )
    slow, fast = pixels.shape[:2]
    colour_type = _RGB if colours else _GREY
    size = struct.pack(">IIBBBBB", fast, slow, 8, colour_type, 0, 0, 0)
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", size),
            _chunk(b"IDAT", zlib.compress(_filtered(pixels), _LEVEL)),
            _chunk(b"IEND", b""),
        )
    )


def _filtered(pixels: np.ndarray) -> bytes:
    """Return the rows, each led by its filter; differences of rows pack better."""
    rows = np.ascontiguousarray(pixels).reshape(len(pixels), -1)
    lines = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
    lines[:, 0] = _UP
    lines[0, 0] = _NO_FILTER
    lines[0, 1:] = rows[0]
    lines[1:, 1:] = rows[1:] - rows[:-1]  # modulo 256, as the filter wants
    return lines.tobytes()


def _chunk(name: bytes, content: bytes) -> bytes:
    body = name + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def _write(stream: BinaryIO, content: Content) -> None:
    write_png(stream, content.pixels)


FORMAT = ImageFormat(
    name="PNG", suffixes=(".png",), holds=("uint8", "picture"), write=_write
)
