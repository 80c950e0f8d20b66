# SPDX-License-Identifier: MIT
"""The shared formulas in the form that CUDA kernels take them.

Numba's CUDA target turns any fastmath option of a function into all of them, and
would then delete the rounding by a large constant; so the reduced forms are
compiled again with plain IEEE arithmetic. The compiler still fuses multiply-add.
"""

import functools
import importlib
import math
import types

import numpy as np
from llvmlite import ir
from numba import config, cuda, float64, int32, int64
from numba.extending import intrinsic

from .. import fixed_point
from ..cpu import lanes_cubic, reduced
from ..jit import scalar
from ..rank import pixel_of_rank
from ..reference.detector import pixel_position
from ..reference.pixel import ray_polarization
from ..reference.structure_factor import (
    can_interpolate,
    inside_axis,
    interpolated_F,
    nearest_F,
)
from . import straight

WHOLE_WARP = 0xFFFFFFFF


def _configure():
    """Do without warnings about small images: that their grid is small is no news."""
    try:
        settings = importlib.import_module("numba.cuda.core.config")
    except ImportError:  # numba's own CUDA target, which shares numba's settings
        settings = config
    setattr(settings, "CUDA_LOW_OCCUPANCY_WARNINGS", 0)


_configure()


def ieee(function, others=None):
    """Return a function of `reduced`, and what it calls, without fastmath.

    `others` are called by their names instead.
    """
    others = others or {}
    plain = getattr(function, "py_func", None)
    if plain is None:  # numba is switched off, or there is nothing to compile
        return function
    names = dict(plain.__globals__)
    for name in plain.__code__.co_names:
        called = names.get(name)
        if name in others:
            names[name] = others[name]
        elif getattr(called, "targetoptions", {}).get("fastmath"):
            names[name] = ieee(called, others)
    return scalar(types.FunctionType(plain.__code__, names, plain.__name__))


def calling(function, others):
    """Return a scalar function that calls, and lets call, others by these names."""
    plain = getattr(function, "py_func", function)
    names = {**plain.__globals__, **others}
    for name in plain.__code__.co_names:
        if name not in others and hasattr(names.get(name), "py_func"):
            names[name] = calling(names[name], others)
    return scalar(types.FunctionType(plain.__code__, names, plain.__name__))


def on_device(function):
    """Return a scalar function that reads arrays, as a CUDA device function.

    The simulator's arrays cannot be passed to compiled functions.
    """
    return cuda.jit(device=True)(getattr(function, "py_func", function))


def _in_assembler(text, constraints, result, *operands):
    """Return a function of numbers that is one instruction.

    LLVM widens whole numbers that are the same in every turn of a loop before the loop,
    and then multiplies 64 bits by 64, which takes four.
    """
    kinds = {
        int32: ir.IntType(32),
        int64: ir.IntType(64),
        float64: ir.DoubleType(),
    }

    def codegen(context, builder, signature, arguments):
        given = [kinds[operand] for operand in operands]
        called = ir.FunctionType(kinds[result], given)
        return builder.call(ir.InlineAsm(called, text, constraints), arguments)

    signature = result(*operands)
    if len(operands) == 1:

        @intrinsic
        def of_one(typingctx, x):
            return signature, codegen

        return of_one

    @intrinsic
    def of_three(typingctx, x, y, z):
        return signature, codegen

    return of_three


def _straight():
    """Return what replaces division and root in spots; nothing in the simulator."""
    if config.ENABLE_CUDASIM:
        return {}
    instructions = {
        "fma": _in_assembler("fma.rn.f64 $0, $1, $2, $3;", "=d,d,d,d", *[float64] * 4),
        "estimate": _in_assembler(
            "rcp.approx.ftz.f64 $0, $1;", "=d,d", float64, float64
        ),
        "estimate_root": _in_assembler(
            "rsqrt.approx.ftz.f64 $0, $1;", "=d,d", float64, float64
        ),
    }
    return {
        plain.__name__: cuda.jit(device=True)(
            types.FunctionType(plain.__code__, instructions, plain.__name__)
        )
        for plain in (straight.quotient, straight.root)
    }


STRAIGHT = _straight()


place_of_rank = on_device(pixel_of_rank)
nearest_F_on_device = on_device(nearest_F)
interpolated_F_on_device = on_device(interpolated_F)
can_interpolate_on_device = on_device(can_interpolate)
polarization_of_ray = on_device(ray_polarization)
sin_pi = ieee(reduced.sin_pi)
cos_pi = ieee(reduced.cos_pi)
round_even = ieee(reduced.round_even)
square_any = ieee(reduced.square_any, STRAIGHT)
round_spot = ieee(reduced.round_spot, STRAIGHT)
gauss = ieee(reduced.gauss)
tophat = ieee(reduced.tophat)
distance_sqr = ieee(reduced.distance_sqr)
lagrange_weights = ieee(lanes_cubic.lagrange_weights)


@scalar
def _quotient_on_processor(x, y):
    return x / y


@cuda.jit(device=True)
def _quotient_on_device(x, y):
    return cuda.libdevice.fast_fdividef(x, y)


#: x / y of float32 to two units in the last place: a correctly rounded division
#: takes ten instructions. The simulator has no libdevice.
quotient = _quotient_on_processor if config.ENABLE_CUDASIM else _quotient_on_device


def _index_of_parts():
    """Return `index_of_parts` for the device; the simulator has no assembler."""
    if config.ENABLE_CUDASIM:
        return fixed_point.index_of_parts
    instructions = {
        "multiply_add": _in_assembler(
            "mad.wide.s32 $0, $1, $2, $3;", "=l,r,r,l", int64, int32, int32, int64
        ),
        "multiply_high": _in_assembler(
            "mad.hi.s32 $0, $1, $2, $3;", "=r,r,r,r", int32, int32, int32, int32
        ),
    }
    return calling(fixed_point.index_of_parts, instructions)


index_of_parts = _index_of_parts()


@scalar
def _split_on_processor(x, scale):
    return fixed_point.in_parts(fixed_point.in_units(x, scale))


@cuda.jit(device=True)
def _split_on_device(x, scale):
    both = fixed_point.in_units(x, scale)
    # Handed to itself: what comes from a thread cannot be worked out again, in float64
    # and in every turn of a loop, as ptxas would do to save registers.
    held = cuda.shfl_sync(WHOLE_WARP, both, cuda.laneid)
    return fixed_point.in_parts(held)


#: A component of the scattering vector in two parts. All threads of a warp take part.
split = _split_on_processor if config.ENABLE_CUDASIM else _split_on_device


@scalar
def half_turns(x):
    """Return what `x` radians are beyond whole half turns, and the sign they give."""
    turns = x * (1.0 / math.pi)
    whole = round_even(turns)
    is_odd = round_even(0.5 * whole) * 2.0 != whole
    return turns - whole, -1.0 if is_odd else 1.0


@scalar
def sine(x):
    """Return sin(x), within 1e-15 up to some turns.

    The library's is exact for any number of turns, and keeps a table in slow local
    memory for them, which every thread of the kernel pays for.
    """
    part, sign = half_turns(x)
    return sign * sin_pi(part)


@scalar
def cosine(x):
    """Return cos(x); see `sine`."""
    part, sign = half_turns(x)
    return sign * cos_pi(part)


#: `pixel_position` for any detector.
position_on_device = calling(pixel_position, {"sin": sine, "cos": cosine})


@scalar
def grating_few(d, c):
    """Return (sin(pi N d) / sin(pi d))^2 of at most 9 cells.

    Parameters
    ----------
    d
        Distance from the nearest whole index.
    c
        Five coefficients of `params.SquareFew`, then 1 where N is even.
    """
    s = sin_pi(d)
    s *= s
    t = (((c[4] * s + c[3]) * s + c[2]) * s + c[1]) * s + c[0]
    return t * t * (1.0 - c[5] * s)


@scalar
def square_few(dh, dk, dl, series):
    """Parallelepiped of at most 9 cells each way, as `reduced.square_few`.

    The coefficients come as tuples, which kernels get by value.
    """
    return grating_few(dh, series[0]) * (
        grating_few(dk, series[1]) * grating_few(dl, series[2])
    )


@scalar
def split_index(h, halves_down):
    """Return the nearest whole number (int32) and the distance from it.

    Parameters
    ----------
    h
        Fractional index.
    halves_down
        Whether it matters that halves go down, as `lattice.round_index` has them.
    """
    shifted = h + reduced.MAGIC
    d = h - (shifted - reduced.MAGIC)
    n = np.int32(np.float64(shifted).view(np.int64))
    if halves_down and d == -0.5:
        return np.int32(n - 1), 0.5
    return n, d


@scalar
def table_place(h0, k0, l0, box):
    """Return the element of the table of F^2 that belongs to whole indices (int32)."""
    h = min(max(h0, box.h_low), box.h_high)
    k = min(max(k0, box.k_low), box.k_high)
    l = min(max(l0, box.l_low), box.l_high)
    # Unsigned, so that numba does not look for an index counted from the end.
    return np.uint32(h * box.h_stride + k * box.k_stride + l + box.base)


@functools.cache
def spectral_F_sqr(parts):
    """Return the function that puts together F of so many parts beside the first."""

    @cuda.jit(device=True)
    def F_sqr(table, place, source, coefficients):
        """Return |F|^2 of an element of the table of parts, for a source."""
        first = np.uint32(place * np.uint32(2 * parts + 2))
        real = float64(table[first])
        imaginary = float64(table[first + np.uint32(1)])
        for n in range(parts):
            x = coefficients[source, 2 * n]
            y = coefficients[source, 2 * n + 1]
            u = float64(table[first + np.uint32(2 * n + 2)])
            v = float64(table[first + np.uint32(2 * n + 3)])
            real += x * u - y * v
            imaginary += x * v + y * u
        return real * real + imaginary * imaginary

    return F_sqr


@scalar
def gauss_is_bright(dh, dk, dl, shape):
    """Return whether F_latt itself, not only its square, is more than 0."""
    return distance_sqr(dh, dk, dl, shape.metric) <= shape.dark


@scalar
def inside_cube(h, k, l, cube):
    """Return what `structure_factor.can_interpolate` does."""
    return (
        inside_axis(h, cube.h_min, cube.h_range)
        and inside_axis(k, cube.k_min, cube.k_range)
        and inside_axis(l, cube.l_min, cube.l_range)
    )


@cuda.jit(device=True)
def listed_F(h0, k0, l0, cube, table, default_F):
    """Return F at whole indices, default_F outside the list; see `nearest_F`."""
    h = h0 - cube.h_min
    k = k0 - cube.k_min
    l = l0 - cube.l_min
    if h < 0.0 or h >= cube.h_range or k < 0.0 or k >= cube.k_range:
        return default_F
    if l < 0.0 or l >= cube.l_range:
        return default_F
    return table[
        np.uint32(
            np.int32(h) * cube.h_stride + np.int32(k) * cube.k_stride + np.int32(l)
        )
    ]


@cuda.jit(device=True)
def line_of_F(table, place, weights):
    """Interpolate four neighbours along l."""
    # Unsigned, see table_place.
    return (
        weights[0] * table[np.uint32(place)]
        + weights[1] * table[np.uint32(place + 1)]
        + weights[2] * table[np.uint32(place + 2)]
        + weights[3] * table[np.uint32(place + 3)]
    )


@cuda.jit(device=True)
def plane_of_F(table, place, stride, weights_k, weights_l):
    """Interpolate four lines along k."""
    return (
        weights_k[0] * line_of_F(table, place, weights_l)
        + weights_k[1] * line_of_F(table, place + stride, weights_l)
        + weights_k[2] * line_of_F(table, place + 2 * stride, weights_l)
        + weights_k[3] * line_of_F(table, place + 3 * stride, weights_l)
    )


@cuda.jit(device=True)
def tricubic_F(h, k, l, cube, table):
    """Return what `structure_factor.interpolated_F` does, from a flat list of F.

    Written out, because a loop would keep the weights in slow local memory.
    """
    h_floor = math.floor(h)
    k_floor = math.floor(k)
    l_floor = math.floor(l)
    weights_h = lagrange_weights(h - h_floor)
    weights_k = lagrange_weights(k - k_floor)
    weights_l = lagrange_weights(l - l_floor)
    i = np.int32(h_floor - cube.h_min - 1.0)
    j = np.int32(k_floor - cube.k_min - 1.0)
    m = np.int32(l_floor - cube.l_min - 1.0)
    step, stride = cube.h_stride, cube.k_stride
    place = i * step + j * stride + m
    return (
        weights_h[0] * plane_of_F(table, place, stride, weights_k, weights_l)
        + weights_h[1] * plane_of_F(table, place + step, stride, weights_k, weights_l)
        + weights_h[2]
        * plane_of_F(table, place + 2 * step, stride, weights_k, weights_l)
        + weights_h[3]
        * plane_of_F(table, place + 3 * step, stride, weights_k, weights_l)
    )
