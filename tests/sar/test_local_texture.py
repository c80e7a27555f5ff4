import numpy as np
import pytest

from xoceansar.sar.local_texture import (
    DIRECTIONS,
    PERCENTILES,
    SEPARATIONS,
    STATISTICS,
    WAVELENGTHS,
    local_texture,
)

SPACING = 50.0
MEAN = STATISTICS.index("mean")


def waves(wavelength, angle, size=384, contrast_db=1.0, level=0.05, spacing=SPACING):
    """A sine in decibel; the angle of its wavenumber from samples (look) towards lines (flight)."""
    line, sample = np.mgrid[:size, :size] * spacing
    a = np.radians(angle)
    phase = 2 * np.pi / wavelength * (np.cos(a) * sample + np.sin(a) * line)
    return (level * 10 ** (contrast_db * np.sin(phase) / 10)).astype(np.float32)


def speckle(seed, n=1, size=384, looks=20):
    rng = np.random.default_rng(seed)
    return (0.05 * rng.gamma(looks, 1 / looks, (n, size, size))).astype(np.float32)


@pytest.mark.parametrize("angle", DIRECTIONS)
@pytest.mark.parametrize("band", range(len(WAVELENGTHS)))
def test_a_wave_is_in_its_band_and_its_direction(band, angle):
    wavelength = np.sqrt(np.prod(WAVELENGTHS[band]))
    power = local_texture(waves(wavelength, angle)[None], SPACING).power[0, ..., MEAN]
    # each of the two kinds of windows sees its own bands
    same = slice(0, 2) if band < 2 else slice(2, None)
    best = np.unravel_index(power[same].argmax(), power[same].shape)
    assert (best[0] + same.start, best[1]) == (band, DIRECTIONS.index(angle))


def test_power_sums_to_the_variance():
    """Parseval: speckle is white, so the mean power of a cell times their number is its variance."""
    image = speckle(1)
    out = local_texture(image, SPACING)
    db = 10 * np.log10(image[0])
    fine = 10 ** (out.power[0, 2:, :, MEAN] / 10)
    # the mean of 10 log10 of a sum of exponentials lies a little below that of its mean
    assert 10 * np.log10(fine.mean() * 48 * 48 / db.var()) == pytest.approx(0, abs=0.5)
    assert out.spread[0, MEAN] == pytest.approx(10 * np.log10(db.var()), abs=0.1)


def test_percentiles_are_those_of_the_windows():
    out = local_texture(speckle(2), SPACING)
    db = 10 * np.log10(speckle(2)[0])
    middles = [
        db[i + 16 : i + 32, j + 16 : j + 32]
        for i in range(0, 337, 16)
        for j in range(0, 337, 16)
    ]
    each = np.array(
        [np.percentile(m - db.mean(), PERCENTILES, method="nearest") for m in middles]
    )
    np.testing.assert_allclose(out.percentile[0, :, MEAN], each.mean(0), atol=0.005)
    largest = out.percentile[0, :, STATISTICS.index("max")]
    np.testing.assert_allclose(largest, each.max(0), atol=0.03)


def test_gain_changes_nothing_and_twice_the_contrast_is_six_decibel():
    image = waves(600.0, 45.0)
    out, louder = (local_texture(g * image[None], SPACING) for g in (1.0, 7.3))
    for a, b in zip(out, louder, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3)
    twice = local_texture(waves(600.0, 45.0, contrast_db=2.0)[None], SPACING)
    difference = (twice.spread - out.spread)[0, MEAN]
    assert difference == pytest.approx(20 * np.log10(2), abs=0.05)


def test_gradients_are_along_the_axis_that_changes():
    step = np.full((384, 384), 0.05, np.float32)
    step[:, 192:] *= 10
    gradient = local_texture(step[None], SPACING).gradient[0]
    for i, _ in enumerate(SEPARATIONS):
        assert gradient[i, 1, STATISTICS.index("max")] == pytest.approx(10, abs=1e-3)
        assert np.all(gradient[i, 0] == 0)


def test_a_turned_image_turns_its_directions():
    image = speckle(3) * waves(300.0, 0.0) / 0.05
    turned = np.ascontiguousarray(np.rot90(image, axes=(1, 2)))
    out, there = (local_texture(x, SPACING) for x in (image, turned))
    order = [DIRECTIONS.index((d + 90) % 180) for d in DIRECTIONS]
    np.testing.assert_allclose(
        out.power[..., MEAN], there.power[:, :, order][..., MEAN], atol=0.05
    )


def test_missing_pixels_cost_their_windows_and_no_more():
    image = speckle(4, n=3)
    image[0, :200] = (
        np.nan
    )  # the windows of the lower 184 lines are whole: 9 of 22 rows
    image[1, 100, 100] = np.nan
    image[2, 5:] = np.nan
    out = local_texture(image, SPACING)
    whole = local_texture(image[:1, 200:], SPACING)
    assert out.valid[0] == pytest.approx(9 / 22)
    assert np.isnan(out.power[0, :2]).all()
    # windows of the cut image begin at line 0, those of the whole at line 208
    np.testing.assert_allclose(out.spread[0, MEAN], whole.spread[0, MEAN], atol=0.1)
    assert out.valid[1] == pytest.approx(1 - 9 / 22**2)
    assert np.isfinite(out.power[1]).all()
    assert out.valid[2] == 0
    for array in out[:-1]:
        assert np.isnan(array[2]).all()


def test_constant_dark_and_small_images_are_finite_or_missing():
    images = np.stack([np.full((384, 384), v, np.float32) for v in (0.05, 0.0, -0.01)])
    out = local_texture(images, SPACING)
    for array in out:
        assert np.isfinite(array[0]).all()
    for array in out[:-1]:
        assert np.isnan(array[1:]).all()
    small = local_texture(speckle(5, size=100), SPACING)
    assert np.isfinite(small.power[0, 2:]).all()
    assert np.isnan(small.power[0, :2]).all()


@pytest.mark.parametrize("spacing", [25.0, 40.0])
def test_other_spacings_say_the_same_of_a_wave(spacing):
    fine = waves(500.0, 90.0, size=round(19200 / spacing), spacing=spacing)
    out = local_texture(fine[None], spacing).power[0, ..., MEAN]
    expected = local_texture(waves(500.0, 90.0)[None], SPACING).power[0, ..., MEAN]
    band = 3
    assert out[band].argmax() == expected[band].argmax() == DIRECTIONS.index(90.0)
    assert out[band, 2] == pytest.approx(expected[band, 2], abs=1.0)
