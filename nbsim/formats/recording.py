# SPDX-License-Identifier: MIT
"""What the files of a series say about the experiment, whatever their format."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

import numpy as np

from ..resolve.geometry import Geometry
from ..resolve.panels import PlacedPanel

#: Counts are cut here: readers reserve the largest numbers for bad pixels.
SATURATION = 2**20 - 1
#: A pixel that is not there, in unsigned 32-bit files; CBF has -1.
MASKED = 2**32 - 1
#: Equal runs make equal files, so the clock has no part in them.
EPOCH = datetime.datetime(2000, 1, 1)
#: DIALS refuses a sensor of thickness 0, and corrects for parallax in a real one.
THINNEST_SENSOR_M = 1e-9


@dataclass(frozen=True, eq=False)
class Recording:
    """The experiment of a series.

    Attributes
    ----------
    geometry
        The detector, the beam's direction and the spindle.
    starts_deg
        (frames,) phi at the start of each frame [deg].
    osc_deg
        Width of each [deg]; 0: stills.
    wavelength_A
        Mean wavelength [A].
    spectrum_A, spectrum_weights
        (n,) wavelengths [A] and their weights; empty for one wavelength.
    frame_wavelengths_A
        (frames,) where each frame has its own [A]; else empty.
    exposure_s, flux_per_s, beamsize_mm
        Per frame; photons/s; side of the beam [mm].
    polarization
        Kahn factor.
    thickness_m
        Of the sensor; 0: none.
    present
        (slow, fast) bool, the pixels that are rendered; None: all.
    name
        What was simulated, for humans.
    panels
        Of a detector of several, `geometry` is that of the first; empty: one.
    """

    geometry: Geometry
    starts_deg: np.ndarray
    osc_deg: float
    wavelength_A: float
    exposure_s: float = 1.0
    flux_per_s: float = 0.0
    beamsize_mm: float = 0.1
    polarization: float = 0.0
    thickness_m: float = 0.0
    present: np.ndarray | None = None
    spectrum_A: np.ndarray = field(default_factory=lambda: np.empty(0))
    spectrum_weights: np.ndarray = field(default_factory=lambda: np.empty(0))
    frame_wavelengths_A: np.ndarray = field(default_factory=lambda: np.empty(0))
    name: str = "nbsim"
    panels: tuple[PlacedPanel, ...] = ()

    @property
    def parts(self) -> tuple[PlacedPanel, ...]:
        """The panels; the detector itself where it is in one piece."""
        return self.panels or (PlacedPanel(self.geometry),)

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels (slow, fast) of the image of all panels."""
        corners = [panel.slices for panel in self.parts]
        return max(r.stop for r, _ in corners), max(c.stop for _, c in corners)

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.starts_deg)

    @property
    def rotating(self) -> bool:
        """Whether the crystal turns during a frame."""
        return self.osc_deg > 0.0

    @property
    def sensor_m(self) -> float:
        """The thickness to write, m; see `THINNEST_SENSOR_M`."""
        return self.thickness_m or THINNEST_SENSOR_M

    def wavelength_of(self, frame: int) -> float:
        """Return the wavelength of a frame [A]."""
        own = self.frame_wavelengths_A
        return float(own[frame]) if len(own) else self.wavelength_A

    def time(self, frame: int) -> str:
        """Return the beginning of a frame as ISO 8601, with milliseconds."""
        moment = EPOCH + datetime.timedelta(seconds=frame * self.exposure_s)
        return moment.isoformat(timespec="milliseconds")


def numbered(template: str, number: int) -> str:
    """Return a name of a series: the last run of # in it becomes the number.

    Raises
    ------
    ValueError
        If the name has no #, or the number more digits than there are #.
    """
    end = template.rfind("#") + 1
    start = end
    while start > 0 and template[start - 1] == "#":
        start -= 1
    if start == end:
        raise ValueError(
            f"{template}: a series needs a # for each digit of the frame's number, "
            "as in frame_####.cbf"
        )
    digits = f"{number:0{end - start}d}"
    if len(digits) > end - start:
        raise ValueError(f"{template}: no room for frame {number}, give more #")
    return template[:start] + digits + template[end:]
