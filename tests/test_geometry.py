# SPDX-License-Identifier: MIT
"""Where pixels are: beam centres, pivots, rotations, and what C prints."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nbsim import Beam, Crystal, Detector, Goniometer, Sampling, Simulation
from nbsim.model.models import StructureFactors
from nbsim.resolve.geometry import AXES, resolve_geometry
from nbsim.resolve.vectors import rotate_axis, unit
from nbsim.tools.tolerances import TWIN_PEAK

#: Positions of up to 1 m, through a dozen rotations and divisions.
METRES = 1e-13
#: The program prints six digits.
PRINTED = 2e-5

PIXELS_F, PIXELS_S, PIXEL_MM = 96, 80, 0.4
SIZE_S_MM = PIXELS_S * PIXEL_MM
conventions = pytest.mark.parametrize("convention", sorted(AXES))
positions = st.floats(-40, 80)
rotations = st.tuples(*[st.floats(-50, 50)] * 3)


def geometry_of(beam=Beam(), goniometer=Goniometer(), **fields):
    detector = Detector(
        detpixels_f=PIXELS_F, detpixels_s=PIXELS_S, pixel_size_mm=PIXEL_MM, **fields
    )
    return resolve_geometry(detector, beam, goniometer)


def beam_on_detector(geometry):
    """Where the straight beam crosses the detector: fast, slow, distance; m."""
    columns = np.array(
        [geometry.fdet_vector, geometry.sdet_vector, np.negative(geometry.beam_vector)]
    ).T
    Fdet, Sdet, distance = np.linalg.solve(columns, np.negative(geometry.pix0_vector))
    return Fdet, Sdet, distance


def asked_centre_mm(convention, X, Y):
    """Fast and slow coordinate that a beam centre means, mm."""
    return {
        "mosflm": (Y + PIXEL_MM / 2, X + PIXEL_MM / 2),
        "denzo": (Y, X),
        "adxv": (X, SIZE_S_MM - Y),
        "custom": (X, Y),
    }[convention]


@pytest.mark.parametrize("convention", ["mosflm", "denzo", "adxv", "custom"])
@given(X=positions, Y=positions, rotation=rotations, twotheta=st.floats(-30, 30))
def test_beam_centre_is_where_the_beam_hits(convention, X, Y, rotation, twotheta):
    # These pivot about the beam, so that no rotation moves the spot.
    rotx, roty, rotz = rotation
    geometry = geometry_of(
        convention=convention,
        Xbeam_mm=X,
        Ybeam_mm=Y,
        rotx_deg=rotx,
        roty_deg=roty,
        rotz_deg=rotz,
        twotheta_deg=twotheta,
    )
    assume(abs(np.dot(geometry.odet_vector, geometry.beam_vector)) > 0.1)
    Fdet, Sdet, _ = beam_on_detector(geometry)
    expected = np.array(asked_centre_mm(convention, X, Y)) / 1000
    assert (Fdet, Sdet) == pytest.approx(expected, abs=100 * METRES)


@pytest.mark.parametrize("convention", ["xds", "dials"])
@given(ORGX=st.floats(-50, 150), ORGY=st.floats(-50, 150), rotation=rotations)
def test_nearest_point_stays_nearest(convention, ORGX, ORGY, rotation):
    # These pivot about the sample, so that no rotation moves the nearest point.
    rotx, roty, rotz = rotation
    geometry = geometry_of(
        convention=convention,
        ORGX_pixels=ORGX,
        ORGY_pixels=ORGY,
        close_distance_mm=80.0,
        rotx_deg=rotx,
        roty_deg=roty,
        rotz_deg=rotz,
        twotheta_deg=11.0,
    )
    assert (geometry.ORGX, geometry.ORGY) == pytest.approx((ORGX, ORGY), abs=1e-9)
    assert geometry.close_distance == pytest.approx(0.08, abs=METRES)
    nearest = (
        np.array(geometry.pix0_vector)
        + geometry.Fclose * np.array(geometry.fdet_vector)
        + geometry.Sclose * np.array(geometry.sdet_vector)
    )
    expected = 0.08 * np.array(geometry.odet_vector)
    assert nearest == pytest.approx(expected, abs=METRES)


@conventions
@given(rotation=rotations)
def test_recorded_numbers_fit_together(convention, rotation):
    rotx, roty, rotz = rotation
    geometry = geometry_of(
        convention=convention, rotx_deg=rotx, roty_deg=roty, rotz_deg=rotz
    )
    ratio = np.dot(geometry.beam_vector, geometry.odet_vector)
    assume(abs(ratio) > 0.1)
    Fdet, Sdet, distance = beam_on_detector(geometry)
    assert geometry.distance == pytest.approx(distance, abs=10 * METRES)
    assert geometry.close_distance == pytest.approx(distance * ratio, abs=METRES)
    found = (geometry.Fbeam, geometry.Sbeam)
    assert found == pytest.approx((Fdet, Sdet), abs=10 * METRES)
    axes = np.array([geometry.fdet_vector, geometry.sdet_vector, geometry.odet_vector])
    assert axes @ axes.T == pytest.approx(np.eye(3), abs=METRES)


@conventions
@given(rotation=rotations)
def test_distance_or_close_distance(convention, rotation):
    angles = dict(zip(("rotx_deg", "roty_deg", "rotz_deg"), rotation))
    by_distance = geometry_of(convention=convention, distance_mm=120.0, **angles)
    ratio = np.dot(by_distance.beam_vector, by_distance.odet_vector)
    assume(ratio > 0.1)
    close = 120.0 * ratio
    by_close = geometry_of(convention=convention, close_distance_mm=close, **angles)
    assert by_distance.distance == pytest.approx(0.12, abs=METRES)
    assert by_close.pix0_vector == pytest.approx(by_distance.pix0_vector, abs=METRES)


def test_mosflm_adds_half_a_pixel_twice():
    geometry = geometry_of()
    assert geometry.convention == "mosflm"
    # Once in the default centre, once in its meaning.
    half = PIXEL_MM / 2000
    assert geometry.Xbeam == pytest.approx(SIZE_S_MM / 2000 + half, abs=METRES)
    assert geometry.Sbeam == pytest.approx(SIZE_S_MM / 2000 + 2 * half, abs=METRES)
    middle = PIXELS_F * PIXEL_MM / 2000
    assert geometry.Fbeam == pytest.approx(middle + 2 * half, abs=METRES)


@pytest.mark.parametrize(
    "given_vector",
    [
        {"beam": Beam(beam_vector=(1, 0, 0))},
        {"beam": Beam(polar_vector=(0, 0, 1))},
        {"goniometer": Goniometer(spindle_axis=(0, 0, 1))},
        {"twotheta_axis": (0, 0, -1)},
        {"odet_vector": (1, 0, 0)},
    ],
)
def test_any_vector_selects_custom_without_half_pixels(given_vector):
    geometry = geometry_of(**given_vector)
    assert geometry.convention == "custom"
    Fdet, Sdet, _ = beam_on_detector(geometry)
    assert Fdet == pytest.approx(PIXELS_F * PIXEL_MM / 2000, abs=METRES)
    assert Sdet == pytest.approx(PIXELS_S * PIXEL_MM / 2000, abs=METRES)


def test_pixel_centre_is_named_org():
    # ORGX counts pixels from 1 at the centre of the first one.
    geometry = geometry_of(convention="xds", ORGX_pixels=1.0, ORGY_pixels=3.0)
    assert geometry.Fclose == pytest.approx(0.5 * PIXEL_MM / 1000, abs=METRES)
    assert geometry.Sclose == pytest.approx(2.5 * PIXEL_MM / 1000, abs=METRES)


def test_odet_of_another_length_is_replaced():
    geometry = geometry_of(odet_vector=(0.9, 0.1, 0.0))
    assert geometry.odet_vector == pytest.approx((1, 0, 0), abs=METRES)
    assert any("odet_vector" in warning for warning in geometry.warnings)


def test_pivot_matters_with_custom_only():
    turned = {"rotz_deg": 20.0, "beam": Beam(beam_vector=(1, 0, 0))}
    beam, sample = (geometry_of(pivot=p, **turned) for p in ("beam", "sample"))
    assert beam.pix0_vector != pytest.approx(sample.pix0_vector, abs=1e-3)
    for convention, axes in AXES.items():
        named = [
            geometry_of(pivot=p, rotz_deg=20.0, convention=convention)
            for p in ("beam", "sample")
        ]
        assert named[0].pivot == named[1].pivot == axes.pivot
        assert named[0].pix0_vector == named[1].pix0_vector


def test_parallel_detector_axes():
    with pytest.raises(ValueError, match="parallel"):
        geometry_of(fdet_vector=(0, 1, 0), sdet_vector=(0, 2, 0))


def test_detector_along_the_beam():
    with pytest.raises(ValueError, match="contains the beam"):
        geometry_of(beam=Beam(beam_vector=(0, 0, 1)))


# nanoBragg_1t -cell 100 -default_F 1 -N 1 -detpixels 96 -pixel 0.4 -distance 100 ...
# prints, with these options: Fbeam, Sbeam, Fclose, Sclose, X and Z axis, origin.
PRINTED_BY_C = {
    "-xds -ORGX 30.2 -ORGY 50 -twotheta 12 -detector_rotx 3 -detector_roty -4 "
    "-detector_rotz 7": [
        (0.0212308, 0.0455054, 0.01188, 0.0198),
        (0.990128, 0.104413, 0.0935085),
        (-0.0627635, -0.266236, 0.961862),
        (89.6199, -46.7358, 15.5338),
    ],
    "-detector_rotx 5 -detector_roty 3 -twotheta 15 -Xbeam 12": [
        (0.0195053, 0.0130936, 0.0168197, 0.038424),
        (0.0278027, -0.09768, 0.994829),
        (0.964602, -0.258464, -0.052336),
        (-18.4368, 13.6396, -102.654),
    ],
    "-dials -close_distance 80 -twotheta 20": [
        (-0.00816161, 0.0192, 0.0192, 0.0192),
        (0.939693, 0, -0.34202),
        (0.34202, 0, 0.939693),
        (81.7422, -19.2, -9.31951),
    ],
    "-adxv -Ybeam 3 -detector_rotz 30": [
        (0.0194, 0.0354, 0.0194, 0.0354),
        (0.866025, 0.5, 0),
        (0, 0, 1),
        (100, 20.9573, 34.5009),
    ],
    "-odet_vector 0.9 0.1 0 -ORGX 20 -ORGY 30": [
        (0.0078, 0.0118, 0.0078, 0.0118),
        (0, 0, 1),
        (1, 0, 0),
        (-7.8, 11.8, -100),
    ],
}


@pytest.mark.parametrize("options", PRINTED_BY_C)
def test_numbers_of_the_c_program(options):
    args = "-cell 100 -default_F 1 -N 1 -detpixels 96 -pixel 0.4 -distance 100"
    geometry = Simulation.from_args(f"{args} {options}").setup.geometry
    centres, fast, normal, origin = PRINTED_BY_C[options]
    found = (geometry.Fbeam, geometry.Sbeam, geometry.Fclose, geometry.Sclose)
    assert found == pytest.approx(centres, rel=PRINTED, abs=1e-12)
    assert geometry.fdet_vector == pytest.approx(fast, rel=PRINTED, abs=1e-12)
    assert geometry.odet_vector == pytest.approx(normal, rel=PRINTED, abs=1e-12)
    assert geometry.dials_origin_mm == pytest.approx(origin, rel=PRINTED, abs=1e-9)


A_MATRIX = np.array(
    [
        [0.01541, -0.00284, 0.00119],
        [0.00512, 0.01389, -0.00344],
        [-0.00301, 0.00371, 0.01218],
    ]
)


def laboratory(axis, angle, shape):
    """The same experiment, with everything in the laboratory turned at once."""

    def turned(v):
        return unit(rotate_axis(v, axis, angle))

    columns = [rotate_axis(tuple(column), axis, angle) for column in A_MATRIX.T]
    return Simulation(
        crystal=Crystal(A_matrix=np.array(columns).T, Na=6, Nb=5, Nc=4, shape=shape),
        structure_factors=StructureFactors(default_F=100.0),
        beam=Beam(
            beam_vector=turned((1.0, 0.0, 0.0)),
            polar_vector=turned((0.0, 0.0, 1.0)),
            polarization=0.8,
            hdivrange_mrad=6.0,
            vdivrange_mrad=3.0,
            vdivsteps=3,
        ),
        detector=Detector(
            detpixels_f=24,
            detpixels_s=20,
            pixel_size_mm=2.0,
            distance_mm=90.0,
            fdet_vector=turned((0.0, 0.0, 1.0)),
            sdet_vector=turned((0.0, -1.0, 0.0)),
            odet_vector=turned((1.0, 0.0, 0.0)),
            twotheta_axis=turned((0.0, 0.0, -1.0)),
            twotheta_deg=12.0,
            thick_um=300.0,
        ),
        goniometer=Goniometer(
            spindle_axis=turned((0.0, 0.6, 0.8)), phi_deg=20.0, osc_deg=2.0
        ),
        sampling=Sampling(oversample=2, oversample_omega=True),
    )


@pytest.mark.parametrize("shape", ["square", "round", "gauss"])
@pytest.mark.parametrize(
    "axis, angle_deg",
    [((0, 0, 1), 90), ((1, 0, 0), 180), ((1, 2, 3), 77), ((-3, 1, 0.5), -140)],
)
def test_turning_the_whole_laboratory_changes_nothing(axis, angle_deg, shape):
    image = laboratory((0.0, 0.0, 1.0), 0.0, shape).render()
    turned = laboratory(unit(axis), math.radians(angle_deg), shape).render()
    # The indices differ in their last digits, the image by their slopes.
    assert turned == pytest.approx(image, abs=TWIN_PEAK * float(image.max()))


def test_turning_the_crystal_alone_changes_the_image():
    image = laboratory((0.0, 0.0, 1.0), 0.0, "square").render()
    args = laboratory((0.0, 0.0, 1.0), 0.0, "square")
    crystal = Crystal(A_matrix=A_MATRIX, Na=6, Nb=5, Nc=4, misset_deg=(1, 2, 3))
    other = Simulation(
        crystal=crystal,
        structure_factors=args.structure_factors,
        beam=args.beam,
        detector=args.detector,
        goniometer=args.goniometer,
        sampling=args.sampling,
    ).render()
    assert np.abs(other - image).max() > 0.01 * image.max()
