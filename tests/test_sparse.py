# SPDX-License-Identifier: MIT
"""Sparse rendering: the dense image's bytes, whatever the command line.

The dense kernel is tied to the C program and to plain Python elsewhere.
"""

import dataclasses
import functools
import random

import numpy as np
import pytest
from random_lines import hkl_text, words_of

from nbsim import Crystal, Sampling, Simulation
from nbsim.backends import apart, driver, sparse, sparse_choice
from nbsim.kernels.cpu import sparse_band

LINES, PER_TEST = 560, 40
#: A crystal whose spots of about ten pixels leave most of a detector dark.
SPOTS = (
    "-cell 78 78 37 90 90 90 -default_F 100 -N 50 -gauss_xtal -fudge 6e-4 "
    "-oversample 1 -misset 10 20 30 -distance 150 -detpixels 200 "
)


def sampled(simulation, **fields):
    sampling = dataclasses.replace(simulation.sampling, **fields)
    return dataclasses.replace(simulation, sampling=sampling)


def compare(simulation, precision="double", **options):
    """Assert that both ways give the same bytes; return the image, None: impossible."""
    dense = sampled(simulation, sparse="off").run(
        backend="cpu", precision=precision, **options
    )
    if sparse_choice.why_dense(simulation.setup):
        return None
    result = sampled(simulation, sparse="on").run(
        backend="cpu", precision=precision, **options
    )
    assert result.why_dense is None and dense.why_dense == "-sparse off"
    assert result.image.tobytes() == dense.image.tobytes()
    assert result.omega_sum == dense.omega_sum
    return dense.image


def compare_line(words, **options):
    image = compare(Simulation.from_args(words), **options)
    assert image is not None
    return image


@pytest.fixture(scope="module")
def hkl(tmp_path_factory):
    path = tmp_path_factory.mktemp("sparse") / "holes.hkl"
    path.write_text(hkl_text(5))
    return str(path)


@pytest.mark.parametrize("first", range(0, LINES, PER_TEST))
def test_random_command_lines(first, hkl):
    partly = 0
    for seed in range(first, first + PER_TEST):
        rng = random.Random(seed)
        words = words_of(rng, hkl)
        simulation = Simulation.from_args(words)
        try:
            simulation.setup
        except ValueError as error:
            assert "behind the crystal" in str(error)
            continue
        if rng.random() < 0.15:
            drawn = np.random.default_rng(seed).random(simulation.detector.shape)
            mask = (drawn < 0.7).astype(np.uint16)
            detector = dataclasses.replace(simulation.detector, mask=mask)
            simulation = dataclasses.replace(simulation, detector=detector)
        precision = "single" if "single" in words else "double"
        try:
            image = compare(simulation, precision, threads=rng.choice([1, 2]))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {' '.join(words)}") from error
        partly += image is not None and bool(image.any() and (image == 0.0).any())
    # Neither all dark nor all lit, or little was tested.
    assert partly > PER_TEST // 5


@pytest.mark.parametrize(
    "words",
    [
        "-xds -twotheta 89 -distance 5",
        "-detector_rotx 80 -distance 8 -fudge 6e-6",
        "-xds -twotheta 120 -distance 20",
        "-fudge 1e-7",
        "-N 8 -fudge 1e-3",
        "-roi 77 77 103 103",
        "-roi 31 32 15 16",
        "-oversample 4 -roi 30 70 10 50",
        "-cell 60 70 80 75 95 110 -N 20 -fudge 0.03",
        "-detector_thick 450 -detector_abs 200 -detector_thicksteps 4 -oversample 2",
        "-water 5",
        "-dmin 2.5 -dispersion 10 -dispsteps 4",
        "-fdet_vector 0 0.1 1 -sdet_vector 0 -1 0.3 -odet_vector 1 0.05 0",
        "-phi 0 -osc 1 -phisteps 3 -phi_carryover",
        "-xtal_x 1e-9 -xtal_y 1e-9 -xtal_z 1e-9",
        "-tophat_spots -fudge 1e-5 -mosaic 1 -mosaic_domains 30",
        "-default_F 1e-30",
        "-fudge 1e-12",
        "-fluence 1e60",
        "-fluence 0",
        "-model physical -fudge 1",
        "-model physical -fudge 1 -water 5 -dispersion 2 -dispsteps 3 -dmin 2",
        "-model physical -fudge 1 -hdivrange 3 -hdivsteps 8 -polar 0.9 -oversample 2",
    ],
)
def test_traps(words):
    """Horizon, backward scattering, overlapping balls, tiny regions, skew axes ..."""
    simulation = Simulation.from_args(SPOTS + words)
    image = compare(simulation)
    assert image is not None


def test_spots_on_borders_of_tiles():
    """Spots that cross every border: the detector moves by a pixel at a time."""
    for shift in range(34):
        line = (
            f"{SPOTS} -detpixels 70 -Xbeam {3 + 0.1 * shift} -Ybeam {3 + 0.1 * shift}"
        )
        assert compare_line(line).any()


MOSAIC = SPOTS + "-mosaic 0.5 -mosaic_domains 40 -dispersion 1 -dispsteps 2"


@functools.lru_cache
def mosaic_image():
    return compare_line(MOSAIC)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("group", [1, 7, 80])
def test_borders_of_groups(monkeypatch, group, threads):
    choose = sparse.SparseBackend._choose_group

    def chosen(self, lengths):
        return group, choose(self, lengths)[1]

    monkeypatch.setattr(sparse.SparseBackend, "_choose_group", chosen)
    assert compare_line(MOSAIC, threads=threads).tobytes() == mosaic_image().tobytes()


@pytest.mark.parametrize("share", [1, 3, 8])
def test_borders_of_bands(monkeypatch, share):
    """Bands of some rows of tiles, down to single tiles that need more memory."""
    calls = []
    render = sparse.SparseBackend._render_band

    def counted(self, *tiles):
        calls.append(render(self, *tiles))
        return calls[-1]

    monkeypatch.setattr(sparse.SparseBackend, "_render_band", counted)
    monkeypatch.setattr(sparse, "HIT_BYTES", share * 8000)
    assert compare_line(MOSAIC).tobytes() == mosaic_image().tobytes()
    assert sum(calls) > 1 and (share > 1 or not all(calls))


def test_more_reflections_than_expected(monkeypatch):
    choose = sparse.SparseBackend._choose_group
    monkeypatch.setattr(
        sparse.SparseBackend,
        "_choose_group",
        lambda self, lengths: (choose(self, lengths)[0], -990),
    )
    assert compare_line(MOSAIC).tobytes() == mosaic_image().tobytes()


def test_many_calls(monkeypatch):
    """Progress is reported after every call, and no row of tiles is lost."""
    monkeypatch.setattr(sparse, "CALL_SECONDS", 1e-5)
    seen = []
    simulation = sampled(Simulation.from_args(MOSAIC), sparse="on")
    image = simulation.run(backend="cpu", progress=seen.append).image
    assert image.tobytes() == mosaic_image().tobytes()
    assert len(seen) > 3 and seen == sorted(seen) and seen[-1] == 1.0


def test_auto_chooses():
    few = Simulation.from_args(SPOTS + "-detpixels 1000 -mosaic 1 -mosaic_domains 9")
    result = few.run(backend="cpu")
    assert result.why_dense is None and 0.005 < result.lit_fraction < 0.05
    lit = Simulation.from_args(SPOTS + "-detpixels 1000 -fudge 1e-6")
    assert "less time" in lit.run(backend="cpu").why_dense
    square = dataclasses.replace(few, crystal=Crystal(cell=(50.0,)))
    roi = (0, 9, 0, 9)
    assert "square" in square.run(backend="cpu", roi=roi).why_dense


@pytest.mark.parametrize(
    "words, reason",
    [
        ("-square_xtal", "spots of a square crystal"),
        ("-round_xtal", "spots of a round crystal"),
        ("-curved_det", "curved"),
        ("-oversample_omega", "running products"),
        ("-mosflm -twotheta 120", "from behind"),
        ("-N 20000", "too small"),
    ],
)
def test_what_cannot_be_rendered_so(words, reason):
    simulation = Simulation.from_args(SPOTS + words)
    with pytest.raises(ValueError, match=f"sparse on: not possible, .*({reason})"):
        sampled(simulation, sparse="on").run(backend="cpu")
    with pytest.raises(ValueError, match=f"spot_cutoff 0.01: .*({reason})"):
        sampled(simulation, spot_cutoff=0.01).run(backend="cpu")
    # And by itself it takes the other way.
    assert simulation.run(backend="cpu", roi=(0, 3, 0, 3)).why_dense


def test_cutoff_needs_sparse():
    with pytest.raises(ValueError, match="spot_cutoff 0.1: expected 0 with sparse off"):
        Sampling(sparse="off", spot_cutoff=0.1)
    with pytest.raises(ValueError, match="sparse"):
        Sampling(sparse="maybe")


def test_spot_cutoff():
    """A term stays whole down to the cutoff, and is 0 below."""
    line = SPOTS + "-nopolar -point_pixel -Xbeam 10 -Ybeam 10"
    simulation = Simulation.from_args(line)
    exact = compare(simulation)
    geometry, cutoff = simulation.setup.geometry, 1e-12
    image = sampled(simulation, spot_cutoff=cutoff).render(backend="cpu")
    # One reflection per pixel: its F_latt^2 follows from the image.
    pixel = geometry.pixel_size
    fast, slow = (pixel * (np.arange(200) + 0.5) for _ in range(2))
    fdet, sdet = np.array(geometry.fdet_vector), np.array(geometry.sdet_vector)
    place = fast[None, :, None] * fdet + slow[:, None, None] * sdet
    R_sqr = ((place + geometry.pix0_vector) ** 2).sum(axis=2)
    full = driver.build_job(simulation.setup).sampling.scale * 100.0**2 * 50.0**6
    of_peak = exact * R_sqr / full
    assert of_peak.max() > 0.01
    near = np.abs(of_peak / cutoff - 1.0) < 1e-5
    kept = of_peak > cutoff
    assert np.array_equal(image[kept & ~near], exact[kept & ~near])
    assert not image[~kept & ~near].any()
    assert ((exact > 0.0) & ~kept).sum() > 100 and kept.sum() > 20


def test_tophat_has_nothing_to_cut():
    simulation = Simulation.from_args(SPOTS + "-tophat_spots -fudge 1e-5")
    image = sampled(simulation, spot_cutoff=1e-3).render(backend="cpu")
    assert image.any() and image.tobytes() == compare(simulation).tobytes()


def test_tile_and_strips():
    strips = sparse_band.TILE_WIDTH * sparse_band.TILE_HEIGHT // sparse_band.STRIP
    assert strips == 64 and sparse_band.BAND.isalignedstruct


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_can_end_it(monkeypatch, threads):
    """As Ctrl-C does: what the progress function raises comes back soon."""
    monkeypatch.setattr(apart, "INTERVAL", 0.01)

    def interrupt(fraction):
        seen.append(fraction)
        if len(seen) > 2:
            raise KeyboardInterrupt

    line = SPOTS + "-detpixels 2000 -mosaic 0.5 -mosaic_domains 1500"
    simulation, seen = sampled(Simulation.from_args(line), sparse="on"), []
    with pytest.raises(KeyboardInterrupt):
        simulation.run(backend="cpu", threads=threads, progress=interrupt)
    assert seen[-1] < 1.0
