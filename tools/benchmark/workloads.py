# SPDX-License-Identifier: MIT
"""What the benchmark renders: command lines, and the structure factors they read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nbsim.formats.files import replace_when_complete
from nbsim.kernels.cache_folder import private_folder
from nbsim.tools.named_configs import read_config

#: Floating-point operations of one evaluation of the square crystal with one F,
#: (double, single), as counted in the machine code: additions, multiplications, the
#: division as 1. In single precision 18 are float64, and take the place of 36. At
#: most nine cells: of the workloads' 5, whose series has three terms.
OPERATIONS_ANY_N = (142, 109)
OPERATIONS_FEW_CELLS = (100, 97)

LYSOZYME_CELL_A = (78.0, 78.0, 37.0)
LYSOZYME_RESOLUTION_A = 1.3
SAXS_LARGEST_INDEX = 22
LARGE_LARGEST_INDEX = 85

#: Renders one pixel; everything else (start, input, output) stays as it is.
ONE_PIXEL = ("-roi", "0", "0", "0", "0")


@dataclass(frozen=True)
class Workload:
    """One image that both programs render.

    Attributes
    ----------
    name
        One word, for --workloads.
    words
        Options of both programs; ``{hkl}`` and ``{saxs}`` are lists to read.
    quick
        Options that are added to make it small.
    config
        A shipped configuration that the options are added to.
    nbsim_words
        Options that only nbsim has, for what the C program always does.
    operations
        Per evaluation, see `OPERATIONS_ANY_N`; None: not counted.
    noise
        What is measured is the noise image, not the rendering.
    not_for_port
        Why the CUDA port cannot render it; None: it can.
    goal
        For `nbsim.tools.benchmark.sparse`: how much less processor time than the dense
        kernel, on an AVX2 and on an AVX-512 machine.
    """

    name: str
    words: str
    quick: str
    config: str | None = None
    nbsim_words: tuple[str, ...] = ()
    operations: tuple[int, int] | None = None
    noise: bool = False
    not_for_port: str | None = None
    goal: tuple[float, float] = (1.0, 1.0)


CUBIC = "-cell 100 100 100 90 90 90 -default_F 100 -lambda 1 -seed 1 -oversample 1"
NEAR = f"{CUBIC} -distance 100 -detpixels 1024 -pixel 0.1 -nonoise"
FIFTY = "-mosaic 0.5 -mosaic_domains 50"
MANY = "-mosaic 0.5 -mosaic_domains 1000 -detpixels 256 -pixel 0.4"
TETRAGONAL = "-cell 78 78 37 90 90 90 -misset 10 20 30 -lambda 1 -seed 1 -nonoise"
# Every index must be inside the list, with two points to spare: C stops
# interpolating at the first that is not.
SAXS = (
    "-cell 250 250 250 90 90 90 -misset 10 20 30 -hkl {saxs} -N 1 -interpolate "
    "-oversample 1 -lambda 1 -distance 1000 -detpixels 1024 -pixel 0.1 -seed 1 "
    "-mosaic 0.5 -nonoise"
)
QUARTER = "-detpixels 256 -pixel 0.4"

WORKLOADS = (
    Workload("still", f"{NEAR} -N 20", "-detpixels 512", operations=OPERATIONS_ANY_N),
    Workload(
        "mosaic_50", f"{NEAR} -N 20 {FIFTY}", QUARTER, operations=OPERATIONS_ANY_N
    ),
    Workload(
        "mosaic_50_few",
        f"{NEAR} -N 5 {FIFTY}",
        QUARTER,
        operations=OPERATIONS_FEW_CELLS,
    ),
    Workload(
        "mosaic_1000",
        f"{NEAR} -N 20 {MANY}",
        "-detpixels 64 -pixel 1.6",
        operations=OPERATIONS_ANY_N,
    ),
    Workload(
        "mosaic_1000_few",
        f"{NEAR} -N 5 {MANY}",
        "-detpixels 64 -pixel 1.6",
        operations=OPERATIONS_FEW_CELLS,
    ),
    Workload(
        "seed",
        "-seed 1 -roi 0 2462 0 2526",
        "-detpixels_x 615 -detpixels_y 631 -pixel 0.688 -roi 0 614 0 630",
        config="seed",
        # C leaves the crystal where it was at the steps with phi = 0.
        nbsim_words=("-phi_carryover",),
        operations=OPERATIONS_ANY_N,
    ),
    Workload(
        "hkl_oversample",
        f"{TETRAGONAL} -hkl {{hkl}} -N 20 -oversample 4 -distance 120 "
        "-detpixels 2048 -pixel 0.1",
        "-detpixels 512 -pixel 0.4",
    ),
    Workload(
        "hkl_mosaic",
        f"{TETRAGONAL} -hkl {{hkl}} -N 20 -oversample 1 -distance 120 {FIFTY} "
        "-detpixels 1024 -pixel 0.2",
        "-detpixels 256 -pixel 0.8",
    ),
    Workload("gauss", f"{NEAR} -N 5 -gauss_xtal {FIFTY}", QUARTER),
    Workload("round", f"{NEAR} -N 5 -round_xtal {FIFTY}", QUARTER),
    Workload("tophat", f"{NEAR} -N 3 -tophat_spots -fudge 0.4 {FIFTY}", QUARTER),
    Workload(
        "tricubic",
        f"{SAXS} -mosaic_domains 20",
        QUARTER,
    ),
    Workload(
        "sources",
        f"{NEAR} -N 20 -hdivrange 2 -hdivsteps 5 -vdivrange 2 -vdivsteps 5 "
        "-square_div -dispersion 1 -dispsteps 9 -detpixels 512 -pixel 0.2",
        "-detpixels 128 -pixel 0.8",
        operations=OPERATIONS_ANY_N,
    ),
    Workload(
        "layers",
        f"{NEAR} -N 20 -detector_abs 300 -detector_thick 450 -detector_thicksteps 8 "
        "-detpixels 2048 -pixel 0.05",
        "-detpixels 512 -pixel 0.2",
        operations=OPERATIONS_ANY_N,
    ),
    Workload(
        "noise",
        f"{CUBIC} -N 5 -distance 230 -detpixels_x 2463 -detpixels_y 2527 -pixel 0.172 "
        "-fluence 1e32",
        "-detpixels_x 615 -detpixels_y 631 -pixel 0.688 -fluence 6e30",
        noise=True,
    ),
)

THOUSAND = "-mosaic 0.5 -mosaic_domains 1000"
LARGE = "-detpixels 4096 -pixel 0.025"
SMALL = "-detpixels 64 -pixel 1.6"
REFUSED = "refused"

#: For `nbsim.tools.benchmark.cuda`: up to 1.7e10 evaluations.
CUDA_WORKLOADS = (
    Workload("still_1024", f"{NEAR} -N 20", QUARTER),
    Workload("still_4096", f"{NEAR} -N 20 {LARGE}", QUARTER),
    Workload("mosaic_1000", f"{NEAR} -N 20 {THOUSAND}", SMALL),
    Workload("mosaic_1000_few", f"{NEAR} -N 5 {THOUSAND}", SMALL),
    Workload("mosaic_1000_4096", f"{NEAR} -N 20 {THOUSAND} {LARGE}", SMALL),
    Workload(
        "phi_10_mosaic_100",
        # From 5 degrees: C leaves the crystal where it was at steps with phi = 0.
        f"{NEAR} -N 20 -phi 5 -osc 1 -phisteps 10 -mosaic 0.5 -mosaic_domains 100",
        SMALL,
    ),
    Workload(
        "oversample_4",
        f"{NEAR} -N 20 -oversample 4 -detpixels 2048 -pixel 0.05",
        QUARTER,
    ),
    Workload(
        "hkl_5_million",
        f"{NEAR} -N 20 -hkl {{large}} {FIFTY}",
        SMALL,
        not_for_port="its reflections are counted in 16 bits",
    ),
    Workload(
        "tricubic",
        f"{SAXS} -mosaic_domains 100",
        SMALL,
        not_for_port=REFUSED,
    ),
    Workload(
        "gauss",
        f"{NEAR} -N 5 -gauss_xtal {THOUSAND}",
        SMALL,
        not_for_port=REFUSED,
    ),
)


# Spots of about a pixel on a detector of 6.2 million pixels. The fudge makes them those
# of a crystal of that size; nanoBragg's own are N/a times narrower.
PILATUS = (
    f"{TETRAGONAL} -default_F 100 -distance 250 -detpixels_x 2463 -detpixels_y 2527 "
    "-pixel 0.172 -oversample 1"
)
N50, N20 = "-N 50 -gauss_xtal", "-N 20 -gauss_xtal"
# From 5 degrees: C leaves the crystal where it was at steps with phi = 0.
SWEEP = "-phi 5 -osc 1 -phisteps 10 -mosaic 0.3 -mosaic_domains 100"
FEWER = "-detpixels_x 615 -detpixels_y 631 -mosaic_domains 10"

#: For `nbsim.tools.benchmark.sparse`.
SPARSE_WORKLOADS = (
    Workload("i", f"{PILATUS} {N50} -fudge 5.9e-4 {SWEEP}", FEWER, goal=(25, 15)),
    Workload(
        "i_list",
        f"{PILATUS} {N50} -fudge 5.9e-4 {SWEEP} -hkl {{half}} -default_F 0",
        FEWER,
        goal=(150, 60),
    ),
    Workload("i_fudge_1", f"{PILATUS} {N50} {SWEEP}", FEWER, goal=(1000, 500)),
    Workload(
        "one_orientation",
        f"{PILATUS} {N50} -fudge 5.9e-4",
        "-detpixels_x 615 -detpixels_y 631",
        goal=(7, 4),
    ),
    Workload("N_20", f"{PILATUS} {N20} -fudge 0.0231 {SWEEP}", FEWER, goal=(2.5, 1.5)),
    Workload(
        "tophat",
        f"{PILATUS} -N 50 -tophat_spots -fudge 5.9e-4 {SWEEP}",
        FEWER,
        goal=(80, 40),
    ),
    Workload(
        "oversample_2",
        f"{PILATUS} {N50} -fudge 5.9e-4 -oversample 2 -phi 5 -osc 1 -phisteps 10 "
        "-mosaic 0.3 -mosaic_domains 10",
        "-detpixels_x 615 -detpixels_y 631 -mosaic_domains 2",
        goal=(25, 15),
    ),
    Workload(
        "everything_lit",
        f"{PILATUS} -N 3 -gauss_xtal -mosaic 0.3 -mosaic_domains 5",
        "-detpixels_x 1024 -detpixels_y 1024",
        goal=(0.97, 0.97),
    ),
)


def chosen_workloads(
    names: str | None, among: Sequence[Workload] = WORKLOADS
) -> list[Workload]:
    """Return the workloads of a comma-separated list; None: all.

    Raises
    ------
    ValueError
        For a name that there is none of.
    """
    known = {workload.name: workload for workload in among}
    if names is None:
        return list(among)
    for name in names.split(","):
        if name not in known:
            raise ValueError(f"--workloads {name}: expected {', '.join(known)}")
    return [known[name] for name in names.split(",")]


def command_options(workload: Workload, quick: bool, inputs: Path) -> list[str]:
    """Return the options of both programs, and make the lists that they name.

    Parameters
    ----------
    workload
        What to render.
    quick
        Whether to make it small.
    inputs
        The folder of the lists.
    """
    words = read_config(workload.config) if workload.config else []
    words += workload.words.split()
    if quick:
        words += workload.quick.split()
    lists: dict[str, Callable[[], np.ndarray]] = {
        "{hkl}": lysozyme_indices,
        "{saxs}": saxs_indices,
        "{large}": large_indices,
        "{half}": half_of_lysozyme,
    }
    for i, word in enumerate(words):
        if word in lists:
            words[i] = str(ensure_list(inputs / f"{word[1:-1]}.hkl", lists[word]))
    return words


def input_folder() -> Path:
    """Return the folder of lists that are kept from run to run, and create it."""
    return private_folder("nbsim-benchmark")


def lysozyme_indices() -> np.ndarray:
    """Return every h, k, l that a lysozyme-sized cell has up to 1.3 A."""
    largest = [int(length / LYSOZYME_RESOLUTION_A) for length in LYSOZYME_CELL_A]
    indices = _box(largest)
    inverse_d = np.linalg.norm(indices / LYSOZYME_CELL_A, axis=1)
    return indices[inverse_d <= 1.0 / LYSOZYME_RESOLUTION_A]


def half_of_lysozyme() -> np.ndarray:
    """Return a random half of what the cell has up to 1.5 A."""
    indices = lysozyme_indices()
    inverse_d = np.linalg.norm(indices / LYSOZYME_CELL_A, axis=1)
    present = np.random.default_rng(seed=2).random(len(indices)) < 0.5
    return indices[present & (inverse_d <= 1.0 / 1.5)]


def saxs_indices() -> np.ndarray:
    """Return a full cube of h, k, l."""
    return _box([SAXS_LARGEST_INDEX] * 3)


def large_indices() -> np.ndarray:
    """Return five million h, k, l, beyond what the CUDA workloads' images reach."""
    return _box([LARGE_LARGEST_INDEX] * 3)


def _box(largest: Sequence[int]) -> np.ndarray:
    axes = (np.arange(-n, n + 1) for n in largest)
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def ensure_list(path: Path, make_indices: Callable[[], np.ndarray]) -> Path:
    """Write a list of pseudo-random structure factors, unless it is there.

    The same numbers every time; they fall off towards high resolution.
    """
    if path.exists():
        return path
    indices = make_indices()
    rng = np.random.default_rng(seed=1)
    reach = np.linalg.norm(indices / np.abs(indices).max(axis=0), axis=1)
    F = rng.rayleigh(300.0, len(indices)) * np.exp(-2.0 * reach * reach) + 1.0
    rows = zip(indices.tolist(), F.tolist())
    text = "".join("%d %d %d %.2f\n" % (*hkl, value) for hkl, value in rows)
    with replace_when_complete(path) as stream:
        stream.write(text.encode("ascii"))
    return path
