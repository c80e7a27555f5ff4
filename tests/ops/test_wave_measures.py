"""Cut-off, CWAVE parameters and statistics of vignettes: right, labelled, lazy, alone in their failures."""

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from tests.ops.test_look_spectra import made_dataset
from tests.spectra.moving_sea import moving_sea
from xoceansar import ops
from xoceansar.errors import DimensionError, DomainError, MissingVariableError
from xoceansar.simulate import vignettes
from xoceansar.spectra.azimuth_cutoffs import fit_azimuth_cutoff
from xoceansar.spectra.cwave import compute_cwave
from xoceansar.spectra.wavenumber_grids import WavenumberGrid, esa_grid

PIXELS = ((4.68, 4.15), (3.8, 4.13))
CUTOFFS = (200.0, 320.0)


def blurred(grid: WavenumberGrid, cutoff: float) -> np.ndarray:
    """Spectrum whose correlation along azimuth is a Gaussian of a cut-off."""
    swell = np.exp(-(((grid.kx - 0.03) / 0.01) ** 2))
    return np.exp(-((grid.ky[:, None] * cutoff / (2 * np.pi)) ** 2)) * swell


@pytest.fixture(scope="module")
def spectra():
    """Cross-spectra on ESA's grid as `spectra` gives them; the third row is missing."""
    grids = [esa_grid(*pixels) for pixels in (*PIXELS, PIXELS[0])]
    real = np.full((3, 3, 185, 128), np.nan, np.float32)
    imag = np.full_like(real, np.nan)
    for row, cut in enumerate(CUTOFFS):
        real[row] = blurred(grids[row], cut)
        imag[row] = 0.2 * real[row] * np.arange(3)[:, None, None]
    dims = ("vignette", "lag", "azimuth_bin", "range_bin")
    chunks = (1, -1, -1, -1)
    axes = {
        "range_wavenumber": ("range_bin", [g.kx for g in grids]),
        "azimuth_wavenumber": ("azimuth_bin", [g.ky for g in grids]),
        "range_wavenumber_width": ("range_bin", [g.dkx for g in grids]),
        "azimuth_wavenumber_width": ("azimuth_bin", [g.dky for g in grids]),
    }
    return xr.Dataset(
        {
            "cross_spectrum_real": (dims, da.from_array(real, chunks=chunks)),
            "cross_spectrum_imag": (dims, da.from_array(imag, chunks=chunks)),
        },
        coords={
            "lag": [0, 1, 2],
            "vignette_id": ("vignette", ["a", "b", "c"]),
            **{
                name: (("vignette", dim), values)
                for name, (dim, values) in axes.items()
            },
        },
    )


def test_the_cutoff_of_each_vignette_is_by_its_own_grid(spectra):
    out = ops.cutoff(spectra).compute()
    np.testing.assert_allclose(out.azimuth_cutoff[:2], CUTOFFS, rtol=1e-3)
    assert out.azimuth_cutoff_quality.values.tolist() == [0, 0, -1]
    assert np.isnan(out.azimuth_cutoff[2])
    assert out.azimuth_cutoff.attrs["units"] == "m"
    assert out.vignette_id.values.tolist() == ["a", "b", "c"]


def test_cwave_is_that_of_the_kernel_at_lag_2(spectra):
    out = ops.cwave(spectra, lineage="hawaii").compute()
    assert out.cwave.dims == ("vignette", "cwave_parameter")
    assert out.cwave_parameter.values.tolist() == list(range(1, 21))
    for row, pixels in enumerate(PIXELS):
        density = (
            spectra.cross_spectrum_real[row, 2]
            + 1j * spectra.cross_spectrum_imag[row, 2]
        )
        expected = compute_cwave(density.values, esa_grid(*pixels), lineage="hawaii")
        np.testing.assert_allclose(out.cwave[row], expected, rtol=1e-5, atol=1e-5)
    assert np.isnan(out.cwave[2]).all()
    other = ops.cwave(spectra, shortest=25.0, longest=600.0)
    assert not np.allclose(other.cwave[0], out.cwave[0], rtol=0.01)


def test_lazy_until_computed(spectra, no_compute):
    for out in (ops.cutoff(spectra), ops.cwave(spectra)):
        for variable in out.data_vars.values():
            assert variable.chunks[0] == (1, 1, 1)


def test_complex_images_give_what_their_spectra_give(no_compute):
    sea = made_dataset(moving_sea(amplitude=0.5)[None])
    assert ops.cutoff(sea).azimuth_cutoff.sizes == {"vignette": 1}


def test_the_way_through_spectra_and_the_way_from_the_image_are_one():
    sea = made_dataset(moving_sea(amplitude=0.5)[None])
    by_spectra = ops.cutoff(ops.spectra(sea, grid="esa")).compute()
    xr.testing.assert_allclose(ops.cutoff(sea).compute(), by_spectra)


def test_images_of_intensity_have_a_cutoff_and_say_what_they_lose():
    ds = vignettes(4, seed=1)
    out = ops.cutoff(ds).compute()
    assert (
        "waves under twice its pixels are lost" in out.azimuth_cutoff.attrs["comment"]
    )
    assert np.isfinite(out.azimuth_cutoff).all()
    level = (10 * np.log10(ds.sigma0.clip(1e-6))).assign_attrs(units="dB")
    decibel = ops.cutoff(level)
    np.testing.assert_allclose(decibel.azimuth_cutoff, out.azimuth_cutoff, rtol=0.02)


def test_statistics_of_speckle_are_those_of_speckle():
    images = np.stack([moving_sea(amplitude=0.0), np.full((1500, 1300), np.nan + 0j)])
    out = ops.image_statistics(made_dataset(images.astype(np.complex64))).compute()
    np.testing.assert_allclose(out.normalised_variance[0], 1, atol=0.01)
    np.testing.assert_allclose(out.modulation_variance[0], 0, atol=0.005)
    np.testing.assert_allclose(out.sigma0_skewness[0], 2, atol=0.1)
    np.testing.assert_allclose(out.sigma0_kurtosis[0], 6, atol=1)
    for variable in out.data_vars.values():
        assert np.isnan(variable[1])


def test_statistics_of_intensity_know_no_modulation():
    ds = vignettes(2, seed=1)
    out = ops.image_statistics(ds).compute()
    sigma0 = ds.sigma0.astype(float)
    expected = sigma0.var(("line", "sample")) / sigma0.mean(("line", "sample")) ** 2
    np.testing.assert_allclose(out.normalised_variance, expected, rtol=1e-5)
    assert np.isnan(out.modulation_variance).all()


def test_what_has_no_wavenumbers_or_lags_is_refused(spectra):
    with pytest.raises(MissingVariableError, match="range_wavenumber"):
        ops.cutoff(spectra.drop_vars("range_wavenumber"))
    with pytest.raises(DimensionError, match="at lag 2"):
        ops.cwave(spectra.sel(lag=[0, 1]))
    with pytest.raises(MissingVariableError, match="sigma0"):
        ops.cutoff(xr.Dataset({"x": 1}))
    coarse = vignettes(1, seed=1).assign_coords(pixel_spacing=100.0)
    with pytest.raises(DomainError, match="50 m or less"):
        ops.cutoff(coarse)


def test_the_fit_of_the_kernel_is_the_oracle(spectra):
    density = spectra.cross_spectrum_real[1, 1].values
    fit = fit_azimuth_cutoff(density, esa_grid(*PIXELS[1]))
    np.testing.assert_allclose(
        ops.cutoff(spectra).azimuth_cutoff_standard_error[1],
        fit.standard_error,
        rtol=1e-4,
    )
