# SPDX-License-Identifier: MIT
"""``nbsim-compare``: the images of the C program and of nbsim for one command line."""

import argparse
import math
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np

from nbsim.errors import FileError
from nbsim.options import parse
from nbsim.options.command_line import misread_by_c
from nbsim.tools.both_programs import C_BIN, absolute_inputs, own_outputs
from nbsim.tools.command import (
    DIVERGED,
    Statuses,
    check_folder,
    found_program,
    fresh_folder,
    run_program,
    run_tool,
    split_arguments,
    write_json,
    write_text,
)
from nbsim.tools.images.float_files import phi_zero_step, read_float_image
from nbsim.tools.images.metrics import compare_images, pair_peaks, resampled
from nbsim.tools.images.model_pair import differing_settings
from nbsim.tools.images.model_pair import notes as pair_notes
from nbsim.tools.images.model_pair import words_of
from nbsim.tools.images.report import (
    Side,
    Summary,
    as_json,
    html_lines,
    text_lines,
    write_pictures,
)
from nbsim.tools.named_configs import command_words, names
from nbsim.tools.provenance import environment, run_metadata

NAME = "nbsim-compare"
SHAPES_DIFFER = 4
STATUSES = Statuses(usage=1, failure=5, program=2)
FLOAT_FILE, INT_FILE = "floatimage.bin", "intimage.img"
PEAKS = 10
#: Largest difference of two models that agree, as a part of the brightest pixel.
PAIR_DIFFERENCE = 1e-3


class _Parser(argparse.ArgumentParser):
    """Leaves errors to `run_tool`, which knows this tool's exit status for them."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; {NAME} -h explains")


def build_parser() -> argparse.ArgumentParser:
    """Return the command line's parser; the man page is made from it."""
    parser = _Parser(
        prog=NAME,
        usage=f"{NAME} [options] [--config NAME|FILE] [-- arguments of both programs]",
        description=(
            "Run the C program and nbsim with the same arguments, each in a folder of "
            "its own, and compare their float images: correlation, differences, sums, "
            "peaks, the worst pixel and the command that traces it. The folder gets "
            "summary.json, report.html, pictures of both images and of the "
            "difference, and what the programs printed. With --model-pair both sides "
            "are nbsim, in its two models."
        ),
        epilog=(
            "Exit status: 0 the images agree, 1 the command line is wrong, 2 a program "
            "failed, 3 the images are further apart than the thresholds allow, 4 they "
            "have different shapes, 5 a file cannot be read or written."
        ),
    )
    add = parser.add_argument
    add(
        "--outdir",
        metavar="DIR",
        help="folder to write (default: a new one with the time in its name)",
    )
    add(
        "--force",
        action="store_true",
        help="write into a folder that exists",
    )
    add(
        "--config",
        metavar="NAME|FILE",
        help=f"arguments from a file; shipped names: {', '.join(names())}",
    )
    add(
        "--c-bin",
        metavar="PATH",
        help=f"the C program (default: the environment's {C_BIN})",
    )
    add(
        "--model-pair",
        action="store_true",
        help="no C program: compare nbsim's model c with its model physical, and list "
        "what the two resolve differently",
    )
    add("--py-bin", metavar="PATH", help="the other program (default: this nbsim)")
    add(
        "--phi-carryover",
        action="store_true",
        help="let nbsim keep the crystal at phi 0, as the C program does",
    )
    add(
        "--roi",
        type=int,
        nargs=4,
        metavar=("FMIN", "FMAX", "SMIN", "SMAX"),
        help="compare these pixels only, as nbsim's -roi names them, ends included",
    )
    add(
        "--threshold",
        type=float,
        default=0.9999,
        metavar="T",
        help="smallest correlation that agrees (default 0.9999)",
    )
    add(
        "--max-difference",
        type=float,
        metavar="R",
        help="also: largest difference that agrees, as a part of the brightest pixel "
        f"(default with --model-pair: {PAIR_DIFFERENCE:g})",
    )
    add(
        "--resample",
        action="store_true",
        help="when the shapes differ, bring nbsim's image to the C program's pixels",
    )
    add(
        "--png-scale",
        type=float,
        default=99.5,
        metavar="P",
        help="percentile of the pixels that is white in the pictures (default 99.5)",
    )
    add(
        "--save-diff",
        action="store_true",
        help="write nbsim - C as 4-byte floats, diff.bin",
    )
    add(
        "--timeout",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="longest time a program may run (default 600)",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(NAME, _run, argv, STATUSES)


def _run(words: list[str]) -> int:
    own, extra = split_arguments(words)
    options = build_parser().parse_args(own)
    if not options.model_pair:
        options.c_bin = options.c_bin or os.environ.get(C_BIN)
    _check(options, extra)
    arguments = own_outputs(absolute_inputs(command_words(options.config, extra)))
    if options.model_pair:
        return _run_models(arguments, extra, words, options)
    carryover = any(name == "phi_carryover" for name, _ in parse(arguments))
    c_command = [found_program(str(options.c_bin))]
    py_command = [sys.executable, "-m", "nbsim"]
    if options.py_bin:
        py_command = [found_program(options.py_bin)]
    folder = _output_folder(options)
    c = _run_one("C", [*c_command, *arguments], folder / "c", options)
    if options.phi_carryover and not carryover:
        arguments.append("-phi_carryover")
        carryover = True
    py = _run_one("nbsim", [*py_command, *arguments], folder / "nbsim", options)
    same_shape = c.image.shape == py.image.shape
    if not same_shape and not options.resample:
        print(
            f"{NAME}: error: C's image is {_shape(c)} pixels (slow x fast), nbsim's "
            f"{_shape(py)}; --resample compares them anyway; both are in {folder}",
            file=sys.stderr,
        )
        return SHAPES_DIFFER
    summary = _compared(c, py, options)
    if same_shape:
        summary.trace_command = _trace_command(options, extra, summary, folder)
    summary.notes += misread_by_c(arguments)
    stale = phi_zero_step(c.printed)
    if stale and not carryover:
        summary.notes.append(_phi_zero_note(*stale))
    _write(folder, summary, words, options)
    return 0 if not summary.problems else DIVERGED


def _run_models(
    arguments: list[str],
    extra: list[str],
    words: list[str],
    options: argparse.Namespace,
) -> int:
    """Compare the models of one command line."""
    if options.max_difference is None:
        # A correlation does not notice that two thirds of the photons are missing.
        options.max_difference = PAIR_DIFFERENCE
    settings = differing_settings(arguments)
    folder = _output_folder(options)
    program = [sys.executable, "-m", "nbsim"]
    c, physical = (
        _run_one(name, [*program, *words_of(model, arguments)], folder / model, options)
        for name, model in (("model c", "c"), ("model physical", "physical"))
    )
    summary = _compared(c, physical, options)
    summary.settings = settings
    summary.trace_command = _trace_command(
        options, [*extra, "-model", "physical"], summary, folder
    )
    summary.notes += pair_notes(arguments)
    _write(folder, summary, words, options)
    return 0 if not summary.problems else DIVERGED


def _check(options: argparse.Namespace, extra: list[str]) -> None:
    for name, value, low, high in (
        ("--timeout", options.timeout, 0.0, math.inf),
        ("--png-scale", options.png_scale, 0.0, 100.0),
    ):
        if not (low < value <= high and value < math.inf):
            most = "" if high == math.inf else f" and at most {high:g}"
            raise ValueError(
                f"{name} {value:g}: expected a number greater than 0{most}"
            )
    if not -1.0 <= options.threshold <= 1.0:
        raise ValueError(
            f"--threshold {options.threshold:g}: expected a correlation, -1 to 1"
        )
    largest = options.max_difference
    if largest is not None and not 0.0 <= largest < math.inf:
        raise ValueError(
            f"--max-difference {largest:g}: expected a finite number, 0 or more"
        )
    if options.roi:
        f0, f1, s0, s1 = options.roi
        if not (0 <= f0 <= f1 and 0 <= s0 <= s1):
            raise ValueError(
                f"--roi {f0} {f1} {s0} {s1}: expected first and last pixel along fast, "
                "then along slow, from 0"
            )
    if options.model_pair:
        for name in ("c_bin", "py_bin", "phi_carryover", "resample"):
            if getattr(options, name):
                raise ValueError(
                    f"--model-pair runs nbsim alone: --{name.replace('_', '-')} has no "
                    "meaning beside it"
                )
    elif not options.c_bin:
        raise ValueError(
            f"no C program: name it with --c-bin PATH or the environment's {C_BIN}, "
            "or compare nbsim's two models with --model-pair"
        )
    if not (options.config or extra):
        raise ValueError(
            "nothing to run the programs with: give --config, or arguments after --"
        )


def _output_folder(options: argparse.Namespace) -> Path:
    if options.outdir is None:
        return fresh_folder(Path(), "compare")
    folder = Path(options.outdir)
    check_folder(folder, options.force)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _run_one(
    name: str, command: list[str], folder: Path, options: argparse.Namespace
) -> Side:
    """Run one program in its own folder and read its image."""
    folder.mkdir(exist_ok=True)
    for old in (FLOAT_FILE, INT_FILE, "Fdump.bin"):
        # What an earlier run left there must not be taken for this one's.
        (folder / old).unlink(missing_ok=True)
    command = [*command, "-floatfile", FLOAT_FILE, "-intfile", INT_FILE]
    ran = run_program(command, folder, options.timeout)
    image = read_float_image(folder / FLOAT_FILE, folder / INT_FILE)
    return Side(name, command, ran.seconds, image, ran.stdout)


def _compared(c: Side, py: Side, options: argparse.Namespace) -> Summary:
    """Compare the images, or their region."""
    f0, f1, s0, s1 = options.roi or (0, c.image.shape[1] - 1, 0, c.image.shape[0] - 1)
    if s1 >= c.image.shape[0] or f1 >= c.image.shape[1]:
        raise ValueError(
            f"--roi {f0} {f1} {s0} {s1}: the image has only {_shape(c)} pixels "
            "(slow x fast)"
        )
    region = (slice(s0, s1 + 1), slice(f0, f1 + 1))
    c_image, py_image = c.image, py.image
    notes = []
    if c_image.shape != py_image.shape:
        notes.append(f"nbsim's image of {_shape(py)} pixels was resampled")
        py_image = resampled(py_image, c_image.shape)
    c_image, py_image = c_image[region], py_image[region]
    difference = compare_images(c_image, py_image)
    summary = Summary(
        c=c,
        py=py,
        c_image=c_image,
        py_image=py_image,
        corner=(s0, f0),
        difference=difference,
        peaks=list(pair_peaks(c_image, py_image, PEAKS)),
        threshold=options.threshold,
        max_difference=options.max_difference,
        notes=notes,
    )
    if difference.left_out:
        notes.append(
            f"{difference.left_out} pixels that are not finite were left out, "
            f"{difference.one_sided} of them not finite in one image only"
        )
    return summary


def _shape(side: Side) -> str:
    return f"{side.image.shape[0]} x {side.image.shape[1]}"


def _trace_command(
    options: argparse.Namespace, extra: list[str], summary: Summary, folder: Path
) -> str:
    slow, fast = summary.worst_pixel
    words = ["nbsim-trace", "--pixel", str(slow), str(fast)]
    if options.config:
        words += ["--config", options.config]
    if options.phi_carryover:
        words.append("--phi-carryover")
    words += ["--out", str(folder / "worst" / "trace_py.log")]
    return shlex.join([*words, "--", *extra] if extra else words)


def _phi_zero_note(step: int, steps: int) -> str:
    return (
        f"phi is 0 in step {step} of {steps}: there the C program does not rotate the "
        "crystal but takes the stale vectors of the step before it; --phi-carryover "
        "(nbsim's -phi_carryover) does the same, as a one-thread C run has it"
    )


def _write(
    folder: Path, summary: Summary, words: list[str], options: argparse.Namespace
) -> None:
    """Write the folder and print the result."""
    pictures = write_pictures(folder, summary, options.png_scale)
    if options.save_diff:
        difference = summary.py_image.astype(np.float64) - summary.c_image
        try:
            difference.astype("<f4").tofile(folder / "diff.bin")
        except OSError as error:
            raise FileError(f"cannot write {folder / 'diff.bin'}: {error}") from error
    metadata = run_metadata(NAME, words, environment=environment())
    write_json(folder / "summary.json", {**as_json(summary), "run": metadata})
    report = folder / "report.html"
    lines = html_lines(summary, pictures, metadata, options.png_scale)
    write_text(report, "\n".join(lines) + "\n")
    print("\n".join(text_lines(summary)))
    print(report)


if __name__ == "__main__":
    sys.exit(main())
