# SPDX-License-Identifier: MIT
"""Command lines kept in text files: those shipped with the tools and a user's own.

A file holds the options of nbsim, on as many lines as it likes; ``#`` begins a
comment and ``{here}`` is the folder of the file.
"""

import shlex
from pathlib import Path

from nbsim.formats.files import read_bytes
from nbsim.options import parse

FOLDER = Path(__file__).parent / "configs"


def names() -> list[str]:
    """Return the names of the shipped configurations."""
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


def read_config(name: str) -> list[str]:
    """Return the options of a configuration.

    Parameters
    ----------
    name
        A shipped name, or the path of a file.

    Raises
    ------
    ValueError
        When it is neither.
    FileError
        When the file cannot be read.
    """
    path = FOLDER / f"{name}.txt" if name in names() else Path(name)
    if not path.exists():
        raise ValueError(
            f"--config {name}: no such file, and not one of {', '.join(names())}"
        )
    text = read_bytes(path, "configuration").decode("utf-8", errors="replace")
    try:
        words = shlex.split(text, comments=True)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    here = str(path.resolve().parent)
    return [word.replace("{here}", here) for word in words]


def command_words(config: str | None, extra: list[str]) -> list[str]:
    """Return the options of a run: a configuration, then what was given besides.

    A list of structure factors replaces the one value of a shipped configuration:
    reflections that it lacks are then 0, not that value.
    """
    if config is None:
        return list(extra)
    words = read_config(config)
    if config in names() and any(name == "hkl" for name, _ in parse(extra)):
        words += ["-default_F", "0"]
    return words + list(extra)
