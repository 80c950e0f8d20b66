# SPDX-License-Identifier: MIT
"""What a backend is asked for, and what a run gives back."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ..kernels.params import Job, PanelArgs, Pixels


Tell = Callable[[float], None]


def ignore(fraction: float) -> None:
    """Do nothing about some progress."""


class Clock:
    """Told about every launch of kernels; this one does not care.

    The benchmark gives a backend one that does.
    """

    def before(self) -> None:
        """Note that a launch comes next."""

    def queued(self) -> None:
        """Note that it has been handed over, and may still be running."""

    def after(self) -> None:
        """Note that it is finished."""


class Backend(Protocol):
    """Renders pixels by rank, their number in raster order among those rendered.

    A backend is made for one run and writes into that run's image. It keeps no state
    from call to call that a result depends on: the driver may ask for any ranks.

    Attributes
    ----------
    name
        What the user is told, such as "cpu" or "cuda:0".
    """

    name: str

    def listen(self, clock: Clock) -> None:
        """Tell a clock about every launch from now on."""
        ...

    @property
    def ranks_per_call(self) -> int | None:
        """How many ranks a call should have; None: whatever the driver thinks."""
        ...

    def first_pixel(self, rank: int, interpolate: bool) -> tuple[bool, bool]:
        """Render a pixel for which no phi loop has run yet.

        Returns
        -------
        interpolate, first
            Whether interpolation is still on, and still no phi loop has run.
        """
        ...

    def __call__(
        self, start: int, stop: int, interpolate: bool, tell: Tell = ignore
    ) -> int:
        """Render ranks `start` to `stop`.

        Parameters
        ----------
        start, stop, interpolate
            Ranks; whether interpolation is on.
        tell
            Called now and then with how much of this call is done. What it raises
            ends the call, and the image is none.

        Returns
        -------
        int
            The first rank that left the list while interpolating, or `stop`.
        """
        ...


@dataclass(frozen=True, eq=False)
class Result:
    """A rendered image and how it came about.

    Attributes
    ----------
    image
        (slow, fast) float32, photons; (panels, slow, fast) of a detector of several. A
        NumPy array, or a `DeviceImage` where it was to stay on the device.
    solid_angles
        What `omega_sum` needs.
    backend
        "cpu", or "cuda:N" with the number of the device (or devices, "cuda:0,1").
    seconds
        Time spent in the kernels.
    out_of_range
        (fast, slow) of the pixel where an index outside the list turned
        interpolation off; None when that did not happen.
    why_double
        Why double precision was used although single was asked for; else None.
    why_dense
        Why every term was evaluated; None: only those of reflections that are lit.
    lit_fraction
        Forecast of the share of terms that are lit; None where it is not known.
    panels
        Of a detector of several: what `omega_sum` needs as well.
    """

    image: Any
    solid_angles: tuple[Job, Pixels]
    backend: str
    seconds: float
    out_of_range: tuple[int, int] | None
    why_double: str | None
    why_dense: str | None = None
    lit_fraction: float | None = None
    panels: PanelArgs | None = None

    @functools.cached_property
    def omega_sum(self) -> float:
        """Sum of the solid angle over pixels, layers and subpixels, sr.

        Worked out when asked for: a loop over frames does not need it.
        """
        from ..kernels.entries import omega_sum
        from .cpu_arguments import run_record, tile_scratch

        job, pixels = self.solid_angles
        run = run_record(job, pixels, self.panels)
        curved = job.det.curved_detector or None
        return omega_sum(tile_scratch(1), run, pixels.active, curved)
