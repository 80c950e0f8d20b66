# SPDX-License-Identifier: MIT
"""Where machine code is kept: a folder of this user that nobody else can write.

Machine code is run without being looked at, so it must be this user's own. A folder is
used only if it is one (not a link), belongs to this user and nobody else may write
there; `machine_code` asks the same of every file. What is refused costs time, never
trust: the code is then kept in a fresh folder below the temporary one.

A folder belongs to one version of numba, one state of the kernels' sources (numba does
not notice an edited helper) and one kind of processor: a home may be shared by unlike
nodes.
"""

import contextlib
import functools
import hashlib
import importlib.util
import os
import pathlib
import re
import stat
import sys
from collections.abc import Iterator

import llvmlite.binding as llvm

#: Bits of a file's mode that let others write to it.
OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
#: Windows keeps homes and temporary folders apart by other means than these.
HAS_OWNERS = hasattr(os, "geteuid")


@functools.lru_cache(maxsize=None)
def host() -> tuple[str, str, str]:
    """Return what kind of processor this is: LLVM's triple, its name and features."""
    features = llvm.get_host_cpu_features().flatten()
    return llvm.get_process_triple(), llvm.get_host_cpu_name(), features


def processor() -> tuple[str, str]:
    """Return name and features of the processor that numba compiles for.

    From the variables that numba asks, too: importing it takes longer than a still.
    """
    _, name, features = host()
    name = os.environ.get("NUMBA_CPU_NAME") or name
    if name.lower() == "generic":
        features = ""
    return name, os.environ.get("NUMBA_CPU_FEATURES") or features


@functools.lru_cache(maxsize=None)
def numba_version() -> str:
    """Return numba's version, without importing it."""
    found = importlib.util.find_spec("numba")
    if "numba" not in sys.modules and found and found.origin:
        with contextlib.suppress(OSError):
            source = pathlib.Path(found.origin).with_name("_version.py").read_text()
            if version := re.search(r'"version": "([^"]+)"', source):
                return version[1]
    import numba

    return numba.__version__


@functools.lru_cache(maxsize=None)
def sources_digest() -> str:
    """Return a hash of all kernel sources."""
    digest = hashlib.sha256()
    for source in sorted(pathlib.Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def cache_name() -> str:
    """Return the name of the folder for these sources, numba and processor."""
    name, features = processor()
    kind = hashlib.sha256(features.encode()).hexdigest()[:8]
    return f"numba-{numba_version()}-{sources_digest()}-{name}-{kind}"


@functools.lru_cache(maxsize=None)
def cache_folder() -> tuple[pathlib.Path | None, str | None]:
    """Find or make the folder where this process keeps its machine code.

    Returns
    -------
    folder, trouble
        The folder, None if there is none; one sentence on what is wrong, None if
        nothing is. That there is no writable home is nothing wrong.
    """
    refused = []
    for base in _bases():
        place = pathlib.Path(base, "nbsim")
        try:
            for folder in (place, place / cache_name()):
                _make(folder)
                if trouble := why_not_trusted(folder.lstat()):
                    refused.append(
                        f"the folder {folder} for compiled kernels {trouble}"
                    )
                    break
            else:
                # One that is full of code and read-only serves as well.
                if os.access(folder, os.W_OK | os.X_OK) or any(folder.iterdir()):
                    return folder, None
        except OSError:
            continue  # a read-only home
    try:
        folder = private_folder("nbsim") / cache_name()
        _make(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        return None, f"no folder for compiled kernels can be made: {reason.lower()}"
    if refused:
        return folder, f"{refused[0]}: not used, they are kept in {folder}"
    return folder, None


def why_not_trusted(status: os.stat_result, kind: str = "folder") -> str | None:
    """Say why a folder or a file is not this user's own; None if it is.

    Parameters
    ----------
    status
        Of the thing itself, not of what a link points to.
    kind
        "folder" or "file".
    """
    is_kind = stat.S_ISDIR if kind == "folder" else stat.S_ISREG
    if not is_kind(status.st_mode):
        return f"is a link or no {kind}"
    if HAS_OWNERS and status.st_uid != os.geteuid():
        return "belongs to another user"
    if HAS_OWNERS and status.st_mode & OTHERS_MAY_WRITE:
        return "can be written by others (chmod go-w makes it private)"
    return None


def _bases() -> Iterator[str]:
    """Yield the folders that the user may have chosen, the best first."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    standard = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    # A relative name would mean another folder, perhaps of another user, in each
    # folder where the program is started.
    yield from (base for base in (chosen, standard) if base and os.path.isabs(base))


def private_folder(purpose: str) -> pathlib.Path:
    """Return this user's folder below the temporary one, which all users share.

    It is found again by the next run. Its name cannot be foretold, so that nobody can
    be there first.

    Raises
    ------
    OSError
        If there is none and none can be made.
    """
    import tempfile  # with what it imports, not for every start

    temporary = pathlib.Path(tempfile.gettempdir())
    prefix = f"{purpose}-{os.geteuid() if HAS_OWNERS else 'user'}-"
    for folder in sorted(temporary.glob(f"{prefix}*")):
        try:
            if why_not_trusted(folder.lstat()) is None:
                return folder
        except OSError:
            continue  # another process has just removed it
    return pathlib.Path(tempfile.mkdtemp(prefix=prefix))


def _make(folder: pathlib.Path) -> None:
    """Make a folder, and those above it, for this user alone."""
    if not os.path.lexists(folder):
        _make(folder.parent)
        folder.mkdir(0o700, exist_ok=True)
