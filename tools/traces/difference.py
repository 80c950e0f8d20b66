# SPDX-License-Identifier: MIT
"""Differences between two traces, quantity by quantity, in computation order."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nbsim.errors import FileError
from nbsim.tools.traces.log import MAIN_ROWS, TraceLog, check_same_pixel, phi_steps

PASS, MINOR, DIVERGENT, CRITICAL = "PASS", "MINOR", "DIVERGENT", "CRITICAL"
#: Not counted: the C program keeps the reciprocal vectors of the start of the run.
EXPECTED = "EXPECTED"
#: Below this relative difference it is MINOR, as the PyTorch port's script has it.
MINOR_RELATIVE = 1e-4
#: From this relative difference on it is CRITICAL.
CRITICAL_RELATIVE = 1e-2
#: One unit in the last place of single precision: what an image file holds.
SINGLE_ULP = 1.2e-7
#: How far rounding alone takes printed vectors from being reciprocal to each other.
RECIPROCAL_TOLERANCE = 1e-9

#: Of a value that one of the logs lacks.
MISSING = "MISSING"
#: From the sum of a pixel to its photons.
SCALING_CHAIN = {
    "I_before_scaling": "sum over all evaluations, before any factor",
    "r_e_sqr": "Thomson cross section, m^2",
    "fluence_photons_per_m2": "incident photons per m^2",
    "steps": "evaluations that the sum is divided by",
    "capture_fraction": "fraction of the photons that the sensor absorbs",
    "polar": "polarization factor",
    "omega_pixel": "solid angle of the pixel, sr",
    "cos_2theta": "cosine of the scattering angle",
    "I_pixel_final": "photons in the pixel",
}
#: Rows of the first evaluation, so that they belong to the first phi step.
AT_FIRST_PHI = (
    "rot_a_angstroms",
    "rot_b_angstroms",
    "rot_c_angstroms",
    "rot_a_star_A_inv",
    "rot_b_star_A_inv",
    "rot_c_star_A_inv",
    "hkl_frac",
    "hkl_rounded",
    "F_latt_a",
    "F_latt_b",
    "F_latt_c",
    "F_latt",
    "F_cell",
)
STARS = ("rot_a_star_A_inv", "rot_b_star_A_inv", "rot_c_star_A_inv")
REAL = ("rot_a_angstroms", "rot_b_angstroms", "rot_c_angstroms")
#: Fields of a phi step in computation order.
PHI_ORDER = (
    "phi_deg",
    "S_x",
    "S_y",
    "S_z",
    "V_actual",
    "a_star_y",
    "b_star_y",
    "c_star_y",
    "h_frac",
    "k_frac",
    "l_frac",
    "h",
    "k",
    "l",
    "F_latt_a",
    "F_latt_b",
    "F_latt_c",
    "F_latt",
)
#: Differences of these are judged against at least 1: an index, and a grating
#: function that swings by 1 or more, are no more exact where they cross zero.
AT_LEAST_ONE = {
    "phi_deg",
    "hkl_frac",
    "h_frac",
    "k_frac",
    "l_frac",
    "F_latt_a",
    "F_latt_b",
    "F_latt_c",
    "F_latt",
    "cos_2theta",
}
#: Components of one vector that have rows of their own.
SIBLINGS = (("S_x", "S_y", "S_z"), ("a_star_y", "b_star_y", "c_star_y"))
AXES = ("x", "y", "z")


@dataclass(frozen=True)
class Difference:
    """One number of both traces.

    Attributes
    ----------
    row
        "main", or "phi" for a field of the row of a phi step.
    name
        Row or field.
    component
        "x", "y" or "z" of a vector, "h", "k" or "l" of an index, else "".
    phi_tic
        The phi step it belongs to; None: to the whole pixel.
    c, py
        The values.
    relative
        |difference| over the size of the quantity: its value, the length of the
        vector, and at least 1 for indices and lattice factors.
    ulps
        |difference| in units in the last place of a double.
    status
        PASS, MINOR, DIVERGENT, CRITICAL or EXPECTED.
    """

    row: str
    name: str
    component: str
    phi_tic: int | None
    c: float
    py: float
    relative: float
    ulps: float
    status: str

    @property
    def absolute(self) -> float:
        return abs(self.py - self.c)

    @property
    def diverges(self) -> bool:
        return self.status not in (PASS, EXPECTED)

    @property
    def label(self) -> str:
        """The name as the reports write it."""
        return f"{self.name}.{self.component}" if self.component else self.name


@dataclass(frozen=True)
class Comparison:
    """Everything that two traces share, and what they do not.

    Attributes
    ----------
    differences
        In computation order.
    only_c, only_py
        Names that one trace alone has; phi fields as ``phi.NAME``.
    stale_reciprocal
        Why the reciprocal vectors may differ; None when there is no reason.
    """

    tolerance: float
    differences: tuple[Difference, ...]
    only_c: tuple[str, ...]
    only_py: tuple[str, ...]
    stale_reciprocal: str | None

    @property
    def first_divergence(self) -> Difference | None:
        return next((d for d in self.differences if d.diverges), None)

    @property
    def diverging_phi_tics(self) -> list[int]:
        """Phi steps in which anything diverges."""
        tics = {d.phi_tic for d in self.differences if d.diverges}
        return sorted(tic for tic in tics if tic is not None)

    @property
    def agrees(self) -> bool:
        return self.first_divergence is None


def compare(c: TraceLog, py: TraceLog, tolerance: float) -> Comparison:
    """Compare two traces of the same pixel.

    Raises
    ------
    ValueError
        For different pixels.
    FileError
        When the traces have no row in common.
    """
    check_same_pixel(c, py)
    stale = stale_reciprocal(c, py)
    found = [*_main_differences(c, py, tolerance, stale is not None)]
    before_sum = [d for d in found if _order(d.name) < _order("I_before_scaling")]
    after = found[len(before_sum) :]
    differences = (*before_sum, *_phi_differences(c, py, tolerance), *after)
    if not differences:
        raise FileError(f"{c.path} and {py.path} have no row in common")
    return Comparison(
        tolerance=tolerance,
        differences=differences,
        only_c=_only_in(c, py),
        only_py=_only_in(py, c),
        stale_reciprocal=stale,
    )


def _order(name: str) -> int:
    names = list(MAIN_ROWS)
    return names.index(name) if name in MAIN_ROWS else len(names)


def _main_differences(
    c: TraceLog, py: TraceLog, tolerance: float, stale: bool
) -> Iterator[Difference]:
    first_phi = min(phi_steps(c, py), default=0)
    for name in sorted((n for n in c.values if n in py.values), key=_order):
        pair = c.values[name], py.values[name]
        if len(pair[0]) != len(pair[1]):
            raise FileError(
                f"{name}: {len(pair[0])} numbers in {c.path}, "
                f"{len(pair[1])} in {py.path}"
            )
        scale = _scale(name, *pair)
        phi_tic = first_phi if name in AT_FIRST_PHI else None
        expected = stale and name in STARS
        components: tuple[str, ...] = ("",)
        if len(pair[0]) > 1:
            components = tuple("hkl") if name.startswith("hkl") else AXES
        for component, one, other in zip(components, *pair):
            difference = _difference(name, one, other, scale, tolerance)
            if expected and difference[2] != PASS:
                difference = (*difference[:2], EXPECTED)
            yield Difference("main", name, component, phi_tic, one, other, *difference)


def _phi_differences(
    c: TraceLog, py: TraceLog, tolerance: float
) -> Iterator[Difference]:
    for phi_tic in phi_steps(c, py):
        rows = c.phi_rows.get(phi_tic, {}), py.phi_rows.get(phi_tic, {})
        for name in PHI_ORDER:
            if name in rows[0] and name in rows[1]:
                family = next((s for s in SIBLINGS if name in s), (name,))
                sizes = ([row[n] for n in family if n in row] for row in rows)
                difference = _difference(
                    name, rows[0][name], rows[1][name], _scale(name, *sizes), tolerance
                )
                yield Difference(
                    "phi", name, "", phi_tic, rows[0][name], rows[1][name], *difference
                )


def _scale(name: str, *values: tuple[float, ...] | list[float]) -> float:
    size = max(math.hypot(*value) for value in values)
    return max(size, 1.0) if name in AT_LEAST_ONE else size


def _difference(
    name: str, one: float, other: float, scale: float, tolerance: float
) -> tuple[float, float, str]:
    """Return the relative difference, the ulps and the status."""
    if one == other or (math.isnan(one) and math.isnan(other)):
        return 0.0, 0.0, PASS
    if not (math.isfinite(one) and math.isfinite(other)):
        return math.inf, math.inf, CRITICAL
    absolute = abs(other - one)
    relative = absolute / scale
    ulps = absolute / math.ulp(max(abs(one), abs(other)))
    allowed = tolerance
    if name == "floatimage_accumulated":
        allowed = max(tolerance, SINGLE_ULP)
    if relative <= allowed:
        return relative, ulps, PASS
    if relative >= CRITICAL_RELATIVE:
        return relative, ulps, CRITICAL
    return relative, ulps, MINOR if relative < MINOR_RELATIVE else DIVERGENT


def _only_in(one: TraceLog, other: TraceLog) -> tuple[str, ...]:
    names = [name for name in one.values if name not in other.values]
    names += one.not_numbers
    tics = [tic for tic in one.phi_rows if tic not in other.phi_rows]
    names += [f"phi_tic={tic}" for tic in tics]
    fields = {n: None for row in one.phi_rows.values() for n in row}
    known = {n for row in other.phi_rows.values() for n in row}
    if other.phi_rows:
        names += [f"phi.{name}" for name in fields if name not in known]
    return tuple(names)


def stale_reciprocal(c: TraceLog, py: TraceLog) -> str | None:
    """Say why the reciprocal vectors of one trace do not belong to its real ones.

    The C program prints those that it had before the phi loop, and scales them by
    the volume that -cell asks for. That is the case, and no error, when the vectors
    of one trace are reciprocal to its real ones, those of the other are not, and the
    two sets differ by one rotation and one factor.
    """
    if any(name not in trace.values for trace in (c, py) for name in (*REAL, *STARS)):
        return None
    errors = [_reciprocal_error(trace) for trace in (c, py)]
    if (errors[0] > RECIPROCAL_TOLERANCE) == (errors[1] > RECIPROCAL_TOLERANCE):
        return None
    odd, good = (c, py) if errors[0] > errors[1] else (py, c)
    printed, other = _vectors(odd, STARS), _vectors(good, STARS)
    factor = _same_shape(printed, other)
    if factor is None:
        return None
    own = np.linalg.inv(_vectors(odd, REAL)).T
    angle = _angle_between(printed / factor, own)
    turned = f"turned by {angle:.6g} degrees" if angle > 1e-9 else "not turned"
    return (
        f"the reciprocal vectors that {odd.path} prints do not belong to its own "
        f"rotated cell: against that they are {turned} and scaled by {factor:.9g} "
        "(the C program prints those from before the phi loop)"
    )


def _same_shape(vectors: np.ndarray, others: np.ndarray) -> float | None:
    """Return the factor between two sets that are otherwise one rotation apart."""
    gram, other_gram = vectors @ vectors.T, others @ others.T
    factor_sqr = float(np.trace(gram) / np.trace(other_gram))
    error = np.abs(gram / factor_sqr - other_gram).max()
    if not error <= RECIPROCAL_TOLERANCE * np.abs(other_gram).max():
        return None
    return math.sqrt(factor_sqr)


def _angle_between(vectors: np.ndarray, others: np.ndarray) -> float:
    """Return the angle [degrees] of the rotation that takes one set to the other."""
    turn = np.linalg.solve(others, vectors)
    # From the antisymmetric part, which is exact for the small angles of phi steps.
    axis = [turn[1, 2] - turn[2, 1], turn[2, 0] - turn[0, 2], turn[0, 1] - turn[1, 0]]
    return math.degrees(math.atan2(math.hypot(*axis), np.trace(turn) - 1.0))


def _vectors(trace: TraceLog, names: tuple[str, ...]) -> np.ndarray:
    return np.array([trace.values[name] for name in names])


def _reciprocal_error(trace: TraceLog) -> float:
    products = _vectors(trace, REAL) @ _vectors(trace, STARS).T
    return float(np.abs(products - np.eye(3)).max())
