# SPDX-License-Identifier: MIT
"""The golden cases of nonBragg and noisify, and how far nbsim's programs are from them.

Every case is run as its command line says, and everything that the C program wrote is
compared: the float image, both integer images, the PGM file, the header.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from nbsim.command import background_program, main, noise_program
from nbsim.errors import FileError

#: Float images agree to this part of the brightest pixel.
AGREEMENT = 1e-6
CHAIN = "chain_water_air"
TITLES = ("case", "pixels", "float / peak", "int", "noise", "PGM bytes", "header")


@dataclass(frozen=True)
class FamilyCase:
    """One command line of a C program and what came of it.

    Parameters
    ----------
    name, program, written
        Name, "nonBragg" or "noisify", and arguments with ``{in}`` for the inputs.
    folder
        ``golden/family``.
    """

    name: str
    program: str
    written: tuple[str, ...]
    folder: Path

    @property
    def argv(self) -> list[str]:
        """Arguments with the folder of inputs in place."""
        inputs = str(self.folder / "inputs")
        return [word.replace("{in}", inputs) for word in self.written]

    @cached_property
    def numbers(self) -> dict[str, np.ndarray]:
        """Return what the C program gave; the keys are those of golden/README.md."""
        with np.load(self.folder / "c" / f"{self.name}.npz") as data:
            return dict(data)

    def option(self, *names: str, default: str | None = None) -> str | None:
        """Return the word after the last of these options."""
        found = default
        for word, following in zip(self.argv, [*self.argv[1:], None]):
            if word in names:
                found = following
        return found

    def defined(self, array: str) -> np.ndarray:
        """Return which pixels C gave a value to."""
        undefined = self.numbers.get(f"undefined_{array}")
        if undefined is None:
            return np.ones(self.numbers[array].shape, bool)
        return ~undefined

    @property
    def asked_shape(self) -> tuple[int, ...]:
        """The size (slow, fast) that was asked for; C may give a row more (B7)."""
        shape = self.numbers["int"].shape
        return tuple(int(n) for n in self.numbers.get("asked_shape", shape))


def read_family(folder: Path) -> list[FamilyCase]:
    """Return the cases of a folder, as they are listed there."""
    cases = []
    try:
        lines = (folder / "cases.txt").read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise FileError(f"cannot read {folder / 'cases.txt'}: {error}") from error
    for line in lines:
        if line.strip() and not line.startswith("#"):
            name, _, command = (part.strip() for part in line.partition("|"))
            program, *words = command.split()
            cases.append(FamilyCase(name, program, tuple(words), folder))
    return cases


@dataclass(frozen=True)
class Difference:
    """How far nbsim is from a case; None: the C program wrote no such file.

    Attributes
    ----------
    pixels
        Of an image.
    image
        Largest difference of the float images, as a part of the largest value.
    int, noise
        Number of pixels of the integer images that differ.
    pgm
        Number of bytes of the PGM files that differ.
    header
        Whether the headers' text is the same.
    """

    name: str
    pixels: int
    image: float | None = None
    int: int | None = None
    noise: int | None = None
    pgm: int | None = None
    header: bool | None = None

    @property
    def agrees(self) -> bool:
        """Whether nothing differs more than it may."""
        counts = (self.int, self.noise, self.pgm)
        close = self.image is None or self.image <= AGREEMENT
        return close and not any(counts) and self.header is not False

    def row(self) -> list[str]:
        """Return the cells below `TITLES`."""
        shown = [self.name, str(self.pixels)]
        shown.append("" if self.image is None else f"{self.image:.1e}")
        counts = (self.int, self.noise, self.pgm)
        shown += ["" if count is None else str(count) for count in counts]
        return [*shown, {None: "", True: "same", False: "DIFFERS"}[self.header]]


def run_silently(program: Callable[[Sequence[str]], int], words: list[str]) -> None:
    """Run a program of nbsim in this process.

    Raises
    ------
    RuntimeError
        If it fails; with what it said.
    """
    errors = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()):
        with contextlib.redirect_stderr(errors):
            status = program(words)
    if status:
        raise RuntimeError(errors.getvalue().strip())


def compare(case: FamilyCase, folder: Path) -> Difference:
    """Run a case into a folder, and compare everything."""
    names = {"int": "int.img", "noise": "noise.img", "pgm": "image.pgm"}
    if case.program == "nonBragg":
        names["float"] = "float.bin"
    if "-nonoise" in case.argv:
        del names["noise"]
    if "-nopgm" in case.argv:
        del names["pgm"]
    paths = {name: folder / path for name, path in names.items()}
    words = [*case.argv, "-noprogress"]
    for name, path in paths.items():
        words += [f"-{name}file", str(path)]
    if "-img" in case.argv:
        words += ["-stolout", str(folder / "out.stol")]
    programs = {"nonBragg": background_program.main, "noisify": noise_program.main}
    run_silently(programs[case.program], words)
    numbers, shape = case.numbers, case.asked_shape
    found: dict = {"name": case.name, "pixels": shape[0] * shape[1]}
    if "float" in paths:
        ours = np.fromfile(paths["float"], np.float32).reshape(shape)
        theirs = numbers["image"][: shape[0], : shape[1]]
        found["image"] = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    if shape != numbers["int"].shape:
        return Difference(**found)  # integers are scaled by what the row more has
    for name in ("int", "noise"):
        if name in paths:
            header, pixels = smv_parts(paths[name], numbers[name])
            off = (pixels != numbers[name]) & case.defined(name)
            found[name] = int(off.sum())
            if name == "int":
                found["header"] = header == str(numbers["header"]).partition("}")[0]
    if "pgm" in paths and "-img" not in case.argv:  # B12: there its contrast is chance
        ours = np.frombuffer(paths["pgm"].read_bytes(), np.uint8)
        theirs = np.frombuffer(numbers["pgm"].tobytes(), np.uint8)
        found["pgm"] = abs(len(ours) - len(theirs))
        if len(ours) == len(theirs):
            off, defined = ours != theirs, case.defined("pgm").ravel()
            off[len(off) - len(defined) :] &= defined
            off[len(off) - shape[0] * shape[1] :] &= case.defined("int").ravel()
            found["pgm"] = int(off.sum())
    return Difference(**found)


def smv_parts(path: Path, expected: np.ndarray) -> tuple[str, np.ndarray]:
    """Return header text and pixels of an SMV file whose pixels are of a known type."""
    content = path.read_bytes()
    start = len(content) - expected.nbytes
    header = content[:start].decode("latin-1").partition("}")[0]
    pixels = np.frombuffer(content[start:], expected.dtype)
    return header, pixels.reshape(expected.shape)


def chain_words(chain: dict[str, np.ndarray], inputs: Path) -> list[str]:
    """Return the one nbsim command for the chain of four programs."""
    spots = json.loads(str(chain["argv_spots"]))
    spots = spots[: spots.index("-seed")]  # the noise has a seed of its own
    noise = json.loads(str(chain["argv_noise"]))
    water, air = str(inputs / "water500.stol"), str(inputs / "air.stol")
    words = [*spots, "-background", water, "1e-5", "-background", air, "5e-4"]
    return [*words, "-background_density", "1.2e-3", "-background_MW", "28", *noise]


def compare_chain(family: Path, folder: Path) -> Difference:
    """Run one nbsim command for the chain of programs, and compare its images."""
    with np.load(family / "c" / f"{CHAIN}.npz") as data:
        chain = dict(data)
    floats, noise = folder / "float.bin", folder / "noise.img"
    words = chain_words(chain, family / "inputs")
    words += ["-floatfile", str(floats), "-noisefile", str(noise), "-nopgm"]
    words += ["-intfile", str(folder / "int.img"), "-noprogress"]
    run_silently(main.main, words)
    total = chain["total"]
    ours = np.fromfile(floats, np.float32).reshape(total.shape)
    _, counts = smv_parts(noise, chain["noise"])
    return Difference(
        CHAIN,
        total.size,
        float(np.abs(ours - total).max() / total.max()),
        noise=int((counts != chain["noise"]).sum()),
    )


def all_differences(family: Path) -> Iterator[Difference]:
    """Run everything, and yield a case after the other.

    Raises
    ------
    RuntimeError
        If a case cannot be run.
    """
    with tempfile.TemporaryDirectory(prefix="nbsim-golden-") as folder:
        for number, case in enumerate(read_family(family)):
            place = Path(folder) / str(number)
            place.mkdir()
            yield compare(case, place)
        yield compare_chain(family, Path(folder))


def table(differences: Sequence[Difference]) -> list[str]:
    """Return a table for documents, its last line the worst of each column."""
    rows = [list(TITLES), ["---", *["---:"] * (len(TITLES) - 2), "---"]]
    rows += [difference.row() for difference in differences]

    def worst(name: str) -> str:
        found = [getattr(difference, name) for difference in differences]
        known = [value for value in found if value is not None]
        return f"{max(known):.2g} ({len(known)})" if known else ""

    different = sum(difference.header is False for difference in differences)
    rows.append(
        [
            "worst (of how many)",
            "",
            *(worst(name) for name in ("image", "int", "noise", "pgm")),
            f"{different} differ",
        ]
    )
    return [f"| {' | '.join(row)} |" for row in rows]
