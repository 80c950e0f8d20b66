# SPDX-License-Identifier: MIT
"""The box of Miller indices around a sphere of resolution, plane by plane."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import FileError
from ..model.structure_factors import available_memory

#: Relative margin of 1/d^2: equivalent reflections differ by rounding, and cells of
#: MTZ files are float32.
ROUNDING = 1e-6
#: exp of more is near the end of float32.
LARGEST_EXPONENT = 60.0


def reciprocal_metric(cell: tuple[float, ...]) -> np.ndarray:
    """Return G* of a cell: 1/d^2 = h G* h, 1/A^2.

    Parameters
    ----------
    cell
        a, b, c [A], alpha, beta, gamma [deg].

    Returns
    -------
    ndarray
        (3, 3) float64.
    """
    a, b, c = cell[:3]
    cos_alpha, cos_beta, cos_gamma = (math.cos(math.radians(x)) for x in cell[3:])
    metric = np.array(
        [
            [a * a, a * b * cos_gamma, a * c * cos_beta],
            [a * b * cos_gamma, b * b, b * c * cos_alpha],
            [a * c * cos_beta, b * c * cos_alpha, c * c],
        ]
    )
    return np.linalg.inv(metric)


def inverse_d_sqr(indices: np.ndarray, metric: np.ndarray) -> np.ndarray:
    """Return 1/d^2 of indices (..., 3), 1/A^2."""
    return np.einsum("...i,ij,...j->...", indices, metric, indices)


@dataclass(frozen=True, eq=False)
class Box:
    """All indices -limit ... limit along each axis, and the sphere inside.

    Attributes
    ----------
    cell
        a, b, c [A], alpha, beta, gamma [deg].
    dmin_A
        Resolution limit of the sphere [A].
    limits
        Largest h, k, l of the sphere.
    """

    cell: tuple[float, ...]
    dmin_A: float
    limits: tuple[int, int, int]

    @classmethod
    def around_sphere(cls, cell: tuple[float, ...], dmin_A: float) -> Box:
        """Return the smallest box that holds the sphere of a resolution limit."""
        # The plane h = n is n / a away from the origin, in units of a*.
        reach = math.sqrt(1.0 + ROUNDING) / dmin_A
        h, k, l = (int(length * reach) for length in cell[:3])
        return cls(cell, dmin_A, (h, k, l))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Indices along h, k, l."""
        h, k, l = self.limits
        return 2 * h + 1, 2 * k + 1, 2 * l + 1

    @property
    def bounds(self) -> tuple[int, ...]:
        """h_min, h_max, k_min, k_max, l_min, l_max."""
        return tuple(x for limit in self.limits for x in (-limit, limit))

    @property
    def size(self) -> int:
        """Number of indices."""
        return math.prod(self.shape)

    @property
    def largest_inverse_d_sqr(self) -> float:
        """Largest 1/d^2 that counts as inside the sphere, 1/A^2."""
        return (1.0 + ROUNDING) / self.dmin_A**2

    def check_damping(self, add_B: float) -> None:
        """Refuse a B that would make some F larger than float32 can be.

        Raises
        ------
        ValueError
            With the resolution limit.
        """
        if -add_B / 4.0 * self.largest_inverse_d_sqr > LARGEST_EXPONENT:
            raise ValueError(
                f"add_B {add_B:g} (-add_B): exp(-B / (4 d^2)) is too large a number at "
                f"the resolution limit, {self.dmin_A:.4g} A"
            )

    def planes(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield for each h its place, indices and 1/d^2.

        The whole box at once would need several times the memory of its F.

        Yields
        ------
        place
            First index of an array of the box's shape.
        indices
            (k_range, l_range, 3) int32.
        inverse_d_sqr
            (k_range, l_range) float64, 1/A^2.
        """
        metric = reciprocal_metric(self.cell)
        _, k_limit, l_limit = self.limits
        indices = np.empty((*self.shape[1:], 3), np.int32)
        indices[..., 1] = np.arange(-k_limit, k_limit + 1)[:, None]
        indices[..., 2] = np.arange(-l_limit, l_limit + 1)
        for place in range(self.shape[0]):
            indices[..., 0] = place - self.limits[0]
            yield place, indices, inverse_d_sqr(indices, metric)

    def check_memory(self, path: str | os.PathLike, bytes_per_index: float) -> None:
        """Refuse a box that would not fit into the memory that is left.

        Raises
        ------
        FileError
            With the sizes.
        """
        h, k, l = self.limits
        what = f"h {-h}..{h}, k {-k}..{k}, l {-l}..{l}"
        check_memory(path, self.size * bytes_per_index, what)


def check_memory(path: str | os.PathLike, needed: float, what: str) -> None:
    """Refuse what would not fit into the memory that is left.

    Raises
    ------
    FileError
        If `needed` bytes are not available.
    """
    available = available_memory()
    if needed > available:
        # A whole number may be larger than any float.
        gigabytes = f"{needed / 1e9:.3g}" if needed < 1e300 else "more than 1e+291"
        raise FileError(
            f"{path}: {what} need {gigabytes} GB of memory, "
            f"{available / 1e9:.3g} GB are available"
        )


def absent(indices: np.ndarray, space_group: Any) -> np.ndarray:
    """Return which indices (..., 3) are systematically absent.

    Parameters
    ----------
    indices
        int32.
    space_group
        A gemmi.SpaceGroup.
    """
    flat = np.ascontiguousarray(indices.reshape(-1, 3), dtype=np.int32)
    flags = space_group.operations().systematic_absences(flat)
    return np.asarray(flags, bool).reshape(indices.shape[:-1])
