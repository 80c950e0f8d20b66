# SPDX-License-Identifier: MIT
"""``nbsim-compare``: two programs, one command line, and what is said about them.

Shell scripts that copy a prepared image take the place of the programs.
"""

import json
import re
import shlex
import stat
import subprocess
import sys

import numpy as np
import pytest

from nbsim.tools.both_programs import own_outputs
from nbsim.tools.images.float_files import phi_zero_step
from nbsim.tools.images.main import main

pytestmark = pytest.mark.filterwarnings("default")

ARGS = "-cell 70 80 90 75 85 95 -default_F 100 -N 5 -detpixels 24 -oversample 1"
PHI = "phi0 = 0\nphi1 = 0.01"


def picture(seed=1, shape=(20, 30)):
    return np.random.default_rng(seed).random(shape, np.float32) ** 8


@pytest.fixture
def program(tmp_path):
    """Return a function that makes a program that writes an image."""

    def make(name, image, printed="", then=""):
        data = tmp_path / f"{name}.bin"
        image.astype("<f4").tofile(data)
        slow, fast = image.shape
        header = f"{{\\nHEADER_BYTES=512;\\nSIZE1={fast};\\nSIZE2={slow};\\n}}\\f"
        path = tmp_path / name
        path.write_text(
            f"#!/bin/sh\nprintf '{header}' > intimage.img\necho '{printed}'\n"
            f'cp {data} floatimage.bin\necho "$@" > words\n{then}\n'
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return make


def run(tmp_path, c, py, *words, args=ARGS):
    """Return the exit status and the folder."""
    folder = tmp_path / "out"
    own = ["--c-bin", c, "--outdir", folder, *words]
    own += ["--py-bin", py] if py else []
    return main([*map(str, own), "--", *args.split()]), folder


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text())


def test_equal_images_agree(tmp_path, program, capsys):
    c, py = program("c", picture()), program("py", picture())
    status, folder = run(tmp_path, c, py)
    said = capsys.readouterr()
    assert (status, said.err) == (0, "")
    assert said.out.startswith("agree: correlation 1, largest difference 0 of the peak")
    assert said.out.endswith(f"{folder / 'report.html'}\n")
    assert "nbsim-trace" not in said.out
    summary = summary_of(folder)
    assert summary["verdict"] == "agree" and summary["rmse"] == 0.0
    assert summary["shape"] == [20, 30] and summary["sum_ratio"] == 1.0
    assert len(summary["peaks"]) == 10
    assert {peak["distance_pixels"] for peak in summary["peaks"]} == {0.0}
    assert summary["run"]["environment"]["numpy"] == np.__version__


def test_both_get_the_same_words_in_folders_of_their_own(tmp_path, program):
    c, py = program("c", picture(), then="pwd > here"), program("py", picture())
    args = f"{ARGS} -hkl sub/P1.hkl -floatfile /elsewhere/f.bin -noisefile /n.img"
    _, folder = run(tmp_path, c, py, args=args)
    words = (folder / "c" / "words").read_text()
    assert words == (folder / "nbsim" / "words").read_text()
    assert "-hkl /" in words and "-floatfile f.bin" in words
    assert words.endswith("-floatfile floatimage.bin -intfile intimage.img\n")
    assert (folder / "c" / "here").read_text().strip() == str(folder / "c")


def test_outputs_stay_in_the_folder():
    words = shlex.split("-pgmfile /a/b.pgm -trace_file ../t.log -pivot beam -hkl a/b")
    assert shlex.join(own_outputs(words)) == (
        "-pgmfile b.pgm -trace_file t.log -pivot beam -hkl a/b"
    )


def test_worst_pixel_comes_with_its_trace_command(tmp_path, program, capsys):
    wrong = picture()
    wrong[7, 21] += 0.25
    c, py = program("c", picture()), program("py", wrong)
    status, folder = run(tmp_path, c, py)
    said = capsys.readouterr().out
    assert status == 3
    worst = summary_of(folder)["worst_pixel"]
    assert (worst["slow"], worst["fast"]) == (7, 21)
    assert worst["nbsim"] - worst["c"] == pytest.approx(0.25)
    command = f"nbsim-trace --pixel 7 21 --out {folder}/worst/trace_py.log -- {ARGS}"
    assert worst["trace_command"] == command
    assert command in said and command in (folder / "report.html").read_text()
    # The line works as it is.
    from nbsim.tools.traces.main import main as trace

    assert trace(shlex.split(command)[1:]) == 0
    assert (folder / "worst" / "trace_py.log").exists()


def test_region(tmp_path, program, capsys):
    wrong = picture()
    wrong[2, 3] += 5.0
    wrong[12, 25] += 0.01
    c, py = program("c", picture()), program("py", wrong)
    status, folder = run(tmp_path, c, py, "--roi", 20, 29, 10, 19)
    assert status == 0
    summary = summary_of(folder)
    assert summary["shape"] == [10, 10] and summary["first_pixel"] == [10, 20]
    assert summary["worst_pixel"]["slow"] == 12 and summary["worst_pixel"]["fast"] == 25
    assert "10 x 10 (slow x fast) from slow 10, fast 20" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words, status",
    [
        (["--threshold", "0.999"], 3),
        (["--threshold", "0.9"], 0),
        (["--threshold", "0.9", "--max-difference", "0.05"], 3),
        (["--threshold", "0.9", "--max-difference", "0.2"], 0),
    ],
)
def test_thresholds(words, status, tmp_path, program):
    other = picture() + np.float32(0.1) * picture(2)
    found, folder = run(tmp_path, program("c", picture()), program("py", other), *words)
    summary = summary_of(folder)
    assert 0.9 < summary["correlation"] < 0.999
    assert 0.05 < summary["max_difference_of_peak"] < 0.2
    assert found == status
    assert len(summary["problems"]) == (1 if status else 0)


def test_pixel_that_is_no_number_in_one_image_is_a_difference(tmp_path, program):
    wrong = picture()
    wrong[3, 3] = np.nan
    status, folder = run(tmp_path, program("c", picture()), program("py", wrong))
    assert status == 3
    assert summary_of(folder)["problems"] == ["1 pixels are finite in one image only"]


def test_constant_image_does_not_agree(tmp_path, program):
    flat = np.zeros((20, 30))
    status, folder = run(tmp_path, program("c", picture()), program("py", flat))
    assert status == 3
    assert summary_of(folder)["correlation"] is None


def test_other_shape(tmp_path, program, capsys):
    c, py = program("c", picture()), program("py", picture().repeat(2, axis=0) / 2)
    status, folder = run(tmp_path, c, py)
    said = capsys.readouterr().err
    assert status == 4 and said.count("\n") == 1
    assert "20 x 30 pixels (slow x fast), nbsim's 40 x 30" in said
    assert not (folder / "summary.json").exists()
    status, folder = run(tmp_path, c, py, "--resample", "--force")
    assert status == 0
    summary = summary_of(folder)
    assert summary["notes"] == ["nbsim's image of 40 x 30 pixels was resampled"]
    assert summary["sum_ratio"] == pytest.approx(1.0)
    assert summary["worst_pixel"]["trace_command"] is None


@pytest.mark.parametrize(
    "printed, words, args, noted",
    [
        (PHI, [], ARGS, True),
        ("phi0 = 0", [], ARGS, False),
        ("phi0 = 1\nphi1 = 2", [], ARGS, False),
        (PHI, ["--phi-carryover"], ARGS, False),
        (PHI, [], f"{ARGS} -phi_carryover", False),
    ],
)
def test_stale_phi_is_named(printed, words, args, noted, tmp_path, program, capsys):
    c, py = program("c", picture(), printed), program("py", picture(), printed)
    status, folder = run(tmp_path, c, py, *words, args=args)
    said = capsys.readouterr().out
    assert status == 0
    assert ("phi is 0 in step 0 of 2" in said) is noted
    assert ("-phi_carryover" in said) is noted
    asked = "-phi_carryover" in (folder / "nbsim" / "words").read_text()
    assert asked is bool(words or args != ARGS)
    assert "--phi-carryover" not in (folder / "c" / "words").read_text()


def test_step_of_phi_zero():
    assert phi_zero_step("x\nphi0 = -1\nphi1 = 0\nphi2 = 1\n") == (1, 3)
    assert phi_zero_step("phi0 = 0\n") is None
    assert phi_zero_step("") is None


def test_pictures_and_page(tmp_path, program):
    image_module = pytest.importorskip("PIL.Image")
    wrong = picture()
    wrong[7, 21] = 3.0
    c, py = program("c", picture()), program("py", wrong)
    _, folder = run(tmp_path, c, py, "--save-diff", "--png-scale", 90)
    for name in ("c", "nbsim", "diff", "worst_c", "worst_nbsim", "worst_diff"):
        with image_module.open(folder / f"{name}.png") as image:
            pixels = np.asarray(image)
        assert pixels.shape[0] >= 20 and pixels.dtype == np.uint8
        assert pixels.min() < 200, name
    difference = np.fromfile(folder / "diff.bin", "<f4").reshape(20, 30)
    assert np.array_equal(difference, wrong - picture())
    page = (folder / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 6
    assert not re.search(r"(src|href)=\"(?!data:)", page), "the page needs other files"
    assert "slow 7, fast 21" in page and "percentile 90" in page


def test_page_escapes_what_the_user_wrote(tmp_path, program):
    c, py = program("c", picture()), program("py", picture())
    _, folder = run(tmp_path, c, py, args=f"{ARGS} -hkl <b>.hkl")
    page = (folder / "report.html").read_text()
    assert "&lt;b&gt;.hkl" in page and "<b>" not in page


def test_folder_that_exists_is_left_alone(tmp_path, program, capsys):
    c, py = program("c", picture()), program("py", picture())
    kept = tmp_path / "out" / "mine.txt"
    kept.parent.mkdir()
    kept.write_text("mine")
    status, folder = run(tmp_path, c, py)
    assert status == 5 and "--force" in capsys.readouterr().err
    assert list(folder.iterdir()) == [kept]
    status, folder = run(tmp_path, c, py, "--force")
    assert status == 0 and kept.read_text() == "mine"


def test_image_of_an_earlier_run_is_not_read(tmp_path, program, capsys):
    c, py = program("c", picture()), program("py", picture())
    assert run(tmp_path, c, py)[0] == 0
    lazy = program("lazy", picture(), then="rm floatimage.bin")
    status, _ = run(tmp_path, c, lazy, "--force")
    assert status == 5
    assert "floatimage.bin: there is no such file" in capsys.readouterr().err


def test_fresh_folder_each_time(tmp_path, program, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NB_C_BIN", program("c", picture()))
    words = ["--py-bin", program("py", picture()), "--", *ARGS.split()]
    assert [main(words), main(words)] == [0, 0]
    assert len(list(tmp_path.glob("compare-*/summary.json"))) == 2


@pytest.mark.parametrize(
    "then, status, message",
    [
        ("exit 9", 2, "failed with exit status 9"),
        ("kill -SEGV $$", 2, "was ended by signal 11"),
        ("sleep 60", 2, "did not end within 0.5 seconds"),
        ("echo x > floatimage.bin", 5, "floatimage.bin: 2 bytes"),
        ("rm intimage.img", 5, "intimage.img: there is no such file"),
        ("echo x > intimage.img", 5, "no SIZE1 and SIZE2"),
    ],
)
def test_program_that_fails(then, status, message, tmp_path, program, capsys):
    bad, good = program("bad", picture(), "started", then), program("py", picture())
    found, folder = run(tmp_path, bad, good, "--timeout", "0.5")
    said = capsys.readouterr()
    assert (found, said.out) == (status, "")
    assert message in said.err and said.err.count("\n") == 1
    assert "started" in (folder / "c" / "run.log").read_text()


@pytest.mark.parametrize(
    "words, status, message",
    [
        ([], 1, "no C program"),
        (["--c-bin", "x"], 1, "nothing to run the programs with"),
        (["--c-bin", "/none", "--", "-N", "5"], 2, "/none: there is no such program"),
        (["--c-bin", "x", "--", "-nonsense"], 1, "-nonsense"),
        (["--c-bin", "x", "--threshold", "2"], 1, "--threshold 2"),
        (["--c-bin", "x", "--threshold", "nan"], 1, "--threshold nan"),
        (["--c-bin", "x", "--max-difference", "-1"], 1, "--max-difference -1"),
        (["--c-bin", "x", "--png-scale", "101"], 1, "--png-scale 101"),
        (["--c-bin", "x", "--timeout", "0"], 1, "--timeout 0"),
        (["--c-bin", "x", "--roi", "5", "4", "0", "1"], 1, "--roi 5 4 0 1"),
        (["--c-bin", "x", "--config", "none"], 1, "--config none"),
        (["--roi", "a"], 1, "--roi"),
        (["--what"], 1, "--what"),
    ],
)
def test_bad_command_lines(words, status, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NB_C_BIN", raising=False)
    assert main(words) == status
    said = capsys.readouterr()
    assert message in said.err and said.err.count("\n") == 1 and said.out == ""
    assert list(tmp_path.iterdir()) == []


def test_region_outside_the_image(tmp_path, program, capsys):
    c, py = program("c", picture()), program("py", picture())
    status, folder = run(tmp_path, c, py, "--roi", 0, 30, 0, 19)
    assert status == 1
    assert "only 20 x 30 pixels" in capsys.readouterr().err


def test_as_a_program(tmp_path):
    """The real nbsim on both sides: one with the stale step, one without."""
    stale = tmp_path / "c"
    stale.write_text(f'#!/bin/sh\nexec {sys.executable} -m nbsim "$@" -phi_carryover\n')
    stale.chmod(0o755)
    command = [sys.executable, "-m", "nbsim.tools.images.main", "--c-bin", str(stale)]
    args = [*ARGS.split(), "-osc", "10", "-phisteps", "3"]
    done = subprocess.run(
        [*command, "--outdir", "new", "--", *args],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (3, "")
    assert "phi is 0 in step 0 of 3" in done.stdout
    done = subprocess.run(
        [*command, "--phi-carryover", "--outdir", "same", "--", *args],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert summary_of(tmp_path / "same")["rmse"] == 0.0
    help_text = subprocess.run([*command, "-h"], capture_output=True, text=True)
    assert help_text.returncode == 0 and "NB_C_BIN" in help_text.stdout
