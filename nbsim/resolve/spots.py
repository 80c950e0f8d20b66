# SPDX-License-Identifier: MIT
"""Where reflections appear and how bright they are, without rendering an image.

For whole arrays of reflections. Positions come from the mean wavelength and direction
of the beam; intensities from the volume of the lattice factor in reciprocal space,
which sampling in pixels and phi steps only approximates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .amounts import R_E_SQR
from .cell import Cell
from .positions import positions
from .run import Setup

#: The lattice factors' constants; see ``kernels/reference/lattice.py``.
ROUND_SCALE_SQR = math.pi / 6.0
GAUSS_WIDTH = 0.63
TOPHAT_RADIUS_SQR = 0.3969
#: Steps from a flat to a curved detector; each doubles the digits that are right.
NEWTON_STEPS = 8


@dataclass(frozen=True, eq=False)
class SpotShape:
    """The square of the lattice factor around a reciprocal-lattice point.

    Attributes
    ----------
    peak
        F_latt^2 at the point.
    form
        (3, 3), A^2: F_latt^2 is about peak exp(-dq form dq), with dq in 1/A.
    volume
        Integral of F_latt^2 over dq, 1/A^3; exact, also where `form` is not.
    sharp
        Whether it is a ball with an edge.
    """

    peak: float
    form: np.ndarray
    volume: float
    sharp: bool = False

    def spread(self, normals: np.ndarray) -> np.ndarray:
        """Return the standard deviation along unit vectors (n, 3), 1/A."""
        inverse = np.linalg.inv(self.form)
        return np.sqrt(0.5 * np.einsum("ni,ij,nj->n", normals, inverse, normals))


def spot_shape(shape: str, fudge: float, setup: Setup) -> SpotShape:
    """Return the shape of the spots of a crystal."""
    counts = np.array(setup.N_cells, float)
    product = float(np.prod(counts))
    direct = np.array([setup.cell.a, setup.cell.b, setup.cell.c])
    # dh = direct dq, so that a form in indices is turned into one in dq.
    grating = direct.T @ np.diag(counts**2) @ direct
    V_star = 1.0 / setup.cell.V_cell
    if shape == "square":
        return SpotShape(product**2, math.pi * grating, product * V_star)
    if shape == "round":
        width = math.pi * ROUND_SCALE_SQR ** (2.0 / 3.0) * fudge
        peak = product**2 * ROUND_SCALE_SQR
        return SpotShape(peak, width * grating, product * V_star / fudge**1.5)
    # Model c takes a number of cells where a length belongs.
    size = (product * setup.cell.V_cell) ** (1.0 / 3.0) if setup.physical else product
    squared = size**2 * fudge
    if shape == "gauss":
        width = 2.0 * squared / GAUSS_WIDTH
        volume = product**2 * (math.pi / width) ** 1.5
        return SpotShape(product**2, width * np.eye(3), volume)
    radius = math.sqrt(TOPHAT_RADIUS_SQR / squared)
    # A ball's standard deviation along any direction is radius / sqrt(5).
    width = 2.5 / radius**2
    volume = product**2 * 4.0 / 3.0 * math.pi * radius**3
    return SpotShape(product**2, width * np.eye(3), volume, sharp=True)


@dataclass(frozen=True, eq=False)
class Beamline:
    """What the positions of spots depend on, in Angstrom; see `beamline`."""

    s0: np.ndarray  # (3,) 1/A
    spindle: np.ndarray
    A: np.ndarray  # (3, 3) 1/A, columns a*, b*, c* at phi = 0

    @property
    def wavelength(self) -> float:
        """Mean wavelength, A."""
        return 1.0 / float(np.linalg.norm(self.s0))


def beamline(setup: Setup) -> Beamline:
    """Return the mean beam, the spindle and the crystal of a run."""
    weights = source_weights(setup)
    direction = weights @ setup.sources.incident
    wavelength = float(weights @ setup.sources.wavelengths) * 1e10
    cell = setup.cell
    return Beamline(
        s0=direction / np.linalg.norm(direction) / wavelength,
        spindle=np.array(setup.geometry.spindle_vector),
        A=reciprocal_lattice(cell),
    )


def reciprocal_lattice(cell: Cell) -> np.ndarray:
    """Return (3, 3) columns a*, b*, c* of the crystal that is rendered, 1/A.

    C quirk: kernels look at a, b, c, and with three oblique angles -cell has other a*,
    b*, c* than these, a few parts in 10 000 too long.
    """
    return np.linalg.inv(np.array([cell.a, cell.b, cell.c]))


def source_weights(setup: Setup) -> np.ndarray:
    """Return the share of each source, (n,); in model c all are alike."""
    count = len(setup.sources.wavelengths)
    return setup.sources.shares / count if setup.physical else np.full(count, 1 / count)


def turned(v: np.ndarray, axis: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """Return vectors (n, 3) turned about a unit vector by phi (n,), rad."""
    cos, sin = np.cos(phi)[:, None], np.sin(phi)[:, None]
    along = (v @ axis)[:, None] * axis
    return along + (v - along) * cos + np.cross(axis, v) * sin


def crossings(
    line: Beamline, hkl: np.ndarray, start: float, stop: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return where reflections cross the Ewald sphere.

    Solves s0 . (r_across cos phi + e x r sin phi) = -(r^2 / 2 + (r . e)(s0 . e)).

    Parameters
    ----------
    line
        Beam and crystal.
    hkl
        (n, 3) Miller indices.
    start, stop
        Range of phi, rad; it may be more than one turn.

    Returns
    -------
    index, phi
        (m,) which reflection, and the angle, start <= phi < stop: one row for each
        crossing, in order of phi.
    """
    r = hkl @ line.A.T
    e, s0 = line.spindle, line.s0
    along = r @ e
    x = r @ s0 - along * (s0 @ e)
    y = np.cross(e, r) @ s0
    amplitude = np.hypot(x, y)
    wanted = -(0.5 * np.einsum("ni,ni->n", r, r) + along * (s0 @ e))
    reach = np.flatnonzero((amplitude > 0.0) & (np.abs(wanted) <= amplitude))
    centre = np.arctan2(y[reach], x[reach])
    half = np.arccos(wanted[reach] / amplitude[reach])
    index, angles = [], []
    full = 2.0 * math.pi
    for phi in (centre - half, centre + half):
        first = start + np.mod(phi - start, full)
        for turn in range(math.ceil((stop - start) / full)):
            inside = first + turn * full < stop
            index.append(reach[inside])
            angles.append(first[inside] + turn * full)
    which, phi = np.concatenate(index), np.concatenate(angles)
    order = np.lexsort((which, phi))
    return which[order], phi[order]


def on_detector(setup: Setup, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where rays (n, 3) from the crystal meet the detector.

    Returns
    -------
    fast, slow
        (n,) pixels from the corner of the first one; nan where they do not meet.
    """
    geometry = setup.geometry
    pix0 = np.array(geometry.pix0_vector)
    fast, slow = np.array(geometry.fdet_vector), np.array(geometry.sdet_vector)
    normal = np.cross(fast, slow)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (pix0 @ normal) / (rays @ normal)
    t = np.where(np.isfinite(t) & (t > 0.0), t, np.nan)
    offset = t[:, None] * rays - pix0
    # Axes of a panel need not be at right angles.
    skew = fast @ slow
    along, across = offset @ fast, offset @ slow
    square = 1.0 - skew * skew
    F, S = (along - skew * across) / square, (across - skew * along) / square
    if setup.flags.curved:
        F, S = _on_curved(setup, rays, F, S)
    return F / geometry.pixel_size, S / geometry.pixel_size


def _on_curved(
    setup: Setup, rays: np.ndarray, F: np.ndarray, S: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates on a curved detector, m, from those on a flat one."""
    towards = rays / np.linalg.norm(rays, axis=1)[:, None]
    step = setup.geometry.pixel_size

    def direction(F: np.ndarray, S: np.ndarray) -> np.ndarray:
        place = positions(setup, F, S)
        return place / np.linalg.norm(place, axis=1)[:, None]

    for _ in range(NEWTON_STEPS):
        here = direction(F, S)
        f = (direction(F + step, S) - here) / step
        s = (direction(F, S + step) - here) / step
        missing = towards - here
        ff, fs, ss = (np.einsum("ni,ni->n", *pair) for pair in ((f, f), (f, s), (s, s)))
        fm, sm = (np.einsum("ni,ni->n", v, missing) for v in (f, s))
        determinant = ff * ss - fs * fs
        F = F + (ss * fm - fs * sm) / determinant
        S = S + (ff * sm - fs * fm) / determinant
    return F, S


def polarization(
    setup: Setup, kahn_factor: float | None, rays: np.ndarray
) -> np.ndarray:
    """Return the polarization factor of unit vectors (n, 3); None: no correction."""
    if kahn_factor is None:
        return np.ones(len(rays))
    incident = np.array(setup.geometry.beam_vector)
    B = np.cross(setup.geometry.polar_vector, incident)
    B = B / (np.linalg.norm(B) or 1.0)
    E = np.cross(incident, B)
    # A beam of which (1 + K) / 2 swings along E: dipoles do not shine along it.
    E_out, B_out = rays @ E, rays @ B
    along_E = (1.0 + kahn_factor) / 2.0 * (1.0 - E_out**2)
    return along_E + (1.0 - kahn_factor) / 2.0 * (1.0 - B_out**2)


def detected(setup: Setup, rays: np.ndarray, point_pixel: bool) -> np.ndarray:
    """Return the share of the photons that pixels count, for unit vectors (n, 3).

    1 without a sensor. In model c the fraction of the last layer of a sensor stands for
    each of them.
    """
    geometry, sensor = setup.geometry, setup.sensor
    cosine = rays @ np.array(geometry.odet_vector)
    share = np.ones(len(rays))
    if sensor.thick > 0.0:
        depth = sensor.thickstep * sensor.mu / cosine
        count = sensor.thicksteps
        if setup.physical:
            share = 1.0 - np.exp(-count * depth)
        else:
            share = count * (np.exp(-(count - 1) * depth) - np.exp(-count * depth))
    if point_pixel:
        share = share / (geometry.pixel_size**2 * np.abs(cosine))
    return share


def photon_scale(setup: Setup) -> float:
    """Return r_e^2 times fluence in 1/(1/A^3): photons of F_latt^2's volume."""
    return R_E_SQR * setup.fluence
