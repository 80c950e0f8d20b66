# SPDX-License-Identifier: MIT
"""Noise and point spread on CUDA, in the simulator: the processor's numbers."""

import os
import subprocess
import sys
from pathlib import Path

import cuda_frames
import numpy as np
import pytest

from nbsim import apply_psf, counts_image
from nbsim.images.detected import detected_image
from nbsim.images.on_device import radices, spread_bytes
from nbsim.images.psf import fast_length

RESPONSES = cuda_frames.RESPONSES


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """All arrays of `cuda_frames.py`, by name."""
    path = tmp_path_factory.mktemp("frames") / "frames.npz"
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", cuda_frames.__file__, str(path)],
        cwd=Path(cuda_frames.__file__).parent,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    with np.load(path) as data:
        return dict(data)


@pytest.mark.parametrize("name", RESPONSES)
def test_same_counts(name, simulated):
    counts = counts_image(
        cuda_frames.expected(),
        cuda_frames.SEED,
        cuda_frames.FRAME,
        RESPONSES[name],
        pixel_mm=cuda_frames.PIXEL_MM,
    )
    assert counts.max() >= 3000
    assert (simulated[f"{name}_counts"] == counts).all()
    assert simulated[f"{name}_counts"].dtype == counts.dtype


@pytest.mark.parametrize("name", RESPONSES)
def test_same_pixels(name, simulated):
    frame = detected_image(
        cuda_frames.expected(),
        cuda_frames.SEED,
        RESPONSES[name],
        pixel_mm=cuda_frames.PIXEL_MM,
        model="physical",
        frame=cuda_frames.FRAME,
    )
    assert (simulated[f"{name}_pixels"] == frame.pixels).all()
    assert simulated[f"{name}_pixels"].dtype == frame.pixels.dtype


@pytest.mark.parametrize("name", ["gauss", "gauss_cut", "fiber"])
def test_same_spread(name, simulated):
    response = RESPONSES[name]
    spread = apply_psf(
        cuda_frames.expected(),
        response.psf,
        response.psf_fwhm_um,
        cuda_frames.PIXEL_MM,
        response.psf_radius_pixels,
    )
    there = simulated[f"{name}_spread"]
    # Transforms are rounded differently: to single precision, that is one unit.
    assert np.allclose(there, spread, rtol=1.2e-7, atol=1e-14 * spread.max())
    if name == "gauss":
        assert (there == spread).all()


def test_lengths_are_made_of_the_passes_factors():
    for n in (1, 7, 100, 2463, 4362):
        product = 1
        for radix in radices(fast_length(n)):
            product *= radix
        assert product == fast_length(n) >= n


def test_memory_of_a_spread_is_known():
    shape = 2527, 2463
    assert spread_bytes(shape, RESPONSES["photons"]) == 0
    assert spread_bytes(shape, RESPONSES["gauss"]) == 12 * 2527 * 2463
    whole, cut = (spread_bytes(shape, RESPONSES[n]) for n in ("fiber", "gauss_cut"))
    assert 1e9 < whole < 2e9 and cut < 0.5e9
