# SPDX-License-Identifier: MIT
"""Make the pictures of docs/crystal-files.md, and print what its text says of them.

Not part of the tests; it needs nbsim[xtal,plot]::

    python tests/crystal_pictures.py docs/images

absorption_edge.png: a random model with iron, below, at and above iron's K edge.
predictions.png: the image of an `.expt` with three panels under what is predicted
for it, by nbsim and by DIALS (``dials_predictions.json``). Nothing is fetched.
"""

import json
import pathlib
import sys
import tempfile

import matplotlib
import numpy as np
from crystals import PROTEIN, cromer_liberman, write_pdb
from geometry_texts import EXPERIMENTS

from nbsim import Simulation
from nbsim.model.limits import EV_ANGSTROM
from nbsim.series.predict import sweep_spots

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

STORED = pathlib.Path(__file__).with_name("dials_predictions.json")
ENERGIES_EV = {"below": 7060.0, "at": 7112.5, "above": 7130.0}
#: One iron in 67 atoms.
ELEMENTS = ("Fe", *(PROTEIN * 17)[:66])
SCAN_START_DEG, SCAN_RANGE_DEG = 10.0, 6.0


def bare(axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])


def edge_images(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """Return images of three energies: the wavelength of one, f' and f'' of each."""
    model = folder / "iron.pdb"
    write_pdb(model, (78, 78, 37, 90, 90, 90), "P 43 21 2", 600, ELEMENTS)
    images = {}
    for name, energy in ENERGIES_EV.items():
        f = cromer_liberman(["Fe"], energy)["Fe"]
        simulation = Simulation.from_args(
            f"-pdb {model} -dmin 2 -fprime Fe {f.real} {f.imag} "
            f"-lambda {EV_ANGSTROM / ENERGIES_EV['below']} -N 6 -misset 10 20 30 "
            "-distance 80 -detpixels 80 -pixel 0.4 -Xbeam -8 -Ybeam -8 -oversample 2"
        )
        images[name] = simulation.render().astype(float)
    return images


def draw_edge(target: pathlib.Path, folder: pathlib.Path) -> None:
    """Draw the three images and their differences from the first."""
    images = edge_images(folder)
    below = images["below"]
    top = np.quantile(below, 0.999)
    figure, rows = plt.subplots(2, 3, figsize=(7, 5), layout="constrained")
    for (name, image), upper, lower in zip(images.items(), *rows):
        energy = ENERGIES_EV[name]
        f = cromer_liberman(["Fe"], energy)["Fe"]
        upper.imshow(image, cmap="gray_r", vmin=0.0, vmax=top)
        upper.set_title(f"{name}, {energy:g} eV: f' {f.real:.2f}, f'' {f.imag:.2f}")
        change = image - below
        lower.imshow(change, cmap="bwr", vmin=-top / 6, vmax=top / 6)
        lower.set_title(f"minus {ENERGIES_EV['below']:g} eV")
        total, differences = change.sum(), np.abs(change).sum()
        print(
            f"{name}: light {100 * total / below.sum():+.1f} %, differences "
            f"{100 * differences / below.sum():.1f} % of that below"
        )
    for axes in rows.flat:
        axes.title.set_size(8)
        bare(axes)
    figure.savefig(target / "absorption_edge.png", dpi=96)


def draw_predictions(target: pathlib.Path, folder: pathlib.Path) -> None:
    """Draw each panel of an `.expt` with rings where reflections are predicted."""
    expt = folder / "hierarchy.expt"
    expt.write_text(json.dumps(EXPERIMENTS["hierarchy"]))
    simulation = Simulation.from_args(
        f"-expt {expt} -default_F 100 -N 20 -oversample 1 -osc {SCAN_RANGE_DEG} "
        "-phisteps 120 -dmin 1.6"
    )
    image = simulation.render()
    spots = sweep_spots(simulation, SCAN_START_DEG, SCAN_RANGE_DEG, 1)
    rows = np.array(json.loads(STORED.read_text())["hierarchy"])
    inside = np.abs(rows[:, 6] - SCAN_START_DEG - SCAN_RANGE_DEG / 2)
    rows = rows[inside < SCAN_RANGE_DEG / 2]
    figure, all_axes = plt.subplots(1, 3, figsize=(9, 2.6), layout="constrained")
    for number, axes in enumerate(all_axes):
        picture = axes.imshow(image[number], cmap="gray_r")
        picture.set_clim(0.0, np.quantile(image, 0.998))
        its = spots[spots["panel"] == number]
        # Pixel 0 reaches from 0 to 1 in predictions, from -1/2 to 1/2 in imshow.
        place = its["fast_px"] - 0.5, its["slow_px"] - 0.5
        axes.plot(*place, "o", ms=7, mfc="none", mec="tab:red", mew=0.6)
        dials = rows[rows[:, 3] == number]
        place = dials[:, 4] - 0.5, dials[:, 5] - 0.5
        axes.plot(*place, "+", ms=13, mec="tab:blue", mew=0.8)
        axes.set_title(f"panel {number}", size=8)
        bare(axes)
        print(f"panel {number}: {len(its)} spots predicted, DIALS' {len(dials)}")
    figure.savefig(target / "predictions.png", dpi=96)


def main() -> None:
    target = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        draw_edge(target, pathlib.Path(folder))
        draw_predictions(target, pathlib.Path(folder))


if __name__ == "__main__":
    main()
