# SPDX-License-Identifier: MIT
"""Where a task's frames go: one writer for each output, all under temporary names."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..errors import FileError
from ..formats.cbf import write_cbf
from ..formats.nxmx import choose_compression, data_file, stored
from ..formats.png import write_png
from ..formats.recording import Recording
from ..formats.run_record import series_header
from ..formats.smv import write_smv
from ..formats.tiff import write_tiff
from .exposure import Exposure
from .outputs import SeriesOutputs, Task, frame_file, temporary
from .series import Series
from .truth import frame_spots, one_sweep

#: Takes the position in the task and the frame.
Put = Callable[[int, Exposure], None]


class Staged:
    """Files that are being written; they get their names together, at the end."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def name(self, path: str) -> str:
        """Return the temporary name for a file."""
        return self._names.setdefault(path, temporary(path))

    def commit(self) -> dict[str, str]:
        """Put all files in place; return their sha256 by name."""
        digests = {path: file_sha256(part) for path, part in self._names.items()}
        for path, part in self._names.items():
            os.replace(part, path)
        return digests

    def discard(self) -> None:
        """Remove what was not put in place."""
        for part in self._names.values():
            with contextlib.suppress(OSError):
                os.unlink(part)


def file_sha256(path: str) -> str:
    """Return the sha256 of a file, in hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def staged() -> Iterator[Staged]:
    """Yield a `Staged` whose files are gone afterwards, unless committed."""
    files = Staged()
    try:
        yield files
    finally:
        files.discard()


@contextlib.contextmanager
def naming(path: str) -> Iterator[None]:
    """Turn the system's complaint into a sentence with the file's final name."""
    try:
        yield
    except FileError:
        raise
    except (OSError, RuntimeError) as error:  # HDF5 has both when a disk is full
        raise FileError(f"cannot write {path}: {_reason(error)}") from error


def _reason(error: OSError | RuntimeError) -> str:
    told = re.search(r"error message = '([^']*)'", str(error))
    text = told.group(1) if told else getattr(error, "strerror", None) or str(error)
    return text[:1].lower() + text[1:]


@contextlib.contextmanager
def _named(path: str, manager: contextlib.AbstractContextManager) -> Iterator[Any]:
    """Enter a context whose own errors, not those of its block, name the file."""
    with naming(path):
        value = manager.__enter__()
    try:
        yield value
    except BaseException as error:
        with contextlib.suppress(OSError, RuntimeError):
            manager.__exit__(type(error), error, error.__traceback__)
        raise
    with naming(path):
        manager.__exit__(None, None, None)


def image_dtype(outputs: SeriesOutputs) -> type:
    """Return the pixels' type in NXmx files."""
    return np.float32 if outputs.nxvalues == "photons" else np.uint32


def open_sinks(
    series: Series, outputs: SeriesOutputs, task: Task, files: Staged
) -> list[contextlib.AbstractContextManager[Put]]:
    """Return a context manager for each output; it yields what takes the frames."""
    recording = series.recording
    sinks = []
    if outputs.nxfile is not None:
        path = (
            outputs.data_file(task) if outputs.is_master else outputs.part(task, "h5")
        )
        sinks.append(_nxmx(path, recording, outputs, task, files))
    if outputs.is_stack:
        sinks.append(_stack(outputs.part(task, "npy"), recording.shape, task, files))
    if outputs.truth_images is not None:
        from .truth_images import truth_sink

        path = outputs.part(task, "truth.h5")
        sink = truth_sink(files.name(path), recording.shape, task)
        sinks.append(_named(path, sink))
    if outputs.truthfile is not None and not one_sweep(series):
        sinks.append(_spots(outputs.part(task, "spots.npy"), files))
    frame_writers = {
        "cbffile": lambda to, shot: write_cbf(
            to, shot.counts, recording, shot.frame.number
        ),
        "noisefile": lambda to, shot: _write_smv(to, shot, outputs),
        "floatfile": lambda to, shot: _write_raw(to, shot),
        "preview": lambda to, shot: write_png(
            to, shot.frame.simulation.preview(shot.photons)
        ),
        "tifffile": lambda to, shot: write_tiff(
            to, shot.photons, shot.frame.simulation.metadata()
        ),
    }
    for option, template in outputs.templates.items():
        sinks.append(_one_each(template, frame_writers[option], files))
    return sinks


@contextlib.contextmanager
def _nxmx(
    path: str, recording: Recording, outputs: SeriesOutputs, task: Task, files: Staged
) -> Iterator[Put]:
    compression, _ = choose_compression(outputs.compression, outputs.is_master)
    dtype = image_dtype(outputs)
    file = data_file(
        files.name(path),
        task.count,
        recording.shape,
        dtype=dtype,
        compression=compression,
        first=task.first,
    )
    with _named(path, file) as write:

        def put(at: int, shot: Exposure) -> None:
            if dtype is np.float32:
                pixels = shot.photons
            else:
                pixels = stored(shot.counts, recording.present)
            with naming(path):
                write(at, pixels)

        yield put


@contextlib.contextmanager
def _stack(
    path: str, shape: tuple[int, int], task: Task, files: Staged
) -> Iterator[Put]:
    # Written, not mapped: a full disk behind a map ends the process.
    with _named(path, open(files.name(path), "wb")) as stream:
        header = {"descr": "<f4", "fortran_order": False, "shape": (task.count, *shape)}
        np.lib.format.write_array_header_1_0(stream, header)

        def put(_: int, shot: Exposure) -> None:
            with naming(path):
                stream.write(shot.photons.astype("<f4").data)

        yield put


@contextlib.contextmanager
def _spots(path: str, files: Staged) -> Iterator[Put]:
    found: list[np.ndarray] = []
    yield lambda _, shot: found.append(frame_spots(shot.frame))
    with naming(path), open(files.name(path), "wb") as stream:
        np.save(stream, np.concatenate(found))


@contextlib.contextmanager
def _one_each(
    template: str, write: Callable[[str, Exposure], None], files: Staged
) -> Iterator[Put]:
    def put(_: int, shot: Exposure) -> None:
        path = frame_file(template, shot.frame.number)
        with naming(path):
            write(files.name(path), shot)

    yield put


def _write_smv(path: str, shot: Exposure, outputs: SeriesOutputs) -> None:
    frame = shot.frame
    header = series_header(
        frame.simulation.setup,
        outputs.adc,
        frame.start_deg,
        frame.osc_deg,
        outputs.smv_center,
    )
    write_smv(path, shot.adu(outputs.adc), header)


def _write_raw(path: str, shot: Exposure) -> None:
    with open(path, "wb") as stream:
        stream.write(shot.photons.data)
