"""Looks and their spectra, against a sea whose waves are known."""

import math

import numpy as np
import pytest

from tests.spectra.moving_sea import (
    BANDWIDTH,
    FM_RATE,
    GRAVITY,
    PRF,
    WINDOW,
    moving_sea,
)
from xoceansar.errors import DomainError
from xoceansar.spectra.look_images import AzimuthBand, form_looks
from xoceansar.spectra.periodograms import (
    CrossSpectra,
    average_periodograms,
    image_spectrum,
)
from xoceansar.spectra.wavenumber_grids import esa_grid, plane_weights, regular_grid

SPACING = 4.12, 4.6
GRID = esa_grid(SPACING[1], SPACING[0])


def measure(image: np.ndarray, centroid: float = 30.0) -> CrossSpectra:
    band = AzimuthBand(PRF, BANDWIDTH, WINDOW, centroid)
    looks = form_looks(image, band, *SPACING)
    return average_periodograms(
        looks, SPACING[0], np.full(image.shape[1], SPACING[1]), GRID
    )


def peak_of(density: np.ndarray) -> tuple[int, int]:
    power = np.nan_to_num(np.abs(density))
    return tuple(np.unravel_index(power.argmax(), power.shape))


@pytest.mark.parametrize("towards", [0, 35, 90, 160, -60, -130])
def test_the_imaginary_part_is_positive_towards_which_the_wave_travels(towards):
    spectra = measure(moving_sea(towards=towards, wavelength=220.0, amplitude=0.6))
    i, j = peak_of(spectra.density[1])
    near = np.s_[:, i - 1 : i + 2, max(j - 1, 0) : j + 2]
    phase = np.angle(np.sum(spectra.density[near], axis=(1, 2)))
    omega = math.sqrt(GRAVITY * 2 * math.pi / 220.0)
    expected = omega * BANDWIDTH / 3 / abs(FM_RATE)
    # On the half plane kx >= 0 a wave that comes towards the radar stands at its opposite.
    angle = math.degrees(math.atan2(GRID.ky[i], GRID.kx[j]))
    sign = 1 if abs((angle - towards + 180) % 360 - 180) < 90 else -1
    apart = (angle - towards + 90) % 180 - 90
    assert abs(apart) < 8
    np.testing.assert_allclose(
        phase, [0, sign * expected, sign * 2 * expected], rtol=0.1
    )
    wavelength = 2 * math.pi / math.hypot(GRID.kx[j], GRID.ky[i])
    assert wavelength == pytest.approx(220, rel=0.08)


def test_the_integral_is_the_variance_of_the_modulation():
    spectra = measure(moving_sea(shape=(2000, 1800), wavelength=250.0, amplitude=0.4))
    variance = np.nansum(spectra.density.real * plane_weights(GRID), axis=(1, 2))
    near = np.hypot(GRID.kx, GRID.ky[:, None]) < 2 * np.pi / 100
    wave = np.nansum(
        np.where(near, spectra.density.real, 0) * plane_weights(GRID), axis=(1, 2)
    )
    np.testing.assert_allclose(wave, 0.4**2 / 2, rtol=0.06)
    np.testing.assert_allclose(variance, 0.4**2 / 2, rtol=0.3)


def test_a_sea_without_waves_leaves_nothing_of_the_speckle():
    spectra = measure(moving_sea(shape=(2000, 1800), amplitude=0.0))
    assert spectra.variance == pytest.approx(1.0, abs=0.01)
    near = np.hypot(GRID.kx, GRID.ky[:, None]) < 2 * np.pi / 60
    mean = np.nanmean(np.where(near, spectra.density.real, np.nan), axis=(1, 2))
    pedestal = SPACING[1] * SPACING[0] / (4 * np.pi**2)
    assert (np.abs(mean) < 0.02 * pedestal * 1.85).all()


def test_the_window_and_the_centroid_of_the_processor_are_taken_out():
    right = measure(moving_sea(centroid=-200.0), centroid=-200.0)
    i, j = peak_of(right.density[2])
    wrong = measure(moving_sea(centroid=-200.0), centroid=200.0)
    assert np.abs(wrong.density[2, i, j]) < 0.8 * np.abs(right.density[2, i, j])


def test_bright_targets_are_masked_and_change_nothing_elsewhere():
    sea = moving_sea(shape=(1700, 1500))
    ship = sea.copy()
    ship[800:820, 700:715] *= 40
    clean, masked = measure(sea), measure(ship)
    i, j = peak_of(clean.density[1])
    assert masked.density[1, i, j] == pytest.approx(clean.density[1, i, j], rel=0.1)
    band = AzimuthBand(PRF, BANDWIDTH, WINDOW, 30.0)
    looks = form_looks(ship, band, *SPACING)
    assert (
        0.002 < looks.masked_fraction < 0.005
    )  # 16 cells and those around them of 19,000


def test_missing_lines_are_masked():
    sea = moving_sea(shape=(1700, 1500))
    holes = sea.copy()
    holes[400:500] = np.nan
    clean, masked = measure(sea), measure(holes)
    i, j = peak_of(clean.density[1])
    assert masked.density[1, i, j] == pytest.approx(clean.density[1, i, j], rel=0.25)
    assert np.isfinite(masked.density[:, i, j]).all()


def test_an_image_of_nothing_has_no_spectrum():
    nothing = np.full((1500, 1300), np.nan + 1j * np.nan, np.complex64)
    spectra = measure(nothing)
    assert spectra.periodograms == 0
    assert np.isnan(spectra.density).all()
    assert math.isnan(spectra.variance)


def test_too_small_an_image_is_refused():
    band = AzimuthBand(PRF, BANDWIDTH, WINDOW, 0.0)
    with pytest.raises(DomainError, match="400 m or more"):
        form_looks(np.ones((60, 2000), np.complex64), band, *SPACING)


def test_the_spectrum_of_an_image_has_its_waves_and_not_its_noise():
    rng = np.random.default_rng(1)
    spacing, wavelength = 50.0, 300.0
    y, x = np.mgrid[0:384, 0:384] * spacing
    k = 2 * np.pi / wavelength
    image = (
        1
        + 0.2 * np.cos(k * (0.6 * x + 0.8 * y))
        + 0.1 * rng.standard_normal((384, 384))
    )
    grid = regular_grid(12.5, 12.5, 320, 320)
    density = image_spectrum(image.astype(np.float32), spacing, grid)
    i, j = peak_of(density)
    np.testing.assert_allclose(
        [grid.kx[j], grid.ky[i]], [0.6 * k, 0.8 * k], atol=grid.dkx[0]
    )
    assert np.nansum(density * plane_weights(grid)) == pytest.approx(0.02, rel=0.1)
    assert np.isnan(density[:, -1]).all()  # beyond the sampling of 50 m
