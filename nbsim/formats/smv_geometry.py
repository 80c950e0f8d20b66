# SPDX-License-Identifier: MIT
"""The experiment in image headers: what is taken from one, and what is written.

Source: nanoBragg.c, the blocks of -img and -mask, and the writer of its SMV images.
"""

from __future__ import annotations

import os
from typing import Any

from .._version import __version__
from ..errors import FileError
from ..model.models import Detector
from ..resolve.run import Setup
from ..resolve.vectors import RTD
from .smv import SmvImage, header_value, image_size, read_smv

#: Keyword, model and field of what is taken from a header.
FIELDS = (
    ("PIXEL_SIZE", "detector", "pixel_size_mm"),
    ("DISTANCE", "detector", "distance_mm"),
    ("CLOSE_DISTANCE", "detector", "close_distance_mm"),
    ("WAVELENGTH", "beam", "wavelength_A"),
    ("BEAM_CENTER_X", "detector", "Xbeam_mm"),
    ("BEAM_CENTER_Y", "detector", "Ybeam_mm"),
    ("ORGX", "detector", "ORGX_pixels"),
    ("ORGY", "detector", "ORGY_pixels"),
    ("PHI", "goniometer", "phi_deg"),
    ("OSC_RANGE", "goniometer", "osc_deg"),
)


def read_header_image(path: str | os.PathLike, what: str) -> SmvImage:
    """Read an SMV image whose header is to be used.

    Raises
    ------
    FileError
        If it cannot be read, or a length in its header is not greater than 0.
    """
    image = read_smv(path)
    for keyword in ("PIXEL_SIZE", "DISTANCE", "WAVELENGTH"):
        value = image.value(keyword)
        if value is not None and not 0.0 < value < float("inf"):
            raise FileError(
                f"{path}: {keyword} {value:g} in the header of the {what}: "
                "expected a number greater than 0"
            )
    return image


def header_fields(
    header: str, shape: tuple[int, int], flip_Y: bool = False
) -> dict[str, dict[str, Any]]:
    """Return the fields of the models that an SMV header gives.

    Parameters
    ----------
    header
        The text.
    shape
        Pixels (slow, fast) of the image.
    flip_Y
        Count BEAM_CENTER_Y from the other edge, as C does for a mask.
    """
    spixels, fpixels = shape
    models: dict[str, dict[str, Any]] = {
        "detector": {"detpixels_f": fpixels, "detpixels_s": spixels},
        "beam": {},
        "goniometer": {},
    }
    for keyword, model, field in FIELDS:
        value = header_value(header, keyword)
        if value is not None:
            models[model][field] = value
    detector = models["detector"]
    if flip_Y and "Ybeam_mm" in detector:
        pixel_mm = detector.get("pixel_size_mm", Detector.pixel_size_mm)
        detector["Ybeam_mm"] = pixel_mm * spixels - detector["Ybeam_mm"]
    return models


def detector_fields(source: str | os.PathLike) -> dict[str, Any]:
    """Return the fields of a detector from an SMV file, or from a header's text."""
    if isinstance(source, str) and source.lstrip().startswith("{"):
        header, shape = source, image_size("SMV header", source)
        fpixels, spixels = shape
        return header_fields(header, (spixels, fpixels))["detector"]
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(
            f"SMV header: expected a file name or the header's text, got {source!r}"
        )
    image = read_header_image(source, "image")
    return header_fields(image.header, image.pixels.shape)["detector"]


def geometry_record(setup: Setup) -> dict[str, Any]:
    """Return the keys of C's SMV header: mm, degrees, Angstrom, after all rotations."""
    g = setup.geometry
    pixel = g.pixel_size
    return {
        "PIXEL_SIZE": pixel * 1000.0,
        "DISTANCE": g.distance * 1000.0,
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
    record = {**geometry_record(setup), "ADC_OFFSET": adc_offset}
    return {key: _header_text(value) for key, value in record.items()}


def _header_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    numbers = value if isinstance(value, list) else [value]
    return ",".join("%g" % number for number in numbers)


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
        "SIZE1": setup.geometry.fpixels,
        "SIZE2": setup.geometry.spixels,
        **geometry_record(setup),
        "pixel_size_mm": setup.geometry.pixel_size * 1000.0,
    }
    return record if adc_offset is None else {**record, "ADC_OFFSET": adc_offset}
