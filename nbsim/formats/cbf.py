# SPDX-License-Identifier: MIT
"""miniCBF images: a Pilatus-like header, then int32 pixels, byte-offset compressed.

The header can hold only a detector across the beam (see `cannot_hold`). It avoids the
words by which dxtbx knows a Pilatus or an Eiger, whose sizes it insists on.
"""

from __future__ import annotations

import base64
import hashlib
import os
from typing import BinaryIO

import numpy as np

from .._version import __version__
from ..resolve.frames import imgcif_rotation, nearest_point
from .files import replace_when_complete
from .recording import SATURATION, Recording

MASKED_PIXEL = -1
PADDING = 4095
_BOUNDARY = "--CIF-BINARY-FORMAT-SECTION--"
_START = b"\x0c\x1a\x04\xd5"
#: Direction cosines and lengths closer than this are what the format can say.
_STRAIGHT = 1e-6


def cannot_hold(recording: Recording) -> str | None:
    """Say what the header of a miniCBF cannot express of a geometry; None: nothing."""
    if len(recording.parts) > 1:
        return f"the detector has {len(recording.parts)} panels"
    geometry = recording.geometry
    rotation = imgcif_rotation(geometry)
    expected = (
        ("the fast axis", geometry.fdet_vector, (1.0, 0.0, 0.0)),
        ("the slow axis", geometry.sdet_vector, (0.0, -1.0, 0.0)),
    )
    for what, vector, wanted in expected:
        if np.abs(rotation @ vector - wanted).max() > _STRAIGHT:
            return f"{what} of the detector is not where the format puts it"
    if recording.rotating:
        axis = rotation @ geometry.spindle_vector
        if np.abs(axis - (1.0, 0.0, 0.0)).max() > _STRAIGHT:
            return "the spindle is not across the beam"
    return None


def write_cbf(
    path: str | os.PathLike | BinaryIO,
    counts: np.ndarray,
    recording: Recording,
    frame: int = 0,
) -> None:
    """Write one frame.

    Parameters
    ----------
    path
        The file, replaced when complete, or an open binary stream.
    counts
        (slow, fast) whole numbers; pixels that are not there become -1.
    recording
        The experiment.
    frame
        Which frame of it, from 0.

    Raises
    ------
    ValueError
        If the pixels are not whole numbers that fit 32 bits.
    FileError
        If the file cannot be written.
    """
    pixels = _int32(counts, recording.present)
    binary = compress(pixels)
    with replace_when_complete(path) as stream:
        stream.write(_header(recording, frame).encode("ascii"))
        stream.write(_binary_header(pixels, binary).encode("ascii"))
        stream.write(_START)
        stream.write(binary)
        stream.write(bytes(PADDING))
        stream.write(f"\r\n{_BOUNDARY}--\r\n;\r\n\r\n".encode("ascii"))


def compress(pixels: np.ndarray) -> bytes:
    """Return int32 pixels in CBF's byte-offset compression, little endian."""
    from ..kernels.entries import byte_offset

    flat = np.ascontiguousarray(pixels, np.int32).reshape(-1)
    # Only neighbours more than 31 bits apart need the longest form.
    wide = int(flat.max()) - int(flat.min()) > 2**31 - 1
    out = np.empty((15 if wide else 7) * flat.size, np.uint8)
    return out[: byte_offset(flat, out)].tobytes()


def _int32(counts: np.ndarray, present: np.ndarray | None) -> np.ndarray:
    if counts.ndim != 2 or not np.issubdtype(counts.dtype, np.integer):
        raise ValueError(
            f"pixels of shape {counts.shape} and type {counts.dtype}: a CBF image has "
            "two dimensions of whole numbers"
        )
    pixels = np.minimum(counts, 2**31 - 1).astype(np.int32)
    return pixels if present is None else np.where(present, pixels, MASKED_PIXEL)


def _header(recording: Recording, frame: int) -> str:
    geometry = recording.geometry
    fast, slow, distance, _ = nearest_point(geometry)
    pixel = geometry.pixel_size
    missing = 0 if recording.present is None else int(np.sum(~recording.present))
    lines = [
        f"###CBF: VERSION 1.5, nbsim {__version__}",
        "",
        f"data_frame_{frame + 1:05d}",
        "",
        '_array_data.header_convention "GENERIC_MINI"',
        "_array_data.header_contents",
        ";",
        "# Detector: GENERIC nbsim, S/N 00-0000",
        f"# {recording.time(frame)}",
        f"# Pixel_size {pixel * 1e6:.9g}e-6 m x {pixel * 1e6:.9g}e-6 m",
        # Also without a sensor: dxtbx takes the detector for unknown without it.
        f"# Silicon sensor, thickness {recording.sensor_m:.9f} m",
        f"# Exposure_time {recording.exposure_s:.7g} s",
        f"# Exposure_period {recording.exposure_s:.7g} s",
        "# Tau = 0 s",
        f"# Count_cutoff {SATURATION} counts",
        "# Threshold_setting: 0 eV",
        f"# N_excluded_pixels = {missing}",
        f"# Wavelength {recording.wavelength_of(frame):.9f} A",
        f"# Detector_distance {distance:.9f} m",
        f"# Beam_xy ({fast / pixel:.6f}, {slow / pixel:.6f}) pixels",
        f"# Flux {recording.flux_per_s:.6g}",
        "# Filter_transmission 1.0000",
        f"# Start_angle {recording.starts_deg[frame]:.6f} deg.",
        f"# Angle_increment {recording.osc_deg:.6f} deg.",
        "# Detector_2theta 0.0000 deg.",
        f"# Polarization {(1.0 + recording.polarization) / 2.0:.6f}",
        f"# Phi {recording.starts_deg[frame]:.6f} deg.",
        "# Oscillation_axis X.CW",
        ";",
        "",
        "_array_data.data",
        ";",
        "",
    ]
    return "\r\n".join(lines)


def _binary_header(pixels: np.ndarray, binary: bytes) -> str:
    slow, fast = pixels.shape
    digest = base64.b64encode(hashlib.md5(binary, usedforsecurity=False).digest())
    lines = [
        _BOUNDARY,
        "Content-Type: application/octet-stream;",
        '     conversions="x-CBF_BYTE_OFFSET"',
        "Content-Transfer-Encoding: BINARY",
        f"X-Binary-Size: {len(binary)}",
        "X-Binary-ID: 1",
        'X-Binary-Element-Type: "signed 32-bit integer"',
        "X-Binary-Element-Byte-Order: LITTLE_ENDIAN",
        f"Content-MD5: {digest.decode('ascii')}",
        f"X-Binary-Number-of-Elements: {pixels.size}",
        f"X-Binary-Size-Fastest-Dimension: {fast}",
        f"X-Binary-Size-Second-Dimension: {slow}",
        f"X-Binary-Size-Padding: {PADDING}",
        "",
        "",
    ]
    return "\r\n".join(lines)
