# SPDX-License-Identifier: MIT
"""Numba compiles on first use: say so when it does. `warm_up` does it beforehand."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def announced(say: Callable[[str], None]) -> Iterator[None]:
    """Call `say` once if numba has to compile something inside the block."""
    from ..kernels.machine_code import announced as told_of_compilations

    told = False

    def tell() -> None:
        nonlocal told
        if not told:
            say("compiling the kernels that this run needs (only the first time)")
        told = True

    with told_of_compilations(tell):
        yield
