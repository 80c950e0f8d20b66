# SPDX-License-Identifier: MIT
"""-show_config: backgrounds, and what the detector makes of the photons."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ..resolve.plain_data import Section

if TYPE_CHECKING:
    from ..model.background import Background
    from ..options.command_line import CommandLine
    from ..simulation import Simulation


def background_sections(simulation: Simulation) -> dict[str, Section]:
    """Return what is known about each background, in the order of the line."""
    return {
        f"background_{i}": _background(background)
        for i, background in enumerate(simulation.backgrounds, start=1)
    }


def _background(background: Background) -> Section:
    from ..simulation import scattering_table

    table = scattering_table(background)
    s = table[:, 0]
    return {
        "material": background.material or "table",
        "thick_mm": background.thick_mm,
        "width_mm": background.width_mm,
        "height_mm": background.height_mm,
        "density_g_cm3": background.density_g_cm3,
        "molecular_weight_g_mol": background.molecular_weight,
        "molecules": background.molecules or None,
        "oversample": background.oversample,
        "units": background.units,
        "table_rows": len(table),
        "table_first_last": [float(s.min()), float(s.max())],
        "table_largest_F_electrons": float(table[:, 1].max()),
    }


def response_section(command: CommandLine[Simulation]) -> dict[str, Section]:
    """Return the detector's response; nothing where the line has none of its words."""
    response = command.output.response
    if response is None:
        return {}
    fields: dict[str, Any] = dataclasses.asdict(response)
    if response.psf is None:
        fields |= {"psf_fwhm_um": None, "psf_radius_pixels": None}
    generator = command.output.noise_generator
    model = command.simulation.model
    fields["noise_generator"] = generator or ("c" if model == "c" else "philox")
    return {"detector_response": fields}
