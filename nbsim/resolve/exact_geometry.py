# SPDX-License-Identifier: MIT
"""Detector geometry of model physical: what is given is used.

Differs from `geometry`, which follows nanoBragg.c, in the beam centre (any that is
given counts), the pivot (a given one counts in every convention), the corner of the
first pixel (counts where given), the detector's normal (perpendicular to its axes,
on the crystal's far side) and the two-theta axis (made a unit vector).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..model.models import Beam, Detector, Goniometer
from .geometry import (
    Axes,
    Geometry,
    beam_centre,
    chosen_axes,
    combine,
    detector_sizes,
    metres,
)
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

#: Sine of an angle between directions that count as parallel.
PARALLEL = 1e-9
#: Options for the beam centre that are lengths.
CENTRES_MM = ("close_distance", "Xbeam", "Ybeam", "Xclose", "Yclose")
#: Centres that are so close to each other agree, in pixels.
SAME_CENTRE = 1e-3


class Centre(NamedTuple):
    """A coordinate of the beam centre, m, and the option that gave it."""

    option: str
    value: float


def candidates(
    convention: str, detector: Detector, sizes: tuple[float, float, float]
) -> tuple[list[Centre], list[Centre]]:
    """Return the centres along fast and slow that were given, the first one counts.

    The last one of each list is the convention's default.
    """
    pixel, detsize_f, detsize_s = sizes
    swapped = convention in ("mosflm", "denzo")
    half = 0.5 * pixel if convention == "mosflm" else 0.0
    default = beam_centre(convention, Detector(), sizes)
    lists = []
    for axis, beam, close, org in (
        ("Fbeam", "Ybeam" if swapped else "Xbeam", "Xclose", "ORGX"),
        ("Sbeam", "Xbeam" if swapped else "Ybeam", "Yclose", "ORGY"),
    ):
        beam_mm = getattr(detector, f"{beam}_mm")
        close_mm = getattr(detector, f"{close}_mm")
        pixels = getattr(detector, f"{org}_pixels")
        on_axis = metres(beam_mm, 0.0) + half
        if convention == "adxv" and axis == "Sbeam":
            on_axis = detsize_s - on_axis
        centres = {
            "beam": (beam_mm, Centre(beam, on_axis)),
            "close": (close_mm, Centre(close, metres(close_mm, 0.0))),
            "org": (pixels, Centre(org, ((pixels or 0.0) - 0.5) * pixel)),
        }
        order = {
            "xds": ("org", "close", "beam"),
            "dials": ("org", "close", "beam"),
            "custom": ("beam", "close", "org"),
        }.get(convention, ("beam", "org", "close"))
        given = [centres[kind][1] for kind in order if centres[kind][0] is not None]
        lists.append([*given, Centre("default", default[axis])])
    return lists[0], lists[1]


def _overruled(centres: list[Centre], pixel: float) -> Iterator[str]:
    """Yield a warning for each given centre that says something else and loses."""
    used = centres[0]
    for option, value in centres[1:-1]:
        if abs(value - used.value) > SAME_CENTRE * pixel:
            yield f"-{option} is not used: -{used.option} comes first"


def _normal(
    axes: Axes, beam_vector: Vector, detector: Detector, custom: bool
) -> Vector:
    """Return the unit normal of the unrotated detector, away from the crystal.

    Raises
    ------
    ValueError
        When the axes are parallel, or do not tell the two sides of the plane apart.
    """
    fdet, sdet = unit(axes.fdet), unit(axes.sdet)
    normal = cross(fdet, sdet)
    if magnitude(normal) < PARALLEL:
        raise ValueError(
            "fdet_vector and sdet_vector: expected two directions, not parallel ones"
        )
    normal = unit(normal)
    if not custom or detector.odet_vector is not None:
        name, side = "odet_vector", axes.odet
    elif detector.pix0_vector_mm is not None:
        name, side = "pix0_vector", detector.pix0_vector_mm
    else:
        name, side = "beam_vector", beam_vector
    towards = dot(normal, unit(side))
    if abs(towards) < PARALLEL:
        raise ValueError(
            f"{name} {side[0]:g} {side[1]:g} {side[2]:g}: it lies in the plane of "
            "fdet_vector and sdet_vector; expected a direction that tells on which "
            "side the crystal is"
        )
    return scaled(normal, -1.0) if towards < 0.0 else normal


def _axes_warnings(axes: Axes, normal: Vector, custom: bool) -> Iterator[str]:
    fdet, sdet = unit(axes.fdet), unit(axes.sdet)
    if abs(dot(fdet, sdet)) > 1e-6:
        yield "fdet_vector and sdet_vector are not at right angles: pixels are oblique"
    if custom and magnitude(cross(unit(axes.odet), normal)) > 1e-6:
        yield (
            "odet_vector is not at right angles to fdet_vector and sdet_vector: the "
            "normal of these is used, on its side"
        )


class Placement(NamedTuple):
    """Where the detector is after its rotations, and who says so.

    `fast`, `slow` are the beam centre before them, `pix0` the corner after them; m.
    """

    pivot: str
    pix0: Vector
    fast: float
    slow: float
    centre_from: str
    warnings: list[str]


class Turn(NamedTuple):
    """The detector's rotations, radians."""

    xyz: tuple[float, float, float]
    axis: Vector
    twotheta: float

    def __call__(self, v: Vector) -> Vector:
        return rotate_axis(rotate_xyz(v, *self.xyz), self.axis, self.twotheta)


def _by_nearest(detector: Detector, own_pivot: str) -> bool:
    """Whether a detector is placed by its point that is nearest to the crystal."""
    pivot = detector.pivot or own_pivot
    return pivot == "sample" and detector.close_distance_mm is not None


def _difference(u: Vector, v: Vector) -> Vector:
    return u[0] - v[0], u[1] - v[1], u[2] - v[2]


def _along(v: Vector, fdet: Vector, sdet: Vector) -> tuple[float, float]:
    """Return the coordinates of a vector of the plane, oblique axes included."""
    F, S, oblique = dot(v, fdet), dot(v, sdet), dot(fdet, sdet)
    square = 1.0 - oblique * oblique
    return (F - oblique * S) / square, (S - oblique * F) / square


def _at_given_corner(
    detector: Detector,
    beam_vector: Vector,
    axes: tuple[Vector, Vector, Vector],
    turn: Turn,
) -> Placement:
    """Place the detector by its corner, which needs neither centre nor distance."""
    assert detector.pix0_vector_mm is not None
    fdet, sdet, odet = axes
    corner = scaled(detector.pix0_vector_mm, 1e-3)
    towards = dot(beam_vector, odet)
    pivot = detector.pivot or "sample"
    if abs(towards) > PARALLEL:
        spot = scaled(beam_vector, dot(corner, odet) / towards)
    elif pivot == "beam":
        raise ValueError(
            "-pivot beam: the beam does not meet the plane that pix0_vector gives"
        )
    else:
        spot = scaled(odet, dot(corner, odet))
    pix0 = turn(corner)
    if pivot == "beam":
        pix0 = _difference(spot, turn(_difference(spot, corner)))
    fast, slow = _along(_difference(spot, corner), fdet, sdet)
    unused = [
        name
        for name, value in (
            *((name, getattr(detector, f"{name}_mm")) for name in CENTRES_MM),
            ("ORGX", detector.ORGX_pixels),
            ("ORGY", detector.ORGY_pixels),
        )
        if value is not None
    ]
    if detector.distance_mm != Detector.distance_mm:
        unused.insert(0, "distance")
    warnings = []
    if unused:
        warnings.append(f"not used beside -pix0_vector: -{', -'.join(unused)}")
    return Placement(pivot, pix0, fast, slow, "pix0_vector", warnings)


def _at_beam_centre(
    detector: Detector,
    convention: str,
    own_pivot: str,
    beam_vector: Vector,
    axes: tuple[Vector, Vector, Vector],
    turn: Turn,
    ratio: float,
) -> Placement:
    """Place the detector by beam centre and distance.

    `ratio` is beam . normal after the rotations, two-theta left out as in C.
    """
    fdet, sdet, odet = axes
    sizes = detector_sizes(detector)
    along_fast, along_slow = candidates(convention, detector, sizes)
    fast, slow = along_fast[0].value, along_slow[0].value
    close_distance = metres(
        detector.close_distance_mm, abs(ratio * (detector.distance_mm / 1000.0))
    )
    pivot = detector.pivot or own_pivot
    if pivot == "beam":
        on_beam = scaled(beam_vector, close_distance / ratio)
        pix0 = combine(fast, turn(fdet), slow, turn(sdet), on_beam)
    else:
        pix0 = turn(combine(fast, fdet, slow, sdet, scaled(odet, close_distance)))
    pixel = sizes[0]
    return Placement(
        pivot,
        pix0,
        fast,
        slow,
        f"fast {along_fast[0].option}, slow {along_slow[0].option}",
        [*_overruled(along_fast, pixel), *_overruled(along_slow, pixel)],
    )


def _words_of_centre(
    convention: str, fast: float, slow: float, sizes: tuple[float, float, float]
) -> tuple[float, float]:
    """Return Xbeam and Ybeam that give this centre in a convention, m."""
    pixel, _, detsize_s = sizes
    if convention == "mosflm":
        return slow - 0.5 * pixel, fast - 0.5 * pixel
    if convention == "denzo":
        return slow, fast
    if convention == "adxv":
        return fast, detsize_s - slow
    return fast, slow


def exact_geometry(detector: Detector, beam: Beam, goniometer: Goniometer) -> Geometry:
    """Work out where every pixel is, as `geometry.resolve_geometry` does for model c.

    Raises
    ------
    ValueError
        When the axes do not span a plane, the detector plane contains the beam, or
        the detector is behind the crystal.
    """
    convention, axes, warnings = chosen_axes(detector, beam, goniometer)
    custom = convention == "custom"
    sizes = detector_sizes(detector)
    beam_vector, polar_vector = unit(axes.beam), unit(axes.polar)
    fdet, sdet = unit(axes.fdet), unit(axes.sdet)
    odet = _normal(axes, beam_vector, detector, custom)
    warnings += _axes_warnings(axes, odet, custom and detector.odet_vector is not None)
    turn = Turn(
        (
            radians(detector.rotx_deg),
            radians(detector.roty_deg),
            radians(detector.rotz_deg),
        ),
        unit(axes.twotheta),
        radians(detector.twotheta_deg),
    )
    ratio = dot(beam_vector, rotate_xyz(odet, *turn.xyz))
    if abs(ratio) < PARALLEL:
        if not _by_nearest(detector, axes.pivot):
            raise ValueError(
                "the detector plane contains the beam direction: no beam centre exists"
            )
        # There is no distance along the beam; that of the nearest point stands in.
        ratio = 1.0
    unturned = fdet, sdet, odet
    if detector.pix0_vector_mm is not None:
        placed = _at_given_corner(detector, beam_vector, unturned, turn)
    else:
        placed = _at_beam_centre(
            detector, convention, axes.pivot, beam_vector, unturned, turn, ratio
        )
    pix0, fdet, sdet, odet = placed.pix0, turn(fdet), turn(sdet), turn(odet)
    close_distance = dot(pix0, odet)
    if not close_distance > 0.0:
        raise ValueError(
            "the detector is behind the crystal: its close_distance after all "
            f"rotations is {close_distance * 1000.0:g} mm; expected more than 0"
        )
    # Where the swung detector never meets the beam, C's distance has to do.
    distance = close_distance / ratio
    swung = dot(beam_vector, odet)
    beam_distance = close_distance / swung if swung > PARALLEL else distance
    Xbeam, Ybeam = _words_of_centre(convention, placed.fast, placed.slow, sizes)
    Fbeam, Sbeam = _along(
        _difference(scaled(beam_vector, beam_distance), pix0), fdet, sdet
    )
    Fclose, Sclose = _along(_difference(scaled(odet, close_distance), pix0), fdet, sdet)
    pixel, detsize_f, detsize_s = sizes
    spixels, fpixels = detector.shape
    return Geometry(
        convention=convention,
        pivot=placed.pivot,
        fpixels=fpixels,
        spixels=spixels,
        pixel_size=pixel,
        detsize_f=detsize_f,
        detsize_s=detsize_s,
        distance=distance,
        beam_distance=beam_distance,
        close_distance=close_distance,
        Xbeam=Xbeam,
        Ybeam=Ybeam,
        Fbeam=Fbeam,
        Sbeam=Sbeam,
        Xclose=placed.fast,
        Yclose=placed.slow,
        Fclose=Fclose,
        Sclose=Sclose,
        ORGX=Fclose / pixel + 0.5,
        ORGY=Sclose / pixel + 0.5,
        fdet_vector=fdet,
        sdet_vector=sdet,
        odet_vector=odet,
        pix0_vector=pix0,
        beam_vector=beam_vector,
        polar_vector=polar_vector,
        vert_vector=unit(cross(beam_vector, polar_vector)),
        spindle_vector=unit(axes.spindle),
        twotheta_axis=turn.axis,
        twotheta=turn.twotheta,
        dials_origin_mm=(1000.0 * pix0[2], 1000.0 * pix0[1], -1000.0 * pix0[0]),
        roi=detector.roi or (0, fpixels, 0, spixels),
        centre_from=placed.centre_from,
        warnings=(*warnings, *placed.warnings),
    )
