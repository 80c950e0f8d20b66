# SPDX-License-Identifier: MIT
"""Structure factors from an atomic model: PDB or mmCIF (-pdb)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..formats.coordinates import AtomicModel, read_coordinates
from ..model import validate
from ..model.limits import EV_ANGSTROM
from ..model.spectral import SpectralParts
from ..model.spectrum import checked_spectrum
from ..model.structure_factors import Origin, StructureFactors
from .anomalous import Anomalous, anomalous_choice
from .box import Box, absent
from .density import Sums
from .reflection_file import CrystalFactors
from .spectral import Combinations, combinations

#: Bytes per index while the sums are made: two complex64 and one float64.
BYTES_PER_INDEX = 2 * 8 + 8
#: And for each pair of grids that a spectrum needs.
BYTES_PER_PART = 3 * 8
#: Density [e/A^3] and B [A^2] of the bulk solvent of protein crystals.
KSOL, BSOL = 0.35, 46.0


@dataclass(frozen=True)
class ModelOptions:
    """How a model is turned into structure factors.

    Attributes
    ----------
    ksol, bsol
        Density [e/A^3] and B [A^2] of flat bulk solvent; ksol 0: none.
    anomalous
        f' and f''.
    F_scale, add_B
        F is multiplied by F_scale exp(-add_B / (4 d^2)), add_B in A^2.
    F000
        F of 0 0 0 [electrons]; "model": that of the model.
    """

    ksol: float = KSOL
    bsol: float = BSOL
    anomalous: Anomalous = field(default_factory=Anomalous)
    F_scale: float = 1.0
    add_B: float = 0.0
    F000: float | str = 0.0

    def __post_init__(self) -> None:
        validate.number("ksol", self.ksol, "e/A^3", low=0.0)
        validate.number("bsol", self.bsol, "A^2")
        validate.number("F_scale", self.F_scale)
        validate.number("add_B", self.add_B, "A^2")
        if self.F000 != "model":
            if isinstance(self.F000, str):
                raise ValueError(f"F000 {self.F000!a}: expected a number or 'model'")
            validate.number("F000", self.F000, "electrons")


def structure_factors_from_model(
    path: str | os.PathLike,
    dmin_A: float,
    wavelength_A: float = 1.0,
    *,
    spectrum: Any = None,
    ksol: float = KSOL,
    bsol: float = BSOL,
    anomalous: bool = True,
    fprime: Mapping[str, tuple[float, float]] | None = None,
    fprime_files: Mapping[str, str | os.PathLike] | None = None,
    F_scale: float = 1.0,
    add_B: float = 0.0,
    F000: float | str = 0.0,
) -> CrystalFactors:
    """Return F of an atomic model, for every index up to a resolution limit.

    Parameters
    ----------
    path
        PDB or mmCIF, plain or compressed with gzip.
    dmin_A
        Resolution limit [A]; F is 0 beyond.
    wavelength_A
        Wavelength [A] at which f' and f'' are taken.
    spectrum
        As `Beam.spectrum`, instead of the wavelength: F then follows the energy of
        each channel, for a simulation with that beam.
    ksol, bsol
        Density [e/A^3] and B [A^2] of flat bulk solvent; ksol 0: none.
    anomalous
        Whether f' and f'' of Cromer and Liberman are used.
    fprime
        f', f'' [electrons] of elements, instead of theory: {"Fe": (-6.0, 3.9)}.
    fprime_files
        Files of energy [eV], f', f'' for elements, interpolated.
    F_scale, add_B
        F is multiplied by F_scale exp(-add_B / (4 d^2)), add_B in A^2.
    F000
        F of 0 0 0 [electrons], or "model" for that of the model.

    Returns
    -------
    CrystalFactors
        factors, cell, space_group: a crystal of these takes the cell as
        ``Crystal(cell=cell, exact_cell=True)``.

    Raises
    ------
    FileError
        If a file cannot be read or would need more memory than there is.
    MissingLibraryError
        Without gemmi.
    ValueError, TypeError
        For an argument out of range.
    """
    dmin_A = validate.number("dmin_A", dmin_A, "A", low=0.0, open_low=True)
    wavelength_A = validate.number(
        "wavelength_A", wavelength_A, "A", low=0.0, open_low=True
    )
    options = ModelOptions(
        ksol=ksol,
        bsol=bsol,
        anomalous=anomalous_choice(anomalous, fprime, fprime_files),
        F_scale=F_scale,
        add_B=add_B,
        F000=F000,
    )
    channels = np.empty((0, 2)) if spectrum is None else checked_spectrum(spectrum)
    if len(channels):
        wavelength_A = float(channels[:, 0] @ channels[:, 1])
    model = read_coordinates(path)
    factors = _factors(path, model, dmin_A, wavelength_A, channels[:, 0], options)
    return CrystalFactors(factors, model.cell, model.space_group.xhm())


def _factors(
    path: str | os.PathLike,
    model: AtomicModel,
    dmin_A: float,
    wavelength_A: float,
    channels_A: np.ndarray,
    options: ModelOptions,
) -> StructureFactors:
    counts = _element_counts(model)
    energies_eV = EV_ANGSTROM / np.array([wavelength_A, *channels_A])
    values, notes, warnings = options.anomalous.of_elements(counts, energies_eV)
    at_mean = {name: complex(value[0]) for name, value in values.items()}
    box = Box.around_sphere(model.cell, dmin_A)
    box.check_memory(path, BYTES_PER_INDEX)
    box.check_damping(options.add_B)
    sums = Sums(path, model, box)
    total = sums.scattering({name: value.real for name, value in at_mean.items()})
    total += 1j * sums.constant({name: x.imag for name, x in at_mean.items()})
    if options.ksol:
        total += sums.solvent(options.ksol, options.bsol)
    needed = None
    if len(channels_A):
        delta = {name: value[1:] - value[0] for name, value in values.items()}
        F_rms = float(np.sqrt(np.mean(np.abs(total) ** 2)))
        needed = combinations(delta, counts, F_rms)
        box.check_memory(path, BYTES_PER_PART * (1 + len(needed.weights)))
    parts = _parts(sums, total, needed)
    absences, F000_model = _finish(parts, box, model.space_group, options)
    F000 = F000_model
    if options.F000 != "model":
        F000 = float(options.F000)
        parts[box.limits] = 0.0
        parts[(*box.limits, 0)] = F000
    spectral = None
    if needed is not None and needed.weights:
        spectral = SpectralParts(parts, needed.coefficients, channels_A)
    F = np.abs(parts[..., 0]).astype(np.float64)
    F.flags.writeable = False  # its own: not to be copied
    return StructureFactors(
        F,
        *(-limit for limit in box.limits),
        hkls=int(np.count_nonzero(F)),
        spectral=spectral,
        origin=Origin(
            label="model",
            d_min_A=dmin_A,
            absences=absences,
            F000=F000,
            F000_model=F000_model,
            fprimes={name: (x.real, x.imag) for name, x in at_mean.items()},
            notes=(*model.notes, *notes),
            warnings=(*model.warnings, *warnings),
        ),
    )


def _element_counts(model: AtomicModel) -> dict[str, float]:
    """Return for each element the sum of its occupancies squared, in the unit cell."""
    counts: dict[str, float] = {}
    copies = len(model.space_group.operations())
    for atom in model.atoms:
        name = atom.element.name
        counts[name] = counts.get(name, 0.0) + copies * atom.occ**2
    return counts


def _parts(sums: Sums, total: np.ndarray, needed: Combinations | None) -> np.ndarray:
    """Return the sums side by side, (h, k, l, 1 + n) complex64."""
    weights = needed.weights if needed is not None else ()
    parts = np.empty((*total.shape, 1 + len(weights)), np.complex64)
    parts[..., 0] = total
    for j, of_element in enumerate(weights, start=1):
        real = sums.constant({name: w.real for name, w in of_element.items()})
        imaginary = sums.constant({name: w.imag for name, w in of_element.items()})
        parts[..., j] = real + 1j * imaginary
    return parts


def _finish(
    parts: np.ndarray, box: Box, space_group: Any, options: ModelOptions
) -> tuple[int, float]:
    """Scale, and set absent reflections to 0; return their number and F of 0 0 0."""
    absences = 0
    for place, indices, inverse_d in box.planes():
        inside = inverse_d <= box.largest_inverse_d_sqr
        forbidden = inside & absent(indices, space_group)
        limited = np.minimum(inverse_d, box.largest_inverse_d_sqr)
        factor = options.F_scale * np.exp(-options.add_B / 4.0 * limited)
        factor[~inside | forbidden] = 0.0
        parts[place] *= factor[..., None]
        absences += int(np.count_nonzero(forbidden))
    return absences, float(abs(parts[(*box.limits, 0)]))
