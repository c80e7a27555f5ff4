"""Each phenomenon does to the sea what its name says."""

import math

import numpy as np
import pytest

from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.simulate.sea.environment import Environment
from xoceansar.simulate.sea.iceberg_targets import MAX_ICEBERGS, add_icebergs
from xoceansar.simulate.sea.phenomena import PHENOMENA, paint
from xoceansar.simulate.sea.random_fields import Canvas, mosaic

N, SPACING = 192, 100.0


def painted(ocean_class, seed=0, wind=8.0, direction=0.0, beam="wv2"):
    environment = Environment(ocean_class, beam, 36.8, wind, direction)
    return paint(environment, Canvas(N, SPACING, np.random.default_rng(seed)))


def roughness(field, axis):
    return np.diff(field, axis=axis).std()


def test_there_is_one_painter_a_class():
    assert tuple(PHENOMENA) == OCEAN_CLASSES


@pytest.mark.parametrize("ocean_class", OCEAN_CLASSES)
@pytest.mark.parametrize("seed", range(3))
def test_fields_are_finite_single_precision_and_possible(ocean_class, seed):
    sea = painted(ocean_class, seed)
    for field in (sea.speed, sea.turn, sea.decibel, sea.waviness):
        assert field.shape == (N, N)
        assert np.isfinite(field).all()
    assert sea.speed.min() >= 0.3
    assert sea.speed.max() <= 35
    assert sea.waviness.min() >= 0
    assert sea.waviness.max() <= 1
    assert (sea.ice is not None) == (ocean_class == "sea_ice")


@pytest.mark.parametrize("seed", range(3))
def test_pure_waves_leave_the_wind_nearly_even(seed):
    sea = painted("pure_ocean_waves", seed)
    assert 0.01 < sea.speed.std() / 8.0 < 0.06
    assert sea.speed.mean() == pytest.approx(8.0, rel=1e-3)
    assert not sea.decibel.any()
    assert (sea.waviness == 1).all()


@pytest.mark.parametrize(("direction", "along"), [(0.0, 1), (90.0, 0), (180.0, 1)])
def test_streaks_follow_the_wind(direction, along):
    for seed in range(3):
        speed = painted("wind_streaks", seed, direction=direction).speed
        assert roughness(speed, along) < 0.7 * roughness(speed, 1 - along)


def test_cells_are_about_as_long_as_wide():
    for seed in range(3):
        speed = painted("micro_convective_cells", seed).speed
        assert 0.5 < roughness(speed, 1) / roughness(speed, 0) < 1.4
        assert speed.std() / speed.mean() > 0.025


def test_rain_blows_outwards_and_damps_the_core():
    sea = painted("rain_cells", seed=1, wind=5.0)
    vx, vy = sea.speed * np.cos(sea.turn), sea.speed * np.sin(sea.turn)
    divergence = np.gradient(vx, SPACING, axis=1) + np.gradient(vy, SPACING, axis=0)
    core = sea.decibel < 0.8 * sea.decibel.min()
    assert sea.decibel.min() < -2
    assert divergence[core].mean() > 3 * np.abs(divergence.mean())
    assert sea.speed.max() > 7


def test_slicks_darken_a_small_part_and_calm_it():
    for seed in range(3):
        sea = painted("biological_slicks", seed, wind=4.0)
        assert -11 <= sea.decibel.min() < -3
        assert 0.002 < (sea.decibel < -3).mean() < 0.3
        assert sea.decibel.max() <= 0
        np.testing.assert_array_less(sea.waviness[sea.decibel < -3], 1.0)


def test_ice_has_floes_ridges_and_leads_and_hardly_any_waves():
    sea = painted("sea_ice", 2)
    bright, middle, dark = np.percentile(sea.ice, [99.8, 50, 0.2])
    assert bright - middle > 5
    assert middle - dark > 3
    assert sea.waviness.max() < 0.2
    near = painted("sea_ice", 2, beam="wv1")
    np.testing.assert_allclose(near.ice - sea.ice, 4, atol=1e-4)


def test_low_wind_area_is_calm_in_part():
    for seed in range(3):
        sea = painted("low_wind_area", seed, wind=5.0)
        assert 0.1 < (sea.speed < 3).mean() < 0.9
        assert np.percentile(sea.speed, 99) > 4


@pytest.mark.parametrize("seed", range(3))
def test_atmospheric_front_divides_two_winds(seed):
    speed = painted("atmospheric_front", seed).speed
    low, high = np.percentile(speed, [15, 85])
    assert high / low > 1.1


@pytest.mark.parametrize("seed", range(3))
def test_oceanic_front_is_a_thin_line(seed):
    decibel = painted("oceanic_front", seed).decibel
    line = np.abs(decibel - np.median(decibel)) > 1.2
    assert 0.001 < line.mean() < 0.06
    # The line crosses the scene.
    assert max(np.any(line, axis=0).mean(), np.any(line, axis=1).mean()) > 0.5


def test_icebergs_are_targets_not_fields():
    sea = painted("icebergs")
    reference = painted("pure_ocean_waves")
    np.testing.assert_array_equal(sea.speed, reference.speed)


def test_turbulence_falls_as_the_eight_thirds():
    """Of the two-dimensional spectrum, between the outer scale and the smoothing."""
    canvas = Canvas(256, 75.0, np.random.default_rng(0))
    power = np.mean(
        [np.abs(np.fft.rfft2(canvas.turbulence())) ** 2 for _ in range(8)], axis=0
    )
    k = np.hypot(canvas._kx, canvas._ky)
    band = (k > 2 * math.pi / 4000) & (k < 2 * math.pi / 1000)
    slope = np.polyfit(np.log(k[band]), np.log(power[band]), 1)[0]
    assert slope == pytest.approx(-8 / 3, abs=0.3)


def test_fields_are_standardised():
    canvas = Canvas(64, 100.0, np.random.default_rng(0))
    for field in (canvas.turbulence(), canvas.band(900, 0.4, 0.3, 4.0)):
        assert field.dtype == np.float32
        assert field.mean() == pytest.approx(0, abs=1e-5)
        assert field.std() == pytest.approx(1, rel=1e-5)


def test_mosaic_is_the_voronoi_diagram():
    """Against all distances."""
    canvas = Canvas(40, 100.0, np.random.default_rng(4))
    x, y = np.broadcast_arrays(canvas.x, canvas.y)
    state = canvas.rng.bit_generator.state
    nearest, second, edge = mosaic(canvas, 30, x.copy(), y.copy(), 1.5)
    canvas.rng.bit_generator.state = state
    seeds = canvas.rng.uniform(-0.1, 1.1, (30, 2)) * canvas.size
    distance = np.hypot(
        x[..., None] - seeds[:, 0], 1.5 * y[..., None] - 1.5 * seeds[:, 1]
    )
    order = np.argsort(distance, axis=-1)
    np.testing.assert_array_equal(nearest, order[..., 0])
    np.testing.assert_array_equal(second, order[..., 1])
    ranked = np.sort(distance, axis=-1)
    np.testing.assert_allclose(edge, ranked[..., 1] - ranked[..., 0], atol=0.01)


@pytest.mark.parametrize("seed", range(6))
def test_boxes_hold_the_bright_pixels_and_no_more(seed):
    sea = np.full((400, 400), 0.01, np.float32)
    image = sea.copy()
    bergs = add_icebergs(image, 25.0, np.random.default_rng(seed))
    assert 1 <= len(bergs) <= MAX_ICEBERGS
    inside = np.zeros_like(image, bool)
    for berg in bergs:
        top, left, bottom, right = (round(v / 25) for v in berg.box)
        window = image[max(top, 0) : bottom, max(left, 0) : right]
        inside[max(top, 0) : bottom, max(left, 0) : right] = True
        assert window.max() > 0.01 * 10**0.4
        longest = max(bottom - top, right - left) * 25
        assert longest <= 1.2 * berg.size + 50
        assert longest >= 0.4 * berg.size
    edge = 0.5 * 0.7 * 10 ** (min(b.brightness for b in bergs) / 10)
    assert (
        image[~inside] < 0.01 + 2 * max(10 ** (b.brightness / 10) for b in bergs) * 0.5
    ).all()
    assert (image[inside] > 0.01 + edge).sum() > 0
    assert ((image > 3 * sea) & ~inside).sum() < 4 * sum(
        (b.box[2] - b.box[0] + b.box[3] - b.box[1]) / 25 for b in bergs
    )


def test_bergs_stand_out_of_a_bright_sea():
    image = np.full((400, 400), 1.0, np.float32)
    bergs = add_icebergs(image, 25.0, np.random.default_rng(0))
    assert all(b.brightness >= 4 for b in bergs)
