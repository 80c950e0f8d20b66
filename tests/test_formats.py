# SPDX-License-Identifier: MIT
"""The registry of image formats: what is found, and what a file's ending chooses."""

import importlib
from pathlib import Path

import numpy as np
import pytest

import nbsim
from nbsim import FileError, Simulation
from nbsim.command.main import main
from nbsim.formats import registry
from nbsim.formats.registry import Content, ImageFormat, chosen_format

LINE = "-cell 70 80 90 -default_F 100 -N 5 -detpixels 24 -pixel 1 -nonoise -nopgm"


def noted(stream, content):
    """Write a format that was made up here."""
    text = f"{content.pixels.dtype} {content.pixels.shape} {content.command}"
    stream.write(text.encode())


MADE_UP = ImageFormat(
    name="made up",
    suffixes=(".made",),
    holds=("float32", "uint16"),
    write=noted,
    read=lambda path: np.zeros((2, 3)),
)


@pytest.fixture
def made_up(monkeypatch):
    """Let there be one more format."""
    formats = {**registry.image_formats(), MADE_UP.name: MADE_UP}
    monkeypatch.setattr(registry, "image_formats", lambda: formats)


def test_formats_that_are_there():
    found = registry.image_formats()
    assert {"raw floats", "SMV", "TIFF", "PGM", "PNG"} <= set(found)
    endings = [ending for declared in found.values() for ending in declared.suffixes]
    assert len(set(endings)) == len(endings)
    assert all(ending == ending.lower() and ending[0] == "." for ending in endings)


def test_no_declaration_is_overlooked():
    folder = Path(registry.__file__).parent
    names = [path.stem for path in folder.glob("*.py") if path.stem != "__init__"]
    modules = [importlib.import_module(f"nbsim.formats.{name}") for name in names]
    declared = [
        module.FORMAT
        for module in modules
        if isinstance(getattr(module, "FORMAT", None), ImageFormat)
    ]
    assert {each.name: each for each in declared} == registry.image_formats()


@pytest.mark.parametrize(
    "path, usual, kind, name",
    [
        ("a.bin", "raw floats", "float32", "raw floats"),
        ("a", "raw floats", "float32", "raw floats"),
        ("a.b/c", "SMV", "uint16", "SMV"),
        ("a.TIF", "raw floats", "float32", "TIFF"),
        ("a.tiff", "SMV", "uint16", "TIFF"),
        ("a.img", "raw floats", "float32", "raw floats"),
        ("a.bin", "SMV", "uint16", "SMV"),
        ("a.tif", "PGM", "uint8", "PGM"),
        ("a.png", "TIFF", "float32", "TIFF"),
    ],
)
def test_ending_chooses_among_what_fits(path, usual, kind, name):
    assert chosen_format(path, usual, kind).name == name


def test_ending_of_a_format_that_cannot_hold_the_pixels():
    with pytest.raises(FileError) as caught:
        chosen_format("a.png", "raw floats", "float32")
    said = str(caught.value)
    assert said.startswith("a.png: PNG holds uint8 and picture pixels, not float32; ")
    assert said.endswith(".bin, .tif, .tiff")


def test_command_says_so_before_it_renders(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*LINE.split(), "-floatfile", "float.png"]) == 1
    assert "float.png: PNG holds uint8" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_new_format_is_used_wherever_its_ending_is(made_up, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["-floatfile", "f.made", "-intfile", "i.MADE"]
    assert main([*LINE.split(), *names]) == 0
    assert (tmp_path / "f.made").read_text().startswith("float32 (24, 24) nbsim -cell")
    assert (tmp_path / "i.MADE").read_text().startswith("uint16 (24, 24) nbsim -cell")
    assert nbsim.read_image(tmp_path / "f.made").shape == (2, 3)


@pytest.mark.parametrize("name", ["TIFF", "SMV", "PGM", "PNG", "raw floats"])
def test_every_format_writes_what_it_says_it_holds(name, tmp_path):
    declared = registry.image_formats()[name]
    setup = Simulation.from_args(LINE).setup
    for kind in declared.holds:
        shape = (24, 24, 3) if kind == "picture" else (24, 24)
        kind_of_number = "uint8" if kind == "picture" else kind
        pixels = np.arange(np.prod(shape)).reshape(shape).astype(kind_of_number)
        assert registry.kind_of(pixels) == kind
        path = tmp_path / f"x{declared.suffixes[0]}"
        with open(path, "wb") as stream:
            declared.write(stream, Content(pixels, setup))
        assert path.stat().st_size > 50
        if declared.read:
            assert np.array_equal(nbsim.read_image(path), pixels)


@pytest.mark.parametrize("path", ["x.pgm", "x", "x.xyz"])
def test_reading_what_cannot_be_read(path):
    with pytest.raises(FileError, match=r"no image format .*\.img, \.smv, \.tif"):
        nbsim.read_image(path)
