# SPDX-License-Identifier: MIT
"""Geometry files, written by hand from the formulas of their formats.

``tests/dials_predictions.py`` has DIALS predict reflections of the experiments here.
"""

import json
import math

import numpy as np

WAVELENGTH_A = 0.9795


def turn(axis, angle_deg):
    """Return a right-handed rotation as (3, 3)."""
    x, y, z = np.array(axis, float) / np.linalg.norm(axis)
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    across = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + s * across + (1 - c) * across @ across


def frame(rotation, origin):
    """Return fast, slow and origin of a frame, as a panel or a group has them."""
    rotation = np.array(rotation)
    return {
        "fast_axis": rotation[:, 0].tolist(),
        "slow_axis": rotation[:, 1].tolist(),
        "origin": list(map(float, origin)),
    }


FLAT = np.diag([1.0, -1.0, -1.0])  # fast along x, slow against y


def panel(rotation=FLAT, origin=(-53.35, 50.15, -120.0), size=(1024, 1000), pixel=0.1):
    """Return a panel without sensor."""
    return {
        "name": "Panel",
        "type": "SENSOR_PAD",
        **frame(rotation, origin),
        "raw_image_offset": [0, 0],
        "image_size": list(size),
        "pixel_size": [pixel, pixel],
        "trusted_range": [0.0, 65535.0],
        "thickness": 0.0,
        "material": "",
        "mu": 0.0,
        "identifier": "",
        "mask": [],
        "gain": 1.0,
        "pedestal": 0.0,
        "px_mm_strategy": {"type": "SimplePxMmStrategy"},
    }


def group(rotation, origin, *children):
    """Return a node of a hierarchy; a child is a node or a panel's number."""
    empty = panel(rotation, origin, size=(0, 0), pixel=0.0)
    nodes = [{"panel": c} if isinstance(c, int) else c for c in children]
    return {**empty, "children": nodes}


def experiment(
    panels,
    hierarchy=None,
    goniometer=None,
    scan=None,
    crystal=True,
    direction=(0.0, 0.0, 1.0),
    **beam,
):
    """Return an experiment list of one experiment."""
    detector = {"panels": panels}
    if hierarchy is not None:
        detector["hierarchy"] = hierarchy
    a, b, c = CELL_VECTORS.tolist()
    models = {
        "beam": {
            "direction": list(direction),
            "wavelength": WAVELENGTH_A,
            "divergence": 0.0,
            "sigma_divergence": 0.0,
            "polarization_normal": [0.0, 1.0, 0.0],
            "polarization_fraction": 0.99,
            "flux": 0.0,
            "transmission": 1.0,
            **beam,
        },
        "detector": detector,
        "goniometer": goniometer,
        "scan": scan,
        "crystal": crystal
        and {
            "__id__": "crystal",
            "real_space_a": a,
            "real_space_b": b,
            "real_space_c": c,
            "space_group_hall_symbol": " P 1",
        },
    }
    models = {kind: model for kind, model in models.items() if model}
    return {
        "__id__": "ExperimentList",
        "experiment": [{"__id__": "Experiment", **dict.fromkeys(models, 0)}],
        "imageset": [],
        **{kind: [models[kind]] if kind in models else [] for kind in KINDS},
    }


KINDS = ("beam", "detector", "goniometer", "scan", "crystal")


def _cell_vectors():
    """Return rows a, b, c of a triclinic cell in some orientation."""
    upper = np.array([[31.0, -2.0, 4.0], [0.0, 37.0, 3.0], [0.0, 0.0, 43.0]])
    return (turn((1, 2, 3), 77.0) @ upper).T


CELL_VECTORS = _cell_vectors()


def scan(start=10.0, width=0.5, images=60):
    return {
        "image_range": [1, images],
        "batch_offset": 0,
        "oscillation": [start, width],
        "exposure_time": [0.1] * images,
        "epochs": [0.0] * images,
        "valid_image_ranges": {},
    }


def spindle(axis=(1.0, 0.0, 0.0), fixed=None, setting=None):
    eye = np.eye(3)
    return {
        "rotation_axis": list(axis),
        "fixed_rotation": (eye if fixed is None else fixed).ravel().tolist(),
        "setting_rotation": (eye if setting is None else setting).ravel().tolist(),
    }


def kappa(scanned, angles=(25.0, 40.0, -70.0)):
    """Return a kappa goniometer; axes are listed from the crystal outwards."""
    alpha = math.radians(50.0)
    return {
        "axes": [
            [1.0, 0.0, 0.0],
            [math.cos(alpha), math.sin(alpha), 0.0],
            [1.0, 0.0, 0.0],
        ],
        "angles": list(angles),
        "names": ["GON_PHI", "GON_KAPPA", "GON_OMEGA"],
        "scan_axis": scanned,
    }


SWUNG = turn((1, 0, 0), -35.0)
OBLIQUE = np.array([0.03, -0.05, 1.0]) / math.sqrt(0.03**2 + 0.05**2 + 1.0)
EXPERIMENTS = {
    "single": experiment([panel()], goniometer=spindle(), scan=scan()),
    "hierarchy": experiment(
        [
            panel(turn((0, 0, 1), 3.0), (-40.0, 10.0, 1.0), (300, 200), 0.172),
            panel(turn((0, 1, 0), 12.0), (20.0, -30.0, -4.0), (300, 200), 0.172),
            panel(turn((1, 1, 0), -8.0), (5.0, 20.0, 3.0), (300, 200), 0.172),
        ],
        group(
            turn((1, 0, 0), 4.0) @ FLAT,
            (1.0, -2.0, -110.0),
            group(turn((0, 0, 1), 20.0), (2.0, 3.0, 0.5), 0, 1),
            group(turn((0, 1, 0), -15.0), (-1.0, 4.0, 2.0), 2),
        ),
        goniometer=spindle(),
        scan=scan(),
    ),
    "kappa_omega": experiment([panel()], goniometer=kappa(2), scan=scan()),
    "kappa_phi": experiment([panel()], goniometer=kappa(0), scan=scan(-20.0)),
    "oblique": experiment(
        [panel(turn((1, 2, 1), 7.0) @ FLAT)],
        goniometer=spindle(
            (0.96, 0.28, 0.0), turn((1, 3, 2), 50.0), turn((2, 1, 5), -20.0)
        ),
        scan=scan(),
        direction=OBLIQUE.tolist(),
    ),
    "two_theta": experiment(
        [panel(SWUNG @ FLAT, SWUNG @ (-51.2, 50.0, -90.0))],
        goniometer=spindle(),
        scan=scan(),
    ),
    # The detector's plane contains the beam.
    "at_90": experiment(
        [panel(np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]]), (-50, 80.0, -90))],
        goniometer=spindle(),
        scan=scan(),
    ),
}
XPARM = """ XPARM.XDS    VERSION Jan 10, 2022  BUILT=20220820
     3       12.5000    0.2500  0.999990  0.003000 -0.003300
       0.979500       0.002100      -0.001300       1.020910
     1     31.0000     37.0540     43.2897  86.318  84.698  93.094
       4.116160      28.114490      12.396910
     -18.307760      -9.863880      30.684390
      35.143490     -18.894530      16.636860
         1      1024      1000    0.100000    0.100000
     534.120000    -302.730000     120.500000
       0.960000       0.280000       0.000000
      -0.224000       0.768000       0.600000
       0.168000      -0.576000       0.800000
         1         1      1024         1      1000
    0.00    0.00    0.00  1.00000  0.00000  0.00000  0.00000  1.00000  0.00000
"""

#: The same detector and beam; the orientation is not part of this file.
XDS_INP = """! the numbers of XPARM above
 JOB= XYCORR INIT COLSPOT  ! and so on
 NX=1024 NY= 1000  QX= 0.1  QY= 0.1
 ORGX= 534.12 ORGY= -302.73   DETECTOR_DISTANCE= 120.5D0
 X-RAY_WAVELENGTH= 0.9795
 DIRECTION_OF_DETECTOR_X-AXIS= 9.6 2.8 0.0   ! any length
 DIRECTION_OF_DETECTOR_Y-AXIS= -0.224 0.768 0.6
 ROTATION_AXIS= 0.999990 0.003000 -0.003300
 INCIDENT_BEAM_DIRECTION= 0.0021 -0.0013 1.02091
 STARTING_ANGLE= 12.5 OSCILLATION_RANGE= 0.25 DATA_RANGE= 3 42
 SPACE_GROUP_NUMBER= 1 UNIT_CELL_CONSTANTS= 31 37.054 43.2897 86.318 84.698 93.094
 FRIEDEL'S_LAW= FALSE
 FRACTION_OF_POLARIZATION= 0.99 POLARIZATION_PLANE_NORMAL= 0 1 0
 NAME_TEMPLATE_OF_DATA_FRAMES=/data/run=1/x_????.cbf
"""
#: The worked example of the page about frames: a detector across the beam.
GEOM = """; one panel
photon_energy = 12.3984198433 keV
adu_per_eV = 0.0001
clen = 120 mm
res = 10000
rigid_group_all = p0
bad_corner/min_fs = 0
p0/min_fs = 0
p0/max_fs = 1023
p0/min_ss = 0
p0/max_ss = 999   ; a comment
p0/corner_x = 533.5
p0/corner_y = 501.5
p0/fs = -1.0x +0.0y
p0/ss = -y
"""
TEXTS = {"XPARM.XDS": XPARM, "XDS.INP": XDS_INP, "one.geom": GEOM}


def write(folder):
    """Write every experiment as NAME.expt, and the other files, into a folder."""
    for name, content in EXPERIMENTS.items():
        (folder / f"{name}.expt").write_text(json.dumps(content))
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
