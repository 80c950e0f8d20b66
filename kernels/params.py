# SPDX-License-Identifier: MIT
"""What the kernels are given: named tuples of SI numbers and arrays.

The same tuples go to every kernel, on CPU and CUDA. Vectors are in the
laboratory frame, (3,) float64. Nothing in them is modified by a kernel. Those
of a whole run hold no tuples, because numba passes only flat ones into a parallel
loop; shapes and lookups hold no arrays, because they are passed by pointer.
"""

from typing import NamedTuple

import numpy as np

SQUARE, ROUND, GAUSS, TOPHAT = 0, 1, 2, 3


class DetectorArgs(NamedTuple):
    """Where pixels are and what they catch."""

    fdet_vector: np.ndarray
    sdet_vector: np.ndarray
    odet_vector: np.ndarray
    pix0_vector: np.ndarray  # m, crystal to the outer corner of the first pixel
    beam_vector: np.ndarray  # used by the curved detector
    pixel_size: float  # m
    distance: float  # m, along the beam; radius of the curved detector
    close_distance: float  # m, along the detector normal
    fpixels: int
    oversample: int
    curved_detector: bool
    point_pixel: bool
    detector_thick: float  # m; 0 means no absorption model
    detector_thickstep: float  # m
    detector_thicksteps: int
    detector_mu: float  # 1/m
    # Model physical: obliquity at a layer's depth, a curved detector that is a sphere
    # around the crystal and touches the plane at its nearest point.
    exact: bool
    layer_offset: float  # where in a layer its point is: 0 the front, 1/2 the middle
    Fclose: float  # m, nearest point of the plane along fast and slow
    Sclose: float


class PanelArgs(NamedTuple):
    """What differs from panel to panel, a row each: as in `DetectorArgs`, and a place.

    Ranks go through one panel after the other, its pixels in raster order.
    """

    fdet_vector: np.ndarray  # (panels, 3)
    sdet_vector: np.ndarray
    odet_vector: np.ndarray
    pix0_vector: np.ndarray  # m
    distance: np.ndarray  # (panels,) m
    close_distance: np.ndarray  # m
    Fclose: np.ndarray  # m
    Sclose: np.ndarray  # m
    first_slow: np.ndarray  # the panel's first pixel in the image
    first_fast: np.ndarray
    end_rank: np.ndarray  # rank behind its last pixel


class BeamArgs(NamedTuple):
    """The sources and what polarization needs."""

    incident: np.ndarray  # (sources, 3) unit vectors along the rays
    wavelength: np.ndarray  # (sources,) m
    share: np.ndarray  # (sources,) weights with a mean of 1; see SamplingArgs
    polar_vector: np.ndarray
    polarization: float  # Kahn factor
    nopolar: bool


class TableArgs(NamedTuple):
    """A table of amorphous scattering, as a cubic polynomial in each interval.

    Interval n is from s[n] to s[n + 1]; two rows at either end lie far outside.
    """

    s: np.ndarray  # (n,) sin(theta) / wavelength, 1/m
    # (n, 8) of an interval: its end, the middle that its polynomial is about (1/m),
    # and four coefficients (electrons per molecule, by powers of m): one cache line.
    rows: np.ndarray
    guide: np.ndarray  # first interval to look at, by s in equal steps
    guide_per_s: float  # m
    s_max: float  # 1/m, the last row


class CrystalArgs(NamedTuple):
    """Orientations and the shape of the crystal."""

    cell_vectors: np.ndarray  # (phisteps * domains, 3, 3) m, rows a, b, c
    first_cell_vectors: np.ndarray  # the same for the first evaluation of a run
    N_cells: np.ndarray  # whole numbers
    shape: int  # SQUARE, ROUND, GAUSS or TOPHAT
    fudge: float
    recip: np.ndarray  # (3, 3) rows a*, b*, c* at phi = 0, 1/Angstrom


class HklArgs(NamedTuple):
    """The structure factors."""

    F: np.ndarray  # (h_range, k_range, l_range); (1, 1, 1) when there is no list
    h_min: int
    k_min: int
    l_min: int
    has_list: bool
    default_F: float
    # F that follows the energy of each source: |part_0 + sum_j c_j part_j|, instead of
    # the list. Real and imaginary parts side by side.
    parts: np.ndarray = np.zeros((1, 1, 1, 0), np.float32)  # (h, k, l, 2 + 2 n)
    coefficients: np.ndarray = np.zeros((1, 0))  # (sources, 2 n)

    @property
    def follows_energy(self) -> bool:
        """Whether F is made of parts."""
        return self.coefficients.shape[1] > 0


class SamplingArgs(NamedTuple):
    """What is evaluated, and how a sum becomes photons."""

    oversample_thick: bool
    oversample_polar: bool
    oversample_omega: bool
    dmin: float  # m; 0 means no limit
    I_bg: float  # background, in units of F^2
    has_water: bool
    scale: float  # r_e^2 * fluence, photons
    steps: float  # sources * phisteps * domains * oversample^2
    # Model physical: every ray's sum (and its own I_bg) gets its own solid angle,
    # capture fraction, polarization and share; nothing is applied at the end.
    per_ray: bool
    # Model c with a spectrum: the sum of each source's terms gets its share.
    weighted: bool
    # Model physical: only evaluations outside the list take the nearest F.
    keep_interpolating: bool

    @property
    def running(self) -> bool:
        """Whether a correction multiplies the running sum, as an -oversample_ does."""
        return self.oversample_thick or self.oversample_polar or self.oversample_omega


class Job(NamedTuple):
    """Everything that a pixel needs."""

    det: DetectorArgs
    beam: BeamArgs
    xtal: CrystalArgs
    hkl: HklArgs
    sampling: SamplingArgs


class Pixels(NamedTuple):
    """Which pixels are rendered, in raster order of a panel: rank 0, 1, 2, ..."""

    active: np.ndarray  # int32 flat indices where a mask picks pixels, else empty
    xmin: int
    ymin: int
    width: int  # pixels per row of the region of interest
    count: int


class SquareAny(NamedTuple):
    """Parallelepiped of any size; see `reduced.square_any`."""

    Na: float
    Nb: float
    Nc: float


class SquareFew(NamedTuple):
    """Parallelepiped of at most 9 cells each way; see `reduced.square_few`."""

    # a, b, c: three coefficients in sin^2 each, or five (more than 6 cells).
    series: tuple[tuple[float, ...], ...]
    even: tuple[float, ...]  # 1 where the number of cells is even, else 0


class RoundSpot(NamedTuple):
    """Sphere; cell counts times sqrt(fudge); see `reduced.round_spot`."""

    Na: float
    Nb: float
    Nc: float


class GaussSpot(NamedTuple):
    """Gaussian; the metric gives -log2 F_latt^2; see `reduced.gauss`."""

    metric: tuple[float, ...]  # hh, kk, ll, 2 hk, 2 hl, 2 kl
    dark: float  # above this exponent F_latt itself is 0 in float64


class TophatSpot(NamedTuple):
    """Top-hat; see `reduced.tophat`."""

    metric: tuple[float, ...]  # as in `GaussSpot`
    cut: float


class SingleF(NamedTuple):
    """One structure factor for all indices: the table is [1.0], F^2 comes later."""

    default_F: float


class TableF(NamedTuple):
    """F of the list itself, flat; default_F outside it."""

    h_min: float
    h_max: float
    k_min: float
    k_max: float
    l_min: float
    l_max: float
    h_stride: float
    k_stride: float
    base: float  # element of index 0 0 0, plus 2^52
    default_F_sqr: float


class InsideF(NamedTuple):
    """What is left of a `TableF` for pixels whose indices are all in the list."""

    h_stride: float
    k_stride: float
    base: float


class SpectralF(NamedTuple):
    """As `TableF`, for one source: F is made of parts; see `lanes_spectral`."""

    h_min: float
    h_max: float
    k_min: float
    k_max: float
    l_min: float
    l_max: float
    h_stride: float
    k_stride: float
    base: float
    default_F_sqr: float
    coefficients: tuple[float, ...]  # of every part but the first: real, imaginary


class TableF32(NamedTuple):
    """As `TableF`, for single precision: all but the last are int32."""

    h_min: int
    h_max: int
    k_min: int
    k_max: int
    l_min: int
    l_max: int
    h_stride: int
    k_stride: int
    default_F_sqr: float


class CubicF(NamedTuple):
    """F of the list itself, flat, for tricubic interpolation; see `lanes_cubic`."""

    h_min: float
    k_min: float
    l_min: float
    h_range: float
    k_range: float
    l_range: float


class CubicElseNearestF(NamedTuple):
    """As `CubicF`; an index that cannot be interpolated takes the nearest F."""

    h_min: float
    k_min: float
    l_min: float
    h_range: float
    k_range: float
    l_range: float
    default_F_sqr: float


class NoGuard(NamedTuple):
    """Every pixel of a box counts; see `sparse_lanes.counts`."""

    unused: float = 0.0


class Guard(NamedTuple):
    """The nearest reflection counts, above a cutoff; see `sparse_lanes.counts`."""

    cutoff: float  # smallest term, of the reflection's peak


class DminGuard(NamedTuple):
    """As `Guard`, and not finer than a resolution limit."""

    cutoff: float
    dmin: float  # m
