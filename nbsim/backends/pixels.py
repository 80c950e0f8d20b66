# SPDX-License-Identifier: MIT
"""Which pixels are rendered, in which order, and what their panels differ in."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from ..model.validate import Roi
from ..resolve.panels import PlacedPanel
from ..resolve.run import Setup

if TYPE_CHECKING:
    from ..kernels.params import PanelArgs, Pixels


def build_pixels(setup: Setup, roi: Roi) -> Pixels:
    """Return which pixels to render: those of the roi that the mask leaves."""
    from ..kernels.params import Pixels

    xmin, xmax, ymin, ymax = roi
    width, height = xmax - xmin + 1, ymax - ymin + 1
    if setup.mask is None and _full_rows(setup):
        return Pixels(np.empty(0, np.int32), xmin, ymin, width, width * height)
    boxes = tuple(_box(panel, roi) for panel in setup.panels)
    fpixels = setup.image_shape[1]
    if setup.mask is None:
        active = _flat(boxes, fpixels)
    else:
        active = np.concatenate([_left(setup.mask, box) for box in boxes])
    if not len(active):
        # An empty list would mean "no mask"; rank 0 is then never asked for.
        return Pixels(np.zeros(1, np.int32), xmin, ymin, width, 0)
    return Pixels(active, xmin, ymin, width, len(active))


def _box(panel: PlacedPanel, roi: Roi) -> Roi:
    """Return first and last column and row of the image that roi and panel share.

    None: the last is one before the first.
    """
    xmin, xmax, ymin, ymax = panel.part_of(roi) or (0, -1, 0, -1)
    return xmin + panel.fast, xmax + panel.fast, ymin + panel.slow, ymax + panel.slow


def _left(mask: np.ndarray, box: Roi) -> np.ndarray:
    """Return int32 flat indices of the pixels of a box that a mask leaves."""
    xmin, xmax, ymin, ymax = box
    width = xmax - xmin + 1
    kept = np.flatnonzero(mask[ymin : ymax + 1, xmin : xmax + 1])
    flat = (kept // max(width, 1) + ymin) * mask.shape[1] + kept % max(width, 1) + xmin
    return flat.astype(np.int32)


@functools.lru_cache(maxsize=2)
def _flat(boxes: tuple[Roi, ...], fpixels: int) -> np.ndarray:
    """Return int32 flat indices of the pixels of boxes; kept for the next frame."""
    parts = []
    for xmin, xmax, ymin, ymax in boxes:
        rows = np.arange(ymin, ymax + 1, dtype=np.int32)[:, None]
        columns = np.arange(xmin, xmax + 1, dtype=np.int32)
        parts.append((rows * np.int32(fpixels) + columns).reshape(-1))
    return np.concatenate(parts)


def _full_rows(setup: Setup) -> bool:
    """Return whether panel after panel is in raster order of the image, too."""
    spixels, fpixels = setup.image_shape
    end = 0
    for panel in setup.panels:
        if (panel.slow, panel.fast, panel.geometry.fpixels) != (end, 0, fpixels):
            return False
        end += panel.geometry.spixels
    return end == spixels


def _count(setup: Setup, panel: PlacedPanel, roi: Roi) -> int:
    """Return how many pixels of a panel are rendered."""
    part = panel.part_of(roi)
    if part is None:
        return 0
    xmin, xmax, ymin, ymax = part
    if setup.mask is None:
        return (xmax - xmin + 1) * (ymax - ymin + 1)
    own = setup.mask[panel.slices]
    return int(np.count_nonzero(own[ymin : ymax + 1, xmin : xmax + 1]))


def build_panels(setup: Setup, roi: Roi) -> PanelArgs | None:
    """Return what differs from panel to panel; None for a detector of one."""
    from ..kernels.params import PanelArgs

    panels = setup.panels
    if len(panels) == 1:
        return None
    places = [panel.geometry for panel in panels]
    return PanelArgs(
        fdet_vector=np.array([g.fdet_vector for g in places]),
        sdet_vector=np.array([g.sdet_vector for g in places]),
        odet_vector=np.array([g.odet_vector for g in places]),
        pix0_vector=np.array([g.pix0_vector for g in places]),
        distance=np.array([g.distance for g in places]),
        close_distance=np.array([g.close_distance for g in places]),
        Fclose=np.array([g.Fclose for g in places]),
        Sclose=np.array([g.Sclose for g in places]),
        first_slow=np.array([panel.slow for panel in panels]),
        first_fast=np.array([panel.fast for panel in panels]),
        end_rank=np.cumsum([_count(setup, panel, roi) for panel in panels]),
    )


def pixel_at(rank: int, pixels: Pixels, fpixels: int) -> tuple[int, int]:
    """Return fast and slow index of the rank-th rendered pixel."""
    from ..kernels.rank import pixel_of_rank

    # As machine code it would be compiled in every process. Numba ships no types.
    in_python = pixel_of_rank.py_func  # pyright: ignore[reportFunctionMemberAccess]
    fast, slow = in_python(rank, pixels, fpixels)
    return int(fast), int(slow)
