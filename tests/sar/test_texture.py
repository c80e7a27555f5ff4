import numpy as np
import pytest

from xoceansar.sar.bearings import decode_axis
from xoceansar.sar.texture import texture_axis

SPACING = 50.0


def bands(angle, wavelength=1500.0, n=256, contrast=0.1, level=0.02, seed=0):
    """Streaks that run in the direction `angle`, degrees from +sample towards +line."""
    y, x = np.mgrid[:n, :n] * SPACING
    a = np.radians(angle)
    across = -x * np.sin(a) + y * np.cos(a)
    noise = np.random.default_rng(seed).gamma(100, 0.01, (n, n))
    return level * (1 + contrast * np.sin(2 * np.pi * across / wavelength)) * noise


@pytest.mark.parametrize("angle", [0, 20, 45, 90, 135, 170])
def test_it_runs_along_the_bands(angle):
    found = texture_axis(bands(angle)[None], SPACING)[0]
    assert abs((decode_axis(found) - angle + 90) % 180 - 90) < 3
    assert np.linalg.norm(found) > 0.9


def test_mirrored_and_turned_images():
    image = bands(30)
    found = texture_axis(np.stack([image, image[::-1], image[:, ::-1], image[::-1, ::-1]]), SPACING)  # fmt: skip
    np.testing.assert_allclose(decode_axis(found), [30, 150, 150, 30], atol=3)


def test_speckle_and_other_wavelengths_have_no_direction():
    images = np.stack([bands(30, contrast=0, seed=s) for s in range(12)])
    assert np.linalg.norm(texture_axis(images, SPACING), axis=1).mean() < 0.4
    for wavelength in (200.0, 6000.0):
        found = texture_axis(bands(30, wavelength, contrast=0.05)[None], SPACING)
        assert np.linalg.norm(found) < 0.6


def test_level_trend_along_range_and_targets_do_not_matter():
    image = bands(60)
    expected = texture_axis(image[None], SPACING)[0]
    trend = image * np.linspace(1.6, 0.7, image.shape[1])
    berg = image.copy()
    berg[100:103, 50:53] *= 300
    for changed in (40 * image, trend, berg):
        found = texture_axis(changed[None], SPACING)[0]
        np.testing.assert_allclose(found, expected, atol=0.06)


def test_two_equal_textures_at_right_angles_cancel():
    """Along range and along azimuth: the half spectrum holds one of them twice."""
    image = bands(0) + bands(90, seed=1)
    assert np.linalg.norm(texture_axis(image[None], SPACING)) < 0.1


def test_near_and_far_range_count_alike_whatever_the_trend():
    near, far = bands(45), bands(135, seed=1)
    image = np.where(np.arange(256) < 128, near, far)
    for trend in (1.0, np.linspace(2.0, 0.4, 256)):
        found = texture_axis((image * trend)[None], SPACING)
        assert np.linalg.norm(found) < 0.2


def test_missing_pixels_and_useless_images_harm_no_neighbour():
    image = bands(60)
    holes = image.copy()
    holes[:40] = np.nan
    holes[:, 200:] = np.nan
    gone = np.where(np.arange(256) < 150, np.nan, image)
    found = texture_axis(np.stack([image, gone, -image, 0 * image, holes]), SPACING)
    assert np.isnan(found[1:4]).all()
    np.testing.assert_array_equal(found[0], texture_axis(image[None], SPACING)[0])
    assert abs(decode_axis(found[4]) - 60) < 5
    assert texture_axis(image[None, :, :200], SPACING).shape == (1, 2)


def test_flat_image_has_no_direction():
    np.testing.assert_allclose(
        texture_axis(np.full((1, 64, 64), 0.1), SPACING), 0, atol=1
    )
