# SPDX-License-Identifier: MIT
"""What image files say about the run that made them.

Source: nanoBragg.c, the writer of its SMV images.
"""

from __future__ import annotations

from typing import Any

from .._version import __version__
from ..resolve.run import Setup
from ..resolve.vectors import RTD


def geometry_record(setup: Setup) -> dict[str, Any]:
    """Return the keys of C's SMV header: mm, degrees, Angstrom, after all rotations."""
    g = setup.geometry
    pixel = g.pixel_size
    return {
        "PIXEL_SIZE": pixel * 1000.0,
        "DISTANCE": g.beam_distance * 1000.0,
        "WAVELENGTH": setup.wavelength * 1e10,
        "BEAM_CENTER_X": g.Xbeam * 1000.0,
        "BEAM_CENTER_Y": g.Ybeam * 1000.0,
        "ADXV_CENTER_X": g.Fbeam * 1000.0,
        "ADXV_CENTER_Y": (g.detsize_s - g.Sbeam) * 1000.0,
        "MOSFLM_CENTER_X": (g.Sbeam - 0.5 * pixel) * 1000.0,
        "MOSFLM_CENTER_Y": (g.Fbeam - 0.5 * pixel) * 1000.0,
        "DENZO_X_BEAM": g.Sbeam * 1000.0,
        "DENZO_Y_BEAM": g.Fbeam * 1000.0,
        "DIALS_ORIGIN": list(g.dials_origin_mm),
        "XDS_ORGX": g.ORGX,
        "XDS_ORGY": g.ORGY,
        "CLOSE_DISTANCE": g.close_distance * 1000.0,
        "PHI": setup.phi0 * RTD,
        "OSC_START": setup.phi0 * RTD,
        "OSC_RANGE": setup.phi.range * RTD,
        "TWOTHETA": g.twotheta * RTD,
        "DETECTOR_SN": "000",
        "BEAMLINE": "fake",
    }


def smv_header(setup: Setup, adc_offset: float) -> dict[str, str]:
    """Return the header of the integer and noise images as text."""
    record = {**geometry_record(setup), **_left_out(setup), "ADC_OFFSET": adc_offset}
    return {key: _header_text(value) for key, value in record.items()}


def _left_out(setup: Setup) -> dict[str, Any]:
    """Return what an image lacks, of each reflection's peak; {}: nothing."""
    return {"SPOT_CUTOFF": setup.spot_cutoff} if setup.spot_cutoff > 0.0 else {}


def series_header(
    setup: Setup, adc_offset: float, start_deg: float, osc_deg: float, center: str
) -> dict[str, str]:
    """Return the header of a frame of a series, with nine digits.

    Parameters
    ----------
    setup
        The frame's.
    adc_offset
        Value of a pixel without photons.
    start_deg, osc_deg
        What the frame covers; the setup's phi is the middle of its first step.
    center
        "c": BEAM_CENTER as C writes it; "dials": so that dxtbx, which turns it about
        and adds a pixel, comes to the true place.
    """
    g = setup.geometry
    record = {
        **geometry_record(setup),
        "PHI": start_deg,
        "OSC_START": start_deg,
        "OSC_RANGE": osc_deg,
        "ADC_OFFSET": adc_offset,
    }
    if center == "dials":
        record["BEAM_CENTER_X"] = (g.Fbeam - g.pixel_size) * 1000.0
        from_other_edge = g.spixels * g.pixel_size - g.Sbeam
        record["BEAM_CENTER_Y"] = (from_other_edge + g.pixel_size) * 1000.0
    return {key: _header_text(value, "%.9g") for key, value in record.items()}


def _header_text(value: Any, form: str = "%g") -> str:
    if isinstance(value, str):
        return value
    numbers = value if isinstance(value, list) else [value]
    return ",".join(form % number for number in numbers)


def metadata(
    setup: Setup, adc_offset: float | None = None, command: str | None = None
) -> dict[str, Any]:
    """Return what a TIFF image says about itself.

    Parameters
    ----------
    setup
        The run.
    adc_offset
        Value of a pixel without photons; None for a float image.
    command
        The command line, where there is one.
    """
    record = {
        "program": "nbsim",
        "version": __version__,
        **({} if command is None else {"command": command}),
        "SIZE1": setup.image_shape[1],
        "SIZE2": setup.image_shape[0],
        **geometry_record(setup),
        "pixel_size_mm": setup.geometry.pixel_size * 1000.0,
        **_left_out(setup),
    }
    return record if adc_offset is None else {**record, "ADC_OFFSET": adc_offset}
