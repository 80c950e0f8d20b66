# SPDX-License-Identifier: MIT
"""Detectors of several panels: each panel gives the bytes that it gives alone."""

import dataclasses

import h5py
import numpy as np
import nxmx
import pytest

import nbsim
from nbsim import (
    Beam,
    Crystal,
    Detector,
    DetectorResponse,
    Goniometer,
    Panel,
    Sampling,
    Series,
    SeriesOutputs,
    Simulation,
    StructureFactors,
    write_series,
)
from nbsim.resolve.frames import mcstas_rotation

CENTRES = [(0.0, 0.0), (8.0, 0.0), (0.0, 9.0), (-7.0, 3.0), (2.0, -8.0)]


def panels(size=(37, 29), origins=None):
    """Return five panels, each turned and tilted in its own way."""
    made = []
    for i, (y, z) in enumerate(CENTRES):
        turn, tilt = 0.3 * i, 0.1 * i
        fast = np.array([0.0, np.sin(turn), np.cos(turn)])
        slow = np.array([0.0, -np.cos(turn), np.sin(turn)])
        slow = np.cos(tilt) * slow + np.sin(tilt) * np.array([1.0, 0.0, 0.0])
        made.append(
            Panel(
                name=f"q{i}",
                spixels=size[0],
                fpixels=size[1],
                fdet_vector=tuple(fast),
                sdet_vector=tuple(slow),
                pix0_vector_mm=(60.0 + i, y, z),
                origin=None if origins is None else origins[i],
            )
        )
    return tuple(made)


APART = [(0, 0), (0, 40), (50, 3), (50, 33), (100, 0)]
BOX = np.random.default_rng(7).random((15, 15, 15)) * 100.0
LISTED = StructureFactors(F=BOX, h_min=-7, k_min=-7, l_min=-7, default_F=30.0)


def simulation(detector, **models):
    return Simulation(
        **{
            "crystal": Crystal(cell=(70, 80, 90, 88, 93, 101), Na=5, Nb=6, Nc=7),
            "structure_factors": StructureFactors(default_F=100),
            "sampling": Sampling(oversample=1),
            "beam": Beam(beam_vector=(1, 0, 0)),
            "detector": detector,
            **models,
        }
    )


def alone(several, number):
    """Return one panel as a detector in one piece: custom, about the crystal."""
    panel = several.detector.panels[number]
    f, s = np.array(panel.fdet_vector), np.array(panel.sdet_vector)
    corner = np.array(panel.pix0_vector_mm)
    normal = np.cross(f, s) * np.sign(corner @ np.cross(f, s))
    fields = {}
    for field in dataclasses.fields(Detector):
        if field.name not in ("panels", "panel_layout", "roi", "mask", "dead"):
            fields[field.name] = getattr(several.detector, field.name)
    fast, slow, height = np.linalg.solve(np.array([f, s, normal]).T, corner)
    x, y, z = normal
    for digits in range(-8, 9):  # of length 1 to the last digit, or C does not use it
        odet = [c * (1.0 + digits * 2.0**-53) for c in (x, y, z)]
        if np.sqrt(odet[0] ** 2 + odet[1] ** 2 + odet[2] ** 2) == 1.0:
            break
    fields.update(
        convention="custom",
        implied_pivot="sample",
        detpixels_f=panel.fpixels,
        detpixels_s=panel.spixels,
        fdet_vector=panel.fdet_vector,
        sdet_vector=panel.sdet_vector,
        odet_vector=tuple(odet),
        close_distance_mm=height,
        Xbeam_mm=-fast,
        Ybeam_mm=-slow,
    )
    one = dataclasses.replace(several, detector=Detector(**fields))
    return one.render()


def close(image, expected):
    """Compare images but for the last digits of a geometry put together otherwise."""
    scale = np.abs(expected).max()
    assert scale > 0.0
    return np.abs(image - expected).max() <= 1e-6 * scale


GAUSS = Crystal(cell=(70, 80, 90), Na=4, Nb=4, Nc=4, shape="gauss")
WIDE = dataclasses.replace(GAUSS, mosaic_spread_deg=1.0, mosaic_domains=60)
KINDS = {
    "one F": {},
    "list": {"structure_factors": LISTED},
    "interpolated": {
        "structure_factors": LISTED,
        "sampling": Sampling(oversample=1, interpolate=True),
    },
    "stale": {
        "goniometer": Goniometer(osc_deg=1.0, phisteps=3),
        "sampling": Sampling(oversample=1, phi_carryover=True),
    },
    "rays": {"beam": Beam(beam_vector=(1, 0, 0), hdivrange_mrad=2.0, hdivsteps=3)},
    "dmin": {"sampling": Sampling(oversample=2, dmin_A=4.0)},
    "running": {"sampling": Sampling(oversample=2, oversample_omega=True)},
    "gauss": {"crystal": WIDE, "sampling": Sampling(oversample=1, sparse="off")},
    "sparse": {"crystal": WIDE, "sampling": Sampling(oversample=1, sparse="on")},
}
PHYSICAL = [kind for kind in KINDS if kind not in ("stale", "running")]
SENSOR = {"thick_um": 450.0, "abs_um": 300.0, "thicksteps": 3, "pixel_size_mm": 0.2}


CASES = [(kind, "c") for kind in KINDS] + [(kind, "physical") for kind in PHYSICAL]


@pytest.mark.parametrize("kind, model", CASES)
def test_each_panel_as_if_alone(kind, model):
    detector = Detector(panels=panels(), **SENSOR)
    several = simulation(detector, model=model, **KINDS[kind])
    image = several.render()
    assert image.shape == (5, 37, 29) and image.dtype == np.float32
    for number in range(5):
        assert close(image[number], alone(several, number)), number


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("kind", ["one F", "list", "interpolated", "sparse"])
def test_bytes_do_not_depend_on_the_other_panels(kind, precision):
    """Sizes that fill no tile: panels meet inside of one."""
    several = simulation(Detector(panels=panels(), **SENSOR), **KINDS[kind])
    image = several.render(precision=precision)
    for number in range(5):
        pair = several.detector.panels[number], several.detector.panels[0]
        one = dataclasses.replace(several, detector=Detector(panels=pair, **SENSOR))
        assert np.array_equal(one.render(precision=precision)[0], image[number])


@pytest.mark.parametrize("threads", [1, 2])
def test_layouts_show_the_same_panels(threads):
    stacked = simulation(Detector(panels=panels(), pixel_size_mm=0.2))
    placed = simulation(Detector(panels=panels(origins=APART), pixel_size_mm=0.2))
    image, sheet = stacked.render(threads=threads), placed.run(sheet=True).image
    assert np.array_equal(image, placed.render(threads=threads))
    assert sheet.shape == placed.detector.shape == (137, 69)
    for (slow, fast), panel in zip(APART, image):
        part = sheet[slow : slow + 37, fast : fast + 29]
        assert np.array_equal(part, panel)
        part[...] = 0.0
    assert not sheet.any()
    assert stacked.detector.shape == (5 * 37, 29)
    forced = dataclasses.replace(placed.detector, panel_layout="stack")
    assert forced.shape == (5 * 37, 29)


def test_panels_of_several_sizes_are_filled_up():
    small = dataclasses.replace(panels()[1], spixels=11, fpixels=40)
    detector = Detector(panels=(panels()[0], small), pixel_size_mm=0.2)
    several = simulation(detector)
    image = several.render()
    assert image.shape == (2, 37, 40) and detector.shape == (48, 40)
    assert not image[0, :, 29:].any() and not image[1, 11:].any()
    assert close(image[1, :11], alone(several, 1))
    assert np.array_equal(several.run(sheet=True).image[37:], image[1, :11])


def test_roi_and_mask_count_in_the_sheet():
    detector = Detector(panels=panels(origins=APART), pixel_size_mm=0.2)
    whole = simulation(detector).run(sheet=True).image
    mask = np.ones(detector.shape, np.uint16)
    mask[45:60] = 0
    few = dataclasses.replace(detector, roi=(10, 45, 20, 120), mask=mask)
    expected = whole.copy()
    expected[:20] = expected[121:] = expected[45:60] = 0.0
    expected[:, :10] = expected[:, 46:] = 0.0
    part = simulation(few)
    assert np.array_equal(part.run(sheet=True).image, expected)
    assert part.rendered.sum() == np.count_nonzero(
        part.rendered & (detector.missing == 0)
    )
    three = np.ones((5, 37, 29), bool)
    three[3] = False
    by_panel = simulation(dataclasses.replace(detector, mask=three)).render()
    assert not by_panel[3].any() and by_panel[2].any()


@pytest.mark.parametrize("precision", ["double", "single"])
def test_sparse_panels_have_the_bytes_of_dense_ones(precision):
    """Sizes that differ, a mask, a region that ends within panels and misses one."""
    made = panels(origins=APART)
    small = dataclasses.replace(made[1], spixels=11, fpixels=20)
    detector = Detector(panels=(made[0], small, *made[2:]), pixel_size_mm=0.2)
    mask = np.ones(detector.shape, np.uint16)
    mask[3:9, 5:50] = 0
    few = dataclasses.replace(detector, roi=(7, 55, 2, 83), mask=mask)
    for place in (detector, few):
        images = [
            simulation(
                place, crystal=WIDE, sampling=Sampling(oversample=2, sparse=sparse)
            ).render(precision=precision)
            for sparse in ("on", "off")
        ]
        assert np.array_equal(*images) and images[0].any()


def test_omega_sum_is_that_of_all_panels():
    several = simulation(Detector(panels=panels(), pixel_size_mm=0.2))
    expected = 0.0
    for panel in several.detector.panels:
        f, s = (np.arange(n) * 0.2 + 0.1 for n in (29, 37))
        place = np.array(panel.pix0_vector_mm)
        place = place + f[None, :, None] * np.array(panel.fdet_vector)
        place = place + s[:, None, None] * np.array(panel.sdet_vector)
        expected += (
            0.04 * panel.close_distance_mm / np.linalg.norm(place, axis=2) ** 3
        ).sum()
    assert several.run().omega_sum == pytest.approx(expected, rel=1e-12)


def test_trace_of_a_pixel_of_a_panel():
    several = simulation(Detector(panels=panels(origins=APART), pixel_size_mm=0.2))
    image = several.render()
    trace = several.trace(5, 7, panel=3)
    assert trace.values["I_pixel_final"] == pytest.approx(image[3, 5, 7], rel=1e-6)
    same = several.trace(55, 40)
    assert same.values == trace.values and (same.spixel, same.fpixel) == (55, 40)
    with pytest.raises(ValueError, match="between the panels"):
        several.trace(45, 2)
    with pytest.raises(ValueError, match="panel 5: the detector has panels 0 to 4"):
        several.trace(0, 0, panel=5)
    with pytest.raises(ValueError, match="outside panel 1, which has slow pixels 0 to"):
        several.trace(37, 0, panel=1)


def test_background_noise_and_pictures():
    several = simulation(
        Detector(panels=panels(origins=APART), pixel_size_mm=0.2),
        backgrounds=(nbsim.Background(material="water", thick_mm=1.0),),
    )
    background = several.render_background()
    assert background.shape == (5, 37, 29) and (background > 0.0).all()
    pair = several.detector.panels[4], several.detector.panels[0]
    other = dataclasses.replace(
        several, detector=Detector(panels=pair, pixel_size_mm=0.2)
    )
    assert np.array_equal(other.render_background()[0], background[4])
    noise = several.noise(background, seed=3)
    assert noise.pixels.shape == (5, 37, 29) and noise.pixels.any()
    assert several.counts(background, seed=3).shape == (5, 37, 29)
    assert several.statistics(background).max_I == background.max()
    picture = several.preview(background)
    assert picture.ndim == 3 and picture.shape[2] == 3
    assert several.int_image(background).shape == (5, 37, 29)


@pytest.mark.parametrize("model", ["c", "physical"])
def test_light_does_not_spread_to_the_next_panel(model):
    several = simulation(
        Detector(panels=panels(), pixel_size_mm=0.2, panel_layout="stack"), model=model
    )
    response = DetectorResponse(psf="gauss", psf_fwhm_um=600.0)
    image = np.zeros((5, 37, 29), np.float32)
    image[1, 36] = 1e6  # the last row of a panel, beside the next in the stack
    counts = several.counts(image, 1, response=response)
    assert counts[1, 35].min() > 1e4 and not counts[2].any()
    noise = several.noise(image, 1, adc_offset=0.0, response=response)
    assert noise.pixels[1, 35].min() > 1e4
    assert not noise.pixels[0].any() and not noise.pixels[3:].any()
    if model == "physical":
        assert not noise.pixels[2].any()


def test_nxmx_has_a_module_for_each_panel(tmp_path):
    """The independent reader nxmx works out where each is, and its part of the data."""
    origins = [(0, 0), (0, 40), (50, 3), (50, 33), (100, 0)]
    several = simulation(Detector(panels=panels(origins=origins), pixel_size_mm=0.2))
    made = Series(several, 2, seed=1)
    path = str(tmp_path / "x.nxs")
    write_series(made, SeriesOutputs(nxfile=path, compression="gzip"))
    expected = several.detector.to_panels(made.counts(1))
    R = mcstas_rotation(made.recording.geometry)
    with h5py.File(path) as file:
        detector = nxmx.NXmx(file).entries[0].instruments[0].detectors[0]
        assert len(detector.modules) == 5
        data, mask = file["entry/data/data"][1], detector.pixel_mask[()]
        for number, module in enumerate(detector.modules):
            fast, slow = module.fast_pixel_direction, module.slow_pixel_direction
            chain = nxmx.get_dependency_chain(fast.depends_on)
            corner = nxmx.get_cumulative_transformation(chain)[0, :3, 3]
            panel = several.detector.panels[number]
            wanted = R @ np.array(panel.pix0_vector_mm)
            np.testing.assert_allclose(corner, wanted, atol=1e-9)
            for found, axis in ((fast, panel.fdet_vector), (slow, panel.sdet_vector)):
                np.testing.assert_allclose(found.vector, R @ np.array(axis), atol=1e-12)
            (y, x), (height, width) = module.data_origin, module.data_size
            assert (height, width) == (37, 29) and (y, x) == origins[number]
            part = data[y : y + height, x : x + width]
            assert np.array_equal(part, expected[number]) and part.any()
            mask[y : y + height, x : x + width] += 1
        assert (mask == 1).all()


REFUSED = {
    "panels: expected at least one": {"panels": ()},
    "panels: expected a Panel, got int": {"panels": (1, 2)},
    "distance_mm: panels say themselves": {"panels": panels(), "distance_mm": 5.0},
    "curved: several panels are flat": {"panels": panels(), "curved": True},
    "convention mosflm: expected custom": {
        "panels": panels(),
        "convention": "mosflm",
    },
    "panel_layout place: panel q0 has no place": {
        "panels": panels(),
        "panel_layout": "place",
    },
    "panel_layout place: panels q0 and q1 overlap": {
        "panels": panels(origins=[(0, 0)] * 5),
        "panel_layout": "place",
    },
    "together they fill": {
        "panels": panels(origins=[(50 * i, 10**9 * i) for i in range(5)])
    },
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_refused(sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        Detector(**REFUSED[sentence])


def test_a_panel_in_the_beams_way_is_named():
    edge_on = Panel("edge", 4, 4, (1, 0, 0), (0, 1, 0), (50.0, 1.0, 1.0))
    behind = simulation(Detector(panels=(panels()[0], edge_on)))
    assert behind.setup.panels[1].name == "edge"
    with pytest.raises(ValueError, match="panel flat: pix0_vector: the crystal lies"):
        Panel("flat", 4, 4, (1, 0, 0), (0, 1, 0), (50.0, 1.0, 0.0))
