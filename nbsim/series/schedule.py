# SPDX-License-Identifier: MIT
"""Hand tasks to an executor, and again when the worker that had one dies."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    wait,
)

from ..errors import SeriesError
from .outputs import Task
from .work import Done

#: A task is done again so often when its worker ends without a result.
RETRIES = 2
#: How long Ctrl-C may wait for Python to look, s.
GLANCE = 0.2


class Crew:
    """Workers: an executor, which a pool of processes replaces when it breaks.

    Attributes
    ----------
    slots
        A device for each task that may be in the executor's hands.
    executor
        What tasks are submitted to.
    """

    slots: Sequence[str]
    executor: Executor

    def renew(self) -> None:
        """Replace a broken executor, where it can break."""

    def lost(self, error: BaseException) -> bool:
        """Whether an exception means that a worker is gone, not that it refused."""
        return isinstance(error, (BrokenExecutor, CancelledError))


def run_tasks(
    tasks: Iterable[Task],
    crew: Crew,
    make: Callable[..., Done],
    on_done: Callable[[Done], None],
    on_retry: Callable[[Task], None],
) -> None:
    """Have all tasks done.

    When a worker dies, a pool cannot say which task it had. All that were in the pool's
    hands are then done again, one at a time, so that the next death is put down to the
    right one.

    Parameters
    ----------
    tasks
        What is to be done, in this order.
    crew
        Who does it.
    make
        Called in a worker with a task and a device; must be importable there.
    on_done
        Told each result, in this process.
    on_retry
        Told each task that is done again.

    Raises
    ------
    SeriesError
        When a task's workers died `RETRIES` + 1 times.
    OSError, ValueError
        What a task raised; tasks in the workers' hands are finished before.
    """
    queue = _Queue(tasks)
    running: dict[Future, tuple[Task, str]] = {}
    free = list(crew.slots)
    failure: BaseException | None = None
    while running or (queue and not failure):
        while free and not failure:
            task = queue.next([task for task, _ in running.values()])
            if task is None:
                break
            try:
                future = crew.executor.submit(make, task, free[-1])
            except BrokenExecutor:  # since the last look: nobody has this task
                queue.put_back(task)
                if not running:
                    crew.renew()
                break
            running[future] = (task, free.pop())
        dead, broken = [], False
        done, _ = wait(running, GLANCE, FIRST_COMPLETED)
        while done:
            future = done.pop()
            task, slot = running.pop(future)
            free.append(slot)
            error = _problem(future)
            if error is None:
                on_done(future.result())
            elif crew.lost(error):
                dead.append(task)
                if isinstance(error, BrokenExecutor) and not broken:
                    broken = True  # all its futures end now
                    done = set(running)
            else:
                failure = failure or error
        if broken:
            crew.renew()
        for task in sorted(dead, key=lambda task: task.number):
            if queue.again(task):
                on_retry(task)
            else:
                failure = failure or SeriesError(
                    f"{task}: the worker died {RETRIES + 1} times over it (killed, or "
                    "out of memory); finished frames are kept, -resume goes on"
                )
    if failure:
        raise failure


class _Queue:
    """Tasks to be done; those whose worker died run alone."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._waiting = deque(tasks)
        self._suspects: deque[Task] = deque()
        self._deaths: Counter[Task] = Counter()

    def __bool__(self) -> bool:
        return bool(self._waiting or self._suspects)

    def next(self, running: list[Task]) -> Task | None:
        """Return what may be submitted beside what is running, None for nothing."""
        if any(self._deaths[task] for task in running):
            return None
        if self._suspects:
            return None if running else self._suspects.popleft()
        return self._waiting.popleft() if self._waiting else None

    def put_back(self, task: Task) -> None:
        """Take back what could not be submitted."""
        queue = self._suspects if self._deaths[task] else self._waiting
        queue.appendleft(task)

    def again(self, task: Task) -> bool:
        """Take back what a worker died over; False when that was once too often."""
        self._deaths[task] += 1
        if self._deaths[task] > RETRIES:
            return False
        self._suspects.append(task)
        return True


def _problem(future: Future) -> BaseException | None:
    """Return why a future has no result, waiting for it."""
    try:
        return future.exception()
    except CancelledError as error:
        return error
