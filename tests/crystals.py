# SPDX-License-Identifier: MIT
"""Small crystals as files, made by gemmi of random numbers, and sums over their atoms.

The fixtures of the tests of reflection files and atomic models; nothing is stored.
"""

import gemmi
import numpy as np

PROTEIN = ("C", "N", "O", "S")


def random_structure(
    cell, space_group, atoms, elements=PROTEIN, B=(5.0, 40.0), seed=1, aniso=False
):
    """Return a gemmi.Structure of atoms at random places, in turn of these elements."""
    rng = np.random.default_rng(seed)
    structure = gemmi.Structure()
    structure.cell = gemmi.UnitCell(*cell)
    structure.spacegroup_hm = space_group
    model, chain = gemmi.Model(1), gemmi.Chain("A")
    for i in range(atoms):
        residue = gemmi.Residue()
        residue.name, residue.seqid = "UNK", gemmi.SeqId(str(i + 1))
        atom = gemmi.Atom()
        atom.name = elements[i % len(elements)]
        atom.element = gemmi.Element(elements[i % len(elements)])
        atom.pos = _general_position(structure, rng)
        atom.b_iso, atom.occ = rng.uniform(*B), rng.choice([1.0, 1.0, 0.5])
        residue.add_atom(atom)
        chain.add_residue(residue)
    model.add_chain(chain)
    structure.add_model(model)
    structure.setup_entities()
    return structure


def _general_position(structure, rng):
    """Return a random place that is 1 A away from its own mates.

    Other programs move an atom that is nearer onto the special position.
    """
    operations = structure.find_spacegroup().operations()
    while True:
        place = rng.random(3)
        away = [
            np.subtract(op.apply_to_xyz(place.tolist()), place) for op in operations
        ]
        steps = [gemmi.Fractional(*(x - np.round(x))) for x in away]
        lengths = [structure.cell.orthogonalize(step).length() for step in steps]
        if sum(length < 1.0 for length in lengths) == 1:
            return structure.cell.orthogonalize(gemmi.Fractional(*place))


def write_pdb(path, *args, **kwargs):
    """Write a random structure and return it as it reads back."""
    random_structure(*args, **kwargs).write_pdb(str(path))
    return gemmi.read_structure(str(path))


def cromer_liberman(elements, energy_eV):
    """Return f' + i f'' of each element's free atom at an energy."""
    numbers = {name: gemmi.Element(name).atomic_number for name in elements}
    return {
        name: complex(*gemmi.cromer_liberman(number, energy_eV))
        for name, number in numbers.items()
    }


def direct_sum(structure, indices, anomalous=None):
    """Return complex F of indices (n, 3) by summing over every atom and its mates.

    Parameters
    ----------
    anomalous
        f' + i f'' of elements; 0 for others.
    """
    cell = structure.cell
    stol_sqr = np.array([cell.calculate_1_d2(h) for h in indices.tolist()]) / 4.0
    F = np.zeros(len(indices), complex)
    for place in structure[0].all():
        atom = place.atom
        coefficients = gemmi.Element(atom.element.name).it92.get_coefs()
        f = coefficients[8] + (anomalous or {}).get(atom.element.name, 0.0)
        for a, b in zip(coefficients[:4], coefficients[4:8]):
            f = f + a * np.exp(-b * stol_sqr)
        position = cell.fractionalize(atom.pos).tolist()
        waves = sum(
            np.exp(2j * np.pi * (indices @ np.array(op.apply_to_xyz(position))))
            for op in structure.find_spacegroup().operations()
        )
        F += f * atom.occ * np.exp(-atom.b_iso * stol_sqr) * waves
    return F


def indices_inside(cell, dmin_A, count, seed=2):
    """Return so many different indices inside a resolution limit, (n, 3)."""
    limits = [int(length / dmin_A) for length in cell.parameters[:3]]
    axes = [np.arange(-n, n + 1) for n in limits]
    all_of_box = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    chosen = np.random.default_rng(seed).permutation(all_of_box)[: 6 * count]
    inside = [cell.calculate_1_d2(h) < 1.0 / dmin_A**2 for h in chosen.tolist()]
    chosen = chosen[inside]
    return chosen[chosen.any(axis=1)][:count]


def write_mtz(path, cell, space_group, indices, columns, data_sets=1, datacell=None):
    """Write an MTZ file.

    Parameters
    ----------
    columns
        (label, type, (n,) values) of each.
    """
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup = gemmi.SpaceGroup(space_group)
    mtz.set_cell_for_all(gemmi.UnitCell(*cell))
    mtz.add_dataset("data")
    mtz.set_cell_for_all(gemmi.UnitCell(*cell))
    for label, kind, _ in columns:
        mtz.add_column(label, kind)
    if datacell is not None:
        mtz.cell = gemmi.UnitCell(*datacell)
        mtz.datasets[0].cell = gemmi.UnitCell(*datacell)
    table = [indices, *(np.reshape(values, (-1, 1)) for _, _, values in columns)]
    mtz.set_data(np.hstack(table).astype(np.float32))
    mtz.write_to_file(str(path))


def value_of(factors, indices):
    """Return F of indices (n, 3) from StructureFactors."""
    place = indices - np.array([factors.h_min, factors.k_min, factors.l_min])
    inside = ((place >= 0) & (place < factors.F.shape)).all(axis=1)
    F = np.full(len(place), factors.default_F)
    F[inside] = factors.F[tuple(place[inside].T)]
    return F
