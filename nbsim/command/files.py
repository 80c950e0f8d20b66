# SPDX-License-Identifier: MIT
"""Files of a run: no two of one name, and of the programs beside nbsim all or none."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import BinaryIO

from ..errors import FileError
from ..formats.files import check_writable, replace_when_complete, same_place
from ..formats.unfinished import together


def check_outputs(outputs: Mapping[str, str], inputs: Mapping[str, str]) -> None:
    """Find before the work what would otherwise go wrong after it.

    Parameters
    ----------
    outputs, inputs
        Paths by option, the dash left out.

    Raises
    ------
    ValueError
        If one file is named for two purposes.
    FileError
        If a file cannot be written.
    """
    check_distinct(outputs, inputs)
    for path in outputs.values():
        check_writable(path)


def check_distinct(outputs: Mapping[str, str], inputs: Mapping[str, str]) -> None:
    """Refuse an output that is an input or another output; see `check_outputs`."""
    seen: list[tuple[str, str]] = []
    for name, path in outputs.items():
        for other, source in inputs.items():
            if same_place(path, source):
                raise ValueError(
                    f"-{name} {path} would overwrite the file that -{other} reads; "
                    f"give another name with -{name}"
                )
        for other, earlier in seen:
            if same_place(path, earlier):
                raise ValueError(
                    f"-{other} {earlier} and -{name} {path} are the same file; "
                    "each output needs its own"
                )
        seen.append((name, path))


def write_together(
    paths: Mapping[str, str], writers: Mapping[str, Callable[[BinaryIO], object]]
) -> None:
    """Write all files, all of them or none.

    Raises
    ------
    FileError
        If one cannot be written; existing files are then as before.
    """
    with contextlib.ExitStack() as stack:
        streams = {
            name: stack.enter_context(replace_when_complete(path))
            for name, path in paths.items()
        }
        for name, stream in streams.items():
            try:
                writers[name](stream)
                stream.flush()
            except OSError as error:
                # Named here: the stack would blame the file it closes first.
                reason = (error.strerror or str(error)).lower()
                raise FileError(f"cannot write {paths[name]}: {reason}") from error
        with together():
            stack.close()
