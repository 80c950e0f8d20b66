# SPDX-License-Identifier: MIT
"""Columns of the record that `pixel.pixel_intensity` keeps of every evaluation.

One float64 row per sensor layer, subpixel, source and orientation, in loop order.
A row with orientation -1 stands for a whole source that the resolution limit left
out: it has no index and no lattice factor.
"""

LAYER, SUB_S, SUB_F, SOURCE, ORIENTATION = range(5)
#: Vectors take three columns.
POSITION, DIFFRACTED, INCIDENT, SCATTERING = 5, 8, 11, 14
WAVELENGTH, AIRPATH, OMEGA_PIXEL, CAPTURE_FRACTION, POLAR, I_SUM = range(17, 23)
H, K, L, F_LATT_A, F_LATT_B, F_LATT_C, F_LATT = range(23, 30)
#: Only where a term was added, that is where COUNTED is 1.
F_CELL, INTERPOLATED, TERM, COUNTED = range(30, 34)
COLUMNS = 34

BEYOND_DMIN = -1
