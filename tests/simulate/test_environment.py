"""The priors: one wind for all classes, within what each one allows."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.errors import OceansarError
from xoceansar.simulate.sea.environment import (
    WIND_RANGES,
    Environment,
    beam_incidence,
    sample_environment,
    to_compass,
)


def draw(ocean_class, n=400):
    return [
        sample_environment(np.random.default_rng(i), ocean_class=ocean_class)
        for i in range(n)
    ]


@pytest.mark.parametrize("ocean_class", OCEAN_CLASSES)
def test_wind_is_the_truncated_weibull(ocean_class):
    """The probability integral transform of the draws is uniform (Kolmogorov, 0.1 %)."""
    low, high = WIND_RANGES[ocean_class]
    speed = np.array([e.wind_speed for e in draw(ocean_class)])
    assert speed.min() >= low
    assert speed.max() <= high

    def cdf(u):
        return 1 - np.exp(-((np.asarray(u) / 9) ** 2.2))

    uniform = np.sort((cdf(speed) - cdf(low)) / (cdf(high) - cdf(low)))
    distance = np.abs(uniform - (np.arange(400) + 0.5) / 400).max()
    assert distance < 1.95 / math.sqrt(400)


def test_every_class_has_a_range_and_all_overlap_moderate_wind():
    assert tuple(WIND_RANGES) == OCEAN_CLASSES
    for low, high in WIND_RANGES.values():
        assert low <= 5.5 <= high


def test_the_class_changes_nothing_but_the_wind_speed():
    one, other = (
        sample_environment(np.random.default_rng(5), ocean_class=c, beam="wv2")
        for c in ("pure_ocean_waves", "sea_ice")
    )
    assert one == Environment(**{**vars(other), "ocean_class": "pure_ocean_waves"})


@pytest.mark.parametrize(
    ("latitude", "wv1", "wv2"),
    [(13.0, 24.3, 37.3), (61.0, 23.8, 36.9), (-64.0, 22.8, 35.8)],
)
def test_incidence_follows_the_roll_of_the_satellite(latitude, wv1, wv2):
    """Mid-swath of real vignettes, from the entries of a catalogue, to a tenth of a degree."""
    assert beam_incidence("wv1", latitude) == pytest.approx(wv1, abs=0.1)
    assert beam_incidence("wv2", latitude) == pytest.approx(wv2, abs=0.1)
    rng = np.random.default_rng(0)
    drawn = sample_environment(rng, beam="wv1", latitude=latitude)
    assert drawn.incidence == beam_incidence("wv1", latitude)


def test_swells_are_not_steeper_than_swell_can_be():
    swells = [s for e in draw(None) for s in e.swells]
    assert len(swells) > 400
    for swell in swells:
        assert 0.3 <= swell.height <= 8
        assert swell.height <= 0.025 * 9.81 / (2 * math.pi) * swell.period**2 + 1e-9
    assert np.median([s.height for s in swells]) == pytest.approx(1.7, rel=0.1)


def test_classes_and_beams_are_drawn_evenly():
    drawn = draw(None, 1000)
    counts = np.array([sum(e.ocean_class == c for e in drawn) for c in OCEAN_CLASSES])
    assert counts.min() > 60
    assert 420 < sum(e.beam == "wv1" for e in drawn) < 580


@given(st.floats(-720, 720), st.floats(-180, 360))
def test_compass_of_the_look_and_of_the_flight(direction, heading):
    """Range is 90 degrees right of the heading; azimuth is the heading."""
    assert to_compass(0, heading) == pytest.approx((heading + 90) % 360, abs=1e-9)
    turned = (to_compass(direction, heading) - heading - 90 + direction) % 360
    assert min(turned, 360 - turned) < 1e-6
    ahead = (to_compass(90, heading) - heading) % 360
    assert min(ahead, 360 - ahead) < 1e-6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ocean_class": "swell"}, "pure_ocean_waves"),
        ({"beam": "iw1"}, "wv1"),
        ({"incidence": 60.0}, "between 17 and 45"),
        ({"wind_speed": -1.0}, "between 0 and 40"),
        ({"wind_speed": math.nan}, "between 0 and 40"),
    ],
)
def test_impossible_environments_are_refused(change, message):
    values = {
        "ocean_class": "icebergs",
        "beam": "wv1",
        "incidence": 23.8,
        "wind_speed": 7.0,
        "wind_direction": 0.0,
    }
    with pytest.raises(OceansarError, match=message):
        Environment(**{**values, **change})


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [({"ocean_class": "ice"}, "must be"), ({"beam": "wv3"}, r"\['wv1', 'wv2'\]")],
)
def test_sampling_refuses_unknown_names(kwargs, message):
    with pytest.raises(OceansarError, match=message):
        sample_environment(np.random.default_rng(0), **kwargs)
