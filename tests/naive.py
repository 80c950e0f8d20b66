# SPDX-License-Identifier: MIT
"""The slow reference: an image of few pixels, straight from the formulas.

Plain Python, no kernel imported. It starts from the numbers that `nbsim.resolve.run`
resolves (geometry, cell, sources, step counts) and does everything after them
in its own way: rotations by matrix, the lattice as a sum over cells, the
interpolation by Lagrange's formula, the polarization with angles. The two
states that the C program carries from pixel to pixel are carried here too.
"""

import math
from dataclasses import dataclass

import naive_physical
import numpy as np

R_E_SQR = 7.94079248018965e-30  # m^2


@dataclass
class RunState:
    """What one pixel leaves behind for the next one."""

    interpolate: bool
    phi_vectors: np.ndarray  # rows a, b, c of the last phi step, m


def image(simulation) -> np.ndarray:
    """Return the (slow, fast) float32 image of a simulation."""
    setup = simulation.setup
    mask = simulation.detector.mask
    state = RunState(setup.interpolate, cell_at_rest(setup))
    picture = np.zeros(simulation.detector.shape, np.float32)
    spixels, fpixels = picture.shape
    xmin, xmax, ymin, ymax = setup.geometry.roi
    for spixel in range(ymin, min(ymax + 1, spixels)):
        for fpixel in range(xmin, min(xmax + 1, fpixels)):
            if mask is not None and mask[spixel, fpixel] == 0:
                continue
            if simulation.model == "physical":
                value = naive_physical.pixel(fpixel, spixel, simulation)
            else:
                value = pixel(fpixel, spixel, simulation, state)
            picture[spixel, fpixel] = value
    return picture


def spectrum_image(channels, at_energy) -> np.ndarray:
    """Return the image of a spectrum, by its definition.

    Parameters
    ----------
    channels
        Energy [eV] and weight of each, on any scale.
    at_energy
        Function of an energy: the simulation of that one wavelength, with F there.
    """
    whole = sum(weight for _, weight in channels)
    return sum(
        (weight / whole) * image(at_energy(energy)).astype(float)
        for energy, weight in channels
    )


def pixel(fpixel: int, spixel: int, simulation, state: RunState) -> float:
    """Return the photons of one pixel and update the state."""
    setup, sampling, beam = simulation.setup, simulation.sampling, simulation.beam
    sensor, over = setup.sensor, setup.oversample
    size = setup.geometry.pixel_size
    total = setup.I_bg
    polar = 1.0 if beam.nopolar else None
    omega = None
    for layer in range(sensor.thicksteps):
        capture = 1.0 if sensor.thick == 0.0 else None
        for subpixel in range(over * over):
            subS, subF = divmod(subpixel, over)
            position = pixel_position(
                size * (fpixel + (subF + 0.5) / over),
                size * (spixel + (subS + 0.5) / over),
                layer * sensor.thickstep,
                simulation,
            )
            airpath = np.linalg.norm(position)
            diffracted = position / airpath
            if omega is None or sampling.oversample_omega:
                omega = solid_angle(airpath, simulation)
            # C quirk: an exact 0 counts as "not known yet" and is computed again.
            if not capture or sampling.oversample_thick:
                capture = capture_fraction(layer, diffracted, setup)
            for incident, wavelength in zip(
                setup.sources.incident, setup.sources.wavelengths
            ):
                scattering = (diffracted - incident) / wavelength
                length = np.linalg.norm(scattering)
                if length * simulation.sampling.dmin_A * 1e-10 > 1.0:
                    continue
                if not polar or sampling.oversample_polar:
                    polar = polarization(
                        beam.polarization,
                        incident,
                        diffracted,
                        setup.geometry.polar_vector,
                    )
                for phi in setup.phis:
                    if phi != 0.0 or not sampling.phi_carryover:
                        turn = rotation(setup.geometry.spindle_vector, phi)
                        state.phi_vectors = cell_at_rest(setup) @ turn.T
                    for umat in setup.umats:
                        hkl = (state.phi_vectors @ umat.T) @ scattering
                        F_latt = lattice_factor(hkl, simulation)
                        if F_latt == 0.0 and setup.water_size == 0.0:
                            continue
                        F_cell = structure_factor(hkl, simulation, state)
                        total += (F_cell * F_latt) ** 2
                        # C quirk: the sum so far is multiplied, not the term.
                        total *= capture if sampling.oversample_thick else 1.0
                        total *= polar if sampling.oversample_polar else 1.0
                        total *= omega if sampling.oversample_omega else 1.0
    value = R_E_SQR * setup.fluence * total / setup.steps
    value *= 1.0 if sampling.oversample_thick else capture
    value *= 1.0 if sampling.oversample_polar else polar or 0.0
    value *= 1.0 if sampling.oversample_omega else omega
    return value


def cell_at_rest(setup) -> np.ndarray:
    """Rows a, b, c at phi = 0, m."""
    return np.array([setup.cell.a, setup.cell.b, setup.cell.c]) * 1e-10


def rotation(axis, angle: float) -> np.ndarray:
    """Matrix of a right-handed rotation about a unit vector (Rodrigues)."""
    x, y, z = axis
    K = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    along = np.outer(axis, axis)
    return along + math.cos(angle) * (np.eye(3) - along) + math.sin(angle) * K


def pixel_position(Fdet: float, Sdet: float, Odet: float, simulation) -> np.ndarray:
    """Position on the detector, m."""
    geometry = simulation.setup.geometry
    fast, slow = np.array(geometry.fdet_vector), np.array(geometry.sdet_vector)
    flat = np.array(geometry.pix0_vector) + Fdet * fast + Sdet * slow
    flat = flat + Odet * np.array(geometry.odet_vector)
    if not simulation.detector.curved:
        return flat
    radius = geometry.distance
    point = radius * np.array(geometry.beam_vector)
    # C quirk: y and z of the laboratory, whatever the detector's directions are.
    point = rotation(slow, flat[1] / radius) @ point
    return rotation(fast, flat[2] / radius) @ point


def solid_angle(airpath: float, simulation) -> float:
    """Solid angle of a pixel, sr; 1 / R^2 for a point pixel."""
    if simulation.detector.point_pixel:
        return 1.0 / airpath**2
    geometry = simulation.setup.geometry
    cos_obliquity = geometry.close_distance / airpath
    return (geometry.pixel_size / airpath) ** 2 * cos_obliquity


def capture_fraction(layer: int, diffracted: np.ndarray, setup) -> float:
    """What the layer absorbs: what arrives at its front minus what leaves its back."""
    path = setup.sensor.thickstep / np.dot(diffracted, setup.geometry.odet_vector)
    front = math.exp(-setup.sensor.mu * path * layer)
    back = math.exp(-setup.sensor.mu * path * (layer + 1))
    return front - back


def polarization(kahn_factor: float, incident, diffracted, axis) -> float:
    """Kahn et al. (1982), with the angle psi between the ray and the E-B plane."""
    cos_2theta = float(np.dot(incident, diffracted))
    sin_2theta_sqr = 1.0 - cos_2theta**2
    psi = 0.0
    B_in = np.cross(axis, incident)
    if kahn_factor != 0.0 and np.any(B_in):
        B_in = B_in / np.linalg.norm(B_in)
        E_in = np.cross(incident, B_in)
        psi = -math.atan2(np.dot(diffracted, B_in), np.dot(diffracted, E_in))
    return 0.5 * (
        1.0 + cos_2theta**2 - kahn_factor * math.cos(2.0 * psi) * sin_2theta_sqr
    )


def nearest(h: float) -> int:
    """Nearest whole number; halves go down."""
    return math.ceil(h - 0.5)


def grating(h: float, N: float) -> float:
    """sin(pi N h) / sin(pi h), as the sum over N cells around the middle one.

    The quotient loses all its digits at a whole h, the sum loses none.
    """
    if N <= 1:
        return 1.0
    cells = np.arange(N) - (N - 1) / 2
    return float(np.cos(2.0 * math.pi * h * cells).sum())


def sphere(x: float) -> float:
    """3 (sin x - x cos x) / x^3; its power series where the quotient cancels."""
    if x < 1.0:
        return sum(
            6.0 * (n + 1) * (-1.0) ** n * x ** (2 * n) / math.factorial(2 * n + 3)
            for n in range(12)
        )
    return 3.0 * (math.sin(x) - x * math.cos(x)) / x**3


def lattice_factor(hkl: np.ndarray, simulation) -> float:
    """F_latt at fractional indices."""
    setup, crystal = simulation.setup, simulation.crystal
    N = setup.N_cells
    if crystal.shape == "square":
        return math.prod(grating(h, n) for h, n in zip(hkl, N))
    offset = [h - nearest(h) for h in hkl]
    cells = math.prod(N)
    if crystal.shape == "round":
        radius = math.sqrt(sum((d * n) ** 2 for d, n in zip(offset, N)) * crystal.fudge)
        return cells * 0.723601254558268 * sphere(math.pi * radius)
    stars = np.array([setup.cell.a_star, setup.cell.b_star, setup.cell.c_star])
    radius_sqr = np.sum((np.array(offset) @ stars) ** 2) * cells**2 * crystal.fudge
    if crystal.shape == "gauss":
        return cells * math.exp(-radius_sqr / 0.63)
    return cells if radius_sqr < 0.3969 else 0.0


def structure_factor(hkl: np.ndarray, simulation, state: RunState) -> float:
    """F_cell at fractional indices: interpolated while that lasts, else the nearest."""
    factors = simulation.structure_factors
    if factors.F is None:
        return factors.default_F
    low = (factors.h_min, factors.k_min, factors.l_min)
    if state.interpolate:
        # C quirk: once out of range, interpolation is off for the rest of the run.
        state.interpolate = all(
            h - first + 3 <= count and h - 2 >= first
            for h, first, count in zip(hkl, low, factors.F.shape)
        )
    if state.interpolate:
        return tricubic(hkl, factors.F, low)
    index = [nearest(h) - first for h, first in zip(hkl, low)]
    if all(0 <= i < count for i, count in zip(index, factors.F.shape)):
        return factors.F[tuple(index)]
    return factors.default_F


def tricubic(hkl, F: np.ndarray, low) -> float:
    """Lagrange's polynomial through 4 x 4 x 4 points."""
    starts = [math.floor(h) - 1 for h in hkl]
    weights = [
        [lagrange_weight(h, start, i) for i in range(4)]
        for h, start in zip(hkl, starts)
    ]
    i, j, k = (start - first for start, first in zip(starts, low))
    return float(np.einsum("i,j,k,ijk", *weights, F[i : i + 4, j : j + 4, k : k + 4]))


def lagrange_weight(x: float, start: int, i: int) -> float:
    """Weight of the i-th of four points that begin at the whole number `start`."""
    return math.prod((x - (start + j)) / (i - j) for j in range(4) if j != i)
