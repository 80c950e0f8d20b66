# SPDX-License-Identifier: MIT
"""The examples of docs/examples run as they stand, and the docs show each of them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nbsim
from nbsim.command.example import write_inputs

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLES = sorted(path.name for path in (DOCS / "examples").iterdir())
PIXELS = 128


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with the inputs that ``nbsim -example`` makes."""
    target = tmp_path_factory.mktemp("examples")
    before = os.getcwd()
    os.chdir(target)
    try:
        write_inputs()
    finally:
        os.chdir(before)
    return target


def run(name, folder):
    """Run an example at a small size and return what it printed."""
    tools = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PIXELS": str(PIXELS),
        "FRAMES": "5",
    }
    program = sys.executable if name.endswith(".py") else "sh"
    done = subprocess.run(
        [program, DOCS / "examples" / name],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def picture(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize(
    "name, made",
    [
        ("still.sh", "still.png"),
        ("rotation.sh", "rotation.png"),
        ("saxs.sh", "saxs.png"),
        ("mosaic_divergence.sh", "mosaic.png"),
        ("ten_lines.py", "ten_lines.png"),
        ("orientations.py", "orientations.png"),
        ("phi_profile.py", "phi_profile.png"),
        ("two_models.py", "curved_detector.png"),
        ("two_models.py", "thick_sensor.png"),
        ("two_models.py", "oblique_cell.png"),
    ],
)
def test_example_makes_its_picture(name, made, folder):
    run(name, folder)
    assert picture(folder / made).std() > 1.0
    assert (DOCS / "images" / f"example_{made}").stat().st_size < 60_000


def test_loop_says_how_long_a_frame_took(folder):
    assert "5 frames in " in run("orientations.py", folder)


def test_rotation_image_is_read_back(folder):
    run("rotation.sh", folder)
    printed = run("read_back.py", folder)
    assert f"SMV  ({PIXELS}, {PIXELS}) uint16 distance 140 mm" in printed
    assert f"TIFF ({PIXELS}, {PIXELS}) float32 wavelength 1.0 A" in printed


def test_small_angle_image_is_smooth_and_strongest_in_the_middle(folder):
    run("saxs.sh", folder)
    image = np.fromfile(folder / "saxs.bin", np.float32).reshape(PIXELS, PIXELS)
    slow, fast = np.unravel_index(image.argmax(), image.shape)
    assert abs(slow - PIXELS / 2) < 3 and abs(fast - PIXELS / 2) < 3
    assert np.abs(np.diff(image, axis=1)).max() < 0.3 * image.max()


def test_still_in_ten_lines_is_that_of_the_command(folder):
    run("ten_lines.py", folder)
    run("still.sh", folder)
    mine = nbsim.read_smv(folder / "ten_lines.img").pixels.astype(float)
    its = nbsim.read_smv(folder / "still_noise.img").pixels.astype(float)
    # The matrix file has nine decimals, the cell in Python all of them, and the noise
    # takes another path from the first pixel whose photons differ.
    assert abs(mine - its).mean() < 0.02 * its.mean()


@pytest.mark.parametrize("name", EXAMPLES)
def test_docs_show_the_example(name):
    text = (DOCS / "examples.md").read_text(encoding="utf-8")
    source = (DOCS / "examples" / name).read_text(encoding="utf-8")
    assert f"(examples/{name})" in text
    assert source in text, f"docs/examples.md shows another {name}"
