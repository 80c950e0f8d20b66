# SPDX-License-Identifier: MIT
"""Make a whole series: tasks to workers, parts into files, and what was done before."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import shutil
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._version import __version__
from ..errors import FileError, SeriesError
from ..formats import nxmx
from ..formats.tiff import write_tiff_stack
from ..formats.xds_inp import write_xds_inp
from . import running
from .executors import crew
from .manifest import Manifest, check_same, finished_tasks, intact, plain
from .outputs import SeriesOutputs, Task, frame_file, leftovers
from .schedule import run_tasks
from .series import Series
from .sinks import file_sha256, image_dtype, naming, staged
from .truth import one_sweep, series_spots, truth, write_truth
from .work import Done, make_task, save_job


@dataclasses.dataclass(frozen=True)
class Workers:
    """Who makes a series; see `executors.crew`."""

    kind: str = "pool"
    count: int | None = None
    scheduler: str | None = None
    devices: Sequence[str] = ("cpu",)
    precision: str = "double"
    threads: int | None = None


class Watch:
    """Told how a series goes on; this one says nothing."""

    def begin(self, frames: int, done: int) -> None:
        """Told the number of frames, and how many were there already."""

    def done(self, result: Done) -> None:
        """Told each finished task."""

    def again(self, task: Task) -> None:
        """Told each task whose worker died."""

    def end(self) -> None:
        """Told when there is no more to come, whatever the reason."""


@dataclasses.dataclass(frozen=True)
class Summary:
    """What came of a series.

    Attributes
    ----------
    files
        sha256 by name, of files that are there for the whole series.
    made, kept
        Frames made now, and found whole from before.
    """

    files: dict[str, str]
    made: int
    kept: int


def write_series(
    series: Series,
    outputs: SeriesOutputs,
    workers: Workers = Workers(),
    *,
    resume: bool = False,
    watch: Watch | None = None,
    command: str | None = None,
) -> Summary:
    """Render a series and write its files.

    Files of finished tasks stay when the run ends early, and a manifest beside them
    says which they are: with `resume` only the rest is made. The result is the same
    bytes for any workers.

    Parameters
    ----------
    series
        What to render.
    outputs
        What to write.
    workers
        Who does it.
    resume
        Go on with a series that was begun before.
    watch
        Told how it goes on.
    command
        The command line, for the manifest.

    Raises
    ------
    UsageError
        When a series of another content is to be resumed.
    SeriesError
        When the files belong to an unfinished or running series, or workers die.
    FileError
        When a file cannot be written; finished ones are kept.
    """
    watch = watch or Watch()
    tasks = outputs.tasks(series.frames)
    described = describe(series, outputs, workers.precision)
    os.makedirs(outputs.work_folder, exist_ok=True)
    try:
        with Manifest(outputs.manifest) as manifest:
            finished = _finished(manifest, tasks, described, outputs, resume, command)
            if isinstance(finished, Summary):
                return finished
            missing = [task for task in tasks if task.number not in finished]
            kept = series.frames - sum(task.count for task in missing)
            _make(series, outputs, workers, manifest, missing, kept, watch)
            files = _complete(series, outputs, tasks)
            manifest.add({"finished": True, "files": files})
            shutil.rmtree(outputs.work_folder, ignore_errors=True)
            return Summary(files, series.frames - kept, kept)
    finally:
        with contextlib.suppress(OSError):
            os.rmdir(outputs.work_folder)  # only when there are no parts in it


def describe(series: Series, outputs: SeriesOutputs, precision: str) -> dict[str, Any]:
    """Return everything that the bytes of a series depend on."""
    simulation = series.simulation
    factors, mask = simulation.structure_factors, simulation.detector.mask
    return plain(
        {
            "nbsim": __version__,
            "frames": series.frames,
            "frames_per_task": outputs.tasks(series.frames)[0].count,
            "seed": series.seed,
            "precision": precision,
            "outputs": dataclasses.asdict(outputs),
            "simulation": simulation.resolved(),
            "F": factors.F,
            "mask": None if mask is None else np.asarray(mask),
            "rows": [dataclasses.asdict(row) for row in series.rows],
            "backgrounds": [dataclasses.asdict(b) for b in simulation.backgrounds],
            "response": series.response and dataclasses.asdict(series.response),
        }
    )


def _finished(
    manifest: Manifest,
    tasks: list[Task],
    described: dict[str, Any],
    outputs: SeriesOutputs,
    resume: bool,
    command: str | None,
) -> dict[int, dict[str, Any]] | Summary:
    """Return which tasks are done; a summary when all is."""
    lines = manifest.lines()
    begun = bool(lines) and "series" in lines[0]
    whole = begun and bool(lines[-1].get("finished"))
    if resume and begun:
        check_same(manifest.path, lines[0]["series"], described)
        if whole and intact(manifest.path, lines[-1]):
            # The parts are gone, their contents are in the single files.
            there = finished_tasks(manifest.path, lines, tasks, but=outputs.work_folder)
            if len(there) == len(tasks):
                frames = sum(task.count for task in tasks)
                return Summary(lines[-1]["files"], 0, frames)
        done = finished_tasks(manifest.path, lines, tasks)
        manifest.restart([lines[0], *done.values()])
        return done
    if begun and not whole:
        done = finished_tasks(manifest.path, lines, tasks)
        if done:
            raise SeriesError(
                f"{manifest.path}: a series that is not finished is there; go on with "
                "-resume, or remove this file to begin anew"
            )
    if outputs.is_master and outputs.nxfile is not None:
        # Its data files are about to be replaced one by one.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(outputs.nxfile)
    manifest.restart([{"series": described, "command": command}])
    return {}


def _make(
    series: Series,
    outputs: SeriesOutputs,
    workers: Workers,
    manifest: Manifest,
    missing: list[Task],
    kept: int,
    watch: Watch,
) -> None:
    if not missing:
        return
    _remove_leftovers(outputs, missing)
    job = save_job(
        os.path.join(outputs.work_folder, "series.pickle"), series, outputs.absolute
    )
    pixels = series.recording.shape[0] * series.recording.shape[1]

    made = 0

    def on_done(done: Done) -> None:
        nonlocal made
        manifest.add_done(done)
        made += done.task.count
        watch.done(done)

    def last_words() -> str:
        _remove_leftovers(outputs, missing)
        return (
            f"; {made + kept} of {series.frames} frames are whole and kept, "
            "-resume goes on"
        )

    watch.begin(series.frames, kept)
    try:
        with running.ended_by(last_words), crew(
            workers.kind,
            workers.count,
            devices=workers.devices,
            scheduler=workers.scheduler,
            frame_bytes=series.simulation.structure_factors.nbytes + 24 * pixels,
            tasks=len(missing),
        ) as hands:
            make = functools.partial(
                make_task,
                job,
                precision=workers.precision,
                threads=workers.threads,
            )
            run_tasks(missing, hands, make, on_done, watch.again)
    finally:
        watch.end()
        _remove_leftovers(outputs, missing)
        with contextlib.suppress(OSError):
            os.unlink(job.path)


def _task_files(outputs: SeriesOutputs, task: Task) -> list[str]:
    """Return the names of all files that a task may write."""
    names = [
        outputs.part(task, kind) for kind in ("h5", "npy", "truth.h5", "spots.npy")
    ]
    if outputs.is_master:
        names.append(outputs.data_file(task))
    for template in outputs.templates.values():
        names += [frame_file(template, number) for number in task.frames]
    return names


def _remove_leftovers(outputs: SeriesOutputs, tasks: list[Task]) -> None:
    """Remove what killed workers left half written."""
    folders: dict[str, set[str]] = {}
    for task in tasks:
        for path in _task_files(outputs, task):
            folder, base = os.path.split(path)
            folders.setdefault(folder, set()).add(base)
    for folder, bases in folders.items():
        for path in leftovers(folder, bases):
            with contextlib.suppress(OSError):
                os.unlink(path)


def _complete(
    series: Series, outputs: SeriesOutputs, tasks: list[Task]
) -> dict[str, str]:
    """Write the files that are there once; return their sha256 by name."""
    writers: dict[str, Callable[[str], None]] = {
        "tifffile": lambda to: _write_stack(to, series, outputs, tasks),
        "truth_images": lambda to: _write_truth_images(to, series, outputs, tasks),
        "truthfile": lambda to: _write_truth(to, series, outputs, tasks),
        "xdsfile": lambda to: _write_xds(to, series, outputs),
        "nxfile": lambda to: _write_nxmx(to, series, outputs, tasks),
    }
    folder = os.path.dirname(os.path.abspath(outputs.manifest))
    digests = {}
    for option, path in outputs.wholes.items():
        with staged() as files:
            part = files.name(path)
            with naming(path):
                writers[option](part)
                digest = file_sha256(part)
                os.replace(part, path)
        digests[os.path.relpath(os.path.abspath(path), folder)] = digest
    return digests


def _parts(outputs: SeriesOutputs, tasks: list[Task], kind: str) -> list[str]:
    return [outputs.part(task, kind) for task in tasks]


def _write_nxmx(
    path: str, series: Series, outputs: SeriesOutputs, tasks: list[Task]
) -> None:
    assert outputs.nxfile is not None
    recording = dataclasses.replace(
        series.recording, name=os.path.basename(outputs.nxfile)
    )
    dtype = image_dtype(outputs)
    if outputs.is_master:
        files = [(os.path.basename(outputs.data_file(t)), t.count) for t in tasks]
        nxmx.write_master(path, recording, files, dtype)
        return
    compression, _ = nxmx.choose_compression(outputs.compression, False)
    parts = _parts(outputs, tasks, "h5")
    nxmx.write_single(path, recording, parts, dtype=dtype, compression=compression)


def _write_stack(
    path: str, series: Series, outputs: SeriesOutputs, tasks: list[Task]
) -> None:
    pages = (
        page
        for part in _parts(outputs, tasks, "npy")
        for page in np.load(part, mmap_mode="r")
    )
    description = {
        **series.simulation.metadata(),
        "frames": series.frames,
        "phi_deg": [series.start_deg(i) for i in range(series.frames)],
        "osc_deg": series.osc_deg,
    }
    bytes_in_all = 4 * series.frames * int(np.prod(series.recording.shape))
    write_tiff_stack(path, pages, description, bytes_in_all)


def _write_truth(
    path: str, series: Series, outputs: SeriesOutputs, tasks: list[Task]
) -> None:
    if one_sweep(series):
        spots = series_spots(series)
    else:
        spots = np.concatenate(
            [np.load(part) for part in _parts(outputs, tasks, "spots.npy")]
        )
    write_truth(path, truth(series, spots), outputs.truthfile)


def _write_truth_images(
    path: str, series: Series, outputs: SeriesOutputs, tasks: list[Task]
) -> None:
    from .truth_images import join_truth_images

    parts = _parts(outputs, tasks, "truth.h5")
    join_truth_images(path, parts, series.frames, series.recording.shape)


def _write_xds(path: str, series: Series, outputs: SeriesOutputs) -> None:
    assert outputs.xdsfile is not None
    folder = os.path.dirname(os.path.abspath(outputs.xdsfile))
    write_xds_inp(
        path,
        series.recording,
        xds_template(outputs, folder),
        library=outputs.library,
    )


def xds_template(outputs: SeriesOutputs, folder: str) -> str:
    """Return the name of the frames as XDS wants it, seen from a folder.

    Raises
    ------
    FileError
        When nothing is written that XDS reads.
    """
    if outputs.nxfile is not None and outputs.is_master:
        place = os.path.dirname(outputs.nxfile)
        prefix = nxmx.master_prefix(outputs.nxfile)
        name = os.path.join(place, f"{prefix}_??????.h5")
    else:
        name = outputs.cbffile or outputs.noisefile or outputs.nxfile or ""
    if not name:
        raise FileError(
            "-xdsfile: give frames that XDS reads, with -nxfile or -cbffile"
        )
    return os.path.relpath(os.path.abspath(name), folder).replace("#", "?")
