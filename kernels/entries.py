# SPDX-License-Identifier: MIT
"""The kernels that Python calls, by name and result: imports none of them, nor numba.

See `native`; what each of them takes and gives stands where it is written.
"""

from .native import Kernel

render_tiles = Kernel("cpu.tiles.render_tiles")
omega_sum = Kernel("cpu.tiles.omega_sum", "f8")

render_pixel = Kernel("reference.pixel_cpu.render_pixel", "? ?")
render_general = Kernel("reference.pixel_cpu.render_general", "i8")

rendered_sums = Kernel("statistics.rendered_sums", "f8 i8 i8 f8 f8 i8")
squared_deviations = Kernel("statistics.squared_deviations", "f8")
count_nonfinite = Kernel("statistics.count_nonfinite", "i8")
int_pixels = Kernel("scaling.int_pixels")
pgm_pixels = Kernel("scaling.pgm_pixels")

start_stream = Kernel("random.start_stream")
ran1 = Kernel("random.ran1", "f4")
mosaic_rotation_umat = Kernel("random.mosaic_rotation_umat")
umat2misset = Kernel("random.umat2misset", "f8 f8 f8")
mosaic_umats = Kernel("random.mosaic_umats")
poisson_image = Kernel("random.poisson_image", "f8 i8")
