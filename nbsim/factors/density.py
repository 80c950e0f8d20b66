# SPDX-License-Identifier: MIT
"""Sums over the atoms of a model, by way of density maps and gemmi's FFT.

A map is made of the asymmetric unit, completed by symmetry, transformed, and what
it was blurred with is taken back. Sums are over the whole unit cell, as
f occ exp(-B / (4 d^2)) exp(2 pi i h.x), for every index of a box.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..formats.coordinates import AtomicModel
from ..optional import library
from .box import Box, check_memory

#: Points of a map per resolution limit, over 2: the blur follows from it.
OVERSAMPLING = 2.0
#: Density below which an atom ends, e/A^3. With gemmi's 1e-5 differences of Friedel
#: mates are off by 1e-3 where B is large; this takes a third more time.
CUTOFF = 1e-7
#: Resolution limit [A] whose grid is the coarsest that shows where the solvent is.
COARSEST_MASK = 2.4
#: Bytes per point of a map while it is transformed: the map and its transform.
BYTES_PER_POINT = 4 + 4
WHAT = "an atomic model"


class Sums:
    """Makes sums over one model.

    Parameters
    ----------
    path
        The file, for messages.
    model
        What it holds.
    box
        The indices.
    """

    def __init__(self, path: str | os.PathLike, model: AtomicModel, box: Box) -> None:
        self._gemmi = library("gemmi", "xtal", WHAT)
        self._model, self._box = model, box
        self._blur = self._calculator().blur
        spacing = box.dmin_A / (2.0 * OVERSAMPLING)
        points = math.prod(length / spacing for length in box.cell[:3])
        check_memory(path, points * BYTES_PER_POINT, "density maps of the unit cell")

    def scattering(self, addends: Mapping[str, float]) -> np.ndarray:
        """Return the sum with the form factors f0 of free atoms.

        Parameters
        ----------
        addends
            What is added to f0 of an element, electrons: f'.
        """
        calculator = self._calculator()
        for name, value in addends.items():
            calculator.addends.set(self._gemmi.Element(name), value)
        calculator.grid.setup_from(self._model.structure)
        calculator.put_model_density_on_grid(self._model.structure[0])
        return self._transform(calculator.grid, calculator.blur)

    def constant(self, values: Mapping[str, float]) -> np.ndarray:
        """Return the sum with a constant f for each element, 0 where there is none."""
        calculator = self._calculator()
        calculator.grid.setup_from(self._model.structure)
        calculator.initialize_grid()
        for atom in self._model.atoms:
            value = values.get(atom.element.name, 0.0)
            if value:
                calculator.add_c_contribution_to_grid(atom, value)
        calculator.grid.symmetrize_sum()
        return self._transform(calculator.grid, calculator.blur)

    def solvent(self, ksol: float, bsol: float) -> np.ndarray:
        """Return the part of flat bulk solvent.

        Parameters
        ----------
        ksol
            Its density, e/A^3.
        bsol
            Its B, A^2.
        """
        masker = self._gemmi.SolventMasker(self._gemmi.AtomicRadiiSet.Cctbx)
        calculator = self._calculator()
        calculator.d_min = min(calculator.d_min, COARSEST_MASK)
        calculator.grid.setup_from(self._model.structure)
        calculator.initialize_grid()
        masker.put_mask_on_float_grid(calculator.grid, self._model.structure[0])
        return self._transform(calculator.grid, -bsol, ksol)

    def _calculator(self) -> Any:
        calculator = self._gemmi.DensityCalculatorX()
        calculator.d_min, calculator.rate = self._box.dmin_A, OVERSAMPLING
        calculator.cutoff = CUTOFF
        calculator.set_refmac_compatible_blur(self._model.structure[0])
        return calculator

    def _transform(self, grid: Any, blur: float, scale: float = 1.0) -> np.ndarray:
        """Return scale exp(blur / (4 d^2)) times the transform, 0 beyond the sphere.

        Returns
        -------
        ndarray
            complex64 of the box's shape.
        """
        # Kept by name: the array is a view of its memory.
        reciprocal = self._gemmi.transform_map_to_f_phi(grid, half_l=True)
        half = np.array(reciprocal, copy=False)
        h_limit, k_limit, l_limit = self._box.limits
        k = np.arange(-k_limit, k_limit + 1) % half.shape[1]
        result = np.empty(self._box.shape, np.complex64)
        for h in range(-h_limit, h_limit + 1):
            upper = half[h % half.shape[0]][k, : l_limit + 1]
            result[h_limit + h, :, l_limit:] = upper
            # The map is real: F(-h) is the conjugate of F(h).
            result[h_limit - h, ::-1, l_limit::-1] = upper.conj()
        limit = self._box.largest_inverse_d_sqr
        for place, _, inverse_d in self._box.planes():
            factor = scale * np.exp(blur / 4.0 * np.minimum(inverse_d, limit))
            result[place] *= np.where(inverse_d <= limit, factor, 0.0)
        return result
