# SPDX-License-Identifier: MIT
"""The truth beside the data: held against images, and used to judge results."""

import json
from pathlib import Path

import gemmi
import h5py
import numpy as np
import pytest
from geometry_texts import write
from series_examples import STILL, WORDS, digests, series

from nbsim import (
    FrameRow,
    SeriesOutputs,
    UsageError,
    read_truth,
    write_series,
)
from nbsim.resolve.frames import imgcif_rotation, xds_rotation
from nbsim.series.predict import still_spots
from nbsim.series.truth import series_spots
from nbsim.series.truth import truth as truth_of
from nbsim.series.truth import write_truth
from nbsim.tools.truth.compare import best_scale, cell_of, compare
from nbsim.tools.truth.geometry import true_matrix
from nbsim.tools.truth.main import main
from nbsim.tools.truth.results import Result, rotation

#: Sharp spots, fine frames, thin tails.
SWEEP = (
    "-cell 78.5 78.5 37 -default_F 100 -N 14 -gauss_xtal -lambda 1 -distance 120 "
    "-pixel 0.1 -detpixels 256 -misset 10 20 30 -phi 10 -osc 0.4 -phisteps 12"
)
BOX = 7


def boxes(made):
    """Yield predicted spots that stand alone, and the photons around them."""
    volume = np.stack([made.render(i).astype(float) for i in range(made.frames)])
    spots = series_spots(made)
    size = volume.shape[1]
    for spot in spots:
        f, s = spot["fast_px"], spot["slow_px"]
        alone = (np.abs(spots["fast_px"] - f) < 2 * BOX) & (
            np.abs(spots["slow_px"] - s) < 2 * BOX
        )
        inside = BOX < min(f, s) and max(f, s) < size - BOX - 1
        whole = spot["partiality"] > 0.9999
        if inside and whole and alone.sum() == 1:
            x, y = int(f) - BOX, int(s) - BOX
            part = volume[:, y : y + 2 * BOX + 1, x : x + 2 * BOX + 1]
            z, v, u = np.indices(part.shape) + 0.5
            total = part.sum()
            centre = [(part * w).sum() / total for w in (u, v, z)]
            yield spot, total, np.array(centre) + (x, y, 0)


@pytest.mark.parametrize("model", ["c", "physical"])
@pytest.mark.parametrize("more", ["", "-polar 0.9 -oversample 4"])
def test_photons_and_positions_are_those_of_the_images(model, more):
    found = list(boxes(series(12, f"{SWEEP} {more} -model {model} -N 12")))
    assert len(found) >= 5
    ratios = np.array([total / spot["photons"] for spot, total, _ in found])
    np.testing.assert_allclose(ratios, 1, atol=3e-3)
    for spot, _, (fast, slow, frame) in found:
        # C's left ends of 12 steps would be 0.04 of a frame off.
        assert abs(frame - spot["frame"]) < 0.03
        assert np.hypot(fast - spot["fast_px"], slow - spot["slow_px"]) < 0.3


def test_stills_record_what_is_predicted():
    words = f"{STILL} -N 14 -detpixels 256 -mosaic 0.3 -mosaic_domains 10"
    made = series(1, words)
    image = made.render(0).astype(float)
    spots = still_spots(made.simulation)
    strong = spots[spots["photons"] > 0.2 * spots["photons"].max()]
    assert len(strong) >= 3
    compared = 0
    for spot in strong:
        x, y = int(spot["fast_px"]) - BOX, int(spot["slow_px"]) - BOX
        if min(x, y) < 0 or max(x, y) > 256 - 2 * BOX - 1:
            continue
        part = image[y : y + 2 * BOX + 1, x : x + 2 * BOX + 1]
        assert part.sum() == pytest.approx(spot["photons"], rel=0.03)
        compared += 1
    assert compared >= 3


def test_a_reflection_may_cross_twice():
    spots = series_spots(series(360, f"{SWEEP} -osc 1 -detpixels 64"))
    keys = list(zip(spots["h"], spots["k"], spots["l"]))
    assert len(keys) > len(set(keys)) > 0
    assert (np.diff(spots["phi_deg"]) >= 0).all()
    assert ((spots["frame"] >= 0) & (spots["frame"] < 360)).all()


@pytest.mark.parametrize("name", ["t.json", "t.h5"])
def test_truth_files_hold_what_was_simulated(name, tmp_path):
    made = series(3)
    write_series(made, SeriesOutputs(truthfile=str(tmp_path / name)))
    truth = read_truth(str(tmp_path / name))
    assert truth["phi_deg"] == [10, 10.5, 11] and truth["osc_deg"] == pytest.approx(0.5)
    assert truth["crystal"]["cells"] == [8, 8, 8]
    assert truth["panels"][0]["size"] == [128, 128]
    assert truth["spectrum"] == {"wavelength_A": [1.0], "weight": [1.0]}
    assert truth["frames"]["noise_seed"] == [1, 2, 3]
    expected = series_spots(made)
    for column in expected.dtype.names:
        np.testing.assert_array_equal(truth["spots"][column], expected[column])
    cell = made.simulation.setup.cell
    np.testing.assert_allclose(true_matrix(truth)[:, 1], cell.b_star)


def test_truth_of_a_triclinic_crystal_is_that_of_the_cell_that_kernels_see():
    """C's a*, b*, c* are not those of its a, b, c; DIALS found the latter to 3e-5."""
    words = f"{WORDS} -cell 38 45 51 75 85 97 -detpixels 512"
    made = series(20, words)
    content = truth_of(made)
    crystal, frames = content["crystal"], content["frames"]
    real = np.array([crystal[f"{axis}_A"] for axis in "abc"])
    stars = np.array(frames["a_star_b_star_c_star_per_A"][0])
    np.testing.assert_allclose(real @ stars.T, np.eye(3), atol=1e-12)
    assert np.abs(real @ np.array(crystal["a_star_per_A"]) - (1, 0, 0)).max() > 2e-4
    spots = content["spots"]
    hkl = np.stack([spots[name] for name in "hkl"], axis=1)
    # On the Ewald sphere at their phi: |s0 + r| = 1/lambda.
    beam = np.array(content["beam"]["beam_vector"])
    spindle = np.array(content["goniometer"]["spindle_axis"])
    for index, phi in list(zip(hkl, spots["phi_deg"]))[:50]:
        r = rotation(spindle, np.radians(phi)) @ np.linalg.solve(real, index)
        assert np.linalg.norm(beam + r) == pytest.approx(1.0, abs=1e-9)


def test_truth_of_a_table_has_the_orientation_of_every_frame(tmp_path):
    rows = [FrameRow({"crystal": {"misset_deg": (30.0 * i, 0, 0)}}) for i in range(3)]
    made = series(3, STILL, rows=rows)
    write_series(made, SeriesOutputs(truthfile=str(tmp_path / "t.json")))
    truth = read_truth(str(tmp_path / "t.json"))
    for number in range(3):
        stars = made.frame(number).simulation.setup.cell.c_star
        np.testing.assert_allclose(true_matrix(truth, number)[:, 2], stars)
    assert set(np.floor(truth["spots"]["frame"])) <= {0.0, 1.0, 2.0}


def test_truth_images_name_the_brightest_reflection(tmp_path):
    made = series(4, f"{WORDS} -detpixels 200")
    path = str(tmp_path / "ti.h5")
    write_series(made, SeriesOutputs(truth_images=path))
    spots = series_spots(made)
    with h5py.File(path) as file:
        h, k, l, wavelength = (file[n][()] for n in ("h", "k", "l", "wavelength"))
    lit = 0
    for spot in spots:
        place = int(spot["frame"]), int(spot["slow_px"]), int(spot["fast_px"])
        assert (h[place], k[place], l[place]) == (spot["h"], spot["k"], spot["l"])
        assert wavelength[place] == np.float32(1.0)
        lit += 1
    assert lit >= 3
    dark = made.render(0) <= 1e-6
    assert dark.any() and not h[0][dark].any() and not wavelength[0][dark].any()


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("truth") / "t.json")
    write_series(series(20, f"{WORDS} -detpixels 512"), SeriesOutputs(truthfile=path))
    return read_truth(path), path


def test_the_true_crystal_in_other_axes_has_no_error(truth):
    content, _ = truth
    change = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    figures = compare(content, Result(A=true_matrix(content) @ change)).figures
    assert figures["orientation error, deg"] < 1e-5
    assert figures["largest cell length error, %"] < 1e-9


def test_errors_that_were_put_in_are_found(truth):
    content, _ = truth
    spindle = np.array(content["goniometer"]["spindle_axis"])
    A = rotation(spindle, np.radians(0.05)) @ true_matrix(content) / 1.001
    figures = compare(content, Result(A=A)).figures
    assert figures["orientation error about the spindle, deg"] == pytest.approx(0.05)
    assert figures["largest cell length error, %"] == pytest.approx(0.1)
    assert cell_of(A)[2] == pytest.approx(37.037)


def test_another_crystal_is_refused(truth):
    content, _ = truth
    with pytest.raises(UsageError, match="not the true one"):
        compare(content, Result(A=true_matrix(content) * 1.3))


def found_table(content, shift=(0.1, -0.2, 0.02), scale=3.0, corrected=False):
    """Return what a program might find; corrected ones are proportional to F^2."""
    whole = content["spots"]["partiality"] > 0.95
    spots = {name: column[whole] for name, column in content["spots"].items()}
    place = np.stack([spots[n] for n in ("fast_px", "slow_px", "frame")], 1) + shift
    hkl = np.stack([spots[n] for n in "hkl"], 1)
    sigma = np.sqrt(spots["photons"])
    noise = np.random.default_rng(1).normal(size=len(sigma)) * sigma
    time = spots["photons"] / spots["F"] ** 2 if corrected else 1.0
    return hkl, place, scale * (spots["photons"] + noise) / time, scale * sigma / time


def test_a_table_of_text_is_compared(truth, tmp_path, capsys):
    content, path = truth
    hkl, place, intensity, sigma = found_table(content)
    columns = np.column_stack([hkl, place, intensity, sigma])
    table = tmp_path / "found.txt"
    np.savetxt(
        table, columns, header="h k l fast_px slow_px frame I sigma", comments=""
    )
    plots = str(tmp_path / "plots")
    report = str(tmp_path / "r.json")
    assert main([path, str(table), "-json", report, "-plots", plots]) == 0
    figures = json.loads(Path(report).read_text())
    assert figures["of these predicted, %"] == 100
    assert figures["median offset fast, px"] == pytest.approx(0.1)
    assert figures["median offset slow, px"] == pytest.approx(-0.2)
    assert figures["median offset phi, deg"] == pytest.approx(0.01)
    assert figures["CC of intensities"] > 0.99
    assert 0.5 < figures["mean z^2"] < 2.0
    assert set(digests(plots)) == {"intensities.png", "offsets.png"}
    assert "CC of intensities" in capsys.readouterr().out


def packed(value):
    """Return a value as MessagePack, in its longest forms."""
    if isinstance(value, int):
        return b"\xd3" + value.to_bytes(8, "big", signed=True)
    if isinstance(value, (str, bytes)):
        content = value.encode() if isinstance(value, str) else value
        code = b"\xdb" if isinstance(value, str) else b"\xc6"
        return code + len(content).to_bytes(4, "big") + content
    code, items = b"\xdd", value
    if isinstance(value, dict):
        code, items = b"\xdf", [x for pair in value.items() for x in pair]
    return code + len(value).to_bytes(4, "big") + b"".join(map(packed, items))


def write_refl(path, columns):
    """Write a reflection table as DIALS does; columns: type and values."""
    data = {
        name: [kind, [len(values), np.ascontiguousarray(values).tobytes()]]
        for name, (kind, values) in columns.items()
    }
    path.write_bytes(packed(["dials::af::reflection_table", 1, {"data": data}]))


@pytest.fixture(scope="module")
def panels_truth(tmp_path_factory):
    folder = tmp_path_factory.mktemp("panels")
    write(folder)
    line = f"-expt {folder}/hierarchy.expt -default_F 100 -N 9 -gauss_xtal"
    made = series(40, line)
    path = str(folder / "t.json")
    write_truth(path, truth_of(made))
    return read_truth(path), path


@pytest.mark.parametrize("how, predicted", [("own", 100), ("other", 0), ("sheet", 100)])
def test_reflections_are_matched_by_panel(
    how, predicted, panels_truth, tmp_path, capsys
):
    content, path = panels_truth
    spots = content["spots"]
    assert len(content["panels"]) == 3 and set(spots["panel"]) == {0, 1, 2}
    hkl = np.stack([spots[n] for n in "hkl"], 1).astype("<i4")
    place = np.stack([spots[n] for n in ("fast_px", "slow_px", "frame")], 1)
    place = place + (0.1, -0.2, 0.02)
    if how == "sheet":
        table = tmp_path / "found.txt"
        corners = np.array([panel["origin"][::-1] for panel in content["panels"]])
        place[:, :2] += corners[spots["panel"]]
        assert corners.any()
        header = "h k l fast_px slow_px frame"
        np.savetxt(table, np.column_stack([hkl, place]), header=header, comments="")
    else:
        table = tmp_path / "found.refl"
        panel = (spots["panel"] + (how == "other")) % 3
        columns = {
            "miller_index": ("cctbx::miller::index<>", hkl),
            "xyzobs.px.value": ("vec3<double>", place.astype("<f8")),
            "panel": ("std::size_t", panel.astype("<u8")),
        }
        write_refl(table, columns)
    report = str(tmp_path / "r.json")
    assert main([path, str(table), "-json", report]) == 0
    figures = json.loads(Path(report).read_text())
    assert figures["of these predicted, %"] == predicted
    if predicted:
        assert figures["median offset fast, px"] == pytest.approx(0.1)
        assert figures["median offset slow, px"] == pytest.approx(-0.2)
    capsys.readouterr()


def test_reflections_too_broad_for_their_boxes_are_told_apart(truth):
    """Near the spindle programs cut off most: it must not spoil scale and figures."""
    content, _ = truth
    hkl, place, intensity, sigma = found_table(content, (0, 0, 0))
    whole = content["spots"]["partiality"] > 0.95
    spots = {name: column[whole] for name, column in content["spots"].items()}
    time = spots["photons"] / (spots["partiality"] * spots["F"] ** 2)
    broad = time > 3.0 * np.median(time)
    assert 3 <= broad.sum() < 0.1 * len(broad)
    # They are the brightest ones, so that least squares would follow them.
    intensity[broad] *= 0.2
    result = Result(hkl=hkl, positions=place, intensity=intensity, sigma=sigma)
    figures = compare(content, result).figures
    assert figures["of these broad in phi, %"] == pytest.approx(100 * broad.mean())
    assert figures["mean z^2"] > 10.0
    assert 0.6 < figures["mean z^2, not broad"] < 1.6
    assert figures["CC of intensities, not broad"] > figures["CC of intensities"]


def test_the_scale_is_that_of_most_photons():
    true = np.array([10.0, 20.0, 30.0, 1000.0, 500.0, 400.0])
    found = np.array([5.0, 10.0, -4.0, 50.0, 250.0, 200.0])
    assert best_scale(found, true) == pytest.approx(2.0)
    assert best_scale(-found, true) == 7.5


#: Headers as XDS writes them, and as dials.export does: its pixels are DIALS's.
XDS_HEADS = {
    "XDS_ASCII.HKL": """!FORMAT=XDS_ASCII    MERGE=FALSE    FRIEDEL'S_LAW=FALSE
!STARTING_FRAME=       1
!ITEM_H=1
!ITEM_K=2
!ITEM_L=3
!ITEM_IOBS=4
!ITEM_SIGMA(IOBS)=5
!ITEM_XD=6
!ITEM_YD=7
!ITEM_ZD=8
!ITEM_RLP=9""",
    "DIALS.HKL": """!FORMAT=XDS_ASCII    MERGE=FALSE    FRIEDEL'S_LAW=TRUE
!Generated by dials.export
!ITEM_H=1
!ITEM_K=2
!ITEM_L=3
!ITEM_IOBS=4
!ITEM_SIGMA(IOBS)=5
!ITEM_XD=6
!ITEM_YD=7
!ITEM_ZD=8
!ITEM_RLP=9""",
    "INTEGRATE.HKL": """!OUTPUT_FILE=INTEGRATE.HKL       DATE=24-Nov-2026
!Generated by INTEGRATE    (VERSION Jan 10, 2022  BUILT=20220220)
!STARTING_FRAME=       5
!STARTING_ANGLE=    10.000   OSCILLATION_RANGE=  0.500000
!NUMBER_OF_ITEMS_IN_EACH_DATA_RECORD=20
!H,K,L,IOBS,SIGMA,XCAL,YCAL,ZCAL,RLP,PEAK,CORR,MAXC,
!             XOBS,YOBS,ZOBS,ALF0,BET0,ALF1,BET1,PSI
!Items are separated by a blank and can be read in free-format""",
}


@pytest.mark.parametrize("name", XDS_HEADS)
def test_files_of_xds_are_compared(name, truth, tmp_path, capsys):
    """Middles of pixels count from 1 there, axes are fast and slow, I is F^2."""
    content, path = truth
    hkl, place, intensity, sigma = found_table(content, (0, 0, 0), corrected=True)
    made = series(1, f"{WORDS} -detpixels 512")
    A = xds_rotation(made.recording.geometry) @ true_matrix(content)
    lines = [XDS_HEADS[name]]
    for axis_name, axis in zip("ABC", np.linalg.inv(A)):
        numbers = " ".join(f"{x:.6f}" for x in axis)
        lines.append(f"!UNIT_CELL_{axis_name}-AXIS= {numbers}")
    lines.append("!END_OF_HEADER")
    middle = 0.0 if name == "DIALS.HKL" else 0.5
    first = 4 if name == "INTEGRATE.HKL" else 0
    for index, (f, s, z), I, error in zip(hkl, place, intensity, sigma):
        spot = f"{f + middle:.3f} {s + middle:.3f} {z + first:.3f}"
        words = f"{index[0]} {index[1]} {index[2]} {I:.4E} {error:.4E} "
        if name == "INTEGRATE.HKL":  # predicted and found places: the latter count
            words += f"9.9 9.9 9.9 0.7 99.9 90 15 {spot} 60.3 0.2 134.1 48.1 -21.2"
        else:
            words += f"{spot} 0.7"
        lines.append(words)
    misfit = ["1", "1", "1", "9.0", "-1.0"]
    misfit += ["0.0"] * (len(lines[-1].split()) - len(misfit))
    lines += [" ".join(misfit), "!END_OF_DATA"]
    file = tmp_path / name
    file.write_text("\n".join(lines) + "\n")
    report = tmp_path / "r.json"
    assert main([path, str(file), "-json", str(report)]) == 0
    figures = json.loads(report.read_text())
    assert figures["orientation error, deg"] < 1e-4
    assert figures["reflections"] == len(hkl)
    assert figures["of these predicted, %"] == 100
    assert abs(figures["median offset fast, px"]) < 1e-3
    assert abs(figures["median offset slow, px"]) < 1e-3
    assert abs(figures["median offset phi, deg"]) < 1e-3
    assert 0.7 < figures["mean z^2"] < 1.4
    # All F are the same here: there is nothing to correlate.
    assert "CC of intensities" not in figures and figures["R(I), %"] < 20
    capsys.readouterr()


def test_a_merged_file_of_xds_is_compared(truth, tmp_path, capsys):
    content, path = truth
    spots = content["spots"]
    rows = zip(*(spots[name] for name in "hklF"))
    lines = ["!FORMAT=XDS_ASCII    MERGE=TRUE    FRIEDEL'S_LAW=TRUE"]
    lines += ["!SPACE_GROUP_NUMBER=   96", "!NUMBER_OF_ITEMS_IN_EACH_DATA_RECORD=5"]
    lines += [f"!ITEM_{n}={i}" for i, n in enumerate("HKL", start=1)]
    lines += ["!ITEM_IOBS=4", "!ITEM_SIGMA(IOBS)=5", "!END_OF_HEADER"]
    # Equivalents that the truth may not have.
    lines += [f"{k} {h} {-l} {7 * F * F:.4E} 1.0" for h, k, l, F in rows]
    file = tmp_path / "XDS_ASCII.HKL"
    file.write_text("\n".join(lines) + "\n")
    assert main([path, str(file), "-json", str(tmp_path / "r.json")]) == 0
    figures = json.loads((tmp_path / "r.json").read_text())
    assert figures["of these in the truth, %"] == 100
    assert figures["R(I), %"] < 1e-3
    capsys.readouterr()


def test_an_unmerged_mtz_is_compared_in_its_original_indices(truth, tmp_path, capsys):
    """M/ISYM says which equivalent a row was; places are those of DIALS."""
    content, path = truth
    hkl, place, intensity, sigma = found_table(content, (0, 0, 0), corrected=True)
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup = gemmi.SpaceGroup("P 43 21 2")
    mtz.set_cell_for_all(gemmi.UnitCell(78.5, 78.5, 37, 90, 90, 90))
    mtz.history = ["From DIALS 3.12, run on 2026-11-24"]
    mtz.add_dataset("x")
    labels = {"M/ISYM": "Y", "BATCH": "B", "I": "J", "SIGI": "Q"}
    labels.update(dict.fromkeys(("XDET", "YDET", "ROT"), "R"))
    for label, kind in labels.items():
        mtz.add_column(label, kind)
    batch = gemmi.Mtz.Batch()
    batch.number = 1
    mtz.batches.append(batch)
    phi_deg = content["phi_deg"][0] + place[:, 2] * content["osc_deg"]
    asu, ops = gemmi.ReciprocalAsu(mtz.spacegroup), mtz.spacegroup.operations()
    moved, isym = zip(*(asu.to_asu(index, ops) for index in hkl.tolist()))
    assert (np.array(moved) != hkl).any(axis=1).mean() > 0.5
    columns = [moved, isym, np.ones(len(hkl)), intensity, sigma, place[:, :2], phi_deg]
    mtz.set_data(np.column_stack(columns).astype(np.float32))
    file = tmp_path / "unmerged.mtz"
    mtz.write_to_file(str(file))
    assert main([path, str(file), "-json", str(tmp_path / "r.json")]) == 0
    figures = json.loads((tmp_path / "r.json").read_text())
    assert figures["of these predicted, %"] == 100
    assert abs(figures["median offset fast, px"]) < 1e-3
    assert abs(figures["median offset phi, deg"]) < 1e-3
    assert 0.7 < figures["mean z^2"] < 1.4
    capsys.readouterr()


def test_a_dials_model_is_compared(truth, tmp_path, capsys):
    content, path = truth
    made = series(1, f"{WORDS} -detpixels 512")
    direct = np.linalg.inv(
        imgcif_rotation(made.recording.geometry) @ true_matrix(content)
    )
    crystal = {f"real_space_{n}": list(v) for n, v in zip("abc", direct)}
    experiment = {"crystal": 0, "beam": None, "goniometer": None}
    file = tmp_path / "found.expt"
    file.write_text(json.dumps({"experiment": [experiment], "crystal": [crystal]}))
    assert main([path, str(file)]) == 0
    lines = dict(line.rsplit("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert float(lines["orientation error, deg".ljust(max(map(len, lines)))]) < 1e-4


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("x.expt", "{}", "is not an experiment list of DIALS"),
        ("x.refl", "\x93", "is not a reflection table of DIALS"),
        ("x.HKL", "!FORMAT=XDS_ASCII\n1 2 3\n", "is not a reflection file of XDS"),
        ("x.txt", "a b\n1 2\n", "names no columns h, k, l"),
        ("x.txt", "", "is empty"),
    ],
)
def test_broken_results_are_one_sentence(name, text, message, truth, tmp_path, capsys):
    (tmp_path / name).write_bytes(text.encode("latin-1"))
    assert main([truth[1], str(tmp_path / name)]) == 1
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


def test_a_file_that_is_no_truth(tmp_path, capsys):
    (tmp_path / "t.json").write_text("[1]")
    assert main([str(tmp_path / "t.json"), "x.expt"]) == 1
    assert "is not a truth file of nbsim" in capsys.readouterr().err
