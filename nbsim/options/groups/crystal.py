# SPDX-License-Identifier: MIT
"""The crystal: cell, orientation, size, shape, mosaicity."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...model.limits import ANGLE_DEG, CELL_A, CELL_DEG
from ..schema import Bounds, file, group, number, option
from .shared import NOT_USED

if TYPE_CHECKING:
    from ..collector import Collector


def _misset(words: Collector, *angles: float | str) -> None:
    words.read_by_c.pop("misset", None)
    words.set("crystal", misset_deg="random" if len(angles) == 1 else angles)


def _sized(*axes: str) -> Callable[[Collector], str]:
    """Return `Option.idle` of a number of cells, which a size overrules."""

    def idle(words: Collector) -> str:
        crystal = words.values["crystal"]
        sized = all(crystal.get(f"sample_{axis}_mm") for axis in axes)
        return "beside the size of the crystal" if sized else ""

    return idle


def _no_fudge(words: Collector) -> str:
    square = words.values["crystal"].get("shape", "square") == "square"
    return "without -round_xtal, -gauss_xtal or -tophat_spots" if square else ""


def _one_domain(words: Collector) -> str:
    one = words.values["crystal"].get("mosaic_domains") == 1
    return "with one domain, which is not turned" if one else ""


OPTIONS = group(
    "Crystal",
    option(
        "mat",
        "Orientation matrix as MOSFLM writes it: the first nine numbers of a text "
        "file, whose columns are a*, b* and c* times the wavelength. Together with "
        "-cell it gives only the orientation.",
        file("the matrix file", ".mat"),
        sets=("files", "mat"),
        aliases=("matrix",),
        python="Crystal(A_matrix=nbsim.read_matrix(...))",
        c="matfilename",
        c_note="a missing file is taken for zeros; here it is an error",
    ),
    option(
        "cell",
        "Unit cell, instead of a matrix. Missing lengths are those of a, missing "
        "angles are 90.",
        number("A", "the cell length a", CELL_A),
        number("B", "the cell length b", CELL_A),
        number("C", "the cell length c", CELL_A),
        number("ALPHA", "the cell angle alpha", CELL_DEG),
        number("BETA", "the cell angle beta", CELL_DEG),
        number("GAMMA", "the cell angle gamma", CELL_DEG),
        sets=("crystal", "cell"),
        least=1,
        c="a, b, c, alpha, beta, gamma",
        c_note="with oblique angles the rendered cell is slightly off; model c has "
        "the same numbers (oddity 17)",
    ),
    option(
        "misset",
        "Rotations about x, y and z, in this order, that turn the crystal away "
        "from its standard orientation, or a random orientation.",
        number(
            "ROTX",
            "the rotation about x",
            ANGLE_DEG,
            keyword=("rand", "random"),
        ),
        number("ROTY", "the rotation about y", ANGLE_DEG),
        number("ROTZ", "the rotation about z", ANGLE_DEG),
        does=_misset,
        default="0 0 0",
        python="Crystal.misset_deg",
        c="misset",
        c_note="`random` draws with a cap of 90 radians; the same here (oddity 7)",
    ),
    option(
        "N",
        "Number of unit cells along all three axes; 0 counts as 1.",
        number("CELLS", "the number of unit cells"),
        sets=(("crystal", "Na"), ("crystal", "Nb"), ("crystal", "Nc")),
        default="1",
        prefixes=(),
        c="Na, Nb, Nc",
        idle=_sized("x", "y", "z"),
    ),
    option(
        "Na",
        "Number of unit cells along the crystal's a axis; 0 counts as 1.",
        number("CELLS", "the number of unit cells along a"),
        sets=("crystal", "Na"),
        default="1",
        c="Na",
        idle=_sized("x"),
    ),
    option(
        "Nb",
        "Number of unit cells along the crystal's b axis; 0 counts as 1.",
        number("CELLS", "the number of unit cells along b"),
        sets=("crystal", "Nb"),
        default="1",
        c="Nb",
        idle=_sized("y"),
    ),
    option(
        "Nc",
        "Number of unit cells along the crystal's c axis; 0 counts as 1.",
        number("CELLS", "the number of unit cells along c"),
        sets=("crystal", "Nc"),
        default="1",
        c="Nc",
        idle=_sized("z"),
    ),
    option(
        "samplesize",
        "Crystal size along x, y and z, instead of -N: the numbers of cells are "
        "this size over the cell lengths, rounded up.",
        number("MM", "the crystal size"),
        sets=(
            ("crystal", "sample_x_mm"),
            ("crystal", "sample_y_mm"),
            ("crystal", "sample_z_mm"),
        ),
        default="not used",
        aliases=("sample_size", "xtalsize", "xtal_size"),
        c="sample_x, sample_y, sample_z",
    ),
    option(
        "sample_x",
        "Crystal size along x (thick), from which the numbers of cells follow.",
        number("MM", "the thick of the crystal"),
        sets=("crystal", "sample_x_mm"),
        default="not used",
        aliases=("sample_thick", "xtal_x", "xtal_thick"),
        prefixes=("sample_x", "sample_thick", "xtal_x", "xtal_thick"),
        c="sample_x",
    ),
    option(
        "sample_y",
        "Crystal size along y (width), from which the numbers of cells follow.",
        number("MM", "the width of the crystal"),
        sets=("crystal", "sample_y_mm"),
        default="not used",
        aliases=("sample_width", "xtal_y", "xtal_width", "width"),
        prefixes=("sample_y", "sample_width", "xtal_y", "xtal_width", "width"),
        c="sample_y",
    ),
    option(
        "sample_z",
        "Crystal size along z (height), from which the numbers of cells follow.",
        number("MM", "the height of the crystal"),
        sets=("crystal", "sample_z_mm"),
        default="not used",
        aliases=("sample_height", "xtal_z", "xtal_height", "height"),
        prefixes=("sample_z", "sample_heigh", "xtal_z", "xtal_heigh", "heigh"),
        c="sample_z",
    ),
    option(
        "square_xtal",
        "Parallelepiped crystal: spots with all their fringes. This is the default "
        "shape.",
        sets=("crystal", "shape"),
        value="square",
        c="xtal_shape = SQUARE",
    ),
    option(
        "round_xtal",
        "Ellipsoidal crystal (an approximation).",
        sets=("crystal", "shape"),
        value="round",
        c="xtal_shape = ROUND",
    ),
    option(
        "gauss_xtal",
        "Gaussian spots, without fringes between the spots.",
        sets=("crystal", "shape"),
        value="gauss",
        c="xtal_shape = GAUSS",
    ),
    option(
        "tophat_spots",
        "Every spot evenly bright inside its full width at half maximum and dark "
        "outside.",
        sets=("crystal", "shape"),
        value="tophat",
        aliases=("binary_spots",),
        c="xtal_shape = TOPHAT",
    ),
    option(
        "fudge",
        "Factor on the squared distance from the spot's middle in the round, "
        "Gaussian and top-hat shapes: a larger one makes smaller spots.",
        number("FACTOR", "the fudge factor"),
        sets=("crystal", "fudge"),
        default="1",
        c="fudge",
        idle=_no_fudge,
    ),
    option(
        "mosaic",
        "Mosaic spread: each domain is turned by a random angle up to this one (a "
        "radius; nanoBragg's README calls it a diameter), "
        "about a random axis. 90 and more gives a powder.",
        number("DEGREES", "the mosaic spread"),
        sets=("crystal", "mosaic_spread_deg"),
        default="0",
        aliases=("mosaicity", "mosaic_spread"),
        prefixes=("mosaici", "mosaic_spr"),
        c="mosaic_spread",
        idle=_one_domain,
    ),
    option(
        "mosaic_domains",
        "Number of mosaic domains, the first of which is not turned; 0 chooses "
        "automatically. Without -mosaic there is one domain.",
        number("DOMAINS", "the number of mosaic domains"),
        sets=("crystal", "mosaic_domains"),
        default="10 with -mosaic, else 1",
        prefixes=("mosaic_dom",),
        c="mosaic_domains",
    ),
    option(
        "density",
        "Density of the crystal. Accepted and not used, as in nanoBragg.",
        number("G_PER_CM3", "the density", Bounds(unit="g/cm^3", above=0)),
        unused="the density is worked out from the cell",
        default="1",
        aliases=("sample_density",),
        prefixes=("density", "sample_den"),
        c="density",
        c_note=NOT_USED,
    ),
    option(
        "MW",
        "Molecular weight. Accepted and not used, as in nanoBragg.",
        number("G_PER_MOL", "the molecular weight", Bounds(unit="g/mol", above=0)),
        unused="the molecular weight is worked out from the cell",
        default="18",
        aliases=("molecular_weight",),
        prefixes=("molec",),
        c="molecular_weight",
        c_note=NOT_USED,
    ),
)
