# SPDX-License-Identifier: MIT
"""Division and root of the CUDA kernels, with an exact fma and a rough estimate."""

import math
import types
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbsim.kernels.cuda import straight

#: What spots divide, and by what: TINY cubed is the smallest.
NUMBERS = st.floats(1e-130, 1e30)
#: Error of the instructions' estimates.
ROUGH = 2.0**-20


def with_estimates(function, off):
    """Return a function whose estimates are off by a part of themselves."""
    names = {
        "fma": lambda x, y, z: float(Fraction(x) * Fraction(y) + Fraction(z)),
        "estimate": lambda y: (1.0 / y) * (1.0 + off),
        "estimate_root": lambda x: (1.0 / math.sqrt(x)) * (1.0 + off),
    }
    return types.FunctionType(function.__code__, names)


@pytest.mark.parametrize("off", [ROUGH, -ROUGH, 0.3 * ROUGH])
@given(x=NUMBERS, y=NUMBERS)
def test_quotient(off, x, y):
    found = with_estimates(straight.quotient, off)(x, y)
    assert abs(found - x / y) <= math.ulp(x / y)


@pytest.mark.parametrize("off", [ROUGH, -ROUGH, 0.3 * ROUGH])
@given(x=NUMBERS)
def test_root(off, x):
    found = with_estimates(straight.root, off)(x)
    assert abs(found - math.sqrt(x)) <= math.ulp(math.sqrt(x))
