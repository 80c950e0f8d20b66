# SPDX-License-Identifier: MIT
"""The numbers behind a pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..schema import Bounds, choice, file, group, number, option

if TYPE_CHECKING:
    from ..collector import Collector


def _trace_pixel(words: Collector, slow: int, fast: int) -> None:
    before = words.values["output"].get("trace_pixels", ())
    words.set("output", trace_pixels=(*before, (slow, fast)))


OPTIONS = group(
    "Trace",
    option(
        "trace_pixel",
        "Write all the numbers behind this pixel. May be given several times.",
        number("SLOW", "the slow coordinate", Bounds(whole=True, low=0)),
        number("FAST", "the fast coordinate", Bounds(whole=True, low=0)),
        does=_trace_pixel,
        prefixes=(),
        python="Simulation.trace",
        c_note="rows as an instrumented nanoBragg prints them",
    ),
    option(
        "trace_file",
        "Where the traces go.",
        file("the trace file", ".txt", ".log", ".jsonl"),
        sets=("output", "trace_file"),
        default="standard output",
        prefixes=(),
    ),
    option(
        "trace_format",
        "text has the main rows and one row per phi step, jsonl also every "
        "evaluation.",
        choice("the format", "text", "jsonl"),
        sets=("output", "trace_format"),
        needs=("trace_pixel",),
        default="text",
        prefixes=(),
    ),
)
