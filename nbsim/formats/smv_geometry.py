# SPDX-License-Identifier: MIT
"""The experiment in an SMV header: what is taken from one.

Source: nanoBragg.c, the blocks of -img and -mask.
"""

from __future__ import annotations

import os
from typing import Any

from ..errors import FileError
from ..model.limits import BOUNDS
from ..model.models import Detector
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
        If it cannot be read, or a value of its header is out of bounds.
    """
    image = read_smv(path)
    for keyword, model, field in FIELDS:
        value, bounds = image.value(keyword), BOUNDS[model][field]
        if value is not None and not bounds.admit(value):
            raise FileError(
                f"{path}: {keyword} {value:g} in the header of the {what}: expected "
                f"{bounds.in_words()}"
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
