# SPDX-License-Identifier: MIT
"""What is installed is this source tree: nothing is missing, stale or shadowed."""

import importlib
import pkgutil
from pathlib import Path

import pytest

import nbsim

SOURCE = Path(__file__).parents[1]
INSTALLED = Path(nbsim.__file__).parent

# In the source tree nbsim/kernels and nbsim/tools are links to these folders; in a
# wheel they must be real folders.
NESTED = ("kernels", "tools")


def _files(folder: Path) -> dict[str, bytes]:
    """Return the Python files below a folder, without the nested packages."""
    paths = [(path.relative_to(folder), path) for path in folder.rglob("*.py")]
    return {
        inner.as_posix(): path.read_bytes()
        for inner, path in paths
        if inner.parts[0] not in NESTED
    }


@pytest.mark.parametrize("name", NESTED)
def test_installed_subpackage_is_that_of_the_source_tree(name):
    expected = _files(SOURCE / name)
    assert "__init__.py" in expected
    assert _files(INSTALLED / name) == expected


def test_installed_package_is_that_of_the_source_tree(record_property):
    # .ci/run reads this, to see that the tests ran on the wheel.
    record_property("nbsim_folder", str(INSTALLED))
    assert _files(INSTALLED) == _files(SOURCE / "nbsim")


def test_every_module_can_be_imported():
    found = pkgutil.walk_packages(nbsim.__path__, "nbsim.")
    names = {module.name for module in found if not module.name.endswith("__main__")}
    assert {
        "nbsim.kernels.reference.pixel_cpu",
        "nbsim.tools.golden.compare",
    } <= names
    for name in names:
        assert importlib.import_module(name).__name__ == name
