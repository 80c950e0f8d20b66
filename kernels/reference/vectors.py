# SPDX-License-Identifier: MIT
"""Vectors as tuples of three numbers: scalars in, tuples out, for CPU and CUDA."""

import math
from math import cos, sin

from ..jit import scalar


@scalar
def dot(u, v):
    """Return u . v (C: ``dot_product``)."""
    return u[0] * v[0] + u[1] * v[1] + u[2] * v[2]


@scalar
def cross(u, v):
    """Return u x v (C: ``cross_product``)."""
    return (
        u[1] * v[2] - u[2] * v[1],
        u[2] * v[0] - u[0] * v[2],
        u[0] * v[1] - u[1] * v[0],
    )


@scalar
def magnitude(v):
    """Return |v| (C: ``magnitude``)."""
    return math.sqrt(dot(v, v))


@scalar
def unit(v):
    """Return v / |v|, or the zero vector for the zero vector (C: ``unitize``)."""
    length = magnitude(v)
    if length == 0.0:
        return (0.0, 0.0, 0.0)
    return (v[0] / length, v[1] / length, v[2] / length)


@scalar
def rotate_axis(v, axis, phi):
    """Rotate v about the unit vector `axis` by `phi` radians, right-handed.

    Rodrigues' formula; C: ``rotate_axis``.
    """
    sin_phi = sin(phi)
    cos_phi = cos(phi)
    along = dot(axis, v) * (1.0 - cos_phi)
    turn = cross(axis, v)
    return (
        axis[0] * along + v[0] * cos_phi + turn[0] * sin_phi,
        axis[1] * along + v[1] * cos_phi + turn[1] * sin_phi,
        axis[2] * along + v[2] * cos_phi + turn[2] * sin_phi,
    )
