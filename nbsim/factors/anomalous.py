# SPDX-License-Identifier: MIT
"""Anomalous scattering of elements: f' and f'' from theory, numbers or scans."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import FileError
from ..formats.fprime_table import read_fprime_table
from ..model import validate
from ..optional import library

#: Highest atomic number of the tables of Cromer and Liberman; gemmi gives 0 beyond.
LARGEST_TABULATED = 92


@dataclass(frozen=True)
class Anomalous:
    """Which f' and f'' to use.

    Attributes
    ----------
    theory
        Whether other elements than those below have Cromer and Liberman's values;
        False: none.
    numbers
        f', f'' of an element at every energy, electrons.
    tables
        File of an element: energy [eV], f', f''; interpolated.
    """

    theory: bool = True
    numbers: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    tables: Mapping[str, str | os.PathLike] = field(default_factory=dict)

    def of_elements(
        self, names: Iterable[str], energies_eV: np.ndarray
    ) -> tuple[dict[str, np.ndarray], list[str], list[str]]:
        """Return f' + i f'' of elements.

        Parameters
        ----------
        names
            The elements of a model.
        energies_eV
            (n,).

        Returns
        -------
        values
            (n,) complex128 for each element, electrons.
        notes, warnings
            One sentence each.

        Raises
        ------
        FileError
            When a table is malformed or does not cover the energies.
        ValueError
            When numbers or a table are given for an element that is not there.
        """
        names, notes, warnings = list(names), [], []
        self._check_names(names)
        values = {}
        for name in names:
            if name in self.numbers:
                values[name] = np.full(len(energies_eV), complex(*self.numbers[name]))
            elif name in self.tables:
                table, said = read_fprime_table(self.tables[name])
                notes += said
                values[name] = _interpolated(self.tables[name], table, energies_eV)
            elif self.theory:
                values[name] = _cromer_liberman(name, energies_eV)
                if _atomic_number(name) > LARGEST_TABULATED:
                    warnings.append(
                        f"{name}: no f' and f'' beyond uranium, 0 is used; -fprime "
                        "gives them"
                    )
            else:
                values[name] = np.zeros(len(energies_eV), complex)
        return values, notes, warnings

    def _check_names(self, names: list[str]) -> None:
        for name in (*self.numbers, *self.tables):
            if name not in names:
                raise ValueError(
                    f"f' and f'' are given for {name}, which the model does not have "
                    f"(it has {', '.join(names)})"
                )
        twice = set(self.numbers) & set(self.tables)
        if twice:
            raise ValueError(f"f' and f'' of {twice.pop()} are given twice")


def _atomic_number(name: str) -> int:
    return library("gemmi", "xtal", "f' and f''").Element(name).atomic_number


def _cromer_liberman(name: str, energies_eV: np.ndarray) -> np.ndarray:
    """Return f' + i f'' of Cromer and Liberman; 0 for H and beyond uranium."""
    gemmi = library("gemmi", "xtal", "f' and f''")
    number = gemmi.Element(name).atomic_number
    return np.array(
        [complex(*gemmi.cromer_liberman(number, float(e))) for e in energies_eV]
    )


def _interpolated(
    path: str | os.PathLike, table: np.ndarray, energies_eV: np.ndarray
) -> np.ndarray:
    low, high = table[0, 0], table[-1, 0]
    outside = energies_eV[(energies_eV < low) | (energies_eV > high)]
    if len(outside):
        raise FileError(
            f"{path}: f' and f'' from {low:g} to {high:g} eV, the beam has "
            f"{outside[0]:g} eV"
        )
    real, imaginary = (np.interp(energies_eV, table[:, 0], table[:, i]) for i in (1, 2))
    return real + 1j * imaginary


def anomalous_choice(
    anomalous: bool,
    fprime: Mapping[str, Any] | None,
    fprime_files: Mapping[str, Any] | None,
) -> Anomalous:
    """Return the choice of a caller, checked.

    Raises
    ------
    ValueError, TypeError
        Naming the element and what is expected.
    """
    numbers = {}
    for name, pair in (fprime or {}).items():
        pair = validate.sequence(f"fprime {name}", pair, "f' and f''")
        if len(pair) != 2:
            raise ValueError(f"fprime {name}: expected f' and f'', got {len(pair)}")
        real = validate.number(f"f' of {name}", pair[0], "electrons")
        imaginary = validate.number(f"f'' of {name}", pair[1], "electrons", low=0.0)
        numbers[element_name(name)] = (real, imaginary)
    tables = {element_name(name): path for name, path in (fprime_files or {}).items()}
    return Anomalous(validate.flag("anomalous", anomalous), numbers, tables)


def element_name(name: str) -> str:
    """Return the usual spelling of an element: Fe for fe or FE.

    Raises
    ------
    ValueError
        When there is no such element.
    """
    element = library("gemmi", "xtal", "an atomic model").Element(name)
    if element.atomic_number == 0:
        raise ValueError(f"{name!a}: expected the symbol of an element, such as Fe")
    return element.name
