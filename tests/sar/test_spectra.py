"""Spectral measures against closed forms."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from xoceansar.sar.spectra import (
    azimuth_cutoff,
    cross_spectrum,
    dominant_wave,
    significant_wave_height,
)

PRODUCT = Path(__file__).parents[2] / "../shared/data/ocn_wv"


def test_height_of_a_flat_ring():
    """Density c between k1 and k2 holds c pi (k2^2 - k1^2) of variance."""
    k = np.linspace(0.02, 0.1, 2001)
    direction = np.arange(0, 360, 5)
    spectrum = np.full((direction.size, k.size), 30.0)
    expected = 4 * math.sqrt(30 * math.pi * (0.1**2 - 0.02**2))
    height = significant_wave_height(spectrum, k, direction)
    assert float(height) == pytest.approx(expected, rel=1e-3)


def test_height_keeps_leading_dimensions():
    k, direction = np.linspace(0.02, 0.1, 20), np.arange(0, 360, 30)
    spectrum = np.ones((2, 3, 12, 20)) * np.arange(1, 7).reshape(2, 3, 1, 1)
    height = significant_wave_height(spectrum, k, direction)
    assert height.shape == (2, 3)
    np.testing.assert_allclose(height / height[0, 0], np.sqrt([[1, 2, 3], [4, 5, 6]]))


@pytest.mark.skipif(not PRODUCT.exists(), reason="needs ../shared/data")
def test_partitions_of_an_esa_product_integrate_to_its_heights():
    rasterio = pytest.importorskip("rasterio")
    path = next(PRODUCT.glob("*.nc")).resolve()

    def read(name):
        with rasterio.open(f"netcdf:{path}:{name}") as dataset:
            return dataset.read(1)

    spectrum, partition = read("oswPolSpec"), read("oswPartitions")
    k, direction = read("oswK").ravel(), read("oswPhi").ravel()
    parts = np.stack([np.where(partition == p, spectrum, 0) for p in (0, 1)])
    heights = significant_wave_height(parts, k, direction)
    np.testing.assert_allclose(heights, [1.80987, 0.51459], atol=1e-4)
    np.testing.assert_allclose(heights, read("oswHs").ravel()[:2], rtol=1e-5)


@pytest.mark.parametrize("direction", range(-150, 181, 30))
def test_travelling_wave_is_found_with_its_way(direction):
    """A plane wave 12 cells long in a 768 m period, 0.4 rad later in the second look."""
    n, spacing = 96, 25.0
    step = 2 * math.pi / (n * spacing)
    i, j = (round(12 * f(math.radians(direction))) for f in (math.cos, math.sin))
    y, x = np.mgrid[0:n, 0:n] * spacing
    looks = [
        5 * (1 + 0.2 * np.cos(i * step * x + j * step * y - phase))
        for phase in (0.0, 0.4)
    ]
    spectrum, kx, ky = cross_spectrum(*looks, spacing)
    assert np.angle(spectrum[j, i]) == pytest.approx(0.4)
    # Parseval: the variance of the modulation, 0.2^2 / 2.
    assert np.abs(spectrum).sum() * step**2 / (2 * math.pi) ** 2 == pytest.approx(0.02)
    wavelength, found = dominant_wave(spectrum, kx, ky)
    assert wavelength == pytest.approx(
        2 * math.pi / (step * math.hypot(i, j)), rel=0.02
    )
    error = (found - math.degrees(math.atan2(j, i)) + 180) % 360 - 180
    assert abs(error) < 0.5


@pytest.mark.parametrize("width", [30.0, 45.0, 60.0])
def test_cutoff_of_gaussian_blur(width):
    """White noise blurred by a Gaussian of width s correlates as exp(-(y / 2s)^2)."""
    noise = np.random.default_rng(0).standard_normal((1024, 256))
    image = 1 + 0.01 * ndimage.gaussian_filter1d(noise, width / 10, axis=0, mode="wrap")
    assert azimuth_cutoff(image, 10.0) == pytest.approx(2 * math.pi * width, rel=0.05)


def test_cutoff_is_blind_to_range():
    noise = np.random.default_rng(0).standard_normal((512, 256))
    image = 1 + 0.01 * ndimage.gaussian_filter1d(noise, 4, axis=0, mode="wrap")
    shuffled = image[:, np.random.default_rng(1).permutation(256)]
    assert azimuth_cutoff(shuffled, 10.0) == pytest.approx(
        azimuth_cutoff(image, 10.0), rel=0.03
    )
