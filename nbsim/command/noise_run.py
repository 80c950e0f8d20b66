# SPDX-License-Identifier: MIT
"""What nbsim-noise does: read, add up, detect, write."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import FileError
from ..formats.files import read_bytes
from ..formats.pgm import write_pgm
from ..formats.smv import SmvImage, header_pairs, read_smv, smv_bytes
from ..formats.tiff import read_tiff
from ..images.detected import detected_image, noiseless_image
from ..images.psf import width_in_pixels
from ..model.detector_response import DetectorResponse
from ..model.models import DEFAULT_FLUENCE
from ..model.structure_factors import available_memory
from ..options.collector import Collector
from ..options.command_line import Output
from ..resolve.amounts import R_E_SQR
from ..rows import share
from .compiling import announced
from .files import check_outputs, write_together
from .progress import standard_bar
from .terminal import note, say, warn

#: Of noisify; in nbsim it is 0.
DEFAULT_CALIBRATION = 0.03
DEFAULT_PIXEL_MM = 0.1
#: Photons, counted photons, spread photons, their spectra, and the integer images.
BYTES_PER_PIXEL, BYTES_OF_SPREAD = 32, 48
#: What part of the work is the image without noise.
WHOLE = 0.3
#: Bytes of a file for a pixel.
SMALLEST_PIXEL = 4


@dataclass(frozen=True, eq=False)
class Photons:
    """Expected photons, and what is known about where they fall.

    Attributes
    ----------
    image
        (slow, fast) float32.
    pixel_mm
        Pixel size [mm].
    header
        Of the image that -header names.
    geometry
        Numbers of a TIFF image's geometry, by the keyword of an SMV header.
    """

    image: np.ndarray
    pixel_mm: float
    header: SmvImage | None
    geometry: dict[str, Any]


def run(collected: Collector) -> None:
    """Do what a command line asks for.

    Raises
    ------
    ValueError
        For a bad value.
    OSError
        For a file that cannot be read or written.
    """
    output = Output(**collected.values["output"])
    model = collected.values["simulation"].get("model", "c")
    response = DetectorResponse(
        **{"calibration": DEFAULT_CALIBRATION, **collected.values["response"]}
    )
    files = collected.values["inputs"]["files"]
    named = {"intfile": output.intfile, "pgmfile": output.pgmfile}
    named["noisefile"] = output.noisefile
    paths = {name: path for name, path in named.items() if path is not None}
    inputs = {f"floatfile {path}": path for path in files}
    check_outputs(paths, {**inputs, **collected.files})
    _check_memory(inputs, response)
    photons = read_photons(collected)
    image = photons.image
    if response.spreads:
        width_in_pixels(response.psf_fwhm_um, photons.pixel_mm, image.shape)
    bar = standard_bar() if output.progress else None
    common: dict[str, Any] = {
        "pixel_mm": photons.pixel_mm,
        "model": model,
        "threads": output.threads,
    }
    silent = output.noisefile is None
    with announced(note):
        # C quirk: without noise the image has the point spread, with noise it has not.
        whole = noiseless_image(
            image,
            response,
            output.adc,
            blurred=silent or model == "physical",
            progress=share(bar, 0.0, 1.0 if silent else WHOLE),
            **common,
        )
        noise = None
        if not silent:
            noise = detected_image(
                image,
                output.seed,
                response,
                output.adc,
                generator=output.noise_generator,
                progress=share(bar, WHOLE, 1.0),
                **common,
            )
    if bar:
        bar.clear()
    header = _header(photons, collected)
    writers: dict[str, Any] = {
        "intfile": lambda to: to.write(_smv(whole, header)),
        "pgmfile": lambda to: write_pgm(to, np.minimum(whole, 255).astype(np.uint8), 1),
    }
    if noise is not None:
        counts = noise.photons, noise.overloads
        say([f"noise image seed = {output.seed}"])
        say(["%.0f photons on noise image (%d overloads)" % counts])
        writers["noisefile"] = lambda to: to.write(_smv(noise.pixels, header))
    write_together(paths, writers)
    say([f"wrote {path}" for path in paths.values()])


def read_photons(collected: Collector) -> Photons:
    """Read the images, and return their sum in photons.

    Raises
    ------
    FileError
        If one cannot be read, or they are not of one size.
    ValueError
        If the number of scales is not that of the images.
    """
    inputs, size = collected.values["inputs"], collected.values["size"]
    header = None
    if "header" in collected.files:
        header = read_smv(collected.files["header"])
    known = {} if header is None else {"shape": header.pixels.shape}
    geometry: dict[str, Any] = {}
    images = []
    for path in inputs["files"]:
        image, found = _read(path)
        geometry = geometry or found
        if image.ndim == 2:
            known.setdefault("shape", image.shape)
        images.append((path, image))
    shape = known.get("shape") or _shape_of_raw(images[0], size)
    scales = inputs.get("scales", (1.0,) * len(images))
    if len(scales) != len(images):
        raise ValueError(
            f"-scales: {len(scales)} factors for {len(images)} images; expected one "
            "for each"
        )
    total = None
    for (path, image), scale in zip(images, scales):
        placed = _placed(path, image, shape)
        if scale != 1.0:
            placed = (placed.astype(np.float64) * scale).astype(np.float32)
        total = placed if total is None else total + placed
    assert total is not None
    if total.min() < 0.0:
        warn(f"{int((total < 0).sum())} pixels are negative: no photons there")
    fluence = inputs.get("fluence", DEFAULT_FLUENCE)
    factor = fluence * R_E_SQR * inputs.get("scale", 1.0)
    photons = (factor * total.astype(np.float64)).astype(np.float32)
    pixel = size.get("pixel_mm", geometry.get("PIXEL_SIZE", DEFAULT_PIXEL_MM))
    of_header = None if header is None else header.value("PIXEL_SIZE")
    return Photons(photons, float(of_header or pixel), header, geometry)


def _read(path: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Return an image (flat if raw), and what it says about its geometry."""
    ending = os.path.splitext(path)[1].lower()
    if ending in (".tif", ".tiff"):
        pixels, metadata = read_tiff(path)
        return _real(path, pixels), metadata
    if ending == ".npy":
        try:
            pixels = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise FileError(f"cannot read {path}: {error}") from error
        return _real(path, pixels), {}
    content = read_bytes(path, "float image")
    if len(content) % 4:
        raise FileError(
            f"{path}: {len(content)} bytes are not a whole number of 4-byte floats"
        )
    return np.frombuffer(content, np.float32), {}


def _real(path: str, pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim != 2 or pixels.dtype.kind not in "fui":
        raise FileError(
            f"{path}: an image of expected photons has two dimensions of numbers, this "
            f"is of shape {pixels.shape} and type {pixels.dtype}"
        )
    return pixels.astype(np.float32)


def _shape_of_raw(
    first: tuple[str, np.ndarray], size: dict[str, Any]
) -> tuple[int, int]:
    """Return (slow, fast) of a raw image: given, by division, or guessed as in C."""
    path, image = first
    fast, slow = size.get("fast"), size.get("slow")
    if fast and slow:
        return slow, fast
    for given, name in ((fast, "fast"), (slow, "slow")):
        if given and image.size % given:
            raise FileError(
                f"{path}: {image.size} pixels are not rows of {given}; give both "
                f"-detpixels_x and -detpixels_y, or another number for {name}"
            )
    if fast:
        return image.size // fast, fast
    if slow:
        return slow, image.size // slow
    fast = int(image.size**0.5)
    while image.size % fast:
        fast -= 1
    slow = image.size // fast
    warn(
        f"no size given: guessing {fast} x {slow} pixels (fast x slow) of "
        f"{image.size}, as noisify does; -detpixels_x and -detpixels_y, or -header, "
        "say it"
    )
    return slow, fast


def _placed(path: str, image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return an image in its shape; of a file that is too short or long, say so."""
    if image.ndim == 2 and image.shape != shape:
        raise FileError(
            f"{path}: it has {image.shape[1]} x {image.shape[0]} pixels, the others "
            f"{shape[1]} x {shape[0]}"
        )
    if image.size != shape[0] * shape[1]:
        raise FileError(
            f"{path}: it has {image.size} pixels, and {shape[1]} x {shape[0]} are "
            f"{shape[0] * shape[1]}"
        )
    if not np.isfinite(image).all():
        bad = int((~np.isfinite(image)).sum())
        raise FileError(f"{path}: {bad} pixels are infinite or not a number")
    return image.reshape(shape)


def _check_memory(inputs: dict[str, str], response: DetectorResponse) -> None:
    """Raise MemoryError if the images will not fit, from the sizes of their files."""
    sizes = [os.path.getsize(path) for path in inputs.values() if os.path.isfile(path)]
    pixels = max(sizes, default=0) / SMALLEST_PIXEL
    each = BYTES_PER_PIXEL + BYTES_OF_SPREAD * response.spreads
    needed = sum(sizes) + pixels * each
    available = available_memory()
    if needed > available:
        raise MemoryError(
            f"{len(sizes)} images of up to {pixels:.4g} pixels need {needed / 1e9:.3g} "
            f"GB, {available / 1e9:.3g} GB are available"
        )


def _header(photons: Photons, collected: Collector) -> dict[str, str] | bytes:
    """Return the header: a copy of -header's bytes, or keywords of our own."""
    if photons.header is not None:
        with open(photons.header.path, "rb") as stream:
            return stream.read(_header_size(photons.header))
    said = collected.values["header"]
    slow, fast = photons.image.shape
    wide, high = (n * photons.pixel_mm for n in (fast, slow))
    known = photons.geometry
    phi = said.get("phi", known.get("PHI", 0.0))
    numbers = {
        "PIXEL_SIZE": photons.pixel_mm,
        "DISTANCE": said.get("distance", known.get("DISTANCE", 100.0)),
        "WAVELENGTH": said.get("lambda", known.get("WAVELENGTH", 1.0)),
        "BEAM_CENTER_X": known.get("BEAM_CENTER_X", wide / 2.0),
        "BEAM_CENTER_Y": known.get("BEAM_CENTER_Y", high / 2.0),
        "PHI": phi,
        "OSC_START": phi,
        "OSC_RANGE": said.get("osc", known.get("OSC_RANGE", 1.0)),
    }
    if "Xbeam" in said:
        numbers["BEAM_CENTER_X"] = said["Xbeam"]
    if "Ybeam" in said:
        numbers["BEAM_CENTER_Y"] = high - said["Ybeam"]
    text = {name: "%g" % value for name, value in numbers.items()}
    return {**text, "DETECTOR_SN": "000", "BEAMLINE": "fake"}


def _header_size(image: SmvImage) -> int:
    return int(image.value("HEADER_BYTES") or 512)


def _smv(pixels: np.ndarray, header: dict[str, str] | bytes) -> bytes:
    """Return an SMV file; in a copied header the type of the pixels is put right."""
    if isinstance(header, dict):
        return smv_bytes(pixels, header)
    pairs = header_pairs(header.decode("latin-1"))
    wide = pixels.dtype.itemsize == 4
    order = ">" if pairs.get("BYTE_ORDER") == "big_endian" else "<"
    if wide and "TYPE" in pairs:
        size = len(header)
        old, new = f"TYPE={pairs['TYPE']};".encode(), b"TYPE=long_integer;"
        header = header.replace(old, new, 1)
        header = header[:size] if len(header) > size else header.ljust(size)
    return header + pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
