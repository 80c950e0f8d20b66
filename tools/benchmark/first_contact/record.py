# SPDX-License-Identifier: MIT
"""Steps, each with its own time and its own failure, and what is written about them."""

import json
import math
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbsim.formats.files import replace_when_complete

#: A row: what, value, and whether it is as it should be (None: no question).
Found = tuple[str, Any, bool | None]


class Deadline:
    """When a step should end."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds."""
        return self._end - time.monotonic()

    @property
    def passed(self) -> bool:
        """Whether there is no time left."""
        return self.left <= 0.0


@dataclass(frozen=True)
class Step:
    """Something to find out.

    Attributes
    ----------
    name
        One or a few words.
    share
        Of the time that is left, in proportion to the shares of later steps.
    run
        Yields what it finds; looks at the deadline between two things.
    """

    name: str
    share: float
    run: Callable[[Deadline], Iterator[Found]]


@dataclass
class Record:
    """What a step found.

    `status`: "ok", "wrong" (something is not as it should be), "failed" (it ended with
    an error, `problem`), "partly" (its time was over), "interrupted" (all ends with
    it), "not run".
    """

    name: str
    status: str = "not run"
    seconds: float = 0.0
    problem: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)


def run_steps(
    steps: Sequence[Step],
    seconds: float,
    save: Callable[[list[Record]], None],
    say: Callable[[str], None],
) -> list[Record]:
    """Run steps one after the other, whatever becomes of them.

    Parameters
    ----------
    steps
        In the order of importance.
    seconds
        For all of them.
    save
        Given all records after each step: whoever is killed leaves what he found.
    say
        Told what comes next.
    """
    whole = Deadline(seconds)
    records = [Record(step.name) for step in steps]
    for number, (step, record) in enumerate(zip(steps, records)):
        if whole.passed:
            break
        shares = sum(later.share for later in steps[number:])
        own = Deadline(whole.left * step.share / shares)
        say(f"{step.name}: {own.left:.0f} s at most")
        began = time.monotonic()
        goes_on = True
        try:
            for what, value, right in step.run(own):
                record.rows.append({"what": what, "value": value, "right": right})
            record.status = "partly" if own.passed else "ok"
        except KeyboardInterrupt:
            record.status = "interrupted"
            goes_on = False
        except Exception as error:
            record.status = "failed"
            record.problem = f"{type(error).__name__}: {error}"
            traceback.print_exc()
        wrong = any(row["right"] is False for row in record.rows)
        if wrong and record.status in ("ok", "partly"):
            record.status = "wrong"
        record.seconds = time.monotonic() - began
        save(records)
        if not goes_on:
            break
    save(records)
    return records


def write_report(folder: Path, head: dict[str, Any], records: list[Record]) -> None:
    """Write first_contact.json and first_contact.md, each whole or not at all."""
    text = json.dumps(content_of(head, records), indent=1)
    for name, data in (("json", text), ("md", "\n".join(markdown(head, records)))):
        with replace_when_complete(folder / f"first_contact.{name}") as stream:
            stream.write(f"{data}\n".encode())


def content_of(head: dict[str, Any], records: list[Record]) -> dict[str, Any]:
    """Return what is reported, as JSON can say it."""
    return _plain({**head, "steps": [vars(record) for record in records]})


def _plain(value: Any) -> Any:
    """Return a value without what JSON does not know: NumPy's kinds, nan, infinity."""
    value = getattr(value, "item", lambda: value)()
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    known = value is None or isinstance(value, (bool, int, float, str))
    return value if known else str(value)


def markdown(head: dict[str, Any], records: list[Record]) -> Iterator[str]:
    """Yield the lines of the Markdown file."""
    yield "# First contact"
    yield ""
    for name, value in head.items():
        yield f"- {name}: {value}"
    yield ""
    yield "| step | status | s | checks right | wrong |"
    yield "|---|---|---:|---:|---:|"
    for record in records:
        right = [row["right"] for row in record.rows]
        counts = f"{right.count(True)} | {right.count(False)}"
        yield f"| {record.name} | {record.status} | {record.seconds:.1f} | {counts} |"
    for record in records:
        yield ""
        yield f"## {record.name}: {record.status}"
        if record.problem:
            yield ""
            yield from (f"    {line}" for line in record.problem.splitlines())
        if record.rows:
            yield ""
            yield "| what | found | |"
            yield "|---|---|---|"
        for row in record.rows:
            mark = {True: "ok", False: "WRONG", None: ""}[row["right"]]
            cells = (row["what"], _short(row["value"]), mark)
            yield f"| {' | '.join(_cell(text) for text in cells)} |"


def _cell(text: Any) -> str:
    """Return a text that does not end a cell or a row."""
    return " ".join(str(text).split()).replace("|", "\\|")


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_short(one)}" for name, one in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)
