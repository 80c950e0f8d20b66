# SPDX-License-Identifier: MIT
"""Every number as a run uses it, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..model.experiment import Experiment
from ..model.limits import C_EV_ANGSTROM
from ..model.structure_factors import Origin
from .panels import PlacedPanel
from .run import Setup
from .steps import Steps
from .vectors import RTD

Section = dict[str, Any]


def resolved_models(experiment: Experiment, setup: Setup) -> dict[str, Any]:
    """Return the parameters of a simulation by group, and a list of panels.

    Names end in their unit, angles are degrees, vectors are lists of three. None
    stands for "not used" and "automatic".
    """
    return {
        "crystal": _crystal(experiment, setup),
        "structure_factors": _structure_factors(experiment, setup),
        "beam": _beam(experiment, setup),
        "detector": _detector(experiment, setup),
        "goniometer": _goniometer(experiment, setup),
        "sampling": _sampling(experiment, setup),
        "panels": panels(setup.panels),
    }


def _degrees(angles: tuple[float, ...]) -> list[float]:
    return [angle * RTD for angle in angles]


def _mm(length: float) -> float:
    return length * 1000.0


def _crystal(experiment: Experiment, setup: Setup) -> Section:
    crystal, cell = experiment.crystal, setup.cell
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
        "space_group": crystal.space_group,
    }


def _structure_factors(experiment: Experiment, setup: Setup) -> Section:
    factors = experiment.structure_factors
    listed = factors.F is not None
    return {
        "reflections": factors.hkls,
        "h_min_max": [factors.h_min, factors.h_max] if listed else None,
        "k_min_max": [factors.k_min, factors.k_max] if listed else None,
        "l_min_max": [factors.l_min, factors.l_max] if listed else None,
        "default_F_electrons": float(factors.default_F),
        "interpolate": bool(setup.interpolate),
        **_origin(factors.origin),
    }


def _origin(origin: Origin | None) -> Section:
    """Return what is known of a reflection file or model; None each without one."""
    names = ("label", "d_min_A", "absences", "missing", "F000", "F000_model")
    known = {name: getattr(origin, name, None) for name in names}
    fprimes = origin.fprimes if origin is not None else None
    listed = {name: list(pair) for name, pair in (fprimes or {}).items()}
    return {**known, "fprimes": listed or None}


def _beam(experiment: Experiment, setup: Setup) -> Section:
    beam, geometry, sources = experiment.beam, setup.geometry, setup.sources
    wavelength_A = setup.wavelength * 1e10
    return {
        "wavelength_A": wavelength_A,
        "energy_eV": C_EV_ANGSTROM / wavelength_A,
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
        "spectrum": None if beam.spectrum is None else beam.spectrum.tolist(),
        "source_weights_used": setup.physical,
        "beam_vector": list(geometry.beam_vector),
        "polar_vector": list(geometry.polar_vector),
    }


def _steps(name: str, unit: str, steps: Steps, scale: float) -> Section:
    return {
        f"{name}_range_{unit}": steps.range * scale,
        f"{name}_step_{unit}": steps.step * scale,
        f"{name}_steps": steps.count,
    }


def _detector(experiment: Experiment, setup: Setup) -> Section:
    detector, g, sensor = experiment.detector, setup.geometry, setup.sensor
    masked = None if detector.mask is None else int(np.sum(detector.mask == 0))
    return {
        "convention": g.convention,
        "pivot": g.pivot,
        "pixels_fast_slow": list(reversed(setup.image_shape)),
        "pixel_size_mm": _mm(g.pixel_size),
        "size_fast_slow_mm": [_mm(g.detsize_f), _mm(g.detsize_s)],
        "placed_by": g.centre_from,
        "distance_mm": _mm(g.distance),
        "header_distance_mm": _mm(g.beam_distance),
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
        "sensor_layers_sampled_at": "middle" if setup.physical else "front",
        "sensor_attenuation_per_mm": sensor.mu / 1000.0 if sensor.thick else None,
        "roi_xmin_xmax_ymin_ymax": list(setup.bounds),
        "masked_pixels": masked,
    }


def panels(placed: Sequence[PlacedPanel]) -> list[Section]:
    """Return where each panel is, and which part of the image it fills."""
    return [
        {
            "name": panel.name or "0",
            "origin": [panel.slow, panel.fast],
            "size": [panel.geometry.spixels, panel.geometry.fpixels],
            "pixel_size_mm": _mm(panel.geometry.pixel_size),
            "pix0_vector_mm": [_mm(x) for x in panel.geometry.pix0_vector],
            "fdet_vector": list(panel.geometry.fdet_vector),
            "sdet_vector": list(panel.geometry.sdet_vector),
        }
        for panel in placed
    ]


def _goniometer(experiment: Experiment, setup: Setup) -> Section:
    return {
        "phi_start_deg": setup.phi0 * RTD,
        **_steps("phi", "deg", setup.phi, RTD),
        "phi_steps_sampled_at": "middle" if setup.physical else "start",
        "spindle_axis": list(setup.geometry.spindle_vector),
        "phi_carryover": experiment.sampling.phi_carryover,
    }


def _sampling(experiment: Experiment, setup: Setup) -> Section:
    sampling = experiment.sampling
    return {
        "oversample": setup.oversample,
        "recommended_oversample": setup.recommended_oversample,
        "oversample_thick": setup.flags.oversample_thick,
        "oversample_polar": setup.flags.oversample_polar,
        "oversample_omega": setup.flags.oversample_omega,
        "corrections": "of every ray" if setup.physical else "of the first ray",
        "dmin_A": sampling.dmin_A or None,
        "sparse": sampling.sparse,
        "spot_cutoff": sampling.spot_cutoff or None,
        "steps_per_pixel_and_layer": setup.steps,
    }
