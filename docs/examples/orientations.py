"""A beamline's loop: 100 random orientations, how many spots each has, and how fast.

Only the crystal's orientation changes, so the structure factors and the compiled kernel
are used again and the array is filled in place.
"""

import dataclasses
import os
import time

import numpy as np

import nbsim

frames = int(os.environ.get("FRAMES", "100"))
pixels = int(os.environ.get("PIXELS", "512"))
first = nbsim.Simulation(
    crystal=nbsim.Crystal(cell=(78, 62, 51), Na=15, Nb=15, Nc=15, water_um=0.5),
    structure_factors=nbsim.read_hkl("P1.hkl"),
    beam=nbsim.Beam(wavelength_A=1.0, fluence_per_m2=2e28),
    detector=nbsim.Detector(
        detpixels_f=pixels,
        detpixels_s=pixels,
        pixel_size_mm=102.4 / pixels,
        distance_mm=140,
    ),
    sampling=nbsim.Sampling(oversample=1),
)
image = np.empty(first.detector.shape, np.float32)
first.render(out=image)  # the first image of a new version compiles the kernel

brightest = np.zeros_like(image)
bright_pixels = []
started = time.perf_counter()
for seed in range(1, frames + 1):
    crystal = dataclasses.replace(first.crystal, misset_deg="random", misset_seed=seed)
    dataclasses.replace(first, crystal=crystal).render(out=image)
    bright_pixels.append(int((image > 10 * np.median(image)).sum()))
    np.maximum(brightest, image, out=brightest)
seconds = time.perf_counter() - started

print(f"{frames} frames in {seconds:.1f} s, {1000 * seconds / frames:.1f} ms each")
print(f"bright pixels: {min(bright_pixels)} to {max(bright_pixels)}")
nbsim.write_png("orientations.png", first.preview(brightest))
