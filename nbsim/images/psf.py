# SPDX-License-Identifier: MIT
"""Point spread of a detector: a photon's signal in the pixels around it.

Model physical: the image convolved with the whole point spread, each pixel of which
is its integral over the pixel; what falls beside the detector is lost. Model c: the
arithmetic of the C program noisify (`psf_c`).

Source of the shapes: J. M. Holton, C. Nielsen & K. A. Frankel, "The point-spread
function of fiber-coupled area detectors", J. Synchrotron Rad. 19 (2012) 1006.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..model import validate
from ..model.detector_response import DEFAULT_PSF_FWHM, PSF_SHAPES
from ..rows import in_pieces
from .psf_c import FIBER_G, apply_psf_c
from .scaling import check_image

MODELS = ("c", "physical")
#: Columns of the spectrum that are transformed together.
COLUMNS = 64
#: A Gaussian's weight is below 1e-17 from this many full widths on.
GAUSS_REACH = 3.8

#: Rows and columns of each panel of an image.
Panels = Sequence[tuple[slice, slice]]


def apply_psf(
    image: np.ndarray,
    psf: str,
    fwhm_um: float = DEFAULT_PSF_FWHM,
    pixel_mm: float = 0.1,
    radius_pixels: int = 0,
    model: str = "physical",
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
    panels: Panels | None = None,
) -> np.ndarray:
    """Return an image as the detector's point spread blurs it.

    Parameters
    ----------
    image
        (slow, fast) float32, finite, photons.
    psf
        "gauss" or "fiber".
    fwhm_um
        Full width at half maximum of the point spread [um].
    pixel_mm
        Pixel size [mm].
    radius_pixels
        Cut the point spread off at this distance; 0: not at all (model c: where
        the C program does, which depends on each pixel's photons).
    model
        "physical": linear and complete; photons beyond the edges are lost. With a
        radius the rest is scaled up, so that no photon is lost inside.
        "c": what noisify gives, bit for bit, with its even fog and wrap-around.
    threads
        CPU threads; None: all. The bytes do not depend on it.
    progress
        Called with the finished fraction, 0 to 1.
    panels
        Rows and columns of each panel, on which light stays; None: one panel.

    Returns
    -------
    numpy.ndarray
        (slow, fast) float32.

    Raises
    ------
    ValueError
        For an argument out of range, an image that is not finite or not 2-D
        float32, or a point spread wider than the image.
    """
    if panels is not None:
        blurred = image.copy()
        for where in panels:
            blurred[where] = apply_psf(
                np.ascontiguousarray(image[where]),
                psf,
                fwhm_um,
                pixel_mm,
                radius_pixels,
                model,
                threads,
            )
        return blurred
    check_image(image, None)
    validate.choice("psf", psf, PSF_SHAPES)
    validate.choice("model", model, MODELS)
    fwhm = validate.number("fwhm_um", fwhm_um, "um", low=0.0)
    pixel = validate.number("pixel_mm", pixel_mm, "mm", low=0.0, open_low=True)
    radius = validate.integer("radius_pixels", radius_pixels, low=0)
    fwhm_pixels = width_in_pixels(fwhm, pixel, image.shape)
    if radius > sum(image.shape):
        raise ValueError(
            f"psf_radius {radius} pixels: larger than the image of {image.shape[1]} x "
            f"{image.shape[0]} pixels; 0 does not cut the point spread off"
        )
    if not np.isfinite(image).all():
        raise ValueError("the float image has pixels that are not finite")
    if fwhm_pixels == 0.0:
        return image.copy()
    if model == "c":
        return apply_psf_c(image, psf, fwhm_pixels, radius, threads, progress)
    if psf == "gauss" and not radius:
        return _separable(image, fwhm_pixels, threads, progress)
    quarter = kernel_quarter(psf, fwhm_pixels, image.shape, radius)
    return _by_spectrum(image, quarter, threads, progress)


def width_in_pixels(fwhm_um: float, pixel_mm: float, shape: tuple[int, ...]) -> float:
    """Return a point spread's full width at half maximum in pixels.

    Raises
    ------
    ValueError
        If it is wider than the image.
    """
    # C quirk: the width is kept in single precision.
    width = float(np.float32(fwhm_um / 1e6)) / (pixel_mm / 1000.0)
    if width > max(shape):
        raise ValueError(
            f"psf_fwhm {fwhm_um:g} um: wider than the image of {shape[1]} x {shape[0]} "
            f"pixels of {pixel_mm:g} mm"
        )
    return width


def gauss_weights(fwhm: float, count: int) -> np.ndarray:
    """Return the integrals of a Gaussian over pixels at distance 0, 1 ... in pixels."""
    per_pixel = 2.0 * math.sqrt(math.log(2.0)) / fwhm
    edges = [math.erf((i - 0.5) * per_pixel) for i in range(count + 1)]
    return 0.5 * np.diff(edges)


def separable_weights(
    fwhm: float, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return a whole Gaussian's weights along the fast and the slow axis."""
    reach = 1 + math.ceil(GAUSS_REACH * fwhm)
    slow, fast = shape
    return gauss_weights(fwhm, min(fast, reach)), gauss_weights(fwhm, min(slow, reach))


def kernel_quarter(
    psf: str, fwhm: float, shape: tuple[int, int], radius: int = 0
) -> np.ndarray:
    """Return a point spread for distances of zero and more.

    Parameters
    ----------
    psf
        "gauss" or "fiber".
    fwhm
        Pixels.
    shape
        (slow, fast) of the image: farther no photon is wanted.
    radius
        Pixels farther away are 0, and the whole sums to 1; 0: no cut.

    Returns
    -------
    numpy.ndarray
        (slow, fast) float64; element [j, i] is the integral over a pixel.
    """
    slow, fast = (min(n, radius + 1) if radius else n for n in shape)
    if psf == "gauss":
        weights = gauss_weights(fwhm, max(slow, fast))
        quarter = weights[:slow, None] * weights[:fast]
    else:
        quarter = _fiber_integrals(fwhm * FIBER_G, slow, fast)
    if radius:
        y, x = np.ogrid[:slow, :fast]
        quarter[x * x + y * y > radius * radius] = 0.0
        # Off the axes a pixel stands for four, on an axis for two.
        times = np.where(x > 0, 2.0, 1.0) * np.where(y > 0, 2.0, 1.0)
        quarter /= (quarter * times).sum()
    return quarter


def _fiber_integrals(g: float, slow: int, fast: int) -> np.ndarray:
    """Integrals of g / (2 pi) (g^2 + r^2)^(-3/2) over pixels, by their corners."""
    y = np.arange(slow + 1)[:, None] - 0.5
    x = np.arange(fast + 1) - 0.5
    corner = np.sqrt(x * x + (y * y + g * g))
    corner *= g
    np.divide(x * y, corner, out=corner)
    np.arctan(corner, out=corner)
    corner /= 2.0 * math.pi
    return np.diff(np.diff(corner, axis=0), axis=1)


def _separable(
    image: np.ndarray,
    fwhm: float,
    threads: int | None,
    progress: Callable[[float], None] | None,
) -> np.ndarray:
    from ..kernels.entries import convolve_columns, convolve_rows

    slow, fast = image.shape
    along_fast, both = np.empty(image.shape), np.empty(image.shape)
    of_rows, of_columns = separable_weights(fwhm, image.shape)
    image = np.ascontiguousarray(image)

    def rows(first: int, last: int) -> None:
        padded = np.zeros(fast + 2 * (len(of_rows) - 1))
        convolve_rows(image, of_rows, first, last, along_fast, padded)

    def columns(first: int, last: int) -> None:
        convolve_columns(along_fast, of_columns, first, last, both)

    in_pieces(rows, slow, threads, _part(progress, 0.0, 0.5))
    in_pieces(columns, slow, threads, _part(progress, 0.5, 0.5))
    return both.astype(np.float32)


def _part(
    progress: Callable[[float], None] | None, begin: float, width: float
) -> Callable[[float], None] | None:
    """Return the progress of a step that is only a part of the work."""
    return None if progress is None else lambda done: progress(begin + width * done)


def fast_length(n: int) -> int:
    """Return the smallest even product of powers of 2, 3 and 5 that is at least `n`."""
    best = 2 ** max(1, math.ceil(math.log2(n)))
    for threes in range(9):
        for fives in range(6):
            odd = 3**threes * 5**fives
            even = 2 * odd
            while even < n:
                even *= 2
            best = min(best, even)
    return best


def _by_spectrum(
    image: np.ndarray,
    quarter: np.ndarray,
    threads: int | None,
    progress: Callable[[float], None] | None,
) -> np.ndarray:
    """Convolve with an even kernel by Fourier transforms.

    Rows first, then columns a few at a time, so that the padding along the slow axis
    is never kept. The kernel is even: its spectrum is real.
    """
    slow, fast = image.shape
    S = fast_length(slow + quarter.shape[0] - 1)
    F = fast_length(fast + quarter.shape[1] - 1)
    frequencies = F // 2 + 1
    spectrum = np.empty((slow, frequencies), np.complex128)
    of_kernel = np.empty((quarter.shape[0], frequencies))
    out = np.empty(image.shape, np.float32)

    def forward(first: int, last: int) -> None:
        spectrum[first:last] = np.fft.rfft(image[first:last].astype(float), F)

    def kernel_rows(first: int, last: int) -> None:
        of_kernel[first:last] = _even_spectrum(quarter[first:last], F)[:, :frequencies]

    def columns(first: int, last: int) -> None:
        for start in range(first, last, COLUMNS):
            some = slice(start, min(start + COLUMNS, last))
            turned = np.fft.fft(np.ascontiguousarray(spectrum[:, some].T), S)
            turned *= _even_spectrum(np.ascontiguousarray(of_kernel[:, some].T), S)
            spectrum[:, some] = np.fft.ifft(turned)[:, :slow].T

    def back(first: int, last: int) -> None:
        out[first:last] = np.fft.irfft(spectrum[first:last], F)[:, :fast]

    in_pieces(forward, slow, threads, _part(progress, 0.0, 0.1))
    in_pieces(kernel_rows, quarter.shape[0], threads, _part(progress, 0.1, 0.1))
    in_pieces(columns, frequencies, threads, _part(progress, 0.2, 0.7))
    in_pieces(back, slow, threads, _part(progress, 0.9, 0.1))
    if image.min() >= 0.0:
        np.maximum(out, 0.0, out=out)  # rounding noise of the transforms
    return out


def _even_spectrum(half: np.ndarray, n: int) -> np.ndarray:
    """Return the real spectrum of even sequences, given from 0 on, (rows, `n`)."""
    return np.fft.hfft(half, n)
