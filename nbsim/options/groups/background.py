# SPDX-License-Identifier: MIT
"""What scatters besides the crystal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...model.limits import LENGTH_MM
from ..schema import Argument, Bounds, choice, file, group, number, option

if TYPE_CHECKING:
    from ..collector import Collector


def _background(words: Collector, material: str, thick_mm: float) -> None:
    backgrounds = words.values["backgrounds"].setdefault("all", [])
    backgrounds.append({"material": material, "thick_mm": thick_mm})


def _of_the_last(words: Collector, name: str, field: str, value: Any) -> None:
    backgrounds = words.values["backgrounds"].get("all")
    if not backgrounds:
        raise ValueError(f"-{name} {value}: there is no -background before it")
    backgrounds[-1][field] = value


def _density(words: Collector, value: float) -> None:
    _of_the_last(words, "background_density", "density_g_cm3", value)


def _weight(words: Collector, value: float) -> None:
    _of_the_last(words, "background_MW", "molecular_weight", value)


def _units(words: Collector, value: str) -> None:
    _of_the_last(words, "background_units", "units", value)


OPTIONS = group(
    "Background",
    option(
        "water",
        "Add the even background of a cube of water with this edge. -background water "
        "has the rings of the liquid.",
        number("UM", "the water size"),
        sets=("crystal", "water_um"),
        default="0",
        c="water_size",
    ),
    option(
        "background",
        "Add the scattering of an amorphous material, which is that long along the "
        "beam: water, air or ice, or a table of sin(theta)/lambda and electrons per "
        "molecule. It can be given again for another one.",
        Argument(
            "MATERIAL",
            "the material",
            noun="water, air, ice or a file name",
            offers=("water", "air", "ice", "*.stol", "*.dat", "*.txt"),
        ),
        number("MM", "the thickness", LENGTH_MM),
        does=_background,
        prefixes=(),
        python="Simulation.backgrounds, render_background",
    ),
    option(
        "background_density",
        "Density of the -background before it.",
        number("G_CM3", "the density", Bounds(unit="g/cm^3", above=0)),
        does=_density,
        default="water 1, air 0.0012, ice 0.92, a table 1",
        prefixes=(),
        python="Background.density_g_cm3",
    ),
    option(
        "background_MW",
        "Molecular weight of the -background before it.",
        number("G_MOL", "the molecular weight", Bounds(unit="g/mol", above=0)),
        does=_weight,
        default="water 18, air 28, ice 18, a table 18",
        prefixes=(),
        python="Background.molecular_weight",
    ),
    option(
        "background_units",
        "What the first column of the table of the -background before it is: "
        "sin(theta)/lambda, 4 times that, or 4 pi times that.",
        choice("the unit", "stol", "4stol", "Q"),
        does=_units,
        default="stol",
        prefixes=(),
        python="Background.units",
    ),
    option(
        "background_file",
        "Write the sum of all backgrounds by itself, photons per pixel as raw 4-byte "
        "floats.",
        file("the background image"),
        sets=("output", "background_file"),
        writes=("background", "raw floats"),
        default="not written",
        prefixes=(),
        python="Simulation.render_background",
    ),
)
