# SPDX-License-Identifier: MIT
"""Other processors: the same images, code for aarch64, nothing that only POSIX has."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from byte_cases import CASES, simulate
from other_machines import arm_object
from processor import KINDS, can_execute

from nbsim.kernels import entries
from nbsim.kernels.native import Kernel
from nbsim.tools.tolerances import (
    SINGLE_PEAK,
    SINGLE_RELATIVE,
    UNFUSED_FRACTION,
    UNFUSED_PEAK,
    UNFUSED_RELATIVE,
)

HERE = str(pathlib.Path(__file__).parent)
#: Each inner loop of double precision, and shapes that part at a rounding.
CHOSEN = ("list", "running products", "interpolation ends", "gauss", "layers")
IMAGES = {name: (CASES[name], "double") for name in CHOSEN} | {
    "one F, any N": (CASES["plain"], "double"),
    "round, list": (simulate("-N 5 -round_xtal -oversample 1", box=9), "double"),
    "one F, any N, single": (CASES["plain"], "single"),
    "list, single": (CASES["list"], "single"),
    "gauss, single": (CASES["gauss"], "single"),
}
RENDER = """
import sys
import numpy as np
from test_processors import rendered
np.savez(sys.argv[1], **rendered())
"""


#: Loads what others bring along, takes away what only POSIX systems have, and imports
#: and renders.
ELSEWHERE = """
import argparse, asyncio, importlib, multiprocessing, os, pkgutil, select, signal, sys
import concurrent.futures, ctypes, fractions, logging, shutil, subprocess, tempfile
import llvmlite.binding, numba, numba.core.ccallback, numpy, tifffile
import numba.np.ufunc.parallel, numba.core.event, numba.cuda

for name in os_names:
    delattr(os, name)
for name in signal_names:
    delattr(signal, name)
for name in ("fcntl", "grp", "pwd", "resource", "syslog", "termios", "tty", "pty"):
    sys.modules[name] = None
import nbsim
for module in pkgutil.walk_packages(nbsim.__path__, "nbsim."):
    if module.name != "nbsim.__main__":
        importlib.import_module(module.name)
from nbsim import Simulation
image = Simulation.from_args(
    "-cell 70 80 90 -default_F 100 -N 5 -lambda 1 -distance 100 -detpixels 8"
).render(backend="cpu")
assert (image > 0.0).all()
from nbsim.__main__ import end_on_signals
from nbsim.command.main import main
end_on_signals()
words = "-cell 70 80 90 -default_F 100 -N 5 -lambda 1 -distance 100 -detpixels 8"
os.chdir(sys.argv[1])
for turn in ("new", "replaced"):
    assert main(words.split()) == 0, turn
print("rendered")
"""
#: Of `os` and `signal`, what Python's documentation calls "Availability: Unix".
os_names = "chown chroot ctermid fchmod fchown fork forkpty getegid geteuid getgid "
os_names += "getgrouplist getgroups getloadavg getpgid getpgrp getpriority getresgid "
os_names += "getresuid getsid getuid initgroups killpg lchown mkfifo mknod nice "
os_names += "openpty pathconf posix_fadvise posix_fallocate posix_spawn pread pwrite "
os_names += "sched_getaffinity sched_setaffinity setegid seteuid setgid setgroups "
os_names += (
    "setpgid setpriority setsid setuid sync sysconf tcgetpgrp tcsetpgrp ttyname "
)
os_names += "uname wait wait3 wait4 O_NOFOLLOW O_NONBLOCK O_CLOEXEC O_DIRECTORY"
signal_names = "SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGTSTP "
signal_names += "SIGTTIN SIGTTOU SIGUSR1 SIGUSR2 SIGWINCH alarm getitimer pause "
signal_names += "pthread_kill pthread_sigmask setitimer siginterrupt sigpending sigwait"


def rendered():
    """Return all images."""
    return {
        name: simulation.render(backend="cpu", precision=precision)
        for name, (simulation, precision) in IMAGES.items()
    }


def run_python(program, *words, **environment):
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        env={**os.environ, "PYTHONPATH": HERE, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def native():
    return rendered()


@pytest.mark.parametrize("name", ["haswell", "x86-64-v2"])
def test_images_are_the_same(name, native, tmp_path):
    if not can_execute(name):
        pytest.skip("the processor cannot execute this kind of code")
    path = tmp_path / "images.npz"
    chosen = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": ""}
    run_python(RENDER, path, **chosen)
    # Numba may have been told to make code for another processor in this process too.
    fused = KINDS[name].fused and native_is_fused()
    with np.load(path) as images:
        assert sorted(images) == sorted(IMAGES)
        for case, (_, precision) in IMAGES.items():
            assert np.count_nonzero(native[case]) > 1000, case
            if fused:
                assert images[case].tobytes() == native[case].tobytes(), case
            elif precision == "double":
                check_unfused(images[case], native[case], case)
            else:
                check_single(images[case], native[case], case)


def native_is_fused():
    from processor import chosen_kind

    return chosen_kind().fused


def check_unfused(image, expected, case):
    image, expected = image.astype(float), expected.astype(float)
    difference, peak = np.abs(image - expected), expected.max()
    assert np.all(difference <= UNFUSED_RELATIVE * expected + UNFUSED_PEAK * peak), case
    assert np.count_nonzero(difference) <= UNFUSED_FRACTION * image.size, case


def check_single(image, expected, case):
    image, expected = image.astype(float), expected.astype(float)
    difference, peak = np.abs(image - expected), expected.max()
    assert np.all(difference <= SINGLE_PEAK * peak), case
    bright = expected > SINGLE_PEAK * peak
    assert np.all((difference / expected)[bright] <= SINGLE_RELATIVE), case


#: Runs the kernels that Python calls, and prints LLVM's code of each.
KERNELS = """
import json, pkgutil, importlib, sys
import numpy as np
from numba.core.dispatcher import Dispatcher
import nbsim.kernels
from nbsim.images.counts import calibration_pattern, counts_image
from nbsim.images.psf import apply_psf
from nbsim.kernels import native
from nbsim.kernels.dispatcher_cache import KernelCache
from nbsim.command.warm_up import _warm_detectors, _warm_the_rest
from nbsim.series.truth_images import strongest
from byte_cases import simulate

texts, returns = {}, {}

def compiled(name, kinds, compile_result=native.compile_result):
    result = compile_result(name, kinds)
    code = result.library.get_llvm_str()
    texts.setdefault(f"nbsim.kernels.{name}", []).append(code)
    returns[name] = str(result.signature.return_type)
    return result

native.compile_result = compiled
small = "-N 5 -detpixels_f 6 -detpixels_s 5 -oversample 1"
for args, box in ((small + " -curved_det", 0), (small + " -interpolate", 1)):
    result = simulate(args, box=box).run(backend="cpu")
    assert result.omega_sum > 0.0
simulate(small).trace(2, 3)
_warm_the_rest(result.image)
_warm_detectors(simulate(small))
calibration_pattern((5, 6), 0.01)
counts_image(result.image, 1)
apply_psf(result.image, "gauss")
strongest(simulate(small), result.image)
for module in pkgutil.walk_packages(nbsim.kernels.__path__, "nbsim.kernels."):
    if ".cuda" in module.name:
        continue
    for name, thing in vars(importlib.import_module(module.name)).items():
        if isinstance(thing, Dispatcher) and isinstance(thing._cache, KernelCache):
            # What is compiled into others only has no code of its own.
            if code := list(thing.inspect_llvm().values()):
                texts.setdefault(f"{thing.py_func.__module__}.{name}", []).extend(code)
json.dump([texts, returns], open(sys.argv[1], "w"))
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """LLVM's code of kernels, by function, one text for each use; what they return."""
    folder = tmp_path_factory.mktemp("kernels")
    # Code that was kept has no text: an empty cache.
    run_python(KERNELS, folder / "texts.json", XDG_CACHE_HOME=str(folder / "cache"))
    return json.loads((folder / "texts.json").read_text())


@pytest.fixture(scope="module")
def intermediate(compiled):
    return compiled[0]


#: Numba's names of the types in `kernels/entries.py`.
NUMBA_NAMES = {"f8": "float64", "i8": "int64", "f4": "float32", "?": "bool"}


def test_entries_say_what_they_return(compiled):
    """Memory of that layout is handed to the kernel to write its result into."""
    _, returns = compiled
    kernels = [one for one in vars(entries).values() if isinstance(one, Kernel)]
    for kernel in kernels:
        names = [NUMBA_NAMES[kind] for kind in kernel.result.split()]
        expected = names[0] if names else "none"
        if len(names) > 1:
            expected = f"Tuple({', '.join(names)})"
            if len(set(names)) == 1:
                expected = f"UniTuple({names[0]} x {len(names)})"
        # A 0 that is written in the source has a type of its own.
        found = returns[kernel.name].replace("Literal[int](0)", "int64")
        assert (kernel.name, found) == (kernel.name, expected)


CALLED = (
    "nbsim.kernels.cpu.tiles.render_tiles",
    "nbsim.kernels.cpu.tiles.omega_sum",
    "nbsim.kernels.reference.pixel_cpu.render_pixel",
    "nbsim.kernels.reference.pixel_cpu.render_general",
    "nbsim.kernels.reference.pixel_trace.record_pixel",
)


def test_every_kernel_is_looked_at(intermediate):
    assert set(CALLED) <= set(intermediate)
    assert len(intermediate) > len(CALLED)
    assert all(all(texts) for texts in intermediate.values())


@pytest.mark.parametrize("name", [*CALLED, "the others"])
def test_kernels_compile_for_aarch64(name, intermediate):
    names = [name] if name in CALLED else sorted(set(intermediate) - set(CALLED))
    for each in names:
        for text in intermediate[each]:
            assert arm_object(text).startswith(b"\x7fELF"), each


def test_foreign_code_is_found():
    text = """
    declare <4 x double> @llvm.x86.avx.max.pd.256(<4 x double>, <4 x double>)
    define <4 x double> @f(<4 x double> %x) {
      %y = call <4 x double> @llvm.x86.avx.max.pd.256(<4 x double> %x, <4 x double> %x)
      ret <4 x double> %y
    }
    """
    with pytest.raises(AssertionError):
        arm_object(text)


def test_nothing_needs_posix(tmp_path):
    names = f"os_names = {os_names.split()}\nsignal_names = {signal_names.split()}\n"
    present = (
        "import os, signal\n"
        + names
        + (
            "os_names = [n for n in os_names if hasattr(os, n)]\n"
            "signal_names = [n for n in signal_names if hasattr(signal, n)]\n"
        )
    )
    assert run_python(present + ELSEWHERE, tmp_path).endswith("\nrendered\n")
    assert (tmp_path / "noiseimage.img").stat().st_size == 512 + 2 * 8 * 8
