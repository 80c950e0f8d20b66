# SPDX-License-Identifier: MIT
"""For each pixel the reflection that contributes most, and its wavelength."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..formats.nxmx import copy_chunks, frame_filters, frame_writer, require_hdf5
from ..resolve.run import Setup
from ..rows import in_pieces
from ..simulation import Simulation
from .exposure import Exposure
from .outputs import Task

#: Data sets of the file, each (frames, slow, fast), with their types and meaning.
DATASETS = {
    "h": (np.int16, "Miller index of the strongest contribution; 0 0 0 for none"),
    "k": (np.int16, "Miller index"),
    "l": (np.int16, "Miller index"),
    "wavelength": (np.float32, "its wavelength in angstrom; 0 for none"),
}
#: Expected photons that are no signal: tails of spots far away.
DARK = 1e-6


def strongest(
    simulation: Simulation, photons: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return indices and wavelength of the strongest term of each pixel.

    Takes about as long as rendering the lit pixels once, without subpixels.

    Parameters
    ----------
    simulation
        A frame's.
    photons
        (slow, fast) float32, its image; pixels of at most `DARK` photons are left out.

    Returns
    -------
    indices, wavelengths
        (3, slow, fast) int16 and (slow, fast) float32 [A].
    """
    setup = simulation.setup
    if len(setup.panels) == 1:
        return _strongest(setup, photons)
    indices = np.zeros((3, *photons.shape), np.int16)
    wavelengths = np.zeros(photons.shape, np.float32)
    for number, panel in enumerate(setup.panels):
        part = np.ascontiguousarray(photons[panel.slices])
        of_panel = _strongest(setup.whole_panel(number), part)
        indices[:, *panel.slices], wavelengths[panel.slices] = of_panel
    return indices, wavelengths


def _strongest(setup: Setup, photons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `strongest`, on one panel."""
    from ..backends.driver import build_job
    from ..kernels.entries import strongest_rows

    job = build_job(setup)
    indices = np.zeros((3, *photons.shape), np.int16)
    wavelengths = np.zeros(photons.shape, np.float32)

    def rows(first: int, last: int) -> None:
        part = slice(first, last)
        strongest_rows(
            first, photons[part], DARK, job, indices[:, part], wavelengths[part]
        )

    in_pieces(rows, photons.shape[0])
    return indices, wavelengths * np.float32(1e10)


@contextlib.contextmanager
def truth_sink(
    path: str, shape: tuple[int, int], task: Task
) -> Iterator[Callable[[int, Exposure], None]]:
    """Yield what writes the truth images of a task's frames."""
    h5py = require_hdf5(path)
    with h5py.File(path, "w") as file:
        sets = _datasets(file, task.count, shape)
        writers = [frame_writer(sets[name], "gzip") for name in DATASETS]

        def put(at: int, shot: Exposure) -> None:
            indices, wavelengths = strongest(shot.frame.simulation, shot.photons)
            for write, image in zip(writers, (*indices, wavelengths)):
                write(at, image)

        yield put


def join_truth_images(
    path: str, parts: Sequence[str], frames: int, shape: tuple[int, int]
) -> None:
    """Write one file from the tasks' parts."""
    h5py = require_hdf5(path)
    with h5py.File(path, "w") as file:
        for name, images in _datasets(file, frames, shape).items():
            copy_chunks(parts, name, images)


def _datasets(file: Any, count: int, shape: tuple[int, int]) -> dict[str, Any]:
    sets = {}
    for name, (dtype, meaning) in DATASETS.items():
        sets[name] = file.create_dataset(
            name,
            (count, *shape),
            dtype,
            chunks=(1, *shape),
            track_times=False,
            **frame_filters("gzip"),
        )
        sets[name].attrs["description"] = np.bytes_(meaning)
    return sets
