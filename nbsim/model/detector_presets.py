# SPDX-License-Identifier: MIT
"""Detectors by name: pixels, gaps between modules, sensor, saturation, point spread.

Figures, each checked by modules x pixels + gaps = size, and their public sources:

- EIGER2 X: modules of 1028 x 512 pixels of 75 um, gaps of 12 and 38, sizes up to
  4148 x 4362, 450 um of silicon: pyFAI, detectors/_dectris.py (`Eiger2`); images of
  32 bits: DECTRIS, "EIGER: continuous readout and auto-summation". The largest count
  rate, 5e8 photons per second and mm^2 (2.8e6 per pixel), is what DECTRIS says of EIGER
  X: typical, not confirmed for EIGER2, which corrects higher rates (T. Donath et al.,
  J. Synchrotron Rad. 30 (2023) 723). `-saturation` says another.
- PILATUS3 X: modules of 487 x 195 pixels of 172 um, gaps of 7 and 17, 450 um of silicon
  (320 and 1000 um exist): pyFAI, `Pilatus`; counters of 20 bits, 1,048,575: DECTRIS,
  "PILATUS3 X: high dynamic range"; 1e7 photons per second and pixel: DECTRIS'
  specification as beamlines quote it.
- JUNGFRAU 4M: 1030 x 514 pixels of 75 um in the image of a module (1024 x 512, of which
  those across chips are twice as wide), gaps of 8 and 36, 2068 x 2164: pyFAI,
  detectors/_psi.py (`Jungfrau4M`); 320 um of silicon (450 um exist), 75 um, 1024 x 512,
  110 dB: European XFEL, JUNGFRAU detector documentation, "General Introduction"
  (rtd.xfel.eu/docs/jungfrau-detector-documentation); 10^4 photons of 12 keV in a frame:
  A. Mozzanica et al., Synchrotron Radiation News 31:6 (2018) 16.
- Rayonix MX300-HS: 7680 x 7680 pixels of 39.0625 um, here as read binned 2 x 2, 3840 x
  3840 of 78.125 um, 16 bits: pyFAI, detectors/_rayonix.py (`RayonixMx300hs`). No gaps:
  as Rayonix says of its sister MX340-HS (quoted by SLAC, "Rayonix" on confluence).
  Point spread of fiber tapers: J. M. Holton, C. Nielsen & K. A. Frankel, J. Synchrotron
  Rad. 19 (2012) 1006. Width of the point spread and thickness of the phosphor are
  typical, not confirmed for this detector; nor is one count for one photon.

A hybrid pixel detector counts a photon in one pixel: its point spread is the pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import validate
from .detector_response import DetectorResponse
from .models import Detector


@dataclass(frozen=True)
class DetectorPreset:
    """What is known about a kind of detector.

    Attributes
    ----------
    modules, module_pixels, gap_pixels
        Each along fast and slow: number of modules, pixels of one, and between two.
    pixel_size_mm
        Pixel size [mm].
    sensor, sensor_um
        Material, and its thickness [um]. For the record: absorption needs an
        attenuation depth (`Detector.abs_um`).
    saturation_counts
        What a pixel can hold in an image.
    rate_per_s
        Largest count rate of a pixel [photons/s]; None: no counter.
    psf, psf_fwhm_um
        Typical point spread; None: a pixel.
    bits
        Of an image's integers.
    """

    modules: tuple[int, int]
    module_pixels: tuple[int, int]
    gap_pixels: tuple[int, int]
    pixel_size_mm: float
    sensor: str
    sensor_um: float
    saturation_counts: float
    rate_per_s: float | None
    psf: str | None = None
    psf_fwhm_um: float = 0.0
    bits: int = 32

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels (slow, fast), gaps included."""
        fast, slow = (
            n * pixels + (n - 1) * gap
            for n, pixels, gap in zip(self.modules, self.module_pixels, self.gap_pixels)
        )
        return slow, fast

    def gaps(self) -> np.ndarray | None:
        """Return which pixels (slow, fast) lie between modules; None: none do."""
        if self.modules == (1, 1) or self.gap_pixels == (0, 0):
            return None
        fast, slow = (
            np.arange(n) % (pixels + gap) >= pixels
            for n, pixels, gap in zip(
                self.shape[::-1], self.module_pixels, self.gap_pixels
            )
        )
        return slow[:, None] | fast

    def saturation(self, exposure_s: float) -> float:
        """Return the counts beyond which a pixel does not go in an exposure."""
        if self.rate_per_s is None:
            return self.saturation_counts
        return max(1.0, min(self.saturation_counts, self.rate_per_s * exposure_s))

    @property
    def size_fields(self) -> dict[str, Any]:
        """The fields of `Detector` that it fixes, without its gaps."""
        spixels, fpixels = self.shape
        return {
            "detpixels_f": fpixels,
            "detpixels_s": spixels,
            "pixel_size_mm": self.pixel_size_mm,
        }

    def detector(self, **fields: Any) -> Detector:
        """Return a `Detector` of this kind, with its gaps; `fields` are its others."""
        return Detector(**{**self.size_fields, "dead": self.gaps(), **fields})

    def response(self, exposure_s: float = 1.0, **fields: Any) -> DetectorResponse:
        """Return a `DetectorResponse` of this kind for an exposure.

        Parameters
        ----------
        exposure_s
            For its largest count rate [s].
        **fields
            Fields that win over what is known.
        """
        known: dict[str, Any] = {
            "saturation_counts": self.saturation(exposure_s),
            "bits": self.bits,
        }
        if self.psf is not None:
            known |= {"psf": self.psf, "psf_fwhm_um": self.psf_fwhm_um}
        return DetectorResponse(**{**known, **fields})


def _eiger2(fast: int, slow: int) -> DetectorPreset:
    rate = 5e8 * 0.075 * 0.075
    return DetectorPreset(
        (fast, slow), (1028, 512), (12, 38), 0.075, "Si", 450.0, 2.0**32 - 2, rate
    )


def _pilatus3(fast: int, slow: int) -> DetectorPreset:
    return DetectorPreset(
        (fast, slow), (487, 195), (7, 17), 0.172, "Si", 450.0, 2.0**20 - 1, 1e7
    )


PRESETS = {
    "eiger2_1m": _eiger2(1, 2),
    "eiger2_4m": _eiger2(2, 4),
    "eiger2_9m": _eiger2(3, 6),
    "eiger2_16m": _eiger2(4, 8),
    "pilatus3_1m": _pilatus3(2, 5),
    "pilatus3_2m": _pilatus3(3, 8),
    "pilatus3_6m": _pilatus3(5, 12),
    "jungfrau_4m": DetectorPreset(
        (2, 4), (1030, 514), (8, 36), 0.075, "Si", 320.0, 1e4, None
    ),
    "rayonix_mx300hs": DetectorPreset(
        (1, 1),
        (3840, 3840),
        (0, 0),
        0.078125,
        "phosphor",
        40.0,
        65535.0,
        None,
        "fiber",
        80.0,
        16,
    ),
}


def detector_preset(name: str) -> DetectorPreset:
    """Return the detector of a name (-detector_preset).

    Raises
    ------
    ValueError
        If there is none of this name; the message has all names.
    """
    return PRESETS[validate.choice("detector_preset", name, tuple(PRESETS))]
