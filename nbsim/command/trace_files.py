# SPDX-License-Identifier: MIT
"""Traces as text rows, as an instrumented nanoBragg prints them, and as jsonl."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..trace.pixel import Trace, check_pixel, trace_pixel

if TYPE_CHECKING:
    from ..simulation import Simulation

FORMATS = ("text", "jsonl")


def text_rows(trace: Trace) -> Iterator[str]:
    """Yield the rows of the text format, numbers with 15 significant digits."""
    yield (
        "TRACE_CONFIG: tracing pixel " f"(spixel={trace.spixel}, fpixel={trace.fpixel})"
    )
    phi_rows = list(phi_text_rows(trace))
    for name, value in trace.values.items():
        # Where an instrumented C program prints them, so that `diff` lines up.
        if name == "F_cell":
            yield from phi_rows[:1]
            del phi_rows[:1]
        elif name == "I_before_scaling":
            yield from phi_rows
        numbers = value if isinstance(value, tuple) else (value,)
        yield f"TRACE_PY: {name} {' '.join(map(_digits, numbers))}"


def phi_text_rows(trace: Trace) -> Iterator[str]:
    """Yield the TRACE_PY_PHI rows."""
    for row in trace.phi_rows:
        fields = " ".join(f"{name}={_digits(value)}" for name, value in row.items())
        yield f"TRACE_PY_PHI {fields}"


def jsonl_rows(trace: Trace) -> Iterator[str]:
    """Yield one json object per row, and one TRACE_PY_TERM per evaluation."""
    yield _json(
        {
            "row": "TRACE_CONFIG",
            "spixel": trace.spixel,
            "fpixel": trace.fpixel,
            "I_background": trace.I_background,
        }
    )
    for name, value in trace.values.items():
        if name == "I_before_scaling":
            for row in trace.phi_rows:
                yield _json({"row": "TRACE_PY_PHI", **row})
            for record in trace.evaluations:
                yield _json({"row": "TRACE_PY_TERM", **_fields(record)})
        yield _json({"row": "TRACE_PY", "name": name, "value": value})


def trace_rows(
    simulation: Simulation, pixels: Sequence[tuple[int, int]], trace_format: str
) -> Iterator[str]:
    """Return the rows of pixels, worked out one after the other.

    Parameters
    ----------
    pixels
        (slow, fast) of each pixel.
    trace_format
        One of `FORMATS`.

    Raises
    ------
    ValueError
        When a pixel is not rendered; before the first row.
    """
    to_rows = {"text": text_rows, "jsonl": jsonl_rows}[trace_format]
    for slow, fast in pixels:
        check_pixel(simulation.setup, slow, fast)
    traces = (trace_pixel(simulation.setup, slow, fast) for slow, fast in pixels)
    return (row for trace in traces for row in to_rows(trace))


def _digits(value: int | float) -> str:
    return f"{value:d}" if isinstance(value, int) else f"{value:.15g}"


def _fields(record: Any) -> dict[str, Any]:
    return {name: record[name].tolist() for name in record.dtype.names}


def _json(row: dict[str, Any]) -> str:
    return json.dumps({name: _finite(value) for name, value in row.items()})


def _finite(value: Any) -> Any:
    """Return the value, None for what json has no number for."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
