# SPDX-License-Identifier: MIT
"""Make the tables of water, air and ice that nbsim brings along.

``python -m nbsim.tools.scattering_tables FOLDER`` writes water.stol, air.stol and
ice.stol: sin(theta)/wavelength in 1/A, and F in electrons per molecule. Nothing is
taken from a file of another program:

- air: N2, O2 and Ar by volume, each by Debye's formula from atomic form factors.
- ice: powder rings of ice Ih from its crystal structure, with the scattering that
  thermal motion takes from them spread evenly.
- water: figures of the liquid up to 0.5/A, behind them the free molecule.
"""

import argparse
import math
import sys
from pathlib import Path

import numpy as np

#: International Tables for Crystallography C (2004), table 6.1.1.4: a, b and c of
#: f(s) = sum a exp(-b s^2) + c.
FORM_FACTORS = {
    "H": (
        [0.493002, 0.322912, 0.140191, 0.04081],
        [10.5109, 26.1257, 3.14236, 57.7997],
        0.003038,
    ),
    "N": (
        [12.2126, 3.1322, 2.0125, 1.1663],
        [0.0057, 9.8933, 28.9975, 0.5826],
        -11.529,
    ),
    "O": ([3.0485, 2.2868, 1.5463, 0.867], [13.2771, 5.7011, 0.3239, 32.9089], 0.2508),
    "Ar": (
        [7.4845, 6.7723, 0.6539, 1.6442],
        [0.9072, 14.8407, 43.8983, 33.3929],
        1.4445,
    ),
}
#: Parts by volume, and distance of the two atoms [A].
AIR = {"N": (0.7808, 1.098), "O": (0.2095, 1.208), "Ar": (0.0093, None)}
MASS_OF_AIR, NOMINAL_MASS_OF_AIR = 28.965, 28.0
OH, HH = 0.9572, 1.5139  # A, of the free water molecule

#: Ice Ih, P6_3/mmc, from neutron diffraction: W. F. Kuhs & M. S. Lehmann, J. Phys.
#: Chem. 87 (1983) 4312. Cell [A]; atoms with occupancy; B [A^2] near 100 K.
ICE_CELL = 4.498, 7.338
ICE_O = (1 / 3, 2 / 3, 0.0629)
ICE_H = (((1 / 3, 2 / 3, 0.1989), 0.5), ((0.4548, 0.9096, 0.0172), 0.5))
ICE_B = 1.5
MOLECULES_IN_CELL = 4
RING_WIDTH = 0.002  # 1/A, full width at half maximum in s

#: Liquid water at room temperature, F at s = 0, 0.01 ... 0.5/A, with the interference
#: between molecules in it: figures, rounded, that nanoBragg's users have used for
#: years. F(0) is the limit of its compressibility.
WATER = """
2.57 2.573 2.577 2.583 2.595 2.623 2.691 2.827 3.047 3.347 3.743 4.303 5.093 6.074 7.049
7.755 8.009 7.821 7.388 6.974 6.753 6.725 6.743 6.638 6.324 5.844 5.319 4.865 4.551
4.378 4.312 4.307 4.326 4.347 4.359 4.356 4.338 4.304 4.255 4.192 4.117 4.033 3.94 3.841
3.739 3.635 3.531 3.429 3.331 3.238 3.15
"""
WATER_END = 0.5


def form_factor(element: str, s: np.ndarray) -> np.ndarray:
    """Return f of an atom, electrons, at s in 1/A."""
    a, b, c = FORM_FACTORS[element]
    return np.asarray(sum(ai * np.exp(-bi * s * s) for ai, bi in zip(a, b)) + c)


def debye(distance: float, s: np.ndarray) -> np.ndarray:
    """Return sin(q r) / (q r) for q = 4 pi s."""
    return np.sinc(4.0 * s * distance)


def water_molecule_sqr(s: np.ndarray) -> np.ndarray:
    """Return F^2 of a free water molecule, by Debye's formula."""
    O, H = form_factor("O", s), form_factor("H", s)
    return O * O + 2.0 * H * H + 4.0 * O * H * debye(OH, s) + 2.0 * H * H * debye(HH, s)


def air(s: np.ndarray) -> np.ndarray:
    """Return F of air for 28 g of it: the root of F^2 of its molecules on average."""
    square = np.zeros_like(s)
    for element, (part, distance) in AIR.items():
        f_sqr = form_factor(element, s) ** 2
        atoms = 1.0 if distance is None else 2.0 * (1.0 + debye(distance, s))
        square += part * f_sqr * atoms
    return np.sqrt(square * NOMINAL_MASS_OF_AIR / MASS_OF_AIR)


def water(s: np.ndarray) -> np.ndarray:
    """Return F of liquid water."""
    figures = np.array([float(word) for word in WATER.split()])
    known = np.arange(len(figures)) * 0.01
    free = np.sqrt(water_molecule_sqr(s))
    at_end = math.sqrt(float(water_molecule_sqr(np.array([WATER_END]))[0]))
    return np.where(
        s <= WATER_END, np.interp(s, known, figures), free * (figures[-1] / at_end)
    )


def equivalent(position: tuple[float, float, float]) -> np.ndarray:
    """Return all positions in the cell that P6_3/mmc makes of one, (n, 3)."""
    found = [np.array(position)]
    for place in found:  # grows: what the generators add is turned as well
        x, y, z = place
        for image in ((x - y, x, z + 0.5), (-x, -y, -z), (y, x, -z)):
            gaps = [np.abs(np.mod(np.array(image) - f, 1.0)) for f in found]
            if all(np.minimum(gap, 1.0 - gap).max() > 1e-3 for gap in gaps):
                found.append(np.array(image) % 1.0)
    return np.array(found)


def ice_reflections(s_max: float) -> tuple[np.ndarray, np.ndarray]:
    """Return s (1/A) and |F|^2 (electrons^2 of a cell) of every reflection."""
    a, c = ICE_CELL
    limit = int(2.0 * s_max * max(a, c)) + 2
    index = np.arange(-limit, limit + 1)
    h, k, l = (grid.ravel() for grid in np.meshgrid(index, index, index))
    inverse_d_sqr = 4.0 / 3.0 * (h * h + h * k + k * k) / (a * a) + l * l / (c * c)
    s = 0.5 * np.sqrt(inverse_d_sqr)
    near = (s > 0.0) & (s < s_max)
    h, k, l, s = h[near], k[near], l[near], s[near]
    F = np.zeros(len(s), complex)
    for element, position, occupancy in (
        ("O", ICE_O, 1.0),
        *(("H", position, part) for position, part in ICE_H),
    ):
        f = occupancy * form_factor(element, s) * np.exp(-ICE_B * s * s)
        for x, y, z in equivalent(position):
            F += f * np.exp(2j * math.pi * (h * x + k * y + l * z))
    return s, np.abs(F) ** 2


def ice(s: np.ndarray, width: float = RING_WIDTH) -> np.ndarray:
    """Return F of a powder of ice Ih, per molecule.

    A reflection adds |F|^2 / (V 4 pi S^2) at S = 1/d = 2 s to a cell's mean F^2, spread
    along s by a Gaussian of full width `width` at half maximum.
    """
    a, c = ICE_CELL
    volume = a * a * c * math.sqrt(3.0) / 2.0
    where, F_sqr = ice_reflections(float(s[-1]) + 4.0 * width)
    order = np.argsort(where)
    where, F_sqr = where[order], F_sqr[order]
    sigma = width / math.sqrt(8.0 * math.log(2.0))
    area = F_sqr / (volume * 4.0 * math.pi * (2.0 * where) ** 2) / 2.0
    heights = area / (sigma * math.sqrt(2.0 * math.pi))
    rings = np.zeros_like(s)
    for i, at in enumerate(s):
        low, high = np.searchsorted(where, (at - 6.0 * sigma, at + 6.0 * sigma))
        offset = (where[low:high] - at) / sigma
        rings[i] = (heights[low:high] * np.exp(-0.5 * offset * offset)).sum()
    thermal = water_molecule_sqr(s) * -np.expm1(-2.0 * ICE_B * s * s)
    return np.sqrt(rings / MOLECULES_IN_CELL + thermal)


NOTES = {
    "water": [
        "Liquid water, per molecule of 18 g/mol, at room temperature.",
        "Up to s = 0.5 figures that nanoBragg's users have used for years, rounded,",
        "with the interference between molecules (F(0) = 2.57: compressibility);",
        "behind it the free molecule (Debye's formula, O-H 0.9572 A, H-H 1.5139 A),",
        "joined at 0.5.",
    ],
    "air": [
        "Air, per 28 g/mol: N2 (78.08 %, N-N 1.098 A), O2 (20.95 %, O-O 1.208 A) and",
        "Ar (0.93 % by volume), each by Debye's formula; F^2 of 28.965 g/mol made one",
        "of 28.",
    ],
    "ice": [
        "Powder of ice Ih, per molecule of 18 g/mol: P6_3/mmc, a 4.498, c 7.338 A,",
        "O at 1/3 2/3 0.0629, half H at 1/3 2/3 0.1989 and 0.4548 0.9096 0.0172 (Kuhs",
        "& Lehmann 1983), B 1.5 A^2 whose part of the intensity is spread evenly.",
        "Rings are Gaussians, 0.002/A wide (full width at half maximum).",
    ],
}


def table(name: str, width: float = RING_WIDTH) -> tuple[np.ndarray, np.ndarray]:
    """Return s (1/A) and F (electrons per molecule) of a table."""
    if name == "ice":
        s = np.arange(0, 2401) * 0.0005
        return s, ice(s, width)
    s = np.arange(0, 201) * 0.01
    return s, (air if name == "air" else water)(s)


def text(name: str, width: float = RING_WIDTH) -> str:
    """Return a table as it is written."""
    notes = [
        *NOTES[name],
        "Form factors: International Tables C (2004), table 6.1.1.4.",
        "Made by python -m nbsim.tools.scattering_tables; columns:",
        "sin(theta)/wavelength [1/A], F [electrons per molecule].",
    ]
    rows = (f"{s:.6g} {F:.5g}" for s, F in zip(*table(name, width)))
    return "".join(f"{line}\n" for line in (*(f"# {n}" for n in notes), *rows))


def main(argv: list[str] | None = None) -> int:
    """Write the tables."""
    parser = argparse.ArgumentParser(
        prog="scattering_tables", description="Make the tables of water, air and ice."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--ring-width",
        type=float,
        default=RING_WIDTH,
        metavar="S",
        help="width of ice rings, 1/A",
    )
    options = parser.parse_args(argv)
    for name in NOTES:
        content = text(name, options.ring_width)
        (options.folder / f"{name}.stol").write_text(content, encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
