# SPDX-License-Identifier: MIT
"""Functions whose numbers on a CUDA device are those of the processor, to the bit.

NVVM fuses products and sums, which moves the last bit. The shared functions write
`rounding.product` where that must not be; here they, and all that they call, are
compiled again with a product that is rounded. Divisions and square roots are rounded
on both.
"""

import types

from numba import config, cuda

from ..rounding import product


def rounded_product():
    """Return the device's product that is never fused; the simulator has no other."""
    if config.ENABLE_CUDASIM:
        return product
    from numba.cuda import libdevice

    return libdevice.dmul_rn


PRODUCT = rounded_product()


def exact(function, made=None):
    """Return a shared function, and what it calls, as device functions.

    Parameters
    ----------
    function
        Compiled for the processor; may take arrays, the simulator's too.
    made
        Device functions by what they were made of; filled.
    """
    made = {} if made is None else made
    plain = getattr(function, "py_func", function)
    if plain not in made:
        names = dict(plain.__globals__)
        for name in plain.__code__.co_names:
            called = names.get(name)
            if called is product:
                names[name] = PRODUCT
            elif hasattr(called, "py_func"):
                names[name] = exact(called, made)
        own = types.FunctionType(plain.__code__, names, plain.__name__)
        made[plain] = cuda.jit(device=True)(own)
    return made[plain]
