# SPDX-License-Identifier: MIT
"""Detector geometry: beam centre conventions, pivots and rotations, in SI units.

Source: nanoBragg.c, the part between the option loop and the unit cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..model.models import Beam, Detector, Goniometer
from .vectors import (
    Vector,
    cross,
    dot,
    magnitude,
    radians,
    rotate_axis,
    rotate_xyz,
    scaled,
    unit,
)


@dataclass(frozen=True)
class Geometry:
    """Everything about directions and positions; metres, laboratory frame.

    ``Fbeam`` ... ``ORGY`` describe the detector after its rotations, as the
    image header records them; ``Xbeam``, ``Ybeam`` stay as given. ``distance`` is
    C's, which leaves two-theta out; ``beam_distance`` is that of the header.
    ``centre_from`` says which options placed the detector (model physical).
    """

    convention: str
    pivot: str
    fpixels: int
    spixels: int
    pixel_size: float
    detsize_f: float
    detsize_s: float
    distance: float
    beam_distance: float
    close_distance: float
    Xbeam: float
    Ybeam: float
    Fbeam: float
    Sbeam: float
    Xclose: float
    Yclose: float
    Fclose: float
    Sclose: float
    ORGX: float
    ORGY: float
    fdet_vector: Vector
    sdet_vector: Vector
    odet_vector: Vector
    pix0_vector: Vector
    beam_vector: Vector
    polar_vector: Vector
    vert_vector: Vector
    spindle_vector: Vector
    twotheta_axis: Vector
    twotheta: float  # rad
    dials_origin_mm: Vector
    roi: tuple[int, int, int, int]
    centre_from: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Axes:
    """The directions that a convention fixes."""

    beam: Vector
    fdet: Vector
    sdet: Vector
    odet: Vector
    twotheta: Vector
    polar: Vector
    spindle: Vector
    pivot: str


_MOSFLM = Axes(
    beam=(1.0, 0.0, 0.0),
    fdet=(0.0, 0.0, 1.0),
    sdet=(0.0, -1.0, 0.0),
    odet=(1.0, 0.0, 0.0),
    twotheta=(0.0, 0.0, -1.0),
    polar=(0.0, 0.0, 1.0),
    spindle=(0.0, 0.0, 1.0),
    pivot="beam",
)
AXES = {
    "mosflm": _MOSFLM,
    "denzo": _MOSFLM,
    "adxv": Axes(
        beam=(0.0, 0.0, 1.0),
        fdet=(1.0, 0.0, 0.0),
        sdet=(0.0, -1.0, 0.0),
        odet=(0.0, 0.0, 1.0),
        twotheta=(-1.0, 0.0, 0.0),
        polar=(1.0, 0.0, 0.0),
        spindle=(1.0, 0.0, 0.0),
        pivot="beam",
    ),
    "xds": Axes(
        beam=(0.0, 0.0, 1.0),
        fdet=(1.0, 0.0, 0.0),
        sdet=(0.0, 1.0, 0.0),
        odet=(0.0, 0.0, 1.0),
        twotheta=(1.0, 0.0, 0.0),
        polar=(1.0, 0.0, 0.0),
        spindle=(1.0, 0.0, 0.0),
        pivot="sample",
    ),
    "dials": Axes(
        beam=(0.0, 0.0, 1.0),
        fdet=(1.0, 0.0, 0.0),
        sdet=(0.0, 1.0, 0.0),
        odet=(0.0, 0.0, 1.0),
        twotheta=(0.0, 1.0, 0.0),
        polar=(0.0, 1.0, 0.0),
        spindle=(0.0, 1.0, 0.0),
        pivot="sample",
    ),
}


def _custom_axes(detector: Detector, beam: Beam, goniometer: Goniometer) -> Axes:
    """Directions as given; the rest is what C's variables start with."""
    return Axes(
        beam=beam.beam_vector or (1.0, 0.0, 0.0),
        fdet=detector.fdet_vector or (0.0, 0.0, 1.0),
        sdet=detector.sdet_vector or (0.0, -1.0, 0.0),
        odet=detector.odet_vector or (1.0, 0.0, 0.0),
        twotheta=detector.twotheta_axis or (0.0, 1.0, 0.0),
        polar=beam.polar_vector or (0.0, 0.0, 1.0),
        spindle=goniometer.spindle_axis or (0.0, 0.0, 1.0),
        pivot=detector.implied_pivot or detector.pivot or "beam",
    )


def given_vectors(detector: Detector, beam: Beam, goniometer: Goniometer) -> list[str]:
    """Return the names of the directions that were given."""
    given = {
        "fdet_vector": detector.fdet_vector,
        "sdet_vector": detector.sdet_vector,
        "odet_vector": detector.odet_vector,
        "twotheta_axis": detector.twotheta_axis,
        "beam_vector": beam.beam_vector,
        "polar_vector": beam.polar_vector,
        "spindle_axis": goniometer.spindle_axis,
    }
    return [name for name, value in given.items() if value is not None]


def chosen_convention(detector: Detector, beam: Beam, goniometer: Goniometer) -> str:
    """Return the convention; a given direction or corner selects custom, as in C."""
    if detector.convention is not None:
        return detector.convention
    given = given_vectors(detector, beam, goniometer)
    return "custom" if given or detector.pix0_vector_mm else "mosflm"


def metres(value_mm: float | None, default: float) -> float:
    return default if value_mm is None else value_mm / 1000.0


def beam_centre(
    convention: str, detector: Detector, sizes: tuple[float, float, float]
) -> dict[str, Any]:
    """Beam centre and nearest point on the unrotated detector, m."""
    pixel, detsize_f, detsize_s = sizes
    ORGX, ORGY = detector.ORGX_pixels, detector.ORGY_pixels
    Fclose = detsize_f / 2.0 if ORGX is None else (ORGX - 0.5) * pixel
    Sclose = detsize_s / 2.0 if ORGY is None else (ORGY - 0.5) * pixel
    Xclose = metres(detector.Xclose_mm, Fclose)
    Yclose = metres(detector.Yclose_mm, Sclose)
    if convention == "adxv":
        default_X, default_Y = (detsize_f + pixel) / 2.0, (detsize_s - pixel) / 2.0
    elif convention in ("mosflm", "denzo"):
        default_X, default_Y = (detsize_s + pixel) / 2.0, (detsize_f + pixel) / 2.0
    else:
        default_X, default_Y = Xclose, Yclose
    Xbeam = metres(detector.Xbeam_mm, default_X)
    Ybeam = metres(detector.Ybeam_mm, default_Y)
    if convention == "adxv":
        Fbeam, Sbeam = Xbeam, detsize_s - Ybeam
    elif convention == "mosflm":
        # The second half pixel; the first is in the default beam centre.
        Fbeam, Sbeam = Ybeam + 0.5 * pixel, Xbeam + 0.5 * pixel
    elif convention == "denzo":
        Fbeam, Sbeam = Ybeam, Xbeam
    else:
        Fbeam, Sbeam = Xbeam, Ybeam
    if convention == "custom":
        Fclose, Sclose = Xbeam, Ybeam
    return {
        "Xbeam": Xbeam,
        "Ybeam": Ybeam,
        "Xclose": Xclose,
        "Yclose": Yclose,
        "Fbeam": Fbeam,
        "Sbeam": Sbeam,
        "Fclose": Fclose,
        "Sclose": Sclose,
    }


def chosen_axes(
    detector: Detector, beam: Beam, goniometer: Goniometer
) -> tuple[str, Axes, list[str]]:
    """Return the convention, its directions, and what to say about those given."""
    convention = chosen_convention(detector, beam, goniometer)
    if convention == "custom":
        return convention, _custom_axes(detector, beam, goniometer), []
    overruled = given_vectors(detector, beam, goniometer)
    if not overruled:
        return convention, AXES[convention], []
    warning = (
        f"the {convention} convention sets its own directions; "
        f"ignored: {', '.join(overruled)}"
    )
    return convention, AXES[convention], [warning]


def detector_sizes(detector: Detector) -> tuple[float, float, float]:
    """Return pixel size and the detector's size along fast and slow, m."""
    pixel = detector.pixel_size_mm / 1000.0
    spixels, fpixels = detector.shape
    return (
        pixel,
        pixel * fpixels if detector.detpixels_f else detector.detsize_f_mm / 1000.0,
        pixel * spixels if detector.detpixels_s else detector.detsize_s_mm / 1000.0,
    )


def combine(
    Fdet: float, fdet: Vector, Sdet: float, sdet: Vector, far: Vector
) -> Vector:
    return (
        -Fdet * fdet[0] - Sdet * sdet[0] + far[0],
        -Fdet * fdet[1] - Sdet * sdet[1] + far[1],
        -Fdet * fdet[2] - Sdet * sdet[2] + far[2],
    )


def resolve_geometry(
    detector: Detector, beam: Beam, goniometer: Goniometer
) -> Geometry:
    """Work out where every pixel is.

    Parameters
    ----------
    detector, beam, goniometer
        The models, in command-line units.

    Returns
    -------
    Geometry
        In metres and radians.

    Raises
    ------
    ValueError
        When the axes of a custom detector do not span a plane, or the detector
        plane contains the beam.
    """
    convention, axes, warnings = chosen_axes(detector, beam, goniometer)
    if detector.pivot is not None and convention != "custom":
        warnings.append(
            f"-pivot {detector.pivot} has no effect: the {convention} convention "
            "sets its own pivot; -model physical uses it"
        )
    if detector.pix0_vector_mm is not None:
        warnings.append(
            "-pix0_vector only selects the custom convention: its value is recomputed "
            "from the beam centre or the nearest point, as in nanoBragg; "
            "-model physical uses it"
        )
    pixel, detsize_f, detsize_s = detector_sizes(detector)
    spixels, fpixels = detector.shape
    centre = beam_centre(convention, detector, (pixel, detsize_f, detsize_s))

    beam_vector = unit(axes.beam)
    fdet, sdet, odet = unit(axes.fdet), unit(axes.sdet), unit(axes.odet)
    if magnitude(cross(fdet, sdet)) < 1e-12:
        raise ValueError(
            "fdet_vector and sdet_vector: expected two directions, not parallel ones"
        )
    if magnitude(axes.odet) != 1.0:
        warnings.append(
            "odet_vector is not exactly of length 1: using fdet_vector x sdet_vector"
        )
        odet = unit(cross(fdet, sdet))
    polar_vector, spindle = unit(axes.polar), unit(axes.spindle)
    vert_vector = unit(cross(beam_vector, polar_vector))
    if vert_vector == (0.0, 0.0, 0.0):
        warnings.append(
            "polar_vector lies along the beam: the polarization direction is undefined"
        )

    rotations = [
        radians(a) for a in (detector.rotx_deg, detector.roty_deg, detector.rotz_deg)
    ]
    twotheta = radians(detector.twotheta_deg)

    if twotheta != 0.0 and abs(magnitude(axes.twotheta) - 1.0) > 1e-6:
        # C quirk: the other directions are made unit vectors, this one is not.
        warnings.append(
            "twotheta_axis is not of length 1 and is used as it is: axes get skewed"
        )

    # C quirk: two-theta does not enter this ratio.
    ratio = dot(beam_vector, rotate_xyz(odet, *rotations))
    by_nearest = axes.pivot == "sample" and detector.close_distance_mm is not None
    if ratio == 0.0 and not by_nearest:
        raise ValueError(
            "the detector plane contains the beam direction: no beam centre exists"
        )
    # There is no distance along the beam then (C: inf); the nearest point's stands in.
    ratio = ratio or 1.0
    if detector.close_distance_mm is None:
        close_distance = abs(ratio * (detector.distance_mm / 1000.0))
    else:
        close_distance = detector.close_distance_mm / 1000.0
    distance = close_distance / ratio

    def turned(v: Vector) -> Vector:
        return rotate_axis(rotate_xyz(v, *rotations), axes.twotheta, twotheta)

    # About the crystal, the detector as a whole turns; about the beam centre, its axes.
    nearest = scaled(odet, close_distance)
    pix0 = turned(combine(centre["Fclose"], fdet, centre["Sclose"], sdet, nearest))
    fdet, sdet, odet = turned(fdet), turned(sdet), turned(odet)
    if axes.pivot == "beam":
        pix0 = combine(
            centre["Fbeam"], fdet, centre["Sbeam"], sdet, scaled(beam_vector, distance)
        )

    # Nearest point and direct beam on the detector as it now stands.
    centre["Fclose"], centre["Sclose"] = -dot(pix0, fdet), -dot(pix0, sdet)
    close_distance = dot(pix0, odet)
    distance = close_distance / ratio
    on_beam = scaled(beam_vector, distance)
    offset = (on_beam[0] - pix0[0], on_beam[1] - pix0[1], on_beam[2] - pix0[2])
    centre["Fbeam"], centre["Sbeam"] = dot(fdet, offset), dot(sdet, offset)

    return Geometry(
        convention=convention,
        pivot=axes.pivot,
        fpixels=fpixels,
        spixels=spixels,
        pixel_size=pixel,
        detsize_f=detsize_f,
        detsize_s=detsize_s,
        distance=distance,
        beam_distance=distance,
        close_distance=close_distance,
        centre_from=None,
        **centre,
        ORGX=centre["Fclose"] / pixel + 0.5,
        ORGY=centre["Sclose"] / pixel + 0.5,
        fdet_vector=fdet,
        sdet_vector=sdet,
        odet_vector=odet,
        pix0_vector=pix0,
        beam_vector=beam_vector,
        polar_vector=polar_vector,
        vert_vector=vert_vector,
        spindle_vector=spindle,
        twotheta_axis=axes.twotheta,
        twotheta=twotheta,
        dials_origin_mm=(1000.0 * pix0[2], 1000.0 * pix0[1], -1000.0 * pix0[0]),
        roi=detector.roi or (0, fpixels, 0, spixels),
        warnings=tuple(warnings),
    )


def direct_beam(geometry: Geometry) -> tuple[float, float] | None:
    """Return where the beam meets the detector plane, along fast and slow, m.

    Not `Fbeam` and `Sbeam`, which follow C: there a two-theta swing is left out.
    None when the beam does not meet the plane.
    """
    towards = dot(geometry.beam_vector, geometry.odet_vector)
    from_crystal = dot(geometry.pix0_vector, geometry.odet_vector)
    if towards * from_crystal <= 0.0:
        return None
    t = from_crystal / towards
    x, y, z = (t * b - p for b, p in zip(geometry.beam_vector, geometry.pix0_vector))
    offset = (x, y, z)
    return dot(geometry.fdet_vector, offset), dot(geometry.sdet_vector, offset)
