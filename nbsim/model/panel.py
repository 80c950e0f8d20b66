# SPDX-License-Identifier: MIT
"""One flat piece of a detector: where it is, and which part of the file it fills."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

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


def panel_fields(
    panel: Panel, pixel_size_mm: float, beam_vector: Vector
) -> dict[str, Any]:
    """Return the fields of a `Detector` that is this panel, in both models.

    Custom convention, turned about the crystal, placed by its nearest point;
    `direct_beam_fields` place it by the direct beam.
    """
    f, s, n = (
        np.array(v) for v in (panel.fdet_vector, panel.sdet_vector, panel.odet_vector)
    )
    corner = np.array(panel.pix0_vector_mm)
    # Coordinates along axes that need not be at right angles.
    fast, slow, height = np.linalg.solve(np.array([f, s, n]).T, corner)
    beam = np.array(beam_vector) / np.linalg.norm(beam_vector)
    towards = float(beam @ n)
    fields = {
        "detpixels_f": panel.fpixels,
        "detpixels_s": panel.spixels,
        "pixel_size_mm": pixel_size_mm,
        "convention": "custom",
        "implied_pivot": "sample",
        "fdet_vector": panel.fdet_vector,
        "sdet_vector": panel.sdet_vector,
        "odet_vector": of_length_one(panel.odet_vector),
        "close_distance_mm": float(height),
        "Xbeam_mm": float(-fast),
        "Ybeam_mm": float(-slow),
    }
    if towards > PARALLEL:
        fields["distance_mm"] = float(height) / towards
    return fields


def of_length_one(v: Vector) -> Vector:
    """Return a unit vector whose length is 1 to the last digit.

    C quirk: one of another length, however little, is not used at all.
    """
    for digits in range(-8, 9):
        x, y, z = (c * (1.0 + digits * 2.0**-53) for c in v)
        if math.sqrt(x * x + y * y + z * z) == 1.0:
            return x, y, z
    return v
