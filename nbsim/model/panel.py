# SPDX-License-Identifier: MIT
"""One flat piece of a detector: where it is, and which part of the file it fills."""

from __future__ import annotations

import math
from dataclasses import dataclass

from . import validate
from .validate import Vector

#: Sine of an angle between directions that count as parallel.
PARALLEL = 1e-9
#: How far from 1 the length of an axis may be.
LENGTH_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Panel:
    """A flat rectangle of pixels, placed by its corner and its axes.

    Attributes
    ----------
    name
        What the file calls it.
    spixels, fpixels
        Pixels along slow and fast.
    fdet_vector, sdet_vector
        Directions of the fast and slow axes, of length 1 (made so to the last digit).
    pix0_vector_mm
        Outer corner of the first pixel seen from the crystal [mm].
    origin
        (slow, fast) place of the first pixel in the array that files of the whole
        detector hold; None: no place of its own.
    """

    name: str
    spixels: int
    fpixels: int
    fdet_vector: Vector
    sdet_vector: Vector
    pix0_vector_mm: Vector
    origin: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for name in ("spixels", "fpixels"):
            validate.integer(self._called(name), getattr(self, name), low=1)
        for name in ("fdet_vector", "sdet_vector"):
            axis = validate.vector(self._called(name), getattr(self, name))
            length = math.hypot(*axis)
            if abs(length - 1.0) > LENGTH_TOLERANCE:
                raise ValueError(
                    f"{self._called(name)} {axis[0]:g} {axis[1]:g} {axis[2]:g}: "
                    f"expected a direction of length 1, this one has {length:g}"
                )
            object.__setattr__(self, name, tuple(x / length for x in axis))
        corner = validate.vector(self._called("pix0_vector"), self.pix0_vector_mm)
        object.__setattr__(self, "pix0_vector_mm", corner)
        if math.hypot(*self._across()) < PARALLEL:
            raise ValueError(
                f"{self._called('fdet_vector and sdet_vector')}: expected two "
                "directions, not parallel ones"
            )
        if abs(self._height_mm()) < PARALLEL * math.hypot(*corner):
            raise ValueError(
                f"{self._called('pix0_vector')}: the crystal lies in the plane of the "
                "pixels"
            )

    def _called(self, name: str) -> str:
        return f"panel {self.name}: {name}" if self.name else name

    def _across(self) -> Vector:
        (a, b, c), (x, y, z) = self.fdet_vector, self.sdet_vector
        return b * z - c * y, c * x - a * z, a * y - b * x

    def _height_mm(self) -> float:
        across = self._across()
        length = math.hypot(*across)
        return sum(p * n for p, n in zip(self.pix0_vector_mm, across)) / length

    @property
    def odet_vector(self) -> Vector:
        """Unit normal, away from the crystal."""
        across = self._across()
        length = math.copysign(math.hypot(*across), self._height_mm())
        x, y, z = across
        return x / length, y / length, z / length

    @property
    def close_distance_mm(self) -> float:
        """Distance of the plane from the crystal [mm]."""
        return abs(self._height_mm())
