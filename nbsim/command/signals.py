# SPDX-License-Identifier: MIT
"""Ctrl-C and a batch system's signals end the program at once, whatever it is doing.

Python runs a signal's handler in the main thread, between two steps of the
interpreter: not while LLVM compiles or a kernel runs, and an exception raised inside a
library's callback is swallowed. So the handlers here do nothing. The system also
writes the signal's number into a pipe, and a thread that waits there removes what is
half written and ends the process.

Imports nothing that takes time: this comes before everything else.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import time

WORDS = {
    "SIGINT": "interrupted",
    "SIGTERM": "terminated (SIGTERM)",
    "SIGHUP": "terminated (SIGHUP: the terminal or the session ended)",
}
#: Exit status of a program that a signal ended: this plus the signal's number.
SIGNALLED = 128
#: Longest time for tidying up, s: a file system may hang.
PATIENCE = 0.6

_watched: list[int] = []


def end_on_signals() -> None:
    """From now on, end the process when one of the signals comes.

    A signal that is ignored (`nohup`, a background job) stays so.
    """
    if _watched:
        return
    numbers = {
        int(getattr(signal, name)): words
        for name, words in WORDS.items()
        if hasattr(signal, name)  # Windows has no SIGHUP
    }
    reading, writing = os.pipe()
    if hasattr(os, "set_blocking"):  # Windows, from Python 3.12
        os.set_blocking(writing, False)
    _thread.start_new_thread(_watch, (reading, numbers))
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _do_nothing)
            _watched.append(number)


def _do_nothing(number: int, frame: object) -> None:
    """Stand in for a handler, without which nothing is written into the pipe."""


def _watch(pipe: int, numbers: dict[int, str]) -> None:
    while (number := os.read(pipe, 1)[0]) not in numbers:
        pass  # of a handler that somebody else has set
    _end(SIGNALLED + number, numbers[number])


def _end(status: int, words: str) -> None:
    def at_the_latest() -> None:
        time.sleep(PATIENCE)
        os._exit(status)

    _thread.start_new_thread(at_the_latest, ())
    # Where it is not loaded nothing has been begun. An import here would wait for
    # the main thread if that is importing.
    for name in ("nbsim.series.running", "nbsim.formats.unfinished"):
        if abandon := getattr(sys.modules.get(name), "abandon", None):
            words += abandon() or ""
    # Not through sys.stderr, which the main thread may be using.
    line = f"nbsim: error: {words}\n"
    with contextlib.suppress(OSError):
        # A progress bar, or the ^C of the terminal, stays on a line of its own.
        os.write(2, ("\n" + line if os.isatty(2) else line).encode("ascii"))
    os._exit(status)
