# SPDX-License-Identifier: MIT
"""``nbsim-truth-compare``: hold what a processing program found against the truth."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from nbsim.series.truth import read_truth
from nbsim.tools.command import Statuses, run_tool, write_json
from nbsim.tools.truth.compare import compare
from nbsim.tools.truth.plots import write_plots
from nbsim.tools.truth.results import read_result, together

NAME = "nbsim-truth-compare"
STATUSES = Statuses()


class _Parser(argparse.ArgumentParser):
    """Leaves errors to `run_tool`."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; {NAME} -h explains")


def build_parser() -> argparse.ArgumentParser:
    """Return the command line's parser; the man page is made from it."""
    parser = _Parser(
        prog=NAME,
        description="Compare the result of a processing program with the truth of an "
        "nbsim series: cell, orientation, positions and intensities.",
        epilog="Intensities are compared after one scale factor: integrated ones with "
        "the expected photons, merged ones with F squared. z is (found - true) / "
        "sigma; its mean square is 1 when the errors are right.",
    )
    parser.add_argument("truth", help="the file that -truthfile wrote (JSON or HDF5)")
    parser.add_argument(
        "result",
        nargs="+",
        help="DIALS .expt and .refl, XDS INTEGRATE.HKL or XDS_ASCII.HKL, MTZ, or a "
        "table of text whose first line names its columns (h k l fast_px slow_px frame "
        "I sigma; with panel, pixels are those of a panel); an .expt and a .refl "
        "together are one result",
    )
    parser.add_argument("-json", metavar="FILE", help="also write the figures here")
    parser.add_argument("-plots", metavar="FOLDER", help="also draw plots there")
    return parser


def _body(words: list[str]) -> int:
    arguments = build_parser().parse_args(words)
    truth = read_truth(arguments.truth)
    result = together([read_result(path, truth) for path in arguments.result])
    comparison = compare(truth, result)
    width = max(len(name) for name in comparison.figures)
    for name, figure in comparison.figures.items():
        text = f"{figure:d}" if isinstance(figure, int) else f"{figure:.5g}"
        print(f"{name:<{width}}  {text}")
    if arguments.json:
        write_json(Path(arguments.json), comparison.figures)
    if arguments.plots:
        for path in write_plots(arguments.plots, comparison):
            print(f"wrote {path}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool and return its exit status."""
    return run_tool(NAME, _body, sys.argv[1:] if argv is None else list(argv), STATUSES)
