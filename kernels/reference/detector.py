# SPDX-License-Identifier: MIT
"""Where a subpixel is, the solid angle it subtends and what its sensor absorbs."""

import math
from math import cos, sin

from ..jit import scalar
from .vectors import dot, rotate_axis


@scalar
def sphere_position(Fdet, Sdet, Odet, det):
    """Return the position of a point of a curved detector, model physical, m.

    The pixels lie on a sphere around the crystal, `Odet` behind one that touches the
    plane at its nearest point; distances from there are arcs, fast before slow.
    """
    fast, slow, normal = det.fdet_vector, det.sdet_vector, det.odet_vector
    radius = det.close_distance
    u = (Fdet - det.Fclose) / radius
    v = (Sdet - det.Sclose) / radius
    away = (radius + Odet) * cos(u) * cos(v)
    across = (radius + Odet) * sin(u)
    up = (radius + Odet) * cos(u) * sin(v)
    return (
        away * normal[0] + across * fast[0] + up * slow[0],
        away * normal[1] + across * fast[1] + up * slow[1],
        away * normal[2] + across * fast[2] + up * slow[2],
    )


@scalar
def layer_depth(layer, det):
    """Return how deep a sensor layer's point lies, m."""
    return (layer + det.layer_offset) * det.detector_thickstep


@scalar
def flat_position(Fdet, Sdet, Odet, det):
    """Return the position of a point of a flat detector; see `pixel_position`."""
    fast, slow, normal, origin = (
        det.fdet_vector,
        det.sdet_vector,
        det.odet_vector,
        det.pix0_vector,
    )
    x = Fdet * fast[0] + Sdet * slow[0] + Odet * normal[0] + origin[0]
    y = Fdet * fast[1] + Sdet * slow[1] + Odet * normal[1] + origin[1]
    z = Fdet * fast[2] + Sdet * slow[2] + Odet * normal[2] + origin[2]
    return x, y, z


@scalar
def pixel_position(Fdet, Sdet, Odet, det):
    """Return the position of a point of the detector, m, from the crystal.

    Parameters
    ----------
    Fdet, Sdet, Odet
        Coordinates along fast, slow and normal, m, from the corner of the first pixel.
    det : DetectorArgs
    """
    if det.exact and det.curved_detector:
        return sphere_position(Fdet, Sdet, Odet, det)
    x, y, z = flat_position(Fdet, Sdet, Odet, det)
    if not det.curved_detector:
        return x, y, z
    # C quirk: y and z of the flat position are the angles, whatever the axes are.
    fast, slow = det.fdet_vector, det.sdet_vector
    radius = det.distance
    beam = det.beam_vector
    on_beam = (radius * beam[0], radius * beam[1], radius * beam[2])
    turned = rotate_axis(on_beam, slow, y / radius)
    return rotate_axis(turned, fast, z / radius)


@scalar
def normal_distance(Odet, det):
    """Return the distance of a point along the normal, m: obliquity is it over R.

    C quirk: that of the detector's front, at any depth. On a sphere every layer of
    a pixel sees the same rays as its front does.
    """
    if not det.exact:
        return det.close_distance
    distance = det.close_distance + Odet
    if det.curved_detector:
        ratio = distance / det.close_distance
        return distance * ratio * ratio
    return distance


@scalar
def solid_angle(airpath, Odet, det):
    """Return omega_pixel, sr: (pixel / R)^2 cos(obliquity), or 1/R^2 for a point."""
    if det.point_pixel:
        return 1.0 / airpath / airpath
    return (
        det.pixel_size
        * det.pixel_size
        / airpath
        / airpath
        * normal_distance(Odet, det)
        / airpath
    )


@scalar
def absorbed_fraction(layer, diffracted, det):
    """Return the fraction of photons that one sensor layer absorbs."""
    parallax = dot(diffracted, det.odet_vector)
    if det.exact and det.curved_detector:
        parallax = 1.0
    depth = det.detector_thickstep * det.detector_mu / parallax
    return math.exp(-layer * depth) - math.exp(-(layer + 1) * depth)
