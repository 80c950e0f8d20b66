# SPDX-License-Identifier: MIT
"""Parallel loops of two Python threads at once, where numba's threads allow it."""

from __future__ import annotations

import contextlib
import threading
from contextlib import AbstractContextManager

#: Threading layers of numba that several Python threads may enter together.
SAFE_LAYERS = ("omp", "tbb")
_ONE_AT_A_TIME = threading.Lock()


def parallel_turn() -> AbstractContextManager[object]:
    """Return the context in which a parallel kernel may be launched.

    Numba's own layer (workqueue) ends the process when two threads enter it; with
    it, and before the first launch has chosen a layer, the threads take turns.
    """
    import numba

    try:
        # Numba ships no types and does not say which of its names are public.
        layer = numba.threading_layer()  # pyright: ignore[reportPrivateImportUsage]
        safe = layer in SAFE_LAYERS
    except ValueError:  # nothing was launched yet
        safe = False
    return contextlib.nullcontext() if safe else _ONE_AT_A_TIME
