# SPDX-License-Identifier: MIT
"""Compiled CUDA kernels are kept for the next process, in a folder of this user alone.

With numba-cuda the kernels are compiled for a device that is not there, and what would
load them into it is left out; without it a compiled kernel is made up.
"""

import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import warnings
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from nbsim.kernels import cache_folder, dispatcher_cache, machine_code
from nbsim.tools.machine_code import table

KERNEL = "copy"
#: Compiles a kernel for a device that is not there; says how often, and for which PTX.
SCRIPT = """
import hashlib, sys
from types import SimpleNamespace
import numba.cuda.dispatcher as dispatcher
from numba import float64, types
from numba.cuda.cudadrv import devices, runtime

capability = tuple(map(int, sys.argv[1].split(".")))
device = SimpleNamespace(compute_capability=capability)
context = SimpleNamespace(device=device)
dispatcher.get_current_device = devices.get_context = lambda *_: device
devices.get_context = lambda *_: context
runtime.runtime.get_version = lambda: (12, 9)
dispatcher._Kernel.bind = lambda self: setattr(self._codelibrary, "_finalized", True)
compiled = []
compile_cuda = dispatcher.compile_cuda

def counted(*arguments, **options):
    compiled.append(arguments)
    return compile_cuda(*arguments, **options)

dispatcher.compile_cuda = counted
from nbsim.kernels.cuda import measuring

row = types.Array(float64, 1, "C")
kernel = measuring.copy.compile((row, row))
ptx = kernel._codelibrary.get_asm_str(cc=capability)
print(len(compiled), hashlib.sha256(ptx.encode()).hexdigest())
"""


def compiled(folder, capability="9.0", **more):
    """Return how often a process compiled the kernel, and a hash of its PTX."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder), **more}
    environment.pop("NUMBA_CACHE_DIR", None)
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, capability],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    count, digest = ran.stdout.split()
    return int(count), digest


def files_of(folder):
    """Return the files of machine code of the kernel."""
    return sorted(pathlib.Path(folder).glob(f"nbsim/*/{KERNEL}-*.code"))


@pytest.mark.skipif(
    table.why_not() is not None, reason="the CUDA compiler libraries are not installed"
)
def test_the_next_process_does_not_compile_again(tmp_path):
    first = compiled(tmp_path)
    assert first[0] == 1
    (kept,) = files_of(tmp_path)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    for folder in (kept.parent, kept.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert compiled(tmp_path) == (0, first[1])
    # Another generation of devices has a file of its own.
    other = compiled(tmp_path, "8.0")
    assert other[0] == 1 and other[1] != first[1]
    assert len(files_of(tmp_path)) == 2
    # A damaged file costs a compilation, and is replaced.
    content = bytearray(kept.read_bytes())
    content[-1] ^= 1
    kept.write_bytes(content)
    assert compiled(tmp_path) == first
    assert compiled(tmp_path) == (0, first[1])
    # What others can write is not read.
    kept.chmod(0o666)
    assert compiled(tmp_path)[0] == 1


class MadeUp:
    """Takes apart and puts together a compiled kernel that is a text."""

    @staticmethod
    @contextmanager
    def target():
        yield

    @staticmethod
    def take_apart(kernel):
        return b"", kernel, ""

    @staticmethod
    def put_together(context, code, rest):
        return rest


def plain(x):
    return x


def process(monkeypatch, base, capability=(9, 0)):
    """Return the cache of a function as a new process finds it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(base))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    cache_folder.cache_folder.cache_clear()
    machine_code._warn.cache_clear()
    cache = dispatcher_cache.KernelCache(plain, MadeUp)
    codegen = SimpleNamespace(magic_tuple=lambda: ((12, 9), capability))
    context = SimpleNamespace(refresh=lambda: None, codegen=lambda: codegen)
    return cache, lambda signature: cache.load_overload(signature, context)


@pytest.fixture(autouse=True)
def afterwards():
    yield
    cache_folder.cache_folder.cache_clear()


def test_a_kernel_is_kept_by_signature_and_device(tmp_path, monkeypatch):
    cache, load = process(monkeypatch, tmp_path)
    assert load("(float64,)") is None
    cache.save_overload("(float64,)", "a kernel")
    _, load = process(monkeypatch, tmp_path)
    assert load("(float64,)") == "a kernel"
    assert load("(float32,)") is None
    _, load = process(monkeypatch, tmp_path, (8, 9))
    assert load("(float64,)") is None


@pytest.mark.skipif(not cache_folder.HAS_OWNERS, reason="needs owners of files")
@pytest.mark.parametrize("what", ["foreign", "writable", "link"])
def test_a_folder_of_others_is_not_used(what, tmp_path, monkeypatch):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    base = tmp_path / "home"
    folder = base / "nbsim"
    base.mkdir()
    if what == "link":
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.mkdir(mode=0o700)
        planted, _ = process(monkeypatch, base)
        process(monkeypatch, base)[1]("(float64,)")
        planted._target = SimpleNamespace(
            codegen=lambda: SimpleNamespace(magic_tuple=lambda: ((12, 9), (9, 0)))
        )
        planted.save_overload("(float64,)", "planted")
        assert process(monkeypatch, base)[1]("(float64,)") == "planted"
    if what == "writable":
        folder.chmod(0o777)
    if what == "foreign":
        own = os.geteuid()
        trusted = cache_folder.why_not_trusted

        def foreign(status, kind="folder"):
            theirs = status.st_ino == folder.stat().st_ino
            fields = list(status)
            fields[4] = own + 1 if theirs else status.st_uid
            return trusted(os.stat_result(fields), kind)

        monkeypatch.setattr(cache_folder, "why_not_trusted", foreign)
    cache, load = process(monkeypatch, base)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert load("(float64,)") is None
        cache.save_overload("(float64,)", "own")
        assert process(monkeypatch, base)[1]("(float64,)") == "own"
    (message,) = {str(warning.message) for warning in said}
    assert "not used, they are kept in" in message and str(folder) in message
    (fresh,) = temporary.iterdir()
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o700
