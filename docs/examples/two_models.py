"""Both models side by side: the three largest effects of the C program's mistakes.

Each picture has the same experiment twice (the first also with a flat detector), on
one scale of grey.
"""

import dataclasses
import os

import numpy as np

import nbsim

pixels = int(os.environ.get("PIXELS", "192"))


def experiment(crystal, distance_mm=60.0, **detector):
    """Return a simulation of model c; the keywords are fields of the detector."""
    return nbsim.Simulation(
        crystal=crystal,
        structure_factors=nbsim.read_hkl("P1.hkl"),
        beam=nbsim.Beam(wavelength_A=1.0),
        detector=nbsim.Detector(
            detpixels_f=pixels,
            detpixels_s=pixels,
            pixel_size_mm=76.8 / pixels,
            distance_mm=distance_mm,
            **detector,
        ),
        sampling=nbsim.Sampling(oversample=2),
    )


def side_by_side(path, *images):
    """Write pictures beside each other: square root scale, one white for all."""
    black = max(np.percentile(image, 99.7) for image in images)
    # Sixteen levels, so that the files are small.
    grey = [
        255 - 17 * np.round(15 * np.sqrt(np.clip(image / black, 0, 1)))
        for image in images
    ]
    gap = np.full((len(grey[0]), 4), 128.0)
    row = [part for panel in grey for part in (panel, gap)][:-1]
    nbsim.write_png(path, np.hstack(row).astype(np.uint8))


def alike(one, other, block=8):
    """Return the correlation of two images, in blocks of pixels, spots clipped."""
    white = np.percentile(one, 99)
    coarse = [
        np.minimum(image, white)
        .reshape(pixels // block, block, pixels // block, block)
        .mean(axis=(1, 3))
        for image in (one, other)
    ]
    return np.corrcoef(coarse[0].flat, coarse[1].flat)[0, 1]


def both(simulation):
    """Return the images of model c and of model physical."""
    physical = dataclasses.replace(simulation, model="physical")
    return simulation.render(), physical.render()


small = nbsim.Crystal(cell=(78, 78, 37), misset_deg=(12, 31, 57), Na=9, Nb=9, Nc=9)
flat = experiment(small, distance_mm=90.0).render()
c, physical = both(experiment(small, distance_mm=90.0, curved=True))
side_by_side("curved_detector.png", flat, c, physical)
mirrored = c.T[::-1, ::-1]  # about the diagonal from bottom left to top right
print(
    f"curved detector: correlation with the flat one {alike(flat, c):.2f} (c), "
    f"{alike(flat, physical):.2f} (physical); of physical with c's mirror image "
    f"{alike(physical, mirrored):.2f}"
)

c, physical = both(experiment(small, thick_um=450.0, abs_um=300.0, thicksteps=5))
side_by_side("thick_sensor.png", c, physical)
print(f"thick sensor: c has {c.sum() / physical.sum():.3f} of the photons")

oblique = nbsim.Crystal(
    cell=(60, 75, 86, 64, 103, 117), misset_deg=(0, 3, 3), Na=9, Nb=9, Nc=9
)
c, physical = both(experiment(oblique, distance_mm=160.0))
side_by_side("oblique_cell.png", c, physical)
print(f"oblique cell: correlation of the two {alike(c, physical, block=1):.2f}")
