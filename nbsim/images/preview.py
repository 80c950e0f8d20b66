# SPDX-License-Identifier: MIT
"""A picture of an image as the eye wants it, with beam centre and resolution rings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..model import validate
from ..model.limits import RESOLUTION_A
from ..resolve.geometry import direct_beam
from ..resolve.panels import PlacedPanel
from ..resolve.positions import scattering_length
from ..resolve.run import Setup
from .bitmap_font import text_pixels
from .scaling import check_image

SCALES = ("log", "linear")
COLORS = ("inverted", "grey", "heat")
#: Larger images are binned to this many pixels, smaller ones magnified towards it.
LARGEST, SMALLEST = 1200, 512
#: Share of the pixels below white, and the part of it that a log scale resolves.
BRIGHT_PERCENTILE, DYNAMIC_RANGE = 99.9, 1e4
#: How many times brighter than the median a pixel is that is surely no background.
SPOT = 20.0
#: Where automatic rings lie, of the way to the farthest corner in 1/d.
RING_PLACES = (0.25, 0.5, 0.75)
ROUND_NUMBERS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
#: Black, violet, orange, yellow, white: brighter all the way.
HEAT = ((0, 0, 0), (70, 10, 100), (200, 60, 60), (250, 160, 30), (255, 255, 235))
#: Pixels of the picture: from where on letters are doubled; arm of the cross.
LARGE, CROSS_ARM = 700, 9
CROSS_COLORS = {"inverted": (225, 30, 40), "grey": (60, 255, 90), "heat": (60, 255, 90)}
LINE_COLORS = {
    "inverted": (20, 100, 200),
    "grey": (90, 190, 255),
    "heat": (90, 190, 255),
}
NOT_RENDERED = {"inverted": (214, 222, 236), "grey": (38, 44, 62), "heat": (38, 44, 62)}


def preview(
    setup: Setup,
    image: np.ndarray,
    *,
    scale: str = "log",
    color: str = "inverted",
    rings: Sequence[float] | None = None,
) -> np.ndarray:
    """Return a picture of an image.

    Parameters
    ----------
    setup
        The run that made it: geometry, roi and mask.
    image
        (slow, fast) float32, photons (or counts without their offset).
    scale
        "log" or "linear"; both between percentiles of the rendered pixels.
    color
        "inverted": black spots on white; "grey": white on black; "heat": a scale of
        colours.
    rings
        Resolutions d [A] of the rings; None: three round numbers; empty: no rings.

    Returns
    -------
    ndarray
        (slow, fast, 3) uint8: binned (the brightest pixel of a square) or magnified
        by a whole factor. Pixels outside roi and mask have a colour of their own.

    Raises
    ------
    ValueError, TypeError
        For an argument out of range.
    """
    validate.choice("scale", scale, SCALES)
    validate.choice("color", color, COLORS)
    check_image(image, None)
    if image.shape != setup.image_shape:
        raise ValueError(
            f"image: its shape is {image.shape}, the detector's (slow, fast) is "
            f"{setup.image_shape}"
        )
    asked = automatic_rings(setup) if rings is None else rings
    d_spacings = [
        validate.bounded("rings", d, RESOLUTION_A)
        for d in validate.sequence("rings", asked, "resolutions in A")
    ]
    rendered = setup.rendered
    levels = np.where(rendered, grey_levels(image, rendered, scale), -1.0)
    canvas = _Canvas(setup, levels, color)
    for d in d_spacings:
        canvas.ring(d)
    canvas.cross()
    return canvas.pixels


def grey_levels(image: np.ndarray, rendered: np.ndarray, scale: str) -> np.ndarray:
    """Return how bright each pixel is, 0 to 1.

    Parameters
    ----------
    image
        (slow, fast), photons.
    rendered
        (slow, fast) bool: the pixels that count.
    scale
        "log": straight up to the median of the pixels, logarithmic above it.
        "linear": straight from the lowest per cent.
    """
    seen = image[rendered]
    seen = seen[np.isfinite(seen)]
    most = float(seen.max(initial=0.0))
    if most <= 0.0:
        return np.zeros(image.shape)
    low, median, high = np.percentile(seen, (1.0, 50.0, BRIGHT_PERCENTILE)).tolist()
    # With few spots the percentile is background, which must not look like a spot.
    high = max(high, min(most, SPOT * median))
    high = high if high > 0.0 else most
    values = np.nan_to_num(image.astype(np.float64), posinf=high, neginf=0.0)
    if scale == "linear":
        low = min(low, 0.5 * high)
        return np.clip((values - low) / (high - low), 0.0, 1.0)
    knee = max(median, high / DYNAMIC_RANGE)
    levels = np.log1p(np.maximum(values, 0.0) / knee) / math.log1p(high / knee)
    return np.minimum(levels, 1.0)


def automatic_rings(setup: Setup) -> list[float]:
    """Return up to three round resolutions [A] that lie on the detector."""
    farthest = max(map(_farthest, map(setup.whole_panel, range(len(setup.panels)))))
    found = [_round_number(1.0 / (place * farthest)) for place in RING_PLACES]
    return list(dict.fromkeys(found))


def _farthest(setup: Setup) -> float:
    """Return the largest 1/d [1/A] of a panel."""
    geometry = setup.geometry
    spixels, fpixels, pixel = geometry.spixels, geometry.fpixels, geometry.pixel_size
    fast, slow = np.meshgrid(
        pixel * np.linspace(0, fpixels, 9), pixel * np.linspace(0, spixels, 9)
    )
    return float(scattering_length(setup, fast, slow).max())


def _round_number(d: float) -> float:
    power = 10.0 ** math.floor(math.log10(d))
    mantissa = min(ROUND_NUMBERS, key=lambda number: abs(math.log(number * power / d)))
    return float(f"{mantissa * power:.3g}")


class _Part(NamedTuple):
    """A panel in the picture: rows, columns, and 1/d [1/A] at the pixels' corners."""

    rows: slice
    columns: slice
    s: np.ndarray

    def has(self, slow: int, fast: int) -> bool:
        """Return whether a pixel of the picture is one of this panel."""
        rows, columns = self.rows, self.columns
        return rows.start <= slow < rows.stop and columns.start <= fast < columns.stop


class _Canvas:
    """The picture while it is drawn; one pixel may be several of the image, or less."""

    def __init__(self, setup: Setup, levels: np.ndarray, color: str) -> None:
        self._setup = setup
        largest = max(levels.shape)
        self._bin = -(-largest // LARGEST)
        self._zoom = max(1, SMALLEST // largest)
        levels = _binned(levels, self._bin)
        levels = np.repeat(np.repeat(levels, self._zoom, axis=0), self._zoom, axis=1)
        self.pixels = _colored(levels, color)
        self._line_color = LINE_COLORS[color]
        self._cross_color = CROSS_COLORS[color]
        self._paper = (255, 255, 255) if color == "inverted" else (0, 0, 0)
        self._parts = [self._part(i) for i in range(len(setup.panels))]

    def _part(self, number: int) -> _Part:
        """Return the part of the picture that shows a panel."""
        panel = self._setup.panels[number]
        own = self._setup.whole_panel(number)
        geometry, first = panel.geometry, (panel.slow, panel.fast)
        size = geometry.spixels, geometry.fpixels
        start = [-(-a * self._zoom // self._bin) for a in first]
        end = [-(-(a + n) * self._zoom // self._bin) for a, n in zip(first, size)]
        step = geometry.pixel_size * self._bin / self._zoom
        slow, fast = (
            step * np.arange(a, b + 1) - geometry.pixel_size * corner
            for a, b, corner in zip(start, end, first)
        )
        s = scattering_length(own, *np.meshgrid(fast, slow))
        return _Part(slice(start[0], end[0]), slice(start[1], end[1]), s)

    def ring(self, d: float) -> None:
        """Draw the line of resolution `d` [A] and write the number beside it."""
        line = np.zeros(self.pixels.shape[:2], bool)
        for part in self._parts:
            inside = part.s < 1.0 / d
            corners = (
                inside[:-1, :-1],
                inside[:-1, 1:],
                inside[1:, :-1],
                inside[1:, 1:],
            )
            count = sum(corner.astype(np.uint8) for corner in corners)
            line[part.rows, part.columns] = (count > 0) & (count < 4)
        self.pixels[line] = self._line_color
        self._label(f"{d:.6g} \u00c5", np.argwhere(line))

    def _label(self, text: str, line: np.ndarray) -> None:
        """Write on the line where it is nearest to the upper right, all inside."""
        size = 2 if max(self.pixels.shape) >= LARGE else 1
        letters = np.kron(np.pad(text_pixels(text), 2), np.ones((size, size), bool))
        height, width = letters.shape
        half = np.array([height, width]) // 2 + 1
        fits = (line >= half) & (line < np.array(self.pixels.shape[:2]) - half)
        places = line[fits.all(axis=1)]
        if not len(places):
            return
        slow, fast = places[np.argmax(places[:, 1] - places[:, 0])]
        top, left = slow - height // 2, fast - width // 2
        box = self.pixels[top : top + height, left : left + width]
        box[...] = self._paper
        box[letters] = self._line_color

    def cross(self) -> None:
        """Mark the direct beam, if it is in the picture."""
        for panel, part in zip(self._setup.panels, self._parts):
            self._cross_on(panel, part)

    def _cross_on(self, panel: PlacedPanel, part: _Part) -> None:
        geometry = panel.geometry
        centre = direct_beam(geometry)
        if centre is None:
            return
        step = geometry.pixel_size * self._bin / self._zoom
        fast, slow = (
            math.floor((x + corner * geometry.pixel_size) / step)
            for x, corner in zip(centre, (panel.fast, panel.slow))
        )
        if not part.has(slow, fast):
            return
        for width, color in ((1, self._paper), (0, self._cross_color)):
            self._box(slow, fast, width, CROSS_ARM + width, color)
            self._box(slow, fast, CROSS_ARM + width, width, color)

    def _box(
        self, slow: int, fast: int, up: int, along: int, color: tuple[int, int, int]
    ) -> None:
        rows = slice(max(slow - up, 0), slow + up + 1)
        columns = slice(max(fast - along, 0), fast + along + 1)
        self.pixels[rows, columns] = color


def _binned(levels: np.ndarray, size: int) -> np.ndarray:
    """Return the brightest of every `size` x `size` pixels."""
    if size == 1:
        return levels
    padding = [(0, -length % size) for length in levels.shape]
    padded = np.pad(levels, padding, constant_values=-1.0)
    slow, fast = padded.shape
    return padded.reshape(slow // size, size, fast // size, size).max(axis=(1, 3))


def _colored(levels: np.ndarray, color: str) -> np.ndarray:
    """Return (slow, fast, 3) uint8; negative levels are pixels without a value."""
    grey = np.clip(levels, 0.0, 1.0)
    if color == "heat":
        places = np.linspace(0.0, 1.0, len(HEAT))
        bands = [np.interp(grey, places, band) for band in zip(*HEAT)]
    else:
        bands = [255.0 * (1.0 - grey if color == "inverted" else grey)] * 3
    pixels = np.stack([np.rint(band).astype(np.uint8) for band in bands], axis=-1)
    pixels[levels < 0.0] = NOT_RENDERED[color]
    return pixels
