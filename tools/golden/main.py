# SPDX-License-Identifier: MIT
"""``nbsim-golden``: numbers of the C program, and who still gives them."""

import argparse
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from nbsim.errors import FileError
from nbsim.formats.png import write_png
from nbsim.tools.both_programs import C_BIN
from nbsim.tools.command import (
    DIVERGED,
    check_new,
    found_program,
    run_tool,
    split_arguments,
)
from nbsim.tools.golden.add import add_case
from nbsim.tools.golden.cases import Case, read_cases
from nbsim.tools.golden.family import all_differences, table
from nbsim.tools.golden.manifest import describe, differences
from nbsim.tools.golden.report import TITLES, format_row, run_and_compare
from nbsim.tools.images.pictures import (
    character_lines,
    grey_levels,
    grey_picture,
    white_level,
)

NAME = "nbsim-golden"


def build_parser() -> argparse.ArgumentParser:
    """Return the command line's parser; the man page is made from it."""
    parser = argparse.ArgumentParser(
        prog=NAME,
        description=(
            "Look after the golden cases: command lines with the images, headers and "
            "printed numbers that the C program gives for them."
        ),
        epilog=(
            "Exit status: 0 everything agrees, 3 something does not, 1 a file cannot be"
            " read or written or a program failed, 2 the command line is wrong."
        ),
    )
    commands = parser.add_subparsers(dest="what", required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--folder",
        type=Path,
        default=Path("golden"),
        metavar="DIR",
        help="the golden folder (default ./golden, that of the source tree)",
    )
    running = argparse.ArgumentParser(add_help=False)
    running.add_argument(
        "--timeout",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="longest time of one run (default 600)",
    )
    verify = commands.add_parser(
        "verify",
        parents=[common, running],
        help="check the files against the manifest, and a program against every case",
    )
    verify.add_argument(
        "--c-bin",
        metavar="PATH",
        help="check this C program, in one thread, instead of nbsim",
    )
    verify.add_argument(
        "--case", action="append", metavar="NAME", help="only this case (repeatable)"
    )
    verify.add_argument(
        "--files-only", action="store_true", help="run nothing, check the files"
    )
    commands.add_parser(
        "family",
        parents=[common],
        help="run the cases of nonBragg and noisify, and print every difference",
    )
    commands.add_parser("list", parents=[common], help="name all cases")
    show = commands.add_parser(
        "show", parents=[common], help="print one case, with its picture"
    )
    show.add_argument("name", metavar="NAME")
    show.add_argument("--png", type=Path, metavar="FILE", help="write its picture")
    show.add_argument("--force", action="store_true", help="overwrite that file")
    add = commands.add_parser(
        "add",
        parents=[common, running],
        usage=f"{NAME} add NAME --c-bin PATH [options] -- ARGUMENTS",
        help="render a new case with a C program, in one thread, and store it",
        description=(
            "Give a -seed, and keep the image at or below 128 x 128 pixels: of a "
            "larger one only the part around its brightest pixel is stored. Input "
            "files are copied. A case that exists is never changed."
        ),
    )
    add.add_argument("name", metavar="NAME")
    add.add_argument(
        "--c-bin",
        metavar="PATH",
        help=f"the C program (default: the environment's {C_BIN})",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(NAME, _run, argv)


def _run(words: list[str]) -> int:
    own, extra = split_arguments(words)
    options = build_parser().parse_args(own)
    if extra and options.what != "add":
        raise ValueError(f"{options.what} takes no arguments of the C program")
    if not getattr(options, "timeout", 1.0) > 0.0:
        raise ValueError(f"--timeout {options.timeout:g}: expected more than 0")
    if options.what == "verify":
        return _verify(options)
    if options.what == "family":
        return _family(options.folder / "family")
    if options.what == "add":
        return _add(options, extra)
    if options.what == "show":
        return _show(options)
    cases = read_cases(options.folder)
    width = max(len(case.name) for case in cases)
    for case in cases:
        print(f"{case.name.ljust(width)}  {' '.join(case.written)}")
    return 0


def _verify(options: argparse.Namespace) -> int:
    cases = _chosen(options)
    program = found_program(options.c_bin) if options.c_bin else None
    problems = differences(options.folder)
    for problem in problems:
        print(problem)
    if not problems:
        print(f"{len(describe(options.folder))} files are as the manifest says")
    if options.files_only:
        return DIVERGED if problems else 0
    width = max(len(case.name) for case in cases)
    print(format_row(TITLES, width))
    agreeing = sum(_row(case, program, options.timeout, width) for case in cases)
    who = os.path.basename(program) if program else "nbsim"
    print(f"{who}: {agreeing} of {len(cases)} cases agree")
    return 0 if agreeing == len(cases) and not problems else DIVERGED


def _family(folder: Path) -> int:
    differences = list(all_differences(folder))
    print("\n".join(table(differences)))
    agreeing = sum(difference.agrees for difference in differences)
    print(f"{agreeing} of {len(differences)} agree")
    return 0 if agreeing == len(differences) else DIVERGED


def _chosen(options: argparse.Namespace) -> list[Case]:
    cases = read_cases(options.folder)
    wanted = set(options.case or (case.name for case in cases))
    if unknown := wanted - {case.name for case in cases}:
        raise ValueError(f"--case {min(unknown)}: no such case in {options.folder}")
    return [case for case in cases if case.name in wanted]


def _row(case: Case, program: str | None, timeout: float, width: int) -> bool:
    """Run one case, print its row and return whether it agrees."""
    try:
        report = run_and_compare(case, program, timeout)
    except (RuntimeError, OSError, ValueError) as error:
        print(f"{case.name.ljust(width)}  {error}")
        return False
    print(format_row(report.row(), width), flush=True)
    for problem in report.problems:
        print(f"    {problem}")
    return report.agrees


def _add(options: argparse.Namespace, extra: list[str]) -> int:
    c_bin = options.c_bin or os.environ.get(C_BIN)
    if not c_bin:
        raise ValueError(
            f"no C program: name it with --c-bin PATH or the environment's {C_BIN}"
        )
    if not extra:
        raise ValueError("nothing to run: give the arguments after --")
    case = add_case(
        options.folder, options.name, found_program(c_bin), extra, options.timeout
    )
    print(f"{case.reference_file}: added; {NAME} show {case.name} prints it")
    width = len(case.name)
    print(format_row(TITLES, width))
    return 0 if _row(case, None, options.timeout, width) else DIVERGED


def _show(options: argparse.Namespace) -> int:
    found = [c for c in read_cases(options.folder) if c.name == options.name]
    if not found:
        raise ValueError(
            f"{options.name}: no such case in {options.folder}; {NAME} list names all"
        )
    (case,) = found
    if options.png:
        check_new([options.png], options.force)
    print("\n".join(_description(case)))
    image = case.reference.image
    white = white_level(image, 99.5)
    if options.png:
        write_png(options.png, grey_picture(image, white))
        print(options.png)
    else:
        print("\n".join(character_lines(grey_levels(image, white))))
    return 0


def _description(case: Case) -> Iterator[str]:
    try:
        reference = case.reference
    except (OSError, KeyError) as error:
        raise FileError(f"{case.reference_file}: cannot be read: {error}") from error
    rows, columns = reference.shape
    yield f"{case.name}: {rows} x {columns} pixels (slow x fast)"
    if reference.image.shape != reference.shape:
        slow, fast = reference.crop
        yield (
            f"kept: slow {slow.start} to {slow.stop - 1}, fast {fast.start} to "
            f"{fast.stop - 1}"
        )
    place = np.unravel_index(reference.image.argmax(), reference.image.shape)
    slow, fast = (int(i) + s.start for i, s in zip(place, reference.crop))
    yield (
        f"brightest: {reference.image.max():.9g} photons at slow {slow}, fast {fast}; "
        f"sum {reference.total:.9g}"
    )
    origin = reference.provenance or {"program": "see README.md of the golden folder"}
    yield from (f"{name}: {value}" for name, value in origin.items())
    yield f"C: nanoBragg {shlex.join(case.argv)}"
    yield f"nbsim: nbsim {shlex.join(case.nbsim_argv)}"


if __name__ == "__main__":
    sys.exit(main())
