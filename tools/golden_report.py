# SPDX-License-Identifier: MIT
"""Table of how far a program is from every golden case.

``python -m nbsim.tools.golden_report golden`` runs the installed nbsim.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nbsim.tools import golden_compare as compare
from nbsim.tools.golden_cases import Case, read_cases
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


def run_and_compare(case: Case, program: str | None) -> CaseReport:
    """Run one case in a temporary folder; nbsim where no program is named."""
    command = [program] if program else [sys.executable, "-m", "nbsim"]
    arguments = case.argv if program else case.nbsim_argv
    with tempfile.TemporaryDirectory(prefix="nbsim-golden-") as folder:
        outputs = compare.run_case(case, command, arguments, Path(folder))
    return compare_case(case, outputs)


def format_row(cells: tuple[str, ...], width: int) -> str:
    """Return one line of the table; `width` is that of the first column."""
    return "  ".join([cells[0].ljust(width), *(cell.rjust(8) for cell in cells[1:])])


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this tool."""
    parser = argparse.ArgumentParser(prog="golden_report", description=__doc__)
    parser.add_argument("folder", type=Path, help="the golden folder")
    parser.add_argument("--case", action="append", help="only this case (repeatable)")
    parser.add_argument(
        "--program",
        help="run this program instead of nbsim, without nbsim's own -phi_carryover",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Print the table; exit status 0 when every case agrees, else 3."""
    parser = build_parser()
    options = parser.parse_args(argv)
    cases = read_cases(options.folder)
    unknown = set(options.case or ()) - {case.name for case in cases}
    if unknown:
        parser.error(f"--case {min(unknown)}: no such case in {options.folder}")
    if options.case:
        cases = [case for case in cases if case.name in options.case]
    program = options.program and str(Path(options.program).resolve())
    width = max(len(case.name) for case in cases)
    print(format_row(TITLES, width))
    agreeing = 0
    for case in cases:
        try:
            report = run_and_compare(case, program)
        except (RuntimeError, OSError, ValueError) as error:
            print(f"{case.name.ljust(width)}  {error}")
            continue
        print(format_row(report.row(), width), flush=True)
        for problem in report.problems:
            print(f"    {problem}")
        agreeing += report.agrees
    print(f"{agreeing} of {len(cases)} agree")
    return 0 if agreeing == len(cases) else 3


if __name__ == "__main__":
    sys.exit(main())
