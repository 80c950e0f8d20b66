# SPDX-License-Identifier: MIT
"""Time two programs on the same image, in turns, and compare what they rendered.

Per evaluation: the rendering in this process against the other program's time for
the whole image less its time for one pixel of it, so that its start, its input and
its files cancel. nbsim's side keeps everything that `Simulation.run` does.
Whole command: both as fresh processes that write the same files.
"""

import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nbsim.errors import FileError
from nbsim.formats.smv import read_smv, write_smv
from nbsim.images.noise import poisson_noise
from nbsim.model.experiment import Experiment
from nbsim.options.command_line import Output, read_command_line
from nbsim.simulation import Simulation
from nbsim.tools.benchmark.workloads import ONE_PIXEL, Workload

#: Largest difference, in units of the brightest pixel, that counts as the same image.
AGREEMENT = {"double": 1e-6, "single": 1e-5}
#: The CUDA port's double precision is made of float pairs, with float functions.
PORT_AGREEMENT = {"double": 1e-4, "single": 1e-2}
NOISE_FILE = "noiseimage.img"


class Disagreement(Exception):
    """The programs did not render the same image, or one of them none."""


@dataclass(frozen=True)
class Program:
    """A program that takes nanoBragg's options.

    Attributes
    ----------
    name
        For the tables.
    command
        The words before the options.
    more
        Options that only this program gets.
    environment
        Added to the environment.
    agreement
        Largest difference from nbsim's image, in units of the brightest pixel.
    """

    name: str
    command: tuple[str, ...]
    more: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    agreement: float = 0.0


@dataclass(frozen=True)
class How:
    """What is the same for every workload.

    Attributes
    ----------
    reference
        The other program.
    threads, precision, device
        Of nbsim.
    repeat
        How often everything is timed.
    timeout
        Longest time of one run, s.
    """

    reference: Program
    threads: int
    precision: str
    device: str
    repeat: int
    timeout: float


@dataclass(frozen=True)
class Timing:
    """Median and minimum, s."""

    median: float
    minimum: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Timing":
        """Return those of some measurements."""
        return cls(statistics.median(seconds), min(seconds))

    def less(self, other: "Timing") -> "Timing":
        """Return what remains without a part that was timed alone."""
        return Timing(self.median - other.median, self.minimum - other.minimum)

    def per(self, count: float) -> "Timing":
        """Return the share of one of `count`."""
        return Timing(self.median / count, self.minimum / count)

    def ratio(self, other: "Timing") -> "Timing | None":
        """Return how many times longer than another; None: too noisy to say."""
        values = (self.median, self.minimum, other.median, other.minimum)
        if min(values) <= 0.0:
            return None
        return Timing(self.median / other.median, self.minimum / other.minimum)


@dataclass(frozen=True)
class Row:
    """One workload, measured.

    Attributes
    ----------
    name, reference
        The workload and the other program.
    count, unit
        How many there are of what the first times are divided by.
    problem
        Why there are no times; None: the images agree.
    difference
        Largest difference in units of the brightest pixel.
    work_reference, work_nbsim
        Time of all evaluations, s.
    command_reference, command_nbsim
        Time of the whole commands, s.
    """

    name: str
    reference: str
    count: float
    unit: str
    problem: str | None = None
    difference: float | None = None
    work_reference: Timing | None = None
    work_nbsim: Timing | None = None
    command_reference: Timing | None = None
    command_nbsim: Timing | None = None


def nbsim_program(threads: int, precision: str, device: str) -> Program:
    """Return the installed ``nbsim`` command."""
    beside = shutil.which("nbsim", path=os.path.dirname(sys.executable))
    command = (beside,) if beside else (sys.executable, "-m", "nbsim")
    more = ("-threads", str(threads), "-precision", precision, "-device", device)
    return Program("nbsim", command, more)


@contextmanager
def timed_run(
    program: Program, words: Sequence[str], timeout: float
) -> Iterator[tuple[float, Path]]:
    """Run a program in a folder of its own; yield its time in s and the folder.

    The C program reads a ``Fdump.bin`` that it finds, so that no folder is used twice.

    Raises
    ------
    FileError
        When it cannot be started.
    Disagreement
        When it fails.
    """
    command = [*program.command, *words, *program.more, "-noprogress"]
    with tempfile.TemporaryDirectory(prefix="nbsim-benchmark-") as folder:
        began = time.perf_counter()
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env={**os.environ, **program.environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired:
            raise Disagreement(f"{program.name}: longer than {timeout:g} s") from None
        except OSError as error:
            raise FileError(f"cannot run {command[0]}: {error.strerror}") from error
        seconds = time.perf_counter() - began
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise Disagreement(
                f"{program.name}: exit status {done.returncode}"
                + (f" ({said[-1]})" if said else "")
            )
        yield seconds, Path(folder)


def float_image(folder: Path) -> np.ndarray:
    """Return the float image that a program wrote, flat."""
    try:
        return np.fromfile(folder / Output.floatfile, np.float32)
    except FileNotFoundError:
        raise Disagreement("no float image was written") from None


def check_images(nbsim: np.ndarray, reference: np.ndarray, agreement: float) -> float:
    """Return the largest difference in units of the brightest pixel.

    Raises
    ------
    Disagreement
        When it is too large, or cannot be told: a dark image, not-a-numbers.
    """
    if nbsim.size != reference.size:
        raise Disagreement(f"{nbsim.size} pixels, not {reference.size}")
    brightest = float(np.abs(reference).max())
    if not 0.0 < brightest < math.inf:
        raise Disagreement(f"the brightest pixel of the reference is {brightest:g}")
    difference = float(np.abs(nbsim.reshape(-1) - reference).max()) / brightest
    if not difference <= agreement:
        raise Disagreement(
            f"the images differ by {difference:.2g} of the brightest pixel"
        )
    return difference


def evaluations(simulation: Simulation) -> float:
    """Return how many terms an image has: what the times are divided by."""
    detector, setup = simulation.detector, simulation.setup
    spixels, fpixels = detector.shape
    return float(setup.steps) * setup.sensor.thicksteps * spixels * fpixels


def measure(workload: Workload, words: Sequence[str], how: How) -> Row:
    """Measure one workload; a row without times when the images do not agree."""
    unit = "pixels" if workload.noise else "evaluations"
    simulation = Simulation.from_args([*words, *workload.nbsim_words])
    spixels, fpixels = simulation.detector.shape
    count = float(spixels * fpixels) if workload.noise else evaluations(simulation)
    measured = measure_noise if workload.noise else measure_rendering
    try:
        times = measured(workload, words, simulation, how)
    except Disagreement as problem:
        return Row(workload.name, how.reference.name, count, unit, str(problem))
    return Row(workload.name, how.reference.name, count, unit, None, *times)


def measure_rendering(
    workload: Workload, words: Sequence[str], simulation: Simulation, how: How
) -> tuple[float, Timing, Timing, Timing, Timing]:
    """Return the images' difference, both times of rendering, both of the command."""
    nbsim = nbsim_program(how.threads, how.precision, how.device)
    own_words = [*words, *workload.nbsim_words]
    agreement = how.reference.agreement
    image = np.zeros(simulation.detector.shape, np.float32)
    worst = 0.0

    def render() -> float:
        began = time.perf_counter()
        simulation.run(
            backend=how.device,
            threads=how.threads,
            precision=how.precision,
            out=image,
        )
        return time.perf_counter() - began

    # Not timed the first time: kernels are compiled, for the command as well.
    render()
    full, one_pixel, rendering, command = [], [], [], []
    for _ in range(how.repeat):
        with timed_run(how.reference, words, how.timeout) as (seconds, folder):
            full.append(seconds)
            expected = float_image(folder)
        rendering.append(render())
        worst = max(worst, check_images(image, expected, agreement))
        with timed_run(how.reference, [*words, *ONE_PIXEL], how.timeout) as (
            seconds,
            _,
        ):
            one_pixel.append(seconds)
        with timed_run(nbsim, own_words, how.timeout) as (seconds, folder):
            command.append(seconds)
            written = float_image(folder)
        worst = max(worst, check_images(written, expected, agreement))
    return (
        worst,
        Timing.of(full).less(Timing.of(one_pixel)),
        Timing.of(rendering),
        Timing.of(full),
        Timing.of(command),
    )


def measure_noise(
    workload: Workload, words: Sequence[str], simulation: Simulation, how: How
) -> tuple[float, Timing, Timing, Timing, Timing]:
    """Return the same for the noise image: its cost to C is what -nonoise saves."""
    nbsim = nbsim_program(how.threads, how.precision, how.device)
    output = read_command_line(words, Experiment).output
    image = simulation.render(
        backend=how.device, threads=how.threads, precision=how.precision
    )
    worst = 0.0

    def make_noise() -> tuple[float, np.ndarray]:
        with tempfile.TemporaryDirectory(prefix="nbsim-benchmark-") as folder:
            began = time.perf_counter()
            noise = poisson_noise(image, output.seed, output.adc).pixels
            header = simulation.smv_header(output.adc)
            write_smv(Path(folder, NOISE_FILE), noise, header)
            return time.perf_counter() - began, noise

    make_noise()
    with timed_run(nbsim, words, how.timeout):
        pass
    full, plain, drawing, command = [], [], [], []
    for _ in range(how.repeat):
        with timed_run(how.reference, words, how.timeout) as (seconds, folder):
            full.append(seconds)
            expected = float_image(folder)
            expected_noise = read_smv(folder / NOISE_FILE).pixels
        seconds, noise = make_noise()
        drawing.append(seconds)
        check_same(noise, expected_noise)
        with timed_run(how.reference, [*words, "-nonoise"], how.timeout) as (spent, _):
            plain.append(spent)
        with timed_run(nbsim, words, how.timeout) as (seconds, folder):
            command.append(seconds)
            written = float_image(folder)
            written_noise = read_smv(folder / NOISE_FILE).pixels
        check_same(written_noise, expected_noise)
        worst = max(worst, check_images(written, expected, how.reference.agreement))
    return (
        worst,
        Timing.of(full).less(Timing.of(plain)),
        Timing.of(drawing),
        Timing.of(full),
        Timing.of(command),
    )


def check_same(noise: np.ndarray, reference: np.ndarray) -> None:
    """Compare two noise images.

    Raises
    ------
    Disagreement
        When a single pixel differs.
    """
    differing = int(np.count_nonzero(noise != reference))
    if differing:
        raise Disagreement(f"{differing} pixels of the noise images differ")
