# SPDX-License-Identifier: MIT
"""Seeds, and photon noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..schema import Bounds, group, number, option

if TYPE_CHECKING:
    from ..collector import Collector


def _not_random(words: Collector) -> str:
    random = words.values["crystal"].get("misset_deg") == "random"
    return "" if random else "without -misset random"


def _misset_seed(words: Collector, seed: int) -> None:
    words.read_by_c["misset"] = (
        f"nanoBragg takes -misset_seed for -misset, too: there this line turns the "
        f"crystal by {seed} degrees about x and so on; give -misset after it"
    )


def _no_noise(words: Collector) -> str:
    crystal, output = words.values["crystal"], words.values["output"]
    turns = crystal.get("misset_deg") == "random" and "misset_seed" not in crystal
    silent = output.get("noisefile", "") is None and not turns
    return "with -nonoise" if silent else ""


OPTIONS = group(
    "Noise",
    option(
        "seed",
        "Seed of the photon noise.",
        number("SEED", "the seed", Bounds(whole=True)),
        sets=("output", "seed"),
        default="from the clock",
        python="seed of Simulation.noise",
        c="seed",
        c_note="stored with the opposite sign; nbsim prints both",
        idle=_no_noise,
    ),
    option(
        "mosaic_seed",
        "Seed of the mosaic domains.",
        number("SEED", "the mosaic seed"),
        sets=("crystal", "mosaic_seed"),
        default="12345678",
        c="mosaic_seed",
        needs=("mosaic",),
    ),
    option(
        "misset_seed",
        "Seed of -misset random.",
        number("SEED", "the misset seed"),
        sets=("crystal", "misset_seed"),
        does=_misset_seed,
        default="from the clock",
        c="misset_seed",
        c_note="also taken for -misset, which undoes a -misset random before it; here "
        "it is not (oddity 16)",
        idle=_not_random,
    ),
    option(
        "nonoise",
        "Do not make the image with photon noise.",
        sets=("output", "noisefile"),
        value=None,
        python="do not call Simulation.noise",
        c="calculate_noise = 0",
    ),
)
