# SPDX-License-Identifier: MIT
"""Write dials_predictions.json: where DIALS says that reflections are.

Not part of the tests; it needs DIALS (``apt-get install dials``)::

    /usr/bin/python3 tests/dials_predictions.py

The stored numbers come from DIALS of Debian 12, package dials 3.12.1+dfsg3-5.
Rows: h, k, l, panel, fast and slow [pixels], phi [degrees].
"""

import json
import pathlib
import tempfile

import geometry_texts
from dials.algorithms.spot_prediction import ScanStaticReflectionPredictor
from dials.array_family import flex  # noqa: F401, its tables must be known
from dxtbx.format.FormatXDS import FormatXDS
from dxtbx.model import Experiment
from dxtbx.model.experiment_list import ExperimentListFactory
from dxtbx.serialize.xds import to_crystal

DMIN, KEPT = 1.6, 40


def predictions(experiment):
    predictor = ScanStaticReflectionPredictor(experiment, dmin=DMIN)
    table = predictor.for_ub(experiment.crystal.get_A())
    start, width = experiment.scan.get_oscillation()
    rows = []
    for i in range(0, len(table), max(1, len(table) // KEPT)):
        fast, slow, z = table["xyzcal.px"][i]
        phi = start + (z - experiment.scan.get_array_range()[0]) * width
        place = [table["panel"][i], fast, slow, phi]
        rows.append([*table["miller_index"][i], *place])
    return rows


def xparm_experiment(path):
    """Return XPARM.XDS as dxtbx's own reader understands it."""
    image = FormatXDS(path)
    return Experiment(
        beam=image.get_beam(),
        detector=image.get_detector(),
        goniometer=image.get_goniometer(),
        scan=image.get_scan(),
        crystal=to_crystal(path),
    )


def main():
    stored = {}
    with tempfile.TemporaryDirectory() as folder:
        geometry_texts.write(pathlib.Path(folder))
        for name in geometry_texts.EXPERIMENTS:
            path = f"{folder}/{name}.expt"
            listed = ExperimentListFactory.from_json_file(path, check_format=False)
            stored[name] = predictions(listed[0])
            print(name, len(stored[name]), {row[3] for row in stored[name]})
        stored["xparm"] = predictions(xparm_experiment(f"{folder}/XPARM.XDS"))
    lines = [
        f'"{name}": [\n' + ",\n".join(map(json.dumps, rows)) + "\n]"
        for name, rows in stored.items()
    ]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    pathlib.Path(__file__).with_suffix(".json").write_text(text)


if __name__ == "__main__":
    main()
