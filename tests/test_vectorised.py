# SPDX-License-Identifier: MIT
"""The machine code of the inner loops uses vectors, in the widest registers.

A loop that numba could not vectorise has scalar arithmetic only; one that it could
has, besides, a scalar copy for the last few pixels. So every scalar operation
must have a packed twin. Nothing is executed but the last test's own function: any
machine can look at the code for any kind of processor (`processor`).
"""

import collections
import pathlib
import re

import numba
import numpy as np
import pytest
from lane_examples import (
    CRYSTALS,
    SINGLE_SHAPES,
    adding_loop,
    factors,
    loop_name,
    multiplying_loop,
    prepared,
)
from other_machines import arm_assembly
from processor import chosen_kind

import nbsim
from nbsim import Simulation
from nbsim.backends import cpu_arguments
from nbsim.backends.cpu_functions import loop_kinds
from nbsim.kernels import native
from nbsim.kernels.cpu import lanes_cubic

#: vfmadd231pd zmm1, ..., and the other multiplications and additions; mulpd xmm1, ...
ARITHMETIC = re.compile(r"^\s+v?(?:fn?m(?:add|sub)\d*|mul|add|sub)([ps][ds])\s+(.*)$")
FUSED = re.compile(r"^\s+vfn?m(?:add|sub)\d+[ps][ds]\s")
GATHER = re.compile(r"^\s+vp?gather\w+\s+(.*)$")
#: Multiplications and additions of the index alone: three products of three.
INDEX_OPERATIONS = 9
LISTS = pytest.mark.parametrize("listed", [False, True], ids=["default_F", "list"])
#: Loops with a list: precision, and operations that each has at least.
LISTED = {
    "double": {
        "fill_places": ("double", INDEX_OPERATIONS),
        # Of a top-hat spot it is a comparison.
        "fill_terms": ("double", 0),
    },
    "single": {"fill_terms": ("single", INDEX_OPERATIONS)},
}
#: Operations that the last of the loops with a list has at least.
PRODUCTS = {"add_products": 2, "multiply_products": 4}


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


def check_vectorised(text, precision, least=INDEX_OPERATIONS, before=0):
    """Assert that packed arithmetic is in vectors, and no loop scalar only.

    `before` scalar operations, or fused pairs, are known to stand before the loop.
    """
    kind = chosen_kind()
    counts = operations(text)
    letter = {"double": "d", "single": "s"}[precision]
    packed = counts["p" + letter, kind.register]
    scalar = counts["s" + letter, "xmm"]
    before *= 1 if kind.fused else 2
    # A few more may stand there: what does not depend on the pixel.
    assert packed >= max(least, 0.9 * (scalar - before)), counts
    wider = {"xmm": ("ymm", "zmm"), "ymm": ("zmm",), "zmm": ()}[kind.register]
    assert not any(register in wider for _, register in counts), counts
    fused = any(map(FUSED.match, text.splitlines()))
    assert fused == kind.fused or (not fused and least < INDEX_OPERATIONS)


def check_list(text, precision, products):
    """Assert that each of the loops with a list is vectorised, but for the reads."""
    for name, least in LISTED[precision].items():
        for code in codes_of(text, name):
            check_vectorised(code, *least)
    for code in codes_of(text, products):
        check_vectorised(code, precision, PRODUCTS[products])
    reads = function_code(text, "read_F")
    # One load for each pixel, or gathers. No arithmetic waits for them.
    assert not operations(reads)
    gathers = [m[1] for m in map(GATHER.match, reads.splitlines()) if m]
    register = chosen_kind().register
    assert register != "zmm" or any("zmm" in operands for operands in gathers)


def c_assembly(name, kinds):
    """Compile a kernel and return its machine code as text.

    An aarch64 must be able to have it as well.
    """
    library = native.compile_result(name, kinds).library
    text, intermediate = library.get_asm_str(), library.get_llvm_str()
    if not text:
        pytest.skip("the assembly cannot be inspected")
    # Vectors of two float64, multiplied and added in one.
    assert re.search(r"\bfml[as]\b.*\.2d", arm_assembly(intermediate))
    return text


def loop_assembly(function, shape, lookup):
    name = f"cpu.{loop_name(function)}"
    return c_assembly(name, loop_kinds(shape, lookup.arguments, lookup.table))


def codes_of(text, name):
    """Return the parts of an assembly that belong to a function, for each use of it."""
    labels = list(re.finditer(rf"^\w*\d{name}B\w*:.*$", text, re.MULTILINE))
    assert labels, f"no function {name}"
    return [
        text[label.end() : text.index(".Lfunc_end", label.end())] for label in labels
    ]


def function_code(text, name):
    """Return the part of an assembly that belongs to a function, used in one way."""
    (code,) = codes_of(text, name)
    return code


@LISTS
@pytest.mark.parametrize("name", CRYSTALS)
def test_add_terms(name, listed):
    _, _, shape, lookup, _ = prepared(name, listed)
    text = loop_assembly(adding_loop(listed), shape, lookup)
    if listed:
        check_list(text, "double", "add_products")
    else:
        check_vectorised(text, "double")


@pytest.mark.parametrize(
    "name, listed", [(name, True) for name in CRYSTALS] + [("any", False)]
)
def test_multiply_terms(name, listed):
    _, _, shape, lookup, _ = prepared(name, listed)
    text = loop_assembly(multiplying_loop(listed), shape, lookup)
    if listed:
        check_list(text, "double", "multiply_products")
    else:
        check_vectorised(text, "double")


@LISTS
@pytest.mark.parametrize("name", SINGLE_SHAPES)
def test_single_precision(name, listed):
    _, _, shape, lookup, _ = prepared(name, listed, "single")
    text = loop_assembly(adding_loop(listed, "single"), shape, lookup)
    # The indices, in float64, and then the rest.
    check_vectorised(function_code(text, "fill_distances"), "double")
    if listed:
        check_list(text, "single", "add_products")
    else:
        check_vectorised(function_code(text, "add_spots"), "single")


@pytest.mark.parametrize("name", CRYSTALS)
def test_interpolation(name):
    _, _, shape, _, _ = prepared(name, False)
    lookup = cpu_arguments.cubic_lookup(factors(True))
    text = loop_assembly(lanes_cubic.add_cubic, shape, lookup)
    # Four points per vector: sixteen lines of the cube, then four planes.
    counts = operations(function_code(text, "fill_points"))
    if chosen_kind().register == "xmm":
        assert counts["pd", "xmm"] >= 2 * 20
    else:
        assert counts["pd", "ymm"] >= 20
    check_vectorised(function_code(text, "fill_inside"), "double")
    check_vectorised(function_code(text, "fill_indices"), "double")
    # Before it: the size of a plane, and how far each axis reaches.
    check_vectorised(function_code(text, "cubic_places"), "double", before=4)
    check_vectorised(function_code(text, "fill_terms"), "double", least=0)
    check_vectorised(function_code(text, "fill_weights"), "double")
    check_vectorised(function_code(text, "add_interpolated"), "double")


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

    class AskedFor(Exception):
        """Stands for the machine code, which this machine may not have."""

    def asked_for(name, kinds):
        if name.endswith("render_tile"):
            raise AskedFor(name, kinds)
        return 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "address", asked_for)
        command = "-cell 100 -N 5 -default_F 1 -detpixels 8 -distance 100 -lambda 1"
        with pytest.raises(AskedFor) as caught:
            Simulation.from_args(command).render(backend="cpu")
    return c_assembly(*caught.value.args)


@pytest.mark.parametrize("name", GEOMETRY)
def test_geometry(name, tile_assembly):
    text = function_code(tile_assembly, name)
    least, before = GEOMETRY[name]
    check_vectorised(text, "double", least, before)


def test_processor_kind(record_property):
    kind = chosen_kind()
    # .ci/run reads these, to see that the tests looked at what was asked for.
    record_property("nbsim_folder", str(pathlib.Path(nbsim.__file__).parent))
    record_property("processor_kind", numba.config.CPU_NAME or "host")

    @numba.njit(error_model="numpy", fastmath=True)
    def multiply_add(x, y):
        for i in range(x.shape[0]):
            x[i] = x[i] * y[i] + x[i]

    text = assembly(multiply_add, *np.zeros((2, 512)))
    letters = {"xmm": "xmm", "ymm": "ymm", "zmm": "[yz]mm"}[kind.register]
    assert re.search(rf"\s%{letters}\d", text)
    assert kind.fused == any(map(FUSED.match, text.splitlines()))


def test_scalar_code_is_found():
    chosen_kind()

    @numba.njit(error_model="numpy")
    def recursion(x):
        for i in range(1, x.shape[0]):
            x[i] = x[i - 1] * x[i] + x[i - 1] * 3.0

    text = assembly(recursion, np.zeros(512))
    with pytest.raises(AssertionError):
        check_vectorised(text, "double", least=0)
