# SPDX-License-Identifier: MIT
"""What the command writes and prints when all goes well."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nbsim import Simulation, read_fdump, read_hkl, read_smv, read_tiff
from nbsim._version import __version__
from nbsim.command.main import main
from nbsim.command.progress import ProgressBar
from nbsim.formats.smv import header_pairs
from nbsim.images.noise import poisson_noise

SMALL = "-cell 70 80 90 -default_F 50 -N 3 -lambda 1 -detpixels 24 -pixel 0.8 -seed 5"


def program():
    """Return the installed command."""
    found = shutil.which("nbsim", path=sysconfig.get_path("scripts"))
    assert found is not None
    return found


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Return a function that runs a command line in an empty folder: its output."""
    monkeypatch.chdir(tmp_path)

    def run_line(line):
        status = main(shlex.split(line))
        captured = capsys.readouterr()
        assert status == 0, captured.err
        return captured

    return run_line


def render(line=SMALL):
    return Simulation.from_args(line).render()


def test_default_outputs(run, tmp_path):
    run(SMALL)
    names = ["floatimage.bin", "image.pgm", "intimage.img", "noiseimage.img"]
    assert sorted(os.listdir(tmp_path)) == names
    image = np.fromfile("floatimage.bin", "<f4").reshape(24, 24)
    assert np.array_equal(image, render())
    noise, *_ = poisson_noise(image, 5)
    assert np.array_equal(read_smv("noiseimage.img").pixels, noise)
    with Image.open("image.pgm") as preview:
        assert preview.size == (24, 24)


def test_outputs_can_be_left_out(run, tmp_path):
    printed = run(f"{SMALL} -nonoise -nopgm").out
    assert sorted(os.listdir(tmp_path)) == ["floatimage.bin", "intimage.img"]
    assert "photons on noise image" not in printed
    assert "pgm_scale" not in printed


@pytest.mark.parametrize("ending", [".tif", ".TIFF"])
def test_names_that_end_in_tif(run, ending):
    names = {what: what + ending for what in ("float", "int", "noise")}
    options = " ".join(f"-{what}file {name}" for what, name in names.items())
    run(f"{SMALL} -adc 7 {options} -tifffile more.tif")
    images = {what: read_tiff(name) for what, name in names.items()}
    assert np.array_equal(images["float"][0], render())
    assert np.array_equal(read_tiff("more.tif")[0], images["float"][0])
    assert images["int"][0].dtype == images["noise"][0].dtype == np.uint16
    assert images["int"][0].max() == 55007  # the automatic scale, and the offset
    assert np.array_equal(
        images["noise"][0], poisson_noise(images["float"][0], 5, 7.0)[0]
    )


def test_tiff_carries_the_header_and_the_command(run):
    line = f"{SMALL} -twotheta 3 -intfile int.img -tifffile x.tif -noisefile n.tif"
    run(line)
    _, record = read_tiff("x.tif")
    assert record["command"] == f"nbsim {line}"
    assert (record["program"], record["version"]) == ("nbsim", __version__)
    header = header_pairs(read_smv("int.img").header)
    about_the_file = {"HEADER_BYTES", "DIM", "BYTE_ORDER", "TYPE", "ADC_OFFSET"}
    for key in header.keys() - about_the_file:
        value = record[key]
        if isinstance(value, str):
            assert value == header[key]
        else:
            numbers = [float(text) for text in header[key].split(",")]
            assert np.allclose(value, numbers, rtol=1e-5, atol=1e-9), key
    assert "ADC_OFFSET" not in record
    assert read_tiff("n.tif")[1]["ADC_OFFSET"] == 40.0
    with Image.open("x.tif") as picture:
        assert picture.mode == "F"
    with Image.open("n.tif") as picture:
        assert picture.mode == "I;16"


def test_header_keys_and_the_offset(run):
    run(f"{SMALL} -adc 12.5")
    lines = read_smv("intimage.img").header.partition("}")[0].splitlines()[1:]
    assert all(line.endswith(";") for line in lines)
    assert "ADC_OFFSET=12.5;" in lines
    assert read_smv("noiseimage.img").header == read_smv("intimage.img").header


def test_dump_file_is_written_with_hkl_only(run):
    Path("P1.hkl").write_text("0 0 0 9\n1 -2 3 4.5\n")
    base = SMALL.replace("-default_F 50", "")
    run(f"{base} -hkl P1.hkl -nointerpolate")
    factors = read_fdump("Fdump.bin")
    assert np.array_equal(factors.F, read_hkl("P1.hkl").F)
    first = Path("floatimage.bin").read_bytes()
    os.unlink("P1.hkl")
    printed = run(f"{base} -nointerpolate").out
    assert re.search(
        r"^reading Fs from Fdump.bin, written 0.0 hours ago$", printed, re.M
    )
    assert Path("floatimage.bin").read_bytes() == first
    os.unlink("Fdump.bin")
    run(SMALL)
    assert not os.path.exists("Fdump.bin")


def test_dump_file_that_cannot_be_written_is_a_warning(run):
    Path("P1.hkl").write_text("0 0 0 9\n")
    base = SMALL.replace("-default_F 50", "-hkl P1.hkl -nointerpolate")
    warned = run(f"{base} -dump absent/dump.bin").err
    assert "nbsim: warning: cannot write absent/dump.bin" in warned
    assert os.path.exists("floatimage.bin")


def test_first_line_names_the_program_and_nanobragg(run):
    first = run(SMALL).out.splitlines()[0]
    assert first.startswith(f"nbsim {__version__}")
    assert "nanoBragg" in first and "James Holton" in first


def test_lines_of_the_resolved_geometry(run):
    printed = run(
        f"{SMALL} -phi 3 -osc 1 -phisteps 2 -mosaic 0.5 -mosaic_domains 3"
    ).out
    for line in (
        "mosflm convention selected.",
        "Unit Cell: 70 80 90 90 90 90",
        "volume = 504000 A^3",
        "X: 70.00000000 -0.00000000  0.00000000",
        "crystal is 0.021 x 0.024 x 0.027 microns",
        "phi0 = 3",
        "phi1 = 3.5",
        "  wave=1e-10 meters +/- 0% in 1 steps",
        "  Xbeam=0.01 Ybeam=0.01",
        "  3 mosaic domains over mosaic spread of 0.5 degrees",
        "  2 phi steps from 3 to 4 degrees",
        "  DIRECTION_OF_DETECTOR_X-AXIS= 0 0 1",
    ):
        assert line in printed.splitlines(), line


def test_printed_seed_repeats_the_noise(run):
    printed = run(SMALL.replace("-seed 5", "")).out
    noise = read_smv("noiseimage.img").pixels
    seed = re.search(r"\(-seed (\d+) gives the same noise again\)", printed)[1]
    run(SMALL.replace("-seed 5", f"-seed {seed}"))
    assert np.array_equal(read_smv("noiseimage.img").pixels, noise)


def test_statistics_are_those_of_the_image(run):
    printed = run(f"{SMALL} -roi 2 20 3 19 -oversample 2").out
    image = np.fromfile("floatimage.bin", "<f4").reshape(24, 24)
    assert not image[:3].any() and not image[:, 21:].any()
    part = image[3:20, 2:21].astype(float)
    assert f"max_I = {part.max():g} " in printed
    slow, fast = np.unravel_index(image.argmax(), image.shape)
    # nanoBragg prints the last of the two subpixels, 3/4 of a pixel from the edge.
    place = (1e-3 * 0.8 * (fast + 0.75), 1e-3 * 0.8 * (slow + 0.75))
    assert "  at %g %g\n" % place in printed
    rms = np.sqrt((part**2).sum() / (part.size - 1))
    assert f"mean= {part.mean():g} rms= {rms:g} " in printed
    assert f"intfile_scale = {55000 / part.max():g}\n" in printed


def test_one_pixel_is_printed(run):
    printed = run(f"{SMALL} -printout_pixel 9 7").out
    image = render()
    start = printed.index("   9    7 : stol = ")
    block = printed[start : printed.index("\n\nsolid angle")].splitlines()
    assert len(block) == 14
    fields = {line.split()[0]: line.split()[-1] for line in block}
    assert float(fields["pixel"]) == pytest.approx(float(image[7, 9]), rel=1e-9)
    assert float(fields["capfrac"]) == 1.0
    r_e_sqr, fluence = 7.94079248018965e-30, 125932015286227086360700780544.0
    photons = r_e_sqr * fluence * float(fields["I/steps"])
    photons *= float(fields["polar"]) * float(fields["omega"])
    assert photons == pytest.approx(float(image[7, 9]), rel=1e-6)
    assert block[-3:] == [
        "X: 70.00000000 -0.00000000  0.00000000",
        "Y:  0.00000000 80.00000000 -0.00000000",
        "Z:  0.00000000  0.00000000 90.00000000",
    ]


def test_all_rendered_pixels_are_printed_in_raster_order(run):
    printed = run(f"{SMALL} -roi 3 4 8 9 -printout").out
    pixels = re.findall(r"^ +(\d+) +(\d+) : stol", printed, re.M)
    assert pixels == [("3", "8"), ("4", "8"), ("3", "9"), ("4", "9")]


def test_pixel_outside_the_roi_is_a_warning(run):
    captured = run(f"{SMALL} -roi 3 4 8 9 -printout_pixel 0 0")
    assert "-printout_pixel 0 0: roi or mask leave this pixel out" in captured.err
    assert "stol" not in captured.out


def test_warnings_go_to_standard_error(run):
    captured = run(f"{SMALL} -hdiv 3 -pivot sample")
    assert captured.err.splitlines()[0].startswith("nbsim: warning: -hdiv is ignored")
    assert "-pivot sample has no effect" in captured.err
    assert "warning" not in captured.out


def test_version_and_help(run):
    assert run("-version").out == f"nbsim {__version__}\n"
    printed = run("-h").out
    assert "-lambda, -wavelength, -wave ANGSTROM" in printed
    assert "Beam:\n" in printed


@pytest.mark.parametrize("option", ["-h", "-version"])
def test_help_needs_no_large_library(option):
    code = (
        "import sys; from nbsim.command.main import main; "
        "status = main([sys.argv[1]]); "
        "print(sorted({'numba', 'numpy', 'tifffile'} & sys.modules.keys()), status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, option], capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "[] 0", done.stderr


def test_more_threads_than_processors(tmp_path):
    def image(threads):
        command = [program(), *SMALL.split(), "-threads", str(threads)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return (tmp_path / "floatimage.bin").read_bytes()

    assert image(1) == image((os.cpu_count() or 1) + 5)


def test_reader_that_goes_away(tmp_path):
    command = f"{shlex.quote(program())} {SMALL} | head -n 1"
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.startswith("nbsim")
    assert done.stderr == ""
    assert (tmp_path / "noiseimage.img").exists()


def test_module_is_the_command(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "nbsim", "-version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.returncode) == (f"nbsim {__version__}\n", 0)


class Terminal:
    """A stream that remembers what was written."""

    def __init__(self, is_terminal=True):
        self.text = ""
        self.is_terminal = is_terminal

    def isatty(self):
        return self.is_terminal

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def draw(terminal, *steps):
    """Draw a bar at (seconds, fraction) and return its last line."""
    now = [0.0]
    bar = ProgressBar(terminal, lambda: now[0])
    for seconds, fraction in steps:
        now[0] = seconds
        bar(fraction)
    last = terminal.text.split("\r")[-1]
    bar.clear()
    return last


def test_progress_bar_shows_percent_and_remaining_time():
    terminal = Terminal()
    bar = "#" * 15 + "." * 15
    assert draw(terminal, (60.0, 0.5)) == f"[{bar}]  50 %, 1 min 00 s left"
    # Nothing of it stays on the line.
    *_, blank, end = terminal.text.split("\r")
    assert (blank.strip(), end) == ("", "")


@pytest.mark.parametrize(
    "terminal, steps",
    [
        (Terminal(is_terminal=False), [(59.0, 0.5)]),
        (Terminal(), [(0.5, 0.2), (1.9, 1.0)]),
        (Terminal(), [(60.0, 0.0)]),
    ],
    ids=["no terminal", "short run", "nothing done yet"],
)
def test_progress_bar_stays_away(terminal, steps):
    draw(terminal, *steps)
    assert terminal.text == ""
