# SPDX-License-Identifier: MIT
"""One simulation: the models together, and what can be done with them."""

from __future__ import annotations

import dataclasses
import functools
import os
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .model import validate
from .model.experiment import Experiment
from .model.models import Detector
from .resolve.run import Setup, resolve
from .threads import limited

if TYPE_CHECKING:
    from .backends.background import BackgroundImage
    from .backends.device import Request
    from .backends.device_image import DeviceImage
    from .backends.extract import ExtractedTable
    from .backends.protocol import Result
    from .images.noise import Noise
    from .images.on_device import Drawn
    from .images.scaling import Statistics
    from .model.background import Background
    from .model.detector_response import DetectorResponse
    from .trace.pixel import Trace

PRECISIONS = ("double", "single")


def _from_smv_header(
    cls: type[Detector], source: str | os.PathLike, **fields: Any
) -> Detector:
    """Build a detector from the header of an SMV image, as -img does.

    Parameters
    ----------
    source
        The file, or the text of a header.
    **fields
        Fields that win over the header.

    Raises
    ------
    FileError
        If the file cannot be read or the header names no image size.
    """
    from .formats.smv_geometry import detector_fields

    return cls(**{"convention": "mosflm", **detector_fields(source), **fields})


# Only here are both the model and the readers of files known.
setattr(Detector, "from_smv_header", classmethod(_from_smv_header))


@dataclasses.dataclass(frozen=True, eq=False)
class Simulation(Experiment):
    """A crystal in a beam in front of a detector.

    Attributes
    ----------
    crystal, structure_factors, beam, detector, goniometer, sampling
        The models.
    model
        "c": nanoBragg's arithmetic with its oddities; "physical": the same experiment
        without them.
    warnings
        What reading a command line or a file warned about, one sentence each.
    backgrounds
        Amorphous materials in the beam, for `render_background`.
    """

    @classmethod
    def from_args(cls, args: str | Sequence[str]) -> Simulation:
        """Build a simulation from a nanoBragg command line.

        Parameters
        ----------
        args
            The options, as one string (split as a shell does) or as words,
            without the program's name.

        Returns
        -------
        Simulation
            Its `warnings` are what the program would have warned about. A file that
            is read without being asked for, as Fdump.bin is where nothing else gives
            structure factors, is a Python warning too.
        """
        from .options.command_line import read_command_line

        command = read_command_line(args, cls)
        for note in command.unasked:
            warnings.warn(note, stacklevel=2)
        return command.simulation

    @functools.cached_property
    def setup(self) -> Setup:
        """The run in SI units; worked out once.

        Raises
        ------
        ValueError
            When the models contradict each other, or their numbers together leave
            double precision.
        """
        try:
            return resolve(self)
        except ArithmeticError as error:
            raise ValueError(
                "the run cannot be worked out in double precision: some of its sizes, "
                f"taken together, are too large or too small ({error})"
            ) from error

    def run(
        self,
        *,
        backend: str | None = None,
        threads: int | None = None,
        precision: str = "double",
        roi: tuple[int, int, int, int] | None = None,
        progress: Callable[[float], None] | None = None,
        out: np.ndarray | None = None,
        sheet: bool = False,
        on_device: bool | str = False,
    ) -> Result:
        """Render the image and return it with what is known about the run.

        Parameters
        ----------
        backend
            "cpu"; "cuda" (its first device), "cuda:1", or "cuda:0,1" to share the
            rows; "auto": CUDA where it can be used and the image is large enough to
            pay for starting it. None: the environment's NBSIM_DEVICE, else "auto".
        threads
            CPU threads; None: all that numba was started with.
        precision
            "double" or "single".
        roi
            xmin, xmax, ymin, ymax in pixels, inclusive, instead of the detector's.
        progress
            Called with the finished fraction, 0 to 1.
        out
            (slow, fast) float32, C-contiguous and writable, to render into;
            pixels that are not rendered become 0. Of several panels it is the sheet.
        sheet
            Whether the image of several panels is their sheet (slow, fast), as files
            have it, instead of (panels, slow, fast).
        on_device
            Leave the image on the CUDA device that `backend` names, as a
            `DeviceImage`: torch, CuPy and others use it there without a copy. "auto":
            do so if one device renders it, whatever `backend` says.

        Raises
        ------
        ValueError, TypeError
            For an argument out of range, before anything is computed.
        DeviceError
            When a CUDA device is missing or fails; `out` is then not an image.
        """
        from .backends import device, driver

        device.check(device.requested(backend))
        validate.choice("precision", precision, PRECISIONS)
        if not isinstance(on_device, bool) and on_device != "auto":
            raise ValueError(f'on_device {on_device}: expected True, False or "auto"')
        if progress is not None and not callable(progress):
            raise TypeError(
                "progress: expected a function of the finished fraction, "
                f"got {progress!r}"
            )
        detector = (
            self.detector
            if roi is None
            else dataclasses.replace(self.detector, roi=roi)
        )
        one_array = sheet or self.detector.sheet is None
        if on_device is True:
            self._check_on_device(device.requested(backend), out, sheet)
        image = np.zeros(detector.shape, np.float32) if out is None else out
        _check_out(image, detector.shape)
        if out is not None:
            out.fill(0.0)
        if self.setup.separate_channels:
            options = {"backend": backend, "threads": threads, "precision": precision}
            result = self._sum_of_channels(image, progress, roi=roi, **options)
        else:
            with limited(threads):
                result = driver.render(
                    self.setup,
                    image,
                    detector.bounds,
                    progress,
                    backend=backend,
                    precision=precision,
                    on_device=bool(on_device) and one_array and out is None,
                )
        if one_array:
            return result
        return dataclasses.replace(result, image=self.detector.to_panels(image))

    def _check_on_device(
        self, request: Request, out: np.ndarray | None, sheet: bool
    ) -> None:
        """Refuse what cannot leave an image on a device."""
        if request.kind != "cuda" or len(request.indices) > 1:
            raise ValueError('on_device: expected one device, such as backend="cuda:0"')
        if out is not None:
            raise ValueError("on_device: the image stays there, so out cannot be given")
        if self.detector.sheet is not None:
            if not sheet:
                raise ValueError(
                    "on_device: panels stay there as their sheet; give sheet=True"
                )
            if self.setup.interpolate or self.setup.flags.phi_carryover:
                raise ValueError(
                    "on_device: panels that are interpolated or begin with a stale phi "
                    "step are rendered one by one, and put together on the processor"
                )
        if self.setup.separate_channels:
            raise ValueError(
                "on_device: the channels of this spectrum are added up on the processor"
            )

    def channel(self, number: int) -> Simulation:
        """Return the simulation of one channel of the spectrum alone.

        Parameters
        ----------
        number
            Which one, from 0 on.

        Raises
        ------
        ValueError
            When the beam has no such channel.
        """
        spectrum = self.beam.spectrum
        count = 0 if spectrum is None else len(spectrum)
        if spectrum is None or not 0 <= validate.integer("channel", number) < count:
            raise ValueError(f"channel {number}: the beam has {count} channels")
        wavelength_A = float(spectrum[number, 0])
        crystal = self.crystal
        if crystal.A_matrix is not None:  # it includes the mean wavelength
            scale = wavelength_A / self.beam.wavelength_A
            crystal = dataclasses.replace(crystal, A_matrix=crystal.A_matrix * scale)
        return dataclasses.replace(
            self,
            crystal=crystal,
            structure_factors=self.structure_factors.at_channel(number),
            beam=dataclasses.replace(
                self.beam, spectrum=None, wavelength_A=wavelength_A
            ),
            sampling=dataclasses.replace(
                self.sampling,
                oversample=self.setup.oversample,
                interpolate=self.setup.interpolate,
            ),
        )

    def _sum_of_channels(
        self,
        image: np.ndarray,
        progress: Callable[[float], None] | None,
        **options: Any,
    ) -> Result:
        """Render each channel as an image of its own: `Setup.separate_channels`."""
        assert self.beam.spectrum is not None
        total = np.zeros(image.shape)
        weights = self.beam.spectrum[:, 1].tolist()
        results = []
        for number, weight in enumerate(weights):

            def of_all(fraction: float, done: int = number) -> None:
                assert progress is not None
                progress((done + fraction) / len(weights))

            result = self.channel(number).run(
                progress=of_all if progress else None, out=image, sheet=True, **options
            )
            total += weight * image
            results.append(result)
        image[...] = total
        fell_out = [r.out_of_range for r in results if r.out_of_range is not None]
        return dataclasses.replace(
            results[0],
            seconds=sum(result.seconds for result in results),
            out_of_range=fell_out[0] if fell_out else None,
        )

    def render(self, **options: Any) -> Any:
        """Render the image; the keyword arguments are those of `run`.

        Returns
        -------
        ndarray
            (slow, fast) float32, photons per pixel; (panels, slow, fast) of a detector
            of several panels, 0 beyond those of a smaller panel; with `on_device` a
            `DeviceImage`.
        """
        return self.run(**options).image

    def trace(self, slow: int, fast: int, panel: int | None = None) -> Trace:
        """Return the numbers behind one pixel; see `nbsim.trace.Trace`.

        Parameters
        ----------
        slow, fast
            The pixel: of the sheet of several panels, or of one of them.
        panel
            Number of that panel, from 0 on.

        Raises
        ------
        ValueError
            When the image does not have this pixel: outside the detector or the
            region of interest, or under the mask.
        """
        from .trace.pixel import trace_pixel

        if panel is not None:
            corner = self._panel_corner(panel, slow, fast)
            slow, fast = slow + corner[0], fast + corner[1]
        return trace_pixel(self.setup, slow, fast)

    def _panel_corner(self, number: int, slow: int, fast: int) -> tuple[int, int]:
        """Return the first pixel of a panel that must have the pixel, in the sheet."""
        panels = self.setup.panels
        if not 0 <= validate.integer("panel", number) < len(panels):
            raise ValueError(
                f"panel {number}: the detector has panels 0 to {len(panels) - 1}"
            )
        panel = panels[number]
        size = panel.geometry.spixels, panel.geometry.fpixels
        if not (0 <= slow < size[0] and 0 <= fast < size[1]):
            raise ValueError(
                f"trace pixel slow {slow}, fast {fast}: outside panel {number}, which "
                f"has slow pixels 0 to {size[0] - 1} and fast pixels 0 to {size[1] - 1}"
            )
        return panel.slow, panel.fast

    def resolved(self, image: np.ndarray | None = None) -> dict[str, dict[str, Any]]:
        """Return every number as a run uses it, as plain data (-show_config json).

        Parameters
        ----------
        image
            A rendered image; its statistics are added then.

        Returns
        -------
        dict
            A dict for each of crystal, structure_factors, beam, detector, goniometer
            and sampling (and statistics). Names end in their unit; None stands for
            what is not used.
        """
        from .resolve.plain_data import resolved_models

        groups = resolved_models(self, self.setup)
        if image is not None:
            groups["statistics"] = dataclasses.asdict(self.statistics(image))
        return groups

    def statistics(self, image: np.ndarray) -> Statistics:
        """Return maximum, mean, rms and rmsd of an image of this simulation."""
        from .images.scaling import statistics

        detector = self.detector
        return statistics(detector.to_sheet(image), detector.roi, detector.mask)

    def int_image(
        self,
        image: np.ndarray,
        scale: float | None = None,
        adc_offset: float = 40.0,
    ) -> np.ndarray:
        """Return an image scaled to 16 bits (-intfile).

        Parameters
        ----------
        image
            (slow, fast) float32, photons.
        scale
            Factor; None: the brightest pixel becomes 55000.
        adc_offset
            Value of a pixel without photons.
        """
        from .images.scaling import automatic_int_scale, int_image

        if scale is None:
            scale = automatic_int_scale(self.statistics(image))
        sheet = self.detector.to_sheet(image)
        pixels = int_image(sheet, scale, adc_offset, self.detector.roi)
        return self._like(image, pixels)

    def pgm_image(self, image: np.ndarray, scale: float | None = None) -> np.ndarray:
        """Return an image scaled to 8 bits (-pgmfile); see `int_image`.

        Without a scale, five times the rmsd becomes 250.
        """
        from .images.scaling import automatic_int_scale, automatic_pgm_scale, pgm_image

        if scale is None:
            stats = self.statistics(image)
            scale = automatic_pgm_scale(stats, automatic_int_scale(stats))
        sheet = self.detector.to_sheet(image)
        return self._like(image, pgm_image(sheet, scale, self.detector.roi))

    def _like(self, image: np.ndarray, sheet: np.ndarray) -> np.ndarray:
        """Return a sheet in the shape of an image: itself, or its panels."""
        return sheet if np.ndim(image) == 2 else self.detector.to_panels(sheet)

    def background_images(
        self,
        *,
        threads: int | None = None,
        progress: Callable[[float], None] | None = None,
        sheet: bool = False,
    ) -> list[BackgroundImage]:
        """Render each of `backgrounds` by itself, with what is known about it.

        Parameters
        ----------
        threads
            CPU threads; None: all. The images do not depend on it.
        progress
            Called with the finished fraction, 0 to 1.
        sheet
            As in `run`.

        Returns
        -------
        list of BackgroundImage
            image (slow, fast) float32, photons; beyond, how many pixels its table does
            not reach; warnings.

        Raises
        ------
        ValueError
            When there is no background.
        """
        from .backends.background import Place, images_of

        if not self.backgrounds:
            raise ValueError(
                "there is no background to render: give backgrounds=(...) (-background)"
            )
        setup = self.setup
        images = images_of(
            self.backgrounds,
            [scattering_table(background) for background in self.backgrounds],
            self.beam,
            setup.fluence,
            Place.of(setup),
            self.model,
            threads=threads,
            progress=progress,
        )
        if sheet:
            return images
        return [
            image._replace(image=self.detector.to_panels(image.image))
            for image in images
        ]

    def extract_stol(
        self,
        measured: np.ndarray,
        bins: np.ndarray | None = None,
        *,
        valid: np.ndarray | None = None,
    ) -> ExtractedTable:
        """Return F of an amorphous sample; see `nbsim.extract_stol`.

        The first of `backgrounds` says how much of the sample there is.
        """
        from .backends.background import Place
        from .backends.extract import extract_table
        from .resolve.background import resolve_background

        if not self.backgrounds:
            raise ValueError(
                "extract_stol: the simulation has no background to look for"
            )
        if self.detector.sheet is not None:
            raise ValueError(
                "extract_stol: expected a detector of one panel, this one has "
                f"{len(self.setup.panels)}"
            )
        background = self.backgrounds[0]
        image = np.asarray(measured, np.float32)
        if image.shape != self.detector.shape:
            raise ValueError(
                f"measured: its shape is {image.shape}, the detector's (slow, fast) is "
                f"{self.detector.shape}"
            )
        table = scattering_table(background)
        if bins is not None:
            rows = np.atleast_1d(np.asarray(bins, np.float64))
            s = rows if rows.ndim == 1 else rows[:, 0]
            table = np.column_stack([s, np.ones(len(s))])
        place = Place.of(self.setup)
        run = resolve_background(
            background, table, self.beam, self.setup.fluence, place.sources, self.model
        )
        good = np.isfinite(image)
        if valid is not None:
            good &= np.asarray(valid, bool)
        return extract_table(
            image, good, run, place, self.setup.fluence, background.units, self.model
        )

    def render_background(
        self,
        *,
        threads: int | None = None,
        progress: Callable[[float], None] | None = None,
        sheet: bool = False,
    ) -> np.ndarray:
        """Render the sum of all `backgrounds` (-background).

        It does not change from frame to frame: render it once, and add it to each.

        Parameters
        ----------
        threads, progress, sheet
            As in `background_images`.

        Returns
        -------
        ndarray
            (slow, fast) float32, photons per pixel.
        """
        first, *others = self.background_images(
            threads=threads, progress=progress, sheet=sheet
        )
        total = first.image
        for other in others:
            total += other.image
        return total

    def noise(
        self,
        image: np.ndarray | DeviceImage,
        seed: int,
        adc_offset: float = 40.0,
        *,
        response: DetectorResponse | None = None,
        generator: str | None = None,
        frame: int = 0,
        threads: int | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Noise:
        """Return an image with photon noise (-noisefile).

        Parameters
        ----------
        image
            (slow, fast) float32, expected photons. A `DeviceImage` is drawn where it
            is, if that can be, and only the pixels come back.
        seed
            Whole number; the same seed gives the same noise.
        adc_offset
            Value of a pixel without photons.
        response
            What the detector makes of the photons, as the C program noisify does;
            None: it counts them, as in nanoBragg.
        generator
            "c": C's random numbers, one after the other. "philox": drawn by counter
            from seed, frame and pixel, by all threads. None: "c" in model c.
        frame
            Number of the frame in its series (philox).
        threads, progress
            CPU threads (None: all; the image does not depend on it), and what is called
            with the finished fraction.
        """
        from .images.detected import detected_image
        from .images.noise import poisson_noise
        from .model.detector_response import DetectorResponse

        generator = generator or ("c" if self.model == "c" else "philox")
        if not isinstance(image, np.ndarray):
            if self._why_not_drawn(generator, response) is None:
                options = {"response": response, "frame": frame}
                return self._drawn(image, seed, adc_offset, **options)
            image = image.copy_to_host()
        expected = self.detector.to_sheet(image)
        if response is None and generator == "c":
            numbers = self.setup.noise_generator()
            roi = self.detector.roi
            noise = poisson_noise(expected, seed, adc_offset, roi, numbers)
            return noise._replace(pixels=self._like(image, noise.pixels))
        noise = detected_image(
            expected,
            seed,
            DetectorResponse() if response is None else response,
            adc_offset,
            pixel_mm=self.detector.pixel_size_mm,
            model=self.model,
            generator=generator,
            frame=frame,
            dead=self.detector.missing,
            threads=threads,
            progress=progress,
            panels=self._panel_slices,
        )
        if response is None and self.detector.roi is not None:
            noise.pixels[self._outside_roi] = 0
        return noise._replace(pixels=self._like(image, noise.pixels))

    @property
    def _panel_slices(self) -> tuple[tuple[slice, slice], ...] | None:
        sheet = self.detector.sheet
        return None if sheet is None else sheet.slices

    def noise_on_device(
        self,
        image: DeviceImage,
        seed: int,
        adc_offset: float = 40.0,
        *,
        response: DetectorResponse | None = None,
        frame: int = 0,
    ) -> DeviceImage:
        """Return what `noise` does with the generator philox, of an image on a device.

        The same integers; the frame stays there. (The point spread of a fiber taper
        differs by rounding.)

        Raises
        ------
        ValueError
            For what model c does from pixel to pixel: its own random numbers, flicker
            and point spread.
        """
        generator = "c" if self.model == "c" else "philox"
        if why := self._why_not_drawn(generator, response):
            raise ValueError(
                f'noise on a device: {why}; model="physical" does not need that'
            )
        return image.made(
            lambda _: self._pixels_of(image, seed, adc_offset, response, frame).pixels
        )

    def _why_not_drawn(
        self, generator: str, response: DetectorResponse | None
    ) -> str | None:
        from .images.on_device import why_not

        return why_not(self.model, generator, _some_response(response))

    def _drawn(
        self,
        image: DeviceImage,
        seed: int,
        adc_offset: float,
        response: DetectorResponse | None,
        frame: int,
    ) -> Noise:
        """Return a noise image that is drawn where the image is."""
        with image.current():
            drawn = self._pixels_of(image, seed, adc_offset, response, frame)
            return drawn.to_host(image.shape)

    def _pixels_of(
        self,
        image: DeviceImage,
        seed: int,
        adc_offset: float,
        response: DetectorResponse | None,
        frame: int,
    ) -> Drawn:
        from .images.on_device import pixels_on_device

        missing = self.detector.missing
        if response is None and self.detector.roi is not None:
            outside = self._outside_roi
            missing = outside if missing is None else missing | outside
        return pixels_on_device(
            image.flat,
            image.shape,
            seed,
            _some_response(response),
            adc_offset,
            frame,
            pixel_mm=self.detector.pixel_size_mm,
            model=self.model,
            panels=self._panel_slices,
            missing=missing,
        )

    @property
    def _outside_roi(self) -> np.ndarray:
        xmin, xmax, ymin, ymax = self.detector.bounds
        outside = np.ones(self.detector.shape, bool)
        outside[ymin : ymax + 1, xmin : xmax + 1] = False
        return outside

    def counts(
        self,
        image: np.ndarray | DeviceImage,
        seed: int,
        frame: int = 0,
        response: DetectorResponse | None = None,
        *,
        threads: int | None = None,
    ) -> np.ndarray:
        """Return the photons that a counting detector reports; see `counts_image`.

        Returns
        -------
        ndarray
            (slow, fast) uint32, without an offset; 0 where the detector has no pixel.
        """
        from .images.counts import counts_image
        from .model.detector_response import DetectorResponse

        if not isinstance(image, np.ndarray):
            with image.current():
                drawn = self._counted(image, seed, frame, response)
                return drawn.to_host(image.shape).pixels
        counted = counts_image(
            self.detector.to_sheet(image),
            seed,
            frame,
            DetectorResponse() if response is None else response,
            pixel_mm=self.detector.pixel_size_mm,
            threads=threads,
            panels=self._panel_slices,
        )
        if self.detector.missing is not None:
            counted[self.detector.missing] = 0
        return self._like(image, counted)

    def counts_on_device(
        self,
        image: DeviceImage,
        seed: int,
        frame: int = 0,
        response: DetectorResponse | None = None,
    ) -> DeviceImage:
        """Return what `counts` does, of an image on a CUDA device; it stays there."""
        return image.made(lambda _: self._counted(image, seed, frame, response).pixels)

    def _counted(
        self,
        image: DeviceImage,
        seed: int,
        frame: int,
        response: DetectorResponse | None,
    ) -> Drawn:
        from .images.on_device import counts_on_device

        return counts_on_device(
            image.flat,
            image.shape,
            seed,
            frame,
            _some_response(response),
            pixel_mm=self.detector.pixel_size_mm,
            panels=self._panel_slices,
            missing=self.detector.missing,
        )

    def preview(
        self,
        image: np.ndarray | None = None,
        *,
        scale: str = "log",
        color: str = "inverted",
        rings: Sequence[float] | None = None,
    ) -> np.ndarray:
        """Return a picture with beam centre and resolution rings (-preview).

        Parameters
        ----------
        image
            (slow, fast) float32, photons; None: rendered now. Of a noise image,
            its pixels minus the offset, as float32.
        scale
            "log" or "linear", between percentiles.
        color
            "inverted" (black spots), "grey" or "heat".
        rings
            Resolutions d [A]; None: three round numbers; empty: none.

        Returns
        -------
        ndarray
            (slow, fast, 3) uint8 for `nbsim.write_png`; at most 1200 pixels wide.
        """
        from .images.preview import preview

        shown = self.detector.to_sheet(self.render() if image is None else image)
        return preview(self.setup, shown, scale=scale, color=color, rings=rings)

    @property
    def rendered(self) -> np.ndarray:
        """(slow, fast) bool: the pixels that region of interest and mask leave."""
        return self.setup.rendered

    def smv_header(self, adc_offset: float = 40.0) -> dict[str, str]:
        """Return the header for `nbsim.write_smv`."""
        from .formats.run_record import smv_header

        return smv_header(self.setup, validate.number("adc_offset", adc_offset))

    def metadata(
        self, adc_offset: float | None = None, command: str | None = None
    ) -> dict[str, Any]:
        """Return the metadata for `nbsim.write_tiff`.

        Parameters
        ----------
        adc_offset
            Value of a pixel without photons; None for a float image.
        command
            The command line, where there is one.
        """
        from .formats.run_record import metadata

        return metadata(self.setup, adc_offset, command)


def extract_stol(
    measured: np.ndarray,
    simulation: Simulation,
    bins: np.ndarray | None = None,
    *,
    valid: np.ndarray | None = None,
) -> ExtractedTable:
    """Return F of an amorphous sample from a measured image (nbsim-background -img).

    Parameters
    ----------
    measured
        (slow, fast) photons, without the zero level; nan does not count.
    simulation
        Beam and detector; its first background says how much of the sample there is.
    bins
        (n,) or the first column of (n, 2): sin(theta)/lambda of the rows that are
        wanted, in the background's unit. None: those of its table.
    valid
        (slow, fast) bool: pixels that count; None: all.

    Returns
    -------
    ExtractedTable
        table (for `Background`), spread, pixels and left_out.

    Raises
    ------
    ValueError
        Without a background, or for an image of another size.
    """
    return simulation.extract_stol(measured, bins, valid=valid)


def scattering_table(background: Background) -> np.ndarray:
    """Return the table of a background: its own, or one that nbsim brings along."""
    if background.table is not None:
        return background.table
    from .formats.textfiles import built_in_stol

    assert background.material is not None
    return built_in_stol(background.material)


def _some_response(response: DetectorResponse | None) -> DetectorResponse:
    from .model.detector_response import DetectorResponse

    return DetectorResponse() if response is None else response


def _check_out(out: Any, shape: tuple[int, int]) -> None:
    if not isinstance(out, np.ndarray) or out.dtype != np.float32:
        raise TypeError(
            f"out: expected a float32 array, got {getattr(out, 'dtype', type(out))}"
        )
    if out.shape != shape:
        raise ValueError(
            f"out: its shape is {out.shape}, the image's (slow, fast) is {shape}"
        )
    if not out.flags.c_contiguous or not out.flags.writeable:
        raise ValueError("out: expected a C-contiguous, writable array")
