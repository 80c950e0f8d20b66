# SPDX-License-Identifier: MIT
"""Judge pytest's junit file: enough tests passed, on the wheel, none skipped unasked.

Usage: check_results.py results.xml expected_tests [kind of processor]
"""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def read_expected(path: Path) -> tuple[int, set[str]]:
    """Return the least number of passed tests and the allowed skip reasons."""
    passed, reasons = None, set()
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        word, _, rest = line.partition(" ")
        if word == "passed":
            passed = int(rest)
        elif word == "skip" and rest.strip():
            reasons.add(rest.strip())
        elif line.strip() and not line.startswith("#"):
            raise SystemExit(f"{path}:{number}: expected passed N or skip REASON")
    if passed is None:
        raise SystemExit(f"{path}: no line passed N")
    return passed, reasons


def recorded(root: ElementTree.Element, name: str) -> set[str | None]:
    """Return the values of a property that tests recorded."""
    entries = root.iter("property")
    return {entry.get("value") for entry in entries if entry.get("name") == name}


def problems(results: Path, expected: Path, kind: str | None = None) -> list[str]:
    """Return one sentence for each thing that is wrong.

    `kind` is the kind of processor that the code must have been made for.
    """
    root = ElementTree.parse(results).getroot()
    least, reasons = read_expected(expected)
    found, passed, broken = [], 0, 0
    for case in root.iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        skipped = case.find("skipped")
        failed = case.find("failure") is not None or case.find("error") is not None
        if failed:
            broken += 1
        elif skipped is None:
            passed += 1
        elif skipped.get("message") not in reasons:
            found.append(f"skipped for {skipped.get('message')!r}: {name}")
    if broken:
        found.append(f"{broken} tests failed")
    if passed < least:
        found.append(f"{passed} tests passed, at least {least} are expected")
    folders = recorded(root, "nbsim_folder")
    if len(folders) != 1 or "site-packages" not in str(folders.copy().pop()):
        found.append(f"the tests did not run on an installed nbsim: {folders}")
    kinds = recorded(root, "processor_kind")
    if kind is not None and kinds != {kind}:
        found.append(f"the code was made for {kinds}, not for {kind}")
    return found


def main() -> int:
    """Print what is wrong; exit status 1 when there is anything."""
    results, expected = map(Path, sys.argv[1:3])
    found = problems(results, expected, *sys.argv[3:])
    for problem in found:
        print(f"ci: {problem}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
