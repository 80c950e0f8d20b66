# SPDX-License-Identifier: MIT
"""``-example``: a small crystal with everything that a first picture needs.

The crystal is made up: atoms of random positions, placed by the symmetry of space
group P212121, with structure factors by direct summation. All of it is written to
a folder as ordinary input files, with the command line that renders them.
"""

from __future__ import annotations

import contextlib
import math
import os
import random
import secrets
import shlex
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import FileError, UsageError
from ..formats.files import replace_when_complete
from ..formats.smv import write_smv
from ..model.models import Crystal
from ..resolve.cell import resolve_cell
from ..resolve.vectors import radians
from . import program
from .terminal import say

DEFAULT_FOLDER = "nbsim-example"

CELL = (78.0, 62.0, 51.0, 90.0, 90.0, 90.0)
MISSET_DEG = (17.0, -34.0, 52.0)
WAVELENGTH_A = 1.0
#: Signs and shifts of the coordinates.
SPACE_GROUP_OPERATIONS = (
    ((1, 1, 1), (0.0, 0.0, 0.0)),
    ((-1, -1, 1), (0.5, 0.0, 0.5)),
    ((-1, 1, -1), (0.0, 0.5, 0.5)),
    ((1, -1, -1), (0.5, 0.5, 0.0)),
)
ATOMS = 200  # in the asymmetric unit
ELECTRONS = (6, 6, 6, 7, 8, 8, 16)  # what an atom may have
B_FACTOR_A2 = 22.0
DMIN_A = 2.1  # the corners of the detector
PIXELS = 1024
#: Pixels: radius of the beam stop's shadow, and half the width of its holder's.
SHADOW_RADIUS, SHADOW_HALF_WIDTH = 26.0, 6.0
#: One line of `command.txt` each.
COMMAND = (
    "-mat A.mat -hkl P1.hkl -mask mask.img",
    "-lambda 1 -polar 0.9 -fluence 3e28",
    "-N 11 -mosaic 0.4 -mosaic_domains 12 -water 1",
    "-phi 0 -osc 1 -phisteps 8",
    "-distance 140 -detpixels 1024 -pixel 0.1",
    "-seed 1 -tifffile image.tif -preview image.png",
)
#: Options that may stand beside -example; they go to its run.
PASSED_ON = ("threads", "device", "precision", "progress", "noprogress")

Events = list[tuple[str, tuple[Any, ...]]]


def make_example(events: Events) -> None:
    """Write the example into a new folder and render it there.

    Parameters
    ----------
    events
        The command line, as `options.parse` reads it.

    Raises
    ------
    UsageError
        If other options stand beside -example.
    FileError
        If the folder exists with something in it, or cannot be made.
    """
    folder, extra = DEFAULT_FOLDER, []
    for name, values in events:
        if name == "example":
            folder = values[0] if values else folder
        elif name in PASSED_ON:
            extra += [f"-{name}", *map(str, values)]
        else:
            raise UsageError(
                f"-example brings its own command line: -{name} has no place beside it"
            )
    command = ["nbsim", *shlex.split(" ".join(COMMAND))]
    with _filled_when_complete(folder) as place, contextlib.chdir(place):
        write_inputs()
        program.render([*command[1:], *extra])
    say(["", f"{folder} holds the picture (image.png, image.tif, noiseimage.img), its"])
    say(["inputs, and in command.txt the command line that renders it again:"])
    say([f"  cd {shlex.quote(folder)} && {shlex.join(command)}"])


@contextlib.contextmanager
def _filled_when_complete(folder: str) -> Iterator[str]:
    """Yield a place inside a new or empty folder; what is in it moves up at the end.

    When the block fails nothing stays, and what a killed run left is in nobody's way.
    """
    existed = os.path.isdir(folder)
    place = os.path.join(folder, f".nbsim-{secrets.token_hex(8)}.part")
    try:
        if existed and any(not _left_over(name) for name in os.listdir(folder)):
            raise FileError(f"the folder {folder} is not empty; name another one")
        os.makedirs(place)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        reason = (error.strerror or str(error)).lower()
        raise FileError(f"cannot make the folder {folder}: {reason}") from error
    try:
        yield place
        for name in os.listdir(place):
            os.replace(os.path.join(place, name), os.path.join(folder, name))
        os.rmdir(place)
    except BaseException:  # also Ctrl-C
        shutil.rmtree(place if existed else folder, ignore_errors=True)
        raise


def _left_over(name: str) -> bool:
    return name.startswith(".nbsim-") and name.endswith(".part")


def write_inputs() -> None:
    """Write all input files and `command.txt` into the working folder."""
    _write_text("P1.hkl", hkl_text())
    _write_text("A.mat", matrix_text())
    _write_text("command.txt", "nbsim " + " \\\n  ".join(COMMAND) + "\n")
    write_smv("mask.img", beam_stop_mask(), {})


def _write_text(path: str, text: str) -> None:
    with replace_when_complete(path) as stream:
        stream.write(text.encode("ascii"))


def matrix_text() -> str:
    """Return the orientation as MOSFLM writes it: columns a*, b*, c* in 1/lambda."""
    x, y, z = (radians(angle) for angle in MISSET_DEG)
    cell = resolve_cell(Crystal(cell=CELL), WAVELENGTH_A, (x, y, z))
    rows = zip(cell.a_star, cell.b_star, cell.c_star)
    return "".join(
        "".join(f"{WAVELENGTH_A * number:14.9f}" for number in row) + "\n"
        for row in rows
    )


def beam_stop_mask() -> np.ndarray:
    """Return the mask, 0 in the shadow of the beam stop and of its holder."""
    middle = PIXELS / 2
    slow, fast = np.ogrid[:PIXELS, :PIXELS]
    disc = np.hypot(fast - middle, slow - middle) < SHADOW_RADIUS
    holder = (abs(fast - middle) < SHADOW_HALF_WIDTH) & (slow > middle)
    return np.where(disc | holder, 0, 1).astype(np.uint16)


def hkl_text() -> str:
    """Return the list of structure factors, without a comment: nanoBragg reads none."""
    h, k, l, F = structure_factors().T
    lines = zip(*(index.astype(int).tolist() for index in (h, k, l)), F.tolist())
    return "".join("%d %d %d %.2f\n" % line for line in lines)


def structure_factors() -> np.ndarray:
    """Return (n, 4) h, k, l, F of the whole sphere of the made-up crystal."""
    positions, electrons = _atoms()
    edges = np.array(CELL[:3])
    h, k, l = (np.arange(-int(edge / DMIN_A), int(edge / DMIN_A) + 1) for edge in edges)
    # exp(2 pi i h.x) is a product of three factors, one for each axis.
    waves = [
        np.exp(2j * math.pi * np.outer(indices, positions[:, axis]))
        for axis, indices in enumerate((h, k, l))
    ]
    F = np.abs(
        np.einsum("ha,ka,la->hkl", waves[0] * electrons, *waves[1:], optimize=True)
    )
    grid = np.meshgrid(h, k, l, indexing="ij")
    d_star_sqr = sum((index / edge) ** 2 for index, edge in zip(grid, edges))
    F *= np.exp(-B_FACTOR_A2 * d_star_sqr / 4.0)
    inside = d_star_sqr <= DMIN_A**-2
    return np.column_stack([index[inside] for index in (*grid, F)])


def _atoms() -> tuple[np.ndarray, np.ndarray]:
    """Return (n, 3) fractional positions and (n,) electrons."""
    # Python promises the numbers of random() in every version, numpy does not.
    generator = random.Random(20170517)
    positions, electrons = [], []
    for _ in range(ATOMS):
        site = [generator.random() for _ in range(3)]
        charge = ELECTRONS[int(generator.random() * len(ELECTRONS))]
        for signs, shifts in SPACE_GROUP_OPERATIONS:
            positions.append([s * x + t for s, x, t in zip(signs, site, shifts)])
            electrons.append(charge)
    return np.array(positions), np.array(electrons, dtype=float)
