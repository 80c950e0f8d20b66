# SPDX-License-Identifier: MIT
import numpy as np
import pytest

from nbsim.errors import FileError
from nbsim.model import structure_factors
from nbsim.model.structure_factors import (
    StructureFactors,
    available_memory,
    check_grid_fits,
)


def test_ranges():
    sf = StructureFactors(np.zeros((2, 3, 4)), -5, 0, 7, default_F=1.0, hkls=3)
    assert (sf.h_range, sf.k_range, sf.l_range) == (2, 3, 4)
    assert (sf.h_max, sf.k_max, sf.l_max) == (-4, 2, 10)
    assert sf.nbytes == 2 * 3 * 4 * 8


def test_without_a_list():
    sf = StructureFactors(default_F=100.0)
    assert (sf.h_range, sf.k_range, sf.l_range, sf.nbytes, sf.hkls) == (0, 0, 0, 0, 0)
    assert (sf.h_max, sf.k_max, sf.l_max) == (-1, -1, -1)


@pytest.mark.parametrize(
    "arguments",
    [
        {"F": np.zeros((2, 2, 2), np.float32)},
        {"F": [[[1.0]]]},
        {"F": np.zeros((2, 2))},
        {"F": np.zeros((2, 0, 2))},
        {"F": np.zeros((2, 3, 4)).T},
        {"F": np.array([[[1.0, np.nan]]])},
        {"F": np.array([[[1.0, -np.inf]]])},
        {"default_F": np.nan},
        {"hkls": 1},
    ],
)
def test_unsuitable(arguments):
    with pytest.raises((TypeError, ValueError)):
        StructureFactors(**arguments)


def test_grid_that_does_not_fit(monkeypatch):
    monkeypatch.setattr(structure_factors, "available_memory", lambda: 8 * 27)
    check_grid_fits("x.hkl", (-1, 1, 0, 2, 5, 7))
    with pytest.raises(FileError) as caught:
        check_grid_fits("x.hkl", (-1, 1, 0, 2, 5, 8))
    assert str(caught.value) == (
        "x.hkl: h -1..1, k 0..2, l 5..8 need 2.88e-07 GB of memory, "
        "2.16e-07 GB are available"
    )


def test_available_memory():
    assert 10**6 < available_memory() < 10**15
