# SPDX-License-Identifier: MIT
"""How far two float images are apart: of the peak, and each pixel of its own value."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ImageDifference:
    """Worst differences; not-a-number where an image holds one, which never agrees.

    Attributes
    ----------
    of_peak
        |difference| / brightest pixel that is expected.
    relative
        |difference| / value, of the pixels that are not dark.
    """

    of_peak: float
    relative: float

    def within(self, of_peak: float, relative: float) -> bool:
        """Whether both are at most so large."""
        return self.of_peak <= of_peak and self.relative <= relative


def image_difference(
    image: np.ndarray, expected: np.ndarray, dark: float
) -> ImageDifference:
    """Compare two images of one shape.

    Parameters
    ----------
    image, expected
        Photons per pixel; some of those that are expected must be above 0.
    dark
        Pixels up to this part of the peak have no relative difference: they are sums
        of terms that cancel, or do not round alike.
    """
    expected = expected.astype(np.float64)
    difference = np.abs(image.astype(np.float64) - expected)
    peak = expected.max()
    bright = expected > dark * peak
    return ImageDifference(
        of_peak=float(difference.max() / peak),
        relative=float((difference[bright] / expected[bright]).max()),
    )
