# SPDX-License-Identifier: MIT
"""Who works: this process, a pool of processes, Dask's workers or MPI's ranks."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import Any

from ..errors import SeriesError
from ..model.structure_factors import available_memory
from ..optional import library
from ..threads import processors
from . import running
from .schedule import Crew

EXECUTORS = ("pool", "dask", "mpi")
#: Python, numba and a frame's arrays beside the structure factors, bytes.
WORKER_BYTES = 350_000_000
#: How long a Dask scheduler may take to answer, s.
PATIENCE = "10s"


def fitting_workers(frame_bytes: int) -> int:
    """Return how many workers the machine's processors and memory allow, at least 1."""
    return max(1, min(processors(), available_memory() // (WORKER_BYTES + frame_bytes)))


class InProcess(Executor):
    """Does a task when it is submitted, here."""

    def submit(
        self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Future[Any]:
        """Call a function and return its finished future."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class LocalCrew(Crew):
    """One worker: this process."""

    def __init__(self, slots: Sequence[str]) -> None:
        self.slots, self.executor = slots[:1], InProcess()


class PoolCrew(Crew):
    """A pool of processes on this machine, one task more than workers in its hands."""

    def __init__(self, workers: int, slots: Sequence[str], threads: int) -> None:
        self.slots = slots
        self._workers, self._threads = workers, threads
        self.executor: Executor = self._pool()

    def _pool(self) -> ProcessPoolExecutor:
        # Numba's threads do not survive a fork.
        return ProcessPoolExecutor(
            self._workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=start_worker,
            initargs=(self._threads,),
        )

    def renew(self) -> None:
        """Start another pool."""
        self.stop()
        self.executor = self._pool()

    def stop(self) -> None:
        """End all workers at once."""
        processes = self.processes()
        self.executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for process in processes:
            process.join(1.0)

    def processes(self) -> list[Any]:
        """Return the workers' processes."""
        return list((getattr(self.executor, "_processes", None) or {}).values())


def start_worker(threads: int) -> None:
    """Prepare a worker process: Ctrl-C is for its parent, and so are the threads."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.setdefault("NUMBA_NUM_THREADS", str(threads))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its parent has ended, however that came about."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


class DaskCrew(Crew):
    """Workers of a Dask scheduler, which does killed workers' tasks again itself."""

    def __init__(self, client: Any, workers: int, device: str) -> None:
        self.executor = client.get_executor(pure=False)
        self.slots: Sequence[str] = [device] * (2 * workers)

    def lost(self, error: BaseException) -> bool:
        """Whether Dask has given a task up because its workers died."""
        return type(error).__name__ == "KilledWorker"


class MpiCrew(Crew):
    """The ranks of an MPI run; all end when one dies."""

    def __init__(self, executor: Executor, workers: int, device: str) -> None:
        self.executor = executor
        self.slots: Sequence[str] = [device] * (2 * workers)


@contextlib.contextmanager
def crew(
    kind: str = "pool",
    workers: int | None = None,
    *,
    devices: Sequence[str] = ("cpu",),
    scheduler: str | None = None,
    frame_bytes: int = 0,
    tasks: int = 1,
) -> Iterator[Crew]:
    """Yield workers, and end them afterwards.

    Parameters
    ----------
    kind
        One of `EXECUTORS`.
    workers
        How many; None: as many as there are devices, or as processors and memory allow.
    devices
        CUDA devices, a worker for each; one name without a number ("cpu") is for all.
    scheduler
        Address of a Dask scheduler; None: a cluster on this machine.
    frame_bytes
        Memory that a series takes in each worker.
    tasks
        No more workers than that.

    Raises
    ------
    UsageError
        When a library is missing.
    SeriesError
        When a scheduler does not answer, or an MPI run has one rank.
    """
    # The ranks and workers of other machines choose their device themselves.
    device = devices[0].partition(":")[0]
    if kind == "dask":
        with _dask(workers, scheduler, frame_bytes, tasks, device) as made:
            yield made
        return
    if kind == "mpi":
        with _mpi(device) as made:
            yield made
        return
    on_gpu = ":" in devices[0]
    wanted = len(devices) if on_gpu else min(fitting_workers(frame_bytes), tasks)
    wanted = workers or wanted
    # One task more than workers: nobody waits for the next one.
    slots = devices if on_gpu else [devices[0]] * (wanted + 1)
    if wanted == 1:
        yield LocalCrew(slots)
        return
    pool = PoolCrew(wanted, slots, max(1, processors() // wanted))
    with running.ended_by(lambda: [process.kill() for process in pool.processes()]):
        try:
            yield pool
        finally:
            pool.stop()


@contextlib.contextmanager
def _dask(
    workers: int | None,
    scheduler: str | None,
    frame_bytes: int,
    tasks: int,
    device: str,
) -> Iterator[Crew]:
    distributed = library("distributed", "dask", "-executor dask")
    with contextlib.ExitStack() as stack:
        logging.getLogger("distributed").setLevel(logging.ERROR)
        where: Any = scheduler
        if scheduler is None:
            where = stack.enter_context(
                distributed.LocalCluster(
                    n_workers=workers or min(fitting_workers(frame_bytes), tasks),
                    threads_per_worker=1,
                    dashboard_address=None,
                )
            )
        try:
            client = stack.enter_context(distributed.Client(where, timeout=PATIENCE))
        except (OSError, TimeoutError, ValueError) as error:
            raise SeriesError(
                f"-scheduler {scheduler}: no Dask scheduler answers there ({error})"
            ) from error
        count = len(client.scheduler_info(n_workers=-1)["workers"])
        yield DaskCrew(client, max(count, workers or 1), device)


@contextlib.contextmanager
def _mpi(device: str) -> Iterator[Crew]:
    ranks = library("mpi4py.MPI", "mpi", "-executor mpi").COMM_WORLD.Get_size()
    futures = library("mpi4py.futures", "mpi", "-executor mpi")
    if ranks < 2:
        raise SeriesError(
            "-executor mpi: one rank hands out the work, so two are the least: "
            "mpiexec -n 3 python -m mpi4py.futures -m nbsim ..."
        )
    with futures.MPIPoolExecutor() as executor:
        yield MpiCrew(executor, ranks - 1, device)
