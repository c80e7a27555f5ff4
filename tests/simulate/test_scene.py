"""Scenes: what they are made of, what they promise, what they refuse."""

import math

import numpy as np
import pytest

from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.errors import OceansarError
from xoceansar.sar.gmf import cmod5n
from xoceansar.simulate import Environment, Scene, scene
from xoceansar.simulate.sea.environment import BEAMS, Swell

SMALL = {"size": 6400.0, "spacing": 50.0}


def environment(ocean_class="pure_ocean_waves", beam="wv2", wind=9.0, **kwargs):
    return Environment(
        ocean_class,
        beam,
        BEAMS[beam].incidence,
        wind,
        20.0,
        swells=(Swell(2.0, 12.0, 40.0),),
        **kwargs,
    )


@pytest.mark.parametrize("ocean_class", OCEAN_CLASSES)
def test_every_class_gives_a_positive_image_and_its_truth(ocean_class):
    made = scene(3, ocean_class=ocean_class, beam="wv1", **SMALL)
    assert isinstance(made, Scene)
    assert made.environment.ocean_class == ocean_class
    assert made.environment.beam == "wv1"
    assert made.sigma0.shape == (128, 128)
    assert made.sigma0.dtype == made.incidence.dtype == made.nesz.dtype == np.float32
    assert made.incidence.shape == made.nesz.shape == (128,)
    assert np.isfinite(made.sigma0).all()
    assert made.sigma0.min() >= 1e-6
    assert all(np.isfinite(v) for v in made.truth.values())
    assert bool(made.icebergs) == (ocean_class == "icebergs")


def test_same_seed_same_scene_and_other_seed_another():
    one, again, other = (scene(seed, **SMALL) for seed in (11, 11, 12))
    np.testing.assert_array_equal(one.sigma0, again.sigma0)
    assert one.truth == again.truth
    assert one.environment == again.environment != other.environment
    sequence = scene(np.random.SeedSequence(11), **SMALL)
    np.testing.assert_array_equal(sequence.sigma0, one.sigma0)


@pytest.mark.parametrize("beam", ["wv1", "wv2"])
@pytest.mark.parametrize("wind", [4.0, 10.0, 18.0])
def test_mean_backscatter_is_cmod5n(beam, wind):
    made = scene(1, environment=environment(beam=beam, wind=wind), size=9600.0)
    expected = cmod5n(wind, 20.0 + 180.0, made.incidence).mean()
    assert abs(10 * math.log10(made.sigma0.mean(dtype=np.float64) / expected)) < 0.1


def test_upwind_is_brighter_than_crosswind():
    """Wind towards +x blows away from the radar: downwind; the cross wind is darker."""
    means = []
    for direction in (0.0, 90.0, 180.0):
        env = Environment("pure_ocean_waves", "wv2", 36.8, 10.0, direction)
        means.append(10 * math.log10(scene(1, environment=env, **SMALL).sigma0.mean()))
    downwind, crosswind, upwind = means
    assert upwind - downwind == pytest.approx(12.4882 - 11.7361, abs=0.1)
    assert upwind - crosswind == pytest.approx(16.2874 - 11.7361, abs=0.1)


def test_truth_of_a_known_sea():
    made = scene(0, environment=environment(wind=10.0), size=12_800.0)
    # 2.60 m of fully developed wind sea at 10 m/s and 2 m of swell.
    assert made.truth["swh"] == pytest.approx(math.hypot(2.60, 2.0), rel=0.02)
    assert made.truth["wind_speed"] == pytest.approx(10.0, rel=0.01)
    assert made.truth["wind_direction"] == pytest.approx(20.0, abs=0.5)
    # ESA's level 2 algorithm: pi R/V sigma_u; 253 m were measured for this sea.
    assert 240 < made.truth["azimuth_cutoff"] < 300
    assert made.wind_to_direction(-12.0) == pytest.approx(-12 + 90 - 20, abs=0.5)


def test_ice_has_no_sea_to_speak_of():
    made = scene(0, environment=environment("sea_ice"), **SMALL)
    assert made.truth["swh"] < 0.2 * math.hypot(2.2, 2.0)
    assert made.truth["azimuth_cutoff"] < 60


def test_calm_patches_lower_the_mean_wind():
    made = scene(0, environment=environment("low_wind_area", wind=5.0), **SMALL)
    assert 1.5 < made.truth["wind_speed"] < 4.6


def test_geometry_and_noise_along_range():
    made = scene(0, environment=environment(), size=20_000.0, spacing=100.0)
    span = made.incidence[-1] - made.incidence[0]
    assert span == pytest.approx(1.25 * 19.9 / 20.5, rel=2e-3)
    assert made.incidence.mean() == pytest.approx(36.8, abs=1e-3)
    # ESA level 2 product of wv2: -26.6 dB at mid-swath, -26.0 at the edges.
    db = 10 * np.log10(made.nesz)
    assert db.min() == pytest.approx(-26.6, abs=0.05)
    assert db[0] == pytest.approx(-26.0, abs=0.05)


def test_size_is_rounded_up_to_an_even_number_of_pixels():
    made = scene(0, environment=environment(), size=5010.0, spacing=50.0)
    assert made.sigma0.shape == (102, 102)


def test_observation_has_the_looks_of_its_area():
    made = scene(2, environment=environment("sea_ice"), size=6400.0, spacing=25.0)
    flat = Scene(
        environment=made.environment,
        spacing=25.0,
        sigma0=np.full_like(made.sigma0, 0.05),
        incidence=made.incidence,
        nesz=made.nesz,
        truth=made.truth,
    )
    image = flat.observe(5, shape=(128, 128)).astype(np.float64)
    total = image + made.nesz.reshape(-1, 2).mean(1)
    assert image.mean() == pytest.approx(0.05, rel=5e-3)
    # Single looks of 6.17 m, the root of 6.23 (range) by 6.11 m (azimuth).
    assert total.mean() ** 2 / total.var() == pytest.approx(65.7, rel=0.05)


def test_observation_averages_the_centre():
    made = scene(2, environment=environment(), size=6400.0, spacing=25.0)
    image = made.observe(0, spacing=100.0, shape=(40, 32))
    assert image.shape == (40, 32)
    centre = made.sigma0[48:208, 64:192].reshape(40, 4, 32, 4).mean((1, 3))
    np.testing.assert_allclose(image, centre, rtol=0.5)
    assert np.corrcoef(image.ravel(), centre.ravel())[0, 1] > 0.88
    np.testing.assert_array_equal(image, made.observe(0, spacing=100.0, shape=(40, 32)))
    assert (image != made.observe(1, spacing=100.0, shape=(40, 32))).mean() > 0.99


def test_crop_moves_the_icebergs_along():
    made = scene(4, environment=environment("icebergs"), size=12_800.0, spacing=50.0)
    view = made.crop(6400.0, 9600.0)
    assert view.sigma0.shape == (128, 192)
    assert view.incidence.shape == (192,)
    for before, after in zip(made.icebergs, view.icebergs, strict=True):
        np.testing.assert_allclose(np.array(before.box) - after.box, [3200, 1600] * 2)
        rows, columns = (
            slice(*(round(after.box[i] / 50) for i in (a, a + 2))) for a in (0, 1)
        )
        if min(after.box) >= 0 and after.box[2] <= 6400 and after.box[3] <= 9600:
            old = made.sigma0[
                round(before.box[0] / 50) : round(before.box[2] / 50),
                round(before.box[1] / 50) : round(before.box[3] / 50),
            ]
            np.testing.assert_array_equal(view.sigma0[rows, columns], old)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"environment": environment(), "beam": "wv1"}, "pass either"),
        ({"environment": environment(), "latitude": 10.0}, "pass either"),
        ({"ocean_class": "foam"}, "pure_ocean_waves"),
        ({"beam": "ew"}, "wv1"),
        ({"spacing": 0.0}, "positive"),
        ({"size": 50.0}, "four times"),
    ],
)
def test_bad_arguments_are_refused(kwargs, message):
    with pytest.raises(OceansarError, match=message):
        scene(0, **kwargs)


def test_observation_refuses_what_it_cannot_do():
    made = scene(0, environment=environment(), **SMALL)
    with pytest.raises(OceansarError, match="whole multiple"):
        made.observe(0, spacing=75.0, shape=(8, 8))
    with pytest.raises(OceansarError, match=r"scene\(size="):
        made.observe(0, spacing=50.0, shape=(384, 384))
