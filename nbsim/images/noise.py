# SPDX-License-Identifier: MIT
"""Photon noise, with the random numbers of the C program."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..model import validate
from ..model.validate import Roi
from ..resolve.random_numbers import Generator, start
from .scaling import check_image


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
    from ..kernels.entries import count_nonfinite, poisson_image

    bounds = check_image(image, roi)
    validate.number("adc_offset", adc_offset)
    bad = count_nonfinite(image, bounds)
    if bad:
        raise ValueError(
            f"{bad} pixels of the float image are infinite or not a number: "
            "photons cannot be drawn for them"
        )
    generator = Generator() if generator is None else generator
    rng = start(seed, generator)
    out = np.zeros(image.shape, np.uint16)
    photons, overloads = poisson_image(image, bounds, float(adc_offset), rng, out)
    return Noise(out, photons, overloads)
