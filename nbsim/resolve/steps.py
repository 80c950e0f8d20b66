# SPDX-License-Identifier: MIT
"""Automatic step counts: phi, sources, sensor layers, mosaic domains, subpixels.

Source: nanoBragg.c, "default sampling logic". A count of 0 and a range or step
of None mean "not given".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..model.models import Crystal, Detector, Goniometer
from .vectors import radians


@dataclass(frozen=True)
class Steps:
    """A range cut into steps, in the unit it was asked in (SI for results)."""

    count: int
    range: float
    step: float


NONE = Steps(1, 0.0, 0.0)
#: C counts in 32-bit integers.
MOST_STEPS = 2**31 - 1


def _count(full: float, step: float, what: str) -> int:
    """Return how many steps a range has, at least 1."""
    count = full / step
    if not count < MOST_STEPS:
        raise ValueError(
            f"{what}: the step goes {count:g} times into its range, expected at most "
            f"{MOST_STEPS} steps"
        )
    return max(1, math.ceil(count))


def phi_steps(goniometer: Goniometer) -> Steps:
    """Return the phi steps, radians."""
    osc = None if goniometer.osc_deg is None else radians(goniometer.osc_deg)
    step = radians(goniometer.phistep_deg or 0.0)
    count = goniometer.phisteps
    if count is None:
        if osc is None:
            return Steps(2, step, step) if step > 0.0 else NONE
        if step > 0.0:
            return Steps(_count(osc, step, "phistep_deg"), osc, step)
        return Steps(2, osc, osc / 2.0)
    count = max(count, 1)
    if osc is None:
        if step > 0.0:
            # C quirk: the given number of steps is forgotten.
            return Steps(2, step, step)
        osc = radians(1.0)
        return Steps(count, osc, osc / count)
    if goniometer.phistep_deg is None:
        return Steps(count, osc, osc / count)
    return Steps(count, osc, step)


def spread_steps(count: int, full: float | None, step: float | None) -> Steps:
    """Return the steps of a divergence or dispersion range.

    Parameters
    ----------
    count
        Steps asked for; 0: automatic.
    full, step
        Range and step asked for; None: not given.
    """
    step = step or 0.0
    if count <= 0:
        if full is None:
            steps = Steps(2, step, step)
        elif step <= 0.0:
            steps = Steps(2, full, full)
        else:
            steps = Steps(
                _count(full, step, "hdivstep_mrad or vdivstep_mrad"), full, step
            )
    elif full is None:
        if step > 0.0:
            steps = Steps(2, step, step)
        else:
            # C quirk: with nothing but the count, the range is one radian.
            steps = Steps(count, 1.0, 1.0 / count)
    elif step <= 0.0:
        count = max(count, 2)
        steps = Steps(count, full, full / (count - 1))
    else:
        steps = Steps(count, full, step)
    empty = steps.range <= 0.0 or steps.step <= 0.0 or steps.count <= 0
    return NONE if empty else steps


@dataclass(frozen=True)
class Sensor:
    """The absorbing layers of the detector, metres and 1/m."""

    thick: float
    thickstep: float
    thicksteps: int
    mu: float
    warnings: tuple[str, ...] = ()


def sensor_layers(detector: Detector, exact: bool = False) -> Sensor:
    """Return the sensor's layers.

    Layers of model physical (`exact`) fill the thickness; C's are too thick by
    count / (count - 1), and at least two.

    An attenuation depth of 0 or inf means no absorption at all: like C, it
    also forgets a thickness that is given before it; a thickness of its own is
    then an error in the making, so it warns.
    """
    warnings = []
    thick = detector.thick_um * 1e-6
    mu = -1.0
    if detector.abs_um is not None:
        transparent = detector.abs_um in (0.0, math.inf)
        mu = 0.0 if transparent else 1.0 / (detector.abs_um * 1e-6)
    if detector.thicksteps <= 0:
        count, step = 2, thick / 2
    elif exact:
        count, step = detector.thicksteps, thick / detector.thicksteps
    else:
        count = max(detector.thicksteps, 2)
        step = thick / (count - 1)
    if thick <= 0.0:
        return Sensor(0.0, 0.0, 1, mu)
    if mu < 0.0:
        mu = 1.0 / thick
        warnings.append(
            "no attenuation depth given: using the sensor's thickness, "
            f"{thick * 1e6:g} um"
        )
    elif mu == 0.0:
        warnings.append(
            "a sensor with infinite attenuation depth absorbs nothing: the image is 0"
        )
    return Sensor(thick, step, count, mu, tuple(warnings))


@dataclass(frozen=True)
class Mosaicity:
    """Spread (radians) and number of domains."""

    spread: float
    domains: int
    warnings: tuple[str, ...] = ()


def mosaic_domains(crystal: Crystal) -> Mosaicity:
    """Return the mosaic spread and the number of domains."""
    spread = crystal.mosaic_spread_deg
    domains = crystal.mosaic_domains
    if not spread:
        reason = (
            "no mosaic spread given" if spread is None else "the mosaic spread is 0"
        )
        warning = () if domains <= 0 else (f"{reason}: using 1 mosaic domain",)
        return Mosaicity(0.0, 1, warning)
    if domains <= 0:
        return Mosaicity(
            radians(spread),
            10,
            ("mosaic spread without a number of domains: using 10",),
        )
    return Mosaicity(radians(spread), domains)


def recommended_oversample(
    xtalsize_max: float, wavelength: float, distance: float, pixel_size: float
) -> int:
    """Return the subpixels per side that resolve the finest fringes; metres."""
    reciprocal_pixel_size = wavelength * distance / pixel_size
    return max(1, math.ceil(3.0 * xtalsize_max / reciprocal_pixel_size))
