# SPDX-License-Identifier: MIT
"""The C program's random numbers, compared bit by bit.

The expected numbers were printed by C functions of nanoBragg.c (version 8-10-25),
compiled alone with gcc 12.2 -O3 on x86-64 and called in a loop, with "%a" (exact)
for deviates and matrices. Seeds are as typed: the state starts at -seed.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbsim.kernels import layout
from nbsim.kernels import random as kernels

compiling = settings(deadline=None)  # the first example may compile the kernel

# mean: first eight deviates of seed 42, and the sum of the first 100000
POISSON_OF_C = {
    0.1: ([0, 0, 0, 0, 1, 0, 0, 0], 9863),
    5: ([6, 2, 4, 5, 5, 4, 5, 7], 499633),
    11.99: ([10, 10, 12, 14, 11, 11, 8, 14], 1198451),
    12: ([6, 11, 13, 16, 8, 21, 14, 13], 1200764),
    100: ([84, 99, 103, 113, 88, 102, 96, 95], 10001944),
    1e4: ([9846, 9997, 10035, 10139, 9887, 10029, 9961, 9954], 1000047908),
    1e6: (
        [998465, 1001391, 998873, 1000291, 999615, 997836, 999970, 999940],
        99999781540,
    ),
    1.1e6: (
        [1102607.375, 1098126.625, 1099174.625, 1100627.625]
        + [1100013.625, 1100221.25, 1098745.0, 1098428.0],
        1.099998374e11,
    ),
}


def started(seed):
    rng = np.zeros((), layout.STATE)[()]
    kernels.start_stream(-seed, rng)
    return rng


def hexadecimal(values):
    return [float.fromhex(value) for value in values.split()]


@compiling
@given(st.integers(0, 2**31 - 1))
def test_next_minimal_is_the_modulo(value):
    assert kernels.next_minimal(value) == 16807 * value % (2**31 - 1)


@pytest.mark.parametrize(
    "seed, expected",
    [
        (42, "0x1.e34ce4p-2 0x1.13f90ap-1 0x1.795a8ep-1 0x1.8195dep-3 0x1.fcad4ap-1"),
        (0, "0x1.a9fbbcp-2 0x1.78b02ep-4"),
        (-5, "0x1.a9fbbcp-2 0x1.78b02ep-4"),  # nothing to go on with: same as 0
    ],
)
def test_ran1(seed, expected):
    rng = started(seed)
    expected = hexadecimal(expected)
    assert [kernels.ran1(rng) for _ in expected] == expected


def test_ran1_stays_below_one():
    rng = started(1)
    rng["shuffled"] = 2**31 - 2  # the largest output there is
    assert kernels.ran1(rng) == np.float32(1 - 1.2e-7) < 1


def test_negative_seed_goes_on_with_the_shared_table():
    rng = started(4321)
    kernels.mosaic_rotation_umat(np.float32(0.01), rng, np.empty((3, 3)))
    kernels.start_stream(5, rng)
    expected = hexadecimal("0x1.16fbd6p-1 0x1.efa75ep-1 0x1.9db29ep-1")
    assert [kernels.ran1(rng) for _ in expected] == expected


def test_gaussdev():
    rng = started(42)
    expected = hexadecimal("0x1.3e3716p+1 -0x1.c9413cp+0 -0x1.92f2d4p-1 0x1.326132p-1")
    assert [kernels.gaussdev(rng) for _ in expected] == expected


def test_gammln():
    arguments = np.float32([1, 13, 10001, 37000000])
    expected = hexadecimal("0x0p+0 0x1.3fcba2p+4 0x1.40bceep+16 0x1.21cfa2p+29")
    assert [kernels.gammln(x) for x in arguments] == expected


@pytest.mark.parametrize("n", [0, 1, 2, 170, 16383, 16384, 999999])
def test_log_factorial_is_remembered_exactly(n):
    rng = np.zeros((), layout.STATE)[()]
    expected = kernels.gammln(np.float32(n + 1.0))
    assert [kernels.log_factorial(np.float32(n), rng) for _ in range(2)] == [
        expected
    ] * 2


@compiling
@given(st.floats(0.5, 1e7, width=32))
def test_gammln_approximates_lgamma(x):
    exact = math.lgamma(x)
    assert kernels.gammln(np.float32(x)) == pytest.approx(exact, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("mean", POISSON_OF_C)
def test_poidev(mean):
    first, total = POISSON_OF_C[mean]
    rng = started(42)
    deviates = [float(kernels.poidev(np.float32(mean), rng)) for _ in range(100000)]
    assert deviates[:8] == first
    assert sum(deviates) == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize("mean", [0.0, -0.5, -1e30])
def test_poidev_without_photons_takes_one_deviate(mean):
    rng, reference = started(42), started(42)
    assert kernels.poidev(np.float32(mean), rng) == 0
    kernels.ran1(reference)
    assert rng["state"] == reference["state"]


def test_poidev_does_not_mix_up_means():
    """What is kept for one mean must not serve another: mixed equals fresh."""
    means = np.float32([3, 3, 50, 3, 50, 50, 2e6, 3, 11.9, 12])
    rng = started(7)
    for mean in means:
        fresh = rng.copy()
        fresh["mean"] = 0
        assert kernels.poidev(mean, rng) == kernels.poidev(mean, fresh)
        assert rng["state"] == fresh["state"]


def test_mosaic_rotation_umat():
    rng = started(4321)
    umat = np.empty((3, 3))
    kernels.mosaic_rotation_umat(np.float32(0.0087266463), rng, umat)
    assert umat.ravel().tolist() == hexadecimal("""
        0x1.fffec81b44cd8p-1 0x1.003be6def58e3p-9 -0x1.f7b5349e7c6c1p-9
        -0x1.04002386ecf39p-9 0x1.fffc113d48421p-1 -0x1.eabdb5a16e9a1p-8
        0x1.f5c6259ff5761p-9 0x1.eb3c6fc3cced7p-8 0x1.fffb5b796f5d7p-1
        """)
    assert list(kernels.umat2misset(umat)) == hexadecimal(
        "0x1.eb3e89273e95p-8 -0x1.f5c675f2784cfp-9 -0x1.0400ab9000ec6p-9"
    )


@compiling
@given(st.integers(1, 2**31 - 2), st.floats(0, 90, width=32))
def test_mosaic_rotation_umat_is_a_rotation(seed, mosaicity):
    umat = np.empty((3, 3))
    kernels.mosaic_rotation_umat(np.float32(mosaicity), started(seed), umat)
    np.testing.assert_allclose(umat @ umat.T, np.eye(3), atol=1e-14)
    assert np.linalg.det(umat) == pytest.approx(1)
    angle = math.acos(np.clip((np.trace(umat) - 1) / 2, -1, 1))
    assert angle <= mosaicity * (1 + 1e-6) + 1e-7


def test_umat2misset_normalizes_twice():
    umat = np.empty((3, 3))
    kernels.mosaic_rotation_umat(np.float32(90), started(24), umat)
    # With one normalization the last angle ends in ...ep-1.
    assert list(kernels.umat2misset(umat)) == hexadecimal(
        "-0x1.08575fa6c0054p+0 0x1.c18640f6cfc1ap-3 0x1.b3a5e8f9a05efp-1"
    )


def rotation(rotx, roty, rotz):
    def turn(angle, i, j):
        matrix = np.eye(3)
        matrix[i, i] = matrix[j, j] = math.cos(angle)
        matrix[i, j], matrix[j, i] = -math.sin(angle), math.sin(angle)
        return matrix

    return turn(rotz, 0, 1) @ turn(roty, 2, 0) @ turn(rotx, 1, 2)


@compiling
@given(
    st.floats(-3.1, 3.1),
    st.floats(-1.5, 1.5),  # at +-pi/2 the other two are not defined
    st.floats(-3.1, 3.1),
)
def test_umat2misset_inverts_rotations_about_x_then_y_then_z(rotx, roty, rotz):
    found = kernels.umat2misset(rotation(rotx, roty, rotz))
    np.testing.assert_allclose(found, (rotx, roty, rotz), atol=1e-12)


def test_umat2misset_at_the_pole():
    umat = np.array([[0.0, 0.6, 0.8], [0.0, -0.8, 0.6], [1.0, 0.0, 0.0]])
    rotz = math.atan2(0.6, 0.8)
    assert kernels.umat2misset(umat) == (math.pi, math.pi / 2, rotz)
