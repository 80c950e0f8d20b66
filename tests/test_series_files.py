# SPDX-License-Identifier: MIT
"""Files of series, read back by the libraries of others and by h5py and fabio."""

import base64
import hashlib
import json
import os
import subprocess
import sys

import fabio
import h5py
import hdf5plugin
import numpy as np
import nxmx
import pytest
import tifffile
from series_examples import STILL, WORDS, digests, series

from nbsim import (
    SeriesOutputs,
    Simulation,
    UsageError,
    read_smv,
    write_cbf,
    write_series,
)
from nbsim.formats.cbf import cannot_hold, compress
from nbsim.formats.nxmx import frame_writer, stored
from nbsim.formats.recording import MASKED, SATURATION, Recording, numbered
from nbsim.formats.xds_inp import xds_lines
from nbsim.resolve.frames import imgcif_rotation, mcstas_rotation, xds_rotation

#: The worked example of the frames: C's numbers were checked with dxtbx and XDS.
WORKED = (
    "-cell 78 78 37 -default_F 1 -N 3 -lambda 1 -distance 120 -pixel 0.1 "
    "-detpixels 1024 -Xbeam 50.1 -Ybeam 53.3"
)


def geometry(words):
    return Simulation.from_args(words).setup.geometry


def test_frames_of_the_worked_example():
    g = geometry(WORKED)
    imgcif = imgcif_rotation(g)
    pix0_mm = 1000 * np.array(g.pix0_vector)
    np.testing.assert_allclose(imgcif @ pix0_mm, [-53.35, 50.15, -120], atol=1e-9)
    np.testing.assert_allclose(imgcif @ g.fdet_vector, [1, 0, 0], atol=1e-15)
    np.testing.assert_allclose(imgcif @ g.sdet_vector, [0, -1, 0], atol=1e-15)
    mcstas = mcstas_rotation(g)
    np.testing.assert_allclose(mcstas @ pix0_mm, [53.35, 50.15, 120], atol=1e-9)
    np.testing.assert_allclose(mcstas @ g.fdet_vector, [-1, 0, 0], atol=1e-15)
    np.testing.assert_allclose(mcstas @ g.spindle_vector, [-1, 0, 0], atol=1e-15)


@pytest.mark.parametrize(
    "option, rows",
    [
        ("-mosflm", [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]),
        ("-denzo", [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]),
        ("-xds", [[1, 0, 0], [0, -1, 0], [0, 0, -1]]),
        ("-adxv", [[1, 0, 0], [0, -1, 0], [0, 0, -1]]),
        ("-dials", [[0, 1, 0], [1, 0, 0], [0, 0, -1]]),
        (
            "-beam_vector 0 0 1 -spindle_axis 0 0 1 -polar_vector 1 0 0 "
            "-fdet_vector 1 0 0 -sdet_vector 0 -1 0 -odet_vector 0 0 1",
            None,
        ),
    ],
)
def test_frames_of_conventions_are_proper_rotations(option, rows):
    R = imgcif_rotation(geometry(f"{WORKED} {option}"))
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-15)
    assert np.linalg.det(R) == pytest.approx(1)
    if rows is not None:
        np.testing.assert_allclose(R, rows, atol=1e-15)
    else:  # the polarization stands in for a spindle along the beam
        np.testing.assert_allclose(R[0], [1, 0, 0], atol=1e-15)
    assert np.linalg.det(xds_rotation(geometry(f"{WORKED} {option}"))) > 0


TILTS = {
    "plain": "",
    "two-theta": "-twotheta 20",
    "tilted": "-detector_rotx 3 -detector_roty -4 -detector_rotz 7",
    "two-theta 90": "-twotheta 90",
    "dials": "-dials -twotheta 5",
    "oblique": (
        "-beam_vector 1 0.1 -0.05 -spindle_axis 0.1 0.9 0.3 -polar_vector 0 0 1 "
        "-fdet_vector 0 0 1 -sdet_vector 0 -1 0 -odet_vector 1 0 0 -distance 130"
    ),
}


@pytest.fixture(scope="module", params=TILTS)
def nxmx_file(request, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("nx") / "x.nxs")
    tilt = TILTS[request.param]
    made = series(3, f"{WORDS} {tilt} -detector_thick 320 -oversample 1")
    write_series(made, SeriesOutputs(nxfile=path))
    return made, path


def test_nxmx_puts_pixels_where_they_are(nxmx_file):
    """The independent reader nxmx works out the chain of transformations."""
    made, path = nxmx_file
    with h5py.File(path) as file:
        entry = nxmx.NXmx(file).entries[0]
        (module,) = entry.instruments[0].detectors[0].modules
        fast, slow = module.fast_pixel_direction, module.slow_pixel_direction
        chain = nxmx.get_dependency_chain(fast.depends_on)
        origin = nxmx.get_cumulative_transformation(chain)[0, :3, 3]
        omega = entry.samples[0].depends_on
        spindle, angles = omega.vector, omega[()].magnitude
        directions, sizes = (fast.vector, slow.vector), (fast[()], slow[()])
    g = made.recording.geometry
    R = mcstas_rotation(g)
    np.testing.assert_allclose(origin, 1000 * R @ g.pix0_vector, atol=1e-9)
    for found, wanted in zip(directions, (g.fdet_vector, g.sdet_vector)):
        np.testing.assert_allclose(found, R @ wanted, atol=1e-12)
    assert [size.to("mm").magnitude for size in sizes] == pytest.approx([0.1, 0.1])
    np.testing.assert_allclose(spindle, R @ g.spindle_vector, atol=1e-12)
    np.testing.assert_allclose(angles, [10, 10.5, 11])
    np.testing.assert_allclose(R @ g.beam_vector, [0, 0, 1], atol=1e-12)


def test_nxmx_says_what_readers_insist_on(nxmx_file):
    _, path = nxmx_file
    with h5py.File(path) as file:

        def every(name, item):
            types = [item.attrs.get_id(key).get_type() for key in item.attrs]
            if isinstance(item, h5py.Dataset):
                types.append(item.id.get_type())
            for kind in types:
                if isinstance(kind, h5py.h5t.TypeStringID):
                    assert not kind.is_variable_str(), name
                    assert kind.get_cset() == h5py.h5t.CSET_ASCII

        file.visititems(every)
        units = file["entry/instrument/detector/module/module_offset"].attrs
        assert units.get_id("units").get_type().get_size() == 3  # mm and one to spare
        images = file["entry/data/data"]
        assert images.chunks == (1, 128, 128) and images.dtype == np.uint32
        detector = file["entry/instrument/detector"]
        assert detector["bit_depth_readout"][()] == 32
        assert detector["sensor_thickness"][()] == pytest.approx(320e-6)
        assert detector["saturation_value"][()] == 2**20 - 1
        assert detector["pixel_mask"].chunks is None
        assert detector["detectorSpecific/nimages"][()] == 3
        assert file["entry/sample/transformations/omega_end"][2] == 11.5
        assert file["entry/definition"][()] == b"NXmx"


@pytest.mark.parametrize("compression, filters", [("bslz4", "32008"), ("gzip", "gzip")])
def test_compressions_hold_the_same_counts(compression, filters, tmp_path):
    made = series(3)
    path = str(tmp_path / "x.nxs")
    write_series(made, SeriesOutputs(nxfile=path, compression=compression))
    with h5py.File(path) as file:
        images = file["entry/data/data"]
        assert filters in str(images._filters) or images.compression == filters
        for number in range(3):
            np.testing.assert_array_equal(images[number], made.counts(number))


def test_bslz4_beside_the_plugins_for_dials(tmp_path):
    """DIALS wants HDF5_PLUGIN_PATH set, maybe in the shell that runs nbsim again."""
    line = (
        "-cell 70 80 90 -default_F 9 -N 5 -detpixels 16 -frames 2 -osc 1 -nxfile x.nxs"
    )
    subprocess.run(
        [sys.executable, "-m", "nbsim", *line.split(), "-compression", "bslz4"],
        cwd=tmp_path,
        env={**os.environ, "HDF5_PLUGIN_PATH": hdf5plugin.PLUGIN_PATH},
        check=True,
    )
    with h5py.File(tmp_path / "x.nxs") as file:
        assert file["entry/data/data"].shape == (2, 16, 16)
        assert file["entry/data/data"][0].any()


@pytest.mark.parametrize("kind", [np.uint32, np.float32, np.int16])
def test_deflated_frames_are_those_of_the_filters_of_hdf5(kind, tmp_path):
    """HDF5 undoes them; counts take no more room than with its own gzip 6."""
    counts = np.random.default_rng(1).poisson(3.0, (300, 200))
    counts[7, 9] = 2**15 - 1
    frame = counts.astype(kind)
    sizes = []
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for level in (4, 6):
            images = file.create_dataset(
                f"level {level}",
                (2, *frame.shape),
                kind,
                chunks=(1, *frame.shape),
                compression="gzip",
                compression_opts=level,
                shuffle=True,
            )
            write = frame_writer(images, "gzip") if level == 4 else images.__setitem__
            write(1, frame)
            np.testing.assert_array_equal(images[1], frame)
            assert not images[0].any()
            sizes.append(images.id.get_chunk_info_by_coord((1, 0, 0)).size)
    if kind != np.float32:
        assert sizes[0] <= sizes[1]


def test_without_a_sensor_the_thickness_is_not_zero(tmp_path):
    path = str(tmp_path / "x.nxs")
    write_series(series(1), SeriesOutputs(nxfile=path))
    with h5py.File(path) as file:
        assert file["entry/instrument/detector/sensor_thickness"][()] == 1e-9


def test_stills_have_no_axis(tmp_path):
    path = str(tmp_path / "x.nxs")
    write_series(series(2, STILL), SeriesOutputs(nxfile=path))
    with h5py.File(path) as file:
        assert file["entry/sample/depends_on"][()] == b"."
        assert "transformations" not in file["entry/sample"]


def test_a_master_file_shows_all_its_data_files(tmp_path):
    made = series(5)
    outputs = SeriesOutputs(nxfile=str(tmp_path / "x_master.h5"), frames_per_file=2)
    write_series(made, outputs)
    names = sorted(path.name for path in tmp_path.glob("*.h5"))
    assert names == [*(f"x_data_00000{i}.h5" for i in (1, 2, 3)), "x_master.h5"]
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in names:
        (tmp_path / name).rename(moved / name)
    with h5py.File(moved / "x_master.h5") as file:
        data = file["entry/data"]
        np.testing.assert_array_equal(data["data"][4], made.counts(4))
        assert data["data_000002"].shape == (2, 128, 128)
        assert data["data"].is_virtual and data.attrs["signal"] == b"data"
        link = data.get("data_000003", getlink=True)
        assert link.filename == "x_data_000003.h5"


def test_floats_never_go_into_a_master_file():
    with pytest.raises(UsageError, match="readers take floats for whole numbers"):
        SeriesOutputs(nxfile="x_master.h5", nxvalues="photons")


def test_expected_photons_as_floats(tmp_path):
    made = series(2)
    path = str(tmp_path / "x.nxs")
    write_series(made, SeriesOutputs(nxfile=path, nxvalues="photons"))
    with h5py.File(path) as file:
        images = file["entry/data/data"]
        assert images.dtype == np.float32
        np.testing.assert_array_equal(images[1], made.render(1))


def test_all_formats_have_the_same_counts(tmp_path):
    made = series(2, f"{WORDS} -roi 20 100 10 120")
    names = {
        "nxfile": "x.nxs",
        "cbffile": "x_##.cbf",
        "noisefile": "x_#.img",
        "tifffile": "x.tif",
        "floatfile": "x_#.bin",
    }
    paths = {option: str(tmp_path / name) for option, name in names.items()}
    write_series(made, SeriesOutputs(**paths, smv_center="dials"))
    counts = made.counts(1)
    inside = made.simulation.rendered
    cbf = fabio.open(str(tmp_path / "x_02.cbf"))
    np.testing.assert_array_equal(cbf.data, np.where(inside, counts.astype(int), -1))
    with h5py.File(paths["nxfile"]) as file:
        wanted = np.where(inside, counts, np.uint32(MASKED))
        np.testing.assert_array_equal(file["entry/data/data"][1], wanted)
        mask = file["entry/instrument/detector/pixel_mask"][()]
        np.testing.assert_array_equal(mask == 1, ~inside)
    smv = read_smv(tmp_path / "x_2.img")
    np.testing.assert_array_equal(smv.pixels, counts + 40)
    pages = tifffile.imread(paths["tifffile"])
    np.testing.assert_array_equal(pages[1], made.render(1))
    with tifffile.TiffFile(paths["tifffile"]) as file:
        assert json.loads(file.pages[0].description)["phi_deg"] == [10.0, 10.5]
    raw = np.fromfile(tmp_path / "x_2.bin", np.float32).reshape(128, 128)
    np.testing.assert_array_equal(raw, made.render(1))


def test_cbf_header(tmp_path):
    made = series(2, f"{WORDS} -polar 0.5")
    path = str(tmp_path / "x_####.cbf")
    write_series(made, SeriesOutputs(cbffile=path))
    content = (tmp_path / "x_0002.cbf").read_bytes()
    header = content.partition(b"--CIF-BINARY")[0].decode("ascii")
    for line in (
        "# Detector: GENERIC nbsim, S/N 00-0000",
        "# 2000-01-01T00:00:01.000",
        "# Pixel_size 100e-6 m x 100e-6 m",
        "# Silicon sensor, thickness 0.000000001 m",
        "# Detector_distance 0.120000000 m",
        "# Beam_xy (61.500000, 53.500000) pixels",
        "# Start_angle 10.500000 deg.",
        "# Angle_increment 0.500000 deg.",
        "# Count_cutoff 1048575 counts",
    ):
        assert f"{line}\r\n" in header, line
    assert not any(word in header.upper() for word in ("PILATUS", "SLS", "EIGER"))
    assert b"X-Binary-Size-Padding: 4095" in content
    size = int(content.partition(b"X-Binary-Size: ")[2].split()[0])
    binary = content.partition(b"\x0c\x1a\x04\xd5")[2][:size]
    digest = base64.b64encode(hashlib.md5(binary).digest())
    assert b"Content-MD5: " + digest in content


@pytest.mark.parametrize(
    "pixels",
    [
        [[0, 127, 0, -127, 1, 129, 1, -127]],
        [[0, 128, -128, 32767, 0, -32767, 1]],
        [[0, 32768, 0, -32768, 2**31 - 1, 0, -(2**31) + 1]],
        [[-(2**31), 2**31 - 1, -(2**31), 2**31 - 1]],
    ],
)
def test_byte_offset_at_the_edges_of_its_words(pixels):
    """Decoded as the CBF standard says, word by word."""
    pixels = np.array(pixels, np.int32)
    content, at, value, found = compress(pixels), 0, 0, []

    def take(size):
        nonlocal at
        at += size
        return int.from_bytes(content[at - size : at], "little", signed=True)

    while at < len(content):
        step = take(1)
        for size in (2, 4, 8):
            if step != -(2 ** (4 * size - 1)):
                break
            step = take(size)
        value += step
        found.append(value)
    assert found == pixels[0].tolist()


def test_cbf_says_what_it_cannot_hold():
    assert cannot_hold(series(1).recording) is None
    for option in ("-adxv", "-dials", "-twotheta 3", "-detector_rotz 2"):
        assert cannot_hold(series(1, f"{WORDS} {option}").recording)
    assert cannot_hold(series(1, f"{WORDS} -xds").recording) is None


def test_cbf_takes_whole_numbers_only(tmp_path):
    recording = series(1).recording
    with pytest.raises(ValueError, match="two dimensions of whole numbers"):
        write_cbf(tmp_path / "x.cbf", np.zeros((2, 2)), recording)
    assert not list(tmp_path.iterdir())


def test_counts_are_cut_below_the_marks_of_readers():
    counts = np.array([[0, SATURATION, 2**32 - 2, 2**32 - 1]], np.uint32)
    present = np.array([[True, True, True, False]])
    assert stored(counts, present).tolist() == [[0, SATURATION, SATURATION, MASKED]]


def test_smv_centre_for_dials(tmp_path):
    made = series(1, f"{WORDS} -lambda 0.97934567")
    write_series(
        made, SeriesOutputs(noisefile=str(tmp_path / "x_#.img"), smv_center="dials")
    )
    image = read_smv(tmp_path / "x_1.img")
    g = made.recording.geometry
    # What dxtbx's FormatSMVJHSim makes of it.
    fast = image.value("BEAM_CENTER_X") + 0.1
    slow = 12.8 - image.value("BEAM_CENTER_Y") + 0.1
    assert fast == pytest.approx(1000 * g.Fbeam, abs=1e-7)
    assert slow == pytest.approx(1000 * g.Sbeam, abs=1e-7)
    assert "WAVELENGTH=0.97934567;" in image.header
    assert "OSC_START=10;" in image.header and "OSC_RANGE=0.5;" in image.header


def test_xds_inp_of_the_worked_example():
    made = series(10, f"{WORKED} -phi 5 -osc 0.2 -polar 0.98")
    lines = xds_lines(made.recording, "x_????.cbf")
    for line in (
        "NAME_TEMPLATE_OF_DATA_FRAMES= x_????.cbf",
        "DATA_RANGE= 1 10",
        "ORGX= 534.0000 ORGY= 502.0000",
        "DETECTOR_DISTANCE= 120.000000",
        "ROTATION_AXIS= 1.00000000 0.00000000 0.00000000",
        "INCIDENT_BEAM_DIRECTION= 0.00000000 0.00000000 1.00000000",
        "FRACTION_OF_POLARIZATION= 0.990000",
        "STARTING_ANGLE= 5.000000",
        "OSCILLATION_RANGE= 0.200000",
        "MINIMUM_VALID_PIXEL_VALUE= 0",
    ):
        assert line in lines, line


def test_names_of_numbered_files():
    assert numbered("a_###/f_##.cbf", 7) == "a_###/f_07.cbf"
    with pytest.raises(ValueError, match="needs a #"):
        numbered("f.cbf", 1)
    with pytest.raises(ValueError, match="no room for frame 100"):
        numbered("f_##.cbf", 100)


def test_wavelength_of_each_frame_is_an_array(tmp_path):
    from nbsim import FrameRow

    rows = [FrameRow({"beam": {"wavelength_A": 1 + i / 10}}) for i in range(2)]
    path = str(tmp_path / "x.nxs")
    write_series(series(2, STILL, rows=rows), SeriesOutputs(nxfile=path))
    with h5py.File(path) as file:
        wavelengths = file["entry/instrument/beam/incident_wavelength"][()]
    np.testing.assert_allclose(wavelengths, [1.0, 1.1])


def test_a_spectrum_stands_beside_the_mean(tmp_path):
    path = str(tmp_path / "x.nxs")
    made = series(1, f"{STILL} -dispersion 2 -dispsteps 3")
    write_series(made, SeriesOutputs(nxfile=path))
    with h5py.File(path) as file:
        beam = file["entry/instrument/beam"]
        assert beam["incident_wavelength"].shape == ()
        name = beam["incident_wavelength"].attrs["variant"].decode()
        assert beam[name].shape == beam[f"{name}_weights"].shape == (3,)


def test_files_of_a_series_are_the_same_every_time(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        names = {
            "nxfile": str(tmp_path / folder / "x_master.h5"),
            "cbffile": str(tmp_path / folder / "x_#.cbf"),
            "truthfile": str(tmp_path / folder / "t.h5"),
            "truth_images": str(tmp_path / folder / "ti.h5"),
            "xdsfile": str(tmp_path / folder / "XDS.INP"),
        }
        write_series(series(3), SeriesOutputs(**names, frames_per_file=2))
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_recordings_have_times_without_a_clock():
    recording = series(3, f"{WORDS} -exposure 0.5").recording
    assert isinstance(recording, Recording)
    assert recording.time(3) == "2000-01-01T00:00:01.500"
