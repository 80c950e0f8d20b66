# SPDX-License-Identifier: MIT
"""The values of one command line, while its options are applied one by one."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from .schema import Option

#: Options whose file gives detector, beam and goniometer.
GEOMETRY_FILES = ("expt", "xparm", "xds_inp", "geom")


class Collector:
    """Collects what options set, later ones over earlier ones.

    Attributes
    ----------
    values
        Fields by model, as rows name them in `Option.sets`.
    given
        The values of every option on the line, by its name; the last ones count.
    read_by_c
        By option: what nanoBragg.c would read there instead, as a sentence.
    notes, warnings
        What to tell the user.
    unasked
        Which files are read without being asked for.
    """

    def __init__(self) -> None:
        self.values: dict[str, dict[str, Any]] = defaultdict(dict)
        self.given: dict[str, tuple[Any, ...]] = {}
        self.read_by_c: dict[str, str] = {}
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.unasked: list[str] = []

    @property
    def files(self) -> dict[str, str]:
        """Names of input files by option."""
        return self.values["files"]

    def set(self, model: str, **fields: Any) -> None:
        """Set fields of a model."""
        self.values[model].update(fields)

    def take(self, option: Option, values: tuple[Any, ...]) -> None:
        """Apply one option."""
        self.given[option.name] = values
        for model, field in option.targets:
            self.values[model][field] = option.taken(values)
        for model, field, value in option.also:
            self.values[model][field] = value
        if option.does:
            option.does(self, *values)
        if option.unused:
            self.warnings.append(
                f"-{option.name} is accepted and not used: {option.unused}"
            )

    def idle(self, option: Option) -> str:
        """Return why an option of the line changes nothing there, "" where it does."""
        if option.needs and not self.given.keys() & set(option.needs):
            return f"without {_list(option.needs)}"
        for other in option.overruled_by:
            if other in self.given:
                return f"beside -{other}"
        return option.idle(self) if option.idle else ""


def _list(names: tuple[str, ...]) -> str:
    *others, last = (f"-{name}" for name in names)
    return f"{', '.join(others)} or {last}" if others else last
