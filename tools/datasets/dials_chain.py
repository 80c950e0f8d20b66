# SPDX-License-Identifier: MIT
"""Simulate a series, process it with DIALS, and hold the result against the truth.

``python -m nbsim.tools.datasets.dials_chain FOLDER [nxmx|master|cbf|smv]
[--case tetragonal|monoclinic|triclinic]``; DIALS must be in PATH (Debian: apt-get
install --no-install-recommends dials).
"""

from __future__ import annotations

import argparse
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nbsim.errors import FileError
from nbsim.series.truth import read_truth
from nbsim.tools.command import run_tool, write_json
from nbsim.tools.datasets.random_model import CRYSTALS, write_random_hkl
from nbsim.tools.truth.compare import compare
from nbsim.tools.truth.results import read_result, together

NAME = "nbsim-dials-chain"
SERIES = (
    "-hkl P1.hkl -gauss_xtal -nointerpolate -lambda 1 -pixel 0.1 -detpixels 1024 "
    "-misset 12 34 56 -fluence 1e28 -water 0.536 -osc 0.5 -phisteps 10 -seed 1 "
    "-truthfile truth.json"
)


@dataclass(frozen=True)
class Case:
    """What is simulated beside `SERIES`.

    Attributes
    ----------
    geometry
        Options; a miniCBF or SMV header can only hold the first case's.
    frames
        How many: DIALS scales by comparing equivalents, of which P1 has few.
    """

    geometry: str
    frames: int


CASES = {
    "tetragonal": Case("-distance 120 -Xbeam 50.1 -Ybeam 53.3 -Na 8 -Nb 8 -Nc 9", 40),
    "monoclinic": Case(
        "-distance 110 -Xbeam 50.1 -Ybeam 53.3 -N 9 -twotheta 8 -detector_rotx 1.5 "
        "-detector_roty -2 -detector_rotz 3",
        120,
    ),
    "triclinic": Case(
        "-distance 120 -Xbeam 50.1 -Ybeam 53.3 -N 10 -spindle_axis 0.1 0.9 0.3", 90
    ),
}
#: The case whose detector stands across the beam, with the spindle along x.
UPRIGHT = "tetragonal"
FILES = {
    "nxmx": ("-nxfile", "x.nxs"),
    "master": ("-nxfile", "x_master.h5"),
    "cbf": ("-cbffile", "x_####.cbf"),
    "smv": ("-smv_center dials -noisefile", "x_###.img"),
}
STEPS = (
    "dials.import {frames} geometry.beam.polarization_fraction=0.5",
    "dials.find_spots imported.expt nproc={processors}",
    "dials.index imported.expt strong.refl space_group={space_group}",
    "dials.refine indexed.expt indexed.refl scan_varying=False",
    "dials.integrate refined.expt refined.refl nproc={processors}",
    "dials.scale integrated.expt integrated.refl anomalous=False",
    "dials.merge scaled.expt scaled.refl anomalous=False",
)
#: What must come out: name, least or most, limit.
LIMITS = (
    ("indexed, %", "least", 95.0),
    ("largest cell length error, %", "most", 0.02),
    ("orientation error, deg", "most", 0.01),
    ("CC of intensities", "least", 0.995),
    ("R(F), %", "most", 3.0),
    ("mean z^2, not broad", "most", 1.5),
)


def simulate(folder: Path, kind: str, name: str) -> None:
    """Write the series, if it is not there."""
    case, cell = CASES[name], CRYSTALS[name].cell
    write_random_hkl(folder / "P1.hkl", 1.6, crystal=name)
    line = f"{SERIES} {case.geometry} -frames {case.frames} -cell"
    words = [*line.split(), *(f"{x:g}" for x in cell), "-resume"]
    options, template = FILES[kind]
    words += [*options.split(), template]
    subprocess.run([sys.executable, "-m", "nbsim", *words], cwd=folder, check=True)


def process(folder: Path, kind: str, space_group: str) -> None:
    """Run DIALS; what it says goes into a file for each step.

    Raises
    ------
    FileError
        When DIALS is missing or one of its programs fails.
    """
    if shutil.which("dials.import") is None:
        raise FileError("DIALS is not in PATH: there is no dials.import")
    frames = f"template={folder / FILES[kind][1]}"
    if kind in ("nxmx", "master"):
        frames = str(folder / FILES[kind][1])
    for step in STEPS:
        words = step.format(
            frames=frames, processors=os.cpu_count(), space_group=space_group
        ).split()
        with open(folder / f"{words[0]}.out", "w") as said:
            environment = {**os.environ, **_plugins()}
            ran = subprocess.run(
                words, cwd=folder, stdout=said, stderr=said, env=environment
            )
        if ran.returncode:
            raise FileError(f"{words[0]} failed, see {folder / words[0]}.out")


def _plugins() -> dict[str, str]:
    """Return where DIALS's own HDF5 finds bitshuffle."""
    try:
        import hdf5plugin
    except ImportError:
        return {}
    return {"HDF5_PLUGIN_PATH": hdf5plugin.PLUGIN_PATH}


def figures(folder: Path) -> dict[str, float]:
    """Return what DIALS found, held against the truth."""
    truth = read_truth(str(folder / "truth.json"))
    merged, unmerged = (
        compare(truth, together([read_result(str(folder / n), truth) for n in names]))
        for names in (
            ("scaled.expt", "merged.mtz"),
            ("integrated.expt", "integrated.refl"),
        )
    )
    text = (folder / "dials.index.out").read_text()
    *_, share = re.findall(r"\|\s*0 \|\s*\d+ \|\s*\d+ \| ([0-9.]+)%", text)
    return {"indexed, %": float(share), **unmerged.figures, **merged.figures}


def _body(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog=NAME, description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("kind", nargs="?", choices=FILES, default="nxmx")
    parser.add_argument("--case", choices=CASES, default="tetragonal")
    arguments = parser.parse_args(words)
    kind, case = arguments.kind, arguments.case
    if kind in ("cbf", "smv") and case != UPRIGHT:
        parser.error(f"--case {case}: a {kind} header cannot hold its geometry")
    folder = arguments.folder.absolute() / f"{case}-{kind}"
    folder.mkdir(parents=True, exist_ok=True)
    simulate(folder, kind, case)
    process(folder, kind, CRYSTALS[case].space_group)
    found = figures(folder)
    write_json(folder / "figures.json", found)
    bad = 0
    for name, side, limit in LIMITS:
        value = found.get(name, math.nan)  # of nothing there is no mean
        good = value >= limit if side == "least" else value <= limit
        bad += not good
        verdict = "ok" if good else "NO"
        print(f"{name:<30} {value:9.4g}  at {side} {limit:g}: {verdict}")
    return 1 if bad else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the chain and return the exit status: 1 when a figure is not reached."""
    return run_tool(NAME, _body, argv)


if __name__ == "__main__":
    sys.exit(main())
