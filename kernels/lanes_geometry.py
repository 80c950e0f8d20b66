# SPDX-License-Identifier: MIT
"""Geometry of a tile of pixels, one pixel per vector lane.

The same formulas as `detector`, `polarization` and `pixel`, which these loops
call, except that the flat detector's position is written out so that it is
vectorised.
"""

import math

from .detector import absorbed_fraction, pixel_position, solid_angle
from .intrinsics import vector_loop
from .jit import lanes
from .polarization import polarization_factor


@lanes
def pixel_numbers(first, pixels, fpixels, fast, slow):
    """Fill in the fast and slow index of the ranks from `first` on, as floats."""
    if pixels.active.shape[0] > 0:
        for i in range(fast.shape[0]):
            flat = pixels.active[first + i]
            slow[i] = flat // fpixels
            fast[i] = flat % fpixels
        return
    row = first // pixels.width
    column = first - row * pixels.width
    for i in range(fast.shape[0]):
        fast[i] = pixels.xmin + column
        slow[i] = pixels.ymin + row
        column += 1
        if column == pixels.width:
            column = 0
            row += 1


@lanes
def flat_directions(fast, slow, start, step, origin, det, dx, dy, dz, airpath):
    """Fill in unit vectors to a subpixel of every pixel of a flat detector.

    Parameters
    ----------
    fast, slow
        Pixel indices.
    start
        (2,) offset of the subpixel along fast and slow, m.
    step
        Pixel size, m.
    origin
        (3,) m, corner of the first pixel in this sensor layer.
    det : DetectorArgs
    dx, dy, dz, airpath
        Results.
    """
    vector_loop()
    fx, fy, fz = det.fdet_vector[0], det.fdet_vector[1], det.fdet_vector[2]
    gx, gy, gz = det.sdet_vector[0], det.sdet_vector[1], det.sdet_vector[2]
    ox, oy, oz = origin[0], origin[1], origin[2]
    f0, s0 = start[0], start[1]
    for i in range(fast.shape[0]):
        Fdet = fast[i] * step + f0
        Sdet = slow[i] * step + s0
        x = Fdet * fx + Sdet * gx + ox
        y = Fdet * fy + Sdet * gy + oy
        z = Fdet * fz + Sdet * gz + oz
        length = math.sqrt(x * x + y * y + z * z)
        inverse = 1.0 / length
        dx[i] = x * inverse
        dy[i] = y * inverse
        dz[i] = z * inverse
        airpath[i] = length


@lanes
def curved_directions(fast, slow, start, Odet, det, dx, dy, dz, airpath):
    """Fill in unit vectors to a subpixel of every pixel of a curved detector."""
    for i in range(fast.shape[0]):
        Fdet = fast[i] * det.pixel_size + start[0]
        Sdet = slow[i] * det.pixel_size + start[1]
        x, y, z = pixel_position(Fdet, Sdet, Odet, det)
        length = math.sqrt(x * x + y * y + z * z)
        dx[i] = x / length
        dy[i] = y / length
        dz[i] = z / length
        airpath[i] = length


@lanes
def solid_angles(airpath, det, omega):
    """Fill in omega_pixel, sr."""
    for i in range(omega.shape[0]):
        omega[i] = solid_angle(airpath[i], det)


@lanes
def absorbed_fractions(layer, again, dx, dy, dz, det, capture):
    """Fill in capture_fraction where it is still 0, or everywhere if `again`."""
    for i in range(capture.shape[0]):
        if again or capture[i] == 0.0:
            capture[i] = absorbed_fraction(layer, (dx[i], dy[i], dz[i]), det)


@lanes
def scattering_vectors(dx, dy, dz, incident, wavelength, sx, sy, sz):
    """Fill in (diffracted - incident) / wavelength, 1/m."""
    vector_loop()
    ix, iy, iz = incident[0], incident[1], incident[2]
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
def polarizations(dx, dy, dz, incident, again, beam, keep, polar):
    """Fill in polar of the kept pixels where it is still 0, or everywhere if `again`.

    Returns
    -------
    bool
        Whether some pixel has none yet.
    """
    axis = (beam.polar_vector[0], beam.polar_vector[1], beam.polar_vector[2])
    ray = (incident[0], incident[1], incident[2])
    missing = False
    for i in range(polar.shape[0]):
        if keep[i] != 0.0 and (again or polar[i] == 0.0):
            polar[i] = polarization_factor(
                beam.polarization, ray, (dx[i], dy[i], dz[i]), axis
            )
        missing = missing or polar[i] == 0.0
    return missing
