# SPDX-License-Identifier: MIT
"""What the three steps of sparse rendering are given, and what they hand on.

Only what is lit is evaluated. A *view* is one (source, phi, domain), numbered in C's
order; the *ball* of a reflection is where it is bright enough to matter, in reciprocal
space; a *hit* is a reflection whose ball cuts the Ewald sphere of one view within the
detector, with the box of subpixels that it can light.

1. `sparse_hits.find_hits`: per group of views the reflections that some of them can
   light, then each view's hits;
2. `sparse_hits.sort_hits`: the hits of every tile, in the order of their views;
3. `sparse_tiles.render_lit_tiles`: the nest of `tiles.render_tile` over the pixels
   that some box touches, with a tile's list in place of all orientations.

All three are C functions that several threads run at once. They take the next piece
of work from a counter, so that no thread waits for another's share, and look at `stop`
before they do. The memory is bounded by rendering one *band* (a rectangle of tiles)
after the other.
"""

import numpy as np

#: Pixels along and across a tile, and those that are always evaluated together: a
#: tile's 64 *strips* are the bits of one integer.
TILE_WIDTH, TILE_HEIGHT, STRIP = 32, 16, 8
STRIPS_PER_ROW = TILE_WIDTH // STRIP

#: A reflection that lights subpixels of the band in one view.
HIT = np.dtype(
    [
        ("F_sqr", np.float64),
        ("number", np.int32),  # of the view
        ("h", np.int16),
        ("k", np.int16),
        ("l", np.int16),
        # Subpixels from pixel xmin, ymin of the band on, inclusive.
        ("x0", np.int32),
        ("x1", np.int32),
        ("y0", np.int32),
        ("y1", np.int32),
    ],
    align=True,
)

#: Numbers of a view: see `sparse_hits.view_numbers`.
VIEW_NUMBERS = 16
#: Views whose reflections are looked for together, at most.
LARGEST_GROUP = 256
#: Float64 of scratch that a thread needs for a group: numbers of its views; middle
#: and half-width of 20 numbers; lowest and highest h, k, l.
GROUP_SCRATCH = LARGEST_GROUP * VIEW_NUMBERS + 46
#: Rows of a thread's table of reflections: h, k, l, |q|^2 (1/Angstrom^2), F^2.
REFLECTION_ROWS = 5
#: Reflections that are tested together.
BLOCK = 16

#: A band: addresses end in `_at`.
BAND = np.dtype(
    [
        ("views", np.int64),
        ("orientations", np.int64),
        ("cells_at", np.int64),  # float64 (orientations, 3, 3), m
        ("rays_at", np.int64),  # float64 (sources, RAY_NUMBERS)
        # Rows: dual of the fast and slow axis within the plane, unit normal that
        # points from the crystal to it. x, y, z below are along these.
        ("frame", np.float64, (3, 3)),
        ("frame_sqr", np.float64, (2,)),  # squared lengths of the first two
        ("planes", np.float64, (4, 3)),  # inward unit normals of the band's pyramid
        ("towards", np.float64, (3,)),  # unit vector into the middle of the pyramid
        ("spread", np.float64),  # no unit vector of the pyramid is farther from it
        # Nearest and farthest layer: z in subpixels, and the subpixel at x = 0, y = 0.
        ("layers", np.float64, (2, 3)),
        ("box", np.int64, (4,)),  # the band's subpixels: x0, x1, y0, y1
        ("subpixels", np.int64),  # along a pixel's side
        ("first_column", np.int64),  # of tiles
        ("first_row", np.int64),
        ("columns", np.int64),
        ("tiles", np.int64),
        # Reflections
        ("star", np.float64, (6,)),  # metric of the reciprocal lattice, 1/Angstrom^2
        ("lengths", np.float64, (3,)),  # of a, b, c, Angstrom
        ("radius", np.float64),  # of a ball, 1/Angstrom
        ("q_max", np.float64),
        ("group", np.int64),
        ("chunks", np.int64),  # of whole groups
        ("group_scratch_at", np.int64),
        ("reflections_at", np.int64),
        ("reflections", np.int64),  # places per row
        ("flags_at", np.int64),
        # Hits of every chunk
        ("hits_at", np.int64),
        ("hits", np.int64),  # places per chunk
        ("counts_at", np.int64),  # int64 (chunks,)
        ("places_at", np.int64),  # int32 (chunks, tiles): how many, then where
        # Tiles
        ("entries_at", np.int64),  # uint32: places in the hits
        ("start_at", np.int64),  # int64 (tiles + 1,)
        ("todo_at", np.int64),  # int64 (todo,): tiles with something to render
        ("todo", np.int64),
        ("lists_at", np.int64),  # per thread, see `sparse_tiles.sort_subpixels`
        ("lists", np.int64),
        ("fields_at", np.int64),  # float64 (2, sources, 3)
        ("sources", np.int64),
        ("mask_at", np.int64),  # uint8 per pixel of the detector from ymin on; or 0
        ("everything", np.int64),  # whether dark pixels have to be stored
        # Pixels that are rendered now, inclusive.
        ("xmin", np.int64),
        ("xmax", np.int64),
        ("ymin", np.int64),
        ("ymax", np.int64),
        ("image_at", np.int64),
        ("scratch_at", np.int64),
        # Of all threads
        ("next_at", np.int64),  # int64: the next piece of work
        ("stop_at", np.int64),  # int64: not 0 when somebody interrupts
    ],
    align=True,
)
#: A ray: unit vector, 1 / wavelength (1/m), wavelength (m), share.
RAY_NUMBERS = 6

#: Counts of a chunk that did not fit.
TOO_MANY_HITS, TOO_MANY_REFLECTIONS = -1, -2
