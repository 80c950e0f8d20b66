# SPDX-License-Identifier: MIT
"""Every golden case through the installed ``nbsim`` command.

One process per case; the tests of a case share what it wrote.
"""

import shutil
import sysconfig

import pytest
from golden_cases import CASES, NAMES

from nbsim.tools.golden import compare
from nbsim.tools.tolerances import GOLDEN_RELATIVE


@pytest.fixture(scope="module", params=CASES, ids=NAMES)
def ran(request, tmp_path_factory):
    """Return a case and the outputs of its run."""
    case = request.param
    program = shutil.which("nbsim", path=sysconfig.get_path("scripts"))
    assert program is not None, "the nbsim command is not installed"
    folder = tmp_path_factory.mktemp(case.name)
    outputs = compare.run_case(case, [program], case.nbsim_argv, folder)
    yield case, outputs
    # The large images of one run would otherwise stay for all later ones.
    shutil.rmtree(folder)


def test_float_image(ran):
    case, outputs = ran
    difference = compare.compare_float(outputs.image, case.reference)
    assert difference.agrees, difference


def test_sum_of_the_float_image(ran):
    case, outputs = ran
    assert compare.compare_total(outputs.image, case.reference) <= GOLDEN_RELATIVE


def test_int_image(ran):
    case, outputs = ran
    golden = case.reference.int_image
    if golden is None:
        # The large case keeps no integer image: its float crop fixes the brightest
        # pixel, which the automatic scale takes to 55000 + 40.
        assert outputs.int_image.max() == 55040
        return
    difference = compare.compare_int(outputs.int_image, golden)
    assert difference.agrees, difference


def test_pgm_image(ran):
    case, outputs = ran
    golden = case.reference.pgm
    if golden is None:
        slow, fast = case.reference.shape
        lines, pixels = compare.split_pgm(outputs.pgm)
        assert lines[:2] == ["P5", f"{fast} {slow}"]
        assert pixels.shape == case.reference.shape
        return
    difference, lines = compare.compare_pgm(outputs.pgm, golden)
    assert lines == []
    assert difference.agrees, difference


def test_smv_header(ran):
    case, outputs = ran
    assert compare.compare_header(outputs.header, case.reference.header) == []


def test_every_header_line_ends_in_a_semicolon(ran):
    _, outputs = ran
    first, *lines = outputs.header.splitlines()
    assert first == "{"
    assert [line for line in lines if not line.endswith(";")] == []


def test_printed_statistics(ran):
    case, outputs = ran
    assert compare.compare_statistics(outputs.stdout, case.reference) == []


def test_noise_image(ran):
    case, outputs = ran
    assert (outputs.noise is None) == (case.name == "seed_command")
    assert compare.compare_noise(case, outputs) == []
