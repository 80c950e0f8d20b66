# SPDX-License-Identifier: MIT
"""nbsim: X-ray diffraction images of nanocrystals, as nanoBragg computes them.

    import nbsim
    image = nbsim.Simulation.from_args("-cell 78 78 37 90 90 90 -default_F 100 -N 10").render()

Names are loaded when first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .errors import FileError, UsageError
    from .hkl import read_fdump, read_hkl, write_fdump, write_hkl
    from .model import Beam, Crystal, Detector, Goniometer, Sampling
    from .noise import poisson_noise
    from .simulation import Simulation
    from .smv import read_smv, write_smv
    from .structure_factors import StructureFactors
    from .tiff import read_tiff, write_tiff

_HOME = {
    "Beam": "model",
    "Crystal": "model",
    "Detector": "model",
    "FileError": "errors",
    "Goniometer": "model",
    "Sampling": "model",
    "Simulation": "simulation",
    "StructureFactors": "structure_factors",
    "UsageError": "errors",
    "poisson_noise": "noise",
    "read_fdump": "hkl",
    "read_hkl": "hkl",
    "read_smv": "smv",
    "read_tiff": "tiff",
    "write_fdump": "hkl",
    "write_hkl": "hkl",
    "write_smv": "smv",
    "write_tiff": "tiff",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'nbsim' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
