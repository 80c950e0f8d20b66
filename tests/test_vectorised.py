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

from nbsim import Simulation
from nbsim.backends import cpu as render_cpu
from nbsim.backends import cpu_arguments
from nbsim.backends.cpu_functions import c_function, loop_types
from nbsim.kernels.cpu import lanes, lanes_cubic, lanes_single
from nbsim.kernels.jit import LANE_OPTIONS

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


def check_vectorised(text, precision, register, least=INDEX_OPERATIONS, before=0):
    """Assert that packed arithmetic is in `register`, and no loop scalar only.

    `before` scalar operations are known to stand before the loop.
    """
    counts = operations(text)
    letter = {"double": "d", "single": "s"}[precision]
    packed = counts["p" + letter, register]
    scalar = counts["s" + letter, "xmm"]
    # A few more may stand there: what does not depend on the pixel.
    assert packed >= max(least, 0.9 * (scalar - before)), counts


def check_gathers(text, register):
    """Assert that a table is read by gathers where they are fast."""
    gathers = [m[1] for m in map(GATHER.match, text.splitlines()) if m]
    # Without AVX-512 LLVM may prefer one load for each lane.
    assert register != "zmm" or any("zmm" in operands for operands in gathers)


def c_assembly(function, types):
    """Compile a C function and return its machine code as text."""
    compiled = numba.cfunc(numba.int64(*types), **LANE_OPTIONS)(function)
    # Numba shows it only from inside.
    text = compiled._library.get_asm_str()
    if not text:
        pytest.skip("the assembly cannot be inspected")
    return text


def loop_assembly(function, shape, lookup):
    return c_assembly(function, loop_types(shape, lookup.arguments, lookup.table))


def function_code(text, name):
    """Return the part of an assembly that belongs to a function."""
    label = re.search(rf"^\w*\d{name}\w*:.*$", text, re.MULTILINE)
    assert label, f"no function {name}"
    end = text.index(".Lfunc_end", label.end())
    return text[label.end() : end]


@LISTS
@pytest.mark.parametrize("name", CRYSTALS)
def test_add_terms(name, listed):
    register = widest_register()
    _, _, shape, lookup, _ = prepared(name, listed)
    text = loop_assembly(lanes.add_terms, shape, lookup)
    check_vectorised(text, "double", register)
    if listed:
        check_gathers(text, register)


@pytest.mark.parametrize(
    "name, listed", [(name, True) for name in CRYSTALS] + [("any", False)]
)
def test_multiply_terms(name, listed):
    register = widest_register()
    _, _, shape, lookup, _ = prepared(name, listed)
    text = loop_assembly(lanes.multiply_terms, shape, lookup)
    check_vectorised(text, "double", register)
    if listed:
        check_gathers(text, register)


@LISTS
@pytest.mark.parametrize("name", SINGLE_SHAPES)
def test_single_precision(name, listed):
    register = widest_register()
    _, _, shape, lookup, _ = prepared(name, listed, "single")
    text = loop_assembly(lanes_single.add_terms_single, shape, lookup)
    # The indices, in float64, and then the rest.
    check_vectorised(text, "double", register)
    check_vectorised(text, "single", register)
    if listed:
        check_gathers(text, register)


@pytest.mark.parametrize("name", CRYSTALS)
def test_interpolation(name):
    register = widest_register()
    _, _, shape, _, _ = prepared(name, False)
    lookup = cpu_arguments.cubic_lookup(factors(True))
    text = loop_assembly(lanes_cubic.add_cubic, shape, lookup)
    # Four points per vector: sixteen lines of the cube, then four planes.
    assert operations(text)["pd", "ymm"] >= 20
    check_vectorised(function_code(text, "cubic_places"), "double", register)


#: The loops of a usual tile: operations that each has at least, and before it.
GEOMETRY = {
    "pixel_numbers": (3, 0),
    "flat_directions": (14, 3),
    "solid_angles": (3, 2),
    "scattering_vectors": (3, 0),
    "polarizations": (14, 0),
    "store_photons": (5, 0),
}


@pytest.fixture(scope="module")
def tile_assembly():
    """Machine code of a usual tile."""
    asked = []

    def remembered(function, types):
        asked.append((function, types))
        return c_function(function, types)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render_cpu, "c_function", remembered)
        command = "-cell 100 -N 5 -default_F 1 -detpixels 8 -distance 100 -lambda 1"
        Simulation.from_args(command).render(backend="cpu")
    return c_assembly(*asked[0])


@pytest.mark.parametrize("name", GEOMETRY)
def test_geometry(name, tile_assembly):
    register = widest_register()
    text = function_code(tile_assembly, name)
    least, before = GEOMETRY[name]
    check_vectorised(text, "double", register, least, before)


def test_scalar_code_is_found():
    register = widest_register()

    @numba.njit(error_model="numpy")
    def recursion(x):
        for i in range(1, x.shape[0]):
            x[i] = x[i - 1] * x[i] + x[i - 1] * 3.0

    text = assembly(recursion, np.zeros(512))
    with pytest.raises(AssertionError):
        check_vectorised(text, "double", register, least=0)
