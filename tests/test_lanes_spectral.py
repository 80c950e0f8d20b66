# SPDX-License-Identifier: MIT
"""The loop with F that follows the energy, against complex arithmetic in numpy."""

import numpy as np
import pytest
from lane_examples import CRYSTALS, call_loop, crystal
from test_lanes import cells, scattering, terms_by_pixel

from nbsim import StructureFactors
from nbsim.backends.cpu_arguments import shape_arguments, spectral_lookups
from nbsim.kernels import params
from nbsim.kernels.cpu.lanes_spectral import add_spectral_terms
from nbsim.kernels.reference.structure_factor import nearest_F
from nbsim.model.spectral import SpectralParts

BOX = (9, 8, 11)


def spectral_factors(parts):
    """Return structure factors of so many parts beside the first, and 3 channels."""
    rng = np.random.default_rng(parts)
    values = rng.normal(0.0, 20.0, (*BOX, 1 + parts, 2)).astype(np.float32)
    coefficients = rng.normal(size=(3, parts, 2)).view(complex)[..., 0]
    spectral = SpectralParts(
        np.ascontiguousarray(values).view(np.complex64)[..., 0],
        coefficients,
        np.array([0.9, 1.0, 1.1]),
    )
    F = np.abs(spectral.parts[..., 0]).astype(float)
    return StructureFactors(F, -4, -3, -6, default_F=2.0, hkls=1, spectral=spectral)


def hkl_arguments(factors):
    """Return the kernels' arguments, each channel a source."""
    return params.HklArgs(
        *(factors.F, factors.h_min, factors.k_min, factors.l_min, True),
        factors.default_F,
        factors.spectral.parts.view(np.float32),
        factors.spectral.coefficients.view(float),
    )


@pytest.mark.parametrize("channel", [0, 2])
def test_scalar_formula(channel):
    factors = spectral_factors(3)
    hkl, alone = hkl_arguments(factors), factors.at_channel(channel)
    for index in ((-4, -3, -6), (0, 1, 2), (4, 4, 4)):
        F = nearest_F(*map(float, index), hkl, channel)
        expected = alone.F[tuple(np.add(index, (4, 3, 6)))]
        assert F == pytest.approx(expected, rel=1e-6)
    assert nearest_F(-5.0, 0.0, 0.0, hkl, channel) == 2.0


@pytest.mark.parametrize("n", [1, 17, 512])
@pytest.mark.parametrize("parts", [1, 2, 3, 5])
def test_sum_of_parts(parts, n):
    factors, xtal = spectral_factors(parts), crystal("any")
    shape, _ = shape_arguments(xtal)
    s, cell_vectors = scattering(n, 3e8), cells(6)
    lookups = spectral_lookups(factors, hkl_arguments(factors))
    assert len(lookups) == 3
    for channel, lookup in enumerate(lookups):
        total = np.full(n, 0.5)
        call_loop(add_spectral_terms, shape, lookup, s, total, cell_vectors)
        alone = factors.at_channel(channel)
        hkl = params.HklArgs(alone.F, -4, -3, -6, True, 2.0)
        F_latt, F_cell = terms_by_pixel(s, cell_vectors, xtal, hkl)
        expected = 0.5 + ((F_latt * F_cell) ** 2).sum(axis=0)
        scale = (F_latt**2).sum(axis=0).max() * F_cell.max() ** 2
        assert np.abs(total - expected).max() < 1e-6 * scale
        # Within the list and beyond it.
        assert n < 512 or 0.0 < (F_cell == 2.0).mean() < 0.9


@pytest.mark.parametrize("name", CRYSTALS)
def test_every_shape(name):
    factors, xtal = spectral_factors(2), crystal(name)
    shape, shape_factor = shape_arguments(xtal)
    s, cell_vectors = scattering(200, 3e8), cells(3)
    total = np.zeros(200)
    lookup = spectral_lookups(factors, hkl_arguments(factors))[1]
    call_loop(add_spectral_terms, shape, lookup, s, total, cell_vectors)
    hkl = params.HklArgs(factors.at_channel(1).F, -4, -3, -6, True, 2.0)
    F_latt, F_cell = terms_by_pixel(s, cell_vectors, xtal, hkl)
    expected = ((F_latt * F_cell) ** 2).sum(axis=0)
    assert total * shape_factor == pytest.approx(
        expected, rel=1e-5, abs=1e-6 * expected.max()
    )
