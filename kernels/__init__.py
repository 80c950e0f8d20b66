# SPDX-License-Identifier: MIT
"""Numba kernels: the physics as scalar functions, and the loops over pixels.

Imports nothing of nbsim but itself. Importing this package also decides where
numba keeps its machine code: one folder per numba version and state of the
kernel sources, because numba's own cache does not notice an edited helper.
"""

import hashlib
import os
import pathlib
import tempfile

import numba


def cache_folder() -> pathlib.Path:
    """Return the folder of this state of the sources, without creating it."""
    digest = hashlib.sha256()
    for source in sorted(pathlib.Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if not os.path.isabs(base):
        base = tempfile.gettempdir()
    name = f"numba-{numba.__version__}-{digest.hexdigest()[:16]}"
    return pathlib.Path(base, "nbsim", name)


def _use_cache_folder() -> None:
    if os.environ.get("NUMBA_CACHE_DIR"):
        return
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        # A read-only home is no error: the machine code then lives in a
        # private temporary folder that the user can still reuse.
        folder = pathlib.Path(
            tempfile.gettempdir(), f"nbsim-{os.getuid()}", folder.name
        )
    setattr(numba.config, "CACHE_DIR", str(folder))


_use_cache_folder()
