# SPDX-License-Identifier: MIT
"""How many threads the loops over pixels may use.

They are Python's own threads, each in compiled code that does not hold the
interpreter's lock: not those of numba or OpenMP, which a forked process does not
survive, and for which numba would have to be imported.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

from .model import validate

_chosen = threading.local()


def most() -> int:
    """Return the largest number: NUMBA_NUM_THREADS, else that of usable processors."""
    with contextlib.suppress(KeyError, ValueError):
        return max(1, int(os.environ["NUMBA_NUM_THREADS"]))
    return processors()


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not everywhere
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def count() -> int:
    """Return how many threads the calling thread's loops use."""
    return min(getattr(_chosen, "count", None) or most(), most())


@contextlib.contextmanager
def limited(threads: int | None) -> Iterator[None]:
    """Use so many threads inside the block; None: as many as before.

    Raises
    ------
    ValueError
        When there are not so many.
    """
    if threads is None:
        yield
        return
    if not 1 <= validate.integer("threads", threads) <= most():
        raise ValueError(
            f"threads {threads}: expected 1 to {most()}; for more, set "
            "NUMBA_NUM_THREADS before the first image is rendered"
        )
    before = getattr(_chosen, "count", None)
    _chosen.count = threads
    try:
        yield
    finally:
        _chosen.count = before
