# SPDX-License-Identifier: MIT
"""Rows of an image shared out to threads, where the rows do not need each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .threads import count as usable

#: Pieces per thread: enough to show progress, and to end soon after Ctrl-C.
PIECES_PER_THREAD = 8
#: Pieces of what one thread does, for progress to be seen.
SERIAL_PIECES = 50

Answer = TypeVar("Answer")


def share(
    progress: Callable[[float], None] | None, first: float, last: float
) -> Callable[[float], None] | None:
    """Return what to call with the finished fraction of a part of the work.

    Parameters
    ----------
    progress
        Called with the finished fraction of all.
    first, last
        Where the part begins and ends, as fractions of all.
    """
    if progress is None:
        return None
    return lambda fraction: progress(first + (last - first) * fraction)


def one_after_the_other(
    work: Callable[[int, int], Answer],
    count: int,
    progress: Callable[[float], None] | None = None,
) -> list[Answer]:
    """Call `work(start, stop)` for pieces of range(`count`) whose order counts."""
    pieces = 1 if progress is None else min(count, SERIAL_PIECES)
    borders = [count * i // pieces for i in range(pieces + 1)]
    answers = []
    for done, piece in enumerate(zip(borders, borders[1:]), 1):
        answers.append(work(*piece))
        if progress is not None:
            progress(done / pieces)
    return answers


def in_pieces(
    work: Callable[[int, int], Answer],
    count: int,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[Answer]:
    """Call `work(start, stop)` for pieces of range(`count`) and return the answers.

    Parameters
    ----------
    work
        Releases the interpreter's lock for most of its time; what it does to an
        element must not depend on the piece.
    count
        Number of elements, usually rows.
    threads
        None: as many as there may be; see `threads.count`.
    progress
        Called in this thread with the finished fraction, 0 to 1.

    Returns
    -------
    list
        In the order of the pieces, whose borders depend on the number of threads.
    """
    threads = threads or usable()
    pieces = min(count, threads * PIECES_PER_THREAD)
    borders = [count * i // pieces for i in range(pieces + 1)]
    if threads == 1 and progress is None:
        return [work(0, count)]
    # Takes as long to import as some whole runs need for this.
    import concurrent.futures

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(work, *piece) for piece in zip(borders, borders[1:])]
        try:
            for done, _ in enumerate(concurrent.futures.as_completed(running), 1):
                if progress is not None:
                    progress(done / pieces)
        except BaseException:  # Ctrl-C: what has not begun does not begin
            pool.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in running]
