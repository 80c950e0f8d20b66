# SPDX-License-Identifier: MIT
"""``python -m nbsim.tools.fuzz --minutes 30``: random lines and damaged files by hand.

Prints a table of what was tried by how it ended, and the smallest line or file of each
batch that ended as none must; the status is 1 if there was one.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from nbsim.tools.fuzz.batch import HUNG, INTERNAL, KINDS, SIGNAL, run_batch
from nbsim.tools.fuzz.judge import ENDS, WARNED

COLUMNS = (ENDS[0], WARNED, ENDS[2], ENDS[1], INTERNAL, SIGNAL, HUNG)
#: Cases between two looks at the clock.
BATCH = 250

Table = Counter[tuple[str, str]]


def main(argv: list[str] | None = None) -> int:
    """Run for the time or the number that was asked for; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m nbsim.tools.fuzz")
    parser.add_argument("--minutes", type=float, default=1.0, help="at most so long")
    parser.add_argument("--lines", type=int, help="command lines to try")
    parser.add_argument("--files", type=int, help="damaged files to try")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args(argv)
    wanted = _wanted(options.lines, options.files)
    table: Table = Counter()
    findings = []
    until = time.monotonic() + 60.0 * options.minutes
    number = options.seed
    print(f"seed {number}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        while time.monotonic() < until and any(wanted.values()):
            for kind, left in wanted.items():
                if left <= 0 or time.monotonic() >= until:
                    continue
                batch = run_batch(kind, number, int(min(left, BATCH)), Path(name))
                table.update(batch.endings)
                wanted[kind] = max(0, left - len(batch.endings))
                if batch.finding:
                    findings.append(batch.finding)
                    print(batch.finding, flush=True)
            number += 1
    print("\n".join(in_words(table)))
    return int(bool(findings))


def _wanted(lines: int | None, files: int | None) -> dict[str, float]:
    """Return how many cases of each kind are to be tried: no end where none is said.

    Of the lines, a fifth is rendered too.
    """
    if lines is None and files is None:
        return dict.fromkeys(KINDS, float("inf"))
    lines, files = lines or 0, files or 0
    return {"wild": lines - lines // 5, "tame": lines // 5, "files": files}


def in_words(table: Table) -> list[str]:
    """Return the lines of a table: what was tried by how it ended, and sums."""
    kinds = sorted({kind for kind, _ in table})
    rows = {kind: [table[kind, end] for end in COLUMNS] for kind in kinds}
    for sort in ("line", "file"):
        of_sort = [row for kind, row in rows.items() if kind.startswith(sort)]
        if of_sort:
            rows[f"all {sort}s"] = [sum(column) for column in zip(*of_sort)]
    head = ["", "all", *COLUMNS]
    body = [[kind, str(sum(row)), *map(str, row)] for kind, row in rows.items()]
    widths = [max(map(len, column)) for column in zip(head, *body)]
    return [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in [head, *body]
    ]


if __name__ == "__main__":
    sys.exit(main())
