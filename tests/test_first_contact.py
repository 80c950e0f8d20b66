# SPDX-License-Identifier: MIT
"""The kit for a device's first hour, in numba's simulator."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest

from nbsim.backends import device
from nbsim.tools.benchmark.first_contact import __main__ as kit
from nbsim.tools.benchmark.first_contact.record import (
    Deadline,
    Step,
    markdown,
    run_steps,
)

SOURCE = pathlib.Path(__file__).resolve().parents[1]
STEPS = [
    *("facts", "kernels", "golden, double", "golden, single", "twins", "same bytes"),
    *("last block", "whole numbers", "frames"),
    *("Ctrl-C", "failures", "launch split", "peaks", "workloads", "predictions"),
    "port",
]


@pytest.fixture(scope="module")
def contact(tmp_path_factory):
    """What the kit leaves in a folder, after a few seconds."""
    folder = tmp_path_factory.mktemp("contact")
    ran = subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-m"),
            *("nbsim.tools.benchmark.first_contact", "--seconds", "5"),
            *("--out", str(folder / "new"), "--source", str(SOURCE)),
        ],
        cwd=folder,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    written = folder / "new"
    assert sorted(path.name for path in written.iterdir()) == [
        "first_contact.json",
        "first_contact.md",
    ]
    content = json.loads((written / "first_contact.json").read_text())
    return content, (written / "first_contact.md").read_text()


def test_whole_kit_in_the_simulator(contact):
    content, page = contact
    assert content["device"] == "numba's CUDA simulator"
    assert [step["name"] for step in content["steps"]] == STEPS
    found = {step["name"]: step for step in content["steps"]}
    for name in ("facts", "kernels", "golden, double", "Ctrl-C", "failures"):
        if found[name]["status"] == "not run":
            continue
        assert found[name]["rows"], name
        assert "WRONG" not in page
    assert {step["status"] for step in content["steps"]} <= {"ok", "partly", "not run"}
    assert all(row["right"] is not False for row in found["twins"]["rows"])
    assert f"| facts | {found['facts']['status']} |" in page


def test_steps_do_not_hinder_each_other():
    def good(deadline):
        yield "one", 1.0, True

    def broken(deadline):
        yield "before", 1, True
        raise RuntimeError("device lost")

    def wrong(deadline):
        yield "image", 0.5, False

    def endless(deadline):
        while not deadline.passed:
            yield "turn", 0, None

    saved = []
    steps = [
        Step("broken", 1, broken),
        Step("wrong", 1, wrong),
        Step("endless", 1, endless),
        Step("good", 1, good),
    ]
    records = run_steps(steps, 0.4, lambda all: saved.append(len(all)), lambda _: None)
    assert [record.status for record in records] == ["failed", "wrong", "partly", "ok"]
    assert records[0].problem == "RuntimeError: device lost"
    assert records[0].rows == [{"what": "before", "value": 1, "right": True}]
    # A third of what was left, or half, and not all of it.
    assert records[2].seconds < 0.3
    assert saved == [4] * 5  # after each step, and at the end
    page = "\n".join(markdown({}, records))
    assert "| image | 0.5 | WRONG |" in page and "device lost" in page


def test_no_time_is_no_step():
    step = Step("never", 1, lambda deadline: iter(()))
    (record,) = run_steps([step], 0.0, lambda _: None, lambda _: None)
    assert record.status == "not run"
    assert Deadline(0.0).passed and not Deadline(60.0).passed


def test_without_a_device_it_says_so(tmp_path):
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "nbsim.tools.benchmark.first_contact"),
            *("--out", str(tmp_path)),
        ],
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "0", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith("no CUDA device can be used")


@pytest.fixture
def some_steps(monkeypatch):
    """The kit with steps of our own, on a device that is made up."""
    chosen = []
    facts = device.DeviceFacts(0, "a card", (9, 0), 1e9, 1e9)
    monkeypatch.setattr(device, "cuda_devices", lambda: [facts])
    monkeypatch.setattr(kit, "steps", lambda options, name: chosen)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    return chosen


def good(deadline):
    yield "a | b", float("nan"), True
    yield "number", np.float32(0.5), True


@pytest.mark.parametrize("seconds", ["0", "-5", "nan", "inf", "soon"])
def test_odd_times_are_refused(seconds, some_steps, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        kit.main(["--seconds", seconds, "--out", str(tmp_path / "new")])
    assert ended.value.code == 2
    assert "--seconds" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("seconds", ["1e-9", "1e9"])
def test_any_time_leaves_both_files(seconds, some_steps, tmp_path):
    some_steps.append(Step("facts, all", 1, good))
    assert kit.main(["--seconds", seconds, "--out", str(tmp_path)]) == 0
    content = json.loads((tmp_path / "first_contact.json").read_text())
    status = "ok" if seconds == "1e9" else "not run"
    assert [step["status"] for step in content["steps"]] == [status]
    page = (tmp_path / "first_contact.md").read_text()
    assert f"| facts, all | {status} |" in page
    # Text does not end a cell of a table, and JSON knows no nan.
    assert ("| a \\| b | nan | ok |" in page) == (status == "ok")
    assert "NaN" not in (tmp_path / "first_contact.json").read_text()


@pytest.mark.parametrize("stopped", [KeyboardInterrupt, RuntimeError("lost\nfor good")])
def test_what_was_found_before_the_end_is_kept(stopped, some_steps, tmp_path):
    def ending(deadline):
        yield "before", 1, True
        raise stopped

    some_steps += [
        Step("good", 1, good),
        Step("ending", 1, ending),
        Step("after", 1, good),
    ]
    status = kit.main(["--out", str(tmp_path)])
    content = json.loads((tmp_path / "first_contact.json").read_text())
    found = [step["status"] for step in content["steps"]]
    if stopped is KeyboardInterrupt:
        assert (status, found) == (130, ["ok", "interrupted", "not run"])
    else:
        assert (status, found) == (3, ["ok", "failed", "ok"])
    assert content["steps"][1]["rows"] == [
        {"what": "before", "value": 1, "right": True}
    ]
    page = (tmp_path / "first_contact.md").read_text()
    assert f"| ending | {found[1]} |" in page and f"| after | {found[2]} |" in page
    assert [path.name for path in tmp_path.glob("*.part")] == []


def test_a_folder_that_cannot_be_written_is_said_before_any_step(
    some_steps, tmp_path, capsys
):
    some_steps.append(Step("never", 1, lambda deadline: 1 / 0))
    (tmp_path / "file").write_text("")
    for out in ("file", "file/below"):
        assert kit.main(["--out", str(tmp_path / out)]) == 1
        assert "nothing can be written to" in capsys.readouterr().err


def test_what_cannot_be_written_later_is_printed(
    some_steps, tmp_path, capsys, monkeypatch
):
    def full(deadline):
        monkeypatch.setattr(kit, "write_report", fail)
        yield "found", 1, True

    def fail(*_):
        raise OSError("no space left")

    some_steps.append(Step("last", 1, full))
    assert kit.main(["--out", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "no space left" in said.err
    assert json.loads(said.out)["steps"][0]["rows"][0]["what"] == "found"


def test_steps_are_chosen_by_names_with_commas(some_steps, tmp_path, capsys):
    some_steps += [Step(name, 1, good) for name in ("a", "a, b", "c")]
    assert kit.main(["--only", "c,a, b", "--out", str(tmp_path)]) == 0
    content = json.loads((tmp_path / "first_contact.json").read_text())
    assert [step["name"] for step in content["steps"]] == ["a, b", "c"]
    with pytest.raises(SystemExit):
        kit.main(["--only", "c,x", "--out", str(tmp_path)])
    assert "--only x: expected a, a, b, c" in capsys.readouterr().err
