# SPDX-License-Identifier: MIT
"""One nbsim command against the chain nanoBragg, nonBragg, float_add, noisify."""

import json
import subprocess
import sys

import numpy as np
from family_cases import FOLDER, INPUTS


def test_one_command_is_the_chain_of_programs(tmp_path):
    with np.load(FOLDER / "c" / "chain_water_air.npz") as data:
        chain = dict(data)
    spots = json.loads(str(chain["argv_spots"]))
    spots = spots[: spots.index("-seed")]  # the noise has a seed of its own
    noise = json.loads(str(chain["argv_noise"]))
    water, air = str(INPUTS / "water500.stol"), str(INPUTS / "air.stol")
    words = [*spots, "-background", water, "1e-5", "-background", air, "5e-4"]
    words += ["-background_density", "1.2e-3", "-background_MW", "28", *noise]
    ran = subprocess.run(
        [sys.executable, "-m", "nbsim", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    total = np.fromfile(tmp_path / "floatimage.bin", np.float32)
    expected = chain["total"].ravel()
    assert np.abs(total - expected).max() <= 1e-6 * expected.max()
    written = np.fromfile(tmp_path / "noiseimage.img", np.uint16, offset=512)
    assert (written == chain["noise"].ravel()).all()
