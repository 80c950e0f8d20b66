# SPDX-License-Identifier: MIT
"""The machine code of the CUDA kernels is what the kept table says it is."""

from pathlib import Path

import pytest

from nbsim.backends.rates import FEW, double_lanes
from nbsim.tools.machine_code import kernels, pages, sass, table

ROOT = Path(__file__).resolve().parents[1]
#: The kernel whose loop has jumps: where interpolating is impossible.
JUMPS = "square, tricubic"
#: How much more than the kept table another version of the compilers may need.
MORE_REGISTERS, MORE_INSTRUCTIONS = 12, 1.15

compiles = pytest.mark.skipif(
    table.why_not() is not None, reason="the CUDA compiler libraries are not installed"
)


def check_promises(name, row, capability):
    """Assert what is designed, whatever the compilers are."""
    if name == kernels.IN_ORDER:
        assert row.spills == 0
        return
    assert (row.spills, row.local) == (0, 0), name
    if "single" in name:
        # Three products for each of three indices, or whole numbers.
        slow = double_lanes(capability) == FEW
        assert row.double == (0 if slow else 9), name
    assert name == JUMPS or row.branches == 0, name


def test_kept_table_keeps_what_is_promised():
    kept = pages.kept(ROOT)
    assert list(kept) == ["7.0", "8.0", "8.9", "9.0", "10.0", "12.0"]
    for capability, rows in kept.items():
        assert set(rows) == {*kernels.RUNS, kernels.IN_ORDER}
        for name, row in rows.items():
            check_promises(name, row, tuple(map(int, capability.split("."))))


def test_page_has_the_kept_table():
    assert pages.page(ROOT) == (ROOT / pages.PAGE).read_text()


def test_predictions():
    row = table.Row(80, 0, 0, 1, instructions=148, double=97)
    h100, _, a100, rtx4090 = table.CARDS
    # 48.5 cycles for 32 threads on 132 multiprocessors at 1.98 GHz.
    assert table.predicted_ps(row, h100)[0] == pytest.approx(5.80, abs=0.005)
    # 97 cycles, 108 multiprocessors, 1.41 GHz.
    assert table.predicted_ps(row, a100)[0] == pytest.approx(19.9, abs=0.05)
    # 97 * 16 cycles, 128 multiprocessors, 2.52 GHz.
    assert table.predicted_ps(row, rtx4090)[0] == pytest.approx(150.4, abs=0.1)
    light = table.Row(80, 0, 0, 1, instructions=148, double=1)
    assert table.predicted_ps(light, h100) == (pytest.approx(4.42, abs=0.005), "issue")


@pytest.mark.parametrize(
    "low, high, capability, expected",
    [
        (0xFFFFF28000001947, 0x000FEA000383FFFF, (8, 0), -3456),
        (0x0000079000000947, 0x000FEA0003800000, (7, 0), 1936),
        (0xFFFFFFF000841947, 0x000FEC000383FFFF, (9, 0), -3568),
        (0x0000000400E80947, 0x001FEC0003800000, (9, 0), 1952),
    ],
)
def test_jumps_are_read_as_the_disassembler_reads_them(low, high, capability, expected):
    assert sass.jump(high << 64 | low, capability) == expected


@compiles
@pytest.mark.parametrize("capability", table.CAPABILITIES, ids="{0[0]}.{0[1]}".format)
def test_machine_code(capability):
    kept = pages.kept(ROOT)[f"{capability[0]}.{capability[1]}"]
    try:
        table.assemble(".version 6.0\n.target sm_%d%d\n" % capability, capability)
    except RuntimeError:
        pytest.skip("this ptxas does not know the generation")
    for name, row in table.rows(capability):
        check_promises(name, row, capability)
        assert row.registers <= kept[name].registers + MORE_REGISTERS, name
        assert row.double <= kept[name].double, name
        assert row.instructions <= kept[name].instructions * MORE_INSTRUCTIONS, name
        assert row.branches <= kept[name].branches, name
