# SPDX-License-Identifier: MIT
"""Loops over pixels on the CPU, general form: one pixel after the other.

Used for the few pixels whose result depends on the pixels before them, for
option combinations without a vectorised kernel, and to check those kernels.
"""

import numpy as np

from ..cpu.intrinsics import fetch_add, pointer_to
from ..jit import entry
from ..rank import pixel_of_rank
from .pixel import pixel_intensity

#: Ranks that a thread takes at a time.
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


@entry()
def render_general(start, stop, interpolate, job, pixels, image, counter, thread):
    """Render ranks `start` to `stop`, together with other threads.

    Parameters
    ----------
    start, stop, interpolate
        Ranks, and the state before the first.
    job : Job
    pixels : Pixels
    image
        float32, flat, detector pixels.
    counter
        (1,) int64, of all threads: the next chunk, 0 at first.
    thread
        Number of the thread.

    Returns
    -------
    int
        The first of this thread's ranks that evaluated an index outside the list while
        interpolating; `stop` when there is none.
    """
    following = pointer_to(counter.ctypes.data, np.int64)
    chunks = (stop - start + CHUNK - 1) // CHUNK
    first_out = stop
    chunk = fetch_add(following, 1)
    while chunk < chunks:
        low = start + chunk * CHUNK
        for rank in range(low, min(low + CHUNK, stop)):
            fpixel, spixel = pixel_of_rank(rank, pixels, job.det.fpixels)
            value, _, still, _ = pixel_intensity(
                fpixel, spixel, interpolate, False, job, None
            )
            image[spixel * job.det.fpixels + fpixel] = value
            if interpolate and not still:
                first_out = min(first_out, rank)
        chunk = fetch_add(following, 1)
    return first_out
