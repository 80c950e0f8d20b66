"""Read what nbsim wrote with other programs' libraries: fabio and tifffile."""

import json

import fabio
import tifffile

import nbsim

# SMV: pixels and header. Header values are text.
smv = fabio.open("rotation.img")
print("SMV ", smv.data.shape, smv.data.dtype, "distance", smv.header["DISTANCE"], "mm")

# TIFF: photons as floats; everything else is one JSON object in the description.
with tifffile.TiffFile("rotation.tif") as file:
    photons = file.asarray()
    record = json.loads(file.pages[0].description)
print("TIFF", photons.shape, photons.dtype, "wavelength", record["WAVELENGTH"], "A")
print("made by:", record["command"])

# nbsim's own readers give the same.
assert (nbsim.read_smv("rotation.img").pixels == smv.data).all()
assert (nbsim.read_tiff("rotation.tif")[0] == photons).all()
