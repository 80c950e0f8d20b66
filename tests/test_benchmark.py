# SPDX-License-Identifier: MIT
"""``nbsim-benchmark``: no time without agreement, and workloads that mean something."""

import contextlib
import json
import stat
import sys
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import nbsim
from nbsim.backends import device
from nbsim.tools.benchmark import cuda as benchmark_cuda
from nbsim.tools.benchmark import cuda_times as benchmark_cuda_times
from nbsim.tools.benchmark import main as benchmark
from nbsim.tools.benchmark import measure as measuring
from nbsim.tools.benchmark import process as benchmark_process
from nbsim.tools.benchmark.measure import Disagreement, Row, Timing, check_images
from nbsim.tools.benchmark.workloads import (
    CUDA_WORKLOADS,
    LARGE_LARGEST_INDEX,
    LYSOZYME_CELL_A,
    SAXS_LARGEST_INDEX,
    WORKLOADS,
    chosen_workloads,
    command_options,
    ensure_list,
    lysozyme_indices,
    saxs_indices,
)

NAMES = [workload.name for workload in WORKLOADS]
#: A "C program" that is nbsim, and then does something to its float image.
REFERENCE = """#!{python}
import sys
import numpy as np
from nbsim.command.main import main
status = main(sys.argv[1:])
image = np.fromfile("floatimage.bin", np.float32)
{spoil}
image.tofile("floatimage.bin")
sys.exit(status)
"""


@pytest.fixture
def make_reference(tmp_path):
    """Return a function that writes such a program and returns its path."""

    def write(spoil="pass"):
        path = tmp_path / "reference"
        path.write_text(REFERENCE.format(python=sys.executable, spoil=spoil))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return write


@pytest.fixture(autouse=True)
def no_peak(monkeypatch, tmp_path):
    """The peak has its own test; lists go where the test leaves nothing."""
    peaks = {(p, n): 1e11 for p in ("double", "single") for n in (1, 2)}
    monkeypatch.setattr(benchmark, "_peaks", lambda threads: peaks)
    monkeypatch.setattr(benchmark, "input_folder", lambda: tmp_path)


def run(capsys, *words):
    status = benchmark.main([*words, "--quick", "--threads", "1"])
    return status, capsys.readouterr()


@pytest.mark.parametrize("name", ["still", "noise"])
def test_agreeing_programs_are_timed(make_reference, tmp_path, capsys, name):
    report = tmp_path / "report.json"
    words = ["--workloads", name, "--json", str(report)]
    status, said = run(capsys, "--c-bin", make_reference(), *words)
    assert status == 0
    assert f"nbsim-benchmark: {name} against C" in said.err
    (row,) = json.loads(report.read_text())["rows"]
    assert row["problem"] is None and row["difference"] == 0.0
    assert row["command_reference"]["minimum"] > 0.0
    assert row["command_nbsim"]["minimum"] > 0.0
    expected = row["command_reference"]["median"] / row["command_nbsim"]["median"]
    assert row["command_ratio"]["median"] == pytest.approx(expected)
    assert said.out.splitlines()[-1].startswith(f"| {name} | ")


@pytest.mark.parametrize(
    "spoil, reason",
    [
        ("image[5] += 2e-6 * image.max()", "the images differ by 2e-06 of"),
        ("image[0] = np.nan", "the brightest pixel of the reference is nan"),
        ("image[:] = 0", "the brightest pixel of the reference is 0"),
        ("image = image[1:]", "262144 pixels, not 262143"),
        ("sys.exit('out of luck')", "C: exit status 1 (out of luck)"),
    ],
)
def test_no_times_without_agreement(make_reference, tmp_path, capsys, spoil, reason):
    report = tmp_path / "report.json"
    words = ["--workloads", "still", "--json", str(report)]
    status, said = run(capsys, "--c-bin", make_reference(spoil), *words)
    assert status == 3
    assert f"| still | 2.62e+05 | FAIL: {reason}" in said.out
    (row,) = json.loads(report.read_text())["rows"]
    assert reason in row["problem"]
    assert {row[key] for key in row if key.startswith(("work_", "command_"))} == {None}


def test_difference_in_noise_fails(make_reference, capsys):
    spoil = (
        "if '-nonoise' not in sys.argv:\n"
        "    content = bytearray(open('noiseimage.img', 'rb').read())\n"
        "    content[-1] ^= 1\n"
        "    open('noiseimage.img', 'wb').write(content)"
    )
    reference = make_reference(spoil)
    status, said = run(capsys, "--c-bin", reference, "--workloads", "noise")
    assert status == 3
    assert "FAIL: 1 pixels of the noise images differ" in said.out


@pytest.mark.parametrize(
    "words, status, reason",
    [
        ([], 2, "nothing to compare with"),
        (["--c-bin", "/nowhere/nanoBragg"], 1, "no such program"),
        (["--c-bin", "python3", "--workloads", "still,cat"], 2, "--workloads cat"),
        (["--repeat", "0"], 2, "--repeat 0"),
        (["--timeout", "nan"], 2, "--timeout nan"),
        (["--device", "tpu"], 2, "--device tpu"),
    ],
)
def test_bad_command_lines(monkeypatch, capsys, words, status, reason):
    monkeypatch.delenv(benchmark.C_BIN, raising=False)
    got, said = run(capsys, *words)
    assert got == status
    assert reason in said.err.splitlines()[-1]


def test_thread_count_is_checked(capsys):
    assert benchmark.main(["--threads", "0"]) == 2
    assert "--threads 0: expected 1 to" in capsys.readouterr().err


@pytest.mark.parametrize("values", [[np.nan, 1.0], [1.0, 1.1], [1.0, np.inf]])
def test_images_that_do_not_agree(values):
    with pytest.raises(Disagreement):
        check_images(np.array(values, np.float32), np.ones(2, np.float32), 1e-6)


def test_images_that_agree():
    image = np.array([[4.0, 2.0]], np.float32)
    assert check_images(image, np.array([4.0, 1.0], np.float32), 0.25) == 0.25


def test_timing():
    whole, part = Timing.of([5.0, 3.0, 4.0]), Timing.of([1.0, 2.0, 2.0])
    assert (whole, part) == (Timing(4.0, 3.0), Timing(2.0, 1.0))
    assert whole.less(part) == Timing(2.0, 2.0)
    assert whole.per(2.0) == Timing(2.0, 1.5)
    assert whole.ratio(part) == Timing(2.0, 3.0)
    assert whole.ratio(part.less(whole)) is None


def test_titles_and_rows_have_the_same_columns():
    timing = Timing(1.0, 1.0)
    failed = Row("still", "C", 1e6, "evaluations", "no image")
    good = Row("still", "C", 1e6, "evaluations", None, 0.0, *[timing] * 4)
    rows = [benchmark.format_row(row, 0.5) for row in (failed, good)]
    assert {row.count("|") for row in [*benchmark._titles("C"), *rows] if row} == {11}
    assert "1e+03 (1e+03)" in rows[1] and "50%" in rows[1]


@pytest.mark.parametrize("name", NAMES)
def test_image_of_a_workload_is_worth_comparing(name, tmp_path):
    """Not dark, and not without the interpolation that it is to measure."""
    (workload,) = chosen_workloads(name)
    words = command_options(workload, True, tmp_path)
    simulation = nbsim.Simulation.from_args([*words, *workload.nbsim_words])
    result = simulation.run(backend="cpu")
    lit = np.mean(result.image > 1e-6 * result.image.max())
    assert lit > 0.02
    assert result.out_of_range is None
    assert simulation.setup.interpolate == (name == "tricubic")


@pytest.mark.parametrize("name", NAMES)
def test_full_size_is_large_enough_to_time(name, tmp_path):
    (workload,) = chosen_workloads(name)
    sizes = [
        measuring.evaluations(
            nbsim.Simulation.from_args(command_options(workload, quick, tmp_path))
        )
        for quick in (True, False)
    ]
    assert 2e5 < sizes[0] < 6e6
    assert 1e6 <= sizes[1] < 1e8


def test_lists_are_complete_and_the_same_every_time(tmp_path):
    indices = lysozyme_indices()
    assert (indices == 0).all(axis=1).sum() == 1
    volume = 4.0 / 3.0 * np.pi / 1.3**3 * np.prod(LYSOZYME_CELL_A)
    assert len(indices) == pytest.approx(volume, rel=0.01)
    assert len(saxs_indices()) == (2 * SAXS_LARGEST_INDEX + 1) ** 3
    paths = [
        ensure_list(tmp_path / name, lambda: saxs_indices()[:500]) for name in "ab"
    ]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    table = np.loadtxt(paths[0])
    assert (table[:, :3] == saxs_indices()[:500]).all()
    assert (table[:, 3] >= 1.0).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_peak_kernel_does_what_is_counted(dtype):
    from nbsim.tools.benchmark import peak

    start = np.array([0.25, 0.5], dtype)
    steps = np.linspace(0.1, 1.0, peak.CHAINS + 2).astype(dtype)
    out = np.zeros(2, dtype)
    peak._multiply_add(start, steps, out)
    chains = start[:, None].astype(float) + steps[: peak.CHAINS]
    for _ in range(peak.LINKS):
        chains = chains * steps[-2] + steps[-1]
    np.testing.assert_allclose(out, chains.sum(axis=1), rtol=1e-5)
    assert 1e8 < peak.measure_peak(1, dtype, repeats=50) < 1e13


def test_stages_add_up_to_the_command(monkeypatch):
    options = SimpleNamespace(
        threads=1, precision="double", device="cpu", repeat=1, timeout=60.0, quick=True
    )
    # Compiles, which takes long, and has a test of its own.
    monkeypatch.setattr(benchmark_process, "_first_run", lambda *arguments: 12.5)
    said = []
    content = benchmark_process.startup(None, options, said.append).content
    assert sum(content["stages"].values()) == pytest.approx(content["command"])
    assert 0.0 < content["stages"]["render"] < content["command"]
    assert 0.0 < content["outside"] < content["command"]
    assert content["help"] < content["config"] < content["command"]
    assert content["first"] == content["first_sparse"] == 12.5
    assert {"numpy", "llvmlite", "nbsim"} <= set(content["imports"])
    # Everything is in the cache.
    assert "numba" not in content["imports"]
    assert len(said) == 4


def test_first_run_has_an_empty_cache(monkeypatch):
    caches = []

    @contextlib.contextmanager
    def record(program, words, timeout):
        caches.append(Path(program.environment["NUMBA_CACHE_DIR"]))
        assert list(caches[-1].iterdir()) == []
        yield 3.0, None

    monkeypatch.setattr(benchmark_process, "timed_run", record)
    nbsim_command = measuring.nbsim_program(1, "double", "cpu")
    options = SimpleNamespace(timeout=60.0)
    assert benchmark_process._first_run(nbsim_command, [], options) == 3.0
    assert not caches[0].exists()


def test_memory_is_that_of_the_image(monkeypatch):
    options = SimpleNamespace(threads=1, precision="double", device="cpu", quick=True)
    monkeypatch.setattr(benchmark_process, "QUICK_SIZES", (2048,))
    content = benchmark_process.memory(options, lambda text: None).content
    beyond = content["peaks"][2048] - content["alone"]
    image = 4 * 2048**2
    assert image <= beyond <= 10 * image


CUDA_ROW = dict(difference=0.0, upload=1.0, download=1.0, run=1.0, command=1.0)


def test_without_a_device_one_sentence(monkeypatch, capsys):
    problem = "no NVIDIA driver is installed"
    monkeypatch.setattr(device, "cuda_problem", lambda: problem)
    assert benchmark.main(["--device", "cuda", "--json", "/nowhere/x"]) == 1
    said = capsys.readouterr()
    sentence = f"error: no CUDA device can be used: {problem}\n"
    assert said.err == f"nbsim-benchmark: {sentence}"
    assert said.out == ""


@pytest.mark.parametrize(
    "words, reason",
    [
        (["--device", "cuda:0,1"], "--device cuda:0,1: expected one device"),
        (["--device", "cuda", "--workloads", "seed"], "--workloads seed: expected"),
    ],
)
def test_what_a_cuda_benchmark_refuses(capsys, words, reason):
    assert benchmark.main(words) == 2
    assert reason in capsys.readouterr().err


def test_wrong_cuda_image_has_no_times(monkeypatch, tmp_path, capsys):
    asked = []

    def measure_row(row, simulation, words, check, options):
        asked.append((row.precision, check))
        raise Disagreement("the images differ")

    monkeypatch.setattr(benchmark_cuda, "check_device", lambda request: None)
    monkeypatch.setattr(benchmark_cuda, "device_lines", lambda: ["cuda:0  H200"])
    monkeypatch.setattr(benchmark_cuda, "reference_rows", lambda *arguments: "rows")
    monkeypatch.setattr(benchmark_cuda, "measure_row", measure_row)
    monkeypatch.delenv(benchmark.C_BIN, raising=False)
    report = tmp_path / "report.json"
    words = ["--device", "cuda", "--workloads", "still_1024", "--json", str(report)]
    status, said = run(capsys, *words)
    assert status == 3
    assert asked == [(p, (slice(0, 256), "rows")) for p in ("double", "single")]
    lines = said.out.splitlines()
    assert lines[0] == "cuda:0  H200"
    assert lines[-1].startswith(
        "| still_1024 | single | 6.55e+04 | FAIL: the images differ |"
    )
    rows = json.loads(report.read_text())["rows"]
    assert {row["kernel"] for row in rows} == {row["run"] for row in rows} == {None}


def test_rows_of_the_cuda_table():
    names = ["CUDA port", "C"]
    good = benchmark_cuda.CudaRow("a", "double", 1e9, kernel=18e-3, **CUDA_ROW)
    good.others = {"CUDA port": (27e-3, 0.25), "C": "FAIL: no image"}
    noisy = benchmark_cuda.CudaRow("a", "single", 1e9, kernel=2e-3, **CUDA_ROW)
    noisy.others = {"CUDA port": "refused", "C": (-1e-3, 0.25)}
    failed = benchmark_cuda.CudaRow("a", "double", 1e9, "no image")
    assert (good.failed, noisy.failed, failed.failed) == (True, False, True)
    rows = [benchmark_cuda.format_cuda_row(r, names) for r in (good, noisy, failed)]
    lines = [*benchmark_cuda.titles(names)[1:], *rows]
    assert {line.count("|") for line in lines} == {18}
    assert "| 18 | 18 | 50% |" in rows[0]
    assert "| 27 | 1.5 | 0.25 | FAIL: no image |" in rows[0]
    assert "| 2 | 2 | 200% |" in rows[1]
    assert rows[1].endswith("| refused |  |  | ? | ? | 0.25 |")


@pytest.mark.parametrize(
    "precision, value, reason",
    [
        ("double", 1e-2 + 2e-6, "of the brightest"),
        ("double", 1e-2 + 5e-7, "of its value"),
        ("double", 1e-2 + 5e-8, None),
        ("single", 1e-2 + 5e-7, None),
        ("single", 1e-2 + 5e-6, "of its value"),
        ("single", np.nan, "of the brightest"),
    ],
)
def test_check_of_a_cuda_image(precision, value, reason):
    expected = np.array([[1.0, 1e-2], [0.0, 1e-9]], np.float32)
    image = np.array([[1.0, value], [1e-8, 0.0]], np.float32)
    if reason is None:
        worst = benchmark_cuda.check_against_cpu(image, expected, precision)
        assert worst == pytest.approx(value - 1e-2, rel=0.02)
        return
    with pytest.raises(Disagreement, match=reason):
        benchmark_cuda.check_against_cpu(image, expected, precision)


@pytest.mark.parametrize(
    "count, rows",
    [(1e6, (0, 100)), (8e9, (37, 62)), (1e15, (49, 50))],
)
def test_rows_that_the_processor_checks(monkeypatch, count, rows):
    monkeypatch.setattr(benchmark_cuda, "evaluations", lambda simulation: count)
    simulation = SimpleNamespace(detector=SimpleNamespace(shape=(100, 7)))
    assert benchmark_cuda.rows_to_check(simulation) == slice(*rows)


def test_cuda_workloads_are_large_enough():
    counts = {
        workload.name: measuring.evaluations(
            nbsim.Simulation.from_args(command_options(workload, False, Path()))
        )
        for workload in CUDA_WORKLOADS
        if "{" not in workload.words
    }
    assert counts["still_1024"] == 2.0**20
    assert counts["mosaic_1000"] == counts["phi_10_mosaic_100"] == 1000 * 2.0**20
    assert counts["oversample_4"] == 2.0**26
    assert max(counts.values()) > 1e10
    assert (2 * LARGE_LARGEST_INDEX + 1) ** 3 >= 5e6


def test_events_time_what_is_queued_after_the_ballast(monkeypatch):
    calls = []

    class Event:
        def __init__(self, name):
            self.name = name

        def record(self):
            calls.append(self.name)

    def elapsed(begin, end):
        calls.append(f"{begin.name} to {end.name}")
        return 4000.0

    names = iter(("begin", "end"))
    cuda = SimpleNamespace(
        event=lambda timing: Event(next(names)),
        device_array=lambda shape, dtype: None,
        event_elapsed_time=elapsed,
    )
    fill = defaultdict(lambda: lambda *_: calls.append("ballast"))
    kernels = SimpleNamespace(fill=fill)
    monkeypatch.setitem(sys.modules, "nbsim.kernels.cuda.measuring", kernels)
    monkeypatch.setattr("nbsim.kernels.cuda.measuring", kernels, raising=False)
    clock = benchmark_cuda_times.EventClock(cuda)
    for launch in ("first", "second"):
        clock.before()
        calls.append(launch)
        clock.queued()
        calls.append("wait")
        clock.after()
    ballast = ["ballast"] * benchmark_cuda_times.BALLAST_LAUNCHES
    ends = ["end", "wait", "begin to end"]
    assert calls == [*ballast, "begin", "first", *ends] + [
        *ballast,
        "begin",
        "second",
        *ends,
    ]
    assert clock.seconds == 8.0


def test_other_program_beside_the_cuda_device(monkeypatch, tmp_path):

    @contextlib.contextmanager
    def record(program, words, timeout):
        yield (2.0 if "-roi" in words else 5.0), tmp_path

    monkeypatch.setattr(benchmark_cuda, "timed_run", record)
    written = np.array([1.0, 0.5], np.float32)
    monkeypatch.setattr(benchmark_cuda, "float_image", lambda folder: written)
    options = SimpleNamespace(repeat=2, timeout=1.0)
    port = measuring.Program("CUDA port", ("port",), agreement=1e-4)
    still, gauss = CUDA_WORKLOADS[0], CUDA_WORKLOADS[-1]

    def other(workload, image):
        return benchmark_cuda.measure_other(port, workload, [], image, options)

    assert other(still, written) == (3.0, 5.0)
    assert other(gauss, written) == "refused"
    assert str(other(still, 2 * written)).startswith("FAIL: the images differ by 1 ")
