# SPDX-License-Identifier: MIT
"""-pdb: F of atomic models against sums over every atom, f' and f'', bad files."""

import gzip
import math

import gemmi
import numpy as np
import pytest
from crystals import (
    PROTEIN,
    cromer_liberman,
    direct_sum,
    indices_inside,
    random_structure,
    value_of,
    write_pdb,
)

from nbsim import FileError, structure_factors_from_model
from nbsim.factors.box import Box
from nbsim.factors.density import Sums
from nbsim.formats.coordinates import read_coordinates

EV_ANGSTROM = 12398.4198433
#: Cell, space group, atoms, elements, B, resolution limit, energy [eV].
CRYSTALS = {
    "tetragonal": (
        (78.5, 78.5, 37, 90, 90, 90), "P 43 21 2", 400, ("Fe", *PROTEIN), (5, 40), 2.0,
        7200,
    ),
    "triclinic": (
        (20, 25, 30, 75, 85, 95), "P 1", 200, ("Se", *PROTEIN), (2, 10), 1.2, 12700,
    ),
    "large B": (
        (30, 40, 50, 90, 105, 90), "P 1 21 1", 200, ("Hg", *PROTEIN), (80, 300), 3.0,
        12300,
    ),
    "hexagonal, fine": (
        (20, 20, 30, 90, 90, 120), "P 61 2 2", 60, ("U", "C", "H"), (1, 4), 0.8, 17200,
    ),
    "coarse": (
        (60, 70, 80, 90, 90, 90), "C 2 2 21", 200, ("Fe", *PROTEIN), (10, 20), 8.0,
        7200,
    ),
    "rhombohedral": (
        (40, 40, 40, 80, 80, 80), "R 3 2:R", 100, ("S", "O"), (5, 20), 2.5, 2480,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CRYSTALS)
def test_direct_summation(tmp_path, name):
    cell, space_group, atoms, elements, B, dmin, energy = CRYSTALS[name]
    path = tmp_path / "a.pdb"
    structure = write_pdb(path, cell, space_group, atoms, elements, B)
    result = structure_factors_from_model(path, dmin, EV_ANGSTROM / energy, ksol=0)
    indices = indices_inside(structure.cell, dmin, 150)
    anomalous = cromer_liberman(elements, energy)
    plus = np.abs(direct_sum(structure, indices, anomalous))
    minus = np.abs(direct_sum(structure, -indices, anomalous))
    got_plus = value_of(result.factors, indices)
    got_minus = value_of(result.factors, -indices)
    assert np.abs(got_plus - plus).sum() / plus.sum() < 1e-5
    assert np.abs(got_minus - minus).sum() / minus.sum() < 1e-5
    # Absent reflections have no difference to compare.
    bijvoet = np.abs(plus - minus)
    error = np.abs(np.abs(got_plus - got_minus) - bijvoet)
    assert error.sum() / bijvoet.sum() < 1e-3
    assert result.cell == pytest.approx(cell)
    assert gemmi.SpaceGroup(result.space_group) == gemmi.SpaceGroup(space_group)


def test_anisotropic_atoms_and_mmcif(tmp_path):
    structure = random_structure((20, 25, 30, 75, 85, 95), "P 1", 20)
    rng = np.random.default_rng(5)
    for place in structure[0].all():
        u = rng.uniform(0.05, 0.3, 3)
        mixed = rng.uniform(-0.02, 0.02, 3)
        place.atom.aniso = gemmi.SMat33f(*u, *mixed)
        place.atom.b_iso = 8 * math.pi**2 * u.mean()
    path = tmp_path / "a.cif"
    structure.make_mmcif_document().write_file(str(path))
    structure = gemmi.read_structure(str(path))
    cell, indices = structure.cell, indices_inside(structure.cell, 2.0, 60)
    fractional = np.array(cell.frac.mat.tolist())
    s = indices @ fractional
    expected = np.zeros(len(indices), complex)
    for place in structure[0].all():
        U = np.array(place.atom.aniso.as_mat33().tolist())
        spread = np.exp(-2 * math.pi**2 * np.einsum("ni,ij,nj->n", s, U, s))
        one = gemmi.Structure()
        one.cell, one.spacegroup_hm = cell, "P 1"
        model, chain, residue = gemmi.Model(1), gemmi.Chain("A"), gemmi.Residue()
        atom = place.atom.clone()
        atom.b_iso = 0.0
        residue.add_atom(atom)
        chain.add_residue(residue)
        model.add_chain(chain)
        one.add_model(model)
        expected += direct_sum(one, indices) * spread
    got = structure_factors_from_model(path, 2.0, ksol=0, anomalous=False).factors
    expected = np.abs(expected)
    error = np.abs(value_of(got, indices) - expected).sum() / expected.sum()
    assert error < 1e-5


@pytest.fixture(scope="module")
def iron(tmp_path_factory):
    """Return the path of a small triclinic crystal with iron, and its structure."""
    path = tmp_path_factory.mktemp("iron") / "iron.pdb"
    elements = ("Fe", *PROTEIN, *PROTEIN)
    return path, write_pdb(path, (20, 25, 30, 75, 85, 95), "P 1", 90, elements)


def R(first, second):
    return np.abs(first - second).sum() / np.abs(second).sum()


def test_every_index_of_the_sphere_and_none_beyond(iron):
    path, structure = iron
    factors = structure_factors_from_model(path, 3.0).factors
    axes = [np.arange(-n, n + 1) for n in (12, 14, 16)]
    indices = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    s_sqr = np.array([structure.cell.calculate_1_d2(h) for h in indices.tolist()])
    F = value_of(factors, indices)
    inside = (s_sqr <= 1 / 9) & (s_sqr > 0)
    assert (F[inside] > 0).all() and not F[~inside].any()


def test_pdb_mmcif_and_gzip_agree(iron, tmp_path):
    path, structure = iron
    expected = structure_factors_from_model(path, 3.0).factors.F
    packed = tmp_path / "a.ent.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    mmcif = tmp_path / "a.cif"
    structure.make_mmcif_document().write_file(str(mmcif))
    for other in (packed, mmcif):
        F = structure_factors_from_model(other, 3.0).factors.F
        assert pytest.approx(expected, rel=1e-4, abs=1e-3) == F


def test_noanomalous_has_friedel_pairs(iron):
    F = structure_factors_from_model(iron[0], 3.0, 1.7, anomalous=False).factors.F
    assert pytest.approx(F[::-1, ::-1, ::-1], rel=1e-6) == F
    F = structure_factors_from_model(iron[0], 3.0, 1.7).factors.F
    assert R(F[::-1, ::-1, ::-1], F) > 1e-3


def test_fprime_numbers_win(iron):
    path, structure = iron
    given = structure_factors_from_model(
        path, 3.0, 1.7, ksol=0, fprime={"FE": (-8.0, 3.5)}
    ).factors
    indices = indices_inside(structure.cell, 3.0, 100)
    anomalous = cromer_liberman(PROTEIN, EV_ANGSTROM / 1.7)
    expected = np.abs(direct_sum(structure, indices, {**anomalous, "Fe": -8 + 3.5j}))
    assert R(value_of(given, indices), expected) < 5e-6
    assert given.origin.fprimes["Fe"] == (-8.0, 3.5)


@pytest.mark.parametrize(
    "columns", ["7000 -4 0.5\n7200 -8 3.5\n", "7000 .5 -4\n7200 3.5 -8\n"]
)
def test_fprime_file_is_interpolated(iron, tmp_path, columns):
    table = tmp_path / "fe.efs"
    table.write_text("# from a scan\n" + columns)
    factors = structure_factors_from_model(
        iron[0], 3.0, EV_ANGSTROM / 7050, fprime_files={"Fe": table}
    ).factors
    assert factors.origin.fprimes["Fe"] == pytest.approx((-5.0, 1.25))
    assert bool(factors.origin.notes) == columns.startswith("7000 .5")


def test_scale_B_and_F000(iron):
    path, structure = iron
    plain = structure_factors_from_model(path, 3.0).factors
    scaled = structure_factors_from_model(
        path, 3.0, F_scale=2.0, add_B=30.0, F000=77.0
    ).factors
    indices = indices_inside(structure.cell, 3.0, 100)
    s_sqr = np.array([structure.cell.calculate_1_d2(h) for h in indices.tolist()])
    expected = 2.0 * value_of(plain, indices) * np.exp(-30.0 * s_sqr / 4)
    assert value_of(scaled, indices) == pytest.approx(expected, rel=1e-5)
    zero = np.zeros((1, 3), int)
    assert value_of(plain, zero) == 0.0 and value_of(scaled, zero) == 77.0
    model = structure_factors_from_model(path, 3.0, ksol=0, F000="model").factors
    electrons = np.abs(
        direct_sum(structure, zero, cromer_liberman(["Fe", *PROTEIN], EV_ANGSTROM))
    )
    assert value_of(model, zero) == pytest.approx(electrons, rel=1e-4)
    assert model.origin.F000 == model.origin.F000_model


def test_bulk_solvent_around_one_atom(tmp_path):
    structure = random_structure((30, 30, 30, 90, 90, 90), "P 1", 1, ("C",), (20, 20))
    path = tmp_path / "one.pdb"
    structure.write_pdb(str(path))
    model = read_coordinates(path)
    box = Box.around_sphere(model.cell, 1.5)
    indices = indices_inside(structure.cell, 3.0, 100)
    at = tuple((indices + box.limits).T)
    sums = Sums(path, model, box)
    mask = sums.solvent(1.0, 0.0)
    # Solvent ends r + 1.1 - 0.9 A from a carbon (r 1.775 A). The mask has whole grid
    # points only, so that its hole is a little larger than this sphere.
    s = np.sqrt([structure.cell.calculate_1_d2(h) for h in indices.tolist()])
    x = 2 * math.pi * (1.775 + 1.1 - 0.9) * s
    sphere = (np.sin(x) - x * np.cos(x)) / (2 * math.pi**2 * s**3)
    atom = model.structure.cell.fractionalize(model.atoms[0].pos).tolist()
    expected = -sphere * np.exp(2j * math.pi * (indices @ np.array(atom)))
    assert np.abs(mask[at] - expected).sum() / np.abs(expected).sum() < 0.25
    whole = mask[box.limits].real
    assert whole == pytest.approx(30**3 - 4 / 3 * math.pi * 1.975**3, abs=8.0)
    part = sums.solvent(0.4, 60.0)[at]
    assert part == pytest.approx(0.4 * mask[at] * np.exp(-15.0 * s**2), rel=1e-5)
    # And it is added with its phase.
    factors = structure_factors_from_model(
        path, 1.5, ksol=0.4, bsol=60.0, anomalous=False
    ).factors
    expected = np.abs(direct_sum(structure, indices) + part)
    assert R(value_of(factors, indices), expected) < 1e-4


def test_first_model_and_copies(iron, tmp_path):
    path, structure = iron
    expected = structure_factors_from_model(path, 3.0).factors
    two = structure.clone()
    second = two[0].clone()
    second.num = 2
    del second[0][0:40]
    two.add_model(second)
    two.write_pdb(str(tmp_path / "two.pdb"))
    result = structure_factors_from_model(tmp_path / "two.pdb", 3.0).factors
    assert pytest.approx(expected.F, rel=1e-5) == result.F
    assert "the first of 2 models" in result.origin.notes[0]


def test_ncs_copies_are_made(tmp_path):
    structure = random_structure((40, 45, 50, 80, 85, 95), "P 1", 10)
    turn = gemmi.Transform(
        gemmi.Mat33([[0, -1, 0], [1, 0, 0], [0, 0, 1]]), gemmi.Vec3(5, 9, 3)
    )
    structure.ncs.append(gemmi.NcsOp(turn, "2", False))
    path = tmp_path / "ncs.pdb"
    structure.write_pdb(str(path))
    result = structure_factors_from_model(path, 3.0, ksol=0).factors
    assert "1 copies" in result.origin.notes[0]
    structure = gemmi.read_structure(str(path))
    structure.expand_ncs(gemmi.HowToNameCopiedChain.Dup)
    assert len(list(structure[0].all())) == 20
    indices = indices_inside(structure.cell, 3.0, 50)
    anomalous = cromer_liberman(PROTEIN, EV_ANGSTROM)
    expected = np.abs(direct_sum(structure, indices, anomalous))
    assert R(value_of(result, indices), expected) < 1e-5


ATOM = (
    "ATOM      1  N   MET A   1      27.340  24.430   2.614  1.00  9.67           N\n"
)
CELL = "CRYST1   50.000   50.000   50.000  90.00  90.00  90.00 P 1\n"
BAD_MODELS = {
    "text": ("hello\n", "no atoms"),
    "empty": ("", "is empty"),
    "no atoms": (CELL, "no atoms"),
    "no cell": (ATOM, "no unit cell"),
    "cell of 1 A": (CELL.replace("50.000", " 1.000") + ATOM, "no unit cell"),
    "no group": (CELL.replace("P 1", "   ") + ATOM, "no space group"),
    "unknown group": (CELL.replace("P 1", "P 77") + ATOM, "unknown space group P 77"),
    "old columns": (CELL + ATOM[:70] + "  1HPV 123\n", "not a readable PDB.*charge"),
    "not a number": (CELL + ATOM.replace("24.430", "xx.430"), ":2: 'xx.430' as y"),
    "nan": (CELL + ATOM.replace("24.430", "   nan"), ":2: 'nan' as y"),
    "cut off": (CELL + ATOM[:40], ":2: .* as y"),
    "no element": (CELL + ATOM.replace(" N ", " ZZ")[:76] + "\n", "no scattering"),
    "reflections": ("data_a\n_refln.F 1\n", "no atoms"),
    "occupancy 0": (
        CELL + ATOM.replace("  1.00  9.67", " " * 12),
        "every atom has occ",
    ),
    "two blocks": (
        2 * "data_a\n_cell.length_a 9\nloop_\n_atom_site.id\n_atom_site.Cartn_x\n1 2\n",
        "not a readable mmCIF",
    ),
    "broken mmCIF": ("data_a\nloop_\n_atom_site.id\n'1\n", "not a readable mmCIF"),
}


@pytest.mark.parametrize("name", BAD_MODELS)
def test_bad_model(tmp_path, name):
    text, message = BAD_MODELS[name]
    path = tmp_path / "bad.pdb"
    path.write_text(text)
    with pytest.raises(FileError, match=message) as caught:
        structure_factors_from_model(path, 3.0)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_byte_order_mark_and_line_ends_of_windows(tmp_path):
    made = []
    for start, end in (("", "\n"), ("\ufeff", "\r\n")):
        path = tmp_path / "a.pdb"
        path.write_bytes((start + CELL + ATOM).replace("\n", end).encode())
        made.append(structure_factors_from_model(path, 3.0, ksol=0).factors.F)
    assert np.array_equal(*made) and made[0].any()


def test_bad_gzip_and_no_file(tmp_path):
    path = tmp_path / "a.pdb.gz"
    path.write_bytes(gzip.compress((CELL + ATOM).encode() * 50)[:60])
    with pytest.raises(FileError, match="damaged gzip file"):
        structure_factors_from_model(path, 3.0)
    with pytest.raises(FileError, match="no such file"):
        structure_factors_from_model(tmp_path / "no.pdb", 3.0)


def test_elements_beyond_the_tables_are_warned_about(tmp_path):
    write_pdb(tmp_path / "a.pdb", (20, 20, 20, 90, 90, 90), "P 1", 4, ("Pu", "C"))
    origin = structure_factors_from_model(tmp_path / "a.pdb", 3.0).factors.origin
    assert "Pu" in origin.warnings[0] and origin.fprimes["Pu"] == (0.0, 0.0)


def test_cell_without_the_groups_symmetry_is_warned_about(tmp_path):
    write_pdb(tmp_path / "a.pdb", (20, 25, 20, 90, 90, 90), "P 4", 4)
    origin = structure_factors_from_model(tmp_path / "a.pdb", 3.0).factors.origin
    assert "does not have the symmetry of P 4" in origin.warnings[0]


WRONG = {
    "dmin 0": ({"dmin_A": 0.0}, "dmin_A"),
    "element": ({"fprime": {"Qq": (1.0, 1.0)}}, "symbol of an element"),
    "element not there": ({"fprime": {"Au": (1.0, 1.0)}}, "Au, which the model does"),
    "one number": ({"fprime": {"Fe": (1.0,)}}, "expected f' and f''"),
    "f'' below 0": ({"fprime": {"Fe": (1.0, -1.0)}}, "f'' of Fe -1"),
    "ksol": ({"ksol": -1.0}, "ksol"),
    "F000": ({"F000": "all"}, "expected a number or 'model'"),
    "spectrum": ({"spectrum": [[7000.0, -1.0]]}, "weight -1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_argument(iron, name):
    arguments, message = WRONG[name]
    with pytest.raises((ValueError, TypeError), match=message):
        structure_factors_from_model(iron[0], **{"dmin_A": 3.0, **arguments})


BAD_TABLES = {
    "energies": ("7000 1 1\n", "two or more different energies"),
    "twice": ("7000 1 1\n7000 2 1\n", "two or more different energies"),
    "range": ("8000 1 1\n9000 2 1\n", "from 8000 to 9000 eV, the beam has 7200"),
    "columns": ("7000 1 1\n7100 2\n", ":2: expected energy"),
    "words": ("7000 one 1\n", ":1: 'one' is not a finite number"),
    "negative": ("7000 -1 1\n7300 1 -1\n", "f'' not below 0"),
    "empty": ("# nothing\n", "no line with energy"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_bad_fprime_file(iron, tmp_path, name):
    text, message = BAD_TABLES[name]
    path = tmp_path / "fe.efs"
    path.write_text(text)
    with pytest.raises(FileError, match=message):
        structure_factors_from_model(
            iron[0], 3.0, EV_ANGSTROM / 7200.0, fprime_files={"Fe": path}
        )


@pytest.mark.parametrize("dmin", [1e-9, 1e-300])
def test_endless_resolution_is_refused(dmin, tmp_path):
    path = tmp_path / "a.pdb"
    path.write_text(CELL + ATOM)
    with pytest.raises(FileError, match="GB of memory"):
        structure_factors_from_model(path, dmin)


def test_huge_cell_is_refused(tmp_path):
    path = tmp_path / "a.pdb"
    path.write_text(CELL.replace("50.000", "9000.0") + ATOM)
    with pytest.raises(FileError, match="GB of memory"):
        structure_factors_from_model(path, 1.0)


def test_spectrum_agrees_with_each_energy(iron):
    channels = [(7050.0, 1.0), (7110.0, 2.0), (7125.0, 1.0), (7300.0, 0.5)]
    factors = structure_factors_from_model(iron[0], 2.0, spectrum=channels).factors
    mean_A = sum(w * EV_ANGSTROM / e for e, w in channels) / 4.5
    mean = structure_factors_from_model(iron[0], 2.0, mean_A).factors.F
    assert pytest.approx(mean, rel=1e-5, abs=1e-3) == factors.F
    for number, (energy, _) in enumerate(channels):
        alone = structure_factors_from_model(iron[0], 2.0, EV_ANGSTROM / energy)
        F = factors.spectral.amplitudes(number)
        assert np.abs(F - alone.factors.F).max() < 3e-6 * F.max()
        assert np.array_equal(factors.at_channel(number).F, F)
    # Frozen F would be far off: the test could fail.
    assert (
        R(
            mean,
            structure_factors_from_model(iron[0], 2.0, EV_ANGSTROM / 7050).factors.F,
        )
        > 0.005
    )


def test_memory_does_not_grow_with_channels(iron):
    few = structure_factors_from_model(
        iron[0], 3.0, spectrum=[(e, 1.0) for e in (7000, 7110, 7120, 7250)]
    )
    many = structure_factors_from_model(
        iron[0], 3.0, spectrum=[(e, 1.0) for e in np.linspace(7000, 7250, 200)]
    )
    assert many.factors.spectral.parts.nbytes <= few.factors.spectral.parts.nbytes


def test_several_elements_with_edges(tmp_path):
    path = tmp_path / "a.pdb"
    elements = ("Fe", "Co", *PROTEIN)
    write_pdb(path, (20, 25, 30, 75, 85, 95), "P 1", 60, elements)
    channels = [(e, 1.0) for e in np.linspace(7050, 7800, 9)]
    factors = structure_factors_from_model(path, 3.0, spectrum=channels).factors
    for number in (0, 2, 7):
        alone = structure_factors_from_model(
            path, 3.0, EV_ANGSTROM / channels[number][0]
        )
        F = factors.spectral.amplitudes(number)
        assert np.abs(F - alone.factors.F).max() < 3e-6 * F.max()
