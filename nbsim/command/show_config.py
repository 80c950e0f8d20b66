# SPDX-License-Identifier: MIT
"""``-show_config``: every number as the run will use it, as text or as JSON."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import numpy as np

from .._version import __version__
from ..model.vectors import RTD
from ..resolve.run import Setup
from ..resolve.steps import Steps

if TYPE_CHECKING:
    from ..simulation import Simulation
    from .command_line import CommandLine

Section = dict[str, Any]
#: Column of the values in the text.
NAME_WIDTH = 28


def resolved_config(command: CommandLine) -> dict[str, Section]:
    """Return all parameters by group; names end in their unit, angles are degrees.

    None stands for "not used" and "automatic", vectors are lists of three.
    """
    return {
        "run": _run(command),
        **resolved_models(command.simulation),
        "output": _output(command),
    }


def resolved_models(simulation: Simulation) -> dict[str, Section]:
    """Return the parameters of a simulation by group; see `resolved_config`."""
    setup = simulation.setup
    return {
        "crystal": _crystal(simulation, setup),
        "structure_factors": _structure_factors(simulation, setup),
        "beam": _beam(simulation, setup),
        "detector": _detector(simulation, setup),
        "goniometer": _goniometer(simulation, setup),
        "sampling": _sampling(simulation, setup),
    }


def config_lines(command: CommandLine, style: str) -> list[str]:
    """Return the configuration as lines of text, or as one JSON object."""
    config = resolved_config(command)
    if style == "json":
        return [json.dumps(config, indent=2, allow_nan=False)]
    lines = []
    for title, section in config.items():
        lines += ["", title] if lines else [title]
        lines += [f"  {name:<{NAME_WIDTH}} {_text(x)}" for name, x in section.items()]
    return [*lines, "", "- stands for: not used, or chosen automatically"]


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value + 0.0:.10g}"  # no -0
    if isinstance(value, list):
        return " ".join(_text(item) for item in value) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items()) or "-"
    return str(value)


def _degrees(angles: tuple[float, ...]) -> list[float]:
    return [angle * RTD for angle in angles]


def _mm(length: float) -> float:
    return length * 1000.0


def _run(command: CommandLine) -> Section:
    return {
        "program": "nbsim",
        "version": __version__,
        "command": shlex.join(["nbsim", *command.words]),
        "model": command.simulation.model,
        "precision": command.output.precision,
        "device": command.output.device,
        "threads": command.output.threads,
        "inputs": dict(command.inputs),
    }


def _crystal(simulation: Simulation, setup: Setup) -> Section:
    crystal, cell = simulation.crystal, setup.cell
    misset = setup.misset_rad
    return {
        "cell_lengths_A": list(cell.lengths),
        "cell_angles_deg": _degrees(cell.angles),
        "volume_A3": cell.V_cell,
        "a_A": list(cell.a),
        "b_A": list(cell.b),
        "c_A": list(cell.c),
        "a_star_per_A": list(cell.a_star),
        "b_star_per_A": list(cell.b_star),
        "c_star_per_A": list(cell.c_star),
        "misset_deg": None if misset is None else _degrees(misset),
        "misset_seed": crystal.misset_seed if crystal.misset_deg == "random" else None,
        "cells": [int(count) for count in setup.N_cells],
        "size_um": [size * 1e6 for size in setup.xtalsize],
        "shape": crystal.shape,
        "fudge": crystal.fudge,
        "mosaic_spread_deg": setup.mosaicity.spread * RTD,
        "mosaic_domains": setup.mosaicity.domains,
        "mosaic_seed": crystal.mosaic_seed,
        "water_um": setup.water_size * 1e6,
    }


def _structure_factors(simulation: Simulation, setup: Setup) -> Section:
    factors = simulation.structure_factors
    listed = factors.F is not None
    return {
        "reflections": factors.hkls,
        "h_min_max": [factors.h_min, factors.h_max] if listed else None,
        "k_min_max": [factors.k_min, factors.k_max] if listed else None,
        "l_min_max": [factors.l_min, factors.l_max] if listed else None,
        "default_F_electrons": float(factors.default_F),
        "interpolate": bool(setup.interpolate),
    }


def _beam(simulation: Simulation, setup: Setup) -> Section:
    from .command_line import EV_ANGSTROM

    beam, geometry, sources = simulation.beam, setup.geometry, setup.sources
    wavelength_A = setup.wavelength * 1e10
    return {
        "wavelength_A": wavelength_A,
        "energy_eV": EV_ANGSTROM / wavelength_A,
        "fluence_photons_per_m2": setup.fluence,
        "flux_photons_per_s": setup.flux,
        "exposure_s": beam.exposure_s,
        "beamsize_mm": beam.beamsize_mm,
        "polarization_factor": None if beam.nopolar else beam.polarization,
        **_steps("hdiv", "mrad", sources.hdiv, 1000.0),
        **_steps("vdiv", "mrad", sources.vdiv, 1000.0),
        "divergence_shape": "round" if beam.round_div else "square",
        **_steps("dispersion", "percent", sources.dispersion, 100.0),
        "sources": len(sources.wavelengths),
        "beam_vector": list(geometry.beam_vector),
        "polar_vector": list(geometry.polar_vector),
    }


def _steps(name: str, unit: str, steps: Steps, scale: float) -> Section:
    return {
        f"{name}_range_{unit}": steps.range * scale,
        f"{name}_step_{unit}": steps.step * scale,
        f"{name}_steps": steps.count,
    }


def _detector(simulation: Simulation, setup: Setup) -> Section:
    detector, g, sensor = simulation.detector, setup.geometry, setup.sensor
    masked = None if detector.mask is None else int(np.sum(detector.mask == 0))
    xmin, xmax, ymin, ymax = g.roi
    return {
        "convention": g.convention,
        "pivot": g.pivot,
        "pixels_fast_slow": [g.fpixels, g.spixels],
        "pixel_size_mm": _mm(g.pixel_size),
        "size_fast_slow_mm": [_mm(g.detsize_f), _mm(g.detsize_s)],
        "distance_mm": _mm(g.distance),
        "close_distance_mm": _mm(g.close_distance),
        "Xbeam_mm": _mm(g.Xbeam),
        "Ybeam_mm": _mm(g.Ybeam),
        "Fbeam_mm": _mm(g.Fbeam),
        "Sbeam_mm": _mm(g.Sbeam),
        "Fclose_mm": _mm(g.Fclose),
        "Sclose_mm": _mm(g.Sclose),
        "ORGX_pixels": g.ORGX,
        "ORGY_pixels": g.ORGY,
        "fdet_vector": list(g.fdet_vector),
        "sdet_vector": list(g.sdet_vector),
        "odet_vector": list(g.odet_vector),
        "pix0_vector_mm": [_mm(x) for x in g.pix0_vector],
        "dials_origin_mm": list(g.dials_origin_mm),
        "rotx_roty_rotz_deg": [detector.rotx_deg, detector.roty_deg, detector.rotz_deg],
        "twotheta_deg": g.twotheta * RTD,
        "twotheta_axis": list(g.twotheta_axis),
        "curved": detector.curved,
        "point_pixel": detector.point_pixel,
        "sensor_thickness_um": sensor.thick * 1e6,
        "sensor_layers": sensor.thicksteps,
        "sensor_layer_step_um": sensor.thickstep * 1e6,
        "sensor_attenuation_per_mm": sensor.mu / 1000.0 if sensor.thick else None,
        "roi_xmin_xmax_ymin_ymax": [
            *(xmin, min(xmax, g.fpixels - 1)),
            *(ymin, min(ymax, g.spixels - 1)),
        ],
        "masked_pixels": masked,
    }


def _goniometer(simulation: Simulation, setup: Setup) -> Section:
    return {
        "phi_start_deg": setup.phi0 * RTD,
        **_steps("phi", "deg", setup.phi, RTD),
        "spindle_axis": list(setup.geometry.spindle_vector),
        "phi_carryover": simulation.sampling.phi_carryover,
    }


def _sampling(simulation: Simulation, setup: Setup) -> Section:
    sampling = simulation.sampling
    return {
        "oversample": setup.oversample,
        "recommended_oversample": setup.recommended_oversample,
        "oversample_thick": sampling.oversample_thick,
        "oversample_polar": sampling.oversample_polar,
        "oversample_omega": sampling.oversample_omega,
        "dmin_A": sampling.dmin_A or None,
        "steps_per_pixel_and_layer": setup.steps,
    }


def _output(command: CommandLine) -> Section:
    output = command.output
    return {
        "floatfile": output.floatfile,
        "intfile": output.intfile,
        "tifffile": output.tifffile,
        "pgmfile": output.pgmfile,
        "noisefile": output.noisefile,
        "dumpfile": output.dumpfile,
        "preview": output.preview,
        "preview_noise": output.preview_noise,
        "scale": output.scale or None,
        "pgmscale": output.pgmscale or None,
        "adc_offset": output.adc,
        "noise_seed": output.seed if output.noisefile else None,
    }
