# SPDX-License-Identifier: MIT
"""What scatters besides the crystal."""

from ..schema import group, number, option

OPTIONS = group(
    "Background",
    option(
        "water",
        "Add the even background of a cube of water with this edge.",
        number("UM", "the water size"),
        sets=("crystal", "water_um"),
        default="0",
        c="water_size",
    ),
)
