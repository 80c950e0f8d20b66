# SPDX-License-Identifier: MIT
"""The loops over a tile of pixels against plain loops over the scalar formulas."""

import itertools
import math

import numpy as np
import pytest
from lane_examples import (
    CRYSTALS,
    SINGLE_SHAPES,
    adding_loop,
    call_loop,
    crystal,
    factors,
    multiplying_loop,
    prepared,
)

from nbsim import Simulation
from nbsim.backends import cpu_arguments, driver
from nbsim.kernels import params
from nbsim.kernels.cpu import lanes_cubic, lanes_listed
from nbsim.kernels.reference import lattice
from nbsim.kernels.reference.structure_factor import interpolated_F, nearest_F
from nbsim.tools.tolerances import (
    SINGLE_PEAK,
    SINGLE_RELATIVE,
    TWIN_PEAK,
    TWIN_RELATIVE,
)

SIZES = [1, 15, 16, 17, 511, 512]
ORIENTATIONS = 70  # more than `lanes_single.FLUSH`


def hkl_arguments(given):
    F = np.zeros((1, 1, 1)) if given.F is None else given.F
    listed = given.F is not None
    return params.HklArgs(
        F, given.h_min, given.k_min, given.l_min, listed, given.default_F
    )


def cells(count=ORIENTATIONS):
    """Cells of some 80 A, turned at random."""
    rng = np.random.default_rng(5)
    turned = [np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(count)]
    return np.array([np.diag([70e-10, 80e-10, 90e-10]) @ turn for turn in turned])


def scattering(n, reach=6e8):
    """(3, n) scattering vectors, 1/m: indices up to 5, beyond the list.

    Neighbours are close to each other, as pixels are.
    """
    rng = np.random.default_rng(n)
    start, step = rng.uniform(-1, 1, (2, 3, 1))
    return start * reach + step * np.arange(n) * 1e6


def terms_by_pixel(s, cell_vectors, xtal, hkl_args):
    """(orientations, n) F_latt and F_cell by the scalar formulas."""
    F_latt = np.empty((len(cell_vectors), s.shape[1]))
    F_cell = np.empty_like(F_latt)
    for m, cell in enumerate(cell_vectors):
        for i, (h, k, l) in enumerate((cell @ s).T):
            F_latt[m, i] = lattice.lattice_factor(
                h, k, l, xtal.N_cells, xtal.shape, xtal.fudge, xtal.recip
            )
            whole = [lattice.round_index(x) for x in (h, k, l)]
            F_cell[m, i] = nearest_F(*whole, hkl_args)
    return F_latt, F_cell


def check_sums(result, expected, highest, peak=TWIN_PEAK, relative=TWIN_RELATIVE):
    """Bounds on a sum: a fraction of the highest, and of the bright sums."""
    highest = max(highest, expected.max())
    difference = np.abs(result - expected)
    assert difference.max() < peak * highest
    bright = np.abs(expected) > peak * highest
    assert bright.any()
    assert np.max((difference / np.abs(expected))[bright]) < relative


def envelope(s, cell_vectors, xtal):
    """(orientations, n) what the fringes of F_latt^2 touch; others have none."""
    hkl = cell_vectors @ s
    with np.errstate(divide="ignore"):
        touched = 1.0 / np.sin(np.pi * hkl) ** 2
    return np.minimum(touched, xtal.N_cells[None, :, None] ** 2).prod(axis=1)


def term_peak(xtal, given):
    F_max = given.default_F if given.F is None else np.abs(given.F).max()
    return (np.prod(xtal.N_cells) * F_max) ** 2


@pytest.mark.parametrize("listed", [False, True], ids=["default_F", "list"])
@pytest.mark.parametrize("name", CRYSTALS)
def test_add_terms(name, listed):
    xtal, given, shape, lookup, factor = prepared(name, listed)
    for n in SIZES:
        cell_vectors = cells(70 if n < 100 else 6)
        s = scattering(n)
        total = np.full(n, 7.0 / factor)
        call_loop(adding_loop(listed), shape, lookup, s, total, cell_vectors)
        F_latt, F_cell = terms_by_pixel(s, cell_vectors, xtal, hkl_arguments(given))
        expected = 7.0 + np.sum((F_latt * F_cell) ** 2, axis=0)
        check_sums(total * factor, expected, term_peak(xtal, given))


@pytest.mark.parametrize("water", [False, True], ids=["no water", "water"])
@pytest.mark.parametrize(
    "name, listed", [(name, True) for name in CRYSTALS] + [("any", False)]
)
def test_multiply_terms(name, listed, water):
    xtal, given, shape, lookup, factor = prepared(name, listed)
    for n in (1, 17, 512):
        cell_vectors = cells(5)
        s = scattering(n)
        weight = np.random.default_rng(6).uniform(0.5, 1.5, n)
        total = np.full(n, 7.0)
        call_loop(
            multiplying_loop(listed),
            *(shape, lookup, s, total, cell_vectors),
            weight=weight,
            factor=factor,
            water=water,
        )
        F_latt, F_cell = terms_by_pixel(s, cell_vectors, xtal, hkl_arguments(given))
        expected = np.full(n, 7.0)
        for latt, cell in zip(F_latt, F_cell):
            counts = water | (latt != 0.0)
            grown = (expected + (latt * cell) ** 2) * weight
            expected = np.where(counts, grown, expected)
        check_sums(total, expected, term_peak(xtal, given))


@pytest.mark.parametrize("listed", [False, True], ids=["default_F", "list"])
@pytest.mark.parametrize("name", SINGLE_SHAPES)
def test_add_terms_single(name, listed):
    xtal, given, shape, lookup, factor = prepared(name, listed, "single")
    for n in SIZES:
        cell_vectors = cells(70 if n < 100 else 6)
        s = scattering(n)
        total = np.full(n, 7.0 / factor)
        loop = adding_loop(listed, "single")
        call_loop(loop, shape, lookup, s, total, cell_vectors)
        F_latt, F_cell = terms_by_pixel(s, cell_vectors, xtal, hkl_arguments(given))
        expected = 7.0 + np.sum((F_latt * F_cell) ** 2, axis=0)
        local = (F_latt * F_cell) ** 2
        if xtal.shape == params.SQUARE:
            local = envelope(s, cell_vectors, xtal) * F_cell**2
        difference = np.abs(total * factor - expected)
        highest = max(term_peak(xtal, given), expected.max())
        assert difference.max() < SINGLE_PEAK * highest
        assert np.max(difference / (7.0 + local.sum(axis=0))) < SINGLE_RELATIVE


@pytest.mark.parametrize("water", [False, True], ids=["no water", "water"])
@pytest.mark.parametrize("name", ["any", "few", "tophat"])
def test_cubic(name, water):
    xtal, given = crystal(name), factors(True)
    shape, factor = cpu_arguments.shape_arguments(xtal)
    lookup = cpu_arguments.cubic_lookup(given)
    hkl_args = hkl_arguments(given)
    for n in SIZES:
        cell = cells(1)[0]
        s = scattering(n, reach=1.5e8)
        keep = np.ones(n)
        keep[::7] = 0.0
        fell, total = np.zeros((2, n))
        call_loop(
            lanes_cubic.add_cubic,
            *(shape, lookup, s, total, cell[None]),
            keep=keep,
            fell=fell,
            water=water,
        )
        check_cubic(cell @ s, keep, water, fell, total * factor, xtal, hkl_args)


def check_cubic(hkl, keep, water, fell, total, xtal, hkl_args):
    expected = np.zeros(len(keep))
    inside = np.zeros(len(keep), bool)
    bright = np.zeros(len(keep), bool)
    low = np.array([hkl_args.h_min, hkl_args.k_min, hkl_args.l_min])
    for i, index in enumerate(hkl.T):
        inside[i] = np.all(index - 2 >= low) and np.all(
            index - low + 3 <= hkl_args.F.shape
        )
        F_latt = lattice.lattice_factor(
            *index, xtal.N_cells, xtal.shape, xtal.fudge, xtal.recip
        )
        bright[i] = F_latt != 0.0
        if inside[i]:
            expected[i] = (F_latt * interpolated_F(*index, hkl_args)) ** 2
    assert np.array_equal(fell != 0.0, (keep != 0) & ~inside & (water | bright))
    difference = np.abs(total - expected)[inside]
    peak = (np.prod(xtal.N_cells) * np.abs(hkl_args.F).max()) ** 2
    assert inside.any()
    assert difference.max() < TWIN_PEAK * peak


# Half indices: which neighbour is taken matters for an oblique metric.
@pytest.mark.parametrize("listed", [False, True], ids=["default_F", "list"])
@pytest.mark.parametrize("name", CRYSTALS)
def test_half_indices_go_down(name, listed):
    xtal, given, shape, lookup, factor = prepared(name, listed)
    h = np.array([-1.5, -0.5, 0.5, 1.5, 2.5, 0.0, 1.0, -3.0])
    # d = (+-1/2, 0.3, 0.2): far from symmetric, whatever the shape.
    s = np.array([h, np.full(8, 1.3), np.full(8, 0.2)])
    cell = np.eye(3)[None]
    total = np.zeros(8)
    call_loop(adding_loop(listed), shape, lookup, s, total, cell)
    F_latt, F_cell = terms_by_pixel(s, cell, xtal, hkl_arguments(given))
    expected = np.sum((F_latt * F_cell) ** 2, axis=0)
    assert total * factor == pytest.approx(expected, rel=TWIN_RELATIVE)


def test_no_index_leaves_the_table():
    """Not even one that is no number: reading there was a segmentation fault."""
    ends = {"h_min": -3.0, "k_min": -4.0, "l_min": -5.0}
    ends |= {"h_max": 6.0, "k_max": 5.0, "l_max": 4.0}
    strides = {"h_stride": 100.0, "k_stride": 10.0}
    base = 3 * 100.0 + 4 * 10.0 + 5.0 + 2.0**52
    lookup = params.TableF(**ends, **strides, base=base, default_F_sqr=1.0)
    odd = (math.nan, math.inf, -math.inf, 1e300, -1e300, -3.0, 0.0)
    for h, k, l in itertools.product(odd, repeat=3):
        place = lanes_listed.place_in_table(h, k, l, lookup)
        assert 0 <= abs(place) - 2.0**52 < 1000
    for h in odd:
        assert 0.0 <= lanes_cubic.first_of_four(h, -3.0, 10.0) <= 6.0


def test_vectors_that_are_not_finite_are_refused():
    simulation = Simulation.from_args("-cell 70 -default_F 1 -N 5 -detpixels 4")
    job = driver.build_job(simulation.setup)
    driver.check_finite(job)
    for bad in (math.nan, math.inf):
        cells = job.xtal.cell_vectors.copy()
        cells[0, 1, 2] = bad
        broken = job._replace(xtal=job.xtal._replace(cell_vectors=cells))
        with pytest.raises(ValueError, match="cell_vectors of this run is not finite"):
            driver.check_finite(broken)
