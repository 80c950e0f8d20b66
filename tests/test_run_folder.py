# SPDX-License-Identifier: MIT
"""The regression tools in one folder: nothing of another run is lost."""

import hashlib
import json
import re

import pytest
from golden_traces import SEED, SEED_PIXEL

from nbsim.tools.traces.compare import main as compare
from nbsim.tools.traces.main import main as trace

pytestmark = pytest.mark.filterwarnings("default")

PIXEL = [str(index) for index in SEED_PIXEL]


def run_trace(folder, name, *words):
    out = ["--out", str(folder / name)]
    return trace([*out, "--config", "seed", "--pixel", *PIXEL, *words])


def run_compare(folder, *words):
    logs = ["--c", str(SEED), "--py", str(folder / "trace_py.log")]
    return compare([*logs, "--out", str(folder / "summary.md"), *words])


def check_checksums(folder):
    lines = (folder / "sha256.txt").read_text().splitlines()
    digests = dict(reversed(line.split("  ")) for line in lines)
    names = {path.name for path in folder.iterdir()}
    assert set(digests) == names - {"sha256.txt"}
    for name, digest in digests.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name


def metadata(folder):
    return json.loads((folder / "run_metadata.json").read_text())


def test_trace_then_comparison(tmp_path):
    folder = tmp_path / "F"
    assert run_trace(folder, "trace_py.log", "--phi-carryover") == 0
    before = metadata(folder)
    assert run_compare(folder) == 0
    content = metadata(folder)
    assert set(content["runs"]) == {"trace_py.log", "summary.md"}
    # The folder is still the trace's.
    assert content["command"] == before["command"]
    assert content["command"].startswith("nbsim-trace ")
    assert content["runs"]["trace_py.log"] == before["runs"]["trace_py.log"]
    assert content["runs"]["summary.md"]["command"].startswith("nbsim-compare-traces ")
    commands = (folder / "commands.txt").read_text()
    assert re.search("^nbsim-trace ", commands, re.M)
    assert re.search("^nbsim-compare-traces ", commands, re.M)
    check_checksums(folder)
    # Once more, by force: each replaces what is its own.
    assert run_compare(folder) == 1
    assert run_compare(folder, "--force", "--tolerance", "1e-9") == 0
    assert run_trace(folder, "trace_py.log", "--phi-carryover", "--force") == 0
    again = metadata(folder)
    assert set(again["runs"]) == {"trace_py.log", "summary.md"}
    assert again["runs"]["summary.md"]["tolerance_rel"] == 1e-9
    check_checksums(folder)


def test_two_traces(tmp_path):
    folder = tmp_path / "F"
    assert run_trace(folder, "one.log") == 0
    assert run_trace(folder, "two.log", "--force") == 0
    assert set(metadata(folder)["runs"]) == {"one.log", "two.log"}
    assert (folder / "commands.txt").read_text().count("nbsim-trace") == 2
    check_checksums(folder)


@pytest.mark.parametrize(
    "name, content, said",
    [
        ("run_metadata.json", "[1]", "run_metadata.json: expected the JSON object"),
        ("run_metadata.json", "{", "run_metadata.json: expected the JSON object"),
        ("sha256.txt", "mine\n", "sha256.txt:1: expected a sha256 and a file name"),
    ],
)
def test_a_file_of_somebody_else_stays(name, content, said, tmp_path, capsys):
    folder = tmp_path / "F"
    assert run_trace(folder, "trace_py.log") == 0
    (folder / name).write_text(content)
    assert run_compare(folder) == 1
    assert said in capsys.readouterr().err
    assert (folder / name).read_text() == content
    assert not (folder / "summary.md").exists()
