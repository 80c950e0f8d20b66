# SPDX-License-Identifier: MIT
"""Multiplication that is rounded before anything is added to its result.

A CUDA device fuses a product and a sum, which moves the last bit; where a result must
be the same on the CPU, the product is written as `product`. LLVM fuses nothing on the
CPU unless it is told that it may.
"""

from numba.extending import overload


def product(x, y):
    """Return `x` times `y`, rounded."""
    return x * y


@overload(product, inline="always")
def _product(x, y):
    return lambda x, y: x * y
