# SPDX-License-Identifier: MIT
"""Where points of the detector are, for whole arrays of them: pictures, not images.

The kernels have the same formula for one point (``kernels/reference/detector.py``).
"""

from __future__ import annotations

import numpy as np

from .geometry import Geometry
from .run import Setup


def positions(setup: Setup, Fdet: np.ndarray, Sdet: np.ndarray) -> np.ndarray:
    """Return the positions of points of the detector.

    Parameters
    ----------
    setup
        The run: its geometry.
    Fdet, Sdet
        Coordinates along fast and slow from the corner of the first pixel, m; arrays
        that fit each other.

    Returns
    -------
    ndarray
        (..., 3) m, from the crystal.
    """
    geometry = setup.geometry
    if setup.flags.curved and setup.physical:
        return _on_sphere(geometry, Fdet[..., None], Sdet[..., None])
    fast, slow = np.array(geometry.fdet_vector), np.array(geometry.sdet_vector)
    flat = (
        Fdet[..., None] * fast + Sdet[..., None] * slow + np.array(geometry.pix0_vector)
    )
    if not setup.flags.curved:
        return flat
    radius = geometry.distance
    on_beam = radius * np.array(geometry.beam_vector)
    turned = _turned(on_beam, slow, flat[..., 1] / radius)
    return _turned(turned, fast, flat[..., 2] / radius)


def _on_sphere(geometry: Geometry, Fdet: np.ndarray, Sdet: np.ndarray) -> np.ndarray:
    """Return positions on the curved detector of model physical."""
    radius = geometry.close_distance
    u, v = (Fdet - geometry.Fclose) / radius, (Sdet - geometry.Sclose) / radius
    away = np.cos(u) * np.cos(v) * np.array(geometry.odet_vector)
    across = np.sin(u) * np.array(geometry.fdet_vector)
    return radius * (
        away + across + np.cos(u) * np.sin(v) * np.array(geometry.sdet_vector)
    )


def _turned(v: np.ndarray, axis: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Rotate about a unit vector (Rodrigues' formula)."""
    angle = angle[..., None]
    along = (v @ axis)[..., None] * axis
    return (
        v * np.cos(angle)
        + np.cross(axis, v) * np.sin(angle)
        + along * (1.0 - np.cos(angle))
    )


def scattering_length(setup: Setup, Fdet: np.ndarray, Sdet: np.ndarray) -> np.ndarray:
    """Return |s| = 1/d of points of the detector, 1/A, for the central beam."""
    place = positions(setup, Fdet, Sdet)
    diffracted = place / np.linalg.norm(place, axis=-1, keepdims=True)
    s = diffracted - np.array(setup.geometry.beam_vector)
    return np.linalg.norm(s, axis=-1) / (setup.wavelength * 1e10)
