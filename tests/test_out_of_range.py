# SPDX-License-Identifier: MIT
"""The warning of a run whose interpolation ran out of the list."""

import dataclasses
import math
import re

import numpy as np
import pytest

from nbsim import Simulation, StructureFactors, write_fdump
from nbsim.command.main import main
from nbsim.trace import out_of_range

LINE = (
    "-cell 40 50 60 -hkl few.hkl -N 3 -interpolate -detpixels 40 -pixel 1 -distance 60"
)


@pytest.fixture
def few(tmp_path, monkeypatch):
    """Work in a folder with a list of -4..4, -3..6, -5..5."""
    monkeypatch.chdir(tmp_path)
    rows = np.ndindex(9, 10, 11)
    lines = [f"{h - 4} {k - 3} {l - 5} 10\n" for h, k, l in rows]
    (tmp_path / "few.hkl").write_text("".join(lines))


def test_warning_names_pixel_index_and_list(few, capsys):
    simulation = Simulation.from_args(LINE + " -oversample 1 -roi 16 24 16 24")
    result = simulation.run(backend="cpu")
    words = out_of_range.explain(simulation.setup, result)
    trace = simulation.trace(*reversed(result.out_of_range))
    hkl = [trace.values["hkl_frac"][i] for i in range(3)]
    fast, slow = result.out_of_range
    assert f"ended at pixel {fast} {slow} (fast, slow), h k l" in words
    index = " ".join(f"{x:.3f}" for x in hkl)
    assert f"h k l {index}: it needs " in words
    assert "the list has h -4 to 4, k -3 to 6, l -5 to 5" in words
    pixels = 81 - ((slow - 16) * 9 + fast - 16)
    assert f"from it on {pixels} of 81 pixels take the nearest F" in words
    for axis, x, low, high in zip("hkl", hkl, (-4, -3, -5), (4, 6, 5)):
        outside = x - 2 < low or x + 2 > high
        needs = words.partition("it needs ")[2].partition(", and the list")[0]
        assert bool(re.search(rf"\b{axis} -?\d", needs)) is outside
        assert math.isfinite(x)


def test_command_prints_it(few, capsys):
    assert main(f"{LINE} -nonoise -nopgm".split()) == 0
    errors = capsys.readouterr().err
    assert re.search(
        r"nbsim: warning: interpolation ended at pixel \d+ \d+ \(fast, slow\), "
        r"h k l \S+ \S+ \S+: it needs [hkl] ",
        errors,
    )


@pytest.mark.parametrize(
    "x, text",
    [
        (3.5, "h 5 to 6, and"),
        (2.1, "h 5, and"),
        (-3.0, "h -5, and"),
        (-9.5, "h -12 to -7, and"),
        (40.0, "h 38 to 42, and"),
    ],
)
def test_missing_indices(x, text):
    factors = StructureFactors(np.ones((9, 99, 99)), -4, -50, -50)
    assert f"it needs {text}" in out_of_range._missing((x, 0.0, 0.0), factors)


@pytest.mark.parametrize("axis, low, high", [(0, -18, 37), (1, -28, 28), (2, -28, 28)])
def test_edge_of_the_list_is_where_the_scalar_kernel_has_it(axis, low, high):
    """A few roundings decide there; the loops over tiles round differently."""
    from nbsim.kernels.entries import render_pixel

    F = np.arange(60 * 61 * 61, dtype=float).reshape(60, 61, 61)
    factors = StructureFactors(F, h_min=-20, k_min=-30, l_min=-30, hkls=F.size)
    draw = np.random.default_rng(axis).uniform
    ended = []
    for _ in range(12):
        simulation = Simulation.from_args(
            f"-cell 100 50 60 -default_F 1 -N 3 -interpolate -oversample 1 "
            f"-lambda {draw(1, 2)} -distance 100 -denzo -pixel 0.5 -detpixels 1 "
            f"-Xbeam {draw(20, 60)} -Ybeam {draw(20, 60)} -misset 10 20 {draw(1, 99)}"
        )
        simulation = dataclasses.replace(simulation, structure_factors=factors)
        index = simulation.trace(0, 0).values["hkl_frac"][axis]
        cell = list(simulation.crystal.cell)
        cell[axis] *= (high if index > 0.0 else low) / index
        for _ in range(6):
            cell[axis] = math.nextafter(cell[axis], math.inf)
            crystal = dataclasses.replace(simulation.crystal, cell=tuple(cell))
            result = dataclasses.replace(simulation, crystal=crystal).run(backend="cpu")
            image = np.zeros(1, np.float32)
            still, _ = render_pixel(0, True, False, *result.solid_angles, image)
            assert (result.out_of_range is None) == still
            assert result.image[0, 0] == image[0]
            ended.append(not still)
    assert True in ended and False in ended


def test_edge_where_the_fast_kernel_alone_leaves_the_list(
    tmp_path, monkeypatch, capsys
):
    """This was an IndexError after the rendering."""
    monkeypatch.chdir(tmp_path)
    F = np.ones((60, 61, 61))
    factors = StructureFactors(F, h_min=-20, k_min=-30, l_min=-30, hkls=F.size)
    write_fdump("d.bin", factors)
    line = (
        "-cell 143.09399010892852 50 60 90 90 90 -dump d.bin -N 3 -interpolate "
        "-oversample 1 -lambda 1.2681026987730653 -distance 100 -denzo -pixel 0.5 "
        "-detpixels 1 -Xbeam 26.76768047898647 -Ybeam 59.0109251430777 -device cpu"
    )
    assert main(line.split()) == 0
    assert "interpolation ended" not in capsys.readouterr().err
