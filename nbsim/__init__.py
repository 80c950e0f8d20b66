# SPDX-License-Identifier: MIT
"""nbsim: X-ray diffraction images of nanocrystals, as nanoBragg computes them.

    import nbsim
    simulation = nbsim.Simulation.from_args("-cell 78 78 37 -default_F 100 -N 10")
    image = simulation.render()

Names are loaded when first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .backends.protocol import Result
    from .errors import (
        DeviceError,
        FileError,
        MissingLibraryError,
        SeriesError,
        UsageError,
    )
    from .factors.atomic_model import structure_factors_from_model
    from .factors.reflection_file import CrystalFactors, read_mtz
    from .formats.cbf import write_cbf
    from .formats.crystfel_geom import read_geom
    from .formats.dials_expt import read_expt
    from .formats.geometry_file import GeometryFile
    from .formats.hkl import read_fdump, read_hkl, write_fdump, write_hkl
    from .formats.pgm import write_pgm
    from .formats.png import write_png
    from .formats.registry import read_image
    from .formats.smv import SmvImage, read_smv, write_smv
    from .formats.spectrum_file import read_spectrum
    from .formats.textfiles import read_matrix, read_sources, read_stol
    from .formats.tiff import read_tiff, write_tiff
    from .formats.xds_geometry import read_xds_inp, read_xparm
    from .images.counts import counts_image
    from .images.detected import detected_image
    from .images.noise import Noise, poisson_noise
    from .images.psf import apply_psf
    from .images.scaling import Statistics
    from .model.background import Background
    from .model.detector_presets import DetectorPreset, detector_preset
    from .model.detector_response import DetectorResponse
    from .model.models import Beam, Crystal, Goniometer, Sampling
    from .model.panel import Panel
    from .model.structure_factors import StructureFactors
    from .series.command import read_series
    from .series.outputs import SeriesOutputs
    from .series.series import FrameRow, Series
    from .series.table import (
        random_orientations,
        read_frame_table,
        write_frame_table,
    )
    from .series.truth import read_truth
    from .series.write import Workers, write_series
    from .simulation import Detector, Simulation, extract_stol
    from .trace.pixel import Trace

_HOME = {
    "Background": "model.background",
    "Beam": "model.models",
    "Crystal": "model.models",
    "CrystalFactors": "factors.reflection_file",
    "Detector": "simulation",
    "DetectorPreset": "model.detector_presets",
    "DetectorResponse": "model.detector_response",
    "DeviceError": "errors",
    "FileError": "errors",
    "FrameRow": "series.series",
    "GeometryFile": "formats.geometry_file",
    "Goniometer": "model.models",
    "MissingLibraryError": "errors",
    "Noise": "images.noise",
    "Panel": "model.panel",
    "Result": "backends.protocol",
    "Sampling": "model.models",
    "Series": "series.series",
    "SeriesError": "errors",
    "SeriesOutputs": "series.outputs",
    "Simulation": "simulation",
    "SmvImage": "formats.smv",
    "Statistics": "images.scaling",
    "StructureFactors": "model.structure_factors",
    "Trace": "trace.pixel",
    "UsageError": "errors",
    "Workers": "series.write",
    "apply_psf": "images.psf",
    "counts_image": "images.counts",
    "detected_image": "images.detected",
    "detector_preset": "model.detector_presets",
    "extract_stol": "simulation",
    "poisson_noise": "images.noise",
    "read_image": "formats.registry",
    "random_orientations": "series.table",
    "read_expt": "formats.dials_expt",
    "read_fdump": "formats.hkl",
    "read_frame_table": "series.table",
    "read_geom": "formats.crystfel_geom",
    "read_hkl": "formats.hkl",
    "read_matrix": "formats.textfiles",
    "read_mtz": "factors.reflection_file",
    "read_series": "series.command",
    "read_smv": "formats.smv",
    "read_sources": "formats.textfiles",
    "read_spectrum": "formats.spectrum_file",
    "read_stol": "formats.textfiles",
    "read_tiff": "formats.tiff",
    "read_truth": "series.truth",
    "read_xds_inp": "formats.xds_geometry",
    "read_xparm": "formats.xds_geometry",
    "structure_factors_from_model": "factors.atomic_model",
    "write_cbf": "formats.cbf",
    "write_fdump": "formats.hkl",
    "write_frame_table": "series.table",
    "write_hkl": "formats.hkl",
    "write_pgm": "formats.pgm",
    "write_png": "formats.png",
    "write_series": "series.write",
    "write_smv": "formats.smv",
    "write_tiff": "formats.tiff",
}

__all__ = [
    "Background",
    "Beam",
    "Crystal",
    "CrystalFactors",
    "Detector",
    "DetectorPreset",
    "DetectorResponse",
    "DeviceError",
    "FileError",
    "FrameRow",
    "GeometryFile",
    "Goniometer",
    "MissingLibraryError",
    "Noise",
    "Panel",
    "Result",
    "Sampling",
    "Series",
    "SeriesError",
    "SeriesOutputs",
    "Simulation",
    "SmvImage",
    "Statistics",
    "StructureFactors",
    "Trace",
    "UsageError",
    "Workers",
    "__version__",
    "apply_psf",
    "counts_image",
    "detected_image",
    "detector_preset",
    "extract_stol",
    "poisson_noise",
    "random_orientations",
    "read_expt",
    "read_fdump",
    "read_frame_table",
    "read_geom",
    "read_hkl",
    "read_image",
    "read_matrix",
    "read_mtz",
    "read_series",
    "read_smv",
    "read_sources",
    "read_spectrum",
    "read_stol",
    "read_tiff",
    "read_truth",
    "read_xds_inp",
    "read_xparm",
    "structure_factors_from_model",
    "write_cbf",
    "write_fdump",
    "write_frame_table",
    "write_hkl",
    "write_pgm",
    "write_png",
    "write_series",
    "write_smv",
    "write_tiff",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'nbsim' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
