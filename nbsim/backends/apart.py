# SPDX-License-Identifier: MIT
"""Long work in a thread of its own, so that Ctrl-C and progress are not kept waiting.

Python runs signal handlers in the main thread, and not before a kernel that it has
called returns. So the main thread has its kernels called by a helper, and waits.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from typing import Any

#: Between two looks at the progress, s.
INTERVAL = 0.1
#: For kernels that were told to stop, s. A compilation cannot be told, and is left
#: alone: what follows it finds that it has been stopped.
PATIENCE = 0.5


class _Task:
    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._error: BaseException | None = None
        self.done = threading.Event()

    def run(self) -> None:
        try:
            self._value = self._work()
        except BaseException as error:
            self._error = error
        self.done.set()

    def result(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._value


class _Helper:
    """A thread that lives as long as the process: its OpenMP threads do, too."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._tasks: queue.SimpleQueue[_Task] = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="nbsim", daemon=True).start()

    def start(self, task: _Task) -> None:
        self._tasks.put(task)

    def _serve(self) -> None:
        while True:
            self._tasks.get().run()


_helper: _Helper | None = None


def apart(
    work: Callable[[], Any], meanwhile: Callable[[], None], stop: Callable[[], None]
) -> Any:
    """Return what `work` returns; called by the main thread, do it in another one.

    Parameters
    ----------
    work
        What takes long.
    meanwhile
        Called now and then by the main thread. What it raises ends the work, as
        Ctrl-C does.
    stop
        Makes the work return soon.
    """
    global _helper
    if threading.current_thread() is not threading.main_thread():
        return work()
    if _helper is None or _helper.process != os.getpid():
        _helper = _Helper()
    task = _Task(work)
    _helper.start(task)
    try:
        while not task.done.wait(INTERVAL):
            meanwhile()
    except BaseException:
        stop()
        if not task.done.wait(PATIENCE):
            _helper = None
        raise
    return task.result()
