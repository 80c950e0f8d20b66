# SPDX-License-Identifier: MIT
"""How much a run asks for, before any of it is made.

Counts come from options alone, so that a slip such as ``-phisteps 1e9`` is a sentence
and not a machine without memory.
"""

from __future__ import annotations

from ..model.structure_factors import available_memory
from .steps import Mosaicity, Sensor, Steps

#: Bytes of each thing that is kept while a run is resolved and rendered, measured:
#: rotated cells three times, with a list of Python numbers for each phi step.
ORIENTATION, PHI_STEP, DOMAIN, SOURCE, LAYER = 220, 200, 80, 700, 200


def check_size(
    phi: Steps,
    mosaicity: Mosaicity,
    grid: tuple[Steps, Steps, Steps],
    listed_sources: int,
    sensor: Sensor,
) -> None:
    """Refuse what cannot fit into memory.

    Parameters
    ----------
    phi, mosaicity, sensor
        See their classes.
    grid
        Steps of horizontal and vertical divergence and of dispersion.
    listed_sources
        Sources of a list; 0: the grid's.

    Raises
    ------
    MemoryError
        Says what needs how much.
    """
    directions = grid[0].count * grid[1].count
    sources = listed_sources or directions * grid[2].count
    needs = {
        f"{phi.count} phi steps x {mosaicity.domains} mosaic domains": (
            phi.count * mosaicity.domains * ORIENTATION
            + phi.count * PHI_STEP
            + mosaicity.domains * DOMAIN
        ),
        f"{sources} sources": sources * SOURCE,
        f"{sensor.thicksteps} sensor layers": sensor.thicksteps * LAYER,
    }
    most = max(needs, key=lambda what: needs[what])
    needed, available = sum(needs.values()), available_memory()
    if needed > available:
        raise MemoryError(
            f"{most} need {needed / 1e9:.3g} GB, {available / 1e9:.3g} GB are available"
        )
