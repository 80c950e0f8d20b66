# SPDX-License-Identifier: MIT
"""Point spread with the arithmetic of the C program noisify, bit for bit.

C scatters: for every pixel in raster order it adds photons times weight to its
neighbours, a float32 that is rounded each time. The same sums are gathered here, for
each pixel its sources in raster order, so that rows can be shared by threads and
columns are vector lanes. A source reaches as far as its own photons tell (C's rule),
so there are two kinds:

- near: in a circle of `near` pixels, from every source, masked by its radius; taps in
  order.
- far: of the few sources that reach farther, one by one, those in front of the near
  window before it and those behind after it.

C quirk: column `fpixels` is taken for a column of the image, and is the first pixel of
the next row: `first_column` adds what lands there.
"""

import math

import numpy as np

from ..jit import entry, scalar
from .intrinsics import advanced, pointer_to, vector_loop

# Nobody calls these from C; several Python threads run them at once.
row_loop = entry(no_cfunc_wrapper=True)
# Part of the others' machine code.
block_loop = scalar

#: Output pixels that are vector lanes together.
LANES = 64
#: Radii of whole numbers of photons below this are worked out once.
REMEMBERED = 1 << 16
#: Photons that may be lost, as a part of their noise (C: photonloss_factor).
LOSS = 10.0
#: Pixels without photons, and those whose photons vanish, have no radius.
NO_RADIUS = -1
UNKNOWN = -2
#: Above all radii.
ANY_RADIUS = 2**31 - 1
LN_16 = math.log(16.0)
NOTHING = np.float32(0.0)
ONE = np.float32(1.0)


@block_loop
def radius_of(photons, gaussian, fwhm, g):
    """Return how far the photons of a pixel reach, by C's rule; pixels."""
    lost = math.sqrt(photons) / LOSS
    if not gaussian:
        return 1 + int(min(math.ceil(g * (photons / lost)), 1e9))
    # C quirk: of less than 0.01 photons it takes the root of a negative number.
    exponent = -math.log(lost / photons) / LN_16
    if exponent < 0.0:
        return NO_RADIUS
    return 1 + int(math.ceil(math.sqrt(exponent) * fwhm))


@row_loop
def kernel_radius(photons, gaussian, fwhm, g):
    """Return `radius_of` the brightest pixel; C divides by ln 4 and 2 here."""
    if not gaussian:
        return radius_of(photons, gaussian, fwhm, g)
    exponent = -math.log(math.sqrt(photons) / LOSS / photons) / math.log(4.0) / 2.0
    if exponent < 0.0:
        return NO_RADIUS
    return 1 + int(math.ceil(math.sqrt(exponent) * fwhm))


@block_loop
def lost_beyond(photons, radius, gaussian, fwhm, g):
    """Return the photons that C takes for lost beyond a radius."""
    if gaussian:
        widths = radius / fwhm
        return photons * math.exp(-LN_16 * (widths * widths))
    return photons * g / math.sqrt(g * g + radius * radius)


@row_loop
def find_radii(image, gaussian, fwhm, g, given, widest, radius, counts):
    """Write the radius of every pixel, int32; return all photons that are lost.

    Parameters
    ----------
    image
        (slow, fast) float32.
    gaussian, fwhm, g
        Shape and width in pixels.
    given
        Radius of all pixels; 0: by C's rule.
    widest
        No radius is larger.
    counts
        (widest + 1,) int64: how many pixels have each radius; added to.
    """
    known_radius = np.full(REMEMBERED, UNKNOWN, np.int32)
    known_loss = np.zeros(REMEMBERED)
    # Known like any other number: which pixels are dark, no processor can predict.
    known_radius[0] = NO_RADIUS
    dark = 0
    total = 0.0
    spixels, fpixels = image.shape
    for slow in range(spixels):
        for fast in range(fpixels):
            photons = max(np.float64(image[slow, fast]), 0.0)
            whole = np.int64(min(photons, REMEMBERED))
            again = whole < REMEMBERED and whole == photons
            if again and known_radius[whole] != UNKNOWN:
                radius[slow, fast] = known_radius[whole]
                # Those without a radius are counted with the largest for now.
                counts[known_radius[whole]] += 1
                dark += np.int64(known_radius[whole] == NO_RADIUS)
                total += known_loss[whole]
                continue
            r = given if given > 0 else radius_of(photons, gaussian, fwhm, g)
            r = min(r, widest)
            radius[slow, fast] = r
            if r == NO_RADIUS:
                continue
            loss = lost_beyond(photons, float(r), gaussian, fwhm, g)
            counts[r] += 1
            total += loss
            if again:
                known_radius[whole] = r
                known_loss[whole] = loss
    counts[NO_RADIUS] -= dark
    return total


@block_loop
def fiber_corner(x, y, g):
    """Return the integral of the fiber's shape up to a corner."""
    return math.atan((x * y) / (g * math.sqrt(g * g + x * x + y * y))) / 2.0 / math.pi


@row_loop
def fiber_weights(g, reach, first, last, out):
    """Write rows `first` to `last` - 1 of the fiber's weights, float64."""
    for j in range(first, last):
        y = float(j - reach)
        for i in range(out.shape[1]):
            x = float(i - reach)
            out[j, i] = (
                fiber_corner(x + 0.5, y + 0.5, g)
                - fiber_corner(x + 0.5, y - 0.5, g)
                - fiber_corner(x - 0.5, y + 0.5, g)
                + fiber_corner(x - 0.5, y - 0.5, g)
            )


@row_loop
def list_sources(radius, near, edges, starts, columns, radii, largest):
    """List the sources that need more than the near window, by row and column.

    Parameters
    ----------
    radius
        (slow, fast) int32.
    near
        Sources that reach farther than this are listed;
    edges
        or, unless this is 0, those that reach column 0 or the column behind the last
        one; the largest radius of all.
    starts, largest
        (slow + 1,) and (slow,) int64: where each row's begin, and its largest radius.
    columns, radii
        (listed,) int32; empty ones are not written to.

    Returns
    -------
    int
        How many there are.
    """
    spixels, fpixels = radius.shape
    count = 0
    write = columns.size > 0
    for slow in range(spixels):
        starts[slow] = count
        row = radius[slow]
        most = NO_RADIUS
        for place in range(fpixels if edges == 0 else min(2 * edges + 1, fpixels)):
            fast = place
            if edges > 0 and place > edges:
                # Counted from the end, but for columns that were looked at already.
                fast = max(fpixels - 2 * edges - 1, 0) + place
            r = row[fast]
            wanted = r > near
            if edges > 0:
                wanted = r >= min(fast, fpixels - fast)
            if wanted and r > 0:
                if write:
                    columns[count] = fast
                    radii[count] = r
                count += 1
                most = max(most, r)
        largest[slow] = most
    starts[spixels] = count
    return count


@row_loop
def pad_sources(image, radius, near, padding, photons, reach_sqr, farthest, nearest):
    """Write padded photons and squared radii, and the extremes of every block.

    Parameters
    ----------
    image, radius
        (slow, fast) float32 and int32.
    near
        Squared radii stop above what the near window can ask for.
    padding
        Columns in front.
    photons, reach_sqr
        (slow, columns) float64 and float32; 0 and -1 where nothing is spread.
    farthest, nearest
        (slow, columns / LANES) float32: largest and smallest of the squared radii of
        what is spread. Not written to where there are no pixels.
    """
    spixels, fpixels = image.shape
    most = np.float32(2 * near * near + 1)
    for slow in range(spixels):
        some = slice(padding, padding + fpixels)
        row = radius[slow]
        pad_row(
            image[slow], row, near, most, photons[slow, some], reach_sqr[slow, some]
        )
        for block in range(farthest.shape[1]):
            begin = max(block * LANES - padding, 0)
            end = min((block + 1) * LANES - padding, fpixels)
            if begin < end:
                high, low = extremes_of(row[begin:end])
                r = min(high, 2 * near)
                square = min(np.float32(r * r), most)
                farthest[slow, block] = square if r >= 0 else NOTHING - ONE
                r = min(low, 2 * near)
                nearest[slow, block] = min(np.float32(r * r), most)


@block_loop
def extremes_of(radius):
    """Return the largest of some radii, and the smallest of those that there are."""
    vector_loop()
    most, least = np.int32(NO_RADIUS), np.int32(ANY_RADIUS)
    for i in range(radius.size):
        r = radius[i]
        most = max(most, r)
        least = min(least, r if r >= 0 else np.int32(ANY_RADIUS))
    return np.int64(most), np.int64(least)


@block_loop
def pad_row(image, radius, near, most, photons, reach_sqr):
    """Write a row's photons and squared radii for `pad_sources`."""
    vector_loop()
    for i in range(image.size):
        # Without branches: which pixels are dark, no processor can predict.
        r = np.int32(min(radius[i], np.int32(2 * near)))
        square = min(np.float32(np.int32(r * r)), most)
        photons[i] = np.float64(image[i] if r >= 0 else NOTHING)
        reach_sqr[i] = square if r >= 0 else NOTHING - ONE


@block_loop
def add_near(photons, reach_sqr, weights, half, slow_sqr, nearest, total):
    """Add a row's sources within `half` columns to LANES pixels.

    The arrays are pointers: to count the references to an array takes as long as the
    work of one call.

    Parameters
    ----------
    photons, reach_sqr
        From `half` columns before the first pixel on; float64 and float32.
    weights
        Of distances -half to half, float64.
    slow_sqr
        Squared distance along slow.
    nearest
        Squared distance that all of these sources reach.
    total
        (LANES,) float64, of single precision.
    """
    vector_loop()
    for step in range(2 * half + 1):
        distance = half - step
        whole_square = distance * distance + slow_sqr
        weight = weights[2 * half - step]
        if whole_square <= nearest:
            for i in range(LANES):
                sum_of_two = total[i] + photons[step + i] * weight
                total[i] = np.float64(np.float32(sum_of_two))
        else:
            square = np.float32(whole_square)
            for i in range(LANES):
                # Loaded in any case, and added even if it is nothing: no branch.
                value = photons[step + i]
                value = value if reach_sqr[step + i] >= square else 0.0
                sum_of_two = total[i] + value * weight
                total[i] = np.float64(np.float32(sum_of_two))


@block_loop
def add_far(photons, weights, total, size):
    """Add one source to the pixels of a row that it reaches; arrays are pointers."""
    vector_loop()
    value = np.float64(photons)
    for i in range(size):
        total[i] = np.float64(np.float32(total[i] + value * weights[i]))


@block_loop
def whole_root(n):
    """Return the largest whole number whose square is at most `n`."""
    return np.int64(math.sqrt(np.float64(n)))


@block_loop
def add_far_sources(begin, end, far, slow, window, front, centre, total, size):
    """Add a row's far-reaching sources to the pixels outside the near window.

    Parameters
    ----------
    begin, end
        Which of the sources `far`.
    slow
        Distance of the rows.
    window
        Half width of the near window there; -1: there is none.
    front
        Whether for pixels behind the source (C comes to them before those in the
        window) or before it.
    centre
        Pointer to the kernel's row at this distance, its middle.
    total, size
        Pointer to the sums, float64 of single precision, and how many there are.
    """
    _, columns, radii, photons, _ = far
    for i in range(begin, end):
        r = np.int64(radii[i])
        left = r * r - slow * slow
        if left < 0:
            continue
        half = whole_root(left)
        column = np.int64(columns[i])
        if front:
            first, last = column + max(window + 1, -half), column + half
        else:
            first, last = column - half, column - window - 1
        if window < 0:
            first = column - half
        first, last = max(first, 0), min(last, size - 1)
        if first <= last:
            weights = advanced(centre, first - column)
            add_far(photons[i], weights, advanced(total, first), last - first + 1)


@row_loop
def spread_rows(first, last, near, sources, far, kernel, each, padding, work, out):
    """Write rows `first` to `last` - 1 of the blurred image, but for column 0.

    Parameters
    ----------
    near
        Radius of the near window.
    sources
        photons, reach_sqr, farthest, nearest of `pad_sources`.
    far
        Row starts (slow + 1), columns, radii, photons, and largest radius of every row
        of the sources that reach farther than `near`.
    kernel
        (2 R + 1, 2 R + 1) float64.
    each
        Lost photons that every pixel gets back.
    work
        (columns,) float64: the row's sums, each rounded to single precision.
    out
        (slow, fast) float32.
    """
    starts, largest = far[0], far[4]
    spixels, fpixels = out.shape
    middle = kernel.shape[0] // 2
    total = pointer_to(work.ctypes.data, np.float64)
    weights = pointer_to(kernel.ctypes.data, np.float64)
    for slow in range(first, last):
        work[:] = 0.0
        for source in range(spixels):
            distance = slow - source
            is_near = abs(distance) <= near
            is_far = abs(distance) <= largest[source]
            if not (is_near or is_far):
                continue
            row = middle + min(max(distance, -middle), middle)
            centre = advanced(weights, row * kernel.shape[1] + middle)
            window = -1
            if is_near:
                window = min(whole_root(near * near - distance * distance), middle)
            begin, end = starts[source], starts[source + 1]
            if is_far:
                add_far_sources(
                    begin, end, far, distance, window, True, centre, total, fpixels
                )
            if is_near:
                add_near_row(
                    source, distance, window, sources, centre, padding, fpixels, total
                )
                if is_far:
                    add_far_sources(
                        begin, end, far, distance, window, False, centre, total, fpixels
                    )
        for fast in range(fpixels):
            out[slow, fast] = np.float32(work[fast] + each)


@block_loop
def add_near_row(source, distance, window, sources, centre, padding, fpixels, total):
    """Add a row's sources within the near window to a whole row of pixels.

    `window` is its half width there; `centre` and `total` as in `add_far_sources`.
    """
    photons, reach_sqr, farthest, nearest = sources
    square = distance * distance
    row = source * photons.shape[1]
    values = advanced(pointer_to(photons.ctypes.data, np.float64), row)
    reaches = advanced(pointer_to(reach_sqr.ctypes.data, np.float32), row)
    for begin in range(0, fpixels, LANES):
        low = (begin + padding - window) // LANES
        high = (begin + padding + LANES - 1 + window) // LANES
        most, least = NOTHING - ONE, nearest[source, low]
        for block in range(low, high + 1):
            most = max(most, farthest[source, block])
            least = min(least, nearest[source, block])
        left = np.int64(most) - square
        if left < 0:
            continue
        half = min(window, whole_root(left))
        start = begin + padding - half
        add_near(
            advanced(values, start),
            advanced(reaches, start),
            advanced(centre, -half),
            half,
            square,
            np.int64(least),
            advanced(total, begin),
        )


@row_loop
def first_column(
    first, last, starts, columns, largest, image, radius, kernel, each, out
):
    """Write column 0 of rows `first` to `last` - 1, with what wraps around.

    Parameters
    ----------
    starts, columns, largest
        Row starts, columns and largest radius of each row of the sources that reach
        column 0 or column `fpixels`.
    image, radius, kernel, each, out
        As in `spread_rows`.
    """
    spixels, fpixels = image.shape
    middle = kernel.shape[0] // 2
    for slow in range(first, last):
        total = NOTHING
        for source in range(spixels):
            down = slow - source
            up = down - 1
            if min(abs(down), abs(up)) > largest[source]:
                continue
            for place in range(starts[source], starts[source + 1]):
                column = np.int64(columns[place])
                r = np.int64(radius[source, column])
                value = np.float64(image[source, column])
                if column * column + down * down <= r * r:
                    weight = kernel[middle + down, middle - column]
                    total = np.float32(np.float64(total) + value * weight)
                over = fpixels - column
                if slow > 0 and over * over + up * up <= r * r:
                    weight = kernel[middle + up, middle + over]
                    total = np.float32(np.float64(total) + value * weight)
        out[slow, 0] = np.float32(np.float64(total) + each)
