# SPDX-License-Identifier: MIT
"""The golden cases of nonBragg and noisify, for the tests that walk them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[1] / "golden" / "family"
INPUTS = FOLDER / "inputs"


@dataclass(frozen=True)
class FamilyCase:
    """One command line of a C program and what came of it."""

    name: str
    program: str
    written: tuple[str, ...]

    @property
    def argv(self):
        return [word.replace("{in}", str(INPUTS)) for word in self.written]

    @cached_property
    def numbers(self):
        with np.load(FOLDER / "c" / f"{self.name}.npz") as data:
            return dict(data)

    def option(self, *names, default=None):
        """Return the word after the last of these options."""
        found = default
        for word, following in zip(self.argv, [*self.argv[1:], None]):
            if word in names:
                found = following
        return found

    def defined(self, array):
        """Return which pixels C gave a value to."""
        undefined = self.numbers.get(f"undefined_{array}")
        if undefined is None:
            return np.ones(self.numbers[array].shape, bool)
        return ~undefined


def read_cases():
    cases = []
    for line in (FOLDER / "cases.txt").read_text(encoding="ascii").splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, command = (part.strip() for part in line.partition("|"))
            program, *words = command.split()
            cases.append(FamilyCase(name, program, tuple(words)))
    return cases


CASES = read_cases()
NOISIFY = [case for case in CASES if case.program == "noisify"]
NONBRAGG = [case for case in CASES if case.program == "nonBragg"]
