# SPDX-License-Identifier: MIT
"""The experiment, in the words and units of the command line.

Frozen dataclasses: change one with `dataclasses.replace`. A field that is None
(or a step count of 0) is chosen automatically, as nanoBragg does.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from . import validate
from .checks import (
    checked_cell,
    checked_mask,
    checked_matrix,
    checked_misset,
    checked_sources,
)
from .limits import BOUNDS
from .panel import Panel
from .sheet import LAYOUTS, Sheet
from .spectrum import checked_spectrum
from .structure_factors import StructureFactors
from .validate import Roi, Vector

__all__ = [
    "Beam",
    "CONVENTIONS",
    "Crystal",
    "Detector",
    "Goniometer",
    "Panel",
    "SHAPES",
    "SPARSE",
    "Sampling",
    "StructureFactors",
]

SHAPES = ("square", "round", "gauss", "tophat")
CONVENTIONS = ("mosflm", "xds", "adxv", "denzo", "dials", "custom")
SPARSE = ("auto", "on", "off")
#: Fluence for which a pixel's value is F^2 times geometry, photons/m^2.
DEFAULT_FLUENCE = 125932015286227086360700780544.0


def clock_seed() -> int:
    """Return a seed from the clock, as nanoBragg uses when none is given."""
    return int(time.time())


def _set(instance: Any, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(instance, name, value)


def _numbers(instance: Any, model: str) -> None:
    """Check all fields of a model that are numbers; None stays None."""
    for name, bounds in BOUNDS[model].items():
        value = getattr(instance, name)
        if value is not None:
            _set(instance, **{name: validate.bounded(name, value, bounds)})


def _vectors(instance: Any, names: str) -> None:
    for name in names.split():
        value = getattr(instance, name)
        if value is not None:
            _set(instance, **{name: validate.vector(name, value)})


def _flags(instance: Any, names: str) -> None:
    for name in names.split():
        value = getattr(instance, name)
        if value is not None:
            _set(instance, **{name: validate.flag(name, value)})


@dataclass(frozen=True, eq=False)
class Crystal:
    """A perfect crystal: cell, orientation, size, shape and mosaicity.

    Attributes
    ----------
    cell
        a, b, c [A], alpha, beta, gamma [deg]; 1 to 6 numbers, missing lengths
        are a, missing angles 90 (-cell).
    A_matrix
        (3, 3) MOSFLM matrix, columns a*, b*, c* times the wavelength in A (-mat).
        With `cell` too, the cell's lengths and volume are imposed.
    misset_deg
        Rotations about x, y, z [deg], or "random" (-misset).
    misset_seed
        Seed of a random orientation; the clock when None.
    Na, Nb, Nc
        Unit cells along a, b, c; 0 means 1.
    sample_x_mm, sample_y_mm, sample_z_mm
        Crystal size [mm]; where above 0 it replaces Na, Nb, Nc (-xtalsize).
    shape
        "square", "round", "gauss" or "tophat".
    fudge
        Scale of the squared distance from a spot, for all shapes but square.
    mosaic_spread_deg
        Largest angle of the mosaic rotations [deg], a radius; None: no mosaicity.
    mosaic_domains
        Number of domains; 0: automatic.
    mosaic_seed
        Seed of the domains.
    water_um
        Side of the cube of water around the crystal [um].
    exact_cell
        Keep the cell's angles exactly, also in model c, whose own rule bends oblique
        cells (without an A matrix); for cells that come from files.
    space_group
        Hermann-Mauguin name, for the record.
    """

    cell: tuple[float, ...] | None = None
    A_matrix: np.ndarray | None = None
    misset_deg: Vector | str | None = None
    misset_seed: int | None = None
    Na: int = 1
    Nb: int = 1
    Nc: int = 1
    sample_x_mm: float = 0.0
    sample_y_mm: float = 0.0
    sample_z_mm: float = 0.0
    shape: str = "square"
    fudge: float = 1.0
    mosaic_spread_deg: float | None = None
    mosaic_domains: int = 0
    mosaic_seed: int = 12345678
    water_um: float = 0.0
    exact_cell: bool = False
    space_group: str | None = None

    def __post_init__(self) -> None:
        if self.cell is None and self.A_matrix is None:
            raise ValueError("a crystal needs a cell or an A matrix (-cell or -mat)")
        if self.cell is not None:
            _set(self, cell=checked_cell(self.cell))
        if self.A_matrix is not None:
            _set(self, A_matrix=checked_matrix(self.A_matrix))
        if self.misset_deg is not None:
            _set(self, misset_deg=checked_misset(self.misset_deg))
        _numbers(self, "crystal")
        if self.misset_deg == "random" and self.misset_seed is None:
            _set(self, misset_seed=clock_seed())
        validate.choice("shape", self.shape, SHAPES)
        _flags(self, "exact_cell")


@dataclass(frozen=True, eq=False)
class Beam:
    """The incident X-rays.

    Attributes
    ----------
    wavelength_A
        Wavelength [A].
    fluence_per_m2
        Photons/m^2; replaced by flux * exposure / beamsize^2 when a flux is given.
    flux_per_s, exposure_s, beamsize_mm
        Alternative to the fluence; the beam size also clips the crystal.
    polarization
        Kahn factor, -1 to 1; 0: unpolarized.
    nopolar
        No polarization correction at all.
    hdivrange_mrad, vdivrange_mrad
        Full divergence [mrad]; None: not given.
    hdivstep_mrad, vdivstep_mrad
        Step between source points [mrad]; None: not given.
    hdivsteps, vdivsteps
        Number of source points; 0: automatic.
    round_div
        Cut the grid of source points to an ellipse.
    dispersion_percent
        Full spread of wavelengths [%].
    dispsteps
        Number of wavelengths; 0: automatic.
    sources
        (n, 1 to 5) X, Y, Z of each source, weight, wavelength [m]; nan or a
        missing column takes the default. Replaces divergence and dispersion.
        Model c does not use the weight.
    spectrum
        (n, 2) channels: energy [eV] (all above 100) or wavelength [A] (all below),
        and weight. Kept as wavelength [A] and weight, the weights adding up to 1;
        `wavelength_A` becomes their mean. Every direction has every channel.
    beam_vector, polar_vector
        Directions of the beam and of its E field, for the custom convention.
    """

    wavelength_A: float = 1.0
    fluence_per_m2: float = DEFAULT_FLUENCE
    flux_per_s: float = 0.0
    exposure_s: float = 1.0
    beamsize_mm: float = 0.1
    polarization: float = 0.0
    nopolar: bool = False
    hdivrange_mrad: float | None = None
    vdivrange_mrad: float | None = None
    hdivstep_mrad: float | None = None
    vdivstep_mrad: float | None = None
    hdivsteps: int = 0
    vdivsteps: int = 0
    round_div: bool = True
    dispersion_percent: float = 0.0
    dispsteps: int = 0
    sources: np.ndarray | None = None
    spectrum: np.ndarray | None = None
    beam_vector: Vector | None = None
    polar_vector: Vector | None = None

    def __post_init__(self) -> None:
        _numbers(self, "beam")
        _flags(self, "nopolar round_div")
        _vectors(self, "beam_vector polar_vector")
        if self.sources is not None:
            _set(self, sources=checked_sources(self.sources))
        if self.spectrum is not None:
            self._take_spectrum()

    def _take_spectrum(self) -> None:
        channels = checked_spectrum(self.spectrum)
        if self.sources is not None:
            raise ValueError("spectrum: a list of sources has its own wavelengths")
        if self.dispersion_percent or self.dispsteps:
            raise ValueError("spectrum: dispersion makes wavelengths of its own")
        mean_A = float(channels[:, 0] @ channels[:, 1])
        _set(self, spectrum=channels, wavelength_A=mean_A)


#: Fields of a detector that say where it is, or how large; panels do that themselves.
PLACES = frozenset(
    "detpixels_f detpixels_s detsize_f_mm detsize_s_mm distance_mm close_distance_mm "
    "pivot implied_pivot Xbeam_mm Ybeam_mm Xclose_mm Yclose_mm ORGX_pixels ORGY_pixels "
    "fdet_vector sdet_vector odet_vector twotheta_axis pix0_vector_mm rotx_deg "
    "roty_deg rotz_deg twotheta_deg".split()
)


@dataclass(frozen=True, eq=False)
class Detector:
    """A flat (or curved) pixel detector.

    Attributes
    ----------
    detpixels_f, detpixels_s
        Pixels along fast and slow; None: from the size.
    detsize_f_mm, detsize_s_mm
        Size [mm], used where the pixel count is None.
    pixel_size_mm
        Pixel size [mm].
    distance_mm, close_distance_mm
        Distance along the beam, and from the nearest point [mm].
    convention
        "mosflm", "xds", "adxv", "denzo", "dials" or "custom"; None: custom when
        any vector is given, else mosflm.
    pivot
        "beam" or "sample"; None: the convention's own (custom: beam). Model c heeds
        it for the custom convention only.
    implied_pivot
        The pivot that the last option for centre or distance implies on a command
        line; for the custom convention, where model c lets it win over `pivot`.
    Xbeam_mm, Ybeam_mm, Xclose_mm, Yclose_mm, ORGX_pixels, ORGY_pixels
        Beam centre or nearest point, in the convention's own way.
    fdet_vector, sdet_vector, odet_vector, twotheta_axis
        Directions, for the custom convention.
    pix0_vector_mm
        Outer corner of the first pixel seen from the crystal, before all rotations
        [mm]; selects the custom convention. Model c does nothing else with it.
    rotx_deg, roty_deg, rotz_deg, twotheta_deg
        Rotations of the detector [deg].
    curved
        All pixels at the same distance.
    point_pixel
        No obliquity correction.
    thick_um, thicksteps, abs_um
        Sensor thickness [um], its layers (0: automatic) and attenuation depth
        [um] (None: the thickness; inf: no absorption model).
    mask
        (slow, fast) bool or whole numbers; pixels of value 0 are not rendered.
    dead
        (slow, fast) bool: pixels that the detector does not have (gaps between its
        modules); not rendered, and 0 in an image of counts.
    beamstop_mm, beamstop_arm_deg
        Radius [mm] of the shadow of a beam stop around the direct beam, and from which
        side its arm comes [deg], from the fast axis to the slow one; None: without.
    roi
        xmin, xmax, ymin, ymax in pixels, inclusive; a negative bound is the edge.
    panels
        Several flat pieces instead of one, each with its own corner, axes and size;
        they say where everything is, so that no other field does. What is
        (slow, fast) here, and mask and dead too, is then the sheet of all panels
        (`sheet`); a mask may be (panels, slow, fast) as well.
    panel_layout
        How they lie in the sheet, and so in files: "stack" (one below the other),
        "place" (where their `origin` says) or "auto" (placed where that is possible).
    """

    detpixels_f: int | None = None
    detpixels_s: int | None = None
    detsize_f_mm: float = 102.4
    detsize_s_mm: float = 102.4
    pixel_size_mm: float = 0.1
    distance_mm: float = 100.0
    close_distance_mm: float | None = None
    convention: str | None = None
    pivot: str | None = None
    implied_pivot: str | None = None
    Xbeam_mm: float | None = None
    Ybeam_mm: float | None = None
    Xclose_mm: float | None = None
    Yclose_mm: float | None = None
    ORGX_pixels: float | None = None
    ORGY_pixels: float | None = None
    fdet_vector: Vector | None = None
    sdet_vector: Vector | None = None
    odet_vector: Vector | None = None
    twotheta_axis: Vector | None = None
    pix0_vector_mm: Vector | None = None
    rotx_deg: float = 0.0
    roty_deg: float = 0.0
    rotz_deg: float = 0.0
    twotheta_deg: float = 0.0
    curved: bool = False
    point_pixel: bool = False
    thick_um: float = 0.0
    thicksteps: int = 0
    abs_um: float | None = None
    mask: np.ndarray | None = None
    dead: np.ndarray | None = None
    beamstop_mm: float | None = None
    beamstop_arm_deg: float | None = None
    roi: Roi | None = None
    panels: tuple[Panel, ...] | None = None
    panel_layout: str = "auto"

    #: Given by `nbsim.simulation`, which knows the readers of files.
    from_smv_header: ClassVar[Callable[..., Detector]]

    def __post_init__(self) -> None:
        _numbers(self, "detector")
        _flags(self, "curved point_pixel")
        vectors = "fdet_vector sdet_vector odet_vector twotheta_axis pix0_vector_mm"
        _vectors(self, vectors)
        for name in ("pivot", "implied_pivot"):
            if getattr(self, name) is not None:
                validate.choice(name, getattr(self, name), ("beam", "sample"))
        if self.convention is not None:
            validate.choice("convention", self.convention, CONVENTIONS)
        validate.choice("panel_layout", self.panel_layout, LAYOUTS)
        if self.panels is not None:
            self._check_panels()
        if self.mask is not None:
            _set(self, mask=checked_mask(self.to_sheet(self.mask), self.shape))
        if self.dead is not None:
            dead = checked_mask(self.to_sheet(self.dead), self.shape, "dead") != 0
            _set(self, dead=dead)
        if self.roi is not None:
            _set(self, roi=self._checked_roi(self.roi))

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels (slow, fast) of the image; of the sheet of all panels."""
        if self.sheet is not None:
            return self.sheet.shape
        return (
            self.detpixels_s or self._pixels(self.detsize_s_mm),
            self.detpixels_f or self._pixels(self.detsize_f_mm),
        )

    @property
    def bounds(self) -> Roi:
        """First and last pixel of the region of interest, all inside the image."""
        spixels, fpixels = self.shape
        xmin, xmax, ymin, ymax = self.roi or (0, fpixels, 0, spixels)
        return xmin, min(xmax, fpixels - 1), ymin, min(ymax, spixels - 1)

    @functools.cached_property
    def sheet(self) -> Sheet | None:
        """Where several panels lie in one array; None for a detector in one piece."""
        return None if self.panels is None else Sheet(self.panels, self.panel_layout)

    @functools.cached_property
    def missing(self) -> np.ndarray | None:
        """(slow, fast) bool: dead pixels, and gaps of the sheet; None without any."""
        gaps = None if self.sheet is None else self.sheet.gaps
        if self.dead is None or gaps is None:
            return self.dead if gaps is None else gaps
        return self.dead | gaps

    def to_sheet(self, image: Any) -> Any:
        """Return an image of several panels, (panels, slow, fast), as one sheet.

        Anything else stays as it is.
        """
        sheet = self.sheet
        if sheet is None or np.shape(image) != sheet.split_shape:
            return image
        return sheet.join(np.asarray(image))

    def to_panels(self, image: np.ndarray) -> np.ndarray:
        """Return a sheet (slow, fast) as an image of the panels, if there are any."""
        return image if self.sheet is None else self.sheet.split(image)

    def _check_panels(self) -> None:
        assert self.sheet is not None
        _set(self, panels=self.sheet.panels)
        given = [
            field.name
            for field in fields(self)
            if field.name in PLACES and getattr(self, field.name) != field.default
        ]
        if given:
            raise ValueError(
                f"{', '.join(given)}: panels say themselves where they are and how "
                "large; expected nothing beside them"
            )
        if self.curved:
            raise ValueError("curved: several panels are flat; expected False")
        if self.convention not in (None, "custom"):
            raise ValueError(
                f"convention {self.convention}: expected custom, or none, with panels"
            )

    def _pixels(self, size_mm: float) -> int:
        return max(1, math.ceil(size_mm / 1000.0 / (self.pixel_size_mm / 1000.0) - 0.5))

    def _checked_roi(self, value: Any) -> Roi:
        bounds = validate.sequence("roi", value, "xmin xmax ymin ymax")
        if len(bounds) != 4:
            raise ValueError(f"roi: expected xmin xmax ymin ymax, got {value!r}")
        xmin, xmax, ymin, ymax = (validate.integer("roi", v) for v in bounds)
        spixels, fpixels = self.shape
        # As in C, a negative bound means the edge, and the upper edge may be
        # the number of pixels itself.
        xmin, ymin = max(xmin, 0), max(ymin, 0)
        xmax = fpixels if xmax < 0 else xmax
        ymax = spixels if ymax < 0 else ymax
        inside = xmin <= xmax and ymin <= ymax and xmin < fpixels and ymin < spixels
        if not inside or xmax > fpixels or ymax > spixels:
            raise ValueError(
                f"roi {value[0]} {value[1]} {value[2]} {value[3]}: expected "
                "xmin <= xmax and ymin <= ymax inside the detector of "
                f"{fpixels} x {spixels} pixels"
            )
        return xmin, xmax, ymin, ymax


@dataclass(frozen=True, eq=False)
class Goniometer:
    """The rotation during the exposure.

    Attributes
    ----------
    phi_deg
        Start [deg].
    osc_deg, phistep_deg
        Range and step [deg]; None: not given.
    phisteps
        Number of steps; None: automatic.
    spindle_axis
        Direction, for the custom convention.
    """

    phi_deg: float = 0.0
    osc_deg: float | None = None
    phistep_deg: float | None = None
    phisteps: int | None = None
    spindle_axis: Vector | None = None

    def __post_init__(self) -> None:
        _numbers(self, "goniometer")
        _vectors(self, "spindle_axis")


@dataclass(frozen=True)
class Sampling:
    """How finely, and how far, the image is evaluated.

    Attributes
    ----------
    oversample
        Subpixels along each side of a pixel; 0: automatic.
    oversample_thick, oversample_polar, oversample_omega
        Apply the correction inside the sum (model c: to the running sum).
    dmin_A
        Resolution limit [A]; 0: none.
    interpolate
        Tricubic interpolation of F on or off; None: on when any of Na, Nb, Nc <= 2.
    phi_carryover
        Reproduce the stale orientation of a one-thread C run at phi = 0.
    sparse
        Whether an image of Gaussian or top-hat spots is rendered from its reflections,
        without what is dark: "auto" where that takes less time, "on" or "off". The
        image is the same to the last bit.
    spot_cutoff
        What is below this fraction of a reflection's peak is left out; 0: nothing.
    """

    oversample: int = 0
    oversample_thick: bool = False
    oversample_polar: bool = False
    oversample_omega: bool = False
    dmin_A: float = 0.0
    interpolate: bool | None = None
    phi_carryover: bool = False
    sparse: str = "auto"
    spot_cutoff: float = 0.0

    def __post_init__(self) -> None:
        _numbers(self, "sampling")
        validate.choice("sparse", self.sparse, SPARSE)
        if self.sparse == "off" and self.spot_cutoff > 0.0:
            raise ValueError(
                f"spot_cutoff {self.spot_cutoff:g}: expected 0 with sparse off, which "
                "evaluates everything"
            )
        _flags(self, "oversample_thick oversample_polar oversample_omega")
        _flags(self, "interpolate phi_carryover")
