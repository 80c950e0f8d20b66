# SPDX-License-Identifier: MIT
"""The panels of a detector in SI units, each with its place in the image."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..model.models import Beam, Detector, Goniometer
from ..model.panel import Panel, panel_fields
from ..model.validate import Roi, Vector
from .geometry import Geometry

Place = Callable[[Detector, Beam, Goniometer], Geometry]
#: Of the custom convention, where none is given.
DEFAULT_BEAM = (1.0, 0.0, 0.0)


@dataclass(frozen=True)
class PlacedPanel:
    """A panel.

    Attributes
    ----------
    geometry
        Where its pixels are.
    slow, fast
        Its first pixel in the image of the whole detector.
    name
        What the user calls it.
    """

    geometry: Geometry
    slow: int = 0
    fast: int = 0
    name: str = ""

    @property
    def slices(self) -> tuple[slice, slice]:
        """Its rows and columns of the image."""
        geometry = self.geometry
        return (
            slice(self.slow, self.slow + geometry.spixels),
            slice(self.fast, self.fast + geometry.fpixels),
        )

    def part_of(self, roi: Roi) -> Roi | None:
        """Return which of its own pixels a region of the image has; None: none."""
        xmin, xmax, ymin, ymax = roi
        xmin, xmax = max(xmin - self.fast, 0), min(xmax - self.fast, self._last_fast)
        ymin, ymax = max(ymin - self.slow, 0), min(ymax - self.slow, self._last_slow)
        return (xmin, xmax, ymin, ymax) if xmin <= xmax and ymin <= ymax else None

    @property
    def _last_fast(self) -> int:
        return self.geometry.fpixels - 1

    @property
    def _last_slow(self) -> int:
        return self.geometry.spixels - 1


def placed_panels(
    detector: Detector, beam: Beam, goniometer: Goniometer, place: Place
) -> tuple[PlacedPanel, ...]:
    """Return the panels of a detector, or the detector itself as one.

    Parameters
    ----------
    detector, beam, goniometer
        The models.
    place
        `resolve_geometry` or `exact_geometry`.

    Raises
    ------
    ValueError
        When a panel cannot be; it is named.
    """
    sheet = detector.sheet
    if sheet is None:
        return (PlacedPanel(place(detector, beam, goniometer)),)
    vectors = beam.beam_vector, beam.polar_vector, goniometer.spindle_axis
    geometries = _geometries(place, sheet.panels, detector.pixel_size_mm, *vectors)
    return tuple(
        PlacedPanel(geometry, slow, fast, panel.name)
        for geometry, panel, (slow, fast) in zip(
            geometries, sheet.panels, sheet.corners
        )
    )


@functools.lru_cache(maxsize=4)
def _geometries(
    place: Place,
    panels: tuple[Panel, ...],
    pixel_size_mm: float,
    beam_vector: Vector | None,
    polar_vector: Vector | None,
    spindle_axis: Vector | None,
) -> tuple[Geometry, ...]:
    """Return where panels are; kept, as the frames of a series have the same."""
    beam = Beam(beam_vector=beam_vector, polar_vector=polar_vector)
    goniometer = Goniometer(spindle_axis=spindle_axis)
    towards = beam.beam_vector or DEFAULT_BEAM
    geometries = []
    for panel in panels:
        try:
            alone = Detector(**panel_fields(panel, pixel_size_mm, towards))
            geometries.append(place(alone, beam, goniometer))
        except ValueError as error:
            raise ValueError(f"panel {panel.name}: {error}") from error
    return tuple(geometries)


def one_panel(detector: Detector, number: int, beam: Beam) -> Detector:
    """Return one of several panels as a detector of its own.

    It keeps its part of mask and dead pixels, and has no region of interest.
    """
    assert detector.sheet is not None
    where = detector.sheet.slices[number]
    panel = detector.sheet.panels[number]
    towards = beam.beam_vector or DEFAULT_BEAM
    fields = panel_fields(panel, detector.pixel_size_mm, towards)
    return dataclasses.replace(
        detector,
        panels=None,
        **fields,
        roi=None,
        mask=_part(detector.mask, where),
        dead=_part(detector.dead, where),
    )


def _part(image: np.ndarray | None, where: tuple[slice, slice]) -> np.ndarray | None:
    return None if image is None else np.ascontiguousarray(image[where])
