# SPDX-License-Identifier: MIT
"""Which reflections a frame or a sweep records, where, and with how many photons."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np

from ..model.structure_factors import StructureFactors
from ..resolve.geometry import Geometry
from ..resolve.run import Setup
from ..resolve.spots import (
    Beamline,
    SpotShape,
    beamline,
    crossings,
    detected,
    on_detector,
    photon_scale,
    polarization,
    source_weights,
    spot_shape,
    turned,
)
from ..resolve.vectors import RTD
from ..simulation import Simulation

#: One reflection: indices, F [electrons], pixels from the corner of its panel, phi,
#: frame (0.0 is the start of the first), recorded part, expected photons, panel.
SPOT = np.dtype(
    [
        ("h", "<i4"),
        ("k", "<i4"),
        ("l", "<i4"),
        ("F", "<f8"),
        ("fast_px", "<f8"),
        ("slow_px", "<f8"),
        ("phi_deg", "<f8"),
        ("frame", "<f8"),
        ("partiality", "<f8"),
        ("photons", "<f8"),
        ("panel", "<i4"),
    ]
)
#: A still records a reflection of which it has at least this part.
FAINTEST = 1e-3
#: Reflections are looked for a little beyond the corners of the detector.
MARGIN = 1.02
_erf = np.frompyfunc(math.erf, 1, 1)


def sweep_spots(
    simulation: Simulation, start_deg: float, osc_deg: float, frames: int
) -> np.ndarray:
    """Return the reflections that cross the Ewald sphere in a sweep of phi.

    Parameters
    ----------
    simulation
        Any frame of it; its goniometer's phi is not used.
    start_deg, osc_deg, frames
        The sweep [deg].

    Returns
    -------
    ndarray
        (n,) `SPOT`, one for each crossing, in order of phi. The partiality is what
        begins and ends inside the sweep, and photons those in all frames together.
    """
    setup = simulation.setup
    line = beamline(setup)
    hkl, F = _reflections(simulation, line)
    start, stop = start_deg / RTD, (start_deg + osc_deg * frames) / RTD
    which, phi = crossings(line, hkl, start, stop)
    r = turned(hkl[which] @ line.A.T, line.spindle, phi)
    rays = (line.s0 + r) * line.wavelength
    landed = _landed(simulation, rays)
    kept = landed.ray
    which, phi, r, rays = which[kept], phi[kept], r[kept], rays[kept]
    speed = np.abs(np.einsum("ni,ni->n", np.cross(line.spindle, r), rays))
    shape = spot_shape(simulation.crystal.shape, simulation.crystal.fudge, setup)
    width = _rocking_width(setup, line, shape, r, rays)
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = (start - phi) * speed / width, (stop - phi) * speed / width
        partiality = np.nan_to_num(_below(high) - _below(low))
        whole = line.wavelength**2 * shape.volume / (speed * osc_deg / RTD)
    spots = np.zeros(len(which), SPOT)
    spots["h"], spots["k"], spots["l"] = hkl[which].T
    spots["F"] = F[which]
    landed.fill_in(spots)
    spots["phi_deg"] = phi * RTD
    spots["frame"] = (phi * RTD - start_deg) / osc_deg
    spots["partiality"] = partiality
    brightness = _brightness(simulation, F[which], rays) * landed.share
    spots["photons"] = whole * partiality * brightness
    return spots


def still_spots(simulation: Simulation, number: int = 0) -> np.ndarray:
    """Return the reflections that a still, or one frame alone, records.

    Every orientation (phi step and mosaic domain) and source counts by how much of the
    spot's volume the Ewald sphere cuts; the position is their mean.

    Returns
    -------
    ndarray
        (n,) `SPOT`. Partiality is relative to a crystal that is everywhere on the
        Ewald sphere; frame is the middle of frame `number`.
    """
    setup = simulation.setup
    line = beamline(setup)
    hkl, F = _reflections(simulation, line)
    shape = spot_shape(simulation.crystal.shape, simulation.crystal.fudge, setup)
    tables = setup.cell_vectors(False) * 1e10
    stars = np.linalg.inv(tables)  # columns a*, b*, c*
    near = _near_sphere(setup, line, shape, hkl, stars)
    hkl, F = hkl[near], F[near]
    density, place = _sections(setup, shape, hkl, stars)
    peak = _section(shape, np.zeros(len(hkl)), _normals(line, hkl, stars[0]))
    with np.errstate(invalid="ignore"):
        rays = place / np.linalg.norm(place, axis=1)[:, None]
        partiality = np.nan_to_num(density / peak)
    enough = np.flatnonzero(partiality >= FAINTEST)
    landed = _landed(simulation, rays[enough])
    kept = enough[landed.ray]
    spots = np.zeros(len(kept), SPOT)
    spots["h"], spots["k"], spots["l"] = hkl[kept].T
    spots["F"] = F[kept]
    landed.fill_in(spots)
    spots["phi_deg"] = setup.phi0 * RTD
    spots["frame"] = number + 0.5
    spots["partiality"] = partiality[kept]
    brightness = _brightness(simulation, F[kept], rays[kept]) * landed.share
    spots["photons"] = line.wavelength**2 * density[kept] * brightness
    return spots


def _brightness(simulation: Simulation, F: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Return photons per reflection but for what the detector takes of them."""
    beam, setup = simulation.beam, simulation.setup
    kahn_factor = None if beam.nopolar else beam.polarization
    return photon_scale(setup) * F**2 * polarization(setup, kahn_factor, rays)


def _below(x: np.ndarray) -> np.ndarray:
    """Return the normal distribution function."""
    return 0.5 * (1.0 + np.asarray(_erf(x / math.sqrt(2.0)), float))


class _Landed(NamedTuple):
    """Where rays meet pixels that are rendered: a ray may meet several panels.

    Number of the ray and of the panel, pixels from the panel's corner, and the share
    of the photons that the panel takes.
    """

    ray: np.ndarray
    panel: np.ndarray
    fast: np.ndarray
    slow: np.ndarray
    share: np.ndarray

    def fill_in(self, spots: np.ndarray) -> None:
        """Write panels and positions into `SPOT` rows."""
        spots["panel"], spots["fast_px"] = self.panel, self.fast
        spots["slow_px"] = self.slow


def _landed(simulation: Simulation, rays: np.ndarray) -> _Landed:
    """Return where rays land, in their own order."""
    setup = simulation.setup
    found = []
    for number in range(len(setup.panels)):
        own = setup.of_panel(number)
        if own is None:
            continue
        fast, slow = on_detector(own, rays)
        ray = np.flatnonzero(_present(own, fast, slow))
        share = detected(own, rays[ray], simulation.detector.point_pixel)
        panel = np.full(len(ray), number)
        found.append((ray, panel, fast[ray], slow[ray], share))
    columns = [np.concatenate(column) for column in zip(*found)]
    order = np.argsort(columns[0], kind="stable")
    return _Landed(*(column[order] for column in columns))


def _present(setup: Setup, fast: np.ndarray, slow: np.ndarray) -> np.ndarray:
    """Return whether positions are on pixels that are rendered."""
    spixels, fpixels = setup.image_shape
    with np.errstate(invalid="ignore"):
        inside = (fast >= 0.0) & (fast < fpixels) & (slow >= 0.0) & (slow < spixels)
    rendered = setup.rendered
    inside[inside] = rendered[slow[inside].astype(int), fast[inside].astype(int)]
    return inside


def _rocking_width(
    setup: Setup, line: Beamline, shape: SpotShape, r: np.ndarray, rays: np.ndarray
) -> np.ndarray:
    """Return the spread of the distance from the Ewald sphere, 1/A.

    From the crystal's size, its domains, and the beam's directions and wavelengths.
    """
    variance = shape.spread(rays) ** 2
    umats = setup.umats
    if setup.mosaicity.spread > 0.0:
        moved = umats - umats.mean(axis=0)
        first = np.einsum("ni,jik,nk->jn", rays, moved, r)
        variance += np.mean(first**2, axis=0)
    incident = setup.sources.incident
    if len(incident) > 1:
        weights = source_weights(setup)
        inverse = 1e-10 / setup.sources.wavelengths
        s0 = incident * inverse[:, None]
        # |s0 + r| - 1/lambda for each source, to first order.
        apart = rays @ (s0 - line.s0).T - (inverse - 1.0 / line.wavelength)
        apart = apart - (apart @ weights)[:, None]
        variance += apart**2 @ weights
    return np.sqrt(variance)


def _near_sphere(
    setup: Setup,
    line: Beamline,
    shape: SpotShape,
    hkl: np.ndarray,
    stars: np.ndarray,
) -> np.ndarray:
    """Return which reflections can be recorded at all: a cheap, generous test."""
    middle = stars.mean(axis=0)
    r = hkl @ middle.T
    length = np.linalg.norm(r, axis=1)
    turn = np.abs(stars - middle).max() / np.abs(middle).max()
    widest = float(np.sqrt(0.5 / np.linalg.eigvalsh(shape.form)[0]))
    inverse = 1e-10 / setup.sources.wavelengths
    s0 = setup.sources.incident * inverse[:, None]
    beam = np.linalg.norm(s0 - line.s0, axis=1).max()
    apart = np.abs(np.linalg.norm(line.s0 + r, axis=1) - 1.0 / line.wavelength)
    return np.flatnonzero(apart < 6.0 * widest + 3.0 * turn * length + 2.0 * beam)


def _normals(line: Beamline, hkl: np.ndarray, star: np.ndarray) -> np.ndarray:
    s1 = line.s0 + hkl @ star.T
    return s1 / np.linalg.norm(s1, axis=1)[:, None]


def _section(shape: SpotShape, apart: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Return the integral of F_latt^2 over a plane at a distance, 1/A^2."""
    sigma = shape.spread(normals)
    if shape.sharp:
        radius = math.sqrt(5.0) * sigma
        inside = np.maximum(0.0, 1.0 - (apart / radius) ** 2)
        return shape.volume * 0.75 / radius * inside
    bell = np.exp(-0.5 * (apart / sigma) ** 2) / (math.sqrt(2.0 * math.pi) * sigma)
    return shape.volume * bell


def _sections(
    setup: Setup, shape: SpotShape, hkl: np.ndarray, stars: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean section and weighted mean ray over orientations and sources."""
    total = np.zeros(len(hkl))
    place = np.zeros((len(hkl), 3))
    weights = source_weights(setup) / len(stars)
    inverse_form = np.linalg.inv(shape.form)
    for star in stars:
        r = hkl @ star.T
        for incident, wavelength, weight in zip(
            setup.sources.incident, setup.sources.wavelengths, weights
        ):
            k = 1e-10 / wavelength
            s1 = incident * k + r
            length = np.linalg.norm(s1, axis=1)
            normals = s1 / length[:, None]
            apart = length - k
            section = weight * _section(shape, apart, normals)
            # The brightest point of the section, not its nearest to the centre.
            along = normals @ inverse_form
            along /= np.einsum("ni,ni->n", along, normals)[:, None]
            total += section
            place += section[:, None] * (s1 - apart[:, None] * along) / k
    return total, place


def _reflections(
    simulation: Simulation, line: Beamline
) -> tuple[np.ndarray, np.ndarray]:
    panels = simulation.setup.panels
    farthest = MARGIN * max(_largest_s(panel.geometry, line) for panel in panels)
    dmin = simulation.sampling.dmin_A
    if dmin > 0.0:
        farthest = min(farthest, 1.0 / dmin)
    metric = line.A.T @ line.A
    key = tuple(float(f"{x:.12g}") for x in metric.ravel())
    return reflection_list(simulation.structure_factors, key, farthest)


def _largest_s(geometry: Geometry, line: Beamline) -> float:
    """Return the largest scattering vector that the edges of a panel see, 1/A."""
    f = np.linspace(0.0, geometry.fpixels, 33) * geometry.pixel_size
    s = np.linspace(0.0, geometry.spixels, 33) * geometry.pixel_size
    F, S = (x.ravel()[:, None] for x in np.meshgrid(f, s))
    place = F * np.array(geometry.fdet_vector) + S * np.array(geometry.sdet_vector)
    place = place + np.array(geometry.pix0_vector)
    unit = place / np.linalg.norm(place, axis=1)[:, None]
    return float(np.linalg.norm(unit / line.wavelength - line.s0, axis=1).max())


@functools.lru_cache(maxsize=4)
def reflection_list(
    factors: StructureFactors, metric: tuple[float, ...], farthest: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return all reflections with F != 0 inside a sphere, without 0 0 0.

    Parameters
    ----------
    factors
        F on its box, and default_F outside it.
    metric
        Nine numbers: the products of a*, b*, c* with each other, 1/A^2.
    farthest
        Radius of the sphere, 1/A.

    Returns
    -------
    hkl, F
        (n, 3) int64 and (n,) electrons.
    """
    G = np.array(metric).reshape(3, 3)
    # The farthest plane of an index that the sphere touches.
    reach = np.floor(farthest * np.sqrt(np.diag(np.linalg.inv(G)))).astype(int)
    low, high = -reach, reach
    if factors.F is not None and factors.default_F == 0.0:
        box = np.array([factors.h_min, factors.k_min, factors.l_min])
        low = np.maximum(low, box)
        high = np.minimum(high, box + np.array(factors.F.shape) - 1)
    k, l = (np.arange(low[i], high[i] + 1) for i in (1, 2))
    K, L = (x.ravel() for x in np.meshgrid(k, l, indexing="ij"))
    found, amplitudes = [], []
    for h in range(low[0], high[0] + 1):
        hkl = np.stack([np.full(len(K), h), K, L], axis=1)
        squared = np.einsum("ni,ij,nj->n", hkl, G, hkl)
        hkl = hkl[(squared <= farthest**2) & (squared > 0.0)]
        F = lookup(factors, hkl)
        found.append(hkl[F != 0.0])
        amplitudes.append(F[F != 0.0])
    if not found:
        return np.empty((0, 3), int), np.empty(0)
    return np.concatenate(found), np.concatenate(amplitudes)


def lookup(factors: StructureFactors, hkl: np.ndarray) -> np.ndarray:
    """Return F of whole indices (n, 3), default_F outside the box."""
    F = np.full(len(hkl), float(factors.default_F))
    if factors.F is not None:
        place = hkl - np.array([factors.h_min, factors.k_min, factors.l_min])
        inside = np.all((place >= 0) & (place < factors.F.shape), axis=1)
        F[inside] = factors.F[tuple(place[inside].T)]
    return F
