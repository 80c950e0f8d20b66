# SPDX-License-Identifier: MIT
"""Plot of k and F_latt_b of two programs against phi."""

from pathlib import Path
from typing import Any

import numpy as np

from nbsim.errors import FileError
from nbsim.formats.files import replace_when_complete
from nbsim.tools.traces.grating import grating
from nbsim.tools.traces.phi_table import PhiTable

C_COLOUR, PY_COLOUR, MARK_COLOUR = "#1b6ca8", "#d1495b", "#f3c969"


def write_plot(
    path: Path,
    table: PhiTable,
    k_tolerance: float,
    pixel: tuple[int, int] | None = None,
) -> None:
    """Write a PNG: k above, F_latt_b below, steps that diverge marked.

    Raises
    ------
    FileError
        When matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise FileError(
            f"{path} was not made, it needs matplotlib: pip install 'nbsim[plot]', or "
            "give --no-plot; the tables are complete"
        ) from None
    figure = Figure(figsize=(8.0, 7.0), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True)
    for axes, name, label in (
        (above, "k_frac", "k (fractional Miller index)"),
        (below, "F_latt_b", "F_latt_b (lattice factor along b)"),
    ):
        _draw(axes, table, name)
        _mark(axes, table, k_tolerance)
        axes.set_ylabel(label)
        axes.grid(True, color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.ticklabel_format(axis="y", useOffset=False)
    _draw_grating(below, table)
    below.set_xlabel("phi (degrees)")
    where = f"pixel slow {pixel[0]}, fast {pixel[1]}: " if pixel else ""
    figure.suptitle(f"{where}k and its lattice factor at every phi step", fontsize=12)
    handles, labels = below.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    with replace_when_complete(path) as stream:
        figure.savefig(stream, format="png", dpi=120)


def _points(table: PhiTable, side: str, name: str) -> tuple[list[float], list[float]]:
    rows = [(s.phi_deg, getattr(s, side)[name]) for s in table.steps]
    known = [(phi, value) for phi, value in rows if value is not None]
    return [phi for phi, _ in known], [value for _, value in known]


def _draw(axes: Any, table: PhiTable, name: str) -> None:
    """Open rings for C and dots for nbsim, so that equal points show both."""
    axes.plot(
        *_points(table, "c", name),
        "o",
        markersize=10,
        markerfacecolor="none",
        markeredgecolor=C_COLOUR,
        markeredgewidth=1.8,
        label="C",
    )
    axes.plot(
        *_points(table, "py", name), "o", markersize=4, color=PY_COLOUR, label="nbsim"
    )


def _mark(axes: Any, table: PhiTable, k_tolerance: float) -> None:
    """Shade the steps in which k differs."""
    phis = [step.phi_deg for step in table.steps]
    width = min(np.diff(sorted(phis)), default=1.0) or 1.0
    label = f"|delta k| > {k_tolerance:g}"
    for step in table.steps:
        if step.diverges(k_tolerance):
            left, right = step.phi_deg - 0.4 * width, step.phi_deg + 0.4 * width
            axes.axvspan(left, right, color=MARK_COLOUR, alpha=0.45, label=label)
            label = "_nolegend_"


def _draw_grating(axes: Any, table: PhiTable) -> None:
    """Draw what the grating function says between nbsim's points."""
    points = sorted(zip(*_points(table, "py", "k_frac")))
    if table.N_b is None or len(points) < 2:
        return
    phis, ks = (list(numbers) for numbers in zip(*points))
    fine = np.linspace(phis[0], phis[-1], 400)
    curve = np.array([grating(float(k), table.N_b) for k in np.interp(fine, phis, ks)])
    # A stale step is no point of a smooth rotation: no line leads to it.
    jumps = np.abs(np.diff(ks)) > 3.0 * np.median(np.abs(np.diff(ks)))
    curve[jumps[np.clip(np.searchsorted(phis, fine) - 1, 0, len(jumps) - 1)]] = np.nan
    axes.plot(
        fine,
        curve,
        color=PY_COLOUR,
        linewidth=0.9,
        alpha=0.6,
        label=f"grating of {table.N_b} cells",
        zorder=1,
    )
