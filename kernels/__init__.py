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
sparse
    From the reflections to the pixels, only what is lit; the other way is dense.
view
    One source, phi step and mosaic domain: one orientation as one ray sees it.
ball
    Where a reflection is bright enough to matter, in reciprocal space.
lit
    Inside a ball. A term that is not is left out.
hit
    A reflection whose ball one view brings onto the detector, with its box of
    subpixels.
band
    A rectangle of tiles whose hits are kept in memory at the same time.
"""

import os

#: More threads than any machine has processors; numba dies of a hundred thousand.
MOST_THREADS = 1024


def refuse_settings(disable_jit: object, threads: object) -> None:
    """Refuse settings of numba with which nothing works.

    Parameters
    ----------
    disable_jit, threads
        What NUMBA_DISABLE_JIT and NUMBA_NUM_THREADS are; what is no number is numba's
        affair.

    Raises
    ------
    ImportError
        One sentence that says which, and what to do.
    """
    if _whole_number(disable_jit):
        raise ImportError(
            "NUMBA_DISABLE_JIT is set: nbsim's kernels need numba's compiler; unset it"
        )
    if _whole_number(threads) > MOST_THREADS:
        raise ImportError(
            f"NUMBA_NUM_THREADS is {threads}: it must be at most {MOST_THREADS}"
        )


def _whole_number(setting: object) -> int:
    try:
        return int(str(setting))
    except ValueError:
        return 0


refuse_settings(
    os.environ.get("NUMBA_DISABLE_JIT"), os.environ.get("NUMBA_NUM_THREADS")
)
