# SPDX-License-Identifier: MIT
"""Checks of single values, shared by the models. Each message says what is allowed."""

import math
import numbers
from collections.abc import Sequence
from typing import Any


def number(
    name: str,
    value: Any,
    unit: str = "",
    *,
    low: float = -math.inf,
    high: float = math.inf,
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
    infinite
        Whether inf is allowed.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: expected a number, got {value!r}")
    result = float(value)
    finite = math.isfinite(result) or (infinite and result == math.inf)
    above = result > low if open_low else result >= low
    if not (finite and above and result <= high):
        raise ValueError(
            f"{name} {result:g}: expected {_range(unit, low, high, open_low)}"
        )
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


def integer(name: str, value: Any, *, low: int | None = None) -> int:
    """Return `value` as int, or raise ValueError/TypeError naming it."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name}: expected a whole number, got {value!r}")
    if low is not None and value < low:
        raise ValueError(f"{name} {value}: expected a whole number, at least {low}")
    return int(value)


def vector(name: str, value: Any) -> tuple[float, float, float]:
    """Return `value` as three finite floats that are not all zero."""
    if (
        isinstance(value, str)
        or not isinstance(value, Sequence)
        and not hasattr(value, "__len__")
    ):
        raise TypeError(f"{name}: expected three numbers, got {value!r}")
    if len(value) != 3:
        raise ValueError(f"{name}: expected three numbers, got {len(value)}")
    x, y, z = (number(name, component) for component in value)
    if x == y == z == 0.0:
        raise ValueError(f"{name} 0 0 0: expected a vector that is not zero")
    return x, y, z


def choice(name: str, value: Any, allowed: Sequence[str]) -> str:
    """Return `value` if it is one of the allowed words."""
    if value not in allowed:
        raise ValueError(f"{name} {value!r}: expected one of {', '.join(allowed)}")
    return value
