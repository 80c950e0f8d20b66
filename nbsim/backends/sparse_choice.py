# SPDX-License-Identifier: MIT
"""Which runs are rendered from their reflections, and what that costs.

With Gaussian or top-hat spots nearly everything is dark. `kernels/cpu/sparse_band` says
how only the rest is evaluated; here is when that gives the dense image, and whether it
takes less time. Costs were fitted to 78 runs on an AVX2 machine.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..resolve.vectors import cross, dot, magnitude, unit
from .cpu_arguments import SINGLE_SPOT_BITS, shape_arguments

if TYPE_CHECKING:
    from ..kernels.params import Job, Pixels
    from ..model.structure_factors import StructureFactors
    from ..resolve.geometry import Geometry
    from ..resolve.run import Setup
    from ..resolve.steps import Sensor

#: What float32 rounds to 0, and a share of it that all dropped terms of a pixel stay
#: below together: no sum that is stored changes.
INVISIBLE = 2.0**-151 * 2.0**-20
#: The exact cut is never above this fraction of a reflection's peak.
LARGEST_CUT = 1e-12
#: `reduced.gauss` ends at 2^-1000.
MOST_BITS = 990.0
#: Bounds of rho = wavelength * radius of a ball: rounding is finer than the smallest,
#: and the cone of `sparse_hits` narrower than the hemisphere at the largest.
RHO_BOUNDS = 1e-9, 0.5
#: What 16 bits hold.
LARGEST_INDEX = 32000.0

# Seconds of one thread: fixed; a view; a reflection in reach of a view, with its tile
# entry; a lit evaluation; any evaluation and any subpixel of the dense kernel.
FIXED, PER_VIEW, PER_HIT, PER_LIT = 3e-3, 1e-6, 120e-9, 6.5e-9
PER_EVALUATION, PER_SUBPIXEL = {"gauss": 2.9e-9, "tophat": 1.2e-9}, 6e-9
#: A list's look-up in the dense kernel.
PER_LOOKUP = 6e-9
#: A panel of several, s.
PER_PANEL = 4e-4
#: How much faster the forecast has to be.
WORTH = 2.0


@dataclass(frozen=True)
class Forecast:
    """What the models say of a run.

    Attributes
    ----------
    radius
        Of a reflection's ball, 1/Angstrom.
    cutoff
        What is dropped, of a reflection's peak.
    lit_fraction
        Share of all evaluations that is not dropped.
    hits
        Reflections in reach of a view.
    sparse_s, dense_s
        Time on one thread.
    """

    radius: float
    cutoff: float
    lit_fraction: float
    hits: float
    sparse_s: float
    dense_s: float

    @property
    def worth_it(self) -> bool:
        """Whether sparse rendering is the faster one."""
        return self.dense_s >= WORTH * self.sparse_s


@functools.lru_cache(maxsize=1)
def largest_F_sqr(factors: StructureFactors) -> float:
    """Return the largest F_cell^2 of a list and what is beyond it; 1 without a list."""
    if factors.F is None:
        return 1.0
    largest = max(float(factors.F.max()), -float(factors.F.min()))
    return max(largest, abs(factors.default_F)) ** 2


def plane_distance(geometry: Geometry, sensor: Sensor) -> float:
    """Return the distance of the nearest layer's plane from the crystal, m.

    Negative where layers are on both sides.
    """
    normal = unit(cross(geometry.fdet_vector, geometry.sdet_vector))
    first = dot(geometry.pix0_vector, normal)
    depth = (sensor.thicksteps - 1) * sensor.thickstep
    last = first + depth * dot(geometry.odet_vector, normal)
    return min(first, last) if first > 0.0 else min(-first, -last)


def choose(
    setup: Setup,
    job: Job,
    pixels: Pixels,
    precision: str,
    on_device: bool,
    panels: int = 1,
) -> tuple[Forecast | None, str | None]:
    """Return what a sparse run would be, and why it is none; None: it is.

    Of several panels `setup` and `job` are those of the nearest one, whose spots reach
    farthest, and `pixels` all that are rendered.

    Raises
    ------
    ValueError
        When sparse rendering is asked for, or needed for a cutoff, and impossible.
    """
    if setup.sparse == "off":
        return None, "-sparse off"
    cast: Forecast | str | None = None
    why = "on a CUDA device all is evaluated" if on_device else None
    why = why or why_dense(setup)
    if why is None:
        shape, factor = shape_arguments(job.xtal)
        if setup.structure_factors.F is None:
            factor *= setup.structure_factors.default_F**2
        cast = forecast(setup, job, pixels, shape, factor, precision)
        if isinstance(cast, str):
            why, cast = cast, None
        elif panels > 1:
            slower = cast.sparse_s + panels * PER_PANEL
            cast = dataclasses.replace(cast, sparse_s=slower)
    if why is not None and setup.sparse == "on":
        raise ValueError(f"sparse on: not possible, {why}")
    if why is not None and setup.spot_cutoff > 0.0:
        raise ValueError(
            f"spot_cutoff {setup.spot_cutoff:g}: needs sparse rendering, which is not "
            f"possible: {why}"
        )
    if cast and setup.sparse == "auto" and setup.spot_cutoff == 0.0:
        why = None if cast.worth_it else "evaluating everything takes less time"
    return cast, why


def why_dense(setup: Setup) -> str | None:
    """Return why a run cannot be rendered from its reflections; None: it can."""
    flags = setup.flags
    if setup.shape not in ("gauss", "tophat"):
        return f"spots of a {setup.shape} crystal have no end"
    if setup.structure_factors.spectral is not None:
        return "structure factors follow the energy"
    if flags.curved:
        return "the detector is curved"
    if setup.interpolate:
        return "structure factors are interpolated"
    if flags.oversample_thick or flags.oversample_polar or flags.oversample_omega:
        return "the running products of the -oversample_ options need every term"
    if (
        setup.geometry.close_distance <= 0.0
        or plane_distance(setup.geometry, setup.sensor) <= 0.0
    ):
        return "the detector is hit from behind"
    return None


def forecast(
    setup: Setup,
    job: Job,
    pixels: Pixels,
    shape: Any,
    factor: float,
    precision: str,
) -> Forecast | str:
    """Return radius, light and time of a run; or why it cannot be rendered so.

    Parameters
    ----------
    shape, factor
        The shape's arguments in double precision (`cpu_arguments.shape_arguments`), and
        the constant factor of all terms.
    """
    tophat = hasattr(shape, "cut")
    factors, spot_cutoff = setup.structure_factors, setup.spot_cutoff
    distance = plane_distance(setup.geometry, setup.sensor)
    bits = shape.cut if tophat else _bits(job, factors, factor, precision, distance)
    if not tophat and spot_cutoff > 0.0:
        bits = min(bits, -math.log2(spot_cutoff))
    if not bits <= MOST_BITS:
        return "the image is too bright for spots to have an end"
    cell = job.xtal.cell_vectors[0] * 1e10
    M = shape.metric
    metric = np.array(
        [
            [M[0], M[3] / 2, M[4] / 2],
            [M[3] / 2, M[1], M[5] / 2],
            [M[4] / 2, M[5] / 2, M[2]],
        ]
    )
    # d.M.d = q.(A^T M A).q: a sphere but for C's quirk of oblique cells.
    steepest = float(np.linalg.eigvalsh(cell.T @ metric @ cell)[0])
    if not steepest > 0.0:
        return "the spots have no size"
    # Farther from a reflection than half the reciprocal cell, another one is nearer.
    # Plain Python: numpy takes longer for three numbers.
    a, b, c = cell.tolist()
    area_a, area_b, area_c = cross(b, c), cross(c, a), cross(a, b)
    volume = abs(dot(a, area_a))
    diagonals = (
        [x + i * y + j * z for x, y, z in zip(area_a, area_b, area_c)]
        for i in (-1.0, 1.0)
        for j in (-1.0, 1.0)
    )
    half_cell = 0.5 * max(map(magnitude, diagonals)) / volume
    radius = min(math.sqrt(bits / steepest), half_cell) * (1.0 + 1e-6)
    wavelengths = job.beam.wavelength
    shortest, longest = float(wavelengths.min()), float(wavelengths.max())
    if not RHO_BOUNDS[0] < radius * shortest * 1e10:
        return "the spots are too small"
    if not radius * longest * 1e10 < RHO_BOUNDS[1]:
        return "the spots are too large"
    edge = max(map(magnitude, (a, b, c)))
    if edge * (2.0 / (shortest * 1e10) + radius) > LARGEST_INDEX:
        return f"there are indices above {LARGEST_INDEX:g}"
    det = job.det
    lit = 4.0 / 3.0 * math.pi * radius**3 * volume
    views = len(wavelengths) * len(job.xtal.cell_vectors)
    solid = min(6.3, pixels.count * det.pixel_size**2 / distance**2)
    hits = solid / (longest * 1e10) ** 2 * 2.0 * radius * volume
    subpixels = float(pixels.count) * det.oversample**2 * det.detector_thicksteps
    evaluations = subpixels * views
    per_evaluation = PER_EVALUATION["tophat" if tophat else "gauss"]
    if factors.F is not None:
        per_evaluation += PER_LOOKUP
    return Forecast(
        radius=radius,
        cutoff=0.0 if tophat else spot_cutoff,
        lit_fraction=min(1.0, lit),
        hits=hits,
        sparse_s=FIXED
        + views * (PER_VIEW + hits * PER_HIT)
        + lit * evaluations * PER_LIT,
        dense_s=evaluations * per_evaluation + subpixels * PER_SUBPIXEL,
    )


def _bits(
    job: Job,
    factors: StructureFactors,
    factor: float,
    precision: str,
    distance: float,
) -> float:
    """Return -log2 of the largest term, of a peak, that no stored pixel can show."""
    if precision == "single":
        # Beyond this the dense kernel's terms are 0.
        return SINGLE_SPOT_BITS * (1.0 + 1e-4)
    det, sampling = job.det, job.sampling
    omega = 1.0 / distance**2
    if not det.point_pixel:
        depth = det.detector_thicksteps * det.detector_thickstep
        omega *= det.pixel_size**2 * (det.close_distance + depth) / distance
    largest = sampling.scale * factor * largest_F_sqr(factors) * omega
    largest *= det.detector_thicksteps
    if not largest > 0.0:
        return -math.log2(LARGEST_CUT)
    return max(-math.log2(LARGEST_CUT), math.log2(largest) - math.log2(INVISIBLE))
