# SPDX-License-Identifier: MIT
"""How many sums over atoms a spectrum needs, and with which weights of the elements.

F at energy E is sum_e (f0 + f'_e(E) + i f''_e(E)) G_e. Beside the sum at the mean
energy it takes the differences sum_e delta_e(E) G_e. Near an edge one element's delta
is large, while those of all others are small and nearly proportional to each other:
a singular value decomposition of delta (channels x elements) finds the few
combinations of elements that matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

#: What may be left out of F, relative to the root mean square of F.
TOLERANCE = 3e-6


class Combinations(NamedTuple):
    """delta_e(E_i) = sum_j coefficients[i, j] weights[j][e], to the tolerance.

    The largest coefficient of each combination has the absolute value 1.
    """

    coefficients: np.ndarray  # (channels, n) complex128
    weights: tuple[dict[str, complex], ...]


def combinations(
    delta: Mapping[str, np.ndarray], counts: Mapping[str, float], F_rms: float
) -> Combinations:
    """Return the combinations of elements that a spectrum needs.

    Parameters
    ----------
    delta
        For each element (channels,) complex128: f' + i f'' less that of the mean.
    counts
        For each element the sum of its occupancies squared, over the unit cell.
    F_rms
        Root mean square of F, electrons.
    """
    names = [name for name in delta if counts[name] > 0.0 and delta[name].any()]
    if not names:
        channels = len(next(iter(delta.values())))
        return Combinations(np.zeros((channels, 0), complex), ())
    # So many atoms at random places add up to a sum of this size.
    sizes = np.sqrt([counts[name] for name in names])
    matrix = np.stack([delta[name] for name in names], axis=1) * sizes
    U, S, Vh = np.linalg.svd(matrix, full_matrices=False)
    coefficients = U * S
    left_out = np.sqrt(np.cumsum(np.abs(coefficients[:, ::-1]) ** 2, axis=1)[:, ::-1])
    kept = int(np.count_nonzero((left_out > TOLERANCE * F_rms).any(axis=0)))
    coefficients = coefficients[:, :kept]
    # As electrons: a map of smaller numbers would be cut off where it still counts.
    largest = np.abs(coefficients).max(axis=0)
    rows = Vh[:kept] * largest[:, None] / sizes
    weights = tuple(dict(zip(names, row)) for row in rows)
    return Combinations(np.ascontiguousarray(coefficients / largest), weights)
