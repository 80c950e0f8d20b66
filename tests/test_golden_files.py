# SPDX-License-Identifier: MIT
"""The golden folder is complete and unchanged."""

import json
import shutil

import numpy as np
import pytest
from golden_cases import CASES, GOLDEN, NAMES

from nbsim.errors import FileError
from nbsim.tools.golden import manifest as golden_manifest
from nbsim.tools.golden.cases import read_cases


def test_files_and_manifest_agree():
    assert golden_manifest.differences(GOLDEN) == []


def test_cases_and_reference_files_agree():
    stored = sorted(path.stem for path in (GOLDEN / "c").glob("*.npz"))
    assert stored == sorted(NAMES)


def test_arguments_are_those_of_the_c_run():
    for case in CASES:
        with np.load(case.reference_file) as data:
            assert json.loads(str(data["argv"])) == list(case.written), case.name


def test_inputs_and_traces_belong_to_a_case():
    words = {word for case in CASES for word in case.written}
    used = {word.removeprefix("{in}/") for word in words if word.startswith("{in}/")}
    assert {path.name for path in (GOLDEN / "inputs").iterdir()} == used
    traced = {path.name.split(".")[0] for path in (GOLDEN / "traces").iterdir()}
    assert traced and traced <= set(NAMES)


def test_only_the_seed_command_needs_carryover():
    needing = [case.name for case in CASES if case.needs_carryover]
    assert needing == ["seed_command"]


@pytest.fixture
def small_folder(tmp_path):
    """A golden folder of one listed file."""
    (tmp_path / "inputs").mkdir()
    shutil.copy(GOLDEN / "inputs" / "tri.mat", tmp_path / "inputs")
    golden_manifest.main([str(tmp_path), "--write"])
    return tmp_path


def test_untouched_folder_agrees(small_folder):
    assert golden_manifest.main([str(small_folder)]) == 0


def test_changed_byte_is_found(small_folder, capsys):
    path = small_folder / "inputs" / "tri.mat"
    path.write_bytes(path.read_bytes().replace(b"0", b"1", 1))
    assert golden_manifest.main([str(small_folder)]) == 3
    assert capsys.readouterr().out.startswith("inputs/tri.mat: ")


def test_removed_file_is_found(small_folder):
    (small_folder / "inputs" / "tri.mat").unlink()
    problems = golden_manifest.differences(small_folder)
    assert problems == ["inputs/tri.mat: in the manifest only"]


def test_added_file_is_found(small_folder):
    (small_folder / "c.npz").write_bytes(b"x")
    assert golden_manifest.differences(small_folder) == ["c.npz: not in the manifest"]


def test_case_line_without_a_bar_is_refused(tmp_path):
    (tmp_path / "cases.txt").write_text("# title\ncubic -cell 100\n")
    with pytest.raises(FileError, match=r"cases.txt:2: expected name \| arguments"):
        read_cases(tmp_path)


def test_missing_list_of_cases_is_refused(tmp_path):
    with pytest.raises(FileError, match="no list of golden cases"):
        read_cases(tmp_path)
