# SPDX-License-Identifier: MIT
"""Indices and lattice factors of two traces against phi, side by side."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nbsim.tools.traces.grating import cells_along, grating, grating_slope
from nbsim.tools.traces.log import TraceLog, phi_steps, rounded_index

#: Numbers of a phi step, and whether they are whole.
FIELDS = {
    "h_frac": False,
    "k_frac": False,
    "l_frac": False,
    "h": True,
    "k": True,
    "l": True,
    "F_latt_a": False,
    "F_latt_b": False,
    "F_latt_c": False,
    "F_latt": False,
}


@dataclass(frozen=True)
class PhiStep:
    """One phi step in both traces.

    Attributes
    ----------
    phi_tic, phi_deg
        Which step.
    c, py
        The numbers of `FIELDS`; None where the trace does not have one.
    slope
        dF_latt_b/dk at the first trace's k (at the second's where it has none).
    explained
        Change of F_latt_b that the grating function makes of the change of k.
    """

    phi_tic: int
    phi_deg: float
    c: dict[str, float | None]
    py: dict[str, float | None]
    slope: float | None
    explained: float | None

    def difference(self, name: str) -> float | None:
        """Return second minus first; None where one is missing."""
        c, py = self.c[name], self.py[name]
        return None if c is None or py is None else py - c

    def diverges(self, k_tolerance: float) -> bool:
        """Whether k differs by more than the tolerance."""
        delta_k = self.difference("k_frac")
        # A NaN compares false both ways and must not pass for agreement.
        return delta_k is not None and not abs(delta_k) <= k_tolerance


@dataclass(frozen=True)
class PhiTable:
    """All phi steps, and the number of cells along b that explains F_latt_b."""

    steps: tuple[PhiStep, ...]
    N_b: int | None

    def first_divergence(self, k_tolerance: float) -> PhiStep | None:
        """Return the first step whose k differs by more than the tolerance."""
        return next((s for s in self.steps if s.diverges(k_tolerance)), None)

    def entries(self) -> list[dict[str, Any]]:
        """Return the second trace's steps, whole indices as integers."""
        return [
            {"phi_tic": s.phi_tic, "phi_deg": s.phi_deg, **_whole(s.py)}
            for s in self.steps
        ]

    def as_json(self, k_tolerance: float) -> dict[str, Any]:
        """Return the table as json content."""
        first = self.first_divergence(k_tolerance)
        return {
            "k_tolerance": k_tolerance,
            "N_b": self.N_b,
            "first_divergence": None if first is None else _step_json(first),
            "diverging_phi_tics": [
                s.phi_tic for s in self.steps if s.diverges(k_tolerance)
            ],
            "rows": [_step_json(step) for step in self.steps],
        }


def port_keys(
    pixel: tuple[int, int] | None, config: str | None, entries: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return nbsim's phi steps under the keys of the PyTorch port's harness.

    Its comparison scripts read `per_phi_entries`, older ones `traces`.

    Parameters
    ----------
    pixel
        (slow, fast); None: the log does not say.
    config
        Name or file of the configuration; None: there was none.
    entries
        A dict for each step.
    """
    slow, fast = pixel or (None, None)
    return {
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "pixel": {"slow": slow, "fast": fast},
        "config": config,
        "device": "cpu",
        "dtype": "float64",
        "per_phi_entries": entries,
        "traces": entries,
    }


def phi_table(c: TraceLog, py: TraceLog) -> PhiTable:
    """Put the phi steps of two traces side by side."""
    tics = list(phi_steps(c, py))
    rows = [(_row(c, tic, tics), _row(py, tic, tics)) for tic in tics]
    N_b = _cells([pair[1] for pair in rows]) or _cells([pair[0] for pair in rows])
    steps = []
    for tic, (first, second) in zip(tics, rows):
        one, other = first["k_frac"], second["k_frac"]
        at = other if one is None else one
        steps.append(
            PhiStep(
                phi_tic=tic,
                phi_deg=(py.phi_rows.get(tic) or c.phi_rows[tic])["phi_deg"],
                c=first,
                py=second,
                slope=grating_slope(at, N_b) if N_b and at is not None else None,
                explained=(
                    None
                    if not N_b or one is None or other is None
                    else grating(other, N_b) - grating(one, N_b)
                ),
            )
        )
    return PhiTable(tuple(steps), N_b)


def _row(trace: TraceLog, tic: int, tics: Sequence[int]) -> dict[str, float | None]:
    """Return the numbers of a step; the main rows add to those of the first one."""
    row: dict[str, float] = {}
    if tic == tics[0] and tic in trace.phi_rows:
        for names, name in (
            (("h_frac", "k_frac", "l_frac"), "hkl_frac"),
            (("F_latt_a",), "F_latt_a"),
            (("F_latt_c",), "F_latt_c"),
        ):
            row.update(zip(names, trace.values.get(name, ())))
    row.update(trace.phi_rows.get(tic, {}))
    for index in "hkl":
        if index not in row and f"{index}_frac" in row:
            row[index] = float(rounded_index(row[f"{index}_frac"]))
    return {name: row.get(name) for name in FIELDS}


def _cells(rows: Sequence[dict[str, float | None]]) -> int | None:
    pairs = [(row["k_frac"], row["F_latt_b"]) for row in rows]
    known = [(k, F) for k, F in pairs if k is not None and F is not None]
    return cells_along([k for k, _ in known], [F for _, F in known])


def _step_json(step: PhiStep) -> dict[str, Any]:
    return {
        "phi_tic": step.phi_tic,
        "phi_deg": step.phi_deg,
        "c": _whole(step.c),
        "py": _whole(step.py),
        "difference": _whole({name: step.difference(name) for name in FIELDS}),
        "dF_latt_b_dk": step.slope,
        "delta_F_latt_b_from_k": step.explained,
    }


def _whole(numbers: dict[str, float | None]) -> dict[str, int | float | None]:
    return {
        name: int(value) if FIELDS[name] and value is not None else value
        for name, value in numbers.items()
    }
