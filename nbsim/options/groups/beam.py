# SPDX-License-Identifier: MIT
"""Wavelengths, directions and strength of the beam."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...model.limits import C_EV_ANGSTROM, ENERGY_EV
from ..schema import file, group, number, option
from .shared import NOT_USED, unless

if TYPE_CHECKING:
    from ..collector import Collector


def _energy(words: Collector, energy_eV: float) -> None:
    words.set("beam", wavelength_A=C_EV_ANGSTROM / energy_eV)


def _fluence_is_overruled(words: Collector) -> str:
    return "beside -flux" if words.values["beam"].get("flux_per_s") else ""


def _polar_is_off(words: Collector) -> str:
    return "beside -nopolar" if words.values["beam"].get("nopolar") else ""


DIVERGENCE = (
    *("divergence", "hdivrange", "vdivrange", "hdivstep", "vdivstep"),
    *("divsteps", "hdivsteps", "vdivsteps"),
)
OPTIONS = group(
    "Beam",
    option(
        "lambda",
        "Wavelength.",
        number("ANGSTROM", "the wavelength"),
        sets=("beam", "wavelength_A"),
        default="1",
        overruled_by=("spectrum",),
        aliases=("wavelength", "wave"),
        c="lambda0",
    ),
    option(
        "energy",
        "Photon energy, instead of -lambda.",
        number("EV", "the photon energy", ENERGY_EV),
        does=_energy,
        overruled_by=("spectrum",),
        python="Beam(wavelength_A=12398.42 / energy_eV)",
        c="lambda0 = 12398.42 / E",
    ),
    option(
        "dispersion",
        "Full width of the wavelength range, relative to the wavelength.",
        number("PERCENT", "the dispersion"),
        sets=("beam", "dispersion_percent"),
        default="0",
        c="dispersion",
        overruled_by=("sourcefile",),
    ),
    option(
        "dispsteps",
        "Number of wavelengths in that range; 0 chooses automatically.",
        number("STEPS", "the number of wavelengths"),
        sets=("beam", "dispsteps"),
        default="2 with -dispersion, else 1",
        c="dispsteps",
        overruled_by=("sourcefile",),
        idle=unless("beam", "dispersion_percent", "without -dispersion"),
    ),
    option(
        "divergence",
        "Full angle of the beam divergence, horizontally and vertically.",
        number("MRAD", "the divergence"),
        sets=(("beam", "hdivrange_mrad"), ("beam", "vdivrange_mrad")),
        default="0",
        c="hdivrange, vdivrange",
        overruled_by=("sourcefile",),
    ),
    option(
        "hdivrange",
        "Full horizontal divergence.",
        number("MRAD", "the horizontal divergence"),
        sets=("beam", "hdivrange_mrad"),
        default="0",
        c="hdivrange",
        overruled_by=("sourcefile",),
    ),
    option(
        "vdivrange",
        "Full vertical divergence.",
        number("MRAD", "the vertical divergence"),
        sets=("beam", "vdivrange_mrad"),
        default="0",
        c="vdivrange",
        overruled_by=("sourcefile",),
    ),
    option(
        "hdivstep",
        "Angle between source points in the horizontal direction; 0 chooses "
        "automatically.",
        number("MRAD", "the horizontal divergence step"),
        sets=("beam", "hdivstep_mrad"),
        default="from range and number",
        prefixes=(),
        c="hdivstep",
        overruled_by=("sourcefile",),
    ),
    option(
        "vdivstep",
        "Angle between source points in the vertical direction; 0 chooses "
        "automatically.",
        number("MRAD", "the vertical divergence step"),
        sets=("beam", "vdivstep_mrad"),
        default="from range and number",
        prefixes=(),
        c="vdivstep",
        overruled_by=("sourcefile",),
    ),
    option(
        "hdivsteps",
        "Number of source points in the horizontal direction; 0 chooses "
        "automatically.",
        number("STEPS", "the number of horizontal source points"),
        sets=("beam", "hdivsteps"),
        default="2 with a range or step, else 1",
        c="hdivsteps",
        overruled_by=("sourcefile",),
    ),
    option(
        "vdivsteps",
        "Number of source points in the vertical direction; 0 chooses "
        "automatically.",
        number("STEPS", "the number of vertical source points"),
        sets=("beam", "vdivsteps"),
        default="2 with a range or step, else 1",
        c="vdivsteps",
        overruled_by=("sourcefile",),
    ),
    option(
        "divsteps",
        "Number of source points in both directions; 0 chooses automatically.",
        number("STEPS", "the number of source points"),
        sets=(("beam", "hdivsteps"), ("beam", "vdivsteps")),
        c="hdivsteps, vdivsteps",
        overruled_by=("sourcefile",),
    ),
    option(
        "round_div",
        "Keep only the source points inside an ellipse. This is the default.",
        sets=("beam", "round_div"),
        value=True,
        c="round_div = 1",
        needs=DIVERGENCE,
        overruled_by=("sourcefile",),
    ),
    option(
        "square_div",
        "Keep the source points in the corners too.",
        sets=("beam", "round_div"),
        value=False,
        c="round_div = 0",
        needs=DIVERGENCE,
        overruled_by=("sourcefile",),
    ),
    option(
        "sourcefile",
        "Text file of source points instead of divergence and dispersion: x y z "
        "weight wavelength on each line, lengths in metres. Columns may be left "
        "out from the right. Model c reads the weight and ignores it; in model "
        "physical it is the source's share of the photons.",
        file("the source file", ".dat", ".txt"),
        sets=("files", "sourcefile"),
        python="Beam(sources=nbsim.read_sources(...))",
        c="sourcefilename",
        c_note="the weight column is read and ignored, the wavelength column used; "
        "the same here (oddity 6)",
    ),
    option(
        "fluence",
        "Photons per area in the whole exposure.",
        number("FLUENCE", "the fluence"),
        sets=("beam", "fluence_per_m2"),
        default="1.26e29, which makes the intensity F^2",
        c="fluence",
        idle=_fluence_is_overruled,
    ),
    option(
        "flux",
        "Photons per time; with -exposure and -beamsize it gives the fluence.",
        number("FLUX", "the flux"),
        sets=("beam", "flux_per_s"),
        default="not used",
        c="flux",
    ),
    option(
        "exposure",
        "Exposure time.",
        number("SECONDS", "the exposure time"),
        sets=("beam", "exposure_s"),
        default="1",
        c="exposure",
        idle=unless("beam", "flux_per_s", "without -flux"),
    ),
    option(
        "beamsize",
        "Edge length of the square beam. Crystal sizes given in mm are clipped to "
        "it.",
        number("MM", "the beam size"),
        sets=("beam", "beamsize_mm"),
        default="0.1",
        c="beamsize",
        needs=("flux", "samplesize", "sample_y", "sample_z"),
    ),
    option(
        "polar",
        "Kahn's polarization factor: 1 for a beam polarized along the polarization "
        "vector, 0 for an unpolarized one.",
        number("FACTOR", "the polarization factor"),
        sets=("beam", "polarization"),
        also=(("beam", "nopolar", False),),
        default="0",
        prefixes=(),
        c="polarization",
        c_note="the default is 0, whatever its usage text says; the same here",
        idle=_polar_is_off,
    ),
    option(
        "nopolar",
        "Do not apply the polarization factor.",
        sets=("beam", "nopolar"),
        value=True,
        c="nopolar = 1",
    ),
    option(
        "coherent",
        "Accepted and not used, as in nanoBragg: all terms are added incoherently.",
        unused="waves from different sources are added incoherently all the same",
        c="coherent",
        c_note=NOT_USED,
    ),
)
