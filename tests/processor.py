# SPDX-License-Identifier: MIT
"""The kind of processor that numba makes machine code for, and what is expected of it.

Numba's own variables choose another kind than the machine's: ``.ci/run`` repeats some
tests with ``NUMBA_CPU_NAME=haswell`` and ``x86-64-v2``, and an empty
``NUMBA_CPU_FEATURES``, without which the machine's own instructions are used as well.
"""

import platform
import sys
from typing import NamedTuple

import llvmlite.binding
import numba
import pytest


class Kind(NamedTuple):
    """What the machine code for a kind of processor must use.

    Attributes
    ----------
    register
        Of vectors: "xmm" (two float64), "ymm" (four) or "zmm" (eight).
    fused
        Whether there is a fused multiply-add.
    """

    register: str
    fused: bool


#: Names of LLVM. The machine's own kind is worked out from its features.
KINDS = {
    "x86-64-v2": Kind("xmm", fused=False),
    "haswell": Kind("ymm", fused=True),
    "skylake-avx512": Kind("zmm", fused=True),
}


def is_x86_64():
    return platform.machine().lower() in ("x86_64", "amd64")


def chosen_kind():
    """Return the kind that numba compiles for in this process.

    Skips the test on other processors than x86-64.
    """
    if not is_x86_64():
        pytest.skip("the processor is not x86-64")
    # Numba ships no types.
    name, features = numba.config.CPU_NAME, numba.config.CPU_FEATURES  # pyright: ignore
    if name is not None:
        assert features == "", "NUMBA_CPU_NAME needs an empty NUMBA_CPU_FEATURES"
        return KINDS[name]
    return host_kind()


def host_kind():
    """Return the kind of this machine, an x86-64."""
    features = llvmlite.binding.get_host_cpu_features()
    if features.get("avx512f"):
        return KINDS["skylake-avx512"]
    if features.get("avx2") and features.get("fma"):
        return KINDS["haswell"]
    return KINDS["x86-64-v2"]


def can_execute(name):
    """Return whether this machine runs code for a kind of processor."""
    if not is_x86_64():
        return False
    order = list(KINDS.values())
    return order.index(KINDS[name]) <= order.index(host_kind())


def main():
    """Print what ``.ci/run`` does for each kind: execute its code, or compile it."""
    if not is_x86_64():
        print("no x86-64")
        return 0
    print(f"processor: {llvmlite.binding.get_host_cpu_name()}")
    for name in KINDS:
        print("kind:", "execute" if can_execute(name) else "compile", name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
