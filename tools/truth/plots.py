# SPDX-License-Identifier: MIT
"""Plots of a comparison."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from nbsim.optional import library
from nbsim.tools.truth.compare import Comparison


def write_plots(folder: str, comparison: Comparison) -> list[str]:
    """Write the plots for which there is something; return their names.

    Raises
    ------
    MissingLibraryError
        When matplotlib is missing.
    """
    agg = library("matplotlib.backends.backend_agg", "plot", "-plots")
    figures = library("matplotlib.figure", "plot", "-plots")
    os.makedirs(folder, exist_ok=True)
    written = []
    for name, draw, wanted in (
        ("offsets.png", _offsets, len(comparison.offsets)),
        ("intensities.png", _intensities, len(comparison.found)),
    ):
        if wanted:
            figure = figures.Figure(figsize=(10.0, 4.2), layout="constrained")
            agg.FigureCanvasAgg(figure)
            draw(figure, comparison)
            path = os.path.join(folder, name)
            figure.savefig(path, dpi=110)
            written.append(path)
    return written


def _offsets(figure: Any, comparison: Comparison) -> None:
    left, right = figure.subplots(1, 2)
    fast, slow, phi = comparison.offsets.T
    reach = max(0.05, 1.2 * float(np.percentile(np.abs([fast, slow]), 98)))
    left.plot(fast, slow, ".", markersize=2, alpha=0.4)
    left.axhline(0.0, color="0.6", linewidth=0.8)
    left.axvline(0.0, color="0.6", linewidth=0.8)
    left.set(
        xlim=(-reach, reach),
        ylim=(-reach, reach),
        aspect="equal",
        xlabel="fast, found - true [pixels]",
        ylabel="slow, found - true [pixels]",
    )
    if np.isfinite(phi).all():
        width = max(1e-3, 1.2 * float(np.percentile(np.abs(phi), 98)))
        right.hist(phi, bins=np.linspace(-width, width, 60))
        right.axvline(0.0, color="0.3", linewidth=0.8)
        right.set(xlabel="phi, found - true [deg]", ylabel="reflections")
    else:
        right.set_axis_off()


def _intensities(figure: Any, comparison: Comparison) -> None:
    left, right = figure.subplots(1, 2)
    found, true = comparison.found, comparison.true
    good = (found > 0.0) & (true > 0.0)
    left.loglog(true[good], found[good], ".", markersize=2, alpha=0.4)
    if good.any():
        ends = [true[good].min(), true[good].max()]
        left.plot(ends, ends, color="0.3", linewidth=0.8)
    left.set(xlabel="true intensity", ylabel="found, scaled to it")
    if comparison.sigma is None:
        right.set_axis_off()
        return
    known = comparison.sigma > 0.0
    z = (found[known] - true[known]) / comparison.sigma[known]
    bins = np.linspace(-6.0, 6.0, 61)
    right.hist(np.clip(z, -6.0, 6.0), bins=bins, density=True, label="found")
    right.plot(
        bins,
        np.exp(-(bins**2) / 2.0) / np.sqrt(2.0 * np.pi),
        color="k",
        label="normal",
    )
    right.set(xlabel="z = (found - true) / sigma", ylabel="density")
    right.legend(frameon=False)
