# SPDX-License-Identifier: MIT
"""Checks of single values, shared by the models. Each message says what is allowed."""

import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from .limits import MAX_SEED, Bounds

Vector = tuple[float, float, float]
#: xmin, xmax, ymin, ymax in pixels, inclusive.
Roi = tuple[int, int, int, int]
#: Short for units of the command line.
UNITS = {"Angstrom": "A", "percent": "%"}


def number(
    name: str,
    value: Any,
    unit: str = "",
    *,
    low: float = -math.inf,
    high: float = math.inf,
    below: float = math.inf,
    open_low: bool = False,
    infinite: bool = False,
) -> float:
    """Return `value` as float, or raise ValueError/TypeError naming it.

    Parameters
    ----------
    name
        What the user calls the value.
    value
        Number to check; numpy scalars are numbers, bool and text are not.
    unit
        For the message.
    low, high
        Allowed range, inclusive unless `open_low`.
    below
        Bound that is not allowed itself.
    infinite
        Whether inf is allowed.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: expected a number, got {value!r}")
    result = float(value)
    finite = math.isfinite(result) or (infinite and result == math.inf)
    above = result > low if open_low else result >= low
    if not (finite and above and result <= high and (result < below or infinite)):
        text = _range(unit, low, high, open_low)
        if below < math.inf:
            text += f" and less than {below:g}"
        raise ValueError(f"{name} {result:g}: expected {text}")
    return result


def _range(unit: str, low: float, high: float, open_low: bool) -> str:
    text = f"a finite number of {unit}" if unit else "a finite number"
    if low > -math.inf and high < math.inf:
        return f"{text} {'above' if open_low else 'from'} {low:g} to {high:g}"
    if low > -math.inf:
        return f"{text}, {'greater than' if open_low else 'at least'} {low:g}"
    if high < math.inf:
        return f"{text}, at most {high:g}"
    return text


def integer(
    name: str, value: Any, *, low: int | None = None, high: int | None = None
) -> int:
    """Return `value` as int, or raise ValueError/TypeError naming it."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name}: expected a whole number, got {value!r}")
    result = int(value)
    if low is not None and result < low:
        raise ValueError(f"{name} {result}: expected a whole number, at least {low}")
    if high is not None and result > high:
        raise ValueError(f"{name} {result}: expected a whole number, at most {high}")
    return result


def bounded(name: str, value: Any, bounds: Bounds) -> float | int:
    """Return `value` as float or int, or raise ValueError/TypeError naming it."""
    if bounds.whole:
        low, high = (
            int(end) if math.isfinite(end) else None
            for end in (bounds.low, bounds.high)
        )
        return integer(name, value, low=low, high=high)
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if bounds.or_zero and is_number and value == 0:
        return 0.0
    return number(
        name,
        value,
        UNITS.get(bounds.unit, bounds.unit),
        low=max(bounds.low, bounds.above),
        high=bounds.high,
        below=bounds.below,
        open_low=bounds.above > bounds.low,
        infinite=bounds.infinite,
    )


def seed(name: str, value: Any) -> int:
    """Return `value` if it can start the random numbers."""
    return integer(name, value, low=-MAX_SEED, high=MAX_SEED)


def flag(name: str, value: Any) -> bool:
    """Return `value` if it is True or False (numpy's included)."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}: expected True or False, got {value!r}")
    return bool(value)


def instance(name: str, value: Any, kind: type) -> None:
    """Refuse a value of another class."""
    if not isinstance(value, kind):
        raise TypeError(
            f"{name}: expected a {kind.__name__}, got {type(value).__name__}"
        )


def sequence(name: str, value: Any, what: str) -> list[Any]:
    """Return `value` as a list; text and single values are none."""
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
        raise TypeError(f"{name}: expected {what}, got {value!r}")
    return list(value)


def table(name: str, value: Any, what: str) -> np.ndarray:
    """Return a copy of `value` as a two-dimensional float64 array."""
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name}: expected {what}, got {value!r}") from error
    if array.ndim != 2:
        raise ValueError(f"{name}: expected {what}, got shape {array.shape}")
    return array


def vector(name: str, value: Any) -> Vector:
    """Return `value` as three finite floats that are not all zero."""
    components = sequence(name, value, "three numbers")
    if len(components) != 3:
        raise ValueError(f"{name}: expected three numbers, got {len(components)}")
    x, y, z = (number(name, component) for component in components)
    if x == y == z == 0.0:
        raise ValueError(f"{name} 0 0 0: expected a vector that is not zero")
    return x, y, z


def choice(name: str, value: Any, allowed: Sequence[str]) -> str:
    """Return `value` if it is one of the allowed words."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} {value!r}: expected one of {', '.join(allowed)}")
    return value
