# SPDX-License-Identifier: MIT
"""nbsim-background and nbsim-noise: Ctrl-C, progress, and what work is announced."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from nbsim.command import background_program, background_run, noise_program, noise_run
from nbsim.command import progress as progress_module
from nbsim.images.detected import detected_image
from nbsim.model.detector_response import DetectorResponse
from nbsim.rows import one_after_the_other, share

#: What ends within a second on any machine.
PROMPT = 1.0
#: Program and words that take minutes; the images are made by `inputs`.
ENDLESS = {
    "render": ("background", "-stol water -detpixels 1000 -oversample 300"),
    "search": ("background", "-stol unsorted.stol -detpixels 1000 -oversample 100"),
    "count": ("noise", "large.npy -flicker 0.1 -psf none"),
    "spread": ("noise", "bright.npy -psf fiber -psf_fwhm 300"),
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    np.save(folder / "large.npy", np.full((4000, 4000), 1e5, np.float32))
    np.save(folder / "bright.npy", np.full((500, 500), 1e5, np.float32))
    np.save(folder / "small.npy", np.full((200, 200), 9.0, np.float32))
    (folder / "unsorted.stol").write_text("0 2\n0.3 9\n0.2 4\n0.5 7\n")
    return folder


@pytest.mark.parametrize("stage", ENDLESS)
def test_an_interrupted_run_ends_at_once_and_leaves_nothing(stage, inputs, tmp_path):
    program, words = ENDLESS[stage]
    code = (
        "from nbsim.command.signals import end_on_signals; end_on_signals();"
        f"from nbsim.command.{program}_program import command; command()"
    )
    words = words.replace("-stol u", f"-stol {inputs}/u").split()
    if program == "noise":
        words[0] = str(inputs / words[0])
    with subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        time.sleep(1.5)
        assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, errors = process.communicate(timeout=60)
        seconds = time.monotonic() - began
    assert process.returncode == 130
    assert errors.endswith("error: interrupted\n") and "Traceback" not in errors
    assert seconds < PROMPT
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "program, words",
    [
        (background_program, "-stol water -detpixels 100"),
        (noise_program, "small.npy"),
        (noise_program, "small.npy -psf gauss"),
        (noise_program, "small.npy -psf fiber -model physical"),
        (noise_program, "small.npy -psf fiber -nonoise"),
    ],
)
def test_progress_goes_from_nothing_to_all_once(
    program, words, inputs, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(progress_module, "PATIENCE", 0.0)
    monkeypatch.setattr(progress_module, "LOG_PATIENCE", 0.0)
    words = words.replace("small.npy", str(inputs / "small.npy")).split()
    assert program.main(words) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "done" in line]
    done = [int(line.split()[0]) for line in lines]
    assert done[-1] == 100 and done == sorted(set(done))
    assert program.main([*words, "-noprogress"]) == 0
    assert "done" not in capsys.readouterr().err


def test_long_backgrounds_are_announced(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(background_run, "images_of", refuse)
    words = "-stol water -detpixels 1000 -oversample 1000 -threads 1".split()
    assert background_program.main(words) == 1
    said = capsys.readouterr().err
    # 10^12 subpixels at 5e7 a second.
    assert "1e+12 evaluations: this run may take 5 h 33 min on the processor" in said


def test_memory_is_estimated_before_anything_is_read(
    inputs, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(noise_run, "read_photons", refuse)
    monkeypatch.setattr(noise_run, "available_memory", lambda: 1e6)
    assert noise_program.main([str(inputs / "large.npy")]) == 1
    assert "1 images of up to 1.6e+07 pixels need 0.576 GB" in capsys.readouterr().err
    monkeypatch.setattr(background_run, "images_of", refuse)
    monkeypatch.setattr(background_run, "available_memory", lambda: 1e6)
    assert background_program.main(["-stol", "water"]) == 1
    assert "images of 1024 x 1024 pixels need 0.0252 GB" in capsys.readouterr().err


def refuse(*_, **__):
    raise ValueError("nothing may be begun")


def test_noise_in_pieces_is_the_noise_of_the_whole():
    """A mean above 1e6 shifts who gets a spare deviate, for all pixels after it."""
    expected = np.full((60, 20), 30.0, np.float32)
    expected[25, 3] = 2e6
    response = DetectorResponse(flicker=0.1, calibration=0.1, readout_adu=2.0, bits=32)
    whole = detected_image(expected, 5, response)
    pieces = detected_image(expected, 5, response, progress=lambda fraction: None)
    assert (whole.pixels == pieces.pixels).all()


def test_a_share_of_the_progress():
    told = []
    one_after_the_other(lambda first, last: told.append((first, last)), 5)
    assert told == [(0, 5)]
    told.clear()
    part = share(told.append, 0.5, 1.0)
    assert one_after_the_other(lambda a, b: b - a, 4, part) == [1, 1, 1, 1]
    assert told == [0.625, 0.75, 0.875, 1.0]
    assert share(None, 0.0, 1.0) is None
