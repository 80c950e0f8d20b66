# SPDX-License-Identifier: MIT
"""Machine code that is kept: nobody else's is run, and damage costs a compilation."""

import os
import pathlib
import pickle
import random
import resource
import shutil
import stat
import subprocess
import sys
import time

import pytest

from nbsim.kernels import cache_folder as folders
from nbsim.kernels import machine_code

#: Compiles a kernel of its own and prints what it gives, and how it was come by.
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import kernel_of_test
print(kernel_of_test.add(2.0, 3.0), len(kernel_of_test.add.stats.cache_hits))
print(kernel_of_test.multiply(2.0, 3.0), len(kernel_of_test.multiply.stats.cache_hits))
"""
KERNEL = """
from nbsim.kernels.jit import entry

@entry()
def add(x, y):
    return x + y

@entry()
def multiply(x, y):
    return x * y
"""
COMPILED, LOADED = "5.0 0\n6.0 0\n", "5.0 1\n6.0 1\n"
KEY = {"function": "f", "signature": "(float64,)"}
#: What a planted file does when it is unpickled.
BOMB = b"cos\nsystem\n(S'touch exploded'\ntR."


@pytest.fixture
def place(tmp_path):
    """A folder with the kernels; the cache will be below it."""
    (tmp_path / "kernel_of_test.py").write_text(KERNEL)
    return tmp_path


@pytest.fixture(scope="module")
def once_filled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("filled")
    (folder / "kernel_of_test.py").write_text(KERNEL)
    assert run(folder).stdout == COMPILED
    return folder


@pytest.fixture
def filled(tmp_path, once_filled):
    """The same folder after a run: no name of a folder is part of a key."""
    shutil.copytree(once_filled, tmp_path, dirs_exist_ok=True)
    return tmp_path


def run(place, home="cache", **more):
    environment = {**os.environ, "TMPDIR": str(place), "XDG_CACHE_HOME": str(home)}
    environment.pop("NUMBA_CACHE_DIR", None)
    if not os.path.isabs(home):
        environment["XDG_CACHE_HOME"] = str(place / home)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(place)],
        env=environment,
        cwd=place,
        capture_output=True,
        text=True,
        **more,
    )
    assert done.returncode == 0, done.stderr
    return done


def code_files(place):
    return sorted(place.rglob("*.code"))


def permissions(path):
    return stat.S_IMODE(path.lstat().st_mode)


def test_second_process_loads(filled):
    done = run(filled)
    assert done.stdout == LOADED and done.stderr == ""


def test_nobody_else_may_look_or_write(place):
    run(place, umask=0)
    files = code_files(place)
    assert len(files) == 2
    for path in files:
        assert permissions(path) == 0o600
        for folder in list(path.parents)[:3]:
            assert permissions(folder) == 0o700


def planted(folder):
    """Fill a folder as somebody would who wants his code run."""
    for path in code_files(folder):
        key = path.read_bytes().split(b"\n", 3)[2]
        checked = key + b"\n" + BOMB
        path.write_bytes(checked)
    (folder / "add.nbi").write_bytes(BOMB)


def check_refused(place, reason):
    """Check that the folder is not used, that it is said once, and what is used."""
    done = run(place)
    assert done.stdout == COMPILED
    assert done.stderr.count("NotKeptWarning") == 1 and reason in done.stderr
    (private,) = place.glob(f"nbsim-{os.geteuid()}-*")
    assert permissions(private) == 0o700
    assert run(place).stdout == LOADED
    assert not (place / "exploded").exists()


@pytest.mark.parametrize("mode", [0o770, 0o702], ids=["group", "world"])
def test_folder_that_others_may_write_is_refused(filled, mode):
    planted(filled / "cache")
    (filled / "cache" / "nbsim").chmod(mode)
    check_refused(filled, "can be written by others")


def test_link_is_refused(filled):
    (filled / "cache").rename(filled / "elsewhere")
    planted(filled / "elsewhere")
    (filled / "cache").mkdir()
    (filled / "cache" / "nbsim").symlink_to(filled / "elsewhere" / "nbsim")
    check_refused(filled, "is a link")


def test_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    find = folders.cache_folder.__wrapped__
    folder, trouble = find()
    assert folder.parent == tmp_path / "cache" / "nbsim" and trouble is None
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    folder, trouble = find()
    assert "belongs to another user" in trouble
    # Nor does the new one belong to the user that this process now seems to be of.
    assert folder.parent.parent == tmp_path


def test_temporary_folder_that_somebody_else_made_first(place):
    """Its name cannot be foretold; whatever is there already is looked at."""
    trap = place / f"nbsim-{os.geteuid()}-aaaa"
    trap.mkdir()
    trap.chmod(0o777)
    (place / f"nbsim-{os.geteuid()}-bbbb").symlink_to(trap)
    for expected in (COMPILED, LOADED):
        assert run(place, home="/dev/null/nowhere").stdout == expected
    assert list(trap.iterdir()) == []


def test_file_of_another_user_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "f.code"
    machine_code.write(path, KEY, b"code", b"rest", "f")
    assert machine_code.read(path, KEY) == (b"code", b"rest", "f")
    path.chmod(0o620)
    with pytest.raises(ValueError, match="own file"):
        machine_code.read(path, KEY)
    path.chmod(0o600)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(ValueError, match="own file"):
        machine_code.read(path, KEY)


def test_link_and_pipe_are_not_read(tmp_path):
    path = tmp_path / "f.code"
    machine_code.write(path, KEY, b"code", b"rest", "f")
    (tmp_path / "link").symlink_to(path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("link", "pipe", "missing"):
        with pytest.raises((OSError, ValueError)):
            machine_code.read(tmp_path / name, KEY)


def test_planted_pickle_is_not_unpickled(filled):
    planted(filled)
    assert run(filled).stdout == COMPILED
    assert not (filled / "exploded").exists()
    with pytest.raises(SystemExit):  # the bomb is one
        pickle.loads(BOMB.replace(b"cos\nsystem", b"csys\nexit"))


def test_every_damage_is_found(tmp_path):
    path = tmp_path / "f.code"
    code = random.Random(1).randbytes(60)
    machine_code.write(path, KEY, code, b"rest" * 20, "f")
    whole = path.read_bytes()
    damaged = [whole[:length] for length in range(len(whole))]
    damaged += [whole + b"\0", whole[1:], whole * 2]
    for place in range(len(whole)):
        flipped = bytes([whole[place] ^ 1 << place % 8])
        damaged.append(whole[:place] + flipped + whole[place + 1 :])
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(ValueError):
            machine_code.read(path, KEY)
    path.write_bytes(whole)
    assert machine_code.read(path, KEY) == (code, b"rest" * 20, "f")
    for key in ({**KEY, "function": "g"}, {**KEY, "signature": "(float32,)"}):
        with pytest.raises(ValueError, match="another function"):
            machine_code.read(path, key)


def emptied(content):
    return b""


def halved(content):
    return content[: len(content) // 2]


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 16]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", [emptied, halved, flipped])
def test_damaged_files_cost_a_compilation(filled, damage):
    for path in code_files(filled):
        path.write_bytes(damage(path.read_bytes()))
    assert run(filled).stdout == COMPILED
    assert run(filled).stdout == LOADED


def test_crossed_files_cost_a_compilation(filled):
    """As two first runs on a network folder left them with numba's own cache."""
    first, second = code_files(filled)
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    assert run(filled).stdout == COMPILED
    assert run(filled).stdout == LOADED


def test_first_runs_at_the_same_time(place):
    command = [sys.executable, "-c", PROGRAM, str(place)]
    environment = {**os.environ, "XDG_CACHE_HOME": str(place / "cache")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, env=environment, **pipes) for _ in range(4)]
    for process in processes:
        out, error = process.communicate()
        assert (process.returncode, error) == (0, "")
        assert out.split()[::2] == ["5.0", "6.0"]
    assert len(code_files(place)) == 2
    assert run(place).stdout == LOADED


def test_edited_kernel_is_compiled_again(filled):
    source = filled / "kernel_of_test.py"
    source.write_text(KERNEL.replace("x + y", "x - y"))
    assert run(filled).stdout == "-1.0 0\n6.0 0\n"


def test_full_disk_costs_a_warning(place):
    """Here: a limit on the size of files, which cuts every write short."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

    done = run(place, preexec_fn=limit)
    assert done.stdout == COMPILED
    assert done.stderr.count("NotKeptWarning") == 1 and "too large" in done.stderr
    assert code_files(place) == [] and list(place.rglob("*.part")) == []


def test_folder_in_place_of_a_file_costs_a_warning(filled):
    for path in code_files(filled):
        path.unlink()
        path.mkdir()
    done = run(filled)
    assert done.stdout == COMPILED
    assert done.stderr.count("NotKeptWarning") == 1


def test_no_folder_at_all_costs_a_warning(place, monkeypatch):
    def nothing(*arguments, **more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/nowhere")
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(place))
    monkeypatch.setattr("tempfile.mkdtemp", nothing)
    folder, trouble = folders.cache_folder.__wrapped__()
    assert folder is None and "permission denied" in trouble


def test_what_killed_processes_left_is_removed(tmp_path):
    old, new, code = (tmp_path / name for name in ("a.part", "b.part", "a.code"))
    for path in (old, new, code):
        path.write_bytes(b"half")
        os.utime(path, (time.time() - 7200.0,) * 2)
    os.utime(new)
    machine_code.write(tmp_path / "f.code", KEY, b"", b"", "")
    assert not old.exists() and new.exists() and code.exists()


def test_one_warning_in_the_program(tmp_path):
    """`nbsim` says it as one of its own, and the run is none the worse for it."""
    program = shutil.which("nbsim", path=pathlib.Path(sys.executable).parent)
    cache = tmp_path / "cache" / "nbsim"
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    # Draws the orientation, for which a kernel is needed.
    words = "-cell 70 80 90 -default_F 100 -N 5 -misset random -show_config"
    done = subprocess.run(
        [program, *words.split()],
        env={
            **os.environ,
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "TMPDIR": str(tmp_path),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    warnings = [line for line in done.stderr.splitlines() if "warning" in line]
    assert len([line for line in warnings if "can be written by others" in line]) == 1
    assert "misset" in done.stdout
