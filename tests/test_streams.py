# SPDX-License-Identifier: MIT
"""Nobody listens: the run goes on, its files are written, statuses stay."""

import os
import shlex
import subprocess

import pytest
from test_cli import program

from nbsim.command.main import main
from nbsim.errors import FileError
from nbsim.formats.files import check_writable

LINE = "-cell 70 80 90 -default_F 100 -N 5 -detpixels 8 -device cpu"
FILES = {"floatimage.bin", "intimage.img", "noiseimage.img", "image.pgm"}
NOBODY = [
    "2>&-",
    ">&-",
    ">&- 2>&-",
    "2>/dev/full",
    "2>&1 | true; exit ${PIPESTATUS[0]}",
]


def shell(line, folder):
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, stdin=subprocess.DEVNULL, timeout=120
    ).returncode


@pytest.mark.parametrize("where", NOBODY)
def test_the_run_goes_on(where, tmp_path):
    assert shell(f"{shlex.quote(program())} {LINE} {where}", tmp_path) == 0
    assert FILES == set(os.listdir(tmp_path))


@pytest.mark.parametrize("where", NOBODY)
def test_a_wrong_word_is_a_usage_error_all_the_same(where, tmp_path):
    assert shell(f"{shlex.quote(program())} -wrong_word {where}", tmp_path) == 2


def test_a_name_that_is_too_long_is_found_before_rendering(tmp_path, capsys):
    name = str(tmp_path / ("x" * 300))
    assert main([*LINE.split(), "-floatfile", name]) == 1
    captured = capsys.readouterr()
    assert captured.err == f"nbsim: error: cannot write {name}: file name too long\n"
    assert captured.out == ""


def test_another_users_file_in_a_shared_folder(tmp_path, monkeypatch):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "a.bin").write_text("somebody's")
    check_writable(shared / "a.bin")
    monkeypatch.setattr(os, "getuid", lambda: 4321)
    check_writable(shared / "new.bin")
    with pytest.raises(FileError, match="a.bin: it is another user's in a shared"):
        check_writable(shared / "a.bin")
    shared.chmod(0o777)
    check_writable(shared / "a.bin")


def test_what_a_library_quotes_from_a_file_stays_one_harmless_line(tmp_path, capsys):
    path = tmp_path / "bad.pdb"
    path.write_text("CRYST1   20.000   25.000   30.000\nHETA\33[2J")
    assert main(["-pdb", str(path), "-dmin", "4", "-lambda", "1", "-N", "2"]) == 1
    said = capsys.readouterr().err
    assert "too short" in said and said.count("\n") == 1 and "\\x1b[2J" in said
