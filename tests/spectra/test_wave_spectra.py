"""Spectra over wavenumber and direction to, turned to frequency: variance kept, on any depth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from xoceansar.sar.spectra import significant_wave_height
from xoceansar.spectra.wave_spectra import (
    deep_water_frequencies,
    esa_polar_grid,
    frequency_spectrum,
    resolved_wavelength,
)

K, PHI = esa_polar_grid()
F = deep_water_frequencies(K)
G = 9.81


def height(efth):
    """Significant wave height as wavespectra sums it: central differences, and one step of direction."""
    step = 360.0 / efth.shape[-1]
    total = np.sum(efth * np.gradient(F)[:, None], axis=(-2, -1)) * step
    return 4 * np.sqrt(total)


def smooth(peak=2 * np.pi / 200, towards=127.0):
    turn = (PHI[:, None] - towards + 180) % 360 - 180
    return 300 * np.exp(-((turn / 30) ** 2) - (np.log(K / peak) / 0.3) ** 2)


def test_the_polar_grid_is_that_of_real_files():
    """oswK of every file since 2017, and oswPhi."""
    assert_allclose(K[[0, 1, 2, -1]], [0.00523599, 0.00557381, 0.00593343, 0.20943952], rtol=1e-6)  # fmt: skip
    assert_allclose(PHI, np.arange(0, 360, 5))
    assert_allclose(F[[0, -1]], [0.0361, 0.2281], atol=5e-5)


def test_on_deep_water_the_density_is_the_one_of_the_formula():
    efth = frequency_spectrum(smooth(), K)
    jacobian = np.gradient(K) / np.gradient(F)
    expected = (smooth() * K * jacobian).T * math.pi / 180
    assert_allclose(efth, expected, rtol=1e-12)
    # the analytic quotient is less by 0.05 %, but for the ends
    analytic = 8 * math.pi**2 * F / G
    assert_allclose((analytic / jacobian)[1:-1], 1 - 4.9e-4, atol=2e-5)


@given(
    seed=st.integers(0, 100),
    depth=st.one_of(st.floats(5, 5000), st.just(math.nan), st.just(-20.0)),
)
def test_the_height_is_kept_on_any_depth(seed, depth):
    spectrum = np.random.default_rng(seed).exponential(size=(3, 72, 60))
    efth = frequency_spectrum(spectrum, K, np.full(3, depth))
    assert_allclose(height(efth), significant_wave_height(spectrum, K, PHI), rtol=1e-12)
    assert (efth >= 0).all()


def test_over_a_sea_floor_waves_have_their_lower_frequency():
    """A swell of 196 m over 15 m: 0.0597 Hz and not 0.0893, by the dispersion relation."""
    one = np.zeros((72, 60))
    place = int(np.argmin(np.abs(K - 2 * np.pi / 200)))
    one[9, place] = 1.0
    true = math.sqrt(G * K[place] * math.tanh(K[place] * 15)) / (2 * math.pi)
    assert [true, F[place]] == pytest.approx([0.0597, 0.0893], abs=1e-4)
    efth = frequency_spectrum(one, K, 15.0)
    energy = efth[:, 9] * np.gradient(F)
    mean = np.sum(energy * F) / energy.sum()
    assert mean == pytest.approx(true, rel=0.01)
    # of several depths each has its own, and deep is the limit of deeper and deeper
    each = frequency_spectrum(np.stack([one] * 3), K, np.array([15.0, 5e3, math.inf]))
    assert_allclose(each[0], efth)
    assert_allclose(each[1], each[2], atol=1e-6 * each[2].max())


def test_variance_under_the_lowest_frequency_is_counted_in_it():
    long = np.zeros((72, 60))
    long[0, 0] = 1.0  # 1200 m, over 10 m
    efth = frequency_spectrum(long, K, 10.0)
    assert height(efth) == pytest.approx(significant_wave_height(long, K, PHI))
    assert np.flatnonzero(efth.sum(axis=1)).tolist() == [0]


def test_a_missing_spectrum_is_missing_and_harms_no_other():
    both = np.stack([smooth(), np.full((72, 60), np.nan)])
    efth = frequency_spectrum(both, K, np.array([30.0, 40.0]))
    assert np.isnan(efth[1]).all()
    assert_allclose(efth[0], frequency_spectrum(smooth(), K, 30.0))


def test_resolution_along_azimuth_range_and_between():
    found = resolved_wavelength([[20.0], [200.0]], 20.0, 208.0, [30.0, 300.0])
    assert_allclose(found, [[208, 300], [208, 300]])
    assert_allclose(resolved_wavelength(110.0, 20.0, 208.0, 30.0), 30.0)
    assert_allclose(resolved_wavelength(80.0, 20.0, 208.0, 30.0), 104.0)
