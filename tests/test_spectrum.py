# SPDX-License-Identifier: MIT
"""Channels of a polychromatic beam: units, weights, what goes with them."""

import numpy as np
import pytest

from nbsim import Beam, Crystal, FileError, Simulation, read_spectrum

EV_ANGSTROM = 12398.4198433


def test_energies_and_wavelengths_are_the_same_spectrum():
    energies = np.array([[12000.0, 1.0], [12400.0, 2.0], [12500.0, 1.0]])
    wavelengths = energies.copy()
    wavelengths[:, 0] = EV_ANGSTROM / energies[:, 0]
    first, second = Beam(spectrum=energies), Beam(spectrum=wavelengths.tolist())
    assert first.spectrum == pytest.approx(second.spectrum, rel=1e-15)
    assert first.spectrum[:, 1].tolist() == [0.25, 0.5, 0.25]
    mean = (wavelengths[:, 0] * [0.25, 0.5, 0.25]).sum()
    assert first.wavelength_A == pytest.approx(mean, rel=1e-15)
    assert not first.spectrum.flags.writeable


WRONG = {
    "mixed": ([[7000, 1], [1.0, 1]], "energies in eV, all above 100, or wavelengths"),
    "neither": ([[100, 1]], "energies in eV, all above 100, or wavelengths"),
    "weight": ([[7000, -1], [7100, 3]], "weight -1"),
    "sum": ([[7000, 0], [7100, 0]], "weights add up to 0"),
    "nan": ([[7000, np.nan]], "finite numbers only"),
    "inf": ([[np.inf, 1]], "finite numbers only"),
    "zero": ([[0, 1], [1, 1]], "above 0"),
    "columns": ([[7000, 1, 1]], "rows of two numbers"),
    "flat": ([7000, 1], "rows of two numbers"),
    "empty": (np.empty((0, 2)), "rows of two numbers"),
    "text": ("spectrum.txt", "rows of two numbers"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_spectrum(name):
    value, message = WRONG[name]
    with pytest.raises((ValueError, TypeError), match=message):
        Beam(spectrum=value)


@pytest.mark.parametrize(
    "other", [{"sources": [[0, 0, 1.0]]}, {"dispersion_percent": 1.0}, {"dispsteps": 3}]
)
def test_other_wavelengths_are_refused(other):
    with pytest.raises(ValueError, match="spectrum: .* wavelengths"):
        Beam(spectrum=[[7000, 1]], **other)


OBLIQUE = (70.0, 80.0, 90.0, 75.0, 85.0, 95.0)


def test_exact_cell_keeps_its_angles():
    bent = Simulation(Crystal(cell=OBLIQUE)).setup.cell
    exact = Simulation(Crystal(cell=OBLIQUE, exact_cell=True)).setup.cell
    angles = np.degrees(exact.angles)
    assert angles == pytest.approx(OBLIQUE[3:], abs=1e-11)
    assert exact.lengths == pytest.approx(OBLIQUE[:3], rel=1e-13)
    # C's own rule bends them.
    assert np.abs(np.degrees(bent.angles) - OBLIQUE[3:]).max() > 0.01
    # a* along x, b* in the xy plane, duals of a, b, c.
    assert exact.a_star[1:] == pytest.approx((0, 0), abs=1e-15)
    assert exact.b_star[2] == pytest.approx(0, abs=1e-15) and exact.b_star[1] > 0
    stars = np.array([exact.a_star, exact.b_star, exact.c_star])
    vectors = np.array([exact.a, exact.b, exact.c])
    assert vectors @ stars.T == pytest.approx(np.eye(3), abs=1e-12)


def test_file(tmp_path):
    path = tmp_path / "spectrum.txt"
    path.write_text("# eV, weight\n7000 1\n\n7100,2 # peak\n7200\t1\n")
    channels = read_spectrum(path)
    assert channels[:, 0] == pytest.approx(EV_ANGSTROM / np.array([7000, 7100, 7200]))
    assert channels[:, 1].tolist() == [0.25, 0.5, 0.25]
    path.write_text("1.0 3\n1.1 1")
    assert read_spectrum(path).tolist() == [[1.0, 0.75], [1.1, 0.25]]


WRONG_FILES = {
    "mixed": ("7000 1\n1.1 1\n", "energies in eV, all above 100, or wavelengths"),
    "weight": ("7000 -1\n", "weight -1"),
    "sum": ("7000 0\n", "weights add up to 0"),
    "one column": ("7000 1\n7100\n", ":2: expected energy weight, got 1 column"),
    "word": ("7000 one\n", ":1: 'one' is not a finite number"),
    "inf": ("7000 inf\n", ":1: 'inf' is not a finite number"),
    "nothing": ("# 7000 1\n", "no line with energy weight"),
    "empty": ("", "is empty"),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_wrong_file(tmp_path, name):
    text, message = WRONG_FILES[name]
    path = tmp_path / "spectrum.txt"
    path.write_text(text)
    with pytest.raises(FileError, match=message) as caught:
        read_spectrum(path)
    assert str(path) in str(caught.value)
