# SPDX-License-Identifier: MIT
"""Single precision from fixed-point indices, against the float64 formulas."""

import math
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbsim.backends.cuda_arguments import split_cells
from nbsim.kernels import fixed_point
from nbsim.kernels.reference import lattice
from nbsim.tools.tolerances import FIXED_INDEX, SINGLE_ENVELOPE

INDICES = st.floats(-200.0, 200.0)
CELLS = st.integers(1, 1000)


def distance_of(h):
    """Return the fixed-point distance of an index from its whole number."""
    bits = fixed_point.fixed_index(h, 0.0, 0.0, (1.0, 0.0, 0.0))
    return fixed_point.fixed_distance(bits), fixed_point.fixed_whole(bits)


def distance_from_parts(cell, scattering):
    """Return the same of an index that is formed from whole numbers."""
    job = SimpleNamespace(
        xtal=SimpleNamespace(cell_vectors=np.array(cell).reshape(1, 1, 3)),
        beam=SimpleNamespace(wavelength=np.array([1.8 / np.linalg.norm(scattering)])),
    )
    (x, y, z), splitting = split_cells(job)
    high, low = zip(
        *(
            fixed_point.in_parts(fixed_point.in_units(s, splitting.scale))
            for s in scattering
        )
    )
    bits = fixed_point.index_of_parts(x, y, z, high, low, splitting.shift)
    return fixed_point.fixed_distance(bits), fixed_point.whole_of_parts(bits)


COMPONENT = st.floats(-0.5, 0.5)


@given(
    direction=st.tuples(COMPONENT, COMPONENT, COMPONENT),
    toward=st.tuples(COMPONENT, COMPONENT, COMPONENT),
    length_A=st.floats(2.0, 2000.0),
    resolution_A=st.floats(0.5, 50.0),
)
def test_index_of_whole_numbers(direction, toward, length_A, resolution_A):
    cell = np.array(direction) + [0.6, 0.0, 0.0]
    cell *= length_A * 1e-10 / np.linalg.norm(cell)
    scattering = np.array(toward) + [0.0, 0.6, 0.0]
    scattering *= 1e10 / resolution_A / np.linalg.norm(scattering)
    distance, whole = distance_from_parts(cell, scattering.tolist())
    exact = sum(Fraction(a) * Fraction(s) for a, s in zip(cell, scattering))
    error = whole + Fraction(int(distance), 2**32) - exact
    # Half of the last bit, and that it is set; nothing from what was split.
    assert abs(error - round(error)) <= Fraction(1001, 1000) / 2**32
    assert abs(whole - exact) <= Fraction(1, 2) + Fraction(2, 2**32)


def square_single(dh, dk, dl, N):
    """Return F_latt^2 as the CUDA kernel forms it."""
    top, bottom = fixed_point.square_parts(dh, dk, dl, N)
    return float(top / bottom) ** 2


@given(h=INDICES)
def test_index_is_split_into_whole_number_and_distance(h):
    distance, whole = distance_of(h)
    error = int(whole) + float(distance) * 2.0**-32 - h
    # At a half the distance is -1/2 of the whole number above: the same index.
    assert abs(error - round(error)) <= FIXED_INDEX
    assert abs(int(whole) - h) <= 0.5 + FIXED_INDEX


@pytest.mark.parametrize("h", [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 199.5])
def test_halves_go_down(h):
    assert distance_of(h)[1] == lattice.round_index(h) == math.floor(h)


@given(h=INDICES, x=st.floats(-1e-7, 1e-7), N=CELLS)
def test_grating_function_within_its_envelope(h, x, N):
    for index in (h, round(h) + x):
        distance, _ = distance_of(index)
        ours = square_single(distance, 1, 1, (N, 1, 1))
        exact = lattice.sincg(index, float(N)) ** 2
        d = index - round(index)
        envelope = N * N
        if abs(d) > 1.0 / N:
            envelope = 1.0 / math.sin(math.pi * d) ** 2
        assert abs(ours - exact) <= SINGLE_ENVELOPE * envelope


@given(N=st.tuples(CELLS, CELLS, CELLS))
def test_a_whole_index_gives_the_peak(N):
    zero, _ = distance_of(7.0)
    peak = square_single(zero, zero, zero, N)
    assert peak == pytest.approx(float(np.prod(np.array(N, float))) ** 2, rel=2e-6)


@given(h=INDICES, k=INDICES, l=INDICES, width=st.floats(1e-3, 1e4))
def test_gaussian(h, k, l, width):
    metric = tuple(np.float32(width * g) for g in (1.0, 1.2, 0.8, 0.3, -0.2, 0.1))
    distances = [distance_of(index)[0] for index in (h, k, l)]
    ours = fixed_point.gauss_single(*distances, metric)
    d = [float(distance) * 2.0**-32 for distance in distances]
    G = [float(g) for g in metric]
    q = G[0] * d[0] ** 2 + G[1] * d[1] ** 2 + G[2] * d[2] ** 2
    q += G[3] * d[0] * d[1] + G[4] * d[0] * d[2] + G[5] * d[1] * d[2]
    assert float(ours) == pytest.approx(math.exp(-q), rel=5e-7 * (q + 1), abs=1e-37)
