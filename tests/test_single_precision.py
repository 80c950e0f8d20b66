# SPDX-License-Identifier: MIT
"""Images in single precision against double precision, and when double is used."""

import dataclasses

import numpy as np
import pytest

from nbsim import Simulation, StructureFactors
from nbsim.backends import cpu_arguments
from nbsim.backends.driver import build_job
from nbsim.kernels import layout
from nbsim.resolve.positions import positions
from nbsim.tools.tolerances import SINGLE_PEAK, SINGLE_RELATIVE

#: A reflection with an index of 200, and the wavelength [A] that excites it for a
#: cubic cell of 100 A along the laboratory axes: 2 sin(theta) = lambda |hkl| / a.
HKL = np.array([-120.0, 200.0, 10.0])
CELL_A = 100.0
WAVELENGTH_A = -2.0 * HKL[0] / np.dot(HKL, HKL) * CELL_A
DISTANCE_MM = 100.0
WIDTH, HEIGHT = 64, 48
#: The middle of a pixel; the reflection falls on it.
FPIXEL, SPIXEL = 29, 20
#: Pixel sizes: fringes wider than a pixel, and many of them in one.
SIZES = {"fine": 0.3, "coarse": 6.0}


def pixel_size_mm(N, size):
    """Pixel size of so many fringes of N cells."""
    # s changes by at most 1 / (wavelength * distance) for a step on the detector.
    fringe = WAVELENGTH_A * DISTANCE_MM / (N * CELL_A)
    return min(SIZES[size] * fringe, 1.0)


def simulate(N, size_mm, args=""):
    """A detector of a few pixels around the reflection."""
    diffracted = np.array([1.0, 0.0, 0.0]) + HKL * WAVELENGTH_A / CELL_A
    x, y, z = diffracted / diffracted[0] * DISTANCE_MM
    # Mosflm: fast is +z, slow is -y, and the centre is half a pixel off.
    Xbeam, Ybeam = SPIXEL * size_mm + y, FPIXEL * size_mm - z
    return Simulation.from_args(
        f"-cell {CELL_A} -lambda {WAVELENGTH_A:.17g} -distance {DISTANCE_MM} -N {N} "
        f"-pixel {size_mm:.17g} -detpixels_f {WIDTH} -detpixels_s {HEIGHT} "
        f"-Xbeam {Xbeam:.17g} -Ybeam {Ybeam:.17g} -oversample 1 -default_F 1 "
        f"-nointerpolate -nopolar {args}"
    )


def scattering(simulation):
    """(3, pixels) scattering vectors of the pixels' middles, 1/m."""
    setup = simulation.setup
    spixels, fpixels = simulation.detector.shape
    Sdet, Fdet = (np.indices((spixels, fpixels)) + 0.5) * setup.geometry.pixel_size
    place = positions(simulation.setup, Fdet, Sdet).reshape(-1, 3)
    diffracted = place / np.linalg.norm(place, axis=1)[:, None]
    return ((diffracted - setup.sources.incident[0]) / setup.sources.wavelengths[0]).T


def lattice_envelope(simulation, s):
    """What F_latt^2 touches at each pixel, summed over the orientations."""
    cells = simulation.setup.cell_vectors(False)
    N = np.array(simulation.setup.N_cells)
    total = np.zeros(s.shape[1])
    for cell in cells:
        hkl = cell @ s
        if simulation.crystal.shape == "square":
            with np.errstate(divide="ignore"):
                axes = np.minimum(1.0 / np.sin(np.pi * hkl) ** 2, N[:, None] ** 2)
            total += axes.prod(axis=0)
            continue
        x_sqr = np.sum((N[:, None] * (hkl - np.round(hkl))) ** 2, axis=0) * np.pi**2
        x_sqr *= simulation.crystal.fudge
        if simulation.crystal.shape == "round":
            total += np.minimum(1.0, 9.0 * (1.0 + x_sqr) / np.maximum(x_sqr, 1.0) ** 3)
        else:
            stars = simulation.setup.cell.a_star[0]
            distance = x_sqr / np.pi**2 * (stars * np.prod(N) / N[0]) ** 2
            total += np.exp(-2.0 * distance / 0.63)
    return total


def both(simulation, **options):
    double = simulation.run(backend="cpu", **options)
    single = simulation.run(backend="cpu", precision="single", **options)
    assert double.why_double is None and single.why_double is None
    return double.image.astype(float), single.image.astype(float)


def check_bounds(simulation, double, single):
    """The bounds of the issue, with the reflection itself in the image."""
    difference = np.abs(single - double)
    assert difference.max() <= SINGLE_PEAK * double.max()
    local = lattice_envelope(simulation, scattering(simulation)).reshape(double.shape)
    # The image is below its envelope, and touches it. Geometry and F vary little
    # over so few pixels.
    F_sqr = np.max(double / local)
    assert np.max(difference / (local * F_sqr)) <= SINGLE_RELATIVE


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "args", ["", "-phi 0.001 -osc 0.01 -phisteps 3"], ids=["still", "phi"]
)
@pytest.mark.parametrize("N", [5, 9, 20, 100, 1000])
def test_square(N, args, size):
    simulation = simulate(N, pixel_size_mm(N, size), args)
    s = scattering(simulation)
    middle = simulation.setup.cell_vectors(False)[0] @ s[:, SPIXEL * WIDTH + FPIXEL]
    if not args:
        assert middle == pytest.approx(HKL, abs=1e-6)
    check_bounds(simulation, *both(simulation))


@pytest.mark.parametrize("size", SIZES)
def test_largest_crystal(size):
    # Not turned: the phi steps would leave no pixel at the peak to measure by.
    N = layout.LARGEST_N
    simulation = simulate(N, pixel_size_mm(N, size))
    check_bounds(simulation, *both(simulation))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("N", [5, 20, 100, 400])
def test_round(N, size):
    simulation = simulate(N, pixel_size_mm(N, size), "-round_xtal")
    check_bounds(simulation, *both(simulation))


@pytest.mark.parametrize("args", ["-N 401", "-N 201 -fudge 4"])
def test_large_round_crystal_is_rendered_in_double(args):
    command = f"-cell 100 -default_F 1 -round_xtal -detpixels 8 -oversample 1 {args}"
    simulation = Simulation.from_args(command)
    result = simulation.run(backend="cpu", precision="single")
    assert "round crystal of more than 400 cells" in result.why_double
    assert result.image.tobytes() == simulation.render(backend="cpu").tobytes()


@pytest.mark.parametrize("N", [5, 20, 100, 1000])
def test_gauss(N):
    # The spot is narrower by N^2: that much fudge makes it as wide as the others.
    args = f"-gauss_xtal -fudge {1 / N**4:.17g}"
    simulation = simulate(N, pixel_size_mm(N, "fine"), args)
    double, single = both(simulation)
    check_bounds(simulation, double, single)
    assert np.count_nonzero(double > 0.01 * double.max()) > 10


def with_list(simulation, low, counts):
    F = np.random.default_rng(3).uniform(1.0, 9.0, counts)
    given = StructureFactors(
        F=F, h_min=low[0], k_min=low[1], l_min=low[2], default_F=2.0, hkls=F.size
    )
    return dataclasses.replace(simulation, structure_factors=given)


@pytest.mark.parametrize("N", [5, 100])
def test_list(N):
    simulation = with_list(
        simulate(N, 0.02, "-oversample 2"), (-122, 197, 7), (6, 7, 8)
    )
    double, single = both(simulation)
    assert np.abs(single - double).max() <= SINGLE_PEAK * double.max()
    F = simulation.structure_factors.F[2, 3, 3]
    flat = simulate(N, 0.02, "-oversample 2").render(backend="cpu")
    assert double[SPIXEL, FPIXEL] == pytest.approx(
        flat[SPIXEL, FPIXEL] * F**2, rel=1e-6
    )


def test_large_list_far_from_the_origin():
    # More than 2^24 elements before the first one: numbers float32 cannot hold.
    simulation = simulate(5, 0.02)
    simulation = with_list(simulation, (-190, 130, -70), (140, 240, 240))
    double, single = (
        simulation.run(backend="cpu", precision=p).image for p in ("double", "single")
    )
    assert np.abs(single - double).max() <= SINGLE_PEAK * double.max()


@pytest.mark.parametrize("roi", [(29, 29, 0, 47), (0, 63, 20, 20), (63, 63, 47, 47)])
def test_narrow_roi(roi):
    simulation = simulate(20, 0.02)
    double, single = both(simulation, roi=roi)
    xmin, xmax, ymin, ymax = roi
    rendered = np.zeros(double.shape, bool)
    rendered[ymin : ymax + 1, xmin : xmax + 1] = True
    assert np.all((single > 0) == rendered)
    highest = simulation.render(backend="cpu").max()
    assert np.abs(single - double).max() <= SINGLE_PEAK * highest


@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5])
def test_scattered_mask(kept):
    simulation = simulate(20, 0.02)
    mask = np.random.default_rng(1).uniform(size=(HEIGHT, WIDTH)) < kept
    detector = dataclasses.replace(simulation.detector, mask=mask)
    masked = dataclasses.replace(simulation, detector=detector)
    double, single = both(masked)
    assert np.array_equal(single > 0, mask)
    highest = simulation.render(backend="cpu").max()
    assert np.abs(single - double).max() <= SINGLE_PEAK * highest


def test_many_orientations():
    args = "-mosaic_spread 0.02 -mosaic_domains 150 -phi 0 -osc 0.01 -phisteps 2"
    simulation = simulate(50, 0.05, args)
    check_bounds(simulation, *both(simulation))


@pytest.mark.parametrize("pixel", [(SPIXEL, FPIXEL), (3, 5)], ids=["peak", "weak"])
def test_the_bounds_can_fail(pixel):
    simulation = simulate(20, 0.02)
    double, single = both(simulation)
    local = lattice_envelope(simulation, scattering(simulation)).reshape(double.shape)
    single[pixel] += 2e-4 * double.max() * local[pixel] / local.max()
    with pytest.raises(AssertionError):
        check_bounds(simulation, double, single)


@pytest.mark.parametrize(
    "args, why",
    [
        ("-oversample_thick -detector_thick 100 -detector_abs 200", "-oversample_"),
        ("-oversample_polar", "-oversample_"),
        ("-oversample_omega", "-oversample_"),
        ("-tophat_spots", "top-hat"),
    ],
)
def test_falls_back_to_double(args, why):
    simulation = simulate(5, 0.02, args)
    double = simulation.run(backend="cpu")
    single = simulation.run(backend="cpu", precision="single")
    assert why in single.why_double
    assert double.why_double is None
    assert single.image.tobytes() == double.image.tobytes()
    assert double.image.max() > 0


def test_interpolation_falls_back_to_double():
    simulation = with_list(simulate(5, 0.02, "-interpolate"), (-124, 195, 5), (9, 9, 9))
    double = simulation.run(backend="cpu")
    single = simulation.run(backend="cpu", precision="single")
    assert "interpolation" in single.why_double
    assert single.image.tobytes() == double.image.tobytes()


def check_double(simulation, why):
    single = simulation.run(backend="cpu", precision="single")
    assert why in single.why_double
    assert single.image.tobytes() == simulation.render(backend="cpu").tobytes()


def test_a_crystal_of_too_many_cells_falls_back_to_double():
    check_double(simulate(layout.LARGEST_N + 1, 0.02), "more than 10000 cells")


def test_too_large_indices_fall_back_to_double():
    command = "-cell 1e5 -N 5 -lambda 0.3 -default_F 1 -detpixels 8 -oversample 1"
    check_double(Simulation.from_args(command), "indices above 262144")


def test_a_list_that_is_too_large_falls_back_to_double(monkeypatch):
    # A list of 2^31 elements would need 16 GB.
    monkeypatch.setattr(cpu_arguments, "SINGLE_TABLE", 64)
    listed = with_list(simulate(5, 0.02), (-124, 195, 5), (4, 4, 4))
    check_double(listed, "more than 64 elements")


def test_a_device_has_no_round_crystals_in_single_precision():
    simulation = simulate(5, 0.02, "-round_xtal")
    job = build_job(simulation.setup)
    assert "round" in cpu_arguments.why_double(simulation.setup, job, on_device=True)
    assert cpu_arguments.why_double(simulation.setup, job, on_device=False) is None
