# SPDX-License-Identifier: MIT
"""A series of frames: a rotation, or stills that differ by the rows of a table."""

from __future__ import annotations

import dataclasses
import functools
import weakref
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..model import validate
from ..model.models import Goniometer, clock_seed
from ..model.structure_factors import StructureFactors
from ..model.validate import MAX_SEED
from ..resolve.spots import source_weights
from ..resolve.steps import phi_steps
from ..resolve.vectors import RTD
from ..simulation import Simulation

if TYPE_CHECKING:
    from ..backends.device_image import DeviceImage
    from ..formats.recording import Recording
    from ..model.detector_response import DetectorResponse

#: Fields that are those of the whole series: its files have one shape and one width.
COMMON = ("detpixels_f", "detpixels_s", "detsize_f_mm", "detsize_s_mm", "mask", "roi")
COMMON_ROTATION = ("osc_deg", "phistep_deg", "phisteps")


#: What was added last to frames on a device, there and here: a series goes to other
#: processes, what is on a device does not.
_backgrounds: weakref.WeakKeyDictionary[Series, Any] = weakref.WeakKeyDictionary()


@dataclasses.dataclass(frozen=True)
class FrameRow:
    """How one frame differs from the series' simulation.

    Attributes
    ----------
    changes
        Model, field, value; for instance {"crystal": {"misset_deg": (1, 2, 3)}}.
    seed
        Of the noise; None: the series' seed plus the number of the frame.
    scale_B
        F is multiplied by exp(-B / (4 d^2)) [A^2]; 0: not.
    number
        The frame's, from 0, for its seed and phi; None: its place in the table.
    """

    #: Models whose fields a row may change.
    MODELS: ClassVar = ("crystal", "beam", "detector", "goniometer", "sampling")

    changes: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    seed: int | None = None
    scale_B: float = 0.0
    number: int | None = None

    def __post_init__(self) -> None:
        for model, fields in self.changes.items():
            validate.choice("row", model, self.MODELS)
            for field in fields:
                common = COMMON_ROTATION if model == "goniometer" else COMMON
                if field in common:
                    raise ValueError(
                        f"{field}: all frames of a series have the same one, give it "
                        "for the whole series"
                    )
        validate.number("scale_B", self.scale_B)


@dataclasses.dataclass(frozen=True, eq=False)
class Frame:
    """One frame: what to render, and where its noise starts.

    Attributes
    ----------
    number
        From 0.
    simulation
        Its phi steps are the middles of their intervals.
    start_deg, osc_deg
        What the frame covers [deg]; a width of 0: a still.
    seed
        Of the noise.
    """

    number: int
    simulation: Simulation
    start_deg: float
    osc_deg: float
    seed: int


@dataclasses.dataclass(frozen=True, eq=False)
class Series:
    """Frames of one experiment.

    Frame i covers phi + i osc to phi + (i + 1) osc. Its phi steps are at the middle of
    their intervals: C's left ends would turn a refined crystal by half a step. Without
    -osc the frames are stills.

    Attributes
    ----------
    simulation
        What all frames share; its goniometer has the start and the width of the first.
    frames
        How many.
    rows
        For each frame how it differs; empty: not at all.
    seed
        Of the first frame's noise; None: the clock.
    response
        What the detector makes of the photons; None: it counts them.
    middles
        Whether phi steps are at the middle of their intervals; if not, as in C.
    """

    simulation: Simulation
    frames: int = 1
    rows: Sequence[FrameRow] = ()
    seed: int | None = None
    response: DetectorResponse | None = None
    middles: bool = True

    def __post_init__(self) -> None:
        validate.instance("simulation", self.simulation, Simulation)
        validate.integer("frames", self.frames, low=1)
        if self.rows and len(self.rows) != self.frames:
            raise ValueError(
                f"{len(self.rows)} rows for {self.frames} frames: there must be one "
                "for each"
            )
        object.__setattr__(self, "rows", tuple(self.rows))
        seed = clock_seed() if self.seed is None else self.seed
        validate.integer("seed", seed, low=-MAX_SEED, high=MAX_SEED)
        object.__setattr__(self, "seed", seed)
        goniometer = self.simulation.goniometer
        if goniometer.osc_deg is None and (
            goniometer.phistep_deg or goniometer.phisteps
        ):
            raise ValueError(
                "phi steps without a width: give the width of a frame (-osc)"
            )
        if any(row.scale_B for row in self.rows):
            if self.simulation.structure_factors.F is None:
                raise ValueError(
                    "scale_B: needs a list of structure factors, there is only one F"
                )

    @property
    def osc_deg(self) -> float:
        """Width of a frame [deg]; 0: stills."""
        return phi_steps(self.simulation.goniometer).range * RTD

    @property
    def rotating(self) -> bool:
        """Whether frames follow each other in one sweep of phi."""
        moved = any("phi_deg" in row.changes.get("goniometer", {}) for row in self.rows)
        return self.osc_deg > 0.0 and not moved

    def start_deg(self, number: int) -> float:
        """Return phi at the start of a frame [deg]."""
        changes = self.rows[number].changes if self.rows else {}
        start = changes.get("goniometer", {}).get("phi_deg")
        if start is not None:
            return start
        place = self._place(number)
        return self.simulation.goniometer.phi_deg + place * self.osc_deg

    def noise_seed(self, number: int) -> int:
        """Return the seed of a frame's noise."""
        assert self.seed is not None
        own = self.rows[number].seed if self.rows else None
        return self.seed + self._place(number) if own is None else own

    @property
    def sampled_at(self) -> str:
        """Where phi steps are in their intervals: "middle", or "start" as in C."""
        late = self.middles or self.simulation.model == "physical"
        return "middle" if late else "start"

    def _place(self, number: int) -> int:
        """Return the number that seed and phi of a frame depend on."""
        own = self.rows[number].number if self.rows else None
        return number if own is None else own

    def frame(self, number: int) -> Frame:
        """Return a frame; it depends on nothing but its number and its row.

        Raises
        ------
        IndexError
            When there is none of this number.
        """
        if not 0 <= number < self.frames:
            raise IndexError(f"frame {number}: the series has 0 to {self.frames - 1}")
        row = self.rows[number] if self.rows else FrameRow()
        start, osc = self.start_deg(number), self.osc_deg
        models = {
            model: dataclasses.replace(getattr(self.simulation, model), **fields)
            for model, fields in row.changes.items()
        }
        goniometer = models.get("goniometer", self.simulation.goniometer)
        # Model physical looks at the middle of each step by itself.
        late = 0.5 if self.simulation.model == "c" else 0.0
        if self.middles:
            models["goniometer"] = _equal_steps(goniometer, start, late)
        else:
            models["goniometer"] = dataclasses.replace(goniometer, phi_deg=start)
        if row.scale_B:
            models["structure_factors"] = self._damped(row.scale_B)
        simulation = dataclasses.replace(self.simulation, **models)
        return Frame(number, simulation, start, osc, self.noise_seed(number))

    def _damped(self, B: float) -> StructureFactors:
        cell = self.simulation.setup.cell
        factors = self.simulation.structure_factors
        assert factors.F is not None
        return _damped(factors, np.array([cell.a_star, cell.b_star, cell.c_star]), B)

    def render(self, number: int, **options: Any) -> Any:
        """Return the expected photons of a frame; options as in `Simulation.run`."""
        frame = self.frame(number)
        image = frame.simulation.render(sheet=True, **options)
        if not frame.simulation.backgrounds:
            return image
        background = self._background(frame)
        if isinstance(image, np.ndarray):
            image += background
        else:
            image.add(self._sent(background, image))
        return image

    def _sent(self, background: np.ndarray, image: DeviceImage) -> DeviceImage:
        """Return a background on an image's device; the last one is kept there."""
        known, sent = _backgrounds.get(self, (None, None))
        if known is not background or sent.index != image.index:
            sent = type(image).sent(background, image.index)
            _backgrounds[self] = background, sent
        return sent

    def _background(self, frame: Frame) -> np.ndarray:
        """Return a frame's background; rendered once where all have the same."""
        same = (frame.simulation.beam, frame.simulation.detector) == (
            self.simulation.beam,
            self.simulation.detector,
        )
        if same:
            return self._shared_background
        return frame.simulation.render_background(sheet=True)

    @functools.cached_property
    def _shared_background(self) -> np.ndarray:
        return self.simulation.render_background(sheet=True)

    def counts(self, number: int, **options: Any) -> np.ndarray:
        """Return a frame with noise: (slow, fast) uint32 counts without offset."""
        frame = self.frame(number)
        return frame.simulation.counts(
            self.render(number, **{"on_device": "auto", **options}),
            frame.seed,
            response=self.response,
        )

    @functools.cached_property
    def recording(self) -> Recording:
        """What files say about the series."""
        from ..formats.recording import Recording

        simulation, setup = self.simulation, self.simulation.setup
        beam, detector = simulation.beam, simulation.detector
        wavelengths = np.array([row_wavelength(row) for row in self.rows])
        own = wavelengths if np.isfinite(wavelengths).any() else np.empty(0)
        mean = setup.wavelength * 1e10
        spectrum = setup.sources.wavelengths * 1e10
        polychromatic = np.ptp(spectrum) > 0.0
        present = simulation.rendered
        if detector.missing is not None:
            present = present & ~detector.missing
        return Recording(
            geometry=setup.geometry,
            panels=setup.panels,
            starts_deg=np.array([self.start_deg(i) for i in range(self.frames)]),
            osc_deg=self.osc_deg,
            wavelength_A=mean,
            exposure_s=beam.exposure_s,
            flux_per_s=setup.flux,
            beamsize_mm=beam.beamsize_mm,
            polarization=0.0 if beam.nopolar else beam.polarization,
            thickness_m=setup.sensor.thick,
            present=None if present.all() else present,
            spectrum_A=spectrum if polychromatic else np.empty(0),
            spectrum_weights=(source_weights(setup) if polychromatic else np.empty(0)),
            frame_wavelengths_A=np.where(np.isnan(own), mean, own),
        )


def row_wavelength(row: FrameRow) -> float:
    """Return the wavelength that a row sets [A], nan for none."""
    return row.changes.get("beam", {}).get("wavelength_A", np.nan)


def _equal_steps(goniometer: Goniometer, start_deg: float, offset: float) -> Goniometer:
    """Return a goniometer with equal steps, begun a part of a step late."""
    steps = phi_steps(goniometer)
    if steps.range <= 0.0:
        return dataclasses.replace(goniometer, phi_deg=start_deg)
    width = steps.range * RTD
    return dataclasses.replace(
        goniometer,
        phi_deg=start_deg + offset * width / steps.count,
        osc_deg=width,
        phistep_deg=None,
        phisteps=steps.count,
    )


def _damped(factors: StructureFactors, stars: np.ndarray, B: float) -> StructureFactors:
    """Return factors times exp(-B s^2 / 4), s = 1/d, with rows a*, b*, c* in 1/A."""
    assert factors.F is not None
    lows = (factors.h_min, factors.k_min, factors.l_min)
    parts = []
    for axis, low, count in zip(stars, lows, factors.F.shape):
        parts.append((low + np.arange(count))[:, None] * axis)
    h, k, l = parts
    squared = np.zeros(factors.F.shape)
    for x in range(3):  # one axis of space at a time: no array of vectors
        squared += (
            h[:, None, None, x] + k[None, :, None, x] + l[None, None, :, x]
        ) ** 2
    return dataclasses.replace(factors, F=factors.F * np.exp(-0.25 * B * squared))
