# SPDX-License-Identifier: MIT
"""The kernels that Python calls, by name and result: imports none of them, nor numba.

See `native`; what each of them takes and gives stands where it is written.
"""

from .native import Kernel

render_tiles = Kernel("cpu.tiles.render_tiles")
omega_sum = Kernel("cpu.tiles.omega_sum", "f8")

pixel_of_rank = Kernel("rank.pixel_of_rank", "i8 i8")
render_pixel = Kernel("reference.pixel_cpu.render_pixel", "? ?")
render_general = Kernel("reference.pixel_cpu.render_general", "i8")
record_pixel = Kernel("reference.pixel_trace.record_pixel", "f8")
strongest_rows = Kernel("reference.strongest.strongest_rows")

measure_hkl = Kernel("hkl_text.measure", "i8")
fill_hkl = Kernel("hkl_text.fill", "i8")
byte_offset = Kernel("byte_offset.byte_offset", "i8")

background_rows = Kernel("cpu.background.background_rows", "i8")
background_in_order = Kernel("cpu.background.background_in_order", "i8")
last_rays = Kernel("cpu.background.last_rays")

convolve_rows = Kernel("cpu.separable.convolve_rows")
convolve_columns = Kernel("cpu.separable.convolve_columns")


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
