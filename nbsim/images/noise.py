# SPDX-License-Identifier: MIT
"""Everything in a run that is drawn at random: orientation, domains, photons.

The numbers are those of the C program for the same seeds. One `Generator` serves
a whole run, because C's streams share the shuffle table: random misset first,
then mosaic domains, then noise. Seeds are as typed on the command line.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from ..model import validate
from .scaling import Roi, check_image

MAX_SEED = 2**31 - 2  # the generator works modulo 2**31 - 1
CAP_OF_RANDOM_MISSET = 90.0  # C quirk: meant as degrees, used as radians


class Generator:
    """State of the random numbers that all streams of one run share."""

    @functools.cached_property
    def rng(self) -> Any:
        """One record, written by the kernels; see ``kernels/random.py``.

        Made when first needed: a run that draws nothing loads no kernel for it.
        """
        from ..kernels.random import STATE

        return np.zeros((), STATE)[()]


def _start(seed: int, generator: Generator) -> Any:
    from ..kernels.random import start_stream

    number = validate.integer("seed", seed, low=-MAX_SEED, high=MAX_SEED)
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
    from ..kernels.random import mosaic_rotation_umat, umat2misset

    umat = np.empty((3, 3))
    cap = np.float32(CAP_OF_RANDOM_MISSET)
    mosaic_rotation_umat(cap, _start(seed, generator), umat)
    return umat2misset(umat)


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
    from ..kernels import random

    if mosaic_domains < 1:
        raise ValueError(f"{mosaic_domains} mosaic domains: there must be at least 1")
    if not 0 <= mosaic_spread_rad < math.inf:
        raise ValueError(
            f"mosaic spread of {mosaic_spread_rad:g} radians: it must be a finite "
            "number, zero or more"
        )
    rng = _start(seed, generator)
    if mosaic_domains == 1:
        # It is not rotated, but C draws for it: no need to compile rotations.
        for _ in range(3):
            random.ran1(rng)
        return np.eye(3)[None]
    umats = np.empty((mosaic_domains, 3, 3))
    random.mosaic_umats(np.float32(mosaic_spread_rad), rng, umats)
    return umats


class Noise(NamedTuple):
    """An image with photon noise.

    Attributes
    ----------
    pixels
        (slow, fast) uint16, truncated, clamped to 0 and 65535.
    photons
        Sum of the deviates, without the offset.
    overloads
        Number of pixels above 65535.
    """

    pixels: np.ndarray
    photons: float
    overloads: int


def poisson_noise(
    image: np.ndarray,
    seed: int,
    adc_offset: float = 40.0,
    roi: Roi | None = None,
    generator: Generator | None = None,
) -> Noise:
    """Return an image with photon noise (C: poidev and the noise image).

    Parameters
    ----------
    image
        (slow, fast) float32, finite, expected photons per pixel. Values of zero
        and less give no photons.
    seed
        Whole number, ``-seed``.
    adc_offset
        Added to every pixel of the roi.
    roi
        (xmin, xmax, ymin, ymax) in pixels, inclusive; pixels outside are 0.
    generator
        State to continue from; a new one if None. It makes no difference for a
        seed of zero or more, unless a kept Gaussian deviate is in it.

    Raises
    ------
    ValueError
        If the image or the roi does not fit (see `check_image`), a pixel of the
        roi or the offset is not finite, or the seed is beyond +-(2**31 - 2).
    """
    from ..kernels.random import poisson_image
    from ..kernels.statistics import count_nonfinite

    bounds = check_image(image, roi)
    validate.number("adc_offset", adc_offset)
    bad = count_nonfinite(image, bounds)
    if bad:
        raise ValueError(
            f"{bad} pixels of the float image are infinite or not a number: "
            "photons cannot be drawn for them"
        )
    generator = Generator() if generator is None else generator
    rng = _start(seed, generator)
    out = np.zeros(image.shape, np.uint16)
    photons, overloads = poisson_image(image, bounds, float(adc_offset), rng, out)
    return Noise(out, photons, overloads)
