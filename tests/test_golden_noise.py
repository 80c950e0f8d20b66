# SPDX-License-Identifier: MIT
"""The noise routine, given the golden float images and the seeds of the cases."""

import re

import numpy as np
import pytest
from golden_cases import CASES

from nbsim.tools.golden.compare import PHOTONS, noise_of

NOISY = [case for case in CASES if case.name != "seed_command"]


@pytest.mark.parametrize("case", NOISY, ids=[case.name for case in NOISY])
def test_noise_is_equal_bit_for_bit(case):
    reference = case.reference
    noise, photons, overloads = noise_of(case, reference.image)
    np.testing.assert_array_equal(noise, reference.noise)
    assert (f"{photons:.0f}", str(overloads)) == _printed(reference.stdout)


def _printed(stdout):
    return re.search(PHOTONS, stdout).groups()
