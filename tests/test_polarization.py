# SPDX-License-Identifier: MIT
"""The Kahn factor against its textbook form and its limits."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nbsim.kernels.reference.polarization import polarization_factor

#: A dozen roundings of numbers up to 1; where psi is taken near the beam, E and B
#: are small differences, so directions there are left out.
KAHN = 1e-12

kahn_factors = st.floats(-1, 1)
components = st.floats(-1, 1)
vectors = st.tuples(components, components, components)


def unit(v):
    length = math.hypot(*v)
    return tuple(x / length for x in v)


def with_angles(kahn_factor, incident, diffracted, axis):
    """As in the C program: psi from atan2, then cos(2 psi)."""
    cos_2theta = np.dot(incident, diffracted)
    B_in = np.cross(axis, incident)
    B_in /= np.linalg.norm(B_in)
    E_in = np.cross(incident, B_in)
    psi = -math.atan2(np.dot(diffracted, B_in), np.dot(diffracted, E_in))
    sin_2theta_sqr = 1.0 - cos_2theta**2
    return 0.5 * (
        1.0 + cos_2theta**2 - kahn_factor * math.cos(2.0 * psi) * sin_2theta_sqr
    )


@given(kahn_factors, vectors, vectors, vectors)
def test_angles_are_not_needed(kahn_factor, incident, diffracted, axis):
    assume(min(math.hypot(*v) for v in (incident, diffracted, axis)) > 0.1)
    incident, diffracted, axis = unit(incident), unit(diffracted), unit(axis)
    assume(np.linalg.norm(np.cross(incident, axis)) > 0.01)
    assume(np.linalg.norm(np.cross(incident, diffracted)) > 1e-3)
    expected = with_angles(kahn_factor, incident, diffracted, axis)
    for function in (polarization_factor, polarization_factor.py_func):
        found = function(kahn_factor, incident, diffracted, axis)
        assert found == pytest.approx(expected, abs=KAHN)


BEAM, E, B = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)


def at(two_theta, towards):
    c, s = math.cos(two_theta), math.sin(two_theta)
    return tuple(c * x + s * y for x, y in zip(BEAM, towards))


@given(st.floats(0, math.pi), vectors)
def test_unpolarized(two_theta, axis):
    found = polarization_factor(0.0, BEAM, at(two_theta, E), axis)
    assert found == pytest.approx((1 + math.cos(two_theta) ** 2) / 2, abs=KAHN)


@given(st.floats(0.01, math.pi - 0.01), kahn_factors)
def test_in_the_plane_of_the_field(two_theta, kahn_factor):
    # The field points along E: seen along E it does not radiate.
    found = polarization_factor(kahn_factor, BEAM, at(two_theta, E), E)
    cos_sqr, sin_sqr = math.cos(two_theta) ** 2, math.sin(two_theta) ** 2
    expected = 0.5 * (1 + cos_sqr - kahn_factor * sin_sqr)
    assert found == pytest.approx(expected, abs=KAHN)


@given(st.floats(0.01, math.pi - 0.01))
def test_fully_polarized_limits(two_theta):
    along_E, along_B = at(two_theta, E), at(two_theta, B)
    cos_sqr = math.cos(two_theta) ** 2
    assert polarization_factor(1.0, BEAM, along_E, E) == pytest.approx(
        cos_sqr, abs=KAHN
    )
    assert polarization_factor(1.0, BEAM, along_B, E) == pytest.approx(1.0, abs=KAHN)
    assert polarization_factor(-1.0, BEAM, along_E, E) == pytest.approx(1.0, abs=KAHN)
    assert polarization_factor(-1.0, BEAM, along_B, E) == pytest.approx(
        cos_sqr, abs=KAHN
    )


@given(kahn_factors, vectors)
def test_between_0_and_1(kahn_factor, diffracted):
    assume(math.hypot(*diffracted) > 0.1)
    found = polarization_factor(kahn_factor, BEAM, unit(diffracted), E)
    assert -KAHN <= found <= 1.0 + KAHN


@pytest.mark.parametrize("kahn_factor", [-1.0, 0.0, 0.5, 1.0])
def test_straight_ahead_is_1(kahn_factor):
    assert polarization_factor(kahn_factor, BEAM, BEAM, E) == 1.0


@given(kahn_factors, st.floats(0, math.pi))
def test_field_along_the_beam_has_no_direction(kahn_factor, two_theta):
    # As in C: psi = atan2(0, 0) = 0.
    found = polarization_factor(kahn_factor, BEAM, at(two_theta, B), BEAM)
    cos_sqr = math.cos(two_theta) ** 2
    expected = 0.5 * (1 + cos_sqr - kahn_factor * (1 - cos_sqr))
    assert found == pytest.approx(expected, abs=KAHN)


@given(kahn_factors, vectors)
def test_opposite_signs_average_to_unpolarized(kahn_factor, diffracted):
    assume(math.hypot(*diffracted) > 0.1)
    ray = unit(diffracted)
    both = [polarization_factor(K, BEAM, ray, E) for K in (kahn_factor, -kahn_factor)]
    unpolarized = polarization_factor(0.0, BEAM, ray, E)
    assert sum(both) / 2 == pytest.approx(unpolarized, abs=KAHN)
