# SPDX-License-Identifier: MIT
"""Ctrl-C and progress during kernels that take long, from Python."""

import signal
import threading
import time

import numpy as np
import pytest

from nbsim import Simulation
from nbsim.backends import apart as module
from nbsim.backends.apart import apart

#: Minutes of work, in one pixel and in many.
LINES = {
    "one pixel": "-cell 100 -default_F 100 -N 5 -detpixels 1 -oversample 100 "
    "-mosaic 1 -mosaic_domains 1000 -phisteps 1000 -osc 1",
    "one ray": "-cell 100 -default_F 100 -N 5 -detpixels 40 -oversample 1 "
    "-mosaic 1 -mosaic_domains 1000 -phisteps 1000 -osc 1",
    "many pixels": "-cell 100 -default_F 100 -N 5 -detpixels 2000 -oversample 10 "
    "-mosaic 1 -mosaic_domains 100 -phisteps 100 -osc 1",
    "running products": "-cell 100 -default_F 100 -N 5 -detpixels 1 -oversample 100 "
    "-mosaic 1 -mosaic_domains 1000 -phisteps 1000 -osc 1 -oversample_omega",
}
#: What is promised, s; milliseconds on an idle machine.
PROMPT = 1.0


def interrupt_after(seconds):
    """Send this process's main thread what Ctrl-C sends."""

    def send():
        sent.append(time.monotonic())
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    sent = []
    threading.Timer(seconds, send).start()
    return sent


@pytest.mark.parametrize("kind", LINES)
def test_ctrl_c_in_python(kind):
    simulation = Simulation.from_args(LINES[kind])
    # Compiled before, and fast.
    simulation.run(backend="cpu", progress=raise_at(1e-9))
    sent = interrupt_after(0.3)
    with pytest.raises(KeyboardInterrupt):
        simulation.render(backend="cpu")
    assert time.monotonic() - sent[0] < PROMPT


class Enough(Exception):
    """Ends a run from its progress function."""


def raise_at(fraction):
    def tell(done):
        if done >= fraction:
            raise Enough

    return tell


@pytest.fixture(autouse=True)
def enough_is_no_failure(monkeypatch):
    """Let `run` return None where the test itself has ended it."""
    run = Simulation.run

    def until_enough(self, **options):
        try:
            return run(self, **options)
        except Enough:
            return None

    monkeypatch.setattr(Simulation, "run", until_enough)


@pytest.mark.parametrize("kind", LINES)
def test_progress_goes_on_within_a_pixel(kind):
    seen = []

    def tell(fraction):
        seen.append(fraction)
        if len(set(seen)) > 4:
            raise Enough

    assert Simulation.from_args(LINES[kind]).run(backend="cpu", progress=tell) is None
    assert seen == sorted(seen) and 0.0 < seen[-1] < 1.0


def test_a_stopped_run_leaves_nothing_running():
    """Whatever comes next has the threads and the image to itself."""
    long = Simulation.from_args(LINES["one ray"])
    short = Simulation.from_args("-cell 100 -default_F 100 -N 5 -detpixels 32")
    before = short.render(backend="cpu")
    image = np.zeros((40, 40), np.float32)
    assert long.run(backend="cpu", out=image, progress=raise_at(1e-9)) is None
    image.fill(-1.0)
    assert np.array_equal(short.render(backend="cpu"), before)
    assert (image == -1.0).all()


def nothing():
    pass


def test_value_and_exception_come_back():
    where = []

    def work():
        where.append(threading.current_thread())
        return 7

    assert apart(work, nothing, nothing) == 7
    assert where[0] is not threading.main_thread()
    assert (
        apart(lambda: where.append(threading.current_thread()), nothing, nothing)
        is None
    )
    assert where[0] is where[1]  # one helper for all
    with pytest.raises(ZeroDivisionError):
        apart(lambda: 1 // 0, nothing, nothing)


def test_other_threads_do_their_own_work():
    found = []

    def target():
        apart(lambda: found.append(threading.current_thread()), nothing, nothing)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    assert found == [thread]


def test_work_that_cannot_be_stopped_is_left_alone(monkeypatch):
    """A compilation, for instance."""
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    release, stopped = threading.Event(), []

    def meanwhile():
        raise Enough

    with pytest.raises(Enough):
        apart(release.wait, meanwhile, lambda: stopped.append(True))
    assert stopped == [True]
    assert apart(lambda: 8, nothing, nothing) == 8
    release.set()
