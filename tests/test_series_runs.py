# SPDX-License-Identifier: MIT
"""Runs of series: workers, restarts, faults, and the command line."""

import concurrent.futures
import errno
import json
import os
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from series_examples import STILL, WORDS, digests, series

from nbsim import FileError, SeriesError, SeriesOutputs, Workers, write_series
from nbsim.series import sinks
from nbsim.series.executors import crew, fitting_workers
from nbsim.series.outputs import Task, temporary
from nbsim.series.schedule import RETRIES, Crew, run_tasks
from nbsim.series.work import Done

PROGRAM = [sys.executable, "-m", "nbsim"]
LINE = f"{WORDS} -frames 12 -seed 3 -nxfile x.nxs -cbffile x_##.cbf -truthfile t.json"


def nbsim(folder, words, **more):
    return subprocess.run(
        [*PROGRAM, *shlex.split(words)],
        cwd=folder,
        capture_output=True,
        text=True,
        **more,
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the files of an undisturbed run."""
    folder = tmp_path_factory.mktemp("whole")
    ran = nbsim(folder, f"{LINE} -workers 1")
    assert ran.returncode == 0, ran.stderr
    return folder, digests(folder)


def manifest(folder):
    text = (Path(folder) / "x.manifest.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_the_command_says_and_writes_what_was_made(whole):
    folder, files = whole
    assert set(files) == {"x.nxs", "t.json", *(f"x_{i:02d}.cbf" for i in range(1, 13))}
    first, *tasks, last = manifest(folder)
    assert first["command"].startswith("nbsim -cell") and last["finished"]
    assert sorted(f for task in tasks for f in task["frames"]) == list(range(1, 13))
    for task in tasks:
        assert {"file", "sha256", "seconds", "host"} <= set(task)
        for name, digest in task["files"].items():
            if name.endswith(".cbf"):
                assert files[name] == digest
    assert not list(folder.glob("*work*"))


@pytest.mark.parametrize("more", ["-workers 2", "-executor dask -workers 2"])
def test_any_workers_make_the_same_bytes(more, whole, tmp_path):
    if "dask" in more:
        pytest.importorskip("distributed")
    ran = nbsim(tmp_path, f"{LINE} {more}")
    assert ran.returncode == 0, ran.stderr
    assert digests(tmp_path) == whole[1]


def start_and_wait(folder, words, finished):
    """Start a run and return it when so many tasks are finished."""
    process = subprocess.Popen(
        [*PROGRAM, *shlex.split(words)],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    path = Path(folder) / "x.manifest.jsonl"
    for _ in range(600):
        if path.exists() and path.read_bytes().count(b"\n") > finished:
            return process
        time.sleep(0.05)
    process.kill()
    raise AssertionError("the run did not get far enough")


SLOW = LINE.replace("-phisteps 2", "-phisteps 60 -oversample 2").replace(
    "-detpixels 128", "-detpixels 300"
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_series_goes_on_and_ends_the_same(number, tmp_path):
    (tmp_path / "calm").mkdir()
    (tmp_path / "killed").mkdir()
    assert nbsim(tmp_path / "calm", f"{SLOW} -workers 1").returncode == 0
    folder = tmp_path / "killed"
    process = start_and_wait(folder, f"{SLOW} -workers 2", 2)
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert process.returncode == (130 if number == signal.SIGINT else -9)
    if number == signal.SIGINT:
        assert "of 12 frames are whole and kept, -resume goes on" in said
        assert not list(folder.glob(".*part"))
    assert not (folder / "x.nxs").exists()
    again = nbsim(folder, SLOW)
    assert again.returncode == 1 and "is not finished is there" in again.stderr
    ran = nbsim(folder, f"{SLOW} -resume -workers 2")
    assert ran.returncode == 0, ran.stderr
    assert "are there already" in ran.stderr
    assert digests(folder) == digests(tmp_path / "calm")


def test_resume_makes_what_is_missing_or_broken(whole, tmp_path):
    for path in whole[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    ran = nbsim(tmp_path, f"{LINE} -resume")
    assert "made 0 frames, kept 12" in ran.stdout
    (tmp_path / "x_03.cbf").unlink()
    content = bytearray((tmp_path / "x_07.cbf").read_bytes())
    content[2000] ^= 1
    (tmp_path / "x_07.cbf").write_bytes(content)
    ran = nbsim(tmp_path, f"{LINE} -resume -workers 1")
    assert ran.returncode == 0, ran.stderr
    assert digests(tmp_path) == whole[1]


def test_resume_refuses_another_command_line(whole, tmp_path):
    for path in whole[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    ran = nbsim(tmp_path, f"{LINE} -resume -mosaic 0.3")
    assert ran.returncode == 2
    assert "belongs to another series" in ran.stderr
    assert "mosaic_spread_deg was 0.0, is 0.3" in ran.stderr
    assert digests(tmp_path) == whole[1]


def test_resume_takes_the_seed_from_the_manifest(tmp_path):
    line = LINE.replace(" -seed 3", "").replace("-frames 12", "-frames 2")
    assert nbsim(tmp_path, f"{line} -workers 1").returncode == 0
    before = digests(tmp_path)
    (tmp_path / "x_02.cbf").unlink()
    time.sleep(1.1)  # the clock would give another one
    ran = nbsim(tmp_path, f"{line} -resume -workers 1")
    assert ran.returncode == 0, ran.stderr
    assert digests(tmp_path) == before


def test_two_series_of_one_name(tmp_path):
    from nbsim.series.manifest import Manifest

    outputs = SeriesOutputs(cbffile=str(tmp_path / "x_#.cbf"))
    with Manifest(outputs.manifest):
        with pytest.raises(SeriesError, match="another nbsim is writing"):
            write_series(series(1), outputs)
    assert not list(tmp_path.glob("*.cbf"))


def test_a_full_disk_keeps_what_is_whole(tmp_path):
    words = f"{STILL} -detpixels 300 -frames 8 -seed 1 -floatfile x_#.bin"
    limit = 100_000  # less than a frame

    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    ran = nbsim(tmp_path, f"{words} -workers 1", preexec_fn=small_files)
    assert ran.returncode == 1
    assert "cannot write" in ran.stderr and "x_1.bin" in ran.stderr
    assert ran.stderr.count("\n") == 1 and "Traceback" not in ran.stderr
    assert not list(tmp_path.glob("*.bin")) and not list(tmp_path.glob(".*"))


def test_a_full_disk_in_hdf5(tmp_path):
    words = f"{STILL} -detpixels 300 -frames 2 -seed 1 -nxfile x.nxs -compression none"

    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    ran = nbsim(tmp_path, f"{words} -workers 1", preexec_fn=small_files)
    assert ran.returncode == 1, ran.stderr
    assert "cannot write" in ran.stderr and ran.stderr.count("\n") == 1
    assert not (tmp_path / "x.nxs").exists()


def test_a_folder_that_is_full_in_the_middle(tmp_path, monkeypatch):
    """Whole frames stay, nothing half written does, and -resume goes on."""
    outputs = SeriesOutputs(cbffile=str(tmp_path / "x_#.cbf"))
    real = sinks.write_cbf

    def full(to, counts, recording, frame):
        if frame >= 3:
            Path(to).write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(to, counts, recording, frame)

    monkeypatch.setattr("nbsim.series.sinks.write_cbf", full)
    one = Workers(count=1)
    with pytest.raises(FileError, match="x_4.cbf: no space left on device"):
        write_series(series(6), outputs, one)
    names = [f"x_{n}.cbf" for n in (1, 2, 3)]
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["x.manifest.jsonl", *names]
    monkeypatch.undo()
    summary = write_series(series(6), outputs, one, resume=True)
    assert (summary.made, summary.kept) == (3, 3)


PEAK = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from series_examples import series, WORDS
from nbsim import SeriesOutputs, write_series
from nbsim import Workers
made = series(int(sys.argv[2]), f"{WORDS} -detpixels 400 -fluence 1e26 -oversample 1")
outputs = SeriesOutputs(nxfile="x.nxs", cbffile="x_###.cbf", tifffile="x.tif")
write_series(made, outputs, Workers(count=1))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_frames(tmp_path):
    """Floats and counts of the additional frames would take 80 MB."""
    peaks = []
    for frames in (6, 70):
        folder = tmp_path / str(frames)
        folder.mkdir()
        words = [sys.executable, "-c", PEAK, str(Path(__file__).parent), str(frames)]
        ran = subprocess.run(words, cwd=folder, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        peaks.append(int(ran.stdout))
    assert peaks[1] - peaks[0] < 25_000, peaks  # KB


BAD_LINES = {
    "-frames 3 -frame_table t.csv -cbffile x_#.cbf": "the table has 2 rows",
    "-frames 3": "a series needs a file to write",
    "-frames 12 -cbffile x_#.cbf": "no room for frame 12",
    "-frames 12 -cbffile x.cbf": "needs a # for each digit",
    "-frames 2 -cbffile x_#.cbf -noisefile x_#.cbf": "are the same file",
    "-frames 2 -intfile x.img -cbffile x_#.cbf": "-intfile is for one image",
    "-random_orientations 2 -cbffile x_#.cbf": "give the -seed",
    "-frames 2 -nxfile x_master.h5 -nxvalues photons": "floats for whole numbers",
    "-frames 2 -phistep 1 -cbffile x_#.cbf": "give the width of a frame",
}


@pytest.mark.parametrize("option", ["nxfile", "truthfile", "cbffile", "floatfile"])
def test_a_series_leaves_devices_alone(option, tmp_path):
    """Its files are moved into place: root would replace the device."""
    (tmp_path / "name_1").symlink_to("/dev/null")
    name = "name_1" if option in ("nxfile", "truthfile") else "name_#"
    ran = nbsim(tmp_path, f"{STILL} -frames 1 -seed 1 -workers 1 -{option} {name}")
    assert ran.returncode == 1, ran.stderr
    assert f"-{option} name_1 is no file: a series is written in parts" in ran.stderr
    assert os.stat("/dev/null").st_mode & 0o170000 == 0o020000
    assert [path.name for path in tmp_path.iterdir()] == ["name_1"]


@pytest.mark.parametrize("more", BAD_LINES)
def test_bad_lines_are_one_sentence_and_status_2(more, tmp_path):
    (tmp_path / "t.csv").write_text("mosaic\n0.1\n0.2\n")
    ran = nbsim(tmp_path, f"{STILL} {more}")
    assert ran.returncode == 2, ran.stderr
    *_, last = ran.stderr.splitlines()
    assert BAD_LINES[more] in last and "Traceback" not in ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_a_scheduler_that_is_not_there(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("nbsim.series.executors.PATIENCE", "1s")
    with pytest.raises(SeriesError, match="no Dask scheduler answers there"):
        with crew("dask", scheduler="tcp://127.0.0.1:9"):
            pass


def test_random_orientations_write_their_table(tmp_path):
    words = f"{STILL} -seed 4 -random_orientations 3 -frame_table t.csv"
    assert nbsim(tmp_path, words).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]
    ran = nbsim(tmp_path, f"{words} -cbffile a_#.cbf -workers 1")
    assert ran.returncode == 0, ran.stderr
    words = f"{STILL} -seed 99 -frame_table t.csv -cbffile b_#.cbf -workers 1"
    assert nbsim(tmp_path, words).returncode == 0
    for number in (1, 2, 3):
        a, b = (tmp_path / f"{name}_{number}.cbf" for name in "ab")
        assert a.read_bytes() == b.read_bytes()


def test_a_cbf_that_cannot_hold_the_geometry_warns(tmp_path):
    ran = nbsim(tmp_path, f"{WORDS} -twotheta 5 -frames 1 -seed 1 -cbffile x.cbf")
    assert ran.returncode == 0 and "its header cannot hold this geometry" in ran.stderr


class Mortal(Crew):
    """Threads, some of whose tasks break the executor as a killed process does."""

    def __init__(self, slots, deadly):
        self.slots = ["cpu"] * slots
        self.deadly, self.tries, self.renewed = deadly, Counter(), 0
        self.renew()

    def renew(self):
        self.executor = concurrent.futures.ThreadPoolExecutor(len(self.slots))
        self.renewed += 1

    def make(self, task, device):
        self.tries[task.number] += 1
        time.sleep(0.002)
        if self.tries[task.number] <= self.deadly.get(task.number, 0):
            raise concurrent.futures.BrokenExecutor("killed")
        return Done(task, {}, 0.0, "here")


def run_mortal(count, slots, deadly):
    mortal = Mortal(slots, deadly)
    done, again = [], []
    tasks = [Task(number, number, 1) for number in range(count)]
    run_tasks(
        tasks,
        mortal,
        mortal.make,
        lambda result: done.append(result.task.number),
        lambda task: again.append(task.number),
    )
    return mortal, sorted(done), again


def test_tasks_of_dead_workers_are_done_again():
    mortal, done, again = run_mortal(20, 3, {4: RETRIES, 11: 1})
    assert done == list(range(20))
    assert {4, 11} <= set(again)
    assert mortal.tries[4] == RETRIES + 1


def test_a_task_that_always_kills_is_named_and_others_are_not():
    with pytest.raises(SeriesError, match="^frame 8: the worker died 3 times"):
        run_mortal(20, 4, {7: 99})


def test_a_refusal_is_not_tried_again():
    mortal = Mortal(2, {})

    def refuse(task, device):
        mortal.tries[task.number] += 1
        if task.number == 2:
            raise FileError("cannot write x: no space")
        return Done(task, {}, 0.0, "here")

    done = []
    tasks = [Task(number, number, 1) for number in range(50)]
    with pytest.raises(FileError, match="no space"):
        run_tasks(tasks, mortal, refuse, done.append, lambda task: None)
    assert mortal.tries[2] == 1 and {0, 1} <= {d.task.number for d in done}
    assert len(done) == sum(mortal.tries.values()) - 1


def test_tasks_cover_all_frames_once():
    for frames in (1, 31, 32, 33, 1000, 100_000):
        for name in ("x.nxs", "x_master.h5"):
            tasks = SeriesOutputs(nxfile=name, frames_per_file=70).tasks(frames)
            assert [n for task in tasks for n in task.frames] == list(range(frames))
            assert max(task.count for task in tasks) <= 70


def test_memory_limits_the_workers(monkeypatch):
    monkeypatch.setattr("nbsim.series.executors.processors", lambda: 64)
    monkeypatch.setattr(
        "nbsim.series.executors.available_memory", lambda: 4_000_000_000
    )
    assert fitting_workers(0) == 11
    assert fitting_workers(10_000_000_000) == 1


def test_what_dead_workers_leave_is_removed(tmp_path):
    outputs = SeriesOutputs(cbffile=str(tmp_path / "x_#.cbf"))
    left = temporary(str(tmp_path / "x_2.cbf")).replace(str(os.getpid()), "4711")
    Path(left).write_text("half")
    other = tmp_path / ".x_9.cbf.host-1.part"
    other.write_text("of another series")
    write_series(series(2, STILL), outputs, Workers(count=1))
    assert not Path(left).exists() and other.exists()


def test_a_batch_makes_what_single_commands_make(tmp_path):
    base = STILL.replace("-misset 10 20 30", "")
    (tmp_path / "b.txt").write_text(
        "# two images\n-misset 1 2 3 -floatfile a.bin -seed 1 -noisefile a.img\n\n"
        "nbsim -misset 3 2 1 -floatfile 'b b.bin'  # the second\n"
    )
    ran = nbsim(tmp_path, f"{base} -batch b.txt")
    assert ran.returncode == 0 and ran.stdout == "made 2 images\n", ran.stderr
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"b.txt", "a.bin", "a.img", "b b.bin"}
    (tmp_path / "one").mkdir()
    words = f"{base} -misset 1 2 3 -floatfile a.bin -seed 1 -noisefile a.img"
    assert nbsim(tmp_path / "one", words).returncode == 0
    for name in ("a.bin", "a.img"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


@pytest.mark.parametrize(
    "row, status, message",
    [
        ("-N many -floatfile b.bin", 2, "b.txt:2: -N many"),
        ("-misset 1 2 3", 2, "b.txt:2: it writes no file"),
        ("-floatfile a.bin", 2, "b.txt:2: a.bin was written by row 1 already"),
        ("-frames 3 -nxfile x.nxs", 2, "b.txt:2: -frames cannot stand in a batch"),
        ("-floatfile 'b.bin", 1, "b.txt:2: no closing quotation"),
        ("-hkl none.hkl -floatfile b.bin", 1, "b.txt:2: cannot read"),
    ],
)
def test_bad_rows_of_a_batch_are_named(row, status, message, tmp_path):
    (tmp_path / "b.txt").write_text(f"-floatfile a.bin\n{row}\n")
    ran = nbsim(tmp_path, f"{STILL} -batch b.txt")
    assert ran.returncode == status
    assert f"nbsim: error: {message}" in ran.stderr
