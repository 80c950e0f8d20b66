# SPDX-License-Identifier: MIT
"""The machine code of the inner loops uses vectors, in the widest registers.

A loop that numba could not vectorise has scalar arithmetic only; one that it could
has, besides, a scalar copy for the last few pixels. So every scalar operation
must have a packed twin.
"""

import collections
import platform
import re

import llvmlite.binding
import numba
import numpy as np
import pytest
from lane_examples import CRYSTALS, SINGLE_SHAPES, factors, prepared

from nbsim import lane_arguments
from nbsim.kernels import lanes, lanes_cubic, lanes_single

#: vfmadd231pd zmm1, ..., and the other multiplications and additions.
ARITHMETIC = re.compile(r"^\s+v(?:fn?m(?:add|sub)\d*|mul|add|sub)([ps][ds])\s+(.*)$")
GATHER = re.compile(r"^\s+vp?gather\w+\s+(.*)$")
#: Multiplications and additions of the index alone: three products of three.
INDEX_OPERATIONS = 9
LISTS = pytest.mark.parametrize("listed", [False, True], ids=["default_F", "list"])


def widest_register():
    """Return the name of the registers that a vectorised loop uses here."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip("the processor is not x86-64")
    features = llvmlite.binding.get_host_cpu_features()
    if not (features.get("avx2") and features.get("fma")):
        pytest.skip("the processor has no AVX2 with FMA")
    return "zmm" if features.get("avx512f") else "ymm"


def assembly(dispatcher, *arguments):
    """Compile a kernel for some arguments and return its machine code as text."""
    signature = tuple(numba.typeof(argument) for argument in arguments)
    dispatcher.compile(signature)
    text = dispatcher.inspect_asm(signature)
    if not text:
        pytest.skip("the assembly cannot be inspected")
    return text


def operations(text):
    """Count arithmetic instructions: {("pd", "zmm"): 49, ("sd", "xmm"): ...}."""
    counts = collections.Counter()
    for line in text.splitlines():
        found = ARITHMETIC.match(line)
        if found:
            register = next(
                (name for name in ("zmm", "ymm") if name in found[2]), "xmm"
            )
            counts[found[1], register] += 1
    return counts


def check_vectorised(text, precision, register, least=INDEX_OPERATIONS):
    """Assert that packed arithmetic is in `register`, and no loop scalar only."""
    counts = operations(text)
    letter = {"double": "d", "single": "s"}[precision]
    packed = counts["p" + letter, register]
    scalar = counts["s" + letter, "xmm"]
    # Some scalar ones stand before the loop: what does not depend on the pixel.
    assert packed >= max(least, 0.9 * scalar), counts


def check_gathers(text, register):
    """Assert that a table is read by gathers where they are fast."""
    gathers = [m[1] for m in map(GATHER.match, text.splitlines()) if m]
    # Without AVX-512 LLVM may prefer one load for each lane.
    assert register != "zmm" or any("zmm" in operands for operands in gathers)


def rows(count, dtype=np.float64):
    return list(np.zeros((count, 512), dtype))


@LISTS
@pytest.mark.parametrize("name", CRYSTALS)
def test_add_terms(name, listed):
    register = widest_register()
    _, _, shape, lookup, _ = prepared(name, listed)
    text = assembly(
        lanes.add_terms,
        *rows(4),
        np.zeros((1, 3, 3)),
        shape,
        lookup.arguments,
        lookup.table,
    )
    check_vectorised(text, "double", register)
    if listed:
        check_gathers(text, register)


@pytest.mark.parametrize(
    "name, listed", [(name, True) for name in CRYSTALS] + [("any", False)]
)
def test_multiply_terms(name, listed):
    register = widest_register()
    _, _, shape, lookup, factor = prepared(name, listed)
    text = assembly(
        lanes.multiply_terms,
        *rows(5),
        np.zeros((1, 3, 3)),
        shape,
        lookup.arguments,
        lookup.table,
        factor,
        False,
    )
    check_vectorised(text, "double", register)
    if listed:
        check_gathers(text, register)


@LISTS
@pytest.mark.parametrize("name", SINGLE_SHAPES)
def test_near_form(name, listed):
    register = widest_register()
    _, _, shape, lookup, _ = prepared(name, listed, "single")
    text = assembly(
        lanes_single.add_near,
        *rows(3),
        *rows(3, np.float32),
        64,
        *rows(1, np.float32),
        np.zeros((3, 3)),
        shape,
        lookup.arguments,
        lookup.table,
    )
    check_vectorised(text, "single", register)
    if listed:
        check_gathers(text, register)


@LISTS
@pytest.mark.parametrize("name", SINGLE_SHAPES)
def test_split_form(name, listed):
    register = widest_register()
    _, _, shape, lookup, _ = prepared(name, listed, "single")
    text = assembly(
        lanes_single.add_split,
        *rows(10, np.float32),
        shape,
        lookup.arguments,
        lookup.table,
    )
    # The index is formed elsewhere, in float64.
    check_vectorised(text, "single", register)
    if listed:
        check_gathers(text, register)


@LISTS
def test_fractions_of_the_split_form(listed):
    register = widest_register()
    _, _, shape, lookup, _ = prepared("any", listed, "single")
    text = assembly(
        lanes_single.split_fractions,
        *rows(3),
        np.zeros(3),
        5.0,
        shape,
        lookup.arguments,
        *rows(3, np.float32),
    )
    # Three for the index, then those of its fraction and of N times that.
    check_vectorised(text, "double", register, least=6)


def test_interpolation():
    widest_register()
    lookup = lane_arguments.cubic_lookup(factors(True))
    text = assembly(
        lanes_cubic.add_cubic, *rows(5), lookup.arguments, lookup.table, *rows(1)
    )
    # Four points per vector: sixteen lines of the cube, then four planes.
    assert operations(text)["pd", "ymm"] >= 20


@pytest.mark.parametrize("name", CRYSTALS)
def test_places_of_interpolation(name):
    register = widest_register()
    _, _, shape, _, _ = prepared(name, False)
    lookup = lane_arguments.cubic_lookup(factors(True))
    text = assembly(
        lanes_cubic.cubic_places,
        *rows(4),
        np.zeros((3, 3)),
        shape,
        lookup.arguments,
        False,
        *rows(6),
    )
    check_vectorised(text, "double", register)


def test_scalar_code_is_found():
    register = widest_register()

    @numba.njit(error_model="numpy")
    def recursion(x):
        for i in range(1, x.shape[0]):
            x[i] = x[i - 1] * x[i] + x[i - 1] * 3.0

    text = assembly(recursion, np.zeros(512))
    with pytest.raises(AssertionError):
        check_vectorised(text, "double", register, least=0)
