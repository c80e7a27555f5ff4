"""The geometry of written products against its defining equations and other libraries."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xoceansar.errors import DomainError
from xoceansar.simulate.products.acquisition import SECONDS_BETWEEN, frame_of
from xoceansar.simulate.products.product_geometry import (
    SEMI_MAJOR,
    SEMI_MINOR,
    locate,
    mid_range,
    track_over,
)

PLACES = {
    "longitude": st.floats(-180, 180),
    "latitude": st.floats(-79, 79),
    "heading": st.floats(-180, 180),
}


def angle_between(a, b):
    return abs((a - b + 180) % 360 - 180)


@settings(max_examples=25, deadline=None)
@given(**PLACES, incidence=st.floats(22, 38))
def test_track_sees_the_place_under_the_incidence_along_the_heading(
    longitude, latitude, heading, incidence
):
    time = 4956 / 2 / 1650.168
    track = track_over(longitude, latitude, heading, time=time, incidence=incidence)
    frame = frame_of(
        track, "wv1", start=0.0, incidence=incidence, lines=4957, scale=1.0
    )
    assert frame.time(frame.centre[0]) == pytest.approx(time, abs=1e-9)
    seen = frame.locate(*frame.centre)
    assert angle_between(float(seen.longitude), longitude) < 1e-8
    assert abs(float(seen.latitude) - latitude) < 1e-8
    assert abs(float(seen.incidence) - incidence) < 1e-8
    assert angle_between(frame.ground_heading, heading) < 1e-6


@settings(max_examples=25, deadline=None)
@given(**PLACES, reach=st.floats(740e3, 920e3), time=st.floats(-100, 900))
def test_points_are_at_the_range_on_the_ellipsoid_and_at_zero_doppler(
    longitude, latitude, heading, reach, time
):
    track = track_over(longitude, latitude, heading, time=0.0, incidence=30.0)
    seen = locate(track, time, reach)
    satellite, velocity = track.position(time), track.velocity(time)
    ray = seen.point - satellite
    assert np.linalg.norm(ray) == pytest.approx(reach, abs=1e-6)
    assert abs(ray @ velocity) / np.linalg.norm(velocity) < 1e-6
    x, y, z = seen.point
    assert math.hypot(x, y) ** 2 / SEMI_MAJOR**2 + z**2 / SEMI_MINOR**2 == (
        pytest.approx(1, abs=1e-13)
    )
    # Right-looking: up, forward and the ray make a left-handed set.
    assert np.linalg.det([satellite, velocity, ray]) < 0


def test_positions_are_geodetic():
    pyproj = pytest.importorskip("pyproj")
    track = track_over(12.0, -47.0, -13.0, time=0.0, incidence=36.8)
    seen = locate(track, np.linspace(-1, 800, 5)[:, None], [800e3, 870e3])
    to_geodetic = pyproj.Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True)
    lon, lat, height = to_geodetic.transform(*np.moveaxis(seen.point, -1, 0))
    np.testing.assert_allclose(seen.longitude, lon, atol=1e-9)
    np.testing.assert_allclose(seen.latitude, lat, atol=1e-9)
    np.testing.assert_allclose(height, 0, atol=1e-6)


def test_velocity_is_the_derivative_of_position():
    track = track_over(5.0, 40.0, 190.0, time=0.0, incidence=23.8)
    difference = (track.position(100.01) - track.position(99.99)) / 0.02
    np.testing.assert_allclose(track.velocity(100.0), difference, atol=1e-4)


@pytest.mark.parametrize("heading", [-168.0, -12.0])
def test_ascending_node_is_where_the_equator_is_crossed_northwards(heading):
    track = track_over(-34.0, 36.0, heading, time=0.0, incidence=23.8)
    at = -track.since_ascending_node
    assert at <= 0
    assert abs(track.position(at)[2]) < 1e-3
    assert track.velocity(at)[2] > 0


def test_ground_range_is_distance_on_the_ground():
    track = track_over(-34.0, 36.0, -168.0, time=0.0, incidence=36.8)
    frame = frame_of(track, "wv2", start=0.0, incidence=36.8, lines=4784, scale=1.0)
    at = np.arange(0, frame.samples, 50)
    points = frame.locate(frame.centre[0], at).point
    walked = np.linalg.norm(np.diff(points, axis=0), axis=-1).cumsum()
    ours = frame.ground_range[at]
    np.testing.assert_allclose(ours[1:] - ours[0], walked, rtol=2e-5)
    middle = np.interp(frame.centre[1], np.arange(frame.samples), frame.ground_range)
    assert middle == pytest.approx(0, abs=1e-9)


def test_incidence_of_every_sample_is_that_of_its_point():
    track = track_over(100.0, -60.0, -20.0, time=0.0, incidence=23.8)
    frame = frame_of(track, "wv1", start=0.0, incidence=23.8, lines=4924, scale=1.0)
    at = np.array([0, 1, 777, 3000, frame.samples - 1])
    seen = frame.locate(frame.centre[0], at).incidence
    np.testing.assert_allclose(frame.incidence[at], seen, atol=1e-8)


def test_pixel_spacings_and_leap_are_those_of_wave_mode():
    track = track_over(-34.0, 36.0, -168.0, time=0.0, incidence=23.8)
    frames = {
        beam: frame_of(track, beam, start=t, incidence=i, lines=4924, scale=1.0)
        for beam, t, i in [("wv1", 0.0, 23.8), ("wv2", SECONDS_BETWEEN, 36.8)]
    }
    # From the sizes of the 60 images and footprints of a real product.
    assert frames["wv1"].azimuth_spacing == pytest.approx(4.13, abs=0.02)
    assert frames["wv2"].azimuth_spacing == pytest.approx(4.12, abs=0.02)
    assert frames["wv1"].sample_spacing == pytest.approx(1.498, abs=1e-3)
    assert frames["wv2"].sample_spacing == pytest.approx(2.745, abs=1e-3)
    below = [track.position(t) for t in (0.0, SECONDS_BETWEEN)]
    arc = math.acos(below[0] @ below[1] / np.linalg.norm(below[0]) ** 2) * 6371e3
    assert arc == pytest.approx(100e3, rel=2e-3)


@pytest.mark.parametrize("latitude", [80.1, -85.0, math.nan])
def test_poles_are_refused(latitude):
    with pytest.raises(DomainError, match="between -80 and 80"):
        track_over(0.0, latitude, -12.0, time=0.0, incidence=23.8)


def test_mid_range_inverts_incidence():
    track = track_over(0.0, 0.0, -12.0, time=0.0, incidence=23.8)
    for incidence in (20.0, 23.8, 36.8, 40.0):
        reach = mid_range(track, 3.0, incidence)
        assert float(locate(track, 3.0, reach).incidence) == pytest.approx(
            incidence, abs=1e-9
        )
