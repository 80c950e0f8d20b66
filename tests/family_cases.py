# SPDX-License-Identifier: MIT
"""The golden cases of nonBragg and noisify, for the tests that walk them."""

from pathlib import Path

from nbsim.tools.golden.family import read_family

FOLDER = Path(__file__).parents[1] / "golden" / "family"
INPUTS = FOLDER / "inputs"
CASES = read_family(FOLDER)
NOISIFY = [case for case in CASES if case.program == "noisify"]
NONBRAGG = [case for case in CASES if case.program == "nonBragg"]
