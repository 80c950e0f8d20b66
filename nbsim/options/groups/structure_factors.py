# SPDX-License-Identifier: MIT
"""Where structure factors come from."""

from ..schema import file, group, number, option
from .shared import NOT_USED

OPTIONS = group(
    "Structure factors",
    option(
        "hkl",
        "Text file of reflections, h k l F on each line, F in electrons. No "
        "symmetry is applied, not even Friedel's: list every reflection, and 0 0 0 "
        "too.",
        file("the reflection file", ".hkl"),
        sets=("files", "hkl"),
        python="nbsim.read_hkl",
        c="hklfilename",
        c_note="a bad line is skipped or misread; here it is an error",
    ),
    option(
        "default_F",
        "Structure factor of every reflection that the list does not give.",
        number("F", "the default structure factor"),
        sets=("structure_factors", "default_F"),
        overruled_by=("pdb",),
        default="0",
        c="default_F",
    ),
    option(
        "dump",
        "Binary copy of the reflection list: written with -hkl, and read when -hkl "
        "is not given.",
        file("the dump file", ".bin"),
        sets=("output", "dumpfile"),
        default="Fdump.bin",
        python="nbsim.read_fdump, nbsim.write_fdump",
        c="dumpfilename",
        c_note="Fdump.bin of the working folder is used silently; here only when "
        "neither -hkl nor -default_F is given, and with a line that says so "
        "(oddity 13)",
    ),
    option(
        "interpolate",
        "Interpolate structure factors between whole indices with cubic "
        "polynomials.",
        sets=("sampling", "interpolate"),
        value=True,
        default="on when the crystal has 2 cells or fewer along an axis",
        c="interpolate = 1",
        c_note="switches itself off at the first evaluation outside the list, in an "
        "order that depends on threads; here always in raster order (oddity 5)",
    ),
    option(
        "nointerpolate",
        "Use the structure factor of the nearest whole indices everywhere.",
        sets=("sampling", "interpolate"),
        value=False,
        c="interpolate = 0",
    ),
    option(
        "stol",
        "Table of sin(theta)/lambda and F of a background. Read and checked, but "
        "not used in the image, as in nanoBragg.",
        file("the background file", ".stol", ".dat", ".txt"),
        sets=("files", "stol"),
        prefixes=(),
        c="stolfilename",
        c_note=NOT_USED,
    ),
    option(
        "4stol",
        "The same as -stol for a table of 4 sin(theta)/lambda.",
        file("the background file", ".stol", ".dat", ".txt"),
        sets=("files", "4stol"),
        prefixes=(),
        c="stolfilename",
        c_note=NOT_USED,
    ),
    option(
        "Q",
        "The same as -stol for a table of Q = 4 pi sin(theta)/lambda.",
        file("the background file", ".stol", ".dat", ".txt"),
        sets=("files", "Q"),
        prefixes=(),
        c="stolfilename",
        c_note=NOT_USED,
    ),
    option(
        "stolout",
        "Output file for the background table. Accepted and not used, as in "
        "nanoBragg.",
        file("the background output file", ".stol", ".dat", ".txt"),
        unused="nothing is written to it",
        c="stoloutfilename",
        c_note="not used; here with a warning",
    ),
)
