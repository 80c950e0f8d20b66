# SPDX-License-Identifier: MIT
"""What is made for docs/architecture.md: the picture of the rooms, the glossary."""

import configparser
import importlib
import inspect
import re
import textwrap
from pathlib import Path

CONTRACT = "importlinter:contract:rooms"
#: Characters inside a box.
WIDTH = 88


def layers(settings: Path) -> list[list[str]]:
    """Return the rooms by layer, from the top, as the import contract has them."""
    contract = configparser.ConfigParser()
    contract.read(settings, encoding="utf-8")
    lines = contract[CONTRACT]["layers"].split("\n")
    return [re.findall(r"nbsim\.(\w+)", line) for line in lines if line.strip()]


def says(room: str) -> str:
    """Return the first sentence of a package, without its full stop."""
    module = importlib.import_module(f"nbsim.{room}")
    first = (inspect.getdoc(module) or "").split("\n\n")[0]
    return " ".join(first.split()).rstrip(".")


def picture(settings: Path) -> str:
    """Return the rooms as boxes, each layer importing those below it."""
    drawn = []
    for rooms in layers(settings):
        lines = [line for room in rooms for line in _lines(room)]
        drawn += [f"┌{'─' * WIDTH}┐", *(f"│{line:<{WIDTH}}│" for line in lines)]
        drawn.append(f"└{'─' * (WIDTH // 2)}┬{'─' * (WIDTH - WIDTH // 2 - 1)}┘")
        drawn.append(f"{' ' * (WIDTH // 2 + 1)}▼")
    # Nothing is below the last one.
    drawn = drawn[:-1]
    drawn[-1] = drawn[-1].replace("┬", "─")
    return "\n".join(drawn)


def _lines(room: str) -> list[str]:
    name = f" {room + ('.py' if room == 'simulation' else '/'):<14}"
    wrapped = textwrap.wrap(says(room), WIDTH - len(name) - 1)
    return [f"{name if not i else ' ' * len(name)}{t}" for i, t in enumerate(wrapped)]


def glossary() -> str:
    """Return the words that kernels/__init__.py explains, as a table."""
    import nbsim.kernels

    text = inspect.getdoc(nbsim.kernels) or ""
    words = text.split("----\n")[-1]
    rows = ["| word | meaning |", "|---|---|"]
    for word, meaning in re.findall(r"^(\w[^\n]*)\n((?:    [^\n]*\n?)+)", words, re.M):
        rows.append(
            f"| {word} | {' '.join(meaning.split())} |".replace("|F_latt|", "F_latt")
        )
    return "\n".join(rows)


def page(root: Path) -> str:
    """Return docs/architecture.md with picture and glossary made anew."""
    text = (root / "docs" / "architecture.md").read_text(encoding="utf-8")
    text = _filled(text, "rooms", f"```text\n{picture(root / 'setup.cfg')}\n```")
    return _filled(text, "glossary", glossary())


def _filled(text: str, name: str, content: str) -> str:
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{content}\n{end}{after}"
