# SPDX-License-Identifier: MIT
"""One simulation: the models together, and what can be done with them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import validate
from .model import Beam, Crystal, Detector, Goniometer, Sampling
from .setup import Setup, resolve
from .structure_factors import StructureFactors

if TYPE_CHECKING:
    from .render import Result

MODELS = ("c", "physical")
BACKENDS = ("auto", "cpu")
PRECISIONS = ("double", "single")


@dataclasses.dataclass(frozen=True, eq=False)
class Simulation:
    """A crystal in a beam in front of a detector.

    Attributes
    ----------
    crystal, structure_factors, beam, detector, goniometer, sampling
        The models.
    model
        "c": nanoBragg's arithmetic with its oddities.
    """

    crystal: Crystal
    structure_factors: StructureFactors = StructureFactors()
    beam: Beam = Beam()
    detector: Detector = Detector()
    goniometer: Goniometer = Goniometer()
    sampling: Sampling = Sampling()
    model: str = "c"

    def __post_init__(self) -> None:
        validate.choice("model", self.model, MODELS)
        if self.model == "physical":
            raise ValueError("model physical: not available yet, use model c")

    @classmethod
    def from_args(cls, args: str | Sequence[str]) -> Simulation:
        """Build a simulation from a nanoBragg command line.

        Parameters
        ----------
        args
            The options, as one string (split as a shell does) or as words,
            without the program's name.
        """
        from .from_args import read_command_line

        return read_command_line(args).simulation

    @functools.cached_property
    def setup(self) -> Setup:
        """The run in SI units; worked out once."""
        return resolve(self)

    def run(
        self,
        *,
        backend: str = "auto",
        threads: int | None = None,
        precision: str = "double",
        roi: tuple[int, int, int, int] | None = None,
        progress: Callable[[float], None] | None = None,
        out: np.ndarray | None = None,
    ) -> Result:
        """Render the image and return it with what is known about the run.

        Parameters
        ----------
        backend
            "auto" or "cpu".
        threads
            CPU threads; None: all that numba was started with.
        precision
            "double" or "single".
        roi
            xmin, xmax, ymin, ymax in pixels, inclusive, instead of the detector's.
        progress
            Called with the finished fraction, 0 to 1.
        out
            (slow, fast) float32, C-contiguous and writable, to render into;
            pixels that are not rendered become 0.

        Raises
        ------
        ValueError, TypeError
            For an argument out of range, before anything is computed.
        """
        from . import render

        validate.choice("backend", backend, BACKENDS)
        validate.choice("precision", precision, PRECISIONS)
        detector = (
            self.detector
            if roi is None
            else dataclasses.replace(self.detector, roi=roi)
        )
        spixels, fpixels = detector.shape
        xmin, xmax, ymin, ymax = detector.roi or (0, fpixels, 0, spixels)
        bounds = (xmin, min(xmax, fpixels - 1), ymin, min(ymax, spixels - 1))
        image = np.zeros(detector.shape, np.float32) if out is None else out
        _check_out(image, detector.shape)
        with render.cpu_threads(threads):
            return render.render(self, image, bounds, progress)

    def render(self, **options: Any) -> np.ndarray:
        """Render the image; the keyword arguments are those of `run`.

        Returns
        -------
        ndarray
            (slow, fast) float32, photons per pixel.
        """
        return self.run(**options).image


def _check_out(out: Any, shape: tuple[int, int]) -> None:
    if not isinstance(out, np.ndarray) or out.dtype != np.float32:
        raise TypeError(
            f"out: expected a float32 array, got {getattr(out, 'dtype', type(out))}"
        )
    if out.shape != shape:
        raise ValueError(
            f"out: its shape is {out.shape}, the image's (slow, fast) is {shape}"
        )
    if not out.flags.c_contiguous or not out.flags.writeable:
        raise ValueError("out: expected a C-contiguous, writable array")
