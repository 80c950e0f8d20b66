# SPDX-License-Identifier: MIT
"""The geometry of a truth file, as `nbsim.resolve.frames` wants it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np


def truth_geometry(truth: dict[str, Any]) -> Any:
    """Return the vectors of a truth file under the names of `Geometry`."""
    panel = truth["panels"][0]
    return SimpleNamespace(
        beam_vector=truth["beam"]["beam_vector"],
        polar_vector=truth["beam"]["polar_vector"],
        spindle_vector=truth["goniometer"]["spindle_axis"],
        fdet_vector=panel["fdet_vector"],
        sdet_vector=panel["sdet_vector"],
    )


def true_matrix(truth: dict[str, Any], frame: int = 0) -> np.ndarray:
    """Return (3, 3) columns a*, b*, c* of a frame at phi = 0, 1/A."""
    return np.array(truth["frames"]["a_star_b_star_c_star_per_A"][frame]).T
