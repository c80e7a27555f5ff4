"""Azimuth cut-off and resolution: blurs of known width, and ESA's own spectra."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tests.spectra.real_spectra import each_real_file, read
from xoceansar.errors import DomainError
from xoceansar.spectra.azimuth_cutoffs import fit_azimuth_cutoff, spectral_resolution
from xoceansar.spectra.wavenumber_grids import WavenumberGrid, esa_grid, regular_grid

ESA = esa_grid(4.68, 4.15)
REGULAR = regular_grid(50.0, 50.0, samples=100, lines=90)


def blurred(grid, cutoff, level=1.0):
    """Spectrum whose correlation is a Gaussian of this cut-off along azimuth."""
    return level * np.exp(-((grid.ky[:, None] * cutoff / (2 * np.pi)) ** 2) - 40 * grid.kx)  # fmt: skip


@settings(deadline=None, max_examples=25)
@given(st.floats(80, 590), st.floats(1e-3, 1e6), st.sampled_from([ESA, REGULAR]))
@pytest.mark.parametrize("definition", ["range_lag_0", "range_mean"])
def test_a_gaussian_blur_has_its_cutoff(definition, cutoff, level, grid):
    cutoff = max(cutoff, 250) if grid is REGULAR else cutoff
    spectrum = blurred(grid, cutoff, level) * (1 + 0.3j)
    found = fit_azimuth_cutoff(spectrum, grid, definition=definition)
    assert found.cutoff == pytest.approx(cutoff, rel=0.01)
    assert found.amplitude == pytest.approx(1, rel=0.01)
    assert found.standard_error < 0.01 * cutoff
    assert found.reliable


def test_the_cutoff_is_that_of_displacements():
    """Displacements of standard deviation d blur the spectrum by exp(-(ky d)^2)."""
    spectrum = np.exp(-((ESA.ky[:, None] * 40.0) ** 2)) * np.ones(128)
    found = fit_azimuth_cutoff(spectrum, ESA)
    assert found.cutoff == pytest.approx(2 * math.pi * 40, rel=1e-3)


def test_the_definitions_differ_where_the_blur_depends_on_range():
    """Along azimuth the waves kx = 0 are longer here than the others."""
    spectrum = blurred(ESA, 200.0)
    spectrum[:, 0] = blurred(ESA, 400.0)[:, 0] * 1e-3
    assert fit_azimuth_cutoff(spectrum, ESA).cutoff == pytest.approx(200, rel=0.01)
    mean = fit_azimuth_cutoff(spectrum, ESA, definition="range_mean")
    assert mean.cutoff == pytest.approx(400, rel=0.01)


@pytest.mark.parametrize("grid", [ESA, REGULAR], ids=["esa", "regular"])
def test_white_noise_is_in_the_amplitude_and_not_in_the_cutoff(grid):
    """As speckle that is left in an intensity image: half of the variance and more."""
    spectrum = blurred(grid, 320.0)
    noise = spectrum.sum(axis=0).mean() / spectrum.shape[0]
    found = fit_azimuth_cutoff(spectrum + noise, grid)
    assert found.amplitude < 0.6
    assert found.cutoff == pytest.approx(320, rel=0.05)


def test_one_bad_spectrum_leaves_its_neighbours():
    spectra = np.stack([blurred(ESA, c) for c in (150.0, 200.0, 250.0, 300.0)])
    spectra[1, 3, 4] = np.nan
    spectra[2] = 0
    found = fit_azimuth_cutoff(spectra.reshape(2, 2, 185, 128), ESA)
    assert_allclose(found.cutoff, [[150, np.nan], [np.nan, 300]], rtol=0.01)
    assert_allclose(found.reliable, [[True, False], [False, True]])
    assert found.standard_error.shape == found.amplitude.shape == (2, 2)


def test_each_spectrum_may_have_its_own_grid():
    grids = [esa_grid(4.68, 4.15), esa_grid(3.8, 4.1)]
    both = WavenumberGrid(*(np.stack(axis) for axis in zip(*grids, strict=True)))
    spectra = np.stack([blurred(g, c) for g, c in zip(grids, (180, 320), strict=True)])
    assert_allclose(fit_azimuth_cutoff(spectra, both).cutoff, [180, 320], rtol=0.01)


@pytest.mark.parametrize("cutoff", [50.0, 700.0])
def test_a_cutoff_out_of_bounds_is_not_reliable(cutoff):
    found = fit_azimuth_cutoff(blurred(ESA, cutoff), ESA)
    assert found.cutoff == pytest.approx(cutoff, rel=0.02)
    assert not found.reliable


def test_a_poor_fit_is_not_reliable():
    """A narrow peak along azimuth makes a correlation that oscillates."""
    spectrum = np.zeros((185, 128))
    spectrum[[60, 124]] = 1.0
    assert not fit_azimuth_cutoff(spectrum, ESA).reliable


def test_an_unknown_definition_is_refused():
    with pytest.raises(DomainError, match="'range_lag_0' or 'range_mean'"):
        fit_azimuth_cutoff(blurred(ESA, 200.0), ESA, definition="ipf")


def test_no_spectra_have_no_cutoff():
    assert fit_azimuth_cutoff(np.ones((0, 185, 128)), ESA).cutoff.shape == (0,)


@each_real_file
def test_the_cutoff_of_esas_spectra_is_near_esas(path):
    values, grid, fields = read(path)
    found = fit_azimuth_cutoff(values, grid)
    assert_allclose(found.cutoff, fields["oswAzCutoff"], rtol=0.15)
    assert found.reliable.all()


@each_real_file
def test_the_mean_over_range_lags_is_below_esas(path):
    """Why it is not the default."""
    values, grid, fields = read(path)
    found = fit_azimuth_cutoff(values, grid, definition="range_mean")
    assert (found.cutoff < 0.85 * fields["oswAzCutoff"]).all()


@each_real_file
def test_the_resolution_is_esas(path):
    fields = read(path).fields
    found = spectral_resolution(
        fields["oswAzCutoff"],
        fields["oswPhi"],
        fields["oswHeading"],
        range_cutoff=fields["oswRaCutoff"],
    )
    assert_allclose(found, fields["oswSpecRes"], atol=1e-4)


def test_the_resolution_of_a_heading():
    found = spectral_resolution([200.0, np.nan], [[10.0], [100.0]], 10.0)
    assert_allclose(found, [[200, np.nan], [30, np.nan]])
    assert spectral_resolution(200.0, 70.0, 10.0) == pytest.approx(100)
    assert spectral_resolution(200.0, 91.0, 10.0, range_cutoff=15.0) > 30
