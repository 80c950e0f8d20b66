# SPDX-License-Identifier: MIT
"""A batch of cases in a process of its own, which may come to any end.

The process keeps a journal: what it is about to try, then how that ended. What stands
there last when the process dies is what killed it.
"""

import contextlib
import json
import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from nbsim.tools.fuzz import judge
from nbsim.tools.fuzz.inputs import INPUTS, make_inputs
from nbsim.tools.fuzz.strategies import command_lines, damaged

#: Memory of the process: a file that asks for more is refused, not the machine stopped.
MEMORY = 12 << 30
#: Seconds without a step after which it hangs.
PATIENCE = 60.0
INTERNAL, SIGNAL, HUNG = "internal error", "signal", "hung"
#: Kinds of cases: lines that are to be understood, lines that are rendered, files.
KINDS = ("wild", "tame", "files")


@dataclass
class Batch:
    """What became of a batch.

    Attributes
    ----------
    endings
        (what was tried, how it ended) of every case.
    finding
        The smallest line or file that ended as none must, and how; "" if there is none.
    """

    endings: list[tuple[str, str]] = field(default_factory=list)
    finding: str = ""


def run_batch(kind: str, number: int, count: int, folder: Path) -> Batch:
    """Try a batch of cases.

    Parameters
    ----------
    kind
        One of `KINDS`.
    number
        Seed.
    count
        How many cases; fewer are tried after one that must not be.
    folder
        Where; input files are written there.
    """
    journal = folder / "journal"
    journal.write_text("")
    process = multiprocessing.get_context("spawn").Process(
        target=_work, args=(kind, number, count, folder)
    )
    process.start()
    hung = _stopped(process, journal)
    batch, begun = Batch(), None
    for line in journal.read_text().splitlines():
        case, end, text = json.loads(line)
        begun = None if end else (case, text)
        if end:
            batch.endings.append((case, end))
            batch.finding = text
    if hung or process.exitcode:
        case, text = begun or (kind, "between two cases")
        end = HUNG if hung else SIGNAL
        batch.endings.append((case, end))
        batch.finding = f"{text}\n{end}, exit code {process.exitcode}"
    return batch


def _stopped(process: BaseProcess, journal: Path) -> bool:
    """Wait for the end of a process; kill it, and return True, where it hangs."""
    size = -1
    while process.is_alive():
        process.join(PATIENCE)
        before, size = size, journal.stat().st_size
        if process.is_alive() and size == before:
            process.kill()
            process.join()
            return True
    return False


class _Journal:
    """Runs cases and writes down how they ended."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.stream = (folder / "journal").open("a", buffering=1)
        self.found = ""

    def note(self, case: str, end: str, text: str = "") -> None:
        """Write one entry."""
        self.stream.write(json.dumps([case, end, text]) + "\n")

    def run(
        self, case: str, words: Sequence[str], program: str = "nbsim", bad: bytes = b""
    ) -> None:
        """Run a line; what must not be is raised again, and not counted again."""
        text = f"{program} {' '.join(map(repr, words))}"
        if bad:
            text += f"\nthe file: {bad!r}"
        if not self.found:
            self.note(case, "", text)
        try:
            end = judge.run(words, self.folder, program)
        except judge.Escape as escape:
            self.found = case
            raise judge.Escape(f"{text}\n{escape}") from None
        if not self.found:
            self.note(case, end)


def _work(kind: str, number: int, count: int, folder: Path) -> None:
    """Try the cases of a batch, in the process that may die of it."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    make_inputs(folder)
    journal = _Journal(folder)
    wanted = settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=[*HealthCheck],  # pyright: ignore[reportArgumentType]
        print_blob=False,
    )
    contents = {name: (folder / name).read_bytes() for name in {i.name for i in INPUTS}}

    def wild(data: st.DataObject) -> None:
        words = data.draw(command_lines(wild=True))
        journal.run("line, understood", [*words, "-show_config", "json"])

    def tame(data: st.DataObject) -> None:
        words = data.draw(command_lines(wild=False))
        if judge.renderable(words, folder):
            journal.run("line, rendered", words)

    def files(data: st.DataObject) -> None:
        wanted = data.draw(st.sampled_from(INPUTS))
        bad = data.draw(damaged(contents[wanted.name]))
        name = "bad" + Path(wanted.name).suffix
        (folder / name).write_bytes(bad)
        journal.run(f"file: {wanted.kind}", wanted.line(name), wanted.program, bad)

    test = {"wild": wild, "tame": tame, "files": files}[kind]
    try:
        seed(number)(wanted(given(st.data())(test)))()
    except judge.Escape as escape:
        journal.note(journal.found, INTERNAL, str(escape))
