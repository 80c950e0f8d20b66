# SPDX-License-Identifier: MIT
"""The kit for a device's first hour, in numba's simulator."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from nbsim.tools.benchmark.first_contact.record import (
    Deadline,
    Step,
    markdown,
    run_steps,
)

SOURCE = pathlib.Path(__file__).resolve().parents[1]
STEPS = [
    *("facts", "kernels", "golden, double", "golden, single", "twins", "same bytes"),
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
            *("nbsim.tools.benchmark.first_contact", "--seconds", "15"),
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
