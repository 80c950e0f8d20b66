# SPDX-License-Identifier: MIT
"""What does not fit, or takes long, is said before it is begun."""

import dataclasses
import io
import re
import time

import pytest

from nbsim import Simulation
from nbsim.command import estimate, printout
from nbsim.command.main import main
from nbsim.command.progress import ProgressBar, duration
from nbsim.options.command_line import read_command_line

pytestmark = pytest.mark.filterwarnings("default")

START = "-cell 70 80 90 -default_F 100 -N 5 -detpixels 8 -device cpu -nonoise"
MILLIARD = 10**9


@pytest.mark.parametrize(
    "line, what",
    [
        (f"-phisteps {MILLIARD}", f"{MILLIARD} phi steps x 1 mosaic domains"),
        (
            f"-mosaic 1 -mosaic_domains {MILLIARD}",
            f"1 phi steps x {MILLIARD} mosaic domains",
        ),
        (
            "-mosaic 1 -mosaic_domains 40000 -phisteps 40000",
            "40000 phi steps x 40000 mosaic domains",
        ),
        (f"-dispersion 1 -dispsteps {MILLIARD}", f"{MILLIARD} sources"),
        (f"-hdivsteps {MILLIARD}", f"{MILLIARD} sources"),
        ("-divergence 1 -divsteps 40000", f"{40000**2} sources"),
        (
            f"-detector_thick 100 -detector_thicksteps {MILLIARD}",
            f"{MILLIARD} sensor layers",
        ),
        ("-oversample 50000 -printout", "-printout: the 2500000000 evaluations of one"),
    ],
)
def test_what_cannot_fit_is_refused_with_what_it_needs(
    line, what, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    began = time.process_time()
    assert main([*START.split(), *line.split()]) == 1
    assert time.process_time() - began < 10.0
    error = capsys.readouterr().err.splitlines()[-1]
    assert re.match(
        rf"nbsim: error: not enough memory: {re.escape(what)}.* need [\d.e+]+ GB, "
        r"[\d.e+]+ GB are available$",
        error,
    ), error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "line", ["-osc 1 -phistep 1e-300", "-hdivrange 1 -hdivstep 1e-300"]
)
def test_steps_beyond_counting(line):
    with pytest.raises(ValueError, match="expected at most 2147483647 steps"):
        Simulation.from_args(f"{START} {line}").setup.phi


@pytest.mark.parametrize(
    "line, threads, said",
    [
        ("", None, None),
        # 64 pixels x 10^8 subpixels at 2e8 a second.
        ("-oversample 10000", 1, None),
        ("-oversample 100000", 1, "6.4e+11 evaluations: this run may take 53 min 20 s"),
        ("-oversample 100000", 16, None),
        (
            "-oversample 1000000",
            1,
            "6.4e+13 evaluations: this run may take 3 days 16 h",
        ),
        ("-oversample 1000000 -roi 0 0 0 0", 1, "1e+12 evaluations: this run may take"),
        (
            "-oversample 100000 -detector_thick 100 -thicksteps 4",
            1,
            "2.56e+12 evaluations: this run may take 3 h 33 min",
        ),
    ],
)
def test_long_runs_are_announced(line, threads, said):
    setup = Simulation.from_args(f"{START} {line}").setup
    warning = estimate.long_run_warning(setup, threads)
    assert (warning or "").startswith(said or "") and (warning is None) == (
        said is None
    )


def test_backgrounds_are_part_of_the_estimate():
    line = f"{START} -background water 1 -background air 1 -divergence 0.2 -divsteps 2"
    simulation = Simulation.from_args(line)
    oversampled = [
        dataclasses.replace(background, oversample=20_000)
        for background in simulation.backgrounds
    ]
    setup, sources = simulation.setup, len(simulation.setup.sources.wavelengths)
    assert sources > 1 and len(oversampled) == 2
    for fraction in (1.0, 0.0):
        warning = estimate.long_run_warning(
            setup, 1, lit_fraction=fraction, backgrounds=oversampled
        )
        assert f"{64 * 2 * 4e8 * sources:.3g} of backgrounds: this run" in warning
        assert (" evaluations" in warning) == (fraction > 0.0)
    assert (
        estimate.long_run_warning(setup, 1, backgrounds=simulation.backgrounds) is None
    )


def test_frames_of_a_series_are_announced_together():
    setup = Simulation.from_args(f"{START} -oversample 3000 -sparse off").setup
    assert estimate.long_run_warning(setup, 1) is None
    warning = estimate.long_run_warning(setup, 1, frames=1000)
    assert warning.startswith("5.76e+11 evaluations: this run may take 48 min")


def test_a_run_in_which_little_is_lit_is_not_long():
    many = "-oversample 50000 -gauss_xtal -N 20 -detpixels 64"
    for sparse, is_long in (("auto", False), ("off", True)):
        setup = Simulation.from_args(f"{START} {many} -sparse {sparse}").setup
        assert (estimate.long_run_warning(setup, 1) is not None) == is_long


@pytest.mark.parametrize(
    "more, evaluations",
    [
        ("", 0.0),
        ("-printout", 1.6e9),
        ("-printout_pixel 3 4", 2.5e7),
        ("-printout_pixel 3 4 -roi 0 2 0 2", 0.0),
    ],
)
def test_what_is_printed_is_estimated(more, evaluations):
    words = f"{START} -oversample 5000 {more}".split()
    command = read_command_line(words, Simulation)
    recorded = printout.recorded_evaluations(command)
    assert recorded == evaluations
    setup = command.simulation.setup
    warning = estimate.long_run_warning(setup, 1, recorded=recorded)
    assert (warning is not None) == (recorded > 6e8)
    if warning:
        assert "1.6e+09 of them once more to be printed" in warning


@pytest.mark.parametrize(
    "seconds, words",
    [
        (59.4, "59 s"),
        (61, "1 min 01 s"),
        (7260, "2 h 01 min"),
        (90000, "1 days 1 h"),
        (1e9, "31.7 years"),
    ],
)
def test_durations(seconds, words):
    assert duration(seconds) == words


def test_lines_for_a_log_where_there_is_no_terminal():
    now, stream = [0.0], io.StringIO()
    bar = ProgressBar(stream, clock=lambda: now[0])
    for step in range(1, 101):
        now[0] = 10.0 * step
        bar(step / 100)
        bar(step / 100)
    bar.clear()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "10 % done, 15 min 00 s left"
    assert [line.split()[0] for line in lines] == [str(n) for n in range(10, 101, 10)]


def test_short_runs_leave_no_lines_in_a_log():
    now, stream = [0.0], io.StringIO()
    bar = ProgressBar(stream, clock=lambda: now[0])
    for step in range(1, 101):
        now[0] = 0.5 * step
        bar(step / 100)
    assert stream.getvalue() == ""
