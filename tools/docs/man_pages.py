# SPDX-License-Identifier: MIT
"""The man pages: what argparse-manpage makes of the parsers."""

import os
import subprocess
import sys

from nbsim._version import __version__

#: Where the parser of each command is, and what the command does.
COMMANDS = {
    "nbsim": ("nbsim.options.help", "diffraction images of nanocrystals"),
    "nbsim-background": (
        "nbsim.command.background_program",
        "scattering of water, air and ice",
    ),
    "nbsim-noise": (
        "nbsim.command.noise_program",
        "what a detector makes of expected photons",
    ),
    "nbsim-trace": (
        "nbsim.tools.traces.main",
        "all numbers behind one pixel of a diffraction image",
    ),
    "nbsim-compare-traces": (
        "nbsim.tools.traces.compare",
        "the first quantity in which two traces differ",
    ),
    "nbsim-per-phi": (
        "nbsim.tools.traces.per_phi",
        "one pixel, phi step by phi step",
    ),
    "nbsim-compare": (
        "nbsim.tools.images.main",
        "the images of two programs for one command line",
    ),
    "nbsim-golden": (
        "nbsim.tools.golden.main",
        "cases with the numbers of the C program",
    ),
    "nbsim-truth-compare": (
        "nbsim.tools.truth.main",
        "the result of a processing program against the truth of a series",
    ),
    "nbsim-benchmark": (
        "nbsim.tools.benchmark.main",
        "how fast images are rendered on this machine",
    ),
}
#: The page carries a date; a fixed one keeps it the same from day to day.
DATE = {"SOURCE_DATE_EPOCH": "1767268800", "TZ": "UTC"}


def man_page(command: str, **environment: str) -> str:
    """Return the page of a command.

    Parameters
    ----------
    command
        One of `COMMANDS`.
    **environment
        Variables for the program that makes it.
    """
    module, description = COMMANDS[command]
    program = "from argparse_manpage.cli import main; main()"
    arguments = (
        *("--module", module),
        *("--function", "build_parser"),
        *("--prog", command),
        *("--project-name", "nbsim"),
        *("--version", __version__),
        *("--description", description),
        *("--manual-title", "nbsim manual"),
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, **DATE, "COLUMNS": "80", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
