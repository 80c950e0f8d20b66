# SPDX-License-Identifier: MIT
"""The manifest of a golden folder: path, size and sha256 of every file.

``python -m nbsim.tools.golden.manifest golden`` verifies; ``--write`` rewrites it.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

from nbsim.errors import FileError
from nbsim.tools.command import write_text

NAME = "manifest.json"

# Text about the data, not data.
NOT_LISTED = {NAME, "README.md"}


def describe(folder: Path) -> dict[str, dict]:
    """Return size (bytes) and sha256 of every data file, by path in the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path: path.relative_to(folder).as_posix() for path in files}
    return {
        name: {
            "size": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path, name in names.items()
        if name not in NOT_LISTED
    }


def differences(folder: Path) -> list[str]:
    """Return one sentence for each file on which folder and manifest disagree.

    Raises
    ------
    FileError
        When the manifest cannot be read.
    """
    try:
        listed = json.loads((folder / NAME).read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise FileError(f"{folder / NAME}: cannot be read: {error}") from error
    found = describe(folder)
    problems = [f"{name}: in the manifest only" for name in listed.keys() - found]
    problems += [f"{name}: not in the manifest" for name in found.keys() - listed]
    for name in listed.keys() & found.keys():
        if listed[name] != found[name]:
            problems.append(f"{name}: {found[name]}, manifest {listed[name]}")
    return sorted(problems)


def write_manifest(folder: Path) -> None:
    """Describe what is in the folder."""
    text = json.dumps(describe(folder), indent=1, sort_keys=True)
    write_text(folder / NAME, text + "\n")


def main(argv: list[str] | None = None) -> int:
    """Verify (exit status 0 or 3) or write the manifest."""
    parser = argparse.ArgumentParser(prog="golden_manifest", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true", help="describe what is there")
    options = parser.parse_args(argv)
    if options.write:
        write_manifest(options.folder)
        return 0
    problems = differences(options.folder)
    for problem in problems:
        print(problem)
    return 3 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
