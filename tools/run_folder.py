# SPDX-License-Identifier: MIT
"""What several tools keep in one folder: whose run wrote what, and the checksums.

`run_metadata.json` describes the run that made the folder, and under ``runs`` every
run that wrote there since, by its main file. `commands.txt` and `sha256.txt` grow in
the same way: a tool replaces its own entries and never those of another.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nbsim.errors import FileError
from nbsim.formats.files import read_bytes
from nbsim.tools.command import write_json, write_text

METADATA, COMMANDS, CHECKSUMS = "run_metadata.json", "commands.txt", "sha256.txt"
_CHECKSUM = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def record_run(
    main_file: Path,
    metadata: dict[str, Any],
    files: Sequence[Path],
    commands: str,
) -> None:
    """Add a run to what its folder says of itself.

    Parameters
    ----------
    main_file
        The file that the run is about; the entry's name.
    metadata
        See `provenance.run_metadata`.
    files
        Everything else that the run wrote into this folder.
    commands
        Lines for `commands.txt`.

    Raises
    ------
    FileError
        When what is there already was not written by these tools.
    """
    folder = main_file.parent
    there = read_metadata(folder)
    runs = {**there.get("runs", {}), main_file.name: metadata}
    owner = there.get("main_file", main_file.name)
    content = runs.get(owner, metadata)
    write_json(folder / METADATA, {**content, "main_file": owner, "runs": runs})
    path = folder / COMMANDS
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if commands not in before:
        write_text(path, before + commands)
    _update_checksums(folder, [main_file, *files, folder / METADATA, path])


def check_record(folder: Path) -> None:
    """Refuse a folder whose records could not be added to, before anything is done.

    Raises
    ------
    FileError
    """
    read_metadata(folder)
    _read_checksums(folder)


def read_metadata(folder: Path) -> dict[str, Any]:
    """Return what `run_metadata.json` of a folder holds; nothing where there is none.

    Raises
    ------
    FileError
        When it is no JSON object.
    """
    path = folder / METADATA
    if not path.exists():
        return {}
    try:
        content = json.loads(read_bytes(path, "metadata"))
    except ValueError:
        content = None
    runs = content.get("runs", {}) if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(runs, dict):
        raise FileError(f"{path}: expected the JSON object that nbsim's tools write")
    return content


def _read_checksums(folder: Path) -> dict[str, str]:
    """Return the digests of `sha256.txt` by file name."""
    path = folder / CHECKSUMS
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    digests: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        found = _CHECKSUM.fullmatch(line)
        if not found:
            raise FileError(f"{path}:{number}: expected a sha256 and a file name")
        digests[found[2]] = found[1]
    return digests


def _update_checksums(folder: Path, paths: Sequence[Path]) -> None:
    digests = _read_checksums(folder)
    for changed in paths:
        digests[changed.name] = hashlib.sha256(changed.read_bytes()).hexdigest()
    lines = (f"{digest}  {name}\n" for name, digest in digests.items())
    write_text(folder / CHECKSUMS, "".join(lines))
