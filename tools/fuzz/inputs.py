# SPDX-License-Identifier: MIT
"""Small input files of every kind, whole, for lines that read them and for damage."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nbsim.formats.hkl import read_hkl, write_fdump
from nbsim.formats.smv import write_smv

#: A crystal, and an image of a few pixels.
CELL = ("-cell", "70", "80", "90")
SMALL = ("-detpixels", "4")
START = (*CELL, "-default_F", "100", *SMALL)


@dataclass(frozen=True)
class Input:
    """A kind of input file.

    Attributes
    ----------
    kind
        What the tables call it.
    option
        The option of nbsim that reads it; "" for another program's file.
    name
        The whole file that `make_inputs` writes.
    words
        A line that reads it: FILE stands for its name.
    program
        Who reads it.
    """

    kind: str
    option: str
    name: str
    words: tuple[str, ...]
    program: str = "nbsim"

    def line(self, name: str) -> list[str]:
        """Return the words that read the file of that name."""
        return [name if word == "FILE" else word for word in self.words]


def _looked_at(option: str, name: str, *words: str, kind: str = "") -> Input:
    """Return an input that -show_config reads, after these words or `START`."""
    line = (*(words or START), f"-{option}", "FILE", "-show_config")
    return Input(kind or option, option, name, line)


MODEL = ("-dmin", "4", "-lambda", "1.5", "-N", "2", *SMALL)
FPRIME = (*MODEL, "-pdb", "good.pdb", "-fprime_file", "S", "FILE")
BACKGROUND = ("-background", "FILE", "1", "-show_config")
EXTRACTED = ("-img", "FILE", "-stol", "water", "-thickness", "1")
FRAMES = ("-frames", "2", "-workers", "1", "-N", "2", "-cbffile", "f_#.cbf")
SERIES = (*START, *FRAMES, "-frame_table", "FILE")
INPUTS = (
    _looked_at("hkl", "good.hkl"),
    _looked_at("mat", "good.mat"),
    _looked_at("sourcefile", "good.src"),
    _looked_at("stol", "good.stol"),
    _looked_at("spectrum", "good.spectrum"),
    _looked_at("img", "good.img"),
    _looked_at("mask", "good.img"),
    _looked_at("dump", "good.dump", *CELL, *SMALL),
    _looked_at("mtz", "good.mtz", *MODEL),
    _looked_at("mtz", "good.cif", *MODEL, kind="SF-mmCIF"),
    _looked_at("pdb", "good.pdb", *MODEL),
    _looked_at("pdb", "model.cif", *MODEL, kind="mmCIF"),
    Input("fprime_file", "fprime_file", "good.fprime", (*FPRIME, "-show_config")),
    _looked_at("expt", "good.expt", "-default_F", "100", "-N", "2"),
    _looked_at("xparm", "XPARM.XDS", "-default_F", "100", "-N", "2"),
    _looked_at("xds_inp", "XDS.INP", "-default_F", "100", "-N", "2"),
    _looked_at("geom", "good.geom", *CELL, "-default_F", "100", "-N", "2"),
    Input("background", "background", "good.stol", (*START, *BACKGROUND)),
    Input("frame_table", "frame_table", "good.csv", SERIES),
    Input("batch", "batch", "good.txt", (*START, "-N", "2", "-batch", "FILE")),
    Input("float image", "", "good.bin", ("FILE", *SMALL), "nbsim-noise"),
    Input("measured image", "", "measured.img", EXTRACTED, "nbsim-background"),
)

TEXTS = {
    "good.hkl": "0 0 0 90\n1 0 0 50.5\n-1 0 0 50.5\n0 1 2 7e1\n2 2 2 3\n",
    "good.mat": "0.01 0.001 0\n0 0.012 0.001\n0.002 0 0.011\n",
    "good.src": "-10 0 0 1 1e-10\n-10 0.01 0 2 1.01e-10\n# comment\n",
    "good.stol": "0 2.5\n0.1 3.5\n0.5 1\n",
    "good.spectrum": "12398 1\n12400 2\n12410 0.5\n",
    "good.fprime": "7000 -1.5 3.2\n8000 -1.2 2.8\n9000 -0.8 2.1\n",
    "good.csv": "N,lambda,phi\n9,1.1000,12.500\n7,1.20000,-3.500e1\n",
    "good.txt": "-floatfile a.bin -misset 1 2 3\n# none\nnbsim -floatfile b.bin\n",
    "good.geom": """; one panel
photon_energy = 12400 eV
adu_per_eV = 0.0001
clen = 100 mm
res = 10000
p0/min_fs = 0
p0/max_fs = 7
p0/min_ss = 0
p0/max_ss = 5 ; a comment
p0/corner_x = -4
p0/corner_y = 3.5
p0/fs = +1.0x +0.0y
p0/ss = -y
""",
    "XPARM.XDS": """ XPARM.XDS    VERSION Jan 10, 2022  BUILT=20220820
     1       12.5000    0.2500  0.999990  0.003000 -0.003300
       0.979500       0.002100      -0.001300       1.020910
     1     70.0000     80.0000     90.0000  90.000  90.000  90.000
      70.000000       0.000000       0.000000
       0.000000      80.000000       0.000000
       0.000000       0.000000      90.000000
         1         8         6    0.100000    0.100000
       4.500000       3.500000     100.000000
       1.000000       0.000000       0.000000
       0.000000       1.000000       0.000000
       0.000000       0.000000       1.000000
         1         1         8         1         6
    0.00    0.00    0.00  1.00000  0.00000  0.00000  0.00000  1.00000  0.00000
""",
    "XDS.INP": """! small
 JOB= XYCORR
 NX=8 NY= 6  QX= 0.1  QY= 0.1
 ORGX= 4.5 ORGY= 3.5   DETECTOR_DISTANCE= 100
 X-RAY_WAVELENGTH= 0.9795
 DIRECTION_OF_DETECTOR_X-AXIS= 1 0 0   ! any length
 DIRECTION_OF_DETECTOR_Y-AXIS= 0 1 0
 ROTATION_AXIS= 1 0 0 INCIDENT_BEAM_DIRECTION= 0 0 1
 STARTING_ANGLE= 12.5 OSCILLATION_RANGE= 0.25 DATA_RANGE= 1 4
 SPACE_GROUP_NUMBER= 1 UNIT_CELL_CONSTANTS= 70 80 90 90 90 90
 FRACTION_OF_POLARIZATION= 0.99 POLARIZATION_PLANE_NORMAL= 0 1 0
""",
    "good.cif": """data_small
_cell.length_a 20
_cell.length_b 25
_cell.length_c 30
_cell.angle_alpha 90
_cell.angle_beta 90
_cell.angle_gamma 90
_symmetry.space_group_name_H-M 'P 21 21 21'
loop_
_refln.index_h
_refln.index_k
_refln.index_l
_refln.F_meas_au
_refln.F_meas_sigma_au
0 0 2 50 1
1 1 1 20.5 0.5
2 1 3 7 ?
""",
}
EXPERIMENT = {
    "__id__": "ExperimentList",
    "experiment": [
        {"__id__": "Experiment", "beam": 0, "detector": 0, "goniometer": 0, "scan": 0}
        | {"crystal": 0}
    ],
    "beam": [
        {"direction": [0.0, 0.0, 1.0], "wavelength": 0.98}
        | {"polarization_normal": [0.0, 1.0, 0.0], "polarization_fraction": 0.99}
    ],
    "detector": [
        {
            "panels": [
                {"name": "p", "fast_axis": [1, 0, 0], "slow_axis": [0, -1, 0]}
                | {"origin": [-0.4, 0.3, -100], "image_size": [8, 6]}
                | {"pixel_size": [0.1, 0.1], "thickness": 0.0, "material": ""}
                | {"mu": 0.0, "trusted_range": [0, 65535]}
            ]
        }
    ],
    "goniometer": [
        {"rotation_axis": [1, 0, 0], "fixed_rotation": [1, 0, 0, 0, 1, 0, 0, 0, 1]}
        | {"setting_rotation": [1, 0, 0, 0, 1, 0, 0, 0, 1]}
    ],
    "scan": [{"image_range": [1, 2], "oscillation": [10, 0.5]}],
    "crystal": [
        {"__id__": "crystal", "real_space_a": [70, 0, 0], "real_space_b": [0, 80, 0]}
        | {"real_space_c": [0, 0, 90], "space_group_hall_symbol": " P 1"}
    ],
}


def make_inputs(folder: Path) -> None:
    """Write all of them into a folder."""
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="ascii")
    (folder / "good.expt").write_text(json.dumps(EXPERIMENT, indent=1))
    header = {"PIXEL_SIZE": "0.1", "DISTANCE": "100", "WAVELENGTH": "1", "PHI": "0"}
    for name, size in (("good.img", 4), ("measured.img", 16)):
        write_smv(folder / name, np.ones((size, size), np.uint16), header)
    write_fdump(folder / "good.dump", read_hkl(folder / "good.hkl"))
    np.full(16, 2.5, np.float32).tofile(folder / "good.bin")
    _write_crystal_files(folder)


def _write_crystal_files(folder: Path) -> None:
    """Write a reflection file and an atomic model, with gemmi."""
    import gemmi

    cell, group = gemmi.UnitCell(20, 25, 30, 90, 90, 90), "P 21 21 21"
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup = gemmi.SpaceGroup(group)
    mtz.add_dataset("data")
    mtz.set_cell_for_all(cell)
    mtz.add_column("FP", "F")
    rows = [[0, 0, 2, 50], [1, 1, 1, 20.5], [2, 1, 3, 7]]
    mtz.set_data(np.array(rows, np.float32))
    mtz.write_to_file(str(folder / "good.mtz"))
    structure = gemmi.Structure()
    structure.cell, structure.spacegroup_hm = cell, group
    residue = gemmi.Residue()
    residue.name, residue.seqid = "CYS", gemmi.SeqId("1")
    for name, x in (("N", 1.0), ("CA", 2.2), ("C", 3.5), ("SG", 5.0)):
        atom = gemmi.Atom()
        atom.name, atom.element = name, gemmi.Element(name[0])
        atom.pos, atom.b_iso = gemmi.Position(x, 2.0, 1.0 + x), 20.0
        residue.add_atom(atom)
    chain, model = gemmi.Chain("A"), gemmi.Model(1)
    chain.add_residue(residue)
    model.add_chain(chain)
    structure.add_model(model)
    structure.setup_entities()
    structure.write_pdb(str(folder / "good.pdb"))
    structure.make_mmcif_document().write_file(str(folder / "model.cif"))
