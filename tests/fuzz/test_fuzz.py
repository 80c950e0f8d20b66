# SPDX-License-Identifier: MIT
"""A short run of the fuzzer, always the same; `nbsim.tools.fuzz` has a long one."""

import signal
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbsim.options import OPTIONS
from nbsim.tools.fuzz import judge
from nbsim.tools.fuzz.__main__ import in_words, main
from nbsim.tools.fuzz.batch import run_batch
from nbsim.tools.fuzz.inputs import INPUTS, make_inputs
from nbsim.tools.fuzz.strategies import command_lines, damaged

pytestmark = pytest.mark.filterwarnings("ignore")
EVERY_CHECK = list(HealthCheck)


def examples(count):
    return settings(max_examples=count, suppress_health_check=EVERY_CHECK)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz")
    make_inputs(path)
    return path


@examples(200)
@given(words=command_lines(wild=True))
def test_wild_lines_are_understood_or_refused(words, folder):
    judge.run([*words, "-show_config", "json"], folder)  # raises Escape


@examples(40)
@given(words=command_lines(wild=False))
def test_tame_lines_are_rendered_or_refused(words, folder):
    if judge.renderable(words, folder):
        assert judge.run(words, folder) in (*judge.ENDS, judge.WARNED)


@pytest.mark.parametrize("wanted", INPUTS, ids=lambda wanted: wanted.kind)
@examples(20)
@given(data=st.data())
def test_damaged_files_are_read_or_refused(wanted, data, folder):
    name = "bad" + Path(wanted.name).suffix
    content = (folder / wanted.name).read_bytes()
    (folder / name).write_bytes(data.draw(damaged(content)))
    end = judge.run(wanted.line(name), folder, wanted.program)
    assert end in (*judge.ENDS, judge.WARNED)


@pytest.mark.parametrize("wanted", INPUTS, ids=lambda wanted: wanted.kind)
def test_whole_files_are_read(wanted, folder):
    end = judge.run(wanted.line(wanted.name), folder, wanted.program)
    assert end in ("accepted", "warned")


def test_every_option_that_reads_a_file_has_one():
    reads = {o.name for o in OPTIONS if any(model == "files" for model, _ in o.targets)}
    reads |= {"background", "batch", "dump", "fprime_file", "frame_table"}
    # The other two kinds of background table are read as -stol is.
    assert reads - {"4stol", "Q"} == {i.option for i in INPUTS} - {""}


@pytest.mark.parametrize(
    "words, said",
    [
        (["-cell", "70"], None),
        (["-nothing"], None),
        (["-internal"], "internal error"),
        (["-silent"], "status 1"),
        (["-leaves"], "left behind"),
    ],
)
def test_the_judge_sees_what_must_not_be(words, said, folder, monkeypatch, capsys):
    import sys

    def main(line):
        if line[0] == "-internal":
            print("nbsim: error: internal error: KeyError", file=sys.stderr)
            return 1
        if line[0] == "-leaves":
            open(".nbsim-1.part", "w").close()
        if line[0] == "-nothing":
            print("nbsim: error: unknown option", file=sys.stderr)
            return 2
        return int(line[0] == "-silent")

    monkeypatch.setitem(judge.PROGRAMS, "nbsim", main)
    if said is None:
        end = "refused 2" if words == ["-nothing"] else "accepted"
        assert judge.run(words, folder) == end
    else:
        with pytest.raises(judge.Escape, match=said):
            judge.run(words, folder)


def test_a_long_run_counts_what_was_asked_for(capsys):
    assert main(["--lines", "10", "--files", "6", "--seed", "1"]) == 0
    table = capsys.readouterr().out.splitlines()
    sums = {line[:9]: [int(n) for n in line[9:].split()] for line in table[-2:]}
    (lines, *ends), (files, *others) = sums["all lines"], sums["all files"]
    # Lines that would render for long are counted by nobody.
    assert lines == sum(ends) == 10 and files == sum(others) == 6


def test_ends_that_nobody_judges_are_counted(tmp_path, monkeypatch):
    """A process that dies has tried something, and that is said."""
    journal = tmp_path / "journal"

    class Dies:
        exitcode = -signal.SIGSEGV

        def __init__(self, target, args):
            pass

        def start(self):
            lines = ['["file: mtz", "accepted", ""]', '["file: mtz", "", "the line"]']
            journal.write_text("\n".join(lines))

        def is_alive(self):
            return False

    class Context:
        Process = Dies

    monkeypatch.setattr("multiprocessing.get_context", lambda method: Context)
    batch = run_batch("files", 1, 10, tmp_path)
    assert batch.endings == [("file: mtz", "accepted"), ("file: mtz", "signal")]
    assert batch.finding == "the line\nsignal, exit code -11"
    head, *rows = in_words(Counter(batch.endings))
    places = {row[:9].strip(): row.split()[-8:] for row in rows}
    assert head.split()[-3:] == ["error", "signal", "hung"]
    assert places["file: mtz"] == places["all files"] == list("21000010")
