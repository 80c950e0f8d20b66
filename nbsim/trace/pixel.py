# SPDX-License-Identifier: MIT
"""Everything that goes into one pixel, from the functions that render the image.

The main rows describe the first evaluation of the pixel (first layer, subpixel,
source, phi step and mosaic domain) and then the way from the sum to photons; the
names and their order are those of an instrumented nanoBragg.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model import validate
from ..model.validate import Vector
from ..resolve.amounts import R_E_SQR
from ..resolve.run import Setup
from ..resolve.vectors import cross, dot, scaled

if TYPE_CHECKING:
    from ..kernels.params import Job, Pixels

Value = int | float | tuple[float, ...]
#: Evaluations that a trace holds in memory, about 1 GB.
MOST_EVALUATIONS = 2_000_000

#: One evaluation: lengths in m, scattering in 1/m.
EVALUATION = np.dtype(
    [
        ("layer", int),
        ("subS", int),
        ("subF", int),
        ("source", int),
        ("phi_tic", int),  # -1: the resolution limit left this source out
        ("mos_tic", int),
        ("pixel_pos", float, 3),
        ("diffracted", float, 3),
        ("incident", float, 3),
        ("scattering", float, 3),
        ("wavelength", float),
        ("airpath", float),
        ("omega_pixel", float),
        ("capture_fraction", float),
        ("polar", float),
        ("h_frac", float),
        ("k_frac", float),
        ("l_frac", float),
        ("F_latt_a", float),
        ("F_latt_b", float),
        ("F_latt_c", float),
        ("F_latt", float),
        ("F_cell", float),
        ("interpolated", bool),
        ("counted", bool),  # False: nothing was added
        ("weight", float),  # of the ray (model physical), part of its terms; else 1
        ("term", float),
        ("factor", float),
        ("I", float),
    ]
)


@dataclass(frozen=True, eq=False)
class Trace:
    """The numbers behind one pixel.

    Attributes
    ----------
    spixel, fpixel
        The pixel, slow and fast.
    values
        Main rows by name: a whole number, a number or three numbers.
    phi_rows
        One table row per phi step, for the first source, subpixel, layer and domain.
    evaluations
        All evaluations, in loop order, as records of `EVALUATION`. The sum of the
        pixel is ``I = I_background; for e in evaluations: I = (I + term) * factor``;
        `factor` is 1 unless an -oversample_ flag multiplies the running sum. In model
        physical `term` includes the ray's `weight`: solid angle, capture fraction,
        polarization and the source's share.
    I_background
        What the sum starts with (model physical: the weighted background of all rays).
    """

    spixel: int
    fpixel: int
    values: dict[str, Value]
    phi_rows: tuple[dict[str, int | float], ...]
    evaluations: np.ndarray
    I_background: float


def trace_pixel(setup: Setup, slow: int, fast: int) -> Trace:
    """Evaluate one pixel and keep all numbers.

    Parameters
    ----------
    setup
        The run that the pixel belongs to. With ``phi_carryover`` or interpolation
        the pixel is in the state that the pixels before it leave behind.
    slow, fast
        The pixel.

    Raises
    ------
    ValueError
        When the pixel is not rendered, or has too many evaluations to keep.
    """
    from ..backends import driver
    from ..kernels.entries import record_pixel
    from ..kernels.reference.columns import COLUMNS, LAYER

    check_pixel(setup, slow, fast)
    if len(setup.panels) > 1:
        return _on_panel(setup, slow, fast)
    if setup.separate_channels:
        raise ValueError(
            "a trace of this spectrum: with these options model c makes every channel "
            "an image of its own; trace Simulation.channel(0), or leave out -spectrum"
        )
    evaluations = setup.steps * setup.sensor.thicksteps
    if evaluations > MOST_EVALUATIONS:
        raise ValueError(
            f"a trace of this simulation has {evaluations} evaluations per pixel; "
            f"at most {MOST_EVALUATIONS} can be kept"
        )
    job = driver.build_job(setup)
    pixels = driver.build_pixels(setup, setup.bounds)
    interpolate, first = _state_before(setup, (slow, fast), job, pixels)
    record = np.full((evaluations, COLUMNS), np.nan)
    value = record_pixel(fast, slow, interpolate, first, job, record)
    record = record[~np.isnan(record[:, LAYER])]
    table = job.xtal.first_cell_vectors if first else job.xtal.cell_vectors
    rows = _evaluations(record, job, domains=len(table) // setup.phi.count)
    background = _weigh(rows, job)
    by_phi = _first_by_phi(rows)
    cells = [_Cell(*(scaled(v, 1e10) for v in cell)) for cell in table]
    cells = cells[:: len(table) // setup.phi.count]
    return Trace(
        spixel=slow,
        fpixel=fast,
        values={
            **_geometry_values(setup, rows[0]),
            **(_lattice_values(by_phi[0], cells[0]) if len(by_phi) else {}),
            **_scaling_values(setup, job, rows, value),
        },
        phi_rows=tuple(_phi_row(setup, row, cells[row["phi_tic"]]) for row in by_phi),
        evaluations=rows,
        I_background=background,
    )


def _on_panel(setup: Setup, slow: int, fast: int) -> Trace:
    """Trace a pixel of several panels; its numbers stay those of the image."""
    number = setup.panel_at(slow, fast)
    assert number is not None  # gaps are masked
    panel, own = setup.panels[number], setup.of_panel(number)
    assert own is not None
    trace = trace_pixel(own, slow - panel.slow, fast - panel.fast)
    return dataclasses.replace(trace, spixel=slow, fpixel=fast)


def check_pixel(setup: Setup, slow: int, fast: int) -> None:
    """Refuse a pixel that is not rendered, and say why it is not."""
    name = f"trace pixel slow {slow}, fast {fast}"
    spixels, fpixels = setup.image_shape
    for axis, index, count in (("slow", slow, spixels), ("fast", fast, fpixels)):
        if not 0 <= validate.integer(axis, index) < count:
            raise ValueError(
                f"{name}: outside the detector, whose {axis} pixels are "
                f"0 to {count - 1}"
            )
    xmin, xmax, ymin, ymax = setup.bounds
    if not (xmin <= fast <= xmax and ymin <= slow <= ymax):
        raise ValueError(
            f"{name}: outside the region of interest, slow {ymin} to {ymax}, "
            f"fast {xmin} to {xmax}"
        )
    if setup.panel_at(slow, fast) is None:
        raise ValueError(f"{name}: between the panels, so that it is not rendered")
    if setup.mask is not None and not setup.mask[slow, fast]:
        raise ValueError(f"{name}: under the mask, so that it is not rendered")


def _state_before(
    setup: Setup, pixel: tuple[int, int], job: Job, pixels: Pixels
) -> tuple[bool, bool]:
    """Return whether interpolation is on, and whether no phi loop has run yet.

    C quirk: both are left behind by the pixels rendered before. Where they can
    have changed, those pixels are rendered, because only their evaluations tell.
    """
    from ..backends.driver import pixel_at, render
    from ..kernels.entries import render_pixel

    interpolate = setup.interpolate
    first = setup.flags.phi_carryover
    geometry = setup.geometry
    scratch = np.zeros((geometry.spixels, geometry.fpixels), np.float32)
    rank = 0
    while first:
        fpixel, spixel = pixel_at(rank, pixels, job.det.fpixels)
        if (spixel, fpixel) == pixel:
            return interpolate, first
        interpolate, first = render_pixel(
            rank, interpolate, first, job, pixels, scratch.reshape(-1)
        )
        rank += 1
    if interpolate and not job.sampling.keep_interpolating:
        xmin, xmax, ymin, _ = setup.bounds
        rows = (xmin, xmax, ymin, pixel[0])
        reached = render(setup, scratch, rows, backend="cpu")
        if reached.out_of_range is not None:
            fpixel, spixel = reached.out_of_range
            interpolate = (spixel, fpixel) >= pixel
    return interpolate, first


def _evaluations(record: np.ndarray, job: Job, domains: int) -> np.ndarray:
    """Name the columns of the kernel's record."""
    from ..kernels.reference import columns

    names = {
        "layer": columns.LAYER,
        "subS": columns.SUB_S,
        "subF": columns.SUB_F,
        "source": columns.SOURCE,
        "wavelength": columns.WAVELENGTH,
        "airpath": columns.AIRPATH,
        "omega_pixel": columns.OMEGA_PIXEL,
        "capture_fraction": columns.CAPTURE_FRACTION,
        "polar": columns.POLAR,
        "h_frac": columns.H,
        "k_frac": columns.K,
        "l_frac": columns.L,
        "F_latt_a": columns.F_LATT_A,
        "F_latt_b": columns.F_LATT_B,
        "F_latt_c": columns.F_LATT_C,
        "F_latt": columns.F_LATT,
        "F_cell": columns.F_CELL,
        "I": columns.I_SUM,
    }
    vectors = {
        "pixel_pos": columns.POSITION,
        "diffracted": columns.DIFFRACTED,
        "incident": columns.INCIDENT,
        "scattering": columns.SCATTERING,
    }
    rows = np.zeros(len(record), EVALUATION)
    for name, column in names.items():
        rows[name] = record[:, column]
    for name, column in vectors.items():
        rows[name] = record[:, column : column + 3]
    orientation = record[:, columns.ORIENTATION].astype(int)
    left_out = orientation == columns.BEYOND_DMIN
    rows["phi_tic"] = np.where(left_out, -1, orientation // domains)
    rows["mos_tic"] = np.where(left_out, -1, orientation % domains)
    rows["counted"] = record[:, columns.COUNTED] == 1.0
    rows["interpolated"] = record[:, columns.INTERPOLATED] == 1.0
    rows["term"] = np.where(rows["counted"], record[:, columns.TERM], 0.0)
    rows["factor"] = np.where(rows["counted"], _factors(rows, job), 1.0)
    return rows


def _factors(rows: np.ndarray, job: Job) -> np.ndarray:
    """What the running sum is multiplied by after each term."""
    factor = np.ones(len(rows))
    if job.sampling.oversample_thick:
        factor *= rows["capture_fraction"]
    if job.sampling.oversample_polar:
        factor *= rows["polar"]
    if job.sampling.oversample_omega:
        factor *= rows["omega_pixel"]
    return factor


def _weigh(rows: np.ndarray, job: Job) -> float:
    """Put the weights of rays into their terms; return what the sum starts with."""
    rows["weight"] = 1.0
    if not job.sampling.per_ray:
        return job.sampling.I_bg
    share = job.beam.share[rows["source"]]
    rows["weight"] = rows["omega_pixel"] * rows["capture_fraction"] * rows["polar"]
    rows["weight"] *= share
    first_of_ray = (rows["phi_tic"] <= 0) & (rows["mos_tic"] <= 0)
    background = job.sampling.I_bg * float(rows["weight"][first_of_ray].sum())
    rows["term"] *= rows["weight"]
    rows["I"] = background + np.cumsum(rows["term"])
    return background


def _obliquity(setup: Setup, row: np.void) -> float:
    if not setup.physical:
        return setup.geometry.close_distance / float(row["airpath"])
    if setup.flags.curved:
        return 1.0
    return dot(row["diffracted"], setup.geometry.odet_vector)


def _first_by_phi(rows: np.ndarray) -> np.ndarray:
    """Return the first domain of every phi step of the pixel's first ray."""
    first = rows[0]
    same_ray = np.ones(len(rows), bool)
    for name in ("layer", "subS", "subF", "source"):
        same_ray &= rows[name] == first[name]
    return rows[same_ray & (rows["mos_tic"] == 0)]


@dataclass(frozen=True)
class _Cell:
    """A real cell [A] and the reciprocal one [1/A] of its actual volume."""

    a: Vector
    b: Vector
    c: Vector

    @property
    def volume(self) -> float:
        return dot(self.a, cross(self.b, self.c))

    @property
    def stars(self) -> tuple[Vector, Vector, Vector]:
        pairs = ((self.b, self.c), (self.c, self.a), (self.a, self.b))
        a, b, c = (scaled(cross(u, v), 1.0 / self.volume) for u, v in pairs)
        return a, b, c


def _floats(vector: Any) -> tuple[float, ...]:
    return tuple(float(x) for x in vector)


def _geometry_values(setup: Setup, row: np.void) -> dict[str, Value]:
    geometry = setup.geometry
    airpath = float(row["airpath"])
    return {
        "pix0_vector_meters": _floats(geometry.pix0_vector),
        "fdet_vec": _floats(geometry.fdet_vector),
        "sdet_vec": _floats(geometry.sdet_vector),
        "pixel_pos_meters": _floats(row["pixel_pos"]),
        "R_distance_meters": airpath,
        "omega_pixel_sr": float(row["omega_pixel"]),
        "close_distance_meters": geometry.close_distance,
        "obliquity_factor": float(_obliquity(setup, row)),
        "diffracted_vec": _floats(row["diffracted"]),
        "incident_vec": _floats(row["incident"]),
        "lambda_meters": float(row["wavelength"]),
        "lambda_angstroms": float(row["wavelength"]) * 1e10,
        # In 1/m whatever the name says: it is the C program's.
        "scattering_vec_A_inv": _floats(row["scattering"]),
    }


def _lattice_values(row: np.void, cell: _Cell) -> dict[str, Value]:
    a_star, b_star, c_star = cell.stars
    hkl = _floats(row[name] for name in ("h_frac", "k_frac", "l_frac"))
    values: dict[str, Value] = {
        "rot_a_angstroms": cell.a,
        "rot_b_angstroms": cell.b,
        "rot_c_angstroms": cell.c,
        "rot_a_star_A_inv": a_star,
        "rot_b_star_A_inv": b_star,
        "rot_c_star_A_inv": c_star,
        "hkl_frac": hkl,
        "hkl_rounded": tuple(math.ceil(x - 0.5) for x in hkl),
    }
    for name in ("F_latt_a", "F_latt_b", "F_latt_c", "F_latt", "F_cell"):
        # A round crystal has no factors per axis, a skipped term no F_cell.
        if not math.isnan(row[name]):
            values[name] = float(row[name])
    return values


def _scaling_values(
    setup: Setup, job: Job, rows: np.ndarray, value: float
) -> dict[str, Value]:
    last, sampling = rows[-1], job.sampling
    return {
        "I_before_scaling": float(last["I"]),
        "r_e_meters": math.sqrt(R_E_SQR),
        "r_e_sqr": R_E_SQR,
        "fluence_photons_per_m2": setup.fluence,
        "steps": setup.steps,
        "oversample_thick": int(sampling.oversample_thick),
        "oversample_polar": int(sampling.oversample_polar),
        "oversample_omega": int(sampling.oversample_omega),
        "capture_fraction": float(last["capture_fraction"]),
        "polar": float(last["polar"]),
        "omega_pixel": float(last["omega_pixel"]),
        "cos_2theta": dot(last["incident"], last["diffracted"]),
        "I_pixel_final": value,
        "floatimage_accumulated": float(np.float32(value)),
    }


def _phi_row(setup: Setup, row: np.void, cell: _Cell) -> dict[str, int | float]:
    phi_tic = int(row["phi_tic"])
    h, k, l = (float(row[name]) for name in ("h_frac", "k_frac", "l_frac"))
    stars = cell.stars
    return {
        "phi_tic": phi_tic,
        "phi_deg": math.degrees(setup.phis[phi_tic]),
        "k_frac": k,
        "F_latt_b": float(row["F_latt_b"]),
        "F_latt": float(row["F_latt"]),
        "h_frac": h,
        "l_frac": l,
        "h": math.ceil(h - 0.5),
        "k": math.ceil(k - 0.5),
        "l": math.ceil(l - 0.5),
        "F_latt_a": float(row["F_latt_a"]),
        "F_latt_c": float(row["F_latt_c"]),
        "S_x": float(row["scattering"][0]),
        "S_y": float(row["scattering"][1]),
        "S_z": float(row["scattering"][2]),
        "a_star_y": stars[0][1],
        "b_star_y": stars[1][1],
        "c_star_y": stars[2][1],
        "V_actual": cell.volume,
    }
