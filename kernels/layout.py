# SPDX-License-Identifier: MIT
"""Numbers and layouts of memory that kernels and the Python around them share.

They stand apart from the kernels because importing those imports numba.
"""

import numpy as np

#: Pixels per tile: the arrays of an inner loop fill a third of an L1 cache.
TILE = 512
#: Rows of a tile that every loop has; see `cpu.tiles`.
TILE_ROWS = 17
#: Rows of scratch that an innermost loop may use.
SCRATCH_ROWS = 10
#: float64 of a tile.
TILE_SIZE = (TILE_ROWS + SCRATCH_ROWS) * TILE

#: Pixels of a block of a background's row, whose arrays stay in the L1 cache.
BACKGROUND_BLOCK = 256
#: Rows of its scratch: direction x, y, z, solid angle, s, F, polarization, sum, the
#: farthest ray.
BACKGROUND_ROWS = 9

#: An innermost loop: its address and arguments; see `cpu.lanes.add_terms`.
LOOP = np.dtype(
    [
        ("function", np.int64),
        ("shape", np.int64),
        ("lookup", np.int64),
        ("table", np.int64),
        ("factor", np.float64),  # constant factor of all terms
        ("running", np.int64),  # whether the loop itself applies factor and weight
        # Bytes from the lookup of one source to that of the next; 0: one for all.
        ("lookup_step", np.int64),
        # Address of the cells for the first evaluation, which sets it to 0; or 0.
        ("first_cells", np.int64),
        ("interpolates", np.int64),  # whether pixels may be marked (`lanes_cubic`)
        # Set to 1 by another thread, it ends the call without an image.
        ("stopped", np.int64),
    ]
)

#: The innermost loop of sparse rendering; see `cpu.sparse_lanes.add_lit`.
LIT_LOOP = np.dtype(
    [
        ("function", np.int64),
        ("shape", np.int64),
        ("lookup", np.int64),
        ("guard", np.int64),
        ("factor", np.float64),  # constant factor of all terms
        ("running", np.int64),  # never: see `lanes_geometry.store_photons`
        ("flush", np.int64),  # whether the loop adds to float32 sums
    ]
)

#: sqrt of the volume ratio between a cube and the sphere (C: ROUND branch).
ROUND_SCALE = 0.723601254558268
#: Exponent's divisor that makes the Gaussian as wide as a square crystal's spot.
GAUSS_WIDTH = 0.63
#: Squared radius, in units of 1/crystal size, inside which a top-hat spot is 1.
TOPHAT_RADIUS_SQR = 0.3969

# In single precision; see `fixed_point`.
#: Indices up to here keep the spacing of its FIXED_MAGIC.
LARGEST_INDEX = 2.0**18
#: pi N times the index's error stays below 1.1e-5 up to here.
LARGEST_N = 10000

#: Values of the shuffle table of the random numbers.
SHUFFLED = 32
#: Numbers of photons whose logarithms are kept: they stay in the L2 cache.
REMEMBERED = 1 << 14
#: State of the random numbers; all zeros at the start of a run. See `random`.
STATE = np.dtype(
    [
        ("state", np.int64),  # C: *idum
        ("streams", np.int64, (2,)),  # where others are that take turns (`detected`)
        ("output", np.int64),  # C: iy
        ("shuffled", np.int64, (SHUFFLED,)),  # C: iv
        ("mean", np.float32),  # of the last Poisson deviate, then what it gave:
        ("exponent", np.float32),  # C: g
        ("width", np.float32),  # C: sq
        ("log_mean", np.float32),  # C: alxm
        ("has_gauss", np.int32),  # whether a Gaussian deviate is kept
        ("gauss", np.float32),
        ("log_factorial", np.float32, (REMEMBERED,)),  # of 0, 1, 2 ...; 0: not yet
    ]
)
