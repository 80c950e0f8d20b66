# SPDX-License-Identifier: MIT
"""The branch-free forms of the fast kernels against the scalar formulas."""

import math

import numpy as np
import pytest
from lane_examples import call_loop
from numba import njit

from nbsim import StructureFactors
from nbsim.backends import cpu_arguments
from nbsim.kernels import params
from nbsim.kernels.cpu import lanes_cubic, reduced, reduced_single
from nbsim.kernels.jit import LANE_FASTMATH
from nbsim.kernels.reference import lattice
from nbsim.kernels.reference.structure_factor import interpolated_F
from nbsim.tools.tolerances import (
    REDUCED_CUBIC,
    REDUCED_ENVELOPE,
    REDUCED_GAUSS,
    REDUCED_PEAK,
    REDUCED_ROUND,
    SINGLE_FORM_PEAK,
    SINGLE_POLYNOMIAL,
    SINGLE_RELATIVE,
)

PI = np.longdouble("3.14159265358979323846264338327950288")
ORTHOGONAL = np.diag([0.01, 0.02, 0.025])
OBLIQUE = np.array([[0.01, 0.009, 0.0], [0.0, 0.01, -0.009], [0.001, 0.0, 0.012]])
COUNTS = [1, 2, 3, 8, 9, 10, 11, 20, 99, 100, 500, 999, 1000]


def over_numbers(formula):
    """Return a function of one array that calls a formula of one number."""

    @njit(error_model="numpy", fastmath=LANE_FASTMATH)
    def call(x, result):
        for i in range(x.shape[0]):
            result[i] = formula(x[i])

    def function(x):
        result = np.empty_like(x)
        call(x, result)
        return result

    return function


def over_fractions(formula):
    """Return a function of (3, n) fractions that calls a form of `reduced`."""

    @njit(error_model="numpy", fastmath=LANE_FASTMATH)
    def call(d, shape, result):
        for i in range(d.shape[1]):
            result[i] = formula(d[0, i], d[1, i], d[2, i], shape)

    def function(d, shape):
        result = np.empty(d.shape[1])
        call(d, shape, result)
        return result

    return function


def whole_fractions(d):
    """Return fractions as whole numbers of 2^-32, as `fixed_point` forms them."""
    return (np.rint(d * 2.0**32).astype(np.int64) | 1).astype(np.int32)


def over_fractions_single(formula):
    """Return the same for a form of `reduced_single`, of `whole_fractions`."""
    call = over_fractions(formula)

    def function(whole, shape):
        return call(whole, cpu_arguments.narrowed(shape))

    return function


@njit(error_model="numpy")
def scalar_loop(hkl, N, shape, fudge, recip, result):
    for i in range(hkl.shape[1]):
        h, k, l = hkl[0, i], hkl[1, i], hkl[2, i]
        result[i] = lattice.lattice_factor(h, k, l, N, shape, fudge, recip) ** 2


def scalar_form(hkl, N, shape, fudge=1.0, recip=ORTHOGONAL):
    """F_latt^2 of (3, n) indices by the scalar formulas."""
    result = np.empty(hkl.shape[1])
    scalar_loop(hkl, np.asarray(N, float), shape, fudge, recip, result)
    return result


square_any = over_fractions(reduced.square_any)
square_few = over_fractions(reduced.square_few)
gauss = over_fractions(reduced.gauss)
tophat = over_fractions(reduced.tophat)
round_spot = over_fractions(reduced.round_spot)
square_any_single = over_fractions_single(reduced_single.square_any)
square_few_single = over_fractions_single(reduced_single.square_few)
gauss_single = over_fractions_single(reduced_single.gauss)
round_spot_single = over_fractions_single(reduced_single.round_spot)


def axis_fractions(N, rng, n=1500):
    """Fractions at, near and far from what is special about an axis of N cells."""
    N = int(N)
    tiny = 10.0 ** rng.uniform(-17, -0.31, n) * rng.choice([-1, 1], n)
    anywhere = rng.uniform(-0.5, 0.5, n)
    zeros = rng.integers(-(N // 2), N // 2 + 1, n) / N
    zeros += rng.choice([0.0, 1e-15, -3e-11, 1e-9, -1e-5], n) / N
    special = np.array([0.0, 0.5, 0.25, 0.5 - 2.0**-54, 1e-300])
    d = np.concatenate([tiny, anywhere, zeros.clip(-0.5, 0.5), special, -special])
    return rng.permutation(d)


def fractions(N, seed=5):
    rng = np.random.default_rng(seed)
    return np.array([axis_fractions(n, rng) for n in N])


def upper_halves(d):
    """Reduce fractions as C does: what rounds to a half index goes down, d = +1/2."""
    return d - np.ceil(d - 0.5)


def square_envelope(d, N):
    """Product of min(N^2, 1 / sin^2(pi d)): what the fringes of a square touch."""
    with np.errstate(divide="ignore"):
        axes = np.minimum(np.square(N)[:, None], 1.0 / np.sin(np.pi * d) ** 2)
    return axes.prod(axis=0)


def crystal(N, shape, fudge=1.0, recip=ORTHOGONAL):
    return params.CrystalArgs(None, None, np.array(N, float), shape, fudge, recip)


def worst(difference, scale=1.0):
    """Largest |difference| / scale; nan does not hide."""
    return np.max(np.abs(difference) / scale)


# The polynomials, against long double.
@pytest.mark.parametrize(
    "formula, exact",
    [(reduced.sin_pi, np.sin), (reduced.cos_pi, np.cos)],
    ids=["sin", "cos"],
)
def test_sine_and_cosine(formula, exact):
    x = np.append(np.linspace(-0.5, 0.5, 20001), [0.0, 1e-300, -1e-20])
    difference = over_numbers(formula)(x) - exact(PI * x)
    assert worst(difference) < REDUCED_PEAK / 5
    if exact is np.sin:
        nonzero = x != 0
        assert worst(difference[nonzero], np.abs(exact(PI * x[nonzero]))) < (
            REDUCED_PEAK / 5
        )


@pytest.mark.parametrize(
    "formula, exact",
    [(reduced_single.sin_pi, np.sin), (reduced_single.cos_pi, np.cos)],
    ids=["sin", "cos"],
)
def test_sine_and_cosine_in_single_precision(formula, exact):
    x = np.linspace(-0.5, 0.5, 20001).astype(np.float32)
    result = over_numbers(formula)(x)
    assert result.dtype == np.float32
    assert worst(result - exact(PI * x)) < SINGLE_POLYNOMIAL


@pytest.mark.parametrize(
    "formula, lowest, dtype, bound",
    [
        (reduced.exp2, -1022.0, np.float64, REDUCED_PEAK / 5),
        (reduced_single.exp2, -125.0, np.float32, SINGLE_POLYNOMIAL),
    ],
    ids=["double", "single"],
)
def test_exp2(formula, lowest, dtype, bound):
    x = np.append(np.linspace(lowest, 0, 20001), [-0.5, -1.5, -1e-30]).astype(dtype)
    exact = np.exp2(x.astype(np.longdouble))
    assert worst(over_numbers(formula)(x) - exact, exact) < bound


def test_powers_of_two_are_exact():
    x = -np.arange(1023.0)
    assert np.array_equal(over_numbers(reduced.exp2)(x), np.exp2(x))


@pytest.mark.parametrize("h", [0.0, 0.5, 1.5, -0.5, -2.5, 7.0, 1e6 + 0.5, 0.4999999999])
def test_halves_round_to_even(h):
    assert over_numbers(reduced.round_even)(np.array([h]))[0] == np.round(h)


# Square.
def check_square(form, shape, N):
    d = fractions(N)
    value = form(d, shape)
    difference = value - scalar_form(d, N, params.SQUARE)
    assert worst(difference) < REDUCED_PEAK * np.prod(np.square(N))
    assert worst(difference, square_envelope(d, N)) < REDUCED_ENVELOPE
    return d, value


@pytest.mark.parametrize("N", COUNTS)
def test_square_of_any_size(N):
    for cells in ((N, N, N), (N, 1, 7), (4, N, 1000)):
        check_square(
            square_any, params.SquareAny(*map(float, cells)), np.array(cells, float)
        )


def few_shape(N):
    return cpu_arguments.square_few(tuple(N))


@pytest.mark.parametrize("N", range(1, 10))
def test_square_of_few_cells(N):
    for cells in ((N, N, N), (N, 1, 9), (8, N, 5), (2, 4, N), (1, N, 6)):
        check_square(square_few, few_shape(cells), np.array(cells, float))


@pytest.mark.parametrize("N", [1, 2, 5, 9, 10, 64, 1000])
def test_square_at_whole_indices(N):
    zero = np.zeros((3, 1))
    cells = np.array([N, 2.0, 3.0])
    peak = (N * 6.0) ** 2
    any_size = square_any(zero, params.SquareAny(*cells))[0]
    assert any_size == pytest.approx(peak, rel=REDUCED_PEAK)
    if N <= cpu_arguments.FEW_CELLS:
        assert square_few(zero, few_shape((N, 2, 3)))[0] == pytest.approx(
            peak, rel=REDUCED_PEAK
        )


@pytest.mark.parametrize("half", [0.5, -0.5])
@pytest.mark.parametrize("N", [1, 2, 3, 8, 9, 10, 999, 1000])
def test_square_at_half_indices(N, half):
    d = np.full((3, 1), half)
    expected = 1.0 if N % 2 else 0.0
    assert square_any(d, params.SquareAny(*[float(N)] * 3))[0] == pytest.approx(
        expected, abs=REDUCED_PEAK
    )
    if N <= cpu_arguments.FEW_CELLS:
        assert square_few(d, few_shape([N] * 3))[0] == pytest.approx(
            expected, abs=REDUCED_ENVELOPE
        )


def check_square_single(form, shape, N):
    whole = whole_fractions(fractions(N))
    value = form(whole, shape)
    exact = whole * 2.0**-32
    difference = value - scalar_form(exact, N, params.SQUARE)
    assert worst(difference) < SINGLE_FORM_PEAK * np.prod(np.square(N))
    assert worst(difference, square_envelope(exact, N)) < SINGLE_RELATIVE


@pytest.mark.parametrize("N", COUNTS)
def test_square_of_any_size_in_single_precision(N):
    for cells in ((N, N, N), (N, 1, 7), (4, N, 1000)):
        shape = params.SquareAny(*map(float, cells))
        check_square_single(square_any_single, shape, np.array(cells, float))


@pytest.mark.parametrize("N", range(1, 10))
def test_square_of_few_cells_in_single_precision(N):
    for cells in ((N, N, N), (N, 1, 9), (8, N, 5), (2, 4, N)):
        check_square_single(square_few_single, few_shape(cells), np.array(cells, float))


# Gaussian and top-hat: the metric form.
@pytest.mark.parametrize("recip", [ORTHOGONAL, OBLIQUE], ids=["orthogonal", "oblique"])
@pytest.mark.parametrize("fudge", [1.0, 1e-4, 3e-7])
@pytest.mark.parametrize("N", [(1, 2, 9), (5, 5, 5), (20, 20, 20), (1000, 30, 50)])
def test_gauss(N, fudge, recip):
    d = upper_halves(fractions(N))
    d[:, ::2] *= 10.0 ** np.random.default_rng(1).uniform(-9, 0, d[0, ::2].shape)
    shape, peak = cpu_arguments.shape_arguments(crystal(N, params.GAUSS, fudge, recip))
    expected = scalar_form(d, N, params.GAUSS, fudge, recip) / peak
    value = gauss(d, shape)
    # Below that the form stops at 2^-1000, the formula goes on to 0.
    bright = expected > 2.0**-990
    assert bright.sum() > 50
    assert worst(value[bright] - expected[bright], expected[bright]) < REDUCED_GAUSS
    assert value[~bright].max(initial=0.0) < 2.0**-989
    whole = whole_fractions(d)
    exact = upper_halves(whole * 2.0**-32)
    exact = scalar_form(exact, N, params.GAUSS, fudge, recip) / peak
    single = gauss_single(whole, shape)
    assert worst(single - exact) < SINGLE_FORM_PEAK
    bright = exact > 2.0**-100
    assert worst(single[bright] - exact[bright], exact[bright]) < SINGLE_RELATIVE


@pytest.mark.parametrize("recip", [ORTHOGONAL, OBLIQUE], ids=["orthogonal", "oblique"])
@pytest.mark.parametrize("N", [(1, 2, 9), (5, 5, 5), (20, 20, 20)])
def test_tophat(N, recip):
    d = upper_halves(fractions(N))
    N_product = float(np.prod(N))
    radius_sqr = np.sum((d.T @ recip) ** 2, axis=1) * N_product**2
    # Half of all points inside, none on the edge, where a rounding decides.
    fudge = lattice.TOPHAT_RADIUS_SQR / np.median(radius_sqr)
    clear = np.abs(radius_sqr * fudge / lattice.TOPHAT_RADIUS_SQR - 1.0) > 1e-12
    shape, peak = cpu_arguments.shape_arguments(crystal(N, params.TOPHAT, fudge, recip))
    value = tophat(d, shape) * peak
    expected = scalar_form(d, N, params.TOPHAT, fudge, recip)
    assert np.array_equal(value[clear], expected[clear])
    assert 0.4 < np.mean(expected > 0) < 0.6 and clear.mean() > 0.99


# Sphere.
def round_envelope(d, N, fudge):
    """What the fringes of sinc3^2 touch: min(1, 9 (1 + x^2) / x^6)."""
    x_sqr = np.pi**2 * fudge * np.sum((np.asarray(N)[:, None] * d) ** 2, axis=0)
    return np.minimum(1.0, 9.0 * (1.0 + x_sqr) / np.maximum(x_sqr, 1.0) ** 3)


def round_fractions(N):
    """Fractions, of which half lie in and around the central maximum."""
    d = fractions(N)
    d[:, ::2] *= 10.0 ** np.random.default_rng(2).uniform(-6, 0, d[0, ::2].shape)
    return d


@pytest.mark.parametrize("fudge", [1.0, 0.3, 9.0])
@pytest.mark.parametrize("N", [(1, 1, 1), (3, 7, 11), (20, 20, 20), (1000, 30, 500)])
def test_round_spot(N, fudge):
    d = round_fractions(N)
    shape, peak = cpu_arguments.shape_arguments(crystal(N, params.ROUND, fudge))
    expected = scalar_form(d, N, params.ROUND, fudge) / peak
    difference = round_spot(d, shape) - expected
    assert worst(difference) < REDUCED_ROUND
    assert worst(difference, round_envelope(d, N, fudge)) < 10 * REDUCED_ROUND


@pytest.mark.parametrize("N", [(1, 1, 1), (3, 7, 11), (20, 20, 20), (100, 30, 200)])
def test_round_spot_in_single_precision(N):
    whole = whole_fractions(round_fractions(N))
    shape, peak = cpu_arguments.shape_arguments(crystal(N, params.ROUND))
    exact = whole * 2.0**-32
    expected = scalar_form(exact, N, params.ROUND) / peak
    difference = round_spot_single(whole, shape) - expected
    assert worst(difference) < SINGLE_FORM_PEAK
    assert worst(difference, round_envelope(exact, N, 1.0)) < SINGLE_RELATIVE


@pytest.mark.parametrize("side", [-1, 0, 1])
def test_round_spot_at_the_crossover(side):
    # z = 0.06 (double) and z = 2 (single) along one axis, and one ulp away.
    def single(d, shape):
        return round_spot_single(whole_fractions(d), shape)

    for form, z, bound in (
        (round_spot, 0.06, REDUCED_ROUND),
        (single, 2.0, SINGLE_FORM_PEAK),
    ):
        d = np.zeros((3, 1))
        d[0] = math.sqrt(z) / math.pi * (1.0 + side * 1e-7)
        shape = params.RoundSpot(1.0, 1.0, 1.0)
        expected = lattice.sinc3(math.pi * d[0, 0]) ** 2
        assert form(d, shape)[0] == pytest.approx(expected, abs=bound)


def test_round_spot_in_the_middle_and_at_its_first_zero():
    shape = params.RoundSpot(1.0, 1.0, 1.0)
    # tan x = x: the first zero of sinc3.
    first_zero = 4.493409457909064 / math.pi
    d = np.array([[0.0, first_zero], [0.0, 0.0], [0.0, 0.0]])
    value = round_spot(d, shape)
    assert value[0] == 1.0
    assert value[1] < 1e-28


# Tricubic interpolation: the weights form, whole indices included.
def test_tricubic():
    rng = np.random.default_rng(8)
    F = rng.uniform(-50.0, 200.0, (9, 8, 11))
    factors = StructureFactors(F=F, h_min=-4, k_min=-3, l_min=-5, default_F=0.0, hkls=1)
    lookup = cpu_arguments.cubic_lookup(factors)
    hkl_args = params.HklArgs(F, -4, -3, -5, True, 0.0)
    n = 512
    hkl = np.array(
        # Inside the list: exactly at its edge the scalar formula decides.
        [rng.uniform(-1, 1.9, n), rng.uniform(0, 1.9, n), rng.uniform(-2, 2.9, n)]
    )
    hkl[:, :100] = np.floor(hkl[:, :100])
    hkl[:, 100:200] = np.floor(hkl[:, 100:200] * 2) / 2
    fell, total = np.zeros((2, n))
    shape = few_shape((1, 1, 1))
    call_loop(
        lanes_cubic.add_cubic, shape, lookup, hkl, total, np.eye(3)[None], fell=fell
    )
    assert not fell.any()
    expected = np.array([interpolated_F(*index, hkl_args) for index in hkl.T]) ** 2
    assert worst(total - expected) < REDUCED_CUBIC * np.max(F) ** 2
    at_points = F[tuple((hkl[:, :100].T - (-4, -3, -5)).astype(int).T)]
    assert np.array_equal(total[:100], at_points**2)
