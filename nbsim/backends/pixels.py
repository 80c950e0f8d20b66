# SPDX-License-Identifier: MIT
"""Which pixels are rendered, in which order, and what their panels differ in."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from ..model.validate import Roi
from ..resolve.geometry import Geometry
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
    boxes = _boxes(setup, roi)
    fpixels = setup.image_shape[1]
    if setup.mask is None:
        active = _flat(tuple(boxes.reshape(-1).tolist()), fpixels)
    else:
        active = np.concatenate([_left(setup.mask, box) for box in boxes.tolist()])
    if not len(active):
        # An empty list would mean "no mask"; rank 0 is then never asked for.
        return Pixels(np.zeros(1, np.int32), xmin, ymin, width, 0)
    return Pixels(active, xmin, ymin, width, len(active))


def _boxes(setup: Setup, roi: Roi) -> np.ndarray:
    """Return (panels, 4): first and last column and row that roi and panel share.

    Of the image; where they share none a last one is before its first. All panels at
    once: there may be hundreds.
    """
    fast, slow, fpixels, spixels = np.array(
        [(p.fast, p.slow, p.geometry.fpixels, p.geometry.spixels) for p in setup.panels]
    ).T
    xmin, xmax, ymin, ymax = roi
    return np.stack(
        [
            np.maximum(fast, xmin),
            np.minimum(fast + fpixels - 1, xmax),
            np.maximum(slow, ymin),
            np.minimum(slow + spixels - 1, ymax),
        ],
        axis=1,
    )


def _left(mask: np.ndarray, box: list[int]) -> np.ndarray:
    """Return int32 flat indices of the pixels of a box that a mask leaves."""
    xmin, xmax, ymin, ymax = box
    if xmax < xmin or ymax < ymin:
        return np.empty(0, np.int32)
    width = xmax - xmin + 1
    kept = np.flatnonzero(mask[ymin : ymax + 1, xmin : xmax + 1])
    flat = (kept // width + ymin) * mask.shape[1] + kept % width + xmin
    return flat.astype(np.int32)


@functools.lru_cache(maxsize=2)
def _flat(limits: tuple[int, ...], fpixels: int) -> np.ndarray:
    """Return int32 flat indices of the pixels of boxes; kept for the next frame.

    Four limits for each box, in one tuple: it is looked up for every frame.
    """
    parts = []
    for xmin, xmax, ymin, ymax in np.reshape(limits, (-1, 4)).tolist():
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


def _counts(setup: Setup, roi: Roi) -> np.ndarray:
    """Return how many pixels of each panel are rendered."""
    boxes = _boxes(setup, roi)
    if setup.mask is not None:
        return np.array([len(_left(setup.mask, box)) for box in boxes.tolist()])
    sides = np.maximum(boxes[:, 1::2] - boxes[:, ::2] + 1, 0)
    return sides[:, 0] * sides[:, 1]


def build_panels(setup: Setup, roi: Roi) -> PanelArgs | None:
    """Return what differs from panel to panel; None for a detector of one."""
    from ..kernels.params import PanelArgs

    panels = setup.panels
    if len(panels) == 1:
        return None
    vectors, scalars = _places(tuple(panel.geometry for panel in panels))
    return PanelArgs(
        *vectors,
        *scalars,
        first_slow=np.array([panel.slow for panel in panels]),
        first_fast=np.array([panel.fast for panel in panels]),
        end_rank=np.cumsum(_counts(setup, roi)),
    )


#: What `params.PanelArgs` has of a geometry.
_VECTORS = "fdet_vector", "sdet_vector", "odet_vector", "pix0_vector"
_SCALARS = "distance", "close_distance", "Fclose", "Sclose"


def _places(geometries: tuple[Geometry, ...]) -> tuple[list[np.ndarray], np.ndarray]:
    """Return where panels are, as `_VECTORS` and `_SCALARS`."""
    vectors = [np.array([getattr(g, name) for g in geometries]) for name in _VECTORS]
    scalars = [[getattr(g, name) for g in geometries] for name in _SCALARS]
    return vectors, np.array(scalars)


def pixel_at(rank: int, pixels: Pixels, fpixels: int) -> tuple[int, int]:
    """Return fast and slow index of the rank-th rendered pixel."""
    from ..kernels.entries import pixel_of_rank

    return pixel_of_rank(rank, pixels, fpixels)
