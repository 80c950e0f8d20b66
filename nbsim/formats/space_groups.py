# SPDX-License-Identifier: MIT
"""Names of space groups that files give by number or Hall symbol, for the record."""

from __future__ import annotations

import importlib
from typing import Any


def _gemmi() -> Any:
    """Return gemmi where it is installed; nothing but names depends on it here."""
    try:
        return importlib.import_module("gemmi")
    except ImportError:
        return None


def name_of_hall(symbol: str) -> str:
    """Return the Hermann-Mauguin name of a Hall symbol, or the symbol itself."""
    gemmi = _gemmi()
    if gemmi is None:
        return f"Hall {str(symbol).strip()}"
    try:
        operations = gemmi.symops_from_hall(str(symbol).strip())
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"space_group_hall_symbol {symbol!r}: no Hall symbol of a space group"
        ) from error
    group = gemmi.find_spacegroup_by_ops(operations)
    return f"Hall {str(symbol).strip()}" if group is None else group.xhm()


def name_of_number(number: int) -> str:
    """Return the Hermann-Mauguin name of a space group's number, 1 to 230.

    Raises
    ------
    ValueError
        For another number.
    """
    if not 1 <= number <= 230:
        raise ValueError(f"space group {number}: expected a number from 1 to 230")
    gemmi = _gemmi()
    group = None if gemmi is None else gemmi.find_spacegroup_by_number(number)
    return f"number {number}" if group is None else group.xhm()
