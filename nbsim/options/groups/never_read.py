# SPDX-License-Identifier: MIT
"""The options of nanoBragg's examples and README that it never reads."""

from ..schema import Bounds, Option, number

_VALUE = number("VALUE", "its value", Bounds())
_MEANT = {
    "hdiv": "-hdivrange",
    "vdiv": "-vdivrange",
    "dispstep": "-dispsteps",
    "detsize_x": "-detsize_f",
    "detsize_y": "-detsize_s",
    "xdet_vector": "-fdet_vector",
    "ydet_vector": "-sdet_vector",
    "zdet_vector": "-odet_vector",
    "source_dist": "-sourcefile",
}
#: Longer spellings that are seen, such as -source_distance.
_BEGINNINGS = ("source_dist",)

OPTIONS = tuple(
    Option(
        name,
        group="Run",
        help="",
        arguments=(_VALUE,) * (3 if name.endswith("_vector") else 1),
        least=0,
        prefixes=(name,) if name in _BEGINNINGS else (),
        instead=instead,
    )
    for name, instead in _MEANT.items()
)
