# SPDX-License-Identifier: MIT
"""`nbsim-golden family`, and one nbsim command against the chain of four programs."""

import dataclasses

import numpy as np
from family_cases import FOLDER, NONBRAGG

from nbsim.tools.golden.family import Difference, compare, compare_chain, table


def test_one_command_is_the_chain_of_programs(tmp_path):
    chain = compare_chain(FOLDER, tmp_path)
    assert chain.image is not None and chain.image <= 1e-6
    assert (chain.noise, chain.pixels) == (0, 9900)


def test_a_difference_is_seen_and_counted(tmp_path):
    case = next(case for case in NONBRAGG if "-nonoise" not in case.argv)
    wrong = dataclasses.replace(case)
    numbers = {name: np.array(array) for name, array in case.numbers.items()}
    numbers["image"][3, 4] += 2e-6 * numbers["image"].max()
    numbers["noise"][1, :3] += 1
    numbers["pgm"][:1] ^= 1
    numbers["header"] = np.array("{ HEADER_BYTES=0;")
    wrong.__dict__["numbers"] = numbers
    found = compare(wrong, tmp_path)
    assert 1e-6 < found.image < 3e-6 and not found.agrees
    assert (found.int, found.noise, found.pgm, found.header) == (0, 3, 1, False)


def test_table_names_the_worst():
    rows = [Difference("a", 4, 3e-7, 0, None, 2, True), Difference("b", 4, noise=1)]
    lines = table(rows)
    assert lines[2] == "| a | 4 | 3.0e-07 | 0 |  | 2 | same |"
    assert lines[-1].startswith("| worst (of how many) |  | 3e-07 (1) | 0 (1) | 1 (1)")
    assert not any(row.agrees for row in rows)
