# SPDX-License-Identifier: MIT
"""Geometry of a tile of pixels, one pixel per vector lane.

The same formulas as `detector`, `polarization` and `pixel`, which these loops
call, except that the flat detector's position is written out so that it is
vectorised.
"""

import math

from .detector import pixel_position
from .intrinsics import vector_loop
from .jit import lanes
from .reduced import TINY, exp2

LOG2_E = 1.0 / math.log(2.0)
#: 2 to this power is far beyond any sum, and still a normal number.
LARGEST_EXPONENT = 1000.0


@lanes
def pixel_numbers(first, run, active, fast, slow):
    """Fill in the fast and slow index of the ranks from `first` on, as floats."""
    if active.shape[0] > 0:
        for i in range(fast.shape[0]):
            flat = active[first + i]
            slow[i] = flat // run.fpixels
            fast[i] = flat % run.fpixels
        return
    row = first // run.width
    column = first - row * run.width
    for i in range(fast.shape[0]):
        fast[i] = run.xmin + column
        slow[i] = run.ymin + row
        column += 1
        if column == run.width:
            column = 0
            row += 1


@lanes
def flat_positions(fast, slow, start, run, x, y, z):
    """Fill in positions on a flat detector, m; `start` is that in pixel 0, 0."""
    vector_loop()
    fx, fy, fz = run.fdet_vector[0], run.fdet_vector[1], run.fdet_vector[2]
    sx, sy, sz = run.sdet_vector[0], run.sdet_vector[1], run.sdet_vector[2]
    Fdet0, Sdet0, Odet = start
    ox = Odet * run.odet_vector[0] + run.pix0_vector[0]
    oy = Odet * run.odet_vector[1] + run.pix0_vector[1]
    oz = Odet * run.odet_vector[2] + run.pix0_vector[2]
    size = run.pixel_size
    for i in range(fast.shape[0]):
        Fdet = fast[i] * size + Fdet0
        Sdet = slow[i] * size + Sdet0
        x[i] = Fdet * fx + Sdet * sx + ox
        y[i] = Fdet * fy + Sdet * sy + oy
        z[i] = Fdet * fz + Sdet * sz + oz


@lanes
def curved_positions(fast, slow, start, run, x, y, z):
    """Fill in positions on a curved detector, m; `start` is that in pixel 0, 0."""
    Fdet0, Sdet0, Odet = start
    for i in range(fast.shape[0]):
        Fdet = fast[i] * run.pixel_size + Fdet0
        Sdet = slow[i] * run.pixel_size + Sdet0
        x[i], y[i], z[i] = pixel_position(Fdet, Sdet, Odet, run)


@lanes
def make_unit(x, y, z, length):
    """Divide vectors by their length, and fill the length in."""
    vector_loop()
    for i in range(length.shape[0]):
        distance = math.sqrt(x[i] * x[i] + y[i] * y[i] + z[i] * z[i])
        inverse = 1.0 / distance
        x[i] *= inverse
        y[i] *= inverse
        z[i] *= inverse
        length[i] = distance


@lanes
def solid_angles(airpath, run, omega):
    """Fill in omega_pixel, sr; see `detector.solid_angle`."""
    vector_loop()
    if run.point_pixel:
        for i in range(omega.shape[0]):
            omega[i] = 1.0 / (airpath[i] * airpath[i])
        return
    volume = run.pixel_size * run.pixel_size * run.close_distance
    for i in range(omega.shape[0]):
        omega[i] = volume / (airpath[i] * airpath[i] * airpath[i])


@lanes
def absorbed_fractions(layer, again, dx, dy, dz, run, capture):
    """Fill in capture_fraction where it is still 0, or everywhere if `again`.

    See `detector.absorbed_fraction`.
    """
    vector_loop()
    ox, oy, oz = run.odet_vector[0], run.odet_vector[1], run.odet_vector[2]
    depth = run.detector_thickstep * run.detector_mu * LOG2_E
    for i in range(capture.shape[0]):
        through = depth / (dx[i] * ox + dy[i] * oy + dz[i] * oz)
        before = exp2(min(max(-layer * through, -LARGEST_EXPONENT), LARGEST_EXPONENT))
        behind = -(layer + 1) * through
        value = before - exp2(min(max(behind, -LARGEST_EXPONENT), LARGEST_EXPONENT))
        capture[i] = value if again | (capture[i] == 0.0) else capture[i]


@lanes
def scattering_vectors(dx, dy, dz, incident, wavelength, sx, sy, sz):
    """Fill in (diffracted - incident) / wavelength, 1/m."""
    vector_loop()
    ix, iy, iz = incident
    inverse = 1.0 / wavelength
    for i in range(sx.shape[0]):
        sx[i] = (dx[i] - ix) * inverse
        sy[i] = (dy[i] - iy) * inverse
        sz[i] = (dz[i] - iz) * inverse


@lanes
def inside_dmin(sx, sy, sz, dmin, keep):
    """Fill in 1 where the resolution is not finer than `dmin`, else 0."""
    vector_loop()
    for i in range(keep.shape[0]):
        s_sqr = sx[i] * sx[i] + sy[i] * sy[i] + sz[i] * sz[i]
        # dmin > 1 / |s|, with |s| = 0 inside.
        keep[i] = 0.0 if dmin * math.sqrt(s_sqr) > 1.0 else 1.0


@lanes
def polarizations(dx, dy, dz, incident, fields, again, K, keep, polar):
    """Fill in polar of the kept pixels where it is still 0, or everywhere if `again`.

    See `polarization.polarization_factor`.

    Parameters
    ----------
    dx, dy, dz, keep, polar
        (n,) arrays.
    incident
        Unit vector along the ray.
    fields
        (2, 3) unit vectors of its E and B fields (`polarization.field_axes`).
    K
        Kahn factor.

    Returns
    -------
    bool
        Whether some pixel has none yet.
    """
    vector_loop()
    ix, iy, iz = incident
    ex, ey, ez = fields[0, 0], fields[0, 1], fields[0, 2]
    bx, by, bz = fields[1, 0], fields[1, 1], fields[1, 2]
    missing = 0.0
    for i in range(polar.shape[0]):
        cos_2theta = dx[i] * ix + dy[i] * iy + dz[i] * iz
        E = dx[i] * ex + dy[i] * ey + dz[i] * ez
        B = dx[i] * bx + dy[i] * by + dz[i] * bz
        # TINY: where both are 0, the angle atan2(B, E) is 0.
        cos_2psi = (E * E - B * B + TINY) / (E * E + B * B + TINY)
        square = cos_2theta * cos_2theta
        value = 0.5 * (1.0 + square - K * cos_2psi * (1.0 - square))
        wanted = (keep[i] != 0.0) & (again | (polar[i] == 0.0))
        value = value if wanted else polar[i]
        polar[i] = value
        missing = missing if value != 0.0 else 1.0
    return missing != 0.0
