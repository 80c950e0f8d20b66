# SPDX-License-Identifier: MIT
"""Where the compiled kernels are kept, and that nowhere to keep them is no error."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import llvmlite.binding
import numba
import pytest

import nbsim
from nbsim.kernels import cache_folder as folders

PACKAGE = pathlib.Path(nbsim.__file__).parent
#: Prints where the kernels' machine code is kept.
WHERE = "from nbsim.kernels.cache_folder import cache_folder; print(cache_folder()[0])"
#: No user, not even root, can make a folder there.
NOWHERE = "/dev/null/nowhere"
COMMAND = (
    "-cell 70 80 90 -default_F 100 -N 5 -nointerpolate -oversample 1 -detpixels 16 "
    "-pixel 5 -device cpu -floatfile image.bin"
)


def environment(**changes):
    """The environment without the variables that choose the cache, and changes."""
    names = ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return {**kept, **{name: str(value) for name, value in changes.items()}}


def where(env, code=WHERE):
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return pathlib.Path(done.stdout.strip())


def test_folder_is_below_the_users_cache(tmp_path):
    folder = where(environment(XDG_CACHE_HOME=tmp_path))
    assert folder.parent == tmp_path / "nbsim"
    assert folder.is_dir()
    assert folder.name == folders.cache_name()


def test_without_xdg_it_is_below_the_home(tmp_path):
    folder = where(environment(HOME=tmp_path))
    assert folder.parent == tmp_path / ".cache" / "nbsim"


@pytest.mark.parametrize("name", ["XDG_CACHE_HOME", "NUMBA_CACHE_DIR"])
def test_relative_folder_is_not_used(tmp_path, name):
    """It would be another one, perhaps another user's, wherever the program starts."""
    env = environment(**{name: "here"}, HOME=NOWHERE, TMPDIR=tmp_path)
    folder = where(env)
    assert folder.parent.parent == tmp_path
    assert folder.parent.name.startswith(f"nbsim-{os.geteuid()}-")


def test_name_holds_numba_sources_and_processor():
    prefix, version, digest, *processor, features = folders.cache_name().split("-")
    assert (prefix, version) == ("numba", numba.__version__)
    assert "-".join(processor) == llvmlite.binding.get_host_cpu_name()
    assert len(digest) == 16 and int(digest, 16) >= 0
    assert len(features) == 8 and int(features, 16) >= 0


@pytest.mark.parametrize(
    "changes", [{"NUMBA_CPU_NAME": "generic"}, {"NUMBA_CPU_FEATURES": "+sse4.2"}]
)
def test_every_kind_of_processor_has_its_own(tmp_path, changes):
    env = environment(XDG_CACHE_HOME=tmp_path, **changes)
    assert where(env).name != folders.cache_name()
    assert where(env).parent == tmp_path / "nbsim"


def test_processor_is_the_one_that_numba_compiles_for():
    from numba.core.registry import cpu_target

    codegen = cpu_target.target_context.codegen()
    assert codegen.magic_tuple()[1:] == folders.processor()


def test_numbas_own_variable_wins(tmp_path):
    chosen = tmp_path / "chosen"
    env = environment(NUMBA_CACHE_DIR=chosen, XDG_CACHE_HOME=tmp_path / "other")
    assert where(env).parent == chosen / "nbsim"
    assert not (tmp_path / "other").exists()


def test_other_libraries_keep_their_caches(tmp_path):
    program = (
        "import nbsim.kernels.cpu.tiles, numba; print(repr(numba.config.CACHE_DIR))"
    )
    assert where(environment(XDG_CACHE_HOME=tmp_path), program) == pathlib.Path("''")


def test_every_kernel_source_is_in_the_name(tmp_path):
    copy = tmp_path / "nbsim"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {WHERE}"
    env = environment(XDG_CACHE_HOME=tmp_path / "cache")
    unchanged = where(env, program)
    assert unchanged.name == folders.cache_name()
    found = {unchanged.name}
    for name in ("reduced.py", "jit.py", "__init__.py"):
        with (copy / "kernels" / name).open("a", encoding="utf-8") as source:
            source.write("# changed\n")
        found.add(where(env, program).name)
    assert len(found) == 4
    # Another module of nbsim is no reason to compile again.
    with (copy / "model.py").open("a", encoding="utf-8") as source:
        source.write("# changed\n")
    assert where(env, program).name in found


def run_command(env, folder):
    return subprocess.run(
        [sys.executable, "-m", "nbsim", *COMMAND.split()],
        env=env,
        cwd=folder,
        capture_output=True,
        text=True,
    )


def temporary_folder(tmp_path_factory):
    """One for the whole run, so that kernels are compiled once."""
    return tmp_path_factory.getbasetemp() / "temporary"


@pytest.mark.parametrize(
    "changes",
    [{"HOME": "/proc/nonexistent"}, {"XDG_CACHE_HOME": NOWHERE}, {"HOME": NOWHERE}],
    ids=["home", "cache", "home is no folder"],
)
def test_nowhere_to_keep_them_is_no_error(changes, tmp_path, tmp_path_factory):
    temporary = temporary_folder(tmp_path_factory)
    temporary.mkdir(exist_ok=True)
    env = environment(TMPDIR=temporary, **changes)
    folder = where(env)
    assert folder.name == folders.cache_name()
    assert folder.parent.parent == temporary
    done = run_command(env, tmp_path)
    assert done.returncode == 0, done.stderr
    assert not re.search("cache|permission|director", done.stderr, re.IGNORECASE)
    assert (tmp_path / "image.bin").stat().st_size == 16 * 16 * 4
    assert any(folder.rglob("*.code"))


def test_unusable_numba_cache_dir(tmp_path, tmp_path_factory):
    temporary = temporary_folder(tmp_path_factory)
    temporary.mkdir(exist_ok=True)
    done = run_command(environment(NUMBA_CACHE_DIR=NOWHERE, TMPDIR=temporary), tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "image.bin").exists()


def test_second_run_compiles_nothing(tmp_path, tmp_path_factory):
    temporary = temporary_folder(tmp_path_factory)
    temporary.mkdir(exist_ok=True)
    env = environment(XDG_CACHE_HOME=NOWHERE, TMPDIR=temporary)

    def machine_code():
        files = temporary.rglob("*.code")
        return {path: path.stat().st_mtime_ns for path in files}

    assert run_command(env, tmp_path).returncode == 0
    before = machine_code()
    assert run_command(env, tmp_path).returncode == 0
    assert before and machine_code() == before


def test_end_of_interpolation_compiles_nothing_again(tmp_path):
    (tmp_path / "one.hkl").write_text("0 0 0 1\n")
    words = [*COMMAND.split(), "-hkl", "one.hkl", "-interpolate"]
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "nbsim", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0 and "interpolation ended" in done.stderr
    assert "compiling" not in done.stderr


def test_carryover_does_without_the_general_kernel():
    """That takes three seconds to compile, for one pixel."""
    program = """
from nbsim import Simulation
args = "-cell 100 -N 5 -default_F 1 -detpixels 8 -osc 1 -phisteps 2 -phi_carryover"
assert Simulation.from_args(args).render(backend="cpu").max() > 0
from nbsim.kernels import native
assert not [name for name, kinds in native._addresses if "reference" in name]
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
