# SPDX-License-Identifier: MIT
"""What ``nbsim-compare`` says: text, json, pictures and a page."""

import base64
import html
import math
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nbsim.formats.png import write_png
from nbsim.tools.images.metrics import ImageDifference, PeakPair
from nbsim.tools.images.model_pair import Setting
from nbsim.tools.images.pictures import (
    around,
    difference_picture,
    grey_picture,
    lit_region,
    white_level,
)


@dataclass(frozen=True)
class Side:
    """One program's run."""

    name: str
    command: list[str]
    seconds: float
    image: np.ndarray  # float32, (slow, fast), photons
    printed: str


@dataclass
class Summary:
    """The comparison of two runs."""

    c: Side
    py: Side
    c_image: np.ndarray  # the compared region
    py_image: np.ndarray
    corner: tuple[int, int]  # slow, fast of the region's first pixel
    difference: ImageDifference
    peaks: list[PeakPair]
    threshold: float
    max_difference: float | None
    notes: list[str] = field(default_factory=list)
    trace_command: str | None = None
    settings: list[Setting] = field(default_factory=list)  # of two models

    @property
    def worst_pixel(self) -> tuple[int, int]:
        """Slow and fast index of the largest difference, in the whole image."""
        worst = self.difference.worst
        return worst.slow + self.corner[0], worst.fast + self.corner[1]

    @property
    def problems(self) -> list[str]:
        """What the thresholds do not allow, one phrase each."""
        found, d = [], self.difference
        # Written so that nan is a problem.
        if not d.correlation >= self.threshold:
            found.append(f"correlation {d.correlation:.8g} < {self.threshold:g}")
        allowed = self.max_difference
        if allowed is not None and not d.largest_of_peak <= allowed:
            found.append(
                f"largest difference {d.largest_of_peak:.3g} of the peak > {allowed:g}"
            )
        if d.one_sided:
            found.append(f"{d.one_sided} pixels are finite in one image only")
        return found

    @property
    def verdict(self) -> str:
        """The result in one line."""
        if self.problems:
            return f"differ: {'; '.join(self.problems)}"
        return (
            f"agree: correlation {self.difference.correlation:.10g}, largest "
            f"difference {self.difference.largest_of_peak:.3g} of the peak"
        )


def text_lines(summary: Summary) -> Iterator[str]:
    """Yield the lines for standard output."""
    yield summary.verdict
    yield from (f"  {name}: {value}" for name, value in _rows(summary))
    yield from (f"note: {note}" for note in summary.notes)
    if summary.settings:
        yield "resolved differently (model c -> model physical):"
        yield from (f"  {setting.text}" for setting in summary.settings)
    if summary.trace_command and summary.difference.largest > 0.0:
        yield "the worst pixel, number by number:"
        yield f"  {summary.trace_command}"


def _rows(summary: Summary) -> Iterator[tuple[str, str]]:
    """Yield name and value of the numbers that are worth a line."""
    d = summary.difference
    slow, fast = summary.worst_pixel
    c, py = summary.c.name, summary.py.name
    yield "time", f"{c} {summary.c.seconds:.2f} s, {py} {summary.py.seconds:.2f} s"
    rows, columns = summary.c_image.shape
    where = f" from slow {summary.corner[0]}, fast {summary.corner[1]}"
    whole = summary.c_image.shape == summary.c.image.shape
    yield "pixels", f"{rows} x {columns} (slow x fast){'' if whole else where}"
    yield "RMSE", f"{d.rmse:.6g} photons (MSE {d.mse:.6g})"
    yield "sums", (
        f"{c} {d.sum_c:.9g}, {py} {d.sum_py:.9g}, {py} / {c} {d.sum_ratio:.9g}"
    )
    worst = (
        f"{d.largest:.6g} photons at slow {slow}, fast {fast}: "
        f"{c} {d.worst.value:.9g}, {py} {d.worst_py:.9g}"
    )
    yield "largest difference", worst if d.largest > 0.0 else "none"
    if summary.peaks:
        moved = sum(pair.distance > 0.0 for pair in summary.peaks)
        farthest = max(pair.distance for pair in summary.peaks)
        yield "brightest peaks", (
            f"{len(summary.peaks)}, of which {moved} moved"
            + (f", by up to {farthest:.3g} pixels" if moved else "")
        )


def as_json(summary: Summary) -> dict[str, Any]:
    """Return everything as numbers, for programs; null where there is no number."""
    d = summary.difference
    slow, fast = summary.worst_pixel
    return {
        "verdict": "differ" if summary.problems else "agree",
        "problems": summary.problems,
        "notes": summary.notes,
        "threshold": summary.threshold,
        "max_difference": summary.max_difference,
        "first_pixel": list(summary.corner),
        "shape": list(summary.c_image.shape),
        "correlation": _number(d.correlation),
        "mse": _number(d.mse),
        "rmse": _number(d.rmse),
        "max_abs_difference": _number(d.largest),
        "max_difference_of_peak": _number(d.largest_of_peak),
        "sum_c": _number(d.sum_c),
        "sum_nbsim": _number(d.sum_py),
        "sum_ratio": _number(d.sum_ratio),
        "pixels": d.pixels,
        "pixels_not_finite": d.left_out,
        "worst_pixel": {
            "slow": slow,
            "fast": fast,
            "c": _number(d.worst.value),
            "nbsim": _number(d.worst_py),
            "trace_command": summary.trace_command,
        },
        "peaks": [_pair(pair, summary.corner) for pair in summary.peaks],
        "resolved_differently": {
            setting.name: {"c": setting.c, "physical": setting.physical}
            for setting in summary.settings
        },
        "programs": {
            side.name: {
                "command": shlex.join(side.command),
                "seconds": round(side.seconds, 3),
                "shape": list(side.image.shape),
            }
            for side in (summary.c, summary.py)
        },
    }


def _pair(pair: PeakPair, corner: tuple[int, int]) -> dict[str, Any]:
    sides = {"c": pair.c, "nbsim": pair.py}
    places = {
        name: peak
        and {
            "slow": peak.slow + corner[0],
            "fast": peak.fast + corner[1],
            "value": peak.value,
        }
        for name, peak in sides.items()
    }
    return {**places, "distance_pixels": _number(pair.distance)}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def write_pictures(folder: Path, summary: Summary, percentile: float) -> dict[str, str]:
    """Write the PNGs and return the name of each by what it shows."""
    c, py = summary.c_image, summary.py_image
    one, other = summary.c.name, summary.py.name
    with np.errstate(invalid="ignore"):
        difference = py.astype(np.float64) - c
    largest = summary.difference.largest
    lit = lit_region(c, py)
    white = white_level(c[lit], percentile)
    slow, fast, _ = summary.difference.worst
    near = around((slow, fast), c.shape)
    white_near = white_level(c[near], 100.0)
    pictures = {
        one: ("c.png", grey_picture(c[lit], white)),
        other: ("nbsim.png", grey_picture(py[lit], white)),
        f"{other} - {one}": (
            "diff.png",
            difference_picture(difference[lit], largest),
        ),
        f"{one}, worst pixel": ("worst_c.png", grey_picture(c[near], white_near)),
        f"{other}, worst pixel": (
            "worst_nbsim.png",
            grey_picture(py[near], white_near),
        ),
        f"{other} - {one}, worst pixel": (
            "worst_diff.png",
            difference_picture(difference[near], largest),
        ),
    }
    for name, pixels in pictures.values():
        write_png(folder / name, pixels)
    return {title: str(folder / name) for title, (name, _) in pictures.items()}


STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 1150px;
       padding: 0 1em; color: #1d1d1f; background: #fff; }
h1 { font-size: 1.4em; } h2 { font-size: 1.1em; margin-top: 1.8em; }
.agree { color: #1c7c3c; } .differ { color: #b3261e; }
.row { display: flex; gap: 12px; } figure { flex: 1; margin: 0; min-width: 0; }
img { width: 100%; image-rendering: pixelated; border: 1px solid #ccc; }
figcaption { font-size: 0.9em; color: #555; }
table { border-collapse: collapse; } th, td { padding: 2px 14px 2px 0; text-align: left;
       vertical-align: top; font-variant-numeric: tabular-nums; }
th { font-weight: 600; } pre { background: #f4f4f6; padding: 8px; overflow-x: auto; }
"""


def html_lines(
    summary: Summary,
    pictures: dict[str, str],
    metadata: dict[str, Any],
    percentile: float,
) -> Iterator[str]:
    """Yield the lines of a page that needs no other file."""
    kind = "differ" if summary.problems else "agree"
    yield "<!DOCTYPE html>"
    yield '<html lang="en"><head><meta charset="utf-8"><title>nbsim-compare</title>'
    yield f"<style>{STYLE}</style></head><body>"
    one, other = summary.c.name, summary.py.name
    first = "C program" if one == "C" else one
    yield f"<h1>{first} and {other}, one command line</h1>"
    yield f'<p class="{kind}"><strong>{_safe(summary.verdict)}</strong></p>'
    yield from (f"<p>{_safe(note)}.</p>" for note in summary.notes)
    titles = list(pictures)
    yield from _figures({title: pictures[title] for title in titles[:3]})
    yield (
        f"<p>Grey: square root scale, white from percentile {percentile:g} of the "
        f"image of {first} on. Difference: red where {other} is brighter, blue where "
        f"{one} is, "
        f"full colour at {summary.difference.largest:.4g} photons.</p>"
    )
    yield "<h2>Numbers</h2>"
    yield from _table(None, _rows(summary))
    if summary.settings:
        yield "<h2>Resolved differently</h2>"
        yield from _table(
            ("", one, other),
            (
                (s.name, *s.text.split(": ", 1)[1].split(" -> "))
                for s in summary.settings
            ),
        )
    slow, fast = summary.worst_pixel
    yield f"<h2>Around the worst pixel: slow {slow}, fast {fast}</h2>"
    yield from _figures({title: pictures[title] for title in titles[3:]})
    if summary.trace_command:
        yield "<p>Its numbers, one by one:</p>"
        yield f"<pre>{_safe(summary.trace_command)}</pre>"
    yield "<h2>Brightest peaks</h2>"
    heads = (
        f"{one}: slow, fast",
        "photons",
        f"{other}: slow, fast",
        "photons",
        "moved, pixels",
    )
    yield from _table(heads, (_peak_cells(p, summary.corner) for p in summary.peaks))
    yield "<h2>Commands</h2>"
    for side in (summary.c, summary.py):
        yield f"<p>{_safe(side.name)}</p><pre>{_safe(shlex.join(side.command))}</pre>"
    yield f"<p>{_safe(metadata['command'])}</p>"
    commit = metadata["git_commit"] or "not from a git checkout"
    yield (
        f"<p>{metadata['time']}, nbsim {_safe(metadata['version'])} ({_safe(commit)}), "
        f"{_safe(metadata['environment']['cpu'])}. Times include the start of the "
        "programs and, for nbsim, compiling where that was not done before.</p>"
    )
    yield "</body></html>"


def _figures(pictures: dict[str, str]) -> Iterator[str]:
    yield '<div class="row">'
    for title, path in pictures.items():
        data = base64.b64encode(Path(path).read_bytes()).decode("ascii")
        yield (
            f'<figure><img alt="{_safe(title)}" src="data:image/png;base64,{data}">'
            f"<figcaption>{_safe(title)}</figcaption></figure>"
        )
    yield "</div>"


def _table(heads: Sequence[str] | None, rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield "<table>"
    if heads:
        yield f"<tr>{''.join(f'<th>{_safe(head)}</th>' for head in heads)}</tr>"
    for row in rows:
        yield f"<tr>{''.join(f'<td>{_safe(cell)}</td>' for cell in row)}</tr>"
    yield "</table>"


def _peak_cells(pair: PeakPair, corner: tuple[int, int]) -> list[str]:
    cells = []
    for peak in (pair.c, pair.py):
        if peak is None:
            cells += ["none", "-"]
            continue
        place = f"{peak.slow + corner[0]}, {peak.fast + corner[1]}"
        cells += [place, f"{peak.value:.6g}"]
    return [*cells, f"{pair.distance:.3g}"]


def _safe(text: str) -> str:
    return html.escape(str(text))
