# SPDX-License-Identifier: MIT
"""``nbsim-trace``: a folder that says what was traced, how and where."""

import hashlib
import json
import shlex
import subprocess
import sys

import pytest
from golden_traces import SEED, SEED_PIXEL, pixel_and_arguments, traced

import nbsim
from nbsim.command.trace_files import text_rows
from nbsim.tools.named_configs import command_words, names, read_config
from nbsim.tools.traces.difference import compare
from nbsim.tools.traces.log import read_trace
from nbsim.tools.traces.main import main

pytestmark = pytest.mark.filterwarnings("default")

PIXEL = [str(index) for index in SEED_PIXEL]
FILES = {
    "trace_py.log",
    "trace_py_per_phi.log",
    "trace_py_per_phi.json",
    "run_metadata.json",
    "env.json",
    "commands.txt",
    "sha256.txt",
    "stdout.log",
}
SMALL = "-cell 70 80 90 75 85 95 -default_F 100 -N 5 -detpixels 24 -oversample 1"


def run(folder, *words):
    return main(["--out", str(folder / "trace_py.log"), *words])


@pytest.fixture(scope="module")
def seed_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seed") / "new"
    words = ["--config", "seed", "--pixel", *PIXEL, "--phi-carryover"]
    assert run(folder, *words) == 0
    return folder


def test_folder_is_complete(seed_folder):
    assert {path.name for path in seed_folder.iterdir()} == FILES


def test_seed_configuration_is_the_golden_command(seed_folder):
    _, arguments = pixel_and_arguments("seed_command")
    golden = nbsim.Simulation.from_args(arguments)
    named = nbsim.Simulation.from_args(read_config("seed"))
    for part in ("structure_factors", "beam", "goniometer", "sampling"):
        assert repr(getattr(named, part)) == repr(getattr(golden, part))
    assert named.setup.geometry == golden.setup.geometry
    assert named.setup.cell == golden.setup.cell
    comparison = compare(
        read_trace(SEED), read_trace(seed_folder / "trace_py.log"), 1e-9
    )
    assert comparison.agrees


@pytest.mark.parametrize("name", [name for name in names() if name != "seed"])
def test_shipped_configurations_are_golden_commands(name):
    pixel, arguments = pixel_and_arguments(name)
    named = nbsim.Simulation.from_args(read_config(name)).trace(*pixel)
    assert list(text_rows(named)) == list(text_rows(traced(name)))


def test_files_agree_with_each_other(seed_folder):
    log = (seed_folder / "trace_py.log").read_text().splitlines()
    phi_log = (seed_folder / "trace_py_per_phi.log").read_text().splitlines()
    assert phi_log == [row for row in log if row.startswith("TRACE_PY_PHI ")]
    content = json.loads((seed_folder / "trace_py_per_phi.json").read_text())
    assert content["pixel"] == dict(zip(("slow", "fast"), SEED_PIXEL))
    assert (content["device"], content["dtype"]) == ("cpu", "float64")
    assert content["config"] == "seed" and content["timestamp"].endswith("Z")
    assert content["per_phi_entries"] == content["traces"] == content["rows"]
    assert [row["phi_tic"] for row in content["rows"]] == list(range(10))
    rows = read_trace(seed_folder / "trace_py.log").phi_rows
    assert content["rows"][3] == pytest.approx(rows[3], rel=1e-14)


def test_metadata(seed_folder):
    metadata = json.loads((seed_folder / "run_metadata.json").read_text())
    assert metadata["version"] == nbsim.__version__
    assert (metadata["device"], metadata["dtype"]) == ("cpu", "float64")
    assert "--config seed" in metadata["command"]
    environment = json.loads((seed_folder / "env.json").read_text())
    assert set(environment) >= {"python", "numba", "numpy", "cpu", "gpu", "threads"}


def test_checksums(seed_folder):
    lines = (seed_folder / "sha256.txt").read_text().splitlines()
    digests = dict(reversed(line.split("  ")) for line in lines)
    assert set(digests) == FILES - {"sha256.txt"}
    for name, digest in digests.items():
        content = (seed_folder / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest


def test_commands_reproduce_the_trace(seed_folder, tmp_path):
    lines = (seed_folder / "commands.txt").read_text().splitlines()
    tool, image = [shlex.split(line) for line in lines if not line.startswith("#")]
    assert tool[0] == "nbsim-trace" and image[0] == "nbsim"
    words = [str(tmp_path / "again.log") if "trace_py" in w else w for w in tool[1:]]
    assert main(words) == 0
    expected = (seed_folder / "trace_py.log").read_bytes()
    assert (tmp_path / "again.log").read_bytes() == expected
    named = image[image.index("-trace_pixel") :]
    assert named == ["-trace_pixel", *PIXEL]


def test_image_of_a_device_is_recorded(tmp_path):
    words = ["--pixel", "3", "4", "--device", "cpu", "--dtype", "float64", "--"]
    assert run(tmp_path / "new", *words, *SMALL.split()) == 0
    metadata = json.loads((tmp_path / "new" / "run_metadata.json").read_text())
    assert metadata["image"]["device"] == "cpu"
    assert metadata["image"]["relative_difference"] < 1e-6
    assert metadata["image"]["value"] > 0.0


def test_list_of_structure_factors_replaces_the_one_value(tmp_path):
    path = tmp_path / "one.hkl"
    path.write_text("1 2 3 4.5\n-7 -1 -14 190.27\n")
    words = command_words("seed", ["-hkl", str(path)])
    simulation = nbsim.Simulation.from_args(words)
    assert simulation.structure_factors.default_F == 0.0
    assert simulation.trace(*SEED_PIXEL).values["F_cell"] == 190.27
    assert command_words("seed", ["-N", "5"])[-2:] == ["-N", "5"]
    assert "190.27" in command_words("seed", [])


def test_own_configuration_file(tmp_path):
    (tmp_path / "a.mat").write_text("0.01 0 0\n0 0.01 0\n0 0 0.01\n")
    config = tmp_path / "own.txt"
    config.write_text(
        "# a comment\n-mat {here}/a.mat -N 5  # another\n-default_F 10\n-lambda 1.5\n"
    )
    assert read_config(str(config)) == (
        f"-mat {tmp_path}/a.mat -N 5 -default_F 10 -lambda 1.5".split()
    )
    words = ["--config", str(config), "--pixel", "3", "4", "--", "-detpixels", "24"]
    assert run(tmp_path / "new", *words) == 0


def test_existing_folder_is_left_alone(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    words = ["--pixel", "3", "4"]
    arguments = ["--", *SMALL.split()]
    assert run(tmp_path, *words, *arguments) == 1
    assert capsys.readouterr().err == (
        f"nbsim-trace: error: the folder {tmp_path} exists and is not empty; "
        "--force writes into it\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    assert run(tmp_path, *words, "--force", *arguments) == 0
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "words, status, message",
    [
        ("--pixel 3 99 -- " + SMALL, 2, "outside the detector"),
        ("--pixel 3 4 --config nothing", 2, "not one of mosaic_phi, seed"),
        ("--pixel 3 4", 2, "no crystal"),
        ("--pixel 3 4 -- -wrong", 2, "-wrong"),
        ("--pixel 3 4 -- -mat /none.mat -default_F 1", 1, "/none.mat"),
    ],
)
def test_errors_leave_nothing_behind(words, status, message, tmp_path, capsys):
    assert run(tmp_path / "new", *words.split()) == status
    said = capsys.readouterr().err
    assert message in said and said.startswith("nbsim-trace: error: ")
    assert not (tmp_path / "new").exists()


def test_as_a_program(tmp_path):
    command = [sys.executable, "-m", "nbsim.tools.traces.main"]
    words = ["--pixel", "3", "4", "--out", "new/t.log", "--", *SMALL.split()]
    done = subprocess.run(
        [*command, *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("new/t.log: pixel slow 3, fast 4: ")
    assert read_trace(tmp_path / "new" / "t.log").pixel == (3, 4)
    help_text = subprocess.run([*command, "-h"], capture_output=True, text=True)
    assert help_text.returncode == 0 and "seed" in help_text.stdout
