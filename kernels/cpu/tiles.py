# SPDX-License-Identifier: MIT
"""The fast CPU kernel: the loop nest over tiles of pixels as vector lanes.

pixel tile -> sensor layer -> subpixel -> source -> (phi x mosaic domain), and
innermost the pixels of the tile. A pixel's terms are added up in C's order, by
one thread, so that the image does not depend on the number of threads.

`run` is the record of `cpu_arguments.run_record`, `tile` a pointer to the tile's
numbers, one row of TILE per quantity.

Numba compiles a function again together with every function that calls it. So the tile
and the innermost loop are C functions that are called by address
(`nbsim/backends/cpu_functions.py`): everything is compiled once, and what shape and
lookup decide, the innermost loop, alone.
"""

import numpy as np

from ..jit import entry, lanes
from ..layout import TILE, TILE_ROWS, TILE_SIZE
from ..reference.detector import layer_depth, normal_distance
from . import lanes_geometry as geometry
from .intrinsics import advanced, call_at, fetch_add, pointer_to

#: Orientations of one call of the innermost loop: some milliseconds, after which it is
#: seen whether to stop. Whole blocks of `lanes_single.FLUSH`.
AT_ONCE = 4096

# Where the rows of a tile are, one per quantity. Pixel indices, unit vector to the
# pixel, its distance:
FAST, SLOW, DX, DY, DZ, AIRPATH = (row * TILE for row in range(6))
# Scattering vector, sum so far, sum with (or of) this ray, 0 for pixels beyond dmin:
SX, SY, SZ, TOTAL, RAY_SUM, KEEP = (row * TILE for row in range(6, 12))
# Corrections, the product of those inside the sum (or of all, for one ray), who left
# the list:
OMEGA, CAPTURE, POLAR, WEIGHT, FELL = (row * TILE for row in range(12, 17))
# What the innermost loop does with these is its own affair:
SCRATCH = TILE_ROWS * TILE
TILE_BYTES = TILE_SIZE * 8
#: Three vectors of float64.
CELL_BYTES = 72


@lanes
def row_of(vectors, i):
    """Return row i of a (n, 3) array."""
    return vectors[i, 0], vectors[i, 1], vectors[i, 2]


@lanes
def directions(tile, layer, sub, n, run, rare):
    """Fill in the unit vectors and distances of one subpixel of every pixel."""
    subpixel_size = run.pixel_size / run.oversample
    start = (
        subpixel_size * (sub % run.oversample + 0.5),
        subpixel_size * (sub // run.oversample + 0.5),
        layer_depth(layer, run),
    )
    fast, slow = advanced(tile, FAST), advanced(tile, SLOW)
    dx, dy, dz = advanced(tile, DX), advanced(tile, DY), advanced(tile, DZ)
    airpath = advanced(tile, AIRPATH)
    if rare is not None:
        if run.curved_detector:
            geometry.curved_directions(fast, slow, start, n, run, dx, dy, dz, airpath)
            return
    geometry.flat_directions(fast, slow, start, n, run, dx, dy, dz, airpath)


@lanes
def accumulate(tile, sums, n, source, cell_vectors, run, loop, done):
    """Call the innermost loop, which adds to the row `sums`; count orientations."""
    cells = cell_vectors.ctypes.data
    if loop.first_cells != 0:
        cells = np.uint64(loop.first_cells)
        loop.first_cells = 0
    for m in range(0, cell_vectors.shape[0], AT_ONCE):
        if loop.stopped != 0:
            return
        orientations = min(AT_ONCE, cell_vectors.shape[0] - m)
        call_at(
            loop.function,
            (
                advanced(tile, SX),
                advanced(tile, SY),
                advanced(tile, SZ),
                sums,
                advanced(tile, WEIGHT),
                advanced(tile, KEEP),
                advanced(tile, FELL),
                advanced(tile, SCRATCH),
                n,
                cells + np.uint64(m * CELL_BYTES),
                orientations,
                loop.shape,
                loop.lookup + source * loop.lookup_step,
                loop.table,
                loop.factor,
                np.int64(run.has_water),
            ),
        )
        done[0] += orientations


@lanes
def accumulate_rare(tile, n, source, cell_vectors, run, loop, done):
    """As `accumulate`, with what few runs need: running products and dmin."""
    weight, keep = advanced(tile, WEIGHT), advanced(tile, KEEP)
    capture, polar = advanced(tile, CAPTURE), advanced(tile, POLAR)
    omega, total = advanced(tile, OMEGA), advanced(tile, TOTAL)
    if loop.running:
        for i in range(n):
            value = capture[i] if run.oversample_thick else 1.0
            value *= polar[i] if run.oversample_polar else 1.0
            value *= omega[i] if run.oversample_omega else 1.0
            weight[i] = value
    if not run.dmin > 0.0:
        accumulate(tile, total, n, source, cell_vectors, run, loop, done)
        return
    first_cells = loop.first_cells
    # Pixels beyond dmin go along on a copy that is not used.
    copy = advanced(tile, RAY_SUM)
    for i in range(n):
        copy[i] = total[i]
    accumulate(tile, copy, n, source, cell_vectors, run, loop, done)
    for i in range(n):
        total[i] = copy[i] if keep[i] != 0.0 else total[i]
    if first_cells != 0 and keep[0] == 0.0:
        loop.first_cells = first_cells


@lanes
def accumulate_share(tile, n, source, share, cell_vectors, run, loop, done):
    """As `accumulate`, for a spectrum in model c: a source's sum gets its share."""
    sums = advanced(tile, RAY_SUM)
    accumulate(tile, sums, n, source, cell_vectors, run, loop, done)
    keep, total = advanced(tile, KEEP), advanced(tile, TOTAL)
    geometry.add_shares(sums, keep, share, n, total)


@lanes
def accumulate_ray(tile, n, ray, source, share, cell_vectors, run, loop, done):
    """As `accumulate`, for model physical: a ray's sum gets its own weight.

    Parameters
    ----------
    ray
        Unit vectors of the incident ray and of its E and B fields.
    share
        Weight of the source.
    """
    sums, weight = advanced(tile, RAY_SUM), advanced(tile, WEIGHT)
    dx, dy, dz = advanced(tile, DX), advanced(tile, DY), advanced(tile, DZ)
    incident, E_in, B_in = ray
    accumulate(tile, sums, n, source, cell_vectors, run, loop, done)
    if run.dmin > 0.0:
        geometry.drop(advanced(tile, KEEP), n, sums)
    total = advanced(tile, TOTAL)
    geometry.add_rays(
        dx,
        dy,
        dz,
        weight,
        incident,
        E_in,
        B_in,
        share,
        loop.factor,
        sums,
        n,
        run,
        total,
    )


@lanes
def panel_of(rank, runs):
    """Return the panel that has a rank: the first that ends behind it."""
    low, high = 0, runs.shape[0] - 1
    while low < high:
        middle = (low + high) // 2
        if runs[middle].end_rank > rank:
            high = middle
        else:
            low = middle + 1
    return low


def render_tile(
    panel,
    first,
    n,
    tile,
    done,
    fell_out,
    runs,
    loops,
    active,
    incident,
    wavelength,
    share,
    fields,
    cell_vectors,
    rare,
    image,
):
    """Render the ranks `first` ... `first` + `n` - 1, at most TILE, all on a panel.

    Arguments as in `render_tiles`, but pointers: `tile` to one tile of scratch, `done`
    to the tile's number, `fell_out` to that of the first rank.

    Returns
    -------
    int
        Nothing of interest.
    """
    run, loop = runs[panel], loops[0]
    dx, dy, dz = advanced(tile, DX), advanced(tile, DY), advanced(tile, DZ)
    sx, sy, sz = advanced(tile, SX), advanced(tile, SY), advanced(tile, SZ)
    fast, slow = advanced(tile, FAST), advanced(tile, SLOW)
    total, keep = advanced(tile, TOTAL), advanced(tile, KEEP)
    airpath, omega = advanced(tile, AIRPATH), advanced(tile, OMEGA)
    capture, polar = advanced(tile, CAPTURE), advanced(tile, POLAR)
    fell = advanced(tile, FELL)
    geometry.pixel_numbers(first, n, run, active, fast, slow)
    # A plain sum gets background and constant factor at the end.
    sum_before = run.I_bg if loop.running else 0.0
    polar_before = 1.0 if run.nopolar else 0.0
    geometry.start_pixels(
        sum_before, polar_before, n, total, polar, capture, keep, fell
    )
    if rare is not None:
        sums = advanced(tile, RAY_SUM)
        for i in range(n):
            sums[i] = 0.0
    polar_missing = not (run.nopolar | run.per_ray)
    for layer in range(run.detector_thicksteps):
        if rare is not None:
            capture_before = 1.0 if run.detector_thick == 0.0 else 0.0
            for i in range(n):
                capture[i] = capture_before
            # C quirk: unless each term is multiplied, the last layer's is used.
            last = layer == run.detector_thicksteps - 1
            capture_missing = last and run.detector_thick > 0.0
        for sub in range(run.oversample * run.oversample):
            directions(tile, layer, sub, n, run, rare)
            if layer + sub == 0 or run.oversample_omega or run.per_ray:
                distance = normal_distance(layer_depth(layer, run), run)
                geometry.solid_angles(airpath, distance, n, run, omega)
            if rare is not None:
                absorbs = run.per_ray and run.detector_thick > 0.0
                if capture_missing or absorbs or run.oversample_thick:
                    capture_missing = geometry.absorbed_fractions(
                        layer, dx, dy, dz, n, run, capture
                    )
                if run.per_ray:
                    weight = advanced(tile, WEIGHT)
                    geometry.subpixel_weights(omega, capture, n, weight)
            for source in range(incident.shape[0]):
                if loop.stopped != 0:
                    return 0
                ray = row_of(incident, source)
                geometry.scattering_vectors(
                    dx, dy, dz, ray, wavelength[source], n, sx, sy, sz
                )
                if rare is not None:
                    if run.dmin > 0.0:
                        geometry.inside_dmin(sx, sy, sz, n, run, keep)
                E_in = row_of(fields[0], source)
                B_in = row_of(fields[1], source)
                if rare is not None:
                    if run.per_ray:
                        vectors = ray, E_in, B_in
                        accumulate_ray(
                            tile,
                            n,
                            vectors,
                            source,
                            share[source],
                            cell_vectors,
                            run,
                            loop,
                            done,
                        )
                        continue
                if polar_missing or run.oversample_polar:
                    polar_missing = geometry.polarizations(
                        dx, dy, dz, ray, E_in, B_in, n, run, keep, polar
                    )
                if rare is None:
                    accumulate(tile, total, n, source, cell_vectors, run, loop, done)
                elif run.weighted:
                    weight = share[source]
                    accumulate_share(
                        tile, n, source, weight, cell_vectors, run, loop, done
                    )
                else:
                    accumulate_rare(tile, n, source, cell_vectors, run, loop, done)
    if loop.stopped != 0:
        return 0
    geometry.store_photons(
        fast, slow, total, capture, polar, omega, n, run, loop, image
    )
    if loop.interpolates:
        geometry.mark(fell, n, fell_out)
    return 0


@entry()
def render_tiles(
    start,
    stop,
    tile_function,
    counter,
    scratch,
    done,
    fell_out,
    runs,
    loops,
    active,
    incident,
    wavelength,
    share,
    fields,
    cell_vectors,
    rare,
    image,
    thread,
):
    """Render ranks `start` to `stop`, together with other threads.

    Parameters
    ----------
    start, stop
        Ranks.
    tile_function
        Address of `render_tile`, compiled for these arguments.
    counter
        (1,) int64, of all threads: the next tile, 0 at first.
    scratch
        (threads, TILE_SIZE) float64, overwritten.
    done
        float64, one element per tile, zeros: becomes the number of orientations that
        its pixels have had, counted anew for each layer, subpixel and source (and part
        of a tile, where panels meet).
    fell_out
        uint8, one element per rank where the loop interpolates, else none: becomes 1
        where an index outside the list was evaluated, or one so close that rounding
        decides.
    runs
        (panels,) records of the run's numbers.
    loops
        (1,) LOOP. Where it has first cells, there must be one rank only.
    active
        See `params.Pixels`.
    incident, wavelength, share, cell_vectors
        See `params.BeamArgs` and `params.CrystalArgs`.
    fields
        (2, sources, 3) unit vectors of the E and B field of each source.
    rare
        None, or True for a curved detector, a sensor that absorbs, dmin, running
        products or weighted rays: numba leaves out what a None does not need.
    image
        float32, flat, detector pixels.
    thread
        Number of the thread: which scratch it uses.
    """
    tiles = (stop - start + TILE - 1) // TILE
    first_tile, first_done = scratch.ctypes.data, done.ctypes.data
    first_fell_out = fell_out.ctypes.data
    following = pointer_to(counter.ctypes.data, np.int64)
    number = fetch_add(following, 1)
    while number < tiles:
        first = start + number * TILE
        end = min(first + TILE, stop)
        # A tile on the border of panels is done in parts.
        while first < end:
            panel = panel_of(first, runs)
            n = min(end, runs[panel].end_rank) - first
            call_at(
                tile_function,
                (
                    panel,
                    first,
                    n,
                    first_tile + thread * TILE_BYTES,
                    first_done + number * 8,
                    first_fell_out + (first - start),
                    runs,
                    loops,
                    active,
                    incident,
                    wavelength,
                    share,
                    fields,
                    cell_vectors,
                    rare,
                    image,
                ),
            )
            first += n
        number = fetch_add(following, 1)


@entry()
def omega_sum(scratch, runs, active, curved):
    """Return the sum of omega_pixel over all rendered pixels, sr.

    C: ``omega_sum``. Without -oversample_omega every layer and subpixel of model c
    counts with the solid angle of the first. Not in parallel: it takes milliseconds,
    and compiles in half the time. `curved` is None where the detector is flat.
    """
    tile = pointer_to(scratch.ctypes.data, np.float64)
    fast, slow = advanced(tile, FAST), advanced(tile, SLOW)
    airpath, omega = advanced(tile, AIRPATH), advanced(tile, OMEGA)
    run = runs[0]
    every = run.oversample_omega or run.exact
    layers = run.detector_thicksteps if every else 1
    subpixels = run.oversample * run.oversample if every else 1
    total = 0.0
    first = 0
    while first < run.count:
        run = runs[panel_of(first, runs)]
        n = min(TILE, run.end_rank - first)
        geometry.pixel_numbers(first, n, run, active, fast, slow)
        for layer in range(layers):
            for sub in range(subpixels):
                directions(tile, layer, sub, n, run, curved)
                distance = normal_distance(layer_depth(layer, run), run)
                geometry.solid_angles(airpath, distance, n, run, omega)
                for i in range(n):
                    total += omega[i]
        first += n
    if every:
        return total
    return total * run.detector_thicksteps * run.oversample * run.oversample
