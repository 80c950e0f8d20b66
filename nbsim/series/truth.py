# SPDX-License-Identifier: MIT
"""The truth beside the data: everything that a processing program should find out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ..errors import FileError
from ..formats.files import replace_when_complete
from ..formats.nxmx import is_hdf5, require_hdf5
from ..formats.recording import Recording
from ..resolve.plain_data import panels
from ..resolve.spots import reciprocal_lattice
from ..resolve.vectors import RTD
from .predict import SPOT, still_spots, sweep_spots
from .series import Frame, Series

SCHEMA = 1


def frame_spots(frame: Frame) -> np.ndarray:
    """Return the `SPOT` records of one frame alone."""
    if frame.osc_deg <= 0.0:
        return still_spots(frame.simulation, frame.number)
    spots = sweep_spots(frame.simulation, frame.start_deg, frame.osc_deg, 1)
    spots["frame"] += frame.number
    return spots


def series_spots(series: Series) -> np.ndarray:
    """Return the `SPOT` records of a series.

    One row for each crossing of the Ewald sphere in a sweep; for stills, and frames
    with rows of their own, one for each reflection of each frame.
    """
    if one_sweep(series):
        simulation = series.frame(0).simulation
        return sweep_spots(
            simulation, series.start_deg(0), series.osc_deg, series.frames
        )
    spots = [frame_spots(series.frame(i)) for i in range(series.frames)]
    return np.concatenate(spots)


def one_sweep(series: Series) -> bool:
    """Whether all frames are one sweep of one crystal."""
    return series.osc_deg > 0.0 and not series.rows


def truth(series: Series, spots: np.ndarray | None = None) -> dict[str, Any]:
    """Return everything that is true about a series.

    Parameters
    ----------
    series
        The series.
    spots
        `SPOT` records, where they have been worked out.

    Returns
    -------
    dict
        The groups of `Simulation.resolved`, and: phi_deg (start of every frame),
        osc_deg, frames (orientation, cell and seed of each), spectrum, panels, and
        spots, columns as arrays.
    """
    spots = series_spots(series) if spots is None else spots
    models = series.simulation.resolved()
    models["goniometer"]["phi_steps_sampled_at"] = series.sampled_at
    return {
        "schema": SCHEMA,
        **models,
        "phi_deg": [series.start_deg(i) for i in range(series.frames)],
        "osc_deg": series.osc_deg,
        "frames": _frames(series),
        "spectrum": _spectrum(series.recording),
        "panels": panels(series.recording.parts),
        "spots": {name: spots[name] for name in SPOT.names or ()},
    }


def _frames(series: Series) -> dict[str, Any]:
    """Return what each frame has of its own, as lists over the frames."""
    stars, cells, wavelengths, seeds = [], [], [], []
    shared = None
    for number in range(series.frames):
        frame = series.frame(number)
        if shared is None or series.rows:
            shared = frame.simulation.setup
        cell = shared.cell
        stars.append(reciprocal_lattice(cell).T.tolist())
        cells.append([*cell.lengths, *(angle * RTD for angle in cell.angles)])
        wavelengths.append(shared.wavelength * 1e10)
        seeds.append(frame.seed)
    return {
        "count": series.frames,
        "a_star_b_star_c_star_per_A": stars,
        "cell_A_deg": cells,
        "wavelength_A": wavelengths,
        "noise_seed": seeds,
        "scale_B_A2": [row.scale_B for row in series.rows] or [0.0] * series.frames,
    }


def _spectrum(recording: Recording) -> dict[str, Any]:
    if not len(recording.spectrum_A):
        return {"wavelength_A": [recording.wavelength_A], "weight": [1.0]}
    weights = recording.spectrum_weights / recording.spectrum_weights.sum()
    return {"wavelength_A": recording.spectrum_A, "weight": weights}


def write_truth(path: str, content: dict[str, Any], name: str | None = None) -> None:
    """Write a truth file: HDF5 for a name that ends in .h5 or .nxs, else JSON.

    Parameters
    ----------
    path
        The file; replaced when complete.
    content
        Of `truth`.
    name
        The name that decides, where `path` is a temporary one.

    Raises
    ------
    FileError
        If it cannot be written.
    """
    if not is_hdf5(name or path):
        text = json.dumps(content, default=_plain, allow_nan=False)
        with replace_when_complete(path) as stream:
            stream.write(text.encode() + b"\n")
        return
    h5py = require_hdf5(path)
    plain = {key: value for key, value in content.items() if key != "spots"}
    with h5py.File(path, "w") as file:
        file.attrs["config"] = json.dumps(plain, default=_plain, allow_nan=False)
        file.create_dataset("phi_deg", data=content["phi_deg"], track_times=False)
        file.create_dataset("osc_deg", data=content["osc_deg"], track_times=False)
        frames = file.create_group("frames")
        for key, value in content["frames"].items():
            frames.create_dataset(key, data=value, track_times=False)
        group = file.create_group("spots")
        for key, column in content["spots"].items():
            group.create_dataset(key, data=column, track_times=False)


def _plain(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise ValueError(f"truth: {value!r} cannot be stored as JSON")


def read_truth(path: str) -> dict[str, Any]:
    """Read a truth file; columns of spots are arrays.

    Raises
    ------
    FileError
        If the file is missing or no truth file.
    """
    try:
        if is_hdf5(path):
            h5py = require_hdf5(path)
            with h5py.File(path, "r") as file:
                content = json.loads(str(file.attrs["config"]))
                spots = {key: column[()] for key, column in file["spots"].items()}
        else:
            with open(path, encoding="utf-8") as stream:
                content = json.load(stream)
            spots = content["spots"]
        # Files of before there were several panels do not number them.
        spots.setdefault("panel", np.zeros(len(spots["h"]), int))
        content["spots"] = {name: np.asarray(spots[name]) for name in SPOT.names or ()}
    except OSError as error:
        raise FileError(f"cannot read truth file {path}: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FileError(f"{path} is not a truth file of nbsim: {error}") from error
    return content
