# SPDX-License-Identifier: MIT
"""Seeds, and photon noise."""

from ..schema import Bounds, group, number, option

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
    ),
    option(
        "mosaic_seed",
        "Seed of the mosaic domains.",
        number("SEED", "the mosaic seed"),
        sets=("crystal", "mosaic_seed"),
        default="12345678",
        c="mosaic_seed",
    ),
    option(
        "misset_seed",
        "Seed of -misset random.",
        number("SEED", "the misset seed"),
        sets=("crystal", "misset_seed"),
        default="from the clock",
        c="misset_seed",
        c_note="also taken for -misset, which undoes a -misset random before it; here "
        "it is not (oddity 16)",
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
