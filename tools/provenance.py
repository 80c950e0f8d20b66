# SPDX-License-Identifier: MIT
"""Where numbers come from: version, commit, command, machine."""

import contextlib
import importlib.metadata
import os
import platform
import re
import shlex
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbsim


def run_metadata(program: str, words: Sequence[str], **more: Any) -> dict[str, Any]:
    """Return what identifies a run.

    Parameters
    ----------
    program, words
        The command.
    more
        Entries of the tool's own.
    """
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "version": nbsim.__version__,
        "git_commit": git_commit(),
        "command": shlex.join([program, *words]),
        "folder": os.getcwd(),
        **more,
    }


def git_commit() -> str | None:
    """Return the commit of the source tree, with ``+changes``; None: not in one."""
    source = Path(nbsim.__file__).resolve().parents[1]
    if not (source / ".git").exists():
        return None
    commit = _git(source, "rev-parse", "HEAD")
    if commit and _git(source, "status", "--porcelain"):
        return f"{commit}+changes"
    return commit


def _git(folder: Path, *words: str) -> str | None:
    try:
        ran = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True
        )
    except OSError:
        return None
    return ran.stdout.strip() if ran.returncode == 0 else None


def environment() -> dict[str, Any]:
    """Return what numbers can depend on besides the program."""
    import numba

    from nbsim import threads

    return {
        "python": platform.python_version(),
        "numba": numba.__version__,
        "numpy": importlib.metadata.version("numpy"),
        "llvmlite": importlib.metadata.version("llvmlite"),
        "system": platform.platform(),
        "cpu": cpu_name(),
        "processors": os.cpu_count(),
        "threads": threads.count(),
        "gpu": gpu_name(),
    }


def cpu_name() -> str:
    """Return the processor's name as the system gives it."""
    with contextlib.suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        if found := re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE):
            return found[1]
    return platform.processor() or platform.machine()


def gpu_name() -> str | None:
    """Return the name of the GPU that CUDA would use; None: there is none."""
    from numba import cuda

    if not cuda.is_available():
        return None
    name = cuda.get_current_device().name
    return name.decode() if isinstance(name, bytes) else str(name)
