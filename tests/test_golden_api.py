# SPDX-License-Identifier: MIT
"""Every golden case through ``Simulation.from_args(...).render()``."""

import numpy as np
import pytest
from golden_cases import CASES, NAMES

import nbsim
from nbsim.tools.golden import compare
from nbsim.tools.tolerances import GOLDEN_RELATIVE

# Options that have no function yet warn; the golden cases use some on purpose.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_float_image(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an Fdump.bin of another case must not be found
    image = nbsim.Simulation.from_args(case.nbsim_argv).render()
    assert image.dtype == np.float32
    difference = compare.compare_float(image, case.reference)
    assert difference.agrees, difference
    assert compare.compare_total(image, case.reference) <= GOLDEN_RELATIVE
