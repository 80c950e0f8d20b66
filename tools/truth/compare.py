# SPDX-License-Identifier: MIT
"""The comparison itself: cell, orientation, positions and intensities."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nbsim.errors import UsageError
from nbsim.tools.truth.geometry import true_matrix, truth_geometry
from nbsim.tools.truth.results import Result

#: A reflection belongs to a predicted one that is so near: pixels and frames.
NEAR_PIXELS, NEAR_FRAMES = 5.0, 5.0
#: Only reflections recorded so completely take part in comparing intensities.
COMPLETE = 0.95
#: Rocking curves so many times as broad as the middle one reach beyond the boxes of
#: programs that integrate: near the spindle, and at low angles for small crystals.
BROAD = 3.0
#: How far from whole numbers a change of axes may be.
WHOLE = 0.1


@dataclass
class Comparison:
    """The figures, and what plots need.

    Attributes
    ----------
    figures
        Name and number, in the order of the report.
    offsets
        (n, 3) found minus true: fast, slow [pixels], phi [deg].
    found, true, sigma
        (n,) intensities on one scale.
    """

    figures: dict[str, float] = field(default_factory=dict)
    offsets: np.ndarray = field(default_factory=lambda: np.empty((0, 3)))
    found: np.ndarray = field(default_factory=lambda: np.empty(0))
    true: np.ndarray = field(default_factory=lambda: np.empty(0))
    sigma: np.ndarray | None = None


def compare(truth: dict[str, Any], result: Result) -> Comparison:
    """Hold a result against the truth.

    Raises
    ------
    UsageError
        When the result has nothing to compare, or is of another crystal.
    """
    comparison = Comparison()
    change = np.eye(3)
    if result.A is not None:
        change = _crystal(truth, result.A, comparison)
    if len(result.hkl):
        if result.merged:
            _merged(truth, result, change, comparison)
        else:
            hkl = np.rint(result.hkl @ change.T).astype(int)
            _observations(truth, result, hkl, comparison)
    if not comparison.figures:
        raise UsageError("nothing to compare: no crystal and no reflections")
    return comparison


def cell_of(A: np.ndarray) -> np.ndarray:
    """Return a, b, c [A], alpha, beta, gamma [deg] of reciprocal columns."""
    a, b, c = np.linalg.inv(A)
    lengths = [np.linalg.norm(v) for v in (a, b, c)]
    angles = [
        math.degrees(math.acos(u @ v / np.linalg.norm(u) / np.linalg.norm(v)))
        for u, v in ((b, c), (a, c), (a, b))
    ]
    return np.array([*lengths, *angles])


def _crystal(truth: dict[str, Any], A: np.ndarray, into: Comparison) -> np.ndarray:
    """Compare cell and orientation; return the change of indices h_true = C h."""
    true = true_matrix(truth)
    exact = np.linalg.solve(true, A)
    change = np.rint(exact)
    if np.abs(exact - change).max() > WHOLE or abs(np.linalg.det(change)) < 0.5:
        raise UsageError(
            "the crystal found is not the true one: its axes are no whole-numbered "
            f"combination of the true ones (off by {np.abs(exact - change).max():.2f})"
        )
    same = true @ change
    # The rotation that is nearest to what takes the true crystal to the found one.
    u, _, vt = np.linalg.svd(A @ np.linalg.inv(same))
    turn = u @ vt
    angle = math.degrees(math.acos(min(1.0, max(-1.0, (np.trace(turn) - 1.0) / 2.0))))
    axis = 0.5 * np.array(
        [turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]]
    )
    spindle = np.array(truth_geometry(truth).spindle_vector)
    found, wanted = cell_of(A), cell_of(same)
    names = ("a", "b", "c", "alpha", "beta", "gamma")
    into.figures.update(zip((f"cell {name}" for name in names), found))
    into.figures["largest cell length error, %"] = 100.0 * float(
        np.abs(found[:3] / wanted[:3] - 1.0).max()
    )
    into.figures["largest cell angle error, deg"] = float(
        np.abs(found[3:] - wanted[3:]).max()
    )
    into.figures["orientation error, deg"] = angle
    into.figures["orientation error about the spindle, deg"] = math.degrees(
        axis @ spindle
    )
    return change


def _places(truth: dict[str, Any], by_panel: bool) -> np.ndarray:
    """Return (n, 3) fast and slow pixels, of the panels or of the image, and frame."""
    spots = truth["spots"]
    place = np.stack([spots["fast_px"], spots["slow_px"], spots["frame"]], axis=1)
    if not by_panel:
        corners = np.array([panel.get("origin", (0, 0)) for panel in truth["panels"]])
        place[:, :2] += corners[spots["panel"], ::-1]
    return place


def _match(
    truth: dict[str, Any],
    hkl: np.ndarray,
    positions: np.ndarray | None,
    panels: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of the result and of the truth's spots that belong together."""
    spots = truth["spots"]
    true = np.stack([spots["h"], spots["k"], spots["l"]], axis=1)
    place = _places(truth, panels is not None)
    order = np.lexsort(true.T[::-1])
    span = int(max(np.abs(true).max(initial=1), np.abs(hkl).max(initial=1))) * 2 + 1
    keys = _keys(true[order], span)
    wanted = _keys(hkl, span)
    first = np.searchsorted(keys, wanted, "left")
    count = np.searchsorted(keys, wanted, "right") - first
    best = np.full(len(hkl), -1)
    nearest = np.full(len(hkl), np.inf)
    for turn in range(int(count.max(initial=0))):
        has = np.flatnonzero(count > turn)
        candidate = order[first[has] + turn]
        if positions is None:
            apart = np.zeros(len(has))
        else:
            offset = (positions[has] - place[candidate]) / (
                NEAR_PIXELS,
                NEAR_PIXELS,
                NEAR_FRAMES,
            )
            apart = np.abs(offset).max(axis=1)
        if panels is not None:
            apart[panels[has] != spots["panel"][candidate]] = np.inf
        better = (apart < nearest[has]) & (apart < 1.0)
        nearest[has[better]] = apart[better]
        best[has[better]] = candidate[better]
    rows = np.flatnonzero(best >= 0)
    return rows, best[rows]


def _keys(hkl: np.ndarray, span: int) -> np.ndarray:
    h, k, l = hkl.T.astype(np.int64) + span // 2
    return (h * span + k) * span + l


def _observations(
    truth: dict[str, Any], result: Result, hkl: np.ndarray, into: Comparison
) -> None:
    rows, true = _match(truth, hkl, result.positions, result.panels)
    spots = truth["spots"]
    into.figures["reflections"] = len(hkl)
    into.figures["of these predicted, %"] = 100.0 * len(rows) / max(len(hkl), 1)
    if not len(rows):
        return
    if result.positions is not None:
        place = _places(truth, result.panels is not None)
        offsets = result.positions[rows] - place[true]
        width = truth["osc_deg"] or math.nan
        into.offsets = offsets * (1.0, 1.0, width)
        for name, column in zip(("fast, px", "slow, px", "phi, deg"), into.offsets.T):
            if np.isfinite(column).all():
                into.figures[f"median offset {name}"] = float(np.median(column))
                spread = 1.4826 * np.median(np.abs(column - np.median(column)))
                into.figures[f"spread of offset {name}"] = float(spread)
    if result.intensity is None:
        return
    whole = spots["partiality"][true] >= (COMPLETE if truth["osc_deg"] else 0.0)
    rows, true = rows[whole], true[whole]
    sigma = None if result.sigma is None else result.sigma[rows]
    wanted = spots["F"][true] ** 2 if result.corrected else spots["photons"][true]
    _intensities(result.intensity[rows], wanted, sigma, into)
    if truth["osc_deg"] and len(rows) >= 3:
        photons, partiality = spots["photons"][true], spots["partiality"][true]
        _narrow(photons, partiality, spots["F"][true], into)


def _narrow(
    photons: np.ndarray, partiality: np.ndarray, F: np.ndarray, into: Comparison
) -> None:
    """Add the figures of reflections that programs can integrate whole.

    Photons over F^2 are proportional to the time that a reflection takes to cross the
    Ewald sphere (and to the polarization factor, which changes little).
    """
    time = photons / (partiality * F**2)
    narrow = time < BROAD * np.median(time)
    into.figures["of these broad in phi, %"] = 100.0 * float(np.mean(~narrow))
    found, true = into.found[narrow], into.true[narrow]
    named = _agreement(found, true, None if into.sigma is None else into.sigma[narrow])
    into.figures.update((f"{name}, not broad", value) for name, value in named.items())


def _merged(
    truth: dict[str, Any], result: Result, change: np.ndarray, into: Comparison
) -> None:
    """Compare merged intensities with F^2 of any equivalent in the truth."""
    assert result.intensity is not None
    spots = truth["spots"]
    squares: dict[tuple[int, int, int], float] = dict(
        zip(
            zip(spots["h"].tolist(), spots["k"].tolist(), spots["l"].tolist()),
            (spots["F"] ** 2).tolist(),
        )
    )
    hkl = result.hkl
    true = np.full(len(hkl), np.nan)
    for operation in result.operations:
        for sign in (1, -1):
            # Symmetry is that of the found setting, so it comes first.
            turned = np.rint(sign * hkl @ operation @ change.T).astype(int)
            values = [squares.get(key, np.nan) for key in map(tuple, turned.tolist())]
            true = np.where(np.isnan(true), values, true)
    known = np.isfinite(true)
    into.figures["merged reflections"] = len(hkl)
    into.figures["of these in the truth, %"] = 100.0 * known.sum() / max(len(hkl), 1)
    sigma = None if result.sigma is None else result.sigma[known]
    _intensities(result.intensity[known], true[known], sigma, into)
    if known.any():
        found = np.sqrt(np.maximum(into.found, 0.0))
        F = np.sqrt(into.true)
        scale = (found @ F) / (found @ found)
        into.figures["R(F), %"] = 100.0 * float(
            np.abs(scale * found - F).sum() / F.sum()
        )


def _intensities(
    found: np.ndarray, true: np.ndarray, sigma: np.ndarray | None, into: Comparison
) -> None:
    """Put intensities on the scale of the true ones, and add how they agree."""
    if len(found) < 3:
        return
    scale = best_scale(found, true)
    into.found, into.true = scale * found, true
    into.sigma = None if sigma is None else scale * sigma
    into.figures["intensities compared"] = len(found)
    into.figures.update(_agreement(into.found, true, into.sigma))


def best_scale(found: np.ndarray, true: np.ndarray) -> float:
    """Return the scale that makes sum(|scale * found - true|) smallest.

    Least squares would follow a few strong reflections that were cut off.
    """
    used = np.flatnonzero(found * true > 0.0)
    if not len(used):
        return 1.0
    ratios = true[used] / found[used]
    order = np.argsort(ratios)
    weights = np.cumsum(np.abs(found[used])[order])
    return float(ratios[order][np.searchsorted(weights, 0.5 * weights[-1])])


def _agreement(
    found: np.ndarray, true: np.ndarray, sigma: np.ndarray | None
) -> dict[str, float]:
    """Return CC, R and z^2 of intensities on one scale."""
    figures = {}
    if np.ptp(found) > 0.0 and np.ptp(true) > 0.0:
        figures["CC of intensities"] = float(np.corrcoef(found, true)[0, 1])
    apart = np.abs(found - true).sum()
    figures["R(I), %"] = 100.0 * float(apart / np.abs(true).sum())
    if sigma is not None and (sigma > 0.0).any():
        good = sigma > 0.0
        squared = ((found[good] - true[good]) / sigma[good]) ** 2
        figures["mean z^2"] = float(np.mean(squared))
        figures["median z^2 / 0.455"] = float(np.median(squared) / 0.4549)
    return figures
