# SPDX-License-Identifier: MIT
"""The sheet: one array in which every panel of a detector has its place.

Kernels, masks, regions of interest and files know the sheet, the Python API shows the
panels one behind the other.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import validate
from .panel import Panel

LAYOUTS = ("auto", "stack", "place")
#: Pixels that 32-bit numbers can count.
MOST_PIXELS = 2**31 - 1


@dataclass(frozen=True)
class Sheet:
    """Where panels lie in one array.

    Attributes
    ----------
    panels
        The panels.
    layout
        "stack": one below the other along slow; "place": where their `origin` says;
        "auto": so where all have one and none overlap, else stacked.
    """

    panels: tuple[Panel, ...]
    layout: str = "auto"

    def __post_init__(self) -> None:
        panels = tuple(validate.sequence("panels", self.panels, "several Panel"))
        if not panels:
            raise ValueError("panels: expected at least one")
        for panel in panels:
            validate.instance("panels", panel, Panel)
        object.__setattr__(self, "panels", panels)
        validate.choice("panel_layout", self.layout, LAYOUTS)
        if self.layout == "place" and (problem := self._not_placed()):
            raise ValueError(f"panel_layout place: {problem}; expected stack")
        spixels, fpixels = self.shape
        if spixels * fpixels > MOST_PIXELS:
            raise ValueError(
                f"panels: together they fill {fpixels} x {spixels} pixels; expected at "
                f"most {MOST_PIXELS} pixels"
            )

    @functools.cached_property
    def corners(self) -> tuple[tuple[int, int], ...]:
        """(slow, fast) of each panel's first pixel."""
        if self.layout != "stack" and not self._not_placed():
            return tuple(panel.origin or (0, 0) for panel in self.panels)
        rows = np.cumsum([0, *(panel.spixels for panel in self.panels)])
        return tuple((int(row), 0) for row in rows[:-1])

    @functools.cached_property
    def shape(self) -> tuple[int, int]:
        """Pixels (slow, fast): the smallest that holds all panels."""
        ends = [
            (slow + panel.spixels, fast + panel.fpixels)
            for panel, (slow, fast) in zip(self.panels, self.corners)
        ]
        return max(slow for slow, _ in ends), max(fast for _, fast in ends)

    @functools.cached_property
    def slices(self) -> tuple[tuple[slice, slice], ...]:
        """Rows and columns of each panel."""
        return tuple(
            (slice(slow, slow + panel.spixels), slice(fast, fast + panel.fpixels))
            for panel, (slow, fast) in zip(self.panels, self.corners)
        )

    @property
    def gaps(self) -> np.ndarray | None:
        """(slow, fast) bool: what belongs to no panel; None where all does."""
        spixels, fpixels = self.shape
        if sum(p.spixels * p.fpixels for p in self.panels) == spixels * fpixels:
            return None
        gaps = np.ones(self.shape, bool)
        for rows, columns in self.slices:
            gaps[rows, columns] = False
        return gaps

    @property
    def split_shape(self) -> tuple[int, int, int]:
        """(panels, slow, fast) of `split`."""
        panels = self.panels
        spixels = max(panel.spixels for panel in panels)
        return len(panels), spixels, max(panel.fpixels for panel in panels)

    def split(self, sheet: np.ndarray) -> np.ndarray:
        """Return (panels, slow, fast); 0 beyond the pixels of a smaller panel.

        The memory of the sheet itself where panels of one size are stacked.
        """
        if self._plain_stack:
            return sheet.reshape(self.split_shape)
        panels = np.zeros(self.split_shape, sheet.dtype)
        for panel, (rows, columns) in zip(panels, self.slices):
            part = sheet[rows, columns]
            panel[: part.shape[0], : part.shape[1]] = part
        return panels

    def join(self, panels: np.ndarray) -> np.ndarray:
        """Return the sheet of (panels, slow, fast): `split` the other way round."""
        if self._plain_stack:
            return panels.reshape(self.shape)
        sheet = np.zeros(self.shape, panels.dtype)
        for panel, (rows, columns) in zip(panels, self.slices):
            spixels, fpixels = rows.stop - rows.start, columns.stop - columns.start
            sheet[rows, columns] = panel[:spixels, :fpixels]
        return sheet

    @property
    def _plain_stack(self) -> bool:
        _, spixels, fpixels = self.split_shape
        return all(
            (panel.spixels, panel.fpixels) == (spixels, fpixels)
            and corner == (number * spixels, 0)
            for number, (panel, corner) in enumerate(zip(self.panels, self.corners))
        )

    def _not_placed(self) -> str | None:
        """Return why panels cannot be where their origins say; None: they can."""
        for panel in self.panels:
            if panel.origin is None:
                return f"panel {panel.name} has no place of its own"
        return _overlap(self.panels)


def _overlap(panels: Sequence[Panel]) -> str | None:
    """Return which two panels lie on each other; None: none do.

    Panels are looked at by their first rows: one that begins later than another ends
    has nothing to do with it.
    """
    boxes: list[tuple[Any, ...]] = []
    for panel in panels:
        slow, fast = panel.origin or (0, 0)
        end = slow + panel.spixels, fast + panel.fpixels
        boxes.append((slow, fast, *end, panel.name))
    boxes.sort(key=lambda box: box[:2])
    active: list[tuple[Any, ...]] = []
    for box in boxes:
        active = [other for other in active if other[2] > box[0]]
        for other in active:
            if box[1] < other[3] and other[1] < box[3]:
                return f"panels {other[4]} and {box[4]} overlap"
        active.append(box)
    return None
