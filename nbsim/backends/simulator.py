# SPDX-License-Identifier: MIT
"""Whether CUDA is real."""

import os


def simulated() -> bool:
    """Return whether numba is told to simulate CUDA on the processor."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")
