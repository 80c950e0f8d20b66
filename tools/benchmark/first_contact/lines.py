# SPDX-License-Identifier: MIT
"""Small runs that a device must render as the processor does."""

import dataclasses
import math

import numpy as np

from nbsim.backends.simulator import simulated
from nbsim.model.models import Detector
from nbsim.model.panel import Panel
from nbsim.model.structure_factors import StructureFactors
from nbsim.simulation import Simulation

CELL = "-cell 70 80 90 75 85 95 -lambda 1 -default_F 7"
#: Pixels of the image's edge; in the simulator a part of its own is rendered.
PLACE = "-distance 100 -pixel 0.4 -detpixels 100"
SMALL_PLACE = "-distance 100 -pixel 2 -detpixels 20 -roi 4 7 11 12"
#: Name: options, whether with a list of F.
TWINS: dict[str, tuple[str, bool]] = {
    "any N": ("-N 25 -oversample 2", False),
    # Single precision is exact to a fraction of the envelope, which a window's few
    # pixels need not reach: with -Na 1000 the processor is off by 2.6e-5 of theirs.
    "any N, list": ("-Na 100 -Nb 40 -Nc 11 -oversample 1", True),
    "N <= 9, list": ("-Na 1 -Nb 6 -Nc 9 -oversample 1 -nointerpolate", True),
    "round": ("-N 12 -round_xtal -fudge 0.5 -oversample 1", True),
    "gauss": ("-N 4 -gauss_xtal -fudge 0.01 -oversample 1 -nointerpolate", True),
    "tophat": ("-N 3 -tophat_spots -fudge 0.003 -oversample 1 -nointerpolate", True),
    "tricubic": ("-N 5 -oversample 1 -interpolate", True),
    "tricubic, leaves the list": ("-N 2 -oversample 1 -distance 60", True),
    "mosaic, phi": ("-N 5 -oversample 1 -mosaic 2 -mosaic_domains 70 -osc 1", True),
    "sources": ("-N 5 -oversample 1 -divergence 4 -divsteps 2 -dispsteps 2", True),
    "layers": (
        "-N 5 -oversample 2 -detector_abs 90 -detector_thick 80 -thicksteps 3",
        True,
    ),
    "running products": (
        "-N 5 -oversample 2 -detector_abs 300 -detector_thick 400 -thicksteps 2 "
        "-oversample_thick -oversample_polar -oversample_omega -polar 0.9",
        True,
    ),
    "background, dmin": ("-N 5 -oversample 3 -dmin 1.61 -polar 1 -water 10", True),
    "curved": ("-N 15 -oversample 1 -curved_det -point_pixel -nopolar", True),
    "carryover": ("-N 9 -oversample 1 -osc 2 -phisteps 2 -phi_carryover", True),
    "region": ("-N 15 -oversample 1 -roi 5 6 10 12", True),
    "physical": (
        "-model physical -N 15 -oversample 2 -detector_abs 90 -detector_thick 80 "
        "-thicksteps 3 -divergence 4 -divsteps 2 -polar 0.7",
        True,
    ),
    "physical, curved": (
        "-model physical -N 14 -oversample 2 -curved_det -detector_thick 900 -nopolar",
        False,
    ),
    "physical, gauss": ("-model physical -N 16 -gauss_xtal -oversample 2", True),
    "physical, tricubic": ("-model physical -N 2 -oversample 2 -distance 60", True),
}
MASKED, PANELS = "mask", "panels"


def list_of_F() -> StructureFactors:
    """Return a list of random numbers around the origin."""
    F = np.random.default_rng(3).uniform(5.0, 200.0, (41, 43, 45))
    return StructureFactors(
        F=F, h_min=-20, k_min=-21, l_min=-22, default_F=7.0, hkls=F.size
    )


def names() -> list[str]:
    """Return the names of all twins."""
    return [*TWINS, MASKED, PANELS]


def twin(name: str) -> Simulation:
    """Return the simulation of a twin."""
    options, with_list = TWINS["any N, list" if name in (MASKED, PANELS) else name]
    place = SMALL_PLACE if simulated() else PLACE
    simulation = Simulation.from_args(f"{CELL} {place} {options}")
    if with_list:
        simulation = dataclasses.replace(simulation, structure_factors=list_of_F())
    if name == MASKED:
        mask = np.ones(simulation.detector.shape, bool)
        mask[::3, ::2] = False
        detector = dataclasses.replace(simulation.detector, mask=mask)
        simulation = dataclasses.replace(simulation, detector=detector)
    if name == PANELS:
        detector = _tilted_panels(2 if simulated() else 50)
        simulation = dataclasses.replace(simulation, detector=detector)
    return simulation


def _tilted_panels(edge: int) -> Detector:
    """Return three panels in a row of one image, a column apart."""
    size = 40.0 / edge
    panels = tuple(
        Panel(
            name=str(n),
            spixels=edge,
            fpixels=edge,
            fdet_vector=(math.cos(tilt), 0.0, -math.sin(tilt)),
            sdet_vector=(0.0, -1.0, 0.0),
            pix0_vector_mm=(40.0 * n - 60.0, 20.0, 100.0),
            origin=(0, n * (edge + 1)),
        )
        for n, tilt in enumerate((-0.2, 0.0, 0.2))
    )
    return Detector(panels=panels, pixel_size_mm=size)
