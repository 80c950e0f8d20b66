# SPDX-License-Identifier: MIT
"""Where a subpixel is, the solid angle it subtends and what its sensor absorbs."""

import math

from ..jit import scalar
from .vectors import dot, rotate_axis


@scalar
def pixel_position(Fdet, Sdet, Odet, det):
    """Return the position of a point of the detector, m, from the crystal.

    Parameters
    ----------
    Fdet, Sdet, Odet
        Coordinates along fast, slow and normal, m, from the corner of the first pixel.
    det : DetectorArgs
    """
    fast, slow, normal, origin = (
        det.fdet_vector,
        det.sdet_vector,
        det.odet_vector,
        det.pix0_vector,
    )
    x = Fdet * fast[0] + Sdet * slow[0] + Odet * normal[0] + origin[0]
    y = Fdet * fast[1] + Sdet * slow[1] + Odet * normal[1] + origin[1]
    z = Fdet * fast[2] + Sdet * slow[2] + Odet * normal[2] + origin[2]
    if not det.curved_detector:
        return x, y, z
    # C quirk: y and z of the flat position are the angles, whatever the axes are.
    radius = det.distance
    beam = det.beam_vector
    on_beam = (radius * beam[0], radius * beam[1], radius * beam[2])
    turned = rotate_axis(on_beam, slow, y / radius)
    return rotate_axis(turned, fast, z / radius)


@scalar
def solid_angle(airpath, det):
    """Return omega_pixel, sr: (pixel / R)^2 cos(obliquity), or 1/R^2 for a point."""
    if det.point_pixel:
        return 1.0 / airpath / airpath
    return (
        det.pixel_size
        * det.pixel_size
        / airpath
        / airpath
        * det.close_distance
        / airpath
    )


@scalar
def absorbed_fraction(layer, diffracted, det):
    """Return the fraction of photons that one sensor layer absorbs."""
    parallax = dot(diffracted, det.odet_vector)
    depth = det.detector_thickstep * det.detector_mu / parallax
    return math.exp(-layer * depth) - math.exp(-(layer + 1) * depth)
