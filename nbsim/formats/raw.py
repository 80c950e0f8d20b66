# SPDX-License-Identifier: MIT
"""Raw pixels without a header, as the C program writes its float image."""

from typing import BinaryIO

import numpy as np

from .registry import Content, ImageFormat


def _write(stream: BinaryIO, content: Content) -> None:
    stream.write(np.ascontiguousarray(content.pixels).data)


FORMAT = ImageFormat(
    name="raw floats",
    suffixes=(".bin",),
    holds=("float32",),
    write=_write,
    gives_way=True,
)
