# SPDX-License-Identifier: MIT
"""Run a golden case with any program, and compare its files with the C program's."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nbsim.errors import FileError
from nbsim.tools.command import ProgramError, run_program
from nbsim.tools.golden.cases import Case, Reference
from nbsim.tools.image_difference import ImageDifference, image_difference
from nbsim.tools.tolerances import (
    GOLDEN_PEAK,
    GOLDEN_RELATIVE,
    INT_OFF_BY_ONE_FRACTION,
    PRINTED_ABSOLUTE,
    PRINTED_RELATIVE,
)

# Keys that nbsim writes and the C program does not.
ADDED_KEYS = {"ADC_OFFSET"}

# What ends an SMV header of the C program.
HEADER_END = b"}\f"

# Lines of the standard output that carry a number of the image.
STATISTICS = {
    "solid angle": r"solid angle subtended by detector = (\S+) steradian",
    "max_I": r"max_I = (\S+)",
    "mean": r"mean= (\S+)",
    "rms": r"rms= (\S+)",
    "rmsd": r"rmsd= (\S+)",
    "intfile_scale": r"intfile_scale = (\S+)",
    "pgm_scale": r"pgm_scale = (\S+)",
}
PEAK_POSITION = r"max_I = \S+\s+at (\S+) (\S+)"
PHOTONS = r"(\d+) photons on noise image \((\d+) overloads\)"


@dataclass(frozen=True)
class Outputs:
    """What one run of one case left behind."""

    image: np.ndarray  # float32, (slow, fast)
    int_image: np.ndarray  # uint16
    header: str  # of the integer image
    pgm: bytes
    noise: np.ndarray | None  # uint16; None where the case has no noise image
    stdout: str


class FloatDifference(ImageDifference):
    """Worst differences between a float image and the golden one."""

    @property
    def agrees(self) -> bool:
        """Whether both are inside the tolerances of golden images."""
        return self.within(GOLDEN_PEAK, GOLDEN_RELATIVE)


@dataclass(frozen=True)
class IntDifference:
    """Numbers of pixels of an integer image that differ from the golden one."""

    off_by_one: int
    worse: int
    pixels: int

    @property
    def agrees(self) -> bool:
        allowed = INT_OFF_BY_ONE_FRACTION * self.pixels
        return self.worse == 0 and self.off_by_one <= allowed


def run_case(
    case: Case,
    program: Sequence[str],
    arguments: Sequence[str],
    folder: Path,
    c_program: bool = False,
    timeout: float = 600.0,
) -> Outputs:
    """Run one case in an empty folder and read what it wrote.

    Parameters
    ----------
    program
        The command to run, in front of the arguments.
    arguments
        `case.nbsim_argv` for nbsim, `case.argv` for the C program.
    folder
        Working folder; holds nothing yet, because a file `Fdump.bin` in it would be
        taken for structure factors.
    c_program
        Whether it is the C program: see `run_outputs`.
    timeout
        Longest time, s.

    Raises
    ------
    RuntimeError
        When the program fails or takes too long.
    """
    has_noise = case.reference.noise is not None
    try:
        return run_outputs(
            [*program, *arguments], folder, has_noise, c_program, timeout
        )
    except ProgramError as error:
        said = error.stderr[-2000:]
        command = " ".join([*program, *arguments])
        raise RuntimeError(f"{case.name}: {error.how}: {command}\n{said}") from None


def run_outputs(
    command: Sequence[str], folder: Path, noise: bool, c_program: bool, timeout: float
) -> Outputs:
    """Run a command with output names of its own and read the files.

    The C program runs with one thread, because with more its stale vectors and its
    statistics race; and its SMV header may outgrow the length that it states.

    Raises
    ------
    ProgramError, FileError
    """
    wanted = ["-floatfile", "f.bin", "-intfile", "i.img", "-pgmfile", "p.pgm"]
    if noise:
        wanted += ["-noisefile", "n.img"]
    environment = {"OMP_NUM_THREADS": "1"} if c_program else None
    ran = run_program([*command, *wanted], folder, timeout, environment)
    header, int_image = read_smv(folder / "i.img", overflow=c_program)
    image = np.fromfile(folder / "f.bin", "<f4")
    if image.size != int_image.size:
        raise FileError(
            f"{folder / 'f.bin'}: {image.size} pixels, not {int_image.size}"
        )
    return Outputs(
        image=image.reshape(int_image.shape),
        int_image=int_image,
        header=header,
        pgm=(folder / "p.pgm").read_bytes(),
        noise=read_smv(folder / "n.img", overflow=c_program)[1] if noise else None,
        stdout=ran.stdout,
    )


def read_smv(path: Path, overflow: bool = False) -> tuple[str, np.ndarray]:
    """Read header text and uint16 pixels; shares no code with nbsim's own reader.

    Parameters
    ----------
    path
        The image.
    overflow
        Whether pixels may begin where the header ends, beyond its stated length.
    """
    data = path.read_bytes()
    start = re.search(rb"HEADER_BYTES= *(\d+)", data[:512])
    if start is None:
        raise FileError(f"{path}: no HEADER_BYTES in the first 512 bytes")
    stated = length = int(start.group(1))
    if overflow:
        length = max(stated, data.find(HEADER_END) + len(HEADER_END))
    text = data[:length].partition(b"}")[0].decode("ascii")
    keys = header_values(text)
    shape = (int(keys["SIZE2"]), int(keys["SIZE1"]))
    if stated % 512 or len(data) != length + 2 * shape[0] * shape[1]:
        raise FileError(
            f"{path}: {len(data)} bytes, with HEADER_BYTES={stated} and "
            f"{shape[1]} x {shape[0]} pixels of 2 bytes"
        )
    return text, np.frombuffer(data, "<u2", offset=length).reshape(shape)


def header_values(text: str) -> dict[str, str]:
    """Return the keys of an SMV header; the C program's DIALS_ORIGIN has no `;`."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key.strip(): value.strip().removesuffix(";") for key, value in pairs}


def compare_float(image: np.ndarray, reference: Reference) -> FloatDifference:
    """Compare a whole float image with the golden one (or with its kept part)."""
    if image.shape != reference.shape:
        raise ValueError(f"image of {image.shape} pixels, golden {reference.shape}")
    found = image_difference(image[reference.crop], reference.image, GOLDEN_PEAK)
    return FloatDifference(found.of_peak, found.relative)


def compare_total(image: np.ndarray, reference: Reference) -> float:
    """Return the relative difference of the sums over the whole images."""
    return float(abs(image.sum(dtype=np.float64) / reference.total - 1))


def compare_int(image: np.ndarray, golden: np.ndarray) -> IntDifference:
    """Compare two integer images of one shape."""
    if image.shape != golden.shape:
        raise ValueError(f"image of {image.shape} pixels, golden {golden.shape}")
    difference = np.abs(image.astype(np.int64) - golden.astype(np.int64))
    return IntDifference(
        off_by_one=int(np.count_nonzero(difference == 1)),
        worse=int(np.count_nonzero(difference > 1)),
        pixels=difference.size,
    )


def split_pgm(data: bytes) -> tuple[list[str], np.ndarray]:
    """Return the four header lines of a PGM of the C program, and the pixels."""
    *lines, pixels = data.split(b"\n", 4)
    text = [line.decode("ascii") for line in lines]
    fast, slow = (int(word) for word in text[1].split())
    return text, np.frombuffer(pixels, np.uint8).reshape(slow, fast)


def compare_pgm(data: bytes, golden: bytes) -> tuple[IntDifference, list[str]]:
    """Return the difference of the pixels, and the header lines that differ."""
    lines, pixels = split_pgm(data)
    golden_lines, golden_pixels = split_pgm(golden)
    problems = []
    for line, wanted in zip(lines, golden_lines, strict=True):
        if not _same_words(line.split(), wanted.split()):
            problems.append(f"pgm: {line!r}, golden {wanted!r}")
    return compare_int(pixels, golden_pixels), problems


def compare_header(text: str, golden: str) -> list[str]:
    """Return one sentence for each key of an SMV header that disagrees.

    HEADER_BYTES may differ: nbsim's header grows where the C program's overflows.
    """
    ours, theirs = header_values(text), header_values(golden)
    problems = [f"{key}: missing" for key in theirs if key not in ours]
    extra = [key for key in ours if key not in theirs.keys() | ADDED_KEYS]
    problems += [f"{key}: not a key of the C program" for key in extra]
    for key in theirs.keys() & ours.keys() - {"HEADER_BYTES"}:
        if not _same_words(ours[key].split(","), theirs[key].split(",")):
            problems.append(f"{key}: {ours[key]}, golden {theirs[key]}")
    return sorted(problems)


def compare_statistics(stdout: str, reference: Reference) -> list[str]:
    """Return one sentence for each printed statistic that disagrees."""
    problems = []
    for name, pattern in STATISTICS.items():
        golden = _only_match(pattern, reference.stdout)
        found = re.findall(pattern, stdout)
        if len(found) != 1:
            problems.append(f"{name}: printed {len(found)} times")
        elif not same_text(found[0], golden):
            problems.append(f"{name}: {found[0]}, golden {golden}")
    return problems + _compare_peak_position(stdout, reference)


def _compare_peak_position(stdout: str, reference: Reference) -> list[str]:
    """Check that the printed position is one of a brightest pixel.

    Symmetric images have several, equal but for rounding, so the C program's own
    choice among them is not asked for.
    """
    found = re.findall(PEAK_POSITION, stdout)
    if len(found) != 1:
        return [f"position of max_I: printed {len(found)} times"]
    pixel_m = float(header_values(reference.header)["PIXEL_SIZE"]) * 1e-3
    fast, slow = (int(float(metres) / pixel_m) for metres in found[0])
    slow -= reference.crop[0].start
    fast -= reference.crop[1].start
    rows, columns = reference.image.shape
    peak = float(reference.image.max())
    if not (0 <= slow < rows and 0 <= fast < columns):
        return [f"position of max_I: {' '.join(found[0])} is outside the image"]
    value = float(reference.image[slow, fast])
    if value < peak * (1 - GOLDEN_PEAK):
        return [f"position of max_I: golden is {value:g} there, its maximum {peak:g}"]
    return []


def compare_noise(case: Case, outputs: Outputs) -> list[str]:
    """Check a noise image against its own float image.

    One unit in the last place of one pixel can shift every random number after it, so
    the golden noise is asked for only where the float images are the same bytes.
    """
    if outputs.noise is None:
        return []
    reference = case.reference
    if not np.array_equal(outputs.image, reference.image):
        expected, *_ = noise_of(case, outputs.image)
        same = np.array_equal(outputs.noise, expected)
        return [] if same else ["noise: not the deviates of the float image"]
    problems = []
    if reference.noise is None or not np.array_equal(outputs.noise, reference.noise):
        problems.append("noise: same float image, but not the golden noise")
    photons = re.findall(PHOTONS, outputs.stdout)
    golden = re.findall(PHOTONS, reference.stdout)
    if photons != golden:
        problems.append(f"photons and overloads: {photons}, golden {golden}")
    return problems


def noise_of(case: Case, image: np.ndarray) -> tuple[np.ndarray, float, int]:
    """Return nbsim's noise image, photons and overloads of a float image.

    Seed, offset and region are those of the case.
    """
    from nbsim.images.noise import poisson_noise

    (seed,) = case.option("-seed", [0])
    (adc_offset,) = case.option("-adc", [40.0])
    slow, fast = image.shape
    xmin, xmax, ymin, ymax = map(int, case.option("-roi", [0, fast - 1, 0, slow - 1]))
    return poisson_noise(image, int(seed), adc_offset, (xmin, xmax, ymin, ymax))


def same_text(ours: str, golden: str) -> bool:
    """Whether two words are the same, or the same number as far as it was printed."""
    try:
        value, wanted = float(ours), float(golden)
    except ValueError:
        return ours == golden
    allowed = PRINTED_ABSOLUTE + PRINTED_RELATIVE * abs(wanted)
    return value == wanted or abs(value - wanted) <= allowed


def _same_words(ours: list[str], golden: list[str]) -> bool:
    return len(ours) == len(golden) and all(map(same_text, ours, golden))


def _only_match(pattern: str, text: str) -> str:
    (match,) = re.findall(pattern, text)
    return match
