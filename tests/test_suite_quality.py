# SPDX-License-Identifier: MIT
"""Every test can fail: each test function, and each helper it trusts, asserts."""

import ast
from pathlib import Path

import pytest

FILES = sorted(Path(__file__).parent.glob("*.py"))
CHECKING_PREFIXES = ("assert_", "check_")


def checks_something(function: ast.FunctionDef) -> bool:
    """Whether the body holds an assert, or calls a function that asserts."""
    return any(
        (isinstance(node, ast.Assert) and not isinstance(node.test, ast.Constant))
        or (isinstance(node, ast.Call) and _is_check(node.func))
        for node in ast.walk(function)
    )


def _is_check(called: ast.expr) -> bool:
    if isinstance(called, ast.Attribute):
        if ast.unparse(called) in ("pytest.raises", "pytest.warns", "pytest.fail"):
            return True
        return called.attr.startswith(CHECKING_PREFIXES)
    return isinstance(called, ast.Name) and called.id.startswith(CHECKING_PREFIXES)


def functions_to_check(source: str) -> list[ast.FunctionDef]:
    """Return test functions and the helpers whose name says that they assert."""
    return [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith(("test_", *CHECKING_PREFIXES))
    ]


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_every_test_checks_something(path):
    functions = functions_to_check(path.read_text(encoding="utf-8"))
    assert [f.name for f in functions if not checks_something(f)] == []


@pytest.mark.parametrize(
    "body, verdict",
    [
        ("assert x == 1", True),
        ("np.testing.assert_allclose(x, y)", True),
        ("check_image(x)", True),
        ("with pytest.raises(ValueError):\n  f()", True),
        ("assert True", False),
        ("x = f()", False),
        ("print(x)", False),
        ("checked(x)", False),
    ],
)
def test_the_check_itself(body, verdict):
    lines = "\n".join(f" {line}" for line in body.splitlines())
    (function,) = functions_to_check(f"def test_it():\n{lines}\n")
    assert checks_something(function) is verdict


def test_no_two_tests_of_a_file_share_a_name():
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [n.name for n in tree.body if isinstance(n, ast.FunctionDef)]
        assert len(names) == len(set(names)), path.name
