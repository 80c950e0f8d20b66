# SPDX-License-Identifier: MIT
"""What a detector makes of an image that is on a CUDA device, and stays there.

`counts_on_device` is `counts.counts_image`, `pixels_on_device` what
`detected.detected_image` gives with the generator philox: the same integers. The
exception is a point spread that is not a whole Gaussian: its Fourier transforms
differ from the processor's by rounding, 1e-15 of the brightest pixel. What `why_not`
names is done by the processor alone.

Images are flat device arrays in raster order. Call these where the device is current
(`with cuda.gpus[n]`). Kernels are queued, nothing waits for them, and no image is
copied to the host until `Drawn.to_host` does so, once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..model.detector_response import DetectorResponse
from . import counts, detected, psf
from .noise import Noise
from .psf import Panels

THREADS_PER_BLOCK = 128
#: Bytes of a complex number.
COMPLEX = 16
#: Bytes before a frame's pixels: what was counted, and space that keeps the pixels on
#: a boundary of 256 bytes.
HEAD = 256


class Drawn(NamedTuple):
    """A frame on the device: pixels, and what was counted while they were drawn.

    Attributes
    ----------
    buffer
        (bytes,) uint8: both, so that one copy brings them down.
    pixels
        (slow * fast,) of whole numbers.
    marks
        (3,) uint64; see `kernels.cuda.noise`.
    """

    buffer: Any
    pixels: Any
    marks: Any

    def to_host(self, shape: tuple[int, int]) -> Noise:
        """Return the frame, its photons and overloads.

        Raises
        ------
        ValueError
            When the expected photons were not finite everywhere.
        """
        found = self.buffer.copy_to_host()
        bad, photons, overloads = found[:24].view(np.uint64).tolist()
        counts.refuse_nonfinite(bad)
        pixels = found[HEAD:].view(self.pixels.dtype).reshape(shape)
        return Noise(pixels, float(photons), overloads)


def _room(count: int, dtype: Any) -> Drawn:
    """Return room for a frame, with nothing counted yet."""
    from ..kernels.cuda import noise

    buffer = device_array(HEAD + count * np.dtype(dtype).itemsize, np.uint8)
    marks = buffer[:24].view(np.uint64)
    _launch(noise.erase, 3, _on_device("marks", np.arange(3, dtype=np.int32)), marks)
    return Drawn(buffer, buffer[HEAD:].view(dtype), marks)


#: Tables that all frames use, by device and name.
_tables: dict[tuple[int, str], Any] = {}


def _on_device(name: str, host: np.ndarray) -> Any:
    """Return a table that never changes on the current device; it is sent once."""
    from numba import cuda

    # The simulator has one device, without a number.
    key = getattr(cuda.current_context().device, "id", 0), name
    if key not in _tables:
        _tables[key] = cuda.to_device(host)
    return _tables[key]


def why_not(model: str, generator: str, response: DetectorResponse) -> str | None:
    """Return why a noise image cannot be drawn on a device; None: it can."""
    if generator == "c":
        return "the generator c draws its random numbers one after the other"
    if model == "c" and response.flicker > 0.0:
        return "model c has another flicker in every pixel"
    if model == "c" and response.psf is not None and response.spreads:
        return "the point spread of model c goes from pixel to pixel"
    return None


def device_array(count: int, dtype: Any = np.float64) -> Any:
    """Return room for numbers on the device that is current."""
    from numba import cuda

    return cuda.device_array(count, dtype)


def counts_on_device(
    expected: Any,
    shape: tuple[int, int],
    seed: int,
    frame: int = 0,
    response: DetectorResponse = DetectorResponse(),
    *,
    pixel_mm: float = 0.1,
    panels: Panels | None = None,
    missing: np.ndarray | None = None,
) -> Drawn:
    """Return the photons that a counting detector reports for a frame.

    Parameters
    ----------
    expected
        (slow * fast,) float32 on the device, finite: expected photons.
    shape
        Pixels (slow, fast).
    seed, frame, response, pixel_mm, panels
        As in `counts.counts_image`.
    missing
        (slow, fast) bool: pixels that become 0; None: none.

    Returns
    -------
    Drawn
        uint32.
    """
    seed, frame = counts.check_counter(seed, frame)
    expected = spread_on_device(expected, shape, response, pixel_mm, panels)
    largest = min(response.saturation_counts or counts.UINT32_MAX, counts.UINT32_MAX)
    drawn = _room(expected.size, np.uint32)
    _draw(expected, seed, frame, response, float(int(largest)), drawn)
    _leave_out(missing, drawn.pixels)
    return drawn


def pixels_on_device(
    expected: Any,
    shape: tuple[int, int],
    seed: int,
    response: DetectorResponse = DetectorResponse(),
    adc_offset: float = 40.0,
    frame: int = 0,
    *,
    pixel_mm: float = 0.1,
    model: str = "physical",
    panels: Panels | None = None,
    missing: np.ndarray | None = None,
) -> Drawn:
    """Return the image that a detector writes.

    Parameters
    ----------
    expected, shape, missing
        As in `counts_on_device`.
    seed, response, adc_offset, frame, pixel_mm, model, panels
        As in `detected.detected_image`; not for what `why_not` names.

    Returns
    -------
    Drawn
        uint16 or uint32.
    """
    from ..kernels.cuda import noise

    seed, frame = counts.check_counter(seed, frame)
    step = detected.Step(response, model, pixel_mm, None, None)
    drawn = _room(expected.size, step.integers)
    photons = Drawn(None, device_array(expected.size, np.uint32), drawn.marks)
    _draw(expected, seed, frame, response, float(counts.UINT32_MAX), photons)
    counted = photons.pixels
    if response.psf is not None and response.spreads:
        single = device_array(counted.size, np.float32)
        _launch(noise.as_single, counted.size, counted, single)
        counted = spread_on_device(single, shape, response, pixel_mm, panels)
    counter = np.uint64(0), np.uint64(frame), *counts.key_words(seed)
    units = step.units(adc_offset)
    out = drawn.pixels, drawn.marks
    _launch(noise.digitise, counted.size, counted, units, *counter, *out)
    _leave_out(missing, drawn.pixels)
    return drawn


def _leave_out(missing: np.ndarray | None, image: Any) -> None:
    """Write 0 where a detector has no pixel."""
    from numba import cuda

    from ..kernels.cuda import noise

    if missing is not None and missing.any():
        places = np.flatnonzero(missing).astype(np.int32)
        _launch(noise.erase, places.size, cuda.to_device(places), image)


def _draw(
    expected: Any,
    seed: int,
    frame: int,
    response: DetectorResponse,
    largest: float,
    drawn: Drawn,
) -> None:
    """Write the photons drawn for expected ones, without point spread."""
    from ..kernels.cuda import noise

    pattern = device_array(expected.size if response.calibration else 0)
    if response.calibration:
        key = counts.key_words(counts.calibration_seed(response.calib_seed))
        _launch(
            noise.calibration,
            pattern.size,
            response.calibration,
            np.uint64(0),
            *key,
            pattern,
        )
    coarse, fine = counts.tables()
    _launch(
        noise.count_photons,
        expected.size,
        expected,
        pattern,
        counts.flicker_factor(response.flicker, seed, frame),
        np.uint64(0),
        np.uint64(frame),
        *counts.key_words(seed),
        _on_device("coarse", coarse),
        _on_device("fine", fine),
        largest,
        drawn.pixels,
        drawn.marks,
    )


def spread_on_device(
    image: Any,
    shape: tuple[int, int],
    response: DetectorResponse,
    pixel_mm: float,
    panels: Panels | None = None,
) -> Any:
    """Return an image as the point spread of model physical blurs it.

    Parameters
    ----------
    image
        (slow * fast,) float32 on the device.
    shape
        Pixels (slow, fast).
    panels
        Rows and columns of each panel, which are spread alone; None: one panel.

    Returns
    -------
    device array
        (slow * fast,) float32: a new one, or `image` if nothing spreads.
    """
    if response.psf is None or not response.spreads:
        return image
    if panels is not None:
        return _panel_by_panel(image, shape, response, pixel_mm, panels)
    fwhm = psf.width_in_pixels(response.psf_fwhm_um, pixel_mm, shape)
    if response.psf == "gauss" and not response.psf_radius_pixels:
        return _separable(image, shape, fwhm)
    quarter = psf.kernel_quarter(response.psf, fwhm, shape, response.psf_radius_pixels)
    return _by_spectrum(image, shape, quarter)


def _panel_by_panel(
    image: Any,
    shape: tuple[int, int],
    response: DetectorResponse,
    pixel_mm: float,
    panels: Panels,
) -> Any:
    from ..kernels.cuda import noise

    out = device_array(image.size, np.float32)
    _launch(noise.cut, out.size, image, shape[1], 0, shape[1], out)
    for rows, columns in panels:
        own = rows.stop - rows.start, columns.stop - columns.start
        corner = rows.start * shape[1] + columns.start
        part = device_array(own[0] * own[1], np.float32)
        _launch(noise.cut, part.size, image, shape[1], corner, own[1], part)
        spread = spread_on_device(part, own, response, pixel_mm)
        _launch(noise.paste, part.size, spread, out, shape[1], corner, own[1])
    return out


def spread_bytes(shape: tuple[int, int], response: DetectorResponse) -> int:
    """Return the bytes of device memory that `spread_on_device` needs at most."""
    slow, fast = shape
    if response.psf is None or not response.spreads:
        return 0
    if response.psf == "gauss" and not response.psf_radius_pixels:
        return slow * fast * (8 + 4)
    radius = response.psf_radius_pixels
    rows, columns = (min(n, radius + 1) if radius else n for n in shape)
    S, F = psf.fast_length(slow + rows - 1), psf.fast_length(fast + columns - 1)
    return 3 * COMPLEX * S * F + 8 * rows * columns + 4 * slow * fast


def _launch(kernel: Any, elements: int, *arguments: Any) -> None:
    """Run a kernel with one thread for each element."""
    from numba import config

    # The simulator makes each a thread of the operating system.
    simulated = getattr(config, "ENABLE_CUDASIM")
    threads = 8 if simulated else THREADS_PER_BLOCK
    kernel[-(-elements // threads), threads](*arguments)


def _separable(image: Any, shape: tuple[int, int], fwhm: float) -> Any:
    from numba import cuda

    from ..kernels.cuda import spread

    of_rows, of_columns = psf.separable_weights(fwhm, shape)
    between = device_array(image.size)
    out = device_array(image.size, np.float32)
    _launch(
        spread.along_fast, image.size, image, cuda.to_device(of_rows), shape[1], between
    )
    weights = cuda.to_device(of_columns)
    _launch(spread.along_slow, image.size, between, weights, *shape, out)
    return out


def _by_spectrum(image: Any, shape: tuple[int, int], quarter: np.ndarray) -> Any:
    """Convolve with an even kernel by Fourier transforms."""
    from numba import cuda

    from ..kernels.cuda import spread

    rows, columns = quarter.shape
    S = psf.fast_length(shape[0] + rows - 1)
    F = psf.fast_length(shape[1] + columns - 1)
    data, other, of_kernel = (device_array(S * F, np.complex128) for _ in range(3))
    flat = cuda.to_device(np.ascontiguousarray(quarter).reshape(-1))
    _launch(spread.widen_even, S * F, flat, rows, columns, S, F, of_kernel)
    of_kernel, other = _transform(of_kernel, other, S, F, roots_of_one)
    _launch(spread.widen, S * F, image, *shape, F, data)
    data, other = _transform(data, other, S, F, roots_of_one)
    _launch(spread.multiply, S * F, data, of_kernel)
    data, other = _transform(data, other, S, F, lambda n: roots_of_one(n).conj())
    out = device_array(image.size, np.float32)
    # Rounding noise of the transforms would be negative photons.
    _launch(spread.crop, out.size, data, shape[1], F, 1.0 / (S * F), 0.0, out)
    return out


def roots_of_one(n: int) -> np.ndarray:
    """Return exp(-2 pi i k / n) for k = 0 ... n - 1, (n,) complex128."""
    return np.exp(-2j * np.pi * np.arange(n) / n)


def radices(n: int) -> list[int]:
    """Return the factors in which a length of `psf.fast_length` is transformed."""
    from ..kernels.cuda.spread import RADICES

    found = []
    while n > 1:
        radix = next(r for r in RADICES if n % r == 0)
        found.append(radix)
        n //= radix
    return found


def _transform(
    data: Any, other: Any, S: int, F: int, roots: Callable[[int], np.ndarray]
) -> tuple[Any, Any]:
    """Transform along both axes; return the array of the result, and the other one."""
    from numba import cuda

    from ..kernels.cuda import spread

    for n, stride in ((F, 1), (S, F)):
        table = cuda.to_device(roots(n))
        done = 1
        for radix in radices(n):
            _launch(
                spread.fourier_pass,
                data.size // radix,
                data,
                table,
                radix,
                done,
                stride,
                other,
            )
            data, other = other, data
            done *= radix
    return data, other
