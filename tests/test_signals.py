# SPDX-License-Identifier: MIT
"""Signals end the program at once, whatever it is doing, and leave nothing behind."""

import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

from nbsim.formats import unfinished
from nbsim.formats.files import replace_when_complete

PROGRAM = shutil.which("nbsim", path=pathlib.Path(sys.executable).parent)
#: Hours of work in one pixel.
ENDLESS = (
    "-cell 100 -default_F 100 -N 5 -detpixels 1 -oversample 100 -mosaic 1 "
    "-mosaic_domains 1000 -phisteps 1000 -osc 1 -device cpu -noprogress"
)
#: Milliseconds on an idle machine; a second is what is promised on any.
PROMPT = 1.0


@pytest.fixture(autouse=True)
def hangup_is_not_ignored():
    """Under nohup SIGHUP is ignored, and processes inherit that, as they should."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def start(words, folder, program=(PROGRAM,), **environment):
    return subprocess.Popen(
        [*program, *words.split()],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stop(process, number=signal.SIGINT):
    """Send a signal; return standard error and the seconds until the end."""
    process.send_signal(number)
    began = time.monotonic()
    _, errors = process.communicate(timeout=60)
    return errors, time.monotonic() - began


def wait_for(process, text):
    while text not in (line := process.stdout.readline()):
        assert line or process.poll() is None


@pytest.mark.parametrize(
    "name, status, words",
    [
        ("SIGINT", 130, "interrupted"),
        ("SIGTERM", 143, "terminated (SIGTERM)"),
        ("SIGHUP", 129, "terminated (SIGHUP: the terminal or the session ended)"),
    ],
)
def test_one_expensive_pixel(tmp_path, name, status, words):
    with start(ENDLESS, tmp_path) as process:
        wait_for(process, "noise image parameters")
        time.sleep(0.5)
        errors, seconds = stop(process, getattr(signal, name))
    assert process.returncode == status
    assert errors.endswith(f"nbsim: error: {words}\n") and "Traceback" not in errors
    assert seconds < PROMPT
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("delay", [0.0, 0.3, 1.0, 2.0])
def test_compilation(tmp_path, delay):
    """Exceptions would be swallowed in the callbacks of llvmlite."""
    cache = str(tmp_path / "cache")
    with start(ENDLESS, tmp_path, XDG_CACHE_HOME=cache) as process:
        line = process.stderr.readline()
        assert "compiling" in line or "warning" in line
        time.sleep(delay)
        errors, seconds = stop(process)
    assert (process.returncode, errors) == (130, "nbsim: error: interrupted\n")
    assert seconds < PROMPT


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.2, 0.4, 0.6])
def test_start(tmp_path, delay):
    """Never a traceback, from the first line of the program on."""
    program = (
        sys.executable,
        "-c",
        "from nbsim.command.signals import end_on_signals; end_on_signals();"
        "print('here', flush=True); from nbsim.__main__ import command; command()",
    )
    with start(ENDLESS, tmp_path, program) as process:
        wait_for(process, "here")
        time.sleep(delay)
        errors, seconds = stop(process)
    assert process.returncode == 130
    assert errors.endswith("nbsim: error: interrupted\n") and "Traceback" not in errors
    assert seconds < PROMPT


def test_handler_comes_before_everything_slow():
    program = "import sys, nbsim.command.signals; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    ).stdout.split()
    assert "nbsim.command.signals" in loaded
    assert not {"argparse", "numpy", "numba", "nbsim.options"} & set(loaded)


def test_ignored_signal_stays_ignored(tmp_path):
    """As under nohup, and in the background of a script."""
    program = ("sh", "-c", f'trap "" HUP INT; exec {PROGRAM} "$@"', "sh")
    with start(ENDLESS, tmp_path, program) as process:
        wait_for(process, "noise image parameters")
        for number in (signal.SIGHUP, signal.SIGINT):
            process.send_signal(number)
        time.sleep(0.5)
        assert process.poll() is None
        stop(process, signal.SIGTERM)
    assert process.returncode == 143


#: Begins a file, says so, and waits.
HALF_WRITTEN = """
import sys, time
from nbsim.command.signals import end_on_signals
end_on_signals()
from nbsim.formats.files import replace_when_complete
with replace_when_complete("image.bin") as stream:
    stream.write(b"half")
    stream.flush()
    print("begun", flush=True)
    time.sleep(60)
"""


def half_written(folder):
    process = start("", folder, (sys.executable, "-c", HALF_WRITTEN))
    wait_for(process, "begun")
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_half_written_files_are_removed(tmp_path, number):
    (tmp_path / "image.bin").write_bytes(b"old")
    with half_written(tmp_path) as process:
        assert len(os.listdir(tmp_path)) == 2
        stop(process, number)
    assert process.returncode == 128 + number
    assert os.listdir(tmp_path) == ["image.bin"]
    assert (tmp_path / "image.bin").read_bytes() == b"old"


def test_next_run_removes_what_a_killed_one_left(tmp_path, monkeypatch):
    with half_written(tmp_path) as killed, half_written(tmp_path) as living:
        stop(killed, signal.SIGKILL)
        assert len(list(tmp_path.glob(".nbsim-*.part"))) == 2
        other = tmp_path / ".nbsim-000000-0123456789abcdef.part"
        other.write_bytes(b"of another machine")
        unfinished._remove_left_over.cache_clear()
        with replace_when_complete(tmp_path / "other.bin") as stream:
            stream.write(b"whole")
        left = set(tmp_path.glob(".nbsim-*.part"))
        assert len(left) == 2 and other in left
        stop(living)
    assert {path.name for path in tmp_path.iterdir()} == {"other.bin", other.name}


def test_file_is_locked_until_it_has_its_name(tmp_path, monkeypatch):
    """Between closing and renaming too, or another process would take it away."""
    unfinished_file = unfinished.Unfinished(str(tmp_path / "image.bin"))
    replace = os.replace

    def locked_replace(path, target):
        with open(path, "rb") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        replace(path, target)

    monkeypatch.setattr(os, "replace", locked_replace)
    unfinished_file.put_in_place(None)
    assert os.listdir(tmp_path) == ["image.bin"]
    with open(tmp_path / "image.bin", "rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_no_signal_between_the_names_of_several_files(tmp_path):
    program = f"""
import os, time
{HALF_WRITTEN.partition("with")[0]}
from nbsim.formats.unfinished import together
first, second = replace_when_complete("a"), replace_when_complete("b")
first.__enter__(), second.__enter__()
with together():
    print("begun", flush=True)
    first.__exit__(None, None, None)
    time.sleep(0.3)
    second.__exit__(None, None, None)
time.sleep(60)
"""
    with start("", tmp_path, (sys.executable, "-c", program)) as process:
        wait_for(process, "begun")
        stop(process)
    assert process.returncode == 130
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]
