# SPDX-License-Identifier: MIT
"""Structure factors of a random model with the symmetry of lysozyme crystals."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nbsim.formats.files import replace_when_complete

#: P 43 21 2: a = b, c [A].
CELL = (78.5, 78.5, 37.0)
MEAN_F, B_FACTOR = 300.0, 20.0


def random_reflections(dmin_A: float, seed: int = 1) -> np.ndarray:
    """Return h, k, l, F of all reflections of P1, columns of an (n, 4) array.

    Intensities are those of a random structure (Wilson), equal for equivalents of
    4/mmm, 0 where the screw axes of P 43 21 2 ask for it.
    """
    a, _, c = CELL
    H, L = int(a / dmin_A) + 1, int(c / dmin_A) + 1
    axes = (np.arange(-n, n + 1) for n in (H, H, L))
    h, k, l = (x.ravel() for x in np.meshgrid(*axes, indexing="ij"))
    squared = (h**2 + k**2) / a**2 + l**2 / c**2
    low, high = np.minimum(abs(h), abs(k)), np.maximum(abs(h), abs(k))
    intensity = np.random.default_rng(seed).exponential(1.0, (H + 1, H + 1, L + 1))
    F = MEAN_F * np.sqrt(intensity[low, high, abs(l)])
    F *= np.exp(-B_FACTOR * squared / 4.0)
    on_axis = (low == 0) & (l == 0) & (high % 2 == 1)
    absent = on_axis | ((high == 0) & (l % 4 != 0))
    kept = ~absent & (squared > 0.0) & (squared <= dmin_A**-2)
    return np.column_stack([x[kept] for x in (h, k, l, F)])


def write_random_hkl(path: str | Path, dmin_A: float, seed: int = 1) -> None:
    """Write them as a list for -hkl."""
    rows = random_reflections(dmin_A, seed)
    lines = (f"{h:.0f} {k:.0f} {l:.0f} {F:.4f}\n" for h, k, l, F in rows)
    with replace_when_complete(path) as stream:
        stream.write("".join(lines).encode())
