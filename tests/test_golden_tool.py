# SPDX-License-Identifier: MIT
"""``nbsim-golden``, on a small golden folder and with programs that pretend to be C."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from golden_cases import CASES, GOLDEN, NAMES

from nbsim.tools.golden.cases import read_cases
from nbsim.tools.golden.main import main
from nbsim.tools.golden.manifest import differences, write_manifest

pytestmark = pytest.mark.filterwarnings("default")

CASE = next(case for case in CASES if case.name == "dmin_roi")
ARGS = (
    "-mat {mat} -default_F 50 -lambda 1 -N 3 -distance 120 -detpixels 24 -pixel 2 "
    "-seed 3"
)


@pytest.fixture
def folder(tmp_path):
    """A golden folder of one case."""
    path = tmp_path / "golden"
    (path / "c").mkdir(parents=True)
    (path / "inputs").mkdir()
    shutil.copy(CASE.reference_file, path / "c")
    for word in CASE.written:
        if word.startswith("{in}/"):
            shutil.copy(GOLDEN / "inputs" / word[5:], path / "inputs")
    (path / "cases.txt").write_text(
        f"# name | arguments\ndmin_roi | {' '.join(CASE.written)}\n"
    )
    write_manifest(path)
    return path


@pytest.fixture
def matrix(tmp_path):
    return shutil.copy(GOLDEN / "inputs" / "tri.mat", tmp_path / "own.mat")


@pytest.fixture
def program(tmp_path):
    """Return a function that makes a program that takes the place of the C program."""

    def make(script):
        path = tmp_path / "fake_c"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    return make


@pytest.fixture
def simulator(program):
    """A program that gives nbsim's numbers and does not say so."""
    return program(
        f'{sys.executable} -m nbsim "$@" > said || exit 1\n'
        'sed "s/^nbsim.*/simulator of $OMP_NUM_THREADS thread/" said'
    )


def test_list(folder, capsys):
    assert main(["list", "--folder", str(folder)]) == 0
    assert capsys.readouterr().out == f"dmin_roi  {' '.join(CASE.written)}\n"


def test_list_of_the_real_folder(capsys):
    assert main(["list", "--folder", str(GOLDEN)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == NAMES


def test_show(folder, tmp_path, capsys):
    assert main(["show", "dmin_roi", "--folder", str(folder)]) == 0
    said = capsys.readouterr().out
    slow, fast = CASE.reference.shape
    assert said.startswith(f"dmin_roi: {slow} x {fast} pixels")
    assert f"C: nanoBragg {CASE.written[0]} " in said
    assert "@" in said  # the brightest pixel of the picture
    png = tmp_path / "case.png"
    words = ["show", "dmin_roi", "--folder", str(folder), "--png", str(png)]
    assert main(words) == 0
    assert png.read_bytes().startswith(b"\x89PNG")
    png.write_bytes(b"mine")
    assert main(words) == 1 and png.read_bytes() == b"mine"
    assert main([*words, "--force"]) == 0


def test_show_says_what_is_kept_of_a_large_image(capsys):
    assert main(["show", "seed_command", "--folder", str(GOLDEN)]) == 0
    said = capsys.readouterr().out
    assert "kept: slow 638 to 733, fast 976 to 1103" in said
    assert "at slow 648, fast 1064" in said
    assert "-phi_carryover" in said.partition("nbsim: nbsim ")[2]


def test_verify_files(folder, capsys):
    words = ["verify", "--files-only", "--folder", str(folder)]
    assert main(words) == 0
    assert "files are as the manifest says" in capsys.readouterr().out
    path = folder / "c" / "dmin_roi.npz"
    path.write_bytes(path.read_bytes() + b"x")
    assert main(words) == 3
    assert capsys.readouterr().out.startswith("c/dmin_roi.npz: ")


def test_verify_names_what_differs(folder, program, capsys):
    words = ["verify", "--folder", str(folder), "--c-bin"]
    assert main([*words, program("exit 4")]) == 3
    said = capsys.readouterr().out
    assert "failed with exit status 4" in said
    assert said.splitlines()[-1] == "fake_c: 0 of 1 cases agree"
    hanging = [*words, program("sleep 60"), "--timeout", "0.3"]
    assert main(hanging) == 3
    assert "did not end within 0.3 seconds" in capsys.readouterr().out
    wrong = program(f'exec {sys.executable} -m nbsim "$@" -fluence 1e20')
    assert main([*words, wrong]) == 3
    said = capsys.readouterr().out
    assert "1.0e+00" in said and "max_I: " in said


def test_add_then_verify(folder, matrix, simulator, capsys):
    before = {path: path.read_bytes() for path in folder.rglob("*.npz")}
    words = ["add", "own_case", "--c-bin", simulator, "--folder", str(folder), "--"]
    words += ARGS.format(mat=matrix).split()
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "own_case.npz: added" in said and "equal" in said
    assert {path: path.read_bytes() for path in before} == before
    assert differences(folder) == []
    case = read_cases(folder)[-1]
    assert case.name == "own_case" and case.written[:2] == ("-mat", "{in}/own.mat")
    reference = case.reference
    assert reference.image.shape == (24, 24) and reference.noise is not None
    assert reference.provenance["program"] == "simulator of 1 thread"
    assert reference.provenance["threads"] == 1
    assert len(reference.provenance["sha256"]) == 64
    with np.load(case.reference_file) as data:
        assert json.loads(str(data["argv"])) == list(case.written)
    words = ["verify", "--folder", str(folder), "--c-bin", simulator]
    assert main([*words, "--case", "own_case"]) == 0
    assert "fake_c: 1 of 1 cases agree" in capsys.readouterr().out


def test_large_image_keeps_the_part_around_its_peak(folder, simulator):
    words = ["add", "large", "--c-bin", simulator, "--folder", str(folder), "--"]
    args = "-cell 70 80 90 90 90 90 -default_F 9 -N 4 -detpixels_x 210 -detpixels_y 140"
    assert (
        main([*words, *args.split(), *"-pixel 0.5 -seed 1 -roi 0 90 0 90".split()]) == 0
    )
    reference = read_cases(folder)[-1].reference
    assert reference.shape == (140, 210) and reference.image.shape == (96, 128)
    assert reference.noise is None and reference.int_image is None
    assert 0.0 < reference.image.sum(dtype=float) < reference.total


@pytest.mark.parametrize(
    "name, args, status, message",
    [
        ("dmin_roi", "-N 5 -seed 1", 2, "dmin_roi: there is such a case"),
        ("Bad-Name", "-N 5 -seed 1", 2, "expected a name of a-z"),
        ("new", "-N 5", 2, "no -seed"),
        ("new", "", 2, "give the arguments after --"),
        ("new", "-seed 1 -hkl none.hkl", 1, "none.hkl: there is no such file"),
        ("new", "-seed 1 -nonsense", 2, "-nonsense"),
    ],
)
def test_bad_cases_are_refused(name, args, status, message, folder, program, capsys):
    check_refused(folder, program("exit 0"), name, args, status, message, capsys)


def check_refused(folder, c_bin, name, args, status, message, capsys):
    """Add a case that cannot be added, and see that nothing changed."""
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    words = ["add", name, "--c-bin", c_bin, "--folder", str(folder), "--"]
    assert main([*words, *args.split()]) == status
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


def test_program_that_is_nbsim_is_refused(folder, program, matrix, capsys):
    honest = program(f'exec {sys.executable} -m nbsim "$@"')
    args = ARGS.format(mat=matrix)
    message = "golden numbers never come from it"
    check_refused(folder, honest, "new", args, 2, message, capsys)


def test_program_that_changes_its_mind_is_refused(folder, program, capsys):
    restless = program(
        f'{sys.executable} -m nbsim "$@" -seed $$ > said || exit 1; echo simulator'
    )
    args = "-cell 50 50 50 90 90 90 -default_F 50 -N 3 -detpixels 24 -seed 1"
    message = "its second run gave another noise"
    check_refused(folder, restless, "new", args, 1, message, capsys)


def test_failing_program_adds_nothing(folder, program, capsys):
    args = ["new", "-N 5 -seed 1", 1]
    check_refused(folder, program("exit 3"), *args, "exit status 3", capsys)
    check_refused(folder, "/none", *args, "/none: there is no such program", capsys)
    check_refused(folder, program("exit 0"), *args, "i.img", capsys)


def test_other_file_of_the_same_name_is_refused(folder, program, tmp_path, capsys):
    other = tmp_path / "other" / "own.mat"
    other.parent.mkdir()
    other.write_text("1 0 0 0 1 0 0 0 1\n")
    (folder / "inputs" / "own.mat").write_text("2 0 0 0 2 0 0 0 2\n")
    write_manifest(folder)
    args = f"-mat {other} -seed 1"
    check_refused(folder, program("exit 0"), "new", args, 1, "is another file", capsys)


def test_changed_folder_takes_no_cases(folder, program, capsys):
    (folder / "stray").write_text("x")
    message = "does not match its manifest: stray: not in the manifest"
    check_refused(folder, program(""), "new", "-N 5 -seed 1", 1, message, capsys)


@pytest.mark.parametrize(
    "words, status, message",
    [
        (["show", "none"], 2, "none: no such case"),
        (["verify", "--case", "none"], 2, "--case none: no such case"),
        (["verify", "--c-bin", "/none"], 1, "/none: there is no such program"),
        (["verify", "--timeout", "0"], 2, "--timeout 0"),
        (["list", "--", "-N", "5"], 2, "list takes no arguments"),
        (["add", "new", "--", "-N", "5"], 2, "no C program"),
    ],
)
def test_bad_command_lines(words, status, message, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder.parent)
    monkeypatch.delenv("NB_C_BIN", raising=False)
    assert main(words) == status
    said = capsys.readouterr()
    assert message in said.err and said.err.count("\n") == 1 and said.out == ""


def test_folder_without_cases(tmp_path, capsys):
    assert main(["list", "--folder", str(tmp_path)]) == 1
    assert "no list of golden cases" in capsys.readouterr().err


def test_as_a_program(folder):
    command = [sys.executable, "-m", "nbsim.tools.golden.main"]
    done = subprocess.run(
        [*command, "verify"], cwd=folder.parent, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "nbsim: 1 of 1 cases agree"
    help_text = subprocess.run([*command, "-h"], capture_output=True, text=True)
    assert help_text.returncode == 0 and "verify" in help_text.stdout
    wrong = subprocess.run([*command, "bless"], capture_output=True, text=True)
    assert wrong.returncode == 2


def test_reader_that_goes_away_is_no_error():
    command = [sys.executable, "-m", "nbsim.tools.golden.main", "list"]
    running = subprocess.Popen(
        [*command, "--folder", str(GOLDEN)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    running.stdout.close()
    said = running.stderr.read()
    running.stderr.close()
    assert (running.wait(), said) == (141, b"")
