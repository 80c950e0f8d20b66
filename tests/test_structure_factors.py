# SPDX-License-Identifier: MIT
import dataclasses
import pickle

import numpy as np
import pytest

from nbsim import Simulation, read_hkl
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


def test_amplitudes_cannot_be_changed_in_place():
    """Tables made of them are kept: an old image came of it, in single precision."""
    mine = np.full((3, 3, 3), 2.0)
    factors = StructureFactors(mine, -1, -1, -1, hkls=27)
    mine[:] = 5.0
    assert (factors.F == 2.0).all()
    with pytest.raises(ValueError, match="read-only"):
        factors.F[0, 0, 0] = 1.0
    view = mine[:]
    view.flags.writeable = False
    factors = StructureFactors(view, -1, -1, -1, hkls=27)
    mine[:] = 7.0
    assert (factors.F == 5.0).all()
    again = pickle.loads(pickle.dumps(factors))
    assert (again.F == 5.0).all() and not again.F.flags.writeable


@pytest.mark.parametrize("precision", ["double", "single"])
def test_image_follows_the_amplitudes(precision):
    line = "-cell 40 -default_F 1 -N 3 -detpixels 16 -pixel 1 -nointerpolate"
    simulation = Simulation.from_args(line)
    F = np.full((5, 5, 5), 2.0)
    images = []
    for _ in range(2):
        factors = StructureFactors(F, -2, -2, -2, hkls=125)
        changed = dataclasses.replace(simulation, structure_factors=factors)
        images.append(changed.render(backend="cpu", precision=precision))
        F *= 2.0
    np.testing.assert_allclose(images[1], 4.0 * images[0], rtol=1e-6)


def test_lists_are_not_copied(tmp_path, monkeypatch):
    path = tmp_path / "one.hkl"
    path.write_text("0 0 0 1\n1 2 3 4\n")
    monkeypatch.setattr(structure_factors, "_own", lambda F: copied.append(F) or F)
    copied = []
    assert not read_hkl(path).F.flags.writeable
    assert not copied[0].flags.writeable and copied[0].base is None
