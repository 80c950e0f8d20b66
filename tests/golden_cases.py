# SPDX-License-Identifier: MIT
"""The golden cases of this source tree, for the tests that walk them."""

from pathlib import Path

from nbsim.tools.golden.cases import read_cases

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = read_cases(GOLDEN)
NAMES = [case.name for case in CASES]
