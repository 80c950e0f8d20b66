# SPDX-License-Identifier: MIT
"""How far a program is from a golden case, as a row of a table."""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nbsim.tools.golden import compare
from nbsim.tools.golden.cases import Case
from nbsim.tools.tolerances import GOLDEN_RELATIVE

TITLES = ("case", "of peak", "relative", "int +-1", "pgm +-1", "noise", "text")


@dataclass(frozen=True)
class CaseReport:
    """All comparisons of one case."""

    name: str
    image: compare.FloatDifference
    int_image: compare.IntDifference | None
    pgm: compare.IntDifference | None
    noise: str  # "equal", "differs" or "-"
    problems: list[str]

    @property
    def agrees(self) -> bool:
        images = (self.image, self.int_image, self.pgm)
        return not self.problems and all(i.agrees for i in images if i is not None)

    def row(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        return (
            self.name,
            f"{self.image.of_peak:.1e}",
            f"{self.image.relative:.1e}",
            _count(self.int_image),
            _count(self.pgm),
            self.noise,
            str(len(self.problems)),
        )


def _count(difference: compare.IntDifference | None) -> str:
    if difference is None:
        return "-"
    worse = f" ({difference.worse} worse)" if difference.worse else ""
    return f"{difference.off_by_one}{worse}"


def compare_case(case: Case, outputs: compare.Outputs) -> CaseReport:
    """Compare every output of one run with the golden ones."""
    reference = case.reference
    problems = compare.compare_header(outputs.header, reference.header)
    problems += compare.compare_statistics(outputs.stdout, reference)
    total = compare.compare_total(outputs.image, reference)
    if not total <= GOLDEN_RELATIVE:
        problems.append(f"sum of the image: relative difference {total:.1e}")
    int_image = pgm = None
    if reference.int_image is not None:
        int_image = compare.compare_int(outputs.int_image, reference.int_image)
    if reference.pgm is not None:
        pgm, lines = compare.compare_pgm(outputs.pgm, reference.pgm)
        problems += lines
    noise = "-"
    if reference.noise is not None:
        wrong = compare.compare_noise(case, outputs)
        deviates, *_ = compare.noise_of(case, reference.image)
        if not np.array_equal(deviates, reference.noise):
            wrong.append("noise: nbsim's deviates of the golden float image differ")
        noise = "differs" if wrong else "equal"
        problems += wrong
    image = compare.compare_float(outputs.image, reference)
    return CaseReport(case.name, image, int_image, pgm, noise, problems)


def run_and_compare(
    case: Case, c_program: str | None, timeout: float = 600.0
) -> CaseReport:
    """Run one case in a temporary folder; nbsim where no C program is named.

    Raises
    ------
    RuntimeError, OSError, ValueError
        When the program fails or its files cannot be compared.
    """
    command = [c_program] if c_program else [sys.executable, "-m", "nbsim"]
    arguments = case.argv if c_program else case.nbsim_argv
    with tempfile.TemporaryDirectory(prefix="nbsim-golden-") as folder:
        outputs = compare.run_case(
            case, command, arguments, Path(folder), bool(c_program), timeout
        )
    return compare_case(case, outputs)


def format_row(cells: tuple[str, ...], width: int) -> str:
    """Return one line of the table; `width` is that of the first column."""
    return "  ".join([cells[0].ljust(width), *(cell.rjust(8) for cell in cells[1:])])
