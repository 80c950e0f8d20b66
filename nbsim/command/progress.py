# SPDX-License-Identifier: MIT
"""Progress of long runs: a bar on a terminal, else a line for every tenth."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

#: A run that is over sooner than this shows no bar, s.
PATIENCE = 2.0
#: Where there is no terminal, a run that is over sooner than this says nothing, s.
LOG_PATIENCE = 60.0
TENTHS = 10
WIDTH = 30


class ProgressBar:
    """Bar, percent and remaining time on one line, from the third second on.

    Where the stream is no terminal (the log of a batch system), a line for every
    tenth, from the second minute on.

    Parameters
    ----------
    stream
        Where it is drawn.
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
        self._tenths = 0

    def __call__(self, fraction: float) -> None:
        """Show the finished fraction, 0 to 1."""
        elapsed = self._clock() - self._started
        if elapsed < PATIENCE or fraction <= 0.0:
            return
        remaining = elapsed * (1.0 - fraction) / fraction
        if self._stream.isatty():
            self._draw(_line(fraction, remaining))
        elif elapsed >= LOG_PATIENCE:
            self._log(fraction, remaining)

    def _log(self, fraction: float, remaining: float) -> None:
        tenths = int(TENTHS * fraction)
        if tenths > self._tenths:
            self._tenths = tenths
            percent = 100 // TENTHS * tenths
            self._stream.write(f"{percent} % done, {duration(remaining)} left\n")
            self._stream.flush()

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
    return f"[{bar}] {100.0 * fraction:3.0f} %, {duration(remaining)} left"


def duration(seconds: float) -> str:
    """Return a time in words, in the two largest units that it has."""
    whole = int(seconds + 0.5)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(hours, 24)
    return f"{days} days {hours} h" if days < 1000 else f"{days / 365.25:.3g} years"


def standard_bar() -> ProgressBar:
    """Return a bar on standard error."""
    return ProgressBar(sys.stderr)
