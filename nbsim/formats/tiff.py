# SPDX-License-Identifier: MIT
"""TIFF images that carry their metadata as one JSON object in ImageDescription."""

import io
import json
import os
import stat
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import numpy as np

from nbsim._version import __version__
from nbsim.errors import FileError
from nbsim.formats.files import read_bytes, replace_when_complete
from nbsim.formats.registry import Content, ImageFormat
from nbsim.formats.run_record import metadata as run_metadata
from nbsim.model.structure_factors import available_memory

SCHEMA = 1  # raised when the meaning of a metadata key changes
_PIXEL_TYPES = (np.float32, np.uint16, np.uint32)
# Offsets of a classic TIFF have 32 bits; what is left over holds the tags.
_CLASSIC_LIMIT = 2**32 - 2**25


def write_tiff(
    path: str | os.PathLike | BinaryIO, array: np.ndarray, metadata: Mapping[str, Any]
) -> None:
    """Write an image with its metadata; equal input gives equal bytes.

    Parameters
    ----------
    path
        The file, replaced when complete, or an open binary stream.
    array
        (slow, fast) float32, uint16 or uint32.
    metadata
        What JSON can hold, numpy numbers and arrays included. A key
        ``pixel_size_mm`` also sets the resolution tags. ``schema`` is added.

    Raises
    ------
    FileError
        If the file cannot be written.
    ValueError
        If array or metadata cannot be stored.
    """
    if array.ndim != 2 or not array.size or array.dtype not in _PIXEL_TYPES:
        raise ValueError(
            f"pixels of shape {array.shape} and type {array.dtype}: a TIFF image has "
            "two dimensions of float32, uint16 or uint32"
        )
    description = json.dumps(
        {"schema": SCHEMA, **metadata}, allow_nan=False, default=_plain
    )
    resolution = _resolution(metadata.get("pixel_size_mm"))
    with replace_when_complete(path) as stream:
        if stream.seekable() and not _forgets(stream):
            _save(stream, array, description, resolution)
        else:  # a pipe, or /dev/null: tifffile goes back to fill in offsets
            whole = io.BytesIO()
            _save(whole, array, description, resolution)
            stream.write(whole.getbuffer())


def _forgets(stream: BinaryIO) -> bool:
    """Whether what is written cannot be read again, as of a device."""
    try:
        return not stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError:  # no file at all, but one in memory
        return False


def _save(stream: Any, array: np.ndarray, description: str, resolution: dict) -> None:
    import tifffile

    tifffile.imwrite(
        stream,
        array,
        bigtiff=_needs_bigtiff(array.nbytes, len(description)),
        photometric="minisblack",
        description=description,
        metadata=None,  # or tifffile adds a description of its own
        software=f"nbsim {__version__}",
        **resolution,
    )


def write_tiff_stack(
    path: str,
    pages: Iterable[np.ndarray],
    metadata: Mapping[str, Any],
    pixel_bytes: int,
) -> None:
    """Write a multi-page file; the first page carries the metadata.

    Parameters
    ----------
    path
        Where; not replaced atomically, give a temporary name.
    pages
        Arrays (slow, fast) of one type, taken one at a time.
    metadata
        As for `write_tiff`, of all pages.
    pixel_bytes
        Of all pages together.
    """
    import tifffile

    description = json.dumps(
        {"schema": SCHEMA, **metadata}, allow_nan=False, default=_plain
    )
    resolution = _resolution(metadata.get("pixel_size_mm"))
    big = _needs_bigtiff(pixel_bytes, len(description))
    with tifffile.TiffWriter(path, bigtiff=big) as writer:
        for number, page in enumerate(pages):
            writer.write(
                page,
                contiguous=False,
                photometric="minisblack",
                description=description if number == 0 else None,
                metadata=None,
                software=f"nbsim {__version__}",
                **resolution,
            )


def _needs_bigtiff(pixel_bytes: int, text_bytes: int) -> bool:
    return pixel_bytes + text_bytes > _CLASSIC_LIMIT


def _resolution(pixel_size_mm: float | None) -> dict[str, Any]:
    """Return tifffile's arguments for the pixel size, none where it is unknown."""
    if pixel_size_mm is None:
        return {}
    if not 0 < pixel_size_mm < float("inf"):
        raise ValueError(f"pixel_size_mm {pixel_size_mm}: must be greater than 0")
    per_cm = 10.0 / float(pixel_size_mm)
    return {"resolution": (per_cm, per_cm), "resolutionunit": "CENTIMETER"}


def _plain(value: Any) -> Any:
    """Turn numpy's numbers and arrays into what JSON knows."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise ValueError(f"TIFF metadata: {value!r} cannot be stored as JSON")


def read_tiff(path: str | os.PathLike) -> tuple[np.ndarray, dict[str, Any]]:
    """Read the first image of a TIFF file.

    Returns
    -------
    array
        The pixels as stored.
    metadata
        The JSON object of the description, with ``schema``; empty for a TIFF file
        of another program.

    Raises
    ------
    FileError
        If the file is missing, no TIFF image or damaged.
    """
    import tifffile

    content = read_bytes(path, "TIFF image", most=available_memory() // 2)
    try:
        with tifffile.TiffFile(io.BytesIO(content)) as image:
            page = image.pages.first
            return page.asarray(), _metadata(page.description)
    except Exception as error:  # tifffile meets damage with errors of any kind
        raise FileError(f"cannot read TIFF image {path}: {error}") from error


def _metadata(description: str) -> dict[str, Any]:
    try:
        metadata = json.loads(description)
    except ValueError:
        return {}
    return metadata if isinstance(metadata, dict) else {}


def _write(stream: BinaryIO, content: Content) -> None:
    about = run_metadata(content.setup, content.adc_offset, content.command)
    write_tiff(stream, content.pixels, about)


FORMAT = ImageFormat(
    name="TIFF",
    suffixes=(".tif", ".tiff"),
    holds=("float32", "uint16", "uint32"),
    write=_write,
    read=lambda path: read_tiff(path)[0],
    geometry=True,
)
