# SPDX-License-Identifier: MIT
"""Arguments of the vectorised kernels: which reduced form, with which numbers."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..model.structure_factors import StructureFactors
from ..resolve.run import Setup

if TYPE_CHECKING:
    from ..kernels.params import (
        CrystalArgs,
        CubicElseNearestF,
        CubicF,
        HklArgs,
        Job,
        PanelArgs,
        Pixels,
        SingleF,
        SpectralF,
        SquareFew,
        TableF,
        TableF32,
    )

#: Largest number of cells for which the grating function is a short polynomial.
FEW_CELLS = 9
#: Largest for which three terms are enough.
SHORT_SERIES_CELLS = 6
#: exp(-x) is exactly 0 in float64 above this x.
EXP_UNDERFLOW = 745.1332191019412


@functools.cache
def grating_series(N: int, terms: int) -> tuple[float, ...]:
    """Return sin(N x) / sin(x), without cos x for an even N, in s = sin^2 x.

    The Chebyshev polynomial U_(N-1)(cos x), rewritten with cos^2 = 1 - s.

    Returns
    -------
    tuple
        Coefficients of s^0, s^1 ..., filled up with zeros to so many terms.
    """
    one, cosine = np.polynomial.Polynomial([1.0]), np.polynomial.Polynomial([0.0, 1.0])
    previous, current = one, 2.0 * cosine
    for _ in range(N - 1):
        previous, current = current, 2.0 * cosine * current - previous
    series = np.polynomial.Polynomial([0.0])
    for power, coefficient in enumerate(previous.coef[1 - N % 2 :: 2]):
        series = series + coefficient * (1.0 - cosine) ** power
    coefficients = series.coef.tolist()
    return tuple(coefficients + [0.0] * (terms - len(coefficients)))


def square_few(cells: tuple[int, int, int]) -> SquareFew:
    """Return the arguments of a parallelepiped of at most 9 cells each way."""
    from ..kernels.params import SquareFew

    terms = 3 if max(cells) <= SHORT_SERIES_CELLS else 5
    series = tuple(grating_series(N, terms) for N in cells)
    return SquareFew(series, tuple(float(1 - N % 2) for N in cells))


def _metric(recip: np.ndarray, scale: float) -> tuple[float, ...]:
    """Return the six elements of scale * recip . recip^T, mixed ones doubled."""
    G = (recip @ recip.T * scale).tolist()
    return G[0][0], G[1][1], G[2][2], 2.0 * G[0][1], 2.0 * G[0][2], 2.0 * G[1][2]


def shape_arguments(xtal: CrystalArgs) -> tuple[tuple, float]:
    """Return the shape's arguments and the constant factor of its F_latt^2."""
    from ..kernels import layout, params

    Na, Nb, Nc = (float(n) for n in xtal.N_cells)
    N_product_sqr = (Na * Nb * Nc) ** 2
    if xtal.shape == params.SQUARE:
        if max(Na, Nb, Nc) > FEW_CELLS:
            return params.SquareAny(Na, Nb, Nc), 1.0
        return square_few((int(Na), int(Nb), int(Nc))), 1.0
    if xtal.shape == params.ROUND:
        root = math.sqrt(xtal.fudge)
        shape = params.RoundSpot(Na * root, Nb * root, Nc * root)
        return shape, N_product_sqr * layout.ROUND_SCALE**2
    if xtal.shape == params.GAUSS:
        exponent = 2.0 * xtal.fudge / layout.GAUSS_WIDTH / math.log(2.0)
        metric = _metric(xtal.recip, exponent * N_product_sqr)
        dark = 2.0 * EXP_UNDERFLOW / math.log(2.0)
        return params.GaussSpot(metric, dark), N_product_sqr
    metric = _metric(xtal.recip, xtal.fudge * N_product_sqr)
    return params.TophatSpot(metric, layout.TOPHAT_RADIUS_SQR), N_product_sqr


def run_record(job: Job, pixels: Pixels, panels: PanelArgs | None = None) -> np.ndarray:
    """Return all numbers and directions of a run as one record, for each panel.

    The tile kernel takes them together: numba compiles a function much faster
    for one record than for dozens of arguments.

    Returns
    -------
    ndarray
        (panels,) structured; the fields are those of `params.DetectorArgs`, of the
        scalars of `params.BeamArgs`, and of `params.SamplingArgs`, `params.Pixels` and
        `params.PanelArgs`.
    """
    values = {
        "first_slow": np.asarray(0),
        "first_fast": np.asarray(0),
        "end_rank": np.asarray(pixels.count),
    }
    for part in (job.det, job.beam, job.sampling, pixels):
        for name, value in part._asdict().items():
            value = np.asarray(value)
            if value.ndim == 0 or name.endswith("_vector"):
                values[name] = value
    fields = [(name, value.dtype, value.shape) for name, value in values.items()]
    if panels is not None:
        values.update(panels._asdict())
    count = 1 if panels is None else len(panels.end_rank)
    record = np.zeros(count, np.dtype(fields, align=True))
    for name, value in values.items():
        record[name] = value
    return record


def tile_scratch(threads: int) -> np.ndarray:
    """Return scratch for the tile kernel, one tile per thread, from a cache line on."""
    from ..kernels.layout import TILE_SIZE

    line = 8
    size = threads * TILE_SIZE
    flat = np.empty(size + line)
    skip = -(flat.ctypes.data // flat.itemsize) % line
    return flat[skip : skip + size].reshape(-1, TILE_SIZE)


class Lookup(NamedTuple):
    """A lookup's arguments, its table and the constant factor of its F^2."""

    arguments: SingleF | TableF | TableF32 | SpectralF | CubicF | CubicElseNearestF
    table: np.ndarray
    factor: float


@functools.lru_cache(maxsize=1)
def nearest_lookup(factors: StructureFactors, precision: str) -> Lookup:
    """Return the lookup of the nearest F.

    The last table is kept: a loop over frames uses the same structure factors.
    """
    from ..kernels.params import SingleF, TableF, TableF32

    dtype: Any = np.float32 if precision == "single" else np.float64
    default_sqr = factors.default_F**2
    if factors.F is None:
        return Lookup(SingleF(factors.default_F), np.ones(1, dtype), default_sqr)
    h_stride, k_stride = factors.k_range * factors.l_range, factors.l_range
    whole = {
        "h_min": factors.h_min,
        "h_max": factors.h_max,
        "k_min": factors.k_min,
        "k_max": factors.k_max,
        "l_min": factors.l_min,
        "l_max": factors.l_max,
        "h_stride": h_stride,
        "k_stride": k_stride,
    }
    lookup: TableF | TableF32
    if precision == "single":
        numbers: dict[str, Any] = {n: np.int32(value) for n, value in whole.items()}
        lookup = TableF32(**numbers, default_F_sqr=dtype(default_sqr))
    else:
        first = factors.h_min * h_stride + factors.k_min * k_stride + factors.l_min
        # Adding the base puts a place's number into the low bits of the float.
        lookup = TableF(
            **{name: float(value) for name, value in whole.items()},
            base=2.0**52 - first,
            default_F_sqr=default_sqr,
        )
    # No copy in double precision: a list of many reflections fills the memory.
    return Lookup(lookup, factors.F.reshape(-1).astype(dtype, copy=False), 1.0)


def spectral_lookups(factors: StructureFactors, hkl: HklArgs) -> list[Lookup]:
    """Return the lookup of every source; the table is the same."""
    from ..kernels.params import SpectralF

    # A part, two float32, is read as one float64.
    table = hkl.parts.view(np.float64).reshape(-1)
    of_list: dict[str, Any] = nearest_lookup(factors, "double").arguments._asdict()
    return [
        Lookup(SpectralF(**of_list, coefficients=tuple(row)), table, 1.0)
        for row in hkl.coefficients.tolist()
    ]


def cubic_lookup(factors: StructureFactors, keep: bool = False) -> Lookup | None:
    """Return the lookup of interpolation; None where no index can be interpolated.

    With `keep`, indices that cannot be interpolated take the nearest F.
    """
    from ..kernels.params import CubicElseNearestF, CubicF

    if factors.F is None or min(factors.F.shape) < 4:
        return None
    h_range, k_range, l_range = (float(n) for n in factors.F.shape)
    box = (
        float(factors.h_min),
        float(factors.k_min),
        float(factors.l_min),
        h_range,
        k_range,
        l_range,
    )
    lookup = CubicElseNearestF(*box, factors.default_F**2) if keep else CubicF(*box)
    return Lookup(lookup, factors.F.reshape(-1), 1.0)


#: Minus log2 of the smallest term of a Gaussian spot in single precision; see
#: `reduced_single.gauss`.
SINGLE_SPOT_BITS = 120.0
#: Elements that a table may have in single precision: places are int32.
SINGLE_TABLE = 2**31
#: Cells across a round crystal, times sqrt(fudge), up to which float32 keeps its
#: fringes to 1e-4 of the local envelope.
SINGLE_ROUND = 400.0


def narrowed(shape: Any) -> Any:
    """Return a shape's arguments for single precision."""
    from ..kernels.params import SquareAny

    # Whole numbers of cells times whole numbers of 2^-32: see `fixed_point`.
    number = np.int32 if isinstance(shape, SquareAny) else np.float32

    def narrow(value: Any) -> Any:
        return tuple(map(narrow, value)) if isinstance(value, tuple) else number(value)

    return type(shape)(*map(narrow, shape))


def why_double(setup: Setup, job: Job, on_device: bool) -> str | None:
    """Return why single precision is not used for a run; None where it is."""
    from ..kernels import layout

    factors = setup.structure_factors
    if job.sampling.running:
        return "the running products of the -oversample_ options need it"
    if setup.interpolate:
        return "interpolation needs it"
    if job.hkl.follows_energy:
        return "structure factors that follow the energy need it"
    if setup.shape == "tophat":
        return "the edge of a top-hat spot needs it"
    if setup.shape == "round" and on_device:
        return "a round crystal needs it on a CUDA device"
    cells = max(setup.N_cells)
    radius = cells * math.sqrt(setup.fudge)
    if setup.shape == "round" and radius > SINGLE_ROUND:
        return f"a round crystal of more than {SINGLE_ROUND:g} cells needs it"
    if cells > layout.LARGEST_N:
        return f"a crystal of more than {layout.LARGEST_N} cells needs it"
    if largest_index(job) > layout.LARGEST_INDEX:
        return f"indices above {layout.LARGEST_INDEX:g} need it"
    if factors.F is not None and factors.F.size >= SINGLE_TABLE:
        return f"the list has more than {SINGLE_TABLE} elements"
    return None


def largest_index(job: Job) -> float:
    """Return a bound on the indices that a run can reach."""
    longest = float(np.linalg.norm(job.xtal.cell_vectors, axis=2).max())
    return 2.0 * longest / float(job.beam.wavelength.min())
