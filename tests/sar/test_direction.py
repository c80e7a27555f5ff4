import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xoceansar.sar.bearings import (
    axis_error,
    compass_direction,
    decode_axis,
    encode_axis,
    look_angle,
    nearer_end,
)
from xoceansar.simulate.sea.environment import to_compass

angles = st.floats(-720, 720)


def apart(a, b, period):
    return abs((a - b + period / 2) % period - period / 2)


@given(angle=angles, heading=angles)
def test_the_image_frame_is_the_simulators(angle, heading):
    assert (
        apart(compass_direction(angle, heading), to_compass(angle, heading), 360) < 1e-9
    )
    assert apart(look_angle(to_compass(angle, heading), heading), angle, 360) < 1e-9


@pytest.mark.parametrize(
    ("angle", "compass"),
    [(0, 78), (90, -12), (180, 258), (-90, 168), (45, 33)],
    ids=["away from the radar", "along the track", "towards", "against", "between"],
)
def test_by_hand_on_an_ascending_pass(angle, compass):
    """Heading 348: the track goes north, the radar looks east."""
    assert apart(float(compass_direction(angle, 348.0)), compass, 360) < 1e-9


@given(angle=angles)
def test_both_ends_have_one_code(angle):
    np.testing.assert_allclose(encode_axis(angle), encode_axis(angle + 180), atol=1e-9)
    axis = float(decode_axis(3.7 * encode_axis(angle)))
    assert 0 <= axis < 180
    assert apart(axis, angle, 180) < 1e-9


@given(axis=st.floats(0, 180), reference=st.floats(0, 360))
def test_the_nearer_end_is_within_90_degrees_of_the_reference(axis, reference):
    chosen = float(nearer_end(axis, reference))
    assert 0 <= chosen < 360
    assert apart(chosen, axis, 180) < 1e-9
    assert apart(chosen, reference, 360) <= 90 + 1e-9


def test_nearer_end_across_north_and_missing():
    found = nearer_end(
        [175.0, 5.0, 5.0, np.nan, 5.0], [359.0, 355.0, 190.0, 1.0, np.nan]
    )
    np.testing.assert_array_equal(found, [355.0, 5.0, 185.0, np.nan, np.nan])


@pytest.mark.parametrize("concentration", [0.0, 0.3, 1.0, 4.0, 30.0])
def test_the_length_of_a_mean_tells_the_error(concentration):
    """Of angles drawn from a von Mises law: what the mean of their codes says, and is."""
    rng = np.random.default_rng(1)
    double = rng.vonmises(2.0, concentration, 200_000)
    mean = encode_axis(np.degrees(double) / 2).mean(axis=0)
    error = apart(np.degrees(double) / 2, np.degrees(1.0), 180)
    assert float(axis_error(mean)) == pytest.approx(
        np.sqrt((error**2).mean()), rel=0.02
    )


def test_error_of_nothing_known_and_of_an_overshooting_fit():
    assert float(axis_error([0.0, 0.0])) == pytest.approx(180 / np.sqrt(12), abs=0.01)
    assert float(axis_error([1.5, 0.0])) == pytest.approx(2.0, abs=0.1)
    assert np.isnan(axis_error([np.nan, 0.0]))
