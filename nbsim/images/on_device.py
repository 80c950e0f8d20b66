# SPDX-License-Identifier: MIT
"""What a detector makes of an image that is on a CUDA device, and stays there.

`counts_on_device` is `counts.counts_image`, `pixels_on_device` what
`detected.detected_image` gives with the generator philox and model physical: the same
integers. The exception is a point spread that is not a whole Gaussian: its Fourier
transforms differ from the processor's by rounding, 1e-15 of the brightest pixel.

Images are flat device arrays in raster order. Call these where the device is current
(`with cuda.gpus[n]`). Kernels are queued, nothing waits for them, and no image is
copied to the host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..model.detector_response import DetectorResponse
from . import counts, detected, psf

THREADS_PER_BLOCK = 128
#: Bytes of a complex number.
COMPLEX = 16


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
) -> Any:
    """Return the photons that a counting detector reports for a frame.

    Parameters
    ----------
    expected
        (slow * fast,) float32 on the device, finite: expected photons.
    shape
        Pixels (slow, fast).
    seed, frame, response, pixel_mm
        As in `counts.counts_image`.

    Returns
    -------
    device array
        (slow * fast,) uint32.
    """
    seed, frame = counts.check_counter(seed, frame)
    expected = spread_on_device(expected, shape, response, pixel_mm)
    largest = min(response.saturation_counts or counts.UINT32_MAX, counts.UINT32_MAX)
    return _draw(expected, seed, frame, response, float(int(largest)))


def pixels_on_device(
    expected: Any,
    shape: tuple[int, int],
    seed: int,
    response: DetectorResponse = DetectorResponse(),
    adc_offset: float = 40.0,
    frame: int = 0,
    *,
    pixel_mm: float = 0.1,
) -> Any:
    """Return the image that a detector writes (model physical).

    Parameters
    ----------
    expected, shape
        As in `counts_on_device`.
    seed, response, adc_offset, frame, pixel_mm
        As in `detected.detected_image`.

    Returns
    -------
    device array
        (slow * fast,) uint16 or uint32.
    """
    from ..kernels.cuda import noise

    seed, frame = counts.check_counter(seed, frame)
    step = detected.Step(response, "physical", pixel_mm, None, None)
    counted = _draw(expected, seed, frame, response, float(counts.UINT32_MAX))
    if response.psf is not None and response.spreads:
        single = device_array(counted.size, np.float32)
        _launch(noise.as_single, counted.size, counted, single)
        counted = spread_on_device(single, shape, response, pixel_mm)
    pixels = device_array(counted.size, step.integers)
    counter = np.uint64(0), np.uint64(frame), *counts.key_words(seed)
    _launch(
        noise.digitise, pixels.size, counted, step.units(adc_offset), *counter, pixels
    )
    return pixels


def _draw(
    expected: Any, seed: int, frame: int, response: DetectorResponse, largest: float
) -> Any:
    """Return the photons drawn for expected ones, without point spread."""
    from numba import cuda

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
    out = device_array(expected.size, np.uint32)
    _launch(
        noise.count_photons,
        out.size,
        expected,
        pattern,
        counts.flicker_factor(response.flicker, seed, frame),
        np.uint64(0),
        np.uint64(frame),
        *counts.key_words(seed),
        *(cuda.to_device(table) for table in counts.tables()),
        largest,
        out,
    )
    return out


def spread_on_device(
    image: Any, shape: tuple[int, int], response: DetectorResponse, pixel_mm: float
) -> Any:
    """Return an image as the point spread of model physical blurs it.

    Parameters
    ----------
    image
        (slow * fast,) float32 on the device.
    shape
        Pixels (slow, fast).

    Returns
    -------
    device array
        (slow * fast,) float32: a new one, or `image` if nothing spreads.
    """
    if response.psf is None or not response.spreads:
        return image
    fwhm = psf.width_in_pixels(response.psf_fwhm_um, pixel_mm, shape)
    if response.psf == "gauss" and not response.psf_radius_pixels:
        return _separable(image, shape, fwhm)
    quarter = psf.kernel_quarter(response.psf, fwhm, shape, response.psf_radius_pixels)
    return _by_spectrum(image, shape, quarter)


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
    blocks = -(-elements // THREADS_PER_BLOCK)
    kernel[blocks, THREADS_PER_BLOCK](*arguments)


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
