# SPDX-License-Identifier: MIT
"""What a detector makes of photons, as the C program noisify does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..schema import Argument, Bounds, choice, group, number, option

if TYPE_CHECKING:
    from ..collector import Collector

#: `DetectorPreset` by name; the names alone, because the help must not load numpy.
PRESET_NAMES = (
    "eiger2_1m",
    "eiger2_4m",
    "eiger2_9m",
    "eiger2_16m",
    "pilatus3_1m",
    "pilatus3_2m",
    "pilatus3_6m",
    "jungfrau_4m",
    "rayonix_mx300hs",
)


def _preset(words: Collector, name: str) -> None:
    from ...model.detector_presets import detector_preset

    words.set("detector", **detector_preset(name).size_fields)


def _psf(words: Collector, shape: str) -> None:
    words.set("response", psf=None if shape == "none" else shape)


def _beamstop(words: Collector, radius: float, arm: float | None = None) -> None:
    words.set("detector", beamstop_mm=radius, beamstop_arm_deg=arm)


def _psf_radius(words: Collector, radius: float) -> None:
    whole = int(radius)
    if whole != radius:
        means = "0, automatic" if whole == 0 else str(whole)
        words.warnings.append(f"-psf_radius {radius:g}: taken as {means}, as noisify")
    words.set("response", psf_radius_pixels=whole)


def _bits(words: Collector, bits: int) -> None:
    if bits not in (16, 32):
        raise ValueError(f"-bits {bits}: an image's integers have 16 or 32 bits")


def _no_noise(words: Collector) -> str:
    silent = words.values["output"].get("noisefile", "") is None
    return "with -nonoise" if silent else ""


def _row(name: str, help: str, *arguments: Any, **says: Any) -> Any:
    says = {"python": "DetectorResponse", "idle": _no_noise, "prefixes": (), **says}
    return option(name, help, *arguments, **says)


OPTIONS = group(
    "Detector response",
    option(
        "detector_preset",
        "A detector by name: number and size of its pixels, gaps between its modules, "
        "saturation, and point spread where it has one; options behind it change them. "
        f"NAME is one of {', '.join(PRESET_NAMES)}.",
        Argument("NAME", "the detector", choices=PRESET_NAMES),
        sets=("preset", "name"),
        does=_preset,
        prefixes=(),
        python="nbsim.detector_preset",
    ),
    option(
        "beamstop",
        "Radius of the shadow of a beam stop around the direct beam, and the direction "
        "that its arm comes from, counted from the fast axis to the slow one.",
        number("RADIUS_MM", "the radius", Bounds(unit="mm", above=0)),
        number("ARM_DEG", "the direction of the arm", Bounds(unit="degrees")),
        does=_beamstop,
        least=1,
        prefixes=(),
        python="Detector.beamstop_mm, beamstop_arm_deg",
    ),
    _row(
        "gain",
        "Detector units per photon. This and the next ones make -noisefile what the "
        "C program noisify writes; without any of them it is what nanoBragg writes.",
        number("ADU", "the gain"),
        sets=("response", "gain"),
        default="1",
    ),
    _row(
        "readout_noise",
        "Width of the noise of the electronics.",
        number("ADU", "the readout noise"),
        sets=("response", "readout_adu"),
        default="0",
        aliases=("readnoise",),
        prefixes=("readout", "readnoi"),
    ),
    _row(
        "flicker",
        "Relative width of the source's fluctuation: of every pixel by itself in model "
        "c, of the whole image in model physical.",
        number("FRACTION", "the flicker"),
        sets=("response", "flicker"),
        default="0",
    ),
    _row(
        "calibration",
        "Relative width of the pixels' factors: other ones in every image in model c, "
        "always the same in model physical.",
        number("FRACTION", "the calibration error"),
        sets=("response", "calibration"),
        default="0",
    ),
    _row(
        "calib_seed",
        "Seed of -calibration.",
        number("SEED", "the calibration seed"),
        sets=("response", "calib_seed"),
        needs=("calibration",),
        default="123456789",
    ),
    _row(
        "psf",
        "Point spread: a Gaussian, or that of fiber-coupled detectors (Holton, Nielsen "
        "& Frankel 2012).",
        choice("the point spread", "gauss", "fiber", "none"),
        sets=("response", "psf"),
        does=_psf,
        default="none",
    ),
    _row(
        "psf_fwhm",
        "Full width at half maximum of the point spread.",
        number("UM", "the width of the point spread"),
        sets=("response", "psf_fwhm_um"),
        needs=("psf", "detector_preset"),
        default="46",
        aliases=("psf_size", "psf_width"),
    ),
    _row(
        "psf_radius",
        "Cut the point spread off at this distance, whose fraction is dropped; 0 "
        "chooses automatically in model c, and does not cut in model physical.",
        number(
            "PIXELS",
            "the radius of the point spread",
            Bounds(unit="pixels", above=-1, high=1e9),
        ),
        does=_psf_radius,
        python="DetectorResponse.psf_radius_pixels",
        needs=("psf", "detector_preset"),
        default="0",
    ),
    _row(
        "bits",
        "Bits of the noise image's integers, 16 or 32.",
        number("BITS", "the number of bits", Bounds(whole=True)),
        sets=("response", "bits"),
        does=_bits,
        default="16",
    ),
    _row(
        "saturation",
        "Counts above the zero level beyond which a pixel does not go.",
        number("COUNTS", "the saturation"),
        sets=("response", "saturation_counts"),
        default="what the integers hold",
    ),
    option(
        "noise_generator",
        "Random numbers of the noise: c draws one after the other as the C programs, "
        "philox by counter from seed and pixel, on all threads.",
        choice("the generator", "c", "philox"),
        sets=("output", "noise_generator"),
        default="c in model c, else philox",
        prefixes=(),
        idle=_no_noise,
        python="generator of Simulation.noise",
    ),
)
