# SPDX-License-Identifier: MIT
"""Write all files that are made from the program: ``python -m nbsim.tools.docs``.

Man pages, completions, docs/command-line.md, and the picture and the glossary in
docs/architecture.md. To be called in the root of a checkout.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from nbsim.tools.docs import architecture, command_line, man_pages, shells


def files(root: Path) -> Iterator[tuple[str, str]]:
    """Yield name and text of every file that belongs into a checkout."""
    for command in man_pages.COMMANDS:
        yield f"man/{command}.1", man_pages.man_page(command)
    for name, text in shells.files():
        yield f"completions/{name}", text
    yield "docs/command-line.md", command_line.page()
    yield "docs/architecture.md", architecture.page(root)


def main() -> int:
    """Write them; say which changed."""
    if not Path("setup.cfg").exists():
        print("run this in the root of a checkout of nbsim", file=sys.stderr)
        return 2
    for name, text in files(Path()):
        path = Path(name)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
