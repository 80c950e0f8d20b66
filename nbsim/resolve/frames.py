# SPDX-License-Identifier: MIT
"""The laboratory frames of other programs, as rotations of nbsim's vectors.

imgCIF (DIALS): z towards the source, x along the spindle. NeXus (McStas): z along the
beam. XDS: any; here X is fast and Y is slow. All are proper rotations, so that phi
stays right-handed about the spindle in each of them.
"""

from __future__ import annotations

import numpy as np

from .geometry import Geometry

#: A spindle within this sine of the beam says nothing about the frame's x.
_ALONG_BEAM = 1e-6


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v)


def imgcif_rotation(geometry: Geometry) -> np.ndarray:
    """Return the (3, 3) rotation R of v_imgcif = R v_nbsim.

    x is the part of the spindle that lies across the beam, or of the polarization
    vector where the spindle is along the beam.
    """
    z = -_unit(np.array(geometry.beam_vector))
    for direction in (geometry.spindle_vector, geometry.polar_vector):
        across = np.array(direction) - np.dot(direction, z) * z
        if np.linalg.norm(across) > _ALONG_BEAM * np.linalg.norm(direction):
            x = _unit(across)
            return np.array([x, np.cross(z, x), z])
    raise ValueError("spindle and polarization are both along the beam: no frame")


def mcstas_rotation(geometry: Geometry) -> np.ndarray:
    """Return the (3, 3) rotation R of v_mcstas = R v_nbsim."""
    return np.diag([-1.0, 1.0, -1.0]) @ imgcif_rotation(geometry)


def xds_rotation(geometry: Geometry) -> np.ndarray:
    """Return the (3, 3) rotation R of v_xds = R v_nbsim: fast, slow, fast x slow."""
    fast = _unit(np.array(geometry.fdet_vector))
    slow = _unit(np.array(geometry.sdet_vector))
    return np.array([fast, slow, np.cross(fast, slow)])


def nearest_point(geometry: Geometry) -> tuple[float, float, float, np.ndarray]:
    """Return the point of the detector's plane that is nearest to the crystal.

    Returns
    -------
    fast, slow
        Its coordinates from the corner of the first pixel, m.
    distance
        From the crystal, m; never negative.
    normal
        (3,) unit vector towards it.
    """
    pix0 = np.array(geometry.pix0_vector)
    fast, slow = np.array(geometry.fdet_vector), np.array(geometry.sdet_vector)
    normal = _unit(np.cross(fast, slow))
    height = float(pix0 @ normal)
    normal = normal if height >= 0.0 else -normal
    return float(-pix0 @ fast), float(-pix0 @ slow), abs(height), normal
