# SPDX-License-Identifier: MIT
"""Units and bounds of the models' numbers, once for Python and for the command line.

Imports neither numpy nor the models: ``nbsim -h`` reads it.
"""

import math
from dataclasses import dataclass

#: The random numbers work modulo 2**31 - 1.
MAX_SEED = 2**31 - 2
#: Photon energy [eV] times wavelength [A], as the C program rounds it.
EV_ANGSTROM = 12398.42


@dataclass(frozen=True)
class Bounds:
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
    """

    whole: bool = False
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    above: float = -math.inf
    below: float = math.inf
    infinite: bool = False

    def admit(self, value: float) -> bool:
        """Whether a number is allowed."""
        if math.isinf(value):
            return self.infinite and value > 0.0
        if self.whole and value != math.floor(value):
            return False
        return self.low <= value <= self.high and self.above < value < self.below


COUNT = Bounds(whole=True, low=0)
PIXELS = Bounds(whole=True, low=1)
SEED = Bounds(whole=True, low=-MAX_SEED, high=MAX_SEED)
LENGTH_MM = Bounds(unit="mm", above=0)
PLACE_MM = Bounds(unit="mm")
ANGLE_DEG = Bounds(unit="degrees")
DIVERGENCE_MRAD = Bounds(unit="mrad", low=0)

#: Of every number that is a field of a model, by model and field.
BOUNDS = {
    "crystal": {
        "misset_seed": SEED,
        "Na": COUNT,
        "Nb": COUNT,
        "Nc": COUNT,
        "sample_x_mm": Bounds(unit="mm", low=0),
        "sample_y_mm": Bounds(unit="mm", low=0),
        "sample_z_mm": Bounds(unit="mm", low=0),
        "fudge": Bounds(above=0),
        "mosaic_spread_deg": Bounds(unit="degrees", low=0, high=360),
        "mosaic_domains": COUNT,
        "mosaic_seed": SEED,
        "water_um": Bounds(unit="um", low=0),
    },
    "structure_factors": {
        "default_F": Bounds(unit="electrons"),
    },
    "beam": {
        "wavelength_A": Bounds(unit="Angstrom", above=0),
        "fluence_per_m2": Bounds(unit="photons/m^2", low=0),
        "flux_per_s": Bounds(unit="photons/s", low=0),
        "exposure_s": Bounds(unit="s", above=0),
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
        "ORGX_pixels": Bounds(unit="pixels"),
        "ORGY_pixels": Bounds(unit="pixels"),
        "rotx_deg": ANGLE_DEG,
        "roty_deg": ANGLE_DEG,
        "rotz_deg": ANGLE_DEG,
        "twotheta_deg": ANGLE_DEG,
        "thick_um": Bounds(unit="um", low=0),
        "thicksteps": COUNT,
        "beamstop_mm": LENGTH_MM,
        "beamstop_arm_deg": ANGLE_DEG,
        "abs_um": Bounds(unit="um", low=0, infinite=True),
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
        "osc_deg": Bounds(unit="degrees", low=0),
        "phistep_deg": Bounds(unit="degrees", low=0),
        "phisteps": COUNT,
    },
    "sampling": {
        "oversample": COUNT,
        "dmin_A": Bounds(unit="Angstrom", low=0),
    },
}
