# SPDX-License-Identifier: MIT
"""The committed man pages, completions and docs page are what the program makes."""

import re
import shutil
from pathlib import Path

import pytest

import nbsim
from nbsim.options import OPTIONS
from nbsim.tools.docs.__main__ import files, main
from nbsim.tools.docs.man_pages import man_page

ROOT = Path(__file__).parents[1]
OPTION_NAMES = [option.name for option in OPTIONS if not option.instead]


@pytest.fixture(scope="module")
def made():
    return dict(files(ROOT))


def test_committed_files_are_up_to_date(made):
    stale = [
        name
        for name, text in made.items()
        if (ROOT / name).read_text(encoding="utf-8") != text
    ]
    assert stale == [], "write them anew with 'python -m nbsim.tools.docs'"


def test_no_other_file_is_there(made):
    there = {
        str(path.relative_to(ROOT))
        for folder in ("man", "completions")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }
    assert there == {name for name in made if not name.startswith("docs/")}


@pytest.mark.parametrize("name", ["man/nbsim.1", "docs/command-line.md"])
def test_every_option_is_there(name, made):
    text = made[name].replace("\\-", "-")
    assert [option for option in OPTION_NAMES if f"-{option}" not in text] == []


def test_page_does_not_depend_on_the_terminal():
    assert man_page("nbsim", COLUMNS="40") == man_page("nbsim", COLUMNS="200")


def test_they_are_written_where_they_belong(made, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main() == 2 and "root of a checkout" in capsys.readouterr().err
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    empty = re.sub(
        r"(?s)(<!-- (rooms|glossary) -->).*?(<!-- end of)",
        r"\1\n\3",
        (ROOT / "docs/architecture.md").read_text(encoding="utf-8"),
    )
    (tmp_path / "docs/architecture.md").write_text(empty, encoding="utf-8")
    assert main() == 0
    assert capsys.readouterr().out.splitlines() == [f"wrote {name}" for name in made]
    for name, text in made.items():
        assert (tmp_path / name).read_text(encoding="utf-8") == text
    assert main() == 0 and capsys.readouterr().out == ""


def test_picture_has_every_room(made):
    page = made["docs/architecture.md"]
    picture = page.partition("<!-- rooms -->")[2].partition("<!-- end of rooms -->")[0]
    folder = Path(nbsim.__file__).parent
    rooms = {path.name for path in folder.iterdir() if (path / "__init__.py").exists()}
    drawn = re.findall(r"^│ (\w+)/ ", picture, re.M)
    assert sorted(drawn) == sorted(rooms)
    assert drawn.index("command") < drawn.index("resolve") < drawn.index("model")
    assert "│ simulation.py " in picture


@pytest.mark.parametrize("page", ["architecture.md", "contributing.md"])
def test_pages_name_files_that_exist(page):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    named = re.findall(r"`(?:nbsim/)?((?:\w+/)+(?:\w+\.py)?)[`,]", text)
    assert len(named) > 10
    folder = Path(nbsim.__file__).parent
    missing = [
        name
        for name in named
        if not ((folder / name).exists() or (ROOT / name).exists())
    ]
    assert missing == []


def test_words_of_the_walk_exist():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    folder = Path(nbsim.__file__).parent
    pairs = re.findall(r"`((?:\w+/)+\w+\.py)`, `([\w.]+)`", text)
    assert len(pairs) >= 8
    for name, word in pairs:
        source = (folder / name).read_text(encoding="utf-8")
        assert re.search(rf"\b(def|class) {word.split('.')[-1]}\b", source), (
            name,
            word,
        )
