# SPDX-License-Identifier: MIT
"""The lines on standard output: those of nanoBragg, in its order and with its names.

Scripts read them (``max_I = ``, ``solid angle subtended by detector = ``), so field
names and number formats follow nanoBragg.c (J. Holton and K. Frankel).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .._version import __version__
from ..model.validate import Vector
from ..resolve.amounts import AVOGADRO
from ..resolve.run import Setup
from ..resolve.vectors import RTD, cross, dot
from .outputs import IMAGES

if TYPE_CHECKING:
    from ..backends.protocol import Result
    from ..options.command_line import CommandLine
    from ..simulation import Simulation
    from .outputs import Images

CREDIT = (
    f"nbsim {__version__}: nanocrystal diffraction after nanoBragg "
    "by James Holton and Ken Frankel"
)
SHAPE_WORDS = {
    "square": "parallelpiped",
    "round": "ellipsoidal",
    "gauss": "gaussian",
    "tophat": "tophat-spot",
}
PIVOT_WORDS = {"sample": "sample", "beam": "direct beam spot"}
#: g/m^3, for the estimate of the molecular weight only.
PROTEIN_DENSITY = 1.2e6


def before(command: CommandLine[Simulation]) -> list[str]:
    """Return what is known before the first pixel."""
    simulation, setup = command.simulation, command.simulation.setup
    return [
        CREDIT,
        *command.notes,
        *_convention(simulation, setup),
        *_cell(setup),
        *_crystal_size(simulation, setup),
        *_steps(setup),
        *_sources(simulation, setup),
        *_sample(simulation, setup),
        *_detector(setup),
        *_sampling(command),
        *_noise(command),
    ]


def _three(vector: Sequence[float]) -> str:
    return "%g %g %g" % tuple(vector)


def _convention(simulation: Simulation, setup: Setup) -> Iterator[str]:
    geometry = setup.geometry
    yield f"{geometry.convention} convention selected."
    yield f"pivoting detector around {PIVOT_WORDS[geometry.pivot]}"
    axes = (geometry.fdet_vector, geometry.sdet_vector, geometry.odet_vector)
    x, y, z = (dot(geometry.beam_vector, axis) for axis in axes)
    yield f"XDS incident beam: {_three((x, y, z))}"
    if simulation.sampling.interpolate is None:
        crystal = simulation.crystal
        cells = (crystal.Na, crystal.Nb, crystal.Nc)
        few = min(setup.N_cells if setup.physical else cells) <= 2
        kind = (
            "tricubic interpolation of structure factors" if few else "no interpolation"
        )
        yield f"auto-selected {kind}"
    if simulation.crystal.misset_deg == "random":
        assert setup.misset_rad is not None
        angles = tuple(angle * RTD for angle in setup.misset_rad)
        # All digits: with these angles -misset gives the same picture again.
        digits = "%.17g" if setup.physical else "%f"
        yield f"random orientation misset angles: {digits} {digits} {digits} deg" % (
            angles
        )


def _cell(setup: Setup) -> Iterator[str]:
    cell = setup.cell
    degrees = [angle * RTD for angle in (*cell.angles, *cell.angles_star)]
    yield f"Unit Cell: {_three(cell.lengths)} {_three(tuple(degrees[:3]))}"
    yield f"Recp Cell: {_three(cell.lengths_star)} {_three(tuple(degrees[3:]))}"
    yield "volume = %g A^3" % cell.V_cell
    yield "real-space cell vectors (Angstrom):"
    yield from vector_table("abc", (cell.a, cell.b, cell.c))
    yield "reciprocal-space cell vectors (Angstrom^-1):"
    yield from vector_table(
        ("a_star", "b_star", "c_star"), (cell.a_star, cell.b_star, cell.c_star)
    )


def vector_table(
    names: str | tuple[str, ...], vectors: tuple[Vector, ...]
) -> list[str]:
    """Return three vectors as the columns of a table, with their names on top."""
    lines = ["     %-10s  %-10s  %-10s" % tuple(names)]
    for axis, row in zip("XYZ", zip(*vectors)):
        lines.append(f"{axis}: " + " ".join("%11.8f" % x for x in row))
    return lines


def _crystal_size(simulation: Simulation, setup: Setup) -> Iterator[str]:
    sizes = setup.xtalsize
    yield "crystal is %g x %g x %g microns" % tuple(size * 1e6 for size in sizes)
    if simulation.sampling.oversample <= 0:
        yield f"auto-selected {setup.oversample}-fold oversampling"
    mass = math.prod(sizes) * PROTEIN_DENSITY * AVOGADRO
    yield "approximate MW = %g" % (mass / math.prod(setup.N_cells))


def _steps(setup: Setup) -> Iterator[str]:
    for layer in range(setup.sensor.thicksteps):
        depth = (layer + (0.5 if setup.physical else 0.0)) * setup.sensor.thickstep
        yield "thick%d = %g um" % (layer, depth * 1e6)
    for step, phi in enumerate(setup.phis):
        yield "phi%d = %g" % (step, phi * RTD)


def _sources(simulation: Simulation, setup: Setup) -> Iterator[str]:
    sources = setup.sources
    if simulation.beam.sources is None:
        for deviation in sources.deviations:
            yield "divergence deviation: %g %g" % deviation
        for step in range(sources.dispersion.count):
            yield "lambda%d = %.15g" % (step, sources.wavelengths[step])
    count = len(sources.wavelengths)
    yield f"  created a total of {count} sources:"
    table = zip(sources.positions.tolist(), sources.weights, sources.wavelengths)
    for position, weight, wavelength in table:
        yield f"{_three(position)}   %g %g" % (weight, wavelength)


def _sample(simulation: Simulation, setup: Setup) -> Iterator[str]:
    factors, beam = simulation.structure_factors, simulation.beam
    yield f"  created a total of {setup.mosaicity.domains} mosaic domains"
    yield "  %d initialized hkls (all others =%g)" % (factors.hkls, factors.default_F)
    shape = SHAPE_WORDS[simulation.crystal.shape]
    yield f"  {shape} xtal: %.0fx%.0fx%.0f cells" % setup.N_cells
    dispersion = setup.sources.dispersion
    yield "  wave=%g meters +/- %g%% in %d steps" % (
        setup.wavelength,
        dispersion.range * 100,
        dispersion.count,
    )
    if beam.nopolar:
        yield "  polarization effect disabled"
    else:
        yield "  Kahn polarization factor: %f" % beam.polarization
    if simulation.detector.curved:
        yield "  curved detector: all pixels same distance from origin"
    if simulation.detector.point_pixel:
        yield "  pixel obliquity effect disabled"
    yield "  incident fluence: %g photons/m^2" % setup.fluence


def _detector(setup: Setup) -> Iterator[str]:
    g, sensor = setup.geometry, setup.sensor
    yield "  distance=%g detsize=%gx%g  pixel=%g meters (%dx%d pixels)" % (
        *(g.distance, g.detsize_f, g.detsize_s, g.pixel_size),
        *(g.fpixels, g.spixels),
    )
    yield "  sensor is %g m thick in %d layers with mu= %g" % (
        sensor.thick,
        sensor.thicksteps,
        sensor.mu,
    )
    if len(setup.panels) > 1:
        spixels, fpixels = setup.image_shape
        yield f"  {len(setup.panels)} panels in an image of {fpixels}x{spixels} pixels"
        yield f"  the following is of the first, {setup.panels[0].name}:"
    yield "  Xbeam=%g Ybeam=%g" % (g.Xbeam, g.Ybeam)
    yield "  Fbeam=%g Sbeam=%g" % (g.Fbeam, g.Sbeam)
    yield "  Xclose=%g Yclose=%g" % (g.Xclose, g.Yclose)
    yield "  Fclose=%g Sclose=%g" % (g.Fclose, g.Sclose)
    yield f"  DIRECTION_OF_DETECTOR_X-AXIS= {_three(g.fdet_vector)}"
    yield f"  DIRECTION_OF_DETECTOR_Y-AXIS= {_three(g.sdet_vector)}"
    yield f"  DIRECTION_OF_DETECTOR_Z-AXIS= {_three(g.odet_vector)}"
    yield f"  INCIDENT_BEAM_DIRECTION= {_three(g.beam_vector)}"
    yield f"  spindle ROTATION_AXIS= {_three(g.spindle_vector)}"
    normal = cross(g.beam_vector, g.polar_vector)
    yield f"  POLARIZATION_PLANE_NORMAL= {_three(normal)}"
    yield f"  dials origin= {_three(g.dials_origin_mm)}"
    yield "  roi: %d < x < %d && %d < y < %d" % g.roi


def _sampling(command: CommandLine[Simulation]) -> Iterator[str]:
    setup, sampling = command.simulation.setup, command.simulation.sampling
    for name, steps in (("h", setup.sources.hdiv), ("v", setup.sources.vdiv)):
        yield f"  {name}divrange=%g {name}divstep=%g  radians" % (
            steps.range,
            steps.step,
        )
    yield f"  {len(setup.sources.deviations)} divergence steps"
    yield f"  {len(setup.sources.wavelengths)} sources"
    mosaicity, phi = setup.mosaicity, setup.phi
    yield "  %d mosaic domains over mosaic spread of %g degrees" % (
        mosaicity.domains,
        mosaicity.spread * RTD,
    )
    yield "  %d phi steps from %g to %g degrees" % (
        phi.count,
        setup.phi0 * RTD,
        (setup.phi0 + phi.range) * RTD,
    )
    flags = [
        f" +{name}"
        for name in ("thick", "polar", "omega")
        if getattr(sampling, f"oversample_{name}")
    ]
    side = setup.oversample
    yield f"  {side}x{side} pixel oversample steps{''.join(flags)}"
    if "mask" in command.inputs:
        yield f"  skipping zero-flagged pixels in {command.inputs['mask']}"


def _noise(command: CommandLine[Simulation]) -> Iterator[str]:
    if command.output.noisefile is None:
        return
    seed = command.output.seed
    yield ""
    yield "  noise image parameters:"
    # As C prints it: the generator takes the negative of what is typed.
    yield f"  seed: {-seed} (-seed {seed} gives the same noise again)"
    yield "  water droplet size: %g m" % command.simulation.setup.water_size


def render_warnings(simulation: Simulation, result: Result) -> Iterator[str]:
    """Yield what went differently than asked while rendering."""
    if result.out_of_range is not None:
        from ..trace.out_of_range import explain

        yield explain(simulation.setup, result)
    if result.why_double is not None:
        yield f"rendered in double precision: {result.why_double}"


def after(
    command: CommandLine[Simulation], result: Result, images: Images
) -> list[str]:
    """Return the statistics, and which files are written."""
    output, setup, stats = command.output, command.simulation.setup, images.stats
    # C quirk: divided by sources, phi steps and domains as well.
    rays = setup.sensor.thicksteps * setup.oversample * setup.oversample
    solid_angle = result.omega_sum / (rays if setup.physical else setup.steps)
    sphere = 100 * solid_angle / 4 / math.pi
    lines = [
        "",
        "solid angle subtended by detector = %g steradian ( %g%% sphere)"
        % (solid_angle, sphere),
        f"rendered on {result.backend}",
        *_light(result),
        f"writing {output.floatfile} as {result.image.size} 4-byte floats",
        "max_I = %g  at %g %g" % (stats.max_I, *_peak_position(images, setup)),
        "mean= %g rms= %g rmsd= %g" % (stats.mean, stats.rms, stats.rmsd),
        "intfile_scale = %g" % images.int_scale,
        f"writing {output.intfile} as 2-byte integers",
    ]
    for name, (pixels, _) in IMAGES.items():
        path = getattr(output, name)
        if pixels == "photons" and name != "floatfile" and path is not None:
            lines.append(f"writing {path} as {result.image.size} 4-byte floats")
    if output.pgmfile is not None:
        lines.append("pgm_scale = %g" % images.pgm_scale)
        lines.append(f"writing {output.pgmfile} as 1-byte integers")
    if output.noisefile is not None:
        counts = (images.photons, images.overloads)
        lines.append("%.0f photons on noise image (%d overloads)" % counts)
        size = 2 if images.noise_pixels is None else images.noise_pixels.itemsize
        lines.append(f"writing {output.noisefile} as {size}-byte integers")
    for path in (output.preview, output.preview_noise):
        if path is not None:
            lines.append(f"writing {path} as a picture")
    return lines


def _light(result: Result) -> Iterator[str]:
    """Yield how much was evaluated, where that was not everything."""
    if result.why_dense is None and result.lit_fraction is not None:
        lit = 100.0 * result.lit_fraction
        yield "sparse rendering: about %g%% of all terms are lit" % lit


def _peak_position(images: Images, setup: Setup) -> tuple[float, float]:
    """Return where the brightest pixel is, fast and slow, m (C: its last subpixel)."""
    stats = images.stats
    if stats.max_index_fast < 0:
        return 0.0, 0.0
    subpixel = setup.geometry.pixel_size / setup.oversample
    last = setup.oversample - 1
    fast, slow = (
        subpixel * (index * setup.oversample + last) + subpixel / 2.0
        for index in (stats.max_index_fast, stats.max_index_slow)
    )
    return fast, slow
