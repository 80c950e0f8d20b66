# SPDX-License-Identifier: MIT
"""-mtz, -pdb and -spectrum on the command line: what they set, say and refuse."""

import json
import subprocess
import sys
import warnings

import numpy as np
import pytest
from crystals import PROTEIN, indices_inside, value_of, write_mtz, write_pdb

from nbsim import Beam, Simulation, UsageError, read_fdump, structure_factors_from_model
from nbsim.options.crystal_files import cell_of_matrix, cells_differ

EV_ANGSTROM = 12398.4198433
CELL = (20.0, 25.0, 30.0, 75.0, 85.0, 95.0)
SMALL = "-N 5 -oversample 1 -detpixels 32 -pixel 2 -distance 60"
QUIET = "-nonoise -nopgm -noprogress -floatfile f.bin -intfile i.img"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with model.pdb, data.mtz and A.mat of one crystal."""
    folder = tmp_path_factory.mktemp("crystal")
    structure = write_pdb(folder / "model.pdb", CELL, "P 1", 60, ("Fe", *PROTEIN))
    indices = indices_inside(structure.cell, 3.0, 400)
    F = np.random.default_rng(3).uniform(10, 90, len(indices))
    write_mtz(folder / "data.mtz", CELL, "P 1", indices, [("FP", "F", F)])
    (folder / "spectrum.txt").write_text("7000 1\n7100 2\n7200 1\n")
    return folder


@pytest.fixture(autouse=True)
def there(folder, monkeypatch):
    monkeypatch.chdir(folder)


def config(line):
    words = [sys.executable, "-m", "nbsim", *f"{SMALL} {line}".split()]
    done = subprocess.run(
        [*words, "-show_config", "json"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_configuration_of_a_model():
    known, said = config("-pdb model.pdb -dmin 3 -lambda 1.7 -fprime Fe -6 3.5")
    assert known["crystal"]["cell_angles_deg"] == pytest.approx(CELL[3:], abs=1e-9)
    assert known["crystal"]["space_group"] == "P 1"
    factors = known["structure_factors"]
    assert factors["label"] == "model" and factors["d_min_A"] == 3.0
    assert factors["fprimes"]["Fe"] == [-6.0, 3.5]
    assert factors["F000"] == 0.0 and factors["F000_model"] > 400.0
    assert factors["missing"] == factors["absences"] == 0
    assert factors["reflections"] > 1000
    assert known["run"]["inputs"] == {"pdb": "model.pdb"}
    assert "changes nothing" not in said and "model.pdb" not in said


def test_configuration_of_reflections():
    known, _ = config("-mtz data.mtz -default_F 5")
    factors = known["structure_factors"]
    assert factors["label"] == "FP" and factors["reflections"] == 400
    assert factors["missing"] > 0 and factors["F000_model"] is None
    assert factors["fprimes"] is None and factors["default_F_electrons"] == 0.0
    assert known["crystal"]["cell_lengths_A"] == pytest.approx(CELL[:3], rel=1e-6)


def test_plain_runs_have_the_keys_too():
    known, _ = config("-cell 70 80 90 -default_F 100")
    assert known["crystal"]["space_group"] is None
    assert known["structure_factors"]["label"] is None
    assert known["structure_factors"]["F000"] is None
    assert known["beam"]["spectrum"] is None


def test_dump_is_written_only_when_asked_for(folder):
    line = f"{sys.executable} -m nbsim {SMALL} {QUIET} -mtz data.mtz -default_F 5"
    subprocess.run(line.split(), check=True, capture_output=True)
    assert not (folder / "Fdump.bin").exists()
    subprocess.run([*line.split(), "-dump", "F.bin"], check=True, capture_output=True)
    dumped = read_fdump(folder / "F.bin")
    expected = Simulation.from_args(f"{SMALL} -mtz data.mtz -default_F 5")
    assert np.array_equal(dumped.F, expected.structure_factors.F)
    (folder / "F.bin").unlink()


def test_options_reach_the_model():
    line = (
        "-pdb model.pdb -dmin 3 -lambda 1.7 -ksol 0.2 -bsol 60 -add_B 10 -F_scale 2 "
        "-F000 model -noanomalous -fprime S 0.3 0.6 -fprime_file Fe fe.efs"
    )
    with open("fe.efs", "w") as stream:
        stream.write("7000 -4 0.5\n7600 -8 3.5\n")
    factors = Simulation.from_args(f"{SMALL} {line}").structure_factors
    expected = structure_factors_from_model(
        "model.pdb", 3.0, 1.7, ksol=0.2, bsol=60.0, add_B=10.0, F_scale=2.0,
        F000="model", anomalous=False, fprime={"S": (0.3, 0.6)},
        fprime_files={"Fe": "fe.efs"},
    ).factors  # fmt: skip
    assert np.array_equal(factors.F, expected.F)
    assert value_of(factors, np.zeros((1, 3), int)) == expected.origin.F000_model


def test_line_wins_over_the_file():
    simulation = Simulation.from_args(f"{SMALL} -mtz data.mtz -cell 70 80 90")
    assert simulation.crystal.cell == (70, 80, 90, 90, 90, 90)
    assert not simulation.crystal.exact_cell


def write_matrix(path, cell, wavelength=1.0):
    """Write a MOSFLM matrix of a cell in some orientation."""
    from nbsim import Crystal
    from nbsim.resolve.cell import resolve_cell

    crystal = Crystal(cell=cell, exact_cell=True, misset_deg=(10.0, 20.0, 30.0))
    turned = resolve_cell(crystal, 1.0, (0.1, 0.2, 0.3))
    stars = np.transpose([turned.a_star, turned.b_star, turned.c_star])
    np.savetxt(path, stars * wavelength)


def test_matrix_with_the_files_cell():
    write_matrix("A.mat", CELL, 1.3)
    simulation = Simulation.from_args(f"{SMALL} -mtz data.mtz -mat A.mat -lambda 1.3")
    assert simulation.setup.cell.lengths == pytest.approx(CELL[:3], rel=1e-6)
    assert simulation.warnings == ()
    wavelength = 1.3
    assert cell_of_matrix(simulation.crystal.A_matrix, wavelength) == pytest.approx(
        CELL, rel=1e-9
    )


def test_cells_that_disagree_are_warned_about():
    write_matrix("B.mat", (20.0, 25.0, 30.5, 75.0, 85.0, 95.0))
    simulation = Simulation.from_args(f"{SMALL} -mtz data.mtz -mat B.mat")
    assert "is not that of the orientation" in " ".join(simulation.warnings)
    assert cells_differ(CELL, (20.11, *CELL[1:]))
    assert cells_differ(CELL, (*CELL[:5], 95.6))
    assert not cells_differ(CELL, (20.09, 24.9, 30.1, 75.4, 85.4, 94.6))


def test_settings_that_change_nothing_are_named():
    simulation = Simulation.from_args(f"{SMALL} -mtz data.mtz -ksol 0.3")
    assert "-ksol changes nothing without -pdb" in simulation.warnings
    simulation = Simulation.from_args(
        f"{SMALL} -pdb model.pdb -dmin 3 -default_F 10 -mtz_label F"
    )
    assert "-default_F changes nothing beside -pdb" in simulation.warnings
    assert "-mtz_label changes nothing without -mtz" in simulation.warnings


def test_spectrum_follows_the_energy():
    line = f"{SMALL} -pdb model.pdb -dmin 3 -spectrum spectrum.txt"
    simulation = Simulation.from_args(line)
    spectral = simulation.structure_factors.spectral
    assert simulation.warnings == () and len(spectral.wavelengths_A) == 3
    weights = simulation.beam.spectrum[:, 1]
    assert weights.tolist() == [0.25, 0.5, 0.25]
    expected = sum(
        weight * simulation.channel(i).render(backend="cpu").astype(float)
        for i, weight in enumerate(weights)
    )
    image = simulation.render(backend="cpu")
    assert np.abs(image - expected).max() < 1e-6 * expected.max()
    alone = structure_factors_from_model("model.pdb", 3.0, EV_ANGSTROM / 7100.0)
    F = simulation.channel(1).structure_factors.F
    assert np.abs(F - alone.factors.F).max() < 3e-6 * F.max()


def test_configuration_of_a_spectrum():
    known, said = config(
        "-pdb model.pdb -dmin 3 -spectrum spectrum.txt -lambda 1 -divergence 2 "
        "-divsteps 3"
    )
    beam = known["beam"]
    assert [weight for _, weight in beam["spectrum"]] == [0.25, 0.5, 0.25]
    wavelengths = [wavelength for wavelength, _ in beam["spectrum"]]
    assert wavelengths == pytest.approx([EV_ANGSTROM / e for e in (7000, 7100, 7200)])
    mean = wavelengths[0] / 4 + wavelengths[1] / 2 + wavelengths[2] / 4
    assert beam["wavelength_A"] == pytest.approx(mean, rel=1e-12)
    directions = beam["hdiv_steps"] * beam["vdiv_steps"]
    assert 3 < beam["sources"] <= 3 * directions and beam["sources"] % 3 == 0
    assert "-lambda changes nothing beside -spectrum" in said


def test_matrix_is_divided_by_the_mean_wavelength():
    line = f"{SMALL} -pdb model.pdb -dmin 3 -spectrum spectrum.txt -mat C.mat"
    mean = Beam(spectrum=[(7000, 1), (7100, 2), (7200, 1)]).wavelength_A
    write_matrix("C.mat", CELL, mean)
    simulation = Simulation.from_args(line)
    assert simulation.warnings == ()
    cell = simulation.setup.cell
    assert np.degrees(cell.angles) == pytest.approx(CELL[3:], abs=1e-6)


def test_one_F_for_all_channels_of_reflections():
    simulation = Simulation.from_args(f"{SMALL} -mtz data.mtz -spectrum spectrum.txt")
    assert simulation.structure_factors.spectral is None
    assert len(simulation.setup.sources.wavelengths) == 3
    line = f"{sys.executable} -m nbsim {SMALL} {QUIET} -mtz data.mtz"
    done = subprocess.run(
        [*line.split(), "-spectrum", "spectrum.txt"], capture_output=True, text=True
    )
    assert "the same F for all channels of the spectrum" in done.stdout


USAGE = {
    "-pdb model.pdb": "-pdb model.pdb: give the resolution limit",
    "-pdb model.pdb -mtz data.mtz -dmin 3": "-mtz and -pdb: each gives structure",
    "-hkl P1.hkl -mtz data.mtz": "-mtz and -hkl: each gives structure factors",
    "-mtz data.mtz -F000 model": "-F000 model: needs the atomic model",
    "-mtz data.mtz -F000 all": "F of 0 0 0 must be a finite number of electrons, or",
    "-pdb model.pdb -dmin 3 -fprime Qq 1 1": "'Qq': expected the symbol",
    "-pdb model.pdb -dmin 3 -fprime Au 1 1": "Au, which the model does not have",
    "-pdb model.pdb -dmin 3 -fprime Fe 1 -1": "f'' must be a finite number",
    "-pdb model.pdb -dmin 3 -add_B -1e5": "too large a number at the resolution limit",
    "-mtz data.mtz -add_B -1e5": "too large a number at the resolution limit",
    "-pdb model.pdb -dmin 3 -ksol -1": "the solvent's density must be",
    "-pdb model.pdb -dmin 3 -spectrum spectrum.txt -dispersion 1": "give one of them",
    "-pdb model.pdb -dmin 3 -spectrum spectrum.txt -sourcefile s": "give one of them",
    "-pdb model.pdb -dmin 3 -spectrum spectrum.txt -interpolate": "follow the energy",
}
FAILURE = {
    "-mtz no.mtz": "no.mtz: there is no such file",
    "-mtz model.pdb": "model.pdb",
    "-pdb data.mtz -dmin 3": "data.mtz: no atoms",
    "-mtz data.mtz -mtz_label FC": "data.mtz: no column FC: the file has FP F",
    "-pdb model.pdb -dmin 3 -fprime_file Fe no.efs": "no.efs: there is no such file",
    "-mtz data.mtz -spectrum no.txt": "no.txt: there is no such file",
    "-mtz data.mtz -spectrum model.pdb": "model.pdb:1: ",
}


@pytest.mark.parametrize("line", [*USAGE, *FAILURE])
def test_refused(line, folder):
    before = sorted(folder.iterdir())
    words = f"{sys.executable} -m nbsim {SMALL} {QUIET} {line}".split()
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == (2 if line in USAGE else 1)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("nbsim: error: ") and {**USAGE, **FAILURE}[line] in last
    assert sum("error" in text for text in done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr and sorted(folder.iterdir()) == before


WITHOUT_GEMMI = """
import sys
sys.modules["gemmi"] = None
from nbsim.command.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("line", ["-mtz data.mtz", "-pdb model.pdb -dmin 3"])
def test_missing_library_is_named(line):
    words = [sys.executable, "-c", WITHOUT_GEMMI, *f"{SMALL} {line}".split()]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "pip install 'nbsim[xtal]'" in done.stderr


def test_a_dump_that_nobody_asked_for_is_no_secret(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no structure factors"):
        Simulation.from_args(f"{SMALL} -cell 70 80 90")
    (tmp_path / "P1.hkl").write_text("0 0 1 5\n")
    line = f"{SMALL} {QUIET} -cell 70 80 90"
    subprocess.run(
        [sys.executable, "-m", "nbsim", *line.split(), "-hkl", "P1.hkl"],
        check=True,
        capture_output=True,
    )
    with pytest.warns(UserWarning, match="reading Fs from Fdump.bin"):
        simulation = Simulation.from_args(line)
    assert "reading Fs from Fdump.bin" in " ".join(simulation.warnings)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked = Simulation.from_args(f"{line} -dump Fdump.bin")
    assert asked.warnings == ()
