# SPDX-License-Identifier: MIT
"""-pdb with -spectrum against the slow reference and F summed over atoms.

Nothing of how nbsim weighs channels or follows the energy is used to make what is
expected: each channel is a run of its own wavelength, its F a direct sum.
"""

import dataclasses

import naive
import numpy as np
import pytest
from crystals import PROTEIN, cromer_liberman, direct_sum, write_pdb

from nbsim import Simulation, StructureFactors
from nbsim.command.main import main

EV_ANGSTROM = 12398.4198433
CELL, DMIN_A = (20.0, 25.0, 30.0, 75.0, 85.0, 95.0), 4.0
ELEMENTS = ("Fe", *PROTEIN)
#: Around iron's edge.
CHANNELS = [(7060.0, 1.0), (7109.0, 3.0), (7126.0, 2.0)]
#: Of the peak: what a spectrum's definition allows.
ALLOWED = 2e-5
LINE = (
    "-N 5 -misset 10 20 30 -distance 45 -pixel 5 -detpixels 8 -oversample 1 "
    f"-dmin {DMIN_A}"
)
CASES = {
    "plain": "",
    "gauss, water": "-gauss_xtal -water 0.1 -polar 0.9",
    "divergence, mosaic": "-hdivrange 20 -hdivsteps 2 -mosaic 2 -mosaic_domains 2",
    "sensor": "-detector_thick 500 -detector_abs 300 -thicksteps 2",
    # dmin crosses pixels.
    "subpixels": "-oversample 2",
    "running": "-polar 0.9 -oversample_polar",
}
#: Running products are model c's alone.
KINDS = [(name, kind) for name in CASES for kind in ("c", "physical")]
KINDS.remove(("running", "physical"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Return a file of atoms, some of them iron, and what it holds."""
    path = tmp_path_factory.mktemp("model") / "iron.pdb"
    return path, write_pdb(path, CELL, "P 1", 60, ELEMENTS)


@pytest.fixture(scope="module")
def factors(model):
    """Return F of every energy, by direct summation."""
    return {energy: summed(model[1], energy) for energy, _ in CHANNELS}


def summed(structure, energy):
    limits = [int(length / DMIN_A) + 1 for length in CELL[:3]]
    shape = [2 * n + 1 for n in limits]
    indices = np.indices(shape).reshape(3, -1).T - limits
    F = np.abs(direct_sum(structure, indices, cromer_liberman(ELEMENTS, energy)))
    inverse_d_sqr = [structure.cell.calculate_1_d2(h) for h in indices.tolist()]
    F[np.array(inverse_d_sqr) > DMIN_A**-2] = 0.0
    F[~indices.any(axis=1)] = 0.0  # 0 0 0, unless it is asked for
    low = dict(zip(("h_min", "k_min", "l_min"), (-n for n in limits)))
    return StructureFactors(F=F.reshape(shape), **low, hkls=len(F))


def expected_image(line, factors, channels):
    def at_energy(energy):
        one = Simulation.from_args(
            f"-cell {' '.join(map(str, CELL))} -default_F 1 "
            f"-lambda {EV_ANGSTROM / energy!r} {line}"
        )
        crystal = dataclasses.replace(one.crystal, exact_cell=True)
        return dataclasses.replace(
            one, crystal=crystal, structure_factors=factors[energy]
        )

    return naive.spectrum_image(channels, at_energy)


def difference(image, expected):
    """Return the largest one, as a fraction of the peak."""
    return np.abs(image - expected).max() / expected.max()


@pytest.mark.parametrize("name, kind", KINDS)
def test_command_against_the_slow_reference(
    name, kind, model, factors, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    rows = [f"{energy} {weight}\n" for energy, weight in CHANNELS]
    (tmp_path / "spectrum.txt").write_text("".join(rows))
    line = f"{LINE} {CASES[name]} -model {kind}"
    words = f"-pdb {model[0]} -ksol 0 -spectrum spectrum.txt {line} -floatfile a.bin"
    assert main([*words.split(), "-nopgm"]) == 0
    image = np.fromfile("a.bin", np.float32).reshape(8, 8)
    assert difference(image, expected_image(line, factors, CHANNELS)) < ALLOWED


@pytest.mark.parametrize("kind", ["c", "physical"])
def test_energies_and_weights_count(kind, factors):
    line = f"{LINE} -model {kind}"
    expected = expected_image(line, factors, CHANNELS)
    frozen = dict.fromkeys(factors, factors[7060.0])
    assert difference(expected_image(line, frozen, CHANNELS), expected) > 1e-3
    level = [(energy, 1.0) for energy, _ in CHANNELS]
    assert difference(expected_image(line, factors, level), expected) > 1e-3
