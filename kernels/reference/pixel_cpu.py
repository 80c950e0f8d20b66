# SPDX-License-Identifier: MIT
"""Loops over pixels on the CPU, general form: one pixel after the other.

Used for the few pixels whose result depends on the pixels before them, for
option combinations without a vectorised kernel, and to check those kernels.
"""

from numba import prange

from ..jit import entry
from ..params import Job
from ..rank import pixel_of_rank
from .pixel import pixel_intensity

#: Ranks per unit of parallel work.
CHUNK = 64


@entry()
def render_pixel(rank, interpolate, first, job, pixels, image):
    """Render one pixel with C's run state.

    Parameters
    ----------
    rank
        Which of the rendered pixels.
    interpolate, first
        The state before it; see `pixel.pixel_intensity`.
    job : Job
    pixels : Pixels
    image
        float32, flat, detector pixels; one element is written.

    Returns
    -------
    interpolate, first
        The state after it.
    """
    fpixel, spixel = pixel_of_rank(rank, pixels, job.det.fpixels)
    value, _, interpolate, first = pixel_intensity(
        fpixel, spixel, interpolate, first, job, None
    )
    image[spixel * job.det.fpixels + fpixel] = value
    return interpolate, first


@entry(parallel=True)
def render_general(
    start, stop, interpolate, det, beam, xtal, hkl, sampling, pixels, image
):
    """Render ranks `start` to `stop` in parallel.

    The members of `job` stand apart because numba passes no nested tuples into
    a parallel loop.

    Returns
    -------
    int
        The first rank that evaluated an index outside the list while
        interpolating; `stop` when there is none.
    """
    chunks = (stop - start + CHUNK - 1) // CHUNK
    fell_out = stop
    for chunk in prange(chunks):
        job = Job(det, beam, xtal, hkl, sampling)
        low = start + chunk * CHUNK
        first_out = stop
        for rank in range(low, min(low + CHUNK, stop)):
            fpixel, spixel = pixel_of_rank(rank, pixels, job.det.fpixels)
            value, _, still, _ = pixel_intensity(
                fpixel, spixel, interpolate, False, job, None
            )
            image[spixel * job.det.fpixels + fpixel] = value
            if interpolate and not still:
                first_out = min(first_out, rank)
        fell_out = min(fell_out, first_out)
    return fell_out
