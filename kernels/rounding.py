# SPDX-License-Identifier: MIT
"""Multiplication that is rounded before anything is added to its result.

A fused product and sum moves the last bit; where a result must be the same on every
processor, the product is written as `product`. LLVM fuses nothing on the CPU unless it
is told that it may; for a CUDA device, which does, this is the one place to say so.
"""

from numba.extending import overload


def product(x, y):
    """Return `x` times `y`, rounded."""
    return x * y


@overload(product, inline="always")
def _product(x, y):
    return lambda x, y: x * y
