# SPDX-License-Identifier: MIT
"""The Python API: everything the command line can do, and errors before any kernel."""

import dataclasses
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

import nbsim
from nbsim import (
    Beam,
    Crystal,
    Detector,
    FileError,
    Goniometer,
    Sampling,
    Simulation,
    StructureFactors,
)
from nbsim.backends.cpu_arguments import nearest_lookup
from nbsim.command.main import main

LINE = (
    "-cell 70 80 90 -default_F 100 -N 5 -misset 10 20 30 -distance 90 -detpixels 48 "
    "-pixel 1 -phi 1 -osc 1 -phisteps 2 -nointerpolate -seed 3"
)


@pytest.fixture(scope="module")
def simulation():
    return Simulation.from_args(LINE)


def built_by_hand():
    return Simulation(
        Crystal(cell=(70, 80, 90), misset_deg=(10, 20, 30), Na=5, Nb=5, Nc=5),
        StructureFactors(default_F=100.0),
        Beam(),
        Detector(detpixels_f=48, detpixels_s=48, pixel_size_mm=1.0, distance_mm=90.0),
        Goniometer(phi_deg=1.0, osc_deg=1.0, phisteps=2),
        Sampling(interpolate=False),
    )


def test_models_and_command_line_are_one(simulation):
    by_hand = built_by_hand()
    assert by_hand.resolved() == simulation.resolved()
    assert np.array_equal(by_hand.render(), simulation.render())


def test_command_line_and_its_words_are_one(simulation):
    assert np.array_equal(
        Simulation.from_args(LINE.split()).render(), simulation.render()
    )


def test_every_name_is_exported_and_has_a_docstring():
    for name in nbsim.__all__:
        assert getattr(nbsim, name).__doc__, name
        assert name in dir(nbsim)
    with pytest.raises(AttributeError, match="no attribute 'nanoBragg'"):
        nbsim.nanoBragg


def test_import_loads_neither_numba_nor_numpy():
    program = (
        "import sys, nbsim; "
        "sys.exit(repr({'numba', 'numpy', 'tifffile'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert done.stderr == "set()\n"


def test_models_are_made_without_numba():
    program = (
        f"import sys, nbsim; s = nbsim.Simulation.from_args({LINE!r}); s.resolved(); "
        "sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_outputs_of_the_program_are_those_of_the_api(
    simulation, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main([*LINE.split(), "-adc", "7"]) == 0
    image = simulation.render()
    header = simulation.smv_header(7.0)
    nbsim.write_smv("api.img", simulation.int_image(image, adc_offset=7.0), header)
    nbsim.write_smv("noise.img", simulation.noise(image, 3, 7.0).pixels, header)
    stats = simulation.statistics(image)
    nbsim.write_pgm("api.pgm", simulation.pgm_image(image), 250 / (5 * stats.rmsd))
    for mine, its in (
        ("api.img", "intimage.img"),
        ("noise.img", "noiseimage.img"),
        ("api.pgm", "image.pgm"),
    ):
        assert (tmp_path / mine).read_bytes() == (tmp_path / its).read_bytes(), mine
    assert (tmp_path / "floatimage.bin").read_bytes() == image.tobytes()
    assert f"max_I = {stats.max_I:g} " in capsys.readouterr().out


def test_noise_of_a_negative_seed_goes_on_from_the_crystal():
    simulation = Simulation.from_args(LINE + " -mosaic 1 -mosaic_domains 3")
    image = simulation.render()
    first = simulation.noise(image, -5)
    assert np.array_equal(simulation.noise(image, -5).pixels, first.pixels)
    assert (nbsim.poisson_noise(image, -5).pixels != first.pixels).any()


def test_tiff_metadata(simulation, tmp_path):
    image = simulation.render()
    nbsim.write_tiff(tmp_path / "x.tif", image, simulation.metadata())
    pixels, record = nbsim.read_tiff(tmp_path / "x.tif")
    assert np.array_equal(pixels, image)
    assert (record["DISTANCE"], record["SIZE1"]) == (pytest.approx(90.0), 48)
    assert "command" not in record and "ADC_OFFSET" not in record
    assert simulation.metadata(40.0, "nbsim ...")["command"] == "nbsim ..."


def test_resolved_is_plain_data(simulation):
    image = simulation.render()
    record = simulation.resolved(image)
    assert json.loads(json.dumps(record)) == record
    assert record["goniometer"]["phi_steps"] == 2
    assert record["sampling"]["oversample"] == 16
    assert record["statistics"]["max_I"] == image.max()
    assert "statistics" not in simulation.resolved()


def test_replacing_a_model_keeps_the_rest(simulation):
    crystal = dataclasses.replace(simulation.crystal, misset_deg=(0, 0, 0))
    turned = dataclasses.replace(simulation, crystal=crystal)
    assert turned.structure_factors is simulation.structure_factors
    assert turned.setup is not simulation.setup
    assert turned.setup is turned.setup
    assert (turned.render() != simulation.render()).any()


def test_simulation_can_be_sent_to_another_process(simulation):
    simulation.setup  # worked out before, as it would be in a pool
    again = pickle.loads(pickle.dumps(simulation))
    assert np.array_equal(again.render(), simulation.render())


def test_frames_of_a_loop_prepare_the_structure_factors_once():
    """What they cost beside the kernel: `nbsim-benchmark` measures it."""
    size = 9
    factors = StructureFactors(np.ones((size,) * 3), *(-4,) * 3, hkls=size**3)
    simulation = Simulation.from_args("-cell 78 -default_F 1 -N 9 -detpixels 16")
    simulation = dataclasses.replace(simulation, structure_factors=factors)
    nearest_lookup.cache_clear()
    for i in range(4):
        crystal = dataclasses.replace(simulation.crystal, misset_deg=(i, 2 * i, 3 * i))
        dataclasses.replace(simulation, crystal=crystal).render(backend="cpu")
    found = nearest_lookup.cache_info()
    assert (found.misses, found.hits) == (1, 3)


def test_render_into_an_array(simulation):
    out = np.full((48, 48), np.nan, np.float32)
    assert simulation.render(out=out) is out
    assert np.array_equal(out, simulation.render())


def test_roi_of_one_call(simulation):
    part = simulation.render(roi=(10, 20, 5, 30))
    whole = simulation.render()
    assert np.array_equal(part[5:31, 10:21], whole[5:31, 10:21])
    assert part.sum() == pytest.approx(whole[5:31, 10:21].sum(), rel=1e-5)


def test_progress_ends_at_one(simulation):
    seen = []
    simulation.render(progress=seen.append)
    assert seen[0] == 0.0 and seen[-1] == 1.0 and seen == sorted(seen)


# --- headers ---------------------------------------------------------------------


def test_detector_from_an_smv_header(tmp_path):
    line = LINE + " -Xbeam 20 -Ybeam 30 -lambda 1.2"
    simulation = Simulation.from_args(line)
    image = simulation.render()
    path = tmp_path / "image.img"
    nbsim.write_smv(path, simulation.int_image(image), simulation.smv_header())
    detector = Detector.from_smv_header(path)
    assert detector.shape == (48, 48)
    assert (detector.distance_mm, detector.pixel_size_mm) == (90.0, 1.0)
    assert (detector.Xbeam_mm, detector.Ybeam_mm) == (20.0, 30.0)
    by_option = Simulation.from_args(f"-cell 70 -default_F 1 -img {path}").detector
    assert dataclasses.asdict(detector) == dataclasses.asdict(by_option)
    text = nbsim.read_smv(path).header
    assert dataclasses.asdict(Detector.from_smv_header(text)) == dataclasses.asdict(
        detector
    )
    assert Detector.from_smv_header(text, distance_mm=55.0).distance_mm == 55.0


def test_header_without_a_size():
    with pytest.raises(FileError, match=r"SMV header: SIZE1=\(missing\)"):
        Detector.from_smv_header("{\nDISTANCE=100;\n}\n")


@pytest.mark.parametrize("source", [17, None, b"{"])
def test_header_of_another_kind(source):
    with pytest.raises(TypeError, match="SMV header: expected a file name or"):
        Detector.from_smv_header(source)


# --- wrong arguments: nothing is rendered ------------------------------------------


def read_only():
    array = np.zeros((48, 48), np.float32)
    array.setflags(write=False)
    return array


WRONG_RENDER = {
    "out: expected a float32 array, got float64": {"out": np.zeros((48, 48))},
    "out: expected a float32 array, got <class 'list'>": {"out": [[0.0]]},
    r"out: its shape is \(4, 4\), the image's \(slow, fast\) is \(48, 48\)": {
        "out": np.zeros((4, 4), np.float32)
    },
    "out: expected a C-contiguous, writable array": {"out": read_only()},
    "out: expected a C-contiguous": {"out": np.zeros((48, 96), np.float32)[:, ::2]},
    "threads 0: expected": {"threads": 0},
    "threads 100000: expected 1 to": {"threads": 100000},
    "threads: expected a whole number, got 1.5": {"threads": 1.5},
    "threads: expected a whole number, got True": {"threads": True},
    "precision 'half': expected one of double, single": {"precision": "half"},
    "device opencl: expected auto, cpu, cuda": {"backend": "opencl"},
    "roi 5 4 0 3: expected": {"roi": (5, 4, 0, 3)},
    "roi 0 99 0 3: expected": {"roi": (0, 99, 0, 3)},
    "roi: expected xmin xmax ymin ymax": {"roi": (0, 5, 0)},
    "roi: expected xmin xmax ymin ymax, got 'all'": {"roi": "all"},
    "roi: expected a whole number, got 0.5": {"roi": (0.5, 5, 0, 3)},
    "progress: expected a function of the finished fraction, got 1": {"progress": 1},
}


@pytest.mark.parametrize("message", WRONG_RENDER)
def test_wrong_render_argument(message, simulation, monkeypatch):
    def no_kernel(*_, **__):
        raise AssertionError("a kernel was started")

    monkeypatch.setattr("nbsim.backends.driver.render", no_kernel)
    with pytest.raises((TypeError, ValueError), match=message):
        simulation.render(**WRONG_RENDER[message])


NAN = float("nan")
F = np.ones((3, 3, 3))
HOLE = np.where(np.arange(27).reshape(3, 3, 3) == 13, np.nan, 1.0)
MASK = np.ones((4, 6), np.uint16)
SMALL = {"detpixels_f": 6, "detpixels_s": 4}
WRONG_MODELS = [
    (Crystal, {}, ValueError, "a crystal needs a cell or an A matrix"),
    (Crystal, {"cell": (70, NAN)}, ValueError, "cell length nan: expected a finite"),
    (Crystal, {"cell": (70, 80, 90, 190)}, ValueError, "cell angle 190: expected"),
    (Crystal, {"cell": "70 80 90"}, TypeError, "cell: expected 1 to 6 numbers, got '7"),
    (Crystal, {"cell": ()}, ValueError, "cell: expected 1 to 6 numbers, got 0"),
    (Crystal, {"cell": 70, "Na": 2.5}, TypeError, "Na: expected a whole number"),
    (Crystal, {"cell": 70, "Na": -1}, ValueError, "Na -1: expected .*at least 0"),
    (Crystal, {"cell": 70, "shape": "cube"}, ValueError, "shape 'cube': expected one"),
    (Crystal, {"cell": 70, "misset_deg": 5}, TypeError, "misset_deg: expected three"),
    (Crystal, {"cell": 70, "misset_deg": "any"}, ValueError, "misset_deg 'any': exp"),
    (Crystal, {"cell": 70, "misset_deg": (1, NAN, 2)}, ValueError, "misset_deg nan"),
    (Crystal, {"cell": 70, "mosaic_seed": 2**31}, ValueError, "mosaic_seed 2147483648"),
    (Crystal, {"cell": 70, "water_um": "4"}, TypeError, "water_um: expected a number"),
    (Crystal, {"A_matrix": np.ones((2, 3))}, ValueError, r"A_matrix: .*\(2, 3\)"),
    (Crystal, {"A_matrix": np.full((3, 3), NAN)}, ValueError, "A_matrix .*nan.*finite"),
    (Crystal, {"A_matrix": np.ones((3, 3))}, ValueError, "A_matrix: .* in one plane"),
    (Crystal, {"A_matrix": "A.mat"}, TypeError, "A_matrix: expected 3 x 3 .*'A.mat'"),
    (Beam, {"wavelength_A": 0}, ValueError, "wavelength_A 0: .* of A from 0.01 to 100"),
    (Beam, {"wavelength_A": NAN}, ValueError, "wavelength_A nan"),
    (Beam, {"polarization": 2}, ValueError, "polarization 2: expected .* -1 to 1"),
    (Beam, {"nopolar": "no"}, TypeError, "nopolar: expected True or False, got 'no'"),
    (Beam, {"round_div": 1}, TypeError, "round_div: expected True or False, got 1"),
    (Beam, {"sources": [[1, 2, np.inf]]}, ValueError, "sources: row 0 is .*inf"),
    (Beam, {"sources": np.ones(5)}, ValueError, r"sources: expected rows .*\(5,\)"),
    (Beam, {"sources": [["a"]]}, TypeError, "sources: expected rows of 1 to 5"),
    (
        Beam,
        {"sources": [[1, 0, 0, 1, -1e-10]]},
        ValueError,
        "sources: row 0 .* a wavelength from 1e-12 to 1e-08 m",
    ),
    (Beam, {"beam_vector": (0, 0, 0)}, ValueError, "beam_vector 0 0 0: expected a vec"),
    (Beam, {"beam_vector": "xyz"}, TypeError, "beam_vector: expected three numbers"),
    (Detector, {"detpixels_f": 0}, ValueError, "detpixels_f 0: expected .* at least 1"),
    (Detector, {"distance_mm": -5}, ValueError, "distance_mm -5: .* of mm from 1e-06"),
    (Detector, {"convention": "cbf"}, ValueError, "convention 'cbf': expected one of"),
    (Detector, {"convention": 1}, ValueError, "convention 1: expected one of mosflm"),
    (Detector, {"curved": "x"}, TypeError, "curved: expected True or False"),
    (Detector, {**SMALL, "mask": MASK.T}, ValueError, r"mask: its shape is \(6, 4\)"),
    (Detector, {**SMALL, "mask": MASK * 1.0}, TypeError, "mask: .*got float64"),
    (Detector, {**SMALL, "mask": "m.img"}, TypeError, "mask: expected an array"),
    (Goniometer, {"osc_deg": -1}, ValueError, "osc_deg -1: expected .*degrees"),
    (Goniometer, {"phisteps": 1.5}, TypeError, "phisteps: expected a whole number"),
    (Sampling, {"oversample": -1}, ValueError, "oversample -1: expected"),
    (Sampling, {"interpolate": "yes"}, TypeError, "interpolate: expected True or"),
    (Sampling, {"dmin_A": np.inf}, ValueError, "dmin_A inf: expected a finite number"),
    (StructureFactors, {"F": F.astype(np.float32)}, TypeError, "F: .*got float32"),
    (StructureFactors, {"F": F.T[::2]}, ValueError, "F of shape .*C-contiguous"),
    (StructureFactors, {"F": HOLE}, ValueError, "F: expected finite numbers only"),
    (StructureFactors, {"F": F, "h_min": 0.5}, TypeError, "h_min: expected a whole"),
    (StructureFactors, {"default_F": NAN}, ValueError, "default_F nan: expected"),
    (StructureFactors, {"default_F": "100"}, TypeError, "default_F: expected a number"),
    (Simulation, {"crystal": 3}, TypeError, "crystal: expected a Crystal, got int"),
]


@pytest.mark.parametrize("model, fields, error, message", WRONG_MODELS)
def test_wrong_model_field(model, fields, error, message):
    with pytest.raises(error, match=message):
        model(**fields)


@pytest.mark.parametrize("name", ["beam", "detector", "structure_factors", "sampling"])
def test_model_of_another_class(simulation, name):
    with pytest.raises(TypeError, match=f"{name}: expected a .*, got Goniometer"):
        dataclasses.replace(simulation, **{name: Goniometer()})


@pytest.mark.parametrize("mask", [MASK != 0, MASK.astype(np.int8), MASK.tolist()])
def test_masks_of_whole_numbers_and_bool(mask):
    mask = np.array(mask)
    mask[1, 2] = 0
    sim = Simulation(
        Crystal(cell=70),
        StructureFactors(default_F=1.0),
        detector=Detector(**SMALL, mask=mask),
    )
    image = sim.render()
    assert image[1, 2] == 0.0 and (image > 0).sum() == 23
    assert sim.statistics(image).n == 23


def test_numpy_numbers_are_numbers():
    crystal = Crystal(
        cell=np.float64(70), Na=np.int64(3), misset_deg=np.array([1, 2, 3])
    )
    assert (crystal.cell[0], crystal.Na, crystal.misset_deg) == (
        70.0,
        3,
        (1.0, 2.0, 3.0),
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"seed": 1.5}, "seed: expected a whole number"),
        ({"seed": 2**31}, "seed 2147483648: expected"),
        ({"seed": 1, "adc_offset": NAN}, "adc_offset nan"),
    ],
)
def test_wrong_noise_argument(simulation, arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        simulation.noise(np.ones((48, 48), np.float32), **arguments)


SHORT = "-cell 70 80 90 -N 5 -detpixels 64 -device cpu"
#: Lines that each need other kernels.
NEED_KERNELS = (
    "-hkl one.hkl -nonoise",
    "-default_F 10 -background water 1 -nonoise -floatfile x.cbf",
    "-default_F 10 -trace_pixel 3 4 -printout_pixel 3 4 -nonoise",
)


def test_once_compiled_nothing_needs_numba(tmp_path):
    (tmp_path / "one.hkl").write_text("0 0 1 10\n1 1 1 5.5\n")
    program = (
        "import sys; from nbsim.command.main import main\n"
        f"for line in {NEED_KERNELS!r}:\n"
        f"    assert main([*{SHORT.split()!r}, *line.split()]) == 0, line\n"
        "    print(line if 'numba' in sys.modules else 'without', file=sys.stderr)"
    )
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    assert done.stderr.split() == ["without"] * len(NEED_KERNELS)
