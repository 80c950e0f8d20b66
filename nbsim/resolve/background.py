# SPDX-License-Identifier: MIT
"""From a background to the numbers of a run: molecules, weights, polynomials.

Source: nonBragg.c, ``main`` between the option loop and the pixel loop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..model.background import Background
from ..model.models import Beam
from ..model.validate import Roi
from .amounts import AVOGADRO, R_E_SQR
from .geometry import Geometry
from .run import Setup
from .sources import Sources

#: s in 1/m of the number 1 in a table.
SCALES = {"stol": 1e10, "4stol": 1e10 / 4, "Q": 1e10 / math.pi / 4}
#: Rows that stand for everything before and behind a table (C's own numbers), 1/m.
BEFORE, BEHIND = (-1e99, -1e98), (1e98, 1e99)
LEAST_GUIDE, MOST_GUIDE = 1024, 65536


class Place(NamedTuple):
    """Where the pixels are and which of them are wanted.

    Attributes
    ----------
    geometry, sources
        See their classes.
    polarization, nopolar, curved, point_pixel
        As in `Beam` and `Detector`.
    exact
        Whether the geometry is that of model physical.
    bounds
        Pixels to render: xmin, xmax, ymin, ymax, inclusive, inside the image.
    mask
        (slow, fast), 0 where nothing is rendered; None: everywhere.
    image_shape
        (slow, fast) of the image of several panels.
    parts
        Of several panels: where each lies in the image, and its own place.
    """

    geometry: Geometry
    sources: Sources
    polarization: float
    nopolar: bool
    curved: bool
    point_pixel: bool
    exact: bool
    bounds: Roi
    mask: np.ndarray | None
    image_shape: tuple[int, int] = (0, 0)
    parts: tuple[tuple[tuple[slice, slice], Any], ...] = ()

    @classmethod
    def of(cls, setup: Setup) -> Place:
        """Return the place of a crystal's image, so that the two can be added."""
        alone = [setup.of_panel(i) for i in range(len(setup.panels))]
        parts = tuple(
            (panel.slices, cls.of(own))
            for panel, own in zip(setup.panels, alone)
            if own is not None and len(alone) > 1
        )
        return cls(
            setup.geometry,
            setup.sources,
            setup.polarization,
            setup.flags.nopolar,
            setup.flags.curved,
            setup.flags.point_pixel,
            setup.physical,
            setup.bounds,
            setup.mask,
            setup.image_shape,
            parts,
        )


@dataclass(frozen=True, eq=False)
class ScatteringTable:
    """F by s, as one cubic polynomial in each interval; 1/m and electrons.

    Attributes
    ----------
    s
        (n,) with two rows far outside at either end.
    middle, coefficients
        (n,) and (n, 4): interval i is coefficients[i] in powers of s - middle[i].
    is_sorted
        Whether the rows rise; if not, an interval is searched from the one before.
    """

    s: np.ndarray
    middle: np.ndarray
    coefficients: np.ndarray
    is_sorted: bool

    @property
    def s_max(self) -> float:
        """The last row, 1/m."""
        return float(self.s[2:-2].max())

    def guide(self) -> tuple[np.ndarray, float]:
        """Return the first interval to look at for equal steps of s, and 1/step."""
        top = self.s_max
        if not (self.is_sorted and top > 0.0):
            return np.ones(1, np.int64), 0.0
        count = min(max(4 * len(self.s), LEAST_GUIDE), MOST_GUIDE)
        # A little less than the step's beginning: s * per_s is rounded.
        begins = (np.arange(count) - 1e-6) * (top / count)
        first = np.searchsorted(self.s, begins, side="right") - 1
        return np.maximum(first, 1), count / top


@dataclass(frozen=True, eq=False)
class BackgroundRun:
    """A background in SI units, with nothing left to choose.

    Attributes
    ----------
    table
        See its class.
    weights
        (sources,) of the sources.
    molecules
        In the beam.
    scale
        Photons of a pixel for a sum of 1.
    oversample
        Subpixels along each side.
    warnings
        One sentence each.
    """

    table: ScatteringTable
    weights: np.ndarray
    molecules: float
    scale: float
    oversample: int
    warnings: tuple[str, ...]


def resolve_background(
    background: Background,
    table: np.ndarray,
    beam: Beam,
    fluence: float,
    sources: Sources,
    model: str = "c",
) -> BackgroundRun:
    """Make every choice that a background leaves open.

    Parameters
    ----------
    background, beam
        The models.
    table
        (n, 2) of the background, read from where it is.
    fluence
        photons/m^2.
    sources
        Of the beam.
    model
        "c": the polynomials, weights and clipping of nonBragg. "physical": monotone
        interpolation, the last F behind the table, weights divided by their sum, and
        a sample cut by the beam only where its size was given.
    """
    warnings: list[str] = []
    make = lagrange_table if model == "c" else monotone_table
    scattering = make(table, SCALES[background.units], warnings)
    molecules = _molecules(background, beam, model, warnings)
    # Those of a grid of divergence and dispersion count alike.
    weights = np.ones(len(sources.wavelengths))
    if beam.sources is not None:
        weights = np.array(sources.weights, np.float64)
    # A spectrum's image is the weighted sum of its channels' images in every model.
    if model == "physical" or beam.spectrum is not None:
        weights = np.array(sources.shares, np.float64)
    steps = len(weights) * background.oversample**2
    return BackgroundRun(
        table=scattering,
        weights=weights,
        molecules=molecules,
        scale=R_E_SQR * fluence * molecules / steps,
        oversample=background.oversample,
        warnings=tuple(warnings),
    )


def _molecules(
    background: Background, beam: Beam, model: str, warnings: list[str]
) -> float:
    """Return the number of molecules in the beam."""
    if background.molecules:
        return background.molecules
    sides = {"width": background.width_mm, "height": background.height_mm}
    beamsize = beam.beamsize_mm
    given = beam.flux_per_s > 0.0 or beamsize != Beam.beamsize_mm
    volume = background.thick_mm / 1000.0
    for name, side in sides.items():
        if side > beamsize and (model == "c" or given):
            warnings.append(
                f"clipping the background's {name} ({side:g} mm) with the beam "
                f"({beamsize:g} mm)"
            )
            side = beamsize
        volume *= side / 1000.0
    density = background.density_g_cm3 * 1e6  # type: ignore[operator]
    return volume * density * AVOGADRO / background.molecular_weight  # type: ignore


def _padded(table: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return s (1/m) and F with the rows that stand for what lies outside."""
    s = np.concatenate([BEFORE, table[:, 0] * scale, BEHIND])
    F = np.pad(table[:, 1], 2, mode="edge")
    return s, F


def lagrange_table(
    table: np.ndarray, scale: float, warnings: list[str]
) -> ScatteringTable:
    """Return C's table: through the two rows on either side of s.

    Rows far outside drop out of the polynomial: a parabola in the first and last
    interval, and the straight line of the last two rows behind them.
    """
    s, F = _padded(table, scale)
    rises = np.diff(s) > 0.0
    if not rises.all():
        what = "a number of s stands in it twice" if (np.diff(s) == 0.0).any() else ""
        warnings.append(
            "the table of the background is not sorted: F depends on the order in "
            f"which pixels are rendered, as in C{'; ' + what if what else ''}"
        )
    count = len(s)
    rows = np.arange(1, count - 2)[:, None] + np.arange(-1, 3)
    near = (rows >= 2) & (rows < count - 2)
    middle = np.zeros(count)
    low, high = s[1:-2], s[2:-1]
    ends = np.where(near[:, 1], low, high), np.where(near[:, 2], high, low)
    middle[1:-2] = 0.5 * (ends[0] + ends[1])
    coefficients = np.zeros((count, 4))
    coefficients[1:-2] = _through(s[rows], F[rows], near, middle[1:-2])
    return ScatteringTable(s, middle, coefficients, bool(rises.all()))


def _through(
    x: np.ndarray, y: np.ndarray, used: np.ndarray, about: np.ndarray
) -> np.ndarray:
    """Return the polynomials through up to four points each, in powers of x - about.

    Parameters
    ----------
    x, y, used
        (n, 4): points, and which of them count.
    about
        (n,).
    """
    total = np.zeros((len(x), 4))
    with np.errstate(all="ignore"):  # a number twice: nan, as in C
        for i in range(4):
            # y_i times the product of (x - x_j) / (x_i - x_j), multiplied out.
            term = np.zeros((len(x), 4))
            term[:, 0] = np.where(used[:, i], y[:, i], 0.0)
            for j in range(4):
                if j == i:
                    continue
                both = used[:, j]
                gap = np.where(both, x[:, i] - x[:, j], 1.0)
                offset = np.where(both, (about - x[:, j]) / gap, 1.0)
                slope = np.where(both, 1.0 / gap, 0.0)
                higher = np.roll(term, 1, axis=1) * slope[:, None]
                higher[:, 0] = 0.0
                term = term * offset[:, None] + higher
            total += np.where(used[:, i, None], term, 0.0)
    return total


def monotone_table(
    table: np.ndarray, scale: float, warnings: list[str]
) -> ScatteringTable:
    """Return the table of model physical: monotone cubics, constant outside.

    Rows are sorted; several of one s become their mean. Slopes by F. N. Fritsch &
    J. Butland, SIAM J. Sci. Stat. Comput. 5 (1984) 300 (PCHIP): no interval leaves the
    range of its ends, so that F of no sign change stays of its sign.
    """
    order = np.argsort(table[:, 0], kind="stable")
    rows, groups, counts = np.unique(
        table[order, 0], return_inverse=True, return_counts=True
    )
    F = np.bincount(groups, table[order, 1]) / counts
    if len(rows) < len(table):
        warnings.append(
            f"{len(table) - len(rows)} rows of the background's table repeat a number "
            "of s: their mean is taken"
        )
    s, padded = _padded(np.column_stack([rows, F]), scale)
    coefficients = np.zeros((len(s), 4))
    coefficients[:, 0] = padded
    middle = s.copy()
    if len(rows) > 1:
        inner = slice(2, len(s) - 3)
        gap = np.diff(s[2:-2])
        slope = _slopes(gap, np.diff(F) / gap)
        middle[inner] = s[inner] + 0.5 * gap
        coefficients[inner] = _hermite(gap, F, slope)
    return ScatteringTable(s, middle, coefficients, True)


def _slopes(gap: np.ndarray, secant: np.ndarray) -> np.ndarray:
    """Return the slope at every point: a weighted harmonic mean of its neighbours'."""
    slope = np.zeros(len(secant) + 1)
    if len(secant) == 1:
        return np.repeat(secant, 2)
    left, right = secant[:-1], secant[1:]
    w1, w2 = 2.0 * gap[1:] + gap[:-1], gap[1:] + 2.0 * gap[:-1]
    with np.errstate(all="ignore"):
        mean = (w1 + w2) / (w1 / left + w2 / right)
    slope[1:-1] = np.where(left * right > 0.0, mean, 0.0)
    slope[0] = _end_slope(gap[0], gap[1], secant[0], secant[1])
    slope[-1] = _end_slope(gap[-1], gap[-2], secant[-1], secant[-2])
    return slope


def _end_slope(h0: float, h1: float, m0: float, m1: float) -> float:
    """Slope at an end: of the parabola through three points, kept monotone."""
    slope = ((2.0 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    if slope * m0 <= 0.0:
        return 0.0
    if m0 * m1 <= 0.0 and abs(slope) > 3.0 * abs(m0):
        return 3.0 * m0
    return slope


def _hermite(gap: np.ndarray, F: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Return cubics with these values and slopes, about the middle of each gap."""
    half = 0.5 * gap
    rise, level = np.diff(F), 0.5 * (F[1:] + F[:-1])
    d0, d1 = slope[:-1], slope[1:]
    return np.column_stack(
        [
            level - 0.25 * half * (d1 - d0),
            1.5 * rise / gap - 0.25 * (d0 + d1),
            0.25 * (d1 - d0) / half,
            (0.25 * (d0 + d1) - 0.5 * rise / gap) / (half * half),
        ]
    )
