# SPDX-License-Identifier: MIT
"""From the models to the numbers of a run: every automatic choice is made here.

Source: nanoBragg.c, ``main`` between the option loop and the pixel loop.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from ..model.experiment import Experiment
from ..model.models import Beam, Crystal, Detector, Goniometer, Sampling
from ..model.structure_factors import StructureFactors
from ..model.validate import Roi
from .amounts import (
    background,
    cell_counts,
    crystal_size,
    fluence_and_flux,
    sample_size,
)
from .cell import Cell, resolve_cell
from .geometry import Geometry, resolve_geometry
from .panels import PlacedPanel, placed_panels
from .random_numbers import (
    Generator,
    mosaic_umats,
    random_misset_rad,
    uniform_misset_rad,
)
from .shadow import rendered_mask
from .size import check_size
from .sources import Sources, check_exact, resolve_sources, source_grid
from .steps import (
    Mosaicity,
    Sensor,
    Steps,
    mosaic_domains,
    phi_steps,
    recommended_oversample,
    sensor_layers,
)
from .vectors import RTD, Vector, radians, rotate_axis, scaled


@dataclass(frozen=True)
class Flags:
    """The switches of a run, as it heeds them."""

    curved: bool
    point_pixel: bool
    nopolar: bool
    oversample_thick: bool
    oversample_polar: bool
    oversample_omega: bool
    phi_carryover: bool


@dataclass(frozen=True, eq=False)
class Setup:
    """A run in SI units, with nothing left to choose.

    Attributes
    ----------
    model
        "c" or "physical".
    geometry, cell, sources, phi, mosaicity, sensor, flags, structure_factors
        See their classes.
    panels
        Where the pixels are; `geometry` is that of the first.
    image_shape
        (slow, fast) pixels of the image of all panels.
    shape, fudge
        Of the crystal.
    polarization
        Kahn factor.
    dmin
        Resolution limit, m; 0: none.
    sparse, spot_cutoff
        See `Sampling`.
    bounds
        Pixels to render: xmin, xmax, ymin, ymax, inclusive, inside the image.
    mask
        (slow, fast), 0 where nothing is rendered; None: no mask.
    phi0
        Start of the rotation, rad.
    misset_rad
        Rotations that were applied to the cell; None: none.
    umats
        (domains, 3, 3) mosaic rotations.
    N_cells
        Unit cells along a, b, c.
    oversample, recommended_oversample
        Subpixels per side: used, and what the crystal's size asks for.
    interpolate
        Whether tricubic interpolation starts switched on.
    fluence, flux
        photons/m^2, photons/s.
    wavelength
        m.
    water_size
        m.
    I_bg
        Background in units of F^2: of a pixel (model c), of every ray (physical).
    random_misset_seed, mosaic_seed
        Seeds of what was drawn at random; None: no random orientation.
    warnings
        One sentence each.
    """

    model: str
    flags: Flags
    structure_factors: StructureFactors
    geometry: Geometry
    panels: tuple[PlacedPanel, ...]
    image_shape: tuple[int, int]
    bounds: Roi
    mask: np.ndarray | None
    shape: str
    fudge: float
    polarization: float
    dmin: float
    sparse: str
    spot_cutoff: float
    cell: Cell
    sources: Sources
    phi: Steps
    phi0: float
    mosaicity: Mosaicity
    sensor: Sensor
    misset_rad: Vector | None
    umats: np.ndarray
    N_cells: Vector
    oversample: int
    recommended_oversample: int
    interpolate: bool
    fluence: float
    flux: float
    wavelength: float
    water_size: float
    I_bg: float
    random_misset_seed: int | None
    mosaic_seed: int
    warnings: tuple[str, ...]

    @property
    def rendered(self) -> np.ndarray:
        """(slow, fast) bool: the pixels that region of interest and mask leave."""
        xmin, xmax, ymin, ymax = self.bounds
        rendered = np.zeros(self.image_shape, bool)
        rendered[ymin : ymax + 1, xmin : xmax + 1] = True
        if self.mask is not None:
            rendered &= self.mask != 0
        return rendered

    def of_panel(self, number: int, roi: Roi | None = None) -> Setup | None:
        """Return the run of one panel alone; None where the roi has none of it.

        Parameters
        ----------
        number
            Which of `panels`.
        roi
            Region of the image; None: `bounds`.
        """
        bounds = self.panels[number].part_of(roi or self.bounds)
        if bounds is None:
            return None
        return dataclasses.replace(self.whole_panel(number), bounds=bounds)

    def whole_panel(self, number: int) -> Setup:
        """Return the run of one panel, all of it whatever the region of interest."""
        panel, mask = self.panels[number], self.mask
        spixels, fpixels = panel.geometry.spixels, panel.geometry.fpixels
        return dataclasses.replace(
            self,
            geometry=panel.geometry,
            panels=(PlacedPanel(panel.geometry, name=panel.name),),
            image_shape=(spixels, fpixels),
            bounds=(0, fpixels - 1, 0, spixels - 1),
            mask=None if mask is None else np.ascontiguousarray(mask[panel.slices]),
        )

    def panel_at(self, slow: int, fast: int) -> int | None:
        """Return the number of the panel that has a pixel; None: a gap, or outside."""
        for number, panel in enumerate(self.panels):
            rows, columns = panel.slices
            if rows.start <= slow < rows.stop and columns.start <= fast < columns.stop:
                return number
        return None

    def noise_generator(self) -> Generator:
        """Return the random numbers as orientation and domains leave them.

        Orientation, domains and noise share one table in C, so the noise of a
        negative seed depends on what was drawn before it.
        """
        generator = Generator()
        if self.random_misset_seed is not None:
            random_misset_rad(self.random_misset_seed, generator)
        mosaicity = self.mosaicity
        mosaic_umats(mosaicity.spread, mosaicity.domains, self.mosaic_seed, generator)
        return generator

    @property
    def physical(self) -> bool:
        """Whether model c's mistakes are put right."""
        return self.model == "physical"

    @property
    def orientations(self) -> int:
        """Phi steps x mosaic domains."""
        return self.phi.count * self.mosaicity.domains

    @property
    def channels(self) -> int:
        """Channels of the spectrum; 1 without one."""
        channels = self.sources.channels
        return 1 if channels is None else int(channels.max()) + 1

    @property
    def separate_channels(self) -> bool:
        """Whether each channel of a spectrum must be an image of its own.

        Model c carries things from ray to ray and from pixel to pixel: running
        products, whether it still interpolates, a stale orientation, the first
        polarization factor inside dmin. In one run the channels would share them, and
        the image would not be the sum of theirs.
        """
        if self.physical or self.sources.channels is None:
            return False
        flags = self.flags
        running = (
            flags.oversample_thick or flags.oversample_polar or flags.oversample_omega
        )
        rays = len(self.sources.wavelengths) // self.channels
        rays *= self.oversample**2 * self.sensor.thicksteps
        polarized_once = rays > 1 and not flags.nopolar
        at_dmin = self.dmin > 0.0 and (polarized_once or self.water_size > 0.0)
        return running or self.interpolate or flags.phi_carryover or at_dmin

    @property
    def steps(self) -> int:
        """Evaluations per pixel and layer: sources x domains x phi x subpixels."""
        count = len(self.sources.wavelengths) * self.mosaicity.domains * self.phi.count
        return count * self.oversample * self.oversample

    @property
    def xtalsize(self) -> Vector:
        """Crystal size along a, b, c, m."""
        return crystal_size(self.N_cells, self.cell)

    @property
    def phis(self) -> list[float]:
        """Where each phi step is evaluated, rad: its start (model c) or middle."""
        offset = 0.5 if self.physical else 0.0
        return [self.phi0 + self.phi.step * (i + offset) for i in range(self.phi.count)]

    def cell_vectors(self, carryover: bool, first: bool = False) -> np.ndarray:
        """Return the cell of every phi step and mosaic domain.

        Parameters
        ----------
        carryover
            Whether a step with phi == 0 keeps the vectors of the step before it.
        first
            Whether there is no step before: the cell is unrotated then.

        Returns
        -------
        ndarray
            (phisteps * domains, 3, 3) m, rows a, b, c, domains fastest.
        """
        unrotated = [scaled(v, 1e-10) for v in (self.cell.a, self.cell.b, self.cell.c)]
        spindle = self.geometry.spindle_vector
        rotated = [
            [rotate_axis(v, spindle, phi) for v in unrotated] if phi != 0.0 else None
            for phi in self.phis
        ]
        stale = unrotated
        if carryover and not first:
            stale = next((cell for cell in reversed(rotated) if cell), unrotated)
        table = []
        for cell in rotated:
            table.append(cell or (stale if carryover else unrotated))
            stale = table[-1]
        by_phi = np.array(table)
        if self.mosaicity.spread <= 0.0:
            return by_phi
        x, y, z = (by_phi[:, None, :, None, i] for i in range(3))
        u = self.umats[None, :, None]
        turned = u[..., 0] * x + u[..., 1] * y + u[..., 2] * z
        return np.ascontiguousarray(turned.reshape(-1, 3, 3))


def _misset(crystal: Crystal, generator: Generator, exact: bool) -> Vector | None:
    if crystal.misset_deg == "random":
        assert crystal.misset_seed is not None
        if not exact:
            return random_misset_rad(crystal.misset_seed, generator)
        angles = uniform_misset_rad(crystal.misset_seed, generator)
        # To degrees and back: the angles as reported give the same orientation.
        x, y, z = (radians(angle * RTD) for angle in angles)
        return x, y, z
    if crystal.misset_deg is None:
        return None
    x, y, z = (radians(float(angle)) for angle in crystal.misset_deg)
    return x, y, z


def _umats(crystal: Crystal, mosaicity: Mosaicity, generator: Generator) -> np.ndarray:
    if mosaicity.domains == 1:
        # The first domain is not rotated: nothing to draw, no kernel to load.
        return np.eye(3)[None]
    return mosaic_umats(
        mosaicity.spread, mosaicity.domains, crystal.mosaic_seed, generator
    )


def _oversample(
    asked: int, recommended: int, xtalsize_max: float
) -> tuple[int, list[str]]:
    if asked <= 0:
        return recommended, []
    if asked < recommended:
        return asked, [
            f"the crystal ({xtalsize_max * 1e10:g} A) is finer than a pixel resolves: "
            f"intensity may vary across it; -oversample {recommended} works around this"
        ]
    return asked, []


def _without_effect(sampling: Sampling) -> list[str]:
    """Return what to say about options that model physical has no use for."""
    given = [
        f"-oversample_{name}"
        for name in ("thick", "polar", "omega")
        if getattr(sampling, f"oversample_{name}")
    ]
    if not given:
        return []
    return [
        f"{', '.join(given)}: no effect with -model physical, which averages every "
        "correction over layers, subpixels and sources anyway"
    ]


def _phi0(goniometer: Goniometer) -> float:
    return radians(goniometer.phi_deg)


def _flags(beam: Beam, detector: Detector, sampling: Sampling, exact: bool) -> Flags:
    return Flags(
        curved=detector.curved,
        point_pixel=detector.point_pixel,
        nopolar=beam.nopolar,
        # They multiply running sums, which model physical does not have.
        oversample_thick=sampling.oversample_thick and not exact,
        oversample_polar=sampling.oversample_polar and not exact,
        oversample_omega=sampling.oversample_omega and not exact,
        phi_carryover=sampling.phi_carryover,
    )


def _follows_energy(experiment: Experiment) -> bool:
    """Return whether each channel of the beam has an F of its own.

    Raises
    ------
    ValueError
        When the structure factors were made for another spectrum.
    """
    spectral = experiment.structure_factors.spectral
    spectrum = experiment.beam.spectrum
    if spectral is None or spectrum is None:
        return False
    made_for = spectral.wavelengths_A
    if len(made_for) != len(spectrum) or not np.allclose(
        made_for, spectrum[:, 0], rtol=1e-9, atol=0.0
    ):
        raise ValueError(
            f"structure_factors: made for another spectrum ({len(made_for)} channels "
            f"from {made_for.min():.6g} to {made_for.max():.6g} A) than the beam's "
            f"({len(spectrum)} channels)"
        )
    return True


def resolve(experiment: Experiment) -> Setup:
    """Make every choice that the models leave open.

    Raises
    ------
    ValueError
        When the models contradict each other.
    """
    crystal, beam, detector = experiment.crystal, experiment.beam, experiment.detector
    goniometer, sampling = experiment.goniometer, experiment.sampling
    exact = experiment.model == "physical"
    place = resolve_geometry
    if exact:
        from .exact_geometry import exact_geometry as place
    panels = placed_panels(detector, beam, goniometer, place)
    geometry = panels[0].geometry
    # What is odd about one panel is so about all, nearly always.
    warnings = list(dict.fromkeys(w for p in panels for w in p.geometry.warnings))
    generator = Generator()
    misset_rad = _misset(crystal, generator, exact)
    cell = resolve_cell(crystal, beam.wavelength_A, misset_rad, exact)
    sample, clipped = sample_size(crystal, beam.beamsize_mm / 1000.0)
    N_cells = cell_counts(crystal, cell, sample)
    xtalsize_max = max(crystal_size(N_cells, cell))
    wavelength = beam.wavelength_A / 1.0e10
    recommended = max(
        recommended_oversample(
            xtalsize_max, wavelength, panel.geometry.distance, geometry.pixel_size
        )
        for panel in panels
    )
    oversample, too_coarse = _oversample(sampling.oversample, recommended, xtalsize_max)
    mosaicity = mosaic_domains(crystal)
    random_seed = crystal.misset_seed if crystal.misset_deg == "random" else None
    sensor = sensor_layers(detector, exact)
    phi = phi_steps(goniometer)
    listed = 0 if beam.sources is None else len(beam.sources)
    check_size(phi, mosaicity, source_grid(beam), listed, sensor)
    sources = resolve_sources(beam, geometry)
    if exact:
        check_exact(sources, beam, geometry)
        warnings += _without_effect(sampling)
    fluence, flux = fluence_and_flux(beam)
    water_size = crystal.water_um / 1e6
    interpolate = sampling.interpolate
    if _follows_energy(experiment):
        if interpolate:
            raise ValueError(
                "interpolate: not between structure factors that follow the energy of "
                "a spectrum's channels; leave out -interpolate or -spectrum"
            )
        interpolate = False
    if interpolate is None:
        # C quirk: decided before a crystal size in mm becomes a number of cells.
        cells = N_cells if exact else (crystal.Na, crystal.Nb, crystal.Nc)
        interpolate = min(cells) <= 2
    return Setup(
        model=experiment.model,
        flags=_flags(beam, detector, sampling, exact),
        structure_factors=experiment.structure_factors,
        geometry=geometry,
        bounds=detector.bounds,
        panels=panels,
        image_shape=detector.shape,
        mask=rendered_mask(detector, panels),
        shape=crystal.shape,
        fudge=crystal.fudge,
        polarization=beam.polarization,
        dmin=sampling.dmin_A * 1e-10,
        sparse=sampling.sparse,
        spot_cutoff=sampling.spot_cutoff,
        cell=cell,
        sources=sources,
        phi=phi,
        phi0=_phi0(goniometer),
        mosaicity=mosaicity,
        sensor=sensor,
        misset_rad=misset_rad,
        umats=_umats(crystal, mosaicity, generator),
        N_cells=N_cells,
        oversample=oversample,
        recommended_oversample=recommended,
        interpolate=interpolate and experiment.structure_factors.F is not None,
        fluence=fluence,
        flux=flux,
        wavelength=wavelength,
        water_size=water_size,
        I_bg=background(water_size, fluence, exact),
        random_misset_seed=random_seed,
        mosaic_seed=crystal.mosaic_seed,
        warnings=(
            *warnings,
            *clipped,
            *too_coarse,
            *mosaicity.warnings,
            *sensor.warnings,
        ),
    )
