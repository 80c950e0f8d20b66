# SPDX-License-Identifier: MIT
"""Small input files of every kind, whole, for lines that read them and for damage."""

from pathlib import Path

import numpy as np

from nbsim.formats.hkl import read_hkl, write_fdump
from nbsim.formats.smv import write_smv

TEXTS = {
    "good.hkl": "0 0 0 90\n1 0 0 50.5\n-1 0 0 50.5\n0 1 2 7e1\n2 2 2 3\n",
    "good.mat": "0.01 0.001 0\n0 0.012 0.001\n0.002 0 0.011\n",
    "good.src": "-10 0 0 1 1e-10\n-10 0.01 0 2 1.01e-10\n# comment\n",
    "good.stol": "0 2.5\n0.1 3.5\n0.5 1\n",
    "good.spectrum": "12398 1\n12400 2\n12410 0.5\n",
}
#: Option and the file that it reads.
INPUTS = (
    ("hkl", "good.hkl"),
    ("mat", "good.mat"),
    ("sourcefile", "good.src"),
    ("stol", "good.stol"),
    ("spectrum", "good.spectrum"),
    ("img", "good.img"),
    ("mask", "good.img"),
    ("dump", "good.dump"),
)


def make_inputs(folder: Path) -> None:
    """Write all of them into a folder."""
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="ascii")
    header = {"PIXEL_SIZE": "0.1", "DISTANCE": "100", "WAVELENGTH": "1", "PHI": "0"}
    write_smv(folder / "good.img", np.ones((4, 4), np.uint16), header)
    write_fdump(folder / "good.dump", read_hkl(folder / "good.hkl"))
