# SPDX-License-Identifier: MIT
"""What the program does, and on which device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..schema import Argument, Bounds, choice, group, number, option

if TYPE_CHECKING:
    from ..collector import Collector


def _device(_: Collector, text: str) -> None:
    from ...backends.device import parse_device

    parse_device(text, "-device")


OPTIONS = group(
    "Run",
    option(
        "help",
        "Print this text and stop.",
        action=True,
        aliases=("h",),
        prefixes=(),
    ),
    option(
        "version",
        "Print the version and stop.",
        action=True,
        prefixes=(),
    ),
    option(
        "example",
        "Write the input files of a small example to a new folder, with the "
        "command line that belongs to them, and render it there.",
        Argument("FOLDER", "the folder", noun="a folder name", offers=("/",)),
        action=True,
        default="nbsim-example",
        prefixes=(),
        least=0,
    ),
    option(
        "show_config",
        "Print every parameter as it would be used, and stop.",
        choice("the format", "text", "json"),
        action=True,
        default="text",
        prefixes=(),
        least=0,
        python="Simulation.resolved",
    ),
    option(
        "lenient",
        "Skip words that nanoBragg does not understand, with a warning, instead of "
        "stopping. So does the environment variable NBSIM_LENIENT=1.",
        action=True,
        prefixes=(),
        c_note="skips them always, and silently",
    ),
    option(
        "threads",
        "Number of processor threads. The image does not depend on it.",
        number(
            "THREADS", "the number of threads", Bounds(whole=True, low=1, high=1024)
        ),
        sets=("output", "threads"),
        default="all processors",
        prefixes=(),
        python="threads of Simulation.render",
    ),
    option(
        "device",
        "Where to render: cpu, cuda (cuda:1 for the second device, cuda:0,1 to "
        "share the rows between two), or auto, which takes CUDA where it can be "
        "used and the image is large enough to pay for starting it. The "
        "environment variable NBSIM_DEVICE gives another default.",
        Argument(
            "DEVICE",
            "the device",
            noun="auto, cpu or cuda[:N]",
            offers=("auto", "cpu", "cuda"),
        ),
        sets=("output", "device"),
        does=_device,
        default="auto",
        prefixes=(),
        python="backend of Simulation.render",
    ),
    option(
        "warm_cache",
        "Compile every kernel for this processor, so that no later run has to, and "
        "stop.",
        action=True,
        prefixes=(),
    ),
    option(
        "show_devices",
        "Print the CUDA devices of this machine, with their memory and compute "
        "capability, and stop. With a command line: also what it would be rendered on, "
        "and how long that is expected to take.",
        action=True,
        prefixes=(),
    ),
    option(
        "precision",
        "Arithmetic of the kernel. single is faster and less exact; on a CUDA "
        "device its image stays within 1e-4 of double precision.",
        choice("the precision", "double", "single"),
        sets=("output", "precision"),
        default="double",
        prefixes=(),
        python="precision of Simulation.render",
    ),
    option(
        "progress",
        "Show the progress of a run of more than two seconds on a terminal.",
        sets=("output", "progress"),
        value=True,
        default="on",
        python="progress of Simulation.render",
        c="progress_meter = 1",
        c_note="lines of per cent; here a bar on a terminal",
    ),
    option(
        "noprogress",
        "Do not show the progress of the run.",
        sets=("output", "progress"),
        value=False,
        c="progress_meter = 0",
    ),
)
