# SPDX-License-Identifier: MIT
"""The tables of machine code in docs/performance.md, from the kept figures."""

import json
from collections.abc import Iterator
from pathlib import Path

from nbsim.tools.machine_code.table import CARDS, Row, predicted_ps

TABLE = "tests/cuda_machine_code.json"
PAGE = "docs/performance.md"
BEGIN, END = "<!-- machine code -->", "<!-- end of machine code -->"


def kept(folder: Path) -> dict[str, dict[str, Row]]:
    """Return the kept table: rows by generation and kernel."""
    content = json.loads((folder / TABLE).read_text())
    return {
        capability: {name: Row(**row) for name, row in rows.items()}
        for capability, rows in content["kernels"].items()
    }


def lines(folder: Path) -> Iterator[str]:
    """Yield the lines between the marks."""
    versions = json.loads((folder / TABLE).read_text())["versions"]
    found = kept(folder)
    said = ", ".join(f"{name} {number}" for name, number in versions.items())
    yield f"Made with {said}. Instructions are those of one evaluation."
    yield ""
    columns = ["7.0", "8.0", "8.9", "9.0", "10.0", "12.0"]
    yield "Registers / instructions / of these in double precision:"
    yield ""
    yield f"| kernel | {' | '.join(columns)} |"
    yield "|---|" + "---:|" * len(columns)
    for kernel in found["9.0"]:
        cells = (_cell(found[capability][kernel]) for capability in columns)
        yield f"| {kernel} | {' | '.join(cells)} |"
    yield ""
    yield "On 9.0 also:"
    yield ""
    yield "| kernel | reads of F | special functions | jumps | spills | local memory |"
    yield "|---|" + "---:|" * 5
    for kernel, row in found["9.0"].items():
        loop = (f"{row.loads:g}", f"{row.special:g}", f"{row.branches}")
        own = loop if row.evaluations else ("",) * 3
        yield f"| {kernel} | {' | '.join(own)} | {row.spills} | {row.local} |"
    yield ""
    yield (
        "Predicted, ps per evaluation (d: double precision sets it, i: issue, "
        "p: products):"
    )
    yield ""
    yield f"| kernel | {' | '.join(card.name for card in CARDS)} |"
    yield "|---|" + "---:|" * len(CARDS)
    for kernel, row in found["9.0"].items():
        if not row.evaluations:
            continue
        cells = []
        for card in CARDS:
            own = found[f"{card.capability[0]}.{card.capability[1]}"][kernel]
            ps, why = predicted_ps(own, card)
            cells.append(f"{ps:.2g} {why[0]}" if ps < 10 else f"{ps:.0f} {why[0]}")
        yield f"| {kernel} | {' | '.join(cells)} |"


def _cell(row: Row) -> str:
    if not row.evaluations:
        return f"{row.registers}"
    return f"{row.registers} / {row.instructions:.0f} / {row.double:.0f}"


def page(folder: Path) -> str:
    """Return the page as it should be."""
    text = (folder / PAGE).read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n" + "\n".join(lines(folder)) + f"\n{END}{after}"


def update(folder: Path) -> None:
    """Write the page."""
    (folder / PAGE).write_text(page(folder))
