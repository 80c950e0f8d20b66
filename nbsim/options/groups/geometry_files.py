# SPDX-License-Identifier: MIT
"""Files of other programs that give detector, beam, goniometer and crystal."""

from __future__ import annotations

from ..schema import Bounds, choice, file, group, number, option

OPTIONS = group(
    "Geometry files",
    option(
        "expt",
        "DIALS experiment list (.expt): detector, beam, goniometer, the scan's first "
        "image, and cell, orientation and space group of the crystal where it has "
        "one. Options of the line win over it, wherever they stand.",
        file("the experiment list", ".expt"),
        sets=("files", "expt"),
        prefixes=(),
        python="nbsim.read_expt",
    ),
    option(
        "expt_index",
        "Which experiment of -expt, from 0.",
        number("N", "the experiment", Bounds(whole=True, low=0)),
        sets=("geometry", "index"),
        needs=("expt",),
        default="0",
        prefixes=(),
        python="nbsim.read_expt(index=...)",
    ),
    option(
        "xparm",
        "XPARM.XDS or GXPARM.XDS, as -expt.",
        file("the XPARM file", ".XDS"),
        sets=("files", "xparm"),
        prefixes=(),
        python="nbsim.read_xparm",
    ),
    option(
        "xds_inp",
        "XDS.INP: detector, beam, goniometer, rotation and the cell, as -expt.",
        file("the XDS.INP file", ".INP"),
        sets=("files", "xds_inp"),
        prefixes=(),
        python="nbsim.read_xds_inp",
    ),
    option(
        "geom",
        "CrystFEL geometry file (.geom): detector and photon energy, as -expt.",
        file("the geometry file", ".geom"),
        sets=("files", "geom"),
        prefixes=(),
        python="nbsim.read_geom",
    ),
    option(
        "panel_layout",
        "How several panels of -expt or -geom lie in the image, and so in files: one "
        "below the other (stack), or where the file says that they are in its data "
        "(place: min_fs and min_ss, raw_image_offset). auto places them where all have "
        "a place and none overlap.",
        choice("the layout", "auto", "stack", "place"),
        sets=("detector", "panel_layout"),
        needs=("expt", "geom"),
        default="auto",
        prefixes=(),
    ),
)
