# SPDX-License-Identifier: MIT
"""nbsim-background and nbsim-noise against the C programs nonBragg and noisify."""

import subprocess
import sys

import numpy as np
import pytest
from family_cases import INPUTS, NOISIFY, NONBRAGG

import nbsim
from nbsim.command import background_program, noise_program

PROGRAMS = {"background": "background_program", "noise": "noise_program"}


def run(program, folder, *words):
    """Run a program as its console script does."""
    code = f"from nbsim.command.{PROGRAMS[program]} import command; command()"
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def pixels_of(path, expected):
    """Return header text and pixels of an SMV file of a known type."""
    content = path.read_bytes()
    start = len(content) - expected.nbytes
    header = content[:start].decode("latin-1").partition("}")[0]
    return header, np.frombuffer(content[start:], expected.dtype).reshape(
        expected.shape
    )


def start_of(header):
    return str(header).partition("}")[0]


@pytest.mark.parametrize("case", NONBRAGG, ids=lambda case: case.name)
def test_background_is_nonbraggs(case, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = [*case.argv, "-intfile", "int.img", "-floatfile", "float.bin"]
    words += ["-pgmfile", "image.pgm", "-noprogress"]
    silent = "-nonoise" in case.argv
    if not silent:
        words += ["-noisefile", "noise.img"]
    assert background_program.main(words) == 0, capsys.readouterr().err
    numbers = case.numbers
    expected = numbers["image"]
    asked = tuple(int(n) for n in numbers.get("asked_shape", expected.shape))
    image = np.fromfile("float.bin", np.float32).reshape(asked)
    # C may give a row and a column more (its policy_ cases); the rest is the same.
    expected = expected[: asked[0], : asked[1]]
    assert np.abs(image - expected).max() <= 1e-6 * np.abs(expected).max()
    if asked != numbers["image"].shape:
        return
    header, counts = pixels_of(tmp_path / "int.img", numbers["int"])
    assert header == start_of(numbers["header"])
    defined = case.defined("int")
    assert (counts == numbers["int"])[defined].all()
    grey = np.frombuffer((tmp_path / "image.pgm").read_bytes(), np.uint8)[-image.size :]
    theirs = np.frombuffer(numbers["pgm"].tobytes(), np.uint8)[-image.size :]
    assert (grey == theirs)[case.defined("pgm").ravel()].all()
    if not silent:
        _, noise = pixels_of(tmp_path / "noise.img", numbers["noise"])
        assert (noise == numbers["noise"]).all()


def test_extracted_table_is_nonbraggs(tmp_path, monkeypatch, capsys):
    (case,) = (case for case in NONBRAGG if case.name == "bg_extract")
    monkeypatch.chdir(tmp_path)
    assert background_program.main([*case.argv, "-noprogress"]) == 0
    capsys.readouterr()
    name = case.option("-stolout")
    ours = [line.split() for line in (tmp_path / name).read_text().splitlines()]
    theirs = [["%g" % value for value in row] for row in case.numbers["stolout"]]
    assert len(ours) == len(theirs) > 3
    for mine, other in zip(ours, theirs):
        # Columns 3 and 4 are never set by C.
        assert (mine[:3], mine[5]) == (other[:3], other[5])


@pytest.mark.parametrize("case", NOISIFY, ids=lambda case: case.name)
def test_noise_is_noisifys(case, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = [*case.argv, "-intfile", "int.img", "-noprogress"]
    silent = "-nonoise" in case.argv
    words += [] if silent else ["-noisefile", "noise.img"]
    words += [] if "-nopgm" in case.argv else ["-pgmfile", "image.pgm"]
    assert noise_program.main(words) == 0, capsys.readouterr().err
    numbers = case.numbers
    header, counts = pixels_of(tmp_path / "int.img", numbers["int"])
    assert header == start_of(numbers["header"])
    assert (counts == numbers["int"])[case.defined("int")].all()
    if not silent:
        _, noise = pixels_of(tmp_path / "noise.img", numbers["noise"])
        defined = case.defined("noise")
        assert (noise == numbers["noise"])[defined].all() and defined.sum() > 500
        # What C leaves undefined is below zero.
        assert (noise[~defined] == 0).all()


def test_header_counts_from_the_edge_that_was_asked_for(tmp_path):
    words = "-detsize_y 7.1 -detsize_x 3 -pixel 0.9 -Xbeam 1 -Ybeam 2 -seed 1".split()
    done = run("background", tmp_path, "-stol", "air", *words)
    assert done.returncode == 0, done.stderr
    header = (tmp_path / "intimage.img").read_bytes()[:512].decode("latin-1")
    # 8 rows of 0.9 mm are 7.2 mm; the C program writes 7.1 - 2.
    assert "SIZE2=8;" in header and "BEAM_CENTER_Y=5.1;" in header


@pytest.fixture
def photons(tmp_path):
    """Three images of one size: raw, TIFF with a geometry, npy."""
    rng = np.random.default_rng(2)
    parts = [rng.poisson(9, (30, 40)).astype(np.float32) for _ in range(3)]
    parts[0].tofile(tmp_path / "a.bin")
    geometry = {"PIXEL_SIZE": 0.172, "DISTANCE": 250.0, "WAVELENGTH": 1.5}
    nbsim.write_tiff(tmp_path / "b.tif", parts[1], geometry)
    np.save(tmp_path / "c.npy", parts[2])
    return parts


def test_several_images_are_added_with_their_scales(photons, tmp_path):
    ran = run(
        "noise",
        tmp_path,
        "a.bin",
        "b.tif",
        "c.npy",
        "-scales",
        "1",
        "2",
        "0.5",
        "-nonoise",
        "-nopgm",
        "-adc",
        "0",
        "-gain",
        "100",
        "-intfile",
        "i.img",
    )
    assert ran.returncode == 0, ran.stderr
    image = nbsim.read_smv(tmp_path / "i.img")
    first, second, third = photons
    assert (image.pixels == 100 * (first + 2 * second + third / 2)).all()
    # No size was needed, and the geometry is the TIFF's.
    assert "guess" not in ran.stderr
    assert image.value("PIXEL_SIZE") == 0.172 and image.value("WAVELENGTH") == 1.5


def test_the_physical_model_and_philox(photons, tmp_path):
    words = ["c.npy", "-model", "physical", "-psf", "gauss", "-seed", "3"]
    words += ["-calibration", "0", "-nopgm"]
    for threads in ("1", "2"):
        ran = run("noise", tmp_path, *words, "-threads", threads, "-noisefile", threads)
        assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    response = nbsim.DetectorResponse(psf="gauss")
    direct = nbsim.detected_image(photons[2], 3, response, model="physical")
    assert (nbsim.read_smv(tmp_path / "1").pixels == direct.pixels).all()


def test_builtin_water_and_a_physical_background(tmp_path):
    words = ["-stol", "water", "-thickness", "1", "-flux", "1e12", "-detpixels", "64"]
    words += ["-pixel", "2", "-nonoise", "-nopgm", "-noprogress"]
    images = []
    for model in ("c", "physical"):
        ran = run("background", tmp_path, *words, "-model", model)
        assert ran.returncode == 0, ran.stderr
        images.append(np.fromfile(tmp_path / "floatimage.bin", np.float32))
    assert np.allclose(images[0], images[1], rtol=0.02)
    assert (images[0] != images[1]).any()


def test_nanobraggs_conventions_put_the_background_under_the_spots(tmp_path):
    """With -mosflm the centre is nanoBragg's: the same image as inside nbsim."""
    words = ["-detpixels", "50", "-pixel", "2", "-Xbeam", "40", "-Ybeam", "60"]
    words += [
        "-flux",
        "1e12",
        "-polar",
        "0.9",
        "-distance",
        "120",
        "-nonoise",
        "-nopgm",
    ]
    ran = run("background", tmp_path, "-mosflm", "-stol", "water", *words)
    assert ran.returncode == 0, ran.stderr
    alone = np.fromfile(tmp_path / "floatimage.bin", np.float32).reshape(50, 50)
    inside = nbsim.Simulation.from_args(
        ["-cell", "70", "-default_F", "9", "-background", "water", "0.1", *words]
    ).render_background()
    assert (alone == inside).all()


def test_a_table_comes_back_from_its_own_image(tmp_path):
    words = ["-thickness", "1", "-flux", "1e11", "-detpixels", "300", "-pixel", "0.5"]
    common = ["-nopgm", "-noprogress", "-distance", "100"]
    ran = run(
        "background",
        tmp_path,
        "-stol",
        "water",
        *words,
        *common,
        "-noisefile",
        "measured.img",
        "-seed",
        "1",
        "-adc",
        "10",
    )
    assert ran.returncode == 0, ran.stderr
    ran = run(
        "background",
        tmp_path,
        "-stol",
        "water",
        "-img",
        "measured.img",
        "-flux",
        "1e11",
        "-thickness",
        "1",
        "-adc",
        "10",
        "-nonoise",
        "-nopgm",
        "-model",
        "physical",
        "-noprogress",
        "-stolout",
        "mine.stol",
    )
    assert ran.returncode == 0, ran.stderr
    mine = np.loadtxt(tmp_path / "mine.stol")
    true = nbsim.formats.textfiles.built_in_stol("water")
    expected = np.interp(mine[:, 0], true[:, 0], true[:, 1])
    inner = mine[:, 5] > 500
    assert inner.sum() > 10
    assert np.allclose(mine[inner, 1], expected[inner], rtol=0.02)


@pytest.mark.parametrize(
    "program, words, message",
    [
        ("noise", "", "no image: name one or several files"),
        ("noise", "x.bin", "cannot read float image x.bin: there is no such file"),
        ("noise", "odd.bin", "5 bytes are not a whole number of 4-byte floats"),
        ("noise", "a.bin small.npy", "a.bin: it has 1200 pixels, and 2 x 3 are 6"),
        ("noise", "c.npy small.npy", "small.npy: it has 2 x 3 pixels, the others 40 x"),
        ("noise", "a.bin -detpixels 7", "it has 1200 pixels, and 7 x 7 are 49"),
        ("noise", "a.bin -detpixels_x 7", "1200 pixels are not rows of 7"),
        ("noise", "nan.npy", "nan.npy: 1 pixels are infinite or not a number"),
        ("noise", "c.npy -scales 1 2", "2 factors for 1 images; expected one for each"),
        ("noise", "c.npy -bits 8", "an image's integers have 16 or 32 bits"),
        ("noise", "c.npy -gain -2", "the gain must be a finite number"),
        ("noise", "c.npy -psf gauss -psf_fwhm 1e6", "wider than the image of 40 x 30"),
        ("noise", "c.npy -intfile c.npy", "would overwrite the file"),
        ("noise", "c.npy -gian 2", "unknown option -gian; did you mean -gain?"),
        ("background", "", "no material: give a table with -stol, -4stol or -Q"),
        ("background", "-stol x.stol", "cannot read stol file x.stol"),
        ("background", "-stol text.stol", "text.stol:1: 'no' is not a finite number"),
        ("background", "-stol water -thick 0", "the thickness must be a finite number"),
        ("background", "-stol water -noisefile floatimage.bin", "are the same file"),
        ("background", "-stol water -detpixels 0", "the number of pixels must be"),
        ("background", "-stol water -img a.bin", "is not an SMV image"),
    ],
)
def test_bad_input(program, words, message, photons, tmp_path):
    np.save(tmp_path / "small.npy", np.ones((3, 2), np.float32))
    broken = np.ones((3, 2), np.float32)
    broken[1, 1] = np.nan
    np.save(tmp_path / "nan.npy", broken)
    (tmp_path / "odd.bin").write_bytes(b"12345")
    (tmp_path / "text.stol").write_text("no numbers\n")
    before = sorted(path.name for path in tmp_path.iterdir())
    ran = run(program, tmp_path, *words.split())
    assert ran.returncode in (1, 2)
    assert message in ran.stderr and "Traceback" not in ran.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_beam_of_negative_size_cuts_nothing_and_has_no_flux(tmp_path):
    words = "-stol water -detpixels 20 -nonoise -nopgm -width 3 -height 2".split()
    images = {}
    for size in ("-1", "1e7"):
        more = ["-fluence", "1e20"] if size == "1e7" else []
        more += ["-fluence", "1e20", "-flux", "1e9"] if size == "-1" else []
        ran = run("background", tmp_path, *words, *more, "-beamsize", size)
        assert ran.returncode == 0, ran.stderr
        assert ("-beamsize below 0" in ran.stderr) == (size == "-1")
        assert "clipping" not in ran.stderr
        images[size] = np.fromfile(tmp_path / "floatimage.bin", np.float32)
    assert (images["-1"] == images["1e7"]).all()
    for size, model, message in (("0", "c", "no size"), ("-1", "physical", "model c")):
        ran = run("background", tmp_path, *words, "-beamsize", size, "-model", model)
        assert ran.returncode == 2 and message in ran.stderr


@pytest.mark.parametrize("given, taken", [("2.9", "2"), ("-0.5", "0")])
def test_a_radius_is_cut_to_a_whole_number(given, taken, photons, tmp_path):
    words = "c.npy -psf fiber -nonoise -nopgm -gain 100 -psf_radius".split()
    for radius, name in ((given, "1"), (taken, "2")):
        ran = run("noise", tmp_path, *words, radius, "-intfile", name)
        assert ran.returncode == 0
        assert ("taken as" in ran.stderr) == (radius == given)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_and_version(program, tmp_path):
    ran = run(program, tmp_path, "-h")
    assert ran.returncode == 0 and f"usage: nbsim-{program}" in ran.stdout
    assert max(map(len, ran.stdout.splitlines())) <= 80
    version = run(program, tmp_path, "-version")
    assert version.stdout.strip() == f"nbsim-{program} {nbsim.__version__}"


def test_unsized_images_are_guessed_as_noisify_does(tmp_path):
    np.ones((112, 96), np.float32).tofile(tmp_path / "a.bin")
    ran = run("noise", tmp_path, "a.bin", "-nopgm", "-seed", "1")
    assert ran.returncode == 0
    assert "guessing 96 x 112 pixels (fast x slow) of 10752" in ran.stderr


def test_useless_options_say_so(tmp_path):
    ran = run(
        "background",
        tmp_path,
        "-stol",
        "water",
        "-detpixels",
        "20",
        "-coherent",
        "-phisteps",
        "3",
        "-nonoise",
        "-nopgm",
    )
    assert ran.returncode == 0
    assert "-coherent is accepted and not used: sources are added" in ran.stderr
    assert "-phisteps is accepted and not used: nothing turns" in ran.stderr


def test_inputs_are_there():
    assert {"water500.stol", "total.bin"} <= {path.name for path in INPUTS.iterdir()}
