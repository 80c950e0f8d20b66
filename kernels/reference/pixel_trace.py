# SPDX-License-Identifier: MIT
"""One pixel with the record of its evaluations: what a trace is made of."""

from ..jit import entry
from .pixel import pixel_intensity


@entry()
def record_pixel(fpixel, spixel, interpolate, first, job, record):
    """Evaluate one pixel by `pixel.pixel_intensity` and fill its record.

    Parameters
    ----------
    fpixel, spixel, interpolate, first, job
        As for `pixel.pixel_intensity`.
    record
        float64 (evaluations, `columns.COLUMNS`); rows that were not reached stay
        as they are.

    Returns
    -------
    float
        Photons.
    """
    value, _, _, _ = pixel_intensity(fpixel, spixel, interpolate, first, job, record)
    return value
