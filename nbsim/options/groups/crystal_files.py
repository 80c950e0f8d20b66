# SPDX-License-Identifier: MIT
"""Reflection files, atomic models and spectra."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..schema import Argument, Bounds, file, group, number, option

if TYPE_CHECKING:
    from ..collector import Collector

READ_MTZ = "nbsim.read_mtz"
FROM_MODEL = "nbsim.structure_factors_from_model"
ELEMENT = Argument("EL", "the element", noun="the symbol of an element")


def _fprime(words: Collector, element: str, real: float, imaginary: float) -> None:
    given = words.values["factors"].setdefault("fprime", {})
    given[element] = (real, imaginary)


def _fprime_file(words: Collector, element: str, path: str) -> None:
    words.values["factors"].setdefault("fprime_files", {})[element] = path
    words.set("files", **{f"fprime_file {element}": path})


OPTIONS = group(
    "Reflection files and atomic models",
    option(
        "mtz",
        "Structure factors from an MTZ or SF-mmCIF file, instead of -hkl: symmetry "
        "and Friedel's mates are applied, absent reflections are 0, those that the "
        "file lacks have -default_F, and nothing lies beyond its resolution (or "
        "-dmin). Gives cell and space group too. Needs gemmi.",
        file("the MTZ or SF-mmCIF file", ".mtz", ".cif", ".ent"),
        sets=("files", "mtz"),
        prefixes=(),
        python=READ_MTZ,
    ),
    option(
        "mtz_label",
        "Column of amplitudes or intensities; F(+) of a pair finds its F(-), or give "
        "both with a comma between them.",
        Argument("LABEL[,LABEL]", "the column", noun="a label"),
        sets=("factors", "label"),
        needs=("mtz",),
        default="the pair F(+), F(-), else F, else I(+), I(-), else I",
        prefixes=(),
        python="nbsim.read_mtz(label=...)",
    ),
    option(
        "pdb",
        "Structure factors of an atomic model, PDB or mmCIF (plain or .gz), up to "
        "-dmin: f0, f' and f'' at the beam's energy, bulk solvent. Gives cell and "
        "space group too. Needs gemmi.",
        file("the model file", ".pdb", ".cif", ".ent", ".gz"),
        sets=("files", "pdb"),
        prefixes=(),
        python=FROM_MODEL,
    ),
    option(
        "ksol",
        "Density of the bulk solvent of -pdb; 0 switches it off.",
        number("K", "the solvent's density", Bounds(unit="electrons/A^3", low=0)),
        sets=("factors", "ksol"),
        needs=("pdb",),
        default="0.35",
        prefixes=(),
        python=f"{FROM_MODEL}(ksol=...)",
    ),
    option(
        "bsol",
        "B of the bulk solvent of -pdb.",
        number("B", "the solvent's B", Bounds(unit="A^2")),
        sets=("factors", "bsol"),
        needs=("pdb",),
        default="46",
        prefixes=(),
        python=f"{FROM_MODEL}(bsol=...)",
    ),
    option(
        "noanomalous",
        "No f' and f'' from theory with -pdb.",
        sets=("factors", "anomalous"),
        value=False,
        needs=("pdb",),
        prefixes=(),
        python=f"{FROM_MODEL}(anomalous=False)",
    ),
    option(
        "fprime",
        "f' and f'' of an element with -pdb, instead of theory, which knows no white "
        "line; for several elements give it again.",
        ELEMENT,
        number("F1", "f'", Bounds(unit="electrons")),
        number("F2", "f''", Bounds(unit="electrons", low=0)),
        does=_fprime,
        needs=("pdb",),
        prefixes=(),
        python=f"{FROM_MODEL}(fprime=...)",
    ),
    option(
        "fprime_file",
        "Text file of energy [eV], f' and f'' of an element with -pdb, such as a "
        "scan's; interpolated. For several elements give it again.",
        ELEMENT,
        file("the file of f' and f''", ".dat", ".txt"),
        does=_fprime_file,
        needs=("pdb",),
        prefixes=(),
        python=f"{FROM_MODEL}(fprime_files=...)",
    ),
    option(
        "F_scale",
        "Factor of every F of -mtz or -pdb.",
        number("K", "the factor", Bounds()),
        sets=("factors", "F_scale"),
        needs=("mtz", "pdb"),
        default="1",
        prefixes=(),
        python=f"{READ_MTZ}(F_scale=...), {FROM_MODEL}(F_scale=...)",
    ),
    option(
        "add_B",
        "B that is added to every F of -mtz or -pdb, as exp(-B / (4 d^2)).",
        number("B", "the added B", Bounds(unit="A^2")),
        sets=("factors", "add_B"),
        needs=("mtz", "pdb"),
        default="0",
        prefixes=(),
        python=f"{READ_MTZ}(add_B=...), {FROM_MODEL}(add_B=...)",
    ),
    option(
        "F000",
        "F of reflection 0 0 0 with -mtz or -pdb; model: that of the atomic model. It "
        "is brighter than all others and lies in the direct beam.",
        number(
            "F",
            "F of 0 0 0",
            Bounds(unit="electrons"),
            keyword=("model", "model"),
        ),
        sets=("factors", "F000"),
        needs=("mtz", "pdb"),
        default="0",
        prefixes=(),
        python=f"{READ_MTZ}(F000=...), {FROM_MODEL}(F000=...)",
    ),
    option(
        "spectrum",
        "Text file of the beam's channels: energy in eV (all above 100) or wavelength "
        "in Angstrom (all below), and weight. Every direction has every channel. With "
        "-pdb F follows the energy.",
        file("the spectrum file", ".dat", ".txt", ".csv"),
        sets=("files", "spectrum"),
        prefixes=(),
        python="Beam(spectrum=nbsim.read_spectrum(...))",
    ),
)
