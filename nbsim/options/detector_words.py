# SPDX-License-Identifier: MIT
"""Backgrounds and detector response of a command line."""

from __future__ import annotations

from typing import Any

from ..errors import UsageError
from ..model.background import MATERIALS, Background
from ..model.detector_response import DetectorResponse
from ..model.models import Beam, Detector
from .collector import Collector


def backgrounds(collected: Collector) -> tuple[Background, ...]:
    """Return the materials that -background names, their tables read."""
    return tuple(
        _background(collected, **fields)
        for fields in collected.values["backgrounds"].get("all", [])
    )


def _background(collected: Collector, material: str, **fields: Any) -> Background:
    if material in MATERIALS:
        return Background(material, **fields)
    collected.files[f"background {material}"] = material
    from ..formats.textfiles import read_stol

    table = read_stol(material, collected.warnings.append)
    collected.notes.append(f"reading {material}")
    return Background(table=table, **fields)


def take_preset(collected: Collector) -> None:
    """Give the detector the gaps of its -detector_preset.

    Raises
    ------
    UsageError
        When the detector's size is not the preset's any more.
    """
    name = collected.values["preset"].get("name")
    if name is None:
        return
    from ..model.detector_presets import detector_preset

    detector, kind = collected.values["detector"], detector_preset(name)
    spixels, fpixels = Detector(**detector).shape
    if (spixels, fpixels) != kind.shape:
        raise UsageError(
            f"-detector_preset {name}: it has {kind.shape[1]} x {kind.shape[0]} "
            f"pixels, and the detector {fpixels} x {spixels}"
        )
    detector["dead"] = kind.gaps()


def response(collected: Collector) -> DetectorResponse | None:
    """Return what was said about the detector; None: nothing, it is nanoBragg's."""
    fields = collected.values["response"]
    name = collected.values["preset"].get("name")
    if name is not None:
        from ..model.detector_presets import detector_preset

        exposure = collected.values["beam"].get("exposure_s", Beam.exposure_s)
        return detector_preset(name).response(exposure, **fields)
    return DetectorResponse(**fields) if fields else None
