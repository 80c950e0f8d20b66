# SPDX-License-Identifier: MIT
"""An amorphous material in the beam: water around a crystal, air on the way, ice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from . import validate
from .limits import BOUNDS

#: What the numbers of a table's first column are: sin(theta)/wavelength, 4 times that,
#: or 4 pi times that; 1/A.
UNITS = ("stol", "4stol", "Q")


class Material(NamedTuple):
    """Density [g/cm^3] and molecular weight [g/mol] that a built-in table is for."""

    density_g_cm3: float
    molecular_weight: float


MATERIALS = {
    "water": Material(1.0, 18.0),
    "air": Material(1.2e-3, 28.0),
    "ice": Material(0.92, 18.0),
}
#: Of a table from elsewhere (C's defaults).
OTHER = Material(1.0, 18.0)


@dataclass(frozen=True, eq=False)
class Background:
    """Scattering of an amorphous material (C: nonBragg).

    Attributes
    ----------
    material
        "water", "air" or "ice": a table that nbsim brings along, with its density and
        molecular weight. None with a `table`.
    thick_mm
        Length along the beam [mm].
    table
        (n, 2) numbers: sin(theta)/wavelength [1/A] (see `units`) and F in electrons
        per molecule.
    units
        "stol", "4stol" (4 sin(theta)/wavelength) or "Q" (4 pi times it).
    density_g_cm3, molecular_weight
        None: those of the material (of a table: 1 and 18).
    width_mm, height_mm
        Size across the beam [mm]; the beam size cuts it. Wider than the beam, the
        image depends on flux * exposure * thickness only.
    molecules
        Number of molecules in the beam instead of a density; 0: from the density.
    oversample
        Subpixels along each side of a pixel.
    """

    material: str | None = None
    thick_mm: float = 0.1
    table: np.ndarray | None = None
    units: str = "stol"
    density_g_cm3: float | None = None
    molecular_weight: float | None = None
    width_mm: float = 0.1
    height_mm: float = 0.1
    molecules: float = 0.0
    oversample: int = 1

    def __post_init__(self) -> None:
        if (self.material is None) == (self.table is None):
            raise ValueError("a background needs a material or a table, and not both")
        validate.choice("units", self.units, UNITS)
        known = OTHER
        if self.material is not None:
            known = MATERIALS[
                validate.choice("material", self.material, tuple(MATERIALS))
            ]
            if self.units != "stol":
                raise ValueError(
                    f"units {self.units}: the table of {self.material} is in stol"
                )
        for name, bounds in BOUNDS["background"].items():
            value = getattr(self, name)
            if value is None:
                value = getattr(known, name)
            checked = validate.bounded(name, value, bounds)
            object.__setattr__(self, name, checked)
        if self.table is not None:
            object.__setattr__(self, "table", _checked_table(self.table))


def _checked_table(value: object) -> np.ndarray:
    """Return a read-only (n, 2) table of finite numbers."""
    what = "rows of sin(theta)/wavelength and F"
    table = validate.table("table", value, what)
    if table.shape[0] < 1 or table.shape[1] != 2:
        raise ValueError(f"table: expected {what}, got shape {table.shape}")
    bad = ~np.isfinite(table).all(axis=1)
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(
            f"table: row {row} is {table[row].tolist()}: expected two finite numbers"
        )
    table.setflags(write=False)
    return table
