# SPDX-License-Identifier: MIT
"""Rotations and products of vectors, in nbsim.resolve.vectors and in the kernels."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nbsim.kernels.reference import vectors as kernel
from nbsim.resolve import vectors as plain

#: A few roundings of numbers of order 10.
ROTATION = 1e-13

components = st.floats(-10, 10)
triples = st.tuples(components, components, components)
angles = st.floats(-7, 7)
modules = pytest.mark.parametrize("module", [plain, kernel], ids=["plain", "kernel"])


@modules
@given(u=triples, v=triples)
def test_products(module, u, v):
    assert module.dot(u, v) == pytest.approx(np.dot(u, v), abs=ROTATION)
    assert module.cross(u, v) == pytest.approx(np.cross(u, v), abs=ROTATION)
    assert module.magnitude(v) == pytest.approx(np.linalg.norm(v), abs=ROTATION)


@modules
@given(v=triples)
def test_unit(module, v):
    assume(math.hypot(*v) > 1e-6)
    direction = module.unit(v)
    assert math.hypot(*direction) == pytest.approx(1.0, abs=ROTATION)
    assert np.cross(direction, v) == pytest.approx((0, 0, 0), abs=ROTATION)


@modules
def test_unit_of_nothing_is_nothing(module):
    assert module.unit((0.0, 0.0, 0.0)) == (0.0, 0.0, 0.0)


@modules
@pytest.mark.parametrize(
    "axis, before, after",
    [
        ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
        ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)),
        ((0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    ],
)
def test_rotation_is_right_handed(module, axis, before, after):
    turned = module.rotate_axis(before, axis, math.pi / 2)
    assert turned == pytest.approx(after, abs=ROTATION)


@modules
@given(v=triples, axis=triples, phi=angles, psi=angles)
def test_rotations_about_one_axis_add_up(module, v, axis, phi, psi):
    assume(math.hypot(*axis) > 0.1)
    axis = plain.unit(axis)
    twice = module.rotate_axis(module.rotate_axis(v, axis, phi), axis, psi)
    assert twice == pytest.approx(module.rotate_axis(v, axis, phi + psi), abs=1e-12)


@modules
@given(u=triples, v=triples, axis=triples, phi=angles)
def test_rotations_keep_lengths_and_angles(module, u, v, axis, phi):
    assume(math.hypot(*axis) > 0.1)
    axis = plain.unit(axis)
    turned = [module.rotate_axis(w, axis, phi) for w in (u, v)]
    assert np.dot(*turned) == pytest.approx(np.dot(u, v), abs=1e-11)
    assert np.dot(turned[0], axis) == pytest.approx(np.dot(u, axis), abs=1e-12)


@given(triples, angles, angles, angles)
def test_xyz_is_x_then_y_then_z(v, x, y, z):
    expected = v
    for axis, angle in (((1, 0, 0), x), ((0, 1, 0), y), ((0, 0, 1), z)):
        expected = plain.rotate_axis(expected, axis, angle)
    assert plain.rotate_xyz(v, x, y, z) == pytest.approx(expected, abs=1e-12)


@given(triples)
def test_no_rotation_changes_no_digit(v):
    assert plain.rotate_xyz(v, 0.0, 0.0, 0.0) == v


@given(triples, triples, angles)
def test_kernel_and_plain_agree(v, axis, phi):
    assume(math.hypot(*axis) > 0.1)
    axis = plain.unit(axis)
    # Compiled code may fuse a multiplication and an addition.
    expected = plain.rotate_axis(v, axis, phi)
    assert kernel.rotate_axis(v, axis, phi) == pytest.approx(expected, abs=ROTATION)
    assert kernel.rotate_axis.py_func(v, axis, phi) == pytest.approx(
        expected, abs=ROTATION
    )


@given(triples, st.floats(-3, 3))
def test_scaled(v, factor):
    assert plain.scaled(v, factor) == tuple(factor * x for x in v)


@given(st.floats(-720, 720))
def test_radians(degrees):
    assert plain.radians(degrees) == pytest.approx(math.radians(degrees), rel=1e-15)
