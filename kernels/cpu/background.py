# SPDX-License-Identifier: MIT
"""Scattering of an amorphous sample into every pixel (C: nonBragg).

    I = scale * sum over subpixels and sources of  w sgn(F) F(s)^2 P Omega

A row of pixels is rendered in blocks, in three steps for every subpixel and source:
where its rays go (vectorised), F by table (one pixel after the other), and the product
(vectorised). A pixel's terms are added in C's order, so that all threads give the same.

The table is one cubic polynomial about the middle of each interval: C's four-point
polynomials in model c, monotone cubics in model physical (`resolve.background`).
"""

import math

import numpy as np

from ..jit import entry, scalar
from ..layout import BACKGROUND_BLOCK as BLOCK
from ..reference.detector import pixel_position
from ..reference.polarization import kahn
from .intrinsics import vector_loop

# Nobody calls these from C; several Python threads run them at once.
row_loop = entry(no_cfunc_wrapper=True)


@scalar
def components(vector):
    """Return the three numbers of an array."""
    return vector[0], vector[1], vector[2]


@scalar
def flat_rays(first, slow, subpixel, det, x, y, z, omega):
    """Write directions and solid angles of a subpixel of pixels in a row.

    Parameters
    ----------
    first, slow
        Fast index of the first pixel; slow index.
    subpixel
        Number along fast and along slow, of how many along a side.
    det : DetectorArgs
    x, y, z, omega
        (n,) float64.
    """
    vector_loop()
    along_fast, along_slow, oversample = subpixel
    pixel = det.pixel_size
    size = pixel / oversample
    fx, fy, fz = components(det.fdet_vector)
    sx, sy, sz = components(det.sdet_vector)
    ox, oy, oz = components(det.pix0_vector)
    # Of a pixel at distance R: size^2 / R^2 times the cosine of its obliquity.
    area = pixel * pixel * det.close_distance
    Sdet = size * (slow * oversample + along_slow) + size / 2.0
    for i in range(x.size):
        Fdet = size * ((first + i) * oversample + along_fast) + size / 2.0
        px = Fdet * fx + Sdet * sx + ox
        py = Fdet * fy + Sdet * sy + oy
        pz = Fdet * fz + Sdet * sz + oz
        nearness = 1.0 / math.sqrt(px * px + py * py + pz * pz)
        x[i] = px * nearness
        y[i] = py * nearness
        z[i] = pz * nearness
        square = nearness * nearness
        omega[i] = square if det.point_pixel else area * square * nearness


@scalar
def curved_rays(first, slow, subpixel, det, x, y, z, omega):
    """The same for a detector whose pixels are all at one distance."""
    along_fast, along_slow, oversample = subpixel
    pixel = det.pixel_size
    size = pixel / oversample
    Sdet = size * (slow * oversample + along_slow) + size / 2.0
    for i in range(x.size):
        Fdet = size * ((first + i) * oversample + along_fast) + size / 2.0
        place = pixel_position(Fdet, Sdet, 0.0, det)
        path = math.sqrt(
            place[0] * place[0] + place[1] * place[1] + place[2] * place[2]
        )
        x[i] = place[0] / path
        y[i] = place[1] / path
        z[i] = place[2] / path
        omega[i] = pixel * pixel / path / path * det.close_distance / path
        if det.point_pixel:
            omega[i] = 1.0 / path / path


@scalar
def scattering(x, y, z, source, beam, s, farthest, polar):
    """Write sin(theta) / wavelength, 1/m, and the polarization factor of rays.

    `farthest` becomes the largest s of a pixel so far.

    In the factor, `polarization.kahn`, cos 2psi sin^2 2theta is (E^2 - B^2) / |b|^2 for
    b = axis x incident, B = d.b and E = d.(incident x b).
    """
    vector_loop()
    ix, iy, iz = components(beam.incident[source])
    per_length = 0.5 / beam.wavelength[source]
    K = beam.polarization
    ax, ay, az = components(beam.polar_vector)
    bx, by, bz = ay * iz - az * iy, az * ix - ax * iz, ax * iy - ay * ix
    ex, ey, ez = iy * bz - iz * by, iz * bx - ix * bz, ix * by - iy * bx
    length_sqr = bx * bx + by * by + bz * bz
    for i in range(x.size):
        hx, hy, hz = x[i] - ix, y[i] - iy, z[i] - iz
        s[i] = math.sqrt(hx * hx + hy * hy + hz * hz) * per_length
        farthest[i] = s[i] if s[i] > farthest[i] else farthest[i]
        cosine = ix * x[i] + iy * y[i] + iz * z[i]
        square = cosine * cosine
        E = x[i] * ex + y[i] * ey + z[i] * ez
        B = x[i] * bx + y[i] * by + z[i] * bz
        # An axis along the ray has no direction across it: psi is 0, as in C.
        twisted = (E * E - B * B) / length_sqr if length_sqr > 0.0 else 1.0 - square
        # Where K is 0, twisted may be infinite.
        factor = kahn(square, K * twisted if K != 0.0 else 0.0)
        polar[i] = 1.0 if beam.nopolar else factor


@scalar
def cubic(s, row):
    """Return F of an interval of the table at `s`, electrons."""
    t = s - row[1]
    return row[2] + t * (row[3] + t * (row[4] + t * row[5]))


@scalar
def look_up(s, table, F):
    """Write F of every `s`; `table` is sorted."""
    rows, guide, per_s = table.rows, table.guide, table.guide_per_s
    last = np.uint64(guide.size - 1)
    one = np.uint64(1)
    for i in range(s.size):
        n = np.uint64(guide[min(np.uint64(s[i] * per_s), last)])
        while s[i] >= rows[n, 0]:
            n += one
        F[i] = cubic(s[i], rows[n])


@scalar
def add_terms(F, polar, omega, weight, total):
    """Add the terms of one source to the sums of the pixels."""
    vector_loop()
    for i in range(total.size):
        total[i] += (
            math.copysign(1.0, F[i]) * F[i] * F[i] * polar[i] * omega[i] * weight
        )


@scalar
def finish(total, scale, farthest, s_max, row):
    """Write pixels of a row, float32; return how many are beyond the table."""
    vector_loop()
    beyond = 0
    for i in range(row.size):
        row[i] = np.float32(total[i] * scale)
        beyond += np.int64(farthest[i] > s_max)
    return beyond


@row_loop
def background_rows(
    first_row, last_row, roi, det, beam, weights, table, scale, F_only, out, scratch
):
    """Render rows of a background, for a sorted table.

    Parameters
    ----------
    first_row, last_row
        Slow indices; the last is excluded.
    roi
        xmin, xmax of the pixels to render, inclusive.
    det : DetectorArgs
    beam : BeamArgs
    weights
        (sources,) float64.
    table : TableArgs
    scale
        Photons for a sum of 1.
    F_only
        Write F of the last subpixel and source instead.
    out
        (slow, fast) float32.
    scratch
        (`layout.BACKGROUND_ROWS`, `layout.BACKGROUND_BLOCK`) float64.

    Returns
    -------
    int
        Number of pixels with a ray beyond the table.
    """
    xmin, xmax = roi
    oversample = det.oversample
    beyond = 0
    for slow in range(first_row, last_row):
        for first in range(xmin, xmax + 1, BLOCK):
            n = min(BLOCK, xmax + 1 - first)
            x, y, z, omega = (
                scratch[0, :n],
                scratch[1, :n],
                scratch[2, :n],
                scratch[3, :n],
            )
            s, F, polar = scratch[4, :n], scratch[5, :n], scratch[6, :n]
            total, farthest = scratch[7, :n], scratch[8, :n]
            total[:] = 0.0
            farthest[:] = 0.0
            for k in range(oversample * oversample):
                subpixel = (k % oversample, k // oversample, oversample)
                if det.curved_detector:
                    curved_rays(first, slow, subpixel, det, x, y, z, omega)
                else:
                    flat_rays(first, slow, subpixel, det, x, y, z, omega)
                for source in range(beam.wavelength.size):
                    scattering(x, y, z, source, beam, s, farthest, polar)
                    look_up(s, table, F)
                    add_terms(F, polar, omega, weights[source], total)
            row = out[slow, first : first + n]
            if F_only:
                for i in range(n):
                    total[i] = F[i]
            beyond += finish(
                total, 1.0 if F_only else scale, farthest, table.s_max, row
            )
    return beyond


@scalar
def of_one_pixel(scratch):
    """Return the first element of each row of scratch, as rows of one."""
    return (
        scratch[0, :1],
        scratch[1, :1],
        scratch[2, :1],
        scratch[3, :1],
        scratch[4, :1],
        scratch[5, :1],
        scratch[6, :1],
    )


@scalar
def walked_to(s, rows, n):
    """Return the interval that C's walk from interval `n` ends in."""
    while s > rows[n]:
        n += 1
    while s < rows[n] and n >= 2:
        n -= 1
    return n


@row_loop
def background_in_order(roi, det, beam, weights, table, scale, F_only, out, scratch):
    """Render a background from a table that is not sorted, as C does.

    C quirk: an interval is searched from the one before, so that F depends on the way
    there: over pixels, subpixels and sources, in this order. Arguments as in
    `background_rows`; roi is xmin, xmax, ymin, ymax.
    """
    xmin, xmax, ymin, ymax = roi
    x, y, z, omega, s, farthest, polar = of_one_pixel(scratch)
    oversample = det.oversample
    n = 0
    beyond = 0
    for slow in range(ymin, ymax + 1):
        for fast in range(xmin, xmax + 1):
            total = 0.0
            F = 0.0
            farthest[0] = 0.0
            for k in range(oversample * oversample):
                subpixel = (k % oversample, k // oversample, oversample)
                if det.curved_detector:
                    curved_rays(fast, slow, subpixel, det, x, y, z, omega)
                else:
                    flat_rays(fast, slow, subpixel, det, x, y, z, omega)
                for source in range(beam.wavelength.size):
                    scattering(x, y, z, source, beam, s, farthest, polar)
                    n = walked_to(s[0], table.s, n)
                    F = cubic(s[0], table.rows[n])
                    term = math.copysign(1.0, F) * F * F * polar[0] * omega[0]
                    total += term * weights[source]
            out[slow, fast] = np.float32(F if F_only else total * scale)
            beyond += farthest[0] > table.s_max
    return beyond


@row_loop
def last_rays(roi, det, beam, table, s_image, correction, interval, scratch):
    """Write what the last ray of every pixel meets, for the extraction of a table.

    Parameters
    ----------
    roi
        xmin, xmax, ymin, ymax of the pixels, inclusive.
    det : DetectorArgs
    beam : BeamArgs
    table : TableArgs
    s_image, correction
        (slow, fast) float64: s, 1/m, and (2, slow, fast): polarization, solid angle.
    interval
        (slow, fast) int64: where C's walk through the table ends.
    scratch
        As in `background_rows`.
    """
    xmin, xmax, ymin, ymax = roi
    x, y, z, omega, s, farthest, polar = of_one_pixel(scratch)
    oversample = det.oversample
    n = 0
    for slow in range(ymin, ymax + 1):
        for fast in range(xmin, xmax + 1):
            for k in range(oversample * oversample):
                subpixel = (k % oversample, k // oversample, oversample)
                if det.curved_detector:
                    curved_rays(fast, slow, subpixel, det, x, y, z, omega)
                else:
                    flat_rays(fast, slow, subpixel, det, x, y, z, omega)
                for source in range(beam.wavelength.size):
                    scattering(x, y, z, source, beam, s, farthest, polar)
                    n = walked_to(s[0], table.s, n)
            s_image[slow, fast] = s[0]
            correction[0, slow, fast] = polar[0]
            correction[1, slow, fast] = omega[0]
            interval[slow, fast] = n
