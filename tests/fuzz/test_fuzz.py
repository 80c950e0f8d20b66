# SPDX-License-Identifier: MIT
"""A short run of the fuzzer, always the same; `nbsim.tools.fuzz` has a long one."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbsim.tools.fuzz import judge
from nbsim.tools.fuzz.inputs import INPUTS, make_inputs
from nbsim.tools.fuzz.strategies import START, command_lines, damaged

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
    end = judge.run([*words, "-show_config", "json"], folder)
    assert end in ("done", "failure", "usage")


@examples(40)
@given(words=command_lines(wild=False))
def test_tame_lines_are_rendered_or_refused(words, folder):
    if judge.renderable(words, folder):
        assert judge.run(words, folder) in ("done", "failure", "usage")


@pytest.mark.parametrize("option, name", INPUTS)
@examples(25)
@given(data=st.data())
def test_damaged_files_are_read_or_refused(option, name, data, folder):
    content = (folder / name).read_bytes()
    (folder / "bad").write_bytes(data.draw(damaged(content)))
    start = START[:4] if option == "dump" else START
    end = judge.run([*start, f"-{option}", "bad", "-show_config"], folder)
    assert end in ("done", "failure", "usage")


@pytest.mark.parametrize("option, name", INPUTS)
def test_whole_files_are_read(option, name, folder):
    start = START[:4] if option == "dump" else START
    assert judge.run([*start, f"-{option}", name, "-show_config"], folder) == "done"


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

    monkeypatch.setattr(judge, "main", main)
    if said is None:
        assert judge.run(words, folder) in ("done", "usage")
    else:
        with pytest.raises(judge.Escape, match=said):
            judge.run(words, folder)
