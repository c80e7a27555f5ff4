"""Other radars: the same seas, their own incidence, resolution and noise."""

import numpy as np
import pytest

from xoceansar.errors import OceansarError
from xoceansar.evaluate import orbit_pass
from xoceansar.simulate import SENSORS, Environment, Scene, Sensor, vignettes
from xoceansar.simulate.sea.sensors import find_sensor

SMALL = {"shape": (64, 64), "workers": 1}
LIKE_WV2 = Sensor(
    name="like-wv2",
    platform="X1",
    altitude=693e3,
    incidence=36.8,
    nesz_db=-26.6,
    resolution=6.17,
    looks=1.0,
)


def test_the_geometry_is_that_of_a_known_product():
    # slant range 865.3 km, R/V 114.3 s: an ESA level 2 product of wv2
    beam = LIKE_WV2.beam()
    assert beam.range_to_velocity == pytest.approx(114.3, rel=0.02)
    assert beam.ground_offset == pytest.approx(475e3, rel=0.06)
    # 35.39 to 36.64 degrees over 20.5 km
    assert beam.incidence_slope * 20.5e3 == pytest.approx(1.25, rel=0.05)
    assert (beam.resolution, beam.looks, beam.nesz_db) == (6.17, 1.0, -26.6)


def test_a_radar_sees_the_sea_that_the_wave_mode_sees():
    here = vignettes(6, seed=3, **SMALL)
    there = vignettes(6, seed=3, sensor="iw", **SMALL)
    same = ("swh", "wind_speed", "wind_to_direction", "ocean_class")
    for name in (*same, "peak_wavelength", "iceberg_count", "longitude", "time"):
        np.testing.assert_array_equal(here[name].values, there[name].values, name)
    assert not np.allclose(here["sigma0"], there["sigma0"])
    jitter = here["incidence"].mean("sample") - [23.8, 36.8] * 3
    np.testing.assert_allclose(
        there["incidence"].mean("sample"), 38.0 + jitter, atol=1e-4
    )
    nesz_db = 10 * np.log10(there["nesz"].values)
    np.testing.assert_allclose(nesz_db.min(), -22.0, atol=0.01)
    # R/V; the line of sight is nearly that of wv2
    ratio = (there["azimuth_cutoff"] / here["azimuth_cutoff"])[1::2]
    np.testing.assert_allclose(ratio, 113.76 / 114.3, rtol=0.015)


def test_what_a_radar_sees_says_whose_it_is():
    ds = vignettes(22, seed=3, sensor="radarsat2", chunks=8, shape=(64, 64))
    assert set(ds["beam"].values) == {"radarsat2"}
    assert set(ds["platform"].values) == {"RS2"}
    assert set(ds["ipf_version"].values) == {""}
    assert len(set(ds["vignette_id"].values)) == 22
    passes = orbit_pass(ds)
    assert len(set(passes[:20])) == 1
    assert len(set(passes)) == 2
    home = vignettes(22, seed=3, chunks=8, shape=(64, 64))
    assert not set(ds["product"].values) & set(home["product"].values)


def test_a_radar_like_a_beam_gives_its_images():
    kwargs = {"seed": 3, "beams": ["wv2"], "classes": ["pure_ocean_waves"], **SMALL}
    here = vignettes(2, **kwargs)["sigma0"]
    there = vignettes(2, sensor=LIKE_WV2, **kwargs)["sigma0"]
    # R/V differs by 0.5 %
    assert np.corrcoef(here.values.ravel(), there.values.ravel())[0, 1] > 0.95
    np.testing.assert_allclose(there.mean(), here.mean(), rtol=0.01)


def test_ice_is_brighter_for_a_steep_radar_alone():
    steep, flat = (
        Sensor(**{**vars(LIKE_WV2), "incidence": incidence})
        for incidence in (25.0, 40.0)
    )
    kwargs = {"seed": 3, "classes": ["sea_ice"], **SMALL}
    a, b = (vignettes(4, sensor=s, **kwargs)["sigma0"] for s in (steep, flat))
    np.testing.assert_allclose(10 * np.log10(a.mean() / b.mean()), 4, atol=0.3)


def looks_at_50m(sensor):
    """Equivalent looks of a flat scene in pixels of 50 m, and correlation of neighbours."""
    beam = None if sensor is None else find_sensor(sensor).beam()
    env = Environment("pure_ocean_waves", "wv2", 36.8, 7.0, 0.0, sensor=beam)
    n = 768
    flat = np.ones((n, n), np.float32)
    none = np.zeros(n, np.float32)
    scene = Scene(env, 25.0, flat, none, none, {})
    image = scene.observe(0)
    near = np.corrcoef(image[:, 1:].ravel(), image[:, :-1].ravel())[0, 1]
    assert image.mean() == pytest.approx(1, abs=0.01)
    return image.mean() ** 2 / image.var(), near


def expected(resolution, looks):
    """Both, for white speckle of its area in cells of 25 m, a Gaussian blur and pixels of two cells."""
    kernel = np.ones(2) / 2
    if resolution > 25:
        x = np.arange(-40, 41)
        s = resolution / 25 / (2 * np.sqrt(2 * np.log(2)))
        gauss = np.exp(-0.5 * (x / s) ** 2)
        kernel = np.convolve(gauss / gauss.sum(), kernel)
    power = (kernel**2).sum()
    near = (kernel[2:] * kernel[:-2]).sum() / power
    return looks * (25 / resolution) ** 2 / power**2, near


@pytest.mark.parametrize("sensor", [None, "iw", "ew", "radarsat2"])
def test_speckle_is_that_of_the_product(sensor):
    radar = LIKE_WV2 if sensor is None else SENSORS[sensor]
    looks, near = expected(radar.resolution, radar.looks)
    found, correlation = looks_at_50m(sensor)
    assert found == pytest.approx(looks, rel=0.06)
    assert correlation == pytest.approx(near, abs=0.03)
    # at its own resolution a product has its looks: a Gaussian keeps 2.3 cells of noise
    if sensor == "ew":
        assert 0.9 < found / (2.3 * radar.looks) < 1.3


def test_presets_say_where_they_are_from():
    assert set(SENSORS) == {"iw", "ew", "radarsat2", "rcm"}
    for name, sensor in SENSORS.items():
        assert sensor.name == name
        assert sensor.origin
        assert find_sensor(name) is sensor
    assert find_sensor(LIKE_WV2) is LIKE_WV2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"incidence": 46.0}, "between 17.5 and 44.5"),
        ({"incidence": 12.0}, "between 17.5 and 44.5"),
        ({"looks": 0.5}, "1 look or more"),
        ({"resolution": 0.0}, "positive altitude and resolution"),
        ({"altitude": -1.0}, "positive altitude and resolution"),
    ],
)
def test_impossible_radars_are_refused(wrong, message):
    with pytest.raises(OceansarError, match=message):
        Sensor(**{**vars(LIKE_WV2), **wrong})


def test_unknown_radars_are_listed():
    with pytest.raises(OceansarError, match=r"'alos'; there are .*'iw'"):
        vignettes(1, sensor="alos")
