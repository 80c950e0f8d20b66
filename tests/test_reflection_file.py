# SPDX-License-Identifier: MIT
"""-mtz: which columns, expansion to P1, holes, absences, settings and bad files."""

import gemmi
import numpy as np
import pytest
from crystals import indices_inside, random_structure, value_of, write_mtz

from nbsim import FileError, read_mtz
from nbsim.factors.reflection_file import read_reflections

#: Space group, a cell that it allows; settings other than the standard one included.
SETTINGS = [
    ("P 1", (20, 25, 30, 75, 85, 95)),
    ("P 21 21 21", (20, 25, 30, 90, 90, 90)),
    ("P 2 21 21", (20, 25, 30, 90, 90, 90)),
    ("P 1 1 21", (20, 25, 30, 90, 90, 105)),
    ("I 1 2 1", (20, 25, 30, 90, 105, 90)),
    ("C 1 2 1", (20, 25, 30, 90, 105, 90)),
    ("P 43 21 2", (30, 30, 20, 90, 90, 90)),
    ("P 61 2 2", (30, 30, 40, 90, 90, 120)),
    ("R 3:H", (40, 40, 30, 90, 90, 120)),
    ("R 3:R", (30, 30, 30, 75, 75, 75)),
    ("F 4 3 2", (40, 40, 40, 90, 90, 90)),
    ("P 21/c", (20, 25, 30, 90, 105, 90)),
]
DMIN = 4.03


def symmetric_F(indices, space_group):
    """Return an F of each index that its equivalents share, but not its mate."""
    operations = gemmi.SpaceGroup(space_group).operations()
    F = np.zeros(len(indices))
    for op in operations.sym_ops:
        mate = indices @ (np.array(op.rot) // op.DEN)
        F += np.sin(mate @ [1.0, 0.7, 0.3]) + np.cos(mate @ [0.2, 1.3, 0.6])
    F = 100.0 + 20.0 * F / len(operations.sym_ops)
    F[operations.systematic_absences(np.int32(indices))] = 0.0
    return F


def sphere(cell, dmin=DMIN):
    unit_cell = gemmi.UnitCell(*cell)
    limits = [int(length / dmin) for length in cell[:3]]
    axes = [np.arange(-n, n + 1) for n in limits]
    box = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    inside = [0 < unit_cell.calculate_1_d2(h) <= dmin**-2 for h in box.tolist()]
    return box[inside]


def asymmetric_unit(indices, space_group):
    group = gemmi.SpaceGroup(space_group)
    asu = gemmi.ReciprocalAsu(group)
    absent = group.operations().systematic_absences(np.int32(indices))
    kept = [asu.is_in(h) for h in indices.tolist()]
    return indices[np.array(kept) & ~absent]


def pair(indices, space_group):
    """Return the columns of a Bijvoet pair."""
    return [
        ("F(+)", "G", symmetric_F(indices, space_group)),
        ("F(-)", "G", symmetric_F(-indices, space_group)),
    ]


@pytest.mark.parametrize("space_group, cell", SETTINGS)
def test_expansion_fills_the_sphere(tmp_path, space_group, cell):
    path = tmp_path / "a.mtz"
    indices = asymmetric_unit(sphere(cell), space_group)
    write_mtz(path, cell, space_group, indices, pair(indices, space_group))
    result = read_mtz(path)
    everything = sphere(cell)
    expected = symmetric_F(everything, space_group)
    assert value_of(result.factors, everything) == pytest.approx(expected, abs=1e-4)
    origin = result.factors.origin
    assert origin.missing == 0
    unit_cell = gemmi.UnitCell(*cell)
    d = np.array([unit_cell.calculate_d(h) for h in everything.tolist()])
    inside = d >= origin.d_min_A * (1 - 1e-6)
    assert origin.absences == np.count_nonzero((expected == 0.0) & inside)
    assert gemmi.SpaceGroup(result.space_group) == gemmi.SpaceGroup(space_group)
    assert result.cell == pytest.approx(cell, abs=1e-4)
    # Nothing outside: the sum over the box is the sum over the sphere.
    assert result.factors.F.sum() == pytest.approx(expected.sum(), rel=1e-6)
    assert result.factors.default_F == 0.0


def test_agrees_with_gemmi(tmp_path):
    cell, space_group = dict(SETTINGS)["P 43 21 2"], "P 43 21 2"
    path = tmp_path / "a.mtz"
    indices = asymmetric_unit(sphere(cell), space_group)
    F = symmetric_F(indices, space_group)
    write_mtz(path, cell, space_group, indices, [("FP", "F", F)])
    expanded = gemmi.read_mtz_file(str(path))
    expanded.expand_to_p1()
    listed = expanded.make_miller_array()
    values = np.array(expanded.column_with_label("FP"))
    factors = read_mtz(path).factors
    assert value_of(factors, listed) == pytest.approx(values, abs=3e-4)
    assert value_of(factors, -listed) == pytest.approx(values, abs=3e-4)


def test_listed_mates_count_themselves(tmp_path):
    # One column, both mates listed: no asymmetric unit.
    cell = (20, 25, 30, 75, 85, 95)
    path, indices = tmp_path / "a.mtz", sphere(cell)
    F = symmetric_F(indices, "P 1")
    write_mtz(path, cell, "P 1", indices, [("FP", "F", F)])
    assert value_of(read_mtz(path).factors, indices) == pytest.approx(F, abs=1e-4)


def test_missing_mates_are_each_others(tmp_path):
    cell, path = (20, 25, 30, 75, 85, 95), tmp_path / "a.mtz"
    indices = np.array([[1, 2, 3], [2, 0, 1], [0, 1, 4], [1, 1, 1]])
    plus, minus = [10, np.nan, 30, np.nan], [11, 21, np.nan, np.nan]
    columns = [("F(+)", "G", plus), ("F(-)", "G", minus)]
    write_mtz(path, cell, "P 1", indices, columns)
    factors = read_mtz(path, dmin_A=5.0, default_F=7.0).factors
    assert value_of(factors, indices).tolist() == [10, 21, 30, 7]
    assert value_of(factors, -indices).tolist() == [11, 21, 30, 7]
    assert factors.hkls == 3


def test_holes_limit_and_F000(tmp_path):
    cell, path = (30, 30, 20, 90, 90, 90), tmp_path / "a.mtz"
    indices = asymmetric_unit(sphere(cell), "P 43 21 2")
    F = symmetric_F(indices, "P 43 21 2")
    hole = np.flatnonzero((indices == [3, 2, 1]).all(axis=1))[0]
    rows = np.vstack([np.delete(indices, hole, 0), [[0, 0, 0]]])
    columns = [("FP", "F", np.append(np.delete(F, hole), 1e5))]
    write_mtz(path, cell, "P 43 21 2", rows, columns)
    factors = read_mtz(path, default_F=42.0).factors
    equivalents = np.array([[3, 2, 1], [-3, -2, -1], [2, 3, 1], [-2, 3, 1]])
    assert value_of(factors, equivalents).tolist() == [42.0] * 4
    assert factors.origin.missing == 16
    # A screw axis: absent, not missing.
    assert value_of(factors, np.array([[0, 0, 2], [3, 0, 0]])).tolist() == [0, 0]
    assert value_of(factors, np.zeros((1, 3), int)) == 0.0
    assert value_of(read_mtz(path, F000=9.0).factors, np.zeros((1, 3), int)) == 9.0
    # Finer than the file goes: its own limit counts.
    finer = read_mtz(path, dmin_A=1.0, default_F=42.0).factors
    assert np.array_equal(finer.F, factors.F)
    coarser = read_mtz(path, dmin_A=6.0, default_F=42.0).factors
    d = [gemmi.UnitCell(*cell).calculate_d(h) for h in indices.tolist()]
    near = np.array(d) >= 6.0
    assert value_of(coarser, indices[near]).tolist() == pytest.approx(
        value_of(factors, indices[near]).tolist()
    )
    assert coarser.origin.d_min_A == 6.0
    assert coarser.F.sum() < factors.F.sum() / 2


def test_scale_and_B(tmp_path):
    cell, path = (20, 25, 30, 75, 85, 95), tmp_path / "a.mtz"
    indices = sphere(cell)
    write_mtz(path, cell, "P 1", indices, [("FP", "F", np.full(len(indices), 10.0))])
    factors = read_mtz(path, F_scale=3.0, add_B=20.0).factors
    s_sqr = [gemmi.UnitCell(*cell).calculate_1_d2(h) for h in indices.tolist()]
    expected = 30.0 * np.exp(-20.0 * np.array(s_sqr) / 4.0)
    assert value_of(factors, indices) == pytest.approx(expected, rel=1e-6)


CHOICES = [
    # columns of the file, asked for, label that is read
    ([("F", "F"), ("F(+)", "G"), ("F(-)", "G")], None, "F(+),F(-)"),
    ([("I", "J"), ("F", "F"), ("I(+)", "K"), ("I(-)", "K")], None, "F"),
    ([("I", "J"), ("I(+)", "K"), ("I(-)", "K")], None, "I(+),I(-)"),
    ([("FREE", "I"), ("I", "J"), ("SIGI", "Q")], None, "I"),
    ([("FP", "F"), ("FC", "F")], "FC", "FC"),
    ([("FP", "F"), ("F+", "G"), ("F-", "G")], "F+", "F+,F-"),
    ([("F(+)", "G"), ("F(-)", "G")], "F(-)", "F(-)"),
    ([("F_peak(+)", "G"), ("X", "G")], "F_peak(+),X", "F_peak(+),X"),
    ([("F(+)", "G"), ("SIGF(+)", "L")], None, "F(+)"),
]


@pytest.mark.parametrize("columns, asked, label", CHOICES)
def test_which_column(tmp_path, columns, asked, label):
    path, indices = tmp_path / "a.mtz", np.array([[1, 2, 3], [2, 2, 2]])
    filled = [(name, kind, [4.0, 9.0]) for name, kind in columns]
    write_mtz(path, (20, 25, 30, 75, 85, 95), "P 1", indices, filled)
    result = read_mtz(path, asked)
    assert result.factors.origin.label == label
    expected = [2.0, 3.0] if label.startswith("I") else [4.0, 9.0]
    assert value_of(result.factors, indices).tolist() == expected


BAD_CHOICES = [
    ([("FP", "F"), ("FC", "F")], None, "more than one column.*FP F, FC F"),
    ([("A(+)", "G"), ("A(-)", "G"), ("B(+)", "G"), ("B(-)", "G")], None, "more than"),
    ([("FREE", "I"), ("PHI", "P")], None, "no column of amplitudes.*FREE I, PHI P"),
    ([("FP", "F")], "FX", "no column FX: the file has FP F"),
    ([("FP", "F"), ("PHI", "P")], "PHI", "PHI of type P holds neither"),
    ([("F(+)", "G"), ("I(-)", "K")], "F(+),I(-)", "the other intensities"),
    ([("FP", "F")], "FP,FP,FP", "expected LABEL or LABEL,LABEL"),
]


@pytest.mark.parametrize("columns, asked, message", BAD_CHOICES)
def test_wrong_column(tmp_path, columns, asked, message):
    path, indices = tmp_path / "a.mtz", np.array([[1, 2, 3], [2, 2, 2]])
    filled = [(name, kind, [4.0, 9.0]) for name, kind in columns]
    write_mtz(path, (20, 25, 30, 75, 85, 95), "P 1", indices, filled)
    with pytest.raises(FileError, match=message):
        read_mtz(path, asked)


def test_negative_intensities_are_counted(tmp_path):
    path, indices = tmp_path / "a.mtz", np.array([[1, 2, 3], [2, 2, 2], [1, 0, 0]])
    columns = [("I", "J", [-4.0, 9.0, -1.0])]
    write_mtz(path, (20, 25, 30, 75, 85, 95), "P 1", indices, columns)
    factors = read_mtz(path).factors
    assert value_of(factors, indices).tolist() == [0.0, 3.0, 0.0]
    assert "2 negative intensities" in factors.origin.notes[0]


def test_cell_is_the_columns_own(tmp_path):
    path = tmp_path / "a.mtz"
    columns = [("FP", "F", [4.0])]
    write_mtz(
        path, (20, 25, 30, 75, 85, 95), "P 1", [[1, 2, 3]], columns,
        datacell=(21, 26, 31, 75, 85, 95),
    )  # fmt: skip
    assert read_mtz(path).cell[:3] == (20.0, 25.0, 30.0)


CIF = """data_{name}
_cell.length_a 20
_cell.length_b 25
_cell.length_c 30
_cell.angle_alpha 90
_cell.angle_beta 90
_cell.angle_gamma 90
_symmetry.space_group_name_H-M '{group}'
loop_
_refln.index_h
_refln.index_k
_refln.index_l
{tags}
{rows}
"""


def write_cif(path, tags, rows, group="P 1", name="a"):
    tags = "\n".join(f"_refln.{tag}" for tag in tags.split())
    path.write_text(CIF.format(name=name, group=group, tags=tags, rows=rows))
    return path


def test_sf_mmcif(tmp_path):
    path = write_cif(
        tmp_path / "a-sf.cif",
        "status pdbx_F_plus pdbx_F_minus F_calc_au",
        "1 2 3 o 10 11 5\n2 2 2 o 20 ? 5\n1 0 0 x 77 77 5\n0 1 1 < 77 77 5\n"
        "0 2 1 f ? 31 5",
    )
    result = read_mtz(path)
    indices = np.array([[1, 2, 3], [-1, -2, -3], [2, 2, 2], [1, 0, 0], [0, 2, 1]])
    assert value_of(result.factors, indices).tolist() == [10, 11, 20, 0, 31]
    assert result.factors.origin.label == "pdbx_F_plus,pdbx_F_minus"
    assert "2 reflections not measured" in " ".join(result.factors.origin.notes)
    assert result.cell == (20, 25, 30, 90, 90, 90)
    assert value_of(read_mtz(path, "F_calc_au").factors, indices[:1]) == 5.0


def test_sf_mmcif_tags_that_gemmi_does_not_know(tmp_path):
    path = write_cif(tmp_path / "a.cif", "F_my_own phase_calc", "1 2 3 8 90")
    assert read_mtz(path, "F_my_own").factors.origin.label == "F_my_own"
    assert read_mtz(path).factors.origin.label == "F_my_own"
    with pytest.raises(FileError, match="phase_calc of type . holds neither"):
        read_mtz(path, "phase_calc")


def test_first_block_with_data(tmp_path):
    one = write_cif(tmp_path / "1.cif", "status", "1 2 3 o", name="one")
    two = write_cif(tmp_path / "2.cif", "F_meas_au", "1 2 3 8", name="two")
    both = tmp_path / "both.cif"
    both.write_text(one.read_text() + two.read_text())
    factors = read_mtz(both).factors
    assert value_of(factors, np.array([[1, 2, 3]])) == 8.0
    assert "block two is used, not one" in factors.origin.notes[0]


def test_bare_R3_follows_the_cell(tmp_path):
    path = write_cif(tmp_path / "a.cif", "F_meas_au", "1 2 3 8", group="R 3")
    text = path.read_text()
    path.write_text(
        text.replace("length_b 25", "length_b 20")
        .replace("angle_gamma 90", "angle_gamma 120")
    )  # fmt: skip
    assert read_mtz(path).space_group == "R 3:H"
    path.write_text(
        text.replace("length_b 25", "length_b 20")
        .replace("length_c 30", "length_c 20")
        .replace("90", "80")
    )  # fmt: skip
    assert read_mtz(path).space_group == "R 3:R"


@pytest.mark.parametrize(
    "tag, value, group",
    [
        ("_space_group.name_H-M_alt", "'P 2 21 21'", "P 2 21 21"),
        ("_symmetry.Int_Tables_number", "19", "P 21 21 21"),
        ("_space_group.IT_number", "4", "P 1 21 1"),
    ],
)
def test_other_tags_of_the_space_group(tag, value, group, tmp_path):
    path = write_cif(tmp_path / "a.cif", "F_meas_au", "1 2 3 8", group="?")
    path.write_text(path.read_text().replace("loop_", f"{tag} {value}\nloop_", 1))
    assert read_mtz(path).space_group == group


def test_reflections_listed_twice_are_said(tmp_path):
    path, cell = tmp_path / "a.mtz", (25, 30, 35, 90, 90, 90)
    rows = np.array([[1, 2, 3], [2, 2, 2], [1, 2, 3], [-1, -2, 3]])
    columns = [("FP", "F", [4.0, 9.0, 6.0, 8.0])]
    write_mtz(path, cell, "P 21 21 21", rows, columns)
    (note,) = read_mtz(path).factors.origin.notes
    assert ": 3 reflections are listed again" in note
    write_mtz(path, cell, "P 21 21 21", rows, [("FP", "F", [4.0, 9.0, 4.0, 4.0])])
    assert read_mtz(path).factors.origin.notes == ()


def bad_file(tmp_path, kind):
    path = tmp_path / "bad.mtz"
    indices = np.array([[1, 2, 3], [2, 2, 2]])
    cell, columns = (20, 25, 30, 75, 85, 95), [("FP", "F", [4.0, 9.0])]
    if kind == "truncated":
        write_mtz(path, cell, "P 1", indices, columns)
        path.write_bytes(path.read_bytes()[:100])
    elif kind == "text":
        path.write_text("hello\n")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "no value":
        write_mtz(path, cell, "P 1", indices, [("FP", "F", [np.nan, np.nan])])
    elif kind == "only 000":
        write_mtz(path, cell, "P 1", [[0, 0, 0]], [("FP", "F", [9.0])])
    elif kind == "no space group":
        write_cif(path, "F_meas_au", "1 2 3 8", group="?")
    elif kind == "coordinates":
        random_structure(cell, "P 1", 3).make_mmcif_document().write_file(str(path))
    elif kind == "no cell":
        write_cif(path, "F_meas_au", "1 2 3 8")
        path.write_text(path.read_text().replace("_cell.", "_other."))
    elif kind == "word as F":
        write_cif(path, "F_meas_au", "1 2 3 eight")
    elif kind == "word as index":
        write_cif(path, "F_meas_au", "1 two 3 8")
    elif kind == "unmerged":
        mtz = gemmi.Mtz(with_base=True)
        mtz.spacegroup = gemmi.SpaceGroup("P 1")
        mtz.set_cell_for_all(gemmi.UnitCell(*cell))
        for label, letter in (("M/ISYM", "Y"), ("BATCH", "B"), ("I", "J")):
            mtz.add_column(label, letter)
        mtz.batches.append(gemmi.Mtz.Batch())
        mtz.set_data(np.float32([[1, 2, 3, 1, 1, 9.0]]))
        mtz.write_to_file(str(path))
    return path


BAD_FILES = {
    "missing": "cannot read reflection file .*no such file",
    "truncated": "not a readable MTZ file",
    "text": "neither MTZ nor a readable SF-mmCIF",
    "empty": "no reflections",
    "no value": "column FP has no value",
    "only 000": "no reflection but 0 0 0",
    "no space group": "no known space group",
    "coordinates": "no reflections",
    "no cell": "no unit cell",
    "word as F": "_refln.F_meas_au 'eight' is not a number",
    "word as index": "block a",
    "unmerged": "not merged",
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_file(tmp_path, kind):
    path = bad_file(tmp_path, kind)
    with pytest.raises(FileError, match=BAD_FILES[kind]) as caught:
        read_reflections(path)
        read_mtz(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_limit_beyond_the_file(tmp_path):
    path = tmp_path / "a.mtz"
    write_mtz(path, (20, 25, 30, 90, 90, 90), "P 1", [[5, 5, 5]], [("F", "F", [1.0])])
    with pytest.raises(FileError, match="no reflection up to 9 A"):
        read_mtz(path, dmin_A=9.0)


@pytest.mark.parametrize("start", [b"MTZ ", b"data_x\n"])
def test_a_file_larger_than_any_is_not_read(start, tmp_path):
    path = tmp_path / "a.mtz"
    path.write_bytes(start)
    with path.open("ab") as stream:
        stream.truncate(4 << 30)  # of holes
    with pytest.raises(FileError, match="larger than 1073.74 MB"):
        read_mtz(path)


def test_a_cut_file_is_said_in_words(tmp_path):
    path = tmp_path / "a.mtz"
    write_mtz(path, (20, 25, 30, 90, 90, 90), "P 1", [[1, 0, 0]], [("F", "F", [1.0])])
    with path.open("r+b") as stream:
        stream.seek(4)
        stream.write((1 << 30).to_bytes(4, "little"))  # where the header is
    with pytest.raises(FileError, match="not a readable MTZ file") as caught:
        read_mtz(path)
    assert "::" not in str(caught.value)


def test_huge_box_is_refused(tmp_path):
    path = tmp_path / "a.mtz"
    rows = [[1, 0, 0], [100000, 0, 0]]
    write_mtz(path, (900, 900, 900, 90, 90, 90), "P 1", rows, [("F", "F", [1.0, 1.0])])
    with pytest.raises(FileError, match="GB of memory"):
        read_mtz(path)


def test_indices_of_the_helper_are_inside():
    cell = gemmi.UnitCell(20, 25, 30, 75, 85, 95)
    indices = indices_inside(cell, 3.0, 50)
    assert len(np.unique(indices, axis=0)) == 50
    assert max(cell.calculate_1_d2(h) for h in indices.tolist()) < 1 / 9
