# SPDX-License-Identifier: MIT
"""What nbsim-background does: render, extract, print, write."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np

from ..backends.background import BackgroundImage, images_of
from ..backends.extract import ExtractedTable, extract_table, valid_pixels
from ..errors import UsageError
from ..formats.pgm import write_pgm
from ..formats.smv import SmvImage, write_smv
from ..formats.textfiles import built_in_stol, read_sources, read_stol
from ..images import scaling
from ..images.noise import Noise, poisson_noise
from ..kernels.entries import squared_deviations
from ..model.background import MATERIALS, Background
from ..model.models import Beam, Detector, Goniometer
from ..model.structure_factors import available_memory
from ..options.collector import Collector
from ..options.command_line import Output
from ..resolve.amounts import fluence_and_flux
from ..resolve.background import Place, resolve_background
from ..resolve.exact_geometry import exact_geometry
from ..resolve.geometry import Geometry, resolve_geometry
from ..resolve.sources import resolve_sources
from ..resolve.vectors import RTD
from .background_program import detector_of
from .compiling import announced
from .estimate import long_background_warning
from .files import check_outputs, write_together
from .progress import standard_bar
from .terminal import note, say, warn

#: float32, two uint16, uint8, and copies on the way.
BYTES_PER_PIXEL = 24
STOLOUT = "output.stol"


def run(collected: Collector, measured: SmvImage | None) -> None:
    """Do what a command line asks for.

    Raises
    ------
    ValueError
        For a bad value.
    OSError
        For a file that cannot be read or written.
    """
    output = Output(**collected.values["output"])
    model = collected.values["simulation"].get("model", "c")
    endless = collected.values["background"].pop("endless_beam", False)
    background, table = _material(collected)
    beam = _beam(collected, model, endless)
    detector: Detector = detector_of(collected.values["detector"])
    place = _place(detector, beam, collected, model)
    paths = _paths(output, collected, measured)
    check_outputs(paths, dict(collected.files))
    _check_memory(place.geometry)
    _announce_long_run(background, place, output)
    _check_measured(measured, place.geometry)
    fluence, _ = fluence_and_flux(beam)
    extraction = collected.values["extract"]
    bar = standard_bar() if output.progress else None
    with announced(note):
        (rendered,) = images_of(
            [background],
            [table],
            beam,
            fluence,
            place,
            model,
            F_only=extraction.get("F_only", False),
            threads=output.threads,
            progress=bar,
        )
    if bar:
        bar.clear()
    for warning in (*place.geometry.warnings, *rendered.warnings):
        if "odet_vector" not in warning:  # nobody gave it
            warn(warning)
    writers = _images(
        output, place.geometry, detector, beam, collected, rendered, model
    )
    if measured is not None:
        resolved = resolve_background(
            background, table, beam, fluence, place.sources, model
        )
        gain = extraction.get("gain", 1.0)
        counts = measured.pixels.astype(np.float64)
        extracted = extract_table(
            ((counts - output.adc) / gain).astype(np.float32),
            valid_pixels(measured.pixels, extraction.get("ignore", ())),
            resolved,
            place,
            fluence,
            background.units,
            model,
        )
        _tell_rows(extracted)
        writers["stolout"] = lambda stream: stream.write(_table_text(extracted))
    write_together(paths, writers)
    say([f"wrote {path}" for path in paths.values()])


def _material(collected: Collector) -> tuple[Background, np.ndarray]:
    fields = dict(collected.values["background"])
    path = fields.pop("path", None)
    if path is None:
        raise UsageError(
            "no material: give a table with -stol, -4stol or -Q, or -stol water, air "
            "or ice, as in nbsim-background -stol water -thickness 1"
        )
    if path in MATERIALS:
        del fields["units"]
        return Background(path, **fields), built_in_stol(path)
    collected.files["stol"] = path
    table = read_stol(path, warn)
    return Background(table=table, **fields), table


def _beam(collected: Collector, model: str, endless: bool) -> Beam:
    if endless:
        if model != "c":
            raise UsageError("-beamsize: a size below 0 has a meaning in model c only")
        warn(
            "-beamsize below 0: the beam cuts nothing and -flux does not count, as in C"
        )
        collected.values["beam"].pop("flux_per_s", None)
    if "sourcefile" in collected.files:
        sources = read_sources(collected.files["sourcefile"])
        collected.values["beam"]["sources"] = sources
    return Beam(**collected.values["beam"])


def _place(detector: Detector, beam: Beam, collected: Collector, model: str) -> Place:
    goniometer = Goniometer(**collected.values["goniometer"])
    resolve = exact_geometry if model == "physical" else resolve_geometry
    geometry = resolve(detector, beam, goniometer)
    return Place(
        geometry,
        resolve_sources(beam, geometry),
        beam.polarization,
        beam.nopolar,
        detector.curved,
        detector.point_pixel,
        model == "physical",
        detector.bounds,
        None,
    )


def _paths(
    output: Output, collected: Collector, measured: SmvImage | None
) -> dict[str, str]:
    paths = {
        "floatfile": output.floatfile,
        "intfile": output.intfile,
        "pgmfile": output.pgmfile,
        "noisefile": output.noisefile,
    }
    if measured is not None:
        paths["stolout"] = collected.values["extract"].get("stolout", STOLOUT)
    return {name: path for name, path in paths.items() if path is not None}


def _check_memory(geometry: Geometry) -> None:
    needed = BYTES_PER_PIXEL * geometry.spixels * geometry.fpixels
    available = available_memory()
    if needed > available:
        raise MemoryError(
            f"images of {geometry.fpixels} x {geometry.spixels} pixels need "
            f"{needed / 1e9:.3g} GB, {available / 1e9:.3g} GB are available"
        )


def _announce_long_run(background: Background, place: Place, output: Output) -> None:
    xmin, xmax, ymin, ymax = place.bounds
    pixels = float(xmax - xmin + 1) * (ymax - ymin + 1)
    sources = len(place.sources.wavelengths)
    slow = long_background_warning(background, pixels, sources, output.threads)
    if slow:
        warn(slow)


def _check_measured(measured: SmvImage | None, geometry: Geometry) -> None:
    shape = (geometry.spixels, geometry.fpixels)
    if measured is not None and measured.pixels.shape != shape:
        spixels, fpixels = measured.pixels.shape
        raise ValueError(
            f"-img {measured.path}: the image has {fpixels} x {spixels} pixels, the "
            f"detector {shape[1]} x {shape[0]}"
        )


def _images(
    output: Output,
    geometry: Geometry,
    detector: Detector,
    beam: Beam,
    collected: Collector,
    rendered: BackgroundImage,
    model: str,
) -> dict[str, Any]:
    """Make all images from the float image; return what writes each."""
    image, roi = rendered.image, detector.roi
    bad = int((~np.isfinite(image)).sum())
    finite = image
    if bad:
        warn(f"{bad} pixels are not a number: 0 in the integer images")
        finite = np.where(np.isfinite(image), image, np.float32(0))
    stats = scaling.statistics(finite, roi)
    scale = output.scale or scaling.automatic_int_scale(stats)
    pgm_scale = output.pgmscale
    if pgm_scale <= 0.0:
        rmsd = stats.rmsd if model == "physical" else _rmsd_of_c(finite, stats, roi)
        pgm_scale = 250.0 / (5.0 * rmsd) if rmsd > 0.0 else scale
    header = _header(geometry, beam, collected)
    counts = scaling.int_image(finite, scale, output.adc, roi)
    grey = scaling.pgm_image(finite, pgm_scale, roi)
    say(
        [
            "max_I = %g" % stats.max_I,
            "mean= %g rms= %g rmsd= %g" % (stats.mean, stats.rms, stats.rmsd),
            "intfile_scale = %g" % scale,
            "pgm_scale = %g" % pgm_scale,
        ]
    )

    def write_noise(stream: BinaryIO) -> None:
        noise: Noise = poisson_noise(finite, output.seed, output.adc, roi)
        say([f"noise image seed = {output.seed}"])
        say(["%.0f photons on noise image (%d overloads)" % noise[1:]])
        write_smv(stream, noise.pixels, header)

    return {
        "floatfile": lambda to: to.write(image.data),
        "intfile": lambda to: write_smv(to, counts, header),
        "pgmfile": lambda to: write_pgm(to, grey, pgm_scale),
        "noisefile": write_noise,
    }


def _rmsd_of_c(
    image: np.ndarray, stats: scaling.Statistics, roi: scaling.Roi | None
) -> float:
    """Return the deviation that C scales its PGM image with.

    C quirk: it takes the pixel behind each, and 0 behind the last.
    """
    behind = np.zeros_like(image)
    behind.reshape(-1)[:-1] = image.reshape(-1)[1:]
    bounds = scaling.check_image(image, roi)
    xmin, xmax, ymin, ymax = bounds
    area = (xmax - xmin + 1) * (ymax - ymin + 1)
    total = squared_deviations(behind, bounds, stats.mean)
    return float(np.sqrt(total / max(area - 1, 1)))


def _header(geometry: Geometry, beam: Beam, collected: Collector) -> dict[str, str]:
    """Return nonBragg's header: beam centre along fast, and slow from the far edge."""
    goniometer = Goniometer(**collected.values["goniometer"])
    g = geometry
    pixel = g.pixel_size
    # C quirk: the far edge is where -detsize has it, within the last pixel.
    asked = collected.values["detector"]
    high = g.detsize_s * 1000.0
    if not asked.get("detpixels_s"):
        high = asked.get("detsize_s_mm", Detector.detsize_s_mm)
    numbers = {
        "PIXEL_SIZE": pixel * 1000.0,
        "DISTANCE": g.distance * 1000.0,
        "WAVELENGTH": beam.wavelength_A,
        "BEAM_CENTER_X": g.Fbeam * 1000.0,
        "BEAM_CENTER_Y": high - g.Sbeam * 1000.0,
        "ORGX": g.Fclose / pixel,
        "ORGY": g.Sclose / pixel,
        "CLOSE_DISTANCE": g.close_distance * 1000.0,
        "PHI": goniometer.phi_deg,
        "OSC_START": goniometer.phi_deg,
        "OSC_RANGE": goniometer.osc_deg or 0.0,
        "TWOTHETA": g.twotheta * RTD,
    }
    text = {name: "%g" % value for name, value in numbers.items()}
    return {**text, "DETECTOR_SN": "000", "BEAMLINE": "fake"}


def _tell_rows(extracted: ExtractedTable) -> None:
    if extracted.left_out:
        rows = ", ".join(f"{stol:g}" for stol in extracted.left_out[:5])
        more = " ..." if len(extracted.left_out) > 5 else ""
        warn(
            f"{len(extracted.left_out)} rows of the table have too few pixels and are "
            f"left out: {rows}{more}"
        )
    if not len(extracted.table):
        raise ValueError("-img: no row of the table has more than 100 pixels")


def _table_text(extracted: ExtractedTable) -> bytes:
    """Return rows as C writes them: s, F, its spread, and the number of pixels."""
    lines = (
        "%g %g %g   %g %g  %d\n" % (stol, F, spread, F, spread, count)
        for (stol, F), spread, count in zip(
            extracted.table, extracted.spread, extracted.pixels
        )
    )
    return "".join(lines).encode("ascii")
