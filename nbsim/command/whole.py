# SPDX-License-Identifier: MIT
"""A frame that stays where it is rendered until it is whole, noise included.

What a device renders is copied to the host once, as photons, because the report and
nearly all files are about them; backgrounds are added and noise is drawn before and
beside that, on the device.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..backends.protocol import Result
    from ..options.command_line import Output


def stays(output: Output) -> bool | str:
    """Return what `Simulation.run` is told: only for noise the image has to stay."""
    return "auto" if output.noisefile is not None else False


def add_to(image: Any, background: np.ndarray) -> None:
    """Add photons (slow, fast) to an image, which may be on a device."""
    if isinstance(image, np.ndarray):
        np.add(image, background, out=image)
    else:
        image.add(type(image).sent(background, image.index))


def on_host(result: Result) -> Result:
    """Return a result with its image on the host."""
    if isinstance(result.image, np.ndarray):
        return result
    return dataclasses.replace(result, image=result.image.copy_to_host())
