# SPDX-License-Identifier: MIT
"""What is to be done when a signal ends the process in the middle of a series.

`abandon` runs in the thread that waits for signals, while everything else goes on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

_ends: list[Callable[[], object]] = []


@contextlib.contextmanager
def ended_by(end: Callable[[], object]) -> Iterator[None]:
    """Have a function called if the process is ended inside the block.

    The last ones are called first; a text that one returns is told the user.
    """
    _ends.append(end)
    try:
        yield
    finally:
        _ends.remove(end)


def abandon() -> str:
    """End what runs, and return what to tell the user."""
    words = ""
    for end in reversed(list(_ends)):
        with contextlib.suppress(Exception):
            said = end()
            words += said if isinstance(said, str) else ""
    return words
