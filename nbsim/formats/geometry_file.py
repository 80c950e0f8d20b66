# SPDX-License-Identifier: MIT
"""What a geometry file describes, in nbsim's frame: one class for all such formats.

nbsim's frame is MOSFLM's: x along the beam, z along the spindle. Everything is given
by vectors (the custom convention), so that any other beam or spindle works as well.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import FileError
from ..model.models import Beam, Crystal, Detector, Goniometer
from ..model.panel import PARALLEL, Panel, panel_fields
from ..model.validate import Vector

#: v_nbsim = FROM_DIALS v_imgCIF: z is towards the source there, x along the spindle.
FROM_DIALS = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
#: v_nbsim = FROM_CRYSTFEL v: z is along the beam there, y up, x to the left of it.
FROM_CRYSTFEL = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
#: A cell whose volume is this small relative to its edges is rounding noise.
_FLAT = 1e-10


@dataclass(frozen=True, eq=False)
class GeometryFile:
    """Detector, beam, goniometer, scan and crystal of a file, as nbsim's models.

    ``Simulation(crystal=..., beam=..., detector=..., goniometer=...)`` takes the four
    properties of these names.

    Attributes
    ----------
    path
        The file.
    wavelength_A
        Wavelength [A].
    beam_vector
        Direction of the beam.
    pixel_size_mm
        Pixel size [mm].
    panels
        The detector.
    polar_vector, polarization
        Direction of the E field and Kahn factor; None: the file does not say.
    spindle_axis
        Rotation axis; None: a still, or a file without goniometer.
    phi_deg, osc_deg, images
        Start and width of the first image [deg], and how many the scan has.
    A
        (3, 3) columns a*, b*, c* [1/A] at phi = 0; None: no orientation.
    cell
        Cell constants [A, deg], where they are known without an orientation.
    space_group
        Its name.
    notes
        What a user may want to know, a sentence each.
    """

    path: str
    wavelength_A: float
    beam_vector: Vector
    pixel_size_mm: float
    panels: tuple[Panel, ...]
    polar_vector: Vector | None = None
    polarization: float | None = None
    spindle_axis: Vector | None = None
    phi_deg: float = 0.0
    osc_deg: float | None = None
    images: int = 0
    A: np.ndarray | None = None
    cell: tuple[float, ...] | None = None
    space_group: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        with naming(self.path):
            fields = self.beam, self.detector, self.goniometer, self.crystal
            del fields  # what they cannot hold is the file's fault

    @functools.cached_property
    def beam(self) -> Beam:
        """The beam."""
        return Beam(**self.beam_fields)

    @functools.cached_property
    def goniometer(self) -> Goniometer:
        """Spindle, start and range of the first image."""
        return Goniometer(**self.goniometer_fields)

    @functools.cached_property
    def detector(self) -> Detector:
        """The detector."""
        return Detector(**self.detector_fields)

    @functools.cached_property
    def crystal(self) -> Crystal | None:
        """One cell of the crystal: `dataclasses.replace` gives it a size."""
        if self.A is not None:
            return Crystal(
                A_matrix=self.A * self.wavelength_A, space_group=self.space_group
            )
        if self.cell is None:
            return None
        return Crystal(cell=self.cell, exact_cell=True, space_group=self.space_group)

    @property
    def beam_fields(self) -> dict[str, Any]:
        """Fields of `Beam`."""
        fields: dict[str, Any] = {
            "wavelength_A": self.wavelength_A,
            "beam_vector": self.beam_vector,
        }
        if self.polar_vector is not None:
            fields["polar_vector"] = self.polar_vector
        if self.polarization is not None:
            fields["polarization"] = self.polarization
        return fields

    @property
    def goniometer_fields(self) -> dict[str, Any]:
        """Fields of `Goniometer`."""
        fields: dict[str, Any] = {}
        if self.spindle_axis is not None:
            fields.update(spindle_axis=self.spindle_axis, phi_deg=self.phi_deg)
        if self.osc_deg is not None:
            fields["osc_deg"] = self.osc_deg
        return fields

    @property
    def detector_fields(self) -> dict[str, Any]:
        """Fields of `Detector`."""
        if len(self.panels) != 1:
            return {
                "panels": self.panels,
                "pixel_size_mm": self.pixel_size_mm,
                "convention": "custom",
            }
        return panel_fields(self.panels[0], self.pixel_size_mm, self.beam_vector)

    def summary(self) -> Iterator[str]:
        """Yield what the file gives, a sentence each."""
        panel = min(self.panels, key=lambda panel: panel.close_distance_mm)
        size = f"{panel.fpixels} x {panel.spixels} pixels"
        if len(self.panels) > 1:
            sizes = {(panel.fpixels, panel.spixels) for panel in self.panels}
            size = f"{len(self.panels)} panels" + (
                f" of {size}" if len(sizes) == 1 else " of several sizes, pixels"
            )
        yield (
            f"{self.path}: detector of {size} of {self.pixel_size_mm:g} mm, "
            f"{panel.close_distance_mm:.6g} mm from the crystal; wavelength "
            f"{self.wavelength_A:.6g} A"
        )
        if self.osc_deg is not None:
            yield (
                f"{self.path}: {self.images or 1} images of {self.osc_deg:g} degrees, "
                f"from {self.phi_deg:g}"
            )
        crystal = self.crystal
        if crystal is not None:
            cell = " ".join(f"{x:.6g}" for x in self.cell_constants or ())
            named = f", space group {self.space_group}" if self.space_group else ""
            how = "cell and orientation" if self.A is not None else "cell"
            yield f"{self.path}: {how} of the crystal, {cell}{named}"
        yield from (f"{self.path}: {note}" for note in self.notes)

    @property
    def cell_constants(self) -> tuple[float, ...] | None:
        """a, b, c [A], alpha, beta, gamma [deg]."""
        return self.cell if self.A is None else cell_of_stars(self.A)


def cell_of_stars(A: np.ndarray) -> tuple[float, ...]:
    """Return the cell [A, deg] whose a*, b*, c* [1/A] are the columns of A."""
    metric = np.linalg.inv(A.T @ A)
    lengths = np.sqrt(np.diag(metric))
    cosines = metric / np.outer(lengths, lengths)
    pairs = (1, 2), (0, 2), (0, 1)
    angles = [np.degrees(np.arccos(np.clip(cosines[i], -1.0, 1.0))) for i in pairs]
    return (*map(float, lengths), *map(float, angles))


def direct_beam_fields(panel: Panel, beam_vector: Vector) -> dict[str, Any]:
    """Return where the beam meets a panel, as fields of a `Detector`.

    Raises
    ------
    ValueError
        When it does not.
    """
    f, s = np.array(panel.fdet_vector), np.array(panel.sdet_vector)
    beam = np.array(beam_vector) / np.linalg.norm(beam_vector)
    if not float(beam @ np.array(panel.odet_vector)) > PARALLEL:
        raise ValueError("the beam does not meet the detector plane")
    # pix0 + fast f + slow s = distance beam
    axes = np.array([-f, -s, beam]).T
    fast, slow, distance = np.linalg.solve(axes, np.array(panel.pix0_vector_mm))
    return {
        "distance_mm": float(distance),
        "Xbeam_mm": float(fast),
        "Ybeam_mm": float(slow),
    }


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Turn what is wrong with a value into what is wrong with a file."""
    try:
        yield
    except FileError:
        raise
    except (ValueError, TypeError) as error:
        raise FileError(f"{path}: {error}") from error


def turned(rotation: np.ndarray, vector: np.ndarray) -> Vector:
    """Return a vector of the file's frame in nbsim's."""
    x, y, z = (float(c) for c in rotation @ np.asarray(vector, float))
    return x, y, z


def stars_of(real_space: np.ndarray) -> np.ndarray:
    """Return columns a*, b*, c* [1/A] of the rows a, b, c [A].

    Raises
    ------
    ValueError
        When these span no volume.
    """
    lengths = np.linalg.norm(real_space, axis=1)
    if not lengths.all() or abs(np.linalg.det(real_space / lengths[:, None])) < _FLAT:
        raise ValueError("the vectors a, b, c of the crystal span no volume")
    return np.linalg.inv(real_space)


def as_text(path: str | os.PathLike) -> str:
    """Return a path as messages show it."""
    return os.fspath(path)
