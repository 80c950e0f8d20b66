# SPDX-License-Identifier: MIT
"""One frame, rendered: the expected photons, and the counts when they are wanted."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.detector_response import DetectorResponse
from .series import Frame, Series

if TYPE_CHECKING:
    from ..backends.device_image import DeviceImage


@dataclass(frozen=True, eq=False)
class Exposure:
    """A rendered frame.

    Attributes
    ----------
    frame
        What was rendered.
    image
        (slow, fast) float32, expected photons with the background: an array, or a
        `DeviceImage` where a device rendered them, which stays there.
    response
        What the detector makes of them.
    threads
        For drawing them; None: all.
    """

    frame: Frame
    image: np.ndarray | DeviceImage
    response: DetectorResponse | None = None
    threads: int | None = None

    @functools.cached_property
    def photons(self) -> np.ndarray:
        """(slow, fast) float32, copied from the device when first asked for."""
        image = self.image
        return image if isinstance(image, np.ndarray) else image.copy_to_host()

    @functools.cached_property
    def counts(self) -> np.ndarray:
        """(slow, fast) uint32 with noise, drawn when first asked for."""
        return self.frame.simulation.counts(
            self.image,
            self.frame.seed,
            response=self.response,
            threads=self.threads,
        )

    def adu(self, adc_offset: float) -> np.ndarray:
        """Return the counts as 16-bit numbers above an offset."""
        shifted = self.counts.astype(np.float64) + adc_offset
        return np.minimum(shifted, 65535.0).astype(np.uint16)


def expose(series: Series, number: int, **options: Any) -> Exposure:
    """Render a frame; the keyword arguments are those of `Simulation.run`."""
    image = series.render(number, on_device="auto", **options)
    frame, threads = series.frame(number), options.get("threads")
    return Exposure(frame, image, series.response, threads)
