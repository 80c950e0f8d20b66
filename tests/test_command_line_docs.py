# SPDX-License-Identifier: MIT
"""docs/command-line.md is what its tool makes of the option table."""

import dataclasses
import re
from pathlib import Path

import pytest

import nbsim
from nbsim.options import EXACT, GROUPS, OPTIONS
from nbsim.tools.docs import command_line as command_line_docs

PAGE = Path(__file__).parents[1] / "docs" / "command-line.md"
NAMES = [option.name for option in OPTIONS if not option.instead]


def test_every_option_has_its_heading():
    headings = re.findall(r"^### `-(\w+)", PAGE.read_text(encoding="utf-8"), re.M)
    assert sorted(headings) == sorted(NAMES)
    titles = re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), re.M)
    assert titles == [*GROUPS, "Read and ignored"]


@pytest.mark.parametrize("name", NAMES)
def test_python_names_exist(name):
    text = command_line_docs.python_name(EXACT[name])
    for owner, member in re.findall(r"\b([A-Z]\w+|nbsim)[.(](\w+)", text):
        thing = nbsim if owner == "nbsim" else getattr(nbsim, owner)
        fields = (
            {field.name for field in dataclasses.fields(thing)}
            if dataclasses.is_dataclass(thing)
            else set()
        )
        assert member in fields or hasattr(thing, member), text
