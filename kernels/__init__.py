# SPDX-License-Identifier: MIT
"""Numba kernels: the physics as scalar functions, and the loops over pixels.

Imports nothing of nbsim but itself. Machine code is kept by `machine_code`, function
by function: the caches of other libraries in the same process stay where they are.

Words that are used all over
----------------------------
evaluation
    One term of a pixel's sum: a subpixel, source, phi step, mosaic domain and layer.
spot
    What a lattice point looks like: |F_latt|^2 as a function of the distance from it.
form
    A way to write a spot so that it is quick: `SquareAny`, `SquareFew`, `RoundSpot`,
    `GaussSpot`, `TophatSpot`.
reduced form
    A form that takes the index minus the nearest whole one, so that polynomials do.
lookup
    How F is found: one F for all, the nearest in a list, or interpolated.
rank
    Number of a pixel among those that are rendered, in raster order.
tile
    512 pixels of neighbouring ranks, whose numbers fit the fastest cache.
lane
    One pixel of a tile: the processor does several in one instruction.
row
    One number of all the pixels of a tile, such as the x of the scattering vector.
rare
    What few runs need (layers, curved detector, dmin, running products): compiled
    into the tile only for them.
running product
    What model c does with -oversample_: the sum so far is multiplied after each term.
listed
    With a list of F; looked up in a loop of its own.
"""

from numba import config

#: More threads than any machine has processors; numba dies of a hundred thousand.
MOST_THREADS = 1024

if config.DISABLE_JIT:
    raise ImportError(
        "NUMBA_DISABLE_JIT is set: nbsim's kernels need numba's compiler; unset it"
    )
if config.NUMBA_NUM_THREADS > MOST_THREADS:
    raise ImportError(
        f"NUMBA_NUM_THREADS is {config.NUMBA_NUM_THREADS}: it must be at most "
        f"{MOST_THREADS}"
    )
