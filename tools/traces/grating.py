# SPDX-License-Identifier: MIT
"""The grating function sin(pi N k) / sin(pi k): its slope, and N from its values."""

import math
from collections.abc import Sequence

import numpy as np

from nbsim.tools.traces.log import rounded_index

#: Largest number of cells that is looked for.
MOST_CELLS = 20_000


def grating(k: float, N: int) -> float:
    """Return sin(pi N k) / sin(pi k), a crystal's lattice factor along one axis."""
    n = rounded_index(k)
    sign = -1.0 if N % 2 == 0 and n % 2 else 1.0
    d = k - n
    if d == 0.0:
        return sign * N
    return sign * math.sin(math.pi * N * d) / math.sin(math.pi * d)


def grating_slope(k: float, N: int) -> float:
    """Return d/dk of `grating`: how far an index error moves the lattice factor.

    With the index reduced to d = k - round(k),
    pi (N cos(pi N d) sin(pi d) - sin(pi N d) cos(pi d)) / sin^2(pi d).
    """
    n = rounded_index(k)
    sign = -1.0 if N % 2 == 0 and n % 2 else 1.0
    d = k - n
    if abs(d) * N < 1e-4:
        # The difference above cancels; the leading term of the series does not.
        return -sign * math.pi**2 * N * (N * N - 1) / 3.0 * d
    sine, cosine = math.sin(math.pi * d), math.cos(math.pi * d)
    rise = N * math.cos(math.pi * N * d) * sine
    return sign * math.pi * (rise - math.sin(math.pi * N * d) * cosine) / sine**2


def cells_along(indices: Sequence[float], factors: Sequence[float]) -> int | None:
    """Return the number of cells N for which `grating` gives the factors.

    None: there is none, or more than one (up to `MOST_CELLS`).
    """
    N = np.arange(1, MOST_CELLS + 1)
    fits = np.ones(len(N), bool)
    for k, factor in zip(indices, factors):
        n = rounded_index(k)
        d = k - n
        if d == 0.0:
            values = N * 1.0
        else:
            values = np.sin(math.pi * N * d) / math.sin(math.pi * d)
        if n % 2:
            values = np.where(N % 2 == 0, -values, values)
        # 15 printed digits of k, times pi N, and a little more.
        allowed = 1e-14 * N * math.pi * np.maximum(abs(k), 1.0) * N + 1e-9
        fits &= np.abs(values - factor) <= allowed * max(1.0, abs(factor))
    found = N[fits] if len(indices) else []
    return int(found[0]) if len(found) == 1 else None
