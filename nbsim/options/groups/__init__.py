# SPDX-License-Identifier: MIT
"""All rows, in the order of the help text: one file for each of its headings."""

from . import (
    background,
    beam,
    beam_centre,
    crystal,
    crystal_files,
    detector,
    geometry_files,
    goniometer,
    never_read,
    noise,
    output,
    response,
    run,
    sampling,
    series,
    structure_factors,
    trace,
)

_FILES = (
    crystal,
    structure_factors,
    crystal_files,
    geometry_files,
    beam,
    detector,
    beam_centre,
    goniometer,
    sampling,
    background,
    noise,
    response,
    output,
    series,
    run,
    trace,
    never_read,
)
OPTIONS = tuple(row for file in _FILES for row in file.OPTIONS)
GROUPS = tuple(dict.fromkeys(row.group for row in OPTIONS))
