# SPDX-License-Identifier: MIT
"""The slow reference of model physical: one pixel, straight from the formula.

    photons = r_e^2 fluence sum over layers L, subpixels u (mean), sources s
              omega(L, u) capture(L, u) w_s P(L, u, s) [B + mean of (F_cell F_latt)^2]

Plain Python, no kernel imported; rotations, lattice, interpolation and polarization
are those of `naive`. From the resolved run come directions, positions, cell and step
counts; layers, weights, water, phi angles and spot sizes are worked out here.
"""

import math

import naive
import numpy as np


def pixel(fpixel: int, spixel: int, simulation) -> float:
    """Return the photons of one pixel."""
    setup, over = simulation.setup, simulation.setup.oversample
    size = setup.geometry.pixel_size
    total = 0.0
    for depth, top, bottom in layers(simulation):
        for subpixel in range(over * over):
            subS, subF = divmod(subpixel, over)
            direction, distance, cosine = point(
                size * (fpixel + (subF + 0.5) / over),
                size * (spixel + (subS + 0.5) / over),
                depth,
                simulation,
            )
            weight = solid_angle(distance, cosine, simulation)
            weight *= captured(top, bottom, cosine, simulation)
            total += weight * rays(direction, simulation) / (over * over)
    return naive.R_E_SQR * setup.fluence * total


def layers(simulation) -> list[tuple[float, float, float]]:
    """Depth of each layer's point, its front and its back, m."""
    thick = simulation.detector.thick_um * 1e-6
    if thick == 0.0:
        return [(0.0, 0.0, 0.0)]
    count = simulation.detector.thicksteps or 2
    edges = np.linspace(0.0, thick, count + 1)
    return [((a + b) / 2.0, a, b) for a, b in zip(edges, edges[1:])]


def point(Fdet: float, Sdet: float, depth: float, simulation):
    """Unit vector to a point, its distance, and the cosine of its obliquity."""
    geometry = simulation.setup.geometry
    fast, slow, normal, pix0 = (
        np.array(v)
        for v in (
            geometry.fdet_vector,
            geometry.sdet_vector,
            geometry.odet_vector,
            geometry.pix0_vector,
        )
    )
    radius = pix0 @ normal
    if simulation.detector.curved:
        # Turn the normal: along fast about -slow x fast ..., as arcs from the middle.
        u, v = (Fdet + pix0 @ fast) / radius, (Sdet + pix0 @ slow) / radius
        up = math.cos(v) * normal + math.sin(v) * slow
        return math.cos(u) * up + math.sin(u) * fast, radius + depth, 1.0
    place = pix0 + Fdet * fast + Sdet * slow + depth * normal
    distance = np.linalg.norm(place)
    return place / distance, distance, (radius + depth) / distance


def solid_angle(distance: float, cosine: float, simulation) -> float:
    """Solid angle of the whole pixel, sr; 1 / R^2 for a point pixel."""
    if simulation.detector.point_pixel:
        return distance**-2
    size = simulation.setup.geometry.pixel_size
    if simulation.detector.curved:
        return (size / simulation.setup.geometry.close_distance) ** 2
    return size**2 * cosine / distance**2


def captured(top: float, bottom: float, cosine: float, simulation) -> float:
    """Fraction of the photons that a layer absorbs."""
    detector = simulation.detector
    if detector.thick_um == 0.0:
        return 1.0
    attenuation_um = detector.thick_um if detector.abs_um is None else detector.abs_um
    length = attenuation_um * 1e-6 * cosine
    return math.exp(-top / length) - math.exp(-bottom / length)


def rays(direction, simulation) -> float:
    """Weighted mean over the sources of P (B + mean of (F_cell F_latt)^2)."""
    setup, beam = simulation.setup, simulation.beam
    total = weights = 0.0
    for number, (incident, wavelength) in enumerate(
        zip(setup.sources.incident, setup.sources.wavelengths)
    ):
        weight = source_weight(number, beam)
        q = (direction - incident) / wavelength
        value = background(simulation)
        if not np.linalg.norm(q) * simulation.sampling.dmin_A * 1e-10 > 1.0:
            value += bragg(q, simulation)
        if not beam.nopolar:
            value *= naive.polarization(
                beam.polarization, incident, direction, setup.geometry.polar_vector
            )
        total += weight * value
        weights += weight
    return total / weights


def source_weight(number: int, beam) -> float:
    """Weight in the list of sources; 1 where there is none."""
    if beam.sources is None or beam.sources.shape[1] < 4:
        return 1.0
    weight = beam.sources[number, 3]
    return 1.0 if math.isnan(weight) else weight


def background(simulation) -> float:
    """Water molecules times their squared forward amplitude, F^2."""
    molecules = (simulation.crystal.water_um * 1e-6) ** 3 * 1e6 / 18.0 * 6.02214179e23
    return 2.57**2 * molecules


def bragg(q, simulation) -> float:
    """Mean of (F_cell F_latt)^2 over phi steps and mosaic domains."""
    setup = simulation.setup
    terms = []
    for step in range(setup.phi.count):
        phi = math.radians(simulation.goniometer.phi_deg) + (step + 0.5) * (
            setup.phi.step
        )
        turn = naive.rotation(setup.geometry.spindle_vector, phi)
        vectors = naive.cell_at_rest(setup) @ turn.T
        for umat in setup.umats:
            hkl = (vectors @ umat.T) @ q
            terms.append(
                (structure_factor(hkl, simulation) * lattice_factor(hkl, simulation))
                ** 2
            )
    return float(np.mean(terms))


def lattice_factor(hkl, simulation) -> float:
    """F_latt; spots of the round kinds have the size of a cube of as many cells."""
    setup, crystal = simulation.setup, simulation.crystal
    if crystal.shape in ("square", "round"):
        return naive.lattice_factor(hkl, simulation)
    cells = math.prod(setup.N_cells)
    edge = (cells * abs(setup.cell.V_cell)) ** (1.0 / 3.0)
    stars = np.array([setup.cell.a_star, setup.cell.b_star, setup.cell.c_star])
    offset = np.array([h - naive.nearest(h) for h in hkl]) @ stars * edge
    x = crystal.fudge * (offset @ offset)
    if crystal.shape == "gauss":
        return cells * math.exp(-x / 0.63)
    return cells if x < 0.3969 else 0.0


def structure_factor(hkl, simulation) -> float:
    """F_cell; an index that cannot be interpolated takes the nearest one."""
    state = naive.RunState(simulation.setup.interpolate, np.empty(0))
    return naive.structure_factor(hkl, simulation, state)
