# SPDX-License-Identifier: MIT
"""NXmx: HDF5 files of whole series, as Eiger detectors write them.

Each oddity below is there for a reader that was tried (dxtbx, nxmx, fabio, and XDS's
plugins neggia and durin): strings of fixed length with a byte to spare, one frame a
chunk, pixel_mask in one piece, a sensor that is never of thickness 0.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..optional import library
from ..resolve.frames import mcstas_rotation, nearest_point
from ..resolve.panels import PlacedPanel
from .recording import EPOCH, MASKED, SATURATION, Recording

COMPRESSIONS = ("bslz4", "gzip", "none")
VALUES = ("noise", "photons")
GZIP_LEVEL = 4
#: Shortest translation that is written with a direction of its own, m.
_NOWHERE = 1e-15
#: Where a data file has its frames.
_IMAGES = "/entry/data/data"


def require_hdf5(what: str) -> Any:
    """Return h5py.

    Raises
    ------
    MissingLibraryError
        When it is not installed.
    """
    return library("h5py", "hdf5", what)


def is_hdf5(path: str) -> bool:
    """Whether a file of this name is HDF5."""
    return path.lower().endswith((".h5", ".hdf5", ".nxs"))


def has_bslz4() -> bool:
    """Whether hdf5plugin, which has the filter, is installed."""
    import importlib.util

    return importlib.util.find_spec("hdf5plugin") is not None


def choose_compression(asked: str | None, master: bool) -> tuple[str, str | None]:
    """Return the compression, and a note when it is second best.

    Parameters
    ----------
    asked
        One of `COMPRESSIONS`; None: the best that is installed.
    master
        Whether the file is for XDS, whose neggia plugin aborts on gzip.

    Raises
    ------
    MissingLibraryError
        When bslz4 is asked for and cannot be had.
    """
    if asked == "bslz4":
        library("hdf5plugin", "bslz4", "-compression bslz4")
    if asked is not None:
        return asked, None
    if has_bslz4():
        return "bslz4", None
    note = "the better compression needs hdf5plugin, pip install 'nbsim[bslz4]'"
    return ("none", f"not compressed: {note}") if master else ("gzip", None)


def frame_filters(compression: str) -> dict[str, Any]:
    """Return h5py's arguments for a compression."""
    if compression == "bslz4":
        hdf5plugin = library("hdf5plugin", "bslz4", "-compression bslz4")
        # With HDF5_PLUGIN_PATH set, as DIALS wants it, HDF5 has found the filter by
        # itself, and that one does not find HDF5.
        hdf5plugin.register("bshuf", force=True)
        return dict(hdf5plugin.Bitshuffle(nelems=0, cname="lz4"))
    if compression == "gzip":
        return {"compression": "gzip", "compression_opts": GZIP_LEVEL, "shuffle": True}
    return {}


def frame_writer(images: Any, compression: str) -> Callable[[int, np.ndarray], None]:
    """Return what puts the i-th frame into a data set of one frame a chunk."""
    if compression != "gzip":
        return images.__setitem__

    def put(at: int, frame: np.ndarray) -> None:
        pixels = np.ascontiguousarray(frame, images.dtype)
        images.id.write_direct_chunk((at, 0, 0), deflated(pixels))

    return put


def deflated(pixels: np.ndarray) -> bytes:
    """Return pixels as HDF5's filters shuffle and gzip leave them, only sooner.

    Noise repeats nothing but runs of equal bytes. Looking for those alone takes a
    quarter to a ninth of the time of levels 4 and 6, and counts become smaller.
    """
    single = pixels.reshape(-1).view(np.uint8).reshape(-1, pixels.itemsize)
    planes = np.empty(single.shape[::-1], np.uint8)
    for plane, byte in zip(planes, single.T):  # quicker than a copy of the transpose
        plane[:] = byte
    packer = zlib.compressobj(GZIP_LEVEL, strategy=zlib.Z_RLE)
    return packer.compress(planes.data) + packer.flush()


def stored(frame: np.ndarray, present: np.ndarray | None) -> np.ndarray:
    """Return a frame as it is written: counts cut at saturation, masked ones marked.

    Floats stay as they are: neggia and durin would take them for whole numbers, so
    they never go into a master file.
    """
    if frame.dtype == np.float32:
        return frame
    counts = np.minimum(frame, SATURATION).astype(np.uint32)
    return counts if present is None else np.where(present, counts, np.uint32(MASKED))


@contextlib.contextmanager
def data_file(
    path: str,
    count: int,
    shape: tuple[int, int],
    *,
    dtype: Any,
    compression: str,
    first: int = 0,
) -> Iterator[Callable[[int, np.ndarray], None]]:
    """Yield a function that puts the i-th frame into /entry/data/data of a new file.

    Parameters
    ----------
    path
        Where; not replaced atomically, give a temporary name.
    count
        Frames.
    shape
        Pixels (slow, fast).
    dtype
        uint32 or float32.
    compression
        One of `COMPRESSIONS`.
    first
        Number of the first frame in the series, from 0.
    """
    h5py = require_hdf5(path)
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry")
        data = _group(entry, "data", "NXdata")
        images = _images(data, "data", count, shape, dtype, compression)
        images.attrs["image_nr_low"] = np.uint32(first + 1)
        images.attrs["image_nr_high"] = np.uint32(first + count)
        yield frame_writer(images, compression)


def _images(
    group: Any,
    name: str,
    count: int,
    shape: tuple[int, int],
    dtype: Any,
    compression: str,
) -> Any:
    return group.create_dataset(
        name,
        (count, *shape),
        dtype,
        chunks=(1, *shape),
        track_times=False,
        **frame_filters(compression),
    )


def write_single(
    path: str,
    recording: Recording,
    parts: Sequence[str],
    *,
    dtype: Any,
    compression: str,
) -> None:
    """Write a whole series into one file, from data files of the same compression.

    The compressed chunks are copied as they are. See `data_file` for `path`.
    """
    h5py = require_hdf5(path)
    with h5py.File(path, "w") as file:
        data = _describe(h5py, file, recording, dtype)
        images = _images(
            data, "data", recording.frames, recording.shape, dtype, compression
        )
        copy_chunks(parts, _IMAGES, images)


def copy_chunks(parts: Sequence[str], name: str, images: Any) -> None:
    """Copy the compressed frames of a data set of some files, one after another."""
    h5py = require_hdf5(parts[0])
    at = 0
    for part in parts:
        with h5py.File(part, "r") as source:
            chunks = source[name].id
            for i in range(chunks.shape[0]):
                mask, chunk = chunks.read_direct_chunk((i, 0, 0))
                images.id.write_direct_chunk((at, 0, 0), chunk, mask)
                at += 1


def write_master(
    path: str, recording: Recording, data_files: Sequence[tuple[str, int]], dtype: Any
) -> None:
    """Write the master file of data files that lie beside it.

    Parameters
    ----------
    path
        See `data_file`.
    recording
        The experiment.
    data_files
        Name without folder, and number of frames, of each data file.
    dtype
        uint32.
    """
    h5py = require_hdf5(path)
    with h5py.File(path, "w") as file:
        data = _describe(h5py, file, recording, dtype)
        for number, (name, _) in enumerate(data_files, start=1):
            data[f"data_{number:06d}"] = h5py.ExternalLink(name, _IMAGES)
        _virtual(h5py, data, recording, data_files, dtype)


def _virtual(
    h5py: Any,
    data: Any,
    recording: Recording,
    data_files: Sequence[tuple[str, int]],
    dtype: Any,
) -> None:
    """Write the data set that shows the frames of all files as one.

    Without it dxtbx reads only the first file. Through the low-level interface, as
    `create_virtual_dataset` stores the time.
    """
    h5d, h5p, h5s, h5t = h5py.h5d, h5py.h5p, h5py.h5s, h5py.h5t
    shape = recording.shape
    space = h5s.create_simple((recording.frames, *shape))
    layout = h5p.create(h5p.DATASET_CREATE)
    layout.set_obj_track_times(False)
    at = 0
    for name, count in data_files:
        place = space.copy()
        place.select_hyperslab((at, 0, 0), (count, *shape))
        source = h5s.create_simple((count, *shape))
        layout.set_virtual(place, name.encode(), _IMAGES.encode(), source)
        at += count
    h5d.create(data.id, b"data", h5t.py_create(np.dtype(dtype)), space, layout)


def master_prefix(path: str) -> str | None:
    """Return what a master file's name has before _master.h5; None for others."""
    base = os.path.basename(path)
    for ending in ("_master.h5", "_master.nxs"):
        if base.endswith(ending) and len(base) > len(ending):
            return base[: -len(ending)]
    return None


def _text(value: str) -> np.ndarray:
    """Return a string that durin reads: ASCII of fixed length, one byte to spare."""
    content = value.encode("ascii", "replace")
    return np.array(content, f"S{len(content) + 1}")


def _group(parent: Any, name: str, kind: str) -> Any:
    group = parent.create_group(name)
    group.attrs["NX_class"] = _text(kind)
    return group


def _put(group: Any, name: str, value: Any, units: str | None = None) -> Any:
    value = _text(value) if isinstance(value, str) else value
    dataset = group.create_dataset(name, data=value, track_times=False)
    if units is not None:
        dataset.attrs["units"] = _text(units)
    return dataset


def _describe(h5py: Any, file: Any, recording: Recording, dtype: Any) -> Any:
    """Write everything but the images; return the group that they belong in."""
    file.attrs["default"] = _text("entry")
    file.attrs["file_name"] = _text(os.path.basename(recording.name))
    entry = _group(file, "entry", "NXentry")
    entry.attrs["default"] = _text("data")
    _put(entry, "definition", "NXmx")
    _put(entry, "title", recording.name)
    _put(entry, "start_time", f"{EPOCH.isoformat()}Z")
    end = EPOCH + datetime.timedelta(seconds=recording.exposure_s * recording.frames)
    _put(entry, "end_time_estimated", f"{end.isoformat(timespec='seconds')}Z")
    source = _group(entry, "source", "NXsource")
    _put(source, "name", "nbsim")
    instrument = _group(entry, "instrument", "NXinstrument")
    _put(instrument, "name", "nbsim")
    _beam(instrument, recording)
    _sample(entry, recording)
    _detector(instrument, recording, np.dtype(dtype))
    data = _group(entry, "data", "NXdata")
    data.attrs["signal"] = _text("data")
    return data


def _beam(instrument: Any, recording: Recording) -> None:
    beam = _group(instrument, "beam", "NXbeam")
    if len(recording.frame_wavelengths_A):
        _put(beam, "incident_wavelength", recording.frame_wavelengths_A, "angstrom")
    else:
        wavelength = _put(
            beam, "incident_wavelength", recording.wavelength_A, "angstrom"
        )
        if len(recording.spectrum_A):
            name = "incident_wavelength_spectrum"
            wavelength.attrs["variant"] = _text(name)
            _put(beam, name, recording.spectrum_A, "angstrom")
            _put(beam, f"{name}_weights", recording.spectrum_weights)
    _put(beam, "total_flux", recording.flux_per_s, "Hz")
    size = [recording.beamsize_mm * 1e-3] * 2
    _put(beam, "incident_beam_size", np.array(size), "m")
    stokes = np.array([1.0, recording.polarization, 0.0, 0.0])
    _put(beam, "incident_polarisation_stokes", stokes)


def _axis(
    group: Any,
    name: str,
    value: Any,
    vector: np.ndarray,
    kind: str,
    units: str,
    depends_on: str,
) -> Any:
    axis = _put(group, name, value, units)
    axis.attrs["transformation_type"] = _text(kind)
    axis.attrs["vector"] = np.asarray(vector, np.float64)
    axis.attrs["offset"] = np.zeros(3)
    axis.attrs["offset_units"] = _text("mm")
    axis.attrs["depends_on"] = _text(depends_on)
    return axis


def _sample(entry: Any, recording: Recording) -> None:
    sample = _group(entry, "sample", "NXsample")
    _put(sample, "name", recording.name)
    if not recording.rotating:
        _put(sample, "depends_on", ".")
        return
    _put(sample, "depends_on", "/entry/sample/transformations/omega")
    moves = _group(sample, "transformations", "NXtransformations")
    spindle = mcstas_rotation(recording.geometry) @ recording.geometry.spindle_vector
    starts = recording.starts_deg
    _axis(moves, "omega", starts, spindle, "rotation", "deg", ".")
    _put(moves, "omega_end", starts + recording.osc_deg, "deg")
    _put(moves, "omega_increment_set", recording.osc_deg, "deg")


def _detector(instrument: Any, recording: Recording, dtype: np.dtype) -> None:
    geometry = recording.geometry
    fast, slow, distance, normal = nearest_point(geometry)
    pixel = geometry.pixel_size
    spixels, fpixels = recording.shape
    detector = _group(instrument, "detector", "NXdetector")
    _put(detector, "description", "nbsim")
    _put(detector, "type", "PIXEL")
    _put(detector, "depends_on", "/entry/instrument/detector/transformations/distance")
    _put(detector, "x_pixel_size", pixel, "m")
    _put(detector, "y_pixel_size", pixel, "m")
    _put(detector, "beam_center_x", fast / pixel, "pixel")
    _put(detector, "beam_center_y", slow / pixel, "pixel")
    _put(detector, "distance", distance, "m")
    _put(detector, "count_time", recording.exposure_s, "s")
    _put(detector, "frame_time", recording.exposure_s, "s")
    _put(detector, "sensor_material", "Si")
    _put(detector, "sensor_thickness", recording.sensor_m, "m")
    _put(detector, "bit_depth_readout", np.int32(32))
    _put(detector, "saturation_value", np.int64(SATURATION))
    _put(detector, "underload_value", np.int64(0))
    present = recording.present
    missing = np.zeros(recording.shape, np.uint32)
    if present is not None:
        missing[~present] = 1
    _put(detector, "pixel_mask", missing)
    _put(detector, "pixel_mask_applied", np.int8(0 if dtype.kind == "f" else 1))
    specific = _group(detector, "detectorSpecific", "NXcollection")
    _put(specific, "nimages", np.int32(recording.frames))
    _put(specific, "ntrigger", np.int32(1))
    _put(specific, "x_pixels_in_detector", np.int32(fpixels))
    _put(specific, "y_pixels_in_detector", np.int32(spixels))
    energy = 12398.4198433 / recording.wavelength_A
    _put(specific, "photon_energy", energy, "eV")
    _put(specific, "countrate_correction_count_cutoff", np.uint32(SATURATION))
    _put(specific, "pixel_mask", missing)

    # The readers' beam is always +z: the frame is turned so that it is.
    rotation = mcstas_rotation(geometry)
    moves = _group(detector, "transformations", "NXtransformations")
    _axis(
        moves,
        "distance",
        distance * 1000.0,
        rotation @ normal,
        "translation",
        "mm",
        ".",
    )
    for number, panel in enumerate(recording.parts):
        name = "module" if len(recording.parts) == 1 else f"module_{number:03d}"
        _module(detector, name, panel, rotation, distance * normal)


def _module(
    detector: Any,
    name: str,
    panel: PlacedPanel,
    rotation: np.ndarray,
    moved: np.ndarray,
) -> None:
    """Write a panel: its part of the image, and where that is.

    Parameters
    ----------
    rotation
        From nbsim's frame to the file's.
    moved
        What transformations/distance moves it by already, m.
    """
    geometry = panel.geometry
    module = _group(detector, name, "NXdetector_module")
    _put(module, "data_origin", np.array([panel.slow, panel.fast], np.int64))
    _put(module, "data_size", np.array([geometry.spixels, geometry.fpixels], np.int64))
    _put(module, "data_stride", np.ones(2, np.int64))
    chain = "/entry/instrument/detector/"
    offset = np.array(geometry.pix0_vector) - moved
    length = float(np.linalg.norm(offset))
    # A translation of 0 may go anywhere.
    away = offset / length if length > _NOWHERE else np.array(geometry.fdet_vector)
    _axis(
        module,
        "module_offset",
        length * 1000.0,
        rotation @ away,
        "translation",
        "mm",
        f"{chain}transformations/distance",
    )
    for direction, vector in (
        ("fast_pixel_direction", geometry.fdet_vector),
        ("slow_pixel_direction", geometry.sdet_vector),
    ):
        _axis(
            module,
            direction,
            geometry.pixel_size * 1000.0,
            rotation @ np.array(vector),
            "translation",
            "mm",
            f"{chain}{name}/module_offset",
        )
