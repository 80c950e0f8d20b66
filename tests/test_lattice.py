# SPDX-License-Identifier: MIT
"""Lattice factors against identities of the formulas and against higher precision."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nbsim.kernels.params import GAUSS, ROUND, SQUARE, TOPHAT
from nbsim.kernels.reference import lattice

#: A quotient of two sines, each rounded, of arguments with one rounding each.
SINE_QUOTIENT = 1e-14
#: sin(pi N h) without reduction: the argument pi N h is off by N h ulps.
UNREDUCED = 1e-9
#: exp and the few products before it.
EXPONENTIAL = 1e-13
#: 3 (sin x / x - cos x) / x^2 at x = 0.06: 1e-16 / x^2 of cancellation.
SINC3_CLOSED = 2e-13

compiled_and_python = pytest.mark.parametrize(
    "version", [lambda f: f, lambda f: f.py_func], ids=["compiled", "python"]
)
# Subnormal numbers have too few digits, and no index is one.
indices = st.floats(-60, 60, allow_subnormal=False)
counts = st.integers(1, 300)
orthogonal = np.diag([0.01, 0.02, 0.025])


def distance_to_whole(h):
    return abs(h - round(h))


@pytest.mark.parametrize(
    "h, whole",
    [(0.5, 0), (1.5, 1), (-0.5, -1), (-1.5, -2), (0.51, 1), (-0.49, 0), (7, 7)],
)
@compiled_and_python
def test_halves_round_down(version, h, whole):
    assert version(lattice.round_index)(h) == whole


@given(indices, counts)
def test_sincg_is_even(h, N):
    assume(h % 1.0 != 0.5)  # the tie goes down on both sides
    assert lattice.sincg(-h, float(N)) == pytest.approx(
        lattice.sincg(h, float(N)), rel=SINE_QUOTIENT, abs=SINE_QUOTIENT
    )


@given(st.integers(-500, 500), st.integers(-30, 30), counts)
def test_sincg_repeats_itself_up_to_its_sign(eighths, n, N):
    # Multiples of 1/1024 are added without rounding.
    h = eighths / 1024
    assume(distance_to_whole(h) < 0.5)
    sign = (-1.0) ** (n * (N - 1))
    expected = sign * lattice.sincg(h, float(N))
    assert lattice.sincg(h + n, float(N)) == expected


@given(st.integers(-200, 200), counts)
def test_sincg_at_whole_indices(h, N):
    expected = float(N) * (-1.0) ** (h * (N - 1))
    assert lattice.sincg(float(h), float(N)) == expected


@given(indices, counts)
def test_sincg_is_bounded_by_the_number_of_cells(h, N):
    assert abs(lattice.sincg(h, float(N))) <= N * (1 + SINE_QUOTIENT)


@given(indices, counts)
def test_sincg_is_the_quotient_of_sines(h, N):
    assume(distance_to_whole(h) > 1e-3)
    quotient = math.sin(math.pi * N * h) / math.sin(math.pi * h)
    assert lattice.sincg(h, float(N)) == pytest.approx(
        quotient, rel=UNREDUCED, abs=UNREDUCED
    )


@given(st.floats(-3, 3, allow_subnormal=False), st.integers(1, 60))
def test_sincg_is_the_sum_over_cells(h, N):
    cells = np.arange(N) - (N - 1) / 2
    expected = np.cos(2 * math.pi * h * cells).sum()
    # A cosine's argument is off by up to pi N |h| ulps; the terms add up.
    tolerance = 1e-15 * N * N * (1 + abs(h))
    assert lattice.sincg(h, float(N)) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("N", [1, 2, 5, 9, 10, 24])
@compiled_and_python
def test_intensity_of_one_period_is_the_number_of_cells(version, N):
    # Parseval: the mean of sincg^2 over a period, exact for more than N samples.
    samples = 64
    h = [(i + 0.25) / samples for i in range(samples)]
    mean = sum(version(lattice.sincg)(x, float(N)) ** 2 for x in h) / samples
    assert mean == pytest.approx(N, rel=SINE_QUOTIENT)


@pytest.mark.parametrize("N", [2, 3, 10, 36, 200])
@pytest.mark.parametrize("n", [0, 1, 5, -17])
@pytest.mark.parametrize("ulps", [1, 3, 1000])
def test_sincg_loses_nothing_next_to_a_whole_index(N, n, ulps):
    # C divides two rounding errors here; N (1 - pi^2 d^2 (N^2 - 1) / 6) is right.
    h = n + ulps * math.ulp(float(n) or 1.0)
    d = h - n
    expected = N * (1 - (math.pi * d) ** 2 * (N * N - 1) / 6)
    assert abs(lattice.sincg(h, float(N))) == pytest.approx(expected, rel=SINE_QUOTIENT)


def exact_sinc3(x):
    """The power series in whole-number arithmetic; x must be moderate."""
    z = Fraction(x) ** 2
    term_of = [
        Fraction(6 * (n + 1) * (-1) ** n, math.factorial(2 * n + 3)) for n in range(30)
    ]
    return float(sum(term * z**n for n, term in enumerate(term_of)))


@pytest.mark.parametrize(
    "x", [0.0, 1e-160, 1e-9, 1e-4, 0.01, 0.0599999, 0.06, 0.0600001, 0.3, 1.0, 2.5, 6.0]
)
@compiled_and_python
def test_sinc3(version, x):
    assert version(lattice.sinc3)(x) == pytest.approx(exact_sinc3(x), rel=SINC3_CLOSED)


@given(st.floats(0, 300))
def test_sinc3_is_at_most_1(x):
    assert abs(lattice.sinc3(x)) <= 1.0


@given(st.floats(10, 1e4))
def test_sinc3_falls_off_as_the_square(x):
    assert abs(lattice.sinc3(x)) <= 3.0 * (1.0 + 1.0 / x) / x**2


@given(indices, indices, indices, st.tuples(counts, counts, counts))
def test_square_is_a_product(h, k, l, N):
    N_cells = np.array(N, float)
    factors = [
        lattice.sincg(x, float(n)) if n > 1 else 1.0 for x, n in zip((h, k, l), N)
    ]
    assert lattice.square_factors(h, k, l, N_cells) == tuple(factors)
    whole = lattice.lattice_factor(h, k, l, N_cells, SQUARE, 1.0, orthogonal)
    assert whole == pytest.approx(math.prod(factors), rel=1e-15)


@pytest.mark.parametrize(
    "shape, height",
    [(SQUARE, 1.0), (ROUND, 0.723601254558268), (GAUSS, 1.0), (TOPHAT, 1.0)],
)
@given(
    h=st.integers(-20, 20), N=st.tuples(counts, counts, counts), fudge=st.floats(0.1, 9)
)
def test_height_of_a_spot(shape, height, h, N, fudge):
    factor = lattice.lattice_factor(
        float(h), 0.0, -3.0, np.array(N, float), shape, fudge, orthogonal
    )
    assert abs(factor) == pytest.approx(math.prod(N) * height, rel=1e-15)


@given(st.floats(-0.49, 0.49), st.integers(-9, 9), st.floats(0.1, 3))
def test_gauss_along_one_axis(d, h, fudge):
    N_cells = np.array([3.0, 2.0, 4.0])
    d = (h + d) - h  # as the sum is rounded
    factor = lattice.lattice_factor(
        float(h) + d, 1.0, 1.0, N_cells, GAUSS, fudge, orthogonal
    )
    # |d a*|^2 (Na Nb Nc)^2 / 0.63
    exponent = (d * 0.01 * 24.0) ** 2 / 0.63 * fudge
    assert factor == pytest.approx(24.0 * math.exp(-exponent), rel=EXPONENTIAL)


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_tophat_is_cut_at_its_radius(axis, inside):
    N_cells = np.array([3.0, 2.0, 4.0])
    fudge = 40.0
    radius = math.sqrt(0.3969 / fudge) / 24.0 / orthogonal[axis, axis]
    hkl = [2.0, -1.0, 5.0]
    hkl[axis] += radius * (0.999 if inside else 1.001)
    factor = lattice.lattice_factor(*hkl, N_cells, TOPHAT, fudge, orthogonal)
    assert factor == (24.0 if inside else 0.0)


@given(st.floats(-0.4, 0.4), st.floats(-0.4, 0.4), st.floats(-0.4, 0.4))
def test_round_depends_on_the_radius_only(dh, dk, dl):
    N_cells = np.array([3.0, 2.0, 4.0])
    radius = math.hypot(3.0 * dh, 2.0 * dk, 4.0 * dl)
    assume(radius < 1.4)
    turned = lattice.lattice_factor(
        radius / 3.0, 0.0, 0.0, N_cells, ROUND, 1.0, orthogonal
    )
    factor = lattice.lattice_factor(dh, dk, dl, N_cells, ROUND, 1.0, orthogonal)
    # d sinc3 / dx is below 0.5, times pi; the radius has a few roundings.
    assert factor == pytest.approx(turned, abs=24.0 * 1e-14)


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_rad_star_sqr_is_the_length_of_the_offset(dh, dk, dl):
    recip = np.array([[0.01, 0.002, 0.0], [0.0, 0.02, -0.003], [0.001, 0.0, 0.025]])
    expected = np.sum((np.array([dh, dk, dl]) @ recip) ** 2) * 24.0**2
    value = lattice.rad_star_sqr(dh, dk, dl, recip, 24.0)
    assert value == pytest.approx(expected, rel=1e-13, abs=1e-30)
