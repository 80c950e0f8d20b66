# SPDX-License-Identifier: MIT
"""The text of docs/command-line.md."""

from collections.abc import Iterator

from nbsim.options import GROUPS, OPTIONS, Option

CLASSES = {
    "crystal": "Crystal",
    "structure_factors": "StructureFactors",
    "beam": "Beam",
    "detector": "Detector",
    "goniometer": "Goniometer",
    "sampling": "Sampling",
}
NEW = "not an option of nanoBragg"
SAME = "the same"

HEAD = """\
# The command line

Every option of `nbsim`, made from the program's own table by
`python -m nbsim.tools.docs`; a test keeps this page
current. `nbsim -h` and `man nbsim` show the same options.

- Options may be written with one dash or two. Longer spellings of an option that
  nanoBragg accepts are accepted here: `-matrix` is `-mat`.
- Numbers such as `-1`, `-0.5`, `-1e-5` are arguments, never options.
- When an option is given twice, the last one counts.
- An unknown option is an error that names the nearest one. nanoBragg ignores it.
- **Python** names the field or call of the [Python API](python.md) behind an option.
- **C** names the variable of nanoBragg.c and what the program does with it. Oddities
  are listed in [physics.md](physics.md#the-oddities-of-the-c-program).
"""
IGNORED = """\
## Read and ignored

nanoBragg's README and usage text show these options, and the program never reads them.
nbsim warns and says what to use.

| option | use |
|---|---|
"""


def page() -> str:
    """Return the text of docs/command-line.md."""
    parts = [HEAD, _contents()]
    for title in GROUPS:
        parts.append(f"## {title}\n")
        parts += [
            _entry(option)
            for option in OPTIONS
            if option.group == title and not option.instead
        ]
    rows = [
        f"| `-{option.name}` | `{option.instead}` |\n"
        for option in OPTIONS
        if option.instead
    ]
    return "\n".join(parts) + "\n" + IGNORED + "".join(rows)


def _contents() -> str:
    links = [f"[{t}](#{t.lower().replace(' ', '-')})" for t in GROUPS]
    return " \u00b7 ".join(links) + "\n"


def _entry(option: Option) -> str:
    title = f"-{option.name} {option.metavar}".strip()
    lines = [f"### `{title}`\n", f"{option.help}\n", *_facts(option)]
    return "\n".join(lines) + "\n"


def _facts(option: Option) -> Iterator[str]:
    if option.aliases:
        yield "- also: " + ", ".join(f"`-{name}`" for name in option.aliases)
    if option.units:
        yield f"- unit: {option.units}"
    if option.default:
        yield f"- default: {option.default}"
    python = python_name(option)
    if python:
        yield f"- Python: `{python}`"
    yield f"- C: {c_note(option)}"


def python_name(option: Option) -> str:
    """Return what an option stands for in the Python API, "" for none."""
    if option.python or not option.targets or option.targets[0][0] not in CLASSES:
        return option.python
    model = CLASSES[option.targets[0][0]]
    fields = ", ".join(field for _, field in option.targets)
    if option.arguments:
        return f"{model}.{fields}"
    return f"{model}({fields}={option.value!r})"


def c_note(option: Option) -> str:
    """Return what nanoBragg.c does with an option."""
    if not option.c:
        return option.c_note or NEW
    return f"`{option.c}`; {option.c_note or SAME}"
