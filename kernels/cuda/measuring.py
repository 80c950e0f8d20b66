# SPDX-License-Identifier: MIT
"""CUDA kernels that measure the device: what it computes and moves at most."""

import numpy as np
from numba import cuda

from ..dispatcher_cache import kept

#: Multiply-adds of a thread's turn, on this many independent numbers.
CHAINS = 8


@kept
@cuda.jit
def fill(array, value):
    """Set all elements of a flat array."""
    place = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if place < array.shape[0]:
        array[place] = value


@kept
@cuda.jit
def copy(source, target):
    """Copy a flat array."""
    place = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if place < target.shape[0]:
        target[place] = source[place]


@kept
@cuda.jit
def multiply_add(turns, x, result):
    """Do `CHAINS` multiply-adds in each turn, in the precision of `x`.

    Parameters
    ----------
    turns
        How many.
    x
        (2,): factor and addend; 1 and 0 leave every chain as it begins.
    result
        Flat; written so that the work cannot be left out.
    """
    place = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    m, n = x[0], x[1]
    a, b, c, d = n, m + n, m + m + n, m + m + m + n
    e, f, g, h = a - m, b - m, c - m, d - m
    turn = np.int32(0)
    while turn < turns:
        a, b, c, d = a * m + n, b * m + n, c * m + n, d * m + n
        e, f, g, h = e * m + n, f * m + n, g * m + n, h * m + n
        turn = np.int32(turn + 1)
    if place < result.shape[0]:
        result[place] = a + b + c + d + e + f + g + h
