# SPDX-License-Identifier: MIT
"""A part of a JSON file that knows its name, so that errors can say where."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


class Part:
    """An object of a JSON file.

    Attributes
    ----------
    name
        Where it is: ``detector[0].panels[3]``.
    content
        Its values by key.
    """

    def __init__(self, name: str, content: Any) -> None:
        if not isinstance(content, dict):
            raise ValueError(
                f"{name}: expected an object {{...}}, got {_short(content)}"
            )
        self.name = name
        self.content: dict[str, Any] = content

    def _at(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key

    def value(self, key: str) -> Any:
        """Return a value, which must be there."""
        if key not in self.content:
            raise ValueError(f"{self._at(key)} is missing")
        return self.content[key]

    def part(self, key: str) -> Part:
        """Return an object."""
        return Part(self._at(key), self.value(key))

    def raw_list(self, key: str) -> list[Any]:
        """Return a list as it is."""
        values = self.value(key)
        if not isinstance(values, list):
            raise ValueError(f"{self._at(key)}: expected a list, got {_short(values)}")
        return values

    def objects(self, key: str) -> list[Part]:
        """Return a list of objects."""
        values = self.raw_list(key)
        return [Part(f"{self._at(key)}[{i}]", value) for i, value in enumerate(values)]

    def numbers(self, key: str, count: int | None) -> list[float]:
        """Return so many finite numbers; None: any number of them."""
        return _numbers(self._at(key), self.value(key), count)

    def number(self, key: str) -> float:
        """Return a finite number."""
        value = self.value(key)
        if not _is_number(value):
            raise ValueError(
                f"{self._at(key)}: expected a finite number, got {_short(value)}"
            )
        return float(value)

    def wholes(self, key: str, count: int = 2) -> list[int]:
        """Return so many whole numbers."""
        values = self.numbers(key, count)
        if any(value != math.floor(value) for value in values):
            raise ValueError(
                f"{self._at(key)}: expected a list of {count} whole numbers, got "
                f"{_short(self.value(key))}"
            )
        return [int(value) for value in values]

    def whole(self, key: str) -> int:
        """Return a whole number."""
        value = self.number(key)
        if value != math.floor(value):
            raise ValueError(f"{self._at(key)}: expected a whole number, got {value:g}")
        return int(value)

    def unit(self, key: str) -> np.ndarray:
        """Return a direction, made of length 1."""
        return self.unit_of(key, self.value(key))

    def unit_of(self, key: str, values: Any) -> np.ndarray:
        """Return a direction that is inside a list."""
        vector = np.array(_numbers(self._at(key), values, 3))
        length = np.linalg.norm(vector)
        if not length > 0.0:
            raise ValueError(f"{self._at(key)} 0 0 0: expected a vector that is not 0")
        return vector / length

    def matrix(self, key: str) -> np.ndarray:
        """Return a rotation, nine numbers by rows; the identity where it is missing."""
        if key not in self.content:
            return np.eye(3)
        matrix = np.array(self.numbers(key, 9)).reshape(3, 3)
        if np.abs(matrix @ matrix.T - np.eye(3)).max() > 1e-4:
            raise ValueError(f"{self._at(key)}: its nine numbers are no rotation")
        return matrix


def _numbers(name: str, values: Any, count: int | None) -> list[float]:
    wanted = "a list of numbers" if count is None else f"a list of {count} numbers"
    known = isinstance(values, list) and (count is None or len(values) == count)
    if not known or not all(_is_number(value) for value in values):
        raise ValueError(f"{name}: expected {wanted}, got {_short(values)}")
    return [float(value) for value in values]


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # too many digits
        text = "a very long number"
    return text if len(text) <= 40 else f"{text[:40]}..."
