# SPDX-License-Identifier: MIT
"""Looking up F: nearest index, bounds and tricubic interpolation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbsim.kernels.params import HklArgs
from nbsim.kernels.reference import lattice, structure_factor

#: Sums of 4 products of order 1; 64 products of order F in three dimensions.
WEIGHTS = 1e-14
INTERPOLATION = 1e-12

versions = pytest.mark.parametrize(
    "version", [lambda f: f, lambda f: f.py_func], ids=["compiled", "python"]
)
unit_interval = st.floats(0, 1)
coefficients = st.lists(st.floats(-5, 5), min_size=4, max_size=4)


def box(F, low=(0, 0, 0), default_F=-1.0):
    return HklArgs(F, *low, True, default_F)


LOW = (-3, -2, -4)
SHAPE = (7, 6, 9)
HIGH = tuple(low + count - 1 for low, count in zip(LOW, SHAPE))


def numbered():
    """F that names its index: 100 h + 10 k + l, plus 1000."""
    h, k, l = np.meshgrid(
        *(np.arange(low, low + n, dtype=float) for low, n in zip(LOW, SHAPE)),
        indexing="ij",
    )
    return box(np.ascontiguousarray(1000.0 + 100.0 * h + 10.0 * k + l), LOW)


@versions
@pytest.mark.parametrize("h", [-3, 0, 3])
@pytest.mark.parametrize("k", [-2, 0, 3])
@pytest.mark.parametrize("l", [-4, 0, 4])
def test_nearest_inside(version, h, k, l):
    found = version(structure_factor.nearest_F)(
        float(h), float(k), float(l), numbered()
    )
    assert found == 1000 + 100 * h + 10 * k + l


@versions
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("step", [-1, 1])
def test_nearest_just_outside_is_the_default(version, axis, step):
    hkl = [0.0, 0.0, 0.0]
    hkl[axis] = float((LOW if step < 0 else HIGH)[axis] + step)
    assert version(structure_factor.nearest_F)(*hkl, numbered()) == -1.0


@versions
def test_without_a_list_everything_is_the_default(version):
    hkl = HklArgs(np.ones((1, 1, 1)), 0, 0, 0, False, 7.5)
    assert version(structure_factor.nearest_F)(0.0, 0.0, 0.0, hkl) == 7.5


@pytest.mark.parametrize(
    "h, whole", [(0.5, 0), (-0.5, -1), (1.5, 1), (0.5000001, 1), (0.4999999, 0)]
)
def test_ties_take_the_lower_reflection(h, whole):
    index = lattice.round_index(h)
    found = structure_factor.nearest_F(index, 0.0, 0.0, numbered())
    assert found == 1000 + 100 * whole


@versions
@pytest.mark.parametrize(
    "h, inside",
    [
        # 7 points from -3: h + 3 + 3 <= 7 and h - 2 >= -3.
        (-1.0, True),
        (-1.0000001, False),
        (1.0, True),
        (1.0000001, False),
        (0.3, True),
        (40.0, False),
        (-40.0, False),
    ],
)
def test_bounds_of_interpolation_on_one_axis(version, h, inside):
    assert version(structure_factor.inside_axis)(h, -3, 7) == inside


@given(st.floats(-6, 6), st.floats(-6, 6), st.floats(-6, 6))
def test_bounds_of_interpolation_hold_on_all_axes(h, k, l):
    expected = all(
        not (x - low + 3 > count or x - 2 < low)
        for x, low, count in zip((h, k, l), LOW, SHAPE)
    )
    assert structure_factor.can_interpolate(h, k, l, numbered()) == expected


@given(st.floats(-6, 6))
def test_whoever_may_interpolate_finds_four_points(h):
    if structure_factor.inside_axis(h, LOW[0], SHAPE[0]):
        first = math.floor(h) - 1
        assert LOW[0] <= first and first + 3 <= HIGH[0]


@given(unit_interval)
def test_weights_add_up_to_1(t):
    assert sum(structure_factor.cubic_weights(t)) == pytest.approx(1.0, abs=WEIGHTS)


@given(unit_interval, coefficients)
def test_weights_reproduce_cubics(t, coefficients):
    polynomial = np.polynomial.Polynomial(coefficients)
    points = [polynomial(x) for x in (-1.0, 0.0, 1.0, 2.0)]
    found = np.dot(structure_factor.cubic_weights(t), points)
    assert found == pytest.approx(polynomial(t), abs=100 * WEIGHTS)


@pytest.mark.parametrize("t, point", [(0.0, 1), (1.0, 2)])
@versions
def test_weights_at_the_points(version, t, point):
    weights = version(structure_factor.cubic_weights)(t)
    assert [w == 1.0 for w in weights] == [i == point for i in range(4)]
    assert sum(abs(w) for w in weights) == 1.0


@given(unit_interval)
def test_weights_are_mirrored(t):
    forwards = structure_factor.cubic_weights(t)
    backwards = structure_factor.cubic_weights(1.0 - t)
    assert backwards == pytest.approx(forwards[::-1], abs=WEIGHTS)


inner = st.floats(-1, 1), st.floats(0, 0.999), st.floats(-2, 2)


@given(*inner)
def test_interpolation_reproduces_a_linear_list(h, k, l):
    found = structure_factor.interpolated_F(h, k, l, numbered())
    assert found == pytest.approx(1000 + 100 * h + 10 * k + l, rel=INTERPOLATION)


@given(*inner, coefficients, coefficients, coefficients)
def test_interpolation_reproduces_products_of_cubics(h, k, l, p, q, r):
    cubics = [np.polynomial.Polynomial(c) for c in (p, q, r)]
    lists = [
        cubic(np.arange(low, low + n, dtype=float))
        for cubic, low, n in zip(cubics, LOW, SHAPE)
    ]
    F = np.ascontiguousarray(np.einsum("i,j,k->ijk", *lists))
    expected = math.prod(float(c(x)) for c, x in zip(cubics, (h, k, l)))
    found = structure_factor.interpolated_F(h, k, l, box(F, LOW))
    assert found == pytest.approx(expected, abs=INTERPOLATION * np.abs(F).max() + 1e-12)


@pytest.mark.parametrize("h, k, l", [(-1, 0, -2), (0, 0, 0), (1, 0, 2)])
def test_interpolation_passes_through_the_list(h, k, l):
    rng = np.random.default_rng(seed=2)
    hkl = box(rng.uniform(0, 100, SHAPE), LOW)
    at_point = structure_factor.nearest_F(float(h), float(k), float(l), hkl)
    found = structure_factor.interpolated_F(float(h), float(k), float(l), hkl)
    assert found == pytest.approx(at_point, rel=INTERPOLATION)
