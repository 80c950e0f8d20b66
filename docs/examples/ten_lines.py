"""A still in ten lines: models, image, noise, picture and file."""

import os

import nbsim

pixels = int(os.environ.get("PIXELS", "1024"))
simulation = nbsim.Simulation(
    crystal=nbsim.Crystal(
        cell=(78, 62, 51), misset_deg=(17, -34, 52), Na=15, Nb=15, Nc=15, water_um=0.5
    ),
    structure_factors=nbsim.read_hkl("P1.hkl"),
    beam=nbsim.Beam(wavelength_A=1.0, polarization=0.9, fluence_per_m2=2e28),
    detector=nbsim.Detector(
        detpixels_f=pixels,
        detpixels_s=pixels,
        pixel_size_mm=102.4 / pixels,
        distance_mm=140,
    ),
    sampling=nbsim.Sampling(oversample=2),
)
image = simulation.render()
nbsim.write_png("ten_lines.png", simulation.preview(image, color="grey"))
nbsim.write_smv(
    "ten_lines.img", simulation.noise(image, seed=1).pixels, simulation.smv_header()
)
