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
    from .errors import DeviceError, FileError, UsageError
    from .hkl import read_fdump, read_hkl, write_fdump, write_hkl
    from .model import Beam, Crystal, Detector, Goniometer, Sampling
    from .noise import Noise, poisson_noise
    from .pgm import write_pgm
    from .png import write_png
    from .render import Result
    from .scaling import Statistics
    from .simulation import Simulation
    from .smv import SmvImage, read_smv, write_smv
    from .structure_factors import StructureFactors
    from .textfiles import read_matrix, read_sources
    from .tiff import read_tiff, write_tiff
    from .trace import Trace

_HOME = {
    "Beam": "model",
    "Crystal": "model",
    "Detector": "model",
    "DeviceError": "errors",
    "FileError": "errors",
    "Goniometer": "model",
    "Noise": "noise",
    "Result": "render",
    "Sampling": "model",
    "Simulation": "simulation",
    "SmvImage": "smv",
    "Statistics": "scaling",
    "StructureFactors": "structure_factors",
    "Trace": "trace",
    "UsageError": "errors",
    "poisson_noise": "noise",
    "read_fdump": "hkl",
    "read_hkl": "hkl",
    "read_matrix": "textfiles",
    "read_smv": "smv",
    "read_sources": "textfiles",
    "read_tiff": "tiff",
    "write_fdump": "hkl",
    "write_hkl": "hkl",
    "write_pgm": "pgm",
    "write_png": "png",
    "write_smv": "smv",
    "write_tiff": "tiff",
}

__all__ = [
    "Beam",
    "Crystal",
    "Detector",
    "DeviceError",
    "FileError",
    "Goniometer",
    "Noise",
    "Result",
    "Sampling",
    "Simulation",
    "SmvImage",
    "Statistics",
    "StructureFactors",
    "Trace",
    "UsageError",
    "__version__",
    "poisson_noise",
    "read_fdump",
    "read_hkl",
    "read_matrix",
    "read_smv",
    "read_sources",
    "read_tiff",
    "write_fdump",
    "write_hkl",
    "write_pgm",
    "write_png",
    "write_smv",
    "write_tiff",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'nbsim' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
