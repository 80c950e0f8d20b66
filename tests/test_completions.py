# SPDX-License-Identifier: MIT
"""What bash, zsh and fish offer for every command, asked of the shells themselves."""

import configparser
import re
from pathlib import Path

import pytest
from shells import ASK, FOLDER

from nbsim.options import OPTIONS
from nbsim.tools.docs.completions import Word, tables
from nbsim.tools.docs.shells import quoted

ROOT = Path(__file__).parents[1]
FILES = ("P1.hkl", "A.mat", "w.stol", "two words.hkl", "log.txt")


def setup_cfg():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    return settings


def commands():
    """Return the console scripts of setup.cfg."""
    rows = setup_cfg()["options.entry_points"]["console_scripts"].split("\n")
    return [row.partition("=")[0].strip() for row in rows if row.strip()]


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "there"
    (path / "sub").mkdir(parents=True)
    for name in FILES:
        (path / name).touch()
    return path


def offered(shell, line, folder, tmp_path):
    """Return what a shell offers; folders without the slash that some of them add."""
    return {word.rstrip("/") for word in ASK[shell](line, folder, tmp_path)}


#: A line, and all that must be offered for its last word.
LINES = {
    "nbsim -mis": {"-misset", "-misset_seed"},
    "nbsim --mis": {"--misset", "--misset_seed"},
    "nbsim --hk": {"--hkl"},
    "nbsim -cell 70 80 90 90 90 90 -4st": {"-4stol"},
    # Words and numbers.
    "nbsim -misset ": {"random"},
    "nbsim --misset r": {"random"},
    "nbsim -misset 10 ": set(),
    "nbsim -misset random -misset_s": {"-misset_seed"},
    "nbsim -N ": set(),
    "nbsim -Xbeam -": set(),
    "nbsim -F000 ": {"model"},
    "nbsim -pivot ": {"sample", "beam"},
    "nbsim --preview_scale l": {"log", "linear"},
    "nbsim -device c": {"cpu", "cuda"},
    "nbsim -Xbeam -1e-5 -pivot s": {"sample"},
    "nbsim -cell 70 80 -prec": {"-precision"},
    # Files.
    "nbsim -hkl ": {"P1.hkl", "two words.hkl", "sub"},
    "nbsim --hkl P": {"P1.hkl"},
    "nbsim -mat ": {"A.mat", "sub"},
    "nbsim -expt ": {*FILES, "sub"},  # there is none with its ending
    "nbsim -background w": {"water", "w.stol"},
    "nbsim -example ": {"sub"},
    # Each of the other commands.
    "nbsim-background -stol ": {"water", "air", "ice", "w.stol", "log.txt", "sub"},
    "nbsim-noise -psf ": {"gauss", "fiber", "none"},
    "nbsim-trace --dtype ": {"float64", "float32"},
    "nbsim-trace --out F/x.log -- -mis": {"-misset", "-misset_seed"},
    "nbsim-trace --pixel 3 ": set(),
    "nbsim-compare --c": {"--c-bin", "--config"},
    "nbsim-compare --outdir ": {"sub"},
    "nbsim-compare -- -hkl ": {"P1.hkl", "two words.hkl", "sub"},
    "nbsim-compare-traces --tol": {"--tolerance"},
    "nbsim-per-phi --pi": {"--pixel"},
    "nbsim-golden l": {"list"},
    "nbsim-golden show --p": {"--png"},
    "nbsim-golden add new --c-bin x -- --pivot s": {"sample"},
    "nbsim-truth-compare -j": {"-json"},
    "nbsim-truth-compare P": {"P1.hkl"},
    "nbsim-benchmark --precision ": {"double", "single"},
}


@pytest.mark.parametrize("shell", ASK)
@pytest.mark.parametrize("line", LINES)
def test_shells_offer(shell, line, folder, tmp_path):
    assert offered(shell, line, folder, tmp_path) == LINES[line]


@pytest.mark.parametrize("shell", ASK)
def test_after_the_last_argument_every_option_is_offered(shell, folder, tmp_path):
    wanted = {f"-{name}" for o in OPTIONS if not o.instead for name in o.spellings}
    for line in ("nbsim ", "nbsim -misset random ", "nbsim -misset 1 2 3 "):
        assert offered(shell, line, folder, tmp_path) == wanted


def test_the_lines_above_try_every_command():
    assert {line.split()[0] for line in LINES} == set(commands())


def test_every_option_that_names_a_file_offers_some():
    """Of the choice of words too: a row that says nothing is offered nothing."""
    (nbsim,) = (table for table in tables() if table.name == "nbsim")
    silent = [
        word.spellings[0]
        for word, row in zip(nbsim.words, (o for o in OPTIONS if not o.instead))
        for argument, offers in zip(row.arguments, word.takes)
        if argument.kind == "text" and offers == "-"
    ]
    assert silent == ["-mtz_label", "-fprime", "-fprime_file", "-scheduler"]
    assert Word(("-hkl",), nbsim.words[0].help, ("*.hkl",)).takes in {
        word.takes for word in nbsim.words
    }


def test_quotes_in_a_word():
    assert quoted("Bragg's") == "'Bragg'\"'\"'s'"


def test_setup_installs_a_file_for_every_command():
    data = setup_cfg()["options.data_files"]
    installed = set(re.findall(r"^completions/(.*)$", "\n".join(data.values()), re.M))
    there = {str(p.relative_to(FOLDER)) for p in FOLDER.rglob("*") if p.is_file()}
    assert installed == there
    assert there == {"zsh/_nbsim"} | {
        name
        for command in commands()
        for name in (f"bash/{command}", f"fish/{command}.fish")
    }
