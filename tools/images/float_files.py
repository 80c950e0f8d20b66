# SPDX-License-Identifier: MIT
"""What can be read of a run of nanoBragg or nbsim: the float image, the phi steps."""

import re
from pathlib import Path

import numpy as np

from nbsim.errors import FileError
from nbsim.formats.files import input_stream, read_bytes
from nbsim.formats.smv import header_pairs
from nbsim.model.structure_factors import available_memory

#: Longest SMV header that is looked through, bytes.
HEADER = 8192


def read_float_image(path: Path, int_path: Path) -> np.ndarray:
    """Read a float image, whose size is that of the integer image of the same run.

    Of the integer image only the header is read: the C program's pixels begin late
    where its header outgrows the length that it states.

    Returns
    -------
    ndarray
        (slow, fast) float32, photons per pixel.

    Raises
    ------
    FileError
        When one of them is missing, or they do not fit.
    """
    with input_stream(int_path, "integer image") as stream:
        header = stream.read(HEADER).decode("latin-1")
    pairs = header_pairs(header)
    try:
        shape = (int(pairs["SIZE2"]), int(pairs["SIZE1"]))
    except (KeyError, ValueError):
        raise FileError(f"{int_path}: no SIZE1 and SIZE2 in its header") from None
    content = read_bytes(path, "float image", most=available_memory() // 2)
    if len(content) != 4 * shape[0] * shape[1] or min(shape) < 1:
        raise FileError(
            f"{path}: {len(content)} bytes, but {int_path} says {shape[1]} x "
            f"{shape[0]} pixels, of 4 bytes each"
        )
    return np.frombuffer(content, "<f4").reshape(shape)


def phi_zero_step(printed: str) -> tuple[int, int] | None:
    """Return the first step with phi = 0 and the number of steps.

    Read from a program's own list of steps, because options, headers and defaults all
    have a say in it. None: there is no such step, or no other one to be stale from.
    """
    steps = re.findall(r"^phi\d+ = (\S+)$", printed, re.MULTILINE)
    zeros = [i for i, phi in enumerate(steps) if float(phi) == 0]
    return (zeros[0], len(steps)) if zeros and len(steps) > 1 else None
