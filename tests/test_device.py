# SPDX-License-Identifier: MIT
"""Choosing a device, and what is said when there is none."""

import os
import subprocess
import sys

import pytest

from nbsim import DeviceError, Simulation
from nbsim.backends import cuda as render_cuda
from nbsim.backends import cuda_device, device, rates
from nbsim.command import main as cli

LINE = "-cell 70 80 90 90 90 90 -default_F 100 -N 5 -detpixels 8 -distance 100"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    monkeypatch.delenv(device.ENVIRONMENT, raising=False)
    monkeypatch.delenv("NUMBA_ENABLE_CUDASIM", raising=False)


@pytest.fixture
def package(monkeypatch):
    """The package numba-cuda is installed."""
    monkeypatch.setattr(device.importlib.util, "find_spec", lambda name: name)


@pytest.fixture
def driver(package, monkeypatch):
    """So is the driver."""
    monkeypatch.setattr(device, "_driver_found", lambda: True)


class CudaAPIError(Exception):
    """Looks like an error of numba's CUDA target."""

    __module__ = "numba.cuda.cudadrv.driver"


def failing(message):
    def fail():
        raise CudaAPIError(message)

    return fail


@pytest.mark.parametrize(
    "text, kind, indices",
    [
        ("auto", "auto", (0,)),
        ("cpu", "cpu", (0,)),
        ("cuda", "cuda", (0,)),
        ("cuda:3", "cuda", (3,)),
        ("cuda:0,2,1", "cuda", (0, 2, 1)),
    ],
)
def test_requests(text, kind, indices):
    assert device.parse_device(text) == device.Request(kind, indices)


@pytest.mark.parametrize(
    "text", ["", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:0,", "cuda:1.5", "cpu:0"]
)
def test_what_is_no_device(text):
    with pytest.raises(ValueError, match="expected auto, cpu, cuda, cuda:N"):
        device.parse_device(text)


def test_a_device_cannot_work_twice():
    with pytest.raises(ValueError, match="cuda:1,1: a device can be named only once"):
        device.parse_device("cuda:1,1")


def test_bad_backend_stops_before_rendering(monkeypatch):
    monkeypatch.setattr("nbsim.backends.driver.render", None)
    with pytest.raises(ValueError, match="device gpu: expected auto"):
        Simulation.from_args(LINE).run(backend="gpu")


def test_environment_is_the_default(monkeypatch):
    monkeypatch.setenv("NBSIM_DEVICE", "cuda:1")
    assert device.requested(None) == device.Request("cuda", (1,))
    assert device.requested("cpu") == device.Request("cpu")
    monkeypatch.setenv("NBSIM_DEVICE", "tpu")
    with pytest.raises(ValueError, match="NBSIM_DEVICE tpu: expected"):
        device.requested(None)


@pytest.fixture
def not_started(monkeypatch):
    """CUDA has not been used in this process."""
    monkeypatch.delitem(sys.modules, "numba.cuda", raising=False)


def test_auto_needs_a_large_job_and_a_device(not_started, monkeypatch):
    problems = iter([None, "broken"])
    monkeypatch.setattr(device, "cuda_problem", lambda: next(problems))
    # An H100 by its published figures: 132 processors, 1.98 GHz.
    card = rates.CardRates(132, 1.98e9, (9, 0)).evaluations_per_second()
    monkeypatch.setattr(device, "_speed", lambda index, precision: card)
    auto = device.Request("auto")
    assert device.choose(auto, 1e6).indices == ()
    choice = device.choose(auto, 1e12, 1e6)
    assert choice.indices == (0,)
    assert choice.device_s < 60.0 < choice.processor_s
    choice = device.choose(auto, 1e12)
    assert choice.indices == () and choice.why.endswith("broken")


def test_auto_looks_for_no_device_when_the_processor_is_done_sooner(
    not_started, monkeypatch
):
    monkeypatch.setattr(device, "cuda_problem", None)  # calling it fails
    choice = device.choose(device.Request("auto"), 1e12, processor_s=0.9)
    assert choice.indices == () and "starting CUDA" in choice.why


def test_auto_keeps_to_the_processor_beside_a_slow_card(not_started, monkeypatch):
    monkeypatch.setattr(device, "cuda_problem", lambda: None)
    # 20 processors with two lanes each: 3.4e8 evaluations in a second.
    card = rates.CardRates(20, 1.7e9, (7, 5)).evaluations_per_second()
    assert card == pytest.approx(3.4e8)
    monkeypatch.setattr(device, "_speed", lambda index, precision: card)
    assert device.choose(device.Request("auto"), 1e11, processor_s=60.0).indices == ()
    # It is the faster one of a job for which the processor needs more.
    assert device.choose(device.Request("auto"), 1e11, processor_s=600.0).indices


def test_device_seconds():
    # Start, an image's fixed time, 4 bytes a pixel at 6 GB/s, evaluations.
    seconds = rates.seconds_on_device(2e10, 6e6, 1e10, started=False)
    assert seconds == pytest.approx(1.0 + 1e-3 + 4e-3 + 2.0)
    assert rates.seconds_on_device(0.0, 0.0, 1.0, started=True) == 1e-3
    assert rates.seconds_on_processor(1e10, 4) == 5.0
    assert rates.seconds_on_processor(1e10, 4, "single") == 2.5
    # A series starts once, and has each image's fixed time.
    seconds = rates.seconds_on_device(2e10, 6e6, 1e10, started=False, images=50)
    assert seconds == pytest.approx(1.0 + 5e-2 + 4e-3 + 2.0)


@pytest.mark.parametrize(
    "processors, clock_Hz, capability, precision, expected",
    [
        # Half the peak: lanes of a multiprocessor over instructions of an evaluation.
        (132, 1.98e9, (9, 0), "double", 0.5 * 132 * 1.98e9 * 64 / 100),
        (108, 1.41e9, (8, 0), "double", 0.5 * 108 * 1.41e9 * 32 / 100),
        (128, 2.52e9, (8, 9), "double", 0.5 * 128 * 2.52e9 * 2 / 100),
        (128, 2.52e9, (8, 9), "single", 0.5 * 128 * 2.52e9 * 128 / 150),
        (132, 1.98e9, (9, 0), "single", 0.5 * 132 * 1.98e9 * 128 / 150),
    ],
)
def test_speed_of_a_card(processors, clock_Hz, capability, precision, expected):
    card = rates.CardRates(processors, clock_Hz, capability)
    assert card.evaluations_per_second(precision) == pytest.approx(expected)


#: 1024 x 1024 pixels, 200 domains: 2.1e8 evaluations, a fraction of a second.
STILL = (
    "-cell 70 80 90 90 90 90 -default_F 100 -N 50 -detpixels 1024 -distance 100 "
    "-oversample 1 -mosaic 1 -mosaic_domains 200 -threads 1"
)


@pytest.mark.parametrize(
    "more, where, why",
    [
        ("", "cpu", "starting CUDA takes about 1 s"),
        ("-frames 100 -nxfile a.h5", "cuda:0", "it takes longer"),
        ("-oversample 8", "cuda:0", "it takes longer"),
        ("-oversample 8 -device cpu", "cpu", "-device says so"),
        ("-device cuda", "cuda:0", "-device says so"),
    ],
)
def test_show_devices_prints_the_choice_for_a_line(
    more, where, why, not_started, monkeypatch, capsys
):
    card = rates.CardRates(132, 1.98e9, (9, 0))
    facts = device.DeviceFacts(0, "H100", (9, 0), 79e9, 80e9)
    monkeypatch.setattr(device, "cuda_problem", lambda: None)
    monkeypatch.setattr(device, "cuda_devices", lambda: [facts])
    monkeypatch.setattr(device, "_gpus", lambda: [None])
    monkeypatch.setattr(
        device, "_speed", lambda index, kind: card.evaluations_per_second(kind)
    )
    assert cli.main([*STILL.split(), *more.split(), "-show_devices"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("cuda:0  H100, compute capability 9.0")
    assert said[1] == f"would be rendered on {where}"
    assert said[-1].endswith(why)
    seconds = dict(line.strip().split(": about ") for line in said[2:-1])
    if where == "cuda:0" and "-device" not in more:
        processor, card_s = (float(text.split()[0]) for text in seconds.values())
        assert card_s < processor
        times = 100 if "frames" in more else 64
        assert processor == pytest.approx(times * 2.1e8 / 5e8, rel=0.01)


def test_show_devices_says_where_a_line_would_be_rendered(monkeypatch, capsys):
    monkeypatch.setattr(device, "cuda_problem", lambda: "nothing is there")
    many = "-mosaic 1 -mosaic_domains 1000 -oversample 30".split()
    assert cli.main([*LINE.split(), *many, "-show_devices"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "would be rendered on cpu"
    assert said[1].startswith("  processor: about ")
    assert said[-1].startswith("  not a device: ")
    assert cli.main([*LINE.split(), "-device", "cuda", "-show_devices"]) == 1
    assert "nothing is there" in capsys.readouterr().err


def test_package_is_missing(monkeypatch):
    monkeypatch.setattr(device.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DeviceError, match=r"numba-cuda is not.*'nbsim\[cuda\]'"):
        device.choose(device.Request("cuda"), 1.0)


def test_driver_is_missing(package, monkeypatch):
    monkeypatch.setattr(device, "_driver_found", lambda: False)
    assert device.cuda_problem() == "no NVIDIA driver is installed"


def test_driver_does_not_answer(driver, monkeypatch):
    monkeypatch.setattr(device, "_gpus", failing("Error at driver init:\n\ntoo old."))
    problem = device.cuda_problem()
    assert problem == "the NVIDIA driver does not answer (too old)"


def test_a_bug_is_not_taken_for_a_missing_device(driver, monkeypatch):
    monkeypatch.setattr(device, "_gpus", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        device.cuda_problem()


@pytest.mark.parametrize("count, there", [(1, "only device 0"), (4, "devices 0 to 3")])
def test_device_number_does_not_exist(count, there, driver, monkeypatch):
    monkeypatch.setattr(device, "_gpus", lambda: [None] * count)
    with pytest.raises(DeviceError, match=f"cuda:7: no such device.*{there}"):
        device.choose(device.parse_device("cuda:7"), 1.0)


def test_no_device(driver, monkeypatch):
    monkeypatch.setattr(device, "_gpus", lambda: [])
    assert device.cuda_problem() == "the NVIDIA driver finds no device"


@pytest.mark.parametrize(
    "message, said",
    [
        ("[2] Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY", "out of device"),
        ("[222] CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "driver is older than"),
        ("[719] CUDA_ERROR_LAUNCH_FAILED", "the device failed .*LAUNCH_FAILED"),
        ("CUDA_ERROR_DEVICE_UNAVAILABLE", "lost or in use"),
    ],
)
def test_errors_of_the_driver_become_a_sentence(message, said):
    with pytest.raises(DeviceError, match=f"^cuda:1: .*{said}"):
        with device.device_errors(1):
            failing(message)()


def test_other_errors_stay_what_they_are():
    with pytest.raises(KeyError):
        with device.device_errors(0):
            raise KeyError("bug")


def test_command_line_without_a_device(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(device, "cuda_problem", lambda: "nothing is there")
    assert cli.main([*LINE.split(), "-device", "cuda"]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith("no CUDA device can be used: nothing is there")
    assert list(tmp_path.iterdir()) == []
    assert cli.main(["-show_devices"]) == 1
    assert "nothing is there" in capsys.readouterr().err


@pytest.mark.parametrize("more", ["", " -random_orientations 3 -nxfile a.h5"])
@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_missing_device_is_said_before_anything_is_read(
    by, more, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(device, "cuda_problem", lambda: "nothing is there")
    # These files do not exist: whoever reads them says that instead.
    words = f"{LINE} -mat none.mat -hkl none.hkl -img none.img{more}".split()
    if by == "environment":
        monkeypatch.setenv(device.ENVIRONMENT, "cuda:0")
    else:
        words += ["-device", "cuda"]
    assert cli.main(words) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "nbsim: error: no CUDA device can be used: nothing is there"
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_missing_device_stops_a_batch_before_its_first_row(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(device, "cuda_problem", lambda: "nothing is there")
    (tmp_path / "rows").write_text("-floatfile a.bin\n-floatfile b.bin -device cuda\n")
    assert cli.main([*LINE.split(), "-batch", "rows"]) == 1
    assert "nothing is there" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["rows"]
    # The environment is only a default, which these rows do not use.
    monkeypatch.setenv(device.ENVIRONMENT, "cuda")
    (tmp_path / "rows").write_text("-floatfile a.bin -device cpu\n")
    assert cli.main([*LINE.split(), "-batch", "rows"]) == 0


def test_python_says_a_missing_device_before_the_run_is_worked_out(monkeypatch):
    monkeypatch.setattr(device, "cuda_problem", lambda: "nothing is there")
    simulation = Simulation.from_args(LINE)
    with pytest.raises(DeviceError, match="nothing is there"):
        simulation.run(backend="cuda")
    assert "setup" not in vars(simulation)


def test_command_line_refuses_an_unknown_device(capsys):
    assert cli.main([*LINE.split(), "-device", "cuda:x"]) == 2
    assert "-device cuda:x: expected auto, cpu, cuda" in capsys.readouterr().err


def test_no_file_is_written_when_the_device_fails(tmp_path, monkeypatch, capsys):
    def lost(*_, **__):
        raise DeviceError("cuda:0: the device failed (gone)")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(device, "check", lambda request: None)
    monkeypatch.setattr(render_cuda, "CudaBackend", lost)
    assert cli.main([*LINE.split(), "-device", "cuda"]) == 1
    assert "the device failed (gone)" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_choice_is_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main([*LINE.split(), "-device", "auto"]) == 0
    assert "\nrendered on cpu\n" in capsys.readouterr().out


def test_list_of_devices_in_the_simulator(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "nbsim", "-show_devices"],
        cwd=tmp_path,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0
    assert ran.stdout.startswith("cuda:0  numba's CUDA simulator, compute capability")
    assert "GiB memory" in ran.stdout


def test_the_cuda_target_is_not_imported_without_need(tmp_path):
    script = (
        "import sys; from nbsim import Simulation;"
        f"Simulation.from_args({LINE!r}).run(backend='auto');"
        "print('numba.cuda' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True
    )
    assert ran.stdout.strip() == "False", ran.stderr


@pytest.mark.parametrize("start, stop", [(0, 5), (3, 12)])
def test_pixels_of_ranks(start, stop):
    simulation = Simulation.from_args(LINE + " -roi 2 4 1 6")
    from nbsim.backends.driver import build_job, build_pixels

    job = build_job(simulation.setup)
    pixels = build_pixels(simulation.setup, (2, 4, 1, 6))
    place = cuda_device.pixels_of_ranks(start, stop, (job, pixels))
    expected = [y * 8 + x for y in range(1, 7) for x in range(2, 5)]
    assert list(place) == expected[start:stop]
