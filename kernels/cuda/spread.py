# SPDX-License-Identifier: MIT
"""Point spread of model physical on a CUDA device: images that stay there.

A Gaussian is a product of two kernels of one dimension: `along_fast`, then
`along_slow`, the bytes of `cpu.separable`. Any other point spread is a product of
spectra: `fourier_pass` for each factor of each axis' length (Stockham's order: no
reversal of bits), `multiply`, and back. One thread per element in a grid of one
dimension.
"""

import numpy as np
from numba import cuda

from .exact import PRODUCT

#: Factors of a transform's length; larger ones first.
RADICES = (5, 4, 3, 2)


@cuda.jit
def along_fast(image, weights, fpixels, out):
    """Write an image spread along its fast axis: `separable.convolve_rows`.

    Parameters
    ----------
    image, out
        (slow * fast,) float32 and float64.
    weights
        (n,) float64: of distance 0, 1 ... n - 1.
    """
    i = cuda.grid(1)
    if i >= out.size:
        return
    fast = i % fpixels
    reach = weights.size - 1
    total = 0.0
    for d in range(max(-reach, -fast), min(reach, fpixels - 1 - fast) + 1):
        total += PRODUCT(weights[abs(d)], np.float64(image[i + d]))
    out[i] = total


@cuda.jit
def along_slow(image, weights, spixels, fpixels, out):
    """Write an image spread along its slow axis: `separable.convolve_columns`.

    Parameters
    ----------
    image, out
        (slow * fast,) float64 and float32.
    """
    i = cuda.grid(1)
    if i >= out.size:
        return
    slow = i // fpixels
    reach = weights.size - 1
    total = 0.0
    for d in range(max(-reach, -slow), min(reach, spixels - 1 - slow) + 1):
        total += PRODUCT(weights[abs(d)], image[i + d * fpixels])
    out[i] = np.float32(total)


@cuda.jit
def widen(image, spixels, fpixels, F, out):
    """Write an image into the corner of a larger one of `F` columns, complex.

    Parameters
    ----------
    image
        (slow * fast,) float32 or float64.
    out
        (S * F,) complex128; what the image does not cover becomes 0.
    """
    i = cuda.grid(1)
    if i >= out.size:
        return
    slow, fast = i // F, i % F
    value = 0.0
    if slow < spixels and fast < fpixels:
        value = np.float64(image[slow * fpixels + fast])
    out[i] = complex(value, 0.0)


@cuda.jit
def widen_even(quarter, spixels, fpixels, S, F, out):
    """Write an even kernel, given from distance 0 on, around element (0, 0).

    Parameters
    ----------
    quarter
        (slow * fast,) float64.
    out
        (S * F,) complex128.
    """
    i = cuda.grid(1)
    if i >= out.size:
        return
    slow, fast = i // F, i % F
    slow, fast = min(slow, S - slow), min(fast, F - fast)
    value = 0.0
    if slow < spixels and fast < fpixels:
        value = quarter[slow * fpixels + fast]
    out[i] = complex(value, 0.0)


@cuda.jit
def fourier_pass(data, roots, radix, done, stride, out):
    """Make one factor's step of a Fourier transform along one axis.

    Parameters
    ----------
    data, out
        (S * F,) complex128, different arrays.
    roots
        (n,) complex128: exp(-2 pi i k / n), or its conjugate to transform back.
    radix
        The factor.
    done
        Product of the factors before.
    stride
        From one element of the axis to the next: 1 or F.
    """
    i = cuda.grid(1)
    if i >= data.size // radix:
        return
    n = roots.size
    parts = n // radix
    # Sequence and element of it; neighbouring threads read neighbouring elements.
    if stride == 1:
        start, place = i // parts * n, i % parts
    else:
        place = i // stride % parts
        start = i // (stride * parts) * (stride * n) + i % stride
    p, s = place // done, place % done
    remaining = parts // done
    for q in range(radix):
        total = complex(0.0, 0.0)
        for t in range(radix):
            element = start + stride * (s + done * (p + remaining * t))
            total += data[element] * roots[q * t * parts % n]
        turned = total * roots[p * q * done % n]
        out[start + stride * (s + done * (radix * p + q))] = turned


@cuda.jit
def multiply(spectrum, of_kernel):
    """Multiply a spectrum by that of an even kernel, which is real; both (S * F,)."""
    i = cuda.grid(1)
    if i < spectrum.size:
        spectrum[i] = spectrum[i] * of_kernel[i].real


@cuda.jit
def crop(data, fpixels, F, scale, lowest, out):
    """Write the real corner of an image times `scale`, not below `lowest`.

    Parameters
    ----------
    data, out
        (S * F,) complex128 and (slow * fast,) float32.
    """
    i = cuda.grid(1)
    if i < out.size:
        value = data[i // fpixels * F + i % fpixels].real * scale
        out[i] = np.float32(max(value, lowest))
