# SPDX-License-Identifier: MIT
"""Images of a spectrum are the weighted sums of images of its channels."""

import dataclasses

import numpy as np
import pytest
from crystals import PROTEIN, write_pdb

from nbsim import (
    Background,
    Beam,
    Crystal,
    Detector,
    Goniometer,
    Sampling,
    Simulation,
    StructureFactors,
    structure_factors_from_model,
)

EV_ANGSTROM = 12398.4198433
#: Around iron's edge, at uneven steps; the middle channel has no photons.
CHANNELS = [(7060.0, 1.0), (7109.0, 3.0), (7113.0, 0.0), (7126.0, 2.0), (7290.0, 0.7)]
#: Of the peak: what the issue allows.
ALLOWED = 2e-5


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "iron.pdb"
    write_pdb(path, (20, 25, 30, 75, 85, 95), "P 1", 80, ("Fe", *PROTEIN))
    return path


@pytest.fixture(scope="module")
def spectral(model):
    return structure_factors_from_model(model, 2.0, spectrum=CHANNELS)


DETECTOR = Detector(detpixels_f=48, detpixels_s=40, pixel_size_mm=1.0, distance_mm=45.0)


def simulation(spectral, **models):
    """Return the simulation of the whole spectrum."""
    crystal = {"cell": spectral.cell, "exact_cell": True, "Na": 6, "Nb": 5, "Nc": 4}
    crystal.update(models.pop("crystal", {}))
    beam = {"spectrum": CHANNELS, **models.pop("beam", {})}
    detector = dataclasses.replace(DETECTOR, **models.pop("detector", {}))
    sampling = {"oversample": 1, "dmin_A": 2.0, **models.pop("sampling", {})}
    return Simulation(
        crystal=Crystal(**crystal),
        structure_factors=models.pop("factors", spectral.factors),
        beam=Beam(**beam),
        detector=detector,
        sampling=Sampling(**sampling),
        **models,
    )


def one_channel(whole, number, factors=None):
    """Return the simulation of one channel alone, and its weight."""
    wavelength_A, weight = whole.beam.spectrum[number].tolist()
    beam = dataclasses.replace(whole.beam, spectrum=None, wavelength_A=wavelength_A)
    crystal = whole.crystal
    if crystal.A_matrix is not None:
        scale = wavelength_A / whole.beam.wavelength_A
        crystal = dataclasses.replace(crystal, A_matrix=crystal.A_matrix * scale)
    factors = factors or whole.structure_factors.at_channel(number)
    alone = dataclasses.replace(
        whole, crystal=crystal, beam=beam, structure_factors=factors
    )
    return alone, weight


def sum_of_channels(whole, factors=None, **options):
    total = 0.0
    for number in range(len(CHANNELS)):
        alone, weight = one_channel(whole, number, factors and factors[number])
        total = total + weight * alone.render(backend="cpu", **options).astype(float)
    return total


def difference(image, expected):
    return np.abs(image - expected).max() / expected.max()


LIST = StructureFactors(
    np.random.default_rng(3).uniform(1.0, 90.0, (17, 17, 17)), -8, -8, -8, hkls=1
)
A_MATRIX = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0] @ np.diag(
    [0.087, 0.07, 0.058]
)
CASES = {
    "plain": {},
    "large crystal": {"crystal": {"Na": 40, "Nb": 30, "Nc": 20}},
    "round": {"crystal": {"shape": "round"}},
    "gauss": {"crystal": {"shape": "gauss"}},
    "gauss, list": {"crystal": {"shape": "gauss"}, "factors": LIST},
    "tophat": {"crystal": {"shape": "tophat", "fudge": 1e-3}},
    "matrix": {"crystal": {"A_matrix": A_MATRIX, "cell": None}},
    "matrix and cell": {"crystal": {"A_matrix": A_MATRIX}},
    "divergence": {"beam": {"hdivrange_mrad": 5.0, "hdivsteps": 3}, "sampling": {}},
    "mosaic, rotation": {
        "crystal": {"mosaic_spread_deg": 1.0, "mosaic_domains": 5},
        "goniometer": Goniometer(phi_deg=10.0, osc_deg=1.0, phisteps=3),
    },
    "subpixels, polarized": {
        "sampling": {"oversample": 2},
        "beam": {"polarization": 1},
    },
    "no polarization": {"beam": {"nopolar": True}},
    "sensor": {"detector": {"thick_um": 500.0, "thicksteps": 3, "abs_um": 300.0}},
    "curved": {"detector": {"curved": True}},
    "water": {"crystal": {"water_um": 0.1}},
    "water, divergence": {
        "crystal": {"water_um": 0.1},
        "beam": {"hdivrange_mrad": 40.0, "hdivsteps": 2},
    },
    "dmin inside the image": {
        "sampling": {"dmin_A": 2.9},
        "beam": {"vdivrange_mrad": 40.0, "vdivsteps": 2, "polarization": 0.9},
    },
    "running": {
        "sampling": {"oversample": 2, "oversample_polar": True},
        "beam": {"polarization": 0.9},
    },
    "running, sensor": {
        "sampling": {"oversample_thick": True, "oversample_omega": True},
        "detector": {"thick_um": 500.0, "thicksteps": 3, "abs_um": 300.0},
    },
    "one F": {"factors": StructureFactors(default_F=100.0)},
    "list": {"factors": LIST},
    "list, interpolated": {
        "factors": LIST,
        "sampling": {"interpolate": True, "dmin_A": 0.0},
    },
    "carryover": {
        "sampling": {"phi_carryover": True},
        "goniometer": Goniometer(osc_deg=2.0, phisteps=2),
    },
}


#: Reproducing a stale orientation is model c's alone.
KINDS = [(name, kind) for name in CASES for kind in ("c", "physical")]
KINDS.remove(("carryover", "physical"))


@pytest.mark.parametrize("name, kind", KINDS)
def test_definition(spectral, name, kind):
    whole = simulation(spectral, model=kind, **CASES[name])
    image = whole.render(backend="cpu")
    expected = sum_of_channels(whole)
    assert difference(image, expected) < 1e-6
    # The weights count, and the energies do.
    mean, _ = one_channel(whole, 1)
    assert difference(mean.render(backend="cpu"), expected) > 1e-3


@pytest.mark.parametrize("kind", ["c", "physical"])
def test_definition_of_backgrounds(spectral, kind):
    whole = simulation(
        spectral,
        model=kind,
        beam={"hdivrange_mrad": 5.0, "hdivsteps": 3},
        backgrounds=(Background(material="water", thick_mm=0.5),),
    )
    image = whole.render_background()
    expected = sum(
        weight * whole.channel(number).render_background().astype(float)
        for number, (_, weight) in enumerate(whole.beam.spectrum.tolist())
    )
    assert difference(image, expected) < 1e-6


def test_definition_with_F_made_anew(model, spectral):
    whole = simulation(spectral)
    factors = [
        structure_factors_from_model(model, 2.0, EV_ANGSTROM / energy).factors
        for energy, _ in CHANNELS
    ]
    expected = sum_of_channels(whole, factors)
    assert difference(whole.render(backend="cpu"), expected) < ALLOWED
    frozen = sum_of_channels(whole, [factors[4]] * len(CHANNELS))
    assert difference(frozen, expected) > 0.01


def test_single_precision(spectral):
    whole = simulation(spectral)
    result = whole.run(backend="cpu", precision="single")
    assert "follow the energy" in result.why_double
    listed = simulation(spectral, factors=LIST)
    result = listed.run(backend="cpu", precision="single")
    assert result.why_double is None
    expected = sum_of_channels(listed)
    assert difference(result.image, expected) < 1e-4


def test_result_does_not_depend_on_blocks_or_roi(spectral):
    whole = simulation(spectral, crystal={"water_um": 0.1})
    image = whole.render(backend="cpu")
    part = whole.render(backend="cpu", roi=(7, 20, 11, 30))
    assert np.array_equal(part[11:31, 7:21], image[11:31, 7:21])
    assert not part[:11].any()
    running = simulation(spectral, **CASES["running"])
    image = running.render(backend="cpu")
    part = running.render(backend="cpu", roi=(7, 20, 11, 30))
    assert np.array_equal(part[11:31, 7:21], image[11:31, 7:21])


def test_progress_of_separate_channels(spectral):
    seen = []
    simulation(spectral, **CASES["running"]).render(backend="cpu", progress=seen.append)
    assert seen == sorted(seen) and seen[0] == 0.0 and seen[-1] == 1.0


def test_trace_has_each_channels_F(spectral):
    whole = simulation(spectral)
    image = whole.render(backend="cpu")
    slow, fast = map(int, np.unravel_index(image.argmax(), image.shape))
    trace = whole.trace(slow, fast)
    rows = trace.evaluations
    assert trace.values["I_pixel_final"] == pytest.approx(image[slow, fast], rel=1e-6)
    assert rows["term"].sum() == pytest.approx(rows["I"][-1], rel=1e-12)
    index = np.rint([rows[name][0] for name in ("h_frac", "k_frac", "l_frac")])
    place = tuple((index + np.array(spectral.factors.F.shape) // 2).astype(int))
    expected = [spectral.factors.at_channel(i).F[place] for i in range(len(CHANNELS))]
    assert rows["F_cell"] == pytest.approx(expected, rel=1e-6)
    with pytest.raises(ValueError, match="an image of its own"):
        simulation(spectral, **CASES["running"]).trace(slow, fast)


def test_other_spectrum_is_refused(spectral):
    with pytest.raises(ValueError, match="made for another spectrum"):
        simulation(spectral, beam={"spectrum": [(7000.0, 1.0), (7100.0, 1.0)]}).setup


def test_one_wavelength_takes_F_of_the_mean(spectral):
    whole = simulation(spectral)
    beam = Beam(wavelength_A=whole.beam.wavelength_A)
    alone = dataclasses.replace(whole, beam=beam)
    plain = dataclasses.replace(spectral.factors, spectral=None)
    expected = dataclasses.replace(alone, structure_factors=plain)
    assert np.array_equal(alone.render(backend="cpu"), expected.render(backend="cpu"))


def test_interpolation_is_refused(spectral):
    with pytest.raises(ValueError, match="interpolat.* follow the energy"):
        simulation(spectral, sampling={"interpolate": True}).setup
    # Two cells would switch it on.
    assert not simulation(spectral, crystal={"Na": 2}).setup.interpolate
