# SPDX-License-Identifier: MIT
"""The processor's peak of fused multiply-adds, measured as the kernels would reach it.

The same compiler, vector width and threads as the kernels have: sixteen independent
chains per vector lane, more than the units need to hide their latency.
"""

import time

import numpy as np
from numba import get_num_threads, njit, prange, set_num_threads

from nbsim.kernels.cpu.intrinsics import vector_loop
from nbsim.kernels.jit import LANE_OPTIONS, entry, lanes_inline

CHAINS = 16
#: Multiply-adds of each chain per element: that many calls of `_link`.
LINKS = 8
OPERATIONS_PER_ELEMENT = 2 * CHAINS * LINKS
#: float64 of a 16 kB array: in and out both stay in an L1 cache.
ELEMENTS = 2048
REPEATS = 4000
ATTEMPTS = 25


@lanes_inline
def _link(x, m, a):
    return (
        x[0] * m + a,
        x[1] * m + a,
        x[2] * m + a,
        x[3] * m + a,
        x[4] * m + a,
        x[5] * m + a,
        x[6] * m + a,
        x[7] * m + a,
        x[8] * m + a,
        x[9] * m + a,
        x[10] * m + a,
        x[11] * m + a,
        x[12] * m + a,
        x[13] * m + a,
        x[14] * m + a,
        x[15] * m + a,
    )


@lanes_inline
def _sum(x):
    low = (x[0] + x[1]) + (x[2] + x[3]) + ((x[4] + x[5]) + (x[6] + x[7]))
    high = (x[8] + x[9]) + (x[10] + x[11]) + ((x[12] + x[13]) + (x[14] + x[15]))
    return low + high


@njit(**LANE_OPTIONS)
def _multiply_add(start, steps, out):
    """Run the chains for every element; `steps` has the chains' first differences."""
    vector_loop()  # pyright: ignore[reportCallIssue]
    m, a = steps[16], steps[17]
    for i in range(out.shape[0]):
        x = start[i]
        chains = (
            x + steps[0],
            x + steps[1],
            x + steps[2],
            x + steps[3],
            x + steps[4],
            x + steps[5],
            x + steps[6],
            x + steps[7],
            x + steps[8],
            x + steps[9],
            x + steps[10],
            x + steps[11],
            x + steps[12],
            x + steps[13],
            x + steps[14],
            x + steps[15],
        )
        chains = _link(chains, m, a)
        chains = _link(chains, m, a)
        chains = _link(chains, m, a)
        chains = _link(chains, m, a)
        chains = _link(chains, m, a)
        chains = _link(chains, m, a)
        chains = _link(chains, m, a)
        chains = _link(chains, m, a)
        # Added, so that no repetition can be left out.
        out[i] += _sum(chains)


@entry(parallel=True)
def _run(starts, steps, outs, repeats):
    for row in prange(starts.shape[0]):
        for _ in range(repeats):
            _multiply_add(starts[row], steps, outs[row])


def measure_peak(threads: int, dtype: type, repeats: int = REPEATS) -> float:
    """Return the most multiply-add operations per second, an FMA counted as two.

    Parameters
    ----------
    threads
        How many to use.
    dtype
        `numpy.float64` or `numpy.float32`.
    repeats
        Passes over the array in one timing.
    """
    starts = np.linspace(0.1, 0.9, threads * ELEMENTS).astype(dtype)
    starts = starts.reshape(threads, ELEMENTS)
    steps = np.linspace(0.01, 0.02, CHAINS + 2).astype(dtype)
    steps[CHAINS:] = 0.5, 0.25
    outs = np.zeros_like(starts)
    fastest = np.inf
    before = get_num_threads()
    set_num_threads(threads)
    _run(starts, steps, outs, 1)
    for _ in range(ATTEMPTS):
        began = time.perf_counter()
        _run(starts, steps, outs, repeats)
        fastest = min(fastest, time.perf_counter() - began)
    set_num_threads(before)
    return OPERATIONS_PER_ELEMENT * threads * ELEMENTS * repeats / fastest
