# SPDX-License-Identifier: MIT
"""What several rows say alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..collector import Collector

#: Side effects: model, field, value.
ABOUT_BEAM = (("detector", "implied_pivot", "beam"),)
ABOUT_SAMPLE = (("detector", "implied_pivot", "sample"),)
CUSTOM = (("detector", "convention", "custom"),)

#: What the C program does.
SETS_PIVOT = "also sets `detector_pivot`, which only matters with CUSTOM"
SETS_CUSTOM = "also selects the CUSTOM convention"
NOT_USED = "read and not used; here with a warning"
RUNNING = "multiplies the running sum after every term; the same here (oddity 3)"


def unless(model: str, field: str, why: str) -> Callable[[Collector], str]:
    """Return `Option.idle` of what matters only where a field is not 0 or None."""
    return lambda words: "" if words.values[model].get(field) else why


def if_none(model: str, field: str, why: str) -> Callable[[Collector], str]:
    """Return `Option.idle` of what does not matter where a field was set to None."""
    return lambda words: why if words.values[model].get(field, "") is None else ""
