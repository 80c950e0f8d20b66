# SPDX-License-Identifier: MIT
"""The list of sources: from a file, or from divergence and dispersion.

Source: nanoBragg.c, "import sources" and "generate generic list of sources".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..model.models import Beam
from .geometry import Geometry
from .steps import NONE, Steps, spread_steps
from .vectors import Vector, cross, magnitude, rotate_axis, scaled, unit

#: Distance of a generated source, m; only its direction matters.
SOURCE_DISTANCE = 10.0
#: Sine of an angle between ray and E field below which they count as parallel.
ALONG_RAY = 1e-9


@dataclass(frozen=True)
class Sources:
    """Where the photons come from.

    Attributes
    ----------
    positions
        (n, 3) m, as generated or read.
    weights
        (n,) as generated or read; model c does not use them.
    wavelengths
        (n,) m.
    hdiv, vdiv, dispersion
        The steps that made them; 1 step without a range for a list.
    deviations
        Horizontal and vertical angle of each divergence step, radians.
    channels
        (n,) which channel of a spectrum each source is; None without one. Their
        weights are used in every model.
    """

    positions: np.ndarray
    weights: np.ndarray
    wavelengths: np.ndarray
    hdiv: Steps
    vdiv: Steps
    dispersion: Steps
    deviations: tuple[tuple[float, float], ...]
    channels: np.ndarray | None = None

    @property
    def shares(self) -> np.ndarray:
        """(n,) weights with a mean of 1."""
        return self.weights / self.weights.mean()

    @property
    def incident(self) -> np.ndarray:
        """(n, 3) unit vectors along the rays."""
        return np.array([scaled(unit(p), -1.0) for p in self.positions.tolist()])


def _milli(value: float | None) -> float | None:
    return None if value is None else value / 1000.0


def _relative(offset: float, steps: Steps) -> float:
    """Squared position in a range, 1/4 at its edges; 0/0 is nan, as in C."""
    even = 1 - steps.count % 2
    square = offset * offset - steps.step * steps.step / 4.0 * even
    return square / steps.range / steps.range if steps.range else math.nan


def deviations(
    hdiv: Steps, vdiv: Steps, round_div: bool
) -> tuple[tuple[float, float], ...]:
    """Return the horizontal and vertical angles of the source grid, radians."""
    kept = []
    for i in range(hdiv.count):
        for j in range(vdiv.count):
            h = hdiv.step * i - hdiv.range / 2.0
            v = vdiv.step * j - vdiv.range / 2.0
            # A comparison with nan is false: without one of the two
            # divergences C does not cut the other.
            if round_div and 4.0 * (_relative(h, hdiv) + _relative(v, vdiv)) > 1.1:
                continue
            kept.append((h, v))
    return tuple(kept)


def check_exact(sources: Sources, beam: Beam, geometry: Geometry) -> None:
    """Refuse sources that only model c can render.

    Raises
    ------
    ValueError
        For a negative weight, weights without a sum, a source at the crystal, or
        rays along the direction of a polarized beam's E field.
    """
    for number, weight in enumerate(sources.weights.tolist(), start=1):
        if weight < 0.0:
            raise ValueError(
                f"source {number}: weight {weight:g}; expected 0 or more, its share of "
                "the photons"
            )
    if not sources.weights.sum() > 0.0:
        raise ValueError(
            "sources: all weights are 0; expected at least one that is more than 0"
        )
    polarized = beam.polarization != 0.0 and not beam.nopolar
    axis = geometry.polar_vector
    for number, ray in enumerate(sources.incident.tolist(), start=1):
        if not any(ray):
            raise ValueError(
                f"source {number}: position 0 0 0, which is the crystal's; expected a "
                "place that rays come from"
            )
        if polarized and magnitude(cross(axis, ray)) < ALONG_RAY:
            raise ValueError(
                f"source {number}: its ray runs along polar_vector {axis[0]:g} "
                f"{axis[1]:g} {axis[2]:g}, so that its E field has no direction; "
                "expected another polar_vector, -polar 0 or -nopolar"
            )
    if len(sources.deviations) > 1 and not any(geometry.vert_vector):
        raise ValueError(
            "polar_vector lies along the beam, so that divergence has no vertical "
            "direction; expected another polar_vector"
        )


def source_grid(beam: Beam) -> tuple[Steps, Steps, Steps]:
    """Return the steps of horizontal and vertical divergence, and of dispersion."""
    return (
        spread_steps(
            beam.hdivsteps, _milli(beam.hdivrange_mrad), _milli(beam.hdivstep_mrad)
        ),
        spread_steps(
            beam.vdivsteps, _milli(beam.vdivrange_mrad), _milli(beam.vdivstep_mrad)
        ),
        spread_steps(beam.dispsteps, beam.dispersion_percent / 100.0, None),
    )


def resolve_sources(beam: Beam, geometry: Geometry) -> Sources:
    """Return the sources of a beam.

    Raises
    ------
    ValueError
        When the elliptical cut leaves no source.
    """
    wavelength = beam.wavelength_A / 1.0e10
    hdiv, vdiv, dispersion = source_grid(beam)
    far = scaled(geometry.beam_vector, -SOURCE_DISTANCE)
    if beam.sources is not None:
        defaults = np.array([*far, 1.0, wavelength])
        table = np.where(np.isnan(beam.sources), defaults, beam.sources)
        return Sources(table[:, :3], table[:, 3], table[:, 4], NONE, NONE, NONE, ())
    angles = deviations(hdiv, vdiv, beam.round_div)
    if not angles:
        raise ValueError(
            "divergence: the elliptical cut leaves no source; use more steps or "
            "-square_div"
        )
    directions = [_direction(far, h, v, geometry) for h, v in angles]
    if beam.spectrum is not None:
        return _channels(beam.spectrum, directions, hdiv, vdiv, angles)
    count = len(angles) * dispersion.count
    positions: list[Vector] = []
    wavelengths = []
    for position in directions:
        for i in range(dispersion.count):
            positions.append(position)
            offset = 1.0 + dispersion.step * i - dispersion.range / 2.0
            wavelengths.append(wavelength * offset)
    return Sources(
        np.array(positions),
        np.full(count, 1.0 / count),
        np.array(wavelengths),
        hdiv,
        vdiv,
        dispersion,
        angles,
    )


def _direction(far: Vector, h: float, v: float, geometry: Geometry) -> Vector:
    """Return where the rays come from that deviate by two angles, m."""
    position = rotate_axis(far, geometry.polar_vector, v)
    return rotate_axis(position, geometry.vert_vector, h)


def _channels(
    spectrum: np.ndarray,
    directions: list[Vector],
    hdiv: Steps,
    vdiv: Steps,
    angles: tuple[tuple[float, float], ...],
) -> Sources:
    """Return every direction with every channel of a spectrum, channels fastest."""
    wavelengths, weights = spectrum.T
    count = len(directions)
    return Sources(
        positions=np.repeat(np.array(directions), len(spectrum), axis=0),
        weights=np.tile(weights / count, count),
        wavelengths=np.tile(wavelengths / 1.0e10, count),
        hdiv=hdiv,
        vdiv=vdiv,
        dispersion=NONE,
        deviations=angles,
        channels=np.tile(np.arange(len(spectrum)), count),
    )
