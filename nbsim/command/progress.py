# SPDX-License-Identifier: MIT
"""A progress bar for long runs on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

#: A run that is over sooner than this shows no bar, s.
PATIENCE = 2.0
WIDTH = 30


class ProgressBar:
    """Bar, percent and remaining time on one line, from the third second on.

    Parameters
    ----------
    stream
        Where it is drawn; nothing is drawn when that is no terminal.
    clock
        Seconds.
    """

    def __init__(
        self, stream: TextIO, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._started = clock()
        self._drawn = ""

    def __call__(self, fraction: float) -> None:
        """Show the finished fraction, 0 to 1."""
        elapsed = self._clock() - self._started
        if elapsed < PATIENCE or fraction <= 0.0 or not self._stream.isatty():
            return
        self._draw(_line(fraction, elapsed * (1.0 - fraction) / fraction))

    def clear(self) -> None:
        """Take the bar away."""
        if self._drawn:
            self._draw("")

    def _draw(self, line: str) -> None:
        if line != self._drawn:
            self._stream.write(f"\r{line.ljust(len(self._drawn))}")
            self._stream.write("" if line else "\r")
            self._stream.flush()
            self._drawn = line


def _line(fraction: float, remaining: float) -> str:
    filled = int(WIDTH * fraction)
    bar = "#" * filled + "." * (WIDTH - filled)
    return f"[{bar}] {100.0 * fraction:3.0f} %, {_duration(remaining)} left"


def _duration(seconds: float) -> str:
    whole = int(seconds + 0.5)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def standard_bar() -> ProgressBar:
    """Return a bar on standard error."""
    return ProgressBar(sys.stderr)
