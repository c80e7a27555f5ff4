"""Spectra as a Dataset: labelled, lazy, and missing where there is nothing to measure."""

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from tests.spectra.moving_sea import BANDWIDTH, FM_RATE, PRF, WINDOW, moving_sea
from xoceansar import ops
from xoceansar.errors import DimensionError, MissingVariableError, OceansarWarning

SHAPE = 1500, 1300


@pytest.fixture(scope="module")
def sea():
    """Two vignettes of a wave of 200 m, and one without an image."""
    images = np.full((3, *SHAPE), np.nan + 1j * np.nan, np.complex64)
    images[0] = moving_sea(shape=SHAPE, towards=60, amplitude=0.5)
    images[1, :1400, :1250] = moving_sea(shape=(1400, 1250), towards=-20, amplitude=0.5)
    return made_dataset(images)


def made_dataset(images):
    count = len(images)
    scalars = {
        "azimuth_spacing": 4.12,
        "range_spacing": 4.6,
        "azimuth_frequency": PRF,
        "azimuth_bandwidth": BANDWIDTH,
        "azimuth_window": WINDOW,
        "doppler_centroid": 30.0,
        "doppler_centroid_geometric": 5.0,
        "azimuth_fm_rate": FM_RATE,
        "radar_wavelength": 0.0554658,
        "ground_heading": 190.0,
    }
    coords = {
        name: ("vignette", np.full(count, value)) for name, value in scalars.items()
    }
    incidence = np.tile(np.linspace(36.0, 37.0, 384, dtype=np.float32), (count, 1))
    return xr.Dataset(
        {
            "slc": (
                ("vignette", "slc_line", "slc_sample"),
                da.from_array(images, chunks=(1, -1, -1)),
            )
        },
        coords={
            **coords,
            "incidence": (("vignette", "sample"), incidence),
            "vignette_id": ("vignette", [f"v{k}" for k in range(count)]),
            "pixel_spacing": 50.0,
        },
    )


@pytest.fixture(scope="module")
def spectra(sea):
    return ops.spectra(sea).compute()


def test_the_layout(spectra):
    assert dict(spectra.sizes) == {
        "vignette": 3,
        "lag": 3,
        "azimuth_wavenumber": 319,
        "range_wavenumber": 160,
        "sample": 384,
    }
    assert spectra.cross_spectrum_real.attrs["units"] == "m2 rad-2"
    np.testing.assert_allclose(
        spectra.range_wavenumber, np.arange(160) * 2 * np.pi / 4000, atol=1e-12
    )
    np.testing.assert_allclose(
        spectra.look_separation_time, BANDWIDTH / 3 / abs(FM_RATE)
    )
    assert spectra.vignette_id.values.tolist() == ["v0", "v1", "v2"]


def test_the_wave_is_where_it_is(spectra):
    total = np.hypot(spectra.cross_spectrum_real, spectra.cross_spectrum_imag).sel(
        lag=1
    )
    for row, towards in ((0, 60.0), (1, -20.0)):
        peak = total[row].where(total[row] == total[row].max(), drop=True)
        k = np.hypot(peak.azimuth_wavenumber.item(), peak.range_wavenumber.item())
        assert 2 * np.pi / k == pytest.approx(200, rel=0.06)
        angle = np.arctan2(peak.azimuth_wavenumber.item(), peak.range_wavenumber.item())
        assert np.degrees(angle) == pytest.approx(towards, abs=6)
        imaginary = spectra.cross_spectrum_imag.sel(lag=1)[row]
        assert imaginary.where(total[row] == total[row].max()).sum() > 0


def test_without_an_image_the_row_is_missing_and_its_neighbours_are_not(spectra):
    assert np.isnan(spectra.cross_spectrum_real[2]).all()
    assert spectra.periodograms.values.tolist()[2] == 0
    assert np.isnan(spectra.look_variance[2])
    assert np.isfinite(spectra.cross_spectrum_real[:2].sel(lag=1)).all()


def test_padding_changes_nothing(sea, spectra):
    alone = made_dataset(sea.slc.values[1:2, :1400, :1250])
    xr.testing.assert_allclose(
        ops.spectra(alone).cross_spectrum_real[0].drop_vars("vignette_id").compute(),
        spectra.cross_spectrum_real[1].drop_vars("vignette_id"),
        rtol=1e-5,
    )


def test_lazy_until_computed(sea, no_compute):
    for grid in ("regular", "esa"):
        lazy = ops.spectra(sea, grid=grid)
        assert lazy.cross_spectrum_real.chunks[0] == (1, 1, 1)
        assert lazy.periodograms.dtype == np.int16


def test_the_grid_of_esa_has_the_same_variance(sea, spectra):
    esa = ops.spectra(sea, grid="esa").compute()
    assert esa.cross_spectrum_real.dims == (
        "vignette",
        "lag",
        "azimuth_bin",
        "range_bin",
    )
    assert esa.cross_spectrum_real.shape == (3, 3, 185, 128)
    np.testing.assert_allclose(
        esa.range_wavenumber[0, 1], 2 * np.pi / 1024 / 4.6 * 32 * np.sinh(1 / 32)
    )

    def variance(ds, dims):
        k = np.hypot(ds.azimuth_wavenumber, ds.range_wavenumber)
        area = ds.azimuth_wavenumber_width * ds.range_wavenumber_width
        area = area * xr.where(ds.range_wavenumber == 0, 1, 2)
        waves = (ds.cross_spectrum_real * area).where(k < 2 * np.pi / 60)
        return waves.sum(dims).sel(lag=1)[:2].values

    np.testing.assert_allclose(
        variance(esa, ("azimuth_bin", "range_bin")),
        variance(spectra, ("azimuth_wavenumber", "range_wavenumber")),
        rtol=0.03,
    )


def test_land_is_masked_and_its_share_is_said(sea):
    pytest.importorskip("roaring_landmask")
    # The radar looks west over the coast of Portugal, that runs from north to south here.
    coast = sea.isel(vignette=[0]).assign_coords(
        longitude=("vignette", [-8.905]), latitude=("vignette", [40.0])
    )
    offshore = coast.assign_coords(longitude=("vignette", [-12.0]))
    inland = coast.assign_coords(longitude=("vignette", [-8.0]))
    masked = ops.spectra(coast).masked_fraction.values[0]
    assert 0.3 < masked < 0.7
    assert ops.spectra(offshore).masked_fraction.values[0] == 0
    assert np.isnan(ops.spectra(inland).cross_spectrum_real).all()
    flat = coast.assign_coords(ground_heading=("vignette", [10.0]))
    assert ops.spectra(flat).masked_fraction.values[0] == pytest.approx(masked, abs=0.1)


def test_the_focusing_that_is_missing_leaves_its_row_missing(sea, spectra):
    values = np.array([FM_RATE, np.nan, FM_RATE])
    frequency = np.array([PRF, np.nan, PRF])
    lame = sea.assign_coords(
        azimuth_fm_rate=("vignette", values), azimuth_frequency=("vignette", frequency)
    )
    out = ops.spectra(lame).compute()
    assert np.isnan(out.cross_spectrum_real[1]).all()
    np.testing.assert_array_equal(
        out.cross_spectrum_real[0], spectra.cross_spectrum_real[0]
    )


def test_an_image_too_small_for_looks_is_missing_and_said(sea):
    small = sea.isel(slc_line=slice(0, 60))
    with pytest.warns(OceansarWarning, match="400 m or more"):
        out = ops.spectra(small).compute()
    assert np.isnan(out.cross_spectrum_real).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ds: ds.drop_vars("slc"), "complex=True"),
        (lambda ds: ds.drop_vars("azimuth_bandwidth"), "azimuth_bandwidth"),
        (lambda ds: ds.assign(slc=abs(ds.slc)), "must be complex"),
        (lambda ds: ds.rename(slc_line="line"), "slc_line"),
    ],
)
def test_what_is_no_complex_image_is_refused(sea, change, message):
    with pytest.raises(MissingVariableError, match=message):
        ops.spectra(change(sea))


def test_another_grid_is_refused(sea):
    with pytest.raises(DimensionError, match="'polar' is not one of"):
        ops.spectra(sea, grid="polar")


def test_radial_velocity_is_positive_away_from_the_radar(sea, no_compute):
    out = ops.radial_velocity(sea)
    np.testing.assert_allclose(out.doppler_anomaly, 25.0)
    np.testing.assert_allclose(out.radial_velocity, -0.0554658 / 2 * 25, rtol=1e-12)
    assert out.vignette_id.dims == ("vignette",)
    with pytest.raises(MissingVariableError, match="complex=True"):
        ops.radial_velocity(sea.drop_vars("doppler_centroid_geometric"))
