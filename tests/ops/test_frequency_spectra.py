"""Wave spectra as wavespectra has them: heights of ESA's partitions, directions from, lazily."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose

import xoceansar as xos
from tests.io.made_ocn_spectra import polar, swell, write_with_spectra
from xoceansar.errors import DimensionError, MissingVariableError, OceansarWarning

REAL = Path(__file__).parents[2] / "../shared/data/ocn_wv"
needs_real = pytest.mark.skipif(not REAL.exists(), reason="needs ../shared/data")


def height(efth):
    """The sum of wavespectra, written out: ``SpecArray.hs`` of its version 4."""
    df = xr.DataArray(np.gradient(efth.freq), dims="freq")
    dd = abs(float(efth.dir[1] - efth.dir[0]))
    return 4 * np.sqrt((efth.sum("dir", skipna=False) * dd * df).sum("freq", skipna=False))  # fmt: skip


@pytest.fixture(scope="module")
def ocn(tmp_path_factory):
    """A made vignette over 1939 m of water, and one over 20 m, of swells of 1.8 and 0.5 m."""
    folder = tmp_path_factory.mktemp("ocn")
    write_with_spectra(folder, 1)
    write_with_spectra(folder, 3, start=46)
    ds = xos.open_ocn(folder, spectra=True)
    return ds.assign(water_depth=("vignette", [1939.0, 20.0]))


@pytest.fixture(scope="module")
def real():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OceansarWarning)
        return xos.open_ocn(REAL, spectra=True)


def test_names_dims_and_attributes_are_those_of_wavespectra(ocn):
    efth = xos.to_efth(ocn)
    assert efth.name == "efth"
    assert efth.dims == ("vignette", "freq", "dir")
    assert efth.dtype == np.float32
    assert efth.attrs["units"] == "m2 s degree-1"
    assert efth.dir.attrs["standard_name"] == "sea_surface_wave_from_direction"
    assert_allclose(efth.dir, np.arange(0, 360, 5))
    assert (np.diff(efth.freq) > 0).all()
    np.testing.assert_array_equal(efth.vignette_id, ocn.vignette_id)
    parts = xos.to_efth(ocn, partitions=True)
    assert parts.dims == ("vignette", "part", "freq", "dir")
    assert parts.part.values.tolist() == [0, 1, 2, 3, 4]


def test_directions_are_from_where_the_waves_come(ocn):
    """The swell travels to 127 degrees with 206 m: it comes from 307, at 0.087 Hz on deep water."""
    efth = xos.to_efth(ocn).isel(vignette=0)
    peak = efth.where(efth == efth.max(), drop=True)
    assert abs(float(peak.dir[0]) - 307) <= 2.5
    assert float(peak.freq[0]) == pytest.approx(np.sqrt(9.81 / (2 * np.pi * 206)), rel=0.04)  # fmt: skip


def test_heights_of_partitions_are_those_of_the_file(ocn):
    heights = height(xos.to_efth(ocn, partitions=True))
    k, phi = polar()
    first, inside = swell(k, phi)
    second, beside = swell(k, phi, 251.0, 253.0, 0.5)
    cell = (k * np.gradient(k)) * np.radians(5)
    whole = first + second + 0.01
    expected = [4 * np.sqrt(np.sum(np.where(of, whole, 0) * cell)) for of in (inside, beside & ~inside)]  # fmt: skip
    for vignette in (0, 1):  # over deep water and over shallow
        assert_allclose(heights[vignette, :2], expected, rtol=1e-6)
        assert np.isnan(heights[vignette, 2:]).all()
    total = 4 * np.sqrt(np.sum(whole * cell))
    assert_allclose(height(xos.to_efth(ocn)), total, rtol=1e-6)


def test_over_shallow_water_the_same_waves_have_lower_frequencies(ocn):
    efth = xos.to_efth(ocn, partitions=True)[:, 0]
    deep, shallow = efth.sum("dir").idxmax("freq").values
    k = (2 * np.pi * deep) ** 2 / 9.81
    assert shallow == pytest.approx(deep * np.sqrt(np.tanh(20 * k)), rel=0.03)
    unknown = xos.to_efth(ocn.drop_vars("water_depth"), partitions=True)[:, 0]
    xr.testing.assert_allclose(unknown[1], efth[0].assign_coords(unknown[1].coords))


def test_lazy_in_lazy_out(ocn):
    """One vignette or many, in chunks of any axis."""
    whole = xos.to_efth(ocn, partitions=True)
    lazy = xos.to_efth(ocn.chunk(vignette=1, wavenumber=20), partitions=True)
    assert lazy.chunks is not None
    assert lazy.chunksizes["vignette"] == (1, 1)
    xr.testing.assert_identical(lazy.compute(), whole)
    one = xos.to_efth(ocn.isel(vignette=1), partitions=True)
    xr.testing.assert_identical(one, whole.isel(vignette=1))
    xr.testing.assert_identical(ocn.pipe(xos.to_efth), xos.to_efth(ocn))


def test_an_archive_gives_the_same(ocn, tmp_path):
    back = xos.open_archive(xos.to_zarr(ocn, tmp_path / "ocn.zarr"))
    for partitions in (False, True):
        efth = xos.to_efth(back, partitions=partitions)
        assert_allclose(efth, xos.to_efth(ocn, partitions=partitions), rtol=1e-6)


def test_what_has_no_spectra_is_refused_in_words(ocn):
    with pytest.raises(MissingVariableError, match=r"open_ocn\(\.\.\., spectra=True\)"):
        xos.to_efth(ocn[["swh"]])
    with pytest.raises(MissingVariableError, match="wave_spectrum_partition"):
        xos.to_efth(ocn.drop_vars("wave_spectrum_partition"), partitions=True)
    with pytest.raises(DimensionError, match="from 0 to 175"):
        xos.to_efth(ocn.isel(wave_to_direction=slice(36)))
    with pytest.raises(DimensionError, match="wavenumber"):
        xos.to_efth(ocn.mean("wavenumber"))


def test_a_missing_row_is_missing_and_its_neighbour_is_not(ocn):
    holed = ocn.assign(wave_spectrum=ocn.wave_spectrum.where(ocn.vignette_id == ocn.vignette_id[1]))  # fmt: skip
    for partitions in (False, True):
        efth = xos.to_efth(holed, partitions=partitions)
        assert np.isnan(efth[0]).all()
        xr.testing.assert_identical(efth[1], xos.to_efth(ocn, partitions=partitions)[1])


@needs_real
def test_heights_of_real_partitions_are_esa_s(real):
    heights = height(xos.to_efth(real, partitions=True))
    assert_allclose(heights, real.partition_swh, atol=1e-4)
    assert np.isfinite(heights).sum(axis=1).values.tolist() == [3, 4, 2]
    # what lies outside of all partitions is in the whole: 0.552, 0.594 and 0.360 m
    outside = np.sqrt(height(xos.to_efth(real)) ** 2 - (heights**2).sum("part"))
    assert_allclose(outside, [0.5521, 0.5939, 0.3597], atol=1e-4)


def test_wavespectra_gives_the_heights_of_the_partitions(ocn):
    pytest.importorskip("wavespectra")
    efth = xos.to_efth(ocn, partitions=True)
    # wavespectra has 0 where a partition is missing
    assert_allclose(efth.spec.hs(), height(efth).fillna(0), rtol=1e-6)
    peak = efth.isel(vignette=0, part=0).spec
    assert abs(float(peak.dp()) - 307) <= 2.5


@needs_real
def test_wavespectra_gives_esa_s_heights_of_real_partitions(real):
    pytest.importorskip("wavespectra")
    efth = xos.to_efth(real, partitions=True)
    esa = real.partition_swh.fillna(0)
    assert_allclose(efth.spec.hs(), esa, atol=1e-4)
    assert_allclose(efth.to_dataset().spec.hs(), esa, atol=1e-4)
