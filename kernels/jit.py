# SPDX-License-Identifier: MIT
"""Compiler options, in one place, each with its reason.

``error_model="numpy"`` everywhere: x/0 gives inf, as in C and in CUDA; numba's
default raises. Nothing may assume that nan or inf do not occur.
"""

from numba import config, njit

from . import refuse_settings
from .dispatcher_cache import kept

# From numba's own file of settings, too.
refuse_settings(config.DISABLE_JIT, config.NUMBA_NUM_THREADS)

#: Formulas shared by trace, general kernel and CUDA: plain IEEE arithmetic. Nobody
#: calls them from C.
scalar = njit(error_model="numpy", no_cfunc_wrapper=True)
#: The same, too long for LLVM to inline by itself into a loop that is to be vectorised.
scalar_inline = njit(error_model="numpy", inline="always")

#: Vectorised loops over a tile of pixels. ``contract`` allows fused
#: multiply-add, ``arcp`` one reciprocal for several divisions, ``nsz`` drops
#: signed zeros. Not ``reassoc``: it would delete the rounding by a large
#: constant (``lanes.round_even``); not ``nnan``/``ninf``.
LANE_FASTMATH = {"contract", "arcp", "nsz"}
LANE_OPTIONS = {"error_model": "numpy", "fastmath": LANE_FASTMATH}
lanes_inline = njit(inline="always", **LANE_OPTIONS)
#: Loops get pointers, which Python does not have: without the code for calls from
#: Python and C there is a tenth less to compile.
lanes = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **LANE_OPTIONS)


def entry(**options):
    """Return the decorator of what Python calls: `njit`, its machine code kept.

    Without the GIL, so that other threads go on meanwhile: one of them may watch for
    Ctrl-C.
    """
    compiled = njit(error_model="numpy", nogil=True, **options)
    return lambda function: kept(compiled(function))


#: Loops that one thread runs from Python; nobody calls them from C.
serial = entry(no_cfunc_wrapper=True)
