# SPDX-License-Identifier: MIT
"""Make a new golden case with a C program."""

import contextlib
import hashlib
import json
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nbsim.errors import FileError
from nbsim.formats.files import replace_when_complete
from nbsim.options import find_option, parse
from nbsim.tools.both_programs import INPUTS
from nbsim.tools.command import write_text
from nbsim.tools.golden.cases import Case, read_cases
from nbsim.tools.golden.compare import Outputs, run_outputs
from nbsim.tools.golden.manifest import differences, write_manifest
from nbsim.tools.provenance import cpu_name

#: Pixels of an image that is kept whole; of a larger one these rows and columns.
LARGEST_WHOLE = 128 * 128
CROP = (96, 128)


def add_case(
    folder: Path, name: str, program: str, words: Sequence[str], timeout: float
) -> Case:
    """Render a case with a C program, in one thread, and store it with its origin.

    The program runs twice and must give the same bytes. Nothing that exists is
    changed but the list of cases and the manifest.

    Parameters
    ----------
    folder
        The golden folder.
    name
        Of the new case.
    program
        Path of the C program.
    words
        Its arguments.
    timeout
        Longest time of one run, s.

    Raises
    ------
    ValueError
        When the name or the arguments are not fit for a case, or the program is nbsim.
    FileError
        When the folder does not match its manifest, or the two runs differ.
    """
    folder = folder.resolve()
    _check(folder, name, words)
    inputs = _inputs(folder, words)
    written = tuple(
        f"{{in}}/{inputs[i].name}" if i in inputs else word
        for i, word in enumerate(words)
    )
    command = [str(inputs.get(i, word)) for i, word in enumerate(words)]
    outputs = _render([program, *command], timeout)
    case = Case(name, written, folder)
    arrays = _arrays(case, outputs, _plain_stdout(outputs.stdout, inputs))
    with contextlib.ExitStack() as undo:
        for path in inputs.values():
            target = folder / "inputs" / path.name
            if not target.exists():
                target.parent.mkdir(exist_ok=True)
                undo.callback(target.unlink, missing_ok=True)
                shutil.copyfile(path, target)
        case.reference_file.parent.mkdir(exist_ok=True)
        undo.callback(case.reference_file.unlink, missing_ok=True)
        with replace_when_complete(case.reference_file) as stream:
            np.savez_compressed(
                stream, **arrays, provenance=json.dumps(_provenance(program, outputs))
            )
        cases = folder / "cases.txt"
        text = cases.read_text(encoding="ascii")
        undo.callback(write_text, cases, text)
        end = "" if text.endswith("\n") else "\n"
        write_text(cases, f"{text}{end}{name} | {' '.join(written)}\n")
        write_manifest(folder)
        undo.pop_all()
    return case


def _check(folder: Path, name: str, words: Sequence[str]) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"{name}: expected a name of a-z, 0-9 and _")
    if name in [case.name for case in read_cases(folder)]:
        raise ValueError(
            f"{name}: there is such a case, and golden numbers are not made anew"
        )
    for word in words:
        if not re.fullmatch(r"[!-~]+", word) or word == "|":
            raise ValueError(f"{word!r}: a word of a case is ASCII without blanks")
    if not any(option == "seed" for option, _ in parse(words)):
        raise ValueError("no -seed: the noise would be another one in every run")
    if problems := differences(folder):
        raise FileError(f"{folder} does not match its manifest: {problems[0]}")


def _inputs(folder: Path, words: Sequence[str]) -> dict[int, Path]:
    """Return the input files by the place of their word."""
    found = {}
    for i, word in enumerate(words[:-1]):
        option = find_option(word[1:]) if word.startswith("-") else None
        if option is None or option.name not in INPUTS:
            continue
        path = Path(words[i + 1].replace("{in}", str(folder / "inputs"))).absolute()
        stored = folder / "inputs" / path.name
        if not path.is_file():
            raise FileError(f"{words[i + 1]}: there is no such file")
        if stored.exists() and stored.read_bytes() != path.read_bytes():
            raise FileError(f"{stored} is another file than {path}; rename yours")
        found[i + 1] = path
    return found


def _render(command: Sequence[str], timeout: float) -> Outputs:
    """Run a command twice and return what it wrote, if that is the same."""
    runs = []
    for _ in range(2):
        with tempfile.TemporaryDirectory(prefix="nbsim-golden-") as folder:
            runs.append(run_outputs(command, Path(folder), True, True, timeout))
    first, second = runs
    if re.match(r"nbsim\b", first.stdout):
        raise ValueError(f"{command[0]} is nbsim: golden numbers never come from it")
    for what in ("image", "int_image", "noise"):
        if getattr(first, what).tobytes() != getattr(second, what).tobytes():
            raise FileError(f"{command[0]}: its second run gave another {what}")
    return first


def _plain_stdout(stdout: str, inputs: dict[int, Path]) -> str:
    for path in inputs.values():
        stdout = stdout.replace(str(path), f"{{in}}/{path.name}")
    return stdout


def _arrays(case: Case, outputs: Outputs, stdout: str) -> dict[str, Any]:
    """Return what is stored; of a large image the surroundings of its peak."""
    image = outputs.image
    arrays: dict[str, Any] = {
        "argv": json.dumps(case.written),
        "shape": np.array(image.shape),
        "sum": image.sum(dtype=np.float64),
        "header": outputs.header,
        "stdout": stdout,
    }
    if image.size <= LARGEST_WHOLE:
        pgm = np.frombuffer(outputs.pgm, np.uint8)
        kept = {"int": outputs.int_image, "noise": outputs.noise, "pgm": pgm}
        return {**arrays, **kept, "image": image}
    peak = np.unravel_index(image.argmax(), image.shape)
    crop: list[int] = []
    for centre, wanted, length in zip(peak, CROP, image.shape):
        first = min(max(int(centre) - wanted // 2, 0), max(length - wanted, 0))
        crop += [first, min(first + wanted, length)]
    y0, y1, x0, x1 = crop
    return {**arrays, "crop": np.array(crop), "image": image[y0:y1, x0:x1]}


def _provenance(program: str, outputs: Outputs) -> dict[str, Any]:
    return {
        "program": outputs.stdout.partition("\n")[0].strip(),
        "sha256": hashlib.sha256(Path(program).read_bytes()).hexdigest(),
        "threads": 1,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "system": platform.platform(),
        "cpu": cpu_name(),
    }
