"""The brightest spot of a rotation image, phi step by phi step (needs nbsim[plot])."""

import os

import matplotlib
import numpy as np

import nbsim

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

pixels = int(os.environ.get("PIXELS", "512"))
simulation = nbsim.Simulation.from_args(
    "-mat A.mat -hkl P1.hkl -lambda 1 -N 15 -oversample 1 -distance 140 "
    f"-detpixels {pixels} -pixel {102.4 / pixels} -phi 30 -osc 8 -phisteps 120"
)
image = simulation.render()
middle = slice(int(0.3 * pixels), int(0.7 * pixels))
image[middle, middle] = 0  # the beam stop: 0 0 0 is the brightest of all
slow, fast = np.unravel_index(image.argmax(), image.shape)
trace = simulation.trace(int(slow), int(fast))

phi = [row["phi_deg"] for row in trace.phi_rows]
F_latt_squared = [row["F_latt"] ** 2 for row in trace.phi_rows]
h, k, l = trace.values["hkl_rounded"]
figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
axes.plot(phi, F_latt_squared, ".-")
axes.set(
    xlabel="phi [degrees]",
    ylabel="F_latt$^2$",
    title=f"pixel {slow} {fast} (slow, fast), reflection {h} {k} {l}",
)
figure.savefig("phi_profile.png", dpi=90)
print(f"reflection {h} {k} {l}: {image.max():.4g} photons in the pixel")
