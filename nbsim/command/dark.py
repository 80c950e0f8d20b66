# SPDX-License-Identifier: MIT
"""Say why an image is dark everywhere, or has numbers that no image has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..resolve.geometry import Geometry
from ..resolve.positions import scattering_length

if TYPE_CHECKING:
    from ..resolve.run import Setup

#: Points along an edge at which the resolution of the detector is looked at.
POINTS = 65
#: |close distance| / (size of the detector), below which its plane is that of the rays.
EDGE_ON = 1e-9


def image_warning(setup: Setup, image: np.ndarray) -> str | None:
    """Return what is wrong with an image, None when nothing is.

    Parameters
    ----------
    setup
        The run that it comes from.
    image
        (slow, fast) float32, photons.
    """
    least, most = float(image.min()), float(image.max())
    if not np.isfinite(least) or not np.isfinite(most):
        count = int(np.count_nonzero(~np.isfinite(image)))
        return f"{count} pixels of the image are not finite{_because(_overflow(setup))}"
    if least < 0.0:
        count = int(np.count_nonzero(image < 0.0))
        return f"{count} pixels of the image are negative{_because(_behind(setup))}"
    if most == 0.0:
        return f"the image is 0 everywhere{_because(_darkness(setup))}"
    return None


def _because(reason: str | None) -> str:
    return f": {reason}" if reason else ""


def _overflow(setup: Setup) -> str | None:
    factors = setup.structure_factors
    largest = abs(factors.default_F)
    if factors.F is not None:
        largest = max(largest, float(np.abs(factors.F).max()))
    cells = float(np.prod(setup.N_cells))
    peak = (largest * cells) ** 2 * setup.fluence
    if not np.isfinite(peak) or peak > np.finfo(np.float32).max:
        return (
            f"|F| {largest:g}, {cells:g} cells and a fluence of {setup.fluence:g} "
            "photons/m^2 exceed the numbers of a 32-bit image"
        )
    return None


def _behind(setup: Setup) -> str | None:
    if setup.geometry.close_distance < 0.0:
        return "the detector's back is turned to the crystal"
    return None


def _darkness(setup: Setup) -> str | None:
    """Say why nothing arrives anywhere, as far as that can be known."""
    flags, factors = setup.flags, setup.structure_factors
    if not setup.rendered.any():
        return "region of interest and mask leave no pixel"
    if setup.fluence == 0.0:
        return "the fluence is 0"
    no_list = factors.F is None or not np.any(factors.F)
    if no_list and factors.default_F == 0.0 and setup.I_bg == 0.0:
        return "every structure factor is 0"
    if not flags.point_pixel and all(_edge_on(p.geometry) for p in setup.panels):
        return "the plane of the detector goes through the crystal"
    if flags.oversample_thick and not setup.sensor.thick and setup.model == "c":
        return "-oversample_thick without a thickness (-detector_thick) absorbs nothing"
    if setup.sensor.thick and setup.sensor.mu == 0.0:
        return "a sensor with an infinite attenuation depth absorbs nothing"
    if setup.dmin:
        coarsest = 1.0 / _smallest_scattering(setup)
        if coarsest < setup.dmin * 1e10:
            return (
                f"-dmin {setup.dmin * 1e10:g} leaves out all of the detector, which "
                f"begins at {coarsest:.3g} A"
            )
    if setup.shape in ("gauss", "tophat"):
        return f"no {setup.shape} spot touches a pixel"
    if factors.F is not None and factors.default_F == 0.0:
        return "no reflection of the list reaches a pixel"
    return None


def _edge_on(geometry: Geometry) -> bool:
    size = max(geometry.detsize_f, geometry.detsize_s)
    return abs(geometry.close_distance) < EDGE_ON * size


def _smallest_scattering(setup: Setup) -> float:
    """Return the smallest 1/d of the pixels to render, 1/A."""
    if len(setup.panels) > 1:
        alone = map(setup.of_panel, range(len(setup.panels)))
        return min(_smallest_scattering(own) for own in alone if own is not None)
    xmin, xmax, ymin, ymax = setup.bounds
    pixel = setup.geometry.pixel_size
    fast = pixel * (np.linspace(xmin, xmax, POINTS)[None] + 0.5)
    slow = pixel * (np.linspace(ymin, ymax, POINTS)[:, None] + 0.5)
    return max(float(scattering_length(setup, fast, slow).min()), 1e-30)
