# SPDX-License-Identifier: MIT
"""Amorphous backgrounds: their tables, their formula, and the models c and physical."""

import dataclasses
import math

import numpy as np
import pytest

import nbsim
from nbsim.formats.textfiles import built_in_stol
from nbsim.resolve.background import lagrange_table, monotone_table
from nbsim.tools import scattering_tables

CRYSTAL = nbsim.Crystal(cell=(70.0, 80.0, 90.0))
SORTED = np.array([[0.0, 2.5], [0.1, 3.7], [0.13, 6.0], [0.2, 6.7], [0.4, 4.1]])


def simulation(*backgrounds, **models):
    detector = nbsim.Detector(detpixels_f=41, detpixels_s=33, pixel_size_mm=2.0)
    return nbsim.Simulation(
        CRYSTAL, **{"detector": detector, **models}, backgrounds=backgrounds
    )


def value(table, s):
    """Evaluate a resolved table as its docstring says."""
    n = np.searchsorted(table.s, s, side="right") - 1
    t = s - table.middle[n]
    return sum(table.coefficients[n, i] * t**i for i in range(4))


def lagrange(points, x):
    """Return the polynomial through some points."""
    return sum(
        y * math.prod((x - c) / (a - c) for c, _ in points if c != a) for a, y in points
    )


@pytest.mark.parametrize(
    "s, rows",
    [(0.05, (0, 1, 2)), (0.11, (0, 1, 2, 3)), (0.15, (1, 2, 3, 4))]
    + [(0.3, (2, 3, 4)), (0.7, (3, 4)), (0.4, (3, 4))],
)
def test_model_c_takes_the_polynomial_of_the_rows_around(s, rows):
    table = lagrange_table(SORTED, 1e10, [])
    expected = lagrange([tuple(SORTED[i]) for i in rows], s)
    assert value(table, s * 1e10) == pytest.approx(expected, rel=1e-12)


def test_physical_table_passes_the_rows_and_never_leaves_their_range():
    rng = np.random.default_rng(5)
    for _ in range(40):
        s = np.sort(rng.uniform(0, 1, 12)) + np.arange(12) * 1e-3
        F = rng.choice([0.0, 1.0, 9.0], 12) * rng.random(12)
        table = monotone_table(np.column_stack([s, F]), 1.0, [])
        assert np.allclose([value(table, x) for x in s], F, atol=1e-12)
        for i in range(11):
            inner = [value(table, x) for x in np.linspace(s[i], s[i + 1], 33)[:-1]]
            assert min(inner) >= min(F[i], F[i + 1]) - 1e-12
            assert max(inner) <= max(F[i], F[i + 1]) + 1e-12
        assert value(table, s[-1] + 0.5) == F[-1]
        assert value(table, s[0] / 2) == F[0]


def test_physical_table_is_scipys_pchip():
    interpolate = pytest.importorskip("scipy.interpolate")
    rng = np.random.default_rng(6)
    s = np.sort(rng.uniform(0, 1, 30))
    F = rng.normal(3, 2, 30)
    table = monotone_table(np.column_stack([s, F]), 1.0, [])
    x = rng.uniform(s[0], s[-1], 500)
    ours = np.array([value(table, v) for v in x])
    assert np.allclose(ours, interpolate.PchipInterpolator(s, F)(x), atol=1e-12)


def test_physical_table_is_sorted_and_repeated_rows_become_one():
    warnings = []
    shuffled = np.array([[0.2, 4.0], [0.1, 2.0], [0.2, 6.0], [0.4, 1.0]])
    table = monotone_table(shuffled, 1.0, warnings)
    assert table.s[2:-2].tolist() == [0.1, 0.2, 0.4]
    assert value(table, 0.2) == 5.0
    assert "1 rows" in warnings[0] and "mean" in warnings[0]


def test_a_constant_F_gives_the_formula():
    background = nbsim.Background(
        table=[[0.0, 3.0], [2.0, 3.0]],
        thick_mm=2.0,
        density_g_cm3=0.7,
        molecular_weight=20.0,
    )
    beam = nbsim.Beam(wavelength_A=1.3, flux_per_s=1e12, beamsize_mm=0.05)
    image = simulation(background, beam=beam).render_background()
    molecules = 2e-3 * 0.05e-3**2 * 0.7e6 * 6.02214179e23 / 20.0
    fluence = 1e12 / 0.05e-3**2
    setup = simulation(background, beam=beam).setup
    for slow, fast in ((0, 0), (16, 20), (30, 3)):
        y, x = slow + 0.5, fast + 0.5
        place = (
            np.array(setup.geometry.pix0_vector)
            + x * 2e-3 * np.array(setup.geometry.fdet_vector)
            + y * 2e-3 * np.array(setup.geometry.sdet_vector)
        )
        R = np.linalg.norm(place)
        cosine = place @ np.array(setup.geometry.beam_vector) / R
        solid_angle = 4e-6 / R**2 * (0.1 / R)
        photons = 7.94079248018965e-30 * fluence * molecules * 9.0
        photons *= solid_angle * (1 + cosine**2) / 2
        assert image[slow, fast] == pytest.approx(photons, rel=1e-6)


def test_polarization_by_its_angles():
    """Kahn's factor with the angle psi around the beam."""
    beam = nbsim.Beam(polarization=0.9, flux_per_s=1e12)
    flat = nbsim.Background(table=[[0.0, 1.0], [9.0, 1.0]])
    lit = simulation(flat, beam=beam).render_background()
    bare = dataclasses.replace(beam, nopolar=True)
    ratio = lit / simulation(flat, beam=bare).render_background()
    # The beam goes along x, its E field along z (mosflm).
    for slow, fast in ((2, 5), (30, 31), (16, 2), (1, 20)):
        geometry = simulation(flat).setup.geometry
        place = np.array(geometry.pix0_vector)
        place = place + (fast + 0.5) * 2e-3 * np.array(geometry.fdet_vector)
        place = place + (slow + 0.5) * 2e-3 * np.array(geometry.sdet_vector)
        twotheta = math.atan2(math.hypot(place[1], place[2]), place[0])
        psi = math.atan2(place[1], place[2])
        twisted = 0.9 * math.cos(2 * psi) * math.sin(twotheta) ** 2
        expected = (1 + math.cos(twotheta) ** 2 - twisted) / 2
        assert ratio[slow, fast] == pytest.approx(expected, rel=1e-6)


def test_same_bytes_for_any_number_of_threads():
    whole = simulation(nbsim.Background("ice", 0.1), nbsim.Background("air", 30))
    one = whole.render_background(threads=1)
    for threads in (2, 3, 7):
        assert (whole.render_background(threads=threads) == one).all()


def test_backgrounds_add_up_in_their_order():
    pair = nbsim.Background("water", 0.1), nbsim.Background("air", 30)
    water, air = (simulation(one).render_background() for one in pair)
    assert (simulation(*pair).render_background() == water + air).all()
    assert water.min() > 0 and air.min() > 0


def test_roi_and_mask_and_dead_pixels_are_left_out():
    mask = np.ones((33, 41), np.uint16)
    mask[3, 4] = 0
    dead = np.zeros((33, 41), bool)
    dead[20:22] = True
    detector = nbsim.Detector(
        detpixels_f=41,
        detpixels_s=33,
        pixel_size_mm=2.0,
        mask=mask,
        dead=dead,
        roi=(2, 30, 1, 28),
    )
    part = simulation(nbsim.Background("water"), detector=detector)
    image = part.render_background()
    assert ((image > 0) == part.rendered).all()
    whole = simulation(nbsim.Background("water")).render_background()
    assert (image[part.rendered] == whole[part.rendered]).all()


def test_beyond_the_table_a_warning_counts_pixels():
    background = nbsim.Background(table=SORTED)
    beam = nbsim.Beam(wavelength_A=0.5)
    (only,) = simulation(background, beam=beam).background_images()
    assert only.beyond > 0
    assert f"{only.beyond} pixels are beyond the table" in only.warnings[-1]
    assert "0.4/A (d 1.25 A)" in only.warnings[-1]


def test_unsorted_tables_warn_and_depend_on_the_way():
    swapped = SORTED[[0, 1, 3, 2, 4]]
    (only,) = simulation(nbsim.Background(table=swapped)).background_images()
    (right,) = simulation(nbsim.Background(table=SORTED)).background_images()
    assert "not sorted" in only.warnings[0]
    assert not np.allclose(only.image, right.image, rtol=1e-3)


@pytest.mark.parametrize("name", ["water", "air", "ice"])
def test_tables_are_as_their_tool_makes_them(name):
    s, F = scattering_tables.table(name)
    shipped = built_in_stol(name)
    assert np.allclose(shipped[:, 0], s, rtol=1e-5)
    assert np.allclose(shipped[:, 1], F, rtol=1e-4, atol=1e-4)
    assert (shipped[:, 1] >= 0).all()


def test_figures_of_the_tables():
    water, air, ice = (built_in_stol(name) for name in ("water", "air", "ice"))
    # Compressibility limit; N2 (14.1 electrons) and a little more; the first ring.
    assert water[0, 1] == 2.57 and water[16].tolist() == [0.16, 8.009]
    assert air[0, 1] == pytest.approx(14.1, rel=0.015)
    # Far out atoms scatter alone: the sum of f^2, and of N2 twice f(N)^2.
    tops = [
        1 / (2 * ice[i, 0])
        for i in range(1, len(ice) - 1)
        if ice[i, 1] > 12 and ice[i, 1] > max(ice[i - 1, 1], ice[i + 1, 1])
    ]
    # Powder lines of ice Ih (a 4.498, c 7.338 A): 100, 002, 101, 102, 110, 103, 112.
    expected = [3.895, 3.669, 3.441, 2.675, 2.249, 2.071, 1.917]
    assert np.allclose(tops, expected, atol=0.02)


def test_ring_intensity_is_conserved():
    s = np.arange(0, 1000) * 1e-4 + 0.1
    narrow, wide = (scattering_tables.ice(s, width) for width in (0.001, 0.004))
    inner = (s > 0.11) & (s < 0.155)
    assert (narrow[inner] ** 2).sum() == pytest.approx(
        (wide[inner] ** 2).sum(), rel=0.02
    )
    assert narrow.max() > 1.8 * wide.max()


@pytest.mark.parametrize(
    "fields, message",
    [
        ({}, "a background needs a material or a table, and not both"),
        ({"material": "water", "table": SORTED}, "and not both"),
        ({"material": "beer"}, "material 'beer': expected one of water, air, ice"),
        ({"material": "water", "thick_mm": 0}, "thick_mm 0: expected"),
        ({"material": "water", "thick_mm": -1}, "thick_mm -1: expected"),
        ({"material": "water", "units": "Q"}, "the table of water is in stol"),
        (
            {"table": SORTED, "units": "nm"},
            "units 'nm': expected one of stol, 4stol, Q",
        ),
        ({"table": SORTED[:, :1]}, "table: expected rows of"),
        ({"table": [[0.1, math.nan]]}, r"row 0 is \[0.1, nan\]: expected two finite"),
        ({"material": "air", "density_g_cm3": -1}, "density_g_cm3 -1: expected"),
        ({"material": "air", "molecular_weight": 0}, "molecular_weight 0: expected"),
        ({"material": "air", "oversample": 0}, "oversample 0: expected"),
    ],
)
def test_bad_backgrounds(fields, message):
    with pytest.raises((TypeError, ValueError), match=message):
        nbsim.Background(**fields)


def test_bad_simulations():
    with pytest.raises(TypeError, match="backgrounds: expected"):
        simulation("water")
    with pytest.raises(ValueError, match="no background to render"):
        simulation().render_background()


def test_units_of_a_table():
    by_unit = {"stol": 1.0, "4stol": 4.0, "Q": 4.0 * math.pi}
    images = [
        simulation(
            nbsim.Background(table=SORTED * [factor, 1.0], units=unit)
        ).render_background()
        for unit, factor in by_unit.items()
    ]
    assert np.allclose(images[0], images[1], rtol=1e-6)
    assert np.allclose(images[0], images[2], rtol=1e-6)


@pytest.mark.parametrize("model", ["c", "physical"])
def test_a_table_is_extracted_from_its_image(model):
    """Of constant F, at another place, and with a gap and wild pixels in the image."""
    flat = nbsim.Background(table=[[0.0, 4.0], [0.9, 4.0]], thick_mm=1.0)
    detector = nbsim.Detector(detpixels_f=120, detpixels_s=110, pixel_size_mm=1.0)
    whole = simulation(flat, detector=detector, model=model)
    image = whole.render_background()
    image[20:24] = np.nan
    bins = np.arange(0.02, 0.3, 0.02)
    found = nbsim.extract_stol(image, whole, bins)
    assert len(found.table) > 8
    assert np.allclose(found.table[:, 1], 4.0, rtol=1e-4)
    assert set(found.table[:, 0].round(6)) | {
        round(s, 6) for s in found.left_out
    } == set(bins.round(6))
    assert found.pixels.min() > 100


def test_outliers_are_rejected_in_the_physical_model():
    flat = nbsim.Background(table=[[0.0, 4.0], [0.9, 4.0]], thick_mm=1.0)
    detector = nbsim.Detector(detpixels_f=120, detpixels_s=110, pixel_size_mm=1.0)
    physical = simulation(flat, detector=detector, model="physical")
    rng = np.random.default_rng(1)
    image = physical.render_background()
    image *= rng.normal(1.0, 0.02, image.shape).astype(np.float32)
    image[rng.random(image.shape) < 0.05] *= 50
    found = nbsim.extract_stol(image, physical, [0.05, 0.1, 0.15])
    assert np.allclose(found.table[:, 1], 4.0, rtol=0.01)
    plain = nbsim.extract_stol(image, simulation(flat, detector=detector), [0.05, 0.1])
    assert (plain.table[:, 1] > 4.2).all()


def test_extraction_needs_a_background_and_the_right_size():
    image = np.ones((33, 41), np.float32)
    with pytest.raises(ValueError, match="no background to look for"):
        nbsim.extract_stol(image, simulation())
    with pytest.raises(ValueError, match=r"its shape is \(33, 40\)"):
        nbsim.extract_stol(image[:, :40], simulation(nbsim.Background("water")))
