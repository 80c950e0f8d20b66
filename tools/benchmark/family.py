# SPDX-License-Identifier: MIT
"""Background, point spread and noise beside the C programs nonBragg and noisify.

Processor times of one thread. C: a run less the same run without the work that is
measured, as processes; nbsim: the function that does it, in this process. Both must
give the same image. What only nbsim does is measured alone.
"""

import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nbsim.formats.smv import read_smv
from nbsim.formats.textfiles import built_in_stol
from nbsim.images.counts import counts_image
from nbsim.images.detected import detected_image
from nbsim.images.psf import apply_psf
from nbsim.model.detector_response import DetectorResponse
from nbsim.simulation import Simulation
from nbsim.tools.benchmark.measure import Disagreement, Program, float_image, timed_run

#: Pixels (slow, fast) of a Pilatus 6M, and with --quick.
SHAPE, QUICK_SHAPE = (2527, 2463), (631, 615)
#: Not 0.1: nonBragg then makes a column and a row too many.
PIXEL_MM = 0.172
MEANS = (0.5, 10.0, 200.0)
SEED = 7
#: Shows a hundredth of a photon in a blurred image.
GAIN = 100
#: float images agree to this part of the brightest pixel.
AGREEMENT = 1e-6


@dataclass
class FamilyRow:
    """One workload, measured; minima, s.

    Attributes
    ----------
    name
        The workload.
    goal
        What `ratio` (C / nbsim) must reach; for what only nbsim does, the most s.
    c_cpu, nbsim_cpu
        Processor times; None: not measured.
    pixels
        What a time per pixel is of; 0: none is shown.
    threads
        More than 1: `nbsim_cpu` is time by the clock.
    problem
        Why there are no times.
    """

    name: str
    goal: float
    c_cpu: float | None = None
    nbsim_cpu: float | None = None
    pixels: int = 0
    threads: int = 1
    problem: str | None = None

    @property
    def ratio(self) -> float | None:
        """How many times faster nbsim is; None without C."""
        if self.c_cpu is None or not self.nbsim_cpu:
            return None
        return self.c_cpu / self.nbsim_cpu


@dataclass(frozen=True)
class Job:
    """Two ways to the same image.

    Attributes
    ----------
    name, goal
        Of `FamilyRow`.
    words, idle
        Of the C program, and what to add so that it does all but the work.
    image
        What nbsim does.
    read
        The C program's image, from its folder.
    written
        Makes of nbsim's image what C writes; not part of the work.
    """

    name: str
    goal: float
    words: list[str]
    idle: list[str]
    image: Callable[[], np.ndarray]
    read: Callable[[Path], np.ndarray]
    written: Callable[[np.ndarray], np.ndarray] = np.asarray


def background_jobs(folder: Path, shape: tuple[int, int]) -> list[Job]:
    """Return nonBragg's workloads; their table is written into a folder."""
    table = folder / "water.stol"
    np.savetxt(table, built_in_stol("water"))
    slow, fast = shape
    x, y = PIXEL_MM * slow / 2.1, PIXEL_MM * fast / 1.9
    common = (
        f"-detpixels_x {fast} -detpixels_y {slow} -pixel {PIXEL_MM} -distance 250 "
        "-lambda 1 -polar 0.9 -nonoise"
    ).split()
    jobs = []
    for oversample in (1, 2):
        simulation = Simulation.from_args(
            f"-cell 50 50 50 90 90 90 -default_F 1 -N 1 -Xbeam {x} -Ybeam {y} "
            f"-background {table} 0.1".split() + common
        )
        (background,) = simulation.backgrounds
        simulation = dataclasses.replace(
            simulation,
            backgrounds=(dataclasses.replace(background, oversample=oversample),),
        )
        # The program's own beam centre is another corner of the pixel.
        half = PIXEL_MM / 2.0
        words = f"-Xbeam {y + half} -Ybeam {x + half} -thick 0.1".split() + common
        words += ["-stol", str(table), "-oversample", str(oversample)]
        jobs.append(
            Job(
                f"nonBragg, oversample {oversample}",
                14.0,
                words,
                ["-roi", "0", "0", "0", "0"],
                lambda simulation=simulation: simulation.render_background(threads=1),
                float_image,
            )
        )
    return jobs


def noise_jobs(folder: Path, shape: tuple[int, int]) -> list[Job]:
    """Return noisify's workloads; their images are written into a folder."""
    jobs = []
    rng = np.random.default_rng(1)
    size = ["-detpixels_x", str(shape[1]), "-detpixels_y", str(shape[0])]
    common = [*size, "-seed", str(SEED), "-nopgm"]
    every: dict[str, Any] = {"flicker": 0.02, "calibration": 0.03, "readout_adu": 3.0}
    for mean in MEANS:
        flat = np.full(shape, mean, np.float32)
        counts = rng.poisson(flat).astype(np.float32)
        of_mean = folder / f"mean{mean:g}.bin", folder / f"counts{mean:g}.bin"
        flat.tofile(of_mean[0])
        counts.tofile(of_mean[1])
        words = ["-bin", str(of_mean[0]), *common]
        for name, fields in (("Poisson", {}), ("all noise", every)):
            calibration = fields.get("calibration", 0.0)
            more = ["-calibration", str(calibration)]
            if fields:
                more += ["-flicker", "0.02", "-readout_noise", "3"]
            response = DetectorResponse(**fields)
            jobs.append(
                Job(
                    f"{name}, mean {mean:g}",
                    1.0,
                    words + more,
                    ["-nonoise"],
                    lambda flat=flat, response=response: detected_image(
                        flat, SEED, response, threads=1
                    ).pixels,
                    lambda where: read_smv(where / "noiseimage.img").pixels,
                )
            )
        jobs += _spread_jobs(of_mean[1], counts, mean, common)
    return jobs


def _spread_jobs(
    path: Path, counts: np.ndarray, mean: float, common: list[str]
) -> Iterator[Job]:
    spreads = (("gauss", 80, 0.1), ("gauss", 300, 0.1), ("fiber", 80, 0.172))
    for psf, fwhm, pixel in spreads:
        if psf == "fiber" and mean > MEANS[1]:
            continue  # two minutes of the C program
        goal = 2.5 if psf == "gauss" else 1.3 if mean < 1.0 else 3.0
        words = ["-bin", str(path), *common, "-nonoise", "-pixel", str(pixel)]
        words += ["-gain", str(GAIN), "-bits", "32", "-calibration", "0"]
        yield Job(
            f"{psf} {fwhm} um, mean {mean:g}",
            goal,
            words + ["-psf", psf, "-psf_fwhm", str(fwhm)],
            ["-psf_fwhm", "0"],
            lambda psf=psf, fwhm=fwhm, pixel=pixel: apply_psf(
                counts, psf, fwhm, pixel, model="c", threads=1
            ),
            lambda where: read_smv(where / "intimage.img").pixels,
            lambda blurred: np.minimum(
                blurred.astype(float) * GAIN + 40.0, 65535.0
            ).astype(np.uint16),
        )


def own_rows(
    shape: tuple[int, int], threads: int, repeat: int, progress: Callable[[str], None]
) -> list[FamilyRow]:
    """Measure what no C program does: model physical's point spread, drawn counts."""
    pixels = shape[0] * shape[1]
    counts = np.random.default_rng(1).poisson(10.0, shape).astype(np.float32)
    works: list[tuple[FamilyRow, Callable[[], Any]]] = [
        (
            FamilyRow("physical fiber, whole frame", 2.0),
            lambda: apply_psf(counts, "fiber", 80.0, 0.172, threads=1),
        ),
        (
            FamilyRow("physical gauss, whole frame", 2.0),
            lambda: apply_psf(counts, "gauss", 80.0, 0.172, threads=1),
        ),
    ]
    for mean in (*MEANS, 1e4):
        row = FamilyRow(
            f"philox, mean {mean:g}", 5e-9 * pixels, pixels=pixels, threads=threads
        )
        flat = np.full(shape, mean, np.float32)
        works.append((row, lambda flat=flat: counts_image(flat, 1, threads=threads)))
    for row, work in works:
        progress(row.name)
        clock = time.perf_counter if row.threads > 1 else time.process_time
        row.nbsim_cpu = min(_timed(work, clock)[0] for _ in range(repeat + 1))
    return [row for row, _ in works]


def measure_family(
    programs: dict[str, Program],
    *,
    quick: bool,
    threads: int,
    repeat: int,
    timeout: float,
    progress: Callable[[str], None],
) -> list[FamilyRow]:
    """Measure the workloads of the programs that there are, and nbsim's own.

    Parameters
    ----------
    programs
        "nonBragg", "noisify" or both.
    quick
        Small images.
    threads
        Of the counts drawn by counter; all else has one.
    repeat, timeout, progress
        As elsewhere.
    """
    shape = QUICK_SHAPE if quick else SHAPE
    rows = []
    jobs_of = {"nonBragg": background_jobs, "noisify": noise_jobs}
    with tempfile.TemporaryDirectory(prefix="nbsim-benchmark-") as folder:
        for name, program in programs.items():
            for job in jobs_of[name](Path(folder), shape):
                progress(job.name)
                row = FamilyRow(job.name, job.goal)
                rows.append(row)
                try:
                    _measure(row, job, program, repeat, timeout)
                except Disagreement as problem:
                    row.problem = str(problem)
    return rows + own_rows(shape, threads, repeat, progress)


def _measure(
    row: FamilyRow, job: Job, program: Program, repeat: int, timeout: float
) -> None:
    import resource  # not on every system

    def spent(*more: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with timed_run(program, [*job.words, *more], timeout) as (_, folder):
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            if not more:
                _check(job.written(image), job.read(folder))
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    image = job.image()  # compiled, and for the comparison
    of_c, of_nbsim = [], []
    for _ in range(repeat):
        of_c.append(spent() - spent(*job.idle))
        of_nbsim.append(_timed(job.image, time.process_time)[0])
    row.c_cpu, row.nbsim_cpu = max(0.0, min(of_c)), min(of_nbsim)


def _timed(work: Callable[[], Any], clock: Callable[[], float]) -> tuple[float, Any]:
    began = clock()
    done = work()
    return clock() - began, done


def _check(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Raise Disagreement unless two images are the same."""
    ours, theirs = ours.ravel(), theirs.ravel()
    if ours.size != theirs.size:
        raise Disagreement(f"{theirs.size} pixels, nbsim has {ours.size}")
    off = np.abs(ours.astype(float) - theirs).max()
    allowed = AGREEMENT * float(ours.max()) if ours.dtype.kind == "f" else 0.0
    if off > allowed:
        raise Disagreement(f"the images differ by {off:g}")


def family_lines(rows: Sequence[FamilyRow]) -> list[str]:
    """Return the table."""
    lines = [
        "| workload | C, CPU s | nbsim, CPU s | C / nbsim | goal | ns per pixel |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        if row.problem is not None or row.nbsim_cpu is None:
            lines.append(f"| {row.name} | FAIL: {row.problem} | | | | |")
            continue
        ratio, each = row.ratio, ""
        if row.pixels:
            each = f"{row.nbsim_cpu / row.pixels * 1e9:.2f}, {row.threads} threads"
        lines.append(
            f"| {row.name} | {'' if row.c_cpu is None else f'{row.c_cpu:.3f}'} "
            f"| {row.nbsim_cpu:.3f} | {'' if ratio is None else f'{ratio:.2f}'} "
            + (f"| {row.goal:g} " if ratio else f"| at most {row.goal:.3g} s ")
            + f"| {each} |"
        )
    return lines
