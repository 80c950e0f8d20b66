# SPDX-License-Identifier: MIT
"""The committed man page is what argparse-manpage makes of the option table."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nbsim.options
from nbsim._version import __version__

PAGE = Path(__file__).parents[1] / "man" / "nbsim.1"
ARGUMENTS = (
    "--pyfile",
    nbsim.options.__file__,
    "--function",
    "build_parser",
    "--prog",
    "nbsim",
    "--project-name",
    "nbsim",
    "--version",
    __version__,
    "--description",
    "diffraction images of nanocrystals",
    "--manual-title",
    "nbsim manual",
)
# The page carries a date; a fixed one keeps it the same from day to day.
DATE = {"SOURCE_DATE_EPOCH": "1767268800", "TZ": "UTC"}


def make_page(**environment):
    """Return the man page as argparse-manpage prints it."""
    pytest.importorskip("argparse_manpage")
    program = "from argparse_manpage.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *ARGUMENTS],
        env={**os.environ, **DATE, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_committed_page_is_up_to_date():
    assert PAGE.read_text() == make_page(), (
        "man/nbsim.1 does not match nbsim/options.py; write it anew with "
        "'python tests/test_man_page.py'"
    )


def test_page_does_not_depend_on_the_terminal():
    assert make_page(COLUMNS="40") == make_page(COLUMNS="200")


def test_page_has_every_option():
    page = PAGE.read_text().replace("\\-", "-")
    headings = [line for line in page.splitlines() if line.startswith("\\fB-")]
    named = {name for line in headings for name in re.findall(r"\\fB-(\w+)", line)}
    wanted = {
        spelling
        for option in nbsim.options.OPTIONS
        if not option.instead
        for spelling in option.spellings
    }
    assert named == wanted


if __name__ == "__main__":
    PAGE.write_text(make_page())
