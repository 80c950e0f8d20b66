# SPDX-License-Identifier: MIT
"""Hand a background to its kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..model.background import Background
from ..model.models import Beam
from ..resolve.background import BackgroundRun, Place, resolve_background
from ..rows import in_pieces


class BackgroundImage(NamedTuple):
    """A background by itself.

    Attributes
    ----------
    image
        (slow, fast) float32, photons.
    beyond
        How many pixels its table does not reach.
    warnings
        One sentence each.
    """

    image: np.ndarray
    beyond: int
    warnings: tuple[str, ...]


def images_of(
    backgrounds: Sequence[Background],
    tables: Sequence[np.ndarray],
    beam: Beam,
    fluence: float,
    place: Place,
    model: str,
    *,
    F_only: bool = False,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[BackgroundImage]:
    """Render backgrounds, each by itself, from their tables.

    Parameters
    ----------
    backgrounds, tables
        What scatters, and (n, 2) F of each.
    beam, fluence, model
        As in `resolve_background`.
    place, F_only, threads, progress
        As in `render_background`.
    """
    images = []
    for i, (background, table) in enumerate(zip(backgrounds, tables)):
        run = resolve_background(background, table, beam, fluence, place.sources, model)

        def part(fraction: float, done: int = i) -> None:
            assert progress is not None
            progress((done + fraction) / len(backgrounds))

        image, beyond = render_background(
            run,
            place,
            F_only=F_only,
            threads=threads,
            progress=None if progress is None else part,
        )
        warnings = run.warnings
        if beyond:
            warnings += (_beyond(background, run, beyond, model),)
        images.append(BackgroundImage(image, beyond, warnings))
    return images


def _beyond(background: Background, run: BackgroundRun, beyond: int, model: str) -> str:
    name = background.material or "the background"
    how = "the last value is kept" if model == "physical" else "a straight line goes on"
    return (
        f"{beyond} pixels are beyond the table of {name}, which ends at "
        f"sin(theta)/lambda {run.table.s_max * 1e-10:g}/A "
        f"(d {5e9 / run.table.s_max:.3g} A): {how} there"
    )


def kernel_arguments(run: BackgroundRun, place: Place) -> tuple:
    """Return DetectorArgs, BeamArgs, weights and TableArgs of a run."""
    from ..kernels.params import BeamArgs, DetectorArgs, TableArgs

    geometry, sources = place.geometry, place.sources
    det = DetectorArgs(
        fdet_vector=np.array(geometry.fdet_vector),
        sdet_vector=np.array(geometry.sdet_vector),
        odet_vector=np.array(geometry.odet_vector),
        pix0_vector=np.array(geometry.pix0_vector),
        beam_vector=np.array(geometry.beam_vector),
        pixel_size=geometry.pixel_size,
        distance=geometry.distance,
        close_distance=geometry.close_distance,
        fpixels=geometry.fpixels,
        oversample=run.oversample,
        curved_detector=place.curved,
        point_pixel=place.point_pixel,
        detector_thick=0.0,
        detector_thickstep=0.0,
        detector_thicksteps=1,
        detector_mu=0.0,
        exact=place.exact,
        layer_offset=0.0,
        Fclose=geometry.Fclose,
        Sclose=geometry.Sclose,
    )
    beam = BeamArgs(
        incident=np.ascontiguousarray(sources.incident),
        wavelength=np.ascontiguousarray(sources.wavelengths, dtype=np.float64),
        share=np.ones(len(run.weights)),
        polar_vector=np.array(geometry.polar_vector),
        polarization=place.polarization,
        nopolar=place.nopolar,
    )
    table = run.table
    guide, guide_per_s = table.guide()
    rows = np.zeros((len(table.s), 8))
    rows[:-1, 0] = table.s[1:]
    rows[:, 1] = table.middle
    rows[:, 2:6] = table.coefficients
    arguments = TableArgs(
        s=table.s,
        rows=rows,
        guide=guide,
        guide_per_s=guide_per_s,
        s_max=table.s_max,
    )
    return det, beam, run.weights, arguments


def scratch() -> np.ndarray:
    """Return what a kernel of backgrounds calls so."""
    from ..kernels.layout import BACKGROUND_BLOCK, BACKGROUND_ROWS

    return np.empty((BACKGROUND_ROWS, BACKGROUND_BLOCK))


def render_background(
    run: BackgroundRun,
    place: Place,
    *,
    F_only: bool = False,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> tuple[np.ndarray, int]:
    """Render a background.

    Parameters
    ----------
    run, place
        What scatters, and where to.
    F_only
        The image is F itself (-Fmap).
    threads, progress
        As in `in_pieces`.

    Returns
    -------
    image, beyond
        (slow, fast) float32, photons; and how many pixels the table does not reach.
    """
    if place.parts:
        return _render_parts(run, place, F_only, threads, progress)
    from ..kernels.entries import background_in_order, background_rows

    geometry = place.geometry
    image = np.zeros((geometry.spixels, geometry.fpixels), np.float32)
    xmin, xmax, ymin, ymax = place.bounds
    arguments = kernel_arguments(run, place)
    if not run.table.is_sorted:
        roi = (xmin, xmax, ymin, ymax)
        rest = run.scale, F_only, image, scratch()
        beyond = background_in_order(roi, *arguments, *rest)
    else:

        def rows(first: int, last: int) -> int:
            span, roi = (ymin + first, ymin + last), (xmin, xmax)
            rest = run.scale, F_only, image, scratch()
            return background_rows(*span, roi, *arguments, *rest)

        beyond = sum(in_pieces(rows, ymax - ymin + 1, threads, progress))
    if place.mask is not None:
        image[place.mask == 0] = 0.0
    return image, int(beyond)


def _render_parts(
    run: BackgroundRun,
    place: Place,
    F_only: bool,
    threads: int | None,
    progress: Callable[[float], None] | None,
) -> tuple[np.ndarray, int]:
    """Render a background on one panel after the other."""
    image, beyond = np.zeros(place.image_shape, np.float32), 0
    for done, (where, part) in enumerate(place.parts, start=1):
        image[where], beyond_here = render_background(
            run, part, F_only=F_only, threads=threads
        )
        beyond += beyond_here
        if progress is not None:
            progress(done / len(place.parts))
    return image, beyond
