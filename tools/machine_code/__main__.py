# SPDX-License-Identifier: MIT
"""Compile the CUDA kernels for every generation and write down what came out.

Usage: python -m nbsim.tools.machine_code FOLDER [CAPABILITY ...]

Writes tests/cuda_machine_code.json and the tables of docs/performance.md below the
folder, which is the source tree; of the named generations only, such as 9.0, where some
are named. Needs numba-cuda and ptxas.
"""

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from nbsim.tools.machine_code import pages, table


def main(folder: Path, only: Sequence[str]) -> int:
    """Write both files; return the exit status."""
    problem = table.why_not()
    if problem is not None:
        print(f"nothing is written: {problem}", file=sys.stderr)
        return 1
    path = folder / pages.TABLE
    content = json.loads(path.read_text()) if only and path.exists() else {}
    found = content.get("kernels", {})
    for capability in table.CAPABILITIES:
        name = f"{capability[0]}.{capability[1]}"
        if only and name not in only:
            continue
        rows = table.rows(capability)
        found[name] = {kernel: dataclasses.asdict(row) for kernel, row in rows}
        print(name, file=sys.stderr)
    content = {"versions": table.versions(), "kernels": found}
    path.write_text(json.dumps(content, indent=1) + "\n")
    if len(found) == len(table.CAPABILITIES):
        pages.update(folder)
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(f"expected the source tree\n\n{__doc__}")
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
