# SPDX-License-Identifier: MIT
"""The golden cases: command lines and what the C program makes of them.

The folder is always given: it belongs to the source tree and is not installed.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nbsim.errors import FileError
from nbsim.tools.images.float_files import phi_zero_step


class Reference(NamedTuple):
    """Numbers of a one-thread run of the C program."""

    image: np.ndarray  # float32, only the crop where there is one
    crop: tuple[slice, slice]  # slow, fast: the part of the image that is kept
    shape: tuple[int, int]  # slow, fast: the whole image
    total: float  # sum over the whole float image
    int_image: np.ndarray | None  # uint16
    noise: np.ndarray | None  # uint16
    pgm: bytes | None
    header: str  # of the integer image
    stdout: str
    provenance: dict[str, Any]  # of a case that nbsim-golden added


@dataclass(frozen=True)
class Case:
    """One golden command line.

    Parameters
    ----------
    name
        Also the name of the file with the reference numbers.
    written
        Arguments as in cases.txt, with ``{in}`` for the folder of inputs.
    folder
        The golden folder.
    """

    name: str
    written: tuple[str, ...]
    folder: Path

    @property
    def reference_file(self) -> Path:
        return self.folder / "c" / f"{self.name}.npz"

    @property
    def argv(self) -> list[str]:
        """Arguments with the inputs folder in place, as any program takes them."""
        inputs = str(self.folder / "inputs")
        return [word.replace("{in}", inputs) for word in self.written]

    @property
    def nbsim_argv(self) -> list[str]:
        """Arguments for nbsim: the C program's stale phi = 0 vectors are asked for."""
        return self.argv + (["-phi_carryover"] if self.needs_carryover else [])

    @property
    def needs_carryover(self) -> bool:
        """Whether the C run had a step with phi = 0 among several phi steps.

        Read from the C program's own list of steps, because options, headers and
        defaults all have a say in it.
        """
        return phi_zero_step(self.reference.stdout) is not None

    def option(self, name: str, default: list[float]) -> list[float]:
        """Return the numbers after an option that stands in the arguments once."""
        if name not in self.written:
            return default
        start = self.written.index(name) + 1
        return [float(word) for word in self.written[start : start + len(default)]]

    @cached_property
    def reference(self) -> Reference:
        with np.load(self.reference_file, allow_pickle=False) as data:
            stored = dict(data)
        slow, fast = (int(n) for n in stored["shape"])
        y0, y1, x0, x1 = stored.get("crop", (0, slow, 0, fast))
        pgm = stored.get("pgm")
        return Reference(
            image=stored["image"],
            crop=(slice(int(y0), int(y1)), slice(int(x0), int(x1))),
            shape=(slow, fast),
            total=float(stored["sum"]),
            int_image=stored.get("int"),
            noise=stored.get("noise"),
            pgm=None if pgm is None else pgm.tobytes(),
            header=str(stored["header"]),
            stdout=str(stored["stdout"]),
            provenance=json.loads(str(stored.get("provenance", "{}"))),
        )


def read_cases(folder: Path) -> list[Case]:
    """Read ``cases.txt`` of a golden folder, in the order of the file.

    Raises
    ------
    FileError
        When there is no list of cases, or a line is not ``name | arguments``.
    """
    path = Path(folder, "cases.txt")
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise FileError(f"{path}: no list of golden cases: {error.strerror}") from None
    cases = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, bar, arguments = (part.strip() for part in line.partition("|"))
        if not (name and bar and arguments):
            raise FileError(f"{path}:{number}: expected name | arguments, got {line!r}")
        cases.append(Case(name, tuple(arguments.split()), Path(folder).resolve()))
    return cases
