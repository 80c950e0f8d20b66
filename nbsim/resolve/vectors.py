# SPDX-License-Identifier: MIT
"""Rotations of 3-vectors in plain Python, for what is computed once per run."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..model.validate import Vector

#: Degrees in a radian. C divides by this product; multiplying by pi / 180
#: instead can move a quotient such as osc / phistep across a whole number.
RTD = 180.0 * (1.0 / math.pi)


def radians(degrees: float) -> float:
    """Return degrees / RTD, rounded as in C."""
    return degrees / RTD


def dot(u: Sequence[float], v: Sequence[float]) -> float:
    """Return u . v."""
    return u[0] * v[0] + u[1] * v[1] + u[2] * v[2]


def cross(u: Sequence[float], v: Sequence[float]) -> Vector:
    """Return u x v."""
    return (
        u[1] * v[2] - u[2] * v[1],
        u[2] * v[0] - u[0] * v[2],
        u[0] * v[1] - u[1] * v[0],
    )


def magnitude(v: Sequence[float]) -> float:
    """Return |v|."""
    return math.sqrt(dot(v, v))


def scaled(v: Sequence[float], factor: float) -> Vector:
    """Return factor * v."""
    return (factor * v[0], factor * v[1], factor * v[2])


def unit(v: Sequence[float]) -> Vector:
    """Return v / |v| (C: ``unitize``)."""
    length = magnitude(v)
    return (v[0] / length, v[1] / length, v[2] / length) if length else (0.0, 0.0, 0.0)


def rotate_axis(v: Sequence[float], axis: Sequence[float], phi: float) -> Vector:
    """Rotate v about the unit vector `axis` by `phi` radians (C: ``rotate_axis``)."""
    sin_phi, cos_phi = math.sin(phi), math.cos(phi)
    along = dot(axis, v) * (1.0 - cos_phi)
    turn = cross(axis, v)
    return (
        axis[0] * along + v[0] * cos_phi + turn[0] * sin_phi,
        axis[1] * along + v[1] * cos_phi + turn[1] * sin_phi,
        axis[2] * along + v[2] * cos_phi + turn[2] * sin_phi,
    )


def rotate_xyz(v: Sequence[float], x: float, y: float, z: float) -> Vector:
    """Rotate v about the x, then y, then z axis by radians (C: ``rotate``)."""
    vx, vy, vz = v
    if x != 0.0:
        vy, vz = vy * math.cos(x) - vz * math.sin(x), vy * math.sin(x) + vz * math.cos(
            x
        )
    if y != 0.0:
        vx, vz = vx * math.cos(y) + vz * math.sin(y), -vx * math.sin(y) + vz * math.cos(
            y
        )
    if z != 0.0:
        vx, vy = vx * math.cos(z) - vy * math.sin(z), vx * math.sin(z) + vy * math.cos(
            z
        )
    return (vx, vy, vz)
