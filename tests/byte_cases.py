# SPDX-License-Identifier: MIT
"""Simulations whose work is spread unevenly, for the tests that divide it."""

import dataclasses

import numpy as np

from nbsim import Simulation, StructureFactors

CELL = "-cell 70 80 90 75 85 95 -lambda 1 -default_F 100 -distance 100"
SCREEN = "-pixel 0.9 -detpixels_f 113 -detpixels_s 97"


def simulate(args, box=0, masked=False):
    """Return a simulation with a random list up to index `box`, or a random mask."""
    simulation = Simulation.from_args(f"{CELL} {SCREEN} {args}")
    changes = {}
    rng = np.random.default_rng(3)
    if box:
        F = rng.uniform(5.0, 90.0, (2 * box + 1,) * 3)
        changes["structure_factors"] = StructureFactors(
            F=F, h_min=-box, k_min=-box, l_min=-box, default_F=7.0, hkls=F.size
        )
    if masked:
        mask = rng.uniform(size=simulation.detector.shape) < 0.4
        # All that is left of the lower half is one column.
        mask[50:, 1:] = False
        detector = dataclasses.replace(simulation.detector, mask=mask)
        changes["detector"] = detector
    return dataclasses.replace(simulation, **changes)


NEAR = "-distance 400 -Xbeam 2 -Ybeam 50"
CASES = {
    "plain": simulate("-N 20 -oversample 1 -phi 0 -osc 1 -phisteps 3"),
    "list": simulate("-N 20 -oversample 2", box=9),
    "interpolation ends": simulate(f"-N 5 -interpolate -oversample 1 {NEAR}", box=15),
    "running products": simulate(
        "-N 5 -nointerpolate -oversample 2 -oversample_omega -oversample_polar "
        "-oversample_thick -detector_thick 300 -detector_abs 200",
        box=9,
    ),
    "mask": simulate("-N 20 -oversample 2", masked=True),
    "layers": simulate(
        "-N 5 -nointerpolate -oversample 1 -detector_thick 450 -detector_abs 200 "
        "-detector_thicksteps 5"
    ),
    "curved": simulate("-N 5 -nointerpolate -oversample 1 -curved_det", box=9),
    "physical": simulate(
        "-model physical -N 5 -nointerpolate -oversample 2 -detector_thick 450 "
        "-detector_abs 200 -hdivrange 4 -polar 0.9 -water 10 -dmin 2"
    ),
    "physical, interpolated": simulate(
        f"-model physical -N 5 -interpolate -oversample 1 {NEAR}", box=15
    ),
    "gauss": simulate("-N 5 -nointerpolate -oversample 1 -gauss_xtal -fudge 0.001"),
}
