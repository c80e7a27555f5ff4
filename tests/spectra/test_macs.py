"""MACS and IMACS: bands by hand, and the sign of the wind in ESA's own spectra."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.spectra.real_spectra import each_real_file, read
from xoceansar.spectra.macs import IMACS_BANDS, compute_imacs, compute_macs
from xoceansar.spectra.wavenumber_grids import WavenumberGrid, esa_grid, regular_grid

ESA = esa_grid(4.68, 4.15)


def test_the_mean_is_over_the_band():
    """A spectrum that is linear in kx has the value at the middle of the band."""
    x, y = ESA.kx, ESA.ky[:, None]
    spectrum = (2 + 3j) * x + 100 * y
    middle = (2 * np.pi / 15 + 2 * np.pi / 20) / 2
    assert_allclose(compute_macs(spectrum, ESA), (2 + 3j) * middle, rtol=2e-3)


def test_what_is_out_of_the_band_does_not_count():
    spectrum = np.full((185, 128), 1 + 1j)
    out = np.abs(ESA.ky[:, None]) > 2 * np.pi / 600 + ESA.dky[:, None]
    out = out | (ESA.kx > 2 * np.pi / 15 + ESA.dkx) | (ESA.kx < 2 * np.pi / 20 - ESA.dkx)  # fmt: skip
    assert_allclose(compute_macs(np.where(out, 1e9, spectrum), ESA), 1 + 1j)
    assert_allclose(compute_macs(np.where(out, np.nan, spectrum), ESA), 1 + 1j)


def test_a_gap_in_the_band_is_lost_and_leaves_its_neighbours():
    spectra = np.ones((2, 185, 128), complex)
    spectra[0, 92, np.argmin(np.abs(ESA.kx - 0.35))] = np.nan
    found = compute_macs(spectra, ESA)
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(1)


def test_a_grid_that_does_not_reach_the_band_has_none():
    coarse = regular_grid(50.0, 50.0, samples=100, lines=100)
    spectrum = np.ones((99, 50), complex)
    assert np.isnan(compute_macs(spectrum, coarse))
    assert compute_macs(
        spectrum, coarse, shortest=150.0, longest=300.0
    ) == pytest.approx(1)


def by_hand(imaginary, grid):
    """Means over index boxes, each end of a band written out."""

    def nearest(k, length):
        return min(range(len(k)), key=lambda i: abs(2 * math.pi / k[i] - length) if k[i] else math.inf)  # fmt: skip

    rows = range(nearest(-grid.ky, 600), nearest(grid.ky, 600) + 1)
    means = []
    for short, long in IMACS_BANDS:
        low, high = nearest(grid.kx, long), nearest(grid.kx, short)
        columns = range(low, high + 1 if short == 15 else high)
        means.append(np.mean([imaginary[i, j] for i in rows for j in columns]))
    return means


def test_the_bands_of_the_networks_are_boxes_of_cells():
    spectra = np.random.default_rng(0).normal(size=(2, 185, 128)) * (1 + 2j)
    found = compute_imacs(spectra, ESA)
    assert found.shape == (2, 8)
    assert_allclose(found, [by_hand(s.imag, ESA) for s in spectra])


def test_each_spectrum_may_have_its_own_grid():
    grids = [esa_grid(4.68, 4.15), esa_grid(3.2, 4.9)]
    both = WavenumberGrid(*(np.stack(axis) for axis in zip(*grids, strict=True)))
    spectra = np.random.default_rng(3).normal(size=(2, 185, 128)) * (1 + 1j)
    for compute in (compute_imacs, compute_macs):
        expected = [compute(s, g) for s, g in zip(spectra, grids, strict=True)]
        assert_allclose(compute(spectra, both), expected)


@each_real_file
def test_real_bands_are_the_boxes_too(path):
    values, grid, _ = read(path)
    assert_allclose(compute_imacs(values[1], grid), by_hand(values[1].imag, grid))


@each_real_file
def test_imacs_has_the_sign_of_the_wind_along_range(path):
    values, grid, fields = read(path)
    to = fields["oswWindDirection"] + 180
    away = math.sin(math.radians(to - fields["oswHeading"]))
    assert np.sign(compute_macs(values[1], grid).imag) == np.sign(away)
    assert np.sign(compute_imacs(values[1], grid)[0]) == np.sign(away)
