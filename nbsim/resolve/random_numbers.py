# SPDX-License-Identifier: MIT
"""What is drawn at random before the first pixel: orientation and mosaic domains.

The numbers are those of the C program for the same seeds. One `Generator` serves
a whole run, because C's streams share the shuffle table: random misset first,
then mosaic domains, then noise. Seeds are as typed on the command line.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..model import validate

CAP_OF_RANDOM_MISSET = 90.0  # C quirk: meant as degrees, used as radians


class Generator:
    """State of the random numbers that all streams of one run share."""

    @functools.cached_property
    def rng(self) -> Any:
        """One record, written by the kernels; see ``kernels/random.py``.

        Made when first needed: a run that draws nothing loads no kernel for it.
        """
        from ..kernels.layout import STATE

        return np.zeros((), STATE)[()]


def start(seed: int, generator: Generator) -> Any:
    """Start a stream of random numbers; return the state that kernels write.

    Raises
    ------
    ValueError
        If the seed is beyond +-(2**31 - 2).
    """
    from ..kernels.entries import start_stream

    number = validate.seed("seed", seed)
    # The C program negates what was typed; zero or less starts afresh.
    start_stream(-number, generator.rng)
    return generator.rng


def random_misset_rad(seed: int, generator: Generator) -> tuple[float, float, float]:
    """Return the angles of ``-misset random`` (C: mosaic_rotation_umat, umat2misset).

    Parameters
    ----------
    seed
        Whole number, ``-misset_seed``.
    generator
        Advanced by three deviates.

    Returns
    -------
    tuple
        Rotations about x, y, z in radians, to be applied in this order. The
        angle of the rotation is not uniform: C takes a cap of 90 radians.

    Raises
    ------
    ValueError
        If the seed is beyond +-(2**31 - 2).
    """
    from ..kernels.entries import mosaic_rotation_umat, umat2misset

    umat = np.empty((3, 3))
    cap = np.float32(CAP_OF_RANDOM_MISSET)
    mosaic_rotation_umat(cap, start(seed, generator), umat)
    return umat2misset(umat)


def uniform_misset_rad(seed: int, generator: Generator) -> tuple[float, float, float]:
    """Return the angles of ``-misset random`` of model physical, uniform over SO(3).

    Shoemake (Graphics Gems III, 1992, 124): a uniform unit quaternion.

    Parameters
    ----------
    seed, generator
        As in `random_misset_rad`, which draws as many deviates.

    Returns
    -------
    tuple
        Rotations about x, y, z in radians, to be applied in this order.
    """
    from ..kernels.entries import ran1

    rng = start(seed, generator)
    u1, u2, u3 = (float(ran1(rng)) for _ in range(3))
    turn2, turn3 = 2.0 * math.pi * u2, 2.0 * math.pi * u3
    x, y = math.sqrt(1.0 - u1) * math.sin(turn2), math.sqrt(1.0 - u1) * math.cos(turn2)
    z, w = math.sqrt(u1) * math.sin(turn3), math.sqrt(u1) * math.cos(turn3)
    # The elements of the rotation matrix that tell the angles.
    xx, yx, zx = (
        1.0 - 2.0 * (y * y + z * z),
        2.0 * (x * y + z * w),
        2.0 * (x * z - y * w),
    )
    zy, zz = 2.0 * (y * z + x * w), 1.0 - 2.0 * (x * x + y * y)
    return (
        math.atan2(zy, zz),
        math.atan2(-zx, math.hypot(zy, zz)),
        math.atan2(yx, xx),
    )


def mosaic_umats(
    mosaic_spread_rad: float, mosaic_domains: int, seed: int, generator: Generator
) -> np.ndarray:
    """Return the rotation matrices of the mosaic domains (C: mosaic_rotation_umat).

    Parameters
    ----------
    mosaic_spread_rad
        Largest rotation angle in radians, zero or more.
    mosaic_domains
        Number of domains, at least 1.
    seed
        Whole number, ``-mosaic_seed``.
    generator
        Advanced by three deviates per domain.

    Returns
    -------
    numpy.ndarray
        (domains, 3, 3) float64. The first domain is not rotated.

    Raises
    ------
    ValueError
        If there are no domains, the spread is negative or not finite, or the
        seed is beyond +-(2**31 - 2).
    """
    from ..kernels import entries as random

    if mosaic_domains < 1:
        raise ValueError(f"{mosaic_domains} mosaic domains: there must be at least 1")
    if not 0 <= mosaic_spread_rad < math.inf:
        raise ValueError(
            f"mosaic spread of {mosaic_spread_rad:g} radians: it must be a finite "
            "number, zero or more"
        )
    rng = start(seed, generator)
    if mosaic_domains == 1:
        # It is not rotated, but C draws for it: no need to compile rotations.
        for _ in range(3):
            random.ran1(rng)
        return np.eye(3)[None]
    umats = np.empty((mosaic_domains, 3, 3))
    random.mosaic_umats(np.float32(mosaic_spread_rad), rng, umats)
    return umats
