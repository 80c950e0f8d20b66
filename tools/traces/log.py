# SPDX-License-Identifier: MIT
"""Read traces: logs of an instrumented C program, nbsim's text rows and its jsonl."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbsim.errors import FileError
from nbsim.formats.files import read_bytes

#: Main rows in the order in which a simulator works them out, with how many numbers.
MAIN_ROWS = {
    "pix0_vector_meters": 3,
    "fdet_vec": 3,
    "sdet_vec": 3,
    "pixel_pos_meters": 3,
    "R_distance_meters": 1,
    "omega_pixel_sr": 1,
    "close_distance_meters": 1,
    "obliquity_factor": 1,
    "diffracted_vec": 3,
    "incident_vec": 3,
    "lambda_meters": 1,
    "lambda_angstroms": 1,
    "scattering_vec_A_inv": 3,
    "rot_a_angstroms": 3,
    "rot_b_angstroms": 3,
    "rot_c_angstroms": 3,
    "rot_a_star_A_inv": 3,
    "rot_b_star_A_inv": 3,
    "rot_c_star_A_inv": 3,
    "hkl_frac": 3,
    "hkl_rounded": 3,
    "F_latt_a": 1,
    "F_latt_b": 1,
    "F_latt_c": 1,
    "F_latt": 1,
    "F_cell": 1,
    "I_before_scaling": 1,
    "r_e_meters": 1,
    "r_e_sqr": 1,
    "fluence_photons_per_m2": 1,
    "steps": 1,
    "oversample_thick": 1,
    "oversample_polar": 1,
    "oversample_omega": 1,
    "capture_fraction": 1,
    "polar": 1,
    "omega_pixel": 1,
    "cos_2theta": 1,
    "I_pixel_final": 1,
    "floatimage_accumulated": 1,
}
#: Fields that every row of a phi step has.
PHI_FIELDS = ("phi_tic", "phi_deg", "k_frac", "F_latt_b", "F_latt")

_MAIN = re.compile(r"TRACE_(C|PY):\s*([^\s=]+)[\s=]*(.*)")
_PHI = re.compile(r"TRACE_(C|PY)_PHI\b\s*(.*)")
_PIXEL = re.compile(r"TRACE_CONFIG:.*spixel=(\d+), *fpixel=(\d+)")
_GOLDEN_PIXEL = re.compile(r"# pixel slow=(\d+) fast=(\d+)")
_SIDES = {"C": "C program", "PY": "nbsim"}
#: What the PyTorch port writes for a value that it did not record.
_ABSENT = "NOT_EXTRACTED"
#: Its name for the sum before polarization, which is what the C program prints.
_ALIASES = {"I_before_scaling_pre_polar": "I_before_scaling"}
#: Rows that only a pixel has: without them, a log has not got beyond its set-up.
_OF_A_PIXEL = {"pixel_pos_meters", "hkl_frac", "I_before_scaling", "I_pixel_final"}


@dataclass
class TraceLog:
    """One traced pixel.

    Attributes
    ----------
    path
        The file it was read from.
    pixel
        (slow, fast); None when the file does not say.
    values
        Main rows by name, in the order of the file.
    phi_rows
        Fields of each phi step, by phi_tic.
    not_numbers
        Names of rows that hold words, which cannot be compared.
    program
        "C program" or "nbsim", from the rows' first word.
    """

    path: str
    pixel: tuple[int, int] | None = None
    values: dict[str, tuple[float, ...]] = field(default_factory=dict)
    phi_rows: dict[int, dict[str, float]] = field(default_factory=dict)
    not_numbers: list[str] = field(default_factory=list)
    program: str = ""

    @property
    def has_rows(self) -> bool:
        return bool(self.values or self.phi_rows)


def read_trace(path: str | Path, pixel: tuple[int, int] | None = None) -> TraceLog:
    """Read the trace of one pixel.

    Parameters
    ----------
    path
        The log.
    pixel
        Which one of several; may be None where there is only one.

    Raises
    ------
    FileError
        For a file that is missing, empty, cut short or without trace rows.
    ValueError
        When the pixel is not in the file, or has to be named.
    """
    traces = read_traces(path)
    if pixel is None:
        if len(traces) > 1:
            raise ValueError(
                f"{path} has {len(traces)} pixels ({_listed(traces)}); choose one with "
                "--pixel SLOW FAST"
            )
        return traces[0]
    for trace in traces:
        if trace.pixel == pixel or (trace.pixel is None and len(traces) == 1):
            return trace
    raise ValueError(
        f"{path} has no trace of pixel slow {pixel[0]}, fast {pixel[1]}, "
        f"only of {_listed(traces)}"
    )


def read_traces(path: str | Path) -> list[TraceLog]:
    """Read all pixels of a log; see `read_trace`."""
    text = read_bytes(path, "trace log").decode("utf-8", errors="replace")
    if not text.strip():
        raise FileError(f"trace log {path} is empty")
    rows = text.splitlines()
    reader = _Reader(str(path))
    if text.lstrip().startswith("{"):
        for number, row in enumerate(rows, start=1):
            reader.take_json(number, row)
    else:
        for number, row in enumerate(rows, start=1):
            reader.take_text(number, row)
        if rows[-1].startswith("TRACE_") and not text.endswith("\n"):
            raise FileError(
                f"{path}:{len(rows)}: the last row is cut short, it has no end of line"
            )
    traces = [trace for trace in reader.traces if trace.has_rows]
    if not traces:
        raise FileError(
            f"{path}: no trace rows, expected lines that begin with TRACE_C: or "
            "TRACE_PY:, or json objects with a row name"
        )
    return traces


class _Reader:
    """Collects rows; every TRACE_CONFIG line begins another pixel."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.traces = [TraceLog(path)]

    def take_text(self, number: int, line: str) -> None:
        where = f"{self.path}:{number}"
        if found := _PIXEL.search(line) or _GOLDEN_PIXEL.match(line):
            self._begin((int(found[1]), int(found[2])))
        elif found := _MAIN.match(line):
            self._main(where, found[1], found[2], found[3].split())
        elif found := _PHI.match(line):
            pairs = [word.partition("=") for word in found[2].split()]
            self._phi(where, found[1], {name: value for name, _, value in pairs})

    def take_json(self, number: int, line: str) -> None:
        where = f"{self.path}:{number}"
        if not line.strip():
            return
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            raise FileError(
                f"{where}: not a json object, the row is cut short"
            ) from None
        kind = row.get("row") if isinstance(row, dict) else None
        if kind == "TRACE_CONFIG" and {"spixel", "fpixel"} <= set(row):
            self._begin((row["spixel"], row["fpixel"]))
        elif kind == "TRACE_PY" and "name" in row:
            value = row.get("value")
            words = value if isinstance(value, list) else [value]
            self._main(where, "PY", row["name"], words)
        elif kind == "TRACE_PY_PHI":
            self._phi(where, "PY", {n: v for n, v in row.items() if n != "row"})

    def _begin(self, pixel: tuple[int, int]) -> None:
        last = self.traces[-1]
        only_set_up = not last.phi_rows and not _OF_A_PIXEL & set(last.values)
        if only_set_up and last.pixel in (None, pixel):
            last.pixel = pixel
        else:
            self.traces.append(TraceLog(self.path, pixel))

    def _main(self, where: str, side: str, name: str, words: list[Any]) -> None:
        trace = self._trace(side)
        name = _ALIASES.get(name, name)
        if words[:1] == [_ABSENT]:
            trace.not_numbers.append(name)
            return
        expected = MAIN_ROWS.get(name)
        numbers = [_number(word) for word in words]
        if expected is None and (not numbers or None in numbers):
            trace.not_numbers.append(name)
            return
        if expected not in (None, len(numbers)) or None in numbers:
            raise FileError(
                f"{where}: the row {name} is cut short or damaged: expected "
                f"{_counted(expected)}, got {' '.join(map(str, words)) or 'nothing'}"
            )
        # Programs that print every evaluation: the first one is what is compared.
        trace.values.setdefault(name, tuple(x for x in numbers if x is not None))

    def _phi(self, where: str, side: str, words: dict[str, Any]) -> None:
        numbers = {name: _number(value) for name, value in words.items()}
        # Absent in jsonl, NaN in text: crystals without a factor per axis.
        absent = [
            n for n, w in words.items() if w is None or (side, w) == ("PY", "nan")
        ]
        for name in absent:
            del numbers[name]
        missing = [name for name in PHI_FIELDS if name not in words]
        bad = [f"{name}={words[name]}" for name, x in numbers.items() if x is None]
        if missing or bad:
            raise FileError(
                f"{where}: the row of a phi step is cut short or damaged: "
                f"{'no ' + ', '.join(missing) if missing else ', '.join(bad)}"
            )
        row = {name: x for name, x in numbers.items() if x is not None}
        self._trace(side).phi_rows.setdefault(int(row["phi_tic"]), row)

    def _trace(self, side: str) -> TraceLog:
        self.traces[-1].program = _SIDES[side]
        return self.traces[-1]


def _number(word: Any) -> float | None:
    if isinstance(word, (int, float)) and not isinstance(word, bool):
        return float(word)
    try:
        return float(word)
    except (TypeError, ValueError):
        return None


def _counted(count: int | None) -> str:
    return "1 number" if count == 1 else f"{count} numbers"


def _listed(traces: list[TraceLog]) -> str:
    pixels = [trace.pixel for trace in traces if trace.pixel is not None]
    shown = [f"slow {slow}, fast {fast}" for slow, fast in pixels[:5]]
    return "; ".join(shown + ["..."] * (len(pixels) > 5)) or "a pixel without a name"


def check_same_pixel(one: TraceLog, other: TraceLog) -> None:
    """Refuse traces of two different pixels.

    Raises
    ------
    ValueError
    """
    if None not in (one.pixel, other.pixel) and one.pixel != other.pixel:
        raise ValueError(
            f"different pixels: {one.path} traces {_listed([one])}, "
            f"{other.path} traces {_listed([other])}"
        )


def phi_steps(one: TraceLog, other: TraceLog) -> Iterator[int]:
    """Yield every phi_tic that at least one of two traces has, in order."""
    yield from sorted(set(one.phi_rows) | set(other.phi_rows))


def rounded_index(index: float) -> int:
    """Return the nearest whole index, halves down, as the simulators do."""
    return math.ceil(index - 0.5)
