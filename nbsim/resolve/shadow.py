# SPDX-License-Identifier: MIT
"""Which pixels see the crystal: not those under a mask, a beam stop, or not there."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..model.models import Detector
from .geometry import Geometry, direct_beam
from .panels import PlacedPanel

#: Width of a beam stop's arm, in diameters of its disk.
ARM_WIDTH = 0.4


def rendered_mask(
    detector: Detector, panels: Sequence[PlacedPanel]
) -> np.ndarray | None:
    """Return the mask of everything together; None where all pixels see the crystal.

    Returns
    -------
    ndarray or None
        (slow, fast), 0 where nothing is rendered. The detector's own mask, untouched,
        where there is nothing else.

    Raises
    ------
    ValueError
        When there is a beam stop, but no panel whose plane the direct beam meets.
    """
    hidden = detector.missing
    if detector.beamstop_mm is not None:
        shadow = np.zeros(detector.shape, bool)
        for panel in panels:
            shadow[panel.slices] = beamstop_shadow(detector, panel.geometry)
        if all(direct_beam(panel.geometry) is None for panel in panels):
            raise ValueError(
                f"beamstop {detector.beamstop_mm:g} mm: the direct beam does not meet "
                "the detector"
            )
        hidden = shadow if hidden is None else hidden | shadow
    if hidden is None:
        return detector.mask
    if detector.mask is not None:
        hidden = hidden | (detector.mask == 0)
    return (~hidden).astype(np.uint16)


def beamstop_shadow(detector: Detector, geometry: Geometry) -> np.ndarray:
    """Return which pixels (slow, fast) lie behind the beam stop.

    A disk around the direct beam, and an arm of `ARM_WIDTH` that goes from it to the
    detector's edge. Nothing in a plane that the direct beam does not meet.
    """
    centre = direct_beam(geometry)
    spixels, fpixels = geometry.spixels, geometry.fpixels
    if centre is None:
        return np.zeros((spixels, fpixels), bool)
    radius = detector.beamstop_mm / 1000.0  # type: ignore[operator]
    size = geometry.pixel_size
    fast = (np.arange(fpixels) + 0.5) * size - centre[0]
    slow = (np.arange(spixels)[:, None] + 0.5) * size - centre[1]
    shadow = fast * fast + slow * slow <= radius * radius
    if detector.beamstop_arm_deg is not None:
        angle = math.radians(detector.beamstop_arm_deg)
        along = fast * math.cos(angle) + slow * math.sin(angle)
        across = slow * math.cos(angle) - fast * math.sin(angle)
        shadow |= (along >= 0.0) & (np.abs(across) <= ARM_WIDTH * radius)
    return shadow
