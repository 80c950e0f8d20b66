# SPDX-License-Identifier: MIT
"""What a detector makes of the photons that reach it."""

from __future__ import annotations

from dataclasses import dataclass

from . import validate
from .limits import BOUNDS

PSF_SHAPES = ("gauss", "fiber")
#: noisify's default, um.
DEFAULT_PSF_FWHM = 46.0


@dataclass(frozen=True)
class DetectorResponse:
    """Calibration, counting, point spread and electronics of a detector.

    Attributes
    ----------
    gain
        Detector units per photon.
    readout_adu
        Width (rms) of the electronics' noise, in detector units.
    flicker
        Relative width of the source's fluctuation: one factor per image (model c:
        one per pixel, as the C program noisify does).
    calibration
        Relative width of the pixels' own factors, which act before photons are
        counted. The same for every image (model c: new in every image).
    calib_seed
        Seed of the calibration; None: the C program's own.
    psf
        "gauss", or "fiber" (Holton, Nielsen & Frankel, J. Synchrotron Rad. 19
        (2012) 1006: an optical taper); None: no point spread.
    psf_fwhm_um
        Full width at half maximum of the point spread [um].
    psf_radius_pixels
        Where the point spread is cut off; 0: chosen (model c) or complete.
    bits
        16 or 32, of the image's integers.
    saturation_counts
        Counts (detector units without the offset, for a noise image) beyond which a
        pixel does not go; None: what the integers hold.
    """

    gain: float = 1.0
    readout_adu: float = 0.0
    flicker: float = 0.0
    calibration: float = 0.0
    calib_seed: int | None = None
    psf: str | None = None
    psf_fwhm_um: float = DEFAULT_PSF_FWHM
    psf_radius_pixels: int = 0
    bits: int = 16
    saturation_counts: float | None = None

    def __post_init__(self) -> None:
        for name, bounds in BOUNDS["response"].items():
            value = getattr(self, name)
            if value is not None:
                checked = validate.bounded(name, value, bounds)
                object.__setattr__(self, name, checked)
        if self.psf is not None:
            validate.choice("psf", self.psf, PSF_SHAPES)
        if self.bits not in (16, 32):
            raise ValueError(f"bits {self.bits!r}: expected 16 or 32")

    @property
    def spreads(self) -> bool:
        """Whether there is a point spread."""
        return self.psf is not None and self.psf_fwhm_um > 0.0
