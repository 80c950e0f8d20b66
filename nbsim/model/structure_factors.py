# SPDX-License-Identifier: MIT
"""Structure factor amplitudes on a box of Miller indices."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nbsim.errors import FileError
from nbsim.model import validate
from nbsim.model.limits import BOUNDS

if TYPE_CHECKING:
    from nbsim.model.spectral import SpectralParts


@dataclass(frozen=True)
class Origin:
    """Where structure factors come from, where that is more than a plain list.

    Parameters
    ----------
    label
        Columns of a reflection file, or what a model was turned into.
    d_min_A
        Resolution limit [A]; beyond it every F is 0.
    absences, missing
        Indices inside the limit that are absent by symmetry, and that the file lacks.
    F000
        F of 0 0 0 that is used, electrons.
    F000_model
        Electrons of the unit cell; None without a model.
    fprimes
        For each element of a model f' and f'' at the beam's energy, electrons.
    notes, warnings
        What was decided while reading, and what may be wrong, one sentence each.
    """

    label: str
    d_min_A: float
    absences: int = 0
    missing: int = 0
    F000: float = 0.0
    F000_model: float | None = None
    fprimes: Mapping[str, tuple[float, float]] | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class StructureFactors:
    """Amplitudes F(h, k, l) of a box of whole Miller indices (C: Fhkl).

    Parameters
    ----------
    F
        (h_range, k_range, l_range) float64, electrons; element [0, 0, 0] belongs to
        (h_min, k_min, l_min). None without a list: every F is `default_F` then. It
        cannot be written to; a writable array is copied.
    h_min, k_min, l_min
        Lowest index along each axis.
    default_F
        Amplitude of reflections outside the box, electrons.
    hkls
        Number of reflections read; 0 without a list.
    origin
        What is known of a reflection file or model; None for plain lists.
    spectral
        What F is made of at the channels of a spectrum; `F` is that at the mean
        wavelength. None: the same F for all.
    """

    F: np.ndarray | None = None
    h_min: int = 0
    k_min: int = 0
    l_min: int = 0
    default_F: float = 0.0
    hkls: int = 0
    origin: Origin | None = None
    spectral: SpectralParts | None = None

    def __post_init__(self) -> None:
        numbers = {
            "default_F": validate.bounded(
                "default_F", self.default_F, BOUNDS["structure_factors"]["default_F"]
            )
        }
        for name in ("h_min", "k_min", "l_min", "hkls"):
            numbers[name] = validate.integer(name, getattr(self, name))
        for name, number in numbers.items():
            object.__setattr__(self, name, number)
        if self.F is None:
            if self.hkls:
                raise ValueError(f"hkls {self.hkls}: must be 0 without a grid of F")
            return
        if not isinstance(self.F, np.ndarray) or self.F.dtype != np.float64:
            raise TypeError(
                "F: expected a numpy array of float64, got "
                f"{getattr(self.F, 'dtype', type(self.F).__name__)}"
            )
        if self.F.ndim != 3 or not self.F.size or not self.F.flags.c_contiguous:
            raise ValueError(
                f"F of shape {self.F.shape}: expected a filled, C-contiguous array of "
                "three dimensions (numpy.ascontiguousarray makes one)"
            )
        # Lowest and highest instead of isfinite().all(): no array of F's size.
        if not (np.isfinite(self.F.min()) and np.isfinite(self.F.max())):
            raise ValueError("F: expected finite numbers only, it holds nan or inf")

        object.__setattr__(self, "F", _own(self.F))
        if self.spectral is not None and self.spectral.parts.shape[:3] != self.F.shape:
            raise ValueError("spectral: its box is not that of F")

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Pickled arrays come back writable.
        self.__dict__.update(state)
        if self.F is not None:
            self.F.flags.writeable = False

    def at_channel(self, channel: int) -> StructureFactors:
        """Return the structure factors of one channel of the spectrum."""
        if self.spectral is None:
            return self
        F = self.spectral.amplitudes(channel)
        F.flags.writeable = False
        return dataclasses.replace(self, F=F, spectral=None)

    @property
    def h_range(self) -> int:
        """Number of h indices in the box."""
        return self._range(0)

    @property
    def k_range(self) -> int:
        """Number of k indices in the box."""
        return self._range(1)

    @property
    def l_range(self) -> int:
        """Number of l indices in the box."""
        return self._range(2)

    @property
    def h_max(self) -> int:
        """Highest h in the box (h_min - 1 without a list)."""
        return self.h_min + self.h_range - 1

    @property
    def k_max(self) -> int:
        """Highest k in the box (k_min - 1 without a list)."""
        return self.k_min + self.k_range - 1

    @property
    def l_max(self) -> int:
        """Highest l in the box (l_min - 1 without a list)."""
        return self.l_min + self.l_range - 1

    @property
    def nbytes(self) -> int:
        """Memory of the grid, bytes."""
        return 0 if self.F is None else self.F.nbytes

    def _range(self, axis: int) -> int:
        return 0 if self.F is None else self.F.shape[axis]


def _own(F: np.ndarray) -> np.ndarray:
    """Return a grid that nobody can write to: tables made of it are kept."""
    if F.flags.writeable or isinstance(F.base, np.ndarray):
        F = F.copy()
        F.flags.writeable = False
    return F


def check_grid_fits(path: str | os.PathLike, bounds: tuple[int, ...]) -> None:
    """Refuse a grid that would not fit into the memory that is left.

    Parameters
    ----------
    path
        The file that asks for the grid, for the message.
    bounds
        h_min, h_max, k_min, k_max, l_min, l_max.

    Raises
    ------
    FileError
        If the grid needs more bytes than are available.
    """
    h_min, h_max, k_min, k_max, l_min, l_max = bounds
    cells = (h_max - h_min + 1) * (k_max - k_min + 1) * (l_max - l_min + 1)
    needed = cells * np.dtype(np.float64).itemsize
    available = available_memory()
    if needed > available:
        raise FileError(
            f"{path}: h {h_min}..{h_max}, k {k_min}..{k_max}, l {l_min}..{l_max} "
            f"need {needed / 1e9:.3g} GB of memory, "
            f"{available / 1e9:.3g} GB are available"
        )


def available_memory() -> int:
    """Return the bytes that can be allocated without swapping."""
    try:
        with open("/proc/meminfo", encoding="ascii") as stream:
            for line in stream:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass  # not Linux
    if not hasattr(os, "sysconf"):
        return sys.maxsize  # Windows: what does not fit is numpy's MemoryError
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
