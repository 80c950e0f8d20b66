# SPDX-License-Identifier: MIT
"""The files of a series: their names, and how the frames are cut into tasks."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import FileError, UsageError
from ..formats.files import check_writable, is_stream, same_place
from ..formats.nxmx import (
    VALUES,
    choose_compression,
    is_hdf5,
    master_prefix,
    require_hdf5,
)
from ..formats.recording import numbered
from ..model import validate

#: Tasks of a series whose files do not say otherwise.
TASKS = 32
_TEMPORARY = re.compile(r"\.(.+)\.[^.]*-[0-9]+\.part")
SMV_CENTERS = ("c", "dials")


@dataclass(frozen=True)
class Task:
    """Consecutive frames that one worker makes."""

    number: int
    first: int
    count: int

    @property
    def frames(self) -> range:
        """Numbers of the frames, from 0."""
        return range(self.first, self.first + self.count)

    def __str__(self) -> str:
        if self.count == 1:
            return f"frame {self.first + 1}"
        return f"frames {self.first + 1} to {self.first + self.count}"


@dataclass(frozen=True)
class SeriesOutputs:
    """What is written. Names with # are one file a frame, counted from 1.

    Attributes
    ----------
    nxfile
        NXmx: one file, or NAME_master.h5 with data files beside it.
    nxvalues
        "noise" (uint32 counts) or "photons" (float32).
    compression
        "bslz4", "gzip" or "none"; None: the best that is installed.
    frames_per_file
        Frames of a data file, and at most of a task.
    cbffile, noisefile, floatfile, preview
        miniCBF, SMV, raw float32, PNG: a name with # each.
    tifffile
        One multi-page file of float32, or a name with #.
    adc, smv_center
        Offset of the SMV images, and whose beam centre they have ("c" or "dials").
    xdsfile, library
        XDS.INP, and the plugin it names.
    truthfile
        JSON or (.h5) HDF5.
    truth_images
        HDF5: h k l and wavelength of each pixel's strongest contribution.
    """

    nxfile: str | None = None
    nxvalues: str = "noise"
    compression: str | None = None
    frames_per_file: int = 100
    cbffile: str | None = None
    noisefile: str | None = None
    floatfile: str | None = None
    preview: str | None = None
    tifffile: str | None = None
    adc: float = 40.0
    smv_center: str = "c"
    xdsfile: str | None = None
    library: str | None = None
    truthfile: str | None = None
    truth_images: str | None = None

    def __post_init__(self) -> None:
        validate.choice("nxvalues", self.nxvalues, VALUES)
        validate.choice("smv_center", self.smv_center, SMV_CENTERS)
        validate.integer("frames_per_file", self.frames_per_file, low=1)
        if self.is_master and self.nxvalues == "photons":
            raise UsageError(
                f"-nxfile {self.nxfile}: XDS's readers take floats for whole numbers; "
                "-nxvalues photons needs a single file, such as photons.nxs"
            )

    @property
    def is_master(self) -> bool:
        """Whether the NXmx file is a master file."""
        return self.nxfile is not None and master_prefix(self.nxfile) is not None

    @property
    def is_stack(self) -> bool:
        """Whether the TIFF images go into one file."""
        return self.tifffile is not None and "#" not in self.tifffile

    @property
    def templates(self) -> dict[str, str]:
        """Option and name of what is one file for each frame."""
        names = {
            "cbffile": self.cbffile,
            "noisefile": self.noisefile,
            "floatfile": self.floatfile,
            "preview": self.preview,
            "tifffile": None if self.is_stack else self.tifffile,
        }
        return {option: name for option, name in names.items() if name is not None}

    @property
    def wholes(self) -> dict[str, str]:
        """Option and name of what is one file for the series, in order of writing.

        A master file comes last, when everything that it points to is there.
        """
        names = {
            "tifffile": self.tifffile if self.is_stack else None,
            "truth_images": self.truth_images,
            "truthfile": self.truthfile,
            "xdsfile": self.xdsfile,
            "nxfile": self.nxfile,
        }
        return {option: name for option, name in names.items() if name is not None}

    @property
    def everything(self) -> dict[str, str]:
        """Option and name of all outputs."""
        return {**self.wholes, **self.templates}

    @property
    def main(self) -> str:
        """The name that the series goes by.

        Raises
        ------
        UsageError
            When nothing is to be written.
        """
        for option in ("nxfile", "cbffile", "noisefile", "tifffile", "floatfile"):
            if getattr(self, option) is not None:
                return getattr(self, option)
        if self.everything:
            return next(iter(self.everything.values()))
        raise UsageError(
            "a series needs a file to write: -nxfile, -cbffile, -noisefile, "
            "-floatfile, -tifffile, -preview or -truthfile"
        )

    @property
    def stem(self) -> str:
        """`main` without ending and #, where manifest and work folder are."""
        folder, base = os.path.split(self.main)
        base = base.replace("#", "")
        for ending in ("_master.h5", "_master.nxs", os.path.splitext(base)[1]):
            base = base.removesuffix(ending) or base
        return os.path.join(folder, base.rstrip("_-.") or "series")

    @property
    def manifest(self) -> str:
        """The manifest's name."""
        return f"{self.stem}.manifest.jsonl"

    @property
    def work_folder(self) -> str:
        """Where parts lie until the series is whole."""
        return f"{self.stem}.nbsim-work"

    @property
    def absolute(self) -> SeriesOutputs:
        """The same files for a worker in another folder."""
        paths = {name: os.path.abspath(path) for name, path in self.everything.items()}
        return dataclasses.replace(self, **paths)

    def data_file(self, task: Task) -> str:
        """Return the name of a master file's data file."""
        assert self.nxfile is not None
        prefix = master_prefix(self.nxfile)
        name = f"{prefix}_data_{task.number + 1:06d}.h5"
        return os.path.join(os.path.dirname(self.nxfile), name)

    def part(self, task: Task, kind: str) -> str:
        """Return the name of a part of a single file, such as "images.h5"."""
        return os.path.join(self.work_folder, f"{task.number + 1:06d}.{kind}")

    def tasks(self, frames: int) -> list[Task]:
        """Cut a series; the cut depends on nothing but the series and its files."""
        size = self.frames_per_file
        if not self.is_master:
            size = min(size, max(1, -(-frames // TASKS)))
        return [
            Task(number, first, min(size, frames - first))
            for number, first in enumerate(range(0, frames, size))
        ]

    def check(self, frames: int, inputs: dict[str, str]) -> list[str]:
        """Find what would go wrong after hours; return notes.

        Parameters
        ----------
        frames
            How many.
        inputs
            Files that the series reads, by option.

        Raises
        ------
        ValueError
            For a name without room for the number, or used twice.
        FileError
            For a folder that cannot be written.
        """
        seen: list[tuple[str, str]] = [(f"-{k}", v) for k, v in inputs.items()]
        for option, name in self.everything.items():
            single = option in self.wholes
            alone = single or (frames == 1 and "#" not in name)
            path = name if alone else numbered(name, frames)
            for other, earlier in seen:
                if same_place(path, earlier):
                    raise ValueError(
                        f"{other} and -{option} are the same file {path}; each needs "
                        "its own"
                    )
            check_writable(path)
            if is_stream(path):
                raise FileError(
                    f"-{option} {path} is no file: a series is written in parts and "
                    "keeps a manifest beside them"
                )
            seen.append((f"-{option}", path))
        check_writable(self.manifest)
        for option in ("nxfile", "truth_images", "truthfile"):
            name = getattr(self, option)
            if name is not None and (option != "truthfile" or is_hdf5(name)):
                require_hdf5(f"-{option} {name}")
        _, note = choose_compression(self.compression, self.is_master)
        return [] if note is None or self.nxfile is None else [note]


def frame_file(template: str, number: int) -> str:
    """Return the name of a frame's file, frames counted from 0.

    A series of one frame needs no number; `SeriesOutputs.check` refuses others.
    """
    return numbered(template, number + 1) if "#" in template else template


def temporary(path: str) -> str:
    """Return the name under which this process writes a file until it is whole."""
    folder, base = os.path.split(path)
    host = os.uname().nodename.partition(".")[0]
    return os.path.join(folder, f".{base}.{host}-{os.getpid()}.part")


def leftovers(folder: str, bases: set[str]) -> Iterator[str]:
    """Yield what killed workers have left of files in a folder."""
    try:
        names = os.listdir(folder or ".")
    except OSError:
        return
    for name in names:
        match = _TEMPORARY.fullmatch(name)
        if match and match.group(1) in bases:
            yield os.path.join(folder, name)
