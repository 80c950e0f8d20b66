# SPDX-License-Identifier: MIT
"""Whether every index of a tile is in the list, for all orientations at once.

However a cell is turned, no index is larger than |a| |s|. So the lengths of a tile's
scattering vectors tell, and most tiles need neither comparisons nor clamps in the loops
over orientations.
"""

import numpy as np
from numba.extending import overload

from .. import params
from ..jit import LANE_OPTIONS, lanes, lanes_inline
from .intrinsics import vector_loop
from .lanes import cell_at

#: Of a squared length: more than the rounding of an index.
MARGIN = 1.0 - 1e-9
#: So close to the edge of the list the scalar formula decides who is outside of what
#: can be interpolated: an index is rounded differently there. More than the rounding
#: of any index up to 10^6.
DOUBT = 2.0**-30


@lanes_inline
def nearest_reach(low, high):
    """Return up to which |h| the nearest index is in a list from `low` to `high`."""
    return min(high, -low) + 0.5


@lanes_inline
def cubic_reach(low, count):
    """Return up to which |h| there are four points around an index."""
    return min(low + count - 3.0, -(low + 2.0)) - DOUBT


def reaches(lookup):
    """Return up to which |h|, |k|, |l| indices are in the list; below 0 if none is."""
    raise NotImplementedError("compiled code only")


@overload(reaches, jit_options=LANE_OPTIONS, inline="always")
def _reaches(lookup):
    if lookup.instance_class is params.TableF:
        return lambda lookup: (
            nearest_reach(lookup.h_min, lookup.h_max),
            nearest_reach(lookup.k_min, lookup.k_max),
            nearest_reach(lookup.l_min, lookup.l_max),
        )
    return lambda lookup: (
        cubic_reach(lookup.h_min, lookup.h_range),
        cubic_reach(lookup.k_min, lookup.k_range),
        cubic_reach(lookup.l_min, lookup.l_range),
    )


@lanes_inline
def reach_sqr(reach, x, y, z):
    """Return the squared |s| up to which an index is within `reach`."""
    return reach * abs(reach) / (x * x + y * y + z * z)


@lanes
def longer(sx, sy, sz, n, length_sqr):
    """Return how many scattering vectors are longer, or no numbers."""
    vector_loop()
    count = 0
    for i in range(n):
        s_sqr = sx[i] * sx[i] + sy[i] * sy[i] + sz[i] * sz[i]
        count += 0 if s_sqr <= length_sqr else 1
    return count


@lanes
def all_inside(sx, sy, sz, n, cells, orientations, lookup):
    """Return whether all indices of a tile are in the list; see `lanes.add_terms`.

    It may be False nonetheless, never True without being so.
    """
    h, k, l = reaches(lookup)
    inside = np.inf
    for m in range(orientations):
        ax, ay, az, bx, by, bz, cx, cy, cz = cell_at(cells, m)
        inside = min(inside, reach_sqr(h, ax, ay, az))
        inside = min(inside, reach_sqr(k, bx, by, bz))
        inside = min(inside, reach_sqr(l, cx, cy, cz))
    return longer(sx, sy, sz, n, inside * MARGIN) == 0
