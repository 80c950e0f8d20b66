# SPDX-License-Identifier: MIT
"""Which pixels see the crystal: not those under a mask, a beam stop, or not there."""

from __future__ import annotations

import math

import numpy as np

from ..model.models import Detector
from .geometry import Geometry, direct_beam

#: Width of a beam stop's arm, in diameters of its disk.
ARM_WIDTH = 0.4


def rendered_mask(detector: Detector, geometry: Geometry) -> np.ndarray | None:
    """Return the mask of everything together; None where all pixels see the crystal.

    Returns
    -------
    ndarray or None
        (slow, fast), 0 where nothing is rendered. The detector's own mask, untouched,
        where there is nothing else.
    """
    hidden = detector.dead
    if detector.beamstop_mm is not None:
        shadow = beamstop_shadow(detector, geometry)
        hidden = shadow if hidden is None else hidden | shadow
    if hidden is None:
        return detector.mask
    if detector.mask is not None:
        hidden = hidden | (detector.mask == 0)
    return (~hidden).astype(np.uint16)


def beamstop_shadow(detector: Detector, geometry: Geometry) -> np.ndarray:
    """Return which pixels (slow, fast) lie behind the beam stop.

    A disk around the direct beam, and an arm of `ARM_WIDTH` that goes from it to the
    detector's edge.

    Raises
    ------
    ValueError
        When the direct beam does not meet the detector's plane.
    """
    centre = direct_beam(geometry)
    if centre is None:
        raise ValueError(
            f"beamstop {detector.beamstop_mm:g} mm: the direct beam does not meet the "
            "detector"
        )
    radius = detector.beamstop_mm / 1000.0  # type: ignore[operator]
    spixels, fpixels = geometry.spixels, geometry.fpixels
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
