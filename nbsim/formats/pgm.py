# SPDX-License-Identifier: MIT
"""PGM previews, byte for byte as the C program writes them."""

import os
from typing import BinaryIO

import numpy as np

from nbsim.formats.files import replace_when_complete
from nbsim.formats.registry import Content, ImageFormat


def write_pgm(
    path: str | os.PathLike | BinaryIO, pixels: np.ndarray, scale: float
) -> None:
    """Write a binary PGM image.

    The comment stands after the size line, as in nanoBragg.c: Pillow reads that,
    fabio does not.

    Parameters
    ----------
    path
        The file, replaced when complete, or an open binary stream.
    pixels
        (slow, fast) uint8.
    scale
        Factor from photons to grey levels, for the comment.

    Raises
    ------
    FileError
        If the file cannot be written.
    ValueError
        If `pixels` is not a two-dimensional array of uint8.
    """
    if pixels.ndim != 2 or not pixels.size or pixels.dtype != np.uint8:
        raise ValueError(
            f"pixels of shape {pixels.shape} and type {pixels.dtype}: a PGM image "
            "has two dimensions of uint8"
        )
    slow, fast = pixels.shape
    header = f"P5\n{fast} {slow}\n# pixels scaled by {scale:g}\n255\n"
    with replace_when_complete(path) as stream:
        stream.write(header.encode("ascii"))
        stream.write(np.ascontiguousarray(pixels).data)


def _write(stream: BinaryIO, content: Content) -> None:
    write_pgm(stream, content.pixels, 1.0 if content.scale is None else content.scale)


FORMAT = ImageFormat(name="PGM", suffixes=(".pgm",), holds=("uint8",), write=_write)
