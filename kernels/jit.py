# SPDX-License-Identifier: MIT
"""Compiler options, in one place, each with its reason.

``error_model="numpy"`` everywhere: x/0 gives inf, as in C and in CUDA; numba's
default raises. Nothing may assume that nan or inf do not occur.
"""

from numba import njit

#: Formulas shared by trace, general kernel and CUDA: plain IEEE arithmetic.
scalar = njit(error_model="numpy")

#: Vectorised loops over a tile of pixels. ``contract`` allows fused
#: multiply-add, ``arcp`` one reciprocal for several divisions, ``nsz`` drops
#: signed zeros. Not ``reassoc``: it would delete the rounding by a large
#: constant (``lanes.round_even``); not ``nnan``/``ninf``.
LANE_FASTMATH = {"contract", "arcp", "nsz"}
lanes = njit(error_model="numpy", fastmath=LANE_FASTMATH)
lanes_inline = njit(error_model="numpy", fastmath=LANE_FASTMATH, inline="always")
