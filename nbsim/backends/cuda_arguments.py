# SPDX-License-Identifier: MIT
"""Arguments of the CUDA kernels: which kernel renders a job, with which numbers."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .cpu_arguments import shape_arguments

if TYPE_CHECKING:
    from ..kernels.cuda.params import InParts, PanelTables
    from ..kernels.params import Job, PanelArgs
    from ..model.structure_factors import StructureFactors

#: Elements of a list of F whose index fits int32 with a shell around it.
LARGEST_TABLE = 2**30
SOME_MORE = 1.0 + 1e-6


@dataclass(frozen=True, eq=False)
class FastKernel:
    """A kernel of `kernels.cuda.kernels.add_terms_kernel` and its arguments.

    Attributes
    ----------
    form, lookup
        Constants of `kernels.cuda.params`.
    spot
        The shape's numbers.
    box, table
        `params.Box` and F^2, or `params.Cube` and F; flat, on the host.
    factor
        Constant factor of all terms.
    parts
        What F has beside its first part, where it follows the energy.
    """

    form: int
    lookup: int
    spot: Any
    box: Any
    table: np.ndarray
    factor: float
    parts: int = 0


def _tuple(vector: np.ndarray) -> tuple[float, ...]:
    return tuple(float(x) for x in vector)


def job_by_value(job: Job) -> Job:
    """Return a job whose small vectors are tuples; the tables are C-contiguous."""
    det, beam, xtal, _, _ = job
    vectors = [name for name in det._fields if name.endswith("_vector")]
    cells = np.ascontiguousarray(xtal.cell_vectors)
    return job._replace(
        det=det._replace(**{name: _tuple(getattr(det, name)) for name in vectors}),
        beam=beam._replace(
            incident=np.ascontiguousarray(beam.incident),
            wavelength=np.ascontiguousarray(beam.wavelength),
            share=np.ascontiguousarray(beam.share),
            polar_vector=_tuple(beam.polar_vector),
        ),
        xtal=xtal._replace(
            cell_vectors=cells,
            first_cell_vectors=cells,
            N_cells=_tuple(xtal.N_cells),
            recip=tuple(_tuple(row) for row in xtal.recip),
        ),
    )


def panel_tables(panels: PanelArgs | None) -> PanelTables:
    """Return what differs from panel to panel as tables on the host; None: no rows."""
    from ..kernels.cuda.params import PanelTables

    if panels is None:
        return PanelTables(np.empty((0, 16)), np.empty((0, 3), np.int32))
    vectors = (
        panels.fdet_vector,
        panels.sdet_vector,
        panels.odet_vector,
        panels.pix0_vector,
    )
    distances = panels.distance, panels.close_distance, panels.Fclose, panels.Sclose
    places = panels.end_rank, panels.first_slow, panels.first_fast
    return PanelTables(
        np.ascontiguousarray(np.column_stack((*vectors, *distances))),
        np.ascontiguousarray(np.column_stack(places), dtype=np.int32),
    )


def split_cells(job: Job) -> tuple[np.ndarray, InParts]:
    """Return cell vectors as whole numbers in two parts, for `index_of_parts`.

    Returns
    -------
    ndarray
        (orientations * 9,) int64.
    InParts
        What splits a scattering vector.
    """
    from ..kernels.cuda.params import InParts
    from ..kernels.fixed_point import HIGH_BITS, LOW_BITS

    cells = job.xtal.cell_vectors
    # A little more, so that no part is rounded up to 2^31.
    longest = float(np.linalg.norm(cells, axis=2).max()) * SOME_MORE
    farthest = 2.0 / float(job.beam.wavelength.min()) * SOME_MORE
    of_cells, of_scattering = math.frexp(longest)[1], math.frexp(farthest)[1]
    scaled = np.ldexp(cells, HIGH_BITS - of_cells).reshape(-1)
    high = np.rint(scaled)
    low = np.rint(np.ldexp(scaled - high, LOW_BITS))
    both = (high.astype(np.int64) << 32) + (low.astype(np.int64) & 0xFFFFFFFF)
    shift = 2 * HIGH_BITS - of_cells - of_scattering - 32
    bits = HIGH_BITS + LOW_BITS - of_scattering
    return both, InParts(2.0**bits, np.int32(shift))


def _spot(shape: Any) -> Any:
    """Return the numbers that a kernel needs of a shape."""
    if not hasattr(shape, "series"):
        return shape
    # Five coefficients whatever the number of cells, then 1 where it is even.
    return tuple(
        (*row, *[0.0] * (5 - len(row)), even)
        for row, even in zip(shape.series, shape.even)
    )


def needs_order(job: Job) -> bool:
    """Return whether only the kernel that keeps C's order of operations will do."""
    numbers = max(1, job.hkl.parts.shape[3])
    return job.sampling.running or job.hkl.F.size * numbers > LARGEST_TABLE


def fast_kernel(
    factors: StructureFactors, job: Job, precision: str, interpolate: bool
) -> FastKernel | None:
    """Return the fast kernel of a job; None where C's order of operations matters.

    Parameters
    ----------
    precision
        "double", or "single" where `cpu_arguments.why_double` has no objection.
    interpolate
        Whether tricubic interpolation is on.
    """
    from ..kernels.cuda import params as cuda_params

    if needs_order(job):
        return None
    shape, factor = shape_arguments(job.xtal)
    if interpolate:
        return FastKernel(
            form=_form(shape),
            lookup=(
                cuda_params.TRICUBIC_ELSE_NEAREST
                if job.sampling.keep_interpolating
                else cuda_params.TRICUBIC
            ),
            spot=_spot(shape),
            box=_cube(job),
            table=np.ascontiguousarray(job.hkl.F).reshape(-1),
            factor=factor,
        )
    if job.hkl.follows_energy:
        return FastKernel(
            form=_form(shape),
            lookup=cuda_params.SPECTRAL,
            spot=_spot(shape),
            box=_box(factors),
            table=table_of_parts(factors),
            factor=factor,
            parts=job.hkl.coefficients.shape[1] // 2,
        )
    single = precision == "single"
    form, spot = _single(shape, job) if single else (_form(shape), _spot(shape))
    return FastKernel(
        form=form,
        lookup=cuda_params.NEAREST if job.hkl.has_list else cuda_params.DEFAULT_F,
        spot=spot,
        box=_box(factors),
        table=table_of_squares(factors, np.float32 if single else np.float64),
        factor=factor if job.hkl.has_list else factor * factors.default_F**2,
    )


def _form(shape: Any) -> int:
    from ..kernels import params
    from ..kernels.cuda import params as cuda_params

    return {
        params.SquareAny: cuda_params.SQUARE_ANY,
        params.SquareFew: cuda_params.SQUARE_FEW,
        params.RoundSpot: cuda_params.ROUND_SPOT,
        params.GaussSpot: cuda_params.GAUSS,
        params.TophatSpot: cuda_params.TOPHAT,
    }[type(shape)]


def _single(shape: Any, job: Job) -> tuple[int, tuple]:
    """Return form and numbers of the single-precision kernels."""
    from ..kernels import params
    from ..kernels.cuda import params as cuda_params

    if job.xtal.shape == params.SQUARE:
        return cuda_params.SQUARE_SINGLE, tuple(int(n) for n in job.xtal.N_cells)
    # 2^-q is exp(-q ln 2).
    metric = tuple(np.float32(g * math.log(2.0)) for g in shape.metric)
    return cuda_params.GAUSS_SINGLE, metric


@functools.lru_cache(maxsize=1)
def table_of_squares(factors: StructureFactors, dtype: type) -> np.ndarray:
    """Return F^2, flat, with one shell of default_F^2 around the list.

    The last table is kept: a loop over frames uses the same structure factors.
    """
    if factors.F is None:
        return np.ones(1, dtype)
    table = np.full([n + 2 for n in factors.F.shape], factors.default_F**2, dtype)
    np.multiply(factors.F, factors.F, out=table[1:-1, 1:-1, 1:-1], casting="same_kind")
    table.flags.writeable = False
    return table.reshape(-1)


@functools.lru_cache(maxsize=1)
def table_of_parts(factors: StructureFactors) -> np.ndarray:
    """Return what F is made of, flat, with one shell of default_F around the list.

    Real and imaginary parts side by side, float32; the last table is kept.
    """
    assert factors.spectral is not None
    parts = factors.spectral.parts
    shape = [n + 2 for n in parts.shape[:3]]
    table = np.zeros((*shape, parts.shape[3]), np.complex64)
    table[..., 0] = factors.default_F
    table[1:-1, 1:-1, 1:-1] = parts
    table.flags.writeable = False
    return table.view(np.float32).reshape(-1)


def _box(factors: StructureFactors) -> Any:
    """Return where `table_of_squares` has an index."""
    from ..kernels.cuda import params as cuda_params

    shape = (1, 1, 1) if factors.F is None else factors.F.shape
    low = [m - 1 for m in (factors.h_min, factors.k_min, factors.l_min)]
    high = [m + n + 1 for m, n in zip(low, shape)]
    k_stride = shape[2] + 2
    h_stride = (shape[1] + 2) * k_stride
    numbers = (
        *(end for ends in zip(low, high) for end in ends),
        h_stride,
        k_stride,
        -(low[0] * h_stride + low[1] * k_stride + low[2]),
    )
    return cuda_params.Box(*(np.int32(number) for number in numbers))


def _cube(job: Job) -> Any:
    from ..kernels.cuda import params as cuda_params

    hkl = job.hkl
    h_range, k_range, l_range = hkl.F.shape
    return cuda_params.Cube(
        h_min=float(hkl.h_min),
        k_min=float(hkl.k_min),
        l_min=float(hkl.l_min),
        h_range=float(h_range),
        k_range=float(k_range),
        l_range=float(l_range),
        h_stride=np.int32(k_range * l_range),
        k_stride=np.int32(l_range),
    )
