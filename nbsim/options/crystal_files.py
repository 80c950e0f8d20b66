# SPDX-License-Identifier: MIT
"""What -mtz, -pdb and -spectrum make of the models of a command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UsageError
from ..model.models import Beam
from .collector import Collector

if TYPE_CHECKING:
    from ..factors.reflection_file import CrystalFactors

#: Options whose file gives the cell.
CELL_FILES = ("mtz", "pdb")
#: Difference of two files' cells that is worth a word.
LENGTHS_DIFFER, ANGLES_DIFFER_DEG = 0.005, 0.5


def take_spectrum(collected: Collector) -> None:
    """Read -spectrum into the beam.

    Raises
    ------
    UsageError
        Beside options with wavelengths of their own.
    """
    path = collected.files.get("spectrum")
    if path is None:
        return
    for name in ("sourcefile", "dispersion", "dispsteps"):
        if name in collected.given:
            raise UsageError(f"-spectrum and -{name}: give one of them")
    from ..formats.spectrum_file import read_spectrum

    channels = read_spectrum(path)
    collected.set("beam", spectrum=channels)
    beam = Beam(spectrum=channels)
    collected.notes.append(
        f"{path}: {len(channels)} channels, mean wavelength {beam.wavelength_A:.6g} A"
    )


def crystal_factors(collected: Collector) -> CrystalFactors | None:
    """Read -mtz or -pdb; None without them. Gives the crystal its cell.

    Raises
    ------
    UsageError
        When options contradict each other.
    FileError
        For a file that cannot be read.
    """
    sources = [name for name in ("mtz", "pdb", "hkl") if name in collected.files]
    if not sources or sources == ["hkl"]:
        return None
    if len(sources) > 1:
        both = " and ".join(f"-{name}" for name in sources)
        raise UsageError(f"{both}: each gives structure factors, give one of them")
    path = collected.files[sources[0]]
    read = _reflections if sources == ["mtz"] else _model
    result = read(collected, path)
    _tell(collected, path, result)
    _take_cell(collected, path, result)
    return result


def _reflections(collected: Collector, path: str) -> CrystalFactors:
    options = _options(collected, "label", "F_scale", "add_B", "F000")
    if options.get("F000") == "model":
        raise UsageError("-F000 model: needs the atomic model of -pdb")
    if "spectrum" in collected.files:
        collected.notes.append(f"{path}: the same F for all channels of the spectrum")
    from ..factors.reflection_file import read_mtz

    return read_mtz(
        path,
        dmin_A=collected.values["sampling"].get("dmin_A", 0.0),
        default_F=collected.values["structure_factors"].get("default_F", 0.0),
        **options,
    )


def _model(collected: Collector, path: str) -> CrystalFactors:
    dmin_A = collected.values["sampling"].get("dmin_A", 0.0)
    if not dmin_A:
        raise UsageError(
            f"-pdb {path}: give the resolution limit, as in -dmin 2; without one the "
            "structure factors have no end"
        )
    options = _options(
        collected,
        *("ksol", "bsol", "anomalous", "fprime", "fprime_files"),
        *("F_scale", "add_B", "F000"),
    )
    beam = Beam(**collected.values["beam"])
    from ..factors.atomic_model import structure_factors_from_model

    return structure_factors_from_model(
        path, dmin_A, beam.wavelength_A, spectrum=beam.spectrum, **options
    )


def _options(collected: Collector, *names: str) -> dict[str, Any]:
    given = collected.values["factors"]
    return {name: given[name] for name in names if name in given}


def _tell(collected: Collector, path: str, result: CrystalFactors) -> None:
    origin = result.factors.origin
    assert origin is not None
    collected.notes += [
        f"{path}: cell {_numbers(result.cell)}, space group {result.space_group}",
        f"{path}: {result.factors.hkls} reflections ({origin.label}) to "
        f"{origin.d_min_A:.4g} A, {origin.missing} missing, {origin.absences} absent",
        *origin.notes,
    ]
    collected.warnings += origin.warnings


def _take_cell(collected: Collector, path: str, result: CrystalFactors) -> None:
    """Give the crystal cell and space group, where nothing else on the line does."""
    crystal = collected.values["crystal"]
    crystal.setdefault("space_group", result.space_group)
    matrix = crystal.get("A_matrix")
    if matrix is not None:
        wavelength_A = Beam(**collected.values["beam"]).wavelength_A
        other = cell_of_matrix(matrix, wavelength_A)
        if cells_differ(result.cell, other):
            collected.warnings.append(
                f"{path}: its cell {_numbers(result.cell)} is not that of the "
                f"orientation, {_numbers(other)}"
            )
        if "mat" not in collected.files:
            return  # a file that gives the orientation gives the lattice
    if "cell" not in crystal:
        crystal.update(cell=result.cell, exact_cell=True)


def cell_of_matrix(A_matrix: np.ndarray, wavelength_A: float) -> tuple[float, ...]:
    """Return the cell [A, deg] of a MOSFLM matrix, which includes the wavelength."""
    from ..formats.geometry_file import cell_of_stars

    return cell_of_stars(np.asarray(A_matrix) / wavelength_A)


def cells_differ(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    """Return whether two cells are not the same to half a percent and half a degree."""
    lengths = zip(first[:3], second[:3])
    angles = zip(first[3:], second[3:])
    return any(abs(a - b) > LENGTHS_DIFFER * b for a, b in lengths) or any(
        abs(a - b) > ANGLES_DIFFER_DEG for a, b in angles
    )


def _numbers(cell: tuple[float, ...]) -> str:
    return " ".join(f"{x:.6g}" for x in cell)
