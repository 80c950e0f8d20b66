# SPDX-License-Identifier: MIT
"""docs/command-line.md is what its tool makes of the option table."""

import dataclasses
import re
from pathlib import Path

import pytest

import nbsim
from nbsim.options import GROUPS, OPTIONS
from nbsim.tools.docs import command_line as command_line_docs

PAGE = Path(__file__).parents[1] / "docs" / "command-line.md"
NAMES = [option.name for option in OPTIONS if not option.instead]


def test_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == command_line_docs.page(), (
        "docs/command-line.md does not match nbsim/options/__init__.py; write it "
        "anew with 'python -m nbsim.tools.docs.command_line docs/command-line.md'"
    )


def test_every_option_has_its_heading():
    headings = re.findall(r"^### `-(\w+)", PAGE.read_text(encoding="utf-8"), re.M)
    assert sorted(headings) == sorted(NAMES)
    titles = re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), re.M)
    assert titles == [*GROUPS, "Read and ignored"]


def test_notes_are_about_options_that_exist():
    told = {*command_line_docs.PYTHON, *command_line_docs.C_NOTES}
    assert sorted(told - set(NAMES)) == []


@pytest.mark.parametrize("name", NAMES)
def test_python_names_exist(name):
    text = command_line_docs.python_name(name)
    for owner, member in re.findall(r"\b([A-Z]\w+|nbsim)[.(](\w+)", text):
        thing = nbsim if owner == "nbsim" else getattr(nbsim, owner)
        fields = (
            {field.name for field in dataclasses.fields(thing)}
            if dataclasses.is_dataclass(thing)
            else set()
        )
        assert member in fields or hasattr(thing, member), text
