# SPDX-License-Identifier: MIT
"""How far numbers may part, each with its reason. Nothing else sets a tolerance
against the C program; a test that needs a looser one has found a difference.
"""

# Worst |difference| of a float image, as a fraction of the image maximum. nbsim and
# the C program add the same double-precision terms, then store single precision
# (6e-8 relative); near a whole Miller index one unit in the last place of h moves
# the grating function by a fraction of the peak, not of the pixel.
GOLDEN_PEAK = 1e-6

# Worst |difference| / value, for the pixels that are brighter than GOLDEN_PEAK of the
# maximum: weak pixels between the peaks are sums of small terms whose sines lose
# digits, so their relative error is larger than that of the peaks.
GOLDEN_RELATIVE = 1e-5

# A kernel against the slow reference of the tests (tests/naive.py): the same two
# numbers for the same two reasons; the reference sums the lattice over its cells and
# so loses other last digits than a quotient of sines.
TWIN_PEAK = GOLDEN_PEAK
TWIN_RELATIVE = GOLDEN_RELATIVE

# Pixels of an integer image that may differ, and then by 1 only: those where the
# scaled float image lies on a rounding border and an allowed difference tips it.
INT_OFF_BY_ONE_FRACTION = 1e-3

# Numbers printed with six digits: one unit in the sixth digit, which is largest for
# 1.00000 against 1.00001, and a little room for the division that compares them.
PRINTED_RELATIVE = 1.01e-5

# Printed numbers that are zero but for rounding (a beam centre of 1e-17 mm).
PRINTED_ABSOLUTE = 1e-9

# A kernel in single precision against double precision: the index is exact to
# 4e-10 and each factor to 3e-7 of its envelope, so a pixel is off by a few 1e-6, and
# by more only where the factors themselves are small.
SINGLE_PEAK = 1e-5
SINGLE_RELATIVE = 1e-4

# A processor without fused multiply-add (x86-64-v2) against one that has it, double
# precision: a product and a sum are two roundings of 1.1e-16 instead of one, some
# dozen times per term, as a fraction of the image maximum (pi N times that for a
# large N). The stored float32 then differs in its last bit, and only where the sum
# lies that close to a border between two of them: in few pixels.
UNFUSED_PEAK = 1e-12
UNFUSED_RELATIVE = 2.0**-23
UNFUSED_FRACTION = 5e-3

# kernels/fixed_point.py: three roundings to 2^-33 and the lowest bit, always set.
FIXED_INDEX = 5 * 2.0**-33

# Square of its grating function against the float64 one, as a fraction of the
# envelope (1 / sin^2, N^2 at the peak), for N up to 1000: pi N times the index's
# error is 1.8e-6 at most, twice that in the square, and six float32 roundings.
SINGLE_ENVELOPE = 5e-6

# The reduced forms of kernels/cpu/reduced.py against the scalar formulas, as a fraction
# of the peak: a dozen roundings of 1.1e-16 and polynomials exact to 5e-16.
REDUCED_PEAK = 5e-15

# The same as a fraction of what the fringes touch at this index, for N up to 1000:
# pi N d, in the scalar formula itself, is rounded to pi N / 2 ulps.
REDUCED_ENVELOPE = 1e-12

# Gaussian, relative: an exponent of up to 1000 is off by a few ulps, 2e-13 each.
REDUCED_GAUSS = 1e-12

# Sphere: sin x - x cos x cancels where the series takes over (both at x = 0.06 in the
# scalar formula and at x = 0.24 here), which leaves 2e-13.
REDUCED_ROUND = 5e-13

# Tricubic: 64 products, as a fraction of the largest F^2.
REDUCED_CUBIC = 1e-14

# kernels/cpu/reduced_single.py: a few float32 roundings of 6e-8.
SINGLE_POLYNOMIAL = 3e-7

# Its forms as a fraction of the peak: six factors, squared.
SINGLE_FORM_PEAK = 2e-6
