# SPDX-License-Identifier: MIT
"""Bad input: one sentence, the right exit status, and old files as they were."""

import os
import shlex
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from test_cli import SMALL, program

from nbsim.command.main import main
from nbsim.formats.smv import write_smv
from nbsim.model.validate import MAX_SEED

OUTPUTS = ("floatimage.bin", "intimage.img", "noiseimage.img", "image.pgm")
OLD = b"an older image"
LIST = "-cell 70 80 90 -N 3 -detpixels 24 -pixel 0.8"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a working folder with old outputs and with inputs of every kind."""
    monkeypatch.chdir(tmp_path)
    for name in OUTPUTS:
        Path(name).write_bytes(OLD)
    texts = {
        "good.hkl": "0 0 0 9\n1 1 1 5\n",
        "three.hkl": "0 0 0 9\n1 2 3\n",
        "letter.hkl": "0 0 0 9\n1 x 3 4\n",
        "wide.hkl": "0 0 0 9\n900000 900000 900000 5\n",
        "empty.hkl": "",
        "comments.hkl": "# h k l F\n\n",
        "short.mat": "1 0 0\n0 1 0\n0 0\n",
        "flat.mat": "1 0 0\n0 1 0\n1 1 0\n",
        "word.mat": "1 0 0\n0 one 0\n0 0 1\n",
        "nothing.src": "# X Y Z\n\n",
        "word.src": "1 2 there\n",
        "short.dump": "0 3 0 3 0 3\n\f12345678",
        "other.dump": "no dump",
        "other.img": "no image",
        "plain": "a file",
    }
    for name, text in texts.items():
        Path(name).write_text(text)
    write_smv("small.img", np.ones((4, 6), np.uint16), {"PIXEL_SIZE": "0.8"})
    Path("cut.img").write_bytes(Path("small.img").read_bytes()[:-10])
    Path("header.img").write_bytes(Path("small.img").read_bytes()[:300])
    return tmp_path


def assert_refused(folder, capsys, line, status, part):
    """Check one sentence on standard error, the status, and the old files."""
    assert main(shlex.split(line)) == status
    captured = capsys.readouterr()
    *warnings, message = captured.err.splitlines()
    assert message.startswith("nbsim: error: ")
    assert all(text.startswith("nbsim: warning: ") for text in warnings)
    assert part in message
    assert [name for name in OUTPUTS if Path(name).read_bytes() != OLD] == []
    assert [name for name in os.listdir(folder) if name.endswith(".part")] == []


USAGE = {
    "": "no crystal: give its cell",
    "-default_F 10": "no crystal: give its cell",
    "-cell 70 80 90": "no structure factors: give a list with -hkl",
    f"{SMALL} -lambdda 1": "unknown option -lambdda; did you mean -lambda?",
    f"{SMALL} -Nx 1": "unknown option -Nx; did you mean -N",
    f"{SMALL} stray": "unexpected word stray",
    f"{SMALL} -distance": "-distance: the distance is missing",
    f"{SMALL} -roi 1 2 3": "-roi: ymax is missing",
    f"{SMALL} -N -mosaic 1": "the next word is -mosaic",
    f"{SMALL} -pixel small": "-pixel small: the pixel size must be",
    f"{SMALL} -N 2.5": "-N 2.5: the number of unit cells must be a whole number",
    f"{SMALL} -pixel nan": "-pixel nan: the pixel size must be a finite number of mm",
    f"{SMALL} -pixel 0": "-pixel 0: the pixel size must be",
    f"{SMALL} -distance inf": "-distance inf: the distance must be a finite number",
    f"{SMALL} -distance -100": "-distance -100: the distance must be",
    f"{SMALL} -lambda -1": "-lambda -1: the wavelength must be",
    f"{SMALL} -lambda 1e999": "-lambda 1e999: the wavelength must be a finite number",
    f"{SMALL} -cell 70 -80 90": "-cell -80: the cell length b must be",
    f"{SMALL} -cell 70 80 90 180 90 90": "-cell 180: the cell angle alpha must be",
    f"{SMALL} -cell 70 80 90 30 30 90": "cell angles 30 30 90: no cell has these",
    f"{SMALL} -cell 70 80 90 120 130 140": "cell angles 120 130 140: no cell has",
    f"{SMALL} -N -3": "-N -3: the number of unit cells must be",
    f"{SMALL} -phisteps -1": "-phisteps -1: the number of phi steps must be",
    f"{SMALL} -mosaic -1": "-mosaic -1: the mosaic spread must be",
    f"{SMALL} -roi 0 30 0 10": "roi 0 30 0 10: expected",
    f"{SMALL} -roi 9 3 0 10": "roi 9 3 0 10: expected",
    f"{SMALL} -threads 0": "-threads 0: the number of threads must be",
    f"{SMALL} -threads 99999": "must be a whole number from 1 to 1024",
    f"{SMALL} -show_config xml": "-show_config xml: the format must be text or json",
    f"{SMALL} -printout_pixel 24 0": "the detector has 24 x 24 pixels",
    f"{SMALL} -seed {MAX_SEED + 1}": f"it must be within +-{MAX_SEED}",
    f"{SMALL} -tifffile image.pgm": "-tifffile image.pgm and -pgmfile image.pgm are "
    "the same file",
    f"{LIST} -hkl good.hkl -intfile ./good.hkl": "-intfile ./good.hkl would overwrite "
    "the file that -hkl reads",
    f"{LIST} -hkl good.hkl -dump good.hkl": "-dump good.hkl would overwrite",
    f"{SMALL} -fdet_vector 0 0 0": "fdet_vector 0 0 0: expected a vector that is not",
}


@pytest.mark.parametrize("line", USAGE, ids=USAGE.values())
def test_wrong_command_line(folder, capsys, line):
    assert_refused(folder, capsys, line, 2, USAGE[line])


FAILURES = {
    f"{LIST} -hkl absent.hkl": "cannot read hkl file absent.hkl: there is no such file",
    f"{LIST} -hkl .": "cannot read hkl file .: it is a folder",
    f"{LIST} -hkl empty.hkl": "empty.hkl: no reflection, the file is empty",
    f"{LIST} -hkl comments.hkl": "comments.hkl: no reflection in 2 lines",
    f"{LIST} -hkl three.hkl": "three.hkl:2: expected h k l F, got 3 columns",
    f"{LIST} -hkl letter.hkl": "letter.hkl:2: expected h k l F, got 'x' as index",
    f"{LIST} -hkl wide.hkl": "need 5.83e+09 GB of memory",
    f"{LIST} -dump absent.dump": "cannot read dump file absent.dump",
    f"{LIST} -dump short.dump": "short.dump is truncated",
    f"{LIST} -dump other.dump": "other.dump is not a dump of structure factors",
    "-default_F 5 -N 3 -mat absent.mat": "cannot read matrix file absent.mat",
    f"{SMALL} -mat short.mat": "an orientation matrix has 9 numbers, got 8",
    f"{SMALL} -mat word.mat": "word.mat:2: 'one' is not a finite number",
    f"{SMALL} -mat flat.mat": "flat.mat: the matrix is singular",
    f"{SMALL} -sourcefile absent.src": "cannot read source file absent.src",
    f"{SMALL} -sourcefile nothing.src": "nothing.src: no line with X Y Z weight",
    f"{SMALL} -sourcefile word.src": "word.src:1: 'there' is not a finite number",
    f"{SMALL} -mask cut.img": "cut.img is truncated: 6 x 4 pixels",
    f"{SMALL} -img header.img": "header.img is truncated: its header",
    f"{SMALL} -img other.img": "other.img is not an SMV image",
    f"{SMALL} -img absent.img": "cannot read SMV image absent.img",
    f"{SMALL} -mask small.img": "the mask has 6 x 4 pixels, the detector 24 x 24",
    f"{SMALL} -img small.img": "the image has 6 x 4 pixels, the detector 24 x 24",
    f"{SMALL} -intfile absent/x.img": "cannot write absent/x.img: the folder",
    f"{SMALL} -intfile plain/x.img": "plain is not a folder",
    f"{SMALL} -intfile .": "cannot write .: it is a folder",
    f"{SMALL} -intfile /dev/full": "cannot write /dev/full: no space left on device",
    f"{SMALL} -tifffile /dev/full": "cannot write /dev/full: no space left on device",
    f"{SMALL} -detpixels 3000000": "not enough memory: images of 3000000 x 3000000",
}


@pytest.mark.parametrize("line", FAILURES, ids=FAILURES.values())
def test_files_and_memory(folder, capsys, line):
    assert_refused(folder, capsys, line, 1, FAILURES[line])


def test_unreadable_file(folder, capsys, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    # Permissions do not stop root, who may run these tests.
    monkeypatch.setattr("nbsim.formats.files.open", refuse, raising=False)
    line = f"{LIST} -hkl good.hkl"
    part = "cannot read hkl file good.hkl: permission denied"
    assert_refused(folder, capsys, line, 1, part)


def test_folder_without_permission_is_seen_before_the_run(folder, capsys, monkeypatch):
    monkeypatch.setattr("nbsim.formats.files.os.access", lambda *_: False)
    monkeypatch.setattr("nbsim.simulation.Simulation.run", pytest.fail)
    part = f"the folder {folder} is not writable"
    assert_refused(folder, capsys, f"{SMALL} -floatfile new.bin", 1, part)


def test_output_folder_is_checked_before_the_run(folder, capsys, monkeypatch):
    monkeypatch.setattr("nbsim.simulation.Simulation.run", pytest.fail)
    assert_refused(folder, capsys, f"{SMALL} -pgmfile absent/x.pgm", 1, "absent")


def test_surprises_are_one_sentence_too(folder, capsys, monkeypatch):
    def fail(*_, **__):
        raise KeyError("lost")

    monkeypatch.setattr("nbsim.simulation.Simulation.run", fail)
    part = "internal error: KeyError: 'lost' (test_cli_errors.py:"
    assert_refused(folder, capsys, SMALL, 1, part)


def test_system_errors_name_their_file(folder, capsys, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device", "cache.nbi")

    monkeypatch.setattr("nbsim.simulation.Simulation.run", fail)
    part = "nbsim: error: cache.nbi: no space left on device"
    assert_refused(folder, capsys, SMALL, 1, part)


def test_installed_command_reports_on_standard_error(folder):
    done = subprocess.run([program(), "-cell"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("nbsim: error: -cell: the cell length a is missing")
    assert done.stderr.count("\n") == 1


def test_full_standard_output(folder):
    with open("/dev/full", "w") as full:
        command = [program(), *SMALL.split()]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    message = "cannot write standard output: no space left on device"
    assert done.stderr == f"nbsim: error: {message}\n"
    assert done.returncode == 1
    assert [name for name in OUTPUTS if Path(name).read_bytes() != OLD] == []


def test_interruption_from_the_keyboard(folder):
    """Ctrl-C in the middle of a rendering of minutes."""
    line = "-cell 100 -default_F 100 -N 5 -detpixels 2000 -oversample 20 -phisteps 50"
    command = [program(), *line.split(), "-noprogress"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        # Everything up to here is printed before the first pixel.
        while "noise image parameters" not in process.stdout.readline():
            assert process.poll() is None
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        _, message = process.communicate(timeout=60)
        seconds = time.monotonic() - started
    assert process.returncode == 130
    assert message.endswith("nbsim: error: interrupted\n")
    assert "Traceback" not in message
    assert seconds < 5.0  # about a quarter of a second on an idle machine
    assert [name for name in OUTPUTS if Path(name).read_bytes() != OLD] == []
    assert [name for name in os.listdir(folder) if name.endswith(".part")] == []


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("NUMBA_DISABLE_JIT", "1", "NUMBA_DISABLE_JIT is set: nbsim's kernels need"),
        ("NUMBA_NUM_THREADS", "100000", "NUMBA_NUM_THREADS is 100000: it must be"),
    ],
)
def test_settings_of_numba_that_cannot_work(folder, name, value, message):
    done = subprocess.run(
        [program(), *SMALL.split()],
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"nbsim: error: {message}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        "-cell 1e300",
        "-cell 1e-300",
        "-cell 70 -lambda 5e-324",
        "-cell 70 -distance 1e-320",
        "-cell 70 -xtalsize 1e200",
        "-cell 70 -water 1e150",
        "-cell 70 -default_F 1e300 -nonoise",
        "-cell 70 -detector_thick 100 -detector_abs 5e-324",
        "-cell 70 -detsize 1e300",
        "-cell 70 -pixel 1e-308",
        "-cell 70 -preview p.png -preview_rings 1e6",
    ],
)
def test_numbers_that_no_experiment_has(folder, capsys, words):
    line = f"-N 5 -detpixels 8 -device cpu {words}"
    if "default_F" not in words:
        line += " -default_F 100"
    assert main(line.split()) == 2
    *_, message = capsys.readouterr().err.splitlines()
    assert message.startswith("nbsim: error: ") and "internal" not in message
