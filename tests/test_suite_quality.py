# SPDX-License-Identifier: MIT
"""Every test can fail: each test function, and each helper it trusts, asserts."""

import ast
from pathlib import Path

import pytest

FILES = sorted(Path(__file__).parent.glob("*.py"))
CHECKING_PREFIXES = ("assert_", "check_")


def checks_something(function: ast.FunctionDef) -> bool:
    """Whether the body asserts what can be false, or calls a function that does.

    That the only thing asserted is a type is no check of what the value is.
    """
    return any(
        (isinstance(node, ast.Assert) and can_fail(node.test) and not _weak(node.test))
        or (isinstance(node, ast.Call) and _is_check(node.func))
        for node in ast.walk(function)
    )


def can_fail(test: ast.expr) -> bool:
    """Whether an asserted expression can be false, as far as its form tells."""
    if isinstance(test, ast.Constant):
        return False
    if isinstance(test, (ast.Tuple, ast.List, ast.Dict, ast.Lambda)):
        return False  # `assert (x, "message")` is always true
    if isinstance(test, ast.BoolOp):
        if isinstance(test.op, ast.Or):
            return all(can_fail(part) for part in test.values)
        return any(can_fail(part) for part in test.values)
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        left, (right,), operator = test.left, test.comparators, test.ops[0]
        again = ast.dump(left) == ast.dump(right)
        worked_out = (ast.Call, ast.Attribute, ast.Subscript)
        if again and not any(isinstance(n, worked_out) for n in ast.walk(left)):
            return False
        length = ast.unparse(left).startswith("len(")
        at_least_0 = isinstance(operator, ast.GtE) and ast.unparse(right) == "0"
        return not (length and at_least_0)
    return True


def _weak(test: ast.expr) -> bool:
    weak = ("isinstance", "callable")
    return isinstance(test, ast.Call) and ast.unparse(test.func) in weak


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


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_no_assertion_is_always_true(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    asserts = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    assert [node.lineno for node in asserts if not can_fail(node.test)] == []


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_no_test_takes_any_error_for_the_one_it_wants(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    raises = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.raises"
    ]
    wide = ("Exception", "BaseException")
    found = [node.lineno for node in raises if ast.unparse(node.args[0]) in wide]
    assert found == []


@pytest.mark.parametrize(
    "body, verdict",
    [
        ("assert x == 1", True),
        ("np.testing.assert_allclose(x, y)", True),
        ("check_image(x)", True),
        ("with pytest.raises(ValueError):\n  f()", True),
        ("assert True", False),
        ("assert x == x", False),
        ("assert len(x) >= 0", False),
        ("assert len(x) >= 1", True),
        ("assert (x == 1, 'why')", False),
        ("assert x or True", False),
        ("assert x == 1 and True", True),
        ("assert isinstance(x, int)", False),
        ("assert x.a is x.a", True),
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
