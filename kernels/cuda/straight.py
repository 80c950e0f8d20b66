# SPDX-License-Identifier: MIT
"""Division and square root in double precision without jumps, for CUDA.

Those of CUDA's library jump for operands near the ends of float64, which spots do not
have. Here an estimate of 20 bits becomes one of 40 and of all, and the result is
corrected once: right to the last bit, or next to it.

Plain Python: `forms` compiles them with the device's instructions in place of
`estimate`, `estimate_root` and `fma`, a test with exact ones.
"""


def estimate(y):
    """Return about 1 / y."""
    raise NotImplementedError("compiled code only")


def estimate_root(x):
    """Return about 1 / sqrt(x)."""
    raise NotImplementedError("compiled code only")


def fma(x, y, z):
    """Return x y + z, rounded once."""
    raise NotImplementedError("compiled code only")


def quotient(x, y):
    """Return x / y; y and 1 / y are normal numbers."""
    r = estimate(y)
    r = fma(r, fma(-y, r, 1.0), r)
    r = fma(r, fma(-y, r, 1.0), r)
    q = x * r
    return fma(r, fma(-y, q, x), q)


def root(x):
    """Return the square root; x is a normal number above 0."""
    r = estimate_root(x)
    half = 0.5 * x
    r = fma(r, fma(-half * r, r, 0.5), r)
    r = fma(r, fma(-half * r, r, 0.5), r)
    s = x * r
    return fma(0.5 * r, fma(-s, s, x), s)
