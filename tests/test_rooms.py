# SPDX-License-Identifier: MIT
"""The rooms of the house: who imports whom, and that no ring is left."""

import subprocess
import sys
from pathlib import Path

import grimp
import pytest

import nbsim

SETTINGS = Path(__file__).parents[1] / "setup.cfg"
LINT = "from importlinter.cli import lint_imports_command as lint; lint()"


def lint(settings, *more):
    return subprocess.run(
        [sys.executable, "-c", LINT, "--config", str(settings), "--no-cache", *more],
        capture_output=True,
        text=True,
    )


def test_contracts_are_kept():
    ran = lint(SETTINGS)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Contracts: 2 kept, 0 broken" in ran.stdout


@pytest.mark.parametrize(
    "swapped", [("nbsim.simulation", "nbsim.options"), ("nbsim.resolve", "nbsim.model")]
)
def test_a_broken_contract_is_noticed(swapped, tmp_path):
    first, second = (f"    {name}\n" for name in swapped)
    text = SETTINGS.read_text()
    assert first + second in text
    wrong = tmp_path / "setup.cfg"
    wrong.write_text(text.replace(first + second, second + first))
    ran = lint(wrong)
    assert ran.returncode == 1 and "1 broken" in ran.stdout


def test_every_room_is_in_the_contract():
    folder = Path(nbsim.__file__).parent
    rooms = {path.name for path in folder.iterdir() if (path / "__init__.py").exists()}
    named = set(SETTINGS.read_text().split("layers =")[1].split("\n\n")[0].split())
    assert {f"nbsim.{room}" for room in rooms} <= named


def test_no_module_imports_itself_in_a_ring():
    graph = grimp.build_graph("nbsim", cache_dir=None)
    # The package's own names are for people who import nbsim, not for its modules.
    graph.remove_module("nbsim")
    rings = [
        module
        for module in graph.modules
        if module in graph.find_upstream_modules(module)
        or any(
            module in graph.find_upstream_modules(imported)
            for imported in graph.find_modules_directly_imported_by(module)
        )
    ]
    assert rings == []
