# SPDX-License-Identifier: MIT
"""Structure factors of random models, with the symmetry of some crystals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nbsim.formats.files import replace_when_complete

MEAN_F, B_FACTOR = 300.0, 20.0


@dataclass(frozen=True)
class Crystal:
    """A cell and its symmetry.

    Attributes
    ----------
    cell
        a, b, c [A], alpha, beta, gamma [deg].
    space_group
        As DIALS writes it.
    asymmetric
        Takes |h|, |k|, |l| and signed h, k, l of reflections; returns the indices of
        the one that stands for them and their equivalents, Friedel mates included.
    absent
        Whether screw axes ask for 0, from |h|, |k|, |l|.
    """

    cell: tuple[float, float, float, float, float, float]
    space_group: str
    asymmetric: Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]]
    absent: Callable[..., np.ndarray]


def _tetragonal(
    h: np.ndarray, k: np.ndarray, l: np.ndarray, *_: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.minimum(h, k), np.maximum(h, k), l


def _monoclinic(
    h: np.ndarray, k: np.ndarray, l: np.ndarray, *signed: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Only the sign of h l counts."""
    return h, k, l * np.where(signed[0] * signed[2] < 0, -1, 1)


def _triclinic(
    *indices: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Only the sign of all together does not count."""
    h, k, l = indices[3:]
    sign = np.sign(h)
    sign = np.where(sign == 0, np.sign(k), sign)
    sign = np.where(sign == 0, np.sign(l), sign)
    return h * sign, k * sign, l * sign


CRYSTALS = {
    # Like lysozyme.
    "tetragonal": Crystal(
        (78.5, 78.5, 37.0, 90.0, 90.0, 90.0),
        "P43212",
        _tetragonal,
        lambda h, k, l: (
            ((np.minimum(h, k) == 0) & (l == 0) & (np.maximum(h, k) % 2 == 1))
            | ((np.maximum(h, k) == 0) & (l % 4 != 0))
        ),
    ),
    "monoclinic": Crystal(
        (52.0, 44.0, 61.0, 90.0, 104.0, 90.0),
        "P21",
        _monoclinic,
        lambda h, k, l: (h == 0) & (l == 0) & (k % 2 == 1),
    ),
    "triclinic": Crystal(
        (38.0, 45.0, 51.0, 75.0, 85.0, 97.0),
        "P1",
        _triclinic,
        lambda h, k, l: np.zeros(h.shape, bool),
    ),
}


def reciprocal_metric(cell: tuple[float, ...]) -> np.ndarray:
    """Return the products of a*, b*, c* with each other, 1/A^2."""
    lengths = np.array(cell[:3])
    alpha, beta, gamma = np.cos(np.radians(cell[3:]))
    cosines = np.array([[1.0, gamma, beta], [gamma, 1.0, alpha], [beta, alpha, 1.0]])
    return np.linalg.inv(cosines * np.outer(lengths, lengths))


def random_reflections(
    dmin_A: float, seed: int = 1, crystal: str = "tetragonal"
) -> np.ndarray:
    """Return h, k, l, F of all reflections of P1, columns of an (n, 4) array.

    Intensities are those of a random structure (Wilson), equal for equivalents
    (Friedel mates are), 0 where screw axes ask for it.
    """
    made = CRYSTALS[crystal]
    metric = reciprocal_metric(made.cell)
    reach = [int(length / dmin_A) + 1 for length in made.cell[:3]]
    if made.space_group == "P43212":  # a and b change places
        reach[0] = reach[1] = max(reach[:2])
    axes = (np.arange(-n, n + 1) for n in reach)
    hkl = np.stack([x.ravel() for x in np.meshgrid(*axes, indexing="ij")])
    squared = np.einsum("in,ij,jn->n", hkl, metric, hkl)
    sizes = np.abs(hkl)
    place = made.asymmetric(*sizes, *hkl)
    box = [2 * n + 1 for n in reach]
    intensity = np.random.default_rng(seed).exponential(1.0, box)
    F = MEAN_F * np.sqrt(intensity[place])  # negative ones count from the end
    F *= np.exp(-B_FACTOR * squared / 4.0)
    kept = ~made.absent(*sizes) & (squared > 0.0) & (squared <= dmin_A**-2)
    return np.column_stack([*hkl[:, kept], F[kept]])


def write_random_hkl(
    path: str | Path, dmin_A: float, seed: int = 1, crystal: str = "tetragonal"
) -> None:
    """Write them as a list for -hkl."""
    rows = random_reflections(dmin_A, seed, crystal)
    lines = (f"{h:.0f} {k:.0f} {l:.0f} {F:.4f}\n" for h, k, l, F in rows)
    with replace_when_complete(path) as stream:
        stream.write("".join(lines).encode())
