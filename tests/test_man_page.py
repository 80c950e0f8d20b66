# SPDX-License-Identifier: MIT
"""The committed man pages are what argparse-manpage makes of the parsers."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nbsim.options
from nbsim._version import __version__

FOLDER = Path(__file__).parents[1] / "man"
#: Where the parser of each command is, and what the command does.
COMMANDS = {
    "nbsim": (
        ("--pyfile", nbsim.options.__file__),
        "diffraction images of nanocrystals",
    ),
    "nbsim-trace": (
        ("--module", "nbsim.tools.traces.main"),
        "all numbers behind one pixel of a diffraction image",
    ),
    "nbsim-compare-traces": (
        ("--module", "nbsim.tools.traces.compare"),
        "the first quantity in which two traces differ",
    ),
    "nbsim-per-phi": (
        ("--module", "nbsim.tools.traces.per_phi"),
        "one pixel, phi step by phi step",
    ),
    "nbsim-compare": (
        ("--module", "nbsim.tools.images.main"),
        "the images of two programs for one command line",
    ),
    "nbsim-golden": (
        ("--module", "nbsim.tools.golden.main"),
        "cases with the numbers of the C program",
    ),
    "nbsim-benchmark": (
        ("--module", "nbsim.tools.benchmark.main"),
        "how fast images are rendered on this machine",
    ),
}
# The page carries a date; a fixed one keeps it the same from day to day.
DATE = {"SOURCE_DATE_EPOCH": "1767268800", "TZ": "UTC"}


def page_path(command):
    return FOLDER / f"{command}.1"


def make_page(command, **environment):
    """Return the man page as argparse-manpage prints it."""
    pytest.importorskip("argparse_manpage")
    program = "from argparse_manpage.cli import main; main()"
    source, description = COMMANDS[command]
    arguments = (
        *source,
        *("--function", "build_parser"),
        *("--prog", command),
        *("--project-name", "nbsim"),
        *("--version", __version__),
        *("--description", description),
        *("--manual-title", "nbsim manual"),
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, **DATE, "COLUMNS": "80", **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_committed_page_is_up_to_date(command):
    assert page_path(command).read_text() == make_page(command), (
        f"man/{command}.1 does not match its parser; write the pages anew with "
        "'python tests/test_man_page.py'"
    )


def test_page_does_not_depend_on_the_terminal():
    assert make_page("nbsim", COLUMNS="40") == make_page("nbsim", COLUMNS="200")


def test_page_has_every_option():
    page = page_path("nbsim").read_text().replace("\\-", "-")
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
    for each in COMMANDS:
        page_path(each).write_text(make_page(each))
