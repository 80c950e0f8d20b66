# SPDX-License-Identifier: MIT
"""Units and bounds of the models' numbers, once for Python and for the command line.

Imports neither numpy nor the models: ``nbsim -h`` reads it.
"""

import math
from typing import NamedTuple

#: The random numbers work modulo 2**31 - 1.
MAX_SEED = 2**31 - 2
#: Photon energy [eV] times wavelength [A], CODATA 2018.
EV_ANGSTROM = 12398.4198433
#: The same as the C program rounds it: of -energy, and of what is told about a run.
C_EV_ANGSTROM = 12398.42


class Bounds(NamedTuple):
    """The numbers that are allowed.

    Parameters
    ----------
    whole
        Whether only whole numbers are.
    unit
        In words.
    low, high
        Closed bounds.
    above, below
        Open bounds.
    infinite
        Whether inf is allowed; nan never is.
    or_zero
        Whether 0 is allowed besides.
    """

    whole: bool = False
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    above: float = -math.inf
    below: float = math.inf
    infinite: bool = False
    or_zero: bool = False

    def admit(self, value: float) -> bool:
        """Whether a number is allowed."""
        if math.isinf(value):
            return self.infinite and value > 0.0
        if self.or_zero and value == 0.0:
            return True
        if self.whole and value != math.floor(value):
            return False
        return self.low <= value <= self.high and self.above < value < self.below

    def in_words(self) -> str:
        """Say which numbers are allowed."""
        words = "a whole number" if self.whole else "a finite number"
        if self.unit:
            words += f" of {self.unit}"
        if self.or_zero:
            words += ", 0 or"
        if math.isfinite(self.low) and math.isfinite(self.high):
            words += f" from {_digits(self.low)} to {_digits(self.high)}"
        else:
            limits = [
                f"{relation} {_digits(limit)}"
                for relation, limit in (
                    ("not less than", self.low),
                    ("greater than", self.above),
                    ("not more than", self.high),
                    ("less than", self.below),
                )
                if math.isfinite(limit)
            ]
            words += "".join(f" {limit}" for limit in [" and ".join(limits)] if limits)
        return f"{words} or inf" if self.infinite else words


def _digits(limit: float) -> str:
    return str(limit) if isinstance(limit, int) else f"{limit:g}"


COUNT = Bounds(whole=True, low=0)
PIXELS = Bounds(whole=True, low=1)
SEED = Bounds(whole=True, low=-MAX_SEED, high=MAX_SEED)
# From a nanometre to ten kilometres: beyond, numbers are slips, and their powers
# leave what a computer can hold.
LENGTH_MM = Bounds(unit="mm", low=1e-6, high=1e7)
PLACE_MM = Bounds(unit="mm", low=-1e7, high=1e7)
ANGLE_DEG = Bounds(unit="degrees")
TURN_DEG = Bounds(unit="degrees", low=0, high=1e6)
DIVERGENCE_MRAD = Bounds(unit="mrad", low=0, high=6300)
SAMPLE_MM = Bounds(unit="mm", low=0, high=100)
WAVELENGTH_A = Bounds(unit="Angstrom", low=0.01, high=100)
ENERGY_EV = Bounds(unit="eV", low=C_EV_ANGSTROM / 100, high=C_EV_ANGSTROM / 0.01)
ORIGIN_PIXELS = Bounds(unit="pixels", low=-1e10, high=1e10)
CELL_A = Bounds(unit="Angstrom", low=1, high=1e5)
CELL_DEG = Bounds(unit="degrees", above=0, below=180)
RESOLUTION_A = Bounds(unit="Angstrom", low=0.01, high=1e5)

#: Of every number that is a field of a model, by model and field.
BOUNDS = {
    "crystal": {
        "misset_seed": SEED,
        "Na": COUNT,
        "Nb": COUNT,
        "Nc": COUNT,
        "sample_x_mm": SAMPLE_MM,
        "sample_y_mm": SAMPLE_MM,
        "sample_z_mm": SAMPLE_MM,
        "fudge": Bounds(low=1e-12, high=1e12),
        "mosaic_spread_deg": Bounds(unit="degrees", low=0, high=360),
        "mosaic_domains": COUNT,
        "mosaic_seed": SEED,
        "water_um": Bounds(unit="um", low=0, high=1e6),
    },
    "structure_factors": {
        "default_F": Bounds(unit="electrons", low=-1e30, high=1e30),
    },
    "beam": {
        "wavelength_A": WAVELENGTH_A,
        "fluence_per_m2": Bounds(unit="photons/m^2", low=0, high=1e60),
        "flux_per_s": Bounds(unit="photons/s", low=0, high=1e40),
        "exposure_s": Bounds(unit="s", low=1e-18, high=1e10),
        "beamsize_mm": LENGTH_MM,
        "polarization": Bounds(low=-1, high=1),
        "hdivrange_mrad": DIVERGENCE_MRAD,
        "vdivrange_mrad": DIVERGENCE_MRAD,
        "hdivstep_mrad": DIVERGENCE_MRAD,
        "vdivstep_mrad": DIVERGENCE_MRAD,
        "hdivsteps": COUNT,
        "vdivsteps": COUNT,
        # From 200 % on the shortest wavelength is not above 0.
        "dispersion_percent": Bounds(unit="percent", low=0, below=200),
        "dispsteps": COUNT,
    },
    "detector": {
        "detpixels_f": PIXELS,
        "detpixels_s": PIXELS,
        "detsize_f_mm": LENGTH_MM,
        "detsize_s_mm": LENGTH_MM,
        "pixel_size_mm": LENGTH_MM,
        "distance_mm": LENGTH_MM,
        "close_distance_mm": LENGTH_MM,
        "Xbeam_mm": PLACE_MM,
        "Ybeam_mm": PLACE_MM,
        "Xclose_mm": PLACE_MM,
        "Yclose_mm": PLACE_MM,
        "ORGX_pixels": ORIGIN_PIXELS,
        "ORGY_pixels": ORIGIN_PIXELS,
        "rotx_deg": ANGLE_DEG,
        "roty_deg": ANGLE_DEG,
        "rotz_deg": ANGLE_DEG,
        "twotheta_deg": ANGLE_DEG,
        "thick_um": Bounds(unit="um", low=0, high=1e9),
        "thicksteps": COUNT,
        "beamstop_mm": LENGTH_MM,
        "beamstop_arm_deg": ANGLE_DEG,
        "abs_um": Bounds(unit="um", low=1e-6, or_zero=True, infinite=True),
    },
    "background": {
        "thick_mm": LENGTH_MM,
        "density_g_cm3": Bounds(unit="g/cm^3", above=0),
        "molecular_weight": Bounds(unit="g/mol", above=0),
        "width_mm": LENGTH_MM,
        "height_mm": LENGTH_MM,
        "molecules": Bounds(low=0),
        "oversample": PIXELS,
    },
    "response": {
        "gain": Bounds(unit="ADU/photon", above=0),
        "readout_adu": Bounds(unit="ADU", low=0),
        "flicker": Bounds(low=0),
        "calibration": Bounds(low=0),
        "calib_seed": SEED,
        "psf_fwhm_um": Bounds(unit="um", low=0),
        "psf_radius_pixels": COUNT,
        "saturation_counts": Bounds(unit="counts", above=0),
    },
    "goniometer": {
        "phi_deg": ANGLE_DEG,
        "osc_deg": TURN_DEG,
        "phistep_deg": TURN_DEG,
        "phisteps": COUNT,
    },
    "sampling": {
        "oversample": COUNT,
        "dmin_A": Bounds(unit="Angstrom", low=0, high=1e6),
        "spot_cutoff": Bounds(low=0, high=0.5),
    },
}
