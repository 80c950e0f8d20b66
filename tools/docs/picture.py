# SPDX-License-Identifier: MIT
"""The first picture of the README: spots, background, and a detector's image.

``python -m nbsim.tools.docs.picture docs/first-picture.png`` makes it in a minute: the
same crystal on a Pilatus 6M, as spots on black, with water and air, and with point
spread, counting noise, gaps and beam stop.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np

import nbsim

CELL = (78.0, 78.0, 37.0)
#: The part that is shown: slow and fast, around the beam.
SHOWN = slice(796, 1696), slice(770, 1670)
#: Mosaic blocks of this size that the crystal is made of.
BLOCKS = 4e6
GAP = 12  # pixels between the panels
BINNED = 2
#: Photons of white and black, for the eye: background stays grey.
DARKEST = 1200.0


def structure_factors(d_min: float = 2.2) -> nbsim.StructureFactors:
    """Return F of a protein's kind: Wilson statistics, falling with resolution."""
    rng = np.random.default_rng(7)
    h_max, k_max, l_max = (int(length / d_min) for length in CELL)
    h, k, l = np.ogrid[-h_max : h_max + 1, -k_max : k_max + 1, -l_max : l_max + 1]
    s_sqr = (h / CELL[0]) ** 2 + (k / CELL[1]) ** 2 + (l / CELL[2]) ** 2
    shape = s_sqr.shape
    F = np.sqrt(rng.exponential(1.0, shape)) * 420.0 * np.exp(-7.0 * s_sqr)
    F[h_max, k_max, l_max] = 0.0
    return nbsim.StructureFactors(
        F=F, h_min=-h_max, k_min=-k_max, l_min=-l_max, hkls=F.size
    )


def simulation() -> nbsim.Simulation:
    """Return the crystal in the beam in front of the detector."""
    preset = nbsim.detector_preset("pilatus3_6m")
    detector = preset.detector(
        distance_mm=180.0, beamstop_mm=3.0, beamstop_arm_deg=90.0
    )
    slow, fast = SHOWN
    return nbsim.Simulation(
        nbsim.Crystal(
            cell=CELL,
            misset_deg=(12.0, 24.0, 31.0),
            Na=18,
            Nb=18,
            Nc=36,
            shape="round",
            mosaic_spread_deg=0.4,
            mosaic_domains=30,
        ),
        structure_factors(),
        nbsim.Beam(wavelength_A=1.0, flux_per_s=2e12, exposure_s=0.1, beamsize_mm=0.05),
        dataclasses.replace(
            detector, roi=(fast.start, fast.stop - 1, slow.start, slow.stop - 1)
        ),
        nbsim.Goniometer(osc_deg=1.0, phisteps=10),
        nbsim.Sampling(oversample=1, interpolate=False),
        backgrounds=(
            nbsim.Background("water", thick_mm=0.02),
            nbsim.Background("air", thick_mm=5.0),
        ),
    )


def grey(image: np.ndarray, lowest: float) -> np.ndarray:
    """Return dark spots on white, uint8: logarithmic."""
    scaled = np.log1p(np.maximum(image, 0.0) / lowest) / np.log1p(DARKEST / lowest)
    return (255.0 * (1.0 - np.clip(scaled, 0.0, 1.0))).astype(np.uint8)


def binned(image: np.ndarray) -> np.ndarray:
    """Return the part that is shown, each few pixels as their mean."""
    part = image[SHOWN].astype(float)
    slow, fast = (n // BINNED for n in part.shape)
    return part.reshape(slow, BINNED, fast, BINNED).mean(axis=(1, 3))


def picture() -> np.ndarray:
    """Return the three panels side by side, (slow, fast, 3) uint8."""
    real = simulation()
    # A detector without gaps, and no beam stop in front of it.
    bare = dataclasses.replace(
        real, detector=dataclasses.replace(real.detector, dead=None, beamstop_mm=None)
    )
    spots = bare.render() * np.float32(BLOCKS)
    total = spots + bare.render_background()
    response = nbsim.detector_preset("pilatus3_6m").response(
        0.1, psf="gauss", psf_fwhm_um=250.0
    )
    seen = np.where(real.setup.rendered, total, np.float32(0.0))
    counts = real.counts(seen, seed=1, response=response)
    panels = [grey(binned(part), 3.0) for part in (spots, total, counts)]
    dead = real.detector.dead
    assert dead is not None
    panels[2][binned(dead) > 0.0] = 40  # the detector has no pixels there
    between = np.full((panels[0].shape[0], GAP), 255, np.uint8)
    row = np.hstack([panels[0], between, panels[1], between, panels[2]])
    return np.repeat(row[:, :, None], 3, axis=2)


def main() -> None:
    """Write the picture to the file that the command line names."""
    nbsim.write_png(sys.argv[1], picture())


if __name__ == "__main__":
    main()
