"""Spectra of Level-2 OCN products: made ones in ESA's layout, older and damaged ones, and real ones."""

import warnings
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose

import xoceansar as xos
from tests.io.made_ocn_spectra import (
    AREA,
    OLD,
    STEPS,
    cross_spectra,
    polar,
    swell,
    write_with_spectra,
)
from tests.io.test_ocn import write
from xoceansar.errors import OceansarWarning
from xoceansar.spectra.wave_spectra import resolved_wavelength
from xoceansar.spectra.wavenumber_grids import WavenumberGrid, esa_grid, plane_weights

REAL = Path(__file__).parents[2] / "../shared/data/ocn_wv"
#: What netCDF has for a value that was never written.
UNSET = netCDF4.default_fillvals["f4"]
CROSS = ["cross_spectrum_real", "cross_spectrum_imag"]
POLAR = ["wave_spectrum", "quality_cross_spectrum_real", "quality_cross_spectrum_imag", "resolved_wavelength"]  # fmt: skip


def quietly(*args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OceansarWarning)
        return xos.open_ocn(*args, **kwargs)


def grid_of(row):
    names = ["range_wavenumber", "azimuth_wavenumber"]
    widths = [f"{name}_width" for name in names]
    return WavenumberGrid(*(row[name].values for name in (*names, *widths)))


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Two vignettes."""
    folder = tmp_path_factory.mktemp("ocn")
    write_with_spectra(folder, 1)
    write_with_spectra(folder, 3, start=46)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return xos.open_ocn(folder, spectra=True), folder


def test_spectra_are_read_only_where_asked(both):
    ds, folder = both
    without = xos.open_ocn(folder)
    assert not {*CROSS, *POLAR, "lag", "wavenumber"} & set(without.variables)
    for name in without.variables:
        xr.testing.assert_identical(ds[name].variable, without[name].variable)


def test_the_wave_spectrum_is_that_of_the_file(both):
    row = both[0].isel(vignette=1)
    k, phi = polar()
    assert row.wave_spectrum.dims == ("wave_to_direction", "wavenumber")
    assert_allclose(row.wavenumber, k, rtol=1e-6)
    assert_allclose(row.wave_to_direction, phi)
    first, inside = swell(k, phi)
    second, beside = swell(k, phi, 251.0, 253.0, 0.5)
    assert_allclose(row.wave_spectrum, first + second + 0.01, rtol=1e-6)
    assert_allclose(row.quality_cross_spectrum_real, first, rtol=1e-6)
    assert_allclose(row.quality_cross_spectrum_imag, -second, rtol=1e-6)
    parts = row.wave_spectrum_partition
    assert parts.dtype == np.int8
    np.testing.assert_array_equal(parts == 0, inside)
    np.testing.assert_array_equal(parts == 1, beside & ~inside)
    assert (parts == -1).sum() == (~inside & ~beside).sum()
    expected = resolved_wavelength(phi, 202.9, 208.0, 30.0)
    assert_allclose(row.resolved_wavelength, expected, rtol=1e-6)


def test_the_cross_spectra_lie_on_the_grid_in_radians_per_metre(both):
    ds, _ = both
    assert ds.cross_spectrum_real.dims == ("vignette", "lag", "azimuth_bin", "range_bin")  # fmt: skip
    assert dict(ds[CROSS].sizes) == {"vignette": 2, "lag": 3, "azimuth_bin": 185, "range_bin": 128}  # fmt: skip
    real, imag = (np.moveaxis(part, -1, 0) for part in cross_spectra())
    row = ds.isel(vignette=0)
    assert_allclose(row.cross_spectrum_real, real, rtol=1e-6, atol=1e-30)
    assert_allclose(row.cross_spectrum_imag, imag, rtol=1e-6, atol=1e-30)
    pixels = [2 * np.pi / 1024 * side / step for side, step in zip(AREA, STEPS, strict=True)]  # fmt: skip
    for found, expected in zip(grid_of(row), esa_grid(*pixels), strict=True):
        assert_allclose(found, expected, rtol=1e-6, atol=1e-12)
    # the sum over the whole plane is the variance that the file was made with
    variance = (row.cross_spectrum_real * plane_weights(grid_of(row))).sum(("azimuth_bin", "range_bin"))  # fmt: skip
    assert_allclose(variance, [0.1, 0.09, 0.08], rtol=1e-3)


def test_variables_of_spectra_carry_attributes_and_survive_an_archive(both, tmp_path):
    ds, _ = both
    for name, variable in ds.variables.items():
        assert variable.attrs.get("long_name"), name
    assert ds.cross_spectrum_real.attrs["units"] == "m2 rad-2"
    assert "oswCartSpecRe" in ds.cross_spectrum_real.attrs["comment"]
    assert "range_wavenumber" in ds.coords
    assert "azimuth_wavenumber_width" in ds.coords
    back = xr.open_zarr(xos.to_zarr(ds, tmp_path / "ocn.zarr")).load()
    for name in (*CROSS, *POLAR, "range_wavenumber", "azimuth_wavenumber_width"):
        assert_allclose(back[name], ds[name], err_msg=name)
    parts = back.wave_spectrum_partition.fillna(-1)
    np.testing.assert_array_equal(parts, ds.wave_spectrum_partition)


def test_a_layout_without_spectra_is_missing_rows_and_said_in_one_warning(tmp_path):
    write_with_spectra(tmp_path, 1)
    write(tmp_path, 3, start=50)
    kx = "oswKx"
    write_with_spectra(tmp_path, 5, start=56, drop=[kx, "oswKy", "oswJx", "oswJy"])
    with pytest.warns(OceansarWarning, match=r"1 of 3 vignettes have no usable wave spectrum: there is no oswK \(.*-003\)") as notes:  # fmt: skip
        ds = xos.open_ocn(tmp_path, spectra=True)
    assert len(notes) == 1
    assert "2 of 3 vignettes have no usable Cartesian cross-spectrum: there is no oswKx" in str(notes[0].message)  # fmt: skip
    missing = np.isnan(ds[POLAR + CROSS]).all(("wave_to_direction", "wavenumber", "lag", "azimuth_bin", "range_bin"))  # fmt: skip
    for name in POLAR:
        assert missing[name].values.tolist() == [False, True, False], name
    for name in CROSS:
        assert missing[name].values.tolist() == [False, True, True], name
    assert (ds.wave_spectrum_partition[1] == -1).all()
    assert np.isnan(ds.range_wavenumber).all("range_bin").values.tolist() == [False, True, True]  # fmt: skip
    assert np.isfinite(ds.swh).all()
    assert (ds["quality"] == 0).all()


def test_rows_of_another_grid_are_not_lost_silently(tmp_path):
    """The grid of most is kept; the others are whole where they are opened by themselves."""
    old = write_with_spectra(tmp_path, 1, grid=OLD, cartesian=(64, 91))
    write_with_spectra(tmp_path, 3, start=50)
    write_with_spectra(tmp_path, 5, start=56)
    with pytest.warns(OceansarWarning, match=r"another grid \(36 x 30\) than most \(72 x 60\); open such files by themselves \(.*-001\)") as notes:  # fmt: skip
        ds = xos.open_ocn(tmp_path, spectra=True)
    assert len(notes) == 1
    assert "another grid (91 x 64) than most (185 x 128)" in str(notes[0].message)
    for name in (*POLAR, *CROSS):
        some = np.isfinite(ds[name].values.reshape(3, -1)).all(axis=1)
        assert some.tolist() == [False, True, True], name
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alone = xos.open_ocn(old, spectra=True)
    k, phi = polar(*OLD)
    assert_allclose(alone.wave_spectrum[0], swell(k, phi)[0] + swell(k, phi, 251.0, 253.0, 0.5)[0] + 0.01, rtol=1e-6)  # fmt: skip
    assert alone.sizes["azimuth_bin"] == 91
    # of one each, the grid of today is kept
    pair = [old, *tmp_path.glob("*-003.nc")]
    with pytest.warns(OceansarWarning, match="another grid"):
        assert xos.open_ocn(pair, spectra=True).sizes["wavenumber"] == 60


def test_where_no_file_has_spectra_the_dims_are_those_of_esa(tmp_path):
    with pytest.warns(OceansarWarning, match="1 of 1 vignettes"):
        ds = xos.open_ocn(write(tmp_path), spectra=True)
    sizes = {"wave_to_direction": 72, "wavenumber": 60, "azimuth_bin": 185, "range_bin": 128}  # fmt: skip
    assert sizes.items() <= dict(ds.sizes).items()
    for name in (*POLAR, *CROSS):
        assert np.isnan(ds[name]).all(), name


def hole(name, value):
    """Values of a spectrum, one of which is another."""
    k, phi = polar()
    values = swell(k, phi)[0] if name == "oswPolSpec" else cross_spectra()[0]
    values.flat[77] = value
    return {name: values}


@pytest.mark.parametrize(
    ("change", "reason", "part"),
    [
        ({"oswK": np.append(polar()[0][:-1], UNSET)}, "oswK has missing", "wave_spectrum"),
        ({"oswK": np.append(polar()[0][:-1], 1000.0)}, "even ratios", "wave_spectrum"),
        ({"oswK": -999.0}, "oswK has missing", "wave_spectrum"),
        ({"oswPhi": np.arange(72.0)}, "circle of directions", "wave_spectrum"),
        (hole("oswPolSpec", np.nan), "oswPolSpec has missing", "wave_spectrum"),
        (hole("oswPolSpec", -2.0), "oswPolSpec has impossible", "wave_spectrum"),
        (hole("oswCartSpecRe", -999.0), "oswCartSpecRe has missing", "cross_spectrum_real"),
        (hole("oswCartSpecRe", 1e9), "oswCartSpecRe has impossible", "cross_spectrum_real"),
        ({"oswCartSpecIm": UNSET}, "oswCartSpecIm has missing", "cross_spectrum_real"),
        ({"oswGroundRngSize": -999.0}, "side of the vignette in metres, is -999", "cross_spectrum_real"),
        ({"oswJy": 1.0}, "no grid about 0 with its widths", "cross_spectrum_real"),
        ({"oswKx": np.arange(1.0, 129)}, "no grid from 0 up", "cross_spectrum_real"),
    ],
)  # fmt: skip
def test_a_spectrum_with_a_hole_or_without_a_grid_is_missing_alone(
    tmp_path, change, reason, part
):
    write_with_spectra(tmp_path, 1)
    write_with_spectra(tmp_path, 3, start=46, **change)
    with pytest.warns(OceansarWarning, match=rf"1 of 2 .*{reason}.*-003") as notes:
        ds = xos.open_ocn(tmp_path, spectra=True)
    assert len(notes) == 1
    for name in ("wave_spectrum", "cross_spectrum_real"):
        whole = np.isfinite(ds[name].values.reshape(2, -1)).all(axis=1)
        assert whole.tolist() == [True, name != part], name
        if name == part:
            assert np.isnan(ds[name][1]).all()
    assert_allclose(ds.swh, [2.01, 2.01])


def test_a_spectrum_of_text_or_another_shape_costs_only_itself(tmp_path):
    write_with_spectra(tmp_path, 1)
    names = ["oswPolSpec", "oswCartSpecRe"]
    path = write_with_spectra(tmp_path, 3, start=46, drop=names)
    with netCDF4.Dataset(path, "a") as file:
        file.createVariable(names[0], str, ("oswAzSize",))[0] = "x"
        file.createVariable(names[1], "f4", ("oswKxBinSize", "oswLag"))[:] = 1.0
    with pytest.warns(OceansarWarning, match="oswPolSpec does not hold numbers.*oswCartSpecRe is of 128 x 3 values where 3 x 185 x 128 are needed"):  # fmt: skip
        ds = xos.open_ocn(tmp_path, spectra=True)
    assert np.isfinite(ds.wave_spectrum).all(("wave_to_direction", "wavenumber")).values.tolist() == [True, False]  # fmt: skip
    assert_allclose(ds.swh, [2.01, 2.01])


def test_dims_in_another_order_are_put_in_ours(tmp_path):
    path = write_with_spectra(tmp_path, 1, drop=["oswPolSpec"])
    k, phi = polar()
    with netCDF4.Dataset(path, "a") as file:
        made = file.createVariable("oswPolSpec", "f4", ("oswWavenumberBinSize", "oswAzSize", "oswAngularBinSize"))  # fmt: skip
        made[:] = swell(k, phi)[0].T[:, None]
    assert_allclose(xos.open_ocn(path, spectra=True).wave_spectrum[0], swell(k, phi)[0], rtol=1e-6)  # fmt: skip


def test_an_unreadable_file_is_a_missing_row_beside_spectra(both, tmp_path):
    ds, folder = both
    for path in folder.glob("*.nc"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    bad = sorted(tmp_path.glob("*.nc"))[0]
    bad.write_bytes(bad.read_bytes()[:3000])
    with pytest.warns(OceansarWarning, match="Its row is missing") as notes:
        found = xos.open_ocn(tmp_path, spectra=True)
    assert len(notes) == 1
    assert np.isnan(found.cross_spectrum_real[0]).all()
    xr.testing.assert_equal(found.isel(vignette=1), ds.isel(vignette=1))


@pytest.fixture(scope="module")
def real():
    return quietly(REAL, spectra=True)


needs_real = pytest.mark.skipif(not REAL.exists(), reason="needs ../shared/data")


@needs_real
def test_cross_spectra_of_real_files_are_on_the_exact_grid(real):
    """The law of the grid gives wavenumbers and widths within 1e-6, from tiles of 1024 pixels."""
    for i in range(real.sizes["vignette"]):
        grid = grid_of(real.isel(vignette=i))
        pixels = [2 * np.pi / 1024 / step for step in (grid.dkx[0], grid.dky[92])]
        for found, expected in zip(grid, esa_grid(*pixels), strict=True):
            assert_allclose(found, expected, rtol=1e-6, atol=1e-12)


@needs_real
def test_the_variance_of_real_cross_spectra_is_that_of_the_image(real):
    """(Nv - 1) / 2 is the variance of the modulation; speckle has been removed at all lags."""
    for i in range(real.sizes["vignette"]):
        row = real.isel(vignette=i)
        weights = plane_weights(grid_of(row))
        variance = (row.cross_spectrum_real * weights).sum(("azimuth_bin", "range_bin"))
        assert_allclose(variance[1], (row.normalised_variance - 1) / 2, rtol=0.15)
        assert (np.diff(variance) < 0).all(), "less is common the longer the looks are apart"  # fmt: skip


@needs_real
def test_the_imaginary_part_is_positive_towards_where_the_waves_travel(real):
    """At the peak of the main partition of each file, by its direction in the file."""
    for i in range(real.sizes["vignette"]):
        row = real.isel(vignette=i)
        grid = grid_of(row)
        main = int(np.nanargmax(row.partition_swh))
        towards = float(row.partition_to_direction[main])
        k = 2 * np.pi / float(row.partition_wavelength[main])
        # from the look direction towards the flight, of a radar that looks to the right
        angle = np.radians(float(row.ground_heading) + 90 - towards)
        kx, ky = k * np.cos(angle), k * np.sin(angle)
        sign = np.sign(kx)  # in the other half the imaginary part is the opposite
        near = np.hypot(grid.kx - abs(kx), (grid.ky - sign * ky)[:, None]) < 0.2 * k
        imag = row.cross_spectrum_imag.values[1]
        assert sign * imag[near].sum() > 0.5 * np.abs(imag[near]).sum()
        # and the strongest waves of the image lie along that direction
        real_part = row.cross_spectrum_real.values[2]
        k2 = np.hypot(grid.kx, grid.ky[:, None])
        band = (k2 > 0.7 * k) & (k2 < 1.4 * k)
        y, x = np.unravel_index(np.argmax(np.where(band, real_part, 0)), band.shape)
        along = np.degrees(np.arctan2(grid.ky[y], grid.kx[x]))
        off = (float(row.ground_heading) + 90 - along - towards + 90) % 180 - 90
        assert abs(off) < 5


@needs_real
def test_what_real_files_resolve_follows_from_their_cut_offs(real):
    for i in range(real.sizes["vignette"]):
        row = real.isel(vignette=i)
        cutoffs = row.azimuth_cutoff.item(), row.range_cutoff.item()
        expected = resolved_wavelength(row.wave_to_direction.values, row.ground_heading.item(), *cutoffs)  # fmt: skip
        assert_allclose(row.resolved_wavelength, expected, atol=1e-4)


@needs_real
def test_the_radial_velocity_of_real_files_is_of_the_line_of_sight(real):
    """-(wavelength / 2)(observed - geometric), mispointing not applied."""
    wavelength = 299792458.0 / 5405000704.0
    anomaly = real.doppler_centroid - real.doppler_centroid_geometric
    assert_allclose(real.radial_velocity, -wavelength / 2 * anomaly, atol=1e-6)
    assert_allclose(real.radial_velocity, [0.490930, -0.660000, 0.223806], atol=1e-6)
    assert (real.radial_velocity_valid_fraction == 1).all()
    assert_allclose(real.doppler_mispointing, [-57.4246, 16.2811, 10.8302], atol=1e-3)
