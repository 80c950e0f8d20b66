# SPDX-License-Identifier: MIT
"""Reading traces: what is understood, and what is refused with one sentence."""

import pytest
from golden_traces import LOGS, NAMES, SEED, SEED_PIXEL, traced

from nbsim.command.trace_files import jsonl_rows, text_rows
from nbsim.errors import FileError
from nbsim.tools.traces.log import MAIN_ROWS, read_trace, read_traces

pytestmark = pytest.mark.filterwarnings("default")

PHI = "TRACE_C_PHI phi_tic=0 phi_deg=0 k_frac=1.5 F_latt_b=2 F_latt=3"


@pytest.fixture
def log(tmp_path):
    """Return a function that writes a log."""

    def write(*lines, end="\n"):
        path = tmp_path / "trace.log"
        path.write_text("\n".join(lines) + end)
        return path

    return write


@pytest.mark.parametrize("name", NAMES)
def test_c_logs(name):
    trace = read_trace(LOGS[name])
    assert trace.program == "C program"
    assert set(trace.values) == set(MAIN_ROWS)
    assert sorted(trace.phi_rows) == list(range(len(trace.phi_rows)))
    assert trace.pixel is not None


def test_text_and_jsonl_hold_the_same_numbers(log):
    trace = traced("mosaic_phi")
    text = read_trace(log(*text_rows(trace)))
    json = read_trace(log(*jsonl_rows(trace)))
    assert text.pixel == json.pixel == (trace.spixel, trace.fpixel)
    assert text.program == json.program == "nbsim"
    assert list(text.values) == list(json.values)
    for name, numbers in text.values.items():
        assert numbers == pytest.approx(json.values[name], rel=1e-14), name
    assert text.phi_rows.keys() == json.phi_rows.keys() == {0, 1, 2}
    for tic, row in text.phi_rows.items():
        assert row == pytest.approx(json.phi_rows[tic], rel=1e-14)


def test_rows_between_other_output(log):
    trace = read_trace(
        log("Hello.", "TRACE_C: polar 0.5", PHI, "TRACE_C: note by hand", "bye", end="")
    )
    assert trace.values == {"polar": (0.5,)}
    assert trace.phi_rows[0]["k_frac"] == 1.5
    assert trace.not_numbers == ["note"]
    assert trace.pixel is None


def test_first_of_repeated_rows_counts(log):
    trace = read_trace(log("TRACE_C: polar 0.5", "TRACE_C: polar 0.6", PHI, PHI))
    assert trace.values["polar"] == (0.5,)


def test_several_pixels(log):
    first, second = traced("mosaic_phi"), traced("phi_sweep")
    path = log(*text_rows(first), *text_rows(second))
    assert [t.pixel for t in read_traces(path)] == [(20, 41), (17, 50)]
    assert read_trace(path, (17, 50)).values["steps"] == (7.0,)
    with pytest.raises(ValueError, match="has 2 pixels .* choose one with --pixel"):
        read_trace(path)
    with pytest.raises(ValueError, match="no trace of pixel slow 1, fast 2"):
        read_trace(path, (1, 2))


@pytest.mark.parametrize(
    "lines, message",
    [
        (["TRACE_C: rot_a_angstroms 1 2"], "trace.log:1: the row rot_a_angstroms is"),
        (["", "TRACE_C: polar"], "trace.log:2: the row polar is cut short"),
        (["TRACE_C: polar 0.9e-"], "expected 1 number, got 0.9e-"),
        ([PHI, PHI[:40]], "trace.log:2: the row of a phi step .* no F_latt_b, F_latt"),
        ([PHI + "x"], "F_latt=3x"),
        (['{"row": "TRACE_PY", "name": "polar", "val'], "trace.log:1: not a json"),
        (["just", "words"], "no trace rows"),
        (['{"row": "TRACE_CONFIG", "spixel": 1, "fpixel": 2}'], "no trace rows"),
    ],
)
def test_damaged_logs(lines, message, log):
    with pytest.raises(FileError, match=message):
        read_trace(log(*lines))


def test_row_without_end_of_line_is_cut_short(log):
    with pytest.raises(FileError, match="trace.log:2: the last row is cut short"):
        read_trace(log("TRACE_C: polar 0.5", "TRACE_C: steps 1", end=""))


def test_missing_and_empty_logs(tmp_path, log):
    with pytest.raises(FileError, match="cannot read trace log .*: there is no such"):
        read_trace(tmp_path / "none.log")
    with pytest.raises(FileError, match="empty"):
        read_trace(log("", end=""))
    with pytest.raises(FileError, match="empty"):
        read_trace(log("  ", ""))


def test_pixel_of_a_golden_log():
    assert read_trace(SEED).pixel == SEED_PIXEL
    assert read_trace(SEED, SEED_PIXEL).pixel == SEED_PIXEL


def test_rows_of_the_set_up_are_no_pixel(log):
    # An instrumented C program and the PyTorch port print these before the pixel.
    set_up = (
        "TRACE_C:detector_convention=CUSTOM",
        "TRACE_C:Rx=[1 0 0; 0 1 -0; 0 0 1]",
        "TRACE_C:term_fast=-0.001 0.005 -0.051",
        "TRACE_C:pix0_vector=0.1 0.05 -0.05",
    )
    pixel = ("TRACE_CONFIG: tracing pixel (spixel=3, fpixel=4)", "TRACE_C: polar 0.5")
    (trace,) = read_traces(log(*set_up, *pixel, "TRACE_C: I_pixel_final 2", PHI))
    assert trace.pixel == (3, 4)
    assert trace.values["term_fast"] == (-0.001, 0.005, -0.051)
    assert trace.values["polar"] == (0.5,) and trace.phi_rows
    assert trace.not_numbers == ["detector_convention", "Rx"]


def test_a_pixel_without_a_name_before_one_with_a_name(log):
    named = ("TRACE_CONFIG: tracing pixel (spixel=3, fpixel=4)", "TRACE_C: polar 0.5")
    traces = read_traces(log("TRACE_C: I_pixel_final 2", *named))
    assert [trace.pixel for trace in traces] == [None, (3, 4)]


def test_values_that_the_port_did_not_record_are_missing(log):
    trace = read_trace(
        log(
            "TRACE_PY: I_before_scaling NOT_EXTRACTED",
            "TRACE_PY: F_latt NOT_EXTRACTED",
            "TRACE_PY: I_before_scaling_pre_polar 12.5",
            "TRACE_PY: I_before_scaling_post_polar 11",
        )
    )
    assert trace.values["I_before_scaling"] == (12.5,)
    assert "F_latt" not in trace.values and "F_latt" in trace.not_numbers
