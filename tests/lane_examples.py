# SPDX-License-Identifier: MIT
"""Crystals and lists of F for the tests of the vectorised loops, and a call of one."""

import ctypes

import numpy as np

from nbsim import StructureFactors
from nbsim.backends import cpu_arguments
from nbsim.backends.cpu_functions import LaneLoop
from nbsim.kernels import layout, params
from nbsim.kernels.cpu import lanes, lanes_listed, lanes_single

PROTOTYPE = ctypes.CFUNCTYPE(
    ctypes.c_int32,
    *[ctypes.c_void_p] * 10,
    ctypes.c_int64,
    ctypes.c_void_p,
    ctypes.c_int64,
    *[ctypes.c_void_p] * 3,
    ctypes.c_double,
    ctypes.c_int64,
)

#: a*, b*, c* of an oblique cell, 1/A.
RECIP = np.array([[0.012, 0.001, 0.0], [0.0, 0.015, -0.002], [0.001, 0.0, 0.011]])
#: Cells, shape, fudge; the metric shapes so wide that their neighbours matter.
CRYSTALS = {
    "any": ((5, 12, 40), params.SQUARE, 1.0),
    "few": ((3, 8, 9), params.SQUARE, 1.0),
    "round": ((3, 4, 5), params.ROUND, 0.7),
    "gauss": ((3, 4, 5), params.GAUSS, 1e-1),
    "tophat": ((3, 4, 5), params.TOPHAT, 2e-1),
}
#: Single precision has no top-hat.
SINGLE_SHAPES = [name for name in CRYSTALS if name != "tophat"]


def crystal(name):
    N, shape, fudge = CRYSTALS[name]
    return params.CrystalArgs(None, None, np.array(N, float), shape, fudge, RECIP)


def factors(listed):
    if not listed:
        return StructureFactors(default_F=3.0)
    F = np.random.default_rng(4).uniform(-9.0, 20.0, (9, 8, 11))
    return StructureFactors(F=F, h_min=-4, k_min=-3, l_min=-6, default_F=2.0, hkls=1)


def prepared(name, listed, precision="double"):
    """Return models and kernel arguments: crystal, list, shape, lookup, factor."""
    xtal, given = crystal(name), factors(listed)
    shape, shape_factor = cpu_arguments.shape_arguments(xtal)
    if precision == "single":
        shape = cpu_arguments.narrowed(shape)
    lookup = cpu_arguments.nearest_lookup(given, precision)
    return xtal, given, shape, lookup, shape_factor * lookup.factor


def adding_loop(listed, precision="double"):
    """Return the innermost loop that adds terms."""
    if precision == "single":
        one, many = lanes_single.add_terms_single, lanes_single.add_listed_terms_single
    else:
        one, many = lanes.add_terms, lanes_listed.add_listed_terms
    return many if listed else one


def multiplying_loop(listed):
    """Return the innermost loop of the -oversample_ options."""
    return lanes_listed.multiply_listed_terms if listed else lanes.multiply_terms


def loop_name(function):
    """Return a loop's module below `kernels/cpu`, and name."""
    return f"{function.__module__.rpartition('.')[2]}.{function.__name__}"


def call_loop(function, shape, lookup, s, total, cell_vectors, **given):
    """Call an innermost loop as a tile does; see `lanes.add_terms`.

    Parameters
    ----------
    s
        (3, n) scattering vectors, 1/m.
    total
        (n,) sums, added to.
    given
        weight, keep, fell: (n,) arrays; factor, water.
    """
    n = len(total)
    factor, water = given.pop("factor", 1.0), given.pop("water", False)
    loop = LaneLoop(loop_name(function), shape, lookup, factor)
    rows = [np.ascontiguousarray(x) for x in s] + [total]
    rows += [given.pop(name, np.ones(n)) for name in ("weight", "keep", "fell")]
    assert not given
    # What a loop leaves there for the next one must not matter.
    rows.append(np.full((layout.SCRATCH_ROWS, layout.TILE), np.nan))
    cells = np.ascontiguousarray(cell_vectors)
    address, nothing = loop.record[0], np.zeros(2)
    PROTOTYPE(int(address["function"]))(
        nothing.ctypes.data,
        nothing[1:].ctypes.data,
        *(row.ctypes.data for row in rows),
        n,
        cells.ctypes.data,
        len(cells),
        *(int(address[name]) for name in ("shape", "lookup", "table")),
        factor,
        water,
    )
