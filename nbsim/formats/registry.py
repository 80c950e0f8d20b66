# SPDX-License-Identifier: MIT
"""Which file format holds which image: every file in this folder speaks for itself.

A module that says ``FORMAT = ImageFormat(...)`` is found here; nothing else lists it.
"""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from ..errors import FileError
from ..resolve.run import Setup

#: The line with which a file here says that it is an image format.
DECLARATION = "\nFORMAT = ImageFormat("


@dataclass(frozen=True, eq=False)
class Content:
    """What goes into an image file.

    Attributes
    ----------
    pixels
        (slow, fast) float32 photons, whole numbers of counts, or uint8 grey levels;
        (slow, fast, 3) uint8 for a picture.
    setup
        The run that made it, for formats that keep its geometry.
    adc_offset
        Counts of a pixel without photons; None: these are not counts.
    scale
        Factor from photons to the pixels' values; None: not known, or 1.
    command
        The command line, where there is one.
    """

    pixels: np.ndarray
    setup: Setup
    adc_offset: float | None = None
    scale: float | None = None
    command: str | None = None


@dataclass(frozen=True)
class ImageFormat:
    """One format of image files.

    Attributes
    ----------
    name
        In words, for messages; the rows of options name it too.
    suffixes
        Endings of file names, lower case, with the dot.
    holds
        Types of pixels: "float32", "uint16", "uint32", "uint8" ...; "picture" for
        red, green and blue.
    write
        Fills a binary stream.
    read
        Returns the pixels of a file; None: nbsim does not read it.
    frames
        Whether one file can hold several images.
    geometry
        Whether it says where beam, crystal and detector were.
    gives_way
        Whether an option that writes this format writes another one where the file's
        ending asks for it.
    """

    name: str
    suffixes: tuple[str, ...]
    holds: tuple[str, ...]
    write: Callable[[BinaryIO, Content], None]
    read: Callable[[str | os.PathLike], np.ndarray] | None = None
    frames: bool = False
    geometry: bool = False
    gives_way: bool = False


def _declares(path: str) -> bool:
    """Whether a file of Python says that it is an image format."""
    with open(path, encoding="utf-8") as stream:
        return DECLARATION in stream.read()


@functools.cache
def image_formats() -> dict[str, ImageFormat]:
    """Return all formats by name."""
    package, folder = __name__.rpartition(".")[0], os.path.dirname(__file__)
    names = sorted(os.path.splitext(name) for name in os.listdir(folder))
    # Looked through, not imported: most files here are no image formats, and a
    # command that writes one image need not wait for all of them.
    declaring = [
        name
        for name, ending in names
        if ending == ".py" and _declares(os.path.join(folder, f"{name}.py"))
    ]
    modules = [importlib.import_module(f"{package}.{name}") for name in declaring]
    return {module.FORMAT.name: module.FORMAT for module in modules}


def by_suffix(path: str | os.PathLike) -> ImageFormat | None:
    """Return the format that a file's ending names; None: no format's."""
    ending = os.path.splitext(os.fspath(path))[1].lower()
    for declared in image_formats().values():
        if ending in declared.suffixes:
            return declared
    return None


def kind_of(pixels: np.ndarray) -> str:
    """Return what `ImageFormat.holds` calls an array."""
    return "picture" if pixels.ndim == 3 else str(pixels.dtype)


def chosen_format(path: str | os.PathLike, usual: str, kind: str) -> ImageFormat:
    """Return the format of a file that is to be written.

    Parameters
    ----------
    path
        The file.
    usual
        Name of the format that is written whatever the ending, unless that one gives
        way and the ending names another one.
    kind
        Type of the pixels; see `ImageFormat.holds`.

    Raises
    ------
    FileError
        When the ending names a format that cannot hold them.
    """
    fallback = image_formats()[usual]
    asked = by_suffix(path) if fallback.gives_way else None
    if asked is None or asked is fallback:
        return fallback
    if kind in asked.holds:
        return asked
    if asked.gives_way:
        return fallback  # as in C, whose images have any name
    fitting = sorted(
        ending
        for other in image_formats().values()
        if kind in other.holds
        for ending in other.suffixes
    )
    raise FileError(
        f"{os.fspath(path)}: {asked.name} holds {' and '.join(asked.holds)} pixels, "
        f"not {kind}; endings of formats that do: {', '.join(fitting)}"
    )


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Return the pixels of an image file, whose ending names its format.

    Returns
    -------
    ndarray
        (slow, fast), as stored.

    Raises
    ------
    FileError
        If the file cannot be read, or its ending is not one of a format that can be.
    """
    found = by_suffix(path)
    if found is None or found.read is None:
        readable = sorted(
            ending
            for declared in image_formats().values()
            if declared.read
            for ending in declared.suffixes
        )
        raise FileError(
            f"{os.fspath(path)}: no image format that can be read has this ending; "
            f"there are {', '.join(readable)}"
        )
    return found.read(path)
