# SPDX-License-Identifier: MIT
"""The documentation holds together: links lead somewhere, pages are reachable."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WANTED = {
    *("index.md", "install.md", "command-line.md", "python.md", "physics.md"),
    *("regression.md", "performance.md", "differences-from-c.md", "contributing.md"),
    "examples.md",
}


def links(page):
    """Return the targets of links and pictures that are not on the web."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    found = re.findall(r"\]\(([^)\s]+)\)", text)
    return [target for target in found if "://" not in target]


def anchors(page):
    """Return the names that a code host gives to the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_lead_somewhere(page):
    broken = []
    for target in links(page):
        path, _, anchor = target.partition("#")
        other = (page.parent / path) if path else page
        if not other.exists() or (anchor and anchor not in anchors(other)):
            broken.append(target)
    assert broken == []


def test_every_page_is_there_and_linked_from_the_index():
    names = {page.name for page in PAGES[1:]}
    assert WANTED <= names
    reached = set(links(ROOT / "docs" / "index.md"))
    assert names - reached - {"index.md"} == set()


def test_every_picture_is_shown_somewhere():
    pictures = {path.name for path in (ROOT / "docs" / "images").iterdir()}
    shown = {Path(target).name for page in PAGES for target in links(page)}
    assert pictures - shown == set()


def test_every_oddity_has_its_row():
    text = (ROOT / "docs" / "physics.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \|", text, re.M)
    assert rows == [str(number) for number in range(1, 20)]
